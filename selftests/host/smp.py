#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Machines with several CPUs."""

from .arch import NAMES
from .isa import BOOT, IDS, KERNELS
from .scenario import Scenario

MASTER_CPUS = 2
SLAVE_CPUS = {"arm": 4, "arm64": 3, "riscv64": 4}
CPUS = "/sys/devices/system/cpu"
# Every CPU does something, for as long as the machine runs.
BUSY = "for i in 1 2 3 4; do (while :; do :; done) & done"


class Smp(Scenario):
    """A master and slaves of each instruction set, all with several CPUs; then a slave with one."""

    name = "smp"
    extra_kernels = tuple(KERNELS.values())
    allowed_skips = ("all slaves are connected", "the window has no free part")

    def run(self):
        kits = {name: self.kits[kernel] for name, kernel in KERNELS.items()}
        self.kit.add_to_master([file for name, kit in kits.items() for file in kit.boot_files(f"/root/{name}")])
        address = self.address()
        master = self.master(address, slaves=3, memory=1024, window=768, limit=False)
        master.options += ["-smp", str(MASTER_CPUS)]
        slaves = {name: self.slave(address, IDS[name], memory=256, isa=kits[name].arch) for name in NAMES}
        for name, slave in slaves.items():
            slave.options += ["-smp", str(SLAVE_CPUS[name])]
        self.start_master(master)
        for slave in slaves.values():
            slave.start()
        self.bring_up(master)
        self.online("the master", master, MASTER_CPUS)
        self.expect("it tells how many CPUs all have", master, "cat /sys/bus/sdm/devices/sdm0-p[0-3]/cpus",
                    "^" + r"\s".join(str(n) for n in [MASTER_CPUS, *SLAVE_CPUS.values()]) + "$")
        for name, slave in slaves.items():
            self.boots(name, master, slave)
        self.run_together(master, [(f"{name}:", f"SDM_ROUNDS_PERCENT=10 SDM_PEER={IDS[name]}", "ordering", "")
                                   for name in NAMES], 600)
        self.run_test(master, "signals", "-F flood -F back_pressure -V pair_down -V pair_up", patience=300)
        for name, slave in slaves.items():
            self.hotplug(name, slave)
            self.while_busy(name, master, slave)
        self.single(master, slaves["riscv64"])

    def online(self, name, machine, number):
        """So many CPUs run, and none is waited for in vain."""
        expected = f"0-{number - 1}" if number > 1 else "0"
        self.expect(f"{name}: has {number} CPUs", machine, f"cat {CPUS}/present {CPUS}/online",
                    rf"^{expected}\s{expected}$")
        self.expect(f"{name}: each of them works", machine,
                    f"for i in $(seq 0 {number - 1}); do taskset $(printf %x $((1 << i))) "
                    "sh -c 'read -r a </proc/self/stat; echo on $(echo \"$a\" | cut -d\\  -f39)'; done",
                    r"\s".join(f"on {i}" for i in range(number)))

    def boots(self, name, master, slave):
        """With all its CPUs."""
        number = IDS[name]
        self.step(f"{name}: boots", self.boot_slave, master, slave, number, BOOT.format(id=number, name=name))
        self.online(name, slave, SLAVE_CPUS[name])
        self.probe(f"{name}: answers", master, f"ask {number}", "OK")

    def hotplug(self, name, slave):
        """A CPU goes and comes back, as the machine's firmware has it."""
        last = SLAVE_CPUS[name] - 1
        self.expect(f"{name}: a CPU goes offline", slave,
                    f"echo 0 >{CPUS}/cpu{last}/online && cat {CPUS}/online", f"^0-{last - 1}$")
        self.expect(f"{name}: it comes back", slave,
                    f"echo 1 >{CPUS}/cpu{last}/online && cat {CPUS}/online", f"^0-{last}$")

    def while_busy(self, name, master, slave):
        """A reset stops all CPUs, whatever they do, and all start again."""
        number = IDS[name]
        slave.get(BUSY + "; sleep 0.3")
        self.probe(f"{name}: reset", master, f"reset {number}", "OK")
        self.probe(f"{name}: waits in reset", master, f"wait {number} reset", "OK")
        slave.forget()
        self.boots(f"{name}", master, slave)

    def single(self, master, slave):
        """The same files boot a machine with one CPU."""
        number = IDS["riscv64"]
        slave.stop()
        slave.options[slave.options.index("-smp") + 1] = "1"
        slave.start()
        self.probe("single: it is back", master, f"wait {number} reset", "OK")
        self.step("single: boots", self.boot_slave, master, slave, number, BOOT.format(id=number, name="riscv64"))
        self.online("single", slave, 1)
