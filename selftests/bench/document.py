#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The results as a part of the documentation."""

import os

from .files import TOP
from .plot import charts
from .results import cells, significant

DIRECTORY = os.path.join(TOP, "Documentation", "performance")

HEAD = """.. SPDX-License-Identifier: GPL-2.0-only
.. Made by scripts/bench --refresh.

Measured on {date}: {cpu}, {cpus} CPUs, {kernel}; {qemu}; SDM {sdm}.

"""


def rst_table(rows):
    """A table in the simple form."""
    widths = [max(len(row[i]) for row in rows) or 1 for i in range(len(rows[0]))]
    rule = "  ".join("=" * width for width in widths)
    # A first column that is empty would continue the row above.
    texts = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([rule, texts[0], rule, *texts[1:], rule]) + "\n"


def costs_table(entries):
    """What QEMU does for one operation."""
    rows = [["operation, machine", "mode", "CPUs", "calls", "sleeps", "of these"]]
    for entry in entries:
        calls = sorted(entry["calls"].items(), key=lambda item: -item[1])
        rows.append([entry["case"], entry["mode"], entry["pin"], significant(entry["median"]),
                     significant(entry["sleeps"]),
                     ", ".join(f"{name} {significant(number)}" for name, number in calls
                               if number >= entry["median"] / 50)])
    return rst_table(rows)


def refresh(entries):
    """Writes plots and table; returns an exit status."""
    os.makedirs(DIRECTORY, exist_ok=True)
    meta = entries[0]
    text = HEAD.format(date=meta["date"][:10], cpu=meta["host"]["cpu"], cpus=meta["host"]["cpus"],
                       kernel=meta["host"]["kernel"], qemu=meta["versions"]["qemu"], sdm=meta["versions"]["sdm"])
    head = ["figure", "case", "mode", "CPUs", "median", "99 %", "unit", "floor", "ratio", "target", "reached"]
    figures = [entry for entry in entries if entry["name"] != "calls"]
    if figures:
        text += rst_table([head] + [[cell or "\\ " for cell in cells(entry)] for entry in figures])
    if len(figures) < len(entries):
        text += "\nSystem calls, and threads that go to sleep, for one operation:\n\n"
        text += costs_table([entry for entry in entries if entry["name"] == "calls"])
    for name, svg in charts(entries).items():
        with open(os.path.join(DIRECTORY, name + ".svg"), "w") as stream:
            stream.write(svg)
        text += f"\n.. image:: {name}.svg\n"
    with open(os.path.join(DIRECTORY, "results.rst"), "w") as stream:
        stream.write(text)
    print(f"bench: wrote {os.path.relpath(DIRECTORY)}")
    return 0
