#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Machines that come, go, hang and start again."""

import time

from .scenario import Scenario


class Life(Scenario):
    """Machines that are reset, stopped, killed and started again."""

    name = "life"

    def run(self):
        master, slave = self.start_pair(memory=320)
        self.idle(slave)
        self.step("the slave boots", self.boot_slave, master, slave)
        self.probe("it answers", master, "ask 1", "OK")
        self.driver_goes(master, slave)
        self.guest_reboots(master, slave)
        self.guest_powers_off(master, slave)
        self.slave_is_killed(master, slave)
        self.slave_is_killed_in_use(master, slave)
        self.slave_hangs(master, slave)
        self.slave_hangs_in_use(master, slave)
        self.slave_hangs_at_boot(master, slave)
        self.load_fails(master, slave)
        self.master_reboots(master, slave)
        self.master_is_killed(slave)

    def idle(self, slave):
        """A slave that waits for its boot, and its link, take no time of the CPU."""
        time.sleep(1)
        before = slave.cpu_seconds()
        time.sleep(5)
        used = slave.cpu_seconds() - before
        self.check("a slave that waits costs nothing", used <= 0.02, f"{used:.2f} of 5 seconds")

    def start_again(self, name, master, slave):
        """Starts a slave's machine again and boots it: whatever happened, that must work."""
        slave.stop()
        slave.start()
        self.probe(f"{name}: the slave is back", master, "wait 1 reset", "OK")
        self.step(f"{name}: the slave boots again", self.boot_slave, master, slave)
        self.probe(f"{name}: it answers", master, "ask 1", "OK")

    def generation(self, master):
        """The number of the slave's connection."""
        return int(master.get("/tests/probe state 1").split()[1])

    def driver_goes(self, master, slave):
        """The slave's guest unloads its drivers: its machine is there, but takes no signals."""
        master.background("./sdm-test -v -w 0 -j", "/tmp/events", "waiting for events")
        slave.get("killall responder; while pidof responder; do sleep 0.1; done; rmmod sdm_test_mod sdm_platform")
        self.expect("driver goes: state", master, "sleep 1; /tests/probe state 1", r"^running \d+ in")
        self.probe("driver goes: nobody takes signals", master, "fill 1", "EAGAIN after [1-9]")
        self.probe("driver goes: memory is there", master, "read 1 0x8000000 64", "64 in")
        slave.get("modprobe sdm_platform; modprobe sdm_test_mod; /tests/responder")
        self.expect("driver comes: state", master, "sleep 1; /tests/probe state 1", r"^running \d+ driver")
        self.probe("driver comes: it answers", master, "ask 1", "OK")
        self.expect("driver goes and comes: events", master, "kill $(cat /tmp/events.pid); cat /tmp/events",
                    r'(?s)"running", *"driver": *false.*"running", *"driver": *true')

    def guest_reboots(self, master, slave):
        """Linux on the slave says reboot: it is held in reset again, and can be booted."""
        before = self.generation(master)
        slave.begin("reboot -f")
        self.probe("guest reboots: state", master, "wait 1 reset", "OK")
        self.check("guest reboots: the same connection", self.generation(master) == before)
        self.probe("guest reboots: nobody takes signals", master, "fill 1", "EAGAIN after [1-9]")
        self.step("guest reboots: the slave boots again", self.boot_slave, master, slave)
        self.probe("guest reboots: it answers", master, "ask 1", "OK")

    def guest_powers_off(self, master, slave):
        """Linux on the slave says power off: QEMU ends, in order."""
        self.step("guest powers off: QEMU ends", slave.power_off)
        self.check("guest powers off: exit status", slave.process.returncode == 0, slave.process.returncode)
        self.probe("guest powers off: state", master, "wait 1 absent", "OK")
        self.gone("guest powers off", master)
        self.start_again("guest powers off", master, slave)

    def gone(self, name, master):
        """A slave that is not there: each call says so, at once."""
        for call in ("send 1", "send 1 5000", "boot 1 0x40008000 5000", "reset 1 5000", "read 1 0 4", "write 1 0 4"):
            self.probe(f"{name}: {call.split(' ')[0]}", master, call, r"ENOLINK in \d{1,3} ms")

    def slave_is_killed(self, master, slave):
        """SIGKILL while nobody does anything."""
        before = self.generation(master)
        slave.kill()
        self.probe("killed: state", master, "wait 1 lost", "OK")
        self.gone("killed", master)
        self.expect("killed: the tool says so", master, "./sdm-test -b 0 1 zImage slave.dtb",
                    "link to slave 1 is lost", 1)
        self.start_again("killed", master, slave)
        self.check("killed: another connection", self.generation(master) != before)

    def slave_is_killed_in_use(self, master, slave):
        """SIGKILL while the master reads, writes, or waits for an answer."""
        for probe in ("reading", "writing"):
            self.in_use(f"killed while {probe}", master, f"{probe} 1", slave.kill, "(EIO|ENOLINK), the last one took")
            self.start_again(f"killed while {probe}", master, slave)
        self.in_use("killed while asking", master, "asking 1", slave.kill, "(ENOLINK|ETIMEDOUT)")
        self.start_again("killed while asking", master, slave)

    def slave_hangs(self, master, slave):
        """SIGSTOP while nobody does anything."""
        slave.pause()
        # The queue takes some, then it is full.
        self.probe("hangs: signals", master, "fill 1", "EAGAIN after [1-9]")
        self.probe("hangs: a signal that waits", master, "send 1 1000", r"ETIMEDOUT in 1\d{3} ms")
        self.probe("hangs: own signals", master, "send 0", r"OK in \d{1,3} ms")
        self.probe("hangs: boot", master, "boot 1 0x40008000 1000", "EBUSY in")
        self.probe("hangs: reset", master, "reset 1 1000", r"ETIMEDOUT in [12]\d{3} ms")
        slave.resume()
        # It has only been slow; the reset is done late.
        self.probe("hangs: it goes on", master, "wait 1 reset", "OK")
        self.step("hangs: the slave boots again", self.boot_slave, master, slave)
        self.probe("hangs: it answers", master, "ask 1", "OK")

    def slave_hangs_in_use(self, master, slave):
        """SIGSTOP while the master accesses the slave's memory: it waits no longer than the timeout (5 s)."""
        for probe in ("reading", "writing"):
            self.in_use(f"hangs while {probe}", master, f"{probe} 1", slave.pause,
                        r"(EIO|ENOLINK), the last one took [1-9]?\d{1,3}\b")
            self.probe(f"hangs while {probe}: state", master, "wait 1 lost", "OK")
            self.gone(f"hangs while {probe}", master)
            self.start_again(f"hangs while {probe}", master, slave)

    def slave_hangs_at_boot(self, master, slave):
        """SIGSTOP before the boot signal."""
        self.probe("hangs at boot: reset", master, "reset 1", "OK")
        slave.pause()
        self.probe("hangs at boot", master, "boot 1 0x40008000 1000", r"ETIMEDOUT in 1\d{3} ms")
        slave.resume()
        self.start_again("hangs at boot", master, slave)

    def load_fails(self, master, slave):
        """The slave goes while the tool loads it: the tool is stopped in the middle, and goes on afterwards."""
        for name, act in (("killed", slave.kill), ("hangs", slave.pause)):
            self.probe(f"{name} during the load: reset", master, "reset 1", "OK")
            master.get("truncate -s 96M /tmp/large")
            master.background("/tests/probe signal 19 'load raw' ./sdm-test -b 0 1 --raw /tmp/large", "/tmp/log",
                              "sent signal")
            act()
            self.expect(f"{name} during the load", master,
                        "pid=$(sed -n 's/^sent signal 19 to //p' /tmp/log); kill -CONT $pid; "
                        "while kill -0 $pid 2>/dev/null; do sleep 0.1; done; sleep 0.2; cat /tmp/log; rm /tmp/large",
                        "slave 1 was not started|cannot boot slave 1|slave 1 did not report", 0, 60)
            self.start_again(f"{name} during the load", master, slave)

    def master_reboots(self, master, slave):
        """The master's guest starts anew; its machine and the connection stay."""
        before = self.generation(master)
        since = len(master.console())
        master.begin("reboot -f")
        master.wait_console("Booting Linux", since=since)
        self.step("master reboots: it comes up", self.bring_up, master)
        self.check("master reboots: the same connection", self.generation(master) == before)
        self.probe("master reboots: the slave runs on", master, "state 1", "running")
        self.probe("master reboots: it answers", master, "ask 1", "OK")
        self.probe("master reboots: reset", master, "reset 1", "OK")
        self.step("master reboots: the slave boots again", self.boot_slave, master, slave)

    def master_is_killed(self, slave):
        """The slave's guest runs on without its master, and learns of it."""
        master = self.machines[0]
        master.kill()
        self.expect("master is killed: the slave runs on", slave, "cat /proc/loadavg", "0")
        self.expect("master is killed: it knows", slave, "sleep 1; cat /sys/bus/sdm/devices/sdm0-p0/state", "lost")
        self.check("master is killed: its machine runs on", slave.is_running(), slave.messages())
