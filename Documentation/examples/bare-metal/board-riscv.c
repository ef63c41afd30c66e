// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * PLIC, as the first hart sees it in supervisor mode: above firmware (SBI).
 */
#include "board.h"

#define PLIC		0x0c000000ul
#define PLIC_PRIORITY	(PLIC + 0x000000)
/* The second context: supervisor mode of hart 0. */
#define PLIC_ENABLE	(PLIC + 0x002080)
#define PLIC_THRESHOLD	(PLIC + 0x201000)
#define PLIC_CLAIM	(PLIC + 0x201004)

#define SIE_EXTERNAL	(1 << 9)

void board_enable_interrupt(void)
{
	board_write(PLIC_PRIORITY + SDM_INTERRUPT * 4, 1);
	board_write(PLIC_ENABLE + SDM_INTERRUPT / 32 * 4,
		    1u << SDM_INTERRUPT % 32);
	board_write(PLIC_THRESHOLD, 0);
	__asm__ volatile("csrs sie, %0" : : "r"(SIE_EXTERNAL) : "memory");
}

void board_idle(void)
{
	uint32_t claimed;

	__asm__ volatile("wfi" : : : "memory");
	/* As long as the device wants something it comes again. */
	claimed = board_read(PLIC_CLAIM);
	if (claimed)
		board_write(PLIC_CLAIM, claimed);
}
