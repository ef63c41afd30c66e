#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Machines of different instruction sets: each as a master of a slave of each."""

import os
import platform
import time

from .arch import NAMES
from .ktap import Result
from .machine import Failure, ScriptMachine
from .monitor import Monitor
from .pci import window_bar
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
    window = 768

    def run(self):
        kits = {name: self.kits[kernel] for name, kernel in KERNELS.items()}
        self.kit.add_to_master([file for name, kit in kits.items() for file in kit.boot_files(f"/root/{name}")])
        address = self.address()
        master = self.make_master(address)
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

    def make_master(self, address):
        """The master, not started yet."""
        return self.master(address, slaves=len(NAMES), memory=self.memory, window=self.window, limit=False)

    def expected_window(self, master):
        """The address of the window: behind the RAM."""
        del master
        return self.kit.arch.ram + (self.memory - self.window << 20)

    def window_place(self, master):
        """Where the window is."""
        base = int(master.get("cat /sys/bus/sdm/devices/sdm0/window_base"), 0)
        expected = self.expected_window(master)
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
        self.expect(f"{name}: knows what its master is", slave, "sdm-test -l", f"^ +0 .* {self.kit.arch.tool_name} ")
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


class IsaX86(Isa):
    """A PC as master, its SDM and its window on PCI, with a slave of each instruction set."""

    name = "isa-x86_64"
    only_by_name = True
    kernel = "x86_64"
    memory = 1536
    window = 1024
    accelerator = ()

    def make_master(self, address):
        """As a user does it."""
        options = dict(option.split("=") for option in address.split(","))
        master = ScriptMachine(self, "master", [
            "run-master", "--arch", self.kit.arch.name, "--listen", f"{options['host']}:{options['port']}",
            "--memory", f"{self.memory}M", "--shared-size", f"{self.window}M", "--num-slaves", str(len(NAMES)),
            "--kernel", self.kit.kernel, "--initrd", self.kit.master_initrd, "--append", "panic_on_warn=1 panic=-1"],
                               self.kit.arch)
        master.options += self.accelerator
        return master

    def expected_window(self, master):
        return window_bar(master)


class Kvm(IsaX86):
    """The same by KVM, where that runs Linux."""

    name = "kvm"
    accelerator = ("-accel", "kvm", "-cpu", "host")
    # Seconds until the first message of a kernel, which comes at once
    limit = 15

    def run(self):
        reason = self.why_not()
        if reason:
            self.report.result(self.name, Result("all", "skip", reason))
            return
        super().run()

    def why_not(self):
        """Why this is not possible here, or None. That there is a /dev/kvm does not say that it works."""
        if platform.machine() != self.kit.arch.machine:
            return f"this host is no {self.kit.arch.machine}"
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return "no /dev/kvm for this user"
        trial = self.machine("trial", ["-M", "q35", *self.kit.arch.cpu, *self.accelerator, "-m", "512M",
                                       "-kernel", self.kit.kernel, "-append", "console=ttyS0 panic=-1"])
        trial.start()
        try:
            trial.wait_console("Linux version", self.limit)
        except Failure:
            if not trial.is_running():
                return f"QEMU does not start with KVM: {' '.join(trial.messages().split())[-200:]}"
            return f"/dev/kvm does not run Linux here: no word of it in {self.limit} s"
        finally:
            trial.stop()
            # Whatever it says of itself is no failure.
            self.machines.remove(trial)
        return None
