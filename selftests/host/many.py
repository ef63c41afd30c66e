#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One master with many slaves."""

import time

from .activities import KEPT, Bulk, Storm
from .machine import PATIENCE, Failure
from .scenario import BOOT, Scenario

# These have enough memory for the tests to write to, and work all the time.
WORKERS = {1: Storm, 2: Storm, 3: Bulk}
WORKER_MEMORY = 144


class Many(Scenario):
    """
    As many slaves as there may be, most of them small and all started before their master: each is itself. Then they
    come and go while some of them work.
    """

    name = "many"
    count = 16
    # MiB; Linux, which comes in a compressed image, needs so much to start
    memory = 32
    # How many are booted at the same time
    at_once = 4

    def run(self):
        address = self.address()
        window = WORKER_MEMORY * len(WORKERS) + self.memory * (self.count - len(WORKERS))
        master = self.master(address, slaves=self.count, memory=256 + window, window=window)
        slaves = {number: self.slave(address + ",reconnect-ms=200", number,
                                     WORKER_MEMORY if number in WORKERS else self.memory)
                  for number in range(1, self.count + 1)}
        # The order in which they come is nobody's business.
        for number in sorted(slaves, key=lambda number: number * 7 % (self.count + 1)):
            slaves[number].start()
        time.sleep(1)
        self.start_master(master)
        self.bring_up(master)
        self.arrive(master)
        self.no_room(address)
        self.boot_all(master, slaves)
        self.memories(master)
        self.answers("all answer", master, slaves)
        self.between(slaves)
        self.come_and_go(master, slaves)
        self.answers("all answer in the end", master, slaves)

    def others(self, slaves):
        """Those that do not work all the time."""
        return [number for number in slaves if number not in WORKERS]

    def every(self, master, numbers, command):
        """Runs a command of the shell for each of them, in which $i is the number; returns what all have printed."""
        return master.get(f"for i in {' '.join(map(str, numbers))}; do {command}; done", 5 * PATIENCE)

    def arrive(self, master):
        """All of them, in any order, with the numbers they want."""
        everyone = range(1, self.count + 1)
        said = self.every(master, everyone, "/tests/probe wait $i reset")
        self.check("all arrive", said.count("OK") == self.count, said)
        offsets = self.every(master, everyone, "cat /sys/bus/sdm/devices/sdm0-p$i/mem_size").split()
        expected = [(WORKER_MEMORY if number in WORKERS else self.memory) << 20 for number in everyone]
        self.check("each has its own memory", [int(size) for size in offsets] == expected, offsets)

    def no_room(self, address):
        """One more is one too many; it learns why."""
        slave = self.machine("too-many", [
            "-M", "virt,slave", "-object", f"multi-socket-backend,id=sock,{address}",
            "-object", "memory-backend-network,id=mem,size=32M,socket=sock",
            "-object", "sdm-signal-nboot,id=boot,nhm=mem", "-object", "sdm-communication-socket,id=scomm,socket=sock",
            "-device", "sdm-platform,comm=scomm,len-signals=1,signals[0]=boot",
            "-incoming", "shared:mem", "-numa", "node,memdev=mem", "-m", "32M"])
        slave.start()
        slave.expected_end = True
        status = slave.process.wait(PATIENCE)
        self.check("one more is refused", status == 1 and "all" in slave.messages() and "IDs" in slave.messages(),
                   f"status {status}: {slave.messages()}")

    def boot_all(self, master, slaves):
        """Linux on each."""
        numbers = list(slaves)
        for first in range(0, self.count, self.at_once):
            group = numbers[first:first + self.at_once]
            self.boot_some(master, slaves, group)
        self.check("all boot", True)

    def boot_some(self, master, slaves, group):
        """Several at the same time."""
        commands = " & ".join(BOOT.format(id=number) + f" >/tmp/boot-{number} 2>&1" for number in group)
        master.get(f"{commands} & wait", 3 * PATIENCE)
        for number in group:
            try:
                slaves[number].wait_ready()
            except Failure as failure:
                self.check(f"slave {number} boots", False,
                           f"{failure}\n{master.get(f'cat /tmp/boot-{number}')}\n{slaves[number].console()[-1500:]}")
                raise

    def memories(self, master):
        """What is written to one is in this one and no other."""
        numbers = range(1, self.count + 1)
        # Near the end of the RAM: there is nothing of Linux, which has just started.
        where = "$(($(cat /sys/bus/sdm/devices/sdm0-p$i/mem_size) - 65536 * 17))"
        self.every(master, numbers, f"seq $i $((i + 1000)) >/tmp/of-$i; ./sdm-test --write 0 $i {where} /tmp/of-$i")
        said = self.every(master, numbers, f"./sdm-test --compare 0 $i {where} /tmp/of-$i")
        self.check("each memory is its own", said.count("are the same") == self.count, said)

    def answers(self, name, master, slaves):
        """Each tells its own number, and takes and sends signals with payload."""
        said = self.every(master, slaves, "/tests/probe ask $i")
        self.check(name, said.count("OK") == len(slaves), said)
        for number in self.others(slaves)[::5]:
            self.expect(f"{name}: slave {number} is itself", slaves[number], "cat /sys/bus/sdm/devices/sdm0/id",
                        f"^{number}$")

    def between(self, slaves):
        """Each sends a signal to the next one, without its master's software."""
        others = self.others(slaves)
        pairs = list(zip(others, others[1:] + others[:1]))[:8]
        for source, dest in pairs:
            slaves[dest].background("sdm-test -v -w 0 -n 2 -t 60", "/tmp/events", "waiting for events")
            self.expect(f"slave {source} sees slave {dest}", slaves[source], "sdm-test -l",
                        rf"^ *{dest} running +up #1 +yes +Arm +1 +64 +- +- +-$")
            self.expect(f"slave {source} sends to slave {dest}", slaves[source],
                        f"sdm-test -s 0 {dest} 46 {source} 0xabc && sdm-test -s 0 {dest} 47", "signal 46")
            self.expect(f"slave {dest} has got them", slaves[dest],
                        "for i in $(seq 200); do grep -q 'signal 47' /tmp/events && break; sleep 0.1; done; "
                        "cat /tmp/events",
                        rf"signal 46 from {source} payload {source:#x} 0xabc\s(.*\s)*.*signal 47 from {source}\b")
        source, dest = pairs[0]
        for number, name in ((0, "boot"), (1, "reset")):
            self.expect(f"slave {source} cannot {name} slave {dest}", slaves[source],
                        f"sdm-test -s 0 {dest} {number}", "", None)
        self.expect("nor reset it by name", slaves[source], f"sdm-test -R 0 {dest}", "", None)

    def come_and_go(self, master, slaves):
        """Some are reset, killed, stopped and switched off; others must not notice."""
        problems = []
        works = [work(master, slaves[number], problems.append, number, 1000 + number)
                 for number, work in WORKERS.items()]
        for work in works:
            work.begin()
        others = self.others(slaves)
        for number, (name, leave) in zip(others, (
                ("reset", self.reset), ("killed", self.killed), ("switched off", self.switched_off),
                ("hangs", self.hangs), ("crowd", None))):
            before = [work.progress() for work in works]
            if leave:
                self.step(f"{name}: slave {number}", leave, master, slaves, number)
                self.boot_some(master, slaves, [number])
            else:
                self.crowd(master, slaves, others)
            for work, since in zip(works, before):
                self.step(f"{name}: {work.name} of slave {work.number} goes on", work.goes_on, since)
        for work in works:
            work.verify(KEPT, True)
        self.check("those that worked have lost nothing", not problems, "\n".join(problems))

    def wait(self, master, number, state):
        """Until a slave has a state."""
        said = master.get(f"/tests/probe wait {number} {state}")
        if not said.startswith("OK"):
            raise Failure(f"slave {number} is not {state}: {said}")

    def reset(self, master, slaves, number):
        """By its master."""
        master.get(f"./sdm-test -R 0 {number}")
        self.wait(master, number, "reset")
        slaves[number].forget()

    def killed(self, master, slaves, number):
        """It comes back."""
        slaves[number].kill()
        self.wait(master, number, "lost")
        slaves[number].start()
        self.wait(master, number, "reset")

    def switched_off(self, master, slaves, number):
        """In order; then somebody comes who takes any number that is free."""
        slaves[number].power_off()
        self.wait(master, number, "absent")
        options = slaves[number].options
        slaves[number].options = [option.replace(f"slave-id={number},", "") for option in options]
        assert slaves[number].options != options
        slaves[number].start()
        self.wait(master, number, "reset")
        slaves[number].options = options

    def hangs(self, master, slaves, number):
        """It is given up when somebody has waited for it."""
        slaves[number].pause()
        master.get(f"/tests/probe read {number} 0 4; true")
        self.wait(master, number, "lost")
        slaves[number].stop()
        slaves[number].start()
        self.wait(master, number, "reset")

    def crowd(self, master, slaves, numbers):
        """All of them at once."""
        for number in numbers:
            slaves[number].kill()
        for number in numbers:
            slaves[number].start()
        for number in numbers:
            self.wait(master, number, "reset")
        self.check("crowd: all are back", True)
        for first in range(0, len(numbers), self.at_once):
            self.boot_some(master, slaves, numbers[first:first + self.at_once])


class Many64(Many):
    """The same with 64 of them; only if it is named."""

    name = "many-64"
    only_by_name = True
    count = 64
