#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The programs of the benchmark, and what its guests are started with."""

import os
import shutil
import subprocess

from host.arch import arch_of_kernel
from host.files import BUILD, CROSS_COMPILE, SCRIPTS, SELFTESTS, Cpio, build_slave_dtb, output_of

HERE = os.path.join(SELFTESTS, "bench")
TOP = os.path.dirname(SELFTESTS)
OUTPUT = os.path.join(BUILD, "bench")
IMAGES = os.path.join(BUILD, "images")

WARNINGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]


def source(*names):
    """Paths of sources."""
    return [os.path.join(HERE, name) for name in names]


class Kit:
    """What is built for a run, all of it below one directory; `kernel` and `master_initrd` are for masters."""

    arch = arch_of_kernel("small")

    def __init__(self):
        self.directory = os.path.join(OUTPUT, "files")
        os.makedirs(self.directory, exist_ok=True)
        # A copy: others may build while the benchmark runs.
        for name in ("zImage", "master.cpio.gz", "slave-zImage", "slave.dtb"):
            shutil.copy(os.path.join(IMAGES, name), self.directory)
        shutil.copy(output_of(os.path.join(SCRIPTS, "guest-kernel"), "armmp", "image"), self.path("vmlinuz"))
        self.floor = self.path("floor")
        self._build()
        self.kernel = self.path("zImage")
        self.slave_kernel = self.path("slave-zImage")
        build_slave_dtb(self.path("test.dtb"))
        self.slave_initrd = self._make_slave()
        self.master_initrd = self._make_master()

    def path(self, name):
        """A file of the kit."""
        return os.path.join(self.directory, name)

    def _build(self):
        cross = CROSS_COMPILE + "gcc"
        for command in [
            [os.environ.get("HOSTCC", "cc"), *WARNINGS, "-o", self.floor, *source("floor.c")],
            [cross, *WARNINGS, "-static", "-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64", "-o", self.path("guest-rate"),
             *source("guest-rate.c")],
            [cross, *WARNINGS, "-static", "-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64", "-o", self.path("rpmsg-rate"),
             *source("rpmsg-rate.c")],
            ["make", "-s", "-C", os.path.join(SELFTESTS, "firmware"), f"O={self.directory}",
             f"CROSS_COMPILE={CROSS_COMPILE}"],
            [cross, *WARNINGS, "-mcpu=cortex-a15", "-marm", "-mfloat-abi=soft", "-ffreestanding", "-fno-builtin",
             "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-I",
             os.path.join(TOP, "include"), "-T", *source("bare.lds"), "-o", self.path("bare.elf"),
             *source("bare.S", "bare.c")],
            [CROSS_COMPILE + "objcopy", "-O", "binary", self.path("bare.elf"), self.path("bare.bin")],
        ]:
            subprocess.run(command, check=True)

    def _write(self, name, *contents):
        with open(self.path(name), "wb") as stream:
            for data in contents:
                stream.write(data)
        return self.path(name)

    @staticmethod
    def _start(cpio):
        cpio.file("/run.sh", os.path.join(SELFTESTS, "guest-agent"))

    def _make_slave(self):
        """What is added to a slave's initramfs: the agent, which has sdm_perf answer."""
        cpio = Cpio()
        self._start(cpio)
        cpio.file("/tests/responder", b"#!/bin/sh\nmodprobe sdm_perf\n", executable=True)
        cpio.file("/etc/rc", b"#!/bin/sh\n", executable=True)
        cpio.file("/bin/guest-rate", self.path("guest-rate"))
        return self._write("test-initrd", cpio.compressed())

    def _make_master(self):
        cpio = Cpio()
        self._start(cpio)
        for name in ("guest-rate", "rpmsg-rate"):
            cpio.file("/bin/" + name, self.path(name))
        cpio.file("/lib/firmware/rpmsg.elf", self.path("rpmsg.elf"))
        for name in ("test.dtb", "test-initrd", "vmlinuz", "bare.bin"):
            cpio.file("/root/" + name, self.path(name))
        with open(self.path("master.cpio.gz"), "rb") as initrd:
            return self._write("test-master.cpio.gz", initrd.read(), cpio.compressed())


class BareKit:
    """The same for a master without an operating system."""

    arch = Kit.arch

    def __init__(self, kit):
        self.kernel = kit.path("bare.bin")
        # QEMU wants one of the option's kind, and does not load it.
        self.master_initrd = kit.path("bare.bin")
