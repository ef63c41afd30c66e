#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is measured, and how."""

import json
import os
import re
import shutil
import statistics
import sys
import time

from host.machine import Failure

from . import costs, rpmsg
from .files import BareKit
from .floors import Floors
from .machines import USER_SPACE, Monitor, Setup, cpu_ns, perf, perf_result, ping, pinned, rate, wait_connected, \
    wait_console

KIB, MIB = 1 << 10, 1 << 20
SIZES = {64 * KIB: "64 KiB", MIB: "1 MiB", 16 * MIB: "16 MiB"}
# The same in sdm_perf (drivers/perf.c), and how often they are run in a round
KERNEL_SIZES = {64 * KIB: "64k", MIB: "1m", 16 * MIB: "16m"}
KERNEL_RUNS = {64 * KIB: 400, MIB: 200, 16 * MIB: 40}

# Frames of the protocol (include/sdm/sdm-proto.h): a header of 16 bytes and
READ_REQUEST = 16 + 8           # an offset
READ_ANSWER = 16 + 4            # a word
SIGNAL = 16 + 32                # source, destination, number, payload

# What signals are to be as fast as on one CPU: a doorbell there and back between two bare-metal guests by QEMU's
# ivshmem-flat. It is no part of this benchmark: it was measured once, 18.4 us, on a machine where a ping-pong over a
# UNIX socket took 3.6 us and one by TCP 5.1 us. What it would be here is estimated from the ping-pong.
IVSHMEM = {"unix": 18.4 / 3.6, "shared": 18.4 / 3.6, "tcp": 1.2 * 18.4 / 5.1}
IVSHMEM_NOTE = "estimated from ivshmem-flat: 18.4 us, by TCP 1.2 times that, where a ping-pong takes 3.6 (5.1) us"

# A line on QEMU's standard error when the boot signal comes
BOOT_TRACE = ["-trace", "sdm_boot_start", "-msg", "timestamp=on"]

# Accesses in one run of sdm_perf (drivers/perf.c)
ACCESSES = 16384

# Traps of a round trip of bare.c: doorbell, head and pop at either end
BARE_TRAPS = 6


def microseconds(sample):
    """(median, p99, best) from ns."""
    return tuple(value / 1e3 for value in sample[:3])


def megabytes(size, sample):
    """(median, p99, best) in MB/s from the times of transfers in ns."""
    return tuple(size * 1e3 / value for value in sample[:3])


class Bench:
    """A run of the benchmark."""

    def __init__(self, kit, qemu, results, quick):
        self.kit = kit
        self.qemu = qemu
        self.results = results
        self.quick = quick
        self.rounds = 1 if quick else 3
        cpus = sorted(os.sched_getaffinity(0))
        # The last one: interrupts tend to go to the first.
        self.pins = {"one": {cpus[-1]}, "free": set(cpus[-2:])} if len(cpus) > 1 else {"one": set(cpus)}

    def hurry(self, wanted):
        """Takes no longer than need be from now on, if that is wanted."""
        if wanted and not self.quick:
            print("bench: the machine is busy: the rest is measured once only", file=sys.stderr)
            self.quick, self.rounds = True, 1

    def setup(self, name, mode, pin, kit=None):
        """Machines in a mode on some CPUs."""
        return Setup(kit or self.kit, self.qemu, f"{name}-{mode}-{pin}", mode, self.pins[pin])

    def floors(self, mode, pin):
        """Floors in a mode on some CPUs."""
        return Floors(self.kit.floor, mode, self.pins[pin])

    # Two Linux guests

    def pair(self, mode, pin):
        """Everything that one pair of guests can tell."""
        floors = self.floors(mode, pin)
        with self.setup("pair", mode, pin) as setup:
            master, slave = setup.pair()
            master.get("modprobe sdm_perf")
            self.accesses(mode, pin, master, floors)
            self.bulk(mode, pin, master, floors)
            self.boot_load(mode, pin, master, floors)
            setup.boot_slave(master, slave)
            self.signals(mode, pin, master, slave, floors)
            if pin == "free" and mode != "shared":
                self.busy(mode, pin, master, slave)

    def accesses(self, mode, pin, master, floors):
        """Single accesses from the master's kernel, while the slave is held in reset."""
        self.trap_us = statistics.median(perf(master, 0, "trap", 1000)[0] for _ in range(self.rounds)) / 1e3
        if mode == "shared":
            self.mapped_accesses(mode, pin, master)
        else:
            self.forwarded_accesses(mode, pin, master, floors)

    def mapped_accesses(self, mode, pin, master):
        """The window is RAM: loads and stores like all others."""
        names = {"read32": "read32", "write32": "write32_posted", "write64": "write64_posted"}
        samples, own = {}, {}
        for _ in range(self.rounds):
            for test in names:
                samples.setdefault(test, []).append(microseconds(perf(master, 1, test, 500)))
                own.setdefault(test, []).append(perf(master, 0, "own_" + test, 500)[0] / 1e3)
        for test, name in names.items():
            self.results.add(name, mode, pin, samples[test], "us", floor=statistics.median(own[test]),
                             floor_is="the same in the guest's own RAM")

    def forwarded_accesses(self, mode, pin, master, floors):
        """Each load waits for the slave, stores are collected."""
        runs = 1000 if self.quick else 3000
        samples = {"read32": [], "write32": [], "write64": []}
        for _ in range(self.rounds):
            floors.pingpong(READ_REQUEST, READ_ANSWER, 5 * runs if pin == "one" else runs)
            samples["read32"].append(perf(master, 1, "read32", runs))
            for test in ("write32", "write64"):
                samples[test].append(perf(master, 1, test, 20 if self.quick else 50))
        self.add_rtt("read32", mode, pin, samples["read32"], floors, (READ_REQUEST, READ_ANSWER), 1,
                     lambda floor: 1.25 * floor if pin == "one" else 10)
        for test in ("write32", "write64"):
            self.results.add(f"{test}_posted", mode, pin, [microseconds(sample) for sample in samples[test]], "us",
                             floor=self.trap_us, floor_is="a trap to a register of the same guest",
                             at_most=0.2 if pin == "one" else None)

    def add_rtt(self, name, mode, pin, samples, floors, frames, traps, limit, note="", case=""):
        """A round trip, held against that of the bare socket and some traps."""
        every = {variant: ns / 1e3 for variant, ns in floors.all("pingpong", *frames).items()}
        floor = min(every.values()) + traps * self.trap_us
        text = f"ping-pong of {frames[0]} and {frames[1]} bytes, {traps} traps{note}"
        return self.results.add(name, mode, pin, [microseconds(sample) for sample in samples], "us", floor=floor,
                                floor_is=text, at_most=limit(floor), case=case, floors=every, trap=self.trap_us)

    def signal_floors(self, pin, floors, runs):
        """One round of what signals are held against."""
        runs = 5 * runs if pin == "one" else runs
        floors.pingpong(SIGNAL, SIGNAL, runs)
        floors.relay(SIGNAL, runs)

    def add_signal(self, name, mode, pin, samples, floors, limit, **more):
        """The same of a signal, which has to wake two threads at either end: the receiving one and the guest's CPU."""
        every = {variant: ns / 1e3 for variant, ns in floors.all("relay", SIGNAL).items()}
        floor = min(every.values()) + BARE_TRAPS * self.trap_us
        text = f"ping-pong of {SIGNAL} bytes with two threads at either end, {BARE_TRAPS} traps"
        return self.results.add(name, mode, pin, [microseconds(sample) for sample in samples], "us", floor=floor,
                                floor_is=text, at_most=limit, floors=every, trap=self.trap_us,
                                pingpong=floors.best("pingpong", SIGNAL, SIGNAL) / 1e3, **more)

    def bulk(self, mode, pin, master, floors):
        """Transfers by a program and by the kernel."""
        seconds = 0.2 if self.quick else 0.3
        samples = {}
        done = {}
        guest = {}
        for _ in range(self.rounds):
            for size in SIZES:
                floors.stream(size, max(8, min(2000, (128 if self.quick else 256) * MIB // size)))
                floors.memcpy(size, max(5, 128 * MIB // size))
                guest.setdefault(size, []).append(rate(master, f"memory {size} {seconds / 2}")[2])
                for way in ("write", "read"):
                    actual, _, *times = rate(master, f"{way} /dev/sdm0-p1 {size} {seconds}")
                    samples.setdefault((way, size, ""), []).append(megabytes(actual, times))
                    done[way, size] = min(actual, done.get((way, size), size))
                    if mode == "shared":
                        times = rate(master, f"map-{way} /dev/sdm0-p1 {size} {seconds / 2}")[2:]
                        samples.setdefault((way, size, "mmap"), []).append(megabytes(size, times))
                    runs = KERNEL_RUNS[size] // (4 if self.quick else 1)
                    times = perf(master, 1, f"{way}_{KERNEL_SIZES[size]}", runs)
                    samples.setdefault((way, size, "kernel"), []).append(megabytes(size, times))
        shared = mode == "shared"
        for way, size, by in samples:
            every = {variant: size * 1e3 / ns for variant, ns in floors.all("stream", size).items()}
            memcpy = size * 1e3 / floors.best("memcpy", size)
            own = size * 1e3 / statistics.median(guest[size])
            if by == "mmap":
                floor, floor_is = own, "memcpy in the same guest"
            elif shared:
                floor, floor_is = memcpy, "memcpy on the host"
            else:
                floor, floor_is = max(every.values()), "best stream of the same size, acknowledged"
            wanted = size >= MIB and mode != "unix"
            more = {"cut_to": done[way, size]} if not by and done[way, size] < size else {}
            case = ", ".join(filter(None, [SIZES[size], by]))
            self.results.add(f"bulk_{way}", mode, pin, samples[way, size, by], "MB/s", case=case, floor=floor,
                             floor_is=floor_is, at_least=(0.9 if shared else 0.85) * floor if wanted else None,
                             floors=every | {"memcpy": memcpy, "memcpy in the guest": own}, size=size, **more)

    def boot_load(self, mode, pin, master, floors):
        """Loading Debian's kernel."""
        samples = []
        for _ in range(4 if self.quick else 6):
            loaded = json.loads(master.get("./sdm-test -b 0 1 vmlinuz test.dtb --json"))
            size = loaded["bytes"]
            ms = size * 1e3 / loaded["bytes_per_second"]
            samples.append((ms, ms, ms))
            master.get("./sdm-test -R 0 1")
        what = "memcpy" if mode == "shared" else "stream"
        floor = size * min(floors.best(what, length) / length for length in SIZES) / 1e6
        case = f"{size / 1e6:.1f} MB"
        limit = 1.5 * floor + 20
        # QEMU translates the program and what it uses of the kernel while it runs for the first time.
        first, *others = samples
        self.results.add("boot_load", mode, pin, [first], "ms", case=case + ", first", floor=floor,
                         floor_is=f"size / best {what}", size=size)
        self.results.add("boot_load", mode, pin, others, "ms", case=case, floor=floor,
                         floor_is=f"size / best {what}", at_most=limit, size=size)

    def signals(self, mode, pin, master, slave, floors):
        """Signals between the guests' kernels, and between their user spaces."""
        runs = 500 if self.quick else 2000
        kernel, own, user = [], [], []
        for _ in range(self.rounds):
            self.signal_floors(pin, floors, runs)
            own.append(perf(master, 0, "signal", runs))
            kernel.append(perf(master, 1, "signal", runs))
        slave.get("sdm-test --answer 0 >/dev/null 2>&1 & sleep 0.2")
        for _ in range(self.rounds):
            user.append(ping(master, 1, runs))
        slave.run("killall sdm-test")

        interrupts = statistics.median(sample[0] for sample in own) / 1e3
        bare = self.results.find("signal_rtt_baremetal", mode, pin)
        limit = bare + interrupts if bare and pin == "one" else 25 if pin == "free" else None
        self.add_signal("signal_rtt_kernel", mode, pin, kernel, floors, limit)
        self.results.add("signal_self_kernel", mode, pin, [microseconds(sample) for sample in own], "us",
                         floor=10 * self.trap_us, floor_is="10 traps")
        self.add_signal("signal_rtt_user", mode, pin, user, floors, 25 if pin == "free" else None)

    def rpmsg(self, mode, pin):
        """Messages of rpmsg."""
        rpmsg.measure(self, mode, pin)

    def busy(self, mode, pin, master, slave):
        """Loads while the slave's CPU has work: looking for input without end would take that from it."""
        floors = self.floors(mode, pin)
        runs = 500 if self.quick else 2000
        samples = []
        slave.get("(while :; do :; done) >/dev/null 2>&1 & echo $! >/tmp/busy")
        for _ in range(self.rounds):
            floors.pingpong(READ_REQUEST, READ_ANSWER, runs, ["blocking"])
            samples.append(perf(master, 1, "read32", runs))
        slave.get("kill $(cat /tmp/busy)")
        self.add_rtt("read32", mode, pin, samples, floors, (READ_REQUEST, READ_ANSWER), 1, lambda floor: floor,
                     ", with the same slave", case="busy slave")

    def costs(self, mode, pin):
        """What QEMU does for one operation."""
        if not shutil.which("strace"):
            print("bench: strace is missing: system calls are not counted", file=sys.stderr)
            return
        with self.setup("costs", mode, pin) as setup:
            monitors = [Monitor(setup, name) for name in ("master", "slave1")]
            master, slave = setup.pair(*[monitor.options(paused=False) for monitor in monitors])
            for monitor in monitors:
                monitor.connect()
            master.get("modprobe sdm_perf")

            def count(what, test, runs, each=1):
                counted = costs.count((master, slave), monitors, lambda n: perf(master, 1, test, n), runs, each)
                self.add_costs(mode, pin, what, ("master", "slave"), counted)

            if mode != "shared":
                count("read32", "read32", 1000)
                count("write32", "write32", 10, ACCESSES)
                count("write64", "write64", 10, ACCESSES)
            for size, name in KERNEL_SIZES.items():
                for way in ("write", "read"):
                    count(f"bulk_{way} {SIZES[size]}", f"{way}_{name}", KERNEL_RUNS[size] // 2)
            setup.boot_slave(master, slave)
            count("signal_rtt", "signal", 500)

    def add_costs(self, mode, pin, what, names, counted):
        """Counts of one kind of operation, for each machine."""
        for name, (sleeps, calls, traps) in zip(names, counted):
            total = sum(calls.values())
            self.results.add("calls", mode, pin, [(total,) * 3], "calls", case=f"{what}, {name}", sleeps=sleeps,
                             calls=calls, traps=traps)

    # Two guests without an operating system

    def bare(self, mode, pin):
        """Signals between guests that do nothing else."""
        floors = self.floors(mode, pin)
        samples = {"trap": [], "self": [], "signal": []}
        for _ in range(self.rounds):
            self.signal_floors(pin, floors, 2000)
            with self.setup("bare", mode, pin, BareKit(self.kit)) as setup:
                address = setup.new_address()
                master = setup.master(address)
                setup.begin(master, setup.slave(address, memory=64))
                text = master.wait_console("done|failed.*", 30) and master.console()
            for name, numbers in samples.items():
                match = re.search(rf"\b{name} (\d+) (\d+) (\d+)", text)
                if not match:
                    raise Failure(f"the bare guest printed {text!r}")
                numbers.append(tuple(int(number) for number in match.groups()))
        self.trap_us = statistics.median(sample[0] for sample in samples["trap"]) / 1e3
        ivshmem = IVSHMEM[mode] * floors.best("pingpong", SIGNAL, SIGNAL) / 1e3
        more = {} if pin == "free" else {"target_is": IVSHMEM_NOTE}
        self.add_signal("signal_rtt_baremetal", mode, pin, samples["signal"], floors, 25 if pin == "free" else ivshmem,
                        **more)
        self.results.add("signal_self_baremetal", mode, pin, [microseconds(sample) for sample in samples["self"]], "us",
                         floor=3 * self.trap_us, floor_is="3 traps")

    # A slave against the same machine without a master

    def boot_to_userspace(self, mode, pin):
        """
        From the boot signal, or from QEMU's "cont", to a line of user space. Both machines exist before one of them
        boots, and they take turns in being the first: memory that the host has not used lately takes it longer.
        """
        slave_times, plain_times = [], []
        for number in range(2 * ((self.rounds + 1) // 2)):
            with self.setup("boot", mode, pin) as setup:
                master, slave = setup.pair(slave_options=BOOT_TRACE)
                monitor = Monitor(setup, "plain")
                plain = setup.plain(self.kit.slave_kernel, self.kit.path("slave.dtb"), options=monitor.options())
                setup.begin(plain)
                monitor.connect()
                for turn in range(2):
                    if (number + turn) % 2:
                        begin = time.time()
                        monitor.command("cont")
                        plain_times.append(1e3 * (wait_console(plain, USER_SPACE) - begin))
                    else:
                        master.get("./sdm-test -b 0 1 zImage slave.dtb")
                        slave_times.append(1e3 * (wait_console(slave, USER_SPACE) - boot_time(slave)))
        floor = statistics.median(plain_times)
        self.results.add("boot_to_userspace", mode, pin, [(ms, ms, ms) for ms in slave_times], "ms", floor=floor,
                         floor_is="the same kernel by -kernel", at_most=1.05 * floor)

    def slave_life(self, mode, pin):
        """Memory of a slave, and what it costs to do nothing, against a machine with plain memory."""
        with self.setup("life", mode, pin) as setup:
            master, slave = setup.pair()
            setup.boot_slave(master, slave)
            plain = setup.plain(self.kit.slave_kernel, self.kit.path("test.dtb"),
                                options=["-initrd", self.kit.slave_initrd])
            setup.begin(plain)
            plain.wait_ready()
            self.slave_memory(mode, pin, slave, plain)
            self.idle(mode, pin, {"master": master, "slave": slave}, plain)

    def slave_memory(self, mode, pin, slave, plain):
        """Copying within a guest."""
        size, seconds = 16 * MIB, 0.1
        samples, floor = [], []
        # Many short ones by turns: whatever else the host does hits both.
        for _ in range(8 * self.rounds):
            for machine, speeds in ((slave, samples), (plain, floor)):
                speeds.append(megabytes(size, rate(machine, f"memory {size} {seconds}")[2:]))
        best = statistics.median(speed[0] for speed in floor)
        self.results.add("slave_memory", mode, pin, samples, "MB/s", case="16 MiB", floor=best,
                         floor_is="the same with plain -m", at_least=0.99 * best, size=size)

    def idle(self, mode, pin, machines, plain):
        """CPU time of guests that have nothing to do."""
        seconds = 3 if self.quick else 10
        everybody = dict(machines, plain=plain)
        # They finish what they are at.
        time.sleep(1)
        before = {name: cpu_ns(machine.process.pid) for name, machine in everybody.items()}
        begin = time.monotonic()
        time.sleep(seconds)
        passed = (time.monotonic() - begin) * 1e9
        used = {name: 100 * (cpu_ns(machine.process.pid) - before[name]) / passed
                for name, machine in everybody.items()}
        floor = used["plain"]
        for name in machines:
            # The link is what a guest without a master does not have.
            self.results.add("idle_cpu", mode, pin, [(used[name],) * 3], "%", case=name, floor=floor,
                             floor_is="a guest without a master", at_most=floor + 0.1)

    # Many slaves

    def slaves(self, mode, pin):
        """What several slaves get out of one master at the same time."""
        most = 2 if self.quick else 8
        counts = [n for n in (1, 2, 4, 8) if n <= most]
        floors = self.floors(mode, pin)
        what = "memcpy" if mode == "shared" else "stream"
        getattr(floors, what)(MIB, 256)
        floors.pingpong(SIGNAL, SIGNAL, 2000)
        with self.setup("slaves", mode, pin) as setup:
            address = setup.new_address()
            master = setup.master(address, slaves=most)
            slaves = [setup.slave(address, number, memory=64) for number in range(1, most + 1)]
            setup.begin(master, *slaves)
            setup.bring_up(master)
            master.get("modprobe sdm_perf")
            for number in range(1, most + 1):
                wait_connected(master, number)
            seconds = 0.5 if self.quick else 1.5
            for count in counts:
                self.many(mode, pin, master, count, "bulk", f"guest-rate write /dev/sdm0-p$i {MIB} {seconds}",
                          bulk_rate, "MB/s", MIB * 1e3 / floors.best(what, MIB), f"best {what} of one")
            for number in range(1, most + 1):
                master.get(f"./sdm-test -q -b 0 {number} bare.bin --load 0x40010000")
            runs = 500 if self.quick else 2000
            for count in counts:
                self.many(mode, pin, master, count, "signals",
                          "exec 3<>/sys/kernel/debug/sdm_perf/sdm0/run; "
                          f"echo $i signal {runs} >&3 && cat <&3", signal_rate, "1/s",
                          1e9 / floors.best("pingpong", SIGNAL, SIGNAL), "ping-pongs of one")

    def many(self, mode, pin, master, count, what, command, parse, unit, floor, floor_is):
        """The same command for several slaves at once; its $i is the slave."""
        master.get(f"for i in $(seq {count}); do ({command}) >/tmp/result.$i 2>&1 & done; wait")
        rates = [parse(master.get(f"cat /tmp/result.{number}")) for number in range(1, count + 1)]
        share = min(rates) / (sum(rates) / count)
        total = sum(rates)
        self.results.add("slaves", mode, pin, [(total,) * 3], unit, case=f"{count} {what}", floor=floor,
                         floor_is=floor_is, slaves=count, rates=[round(r, 3) for r in rates])
        if count > 1:
            self.results.add("slaves", mode, pin, [(share,) * 3], "share", case=f"{count} {what}", floor=1,
                             floor_is="the mean of all slaves", at_least=0.8, slaves=count)


def boot_time(slave):
    """When a slave got its boot signal, by its trace."""
    match = re.search(r"(?m)^\S*?(\d+)\.(\d+):sdm_boot_start", slave.messages())
    if not match:
        raise Failure("the slave's QEMU has not traced its start")
    return float(f"{match[1]}.{match[2]}")


def bulk_rate(text):
    """MB/s in the output of guest-rate."""
    if not re.fullmatch(r"(\d+ ){5}\d+", text):
        raise Failure(f"guest-rate printed {text!r}")
    size, count, _, _, _, total = (int(number) for number in text.split())
    return size * count * 1e3 / total


def signal_rate(text):
    """Round trips a second in the output of sdm_perf."""
    total = perf_result(text)[3]
    return int(re.search(r"(\d+) runs", text)[1]) * 1e9 / total
