#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
A network of two hosts on one: two network namespaces, and a bad wire between them.

The wire are two TUN devices, one in each namespace, and a thread that carries packets from one to the other: some of
them late, in another order, or never. So TCP has to do with real loss. Kernels have netem for that, but not all of
them, and it cannot be told to drop exactly this or repeat exactly that.
"""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

MASTER, SLAVE = "10.77.0.1", "10.77.0.2"

# Scenarios side by side have networks of their own.
NUMBERS = itertools.count(1)


def why_not():
    """Why there can be no such network here; an empty string if there can."""
    if os.geteuid():
        return "not root"
    if not shutil.which("ip"):
        return "no ip (iproute2)"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "no /dev/net/tun"
    name = f"sdm-{os.getpid()}-{next(NUMBERS)}-try"
    if subprocess.run(["ip", "netns", "add", name], check=False, stderr=subprocess.DEVNULL).returncode:
        return "no network namespaces"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return ""


def run_ip(*arguments):
    """Runs ip, which must succeed."""
    subprocess.run(["ip", *arguments], check=True)


class Network:
    """Two namespaces, "master" and "slave", and the wire between them."""

    def __init__(self, seed=0):
        number = next(NUMBERS)
        self.names = {side: f"sdm-{os.getpid()}-{number}-{side}" for side in ("master", "slave")}
        self.fds = []
        self.wire = None
        try:
            for side, address in (("master", MASTER), ("slave", SLAVE)):
                self._add(side, address)
        except (OSError, subprocess.CalledProcessError):
            self.close()
            raise
        self.wire = Wire(self.fds, seed)

    def _add(self, side, address):
        name = self.names[side]
        run_ip("netns", "add", name)
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.fds.append(fd)
        request = struct.pack("16sH22x", b"sdmtest%d", IFF_TUN | IFF_NO_PI)
        device = fcntl.ioctl(fd, TUNSETIFF, request)[:16].rstrip(b"\0").decode()
        run_ip("link", "set", device, "netns", name)
        run_ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
        run_ip("-n", name, "link", "set", "lo", "up")
        run_ip("-n", name, "link", "set", device, "mtu", "1500", "txqueuelen", "1000", "up")

    def prefix(self, side):
        """What to put before a command that is to run there."""
        return ["nsenter", f"--net=/run/netns/{self.names[side]}"]

    def enter(self, side):
        """Takes the calling thread there."""
        fd = os.open(f"/run/netns/{self.names[side]}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)

    def close(self):
        """Ends it; whoever is in there keeps a namespace without a wire."""
        if self.wire:
            self.wire.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


class Wire:
    """Carries packets between two TUN devices, by a thread."""

    LONGEST = 10000     # packets under way; a network has no more room either

    def __init__(self, fds, seed):
        self.ends = {fds[0]: fds[1], fds[1]: fds[0]}
        self.random = random.Random(seed)
        self.delay = self.jitter = self.loss = self.reorder = 0.0
        self.dark_until = 0.0
        self.packets = self.lost = self.late = 0
        self.queue = []
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def disturb(self, delay=0.0, jitter=0.0, loss=0.0, reorder=0.0):
        """
        From now on: every packet takes `delay` seconds, some up to `jitter` longer, so that others overtake them
        (`reorder`, the share of packets), and some get lost (`loss`).
        """
        self.delay, self.jitter, self.loss, self.reorder = delay, jitter, loss, reorder

    def blackout(self, seconds):
        """Loses everything for so long."""
        self.dark_until = time.monotonic() + seconds

    def close(self):
        """Ends it."""
        self.ended = True
        self.thread.join()

    def _run(self):
        while not self.ended:
            wait = 0.05
            if self.queue:
                wait = max(0.0, min(wait, self.queue[0][0] - time.monotonic()))
            readable, _, _ = select.select(list(self.ends), [], [], wait)
            for fd in readable:
                self._take(fd)
            now = time.monotonic()
            while self.queue and self.queue[0][0] <= now:
                _, _, to, packet = heapq.heappop(self.queue)
                try:
                    os.write(to, packet)
                except OSError:
                    self.lost += 1

    def _take(self, fd):
        # Not all that there is, or the other direction would wait.
        for _ in range(64):
            try:
                packet = os.read(fd, 65536)
            except OSError:
                return
            self.packets += 1
            now = time.monotonic()
            if now < self.dark_until or self.random.random() < self.loss or len(self.queue) > self.LONGEST:
                self.lost += 1
                continue
            due = now + self.delay
            if self.reorder and self.random.random() < self.reorder:
                due += self.random.random() * self.jitter
                self.late += 1
            # Those with the same time in the order in which they came.
            heapq.heappush(self.queue, (due, self.packets, self.ends[fd], packet))
