#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Slaves as remote processors of Linux' framework."""

import hashlib
import os
import re
import struct
import subprocess

from .files import CROSS_COMPILE, SCRIPTS, SELFTESTS, TOP, constant
from .machine import PATIENCE
from .scenario import Scenario

# Its number may change when the device comes back; expanded by the shell there.
RPROC = "$(echo /sys/bus/sdm/devices/sdm0-p1/remoteproc/remoteproc*)"
DUMPS = "/sys/class/devcoredump"

# What firmware/echo.c fills its pattern with
PATTERN_SIZE = 0x40000
PATTERN = struct.pack(f"<{PATTERN_SIZE // 4}I", *[i * 2654435761 & 0xffffffff for i in range(PATTERN_SIZE // 4)])
SIGNAL_RESET = constant("selftests/firmware/commands.h", "SIGNAL_RESET")

BUSY = "Device or resource busy"
INVALID = "Invalid argument"


def build_firmware(directory, memory, coherent=64):
    """Compiles the examples for a slave with so many MiB of RAM and KiB of coherent region."""
    os.makedirs(directory, exist_ok=True)
    subprocess.run(["make", "-s", "-C", os.path.join(SELFTESTS, "firmware"), f"O={directory}",
                    f"CROSS_COMPILE={CROSS_COMPILE}", f"RAM_SIZE={memory << 20:#x}",
                    f"COHERENT_SIZE={coherent << 10:#x}", f"PATTERN_SIZE={PATTERN_SIZE:#x}"], check=True)


def pack(path, kernel, dtb, initrd, memory, coherent=0):
    """Makes one file of a kernel and what it needs, for a slave with so many MiB of RAM and KiB of coherent region."""
    subprocess.run([os.path.join(SCRIPTS, "rproc-pack"), "--dtb", dtb, "--initrd", initrd, "--memory", str(memory),
                    "--coherent", str(coherent), kernel, path], check=True)


def changed(data, offset, form, value):
    """A copy with another number in it."""
    data = bytearray(data)
    struct.pack_into(form, data, offset, value)
    return bytes(data)


def bad_files(good):
    """name -> (contents, errno, what the kernel says); the offsets are those of a 32-bit ELF file."""
    phdr, = struct.unpack_from("<I", good, 0x1c)
    sections, = struct.unpack_from("<I", good, 0x20)
    return {
        "empty": (b"\n", INVALID, "it is no ELF file"),
        "header": (good[:40], INVALID, "its header is truncated"),
        "truncated": (good[:sections - 1], INVALID, "its section headers are truncated"),
        "segment": (changed(good[:0x1200], 0x20, "<I", 0)[:0x30] + bytes(4) + good[0x34:0x1200], INVALID,
                    "a segment is truncated"),
        "machine": (changed(good, 0x12, "<H", 183), "Exec format error", "is for another machine: number 183, not 40"),
        "below": (changed(good, phdr + 12, "<I", 0x3ffff000), INVALID, "outside of the RAM"),
        "beyond": (changed(good, phdr + 20, "<I", 0x20000000), INVALID, "outside of the RAM"),
        "entry": (changed(good, 0x18, "<I", 0x50000000), INVALID, "its entry point is in none of its segments"),
        "phdrs": (changed(good, 0x1c, "<I", 0xfffffff0), INVALID, "its program headers are truncated"),
    }


class Rproc(Scenario):
    """The slave as a remote processor, by TCP: firmware, Linux, crashes, attach, dumps."""

    name = "rproc"
    memory = 192
    # Can the user stop what has crashed?
    stops_crashed = True
    pair = {}

    def run(self):
        self.make_files()
        master, slave = self.start_pair(memory=self.memory, **self.pair)
        self.appears(master)
        self.bad_firmware(master)
        self.linux(master, slave)
        self.tool(master, slave)
        self.firmware(master, slave)
        self.crashes(master, slave)
        self.recovery_fails(master, slave)
        self.killed(master, slave)
        self.killed_at_start(master, slave)
        self.attach(master, slave)
        self.dump(master, slave)
        self.unbind(master, slave)
        self.unload(master, slave)
        self.panic(master, slave)

    def make_files(self):
        """Firmware for the master's initramfs."""
        directory = self.kit.path("firmware")
        build_firmware(directory, self.memory)
        good = os.path.join(directory, "echo.elf")
        with open(good, "rb") as stream:
            self.bad = bad_files(stream.read())
        linux = self.kit.path("linux.elf")
        pack(linux, self.kit.path("slave-zImage"), self.kit.path("test.dtb"), self.kit.path("test-initrd"), self.memory)
        self.kit.add_to_master([("/lib/firmware/firmware.elf", good), ("/lib/firmware/linux.elf", linux)] +
                               [(f"/lib/firmware/bad-{name}.elf", data) for name, (data, _, _) in self.bad.items()])

    # What the user does

    def put(self, name, master, attribute, value, error=None, patience=PATIENCE):
        """Writes to an attribute; error is what the shell says if it must fail."""
        self.expect(name, master, f"echo {value} >{RPROC}/{attribute}", error or "", 1 if error else 0, patience)

    def state(self, name, master, state, patience=60):
        """Waits for a state."""
        self.expect(name, master, f"for i in $(seq {patience * 10}); do grep -qx {state} {RPROC}/state && break; "
                    f"sleep 0.1; done; cat {RPROC}/state", f"^{state}$", 0, patience + PATIENCE)

    def says(self, name, master, command, pattern):
        """What the kernel has to say to that."""
        self.expect(name, master, f"dmesg -c >/dev/null; {command}; dmesg", pattern)

    def up(self, name, slave):
        """Waits for the slave's Linux."""
        self.step(name, slave.wait_ready)

    # What is tested

    def appears(self, master):
        """Nothing happens by itself."""
        master.get("modprobe sdm_remoteproc")
        self.expect("each slave is one", master, "cat /sys/class/remoteproc/remoteproc*/name", r"^sdm0-p1\nsdm0-p2$")
        self.state("it is offline", master, "offline")
        self.probe("it waits in reset", master, "state 1", "reset")

    def linux(self, master, slave):
        """Start, stop, and start again."""
        self.put("firmware: Linux", master, "firmware", "linux.elf")
        for time in ("first", "second"):
            self.put(f"Linux, {time} time: start", master, "state", "start")
            self.up(f"Linux, {time} time: it is up", slave)
            self.state(f"Linux, {time} time: state", master, "running")
            self.probe(f"Linux, {time} time: it answers", master, "ask 1", "OK")
            self.put(f"Linux, {time} time: stop", master, "state", "stop")
            self.state(f"Linux, {time} time: offline", master, "offline")
            self.probe(f"Linux, {time} time: it waits in reset", master, "state 1", "reset")

    def tool(self, master, slave):
        """sdm-test boots the same file. Its load claims nothing: who starts first has the slave, the other is told."""
        self.expect("sdm-test, the same file", master, "./sdm-test -b 0 1 /lib/firmware/linux.elf", "slave 1 started")
        self.up("sdm-test, the same file: it is up", slave)
        self.probe("sdm-test, the same file: reset", master, "reset 1", "OK")
        self.state("sdm-test, the same file: offline", master, "offline")
        # It is stopped in the middle of a load, to where the firmware has nothing.
        master.background("truncate -s 64M /tmp/large; /tests/probe signal 19 'load raw' "
                          "./sdm-test -b 0 1 --load 0x44000000 /tmp/large", "/tmp/load", "sent signal")
        self.start_firmware("start during a load", master, slave)
        self.expect("start during a load: sdm-test does not", master, "kill -CONT $(sed -n 's/^sent signal 19 to //p' "
                    "/tmp/load); for i in $(seq 600); do grep -q 'not started' /tmp/load && break; sleep 0.1; done; "
                    "rm /tmp/large; cat /tmp/load", r"became running during the load(.|\n)*not started", 0, 90)
        self.firmware_answers("start during a load", master)
        self.put("start during a load: stop", master, "state", "stop")

    def bad_firmware(self, master):
        """Each bad file is refused, and the kernel says why."""
        self.put("no such firmware: set", master, "firmware", "nonsense.elf")
        self.put("no such firmware", master, "state", "start", "No such file or directory")
        for name, (_, error, reason) in self.bad.items():
            self.put(f"bad firmware, {name}: set", master, "firmware", f"bad-{name}.elf")
            self.says(f"bad firmware, {name}: it says why", master, f"echo start >{RPROC}/state", re.escape(reason))
            self.put(f"bad firmware, {name}", master, "state", "start", error)
            self.state(f"bad firmware, {name}: offline", master, "offline", 0)
        self.probe("bad firmware: it waits in reset", master, "state 1", "reset")
        # Nobody has kept it.
        self.probe("bad firmware: it is free", master, "reset 1", "OK")

    def start_firmware(self, name, master, slave):
        """Starts the example."""
        self.put(f"{name}: set", master, "firmware", "firmware.elf")
        since = len(slave.console())
        self.put(f"{name}: start", master, "state", "start")
        self.step(f"{name}: it is ready", slave.wait_console, "firmware: ready", PATIENCE, since)
        self.state(f"{name}: state", master, "running")
        self.check(f"{name}: its memory was zero", "not zero" not in slave.console(), slave.console()[-500:])

    def firmware_answers(self, name, master):
        """Its answer to a signal."""
        master.background("./sdm-test -v -w 0 -n 1 -t 30", "/tmp/answer", "waiting for events")
        self.expect(f"{name}: it answers", master, "./sdm-test -q -s 0 1 5 0x11 0x22 && "
                    "while [ -d /proc/$(cat /tmp/answer.pid) ]; do sleep 0.1; done; cat /tmp/answer",
                    "signal 5 from 1 payload 0x11 0x22")

    def firmware(self, master, slave):
        """The example, and what nobody else may do meanwhile."""
        self.start_firmware("firmware", master, slave)
        self.firmware_answers("firmware", master)
        said = slave.console()
        self.check("firmware: no device tree", "device tree at 0x00000000" in said, said[-500:])
        base = int(master.get("cat /sys/bus/sdm/devices/sdm0/window_base"), 0)
        where = re.search("the master sees the pattern at (0x[0-9a-f]+)", said)
        self.check("firmware: it knows where the master sees it", where and base <= int(where[1], 16) < base + 0x200000,
                   said[-500:])
        self.expect("firmware: trace", master, "cat /sys/kernel/debug/remoteproc/remoteproc0/trace0", "firmware: ready")
        self.put("firmware: it cannot be changed", master, "firmware", "linux.elf", BUSY)
        for command in ("-R 0 1", "-b 0 1 zImage slave.dtb"):
            self.expect(f"firmware: sdm-test {command[:2]}", master, f"./sdm-test {command}",
                        "belongs to|busy|reset it first", 1)
        for call in ("boot 1 0x40008000 5000", "reset 1 5000"):
            self.probe(f"firmware: {call.split()[0]} is refused", master, call, r"EBUSY in \d{1,3} ms")
        self.firmware_answers("firmware, afterwards", master)
        self.put("firmware: stop", master, "state", "stop")
        self.put("firmware: stop twice", master, "state", "stop", INVALID)
        for number in range(5):
            self.start_firmware(f"again {number}", master, slave)
            self.put(f"again {number}: stop", master, "state", "stop")
        self.probe("firmware: it waits in reset", master, "state 1", "reset")

    def firmware_resets(self, master):
        """The example resets its machine."""
        master.get(f"./sdm-test -q -s 0 1 {SIGNAL_RESET}")

    def recovers(self, name, master, slave, act):
        """The slave's fault is recovered from."""
        since = len(slave.console())
        act()
        self.step(f"{name}: started again", slave.wait_console, "firmware: ready", PATIENCE, since)
        self.state(f"{name}: running", master, "running")
        self.firmware_answers(name, master)

    def crashes(self, master, slave):
        """The guest resets itself."""
        self.start_firmware("crash", master, slave)
        for number in range(3):
            self.recovers(f"crash {number}", master, slave, lambda: self.firmware_resets(master))
        self.put("crash, no recovery: disable", master, "recovery", "disabled")
        self.firmware_resets(master)
        self.state("crash, no recovery: crashed", master, "crashed")
        self.probe("crash, no recovery: it waits in reset", master, "state 1", "reset")
        self.probe("crash, no recovery: it is not free", master, "reset 1", "EBUSY")
        self.recovers("crash, recover", master, slave, lambda: master.get(f"echo recover >{RPROC}/recovery"))
        self.firmware_resets(master)
        self.state("crash, stop: crashed", master, "crashed")
        if self.stops_crashed:
            self.put("crash, stop", master, "state", "stop")
            self.put("crash: enable recovery", master, "recovery", "enabled")
        else:
            self.put("crash, stop", master, "state", "stop", INVALID)
            self.recovers("crash, enable recovery", master, slave,
                          lambda: master.get(f"echo enabled >{RPROC}/recovery"))
            self.put("crash, stop", master, "state", "stop")
        self.state("crash, stop: offline", master, "offline")

    def recovery_fails(self, master, slave):
        """The firmware is gone when it is needed: afterwards the rproc can be used as ever."""
        self.start_firmware("recovery fails", master, slave)
        master.get("mv /lib/firmware/firmware.elf /tmp")
        self.firmware_resets(master)
        self.state("recovery fails: offline", master, "offline")
        # It is free a little later than it is offline.
        self.expect("recovery fails: it is mended", master, "for i in $(seq 300); do /tests/probe reset 1 | grep OK && "
                    "break; sleep 0.1; done", "OK")
        self.put("recovery fails: stop", master, "state", "stop", INVALID)
        self.put("recovery fails: start", master, "state", "start", "No such file or directory")
        master.get("mv /tmp/firmware.elf /lib/firmware")
        self.start_firmware("recovery failed", master, slave)
        self.firmware_answers("recovery failed", master)
        self.put("recovery failed: stop", master, "state", "stop")

    def back(self, name, master, slave):
        """The slave's machine is there again."""
        slave.stop()
        slave.start()
        return self.probe(f"{name}: the slave is back", master, "wait 1 reset", "OK")

    def killed(self, master, slave):
        """The slave's machine is killed while it runs."""
        self.start_firmware("killed", master, slave)
        for number in range(2):
            slave.kill()
            self.state(f"killed {number}: offline", master, "offline")
            self.put(f"killed {number}: start", master, "state", "start", "Link has been severed")
            self.put(f"killed {number}: stop", master, "state", "stop", INVALID)
            slave.stop()
            slave.start()
            self.step(f"killed {number}: started again", slave.wait_console, "firmware: ready")
            self.state(f"killed {number}: running", master, "running")
            self.firmware_answers(f"killed {number}", master)
        self.put("killed, no recovery: disable", master, "recovery", "disabled")
        slave.kill()
        self.state("killed, no recovery: offline", master, "offline")
        self.back("killed, no recovery", master, slave)
        self.expect("killed, no recovery: it stays", master, f"sleep 2; cat {RPROC}/state", "^offline$")
        self.put("killed: enable recovery", master, "recovery", "enabled")
        self.start_firmware("killed, by hand", master, slave)
        self.put("killed: stop", master, "state", "stop")

    def killed_at_start(self, master, slave):
        """... while it is loaded, or about to start, or while it is stopped; it can always be used afterwards."""
        self.put("killed at start: Linux", master, "firmware", "linux.elf")
        for act, milliseconds in ((slave.kill, 0), (slave.kill, 5), (slave.kill, 20), (slave.kill, 100),
                                  (slave.pause, 5)):
            name = f"{act.__name__} after {milliseconds} ms"
            master.background(f"sh -c 'echo begun; sleep 0.2; echo start >{RPROC}/state'", "/tmp/start", "begun")
            master.get(f"sleep 0.2; usleep {milliseconds}000")
            act()
            master.get("while pidof sleep; do sleep 0.1; done; cat /tmp/start", 60)
            self.expect(f"{name}: it ends", master, f"wait; cat {RPROC}/state", "^(offline|running)$", 0, 90)
            if act == slave.pause:
                slave.kill()
            slave.stop()
            slave.start()
            # Whether it had started before or not
            self.probe(f"{name}: the slave is back", master, "wait 1 reset", "OK")
            self.expect(f"{name}: it can be started", master, f"for i in $(seq 300); do grep -qx running {RPROC}/state "
                        f"&& break; [ $i -gt 20 ] && echo start >{RPROC}/state && break; sleep 0.1; done; "
                        f"cat {RPROC}/state", "^running$")
            self.up(f"{name}: it is up", slave)
            self.expect(f"{name}: stop", master, f"while ! grep -qx offline {RPROC}/state; do "
                        f"echo stop >{RPROC}/state; done; cat {RPROC}/state", "^offline$")

    def attach(self, master, slave):
        """A slave that sdm-test has booted."""
        self.step("attach: sdm-test boots it", self.boot_slave, master, slave)
        self.state("attach: detached", master, "detached")
        self.put("attach: firmware is not to be changed", master, "firmware", "firmware.elf", BUSY)
        self.put("attach: it cannot be stopped", master, "state", "stop", INVALID)
        for _ in range(2):
            self.put("attach", master, "state", "start")
            self.state("attach: attached", master, "attached")
            self.probe("attach: it is not free", master, "reset 1", "EBUSY")
            self.probe("attach: it answers", master, "ask 1", "OK")
            self.put("detach", master, "state", "detach")
            self.state("detach: detached", master, "detached")
            self.probe("detach: it answers", master, "ask 1", "OK")
        self.put("attach, stop: attach", master, "state", "start")
        self.put("attach, stop", master, "state", "stop")
        self.state("attach, stop: offline", master, "offline")
        self.probe("attach, stop: it waits in reset", master, "state 1", "reset")
        self.step("attach, reboot: sdm-test boots it", self.boot_slave, master, slave)
        self.state("attach, reboot: detached", master, "detached")
        self.put("attach, reboot: attach", master, "state", "start")
        slave.begin("reboot -f")
        # There is no firmware to start it with.
        self.state("attach, reboot: offline", master, "offline")
        self.probe("attach, reboot: it is free", master, "reset 1", "OK")

    def dump(self, master, slave):
        """What the firmware wants to be saved, after a crash."""
        self.put("dump: enable", master, "coredump", "enabled")
        self.start_firmware("dump", master, slave)
        self.recovers("dump", master, slave, lambda: self.firmware_resets(master))
        # A header of 52 bytes and one of 32 for the only segment
        self.expect("dump: size", master, f"cat {DUMPS}/devcd*/data >/tmp/core; wc -c </tmp/core",
                    f"^{52 + 32 + PATTERN_SIZE}$")
        self.expect("dump: contents", master, "tail -c +85 /tmp/core | sha256sum", hashlib.sha256(PATTERN).hexdigest())
        self.expect("dump: it is an ELF core file for Arm", master, "hexdump -n 20 -e '20/1 \"%02x\"' /tmp/core",
                    "^7f454c46010101.*04002800$")
        master.get(f"echo 1 >$(ls {DUMPS}/devcd*/data); rm /tmp/core")
        self.put("dump: disable", master, "coredump", "disabled")
        self.put("dump: stop", master, "state", "stop")

    def unbind(self, master, slave):
        """The hardware driver goes while the slave runs, and comes back."""
        self.start_firmware("unbind", master, slave)
        driver = "/sys/bus/platform/drivers/sdm-platform"
        device = master.get(f"cd {driver}; ls -d *.sdm").split()[0]
        self.expect("unbind", master, f"echo {device} >{driver}/unbind; ls /sys/class/remoteproc", r"\A\s*\Z")
        self.expect("bind", master, f"echo {device} >{driver}/bind; ls /sys/class/remoteproc", r"remoteproc\d")
        self.probe("bind: it waits in reset", master, "wait 1 reset", "OK")
        self.start_firmware("bind", master, slave)
        self.firmware_answers("bind", master)

    def unload(self, master, slave):
        """The module goes while the slave runs."""
        self.expect("unload", master, "rmmod sdm_remoteproc; ls /sys/class/remoteproc", r"\A\s*\Z")
        self.probe("unload: it waits in reset", master, "state 1", "reset")
        self.step("unload: sdm-test boots it", self.boot_slave, master, slave)
        self.probe("unload: it answers", master, "ask 1", "OK")
        master.get("modprobe sdm_remoteproc")
        self.state("load: detached", master, "detached")
        self.put("load: attach", master, "state", "start")
        self.put("load: stop", master, "state", "stop")
        self.state("load: offline", master, "offline")

    def panic(self, master, slave):
        """The master panics, and finds the slave as it was."""
        self.start_firmware("panic", master, slave)
        since = len(slave.console())
        booted = len(master.console())
        master.begin("echo c >/proc/sysrq-trigger")
        self.step("panic: the slave learns of it", slave.wait_console, "firmware: the master has panicked", PATIENCE,
                  since)
        master.wait_console("Booting Linux", since=booted)
        self.step("panic: the master comes up", self.bring_up, master)
        master.get("modprobe sdm_remoteproc")
        self.state("panic: the slave runs on", master, "detached")
        self.put("panic: attach", master, "state", "start")
        self.firmware_answers("panic", master)
        self.put("panic: stop", master, "state", "stop")


class RprocShared(Rproc):
    """rproc, with a slave whose memory is mapped."""

    name = "rproc-shared"
    only_by_name = True
    pair = {"unix": True, "ram": ",share=on"}


class RprocDebian(Rproc):
    """rproc, with Debian's own kernel as the master's."""

    name = "rproc-debian"
    only_by_name = True
    kernel = "armmp"
    # This one does not let him.
    stops_crashed = False


class RprocDebug(Rproc):
    """rproc, with kernels that look for bugs in themselves; only if it is named: it takes minutes."""

    name = "rproc-debug"
    kernel = "debug"
    only_by_name = True
    memory = 320

    def panic(self, master, slave):
        # Before, the detector of leaks is asked: memory that a kernel forgets in a panic is no leak.
        for _ in range(2):
            master.get("echo scan >/sys/kernel/debug/kmemleak; sleep 5", 300)
        self.expect("no memory has leaked", master, "cat /sys/kernel/debug/kmemleak; echo end", r"\A\s*end", 0, 300)
        super().panic(master, slave)
