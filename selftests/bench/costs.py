#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What QEMU does for one operation: its system calls, how often its threads go to sleep, and how often the guest's CPUs
trap.
"""

import collections
import contextlib
import glob
import os
import re
import signal
import subprocess
import time

TRAPS = re.compile(r"memory_region_ops_(?:read|write) cpu \d+ .* name '(.+)'")
# The port by which the guest gets its commands
NOT_COUNTED = {"pl011"}
CALLS = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)


def sleeps(pid):
    """How often the threads of a process have gone to sleep."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with contextlib.suppress(FileNotFoundError), open(path) as status:
            total += int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", status.read())[1])
    return total


class Calls:
    """Counts the system calls of a process by strace, from entry to exit of a "with"."""

    def __init__(self, machine):
        self.pid = machine.process.pid
        self.path = machine.console_path[:-len(".log")] + ".strace"
        self.strace = None
        self.counts = {}

    def __enter__(self):
        self.strace = subprocess.Popen(["strace", "-f", "-c", "-o", self.path, "-p", str(self.pid)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # It says so when it has attached to all threads.
        self.strace.stderr.readline()
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.strace.send_signal(signal.SIGINT)
        self.strace.communicate()
        with contextlib.suppress(FileNotFoundError), open(self.path) as summary:
            self.counts = {name: int(number) for number, name in CALLS.findall(summary.read()) if name != "total"}
            os.remove(self.path)


class Traps:
    """Counts the accesses of a machine's CPUs to devices by QEMU's trace, from entry to exit of a "with"."""

    def __init__(self, machine, monitor):
        self.machine = machine
        self.monitor = monitor
        self.begin = 0
        self.counts = collections.Counter()

    def _trace(self, on):
        for way in ("read", "write"):
            self.monitor.command("trace-event-set-state", name=f"memory_region_ops_{way}", enable=on)

    def __enter__(self):
        self.begin = len(self.machine.messages())
        self._trace(True)
        return self

    def __exit__(self, *_):
        self._trace(False)
        names = TRAPS.findall(self.machine.messages()[self.begin:])
        self.counts.update(name for name in names if name not in NOT_COUNTED)


def count(machines, monitors, operation, runs, each=1):
    """
    Has an operation done by a function of the number of runs, each of which is many; returns for each machine (sleeps,
    calls by name, traps by device) of one.
    """
    before = [sleeps(machine.process.pid) for machine in machines]
    operation(runs)
    slept = [sleeps(machine.process.pid) - past for machine, past in zip(machines, before)]
    calls = [Calls(machine) for machine in machines]
    traps = [Traps(machine, monitor) for machine, monitor in zip(machines, monitors)]
    with contextlib.ExitStack() as stack:
        for counter in calls:
            stack.enter_context(counter)
        operation(runs)
    # A line of a log for each.
    fewer = max(1, runs // 10)
    with contextlib.ExitStack() as stack:
        for counter in traps:
            stack.enter_context(counter)
        operation(fewer)
    return [(sleep / (runs * each), per(call.counts, runs * each), per(trap.counts, fewer * each))
            for sleep, call, trap in zip(slept, calls, traps)]


def per(counts, number):
    """Numbers for one operation."""
    return {name: total / number for name, total in counts.items()}
