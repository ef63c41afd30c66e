#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Commands in the documents: literal blocks, each with a comment before it that says how it is tested.

    .. run: host           in a user's directory, before any machine is started
    .. run: machines       starts machines (run-master, run-slave), and types what stands behind the prompts of guests
    .. run: master         the same, of a block without prompts: all is typed on the master
    .. run: printed        run-master and run-slave have printed these options for the machines started last
    .. run: shown          the slave's console shows this then
    .. run: file NAME      it is a file, for other blocks
    .. run: by FILE        that test has the same lines
    .. run: not, REASON    only what is named in it is checked

A line behind a prompt is a command, and what follows is its output. In a block without prompts each line is a command.
"""

import re

MARK = re.compile(r"\s*\.\. run: (.*)$")
PROMPT = re.compile(r"(\(qemu\)|[\w-]+:\S*#|host\d*[$#]|\$) (.*)$")
TITLE = re.compile(r"([=~-])\1{2,}$")

# What commands begin with
FIRST = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\./\w|(?:scripts|selftests|build)/\w|(?:%s)(?=\s|$))|-(?:%s) " % (
    "make|sudo|apt|apt-get|dkms|dpkg-[a-z]+|qemu-[a-z][\\w-]+|insmod|rmmod|modprobe|echo|cat|cd|cp|dd|for|git|scp|ssh|"
    "virsh|systemctl|udevadm|stty|mount|sdm-test|rproc-pack|rpmsg|fdtoverlay|python3|sh|[\\w-]+-gcc|[\\w-]+-objcopy",
    "object|device|append|kernel|trace|M"))


class Command:
    """A command line: who has to run it, and what it shows."""

    def __init__(self, where, place, text):
        self.where = where      # it is written
        self.place = place      # the prompt, or ""
        self.text = text
        self.output = []

    @property
    def line(self):
        """In one line, without remarks."""
        return re.sub(r"(^|\s)\s+#\s.*$", "", re.sub(r"\\\n\s*", "", self.text), flags=re.M).strip()


class Block:
    """A literal block."""

    def __init__(self, document, number, lines, mark):
        self.document = document
        self.number = number    # of its first line
        self.lines = lines
        self.how, self.argument = re.fullmatch(r"(\w*),?\s*(.*)", mark or "").groups()
        self.marked = mark is not None

    @property
    def name(self):
        """For messages."""
        return f"{self.document}:{self.number}"

    def where(self, number):
        """A line for people who know the documents."""
        return re.sub(r"^Documentation/|\.rst$|/index", "", self.document) + f" line {number}"

    @property
    def text(self):
        """As it is written, without the indentation."""
        width = min(len(line) - len(line.lstrip()) for line in self.lines if line.strip())
        return "".join(line[width:] + "\n" for line in self.lines)

    def commands(self):
        """All commands in it."""
        lines = self.text.splitlines()
        prompts = any(PROMPT.match(line) for line in lines)
        found = []
        for number, line in enumerate(lines, self.number):
            prompt = PROMPT.match(line)
            if found and found[-1].text.endswith("\\") and not found[-1].output:
                found[-1].text += "\n" + line
            elif prompt:
                found.append(Command(self.where(number), prompt[1], prompt[2]))
            elif prompts and found and line.strip():
                found[-1].output.append(line)
            elif not prompts and line.strip():
                found.append(Command(self.where(number), "", line))
        return found

    def has_commands(self):
        """Does it look as if somebody should type something?"""
        return any(PROMPT.match(line) or FIRST.match(line) for line in self.text.splitlines())


def blocks(document, text):
    """The literal blocks of a document, and in the end the marks that belong to none: (line, mark)."""
    lines = text.split("\n")
    found, lost, mark, number = [], [], None, 0

    def indent(line):
        # The text of an item begins behind its bullet.
        return len(line) - len(re.sub(r"^\s*(- +|\d+\. +)?", "", line))

    while number < len(lines):
        line = lines[number]
        number += 1
        marked = MARK.match(line)
        if marked or TITLE.match(line):
            lost += [mark] if mark else []
            mark = (number, marked[1].strip()) if marked else None
        if not line.rstrip().endswith("::") or line.lstrip().startswith(".. "):
            continue
        first = number
        while first < len(lines) and not lines[first].strip():
            first += 1
        end = first
        while end < len(lines) and (not lines[end].strip() or indent(lines[end]) > indent(line)):
            end += 1
        if first == number or end == first:
            continue
        number = end
        while not lines[end - 1].strip():
            end -= 1
        found.append(Block(document, first + 1, lines[first:end], mark and mark[1]))
        mark = None
    return found, lost + ([mark] if mark else [])
