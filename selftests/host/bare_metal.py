#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The example of a slave without an operating system, on each instruction set."""

import os
import time

from .arch import NAMES, arch
from .files import TOP, build_slave_dtb, run_logged
from .scenario import Scenario

EXAMPLE = os.path.join(TOP, "Documentation", "examples", "bare-metal")
IDS = {name: number for number, name in enumerate(NAMES, start=1)}
OFFSET = 0x400000


class BareMetal(Scenario):
    """Slaves without an operating system, of each instruction set."""

    name = "bare-metal"

    def run(self):
        self.kit.add_to_master([file for name in NAMES for file in self.build(name)])
        address = self.address()
        master = self.master(address, slaves=3, window=256)
        slaves = {name: self.slave(address, IDS[name], memory=64, isa=arch(name)) for name in NAMES}
        self.start_master(master)
        for slave in slaves.values():
            slave.start()
        self.bring_up(master)
        for name, slave in slaves.items():
            self.probe(f"{name}: waits", master, f"wait {IDS[name]} reset", "OK")
            self.boots(master, slave, name, "ELF file", f"/root/{name}/hello.elf")
            self.answers(master, name)
            self.copies(master, name)
            self.sleeps(master, slave, name)
            self.probe(f"{name}: reset", master, f"reset {IDS[name]}", "OK")
            self.boots(master, slave, name, "raw image",
                       f"--load {arch(name).ram + 0x200000:#x} /root/{name}/hello.bin")
            self.answers(master, name)

    def build(self, name):
        """What the master boots."""
        directory = os.path.join(self.directory, name)
        os.makedirs(directory)
        run_logged(f"bare-metal-{name}", "make", "-C", EXAMPLE, f"ARCH={name}", f"O={directory}",
                   f"CROSS_COMPILE={arch(name).cross_compile}")
        build_slave_dtb(os.path.join(directory, "test.dtb"), arch(name))
        return [(f"/root/{name}/{file}", os.path.join(directory, file)) for file in os.listdir(directory)]

    def boots(self, master, slave, name, what, image):
        """It starts, and knows who it is."""
        before = len(slave.console())
        self.expect(f"{name}: the {what} boots", master,
                    f"./sdm-test -b 0 {IDS[name]} {image} /root/{name}/test.dtb", f"slave {IDS[name]} started")
        self.step(f"{name}: it gets its device tree", slave.wait_console, r"up, device tree at 0x[48]\w{7}\b", 30,
                  before)
        self.step(f"{name}: it is ready", slave.wait_console, f"ready, I am {IDS[name]:#x}\\b", 30, before)

    def answered(self, name, master, signal, answer, what):
        """A signal to it, and what comes back."""
        master.background("./sdm-test -v -w 0 -n 1 -t 60", "/tmp/answer", "waiting for events")
        self.expect(f"{name}: {what}", master, f"./sdm-test -s 0 {IDS[name]} {signal}; "
                    "while [ -d /proc/$(cat /tmp/answer.pid) ]; do sleep 0.1; done; cat /tmp/answer",
                    f"signal {answer}")

    def answers(self, master, name):
        """Signals."""
        self.answered(name, master, "10 0x11 0x2222222233333333",
                      f"10 from {IDS[name]} payload 0x11 0x2222222233333333", "it sends a signal back")
        self.answered(name, master, "63", f"63 from {IDS[name]}", "it sends one without payload back")

    def copies(self, master, name):
        """Memory."""
        number = IDS[name]
        master.get(f"head -c 5001 /dev/urandom >/tmp/data && ./sdm-test --write 0 {number} {OFFSET:#x} /tmp/data")
        self.answered(name, master, f"2 {OFFSET:#x} 5001", f"2 from {number} payload {OFFSET:#x} 0x1389",
                      "it copies memory")
        self.expect(f"{name}: the copy is right", master,
                    f"./sdm-test --compare 0 {number} {OFFSET + 5001:#x} /tmp/data", "5001 bytes are the same")
        for offset, length in ((0, 16), (OFFSET, 0x600001), (OFFSET, 1 << 63)):
            self.answered(name, master, f"2 {offset:#x} {length:#x}", f"2 from {number} payload {offset:#x} 0x0",
                          f"it refuses to copy {length:#x} bytes at {offset:#x}")

    def sleeps(self, master, slave, name):
        """It takes the CPU only when there is something to do."""
        before = slave.cpu_seconds()
        time.sleep(1)
        took = slave.cpu_seconds() - before
        self.check(f"{name}: it sleeps when there is nothing to do", took < 0.5, f"{took} s of 1 s")
        self.answered(name, master, "5 1", f"5 from {IDS[name]}", "a signal wakes it")
