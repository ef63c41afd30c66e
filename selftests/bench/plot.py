#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bar charts as SVG."""

import math
import typing
from xml.sax.saxutils import escape

from .results import significant

LABEL, BAR, VALUE, ROW, TOP = 250, 430, 120, 18, 44
COLOURS = {"tcp": "#4477aa", "unix": "#66aa66", "shared": "#cc9944"}
FLOOR = "#bb3333"


def ticks(low, high):
    """Powers of ten from low to high."""
    return [10 ** n for n in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def chart(title, entries):
    """One bar for each entry, on a logarithmic axis; its floor is a mark."""
    values = [value for entry in entries for value in (entry["median"], entry["floor"]) if value]
    low = 10 ** math.floor(math.log10(min(values) / 1.5))
    high = max(values) * 1.1
    height = TOP + ROW * len(entries) + 40

    def x(value):
        return LABEL + BAR * math.log(value / low) / math.log(high / low)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + BAR + VALUE}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="18" font-size="14">{escape(title)}</text>',
        f'<path d="M {LABEL} 30 v 10" stroke="{FLOOR}" stroke-width="2"/>'
        f'<text x="{LABEL + 6}" y="39">floor</text>',
    ]
    for i, (mode, colour) in enumerate(COLOURS.items()):
        if any(entry["mode"] == mode for entry in entries):
            out.append(f'<rect x="{LABEL + 60 + 70 * i}" y="30" width="10" height="10" fill="{colour}"/>'
                       f'<text x="{LABEL + 74 + 70 * i}" y="39">{mode}</text>')
    bottom = TOP + ROW * len(entries) + 4
    for tick in ticks(low, high):
        out.append(f'<path d="M {x(tick):.1f} {TOP} V {bottom}" stroke="#dddddd"/>'
                   f'<text x="{x(tick):.1f}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>')
    out.append(f'<text x="{LABEL + BAR}" y="{bottom + 30}" text-anchor="end">{escape(entries[0]["unit"])}</text>')
    for row, entry in enumerate(entries):
        y = TOP + ROW * row
        label = " ".join(filter(None, [entry["name"], entry["case"], f"({entry['pin']})"]))
        out.append(f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>')
        if entry["median"]:
            end = x(entry["median"])
            out.append(f'<rect x="{LABEL}" y="{y + 4}" width="{max(end - LABEL, 1):.1f}" height="{ROW - 6}" '
                       f'fill="{COLOURS[entry["mode"]]}"/>'
                       f'<text x="{end + 5:.1f}" y="{y + 14}">{significant(entry["median"])}</text>')
        if entry["floor"]:
            out.append(f'<path d="M {x(entry["floor"]):.1f} {y + 2} v {ROW - 2}" stroke="{FLOOR}" '
                       'stroke-width="2"/>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


class Chart(typing.NamedTuple):
    """A chart, and the part of the documentation that it belongs to."""

    section: str
    svg: str


CHARTS = {
    "accesses": ("Single accesses", "Loads and stores (less is better)",
                 lambda e: e["unit"] == "us" and not e["name"].startswith(("signal", "rpmsg"))),
    "signals": ("Signals", "Signals (less is better)", lambda e: e["name"].startswith("signal")),
    "rpmsg": ("rpmsg", "Round trips of rpmsg (less is better)", lambda e: e["name"] == "rpmsg_rtt"),
    "rpmsg-throughput": ("rpmsg", "Echoed messages of rpmsg (more is better)",
                         lambda e: e["name"] == "rpmsg_throughput"),
    "bulk-sockets": ("Bulk transfers", "Bulk transfers by sockets (more is better)",
                     lambda e: e["name"].startswith("bulk_") and e["mode"] != "shared"),
    "bulk-shared": ("Bulk transfers", "Bulk transfers to a mapped window (more is better)",
                    lambda e: e["name"].startswith("bulk_") and e["mode"] == "shared"),
    "boot": ("Load and boot", "Load and boot (less is better)", lambda e: e["unit"] == "ms"),
    "memory": ("A slave's life", "Copying within a slave (more is better)", lambda e: e["name"] == "slave_memory"),
    "slaves": ("Several slaves", "Several slaves at once, all together (more is better)",
               lambda e: e["name"] == "slaves" and e["unit"] == "MB/s"),
    "slaves-signals": ("Several slaves", "Round trips of signals with several slaves at once (more is better)",
                       lambda e: e["name"] == "slaves" and e["unit"] == "1/s"),
}


def charts(entries):
    """All charts that there are figures for: name -> Chart."""
    made = {}
    for name, (section, title, wanted) in CHARTS.items():
        chosen = sorted(filter(wanted, entries), key=lambda e: (e["name"], e.get("size", 0), e["case"],
                                                                e["pin"] != "one"))
        if chosen:
            made[name] = Chart(section, chart(title, chosen))
    return made
