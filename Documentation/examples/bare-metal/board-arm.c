// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * GICv2, of 32-bit and of 64-bit Arm boards.
 */
#include "board.h"

#define GICD		0x08000000ul
#define GICD_CTLR	(GICD + 0x000)
#define GICD_ISENABLER	(GICD + 0x100)
#define GICD_IPRIORITYR	(GICD + 0x400)
#define GICD_ITARGETSR	(GICD + 0x800)
#define GICC		0x08010000ul
#define GICC_CTLR	(GICC + 0x00)
#define GICC_PMR	(GICC + 0x04)

void board_enable_interrupt(void)
{
	/* To the first CPU, with the highest priority; four to a register. */
	board_write(GICD_ITARGETSR + SDM_INTERRUPT / 4 * 4, 0x01010101);
	board_write(GICD_IPRIORITYR + SDM_INTERRUPT / 4 * 4, 0);
	board_write(GICD_ISENABLER + SDM_INTERRUPT / 32 * 4,
		    1u << SDM_INTERRUPT % 32);
	board_write(GICD_CTLR, 1);
	board_write(GICC_PMR, 0xff);
	board_write(GICC_CTLR, 1);
}

void board_idle(void)
{
	__asm__ volatile("wfi" : : : "memory");
}
