#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The results as a part of the documentation."""

import os

from .files import TOP
from .plot import charts
from .results import cells, notes, significant

DIRECTORY = os.path.join(TOP, "Documentation", "performance")

HEAD = """.. SPDX-License-Identifier: GPL-2.0-only
.. Made by scripts/bench --refresh.

=======
Results
=======

`index.rst <index.rst>`__ explains them.

"""

# Tables of figures, and which of them they have
TABLES = {
    "Single accesses": ("read32", "write32_posted", "write64_posted"),
    "Signals": ("signal_rtt_baremetal", "signal_self_baremetal", "signal_rtt_kernel", "signal_self_kernel",
                "signal_rtt_user"),
    "rpmsg": ("rpmsg_rtt", "rpmsg_throughput"),
    "Bulk transfers": ("bulk_write", "bulk_read"),
    "Load and boot": ("boot_load", "boot_to_userspace"),
    "A slave's life": ("slave_memory", "idle_cpu"),
    "Several slaves": ("slaves",),
}
COLUMNS = ["figure", "case", "mode", "CPUs", "median", "99 %", "unit", "floor", "ratio", "target", "reached"]

# System calls that are told one by one are at least this part of all.
WORTH_TELLING = 0.03


def rst_table(rows):
    """A table in the simple form."""
    # Alone it would be a line below a title.
    rows = [["\\%" if cell == "%" else cell for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) or 1 for i in range(len(rows[0]))]
    rule = "  ".join("=" * width for width in widths)
    texts = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([rule, texts[0], rule, *texts[1:], rule]) + "\n"


def conditions(entries):
    """What was measured where; several lines if the figures are of several runs."""
    lines = {}
    for entry in entries:
        host, versions = entry["host"], entry["versions"]
        command = " ".join(["scripts/bench", *entry.get("options", [])])
        where = (f"{host['cpu']}, {host['cpus']} CPUs, {host['kernel']}; {versions['qemu']}; "
                 f"SDM {versions['sdm']}")
        lines.setdefault((command, where), []).append(host["load"])
    return "".join(f"- ``{command}`` on {where}; load of the machine at the beginning "
                   f"{' to '.join(sorted({f'{load:.1f}' for load in (min(loads), max(loads))}))}\n"
                   for (command, where), loads in lines.items())


def title(text):
    """The title of a section."""
    return f"\n{text}\n{'=' * len(text)}\n\n"


def some(counts, total):
    """The largest counts by name."""
    items = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {significant(number)}" for name, number in items if number >= WORTH_TELLING * total)


def costs_table(entries):
    """What QEMU does for one operation."""
    rows = [["operation", "machine", "mode", "CPUs", "calls", "sleeps", "traps", "system calls", "traps to"]]
    for entry in entries:
        operation, _, machine = entry["case"].rpartition(", ")
        traps = entry.get("traps", {})
        rows.append([operation, machine, entry["mode"], entry["pin"], significant(entry["median"]),
                     significant(entry["sleeps"]), significant(sum(traps.values())),
                     some(entry["calls"], entry["median"]), some(traps, sum(traps.values()))])
    return rst_table(rows)


def refresh(entries):
    """Writes plots and tables; returns an exit status."""
    os.makedirs(DIRECTORY, exist_ok=True)
    text = HEAD + conditions(entries)
    drawn = charts(entries)
    for name, names in TABLES.items():
        figures = sorted((entry for entry in entries if entry["name"] in names), key=order)
        if not figures:
            continue
        text += title(name) + rst_table([COLUMNS] + [cells(entry) for entry in figures])
        text += "".join(f"\n{note.replace('*', chr(92) + '*')}\n" for note in notes(figures))
        for chart in [chart for chart, of in drawn.items() if of.section == name]:
            text += f"\n.. image:: {chart}.svg\n"
    costs = [entry for entry in entries if entry["name"] == "calls"]
    if costs:
        text += title("Costs of one operation") + costs_table(costs)
    for name, chart in drawn.items():
        with open(os.path.join(DIRECTORY, name + ".svg"), "w") as stream:
            stream.write(chart.svg)
    with open(os.path.join(DIRECTORY, "results.rst"), "w") as stream:
        stream.write(text)
    print(f"bench: wrote {os.path.relpath(DIRECTORY)}")
    return 0


def order(entry):
    """Where an entry is in a table: the same figure in all modes together."""
    return (entry["name"], entry.get("size", 0), entry["case"], entry["mode"], entry["pin"] != "one")
