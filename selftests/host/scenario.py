#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What all scenarios are made of: machines, steps with a result, and the look at the logs in the end."""

import os
import re
import shutil
import socket
import time

from . import console, ktap
from .files import OUTPUT, Unavailable
from .machine import PATIENCE, Failure, Machine

BOOT = "./sdm-test -b 0 {id} $IMAGE test.dtb --initrd test-initrd"


class Scenario:
    """
    One set of machines, and what is done with them. Scenarios override run(); its doc string is what --list shows.

    allowed_skips: reasons for which a test may be skipped here; any other one is a failure.
    only_by_name: it takes too long for whoever does not ask for it.
    wanted_rounds, seed: what the user wants of scenarios that do random things, or None.
    """

    name = ""
    kernel = "small"
    extra_kernels = ()
    allowed_skips = ()
    only_by_name = False
    wanted_rounds = None
    seed = None

    def __init__(self, report, kits, qemu, tests=()):
        self.report = report
        self.tests = tests
        self.kits = kits
        self.kit = None
        self.keep = False
        self.qemu = qemu
        self.directory = os.path.join(OUTPUT, self.name)
        self.machines = []
        self.sockets = 0

    # For run()

    def run(self):
        """What the scenario does."""
        raise NotImplementedError

    def address(self, unix=False):
        """Options of multi-socket-backend for a new connection."""
        if unix:
            self.sockets += 1
            return f"path={self.directory}/socket{self.sockets}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return f"host=127.0.0.1,port={probe.getsockname()[1]}"

    def machine(self, name, options, isa=None):
        """Adds a machine, of that instruction set or the kit's; it is not started yet."""
        return Machine(self, name, options, isa or self.kit.arch)

    def master(self, address, slaves=2, memory=1024, window=512, limit=True, append="", kit=None, device="",
               backend="", options=(), sdm="sdm-platform"):
        """Adds a master with a window, which is behind the RAM or in the device on PCI."""
        kit = kit or self.kit
        if sdm == "sdm-pci":
            memory -= window
            limit = False
            backend += ",window=pci"
        limit = f"mem={memory - window}M " if limit else ""
        return self.machine("master", [
            "-kernel", kit.kernel, "-initrd", kit.master_initrd, "-M", "virt", *kit.arch.cpu, "-m", f"{memory}M",
            "-object", f"multi-socket-backend,id=sock,listen,{address}",
            "-object", f"memory-backend-network,id=mem,size={memory}M,shared-size={window}M,socket=sock,master"
            f"{backend}",
            "-object", "sdm-communication-socket,id=scomm,socket=sock",
            "-device", f"{sdm},comm=scomm,master,num-slaves={slaves}{device}",
            "-append", f"{limit}panic_on_warn=1 panic=-1 kunit.enable=1 {append}", "-numa", "node,memdev=mem",
            *options], kit.arch)

    def slave(self, address, number=1, memory=512, ram="", options=(), isa=None):
        """Adds a slave."""
        isa = isa or self.kit.arch
        return self.machine(f"slave{number}", [
            "-M", "virt,slave", *isa.cpu,
            "-object", f"multi-socket-backend,id=sock,{address}",
            "-object", f"memory-backend-network,id=mem,size={memory}M,socket=sock{ram}",
            "-object", "sdm-signal-nboot,id=boot,nhm=mem",
            "-object", "sdm-communication-socket,id=scomm,socket=sock",
            "-device", f"sdm-platform,comm=scomm,slave-id={number},len-signals=1,signals[0]=boot",
            "-incoming", "shared:mem", "-numa", "node,memdev=mem", "-m", f"{memory}M", *options], isa)

    def start_pair(self, unix=False, memory=512, ram="", **master_options):
        """A master that is up, its drivers loaded, and a slave that waits in reset."""
        address = self.address(unix)
        master = self.master(address, **master_options)
        slave = self.slave(address, memory=memory, ram=ram)
        self.start_master(master)
        slave.start()
        self.bring_up(master)
        return master, slave

    @staticmethod
    def start_master(master):
        """Starts a master; slaves can be started, too, when this returns."""
        master.start()
        master.wait_console("Linux version")

    def bring_up(self, master):
        """Waits for a master and loads its module."""
        master.wait_ready()
        master.get("insmod sdm_test_mod.ko")

    def boot_slave(self, master, slave, number=1, command=BOOT):
        """Boots the test system on a slave, up to its agent."""
        output = master.get(command.format(id=number))
        slave.wait_ready()
        return output

    WAYS = ("plain", "bulk", "mapped")

    def bytes_moved(self, master, number=1):
        """How many bytes the driver has moved from and to a slave's memory, by the way."""
        directory = f"/sys/bus/sdm/devices/sdm0-p{number}/statistics"
        return {way: int(master.get(f"cat {directory}/bytes_{way}")) for way in self.WAYS}

    def check_way(self, name, way, before, after, least=1 << 20):
        """One result: whether nearly all that was moved went this way, and how much it was."""
        moved = {one: after[one] - before[one] for one in self.WAYS}
        good = moved[way]
        # The largest pieces go by the engine: how large they become depends on how long the others take.
        if way == "mapped":
            good += moved["bulk"]
        others = sum(moved.values()) - good
        self.check(f"{name} is {way}", good >= least and others < 16384, moved)

    def check(self, name, condition, details=""):
        """One result."""
        if condition:
            self.report.result(self.name, ktap.Result(name, "ok"))
        else:
            self.report.result(self.name, ktap.Result(name, "not ok", "", str(details).splitlines()))
        return condition

    def expect(self, name, machine, command, pattern, status=0, patience=PATIENCE):
        """Runs a command; its output must match and its exit status be the one given (None: any but 0)."""
        got, output = machine.run(command, patience)
        good = (got != 0 if status is None else got == status) and re.search(pattern, output, re.MULTILINE)
        self.check(name, good, f"{command}\nexit status {got}, not {status}, or no {pattern!r}:\n{output}")
        return output

    def probe(self, name, machine, command, pattern, patience=PATIENCE):
        """Runs a probe; what it prints must match."""
        return self.expect(name, machine, f"/tests/probe {command}", f"^{pattern}", 0, patience)

    def step(self, name, function, *arguments):
        """One result: whether the function did not raise Failure."""
        try:
            value = function(*arguments)
        except Failure as failure:
            self.check(name, False, failure)
            raise
        self.check(name, True)
        return value

    def run_test(self, machine, program, arguments="", patience=PATIENCE, environment=""):
        """Runs a test program in a guest; its results become ours."""
        stem = program.removesuffix(".sh")
        if self.tests and stem not in self.tests:
            return True
        begun = time.monotonic()
        hung = None
        try:
            status, output = machine.run(f"{environment} /tests/{program} {arguments} 2>&1", patience)
        except Failure as failure:
            hung = failure
            status, output = 1, machine.unfinished()
        seconds = time.monotonic() - begun
        good = self.take_results(stem, status, output)
        if seconds > 5:
            self.report.note(f"{self.name}: {program} {arguments} took {seconds:.0f} s")
        if hung:
            raise hung
        return good

    def take_results(self, stem, status, output):
        """Reports the results in a test program's output."""
        results, problems = ktap.parse(output)
        failed = any(result.status == "not ok" for result in results)
        # 4 is kselftest's "skipped"
        if bool(status) != failed and not (status == 4 and results and not failed):
            problems.append(f"exit status {status} does not fit the results")
        for result in results:
            if result.status == "skip" and not any(re.search(p, result.reason) for p in self.allowed_skips):
                result = ktap.Result(result.name, "not ok", f"skipped: {result.reason}")
            result.name = f"{stem} {result.name}"
            self.report.result(self.name, result)
        if problems:
            self.check(f"{stem} output", False, "\n".join(problems + output.splitlines()[-20:]))
        return not failed and not problems

    def run_together(self, machine, runs, patience=PATIENCE):
        """Runs several (label, environment, program, arguments) at the same time; the label goes before the names."""
        runs = [run for run in runs if not self.tests or run[2] in self.tests]
        if not runs:
            return
        commands = "".join(
            f"({environment} /tests/{program} {arguments} >/tmp/out-{i} 2>&1; echo $? >/tmp/status-{i}) & "
            for i, (_, environment, program, arguments) in enumerate(runs))
        machine.get(f"rm -f /tmp/status-*; {commands} wait", patience)
        for i, (label, _, program, _) in enumerate(runs):
            output = machine.get(f"cat /tmp/out-{i}")
            self.take_results(f"{label} {program}", int(machine.get(f"cat /tmp/status-{i}")), output)

    def in_use(self, name, master, probe, act, pattern):
        """Something happens while a probe is at work."""
        master.background(f"/tests/probe {probe}", "/tmp/probe", "begun")
        time.sleep(0.5)
        act()
        self.expect(name, master, "wait; while ! grep ms /tmp/probe; do sleep 0.1; done", f"^{pattern}", 0, 60)

    def no_leaks(self, master):
        """Asks the kernel's detector of memory that nobody refers to."""
        # Twice: what is found by one scan is reported if it is there in the next one, too.
        for _ in range(2):
            master.get("echo scan >/sys/kernel/debug/kmemleak; sleep 5", 300)
        self.expect("no memory has leaked", master, "cat /sys/kernel/debug/kmemleak; echo end", r"\A\s*end", 0, 300)

    # The frame

    def started(self, machine):
        """A machine has been started."""
        if machine not in self.machines:
            self.machines.append(machine)

    def execute(self):
        """Runs the scenario, ends its machines, and looks at what they left behind."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        # What cannot be made for one kernel keeps no scenario of others from running.
        for kernel in (self.kernel, *self.extra_kernels):
            if isinstance(self.kits[kernel], Exception):
                self.check(f"the files for {kernel} are made", False, self.kits[kernel])
                return
        self.kit = self.kits[self.kernel].copy(os.path.join(self.directory, "files"))
        begun = time.monotonic()
        try:
            self.run()
        except (Failure, Unavailable) as failure:
            self.check("completed", False, failure)
        finally:
            problems = [machine.stop() for machine in self.machines]
        if not self.keep:
            self.kit.remove()
        self.look_at_logs([problem for problem in problems if problem])
        self.report.note(f"{self.name}: {time.monotonic() - begun:.0f} s, logs in {os.path.relpath(self.directory)}")

    def abandon(self):
        """Ends its machines, for another thread: the test is about to end."""
        for machine in list(self.machines):
            machine.stop()

    def look_at_logs(self, problems):
        """Neither a kernel nor QEMU must have complained."""
        found = []
        for name in sorted(os.listdir(self.directory)):
            if not name.endswith(".log") or name.endswith("-qemu.log"):
                continue
            path = os.path.join(self.directory, name)
            machine = next((machine for machine in self.machines if path in machine.disregarded), None)
            with open(path, errors="replace") as log:
                shown = machine.complaints(path) if machine else log.read()
            found += [f"{name}: {splat}" for splat in console.splats(shown)]
        self.check("no complaint of a kernel", not found, "\n".join(found[:3]))
        for machine in self.machines:
            status = machine.unexpected_end()
            if status is not None:
                problems.append(f"{machine.name}'s QEMU ended with status {status}: {machine.messages()[-1500:]}")
            messages = machine.messages()
            if re.search(r"[Aa]ssertion|Sanitizer|runtime error:|core dumped|\bBUG\b", messages):
                problems.append(f"{machine.name}'s QEMU: {messages[-3000:]}")
        self.check("no complaint of QEMU", not problems, "\n".join(problems))
