#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The files that the guests are started with."""

import copy
import functools
import glob
import gzip
import os
import re
import shutil
import stat
import subprocess

from .arch import arch, arch_of_kernel

SELFTESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
TOP = os.path.dirname(SELFTESTS)
SCRIPTS = os.path.join(TOP, "scripts")
BUILD = os.path.join(TOP, "build")
OUTPUT = os.path.join(BUILD, "selftests")
CROSS_COMPILE = arch("arm").cross_compile


class Unavailable(Exception):
    """Why files cannot be made."""


def output_of(*command):
    """What a command prints; it must succeed."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def run_logged(name, *command, **options):
    """Runs a command that must succeed; what it prints is known if it does not."""
    path = os.path.join(OUTPUT, name + ".log")
    with open(path, "w+") as log:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, **options)
        if result.returncode:
            log.seek(0)
            raise Unavailable(f"failed: {' '.join(command)}\n{log.read()[-4000:]}")


class Cpio:
    """An archive for the kernel to unpack (newc), made without being root."""

    def __init__(self):
        self.parts = []
        self.inode = 1000
        self.directories = set()

    def _entry(self, path, mode, data=b"", links=1):
        name = path.lstrip("/").encode() + b"\0"
        self.inode += 1
        fields = [self.inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self.parts += [header + b"\0" * (-len(header) % 4), data + b"\0" * (-len(data) % 4)]

    def directory(self, path):
        """Adds a directory, and those that it is in."""
        if path in ("", "/") or path in self.directories:
            return
        self.directory(os.path.dirname(path))
        self.directories.add(path)
        self._entry(path, stat.S_IFDIR | 0o755, links=2)

    def file(self, path, source, executable=None):
        """Adds a file of this machine, or one that has bytes as its contents."""
        if isinstance(source, bytes):
            data, mode = source, 0o755 if executable else 0o644
        else:
            with open(source, "rb") as stream:
                data = stream.read()
            mode = 0o755 if os.access(source, os.X_OK) else 0o644
        self.directory(os.path.dirname(path))
        self._entry(path, stat.S_IFREG | mode, data)

    def compressed(self):
        """The archive, complete and compressed."""
        self._entry("TRAILER!!!", 0)
        return gzip.compress(b"".join(self.parts), 1, mtime=0)


@functools.lru_cache(maxsize=None)
def build_tests(isa):
    """Compiles the guests' programs; returns the directory they are in, and the kernel's helpers of scripts."""
    directory = os.path.join(OUTPUT, isa.name)
    os.makedirs(directory, exist_ok=True)
    source = output_of(os.path.join(SCRIPTS, "fetch-kernel-source"))
    run_logged(f"make-{isa.name}", "make", "-C", SELFTESTS, f"-j{os.cpu_count()}", f"KSRC={source}",
               f"OUTPUT={directory}", f"CROSS_COMPILE={isa.cross_compile}", "USERCFLAGS=-Werror", "LDFLAGS=-static",
               env={key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")})
    return directory, os.path.join(source, "tools", "testing", "selftests", "kselftest", "ktap_helpers.sh")


def constant(header, name):
    """A number that is defined in a header below the top directory."""
    with open(os.path.join(TOP, header)) as stream:
        return int(re.search(rf"^#define {name}\s+(\w+)", stream.read(), re.MULTILINE)[1], 0)


def build_slave_dtb(path, isa=None):
    """Compiles slave.dts, or that of another instruction set."""
    source = (isa or arch("arm")).slave_dtb.replace(".dtb", ".dts")
    preprocessed = subprocess.run(
        ["cpp", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp", "-I", os.path.join(TOP, "dts"),
         os.path.join(SELFTESTS, source)], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", path, "-"], input=preprocessed, check=True)


def apply_overlay(source, overlay, path):
    """Adds an overlay of dts/ to a device tree."""
    compiled = path + ".dtbo"
    source_file = os.path.join(TOP, "dts", overlay)
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", compiled, source_file], check=True)
    subprocess.run(["fdtoverlay", "-i", source, "-o", path, compiled], check=True)


class Kit:
    """
    What master and slave of one kind of kernel boot from: a copy, which stays as it is while others build. Who wants to
    change something takes a copy of that.

    kernel, master_initrd       for the master
    slave.dtb etc.              are in the master's /root, for its slaves, if these can be of the same kind
    """

    def __init__(self, kernel):
        self.arch = arch_of_kernel(kernel)
        image = self.arch.kernel_image
        images = os.path.join(BUILD, "images" + ("" if kernel == "small" else "-" + kernel))
        run_logged(f"images-{kernel}", os.path.join(SCRIPTS, "build-images"), kernel)
        self.directory = os.path.join(OUTPUT, "files-" + kernel)
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        has_slaves = bool(self.arch.slave_dtb)
        of_slaves = (f"slave-{image}", "slave.cpio.gz", "slave.dtb") if has_slaves else ()
        for name in (image, "master.cpio.gz", *of_slaves, "sdm-test"):
            shutil.copy(os.path.join(images, name), self.directory)
        self.tests, self.helpers = build_tests(self.arch)
        self.name = kernel
        self.kernel = self.path(image)
        # What a master boots slaves of the same kind with
        self.for_slaves = []
        if has_slaves:
            build_slave_dtb(self.path("test.dtb"), self.arch)
            apply_overlay(self.path("test.dtb"), "mailbox-test-slave.dtso", self.path("mailbox.dtb"))
            self._make_slave()
            self.for_slaves = ["test.dtb", "mailbox.dtb", "test-initrd"]
        self._make_master()

    def copy(self, directory):
        """Returns a kit with files of its own."""
        other = copy.copy(self)
        other.directory = directory
        # Hard links: what changes is written anew.
        shutil.copytree(self.directory, directory, copy_function=os.link)
        other.kernel = other.path(os.path.basename(self.kernel))
        other.master_initrd = other.path(os.path.basename(self.master_initrd))
        return other

    def remove(self):
        """Removes its files."""
        shutil.rmtree(self.directory)

    def path(self, name):
        """A file of the kit."""
        return os.path.join(self.directory, name)

    def _write(self, name, *contents):
        path = self.path(name)
        with open(path + ".part", "wb") as stream:
            for data in contents:
                stream.write(data)
        os.replace(path + ".part", path)
        return path

    def read(self, name):
        """The contents of a file of the kit."""
        with open(self.path(name), "rb") as stream:
            return stream.read()

    def _slave_cpio(self):
        cpio = Cpio()
        cpio.file("/run.sh", os.path.join(SELFTESTS, "guest-agent"))
        for name in ("responder", "probe", "storm", "writer", "mailbox", "rpmsg"):
            cpio.file("/tests/" + name, os.path.join(self.tests, name))
        # The agent does what is to be done.
        cpio.file("/etc/rc", b"#!/bin/sh\n", executable=True)
        return cpio

    def _make_slave(self):
        """What is added to the slave's own initramfs."""
        self._write("test-initrd", self._slave_cpio().compressed())

    def add_foreign_slave(self, other):
        """
        Puts another kernel into the master's /root, as it is: foreign-zImage, and foreign-initrd with all that it
        needs. The latter is that kernel's initramfs for masters in another role: there its modules are. Returns what
        it has added.
        """
        cpio = self._slave_cpio()
        cpio.file("/etc/role", b"slave\n")
        initrd = self._write("foreign-initrd", other.read("master.cpio.gz"), cpio.compressed())
        files = [("/root/foreign-zImage", other.kernel), ("/root/foreign-initrd", initrd)]
        self._make_master(files)
        return files

    def boot_files(self, directory):
        """What a master of another instruction set boots a slave of this one from: (path there, file here)."""
        names = {"Image": f"slave-{self.arch.kernel_image}", "test.dtb": "test.dtb", "test-initrd": "test-initrd"}
        return [(os.path.join(directory, name), self.path(file)) for name, file in names.items()]

    def add_to_master(self, additions):
        """Puts more into the master's initramfs, instead of what was added before: (path there, file here or bytes)."""
        self._make_master(additions)

    def _make_master(self, additions=()):
        """An initramfs may be made of several archives: later ones add to and replace what earlier ones have."""
        cpio = Cpio()
        cpio.file("/run.sh", os.path.join(SELFTESTS, "guest-agent"))
        for path in sorted(glob.glob(os.path.join(self.tests, "*"))):
            cpio.file("/tests/" + os.path.basename(path), path)
        for path in sorted(glob.glob(os.path.join(SELFTESTS, "*.sh"))):
            cpio.file("/tests/" + os.path.basename(path), path)
        cpio.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        cpio.file("/kselftest/ktap_helpers.sh", self.helpers)
        for name in self.for_slaves:
            cpio.file("/root/" + name, self.path(name))
        for path, source in additions:
            cpio.file(path, source)
        self.master_initrd = self._write("test-master.cpio.gz", self.read("master.cpio.gz"), cpio.compressed())
