#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What can happen to machines, guests and networks, one class each."""

import time

from .activities import DEAF, DIED, GONE, KEPT, LOST
from .machine import PATIENCE, Failure

DRIVER = "/sys/bus/platform/drivers/sdm-platform"

EVERY = ("idle", "bulk", "storm", "load", "boot")
GUEST = ("idle", "bulk", "storm")
MAPPED = ("idle", "bulk", "mapped", "storm", "boot")


class Fault:
    """
    effect      on what goes on, see activities.py
    path        how the slave is connected: "direct", by the "proxy", or by the bad "wire"
    activities  during which it can hit
    reconnect   whether the slave connects again by itself
    guest       whether Linux on the slave can be asked afterwards, if it ran before
    during_load in a boot it hits while the image is being loaded: it has to do with what is on its way
    state       in which the master sees the slave then, if the connection is gone
    """

    name = ""
    effect = KEPT
    path = "direct"
    reconnect = False
    activities = EVERY
    guest = True
    during_load = False
    state = "lost"

    def __init__(self, scenario, random, activity):
        self.scenario = scenario
        self.random = random
        self.activity = activity
        self.master = scenario.master_machine
        self.slave = scenario.slave_machine

    def alone(self, delay):
        """A fault that the master's guest itself brings about, after so many seconds, and that ends all in it."""
        del delay
        return ""

    def hit(self):
        """Does it; returns when it has done what it does."""

    def heal(self):
        """Undoes it, as far as it is not the slave's matter."""


class SlaveKilled(Fault):
    """SIGKILL for the slave's QEMU."""

    name = "slave-killed"
    effect = LOST
    guest = False

    def hit(self):
        self.slave.kill()


class SlavePaused(Fault):
    """SIGSTOP for the slave's QEMU, and SIGCONT before anybody loses patience."""

    name = "slave-paused"

    def hit(self):
        self.slave.pause()
        time.sleep(self.random.uniform(0.2, 1.5))
        self.slave.resume()


class SlaveHangs(Fault):
    """SIGSTOP for longer than the master waits. Who has nothing to wait for does not even see it."""

    name = "slave-hangs"

    def hit(self):
        self.slave.pause()
        try:
            self.scenario.others_go_on("while the slave hangs")
            deadline = time.monotonic() + self.scenario.TIMEOUT + 2
            while time.monotonic() < deadline and self.scenario.state() != "lost":
                time.sleep(0.2)
        finally:
            self.slave.resume()
        if self.scenario.state() == "lost":
            self.effect = LOST
        elif self.activity in ("bulk", "load") and self.scenario.arrangement == "tcp":
            raise Failure("the master waits for a slave that hangs, longer than it may")


class SlaveExits(Fault):
    """The slave's machine ends in order: by its guest, or by whoever runs it."""

    name = "slave-exits"
    effect = LOST
    guest = False
    state = "absent"

    def hit(self):
        if self.activity in GUEST + ("mapped",):
            self.slave.power_off()
            return
        self.slave.expected_end = True
        self.slave.process.terminate()
        self.slave.process.wait(PATIENCE)


class SlavePanics(Fault):
    """The slave's kernel gives up. Its machine is there, and its memory can be read, but nobody takes signals."""

    name = "slave-panics"
    effect = DEAF
    activities = GUEST
    guest = False

    def hit(self):
        since = len(self.slave.console())
        self.slave.begin("echo c >/proc/sysrq-trigger")
        self.slave.wait_console("end Kernel panic", since=since)


class MasterKilled(Fault):
    """SIGKILL for the master's QEMU; it is started again, and so are the slaves."""

    name = "master-killed"
    effect = DIED

    def alone(self, delay):
        # Programs have the agent for themselves, so that it is known what they have said.
        return ": ; "

    def hit(self):
        self.master.kill()
        if self.activity in GUEST + ("mapped",):
            self.scenario.wait_guest(self.slave, "grep -qE 'lost|connecting' /sys/bus/sdm/devices/sdm0-p0/state",
                                     "it is told that the master has gone")

    def heal(self):
        self.scenario.start_all()


class MasterReplaced(MasterKilled):
    """The same, but the slaves run on and connect to the next master by themselves."""

    name = "master-replaced"
    reconnect = True

    def heal(self):
        self.scenario.start_master(self.master)
        self.scenario.bring_up(self.master)
        self.scenario.comes_back(1)
        self.scenario.comes_back(2)
        self.scenario.start_others()


class MasterReboots(Fault):
    """Linux on the master starts anew; its machine and all connections stay."""

    name = "master-reboots"
    effect = DIED

    def alone(self, delay):
        self.since = len(self.master.console())
        return f"(sleep {delay:.1f}; exec reboot -f) & "

    def hit(self):
        self.master.wait_console("Booting Linux", since=self.since)

    def heal(self):
        self.scenario.bring_up(self.master)


class ConnectionReset(Fault):
    """RST for both sides, while both live."""

    name = "connection-reset"
    effect = LOST
    path = "proxy"

    def hit(self):
        self.scenario.proxy.reset()


class ConnectionResetAgain(ConnectionReset):
    """The same, but the slave connects again by itself."""

    name = "connection-reset-again"
    reconnect = True
    activities = GUEST + ("boot",)

    def hit(self):
        before = self.scenario.generation()
        super().hit()
        self.scenario.comes_back(1, before)


class ConnectionSlow(Fault):
    """Small pieces, each of them late, and nothing at all for a while."""

    name = "connection-slow"
    path = "proxy"
    during_load = True

    def hit(self):
        proxy = self.scenario.proxy
        try:
            proxy.disturb(chunk=self.random.randint(1, 3000), delay=self.random.uniform(0, 0.01))
            time.sleep(self.random.uniform(0.5, 1.5))
            proxy.blackout(1)
            time.sleep(self.random.uniform(1, 2))
        finally:
            proxy.disturb()


class PacketsLost(Fault):
    """Some get lost, others overtake each other."""

    name = "packets-lost"
    path = "wire"
    during_load = True

    def disturb(self, wire):
        """What the wire does for some seconds."""
        wire.disturb(delay=0.001, jitter=0.01, loss=self.random.uniform(0.005, 0.03),
                     reorder=self.random.uniform(0.05, 0.2))

    def hit(self):
        wire = self.scenario.network.wire
        packets, lost, late = wire.packets, wire.lost, wire.late
        try:
            self.disturb(wire)
            time.sleep(self.random.uniform(2, 4))
        finally:
            wire.disturb()
        self.scenario.remark(f"{wire.packets - packets} packets, {wire.lost - lost} lost, "
                             f"{wire.late - late} out of order")


class PacketsLate(PacketsLost):
    """Each takes its time."""

    name = "packets-late"

    def disturb(self, wire):
        wire.disturb(delay=self.random.uniform(0.02, 0.1), jitter=0.03, reorder=0.3)


class Blackouts(PacketsLost):
    """Nothing comes through for a second, twice."""

    name = "blackouts"

    def disturb(self, wire):
        for _ in range(2):
            wire.blackout(1)
            time.sleep(self.random.uniform(1.5, 2.5))


class WireCut(Fault):
    """Nothing comes through any more, and neither side is told by the network."""

    name = "wire-cut"
    effect = LOST
    path = "wire"
    during_load = True

    def hit(self):
        self.scenario.network.wire.blackout(3600)
        self.scenario.wait_state("lost")
        if self.activity in GUEST:
            self.scenario.wait_guest(self.slave, "grep -q lost /sys/bus/sdm/devices/sdm0-p0/state",
                                     "it is told that the master cannot be reached")

    def heal(self):
        self.scenario.network.wire.blackout(0)


class DriverUnbound(Fault):
    """The master's driver leaves its device, while files are open, memory is mapped, and readers wait."""

    name = "driver-unbound"
    effect = GONE

    def readers(self):
        """Programs that wait for what does not come, and use what goes."""
        self.master.background("./sdm-test -v -w 0", "/tmp/waiter", "")
        self.mapped = self.scenario.arrangement == "shared"
        if self.mapped:
            self.master.background("/tests/probe mapping 1", "/tmp/mapping", "begun")

    def all_ended(self):
        """Nobody waits any more, and each has been told."""
        self.scenario.wait_guest(self.master, "grep -q 'is gone' /tmp/waiter", "a reader that waits is told")
        if self.mapped:
            self.scenario.wait_guest(self.master, "grep -q SIGBUS /tmp/mapping", "who uses a mapping is told")

    def hit(self):
        self.readers()
        self.device = self.master.get("cd /sys/bus/platform/devices && ls -d *.sdm")
        self.master.get(f"echo {self.device} >{DRIVER}/unbind")
        self.all_ended()

    def heal(self):
        self.master.get(f"echo {self.device} >{DRIVER}/bind")


class ModulesUnloaded(DriverUnbound):
    """The same by unloading modules: what is in use stays, the device goes."""

    name = "modules-unloaded"

    def hit(self):
        self.readers()
        status, output = self.master.run("rmmod sdm_test_mod")
        if not status:
            raise Failure(f"a module in use was unloaded: {output}")
        self.master.get("rmmod sdm_platform")
        self.all_ended()

    def heal(self):
        self.scenario.wait_guest(self.master, "rmmod sdm_test_mod", "modules that nobody uses can be unloaded")
        self.master.get("rmmod sdm_mailbox sdm_core && modprobe -a sdm_platform sdm_mailbox sdm_test_mod")


# How the machines are connected, and what happens then; the seed says which of them
TCP = (SlaveKilled, SlavePaused, SlaveHangs, SlaveExits, SlavePanics, MasterKilled, MasterReplaced, MasterReboots,
       ConnectionReset, ConnectionResetAgain, ConnectionSlow, PacketsLost, PacketsLate, Blackouts, WireCut,
       DriverUnbound, ModulesUnloaded)
SHARED = (SlaveKilled, SlaveHangs, MasterKilled, MasterReplaced, MasterReboots, DriverUnbound, ModulesUnloaded)
CASES = tuple(("tcp", fault, fault.activities) for fault in TCP) + tuple(("shared", fault, MAPPED) for fault in SHARED)
