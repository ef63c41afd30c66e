#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One machine."""

from .console import splats
from .scenario import Scenario

# What is left out where there is nothing to do it with
NO_PAIR = "-F back_pressure -V pair_down -V pair_up"
NO_SLAVE = "-F flood -V slave"


class Self(Scenario):
    """One master without slaves: what needs nobody else."""

    name = "self"

    def run(self):
        master = self.master(self.address())
        master.start()
        self.bring_up(master)
        self.run_test(master, "ioctl")
        self.run_test(master, "events")
        self.run_test(master, "signals", f"{NO_PAIR} {NO_SLAVE}")

        self.complaints(master)

    def complaints(self, machine):
        """The test notices what a kernel complains of, but for what it was told to disregard."""
        def complain(text):
            return machine.run(f"echo '{text}' >/dev/kmsg; sleep 0.1")

        with machine.no_complaints():
            complain("Oops: a fictitious one")
            self.check("complaints meant to be disregarded are", not splats(machine.complaints()))
        complain("all is well")
        self.check("... afterwards as well", not splats(machine.complaints()) and "all is well" in machine.complaints())
        complain("Oops: another one")
        found = splats(machine.complaints())
        self.check("others are not", len(found) == 1 and "another one" in found[0], found)
        parts = machine.disregarded[machine.console_path]
        parts[:] = [(parts[0][0], len(machine.console()))]


class Pair(Scenario):
    """The two devices of one QEMU, without a network."""

    name = "pair"
    allowed_skips = ("all slaves are connected", "no memory window")

    def run(self):
        machine = self.machine("master", [
            "-no-reboot", "-kernel", self.kit.kernel, "-M", "virt", "-m", "512M", "-initrd", self.kit.master_initrd,
            "-object", "sdm-communication-local,id=localcomm", "-object", "sdm-signal,id=interrupt",
            "-device", "sdm-platform,comm=localcomm,master,num-slaves=1,len-signals=1,signals[0]=interrupt",
            "-device", "sdm-platform,comm=localcomm,len-signals=1,signals[0]=interrupt",
            "-append", "panic_on_warn=1 panic=-1"])
        machine.start()
        self.bring_up(machine)
        self.run_test(machine, "ioctl")
        self.run_test(machine, "events")
        self.run_test(machine, "signals", NO_SLAVE)
