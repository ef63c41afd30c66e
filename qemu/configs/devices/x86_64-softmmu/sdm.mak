# SPDX-License-Identifier: GPL-2.0-only
#
# A PC with PCI Express. It has no platform bus: its SDM is the PCI device.

CONFIG_Q35=y
CONFIG_SDM_PCI=y
