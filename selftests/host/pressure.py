#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Back-pressure: who sends more than others take has to wait, and nobody else."""

import time

from .activities import KEPT, Bulk, Storm
from .scenario import Scenario

DRIVER = "/sys/bus/platform/drivers/sdm-platform"

# So much more may a QEMU take for what is under way: queues, and what the C library keeps of them.
ALLOWANCE = 8 << 20

# What a probe has printed in the end
WAIT_FOR_END = "for i in $(seq 300); do grep ms {0} && exit; sleep 0.1; done; cat {0}; exit 1"


class Pressure(Scenario):
    """Guests that flood and guests that do not read: senders wait, others do not, and memory is bounded."""

    name = "pressure"

    def run(self):
        address = self.address()
        self.guest = self.master(address)
        self.slaves = [self.slave(address, number, memory=192) for number in (1, 2)]
        self.start_master(self.guest)
        for slave in self.slaves:
            slave.start()
        self.bring_up(self.guest)
        for number, slave in enumerate(self.slaves, 1):
            self.probe(f"slave {number} waits", self.guest, f"wait {number} reset", "OK")
            self.step(f"slave {number} boots", self.boot_slave, self.guest, slave, number)
        self.start_others()
        # All has been used once: what it needs is there.
        self.probe("slave 1 answers", self.guest, "ask 1", "OK")
        self.before = [machine.heap() for machine in self.machines]
        self.slave_does_not_read()
        self.program_does_not_read()
        self.slave_is_stopped()
        self.end_others()
        self.master_does_not_read()

    # Slave 2, with which there is traffic all the time

    def start_others(self):
        """From now on."""
        self.problems = []
        self.others = [kind(self.guest, self.slaves[1], self.problems.append, 2, 1, 10) for kind in (Storm, Bulk)]
        for one in self.others:
            one.begin()

    def others_go_on(self, name):
        """One result: both its signals and its memory."""
        for one in self.others:
            self.step(f"{name}: {one.name} with slave 2 goes on", one.goes_on, one.progress())

    def end_others(self):
        """One result: nothing was lost in all that time, and nothing came twice."""
        for one in self.others:
            one.verify(KEPT, True)
        self.check("nothing of slave 2 was lost", not self.problems, "\n".join(self.problems))

    def memory_is_bounded(self, name):
        """One result for each QEMU."""
        for machine, before in zip(self.machines, self.before):
            grown = machine.heap() - before
            self.report.note(f"{self.name}: {machine.name}: {grown >> 10} KiB more than {before >> 10} KiB")
            self.check(f"{name}: memory of {machine.name}'s QEMU is bounded", grown < ALLOWANCE,
                       f"{grown} bytes more than before, {before}")

    # What is to be survived

    def slave_does_not_read(self):
        """Slave 1's device has no driver: nobody takes its signals."""
        name = "slave does not read"
        slave = self.slaves[0]
        device = slave.get("cd /sys/bus/platform/devices && ls -d *.sdm")
        slave.get(f"killall responder; echo {device} >{DRIVER}/unbind")
        self.probe(f"{name}: the master is told", self.guest, "state 1", r"running \d+ in")
        self.guest.background("/tests/probe room 1", "/tmp/room", "full")
        self.expect(f"{name}: poll() says that it is full", self.guest, "cat /tmp/room",
                    r"^full after [1-9]\d*, poll 0x?0*$")
        self.probe(f"{name}: without waiting", self.guest, "send 1", "EAGAIN in")
        self.probe(f"{name}: with waiting", self.guest, "send 1 500", r"ETIMEDOUT in [5-9]\d\d|ETIMEDOUT in \d{4}")
        self.guest.background("(echo begun; /tests/probe send 1 3600000)", "/tmp/send", "begun")
        self.others_go_on(name)
        self.probe(f"{name}: own signals", self.guest, "send 0", "OK")
        self.probe(f"{name}: slave 2 answers", self.guest, "ask 2", "OK")
        self.memory_of_slave_1(name)
        self.expect(f"{name}: a sender still waits", self.guest, "cat /tmp/send", r"\Abegun\s*\Z")
        self.memory_is_bounded(name)
        slave.get(f"echo {device} >{DRIVER}/bind; /tests/responder")
        for what, pattern in (("room", "OK"), ("send", "OK")):
            self.expect(f"{name}: who waits by {what} goes on when it does", self.guest,
                        WAIT_FOR_END.format(f"/tmp/{what}"), f"^{pattern} in")
        self.probe(f"{name}: it does again", self.guest, "ask 1", "OK")

    def memory_of_slave_1(self, name):
        """Its memory is not affected by its signals."""
        problems = []
        bulk = Bulk(self.guest, self.slaves[0], problems.append, 1, 7)
        bulk.begin()
        self.step(f"{name}: its memory goes on", bulk.goes_on, 16)
        bulk.verify(KEPT, True)
        self.check(f"{name}: all of it is there", not problems, "\n".join(problems))

    def program_does_not_read(self):
        """The master's driver takes signals, but a program there does not: the slave floods, others do not mind."""
        name = "program does not read"
        self.guest.background("(exec 3</dev/sdm0; echo begun; exec sleep 100000)", "/tmp/open",
                              "begun")
        self.slaves[0].background("(for i in $(seq 20); do SDM_DEVICE=0 /tests/probe fill 0; done; echo ended)",
                                  "/tmp/flood", "after")
        self.others_go_on(name)
        self.memory_of_slave_1(name)
        self.expect(f"{name}: the flood ends", self.slaves[0],
                    "for i in $(seq 600); do grep ended /tmp/flood && exit; sleep 0.1; done; exit 1", "ended")
        self.memory_is_bounded(name)
        self.guest.get("kill $(cat /tmp/open.pid)")
        self.probe(f"{name}: the slave answers", self.guest, "ask 1", "OK")

    def slave_is_stopped(self):
        """The master posts writes to a slave that does not run: it is held up, and gives up in time."""
        name = "slave is stopped"
        slave = self.slaves[0]
        self.guest.background("/tests/probe posting 1", "/tmp/posting", "begun")
        slave.pause()
        self.others_go_on(name)
        most = []
        for _ in range(100):
            most.append(self.machines[0].heap())
            if "ms" in self.guest.get("cat /tmp/posting"):
                break
            time.sleep(0.1)
        grown = max(most) - self.before[0]
        self.report.note(f"{self.name}: at most {grown >> 10} KiB more than {self.before[0] >> 10} KiB")
        self.check(f"{name}: what is under way is bounded", grown < ALLOWANCE, f"{grown} bytes more than before")
        self.expect(f"{name}: the writer is told", self.guest,
                    WAIT_FOR_END.format("/tmp/posting"),
                    r"^(EIO|ENOLINK) after \d+, the last one took")
        self.probe(f"{name}: state", self.guest, "wait 1 lost", "OK")
        self.others_go_on(f"{name}, and lost")
        slave.stop()
        slave.start()
        self.probe(f"{name}: it is back", self.guest, "wait 1 reset", "OK")
        self.step(f"{name}: it boots again", self.boot_slave, self.guest, slave, 1)
        self.memory_is_bounded(name)

    def master_does_not_read(self):
        """The master's device has no driver: both slaves are held up, and go on afterwards."""
        name = "master does not read"
        device = self.guest.get("cd /sys/bus/platform/devices && ls -d *.sdm")
        self.guest.get(f"echo {device} >{DRIVER}/unbind")
        for slave in self.slaves:
            slave.background("SDM_DEVICE=0 /tests/probe room 0", "/tmp/room", "full")
            self.expect(f"{name}: {slave.name} is held up", slave, "cat /tmp/room",
                        r"^full after [1-9]\d*, poll 0x?0*$")
            self.expect(f"{name}: {slave.name} can wait", slave, "SDM_DEVICE=0 /tests/probe send 0 300",
                        "^ETIMEDOUT in")
        self.memory_is_bounded(name)
        self.guest.get(f"echo {device} >{DRIVER}/bind")
        for number, slave in enumerate(self.slaves, 1):
            self.expect(f"{name}: {slave.name} goes on", slave,
                        WAIT_FOR_END.format("/tmp/room"), "^OK in")
            self.probe(f"{name}: {slave.name} answers", self.guest, f"ask {number}", "OK")
