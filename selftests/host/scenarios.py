#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The scenarios, quick ones first."""

import gzip
import os
import secrets
import shutil
import socket
import textwrap
import time

from .bare_metal import BareMetal
from .console import splats
from .hosts import Hosts
from .isa import IsaArm, IsaArm64, IsaRiscv64, IsaX86, Kvm
from .ktap import Result
from .libvirt import Libvirt
from .machine import PATIENCE, TypedMachine
from .many import Many, Many64
from .mailbox import Mailbox, MailboxDebian, MailboxDebug
from .pci import PciDebian
from .pressure import Pressure
from .rounds import Faults, FaultsDebug
from .rpmsg import Rpmsg, RpmsgDebian, RpmsgDebug, RpmsgShared, RpmsgUnix
from .rpmsg_linux import RpmsgLinux, RpmsgLinuxDebian, RpmsgLinuxDebug, RpmsgLinuxShared, RpmsgLinuxUnix
from .rproc import Rproc, RprocDebian, RprocDebug, RprocShared
from .scenario import BOOT, Scenario
from .slaves import Slaves
from .smp import Smp

# The prompt of the guests' shell, which asks for the cursor's position
PROMPT = r"\nmaster:\S* # (\x1b\[6n)?$|\nmaster:\S*# (\x1b\[6n)?$"


# What is left out where there is nothing to do it with
NO_PAIR = "-F back_pressure -V pair_down -V pair_up"
NO_SLAVE = "-F flood -V slave"
# Why a test is skipped on other machines than 32-bit Arm
NO_THUMB = "only Arm has Thumb instructions"


def port_is_taken(port):
    """Does somebody listen there?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


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


class Two(Scenario):
    """A master and two slaves, by UNIX socket: each works, whatever the other one does."""

    name = "two"
    allowed_skips = ("all slaves are connected", "the window has no free part")
    rams = ("", "")

    def run(self):
        address = self.address(unix=True)
        master = self.master(address)
        slaves = [self.slave(address, number, memory=256, ram=self.rams[number - 1]) for number in (1, 2)]
        self.start_master(master)
        # The numbers are those that they ask for, not the order.
        for slave in reversed(slaves):
            slave.start()
        self.bring_up(master)
        for number in (1, 2):
            self.probe(f"slave {number} waits", master, f"wait {number} reset", "OK")
        self.run_together(master, [(f"slave {n}:", f"SDM_PEER={n}", "boot", "") for n in (1, 2)], 300)
        master.get(f"{BOOT.format(id=1)} & first=$!; {BOOT.format(id=2)} && wait $first")
        for slave in slaves:
            self.step(f"{slave.name} boots", slave.wait_ready)
        # Not those that leave many signals under way: readers get those of both slaves.
        few = f"-T order -T several_senders -F flood {NO_PAIR} -v slave"
        # What is pinned is counted for all processes.
        alone = "-T killed_writers -T killed_readers"
        for program, arguments in (("window", "-F whole"), ("bulk", alone), ("ordering", ""), ("signals", few)):
            environment = "SDM_ROUNDS_PERCENT=10"
            self.run_together(master, [(f"slave {n}:", f"{environment} SDM_PEER={n}", program, arguments)
                                       for n in (1, 2)], 600)
        self.others(master, alone)
        self.one_hangs(master, slaves)
        self.one_is_killed(master, slaves)

    def others(self, master, alone):
        """More that can be done at the same time."""

    def one_hangs(self, master, slaves):
        """The other one answers as if nothing had happened, also while somebody waits for the first."""
        slaves[0].pause()
        self.probe("slave 1 hangs: it is full", master, "fill 1", "EAGAIN")
        for _ in range(3):
            self.probe("slave 1 hangs: slave 2 answers", master, "ask 2", r"OK in \d{1,3} ms")
        # This waits until the timeout.
        master.get("/tests/probe read 1 0 4 >/tmp/read & sleep 0.5")
        for _ in range(3):
            self.probe("slave 1 is waited for: slave 2 answers", master, "ask 2", r"OK in \d{1,3} ms")
        self.probe("slave 1 is waited for: memory of slave 2", master, f"write 2 {0x8000000} 65536", "65536 in")
        self.run_test(master, "ordering", environment="SDM_ROUNDS_PERCENT=5 SDM_PEER=2")
        self.expect("slave 1 hangs: its memory", master, "while ! grep ms /tmp/read; do sleep 0.1; done",
                    "^(EIO|ENOLINK)")
        self.probe("slave 1 hangs: state", master, "wait 1 lost", "OK")
        slaves[0].stop()
        slaves[0].start()
        self.probe("slave 1 is back", master, "wait 1 reset", "OK")
        self.step("slave 1 boots again", self.boot_slave, master, slaves[0], 1)
        self.probe("slave 1 answers", master, "ask 1", "OK")

    def one_is_killed(self, master, slaves):
        """In the middle of the other one's tests."""
        master.begin("SDM_ROUNDS_PERCENT=20 SDM_PEER=1 /tests/ordering 2>&1")
        slaves[1].kill()
        status, output = master.finish(300)
        self.take_results("slave 2 is killed: ordering", status, output)
        self.probe("slave 2 is killed: state", master, "wait 2 lost", "OK")
        slaves[1].start()
        self.probe("slave 2 is back", master, "wait 2 reset", "OK")
        self.step("slave 2 boots again", self.boot_slave, master, slaves[1], 2)
        self.probe("slave 2 answers", master, "ask 2", "OK")
        self.probe("slave 1 answers, too", master, "ask 1", "OK")


class Mixed(Two):
    """The same, but the second slave's memory is mapped."""

    name = "mixed"
    rams = ("", ",share=on")

    def others(self, master, alone):
        self.probe("from one to the other", master, "cross 2 1", "OK")
        self.run_together(master, [("slave 1:", "SDM_PEER=1 SDM_WAY=bulk", "bulk", alone),
                                   ("slave 2:", "SDM_PEER=2", "mmap", "-T forwarded -T absent -T reset_keeps_it "
                                                                      "-T unbind")], 600)


class NoLimit(Scenario):
    """A master without mem= on its kernel's command line: the window must not become RAM."""

    name = "nolimit"

    def run(self):
        master, slave = self.start_pair(memory=320, limit=False)
        lines = master.get("cat /proc/iomem").splitlines()
        ram = [line for line in lines if line.endswith(": System RAM")]
        self.check("the window is no System RAM", ram and all(int(line.split("-")[0], 16) < 0x60000000 and
                                                              int(line.split("-")[1].split()[0], 16) < 0x60000000
                                                              for line in ram), "\n".join(lines))
        self.expect("the window is there", master, "cat /sys/bus/sdm/devices/sdm0/window_size", "^536870912$")
        self.step("the slave boots", self.boot_slave, master, slave)
        self.run_test(master, "window", "-f direct -t write_widths -t read_widths", patience=600)
        # All of the memory that the kernel takes for its own
        self.expect("the rest of the memory is usable", master,
                    "head -c 200000000 /dev/zero >/tmp/a && wc -c </tmp/a && rm /tmp/a", "200000000")
        self.probe("the slave still answers", master, "ask 1", "OK")


class Verbatim(Scenario):
    """The command lines of the documentation, as they are written there."""

    name = "verbatim"

    def run(self):
        if port_is_taken(1234):
            self.report.result(self.name, Result("all", "skip", "port 1234 is taken"))
            return
        self.prepare()
        master = self.type_in("master", """
            qemu-system-arm -nographic -kernel zImage -M virt -m 1G -initrd busybox.cpio \\
              -object multi-socket-backend,id=sock,listen,host="127.0.0.1",port="1234" \\
              -object memory-backend-network,id=mem,size=1G,shared-size=512M,socket=sock,master \\
              -object sdm-communication-socket,id=scomm,socket=sock \\
              -device sdm-platform,comm=scomm,master,num-slaves=2 \\
              -append "mem=512M memmap=512M$0x60000000" \\
              -numa node,memdev=mem -m 1G""")
        master.wait_console("Booting Linux")
        slave = self.type_in("slave", """
            qemu-system-arm -nographic -M virt,slave \\
              -object multi-socket-backend,id=sock,host="127.0.0.1",port="1234" \\
              -object memory-backend-network,id=mem,size=512M,socket=sock \\
              -object sdm-signal-nboot,id=boot,nhm=mem \\
              -object sdm-communication-socket,id=scomm,socket=sock \\
              -device sdm-platform,comm=scomm,len-signals=1,signals[0]="boot" \\
              -incoming "shared:mem" -numa node,memdev=mem -m 512M""")
        self.step("the master has a prompt", master.wait_console, PROMPT)
        self.check("the slave is silent", slave.console() == "" or "Booting" not in slave.console(), slave.console())
        self.type_on("insmod", master, "insmod sdm_test_mod.ko", PROMPT)
        self.type_on("boot", master, "./sdm-test -b 0 1 zImage slave.dtb", "slave 1 started")
        self.step("the slave gets to its user space", slave.wait_console, "sdm-slave: user space up, id 1")
        self.type_on("send", master, "./sdm-test -s 0 0 0x0 0x0 0x0", "signal 0 to 0 payload 0x0 0x0")
        self.type_on("ping", master, "./sdm-test -w 0 -n 1 -t 30 & sleep 1; ./sdm-test -s 0 1 5 0x11 0x22; wait",
                     "signal 5 from 1 payload 0x11 0x22")
        for machine in (slave, master):
            machine.stop()

        pair = self.type_in("pair", """
            qemu-system-arm -nographic -kernel zImage -M virt -m 512M -initrd busybox.cpio \\
              -object sdm-communication-local,id=localcomm -object sdm-signal,id=interrupt \\
              -device sdm-platform,comm=localcomm,master,num-slaves=1,len-signals=1,signals[0]="interrupt" \\
              -device sdm-platform,comm=localcomm,len-signals=1,signals[0]="interrupt\"""")
        self.step("the pair has a prompt", pair.wait_console, PROMPT)
        self.type_on("insmod on the pair", pair, "insmod sdm_test_mod.ko", PROMPT)
        self.type_on("send on the pair", pair, "./sdm-test -s 0 0 0x0 0x0 0x0", "signal 0 to 0 payload 0x0 0x0")
        self.type_on("from one to the other", pair,
                     "./sdm-test -w 1 -n 1 -t 30 & sleep 1; ./sdm-test -s 0 1 0 0x33 0x44; wait",
                     "signal 0 from 0 payload 0x33 0x44")

    def prepare(self):
        """The directory that a user would be in."""
        os.symlink(self.qemu, os.path.join(self.directory, "qemu-system-arm"))
        shutil.copy(self.kit.kernel, os.path.join(self.directory, "zImage"))
        with open(os.path.join(self.directory, "busybox.cpio"), "wb") as cpio:
            cpio.write(gzip.decompress(self.kit.read("master.cpio.gz")))

    def type_in(self, name, command):
        """Has a shell run a command line."""
        machine = TypedMachine(self, name, textwrap.dedent(command).strip())
        machine.start()
        return machine

    def type_on(self, name, machine, line, pattern):
        """Types a line on a machine's console."""
        since = machine.type(line)
        self.step(name, machine.wait_console, pattern, PATIENCE, since + len(line))


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


class Foreign(Scenario):
    """Slave: Debian's own kernel, with an initrd, booted by the small master."""

    name = "foreign"
    extra_kernels = ("armmp",)

    def run(self):
        self.kit.add_foreign_slave(self.kits["armmp"])
        master, slave = self.start_pair(memory=320)
        before = self.bytes_moved(master)
        self.step("Debian's kernel boots", self.boot_slave, master, slave, 1,
                  "./sdm-test -b 0 {id} foreign-zImage test.dtb --initrd foreign-initrd")
        size = int(master.get("cat foreign-zImage foreign-initrd | wc -c"))
        self.check_way("the load", "bulk", before, self.bytes_moved(master), size)
        self.expect("it is Debian's", slave, "cat /proc/version", "Debian")
        self.probe("it answers", master, "ask 1", "OK")
        self.run_test(master, "signals", f"{NO_PAIR} -v slave")
        self.run_test(master, "window", "-f direct -t write_widths -t read_widths -t large_copies", patience=600)
        self.run_test(master, "ordering", patience=300, environment="SDM_ROUNDS_PERCENT=5")


class Debian(Slave):
    """Master: Debian's own kernel, the slave a small one."""

    name = "debian"
    kernel = "armmp"
    rounds = 5
    left_out = ("tool.sh",)
    allowed_skips = ("no KUnit in this kernel", "/dev/mem cannot be mapped")


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
        master.get("./sdm-test -w 0 -j >/tmp/events & echo $! >/tmp/pid; sleep 1")
        slave.get("killall responder; while pidof responder; do sleep 0.1; done; rmmod sdm_test_mod sdm_platform")
        self.expect("driver goes: state", master, "sleep 1; /tests/probe state 1", r"^running \d+ in")
        self.probe("driver goes: nobody takes signals", master, "fill 1", "EAGAIN after [1-9]")
        self.probe("driver goes: memory is there", master, "read 1 0x8000000 64", "64 in")
        slave.get("modprobe sdm_platform; modprobe sdm_test_mod; /tests/responder")
        self.expect("driver comes: state", master, "sleep 1; /tests/probe state 1", r"^running \d+ driver")
        self.probe("driver comes: it answers", master, "ask 1", "OK")
        self.expect("driver goes and comes: events", master, "kill $(cat /tmp/pid); cat /tmp/events",
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


class UnixDebian(Unix):
    """unix, with Debian's own kernel."""

    name = "unix-debian"
    kernel = "armmp"
    rounds = 5
    allowed_skips = Debian.allowed_skips


class SharedDebian(Shared):
    """shared, with Debian's own kernel."""

    name = "shared-debian"
    kernel = "armmp"
    rounds = 5
    left_out = ("tool.sh",)
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


class UnixDebug(Unix):
    """unix, with kernels that look for bugs in themselves."""

    name = "unix-debug"
    only_by_name = True
    kernel = "debug"
    rounds = 5
    left_out = ("window",)
    environment = "SDM_QUICK=1"


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


SCENARIOS = [Self, Pair, Verbatim, Slave, SlaveArm64, SlaveRiscv64, IsaArm, IsaArm64, IsaRiscv64, IsaX86, Kvm, Smp,
             BareMetal, Hosts, Libvirt, Mailbox, Rproc, RprocShared, Rpmsg, RpmsgUnix, RpmsgShared, RpmsgLinux,
             RpmsgLinuxUnix, RpmsgLinuxShared, Two, Slaves, Many, Many64, Mixed, NoLimit, Unix, Tls, Plain, PlainWhole,
             Shared, HugePages, Life, Pressure, Faults, Foreign, Debian, PciDebian, MailboxDebian, RprocDebian,
             RpmsgDebian, RpmsgLinuxDebian, UnixDebian, PlainDebian, SharedDebian, Debug, DebugArm64, MailboxDebug,
             RprocDebug, RpmsgDebug, RpmsgLinuxDebug, UnixDebug, PlainDebug, SharedDebug, FaultsDebug, ModulesDebug]
