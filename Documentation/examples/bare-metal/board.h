/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * QEMU's "virt" boards: what a program without an operating system has to know
 * of them. A port has this already.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#if defined(__riscv)
#define SDM_ADDRESS	0x04000000ul
#define SDM_INTERRUPT	64
#define UART_ADDRESS	0x10000000ul
#define RAM_ADDRESS	0x80000000ul
#else
#define SDM_ADDRESS	0x0c000000ul
#define SDM_INTERRUPT	(32 + 112)
#define UART_ADDRESS	0x09000000ul
#define RAM_ADDRESS	0x40000000ul
#endif

static inline uint32_t board_read(uintptr_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void board_write(uintptr_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

/* Both kinds of UART send what is written to their first register. */
static inline void board_put_char(char c)
{
	*(volatile uint8_t *)UART_ADDRESS = (uint8_t)c;
}

/*
 * The device's interrupt shall end board_idle(), and nothing else: it stays
 * masked in the CPU. A kernel would have a handler instead.
 */
void board_enable_interrupt(void);

/* Sleeps until there is an interrupt; may return without one. */
void board_idle(void);

#endif /* BOARD_H */
