# SPDX-License-Identifier: GPL-2.0-only
#
# Parts of ACPI that boards of 10.2 take do not link without it.
CONFIG_CXL=y
CONFIG_CXL_MEM_DEVICE=y
CONFIG_PCIE_PORT=y
CONFIG_PXB=y
