#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A master and two slaves, of one kind and of two."""

from .scenario import BOOT, Scenario
from .single import NO_PAIR


class Two(Scenario):
    """A master and two slaves, by UNIX socket: each works, whatever the other one does."""

    name = "two"
    allowed_skips = ("all slaves are connected", "the window has no free part")
    rams = ("", "")

    def run(self):
        address = self.address(unix=True)
        master = self.master(address)
        slaves = [self.slave(address, number, memory=256, ram=self.rams[number - 1]) for number in (1, 2)]
        self.start_master(master)
        # The numbers are those that they ask for, not the order.
        for slave in reversed(slaves):
            slave.start()
        self.bring_up(master)
        for number in (1, 2):
            self.probe(f"slave {number} waits", master, f"wait {number} reset", "OK")
        self.run_together(master, [(f"slave {n}:", f"SDM_PEER={n}", "boot", "") for n in (1, 2)], 300)
        master.get(f"{BOOT.format(id=1)} & first=$!; {BOOT.format(id=2)} && wait $first")
        for slave in slaves:
            self.step(f"{slave.name} boots", slave.wait_ready)
        # Not those that leave many signals under way: readers get those of both slaves.
        few = f"-T order -T several_senders -F flood {NO_PAIR} -v slave"
        # What is pinned is counted for all processes.
        alone = "-T killed_writers -T killed_readers"
        for program, arguments in (("window", "-F whole"), ("bulk", alone), ("ordering", ""), ("signals", few)):
            environment = "SDM_ROUNDS_PERCENT=10"
            self.run_together(master, [(f"slave {n}:", f"{environment} SDM_PEER={n}", program, arguments)
                                       for n in (1, 2)], 600)
        self.others(master, alone)
        self.one_hangs(master, slaves)
        self.one_is_killed(master, slaves)

    def others(self, master, alone):
        """More that can be done at the same time."""

    def one_hangs(self, master, slaves):
        """The other one answers as if nothing had happened, also while somebody waits for the first."""
        slaves[0].pause()
        self.probe("slave 1 hangs: it is full", master, "fill 1", "EAGAIN")
        for _ in range(3):
            self.probe("slave 1 hangs: slave 2 answers", master, "ask 2", r"OK in \d{1,3} ms")
        # This waits until the timeout.
        master.get("/tests/probe read 1 0 4 >/tmp/read & sleep 0.5")
        for _ in range(3):
            self.probe("slave 1 is waited for: slave 2 answers", master, "ask 2", r"OK in \d{1,3} ms")
        self.probe("slave 1 is waited for: memory of slave 2", master, f"write 2 {0x8000000} 65536", "65536 in")
        self.run_test(master, "ordering", environment="SDM_ROUNDS_PERCENT=5 SDM_PEER=2")
        self.expect("slave 1 hangs: its memory", master, "while ! grep ms /tmp/read; do sleep 0.1; done",
                    "^(EIO|ENOLINK)")
        self.probe("slave 1 hangs: state", master, "wait 1 lost", "OK")
        slaves[0].stop()
        slaves[0].start()
        self.probe("slave 1 is back", master, "wait 1 reset", "OK")
        self.step("slave 1 boots again", self.boot_slave, master, slaves[0], 1)
        self.probe("slave 1 answers", master, "ask 1", "OK")

    def one_is_killed(self, master, slaves):
        """In the middle of the other one's tests."""
        master.begin("SDM_ROUNDS_PERCENT=20 SDM_PEER=1 /tests/ordering 2>&1")
        slaves[1].kill()
        status, output = master.finish(300)
        self.take_results("slave 2 is killed: ordering", status, output)
        self.probe("slave 2 is killed: state", master, "wait 2 lost", "OK")
        slaves[1].start()
        self.probe("slave 2 is back", master, "wait 2 reset", "OK")
        self.step("slave 2 boots again", self.boot_slave, master, slaves[1], 2)
        self.probe("slave 2 answers", master, "ask 2", "OK")
        self.probe("slave 1 answers, too", master, "ask 1", "OK")


class Mixed(Two):
    """The same, but the second slave's memory is mapped."""

    name = "mixed"
    rams = ("", ",share=on")

    def others(self, master, alone):
        self.probe("from one to the other", master, "cross 2 1", "OK")
        self.run_together(master, [("slave 1:", "SDM_PEER=1 SDM_WAY=bulk", "bulk", alone),
                                   ("slave 2:", "SDM_PEER=2", "mmap", "-T forwarded -T absent -T reset_keeps_it "
                                                                      "-T unbind")], 600)
