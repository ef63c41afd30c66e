#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What goes on between a master and a slave while a fault hits, and what must be true of it afterwards.

How a fault ends what goes on (Fault.effect):

KEPT    the connection holds, and everything goes on as if nothing had been
LOST    the connection is gone: all are told
GONE    the master's device is gone, the connection stays: ENODEV
DIED    the master's programs are gone without a word
DEAF    the slave's guest is dead, its machine is not
"""

import re
import time

from .machine import PATIENCE, Failure

KEPT, LOST, GONE, DIED, DEAF = "kept", "lost", "gone", "died", "deaf"

# How programs of ours end when the connection does: the error of a call, or what an event has told. A guest that ends
# in order takes leave of its driver first.
LOST_REASONS = ("ENOLINK", "EIO", "lost", "connecting", "absent", "driver", "generation", "SIGBUS")

# What sdm-test says when it cannot go on; each tells the user what has happened.
CLEAR = re.compile(
    r"^sdm-test: .*(: the link to the peer failed|is not connected; start its machine|is lost; restart its machine"
    r"|has connected anew during the load; try again|became (lost|absent) during the load|is gone"
    r"|writes did not arrive: |there is no /dev/sdm0(-p\d+)?; load the driver"
    r"|did not report in time that it (runs|is in reset))", re.MULTILINE)


class Program:
    """
    A program of the tests in a guest. Where nobody will be there to be asked for its output afterwards it has the
    agent for itself, and what it has said up to then is known.
    """

    def __init__(self, machine, command, log, alone=""):
        self.machine = machine
        self.log = log
        self.alone = alone
        if alone:
            machine.begin(f"{alone}{command} 2>&1")
            machine.wait_said("begun")
        else:
            machine.background(command, log, "begun")

    def output(self):
        """All that it has said."""
        if self.alone:
            return self.machine.said()
        return self.machine.get(f"cat {self.log}")

    def last(self, pattern):
        """The numbers in the last line that matches, or None; what a program that still runs has said so far."""
        found = re.findall(pattern, self.output(), re.MULTILINE)
        return [int(number) for number in found[-1]] if found else None

    def wait(self, pattern, patience=PATIENCE):
        """Waits until it has said something."""
        deadline = time.monotonic() + patience
        while not (found := re.search(pattern, self.output(), re.MULTILINE)):
            if time.monotonic() > deadline:
                raise Failure(f"{self.machine.name}: no {pattern!r} of {self.log} for {patience:.0f} s: "
                              f"{self.output()[-500:]}")
            self.machine.check_alive()
            time.sleep(0.1)
        return found

    def signal(self, name):
        """Sends it a signal."""
        self.machine.get(f"kill -{name} $(cat {self.log}.pid)")


class Activity:
    """One of those below. `say` takes what is wrong."""

    name = ""
    goes_on_for_ever = True
    needs_guest = True      # a slave on which Linux runs; otherwise one that waits in reset
    span = (0.1, 1.5)       # when it is hit, seconds after it has begun

    def __init__(self, master, slave, say, number, seed, pause=0):
        self.master = master
        self.slave = slave
        self.say = say
        self.number = number
        self.seed = seed
        self.pause = pause

    def path(self, name):
        """A file in a guest."""
        return f"/tmp/{name}-{self.number}"

    def begin(self, alone=""):
        """Begins it; `alone` is what the master's agent does at the same time, if it cannot be asked afterwards."""

    def progress(self):
        """A number that grows as long as it goes on."""
        return 0

    def goes_on(self, since):
        """It must."""
        deadline = time.monotonic() + PATIENCE
        while self.progress() <= since:
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} with slave {self.number} does not go on: {since} for {PATIENCE:.0f} s")
            time.sleep(0.1)

    def verify(self, effect, guest):
        """The fault has hit: what must be true now? `guest`: the slave's guest can be asked."""


class Idle(Activity):
    """Nothing."""

    name = "idle"
    goes_on_for_ever = False

    def begin(self, alone=""):
        if alone:
            self.master.begin(alone + " sleep 1000")


class Bulk(Activity):
    """Writes to the slave's memory, by write()."""

    name = "bulk"
    way = "write"
    END = r"^end (\w+) acked (\d+) took (\d+) ms$"

    def begin(self, alone=""):
        self.writer = Program(self.master, f"/tests/writer {self.way} {self.number} {self.seed} {self.pause}",
                              self.path("writer"), alone)

    def progress(self):
        return self.acked()

    def acked(self):
        """How many blocks have been acknowledged so far, as far as it is known."""
        found = re.findall(r"^acked (\d+)$", self.writer.output(), re.MULTILINE)
        return int(found[-1]) if found else 0

    def verify(self, effect, guest):
        if effect == DIED:
            acked = self.acked() if self.writer.alone else 0
            self.check(self.slave, "self", acked, " least", guest and acked)
            return
        if effect in (KEPT, DEAF):
            self.writer.signal("TERM")
        end = self.writer.wait(self.END)
        wanted = {KEPT: ("told",), DEAF: ("told",), GONE: ("ENODEV", "SIGBUS"), LOST: LOST_REASONS}[effect]
        if end[1] not in wanted:
            self.say(f"the writer ended by {end[1]}, not {' or '.join(wanted)}")
        # Stores in a mapping have no effect between the end of the connection and the signal.
        self.check(self.slave, "self", int(end[2]), "", guest and not (effect == LOST and self.way == "map"))
        self.check(self.master, self.number, int(end[2]), "", effect in (KEPT, DEAF))

    def check(self, machine, whose, acked, more, possible):
        """Looks whether all that was acknowledged is there."""
        if not possible:
            return
        status, output = machine.run(f"/tests/writer check {whose} {self.seed} {acked}{more}")
        if status:
            self.say(f"memory of slave {self.number}, seen from {machine.name}, {acked} acknowledged{more}: {output}")


class Mapped(Bulk):
    """The same by a mapping of the memory."""

    name = "mapped"
    way = "map"


class Storm(Activity):
    """Signals in both directions."""

    name = "storm"
    home = 0    # the ID of what is `master` here
    COUNTS = r"sent (\d+) taken (\d+) received (\d+) wrong (\d+)$"

    def begin(self, alone=""):
        self.theirs = Program(self.slave, f"/tests/storm {self.home} {self.seed} {self.pause}", self.path("storm"))
        self.ours = Program(self.master, f"/tests/storm {self.number} {self.seed} {self.pause}", self.path("storm"),
                            alone)
        # What ends the master's programs may come any time now.
        if not alone:
            self.goes_on(0)

    def progress(self):
        return min((self.ours.last(r"^now " + self.COUNTS) or [0] * 3)[1:3])

    def verify(self, effect, guest):
        if effect == KEPT:
            self.stop()
        if effect == DEAF:
            # Nobody takes signals, and nobody tells, until the slave is reset.
            self.master.get(f"./sdm-test -R 0 {self.number}")
        wanted = {KEPT: ("told",), LOST: LOST_REASONS, GONE: ("ENODEV",), DEAF: ("reset", "driver"), DIED: ()}[effect]
        if effect != DIED:
            ours = self.end(self.ours, wanted)
        else:
            ours = self.ours.alone and self.ours.last(r"^now " + self.COUNTS) or [0] * 4
        if not guest:
            return
        wanted = {KEPT: ("told",), LOST: LOST_REASONS, GONE: ("driver",), DIED: ("driver",) + LOST_REASONS}[effect]
        theirs = self.end(self.theirs, wanted)
        self.compare(effect, ours, theirs)

    def stop(self):
        """Ends it in order: first both stop sending, and all that is under way arrives."""
        for program in (self.ours, self.theirs):
            program.signal("USR1")
        for program in (self.ours, self.theirs):
            program.wait("^drained ")
        for program in (self.ours, self.theirs):
            program.signal("TERM")

    def end(self, program, wanted):
        """The counts in the last line of one side, which must have ended for a good reason."""
        end = program.wait(r"^end (\w+) " + self.COUNTS)
        if end[1] not in wanted:
            self.say(f"the storm of {program.machine.name} ended by {end[1]}, not {' or '.join(wanted)}")
        if int(end[5]):
            self.say(f"signals to {program.machine.name}: {program.output()[-800:]}")
        return [int(end[i]) for i in range(2, 6)]

    def compare(self, effect, ours, theirs):
        """Each signal once: what the receiver has got lies between what it has told and what was sent."""
        for name, (sent, taken, _, _), (_, _, received, _), whole in (
                ("to the slave", ours, theirs, effect in (KEPT, GONE)),
                ("to the master", theirs, ours, effect == KEPT)):
            # What the master's programs did last is not known when they have died, only what had been before.
            if effect == DIED and name == "to the slave":
                sent = received
            if effect == DIED and name == "to the master":
                received = taken
            if not taken <= received <= sent or whole and received != sent:
                self.say(f"signals {name} (slave {self.number}): {sent} accepted, {taken} told, {received} received")


class Load(Activity):
    """sdm-test -b loads a large raw image, again and again."""

    name = "load"
    needs_guest = False
    # An endless loop comes first; the rest is what fills it up.
    IMAGE = (r"[ -e /tmp/large ] || { printf '\376\377\377\352'; for i in 1 2 3; do cat zImage; done; } >/tmp/large")

    def begin(self, alone=""):
        self.master.get(f"{self.IMAGE}; rm -f /tmp/stop")
        loop = (f"(echo begun; while [ ! -e /tmp/stop ] && ./sdm-test -R 0 {self.number} && "
                f"./sdm-test -b 0 {self.number} --raw /tmp/large --verify; do echo again; done; echo ended)")
        self.loop = Program(self.master, loop, self.path("load"), alone)

    def progress(self):
        return self.loop.output().count("again")

    def verify(self, effect, guest):
        if effect == DIED:
            return
        if effect == KEPT:
            self.master.get("touch /tmp/stop")
        self.loop.wait("^ended")
        output = self.loop.output()
        failed = re.search(r"^sdm-test: .*", output, re.MULTILINE)
        if effect == KEPT and failed:
            self.say(f"the load failed: {failed[0]}")
        if effect != KEPT and not CLEAR.search(output):
            self.say(f"the load does not say what has happened: {output[-500:]}")


class Boot(Activity):
    """sdm-test -b boots Linux."""

    name = "boot"
    goes_on_for_ever = False
    needs_guest = False
    span = (0.05, 4.0)

    def begin(self, alone=""):
        command = (f"(echo begun; ./sdm-test -b 0 {self.number} zImage test.dtb --initrd test-initrd; "
                   f"echo ended $?)")
        self.boot = Program(self.master, command, self.path("boot"), alone)

    def verify(self, effect, guest):
        if effect == DIED:
            return
        ended = self.boot.wait(r"^ended (\d+)")
        output = self.boot.output()
        if ended[1] == "0" and effect == KEPT:
            self.slave.wait_ready()
        elif ended[1] != "0" and (effect == KEPT or not CLEAR.search(output)):
            self.say(f"the boot does not say what has happened: {output[-500:]}")


ACTIVITIES = {activity.name: activity for activity in (Idle, Bulk, Mapped, Storm, Load, Boot)}
