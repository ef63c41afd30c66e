// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An example of a firmware for a slave that the master's remoteproc framework
 * starts: 32-bit Arm, no operating system. It sends each signal back with its
 * payload. Some signals are commands.
 */
#include <stddef.h>
#include <stdint.h>

#include <sdm/sdm-regs.h>
#include <sdm/sdm-rproc.h>

#include "../board-arm.h"
#include "commands.h"
#include "console.h"
#include "table.h"

#define NUM_RESOURCES	2

struct table {
	struct rsc_header header;
	uint32_t offset[NUM_RESOURCES];
	struct rsc_carveout carveout;
	struct rsc_trace trace;
};

/* What echo-note.S wants to be saved. */
uint32_t pattern[PATTERN_SIZE / 4];

/* The master writes into it where it sees the carveout. */
static volatile struct table table
	__attribute__((section(".resource_table"), used)) = {
	.header = { .ver = 1, .num = NUM_RESOURCES },
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
		default:
			obey(SDM_RX_SIGNAL(head));
			answer(head);
		}
		sdm_write(SDM_REG_RX_POP, 0);
	}
}
