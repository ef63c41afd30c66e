#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A slave whose memory is mapped by the master."""

from .ktap import Result
from .slave import Debian, Slave


class HugePagesOfHost:
    """Huge pages of this host, reserved for a while: the value is whether there are enough."""

    COUNT = "/proc/sys/vm/nr_hugepages"

    def __init__(self, mebibytes):
        self.mebibytes = mebibytes
        self.before = None

    def __enter__(self):
        try:
            with open("/proc/meminfo") as meminfo:
                values = dict(line.split(":") for line in meminfo)
            size = int(values["Hugepagesize"].split()[0]) // 1024
            free = int(values["HugePages_Free"])
            wanted = -(-self.mebibytes // size)
            if free < wanted:
                with open(self.COUNT) as count:
                    before = int(count.read())
                with open(self.COUNT, "w") as count:
                    count.write(str(before + wanted - free))
                self.before = before
                with open(self.COUNT) as count:
                    return int(count.read()) >= before + wanted - free
            return True
        except (OSError, KeyError, ValueError, ZeroDivisionError):
            return False

    def __exit__(self, *exception):
        if self.before is not None:
            with open(self.COUNT, "w") as count:
                count.write(str(self.before))


class Shared(Slave):
    """A slave by UNIX socket, whose memory is mapped by the master."""

    name = "shared"
    way = "mapped"
    pair = {"unix": True, "ram": ",share=on"}

    def run(self):
        master, slave = self.start_pair(memory=320, **self.pair)
        self.in_reset(master)
        self.load(master, slave)
        self.running(master)
        self.life(master, slave)
        self.master_reboots(master)
        self.last(master, slave)

    def in_reset(self, master):
        self.test(master, "window", "-f whole")
        self.test(master, "mmap", "-T coherent_with_slave -T atomic_with_slave -T unbind -f map")
        self.test(master, "boot")
        self.test(master, "tool.sh")

    def running(self, master):
        self.test(master, "window", "-F whole")
        self.test(master, "bulk")
        self.test(master, "mmap", "-T forwarded -T reset_keeps_it")
        self.test(master, "ordering")
        self.test(master, "unbind")

    def mapping(self, name, master, act):
        """A program uses the memory while something happens to the slave; that must not disturb it."""
        master.background("/tests/probe mapping 1", "/tmp/map", "begun")
        act()
        self.expect(f"{name}: it is still mapped", master, "sleep 0.5; cat /tmp/map; kill -9 $(cat /tmp/map.pid)",
                    r"\A\s*begun\s*\Z")

    def mapping_ends(self, name, master, act):
        """The same, but there is nothing left to be mapped."""
        master.background("/tests/probe mapping 1", "/tmp/map", "begun")
        # The driver itself has a piece mapped, too.
        pieces = "grep memremap /proc/vmallocinfo"
        self.expect(f"{name}: mapped by the driver", master, f"/tests/probe read 1 0x8000000 64 && {pieces}", "phys=")
        act()
        self.expect(f"{name}: it is gone", master, "while ! grep ms /tmp/map; do sleep 0.1; done", "^SIGBUS", 0, 60)
        self.probe(f"{name}: nothing to map", master, "map 1", "ENOLINK")
        self.expect(f"{name}: nor mapped by the driver", master, pieces, "", 1)

    def life(self, master, slave):
        """Slaves come and go, and with them what is mapped."""
        self.probe("map", master, "map 1", "OK")
        self.mapping("reset", master, lambda: master.get("./sdm-test -R 0 1"))
        self.mapping("boot", master, lambda: self.boot_slave(master, slave))
        self.mapping("guest reboots", master, lambda: (
            slave.begin("reboot -f"), self.probe("guest reboots: state", master, "wait 1 reset", "OK")))
        self.step("guest reboots: the slave boots again", self.boot_slave, master, slave)
        self.mapping("hangs", master, slave.pause)
        slave.resume()
        self.probe("hangs: it answers", master, "ask 1", "OK")
        self.mapping_ends("killed", master, slave.kill)
        self.comes_back("killed", master, slave)
        for probe in ("reading", "writing"):
            self.in_use(f"killed while {probe}", master, f"{probe} 1", slave.kill,
                        "(EIO|ENOLINK), the last one took")
            self.comes_back(f"killed while {probe}", master, slave)
        self.mapping_ends("guest powers off", master, slave.power_off)
        self.comes_back("guest powers off", master, slave)
        self.test(master, "mmap", "-T forwarded -T reset_keeps_it")

    def master_reboots(self, master):
        """The master's guest starts anew, and finds the slave's memory where it was."""
        since = len(master.console())
        master.begin("reboot -f")
        master.wait_console("Booting Linux", since=since)
        self.step("master reboots: it comes up", self.bring_up, master)
        self.probe("master reboots: the slave answers", master, "ask 1", "OK")
        self.probe("master reboots: its memory is mapped", master, "map 1", "OK")

    def comes_back(self, name, master, slave):
        """A new machine with the same place in the window"""
        slave.stop()
        slave.start()
        self.probe(f"{name}: the slave is back", master, "wait 1 reset", "OK")
        self.probe(f"{name}: it is mapped again", master, "map 1", "OK")
        self.step(f"{name}: the slave boots again", self.boot_slave, master, slave)
        self.probe(f"{name}: it answers", master, "ask 1", "OK")


class HugePages(Shared):
    """The same, with huge pages, if this host gives some."""

    name = "hugetlb"
    memory = 192
    pair = {"unix": True, "ram": ",share=on,hugetlb=on", "backend": ",hugetlb=on"}

    def run(self):
        # For a slave that is started again, too: the master lets go of the old one's a little later.
        with HugePagesOfHost(2 * self.memory) as reserved:
            if not reserved:
                self.report.result(self.name, Result("all", "skip", "no huge pages on this host"))
                return
            master, slave = self.start_pair(memory=self.memory, **self.pair)
            self.test(master, "window", "-f whole")
            self.load(master, slave)
            self.test(master, "bulk")
            self.test(master, "mmap", "-T forwarded -T reset_keeps_it")
            self.mapping_ends("killed", master, slave.kill)
            self.comes_back("killed", master, slave)
            for machine in (slave, master):
                machine.stop()


class SharedDebian(Shared):
    """shared, with Debian's own kernel."""

    name = "shared-debian"
    kernel = "armmp"
    rounds = 5
    left_out = ("tool.sh",)
    allowed_skips = Debian.allowed_skips


class SharedDebug(Shared):
    """shared, with kernels that look for bugs in themselves."""

    name = "shared-debug"
    only_by_name = True
    kernel = "debug"
    rounds = 5
    left_out = ("tool.sh",)
    environment = "SDM_QUICK=1"

    def running(self, master):
        super().running(master)
        self.test(master, "faults", "-t window -t bulk -t map")

    def life(self, master, slave):
        super().life(master, slave)
        self.no_leaks(master)

    def last(self, master, slave):
        self.chaos(master, slave)
        self.no_leaks(master)
