#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The results, printed as they come."""

import threading

# Lines about one failure: the first ones tell most.
LONGEST = 20


class Report:
    """Counts and prints results, one line each; what helps to understand a failure comes before its line."""

    def __init__(self):
        self.counts = {"ok": 0, "not ok": 0, "skip": 0}
        # Scenarios may run side by side.
        self.lock = threading.Lock()

    @property
    def failed(self):
        """Was there any failure?"""
        return bool(self.counts["not ok"])

    def result(self, scenario, result):
        """Prints a result."""
        with self.lock:
            self._result(scenario, result)

    def _result(self, scenario, result):
        self.counts[result.status] += 1
        number = sum(self.counts.values())
        for line in result.details[:LONGEST]:
            self.note("  " + line)
        if len(result.details) > LONGEST:
            self.note(f"  ... and {len(result.details) - LONGEST} lines more")
        directive = ""
        if result.status == "skip":
            directive = f" # SKIP {result.reason}"
        elif result.reason:
            directive = f" # {result.reason}"
        status = "not ok" if result.status == "not ok" else "ok"
        print(f"{status} {number} - {scenario}: {result.name}{directive}", flush=True)

    @staticmethod
    def note(text):
        """Prints what is no result."""
        for line in text.splitlines():
            print(f"# {line}", flush=True)

    def summary(self):
        """Prints the last lines."""
        print(f"1..{sum(self.counts.values())}")
        print(f"{self.counts['ok']} passed, {self.counts['not ok']} failed, {self.counts['skip']} skipped", flush=True)
