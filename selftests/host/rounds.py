#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Rounds: something goes on, a fault hits at a random moment, and everything must be as it should be afterwards."""

import functools
import os
import random
import re
import time

from . import console, net
from .activities import ACTIVITIES, DIED, GONE, KEPT, LOST, Bulk, Storm
from .faults import CASES
from .ktap import Result
from .machine import PATIENCE, Failure
from .proxy import Proxy
from .scenario import BOOT, Scenario

PORT = 1234     # in a namespace nobody else is
MEMORY = 192
KEEP_ALIVE = "keep-alive-ms=5000"
# When a boot is hit while its image is loaded, seconds
LOAD = (0, 0.2)


class Rounds(Scenario):
    """
    A master, slave 1 to which things happen, and slave 2, with which there is traffic all the time. The machines are
    kept from round to round, unless a round has failed.

    A round is given by its seed alone. Each of so many rounds as there are cases has another case.
    """

    # After so many seconds QEMU's master gives a slave up that does not answer.
    TIMEOUT = 5
    # Between two signals, or writes, to slave 2
    PAUSE = 20

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.arrangement = None
        self.network = self.proxy = None
        self.paths = {}              # path -> (address, prefix)
        self.master_machine = self.slave_machine = self.other_machine = None
        self.path, self.reconnect = "", False
        self.others = []
        self.problems = []
        self.remarks = []
        self.seen = {}
        self.ended = []
        self.numbers = 0
        self.booted = False

    def run(self):
        first = self.seed if self.seed is not None else int.from_bytes(os.urandom(3), "big")
        count = self.wanted_rounds or len(CASES)
        why_no_wire = net.why_not()
        self.report.note(f"{self.name}: --seed {first} --rounds {count}" +
                         (f"; no wire: {why_no_wire}" if why_no_wire else ""))
        # One after the other what needs the same machines.
        seeds = sorted(range(first, first + count), key=lambda seed: CASES[seed % len(CASES)][0], reverse=True)
        try:
            for seed in seeds:
                self.one(seed, why_no_wire)
        finally:
            self.tear_down()

    def one(self, seed, why_no_wire):
        """One round, and its result."""
        arrangement, fault, activities = CASES[seed % len(CASES)]
        rng = random.Random(seed)
        activity = rng.choice(activities)
        name = f"{fault.name} during {activity}, {arrangement} (--rounds 1 --seed {seed})"
        if fault.path == "wire" and why_no_wire:
            self.report.result(self.name, Result(name, "skip", why_no_wire))
            return
        self.problems, self.remarks = [], []
        begun = time.monotonic()
        try:
            self.set_up(arrangement, why_no_wire)
            self.round(fault(self, rng, activity), ACTIVITIES[activity], rng, seed)
        except (Failure, OSError) as failure:
            self.problems.append(str(failure))
        self.look_at_machines()
        self.check(name, not self.problems, "\n".join(self.problems))
        self.report.note(f"{self.name}: {time.monotonic() - begun:.0f} s; " + "; ".join(self.remarks))
        if self.problems:
            self.tear_down()

    def remark(self, text):
        """What helps to understand a round."""
        self.remarks.append(text)

    # Machines

    def set_up(self, arrangement, why_no_wire):
        """Has the machines run that this arrangement needs."""
        if self.arrangement == arrangement:
            return
        self.tear_down()
        self.arrangement = arrangement
        if arrangement == "shared":
            listen = self.address(unix=True)
            self.paths = {"direct": (listen, [])}
            prefix = []
        else:
            listen, prefix = self.set_up_network(why_no_wire)
        self.master_machine = self.master(listen)
        self.slave_machine = self.one_slave(1, "direct", False)
        self.other_machine = self.one_slave(2, "direct", True)
        for machine in (self.master_machine, self.other_machine):
            machine.prefix = prefix
        # Their logs must not replace those of an earlier arrangement.
        for machine in (self.master_machine, self.slave_machine, self.other_machine):
            machine.name = f"{arrangement}-{machine.name}"
            machine.starts = self.numbers
        self.start_all()

    def set_up_network(self, why_no_wire):
        """
        All ways in which slaves can be connected by TCP: their address, and what is to run their QEMU. Returns the same
        for the master.
        """
        listen = "host=127.0.0.1"
        port = self.address().rpartition("=")[2]
        prefix, enter = [], None
        self.paths = {}
        if not why_no_wire:
            self.network = net.Network()
            listen, port = "host=0.0.0.0", PORT
            prefix, enter = self.network.prefix("master"), functools.partial(self.network.enter, "master")
            self.paths["wire"] = (f"host={net.MASTER},port={port},{KEEP_ALIVE}", self.network.prefix("slave"))
        self.proxy = Proxy(("127.0.0.1", int(port)), enter)
        for path, number in (("direct", port), ("proxy", self.proxy.port)):
            self.paths[path] = (f"host=127.0.0.1,port={number},{KEEP_ALIVE}", prefix)
        return f"{listen},port={port},{KEEP_ALIVE}", prefix

    def one_slave(self, number, path, reconnect):
        """A slave's machine."""
        return self.slave(self.paths[path][0] + (",reconnect-ms=200" if reconnect else ""), number, memory=MEMORY,
                          ram=",share=on" if self.arrangement == "shared" else "")

    def start_all(self):
        """Starts, or starts again, the master and both slaves, and boots the second one."""
        for machine in (self.slave_machine, self.other_machine, self.master_machine):
            machine.stop()
        self.start_master(self.master_machine)
        self.start_slave("direct")
        self.other_machine.start()
        self.bring_up(self.master_machine)
        self.wait_state("reset", 2)
        self.boot_slave(self.master_machine, self.other_machine, 2)
        self.start_others()

    def start_slave(self, path, reconnect=False):
        """Starts slave 1 again, connected in this way."""
        self.slave_machine.stop()
        self.slave_machine.options = self.one_slave(1, path, reconnect).options
        self.slave_machine.prefix = self.paths[path][1]
        self.slave_machine.start()
        self.path, self.reconnect = path, reconnect
        self.booted = False

    def tear_down(self):
        """Ends everything."""
        self.numbers += 100
        for machine in (self.slave_machine, self.other_machine, self.master_machine):
            if machine and (problem := machine.stop()):
                self.check("QEMU ends", False, problem)
        if self.proxy:
            self.proxy.close()
        if self.network:
            self.network.close()
        self.arrangement = self.network = self.proxy = None

    def look_at_machines(self):
        """No QEMU may have ended by itself, and no kernel may have complained."""
        for machine in self.machines:
            status = machine.unexpected_end()
            if status is not None and machine not in self.ended:
                self.ended.append(machine)
                self.problems.append(f"{machine.name}'s QEMU ended with status {status}: {machine.messages()[-1500:]}")
            splats = console.splats(machine.complaints())
            if len(splats) > self.seen.get(machine.console_path, 0):
                self.problems.append(f"{machine.name}: {splats[-1][:1500]}")
                self.seen[machine.console_path] = len(splats)

    # Looking

    def wait_guest(self, machine, command, what):
        """Waits until a command in a guest succeeds."""
        status, output = machine.run(f"for i in $(seq 300); do {command} && exit; sleep 0.1; done; exit 1")
        if status:
            raise Failure(f"{machine.name}: it does not happen that {what}: {output[-500:]}")

    def state(self, number=1):
        """A slave's state as the master sees it."""
        return self.master_machine.get(f"cat /sys/bus/sdm/devices/sdm0-p{number}/state")

    def generation(self):
        """The number of slave 1's connection."""
        return int(self.master_machine.get("/tests/probe state 1").split()[1])

    def wait_state(self, state, number=1):
        """The master must see a slave get into a state."""
        output = self.master_machine.get(f"/tests/probe wait {number} {state}")
        if not output.startswith("OK"):
            raise Failure(f"slave {number} does not become {state} but is {self.state(number)}: {output}")

    def comes_back(self, number, generation=None):
        """A slave must connect again by itself, as it is."""
        deadline = time.monotonic() + PATIENCE
        while (state := self.master_machine.get(f"/tests/probe state {number}").split())[0] not in (
                "running", "reset") or int(state[1]) == generation:
            if time.monotonic() > deadline:
                raise Failure(f"slave {number} does not connect again: {' '.join(state)}")
            time.sleep(0.1)

    def tells(self, state):
        """The master's guest is told the right state, and that calls cannot work."""
        self.wait_state(state)
        self.must("./sdm-test -l 0", f"^ *1 {state} ")
        if state in ("lost", "absent"):
            for call in ("send 1", "boot 1 0x40008000 5000", "reset 1 5000", "read 1 0 4", "write 1 0 4"):
                self.must(f"/tests/probe {call}", "^ENOLINK in")

    def must(self, command, pattern):
        """A command in the master's guest; what it prints must match."""
        _, output = self.master_machine.run(command)
        if not re.search(pattern, output, re.MULTILINE):
            self.problems.append(f"{command}: no {pattern!r} in {output}")

    # The others

    def start_others(self):
        """Traffic with slave 2, from now on, until the master's programs end."""
        self.numbers += 1
        self.others = [kind(self.master_machine, self.other_machine, self.problems.append, 2, self.numbers, self.PAUSE)
                       for kind in (Storm, Bulk)]
        for one in self.others:
            one.begin()

    def others_go_on(self, when):
        """The traffic with slave 2 must be as if nothing had happened."""
        since = [one.progress() for one in self.others]
        for one, before in zip(self.others, since):
            try:
                one.goes_on(before)
            except Failure as failure:
                raise Failure(f"{when}: {failure}") from failure

    # A round

    def prepare(self, activity, fault):
        """Slave 1 is connected in the way that the fault needs, and waits in reset or runs Linux."""
        if fault.path not in (self.path, "direct") or fault.reconnect != self.reconnect:
            self.start_slave(fault.path, fault.reconnect)
        if activity.needs_guest and not self.booted:
            self.new_boot()
        elif not activity.needs_guest and self.booted:
            self.must("./sdm-test -R 0 1", "^slave 1 in reset")
            self.booted = False
        if not activity.needs_guest:
            self.wait_state("reset")

    def new_boot(self):
        """Whatever happened: slave 1 can be booted, and works."""
        if self.state() == "running":
            self.must("./sdm-test -R 0 1", "^slave 1 in reset")
        self.wait_state("reset")
        self.slave_machine.forget()
        self.master_machine.get(BOOT.format(id=1))
        self.slave_machine.wait_ready()
        self.must("/tests/probe ask 1", "^OK in")
        self.must("/tests/probe write 1 0x8000000 100000", "^100000 in")
        self.booted = True

    def round(self, fault, kind, rng, seed):
        """Something goes on, the fault hits, all is looked at, and there is a new boot."""
        master = self.master_machine
        self.prepare(kind, fault)
        generation, starts = self.generation(), master.starts
        for one in self.others:
            one.say = self.problems.append
        others = [one.progress() for one in self.others]
        activity = kind(master, self.slave_machine, self.problems.append, 1, seed % 1000000 + 1000)
        delay = rng.uniform(*(LOAD if fault.during_load and kind.name == "boot" else kind.span))
        activity.begin(fault.alone(delay))
        time.sleep(delay)
        progress = activity.progress()
        fault.hit()
        self.remark(f"{fault.effect} after {delay:.2f} s")
        if fault.effect == KEPT and kind.goes_on_for_ever:
            activity.goes_on(progress)
        if fault.effect == LOST and not fault.reconnect:
            self.tells(fault.state)
        activity.verify(fault.effect, fault.guest and kind.needs_guest)
        # These end all programs in the master, those that have to do with slave 2, too.
        ends_all = fault.effect in (GONE, DIED)
        if ends_all:
            for one in self.others:
                one.verify(fault.effect, True)
        fault.heal()
        if ends_all and master.starts == starts:
            self.start_others()
        elif not ends_all:
            for one, before in zip(self.others, others):
                one.goes_on(before)
        if fault.effect != LOST and master.starts == starts and self.generation() != generation:
            self.problems.append("the connection is another one, though nothing has ended it")
        if fault.effect == LOST and not fault.reconnect:
            self.start_slave("direct")
        self.new_boot()
        self.others_go_on("after the new boot")


class Faults(Rounds):
    """Faults of all kinds at random moments: processes, network, guests, drivers."""

    name = "faults"


class FaultsDebug(Rounds):
    """The same with kernels that look for bugs in themselves; only if it is named."""

    name = "faults-debug"
    kernel = "debug"
    only_by_name = True
