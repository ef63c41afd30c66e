/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * The Signal Distribution Module (SDM) as a PCI device: how it is found and
 * where its registers are. What they do is in sdm-regs.h.
 */
#ifndef SDM_SDM_PCI_H
#define SDM_SDM_PCI_H

/*
 * From the range that QEMU keeps for use without registration: SDM_REG_MAGIC
 * tells an SDM from what somebody else may have given the same ID.
 */
#define SDM_PCI_VENDOR_ID		0x1af4
#define SDM_PCI_DEVICE_ID		0x10f0
#define SDM_PCI_REVISION		1
/* Base system peripheral, other. */
#define SDM_PCI_CLASS			0x0880

/* Registers: memory, 32 bits, SDM_REGS_SIZE. */
#define SDM_PCI_BAR_REGS		0
/*
 * Memory window of a master: memory, 64 bits, prefetchable. Without this BAR
 * the window, if any, is where SDM_REG_WINDOW_BASE_LO says.
 */
#define SDM_PCI_BAR_WINDOW		2

/*
 * MSI, or INTA while it is off. A message is sent when IRQ_STATUS & IRQ_ENABLE
 * becomes other than zero, and by each write to IRQ_ENABLE that finds or makes
 * it so. Who serves the interrupt ends with such a write: what has come since
 * it looked is told by another message.
 */
#define SDM_PCI_NUM_VECTORS		1

#endif /* SDM_SDM_PCI_H */
