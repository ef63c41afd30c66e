#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What QEMU does for one operation: its system calls, and how often its threads go to sleep."""

import contextlib
import glob
import os
import re
import signal
import subprocess
import time

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


def count(machines, operation, number):
    """
    Has an operation done a number of times, by the function; returns for each machine (sleeps, calls by name) of one.
    """
    before = [sleeps(machine.process.pid) for machine in machines]
    operation()
    slept = [(sleeps(machine.process.pid) - past) / number for machine, past in zip(machines, before)]
    counters = [Calls(machine) for machine in machines]
    with contextlib.ExitStack() as stack:
        for counter in counters:
            stack.enter_context(counter)
        operation()
    return [(sleep, {name: calls / number for name, calls in counter.counts.items()})
            for sleep, counter in zip(slept, counters)]
