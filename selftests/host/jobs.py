#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios side by side."""

import collections
import threading

# How long to wait between two looks for a signal to this process
TICK = 0.5


class Jobs:
    """Runs scenarios, several at the same time."""

    def __init__(self, scenarios, make):
        """make turns the class of a scenario into a scenario."""
        # What takes longest comes first.
        self.waiting = collections.deque(sorted(scenarios, key=lambda scenario: scenario.kernel != "debug"))
        self.make = make
        self.running = []
        self.error = None

    def run(self, jobs):
        """Returns when all have ended."""
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(TICK)
        finally:
            # Whoever wants this to end: nothing may stay behind.
            self.waiting.clear()
            for scenario in list(self.running):
                scenario.abandon()
        if self.error:
            raise self.error

    def _next(self):
        """One that is not begun, or None."""
        try:
            return self.waiting.popleft()
        except IndexError:
            return None

    def _work(self):
        try:
            while scenario := self._next():
                one = self.make(scenario)
                self.running.append(one)
                one.execute()
                self.running.remove(one)
        except BaseException as error:
            # The main thread tells of it, and ends the others.
            self.error = error
            self.waiting.clear()
