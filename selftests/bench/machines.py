#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Machines under measurement: pinned to CPUs, with the commands that measure in them."""

import contextlib
import glob
import json
import os
import re
import shutil
import socket
import time

from host.machine import Failure
from host.scenario import Scenario

from .files import OUTPUT

PERF = re.compile(r"runs of (\d+), ns: median (\d+) p99 (\d+) min (\d+) sum (\d+)")
# A console says this when a slave's user space is there (scripts/initramfs/slave-rc).
USER_SPACE = "sdm-slave: user space up"


@contextlib.contextmanager
def pinned(cpus):
    """What is started meanwhile runs on these CPUs for all its life."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def prioritise(pid=0):
    """
    Makes the priority of this process that of another one, and of its session: the scheduler shares the CPUs between
    sessions first.
    """
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    if nice:
        with contextlib.suppress(OSError), open(f"/proc/{pid or 'self'}/autogroup", "w") as group:
            group.write(str(nice))


def cpu_ns(pid):
    """CPU time that a process has used."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(FileNotFoundError), open(path) as stat:
            total += int(stat.read().split()[0])
    return total


class Setup(Scenario):
    """Some machines, connected in one mode (tcp, unix, shared), on some CPUs."""

    def __init__(self, kit, qemu, name, mode="unix", cpus=None):
        super().__init__(None, {}, qemu)
        self.kit = kit
        self.mode = mode
        self.cpus = cpus or os.sched_getaffinity(0)
        self.meeting_place = None
        self.directory = os.path.join(OUTPUT, "logs", name)
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)

    def run(self):
        raise NotImplementedError("the benchmark has no results of this kind")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.stop()

    def new_address(self):
        """Where master and slaves meet."""
        self.meeting_place = self.address(self.mode != "tcp")
        return self.meeting_place

    def slave(self, address, number=1, memory=512, ram="", options=()):
        if self.mode == "shared":
            ram += ",share=on"
        return super().slave(address, number, memory, ram, options)

    def pair(self, master_options=(), slave_options=()):
        """A master that is up, and a slave that waits in reset."""
        address = self.new_address()
        master = self.master(address, options=master_options)
        slave = self.slave(address, options=slave_options)
        self.begin(master, slave)
        self.bring_up(master)
        wait_connected(master)
        return master, slave

    def begin(self, *machines):
        """Starts machines on the CPUs of this set-up, a master first."""
        with pinned(self.cpus):
            for machine in machines:
                machine.start()
                prioritise(machine.process.pid)
                if machine.name == "master":
                    self.wait_listening()

    def wait_listening(self, patience=20):
        """Waits until slaves can connect."""
        kind, _, place = self.meeting_place.rpartition("=")
        # Addresses and states as the kernel writes them
        table, pattern = ("unix", rf" 00010000 .* {re.escape(place)}$") if kind == "path" else \
                         ("tcp", rf":{int(place):04X} \S+ 0A ")
        deadline = time.monotonic() + patience
        while True:
            with open("/proc/net/" + table) as sockets:
                if re.search(pattern, sockets.read(), re.MULTILINE):
                    return
            if time.monotonic() > deadline:
                raise Failure("the master does not listen")
            time.sleep(0.01)

    def plain(self, kernel, dtb, name="plain", options=()):
        """A machine with a slave's devices but without a master: its kernel is started by QEMU."""
        return self.machine(name, [
            "-M", "virt", "-m", "512M", "-kernel", kernel, "-dtb", dtb,
            "-object", "sdm-communication-local,id=comm", "-device", "sdm-platform,comm=comm,master,num-slaves=1",
            *options])


def wait_connected(master, number=1, patience=20):
    """Waits until a slave is in reset."""
    deadline = time.monotonic() + patience
    while "reset" not in master.get(f"cat /sys/bus/sdm/devices/sdm0-p{number}/state"):
        if time.monotonic() > deadline:
            raise Failure(f"slave {number} does not connect")
        time.sleep(0.1)


def perf(machine, peer, test, runs):
    """Runs a test of sdm_perf; returns (median, p99, minimum, sum) of single operations in ns."""
    text = machine.get("exec 3<>/sys/kernel/debug/sdm_perf/sdm0/run; "
                       f"echo '{peer} {test} {runs}' >&3 && cat <&3")
    return perf_result(text)


def perf_result(text):
    """Finds the numbers in a line of sdm_perf."""
    match = PERF.search(text)
    if not match:
        raise Failure(f"sdm_perf printed {text!r}")
    operations, *times = (int(number) for number in match.groups())
    return tuple(time / operations for time in times)


def ping(machine, peer, count):
    """Round trips of user space; returns (median, p99, minimum) in ns."""
    result = json.loads(machine.get(f"./sdm-test --ping 0 {peer} --count {count} --json"))
    return result["median_ns"], result["p99_ns"], result["min_ns"]


def rate(machine, arguments):
    """Runs guest-rate; returns its numbers: size, count, median, p99, minimum, sum of times in ns."""
    return tuple(int(number) for number in machine.get("guest-rate " + arguments).split())


def wait_console(machine, text, patience=60):
    """Waits for a text on a console; returns the time (of the clock) when it came, to 2 ms."""
    deadline = time.time() + patience
    size = -1
    while time.time() < deadline:
        with contextlib.suppress(FileNotFoundError):
            now = os.stat(machine.console_path).st_size
            if now != size:
                size = now
                if text in machine.console():
                    return time.time()
        time.sleep(0.002)
    raise Failure(f"{machine.name}: no {text!r} on the console for {patience} s")


class Monitor:
    """The monitor of a machine that was started with options()."""

    def __init__(self, setup, name):
        self.path = os.path.join(setup.directory, name + ".qmp")
        self.stream = None

    def options(self, paused=True):
        """Options of QEMU."""
        return ["-S"] * paused + ["-qmp", f"unix:{self.path},server=on,wait=off"]

    def connect(self, patience=20):
        """Connects to the machine."""
        deadline = time.monotonic() + patience
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.path)
                break
            except OSError as error:
                connection.close()
                if time.monotonic() > deadline:
                    raise Failure("QEMU's monitor does not answer") from error
                time.sleep(0.02)
        self.stream = connection.makefile("rw")
        self.command("qmp_capabilities")

    def command(self, execute, **arguments):
        """Gives a command and waits until it is done."""
        self.stream.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
        self.stream.flush()
        while "return" not in (answer := json.loads(self.stream.readline())):
            if "error" in answer:
                raise Failure(f"{execute}: {answer['error']['desc']}")
