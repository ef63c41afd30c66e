#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The command lines of the documentation."""

import gzip
import os
import shutil
import socket
import textwrap

from .ktap import Result
from .machine import PATIENCE, TypedMachine
from .scenario import Scenario

# The prompt of the guests' shell, which asks for the cursor's position
PROMPT = r"\nmaster:\S* # (\x1b\[6n)?$|\nmaster:\S*# (\x1b\[6n)?$"


def port_is_taken(port):
    """Does somebody listen there?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


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
