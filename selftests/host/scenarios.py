#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The scenarios, quick ones first."""

from .bare_metal import BareMetal
from .documents import Documents
from .hosts import Hosts
from .isa import IsaArm, IsaArm64, IsaRiscv64, IsaX86, Kvm
from .kernels import Foreign, NoLimit
from .libvirt import Libvirt
from .life import Life
from .mailbox import Mailbox, MailboxDebian, MailboxDebug
from .many import Many, Many64
from .pci import PciDebian
from .pressure import Pressure
from .rounds import Faults, FaultsDebug
from .rpmsg import Rpmsg, RpmsgDebian, RpmsgDebug, RpmsgShared, RpmsgUnix
from .rpmsg_linux import RpmsgLinux, RpmsgLinuxDebian, RpmsgLinuxDebug, RpmsgLinuxShared, RpmsgLinuxUnix
from .rproc import Rproc, RprocDebian, RprocDebug, RprocShared
from .shared import HugePages, Shared, SharedDebian, SharedDebug
from .single import Pair, Self
from .slave import (Debian, Debug, DebugArm64, ModulesDebug, Plain, PlainDebian, PlainDebug, PlainWhole, Slave,
                    SlaveArm64, SlaveRiscv64, Tls, Unix, UnixDebian, UnixDebug)
from .slaves import Slaves
from .smp import Smp
from .two import Mixed, Two
from .verbatim import Verbatim

SCENARIOS = [Self, Pair, Verbatim, Documents,
             Slave, SlaveArm64, SlaveRiscv64, IsaArm, IsaArm64, IsaRiscv64, IsaX86, Kvm, Smp,
             BareMetal, Hosts, Libvirt, Mailbox, Rproc, RprocShared, Rpmsg, RpmsgUnix, RpmsgShared, RpmsgLinux,
             RpmsgLinuxUnix, RpmsgLinuxShared, Two, Slaves, Many, Many64, Mixed, NoLimit, Unix, Tls, Plain, PlainWhole,
             Shared, HugePages, Life, Pressure, Faults, Foreign, Debian, PciDebian, MailboxDebian, RprocDebian,
             RpmsgDebian, RpmsgLinuxDebian, UnixDebian, PlainDebian, SharedDebian, Debug, DebugArm64, MailboxDebug,
             RprocDebug, RpmsgDebug, RpmsgLinuxDebug, UnixDebug, PlainDebug, SharedDebug, FaultsDebug, ModulesDebug]
