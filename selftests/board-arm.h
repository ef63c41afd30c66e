/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * QEMU's 32-bit Arm "virt" board, for programs without an operating system.
 */
#ifndef BOARD_ARM_H
#define BOARD_ARM_H

#include <stdint.h>

#include <sdm/sdm-regs.h>

/* The first sdm-platform device, its interrupt, the GIC. */
#define SDM_BASE	0x0c000000
#define SDM_IRQ		(32 + 112)
#define UART_BASE	0x09000000
#define GICD_BASE	0x08000000
#define GICC_BASE	0x08010000

#define GICD_CTLR	(GICD_BASE + 0x000)
#define GICD_ISENABLER	(GICD_BASE + 0x100)
#define GICD_IPRIORITYR	(GICD_BASE + 0x400)
#define GICD_ITARGETSR	(GICD_BASE + 0x800)
#define GICC_CTLR	(GICC_BASE + 0x00)
#define GICC_PMR	(GICC_BASE + 0x04)

#define PSCI_SYSTEM_OFF		0x84000008
#define PSCI_SYSTEM_RESET	0x84000009

static inline uint32_t load(uint32_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void store(uint32_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static inline uint32_t sdm_read(uint32_t reg)
{
	return load(SDM_BASE + reg);
}

static inline void sdm_write(uint32_t reg, uint32_t value)
{
	store(SDM_BASE + reg, value);
}

/* To switch the machine off, or to reset it. */
static inline void __attribute__((noreturn)) psci(uint32_t call)
{
	register uint32_t function asm("r0") = call;

	asm volatile(".arch_extension virt\n\thvc #0" : : "r" (function));
	for (;;)
		;
}

/*
 * The interrupt reaches the CPU but is masked there: it ends WFI and nothing
 * else. It goes away when the signal that caused it is taken.
 */
static inline void enable_interrupt(void)
{
	asm volatile("cpsid if");
	store(GICD_ITARGETSR + SDM_IRQ, 0x01010101);
	store(GICD_IPRIORITYR + SDM_IRQ, 0);
	store(GICD_ISENABLER + SDM_IRQ / 32 * 4, 1 << SDM_IRQ % 32);
	store(GICD_CTLR, 1);
	store(GICC_PMR, 0xff);
	store(GICC_CTLR, 1);
	sdm_write(SDM_REG_CONTROL, SDM_CTRL_RESET);
	sdm_write(SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
	sdm_write(SDM_REG_CONTROL, SDM_CTRL_ENABLE);
}

/* The head of the next signal; it stays until RX_POP is written. */
static inline uint32_t receive(void)
{
	uint32_t head;

	do {
		asm volatile("wfi" : : : "memory");
		head = sdm_read(SDM_REG_RX_HEAD);
	} while (!(head & SDM_RX_VALID));
	/* The signal, then what has been written before it was sent. */
	asm volatile("dmb" : : : "memory");
	return head;
}

#endif /* BOARD_ARM_H */
