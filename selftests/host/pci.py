#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The SDM on PCI."""

from .scenario import Scenario


def window_bar(master):
    """The address of BAR 2 of the device."""
    return int(master.get("sed -n 3p /sys/bus/pci/drivers/sdm-pci/0*/resource").split()[0], 0)


class PciDebian(Scenario):
    """A master with the SDM and its window on PCI, and Debian's own kernel, which has drivers for that."""

    name = "pci-debian"
    kernel = "armmp"
    # Such a kernel reaches no more than 4 GiB of addresses.
    window = 256
    options = ("-M", "virt,highmem=off")

    def run(self):
        master, slave = self.start_pair(memory=self.window, sdm="sdm-pci", window=self.window, options=self.options)
        self.expect("its interrupt is a message", master, "cat /sys/bus/pci/drivers/sdm-pci/0*/msi_irqs/*", "^msi")
        base = int(master.get("cat /sys/bus/sdm/devices/sdm0/window_base"), 0)
        self.check("the window is where it should be", base == window_bar(master), f"{base:#x}")
        self.step("the slave boots", self.boot_slave, master, slave)
        for program, arguments in (("window", "-t write_widths -t read_widths"),
                                   ("signals", "-V pair_down -V pair_up -t payload -t order"),
                                   ("bulk", "-t odd_writes -t odd_reads")):
            self.run_test(master, program, arguments, environment="SDM_ROUNDS_PERCENT=10")
        self.probe("reset", master, "reset 1", "OK")
        slave.forget()
        self.step("the slave boots again", self.boot_slave, master, slave)
        self.probe("it answers", master, "ask 1", "OK")
