#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Machines that libvirt runs, from the files of make-domains."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree

from .arch import SCRIPTS
from .ktap import Result
from .machine import PATIENCE, Failure, Machine
from .scenario import Scenario

SCHEMA = "/usr/share/libvirt/schemas/domain.rng"
QEMU_DRIVER = "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so"
NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"

# libvirt asks programs about themselves one after the other when it starts.
CREATION = 2 * PATIENCE


class Daemon:
    """A libvirtd of a user, with directories of its own, and virsh that talks to it."""

    def __init__(self, directory):
        # The paths of sockets have to be short.
        self.home = tempfile.mkdtemp(prefix="sdm-libvirt-")
        self.environment = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=os.path.join(self.home, "run"),
                                XDG_CONFIG_HOME=os.path.join(self.home, "config"), XDG_CACHE_HOME=directory,
                                LIBVIRT_LOG_OUTPUTS=f"3:file:{directory}/libvirtd.log")
        os.makedirs(os.path.join(self.home, "config/libvirt"))
        os.mkdir(os.path.join(self.home, "run"))
        with open(os.path.join(self.home, "config/libvirt/qemu.conf"), "w") as config:
            # Otherwise there would be another daemon for the output.
            config.write('stdio_handler = "file"\nsecurity_driver = "none"\n')
        # What root runs is the system's, unless it is somebody else in a name space for users.
        self.prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
        with open(os.path.join(directory, "libvirtd.out"), "wb") as output:
            self.process = subprocess.Popen([*self.prefix, shutil.which("libvirtd", path=PATH), "--timeout", "0"],
                                            env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, start_new_session=True)

    def virsh(self, *command):
        """Runs virsh; returns (exit status, output)."""
        done = subprocess.run([*self.prefix, "virsh", "--quiet", "--connect", "qemu:///session", *command], check=False,
                              env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=CREATION)
        return done.returncode, done.stdout.strip()

    def get(self, *command):
        """Runs virsh, which must succeed; returns its output."""
        status, output = self.virsh(*command)
        if status:
            raise Failure(f"virsh {' '.join(command)}: {output}")
        return output

    def wait(self):
        """Waits until it answers. virsh would start another one that nobody ends."""
        path = os.path.join(self.home, "run/libvirt/libvirt-sock")
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure("libvirtd does not start, see libvirtd.out and libvirtd.log")
            time.sleep(0.1)
        self.get("list")

    def pid(self, name):
        """The process of a domain."""
        with open(os.path.join(self.home, f"run/libvirt/qemu/run/{name}.pid")) as file:
            return int(file.read())

    def close(self):
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class Process:
    """What libvirtd has started, as a Machine wants a process to be."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None
        self.handle = os.pidfd_open(pid)

    def poll(self):
        """None while it is there; how it has ended only libvirtd knows."""
        try:
            signal.pidfd_send_signal(self.handle, 0)
        except ProcessLookupError:
            self.returncode = 0
        return self.returncode

    def wait(self, patience=PATIENCE):
        """Waits for its end."""
        deadline = time.monotonic() + patience
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", patience)
            time.sleep(0.05)
        return self.returncode


class Domain(Machine):
    """A machine that libvirt runs, of a file of make-domains to which the test's serial ports are added."""

    def __init__(self, scenario, daemon, path):
        self.domain = os.path.basename(path).removesuffix(".xml")
        super().__init__(scenario, self.domain.removeprefix("sdm-"), [])
        self.daemon = daemon
        self.path = path
        self.agent_path = os.path.join(daemon.home, self.domain + ".agent")

    def ports(self):
        """Writes the file anew, with a console that is logged and the agent's port; returns its path."""
        ElementTree.register_namespace("qemu", NAMESPACE)
        tree = ElementTree.parse(self.path)
        devices = tree.find("devices")
        devices.remove(devices.find("serial"))
        for number, (kind, source) in enumerate((("file", {"path": os.path.realpath(self.console_path)}),
                                                 ("unix", {"mode": "bind", "path": self.agent_path}))):
            serial = ElementTree.SubElement(devices, "serial", type=kind)
            ElementTree.SubElement(serial, "source", source)
            ElementTree.SubElement(serial, "target", port=str(number))
        path = os.path.join(self.scenario.directory, self.domain + ".xml")
        tree.write(path)
        return path

    def start(self):
        """Starts it; nothing that its agent says is lost."""
        self.starts += 1
        self.expected_end = False
        self.buffer = b""
        self.daemon.get("create", "--validate", "--paused", self.ports())
        self.process = Process(self.daemon.pid(self.domain))
        if self.port:
            self.port.close()
        self.port = socket.socket(socket.AF_UNIX)
        self.port.connect(self.agent_path)
        self.port.setblocking(False)
        self.daemon.get("resume", self.domain)
        self.scenario.started(self)

    def messages(self):
        """QEMU's own messages."""
        path = os.path.join(self.scenario.directory, f"libvirt/qemu/log/{self.domain}.log")
        with open(path, errors="replace") as log:
            return log.read()

    def state(self):
        """What libvirt says."""
        return self.daemon.virsh("domstate", self.domain)[1]

    def kill(self):
        """virsh destroy"""
        self.expected_end = True
        self.daemon.get("destroy", self.domain)
        self.process.wait(PATIENCE)

    def stop(self):
        """Ends it, however it is."""
        try:
            if self.is_running():
                self.kill()
        except (Failure, subprocess.TimeoutExpired) as failure:
            return f"{self.domain} does not end: {failure}"
        finally:
            if self.port:
                self.port.close()
                self.port = None
        return None


PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def why_not():
    """Why libvirt cannot run here, or None."""
    missing = [name for name in ("libvirtd", "virsh", "xmllint") if not shutil.which(name, path=PATH)]
    missing += [os.path.basename(pattern) for pattern in (SCHEMA, QEMU_DRIVER) if not glob.glob(pattern)]
    if missing:
        return f"libvirt is not installed, there is no {', '.join(missing)}"
    if os.geteuid() == 0 and subprocess.run(["unshare", "--user", "--map-user=1000", "true"], check=False,
                                            stderr=subprocess.DEVNULL).returncode:
        return "root has to be able to make name spaces for users"
    return None


class Libvirt(Scenario):
    """A master and two slaves that libvirt runs, with TLS, from the files that make-domains makes for two hosts."""

    name = "libvirt"

    def run(self):
        reason = why_not()
        if reason:
            self.report.result(self.name, Result("all", "skip", reason))
            return
        files = self.files()
        daemon = Daemon(self.directory)
        try:
            daemon.wait()
            self.farm(daemon, {os.path.basename(path).removesuffix(".xml"): path for path in files})
            self.end(daemon)
        finally:
            for machine in self.machines:
                machine.stop()
            daemon.close()

    def script(self, name, *arguments):
        """Runs a script; returns what it prints."""
        done = subprocess.run([os.path.join(SCRIPTS, name), *arguments], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=dict(os.environ, QEMU=self.qemu))
        if done.returncode:
            raise Failure(f"{name}: {done.stdout}")
        return done.stdout.splitlines()

    def files(self):
        """The domains, of which the second slave is on a second host, which is this one by another name."""
        certificates = os.path.join(self.directory, "certs")
        self.script("make-certs", certificates, "master", "127.0.0.1")
        self.script("make-certs", certificates, "slave", "sdm-slave1", "sdm-slave2")
        port = self.address().rpartition("=")[2]
        domains = os.path.join(self.directory, "domains")
        files = self.script("make-domains", "--hosts", "127.0.0.1,localhost", "--listen", port, "--memory", "256M",
                            "--kernel", self.kit.kernel, "--initrd", self.kit.master_initrd, "--append",
                            "panic_on_warn=1 panic=-1", "--tls", certificates, domains)
        wanted = ["127.0.0.1/sdm-master.xml", "127.0.0.1/sdm-slave1.xml", "localhost/sdm-slave2.xml"]
        self.check("a file for each machine, by hosts", files == [f"{domains}/{name}" for name in wanted], files)
        more = [path for arch in ("arm64", "riscv64") for path in
                self.script("make-domains", "--arch", arch, "--slaves", "1", "--listen", "/run/a&b", "--name", arch,
                            domains)]
        done = subprocess.run(["xmllint", "--noout", "--relaxng", SCHEMA, *files, *more], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.check("they are what libvirt's schema wants", len(more) == 4 and not done.returncode, done.stdout)
        return files

    def farm(self, daemon, files):
        """What users do with virsh."""
        master, slave, other = [Domain(self, daemon, files[name])
                                for name in ("sdm-master", "sdm-slave1", "sdm-slave2")]
        # The order is free.
        self.step("a slave is created", slave.start)
        self.step("the master is created", master.start)
        self.step("another slave is created", other.start)
        self.bring_up(master)
        for number in 1, 2:
            self.probe(f"slave {number} waits", master, f"wait {number} reset", "OK")
        self.check("for libvirt it does not run", slave.state() == "paused", slave.state())
        for number, machine in (1, slave), (2, other):
            self.step(f"slave {number} boots", self.boot_slave, master, machine, number)
            self.probe(f"slave {number} answers", master, f"ask {number}", "OK")
        self.check("for libvirt it runs", slave.state() == "running", slave.state())
        slave.kill()
        self.probe("slave 1 is destroyed: the master notices", master, "wait 1 absent", "OK")
        self.probe("the other one answers", master, "ask 2", "OK")
        self.step("slave 1 is created again", slave.start)
        self.probe("it is back", master, "wait 1 reset", "OK")
        self.step("it boots again", self.boot_slave, master, slave)
        self.probe("it answers again", master, "ask 1", "OK")
        status, output = daemon.virsh("save", slave.domain, os.path.join(daemon.home, "saved"))
        self.check("it cannot be saved", status and slave.state() == "running", output)
        daemon.get("reset", slave.domain)
        self.probe("it is reset by virsh: it waits", master, "wait 1 reset", "OK")
        self.step("it boots for the third time", self.boot_slave, master, slave)
        self.step("slave 2 switches itself off", other.power_off)
        self.probe("the master notices", master, "wait 2 absent", "OK")

    def end(self, daemon):
        """All ends."""
        processes = {machine.domain: machine.process for machine in self.machines}
        for machine in self.machines:
            if machine.is_running():
                machine.kill()
        left = [name for name, process in processes.items() if process.poll() is None]
        self.check("no process is left", len(processes) == 3 and not left, left)
        self.check("no domain is left", daemon.get("list", "--all") == "", daemon.get("list", "--all"))
