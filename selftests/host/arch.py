#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The guests' instruction sets: what scripts/arch.sh says of them, and what only tests want to know."""

import functools
import os
import subprocess

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "scripts")

# Those of slaves; a master may be one of the others as well.
NAMES = ("arm", "arm64", "riscv64")
ALL = (*NAMES, "x86_64")

# What a guest of it calls itself
MACHINE = {"arm": "armv7l", "arm64": "aarch64", "riscv64": "riscv64", "x86_64": "x86_64"}

# What sdm-test calls it
TOOL = {"arm": "Arm", "arm64": "AArch64", "riscv64": "RISC-V", "x86_64": "x86-64"}

# Where the board's RAM begins; None: the window is not behind it
RAM = {"arm": 0x40000000, "arm64": 0x40000000, "riscv64": 0x80000000, "x86_64": None}

# The agent is behind the second serial port, where there is one.
SERIAL = ["-serial", "chardev:agent"]
AGENT = {"arm": SERIAL, "arm64": SERIAL, "x86_64": SERIAL,
         "riscv64": ["-device", "virtio-serial-device", "-device", "virtconsole,chardev=agent"]}


class Arch:
    """An instruction set; the attributes are the variables that arch_use() sets."""

    def __init__(self, name):
        self.name = name
        self.agent = AGENT[name]
        self.machine = MACHINE[name]
        self.tool_name = TOOL[name]
        self.ram = RAM[name]
        variables = ("linux_arch", "CROSS_COMPILE", "kernel_image", "qemu_program", "qemu_cpu", "slave_dtb")
        script = f'. "$scripts/lib.sh"; . "$scripts/arch.sh"; arch_use {name}; printf "%s\\n" ' + " ".join(
            f'"${variable}"' for variable in variables)
        lines = subprocess.run(["sh", "-c", script, os.path.join(SCRIPTS, "arch")], check=True, stdout=subprocess.PIPE,
                               text=True, env=dict(os.environ, scripts=SCRIPTS)).stdout.split("\n")
        self.linux_arch, self.cross_compile, self.kernel_image, self.qemu_program, cpu, self.slave_dtb = lines[:6]
        self.cpu = cpu.split()


@functools.lru_cache(maxsize=None)
def arch(name):
    """The instruction set of that name."""
    return Arch(name)


def arch_of_kernel(kernel):
    """The instruction set of a kernel that scripts/guest-kernel knows."""
    name = kernel.removeprefix("debug-")
    return arch(name if name in ALL else "arm")
