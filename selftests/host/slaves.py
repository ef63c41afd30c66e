#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Slaves that signal each other, whatever becomes of one of them."""

import re

from .activities import KEPT, Storm
from .machine import Failure
from .scenario import BOOT, Scenario

# MiB; Linux needs about half of it.
MEMORY = 64
# Between two signals, ms: the machines have something else to do as well.
STEADY, CALM = 10, 50
# How many signals in each direction are enough to believe that more would work
ENOUGH = 500
# What is waited for in a guest by its shell: tenths of a second
TRIES = 1200


class Exchange(Storm):
    """Numbered signals between two slaves, in both directions."""

    name = "exchange"

    def __init__(self, slaves, pair, say, seed, pause=0):
        self.home, other = pair
        super().__init__(slaves[self.home], slaves[other], say, other, seed, pause)

    def breaks(self, reasons):
        """It must end by itself for one of these reasons, and nothing must have come that was wrong."""
        self.end(self.ours, reasons)


class Slaves(Scenario):
    """
    Three slaves signal each other. One is reset, killed, switched off, and comes back each time; then one is killed
    while another one sends to it. Those that nothing happens to must lose nothing.
    """

    name = "slaves"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.slaves = {}
        self.problems = []
        self.sessions = 0

    def run(self):
        address = self.address()
        master = self.master(address, slaves=3, memory=256 + 3 * MEMORY, window=3 * MEMORY)
        self.slaves = {number: self.slave(address, number, MEMORY) for number in (1, 2, 3)}
        self.start_master(master)
        for slave in self.slaves.values():
            slave.start()
        self.bring_up(master)
        for number in self.slaves:
            self.probe(f"slave {number} arrives", master, f"wait {number} reset", "OK")
            master.get(BOOT.format(id=number))
        for slave in self.slaves.values():
            self.step(f"{slave.name} boots", slave.wait_ready)
        steady = self.exchange(1, 2, STEADY)
        for name, leave, state, reasons in (
                ("reset", self.reset, "reset", ("reset", "driver")),
                ("killed", self.killed, "lost", ("lost", "ENOLINK")),
                ("switched off", self.switched_off, "absent", ("absent", "driver", "ENOLINK"))):
            self.leaves(name, master, 3, leave, state, reasons)
            self.step(f"{name}: others go on without it", steady.goes_on, steady.progress())
            self.comes_back(name, master, 3)
            self.talks(name, 3)
            self.step(f"{name}: others go on", steady.goes_on, steady.progress())
        self.ends("nothing between the others was lost", steady)
        self.second_is_killed(master)

    # Exchanges

    def exchange(self, one, other, pause=0):
        """Begins one, once both see each other's driver."""
        self.wait_sees(one, other, r"running [0-9]* driver")
        self.wait_sees(other, one, r"running [0-9]* driver")
        self.sessions += 1
        exchange = Exchange(self.slaves, (one, other), self.problems.append, self.sessions, pause)
        exchange.begin()
        return exchange

    def no_problem(self, name):
        """One result: whether exchanges had nothing to say."""
        self.check(name, not self.problems, "\n".join(self.problems))
        self.problems.clear()

    def ends(self, name, exchange):
        """It is ended in order: each signal must have come, once and in its turn."""
        exchange.verify(KEPT, True)
        self.report.note(f"{self.name}: {name}: {exchange.progress()} in each direction at least")
        self.no_problem(name)

    # What a slave sees

    def wait_sees(self, one, other, pattern):
        """Waits until a slave sees another one in a state; a pattern of grep. Returns what it sees."""
        status, output = self.slaves[one].run(
            f"for i in $(seq {TRIES}); do state=$(/tests/probe state {other}); echo $state | grep '^{pattern} ' && "
            "exit; sleep 0.1; done; echo $state; exit 1", TRIES)
        if status:
            raise Failure(f"slave {one} sees of slave {other} no {pattern!r} but {output}")
        return output

    def generation(self, one, other):
        """The number of a connection."""
        return int(re.search(r"\d+", self.slaves[one].get(f"/tests/probe state {other}"))[0])

    def others(self, number):
        """All but one."""
        return [other for other in self.slaves if other != number]

    # One goes and comes back

    def leaves(self, name, master, number, leave, state, reasons):
        """It goes while another one signals it as fast as it can; all others learn of it."""
        exchange = self.exchange(1, number)
        self.step(f"{name}: slave {number}", leave, master, number)
        exchange.breaks(reasons)
        self.no_problem(f"{name}: slave 1 is told")
        for other in self.others(number):
            self.step(f"{name}: slave {other} sees it", self.wait_sees, other, number, rf"{state} [0-9]*")
            # A machine in reset takes what there is room for.
            self.probe(f"{name}: slave {other} sends to it", self.slaves[other], f"fill {number}",
                       "EAGAIN after" if state == "reset" else "ENOLINK after 0")
        if state != "reset":
            self.expect(f"{name}: sdm-test says so", self.slaves[1], f"sdm-test -s 0 {number} 46",
                        f"slave {number}: it is not connected", 1)
        self.probe(f"{name}: its master sees it", master, f"wait {number} {state}", "OK")

    def comes_back(self, name, master, number):
        """Each of the others can signal it again, by its new connection if the old one is gone."""
        slave = self.slaves[number]
        others = self.others(number)
        before = {other: self.generation(other, number) for other in others}
        same = slave.is_running()
        if not same:
            slave.start()
        for other in others:
            self.step(f"{name}: slave {other} sees it in reset", self.wait_sees, other, number, "reset [0-9]*")
        after = {other: self.generation(other, number) for other in others}
        self.check(f"{name}: it is {'the same' if same else 'another'} connection",
                   all((before[other] == after[other]) == same for other in others), f"{before}, {after}")
        self.step(f"{name}: it boots again", self.boot_slave, master, slave, number)
        for other in others:
            self.step(f"{name}: slave {other} sees it run", self.wait_sees, other, number,
                      f"running {after[other]} driver")
            self.probe(f"{name}: it answers slave {other}", self.slaves[other], f"ask {number}", "OK")

    def talks(self, name, number):
        """Slave 1 and this one signal each other for a while."""
        exchange = self.exchange(1, number)
        self.step(f"{name}: they signal each other", exchange.goes_on, ENOUGH)
        self.ends(f"{name}: no signal is lost", exchange)

    def reset(self, master, number):
        """By its master."""
        master.get(f"./sdm-test -R 0 {number}")
        self.slaves[number].forget()

    def killed(self, _, number):
        """Without a word."""
        self.slaves[number].kill()

    def switched_off(self, _, number):
        """In order."""
        self.slaves[number].power_off()

    def second_is_killed(self, master):
        """While slave 1 sends to it; a program that listens there is told that it is back."""
        calm = self.exchange(1, 3, CALM)
        self.leaves("sent to", master, 2, self.killed, "lost", ("lost", "ENOLINK"))
        self.slaves[1].background("sdm-test -v -w 0 -j", "/tmp/events", "waiting for events")
        self.comes_back("sent to", master, 2)
        self.expect("sent to: a program sees it come back", self.slaves[1],
                    "kill $(cat /tmp/events.pid); grep '\"peer\": *2,.*\"state\"' /tmp/events",
                    r'(?s)"reset".*"running", *"driver": *true')
        self.talks("sent to", 2)
        self.step("sent to: others go on", calm.goes_on, calm.progress())
        self.ends("sent to: nothing between the others was lost", calm)
