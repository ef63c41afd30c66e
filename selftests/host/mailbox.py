#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Mailboxes: the kernel's own client of them (mailbox-test), on a master and a slave."""

import os
import re

from .files import SCRIPTS, SELFTESTS, TOP, run_logged
from .scenario import Scenario

# The signals of the overlays: to the slave and to the master
TO_SLAVE = 56
TO_MASTER = 57

DRIVERS = "/sys/bus/platform/drivers"
DEVICES = "/sys/bus/platform/devices"
EVENTS = "/sys/kernel/tracing"


class Record:
    """Which messages a machine has got, by a tracepoint of its driver, and which it should have got."""

    def __init__(self, machine, signal):
        self.machine = machine
        self.signal = signal
        self.sent = []
        self.failed = []
        self.came = []
        self.unclaimed = 0

    def __enter__(self):
        self.machine.get(f"echo 4096 >{EVENTS}/buffer_size_kb; echo >{EVENTS}/trace; "
                         f"echo 1 >{EVENTS}/events/sdm/sdm_receive/enable")
        return self

    def __exit__(self, *exception):
        if exception[0]:
            return
        self.machine.get(f"echo 0 >{EVENTS}/events/sdm/sdm_receive/enable")
        lines = self.machine.get(f"grep 'signal={self.signal} ' {EVENTS}/trace | sed 's/.*payload=//'; "
                                 f"echo >{EVENTS}/trace", 300)
        for line in lines.splitlines():
            payload, _, claimed = line.partition(",")
            number = int(payload, 16) & 0xffffffff
            self.came.append(number if int(payload, 16) >> 32 == number ^ 0xffffffff else payload)
            self.unclaimed += "unclaimed" in claimed

    def add(self, first, count, output):
        """So many were sent; the output tells which of them failed."""
        failed = [int(number) for number in re.findall(r"^failed (\d+) ", output, re.MULTILINE)]
        self.failed += failed
        self.sent += [number for number in range(first, first + count) if number not in failed]

    def is_right(self):
        """What was sent has come, once and in order; of what failed, nothing or once."""
        surely = [number for number in self.came if number not in self.failed]
        maybe = [number for number in self.came if number in self.failed]
        return surely == self.sent and maybe == sorted(set(maybe)) and self.came == sorted(self.came) and \
            not self.unclaimed

    def __str__(self):
        return f"sent {self.sent}\nfailed {self.failed}\ncame {self.came}\n{self.unclaimed} unclaimed"


class Mailbox(Scenario):
    """Messages between the kernels' own clients of mailboxes, on master and slave."""

    name = "mailbox"
    many = 1000
    rounds = 5
    # A blocking sender is told why its message failed; older frameworks only tell the client.
    told = True

    def run(self):
        self.number = 1
        address = self.address()
        master = self.master(address)
        slave = self.slave(address, memory=320)
        self.add_clients(master)
        self.start_master(master)
        slave.start()
        self.bring_up(master)
        self.boot(master, slave)
        self.both_ways("first", master, slave)
        self.numbers(master, slave)
        self.ownership(master)
        self.slave_hangs(master, slave)
        self.slave_is_full(master, slave)
        self.client_goes(master, slave)
        self.client_goes_in_use(master, slave)
        self.driver_goes(master, slave)
        self.modules_go(master, slave)
        self.slave_is_killed(master, slave)
        self.last(master, slave)

    def last(self, master, slave):
        """More in the end."""

    # What the machines are made of

    def add_clients(self, master):
        """Gives a master a device tree with clients."""
        dtb = os.path.join(self.directory, "master.dtb")
        run_logged("overlay-dtb", os.path.join(SCRIPTS, "overlay-dtb"), dtb,
                   os.path.join(TOP, "dts", "mailbox-test-master.dtso"), os.path.join(SELFTESTS, "mailbox.dtso"),
                   "--", self.qemu, "-display", "none", "-monitor", "none", "-serial", "null", "-serial", "null",
                   *master.options)
        master.options += ["-dtb", dtb]

    def boot(self, master, slave):
        """Boots a slave with a client."""
        self.step("the slave boots", self.boot_slave, master, slave, 1,
                  "./sdm-test -b 0 {id} zImage mailbox.dtb --initrd test-initrd")

    # Steps

    def next_numbers(self, count):
        """The first of so many numbers that are new."""
        first = self.number
        self.number += count
        return first

    def client(self, name, machine, state, device="mailbox-test"):
        """A client gets its driver, or has none."""
        test = {"bound": "[ -e {} ]", "none": "[ ! -e {} ]"}[state].format(f"{DEVICES}/{device}/driver")
        self.expect(f"{name}: {device} of {machine.name} is {state}", machine,
                    f"for i in $(seq 200); do {test} && exit 0; sleep 0.1; done; exit 1", "")

    def talk(self, name, speaker, listener, count=10):
        """Messages and their answers."""
        first = self.next_numbers(count)
        listener.begin(f"/tests/mailbox echo {count} 2>&1")
        listener.wait_said("begun")
        self.expect(f"{name}: {speaker.name} talks", speaker, f"/tests/mailbox talk {first} {count}",
                    f"^all {count} came back")
        status, output = listener.finish(what="echo")
        self.check(f"{name}: {listener.name} answers", not status and f"all {count} went back" in output, output)

    def both_ways(self, name, master, slave):
        """One says something, the other one answers: with the message's contents."""
        self.client(name, master, "bound")
        self.client(name, slave, "bound")
        self.talk(name, master, slave)
        self.talk(name, slave, master)

    def busy(self, name, master, signal=TO_SLAVE):
        """Nobody else may send this signal."""
        self.expect(f"{name}: signal {signal} belongs to the mailbox", master, f"./sdm-test -s 0 1 {signal} 1 2>&1",
                    "busy|belongs", None)

    def finish_sending(self, record, machine, first, count):
        """The end of a command that sends numbers."""
        _, output = machine.finish(300, "sending")
        record.add(first, count, output)
        return output

    def come(self, name, record):
        """One result: what has come is right."""
        self.check(f"{name}: nothing is lost, merged or twice", record.is_right(), record)

    # What is tested

    def numbers(self, master, slave):
        """As fast as they can, in both directions."""
        with Record(slave, TO_SLAVE) as to_slave, Record(master, TO_MASTER) as to_master:
            ways = ((master, to_slave), (slave, to_master))
            firsts = [self.next_numbers(self.many) for _ in ways]
            for (machine, _), first in zip(ways, firsts):
                machine.begin(f"/tests/mailbox send {first} {self.many}")
            for (machine, record), first in zip(ways, firsts):
                output = self.finish_sending(record, machine, first, self.many)
                self.check(f"{self.many} messages of {machine.name}: some are sent", record.sent, output)
        self.come("numbers to the slave", to_slave)
        self.come("numbers to the master", to_master)

    def bind(self, master, device, what="bind"):
        """Gives a device to the client's driver; the result is in the device."""
        master.run(f"echo {device} >{DRIVERS}/mailbox_test/{what}")

    def ownership(self, master):
        """A mailbox is one client's."""
        for signal in (TO_SLAVE, TO_MASTER):
            self.busy("ownership", master, signal)
        self.expect("ownership: other signals are free", master, "./sdm-test -s 0 1 50 1", "signal 50 to 1")
        # Two more that nobody binds by himself
        for device in ("mailbox-twin", "mailbox-boot"):
            master.get(f"echo mailbox_test >{DEVICES}/{device}/driver_override")
            self.bind(master, device)
            self.client("ownership", master, "none", device)
        self.bind(master, "mailbox-test", "unbind")
        self.client("ownership", master, "none")
        self.bind(master, "mailbox-twin")
        self.client("ownership", master, "bound", "mailbox-twin")
        self.bind(master, "mailbox-test")
        self.client("ownership", master, "none")
        self.busy("ownership", master)
        self.bind(master, "mailbox-twin", "unbind")
        for device in ("mailbox-twin", "mailbox-boot"):
            master.get(f"echo >{DEVICES}/{device}/driver_override")
        self.bind(master, "mailbox-test")
        self.client("ownership", master, "bound")
        self.probe("ownership: the boot signal is free", master, "state 1", "running")

    def slave_hangs(self, master, slave):
        """Messages wait; what the framework gives up comes late or never, and makes no other one look taken."""
        with Record(slave, TO_SLAVE) as record:
            for count in [1, 2, 3, 5][:self.rounds]:
                first = self.next_numbers(count)
                slave.pause()
                output = master.get(f"/tests/mailbox send {first} {count}")
                self.check("hangs: messages time out", output.count("ETIME") == count, output)
                record.add(first, count, output)
                slave.resume()
                first = self.next_numbers(10)
                master.begin(f"/tests/mailbox send {first} 10")
                self.finish_sending(record, master, first, 10)
            # Shorter than the framework waits, if this host has the time
            first = self.next_numbers(1)
            slave.pause()
            master.begin(f"/tests/mailbox send {first} 1")
            slave.resume()
            self.finish_sending(record, master, first, 1)
            self.settle(master, record)
        self.come("hangs", record)

    def settle(self, master, record):
        """All that is under way has come before this one has been taken."""
        for _ in range(20):
            first = self.next_numbers(1)
            output = master.get(f"/tests/mailbox send {first} 1")
            record.add(first, 1, output)
            if "failed" not in output:
                return

    def slave_is_full(self, master, slave):
        """There is no room for signals at all: a message waits for it."""
        with Record(slave, TO_SLAVE) as record:
            slave.pause()
            self.probe("full: signals", master, "fill 1", "EAGAIN after [1-9]")
            first = self.next_numbers(2)
            output = master.get(f"/tests/mailbox send {first} 2")
            self.check("full: messages time out", output.count("ETIME") == 2, output)
            record.add(first, 2, output)
            slave.resume()
            self.settle(master, record)
            first = self.next_numbers(10)
            master.begin(f"/tests/mailbox send {first} 10")
            self.finish_sending(record, master, first, 10)
            self.settle(master, record)
        self.come("full", record)
        self.both_ways("full", master, slave)

    def client_goes(self, master, slave):
        """Its mailboxes are signals for everybody again."""
        for _ in range(self.rounds):
            self.bind(master, "mailbox-test", "unbind")
            self.expect("client goes: the signal is free", master, f"./sdm-test -s 0 1 {TO_SLAVE} 1", "signal")
            self.bind(master, "mailbox-test")
            self.busy("client is back", master)
        self.both_ways("client is back", master, slave)

    def client_goes_in_use(self, master, slave):
        """The signal is not free as long as a message is under way, and the next client's message is not that one."""
        with Record(slave, TO_SLAVE) as record:
            slave.pause()
            first = self.next_numbers(1)
            master.begin(f"/tests/mailbox send {first} 1")
            self.finish_sending(record, master, first, 1)
            self.bind(master, "mailbox-test", "unbind")
            self.client("client goes in use", master, "none")
            self.busy("client goes in use", master)
            self.bind(master, "mailbox-test")
            self.client("client is back in use", master, "bound")
            first = self.next_numbers(1)
            master.begin(f"/tests/mailbox send {first} 1")
            output = self.finish_sending(record, master, first, 1)
            self.check("client is back in use: it waits", "ETIME" in output, output)
            self.bind(master, "mailbox-test", "unbind")
            self.busy("client goes in use again", master)
            slave.resume()
            number = self.next_numbers(1)
            self.expect("client has gone: the signal becomes free", master, "for i in $(seq 200); do ./sdm-test -s 0 1 "
                        f"{TO_SLAVE} {number | (number ^ 0xffffffff) << 32:#x} && exit 0; sleep 0.1; done; exit 1",
                        "signal")
            record.sent.append(number)
            self.bind(master, "mailbox-test")
            self.client("client is back", master, "bound")
            self.settle(master, record)
        self.come("client goes in use", record)
        self.both_ways("client is back again", master, slave)

    def driver_goes(self, master, slave):
        """Its clients go first, and come back with it."""
        for machine in (master, slave):
            name = f"driver of {machine.name} goes"
            device = machine.get(f"cd {DEVICES}; echo *.sdm")
            for _ in range(self.rounds):
                machine.get(f"echo {device} >{DRIVERS}/sdm-platform/unbind")
                self.client(name, machine, "none")
                if machine is slave:
                    first = self.next_numbers(1)
                    self.expect(f"{name}: nobody takes messages", master, f"/tests/mailbox send {first} 1", "ETIME")
                machine.get(f"echo {device} >{DRIVERS}/sdm-platform/bind")
                self.client(f"{name} and comes", machine, "bound")
            self.both_ways(name, master, slave)

    def modules_go(self, master, slave):
        """The controller stays as long as it has clients."""
        for machine in (master, slave):
            name = f"modules of {machine.name}"
            for _ in range(self.rounds):
                self.expect(f"{name}: the controller is in use", machine, "rmmod sdm_mailbox 2>&1", "", None)
                machine.get("rmmod mailbox-test && rmmod sdm_mailbox")
                machine.get("modprobe mailbox-test; modprobe sdm_mailbox")
                self.client(name, machine, "bound")
                machine.get("rmmod sdm_platform; modprobe sdm_platform")
                self.client(name, machine, "bound")
            self.both_ways(name, master, slave)

    def slave_is_killed(self, master, slave):
        """With a message under way: its sender is told, and all works again when the slave is back."""
        for _ in range(min(self.rounds, 3)):
            slave.pause()
            master.get("dmesg -c >/dev/null")
            if self.told:
                master.begin(f"/tests/mailbox insist {self.number}")
                master.wait_said("begun")
                slave.kill()
                _, output = master.finish(what="insist")
                self.check("killed: the sender is told", "ENOLINK" in output, output)
                self.expect("killed: messages fail at once", master, f"/tests/mailbox send {self.number} 3",
                            r"(failed \d+ ENOLINK\s+){3}")
            else:
                master.get(f"/tests/mailbox send {self.number} 1")
                slave.kill()
                self.probe("killed: the slave is lost", master, "wait 1 lost", "OK")
                master.get(f"/tests/mailbox send {self.number} 1")
            # ENOLINK
            self.expect("killed: the client is told", master, "dmesg", "could not be sent: -67")
            slave.start()
            self.probe("killed: the slave is back", master, "wait 1 reset", "OK")
            self.boot(master, slave)
            self.both_ways("killed and back", master, slave)


class MailboxDebian(Mailbox):
    """mailbox, with Debian's own kernel on the master; its client is built for it."""

    name = "mailbox-debian"
    kernel = "armmp"
    many = 300
    rounds = 2
    told = False


class MailboxDebug(Mailbox):
    """mailbox, with kernels that look for bugs in themselves; only if it is named: it takes minutes."""

    name = "mailbox-debug"
    kernel = "debug"
    only_by_name = True
    many = 100
    rounds = 2

    def talk(self, name, speaker, listener, count=10):
        """The client's read() is not clean: it copies to user space in a state in which it must not sleep."""
        signal = TO_SLAVE if speaker is self.machines[0] else TO_MASTER
        with Record(listener, signal) as record:
            first = self.next_numbers(count)
            speaker.begin(f"/tests/mailbox send {first} {count}")
            output = self.finish_sending(record, speaker, first, count)
            self.check(f"{name}: {speaker.name} talks", len(record.sent) > count // 2, output)
        self.come(f"{name}: {listener.name} listens", record)

    def last(self, master, slave):
        self.no_leaks(master)
