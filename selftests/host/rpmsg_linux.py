#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""rpmsg: the kernel's own drivers for it on both sides."""

from .machine import PATIENCE
from .rproc import BUSY, pack
from .rpmsg import CHANNELS, MODULES, SAMPLES, Rpmsg
from .scenario import BOOT

SLAVE_MODULES = "rpmsg_ctrl rpmsg_char rpmsg_tty"
CTRL = "/dev/rpmsg_ctrl0"
SAMPLE, TTY, RAW = "rpmsg-client-sample", "rpmsg-tty", "rpmsg-raw"
ADDRESSES = {SAMPLE: 1024, TTY: 1025, RAW: 1026}


class RpmsgLinux(Rpmsg):
    """Messages between Linux and Linux, by TCP."""

    name = "rpmsg-linux"
    many = 2000
    boot = BOOT

    def run(self):
        self.make_files()
        address = self.address(self.unix)
        master = self.master(address)
        slave = self.slave(address, memory=self.memory, ram=self.ram)
        self.start_master(master)
        slave.start()
        self.bring_up(master)
        master.get(f"modprobe sdm_remoteproc; for module in {MODULES}; do modprobe $module; done")
        self.put("firmware", master, "firmware", "linux.elf")
        self.put("start", master, "state", "start", patience=PATIENCE)
        self.comes_up("start", slave)
        self.talk("start", master, slave)
        self.bad_input(slave)
        self.endpoints(master, slave)
        self.announced_by_master(master, slave)
        self.released(master, slave)
        self.reloaded(master, slave)
        self.unbound(slave, master)
        self.link(master, slave)
        self.stops("stop", master)
        self.attach(master, slave)

    def make_files(self):
        self.pack("slave-zImage", "test-initrd")

    def pack(self, kernel, initrd, more=()):
        """Makes the slave's firmware."""
        linux = self.kit.path("linux.elf")
        pack(linux, self.kit.path(kernel), self.kit.path("test.dtb"), self.kit.path(initrd), self.memory, 64)
        self.kit.add_to_master([("/lib/firmware/linux.elf", linux), *more])

    # Steps

    def comes_up(self, name, slave):
        """The slave's Linux, with the driver."""
        self.step(f"{name}: it is up", slave.wait_ready)
        self.loads(name, slave)

    def loads(self, name, slave):
        """Loads the driver; the master is there."""
        self.expect(f"{name}: the driver", slave, f"for module in sdm_rpmsg {SLAVE_MODULES}; do modprobe $module || "
                    f"exit; done; {self.waits(f'[ -c {CTRL} ]')}; dmesg | grep sdm-rpmsg", "messages with the master")

    @staticmethod
    def waits(condition):
        """Shell commands that wait for something."""
        return f"for i in $(seq 300); do {condition} && break; sleep 0.1; done"

    def service(self, name, master, slave, service):
        """Makes a service; the master has its channel then."""
        address = ADDRESSES[service]
        self.expect(f"{name}: service {service}", slave, f"/tests/rpmsg create {CTRL} {service} {address} any", "")
        self.has_channel(f"{name}: channel {service}", master, f"{service}.-1.{address}")

    def has_channel(self, name, machine, channel):
        """Waits for a channel."""
        self.expect(name, machine, f"{self.waits(f'ls {CHANNELS} | grep -q {channel}$')}; ls {CHANNELS}",
                    rf"{channel}\b".replace(".", r"\."))

    def only_fixed(self, name, machine):
        """The channels of all services are gone. The rings are in use."""
        self.expect(name, machine, f"{self.waits(f'! ls {CHANNELS} | grep -q rpmsg-')}; ls {CHANNELS}",
                    r"\A\S*rpmsg_ctrl\S*\s+\S*rpmsg_ns\S*\s*\Z")

    def no_service(self, name, master, slave):
        """Nothing is left, on both sides."""
        self.no_channels(name, master)
        self.expect(f"{name}: none on the slave", slave, f"{self.waits(f'! ls {CHANNELS} | grep -q .')}; ls {CHANNELS}",
                    r"\A\s*\Z")

    def talk(self, name, master, slave):
        """All of the kernel's drivers, on both sides."""
        self.samples(name, master, slave)
        self.lines(name, master, slave)
        self.raw(name, master, slave)

    def samples(self, name, master, slave):
        """The kernel's example talks to itself."""
        for machine in (slave, master):
            machine.get("dmesg -c >/dev/null; modprobe rpmsg_client_sample")
        self.service(name, master, slave, SAMPLE)
        for machine in (master, slave):
            self.expect(f"{name}: rpmsg_client_sample, {machine.name}", machine,
                        f"{self.waits('dmesg | grep -q goodbye')}; dmesg | grep -c 'incoming msg'; "
                        "dmesg | grep goodbye", rf"^{SAMPLES}\n.*goodbye!")
        for machine in (master, slave):
            machine.get("rmmod rpmsg_client_sample")

    def lines(self, name, master, slave):
        """Lines by serial ports."""
        self.service(name, master, slave, TTY)
        # The first line makes the slave's port.
        master.get("stty -F /dev/ttyRPMSG0 raw -echo; echo first >/dev/ttyRPMSG0")
        slave.get(f"{self.waits('[ -c /dev/ttyRPMSG0 ]')}; stty -F /dev/ttyRPMSG0 raw -echo")
        for sender, receiver in ((master, slave), (slave, master)):
            receiver.background("sh -c 'echo ready; head -n 50 /dev/ttyRPMSG0'", "/tmp/lines", "ready")
            # The driver loses what there is no buffer for, but says so.
            sender.get("seq 50 | while read i; do until echo line $i 2>/dev/null; do sleep 0.1; done; done "
                       ">/dev/ttyRPMSG0")
            self.expect(f"{name}: lines from {sender.name}", receiver,
                        f"{self.waits('grep -qx line.50 /tmp/lines')}; tail -n 50 /tmp/lines | md5sum; "
                        "seq 50 | sed 's/^/line /' | md5sum", r"^(\S+)  -\n\1  -")

    def raw(self, name, master, slave):
        """Messages as they are, by rpmsg_char."""
        self.service(name, master, slave, RAW)
        device = self.file_of(f"{name}: the master's file", master, RAW)
        slave.get("rm -f /tmp/echo; sh -c 'while ! ls /sys/class/rpmsg | grep -q ^rpmsg0; do sleep 0.1; done; "
                  "exec /tests/rpmsg echo /dev/rpmsg0' >/tmp/echo 2>&1 & echo $!")
        self.expect(f"{name}: rpmsg_char", master, f"/tests/rpmsg ping {device} {self.many}",
                    f"^{self.many} messages came back$", 0, 300)

    def file_of(self, name, machine, channel):
        """The file of a channel of rpmsg_char."""
        found = []

        def find():
            found.append(machine.get(f"{self.waits(f'ls -d {CHANNELS}/*{channel}*/rpmsg/rpmsg*')} >/dev/null; "
                                     f"cd {CHANNELS}/*{channel}*/rpmsg; echo /dev/$(ls)"))
        self.step(name, find)
        return found[0]

    # What is tested

    def bad_input(self, slave):
        """What cannot be is refused."""
        for command, error, status in (
                ("", "rpmsg create CTRL", 2), (f"create {CTRL} name 5", "rpmsg create CTRL", 2),
                (f"create {CTRL} name 5 x", "x is no address", 2),
                (f"create {CTRL} name 0x100000000 any", "is no address", 2),
                (f"create {CTRL} '' 5 any", "a name has 1 to 31 characters", 2),
                (f"create {CTRL} {'n' * 32} 5 any", "a name has 1 to 31 characters", 2),
                ("create /dev/null name 5 any", "Inappropriate ioctl|Not a tty", 1),
                ("create /dev/nothing name 5 any", "No such file", 1),
                (f"create {CTRL} name any any", "No such device or address", 1),
                (f"create {CTRL} name 53 any", "No such device or address", 1),
                (f"create {CTRL} other {ADDRESSES[RAW]} any", "No such device or address", 1),
                (f"release {CTRL} name 77 any", "Invalid argument", 1),
                ("ping /dev/rpmsg0 x", "COUNT is a number", 2), ("ping /dev/rpmsg0 1 497", "COUNT is a number", 2),
                ("echo /dev/rpmsg0", BUSY, 1)):
            self.expect(f"bad input: {command}", slave, f"/tests/rpmsg {command}", error, status)

    def endpoints(self, master, slave):
        """Endpoints without a channel."""
        files = [machine.get(f"/tests/rpmsg ept {CTRL} end {src} {dst}")
                 for machine, src, dst in ((master, 4000, 3000), (slave, 3000, 4000))]
        slave.get(f"/tests/rpmsg echo {files[1]} >/tmp/ends 2>&1 & "
                  "while ! pidof rpmsg | grep -q ' '; do :; done; sleep 1")
        self.expect("endpoints", master, f"/tests/rpmsg ping {files[0]} 200 100", "^200 messages came back$", 0, 300)

    def announced_by_master(self, master, slave):
        """A channel that begins on the master."""
        self.expect("master's channel", master, f"/tests/rpmsg create {CTRL} {RAW} 2000 any", "")
        self.has_channel("master's channel: slave", slave, f"{RAW}.-1.2000")
        files = [machine.get(f"cd {CHANNELS}/*{RAW}.{address}/rpmsg; echo /dev/$(ls)")
                 for machine, address in ((master, "2000.-1"), (slave, "-1.2000"))]
        master.background(f"sh -c 'echo ready; exec /tests/rpmsg recv {files[0]}'", "/tmp/recv", "ready")
        slave.get(f"/tests/rpmsg send {files[1]} from-the-slave")
        self.expect("master's channel: message", master, f"{self.waits('grep -q from /tmp/recv')}; cat /tmp/recv",
                    "^from-the-slave$")
        self.expect("master's channel: release", master, f"/tests/rpmsg release {CTRL} {RAW} 2000 any", "")
        self.expect("master's channel: it has gone", slave, f"{self.waits(f'! ls {CHANNELS} | grep -q 1.2000')}; "
                    f"ls {CHANNELS}", r"\A((?!\.2000)[\s\S])*\Z")

    def released(self, master, slave):
        """A service goes, and one with its address comes."""
        for service, address in ADDRESSES.items():
            self.expect(f"release {service}", slave, f"/tests/rpmsg release {CTRL} {service} {address} any", "")
        for machine in (master, slave):
            self.only_fixed(f"release: {machine.name}", machine)
        self.talk("again", master, slave)

    def reloaded(self, master, slave):
        """The driver goes and comes back."""
        self.expect("unload", slave, f"rmmod sdm_rpmsg; ls {CHANNELS}", r"\A\s*\Z")
        self.only_fixed("unload: master", master)
        self.loads("load", slave)
        self.talk("load", master, slave)

    def unbound(self, slave, master):
        """So does the device."""
        driver = "/sys/bus/platform/drivers/sdm-platform"
        device = slave.get(f"cd {driver}; ls -d *.sdm").split()[0]
        self.expect("unbind", slave, f"echo {device} >{driver}/unbind; ls {CHANNELS}", r"\A\s*\Z")
        self.only_fixed("unbind: master", master)
        self.expect("bind", slave, f"echo {device} >{driver}/bind; {self.waits(f'[ -c {CTRL} ]')}; ls {CTRL}", CTRL)
        self.talk("bind", master, slave)

    def link(self, master, slave):
        """The slave's Linux resets its machine, and the master starts it again."""
        slave.begin("reboot -f")
        # What is always there may be back already.
        self.expect("reboot: no services", master, f"{self.waits(f'! ls {CHANNELS} | grep -q rpmsg-')}; ls {CHANNELS}",
                    r"\A((?!rpmsg-)[\s\S])*\Z")
        self.comes_up("reboot", slave)
        self.talk("reboot", master, slave)

    def attach(self, master, slave):
        """A Linux that sdm-test has started."""
        self.step("attach: sdm-test boots it", self.boot_slave, master, slave, 1, self.boot)
        slave.get(f"for module in sdm_rpmsg {SLAVE_MODULES}; do modprobe $module; done; sleep 3")
        self.expect("attach: nothing yet", slave, f"ls {CHANNELS}", r"\A\s*\Z")
        for time in ("first", "second"):
            name = f"attach, {time} time"
            self.put(name, master, "state", "start")
            self.expect(f"{name}: the slave knows", slave, f"{self.waits(f'[ -c {CTRL} ]')}; ls {CTRL}", CTRL)
            if time == "first":
                self.talk(name, master, slave)
            else:
                # Services have stayed.
                self.has_channel(f"{name}: services", master, f"{RAW}.-1.{ADDRESSES[RAW]}")
            self.put(f"{name}: detach", master, "state", "detach")
            self.no_service(f"{name}: detach", master, slave)
        self.put("attach: stop: attach", master, "state", "start")
        self.put("attach: stop", master, "state", "stop")


class RpmsgLinuxUnix(RpmsgLinux):
    """rpmsg-linux, by a UNIX socket."""

    name = "rpmsg-linux-unix"
    only_by_name = True
    unix = True


class RpmsgLinuxShared(RpmsgLinux):
    """rpmsg-linux, with a slave whose memory is mapped."""

    name = "rpmsg-linux-shared"
    only_by_name = True
    unix = True
    ram = RpmsgLinux.ram + ",share=on"


class RpmsgLinuxDebian(RpmsgLinux):
    """rpmsg-linux, with Debian's own kernel on both sides."""

    name = "rpmsg-linux-debian"
    only_by_name = True
    kernel = "armmp"
    boot = "./sdm-test -b 0 {id} foreign-zImage test.dtb --initrd foreign-initrd"

    def make_files(self):
        # As it is, its modules in the initramfs
        self.pack("zImage", "foreign-initrd", self.kit.add_foreign_slave(self.kit))


class RpmsgLinuxDebug(RpmsgLinux):
    """rpmsg-linux, with kernels that look for bugs in themselves; only if it is named: it takes minutes."""

    name = "rpmsg-linux-debug"
    kernel = "debug-rproc"
    only_by_name = True
    memory = 320
    many = 300

    def run(self):
        super().run()
        self.no_leaks(self.machines[0])
