#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The monitor of a machine (QMP)."""

import json
import socket


class Monitor:
    """A connection to it; `path` is that of the option in options_of()."""

    @staticmethod
    def options_of(path):
        """The options that a machine needs for it."""
        return ["-qmp", f"unix:{path},server=on,wait=off"]

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.command("qmp_capabilities")

    def command(self, name):
        """Runs a command without arguments; returns what it returns, when it does."""
        self.stream.write(json.dumps({"execute": name}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "event" not in answer:
                return answer["return"]

    def close(self):
        """Ends the connection."""
        self.stream.close()
        self.socket.close()
