#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The commands of the documents, taken from these and run in the order in which they stand there; see blocks.py."""

import glob
import os
import re
import shlex
import shutil
import subprocess
import time

from .blocks import blocks
from .files import TOP, Cpio, Unavailable
from .ktap import Result
from .machine import PATIENCE, Failure, TypedMachine
from .scenario import Scenario

ADDRESS = "192.168.1.10"

# What a user has beside build/
TREE = ("Documentation", "Kbuild", "drivers", "dts", "include", "qemu", "scripts", "selftests", "userspace")

# Both hosts are this one: what goes to the other one goes to a directory beside.
STAND_INS = {
    "scp": """shift
for to; do :; done
case $to in *:/*) to=${to#*:} ;; *) to=../host2/${to#*:} ;; esac
while [ $# -gt 1 ]; do cp -r "$1" "$to" || exit; shift; done
""",
    "ssh": 'shift\nexec "$@"\n',
}

NAMESPACE = """
ip link set lo up && ip addr add "$1/24" dev lo &&
mount -t tmpfs tmpfs "$2" && mkdir -p "$2/work" "$2/upper/systemd/system" &&
{ cat /etc/hosts; echo "$1 host1 host2"; } >"$2/upper/hosts" &&
mount -t overlay -o "lowerdir=/etc,upperdir=$2/upper,workdir=$2/work" overlay /etc &&
echo ready && exec cat
"""


class Namespaces:
    """Two hosts that are one: a network that nobody else has, with the documents' address, and a /etc to write to."""

    def __init__(self, directory):
        os.mkdir(directory)
        user = ["--user", "--map-root-user"] if os.geteuid() else []
        self.process = subprocess.Popen(["unshare", *user, "--net", "--mount", "sh", "-c", NAMESPACE, "sh", ADDRESS,
                                         directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        said = self.process.stdout.readline()
        if said != "ready\n":
            self.close()
            raise Unavailable(f"no name spaces for a host: {said.strip()}")
        user = ["--user", "--preserve-credentials"] if user else []
        self.enter = ["nsenter", f"--target={self.process.pid}", *user, "--net", "--mount"]

    def prefix(self, directory):
        """What to put before a command that is to run there."""
        return [*self.enter, "sh", "-c", 'cd "$0" && exec "$@"', directory]

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)


def pattern_of(lines):
    """What has to be on a console where the document shows these lines: the same but for numbers."""
    def word(text):
        if text.startswith("|"):
            return r"\|.*"
        if re.fullmatch(r"[0-9a-f]{2}", text):
            return r"[0-9a-f]{2}"
        return re.sub(r"(0x)?\d[0-9a-f]*", lambda _: r"(0x)?[0-9a-f]+", re.escape(text))

    def line_of(line):
        words = re.sub(r"\|.*", "|", line).split()
        # Behind the time if a kernel says it, and behind what is being typed if a program in the background does
        return r"(?:(?<!\S)|(?<=\x1b\[6n))" + r"\s+".join(map(word, words)) + r"\s*$"
    return r"(?m)" + r"[\s\S]*?".join(map(line_of, lines))


class Reader:
    """Does what documents say, one after the other."""

    def __init__(self, scenario, hosts, name, documents):
        self.scenario = scenario
        self.name = name
        self.blocks = []
        for document in documents:
            with open(os.path.join(TOP, document)) as text:
                self.blocks += blocks(document, text.read())[0]
        self.hosts = hosts
        self.directory = os.path.join(scenario.directory, name)
        for host in "host1", "host2":
            self.make_tree(os.path.join(self.directory, host))
        self.machines = {}
        self.last_started = []
        self.typed = 0
        # A program that was started in this block may run in the background.
        self.background = False

    def make_tree(self, directory):
        """What a user has after "make qemu images"."""
        os.makedirs(os.path.join(directory, "build"))
        for name in TREE:
            os.symlink(os.path.join(TOP, name), os.path.join(directory, name))
        # make looks for the place of the file itself.
        shutil.copy(os.path.join(TOP, "Makefile"), directory)
        for kernel, kit in self.scenario.kits_here().items():
            images = os.path.join(directory, "build/images" + ("" if kernel == "small" else "-" + kernel))
            shutil.copytree(kit.directory, images, copy_function=os.link)
        for program in glob.glob(os.path.join(os.path.dirname(self.scenario.qemu), "qemu-system-*")):
            os.symlink(program, os.path.join(directory, "build", os.path.basename(program)))
        # What users put there themselves
        for name, source in self.scenario.own_files().items():
            shutil.copy(source, os.path.join(directory, name))
        os.mkdir(os.path.join(directory, "bin"))
        for name, text in STAND_INS.items():
            path = os.path.join(directory, "bin", name)
            with open(path, "w") as script:
                script.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)
        os.symlink(os.path.join(TOP, "scripts/rproc-pack"), os.path.join(directory, "bin/rproc-pack"))

    def host_directory(self, place):
        """Where a prompt of a host is."""
        return os.path.join(self.directory, "host2" if place.startswith("host2") else "host1")

    # Commands of hosts

    def run_on_host(self, command):
        """Runs a command of a host to its end."""
        directory = self.host_directory(command.place)
        done = subprocess.run([*self.hosts.prefix(directory), "sh", "-c", command.line], check=False, text=True,
                              env=self.environment(directory), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=10 * PATIENCE)
        good = not done.returncode and (not command.output or
                                        re.search(pattern_of(command.output), done.stdout))
        self.check(command, good, f"status {done.returncode}: {done.stdout}")

    @staticmethod
    def environment(directory):
        """With what stands in for other hosts' programs."""
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        return dict(environment, PATH=f"{directory}/bin:{environment['PATH']}", PWD=directory)

    def check(self, command, good, details=""):
        """One result."""
        return self.scenario.check(f"{command.where}: {command.line[:70]}", good, details)

    # Machines

    def start(self, command, role, line=None):
        """Starts a machine by its command line."""
        name = role if role == "master" else f"slave{len(self.machines.keys() - {'master'}) + 1}"
        directory = self.host_directory(command.place)
        machine = TypedMachine(self.scenario, f"{re.sub('/| line ', '-', command.where)}-{name}",
                               line or command.line.removesuffix("&"))
        machine.prefix = self.hosts.prefix(directory)
        machine.environment = self.environment(directory)
        machine.ready = machine.is_linux = False
        machine.seen = 0
        machine.start()
        self.machines[name] = machine
        self.last_started.append(machine)
        if role == "master" and not line:
            # A slave finds it when it listens.
            self.scenario.step(f"{command.where}: the master is there", self.monitor, machine,
                               "info status", "VM status")

    def machine(self, role):
        """The master, or the first slave."""
        name = "slave1" if role == "slave" else role
        if name not in self.machines:
            raise Failure(f"{self.name}: nothing has started the {name} that is needed next")
        return self.machines[name]

    def end(self):
        """Ends all machines."""
        for machine in self.machines.values():
            machine.stop()
        self.machines = {}

    @staticmethod
    def monitor(machine, line, answer):
        """What QEMU's monitor says on the machine's terminal; the pattern is the beginning of an answer."""
        machine.type("\x01c", end="")
        since = machine.type(line)
        machine.wait_console(answer + r"[\s\S]*?\(qemu\) ", PATIENCE, since)
        answer = machine.console()[since:]
        machine.type("\x01c", end="")
        return answer

    def connected(self, block):
        """All slaves have come to the master."""
        slaves = len(self.machines) - 1
        master = self.machine("master")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.monitor(master, "info sdm", "device /machine")
            found = len(re.findall(r"^\s+\d+ (?:reset|running) ", answer, re.M))
            ended = [machine.messages() for machine in self.machines.values() if not machine.is_running()]
            if found >= slaves or ended or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.scenario.check(f"{block.where(block.number)}: {slaves} connected", found == slaves and not ended,
                            answer + "\n".join(ended))

    def systemctl(self, command):
        """What systemd would do with one of our units, as far as it is about what is run."""
        role, name = re.search(r"enable --now sdm-(master|slave)@(\S+)", command.line).groups()
        unit = subprocess.run([*self.hosts.prefix("/etc"), "cat", f"systemd/system/sdm-{role}@.service",
                               f"sdm/{role}-{name}.conf"], check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout
        options = re.search("^SDM_OPTIONS=(.*)", unit, re.M)
        line = re.search("^ExecStart=(.*)", unit, re.M)
        if self.check(command, options and line and f"EnvironmentFile=/etc/sdm/{role}-%i.conf" in unit, unit):
            self.start(command, role, line[1].replace("$SDM_OPTIONS", shlex.join(options[1].split())))
        if role == "slave":
            # Its monitor is not there, but its guest is.
            master = self.machine("master")
            self.bring_up(master, "master", "")
            status = self.type(master, f"for i in $(seq 60); do ./sdm-test -l 0 | grep '^ *{name} reset' && break; "
                               "sleep 1; done")[0]
            self.check(command, not status, master.console()[-1000:])

    # Commands of guests

    def wait_linux(self):
        """If it is Linux that has been booted on the slave, waits for its prompt."""
        if self.machine("slave").is_linux:
            self.bring_up(self.machine("slave"), "slave", "")

    def bring_up(self, machine, role, line):
        """Waits for a prompt; a master has its module then."""
        if machine.ready:
            return
        machine.wait_console(rf"\n{role}:\S*# ", PATIENCE, machine.seen)
        machine.ready = True
        if role == "master" and not line.startswith("insmod"):
            self.type(machine, "insmod sdm_test_mod.ko")

    def type(self, machine, line, output=()):
        """Types a command that shows something; returns its status, and where on the console it begins."""
        self.typed += 1
        since = machine.type(line)
        if line.endswith("&"):
            # It shall be there before the next one.
            time.sleep(1)
        self.background |= line.endswith("&")
        # What a program in the background shows may come before the other's lines, or after them; later it would be in
        # the middle of what is typed next.
        for lines in [[line] for line in output] if self.background else [output] if output else []:
            machine.wait_console(pattern_of(lines), PATIENCE / 4, since)
        machine.type(f'status=$?; echo "@{self.typed}:$status@"')
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return int(machine.wait_console(rf"@{self.typed}:(\d+)@", PATIENCE / 12, since)[1]), since
            except Failure:
                if not machine.is_running() or time.monotonic() > deadline:
                    raise
            # A message of the kernel may have come between.
            machine.type(f'echo "@{self.typed}:$status@"')

    def type_on(self, command, role):
        """Types a command on a guest's console, and looks at its status and output."""
        machine = self.machine(role)
        self.bring_up(machine, role, command.line)
        if role == "master" and re.search(r"sdm-test -(w|s \d+ [1-9])", command.line):
            # Who answers has to be there, before somebody waits for it.
            self.wait_linux()
        if "sdm-test -b" in command.line:
            # What it has shown by now another one did, perhaps in the middle of a line.
            slave = self.machine("slave")
            slave.ready = False
            slave.is_linux = "zImage" in command.line
            slave.seen = slave.console().rfind("\n") + 1
        before = len(machine.console())
        try:
            status, since = self.type(machine, command.line, command.output)
        except Failure as failure:
            self.check(command, False, f"{failure}\n{machine.console()[before:]}")
            return
        self.check(command, not status, f"status {status}: {machine.console()[since:]}")

    # Blocks

    def do_block(self, block):
        """What is to be done with a block of "machines" and the like."""
        if block.how == "printed":
            messages = "".join(machine.messages() for machine in self.last_started).replace("\\\n", "")
            for command in block.commands():
                self.check(command, command.line in " ".join(messages.replace("'", "").split()), messages)
            return
        if block.how == "shown":
            slave = self.machine("slave")
            self.scenario.step(f"{block.where(block.number)}: the slave shows it", slave.wait_console,
                               pattern_of(block.text.splitlines()), PATIENCE, slave.seen)
            return
        self.background = False
        commands = block.commands()
        starts = [command for command in commands if re.match("scripts/run-(master|slave)", command.line)]
        if re.search("^scripts/run-master|^systemctl enable.*master", "\n".join(c.line for c in commands), re.M):
            self.end()
        if starts:
            self.last_started = []
        for command in commands:
            role = re.match("(master|slave):", command.place)
            if block.how == "master" or role:
                if starts:
                    self.connected(block)
                    starts = []
                self.type_on(command, role[1] if role else "master")
            elif command in starts:
                self.start(command, "master" if "run-master" in command.line else "slave")
            elif command.line.startswith("systemctl enable"):
                self.systemctl(command)
            elif not command.line.startswith("systemctl"):
                self.run_on_host(command)
        if starts and len(self.machines) > 1:
            self.connected(block)

    def make_initramfs(self):
        """The master has what was made on the host."""
        for host in "host1", "host2":
            self.add_files(os.path.join(self.directory, host))

    def add_files(self, directory):
        """Adds the files of a directory to the master's initramfs that it starts."""
        cpio = Cpio()
        for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
            if entry.is_file(follow_symlinks=False) and entry.name not in ("Makefile", "zImage"):
                cpio.file("/root/" + entry.name, entry.path)
                if entry.name.endswith(".elf"):
                    cpio.file("/lib/firmware/" + entry.name, entry.path)
        path = os.path.join(directory, "build/images/master.cpio.gz")
        with open(path, "rb") as stream:
            before = stream.read()
        os.remove(path)
        with open(path, "wb") as stream:
            stream.write(before + cpio.compressed())

    def read(self):
        """Does what the document says: first what needs no machines, for they need what that makes."""
        for block in self.blocks:
            if block.how == "file":
                with open(os.path.join(self.directory, "host1", block.argument), "w") as file:
                    file.write(block.text)
            elif block.how == "host":
                for command in block.commands():
                    self.run_on_host(command)
        self.make_initramfs()
        try:
            for block in self.blocks:
                if block.how in ("machines", "master", "printed", "shown"):
                    self.do_block(block)
        finally:
            self.end()


class Documents(Scenario):
    """The commands of the documents, as they are written there."""

    name = "documents"
    extra_kernels = ("arm64",)

    # Those that say so of blocks that are run, besides the pages of the guide
    DOCUMENTS = {"farms": ["Documentation/farms.rst"], "porting": ["Documentation/porting.rst"],
                 "rproc-pack": ["Documentation/man/rproc-pack.1.rst"]}

    def run(self):
        if not all(map(shutil.which, ("ip", "unshare", "nsenter", "fdtoverlay"))):
            self.report.result(self.name, Result("all", "skip", "no ip, unshare, nsenter or fdtoverlay"))
            return
        try:
            hosts = Namespaces(os.path.join(self.directory, "etc"))
        except Unavailable as reason:
            self.report.result(self.name, Result("all", "skip", str(reason)))
            return
        try:
            for name, documents in {"guide": self.guide(), **self.DOCUMENTS}.items():
                reader = Reader(self, hosts, name, documents)
                reader.read()
                if not self.keep:
                    shutil.rmtree(reader.directory)
        finally:
            for machine in self.machines:
                machine.stop()
            hosts.close()

    @staticmethod
    def guide():
        """The pages of the user guide, in the order in which they are read: machines of one may be used by the next."""
        directory = "Documentation/guide"
        with open(os.path.join(TOP, directory, "index.rst")) as index:
            pages = re.search(r"^\.\. toctree::\n.*?\n\n(.*)", index.read(), re.M | re.S)[1].split()
        return [f"{directory}/{page}.rst" for page in pages]

    def kits_here(self):
        """The images that there are."""
        return {"small": self.kit, "arm64": self.kits["arm64"]}

    def own_files(self):
        """What the documents take for granted that a user has: a kernel and its files, and something to write."""
        return {"zImage": self.kit.path("slave-zImage"), "slave.dtb": self.kit.path("slave.dtb"),
                "vmlinuz": self.kit.kernel, "initrd.img": self.kit.path("slave.cpio.gz"),
                "file": self.kit.path("slave.dtb")}
