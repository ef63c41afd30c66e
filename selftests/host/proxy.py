#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Somebody between a slave and its master, who can do to a TCP connection what a network does, without being root."""

import random
import select
import socket
import struct
import threading
import time


class Proxy:
    """
    Accepts connections on a port of 127.0.0.1, and makes one to `target` for each. Traffic passes until it is told
    otherwise. One thread does it all.

    enter: a function that is called first in that thread
    """

    def __init__(self, target, enter=None, seed=0):
        self.target = target
        self.random = random.Random(seed)
        self.pairs = {}             # socket -> the other end
        self.waiting = []           # (due, socket, bytes), in order
        self.order = threading.Lock()
        self.chunk = 0              # largest piece to hand on, and
        self.delay = 0.0            # how long it takes at most
        self.dark_until = 0.0
        self.cut = False
        self.ended = False
        self.ready = threading.Event()
        self.enter = enter
        self.listener = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.ready.wait()

    @property
    def port(self):
        """Where it listens."""
        return self.listener.getsockname()[1]

    def disturb(self, chunk=0, delay=0.0):
        """From now on: small pieces, each of them late by a random time."""
        with self.order:
            self.chunk, self.delay = chunk, delay

    def blackout(self, seconds):
        """Hands nothing on for so long."""
        with self.order:
            self.dark_until = time.monotonic() + seconds

    def reset(self):
        """Ends all connections by RST, to both sides; what was under way is gone."""
        with self.order:
            self.cut = True

    def close(self):
        """Ends it."""
        self.ended = True
        self.thread.join()

    def _run(self):
        if self.enter:
            self.enter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.ready.set()
        while not self.ended:
            self._step()
        for one in self.pairs:
            one.close()
        self.listener.close()

    def _step(self):
        with self.order:
            dark = time.monotonic() < self.dark_until
            cut, self.cut = self.cut, False
            chunk, delay = self.chunk, self.delay
        if cut:
            self._reset_all()
        full = {to for _, to, _ in self.waiting}
        # Who still has something on the way is not read from: no more memory is needed than for that.
        readers = [one for one, to in self.pairs.items() if to not in full]
        wait = 0.02
        if dark or full:
            wait = 0.002
        readable, _, _ = select.select([self.listener] + ([] if dark else readers), [], [], wait)
        for one in readable:
            if one is self.listener:
                self._accept()
            elif one in self.pairs:
                self._read(one, chunk, delay)
        if not dark:
            self._hand_on()

    def _accept(self):
        slave, _ = self.listener.accept()
        try:
            master = socket.create_connection(self.target, 5)
        except OSError:
            slave.close()
            return
        for one, other in ((slave, master), (master, slave)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            self.pairs[one] = other

    def _read(self, one, chunk, delay):
        try:
            data = one.recv(chunk or 1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(one)
            return
        due = time.monotonic() + (self.random.random() * delay if delay else 0)
        self.waiting.append((due, self.pairs[one], data))
        self.waiting.sort(key=lambda item: item[0])

    def _hand_on(self):
        now = time.monotonic()
        left = []
        for due, to, data in self.waiting:
            if due > now:
                left.append((due, to, data))
                continue
            try:
                sent = to.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._close(to)
                continue
            if sent < len(data):
                left.append((due, to, data[sent:]))
        self.waiting = left

    def _forget(self, one):
        other = self.pairs.pop(one, None)
        self.pairs.pop(other, None)
        self.waiting = [item for item in self.waiting if item[1] not in (one, other)]
        return [socket for socket in (one, other) if socket]

    def _close(self, one):
        # What had been said before, such as a farewell, is handed on.
        other = self.pairs.get(one)
        for _, to, data in self.waiting:
            if to is other:
                try:
                    to.send(data)
                except OSError:
                    pass
        for end in self._forget(one):
            end.close()

    def _reset_all(self):
        while self.pairs:
            for end in self._forget(next(iter(self.pairs))):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
