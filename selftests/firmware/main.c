// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An example of a firmware for a slave that the master's remoteproc framework
 * starts: 32-bit Arm, no operating system. It talks by the serial port and by a
 * trace buffer, which the master sees in debugfs, and sends each signal back
 * with its payload. Some signals are commands.
 */
#include <stddef.h>
#include <stdint.h>

#include <sdm/sdm-regs.h>
#include <sdm/sdm-rproc.h>

#include "../board-arm.h"

/* Commands: reset the machine, as a firmware does that has crashed; hang. */
#define SIGNAL_RESET	40
#define SIGNAL_HANG	41

/* Resource table, as in Linux' include/linux/remoteproc.h. */
#define RSC_CARVEOUT	0
#define RSC_TRACE	2
#define NUM_RESOURCES	2

struct carveout {
	uint32_t type;
	uint32_t da;
	uint32_t pa;
	uint32_t len;
	uint32_t flags;
	uint32_t reserved;
	uint8_t name[32];
};

struct trace {
	uint32_t type;
	uint32_t da;
	uint32_t len;
	uint32_t reserved;
	uint8_t name[32];
};

struct table {
	uint32_t ver;
	uint32_t num;
	uint32_t reserved[2];
	uint32_t offset[NUM_RESOURCES];
	struct carveout carveout;
	struct trace trace;
};

static char trace[4096];
static uint32_t trace_used;

/* What the note in start.S wants to be saved. */
uint32_t pattern[PATTERN_SIZE / 4];

/* The master writes into it where it sees the carveout. */
static volatile struct table table
	__attribute__((section(".resource_table"), used)) = {
	.ver = 1,
	.num = NUM_RESOURCES,
	.offset = {
		offsetof(struct table, carveout),
		offsetof(struct table, trace),
	},
	.carveout = {
		.type = RSC_CARVEOUT,
		.da = (uint32_t)pattern,
		.pa = 0xffffffff,
		.len = sizeof(pattern),
		.name = "pattern",
	},
	.trace = {
		.type = RSC_TRACE,
		.da = (uint32_t)trace,
		.len = sizeof(trace),
		.name = "trace",
	},
};

static void put_char(char c)
{
	store(UART_BASE, c);
	/* Its last byte stays 0. */
	if (trace_used < sizeof(trace) - 1)
		trace[trace_used++] = c;
}

static void put_text(const char *text)
{
	while (*text)
		put_char(*text++);
}

static void put_hex(uint32_t value)
{
	int shift;

	put_text("0x");
	for (shift = 28; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[value >> shift & 15]);
}

static void put_value(const char *name, uint32_t value)
{
	put_text(name);
	put_hex(value);
	put_text("\r\n");
}

/* Memory that is not in the file has to be zero, also at a second start. */
static void fill_pattern(void)
{
	uint32_t i;

	for (i = 0; i < PATTERN_SIZE / 4; i++) {
		if (pattern[i])
			put_value("firmware: not zero: ", pattern[i]);
		pattern[i] = i * 2654435761u;
	}
}

static void answer(uint32_t head)
{
	uint32_t reg;

	for (reg = 0; reg < 16; reg += 4)
		sdm_write(SDM_REG_TX_DATA0_LO + reg,
			  sdm_read(SDM_REG_RX_DATA0_LO + reg));
	sdm_write(SDM_REG_TX_DOORBELL,
		  SDM_TX_DOORBELL(SDM_RX_SOURCE(head), SDM_RX_SIGNAL(head)));
}

int main(uint32_t dtb)
{
	uint32_t head;

	put_text("firmware: up\r\n");
	put_value("firmware: device tree at ", dtb);
	put_value("firmware: the master sees the pattern at ",
		  table.carveout.pa);
	fill_pattern();
	enable_interrupt();
	put_text("firmware: ready\r\n");

	for (;;) {
		head = receive();
		switch (SDM_RX_SIGNAL(head)) {
		case SDM_RPROC_SIGNAL:
			if (sdm_read(SDM_REG_RX_DATA0_LO) == SDM_RPROC_PANIC)
				put_text("firmware: the master has panicked\r\n");
			break;
		case SIGNAL_RESET:
			put_text("firmware: reset\r\n");
			psci(PSCI_SYSTEM_RESET);
		case SIGNAL_HANG:
			put_text("firmware: hangs\r\n");
			for (;;)
				asm volatile("wfi");
		default:
			answer(head);
		}
		sdm_write(SDM_REG_RX_POP, 0);
	}
}
