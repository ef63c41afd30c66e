#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A master and a slave: all tests, and in each way of access those of memory."""

import os
import secrets

from .scenario import Scenario
from .single import NO_PAIR

# Why a test is skipped on other machines than 32-bit Arm
NO_THUMB = "only Arm has Thumb instructions"


class Slave(Scenario):
    """A master and a slave, by TCP: all tests."""

    name = "slave"
    rounds = 100
    left_out = ()
    environment = ""
    # How the driver accesses the slave's memory
    way = "bulk"
    pair = {}

    def run(self):
        # Not all of the window: what is behind its end is tested, too.
        master, slave = self.start_pair(memory=320, **self.pair)
        self.in_reset(master)
        self.load(master, slave)
        self.running(master)
        self.last(master, slave)

    def last(self, master, slave):
        """Tests after which the slave is not what it was."""

    def chaos(self, master, slave):
        """Calls by chance; a scenario has always the same ones, unless it has more time."""
        seconds = os.environ.get("SDM_CHAOS_SECONDS")
        calls = f"-t {seconds}" if seconds else f"-s {len(self.name)} -n 6000"
        # It may hit the kernel that runs there.
        with slave.no_complaints():
            self.run_test(master, "chaos", calls, patience=600 + int(seconds or 0))
            self.probe("after chaos: reset", master, "reset 1", "OK")
            self.probe("after chaos: it waits in reset", master, "wait 1 reset", "OK")
        self.step("after chaos: the slave boots", self.boot_slave, master, slave)
        self.probe("after chaos: it answers", master, "ask 1", "OK")

    def load(self, master, slave):
        """Boots the slave, and looks how it was loaded."""
        before = self.bytes_moved(master)
        self.step("the slave boots", self.boot_slave, master, slave)
        self.check_way("the load", self.way, before, self.bytes_moved(master))

    def test(self, master, program, arguments=""):
        """Runs a test program, unless it is left out here."""
        if program not in self.left_out:
            environment = f"SDM_ROUNDS_PERCENT={self.rounds} SDM_WAY={self.way} {self.environment}"
            self.run_test(master, program, arguments, patience=600, environment=environment)

    def perf(self, name, master, test, status, pattern=""):
        """A test of sdm_perf, its exit status and result."""
        self.expect(f"sdm_perf: {name}", master, "(modprobe sdm_perf && exec 3<>/sys/kernel/debug/sdm_perf/sdm0/run && "
                    f"echo 1 {test} 2 >&3 && cat <&3)", pattern, status)

    def in_reset(self, master):
        """Tests with a slave that waits in reset."""
        self.perf("it writes what waits in reset", master, "write_64k", 0, "^write_64k peer 1: 2 runs of 1, ns: median")
        master.get("rmmod sdm_perf")
        self.test(master, "window", "-f whole")
        # Here a sender really has to wait.
        self.test(master, "unbind", "-t blocked_sender -t everything")
        self.test(master, "boot")
        self.test(master, "tool.sh")

    def running(self, master):
        """Tests with a slave on which the responder runs."""
        self.perf("it does not write what runs", master, "write_64k", None, "busy")
        self.perf("it reads what runs", master, "read_1m", 0, "^read_1m peer 1: 2 runs of 1, ns: median")
        master.get("rmmod sdm_perf")
        self.test(master, "ioctl")
        self.test(master, "events")
        self.test(master, "signals", NO_PAIR)
        self.test(master, "window", "-F whole")
        self.test(master, "bulk")
        self.test(master, "mmap", "-F map")
        self.test(master, "ordering")
        self.test(master, "unbind")
        self.test(master, "modules.sh")
        self.test(master, "kunit.sh")


class OtherWay(Slave):
    """What has to do with the slave's memory, where that is accessed in another way."""

    def in_reset(self, master):
        # In one piece, and in several where it is slow
        self.perf("it writes what waits in reset", master, "write_1m", 0, "^write_1m peer 1: 2 runs of 1, ns: median")
        self.unbind_perf(master)
        master.get("rmmod sdm_perf")
        self.test(master, "window", "-f whole")

    def unbind_perf(self, master):
        """The device goes in the middle of a run, which does not keep it for long."""
        master.get("(exec 3<>/sys/kernel/debug/sdm_perf/sdm0/run && echo 1 read_16m 10000 >&3) 2>/tmp/perf & sleep 1")
        driver = "/sys/bus/platform/drivers/sdm-platform"
        self.expect("sdm_perf: it ends when the device goes", master,
                    f"name=$(cd {driver} && echo *.sdm*) && echo $name >{driver}/unbind && sleep 0.2; cat /tmp/perf; "
                    f"echo $name >{driver}/bind", "No such device", 0, 20)
        self.probe("sdm_perf: the device is back", master, "wait 1 reset", "OK")

    def running(self, master):
        self.test(master, "window", "-F whole")
        self.test(master, "bulk")
        self.test(master, "mmap", "-F map")
        self.test(master, "ordering")


class Unix(OtherWay):
    """A slave by UNIX socket, whose memory is not shared."""

    name = "unix"
    pair = {"unix": True}


class Tls(OtherWay):
    """A slave by TCP with TLS, with a key that both know."""

    name = "tls"

    def address(self, unix=False):
        return super().address(unix) + ",tls-creds=tls"

    def machine(self, name, options, isa=None):
        with open(f"{self.directory}/keys.psk", "a", encoding="ascii") as keys:
            if not keys.tell():
                keys.write(f"sdm:{secrets.token_hex(32)}\n")
        end = "endpoint=server" if name == "master" else "endpoint=client,username=sdm"
        # Before the socket, which refers to it
        return super().machine(name, ["-object", f"tls-creds-psk,id=tls,dir={self.directory},{end}", *options], isa)

    def in_reset(self, master):
        self.test(master, "window", "-f whole")

    def running(self, master):
        super().running(master)
        self.test(master, "signals", NO_PAIR)


class Plain(OtherWay):
    """A master without the bulk transfer engine: loads and stores alone."""

    name = "plain"
    way = "plain"
    pair = {"device": ",dma=off"}
    environment = "SDM_QUICK=1"


class PlainWhole(Plain):
    """plain, with all sizes and places; only if it is named: it takes minutes."""

    name = "plain-whole"
    only_by_name = True
    environment = ""


class SlaveArm64(Slave):
    """The tests of "slave" with 64-bit Arm machines."""

    name = "slave-arm64"
    kernel = "arm64"
    allowed_skips = (*Slave.allowed_skips, NO_THUMB)


class SlaveRiscv64(Slave):
    """The tests of "slave" with RISC-V machines."""

    name = "slave-riscv64"
    kernel = "riscv64"
    allowed_skips = (*Slave.allowed_skips, NO_THUMB)

    def in_reset(self, master):
        """What the CPU is like when it starts is to be seen without firmware."""
        self.left_out = ("boot",)
        super().in_reset(master)
        self.left_out = ()
        slave = self.machines[1]
        slave.stop()
        options = list(slave.options)
        slave.options += ["-bios", "none"]
        slave.start()
        self.probe("without firmware: the slave is there", master, "wait 1 reset", "OK")
        self.test(master, "boot")
        slave.stop()
        slave.options = options
        slave.start()
        self.probe("with firmware: the slave is there", master, "wait 1 reset", "OK")


class Debian(Slave):
    """Master: Debian's own kernel, the slave a small one."""

    name = "debian"
    kernel = "armmp"
    rounds = 5
    left_out = ("tool.sh",)
    allowed_skips = ("no KUnit in this kernel", "/dev/mem cannot be mapped")


class UnixDebian(Unix):
    """unix, with Debian's own kernel."""

    name = "unix-debian"
    kernel = "armmp"
    rounds = 5
    allowed_skips = Debian.allowed_skips


class PlainDebian(Plain):
    """plain, with Debian's own kernel."""

    name = "plain-debian"
    only_by_name = True
    kernel = "armmp"
    rounds = 5
    left_out = ("window",)
    environment = "SDM_QUICK=1"
    allowed_skips = Debian.allowed_skips


class Debug(Slave):
    """The tests of "slave" with kernels that look for bugs in themselves (KASAN, lockdep and so on)."""

    name = "debug"
    kernel = "debug"
    rounds = 5
    # That waits for objects, each of which this kernel frees some seconds late: see modules-debug.
    left_out = ("modules.sh",)
    environment = "SDM_QUICK=1"

    def running(self, master):
        super().running(master)
        self.test(master, "faults", "-T module")

    def last(self, master, slave):
        self.chaos(master, slave)
        self.no_leaks(master)


class DebugArm64(Debug):
    """"debug" with 64-bit machines; only if it is named."""

    name = "debug-arm64"
    kernel = "debug-arm64"
    only_by_name = True
    allowed_skips = (*Slave.allowed_skips, NO_THUMB)


class UnixDebug(Unix):
    """unix, with kernels that look for bugs in themselves."""

    name = "unix-debug"
    only_by_name = True
    kernel = "debug"
    rounds = 5
    left_out = ("window",)
    environment = "SDM_QUICK=1"


class PlainDebug(Plain):
    """plain, with kernels that look for bugs in themselves; only if it is named: it takes minutes."""

    name = "plain-debug"
    kernel = "debug"
    only_by_name = True
    rounds = 5
    left_out = ("window",)
    environment = "SDM_QUICK=1"

    def last(self, master, slave):
        self.chaos(master, slave)


class ModulesDebug(Slave):
    """What is loaded and unloaded, with kernels that look for bugs in themselves; only if it is named."""

    name = "modules-debug"
    kernel = "debug"
    only_by_name = True

    def run(self):
        master, slave = self.start_pair(memory=320)
        self.step("the slave boots", self.boot_slave, master, slave)
        self.test(master, "modules.sh")
        self.run_test(master, "faults", "-t module", patience=1500)
        self.no_leaks(master)
