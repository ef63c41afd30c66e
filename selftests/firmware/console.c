// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "../board-arm.h"
#include "console.h"

char trace[TRACE_SIZE];
static uint32_t trace_used;

void put_char(char c)
{
	store(UART_BASE, c);
	/* Its last byte stays 0. */
	if (trace_used < sizeof(trace) - 1)
		trace[trace_used++] = c;
}

void put_text(const char *text)
{
	while (*text)
		put_char(*text++);
}

void put_hex(uint32_t value)
{
	int shift;

	put_text("0x");
	for (shift = 28; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[value >> shift & 15]);
}

void put_value(const char *name, uint32_t value)
{
	put_text(name);
	put_hex(value);
	put_text("\r\n");
}
