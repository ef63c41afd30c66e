#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The figures: collected, judged, printed and stored."""

import json
import os
import platform
import statistics
import subprocess
import time

from .files import TOP

COLUMNS = ["name", "case", "mode", "pin", "median", "p99", "unit", "floor", "ratio", "target", ""]


def first_line(*command):
    """What a command prints first, or nothing."""
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                                cwd=TOP).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return output.splitlines()[0].strip() if output.strip() else ""


def cpu_model():
    """The name of the host's CPU."""
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.lower().startswith(("model name", "hardware", "uarch")):
                return line.partition(":")[2].strip()
    return platform.machine()


def significant(number):
    """A number as people like to read it."""
    if number is None:
        return ""
    if abs(number) < 1:
        return f"{number:.3g}"
    return f"{number:.{max(0, 3 - len(str(int(abs(number)))))}f}"


def rounded(number):
    """A number without digits that mean nothing."""
    return None if number is None else float(f"{number:.5g}")


class Results:
    """All figures of a run."""

    def __init__(self, quick, qemu, options):
        self.entries = []
        self.meta = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "quick": quick,
            "options": options,
            "host": {
                "cpu": cpu_model(),
                "cpus": os.cpu_count(),
                "kernel": f"{platform.system()} {platform.release()}",
                "load": os.getloadavg()[0],
            },
            "versions": {
                "sdm": first_line("git", "describe", "--always", "--dirty"),
                "qemu": first_line(qemu, "--version"),
            },
        }

    def add(self, name, mode, pin, rounds, unit, floor=None, floor_is="", at_most=None, at_least=None, case="", **more):
        """
        Adds a figure. rounds: (median, p99, best) of each round; floor and limits are in the same unit.
        """
        medians = [r[0] for r in rounds]
        median = statistics.median(medians)
        entry = {
            "name": name, "case": case, "mode": mode, "pin": pin,
            "median": rounded(median),
            "p99": rounded(statistics.median(r[1] for r in rounds)),
            "best": rounded((max if "/s" in unit else min)(r[2] for r in rounds)),
            "unit": unit,
            "floor": rounded(floor),
            "floor_is": floor_is,
            "ratio": rounded(median / floor) if floor else None,
            "rounds": len(rounds),
            "spread": [rounded(min(medians)), rounded(max(medians))],
            "target": None, "ok": None, **more,
        }
        if at_most is not None:
            entry["target"] = f"<= {significant(at_most)}"
            entry["ok"] = median <= at_most
        elif at_least is not None:
            entry["target"] = f">= {significant(at_least)}"
            entry["ok"] = median >= at_least
        self.entries.append(entry)
        print(line(cells(entry)), flush=True)
        return median

    def find(self, name, mode, pin):
        """The median of an earlier figure, or None."""
        for entry in self.entries:
            if (entry["name"], entry["mode"], entry["pin"]) == (name, mode, pin):
                return entry["median"]
        return None

    def write(self, path, keep):
        """
        Stores everything; the list of figures is what others read. Told to keep, adds to the figures of earlier runs,
        each of which has the date and versions of its run.
        """
        for entry in self.entries:
            entry.update(self.meta)
        entries = self.entries
        if keep and os.path.exists(path):
            with open(path) as stream:
                new = {key(entry) for entry in entries}
                entries = [entry for entry in json.load(stream) if key(entry) not in new] + entries
        with open(path + ".part", "w") as stream:
            stream.write("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
        os.replace(path + ".part", path)
        return entries


def key(entry):
    """What tells a figure from others."""
    return tuple(entry[field] for field in ("name", "case", "mode", "pin", "unit"))


def cells(entry):
    """An entry as the table has it."""
    verdict = {None: "", True: "ok", False: "miss"}[entry["ok"]]
    return [entry["name"], entry["case"], entry["mode"], entry["pin"], significant(entry["median"]),
            significant(entry["p99"]), entry["unit"], significant(entry["floor"]), significant(entry["ratio"]),
            (entry["target"] or "") + "*" * ("target_is" in entry), verdict]


def notes(entries):
    """What the asterisks at targets mean."""
    return sorted({"* " + entry["target_is"] for entry in entries if "target_is" in entry})


WIDTHS = [21, 25, 5, 5, 9, 9, 5, 9, 7, 10, 4]


def line(row):
    """A line of the table on a terminal."""
    texts = [text.rjust(width) if 4 <= i <= 8 and i != 6 else text.ljust(width)
             for i, (text, width) in enumerate(zip(row, WIDTHS))]
    return " ".join(texts).rstrip()
