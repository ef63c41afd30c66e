/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Register map of the Signal Distribution Module (SDM).
 *
 * The one definition of the device's guest-visible interface, used by the
 * QEMU model, the Linux driver, bare-metal firmware and the tests. It needs
 * nothing but a C preprocessor. The prose is in Documentation/device.rst.
 *
 * All registers are little-endian, 32 bits wide and naturally aligned. An
 * aligned 8-byte access to a pair of registers (offset divisible by 8) acts on
 * the lower one first. Accesses of 1 or 2 bytes are guest errors: they read as
 * zero and write nothing. Reserved registers and bits read as zero and ignore
 * writes; drivers write zero to them.
 *
 * Access: RO read only, RW read and write, WO write only (reads as zero),
 * W1C a one clears the bit.
 */
#ifndef SDM_SDM_REGS_H
#define SDM_SDM_REGS_H

/* Size of the register block in bytes: whole 4, 16 and 64 KiB pages. */
#define SDM_REGS_SIZE			0x10000

/* Device-tree compatible string of the memory-mapped device. */
#define SDM_DT_COMPATIBLE		"qemu,sdm-platform"

/* ------------------------------------------------------------------------
 * Identity
 */

/* RO: "SDM1" read as a little-endian word. Anything else is not an SDM. */
#define SDM_REG_MAGIC			0x000
#define SDM_MAGIC			0x314d4453

/*
 * RO: major number in bits 31:16, minor in 15:0. A driver refuses a major
 * number that it does not know and accepts any minor.
 */
#define SDM_REG_VERSION			0x004
#define SDM_VERSION_MAJOR		1
#define SDM_VERSION_MINOR		0
#define SDM_VERSION			((SDM_VERSION_MAJOR << 16) | \
					 SDM_VERSION_MINOR)
#define SDM_VERSION_GET_MAJOR(v)	((v) >> 16)

/* RO: what the device offers, SDM_FEAT_*. */
#define SDM_REG_FEATURES		0x008
#define SDM_FEAT_WINDOW			0x00000001 /* memory window exists */
#define SDM_FEAT_DMA			0x00000002 /* bulk transfer engine */
#define SDM_FEAT_TAKEN			0x00000004 /* tells of taken signals */

/*
 * RO: the device's own ID: 0 on the master, 1..NUM_IDS-1 on a slave. A slave
 * that was never connected reads SDM_ID_NONE.
 */
#define SDM_REG_ID			0x010
#define SDM_ID_MASTER			0
#define SDM_ID_NONE			0xffffffff

/*
 * RO: number of IDs of the system, master included: valid IDs are
 * 0..NUM_IDS-1. At least 1, at most SDM_MAX_IDS. On a slave it may change
 * whenever the link to the master comes up.
 */
#define SDM_REG_NUM_IDS			0x014
#define SDM_MAX_IDS			256

/* RO: number of signals this device can receive: 0..NUM_SIGNALS-1. */
#define SDM_REG_NUM_SIGNALS		0x018
#define SDM_NUM_SIGNALS			64

/* RO: SDM_STATUS_*. */
#define SDM_REG_STATUS			0x01c
#define SDM_STATUS_MASTER		0x00000001 /* this is the master */

/* RW: SDM_CTRL_*, reset value 0. */
#define SDM_REG_CONTROL			0x020
/* A driver serves this device: peers see SDM_PEER_STATE_DRIVER. */
#define SDM_CTRL_ENABLE			0x00000001
/*
 * Write-only bit: discard all received signals (their credits go back to the
 * senders), clear latches and enables, ENABLE included. Peers stay connected.
 */
#define SDM_CTRL_RESET			0x00000002

/* ------------------------------------------------------------------------
 * Interrupt: one level-high line, active while IRQ_STATUS & IRQ_ENABLE.
 */

/*
 * RO: causes. All are levels: they clear when what caused
 * them is served (queue empty, bitmap clear, latch clear).
 */
#define SDM_REG_IRQ_STATUS		0x030
/* RW: causes that drive the line, reset value 0. */
#define SDM_REG_IRQ_ENABLE		0x034
#define SDM_IRQ_RX			0x00000001 /* RX_HEAD is valid */
#define SDM_IRQ_TX_FREE			0x00000002 /* a TX_FREE bit is set */
#define SDM_IRQ_PEER			0x00000004 /* a PEER_CHANGED bit is set */
#define SDM_IRQ_ERROR			0x00000008 /* ERR_STATUS is valid */
#define SDM_IRQ_DMA			0x00000010 /* DMA_STATUS is not zero */
#define SDM_IRQ_TX_TAKEN		0x00000020 /* a TX_TAKEN bit is set */
#define SDM_IRQ_ALL			0x0000003f

/* ------------------------------------------------------------------------
 * Sending a signal: write the payload, write the doorbell, read the result.
 * Drivers serialise the sequence.
 */

/*
 * RW: payload, two 64-bit words as four registers. All four become zero with
 * each write of TX_DOORBELL, so a signal without payload is one write.
 */
#define SDM_REG_TX_DATA0_LO		0x040
#define SDM_REG_TX_DATA0_HI		0x044
#define SDM_REG_TX_DATA1_LO		0x048
#define SDM_REG_TX_DATA1_HI		0x04c

/* WO: destination ID in bits 31:16, signal in 15:0. The write sends. */
#define SDM_REG_TX_DOORBELL		0x050
#define SDM_TX_DOORBELL(dest, signal)	(((dest) << 16) | (signal))
#define SDM_TX_DOORBELL_DEST(v)		(((v) >> 16) & 0xffff)
#define SDM_TX_DOORBELL_SIGNAL(v)	((v) & 0xffff)

/* RO: result of the latest write to TX_DOORBELL, SDM_TX_*. Reset value OK. */
#define SDM_REG_TX_STATUS		0x054
#define SDM_TX_OK			0 /* accepted: will be delivered */
#define SDM_TX_BUSY			1 /* receiver full: TX_FREE will follow */
#define SDM_TX_NO_LINK			2 /* no connection to the destination */
#define SDM_TX_NO_PEER			3 /* no such ID */
#define SDM_TX_NO_SIGNAL		4 /* the destination has no such signal */

/* ------------------------------------------------------------------------
 * Receiving: while RX_HEAD is valid, read it and RX_DATA, then write RX_POP.
 */

/* RO: the oldest signal received, or 0 when there is none. */
#define SDM_REG_RX_HEAD			0x060
#define SDM_RX_VALID			0x80000000
#define SDM_RX_HAS_DATA			0x40000000 /* payload is not all zero */
#define SDM_RX_SOURCE(v)		(((v) >> 16) & 0xfff)
#define SDM_RX_SIGNAL(v)		((v) & 0xffff)
#define SDM_RX_HEAD(src, signal)	(SDM_RX_VALID | ((src) << 16) | (signal))

/* WO: any write removes the oldest signal and returns a credit for it. */
#define SDM_REG_RX_POP			0x064

/* RO: payload of the oldest signal, 0 when there is none. */
#define SDM_REG_RX_DATA0_LO		0x068
#define SDM_REG_RX_DATA0_HI		0x06c
#define SDM_REG_RX_DATA1_LO		0x070
#define SDM_REG_RX_DATA1_HI		0x074

/* ------------------------------------------------------------------------
 * Errors of window accesses
 */

/*
 * First failed access since the latch was cleared, valid if SDM_ERR_VALID;
 * a write of any value clears the latch.
 */
#define SDM_REG_ERR_STATUS		0x080
#define SDM_ERR_VALID			0x80000000
#define SDM_ERR_WRITE			0x40000000 /* the access was a write */
#define SDM_ERR_PEER(v)			(((v) >> 16) & 0xfff)
#define SDM_ERR_PEER_NONE		0xfff	   /* no slave owns the offset */
#define SDM_ERR_CAUSE(v)		((v) & 0xff)
#define SDM_ERR_ABSENT			1 /* no slave behind the offset */
#define SDM_ERR_LOST			2 /* the link broke during the access */
#define SDM_ERR_TIMEOUT			3 /* the slave did not answer in time */
#define SDM_ERR_REFUSED			4 /* the slave refused the access */

/* RO: number of failed accesses since machine reset, modulo 2^32. */
#define SDM_REG_ERR_COUNT		0x084
/* RO: offset in the window of the access in ERR_STATUS. */
#define SDM_REG_ERR_OFFSET_LO		0x088
#define SDM_REG_ERR_OFFSET_HI		0x08c

/* ------------------------------------------------------------------------
 * Memory window
 */

/* RO: guest-physical address and size in bytes; size 0: no window. */
#define SDM_REG_WINDOW_BASE_LO		0x090
#define SDM_REG_WINDOW_BASE_HI		0x094
#define SDM_REG_WINDOW_SIZE_LO		0x098
#define SDM_REG_WINDOW_SIZE_HI		0x09c

/* ------------------------------------------------------------------------
 * Bulk transfer, if SDM_FEAT_DMA: the device copies between memory of this
 * machine and a peer's RAM by itself. Descriptors lie in a ring in memory.
 */

/* RW while the engine is off: address of the ring, a multiple of 64. */
#define SDM_REG_DMA_RING_LO		0x0c0
#define SDM_REG_DMA_RING_HI		0x0c4
/* RW while the engine is off: descriptors in the ring, a power of two. */
#define SDM_REG_DMA_RING_SIZE		0x0c8
#define SDM_DMA_RING_SIZE_MIN		2
#define SDM_DMA_RING_SIZE_MAX		1024
/*
 * RW, reset value 0. Setting ENABLE starts with HEAD and TAIL at 0; it stays 0
 * if ring or size are not valid, or BUSY. After clearing it no other descriptor
 * is started; the engine is off, and writes to memory no more, when BUSY reads
 * as zero: that takes no longer than a slave may take to answer.
 */
#define SDM_REG_DMA_CONTROL		0x0cc
#define SDM_DMA_CTRL_ENABLE		0x00000001
#define SDM_DMA_CTRL_BUSY		0x00000002 /* RO */
/*
 * RW: number of descriptors handed over, modulo 2^32: descriptor i is at
 * place i % RING_SIZE. A value that is not HEAD..TAIL+RING_SIZE is ignored and
 * sets SDM_DMA_STATUS_ERROR.
 */
#define SDM_REG_DMA_HEAD		0x0d0
/* RO: number of descriptors finished. They finish in their order. */
#define SDM_REG_DMA_TAIL		0x0d4
/* W1C */
#define SDM_REG_DMA_STATUS		0x0d8
#define SDM_DMA_STATUS_DONE		0x00000001 /* one with SDM_DMA_IRQ ended */
#define SDM_DMA_STATUS_ERROR		0x00000002 /* bad HEAD, or no ring any more */

/*
 * A descriptor, little-endian: 64-bit address in this machine's memory (of a
 * fill: the pattern, lowest byte first), 64-bit offset in the peer's RAM,
 * 32-bit length in bytes, 16-bit ID of the peer, 16-bit flags, 32-bit status,
 * 32-bit reserved (zero). The device writes the status and nothing else.
 */
#define SDM_DMA_DESC_SIZE		32
#define SDM_DMA_DESC_ADDR		0x00
#define SDM_DMA_DESC_OFFSET		0x08
#define SDM_DMA_DESC_LENGTH		0x10
#define SDM_DMA_DESC_PEER		0x14
#define SDM_DMA_DESC_FLAGS		0x16
#define SDM_DMA_DESC_STATUS		0x18
/* Longest transfer of one descriptor, bytes. */
#define SDM_DMA_MAX_LENGTH		0x10000000

#define SDM_DMA_OP_MASK			0x0003
#define SDM_DMA_WRITE			0x0001 /* from here to the peer */
#define SDM_DMA_READ			0x0002 /* from the peer to here */
#define SDM_DMA_FILL			0x0003 /* the pattern to the peer */
#define SDM_DMA_IRQ			0x0100 /* set DMA_STATUS.DONE at the end */

/* Status: zero while it is not finished. OK: the data is where it belongs. */
#define SDM_DMA_OK			1
#define SDM_DMA_BAD_DESC		2 /* flags, length, reserved field */
#define SDM_DMA_BAD_ADDRESS		3 /* not RAM of this machine */
#define SDM_DMA_RANGE			4 /* not all in the peer's RAM */
#define SDM_DMA_NO_LINK			5 /* not connected, or link lost */
#define SDM_DMA_TIMEOUT			6 /* the peer did not answer in time */
#define SDM_DMA_FAULT			7 /* the peer could not do it */

/* ------------------------------------------------------------------------
 * Bitmaps over IDs: bit (id % 32) of the word at + (id / 32) * 4.
 */

/* W1C: the peer's state or another field of its block has changed. */
#define SDM_REG_PEER_CHANGED(id)	(0x100 + ((id) / 32) * 4)
/* W1C: a peer that refused a signal with SDM_TX_BUSY has room again. */
#define SDM_REG_TX_FREE(id)		(0x120 + ((id) / 32) * 4)
/* RO: the peer's TAKEN is not zero. */
#define SDM_REG_TX_TAKEN(id)		(0x140 + ((id) / 32) * 4)
#define SDM_ID_BIT(id)			(1u << ((id) % 32))
#define SDM_ID_WORDS			(SDM_MAX_IDS / 32)

/* ------------------------------------------------------------------------
 * Peers: one block for each ID, the device's own included. Read only, except
 * where it says otherwise.
 */

#define SDM_PEER_BASE			0x1000
#define SDM_PEER_STRIDE			0x80
#define SDM_REG_PEER(id, field)		(SDM_PEER_BASE + \
					 (id) * SDM_PEER_STRIDE + (field))

/* Life of the link and of the machine behind it. */
#define SDM_PEER_STATE			0x00
#define SDM_PEER_STATE_MASK		0x000000ff
#define SDM_PEER_ABSENT			0 /* not connected, or left in order */
#define SDM_PEER_CONNECTING		1 /* not connected, but being looked for */
#define SDM_PEER_RESET			2 /* held in reset: waits for boot */
#define SDM_PEER_RUNNING		3 /* its CPUs run */
#define SDM_PEER_LOST			4 /* the link broke */
#define SDM_PEER_STATE_DRIVER		0x00000100 /* its CONTROL.ENABLE is set */
#define SDM_PEER_STATE_SELF		0x00000200 /* this device itself */

/* Number of signals that the peer can receive; 0 if never connected. */
#define SDM_PEER_NUM_SIGNALS		0x04
/* Signals with a hardware action, or SDM_SIGNAL_NONE. */
#define SDM_PEER_BOOT_SIGNAL		0x08
#define SDM_PEER_RESET_SIGNAL		0x0c
#define SDM_SIGNAL_NONE			0xffffffff
/* Instruction set of its CPUs: ELF e_machine number, 0 if unknown. */
#define SDM_PEER_ARCH			0x10
/* Count of connections: changes whenever the link comes up anew. */
#define SDM_PEER_GENERATION		0x14
/* The peer's RAM: offset in the window, size in bytes (0: none to see). */
#define SDM_PEER_MEM_OFFSET_LO		0x18
#define SDM_PEER_MEM_OFFSET_HI		0x1c
#define SDM_PEER_MEM_SIZE_LO		0x20
#define SDM_PEER_MEM_SIZE_HI		0x24
/* ... and where the peer's own CPUs see that RAM. */
#define SDM_PEER_MEM_BASE_LO		0x28
#define SDM_PEER_MEM_BASE_HI		0x2c
/*
 * The peer's latest hardware action (boot or reset): count in bits 31:16,
 * number of its signal in bits 15:8, result in bits 7:0. The count tells a new
 * result from an old one.
 */
#define SDM_PEER_ACTION			0x30
#define SDM_ACTION(count, signal, result) (((count) << 16) | \
					   ((signal) << 8) | (result))
#define SDM_ACTION_COUNT(v)		((v) >> 16)
#define SDM_ACTION_SIGNAL(v)		(((v) >> 8) & 0xff)
#define SDM_ACTION_RESULT(v)		((v) & 0xff)
#define SDM_ACTION_NONE			0 /* no action so far */
#define SDM_ACTION_OK			1 /* done */
#define SDM_ACTION_BUSY			2 /* boot refused: not held in reset */
#define SDM_ACTION_BAD_ADDRESS		3 /* boot refused: outside its RAM */
#define SDM_ACTION_FAILED		4 /* boot failed for another reason */
/*
 * Signals that may be sent to the peer before it answers SDM_TX_BUSY. One more
 * boot signal and one more reset signal can be sent to a peer that has them:
 * a guest that takes no signals can still be reset.
 */
#define SDM_PEER_CREDITS		0x34
/*
 * Properties of the peer's part of the window: MAPPED: it is the RAM itself,
 * any access to it behaves as to RAM. Otherwise accesses are forwarded.
 */
#define SDM_PEER_MEM_FLAGS		0x38
#define SDM_PEER_MEM_MAPPED		0x00000001
/*
 * Size in bytes of the coherent region at the end of the peer's RAM, or 0. It is
 * RAM: what one side has written is there for the other side when the next
 * signal is.
 */
#define SDM_PEER_MEM_COHERENT(v)	((v) & 0xfffff000)
/*
 * Failed accesses to the peer's RAM since machine reset, modulo 2^32. Tells
 * those of one copy from those of another, which ERR_STATUS cannot.
 */
#define SDM_PEER_ERRORS			0x3c
/*
 * If SDM_FEAT_TAKEN. RW: signals 0..63 to the peer of which it shall tell when
 * its software has taken them: bit (signal % 32) of LO (0..31) or HI.
 */
#define SDM_PEER_REPORT_LO		0x40
#define SDM_PEER_REPORT_HI		0x44
/* W1C: those that were taken since the bit was cleared, once or more often. */
#define SDM_PEER_TAKEN_LO		0x48
#define SDM_PEER_TAKEN_HI		0x4c
#define SDM_MAX_REPORTED		64
/* Number of its CPUs, 0 if unknown: a slave does not know its master's. */
#define SDM_PEER_CPUS			0x50

/*
 * Payload of the boot signal, addresses as the slave's CPU sees them:
 * word 0 the entry point (bit 0 set: Thumb, Arm only), word 1 the address of
 * the device tree or 0.
 */

#endif /* SDM_SDM_REGS_H */
