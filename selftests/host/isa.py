#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Machines of different instruction sets: each as a master of a slave of each."""

import os
import time

from .arch import NAMES
from .machine import Failure
from .monitor import Monitor
from .scenario import Scenario

# The kernels of guest-kernel that are small
KERNELS = {"arm": "small", "arm64": "arm64", "riscv64": "riscv64"}
IDS = {name: number for number, name in enumerate(NAMES, start=1)}
BOOT = "./sdm-test -b 0 {id} /root/{name}/Image /root/{name}/test.dtb --initrd /root/{name}/test-initrd"


class Isa(Scenario):
    """A master with a slave of each instruction set."""

    extra_kernels = tuple(KERNELS.values())
    allowed_skips = ("all slaves are connected", "the window has no free part")
    # Of the master, in MiB
    memory = 1024

    def run(self):
        kits = {name: self.kits[kernel] for name, kernel in KERNELS.items()}
        self.kit.add_to_master([file for name, kit in kits.items() for file in kit.boot_files(f"/root/{name}")])
        address = self.address()
        master = self.master(address, slaves=3, memory=self.memory, window=768, limit=False)
        master.options += Monitor.options_of(self.monitor_path)
        slaves = {name: self.slave(address, IDS[name], memory=256, isa=kits[name].arch) for name in NAMES}
        self.start_master(master)
        for slave in slaves.values():
            slave.start()
        self.bring_up(master)
        self.expect("the master is what it should be", master, "uname -m", f"^{self.kit.arch.machine}$")
        self.window_place(master)
        for name, slave in slaves.items():
            self.one(master, slave, name)
        self.expect("all are told apart", master, "./sdm-test -l", "(?s) Arm .* AArch64 .* RISC-V ")
        self.waits(master, slaves.values())
        self.run_together(master, [(f"{name}:", f"SDM_ROUNDS_PERCENT=10 SDM_PEER={IDS[name]}", "ordering", "")
                                   for name in NAMES], 600)
        for name, slave in slaves.items():
            self.again(master, slave, name)

    @property
    def monitor_path(self):
        """The socket of the master's monitor."""
        return os.path.join(self.directory, "monitor")

    def window_place(self, master):
        """Where the window is."""
        base = int(master.get("cat /sys/bus/sdm/devices/sdm0/window_base"), 0)
        expected = self.kit.arch.ram + (self.memory - 768 << 20)
        self.check("the window is where it should be", base == expected, f"{base:#x}, not {expected:#x}")

    def wrong_kernel(self, master, name):
        """What another one runs is refused before anything is written."""
        other = NAMES[IDS[name] % len(NAMES)]
        self.expect(f"{name}: a kernel for {other} is refused", master,
                    f"./sdm-test -b 0 {IDS[name]} /root/{other}/Image /root/{other}/test.dtb", "is for", None)

    def waits(self, master, slaves):
        """While a CPU waits for slaves that hang, its machine does not: the monitor answers."""
        # The memory of the one that came first
        address = master.get("cat /sys/bus/sdm/devices/sdm0/window_base")
        monitor = Monitor(self.monitor_path)
        for slave in slaves:
            slave.pause()
        try:
            master.begin(f"read begin _ </proc/uptime; devmem {address} 32; read end _ </proc/uptime; "
                         "echo from $begin to $end")
            # With an answer that comes too late the load fails, all ones: it waits no longer than 5 s.
            for _ in range(6):
                time.sleep(0.25)
                monitor.command("query-status")
        finally:
            for slave in slaves:
                slave.resume()
            monitor.close()
        _, output = master.finish()
        words = output.split()
        self.check("a load waits for a slave that hangs, the monitor does not wait for it",
                   len(words) == 5 and words[0].startswith("0x") and words[0] != "0xFFFFFFFF" and
                   float(words[4]) - float(words[2]) > 0.5, output)

    def one(self, master, slave, name):
        """Boots a slave, and uses it."""
        number = IDS[name]
        self.probe(f"{name}: waits", master, f"wait {number} reset", "OK")
        self.wrong_kernel(master, name)
        self.step(f"{name}: boots", self.boot_slave, master, slave, number, BOOT.format(id=number, name=name))
        self.expect(f"{name}: is what it should be", slave, "uname -m", f"^{slave.isa.machine}$")
        self.probe(f"{name}: answers", master, f"ask {number}", "OK")
        environment = f"SDM_ROUNDS_PERCENT=10 SDM_PEER={number}"
        few = "-F flood -F back_pressure -V pair_down -V pair_up -t payload -t order"
        for program, arguments in (("window", "-F whole -T large_copies"), ("signals", few),
                                   ("bulk", "-t odd_writes -t odd_reads -t vectors")):
            self.run_test(master, program, arguments, patience=300, environment=environment)
        self.expect(f"{name}: the slave sends to its master", slave,
                    "sdm-test -s 0 0 3 0x1234 0x5678", "")

    def again(self, master, slave, name):
        """A reset while it runs, and another boot."""
        number = IDS[name]
        self.probe(f"{name}: reset", master, f"reset {number}", "OK")
        slave.forget()
        self.step(f"{name}: boots again", self.boot_slave, master, slave, number, BOOT.format(id=number, name=name))
        self.probe(f"{name}: answers again", master, f"ask {number}", "OK")
        self.expect(f"{name}: switches itself off", master,
                    f"/tests/probe state {number}", "running")
        try:
            slave.power_off()
        except Failure as failure:
            self.check(f"{name}: power off", False, failure)


class IsaArm(Isa):
    """A 32-bit Arm master with a slave of each instruction set."""

    name = "isa-arm"
    kernel = "small"


class IsaArm64(Isa):
    """A 64-bit Arm master, its window above 4 GiB, with a slave of each instruction set."""

    name = "isa-arm64"
    kernel = "arm64"
    memory = 3072 + 768 + 256


class IsaRiscv64(Isa):
    """A RISC-V master with a slave of each instruction set."""

    name = "isa-riscv64"
    kernel = "riscv64"
