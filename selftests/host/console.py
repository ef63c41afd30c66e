#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's kernel says when something is wrong with it."""

import re

# In any of these there is a bug somewhere.
SPLATS = re.compile("|".join([
    r"BUG:", r"kernel BUG at", r"WARNING:", r"Kernel panic", r"Internal error:", r"Unable to handle kernel",
    r"Oops", r"KASAN:", r"UBSAN:", r"KFENCE:", r"KCSAN:", r"DEBUG_LOCKS_WARN_ON", r"ODEBUG:",
    r"DMA-API: (?!preallocated|debugging enabled)",
    r"INFO: task .* blocked", r"INFO: rcu", r"INFO: possible", r"INFO: suspicious", r"INFO: trying to register",
    r"possible circular locking", r"possible recursive locking", r"inconsistent lock state", r"suspicious RCU usage",
    r"scheduling while atomic", r"sleeping function called", r"soft lockup", r"workqueue lockup", r"rcu: INFO",
    r"list_(add|del) corruption", r"refcount_t:", r"nobody cared", r"[Bb]ad page", r"bad irq", r"kmemleak: [1-9]",
    r"unexpected IRQ trap", r"double free", r"use-after-free", r"Unhandled fault", r"unhandled prefetch abort",
    r"segfault", r"Unhandled prefetch", r"alignment trap: not handling",
]))
# ... but for these.
HARMLESS = re.compile("|".join([
    # Said once by every kernel with these options
    r"WARNING: unit tests", r"This may be slow",
    # An allocation of the debugging code itself that was made to fail
    r"DMA-API: cacheline tracking ENOMEM",
    # Asked for, by a test
    r"Kernel panic - not syncing: sysrq triggered crash",
]))
# Nor are these, of several lines: virtio_rpmsg_bus locks an endpoint in the callback of another, the name service's.
FALSE = re.compile(r"possible recursive locking[\s\S]*virtio_rpmsg_destroy_ept[\s\S]*rpmsg_recv_done")
PANIC = re.compile(r"Kernel panic(?! - not syncing: sysrq triggered crash)")


def splats(text):
    """Lines that tell of a bug, each with some that follow."""
    lines = text.replace("\r", "").split("\n")
    found = []
    skip_to = 0
    for i, line in enumerate(lines):
        if i < skip_to or not SPLATS.search(line) or HARMLESS.search(line):
            continue
        skip_to = i + 40
        splat = "\n".join(lines[i:skip_to])
        if not FALSE.search(splat):
            found.append(splat)
    return found
