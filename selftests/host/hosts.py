#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Master and slave on two hosts, started by the scripts, with TLS."""

import os
import re
import subprocess

from .arch import SCRIPTS
from .ktap import Result
from .machine import PATIENCE, ScriptMachine
from .net import MASTER, Network, why_not
from .scenario import Scenario

ADDRESS = f"{MASTER}:1234"


class Hosts(Scenario):
    """Two hosts, which are network namespaces; certificates by make-certs."""

    name = "hosts"

    def run(self):
        reason = why_not()
        if reason:
            self.report.result(self.name, Result("all", "skip", reason))
            return
        # Also a host may be called "master".
        self.certificates("certs", "master", MASTER, "master")
        self.certificates("certs", "slave", "slave1", "stranger")
        self.certificates("other", "slave", "slave1")
        # What names no certificates or no slaves may be a variable that is not set.
        for options in (("run-master", "--tls", ""), ("run-slave", "--tls", ""),
                        ("run-master", "--tls", self.path("certs", "master"), "--allow", "")):
            self.refused("needs a value", *options)
        files = ("--kernel", self.kit.kernel, "--initrd", self.kit.master_initrd)
        self.refused("ends in M or G", "run-master", *files, "--memory", "2T")
        self.refused("is not more than", "run-master", *files, "--memory", "512M")
        self.refused("in brackets", "run-slave", "--connect", "::1:1234")
        network = Network()
        try:
            self.two(network)
        finally:
            for machine in self.machines:
                machine.stop()
            network.close()

    def certificates(self, directory, *names):
        """Runs make-certs."""
        result = subprocess.run([os.path.join(SCRIPTS, "make-certs"), os.path.join(self.directory, directory), *names],
                                check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.check(f"certificates for {' '.join(names)}", not result.returncode, result.stdout)

    def refused(self, reason, script, *options):
        """The script starts nothing, and says why."""
        result = subprocess.run(["env", "QEMU=/bin/true", os.path.join(SCRIPTS, script), *options], check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.check(f"{script} {options[-2]} {options[-1] or 'without a value'} is an error",
                   result.returncode == 1 and reason in result.stdout, f"status {result.returncode}: {result.stdout}")

    def script(self, network, side, name, *options):
        """A machine on one of the hosts."""
        machine = ScriptMachine(self, name, [f"run-{side}", *options])
        machine.prefix = network.prefix(side)
        return machine

    def path(self, *names):
        """Something in the directory of the scenario."""
        return os.path.join(self.directory, *names)

    def two(self, network):
        """Both hosts."""
        master = self.script(network, "master", "master", "--listen", ADDRESS, "--tls", self.path("certs", "master"),
                             "--allow", "slave1", "--kernel", self.kit.kernel, "--initrd", self.kit.master_initrd,
                             "--append", "panic_on_warn=1 panic=-1")
        slave = self.script(network, "slave", "slave1", "--connect", ADDRESS, "--tls", self.path("certs", "slave1"),
                            "--id", "1", "--reconnect", "500", "--memory", "256M")
        # The order is free.
        slave.start()
        self.start_master(master)
        self.bring_up(master)
        self.probe("the slave waits", master, "wait 1 reset", "OK")
        self.step("it boots", self.boot_slave, master, slave)
        self.probe("it answers", master, "ask 1", "OK")
        self.run_test(master, "window", "-t write_widths -t large_copies", patience=300,
                      environment="SDM_ROUNDS_PERCENT=10")
        self.intruder(network, master, "without TLS", [], "closed|reset|no answer|broken|refused",
                      "TLS handshake failed")
        self.intruder(network, master, "of another authority", ["--tls", self.path("other", "slave1")],
                      "hasn't got a known issuer", "closed the connection|TLS")
        self.intruder(network, master, "whose name is not allowed", ["--tls", self.path("certs", "stranger")],
                      "permission denied", "CN=stranger is denied")
        self.probe("it still answers", master, "ask 1", "OK")
        network.wire.blackout(3)
        self.probe("it answers after the network was cut", master, "ask 1", "OK")
        slave.kill()
        self.probe("its host has died", master, "wait 1 lost", "OK")
        slave.start()
        self.probe("it is back", master, "wait 1 reset", "OK")
        self.step("it boots again", self.boot_slave, master, slave)
        self.probe("it answers again", master, "ask 1", "OK")

    def intruder(self, network, master, what, options, reason, told):
        """A slave that the master must not take, why it says that it ends, and what the master says of it."""
        name = "intruder-" + re.sub(r"\W", "-", what)
        intruder = self.script(network, "slave", name, "--connect", ADDRESS, "--id", "2", "--memory", "64M", *options)
        before = len(master.messages())
        intruder.start()
        intruder.expected_end = True
        try:
            status = intruder.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = 0
        self.check(f"a slave {what} ends with an error", status and re.search(reason, intruder.messages()),
                   f"status {status}: {intruder.messages()}")
        self.check(f"a slave {what}: the master tells", re.search(told, master.messages()[before:]),
                   master.messages()[before:])
        self.probe(f"a slave {what} is not there", master, "state 2", "absent")
