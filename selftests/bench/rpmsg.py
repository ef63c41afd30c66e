#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Messages of rpmsg between the master's programs and a firmware that echoes them."""

from host.machine import Failure

from .machines import wait_connected

REGION = 64 << 10
# With headers of 16 bytes
SIZES = (16, 496)
# As many as fit into a ring of 32
WINDOW = 16
# Frames of the floor: a signal as long as the protocol's
SIGNAL = 16 + 32


def rate(machine, arguments):
    """Runs rpmsg-rate; returns its numbers: median, p99, minimum and sum of times in ns."""
    return tuple(int(number) for number in machine.get("rpmsg-rate " + arguments, 300).split())


def start(master, trapped):
    """Starts the firmware, up to its channels."""
    master.get(f"modprobe sdm_remoteproc {f'trapped={REGION}' if trapped else ''}; modprobe virtio_rpmsg_bus; "
               "modprobe rpmsg_char; cd /sys/bus/sdm/devices/sdm0-p1/remoteproc/remoteproc*; "
               "echo rpmsg.elf >firmware; echo start >state")
    if "there" not in master.get("for i in $(seq 300); do [ -e /dev/rpmsg0 ] && echo there && break; sleep 0.1; done"):
        raise Failure("the firmware does not announce its channels")


def measure(bench, mode, pin):
    """Round trips and throughput, with the region and, for comparison, with a window of which each access traps."""
    floors = bench.floors(mode, pin)
    for trapped in [False] if mode == "shared" else [False, True]:
        with bench.setup("rpmsg-trapped" if trapped else "rpmsg", mode, pin) as setup:
            address = setup.new_address()
            master = setup.master(address)
            slave = setup.slave(address, ram="" if trapped else f",coherent-size={REGION}")
            setup.begin(master, slave)
            setup.bring_up(master)
            wait_connected(master)
            start(master, trapped)
            for size in SIZES:
                round_trips(bench, mode, pin, master, floors, size, trapped)
            throughput(bench, mode, pin, master, floors, trapped)


def case(text, trapped):
    """What tells figures of one name apart."""
    return text + ", trapped" * trapped


def round_trips(bench, mode, pin, master, floors, size, trapped):
    """One message at a time."""
    runs = 300 if bench.quick else 1000
    samples = []
    for _ in range(bench.rounds):
        bench.signal_floors(pin, floors, runs)
        median, p99, best, _ = rate(master, f"rtt /dev/rpmsg0 {size} {runs}")
        samples.append((median / 1e3, p99 / 1e3, best / 1e3))
    floor = floors.best("relay", SIGNAL) / 1e3
    bench.results.add("rpmsg_rtt", mode, pin, samples, "us", case=case(f"{size} bytes", trapped), floor=floor,
                      floor_is=f"ping-pong of {SIGNAL} bytes with two threads at either end", size=size)


def throughput(bench, mode, pin, master, floors, trapped):
    """Many under way, each sent back."""
    size = SIZES[-1]
    runs = 1000 if bench.quick else 5000
    samples = []
    for _ in range(bench.rounds):
        floors.pingpong(size + 16, size + 16, runs)
        total = rate(master, f"flow /dev/rpmsg0 {size} {runs} {WINDOW}")[3]
        samples.append((runs * 1e9 / total,) * 3)
    floor = 1e9 / floors.best("pingpong", size + 16, size + 16)
    bench.results.add("rpmsg_throughput", mode, pin, samples, "1/s", case=case(f"{size} bytes", trapped), floor=floor,
                      floor_is=f"ping-pongs of {size + 16} bytes, one at a time", size=size)
