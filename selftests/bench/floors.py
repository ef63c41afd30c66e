#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What this machine can do at best, measured by floor.c in the same run and on the same CPUs as the figures."""

import statistics
import subprocess

from .machines import pinned

BIG_BUFFERS = f"buffer={4 << 20}"


class Floors:
    """The floors of one kind of socket on one set of CPUs, collected over the rounds of a measurement."""

    def __init__(self, program, mode, cpus):
        self.program = program
        # What is shared has no socket of its own.
        self.kind = "tcp" if mode == "tcp" else "unix"
        self.cpus = cpus
        self.medians = {}

    def _run(self, key, variant, *arguments):
        with pinned(self.cpus):
            output = subprocess.run([self.program, *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                                    text=True).stdout
        self.medians.setdefault(key, {}).setdefault(variant, []).append(int(output.split()[0]))

    def _variants(self):
        """On one CPU, two that look for input all the time would wait for each other's time slice."""
        return ["blocking"] if len(self.cpus) == 1 else ["blocking", "polling"]

    def pingpong(self, request, response, count, variants=None):
        """One round: bytes there and back."""
        for variant in variants or self._variants():
            self._run(("pingpong", request, response), variant, "pingpong", self.kind, request, response, count,
                      *(["poll"] if variant == "polling" else []))

    def relay(self, size, count):
        """One round: bytes there and back, received at either end by a thread that wakes the one that answers."""
        for variant in self._variants():
            self._run(("relay", size), variant, "pingpong", self.kind, size, size, count, "relay",
                      *(["poll"] if variant == "polling" else []))

    def stream(self, size, count):
        """One round: bytes there, acknowledged."""
        for variant in self._variants():
            poll = ["poll"] if variant == "polling" else []
            self._run(("stream", size), variant, "stream", self.kind, size, count, *poll)
            self._run(("stream", size), variant + ", 4 MiB buffers", "stream", self.kind, size, count, *poll,
                      BIG_BUFFERS)

    def memcpy(self, size, count):
        """One round: a copy within memory."""
        self._run(("memcpy", size), "memcpy", "memcpy", size, count)

    def all(self, *key):
        """Medians over the rounds, of all variants, in ns."""
        return {variant: statistics.median(medians) for variant, medians in self.medians[key].items()}

    def best(self, *key):
        """The best variant, in ns."""
        return min(self.all(*key).values())
