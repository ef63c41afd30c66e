#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Guests: QEMU processes with a console that is logged, and an agent that runs commands.

The agent (guest-agent) is behind the machine's second serial port or what serves as one, which here is one end of a
pair of sockets.
"""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time

from . import console
from .arch import SCRIPTS, arch

# How long an emulated machine on a busy host may take for something that usually takes a second
PATIENCE = float(os.environ.get("SDM_TEST_PATIENCE", "120"))

END = re.compile(rb"\n@end (\d+) (\d+)\n")
READY = b"@ready\n"


class Failure(Exception):
    """A machine did not do what it should, and the scenario cannot go on."""


class Machine:
    """A QEMU process; `options` are those besides the serial ports."""

    def __init__(self, scenario, name, options, isa=None):
        self.scenario = scenario
        self.isa = isa or arch("arm")
        self.name = name
        self.options = options
        self.process = None
        self.starts = 0
        self.port = None
        self.buffer = b""
        self.number = 0
        self.expected_end = False   # someone killed it on purpose
        self.prefix = []            # what runs QEMU, as "nsenter" does
        self.disregarded = {}       # parts of consoles whose complaints do not count: path: [(begin, end)]

    @property
    def qemu(self):
        """The program."""
        if self.isa.name == "arm":
            return self.scenario.qemu
        return os.path.join(os.path.dirname(self.scenario.qemu), self.isa.qemu_program)

    def program(self):
        """The program, and what comes before its other options."""
        return [self.qemu]

    @property
    def console_path(self):
        """Where its console is logged."""
        suffix = "" if self.starts <= 1 else f"-{self.starts}"
        return os.path.join(self.scenario.directory, f"{self.name}{suffix}.log")

    @property
    def stderr_path(self):
        """What QEMU itself has to say."""
        return self.console_path[:-len(".log")] + "-qemu.log"

    def start(self):
        """Starts QEMU; returns at once."""
        self.starts += 1
        self.expected_end = False
        self.buffer = b""
        if self.port:
            self.port.close()
        self.port, theirs = socket.socketpair()
        self.port.setblocking(False)
        command = [*self.prefix, *self.program(), "-display", "none", "-monitor", "none",
                   "-chardev", f"file,id=console,path={self.console_path}",
                   "-chardev", f"socket,id=agent,fd={theirs.fileno()}",
                   "-serial", "chardev:console", *self.isa.agent, *self.options]
        with open(self.stderr_path, "wb") as stderr:
            stderr.write((" ".join(command) + "\n").encode())
            stderr.flush()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self.scenario.started(self)

    def console(self, path=None):
        """All that the console has shown since the machine's last start, or in the log of an earlier one."""
        try:
            with open(path or self.console_path, errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    @contextlib.contextmanager
    def no_complaints(self):
        """Whatever the kernel says meanwhile does not count: its memory is somebody's playground."""
        begin = len(self.console())
        parts = self.disregarded.setdefault(self.console_path, [])
        parts.append((begin, sys.maxsize))
        try:
            yield
        finally:
            parts[-1] = (begin, len(self.console()))

    def complaints(self, path=None):
        """What a console has shown, but for the parts that do not count."""
        text = ""
        done = 0
        shown = self.console(path)
        for begin, end in self.disregarded.get(path or self.console_path, []):
            text += shown[done:begin]
            done = end
        return text + shown[done:]

    def messages(self):
        """QEMU's own messages."""
        with open(self.stderr_path, errors="replace") as log:
            return log.read().partition("\n")[2]

    def is_running(self):
        """Is there a process?"""
        return self.process is not None and self.process.poll() is None

    def check_alive(self):
        """Fails when QEMU has ended, or the guest's kernel has given up."""
        if not self.is_running():
            status = "was not started" if not self.process else f"ended with status {self.process.returncode}"
            raise Failure(f"{self.name}'s QEMU {status}: {self.messages()[-2000:]}")
        if console.PANIC.search(self.complaints()):
            raise Failure(f"{self.name}: kernel panic")

    def wait_console(self, pattern, patience=PATIENCE, since=0):
        """Waits until the console shows a pattern behind its first `since` characters."""
        deadline = time.monotonic() + patience
        while not (found := re.compile(pattern).search(self.console(), since)):
            self.check_alive()
            # A guest stands still when nobody takes what its agent has to say.
            if self.port:
                self.said()
            if time.monotonic() > deadline:
                raise Failure(f"{self.name}: no {pattern!r} on the console for {patience:.0f} s")
            time.sleep(0.05)
        return found

    def cpu_seconds(self):
        """The CPU time that QEMU has taken."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def heap(self):
        """
        How much memory QEMU takes for itself, in bytes. What the guest touches of its RAM and what is made of its code
        is not counted: these mappings are large from the beginning.
        """
        total = size = 0
        with open(f"/proc/{self.process.pid}/smaps") as maps:
            for line in maps:
                if mapping := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
                    size = int(mapping[2], 16) - int(mapping[1], 16)
                elif line.startswith("Rss:") and size < 64 << 20:
                    total += int(line.split()[1]) << 10
        return total

    # The agent

    def said(self):
        """What has come from the agent's port and nobody has taken yet; the process may be dead."""
        try:
            while data := self.port.recv(65536):
                self.buffer += data
        except (BlockingIOError, ConnectionResetError):
            pass
        return self.buffer.decode(errors="replace")

    def forget(self):
        """Nobody wants that."""
        self.said()
        self.buffer = b""

    def wait_said(self, text, patience=PATIENCE):
        """Waits until the command that was begun has printed a text; finish() still returns all of it."""
        before, _ = self._receive(re.compile(re.escape(text).encode()), patience, text)
        self.buffer = before + text.encode() + self.buffer

    def _receive(self, pattern, patience, what):
        """Returns what comes up to the pattern, and its match; keeps the rest."""
        deadline = time.monotonic() + patience
        checked = time.monotonic()
        while not (match := pattern.search(self.buffer)):
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure(f"{self.name}: {what}: no end after {patience:.0f} s")
            readable, _, _ = select.select([self.port], [], [], min(left, 0.5))
            if readable:
                try:
                    data = self.port.recv(65536)
                except ConnectionResetError:
                    data = b""
                self.buffer += data
                if not data:
                    self.process.wait(10)
                    self.check_alive()
            if time.monotonic() - checked > 2:
                checked = time.monotonic()
                self.check_alive()
        before, self.buffer = self.buffer[:match.start()], self.buffer[match.end():]
        return before, match

    def wait_ready(self, patience=PATIENCE):
        """Waits for the agent of a machine that boots."""
        self._receive(re.compile(re.escape(READY)), patience, "booting")
        self.buffer = b""

    def begin(self, command):
        """Gives the agent a command, whose output finish() returns."""
        self.number += 1
        assert "\n" not in command and len(command) < 3500, command
        self.port.sendall(f"{self.number} {command}\n".encode())

    def finish(self, patience=PATIENCE, what="command"):
        """Returns (exit status, output) of the command that was begun."""
        while True:
            output, match = self._receive(END, patience, what)
            if int(match[1]) == self.number:
                return int(match[2]), output.decode(errors="replace")

    def run(self, command, patience=PATIENCE):
        """Runs a command in the guest; returns (exit status, output)."""
        self.begin(command)
        return self.finish(patience, command)

    def unfinished(self):
        """What the command that does not end has printed."""
        return self.buffer.decode(errors="replace")

    def get(self, command, patience=PATIENCE):
        """Runs a command that must succeed; returns its output."""
        status, output = self.run(command, patience)
        if status:
            raise Failure(f"{self.name}: {command}: exit status {status}: {output}")
        return output.strip()

    def background(self, command, log, shows):
        """
        Starts a command in the guest, its output in a file there; returns when that shows a text. The command's process
        is in LOG.pid.
        """
        # A file that is there is another command's: the shell may look into it before the new one has emptied it.
        self.get(f"rm -f {log}; {command} >{log} 2>&1 & echo $! >{log}.pid; "
                 f"while ! grep -qs '{shows}' {log}; do sleep 0.1; done")

    # Life

    def pause(self):
        """Stops the process, not the guest: it is there but does not answer."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        """Undoes pause()."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        """Ends the process without a word."""
        self.expected_end = True
        self.process.kill()
        self.process.wait()

    def power_off(self, patience=PATIENCE):
        """Has the guest end in order."""
        self.expected_end = True
        self.begin("poweroff -f")
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.name} does not power off") from error

    def stop(self):
        """Ends the process, however it is."""
        if self.is_running():
            self.expected_end = True
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return f"{self.name}'s QEMU had to be killed"
        if self.port:
            self.port.close()
            self.port = None
        return None

    def unexpected_end(self):
        """The exit status if it ended though nobody made it, or None."""
        if self.process is None or self.process.poll() in (None, 0) or self.expected_end:
            return None
        return self.process.returncode


class ScriptMachine(Machine):
    """A machine that run-master or run-slave starts; `script` are the script's name and options."""

    def __init__(self, scenario, name, script, isa=None):
        super().__init__(scenario, name, [], isa)
        self.script = script

    def program(self):
        return ["env", f"QEMU={self.qemu}", os.path.join(SCRIPTS, self.script[0]), *self.script[1:], "--"]


class TypedMachine(Machine):
    """
    A machine that a shell starts by a command line, in the scenario's directory; its terminal is its console. `prefix`
    and `environment` are those of the shell.
    """

    def __init__(self, scenario, name, command_line):
        super().__init__(scenario, name, [])
        self.command_line = command_line
        self.environment = dict(os.environ, PATH=f"{scenario.directory}:{os.environ['PATH']}")

    def start(self):
        self.starts += 1
        with open(self.stderr_path, "wb") as stderr, open(self.console_path, "wb") as stdout:
            stderr.write(b"\n")
            stderr.flush()
            # The shell would be in the way of signals: it hands its process over.
            self.process = subprocess.Popen([*self.prefix, "sh", "-c", "exec " + self.command_line],
                                            cwd=self.scenario.directory, env=self.environment,
                                            stdin=subprocess.PIPE, stdout=stdout, stderr=stderr,
                                            start_new_session=True)
        self.scenario.started(self)

    def type(self, line, end="\n"):
        """Types a line; returns how much the console had shown before."""
        before = len(self.console())
        self.process.stdin.write((line + end).encode())
        self.process.stdin.flush()
        return before
