#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What test programs print: KTAP, nested or not."""

import re

RESULT = re.compile(r"^(?P<indent> *)(?P<ok>ok|not ok) (?P<number>\d+)(?: -)? ?(?P<rest>.*)$")
PLAN = re.compile(r"^(?P<indent> *)1\.\.(?P<count>\d+)(?P<rest>.*)$")


class Result:
    """One test case: status is "ok", "not ok" or "skip"."""

    def __init__(self, name, status, reason="", details=()):
        self.name = name
        self.status = status
        self.reason = reason
        self.details = list(details)


def parse(text):
    """Returns the results in a program's output, and a list of what is wrong with the output itself."""
    results, problems = [], []
    plans = {}          # indentation -> number of results to come
    counts = {}
    details = []
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            depth = len(plan["indent"])
            # It comes first or, from scripts, last.
            plans[depth] = int(plan["count"])
            counts.setdefault(depth, 0)
            if not plans[depth]:
                reason = plan["rest"].partition("SKIP")[2].strip()
                results.append(Result("all", "skip", reason or "no tests"))
            continue
        match = RESULT.match(line)
        if not match:
            if line.strip():
                details.append(line)
            continue
        depth = len(match["indent"])
        counts[depth] = counts.get(depth, 0) + 1
        if int(match["number"]) != counts[depth]:
            problems.append(f"result {match['number']} where {counts[depth]} is expected")
        # The results of a group are told one by one before that of the group.
        inner = [d for d in plans if d > depth]
        for d in inner:
            if counts[d] != plans[d]:
                problems.append(f"{counts[d]} results of {plans[d]} before: {line.strip()}")
            del plans[d], counts[d]
        if not inner:
            results.append(one_result(match, details))
        details = []
    for depth, count in plans.items():
        if counts[depth] != count:
            problems.append(f"{counts[depth]} results of {count}")
    if not plans:
        problems.append("no plan (1..N)")
    return results, problems


def one_result(match, details):
    """The result of a line; what was printed before it is of interest if it failed."""
    name, _, directive = match["rest"].partition("#")
    name = name.strip().removeprefix("- ")
    directive = directive.strip()
    if match["ok"] == "not ok":
        return Result(name, "not ok", directive, details)
    if directive.upper().startswith("SKIP"):
        return Result(name, "skip", directive[len("SKIP"):].strip())
    return Result(name, "ok")
