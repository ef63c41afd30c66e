#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that know little of it: another one on the slave, and a master without mem=."""

from .scenario import Scenario
from .single import NO_PAIR


class NoLimit(Scenario):
    """A master without mem= on its kernel's command line: the window must not become RAM."""

    name = "nolimit"

    def run(self):
        master, slave = self.start_pair(memory=320, limit=False)
        lines = master.get("cat /proc/iomem").splitlines()
        ram = [line for line in lines if line.endswith(": System RAM")]
        self.check("the window is no System RAM", ram and all(int(line.split("-")[0], 16) < 0x60000000 and
                                                              int(line.split("-")[1].split()[0], 16) < 0x60000000
                                                              for line in ram), "\n".join(lines))
        self.expect("the window is there", master, "cat /sys/bus/sdm/devices/sdm0/window_size", "^536870912$")
        self.step("the slave boots", self.boot_slave, master, slave)
        self.run_test(master, "window", "-f direct -t write_widths -t read_widths", patience=600)
        # All of the memory that the kernel takes for its own
        self.expect("the rest of the memory is usable", master,
                    "head -c 200000000 /dev/zero >/tmp/a && wc -c </tmp/a && rm /tmp/a", "200000000")
        self.probe("the slave still answers", master, "ask 1", "OK")


class Foreign(Scenario):
    """Slave: Debian's own kernel, with an initrd, booted by the small master."""

    name = "foreign"
    extra_kernels = ("armmp",)

    def run(self):
        self.kit.add_foreign_slave(self.kits["armmp"])
        master, slave = self.start_pair(memory=320)
        before = self.bytes_moved(master)
        self.step("Debian's kernel boots", self.boot_slave, master, slave, 1,
                  "./sdm-test -b 0 {id} foreign-zImage test.dtb --initrd foreign-initrd")
        size = int(master.get("cat foreign-zImage foreign-initrd | wc -c"))
        self.check_way("the load", "bulk", before, self.bytes_moved(master), size)
        self.expect("it is Debian's", slave, "cat /proc/version", "Debian")
        self.probe("it answers", master, "ask 1", "OK")
        self.run_test(master, "signals", f"{NO_PAIR} -v slave")
        self.run_test(master, "window", "-f direct -t write_widths -t read_widths -t large_copies", patience=600)
        self.run_test(master, "ordering", patience=300, environment="SDM_ROUNDS_PERCENT=5")
