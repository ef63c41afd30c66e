#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What scripts/rproc-pack makes of kernels, and what it refuses. Output is TAP.

    rproc-pack.py PROGRAM
"""

import os
import struct
import subprocess
import sys
import tempfile
import traceback

PROGRAM = os.path.realpath(sys.argv[1])
EM_ARM, EM_AARCH64, EM_RISCV = 40, 183, 243
PT_LOAD, PT_NOTE = 1, 4
NOTE_DTB, NOTE_DUMP = 1, 2
BASE = 0x40000000
MIB = 1 << 20
ANY = 0xffffffff

TREE = """
/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    chosen { bootargs = "from the tree"; linux,initrd-start = <1>; linux,initrd-end = <2>; };
    memory@1000 { device_type = "memory"; reg = <0 0x1000 0 0x1000>; };
    reserved-memory {
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        taken@48000000 { reg = <0 0x48000000 0 0x100000>; };
    };
    cpus {
        #address-cells = <1>;
        #size-cells = <0>;
        cpu2: cpu@2 { device_type = "cpu"; reg = <2>; intc2: controller { #interrupt-cells = <1>; }; };
        cpu0: cpu@0 { device_type = "cpu"; reg = <0>; intc0: controller { #interrupt-cells = <1>; }; };
        cpu1: cpu@1 { device_type = "cpu"; reg = <1>; intc1: controller { #interrupt-cells = <1>; }; };
        cpu-map {
            cluster0 { core0 { cpu = <&cpu0>; }; core1 { cpu = <&cpu1>; }; };
            cluster1 { core0 { cpu = <&cpu2>; }; };
        };
    };
    plic { interrupts-extended = <&intc0 9>, <&intc1 10>, <0xffffffff>, <&intc2 11>; };
    clint { interrupts-extended = <&intc2 3>; };
};
"""


class Directory:
    """Where the files of a test are."""

    def __init__(self, path):
        self.path = path

    def file(self, name, data):
        """Makes a file; returns its path."""
        path = os.path.join(self.path, name)
        with open(path, "wb") as stream:
            stream.write(data)
        return path

    def dtb(self):
        """A device tree."""
        path = os.path.join(self.path, "tree.dtb")
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", path, "-"], input=TREE, text=True, check=True)
        return path

    def pack(self, *arguments):
        """Runs the program. Returns the status, what it said, and the contents of the output, or None."""
        output = os.path.join(self.path, "output")
        if os.path.exists(output):
            os.unlink(output)
        result = subprocess.run([PROGRAM, *[str(argument) for argument in arguments], output],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert not os.path.exists(output + ".part"), "a part is left over"
        assert "Traceback" not in result.stdout, result.stdout
        data = None
        if os.path.exists(output):
            with open(output, "rb") as stream:
                data = stream.read()
        return result.returncode, result.stdout, data

    def good(self, *arguments):
        """Packs; returns the file that was made."""
        status, said, data = self.pack(*arguments)
        assert status == 0 and data is not None and not said, f"status {status}: {said}"
        return Elf(data)

    def bad(self, wanted, *arguments, status=1):
        """It has to refuse, with a message that contains a text."""
        got, said, data = self.pack(*arguments)
        assert got == status, f"status {got}, not {status}: {said}"
        assert wanted in said, f"no {wanted!r} in: {said}"
        assert status != 1 or (said.startswith("rproc-pack: error: ") and said.count("\n") == 1), said
        assert data is None, "it has made a file nevertheless"


class Elf:
    """The file, looked through."""

    def __init__(self, data):
        assert data[:4] == b"\x7fELF" and data[5] == 1
        self.wide = data[4] == 2
        form = "<16xHHIQQQIHHH" if self.wide else "<16xHHIIIIIHHH"
        (kind, self.machine, _, self.entry, phoff, _, _, _, size, count) = struct.unpack_from(form, data)
        assert kind == 2
        self.loads, self.notes = [], {}
        for at in range(phoff, phoff + size * count, size):
            if self.wide:
                kind, _, offset, _, address, length, memory, _ = struct.unpack_from("<IIQQQQQQ", data, at)
            else:
                kind, offset, _, address, length, memory, _, _ = struct.unpack_from("<IIIIIIII", data, at)
            assert offset + length <= len(data) and length == memory
            contents = data[offset:offset + length]
            if kind == PT_LOAD:
                self.loads.append((address, contents))
            elif contents:
                self._notes(contents)

    def _notes(self, data):
        while data:
            name, size, kind = struct.unpack_from("<III", data)
            assert data[12:12 + name] == b"SDM\0" and size % 8 == 0
            self.notes[kind] = struct.unpack_from(f"<{size // 8}Q", data, 12 + name)
            data = data[12 + name + size:]

    def at(self, address):
        """What is loaded there."""
        return dict(self.loads)[address]

    def check_apart(self, base, size):
        """Everything is in the RAM, and nothing twice."""
        last = base
        for address, data in sorted(self.loads):
            assert last <= address and address + len(data) <= base + size, self.loads
            last = address + len(data)


def zimage(order="<", size=0x10000, unpacked=0x40000):
    """A kernel for 32-bit Arm, with a table that tells its size."""
    data = bytearray(size)
    struct.pack_into(order + "IIIIII", data, 0x24, 0x016f2818, 0, size, 0x04030201, 0x45454545, 0x1000)
    struct.pack_into(order + "IIII", data, 0x1000, 5, 0x5a534c4b, size - 4, 0x5000)
    struct.pack_into("<I", data, size - 4, unpacked)
    return bytes(data)


def image64(magic, offset=0x80000, run_size=0x20000, size=0x10000):
    """A kernel for 64-bit machines."""
    return struct.pack("<8xQQ", offset, run_size).ljust(56, b"\0") + magic + bytes(size - 60)


def fdtget(tree, *arguments):
    """Asks a device tree."""
    return subprocess.run(["fdtget", *arguments[:-2], tree, *arguments[-2:]], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False).stdout.strip()


def test_zimage(work):
    """zImage"""
    for order in "<>":
        data = zimage(order)
        elf = work.good(work.file("zImage", data))
        assert not elf.wide and elf.machine == EM_ARM
        assert elf.entry == BASE + 0x10000 and elf.loads == [(elf.entry, data)]
        assert not elf.notes
    # The start of RAM is rounded up.
    elf = work.good("--base", "0x80100000", work.file("zImage", zimage()))
    assert elf.entry == 0x80210000, hex(elf.entry)


def test_image64(work):
    """arm64 and RISC-V Image"""
    for magic, machine in ((b"ARM\x64", EM_AARCH64), (b"RSC\x05", EM_RISCV)):
        for offset in (0, 0x80000, 2 * MIB):
            data = image64(magic, offset)
            elf = work.good("--base", "0x80000000", work.file("Image", data))
            assert elf.wide and elf.machine == machine
            assert elf.entry == 0x80000000 + offset and elf.loads == [(elf.entry, data)]
    elf = work.good("--base", "0x4000000000", "--dtb", work.dtb(), work.file("Image", data))
    assert elf.entry == 0x4000000000 + offset
    elf.check_apart(0x4000000000, 512 * MIB)


def test_tree(work):
    """device tree and initrd"""
    kernel, tree, initrd = zimage(), work.dtb(), bytes(range(256)) * 5000
    elf = work.good("--dtb", tree, "--initrd", work.file("initrd", initrd), "--append", "from the user",
                    "--memory", 256, work.file("zImage", kernel))
    assert elf.at(elf.entry) == kernel and len(elf.loads) == 3
    elf.check_apart(BASE, 256 * MIB)
    address, = elf.notes[NOTE_DTB]
    packed = work.file("packed.dtb", elf.at(address))
    assert fdtget(packed, "-t", "x", "/memory@40000000", "reg") == "0 40000000 0 10000000"
    assert not fdtget(packed, "-t", "x", "/memory@1000", "reg")
    assert fdtget(packed, "/chosen", "bootargs") == "from the user"
    start = int(fdtget(packed, "-t", "x", "/chosen", "linux,initrd-start").split()[-1], 16)
    end = int(fdtget(packed, "-t", "x", "/chosen", "linux,initrd-end").split()[-1], 16)
    assert elf.at(start) == initrd and end - start == len(initrd)
    # What the tree reserves stays free.
    for address, data in elf.loads:
        assert address + len(data) <= 0x48000000 or address >= 0x48100000, hex(address)

    elf = work.good("--dtb", tree, work.file("zImage", kernel))
    packed = work.file("packed.dtb", elf.at(elf.notes[NOTE_DTB][0]))
    assert fdtget(packed, "/chosen", "bootargs") == "from the tree"
    assert not fdtget(packed, "/chosen", "linux,initrd-start")


def test_cpus(work):
    """CPUs that the slave does not have"""
    kernel = work.file("zImage", zimage())
    for count in 1, 2, 3, 8:
        options = ("--cpus", count) if count > 1 else ()
        elf = work.good("--dtb", work.dtb(), *options, kernel)
        packed = work.file("packed.dtb", elf.at(elf.notes[NOTE_DTB][0]))
        for cpu, core in enumerate(("cluster0/core0", "cluster0/core1", "cluster1/core0")):
            assert (fdtget(packed, f"/cpus/cpu@{cpu}", "reg") == str(cpu)) == (cpu < count)
            assert bool(fdtget(packed, f"/cpus/cpu-map/{core}", "cpu")) == (cpu < count)
        assert ("cluster1" in fdtget(packed, "-l", "/cpus/cpu-map")) == (count > 2)
        interrupts = fdtget(packed, "-t", "x", "/plic", "interrupts-extended").split()[1::2]
        assert interrupts == {1: ["9"], 2: ["9", "a"]}.get(count, ["9", "a", interrupts[-1]])
        assert bool(fdtget(packed, "/clint", "interrupts-extended")) == (count > 2)
    work.bad("at least one CPU", "--dtb", work.dtb(), "--cpus", 0, kernel)


def test_dump(work):
    """what to dump"""
    kernel = work.file("zImage", zimage())
    elf = work.good("--dump", "0x40000000:4096", "--dump", "0x5ffff000:0x1000", kernel)
    assert elf.notes == {NOTE_DUMP: (0x40000000, 4096, 0x5ffff000, 4096)}
    outside = "0x3fffffff:1", "0x60000000:1", "0x5fffffff:2", "0x40000000:0xffffffffffffffff", "0x40000000:-1", \
        "-1:1", "0x40000000:0", "0x10000000000000000:1"
    for part in outside:
        work.bad("is outside of the RAM", f"--dump={part}", kernel)
    for part in "0x40000000", "x:1", "1:2:3", ":":
        work.bad("argument --dump", f"--dump={part}", kernel, status=2)


def test_missing(work):
    """files that are missing"""
    kernel, tree = work.file("zImage", zimage()), work.dtb()
    work.bad("/none'", work.path + "/none")
    work.bad("/none'", "--dtb", work.path + "/none", kernel)
    work.bad("/none'", "--dtb", tree, "--initrd", work.path + "/none", kernel)
    work.bad("Is a directory", work.path)
    work.bad("give --dtb", "--initrd", tree, kernel)
    work.bad("give --dtb", "--append", "", kernel)
    result = subprocess.run([PROGRAM, kernel, work.path + "/none/output"], stderr=subprocess.PIPE, text=True,
                            check=False)
    assert result.returncode == 1 and "/none/output" in result.stderr and "Traceback" not in result.stderr, result


def test_no_kernel(work):
    """files that are no kernel"""
    tree = work.dtb()
    for data in b"", b"no kernel\n", b"\x1f\x8b" + bytes(1000), b"\x7fELF" + bytes(1000), zimage()[:0x3b], \
            image64(b"ARM\x64")[:59]:
        work.bad("is neither a zImage nor an Image", work.file("file", data))
    work.bad("is neither a zImage nor an Image", tree)
    work.bad("fdtput", "--dtb", work.file("zImage", zimage()), work.file("zImage", zimage()))
    with open(tree, "rb") as stream:
        short = stream.read()[:60]
    work.bad("fdt", "--dtb", work.file("short.dtb", short), work.file("zImage", zimage()))


def test_broken_kernel(work):
    """kernels that are broken"""
    for size in 0x3c, 0x1000, 0xffff:
        work.bad("is truncated", work.file("zImage", zimage()[:size]))
    for start, end in (0, 0), (0x10000, 0), (0, 0xffffffff), (0xffffffff, 0):
        data = bytearray(zimage())
        struct.pack_into("<II", data, 0x28, start, end)
        work.bad("is truncated", work.file("zImage", data))
    # A table that cannot be right does not count.
    for offset, value in (0x38, 0xfffffff8), (0x38, 0xfff8), (0x1000, 1), (0x1000, 0xffffffff), (0x1008, 0xfffffffe):
        data = bytearray(zimage())
        struct.pack_into("<I", data, offset, value)
        work.good(work.file("zImage", data))
    work.bad("is broken", work.file("Image", image64(b"ARM\x64", run_size=0xffff)))
    work.bad("is broken", work.file("Image", image64(b"RSC\x05", run_size=0)))
    for offset, size in (1 << 63, 0x20000), ((1 << 64) - 1, 0x20000), (0, (1 << 64) - 1), (512 * MIB, 0x20000):
        work.bad("the RAM ends at 0x60000000", work.file("Image", image64(b"ARM\x64", offset, size)))


def test_small_memory(work):
    """memory that is too small"""
    kernel, tree = work.file("zImage", zimage()), work.dtb()
    work.good("--memory", 2, "--dtb", tree, kernel)
    for memory in "1", "0", "-1":
        work.bad("the kernel needs", f"--memory={memory}", kernel)
    work.bad("the kernel needs", "--memory", 2, work.file("large", zimage(unpacked=MIB)))
    large = work.file("initrd", bytes(3 * MIB))
    work.bad("there is no room for the initrd", "--memory", 4, "--dtb", tree, "--initrd", large, kernel)
    work.good("--memory", 8, "--dtb", tree, "--initrd", large, kernel)
    work.bad("argument --memory", "--memory", "much", kernel, status=2)
    work.bad("argument --base", "--base", "low", kernel, status=2)
    # 32-bit programs have 32-bit addresses.
    for base in 0x100000000, 0xe0000001, -1:
        work.bad("exceeds the addresses of 32 bits", f"--base={base}", "--dtb", tree, kernel)
    work.bad("exceeds the addresses of 64 bits", "--base", (1 << 64) - MIB, work.file("Image", image64(b"ARM\x64")))
    work.good("--base", "0xe0000000", "--dtb", tree, kernel)


def table_of(data, wide):
    """What the section .resource_table has: address and contents."""
    shoff, = struct.unpack_from("<Q" if wide else "<I", data, 0x28 if wide else 0x20)
    size, count, names = struct.unpack_from("<HHH", data, 0x3a if wide else 0x2e)
    form = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
    assert size == struct.calcsize(form) and shoff + size * count == len(data)
    sections = [struct.unpack_from(form, data, shoff + i * size) for i in range(count)]
    text = data[sections[names][4]:sections[names][4] + sections[names][5]]
    (_, _, _, address, offset, length, *_), = [section for section in sections
                                               if text[section[0]:].startswith(b".resource_table\0")]
    return address, data[offset:offset + length]


def test_coherent(work):
    """coherent region"""
    tree = work.dtb()
    for kernel, wide in (zimage(), False), (image64(b"ARM\x64"), True):
        file = work.file("kernel", kernel)
        for size, entries in (64, 32), (128, 64), (512, 256), (1024, 256), (24, 4):
            status, said, data = work.pack("--dtb", tree, "--memory", 256, "--coherent", size, file)
            assert status == 0, said
            elf = Elf(data)
            region = BASE + 256 * MIB - (size << 10)
            address, table = table_of(data, wide)
            assert address == region and elf.at(region) == table
            elf.check_apart(BASE, 256 * MIB)
            packed = work.file("packed.dtb", elf.at(elf.notes[NOTE_DTB][0]))
            assert fdtget(packed, "-t", "x", "/memory@40000000", "reg") == f"0 40000000 0 {region - BASE:x}"
            carveout, vdev = struct.unpack_from("<2I", table, 16)
            assert struct.unpack_from("<4I", table) == (1, 2, 0, 0)
            assert struct.unpack_from("<4I8x11s", table, carveout) == (0, ANY, ANY, 1024 * entries, b"vdev0buffer")
            assert struct.unpack_from("<6IBB2x", table, vdev) == (3, 7, 0, 1, 0, 0, 0, 2)
            assert struct.unpack_from("<10I", table, vdev + 28) == (ANY, 4096, entries, 0, 0) * 2
    kernel = work.file("zImage", zimage())
    for size in -64, 6, 1028, 1 << 40:
        work.bad("the coherent region is pages", f"--coherent={size}", kernel)
    work.bad("the coherent region is pages", "--memory", 1, "--coherent", 1024, kernel)
    work.bad("too small for messages", "--coherent", 12, kernel)
    work.bad("argument --coherent", "--coherent", "64K", kernel, status=2)
    work.bad("addresses of a resource table", "--coherent", 64, "--base", "0x100000000",
             work.file("Image", image64(b"ARM\x64")))
    # It is not the kernel's to start in.
    work.good("--memory", 2, kernel)
    work.bad("the kernel needs", "--memory", 2, "--coherent", 1024, kernel)


def main():
    """Runs the tests."""
    tests = [test_zimage, test_image64, test_tree, test_cpus, test_dump, test_missing, test_no_kernel,
             test_broken_kernel, test_small_memory, test_coherent]
    failures = 0
    print("TAP version 13")
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as path:
            try:
                test(Directory(path))
                good = True
            except Exception:  # pylint: disable=broad-exception-caught # whatever it is, it is a failure
                good = False
                failures += 1
                print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
        print(f"{'ok' if good else 'not ok'} {number} - rproc-pack: {test.__doc__}", flush=True)
    print(f"1..{len(tests)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
