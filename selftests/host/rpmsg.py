#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""rpmsg: the kernel's own drivers for it on the master, a firmware on the slave."""

import os
import re
import struct
import subprocess

from .files import CROSS_COMPILE, SELFTESTS, constant
from .machine import PATIENCE
from .rproc import INVALID, RPROC, Rproc, build_firmware, changed

CHANNELS = "/sys/bus/rpmsg/devices"
MODULES = "virtio_rpmsg_bus rpmsg_ctrl rpmsg_char rpmsg_tty"
# Who has an older file open keeps its name; expanded by the shell there.
RAW = f"$(cd {CHANNELS}/*rpmsg-raw*/rpmsg && echo /dev/$(ls))"
SIGNAL_HANG = constant("selftests/firmware/commands.h", "SIGNAL_HANG")
# How many messages rpmsg_client_sample sends
SAMPLES = 100
COHERENT = 64 << 10
ANY = 0xffffffff


def bad_tables(good, region):
    """
    Two dictionaries of files: with tables that ask for what is not possible, name -> (contents, error, what the kernel
    says), and unusual ones, name -> contents.
    """
    # The resource table is the second segment.
    phdr, = struct.unpack_from("<I", good, 0x1c)
    at, = struct.unpack_from("<I", good, phdr + 32 + 4)
    carveout, vdev = (at + offset for offset in struct.unpack_from("<II", good, at + 16))
    rings = [vdev + 28 + 20 * i for i in range(2)]

    def fixed(first, second):
        return changed(changed(good, rings[0], "<I", first), rings[1], "<I", second)

    return {
        "entries": (changed(changed(good, rings[0] + 8, "<I", 33), rings[1] + 8, "<I", 33), INVALID,
                    "vdev0vring0: 33 entries"),
        "unequal": (changed(good, rings[0] + 8, "<I", 16), INVALID, "rpmsg with two rings of the same size"),
        "disk": (changed(good, vdev + 4, "<I", 2), INVALID, "its virtio device is not one for rpmsg"),
        "alignment": (changed(good, rings[1] + 4, "<I", 8192), INVALID, "vdev0vring1: 32 entries, alignment 8192"),
        "too-few": (changed(good, carveout + 12, "<I", 0x4000), INVALID, "needs a carveout vdev0buffer of 0x8000"),
        "too-many": (changed(good, carveout + 12, "<I", 0x40000), "No space left",
                     "region of 0x10000 bytes is too small"),
        "huge": (changed(good, carveout + 12, "<I", 0xfffff001), "No space left",
                 "region of 0x10000 bytes is too small"),
        "no-buffers": (changed(good, carveout + 24, "<B", ord("x")), INVALID, "needs a carveout vdev0buffer"),
        "outside": (fixed(0x30000000, ANY), INVALID, "0x2000 bytes at 0x30000000 are no place for vdev0vring0"),
        "twice": (fixed(region + 0x1000, region + 0x2000), INVALID, "no place for vdev0vring0"),
        "table": (fixed(region, ANY), INVALID, "no place for vdev0vring0"),
        "unaligned": (fixed(region + 0xc004, ANY), INVALID, "no place for vdev0vring0"),
        "rings": (changed(good, vdev + 25, "<B", 200), INVALID, "an entry of its resource table is truncated"),
        "entry": (changed(good, at + 20, "<I", vdev - at + 1), INVALID,
                  "an entry of its resource table is not aligned"),
    }, {
        "fixed": fixed(region + 0xc000, region + 0xe000),
        "features": changed(good, vdev + 12, "<I", 0x30000001),
    }


class Rpmsg(Rproc):
    """Messages between the master's Linux and a firmware, by TCP."""

    name = "rpmsg"
    unix = False
    ram = f",coherent-size={COHERENT}"
    # Messages of a run
    many = 3000

    def run(self):
        self.make_files()
        address = self.address(self.unix)
        master = self.master(address)
        slave = self.slave(address, memory=self.memory, ram=self.ram)
        plain = self.slave(address, 2, memory=self.memory)
        self.start_master(master)
        slave.start()
        self.bring_up(master)
        master.get(f"modprobe sdm_remoteproc; for module in {MODULES}; do modprobe $module; done")
        self.put("firmware", master, "firmware", "rpmsg.elf")
        self.starts("start", master, slave)
        self.sample(master)
        self.messages("start", master)
        self.endpoint(master)
        self.stops("stop", master)
        for number in range(3):
            self.starts(f"again {number}", master, slave)
            self.tty(f"again {number}", master)
            self.stops(f"again {number}", master)
        self.tables(master, slave)
        self.hangs(master, slave)
        self.crashes(master, slave)
        self.killed(master, slave)
        self.attach(master, slave)
        self.drivers_go(master, slave)
        self.without_region(master, plain)

    def make_files(self):
        directory = self.kit.path("firmware")
        build_firmware(directory, self.memory, COHERENT >> 10)
        good = os.path.join(directory, "rpmsg.elf")
        rate = self.kit.path("rpmsg-rate")
        subprocess.run([CROSS_COMPILE + "gcc", "-O2", "-static", "-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64", "-o",
                        rate, os.path.join(SELFTESTS, "bench", "rpmsg-rate.c")], check=True)
        with open(good, "rb") as stream:
            self.bad, self.odd = bad_tables(stream.read(), 0x40000000 + (self.memory << 20) - COHERENT)
        self.kit.add_to_master(
            [("/lib/firmware/rpmsg.elf", good), ("/root/rpmsg.elf", good), ("/bin/rpmsg-rate", rate)] +
            [(f"/lib/firmware/bad-{name}.elf", data) for name, (data, _, _) in self.bad.items()] +
            [(f"/lib/firmware/{name}.elf", data) for name, data in self.odd.items()])

    # Steps

    def starts(self, name, master, slave):
        """Starts the firmware, up to its channels."""
        self.announces(name, master, slave, lambda: self.put(f"{name}: start", master, "state", "start"))

    def announces(self, name, master, slave, act):
        """After that the firmware's channels are there."""
        since = len(slave.console())
        act()
        # A machine that is started again begins with an empty console.
        since = 0 if act == slave.start else since
        self.step(f"{name}: the rings are in use", slave.wait_console, "rpmsg: up", PATIENCE, since)
        self.expect(f"{name}: channels", master, "for i in $(seq 300); do [ -e /dev/ttyRPMSG0 ] && "
                    f"ls -d {CHANNELS}/*rpmsg-raw*/rpmsg/rpmsg* && break; sleep 0.1; done; ls {CHANNELS}",
                    r"rpmsg-client-sample\.-1\.1024[\s\S]*rpmsg-raw\.-1\.1026[\s\S]*rpmsg-tty\.-1\.1025")

    def no_channels(self, name, master):
        """They are gone."""
        self.expect(f"{name}: no channels", master, f"for i in $(seq 300); do ls {CHANNELS} | grep -q . || break; "
                    f"sleep 0.1; done; ls {CHANNELS}", r"\A\s*\Z")

    def stops(self, name, master):
        """Stops the slave."""
        self.put(f"{name}: stop", master, "state", "stop")
        self.no_channels(name, master)

    def sample(self, master):
        """The kernel's own example, unmodified."""
        for time in ("first", "second"):
            self.expect(f"rpmsg_client_sample, {time} time", master, "dmesg -c >/dev/null; "
                        "modprobe rpmsg_client_sample; for i in $(seq 600); do dmesg | grep -q goodbye && break; "
                        "sleep 0.1; done; dmesg | grep -c 'incoming msg'; dmesg | grep goodbye; "
                        "rmmod rpmsg_client_sample", rf"^{SAMPLES}\n.*goodbye!", 0, 90)

    def tty(self, name, master):
        """Lines by a serial port."""
        self.expect(f"{name}: a line comes back", master, "stty -F /dev/ttyRPMSG0 raw -echo; exec 3<>/dev/ttyRPMSG0; "
                    f"echo 'over the {name}' >&3; read -t 30 line <&3; exec 3>&-; echo \"$line\"", f"^over the {name}$")

    def messages(self, name, master):
        """All that the firmware offers."""
        self.tty(name, master)
        for what, size, window in (("rtt", 16, ""), ("rtt", 496, ""), ("flow", 1, 16), ("flow", 496, 16)):
            self.expect(f"{name}: rpmsg_char: {what} {size}", master, f"rpmsg-rate {what} {RAW} {size} {self.many} "
                        f"{window}", r"^\d", 0, 300)

    def endpoint(self, master):
        """An endpoint of its own, by rpmsg_ctrl, with messages of any size."""
        file = master.get("/tests/rpmsg ept /dev/rpmsg_ctrl0 end 2000 1026").strip()
        self.expect("rpmsg_ctrl: an endpoint", master, f"/tests/rpmsg ping {file} {self.many}",
                    f"^{self.many} messages came back$", 0, 300)

    def under_load(self, master):
        """Messages without end."""
        master.background(f"sh -c 'while rpmsg-rate flow {RAW} 400 1000 8; do :; done'", "/tmp/load", r"^[0-9]")

    # What is tested

    def tables(self, master, slave):
        """What cannot be is refused, and the kernel says why."""
        for name, (_, error, reason) in self.bad.items():
            self.put(f"bad table, {name}: set", master, "firmware", f"bad-{name}.elf")
            self.says(f"bad table, {name}: it says why", master, f"echo start >{RPROC}/state", re.escape(reason))
            self.put(f"bad table, {name}", master, "state", "start", error)
            self.no_channels(f"bad table, {name}", master)
        for name in self.odd:
            self.put(f"table, {name}: set", master, "firmware", f"{name}.elf")
            self.starts(f"table, {name}", master, slave)
            self.tty(f"table, {name}", master)
            self.stops(f"table, {name}", master)
        self.expect("unfit features are told", master, "dmesg", "features 0x30000000 of its virtio device are not used")
        self.put("firmware, again", master, "firmware", "rpmsg.elf")

    def hangs(self, master, slave):
        """Nobody takes the messages: senders are told, and the slave can be stopped."""
        self.starts("hang", master, slave)
        master.get(f"./sdm-test -q -s 0 1 {SIGNAL_HANG}")
        slave.wait_console("firmware: hangs")
        self.expect("hang: there is no room in the end", master, f"rpmsg-rate flow {RAW} 496 1000 1000",
                    "write: (Cannot allocate memory|Resource temporarily unavailable)", 1)
        self.stops("hang", master)

    def crashes(self, master, slave):
        """The guest resets itself, in the middle of messages."""
        self.starts("crash", master, slave)
        for number in range(3):
            name = f"crash {number}"
            self.under_load(master)
            self.announces(name, master, slave, lambda: self.firmware_resets(master))
            self.state(f"{name}: running", master, "running")
            self.expect(f"{name}: the load has noticed", master, "while pidof rpmsg-rate; do sleep 0.1; done; "
                        "cat /tmp/load", "rpmsg-rate: ")
            self.tty(name, master)
        self.stops("crash", master)

    def killed(self, master, slave):
        """The slave's machine is killed, in the middle of messages."""
        self.starts("killed", master, slave)
        for number in range(3):
            name = f"killed {number}"
            self.under_load(master)
            slave.kill()
            self.state(f"{name}: offline", master, "offline")
            self.no_channels(name, master)
            slave.stop()
            self.announces(name, master, slave, slave.start)
            self.messages(name, master)
        self.stops("killed", master)

    def attach(self, master, slave):
        """A firmware that sdm-test has started."""
        for number in range(2):
            name = f"attach {number}"
            since = len(slave.console())
            self.expect(f"{name}: sdm-test boots it", master, "./sdm-test -q -b 0 1 rpmsg.elf", "")
            self.step(f"{name}: it is ready", slave.wait_console, "firmware: ready", PATIENCE, since)
            self.state(f"{name}: detached", master, "detached")
            for time in ("first", "second"):
                self.starts(f"{name}, {time} time", master, slave)
                self.messages(f"{name}, {time} time", master)
                since = len(slave.console())
                self.put(f"{name}, {time} time: detach", master, "state", "detach")
                self.no_channels(f"{name}, {time} time", master)
                self.step(f"{name}, {time} time: the firmware knows", slave.wait_console, "rpmsg: down", PATIENCE,
                          since)
            self.starts(f"{name}: attach", master, slave)
            if number:
                self.under_load(master)
            self.stops(name, master)

    def drivers_go(self, master, slave):
        """Drivers go while there are messages, and come back."""
        self.starts("unbind", master, slave)
        self.under_load(master)
        driver = "/sys/bus/platform/drivers/sdm-platform"
        device = master.get(f"cd {driver}; ls -d *.sdm").split()[0]
        self.expect("unbind", master, f"echo {device} >{driver}/unbind; ls /sys/class/remoteproc {CHANNELS}", "")
        self.no_channels("unbind", master)
        self.expect("bind", master, f"echo {device} >{driver}/bind; ls /sys/class/remoteproc", r"remoteproc\d")
        self.probe("bind: it waits in reset", master, "wait 1 reset", "OK")
        self.put("bind: firmware", master, "firmware", "rpmsg.elf")
        self.starts("bind", master, slave)
        self.under_load(master)
        self.expect("unload", master, f"rmmod sdm_remoteproc; ls {CHANNELS}", "")
        self.no_channels("unload", master)
        self.probe("unload: it waits in reset", master, "state 1", "reset")
        self.expect("all modules can be unloaded", master, "while pidof rpmsg-rate; do sleep 0.1; done; for module in "
                    f"{MODULES}; do rmmod $module || exit 1; done", "")
        master.get(f"modprobe sdm_remoteproc; for module in {MODULES}; do modprobe $module; done")
        self.put("load: firmware", master, "firmware", "rpmsg.elf")
        self.starts("load", master, slave)
        self.messages("load", master)
        self.stops("load", master)

    def without_region(self, master, slave):
        """A slave without a coherent region, and a window of which each access is forwarded."""
        other = RPROC.replace("p1", "p2")
        slave.start()
        self.probe("no region: the slave is there", master, "wait 2 reset", "OK")
        master.get(f"echo rpmsg.elf >{other}/firmware")
        self.says("no region: it says why", master, f"echo start >{other}/state", "has no coherent region")
        self.expect("no region", master, f"echo start >{other}/state", "Operation not supported|Not supported", 1)
        master.get(f"rmmod sdm_remoteproc; modprobe sdm_remoteproc trapped={COHERENT}; "
                   f"echo rpmsg.elf >{other}/firmware")
        self.announces("trapped", master, slave, lambda: master.get(f"echo start >{other}/state"))
        self.tty("trapped", master)
        self.expect("trapped: messages", master, f"rpmsg-rate flow {RAW} 496 300 16", r"^\d", 0, 300)
        self.expect("trapped: stop", master, f"echo stop >{other}/state", "")
        self.no_channels("trapped", master)


class RpmsgUnix(Rpmsg):
    """rpmsg, by a UNIX socket."""

    name = "rpmsg-unix"
    only_by_name = True
    unix = True


class RpmsgShared(Rpmsg):
    """rpmsg, with a slave whose memory is mapped."""

    name = "rpmsg-shared"
    only_by_name = True
    unix = True
    ram = Rpmsg.ram + ",share=on"


class RpmsgDebian(Rpmsg):
    """rpmsg, with Debian's own kernel as the master's."""

    name = "rpmsg-debian"
    only_by_name = True
    kernel = "armmp"


class RpmsgDebug(Rpmsg):
    """rpmsg, with kernels that look for bugs in themselves; only if it is named: it has a kernel of its own."""

    name = "rpmsg-debug"
    kernel = "debug-rproc"
    only_by_name = True
    many = 300
