# SPDX-License-Identifier: GPL-2.0-only
#
# The board, the SDM devices, slots for those on PCI, and storage for guests that want it.
#
# No virtio-net: it would bring back the board's default network card, and with that the need for a
# ROM file that is not part of QEMU's free source.

CONFIG_ARM_VIRT=y
CONFIG_PCIE_PORT=y
CONFIG_SDM=y
CONFIG_SDM_PCI=y
CONFIG_VIRTIO_BLK=y
