#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""rpmsg: the kernel's own drivers for it on the master, a firmware on the slave."""

import os

from .machine import PATIENCE
from .rproc import RPROC, Rproc, build_firmware

CHANNELS = "/sys/bus/rpmsg/devices"
# How many messages rpmsg_client_sample sends
SAMPLES = 100


class Rpmsg(Rproc):
    """Messages between the master's Linux and a firmware, by TCP."""

    name = "rpmsg"
    pair = {"ram": ",coherent-size=64K"}
    has_sample = True

    def run(self):
        self.make_files()
        master, slave = self.start_pair(memory=self.memory, **self.pair)
        master.get("modprobe sdm_remoteproc; for module in virtio_rpmsg_bus rpmsg_ctrl rpmsg_char rpmsg_tty; do "
                   "modprobe $module; done")
        self.put("firmware", master, "firmware", "rpmsg.elf")
        self.starts("start", master, slave)
        self.sample(master)
        self.tty("tty", master)
        self.stops("stop", master)
        for number in range(5):
            self.starts(f"again {number}", master, slave)
            self.tty(f"again {number}", master)
            self.stops(f"again {number}", master)

    def make_files(self):
        directory = self.kit.path("firmware")
        build_firmware(directory, self.memory)
        self.kit.add_to_master([("/lib/firmware/rpmsg.elf", os.path.join(directory, "rpmsg.elf"))])

    # Steps

    def starts(self, name, master, slave):
        """Starts the firmware, up to its channels."""
        since = len(slave.console())
        self.put(f"{name}: start", master, "state", "start")
        self.step(f"{name}: the rings are in use", slave.wait_console, "rpmsg: up", PATIENCE, since)
        self.expect(f"{name}: channels", master, f"for i in $(seq 300); do [ -e /dev/ttyRPMSG0 ] && break; sleep 0.1; "
                    f"done; ls {CHANNELS}", r"rpmsg-client-sample\.-1\.1024[\s\S]*rpmsg-raw\.-1\.1026[\s\S]*"
                    r"rpmsg-tty\.-1\.1025")

    def stops(self, name, master):
        """Stops the slave."""
        self.put(f"{name}: stop", master, "state", "stop")
        self.expect(f"{name}: no channels", master, f"ls {CHANNELS}", r"\A\s*\Z")

    def sample(self, master):
        """The kernel's own example, unmodified."""
        if not self.has_sample:
            return
        for time in ("first", "second"):
            self.expect(f"rpmsg_client_sample, {time} time", master, "dmesg -c >/dev/null; modprobe rpmsg_client_sample; "
                        "for i in $(seq 600); do dmesg | grep -q goodbye && break; sleep 0.1; done; dmesg | grep -c "
                        "'incoming msg'; dmesg | grep goodbye; rmmod rpmsg_client_sample", rf"^{SAMPLES}\n.*goodbye!", 0,
                        90)

    def tty(self, name, master):
        """Lines by a serial port."""
        self.expect(f"{name}: a line comes back", master, "stty -F /dev/ttyRPMSG0 raw -echo; exec 3<>/dev/ttyRPMSG0; "
                    f"echo 'over the {name}' >&3; read -t 30 line <&3; exec 3>&-; echo \"$line\"", f"^over the {name}$")
