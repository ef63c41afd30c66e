// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The smallest guests that use an SDM: no operating system, no caches, no
 * interrupt handler. A waiting guest sleeps until its interrupt line rises.
 *
 * Master and slave are one image. On a master (-kernel) it copies itself to the
 * slave's RAM, boots the slave, and times what a guest can do; the results are
 * lines on the serial port: name, then median, 99th percentile and minimum, in
 * nanoseconds. On a slave it sends every signal back.
 */
#include <stdbool.h>
#include <stdint.h>

#include <sdm/sdm-regs.h>

#include "../board-arm.h"

/* The slave that the master boots, and a signal with no action of its own. */
#define SLAVE		1
#define SIGNAL		32

/* sdm_perf (drivers/perf.c) wants another signal back than it sends. */
#define PERF_PING	(SDM_NUM_SIGNALS - 2)
#define PERF_PONG	(SDM_NUM_SIGNALS - 1)

#define RUNS		5000
#define TRAPS		64

static uint32_t samples[RUNS];

static void put_char(char c)
{
	store(UART_BASE, c);
}

static void put_text(const char *text)
{
	while (*text)
		put_char(*text++);
}

static void put_number(uint32_t value)
{
	char digits[10];
	int n = 0;

	do {
		digits[n++] = '0' + value % 10;
		value /= 10;
	} while (value);
	while (n)
		put_char(digits[--n]);
}

static void __attribute__((noreturn)) fail(const char *text)
{
	put_text("failed: ");
	put_text(text);
	put_text("\r\n");
	psci(PSCI_SYSTEM_OFF);
}

/* The generic timer: 32 bits of it are enough for what is timed here. */
static uint32_t ticks(void)
{
	uint32_t low, high;

	asm volatile("isb\n\tmrrc p15, 1, %0, %1, c14" : "=r" (low), "=r" (high));
	return low;
}

static uint32_t tick_ns(void)
{
	uint32_t frequency;

	asm volatile("mrc p15, 0, %0, c14, c0, 0" : "=r" (frequency));
	return 1000000000 / frequency;
}

static void __attribute__((noreturn)) slave(void)
{
	uint32_t head, signal, reg;

	for (;;) {
		head = receive();
		signal = SDM_RX_SIGNAL(head);
		if (signal == PERF_PING)
			signal = PERF_PONG;
		for (reg = 0; head & SDM_RX_HAS_DATA && reg < 16; reg += 4)
			sdm_write(SDM_REG_TX_DATA0_LO + reg,
				  sdm_read(SDM_REG_RX_DATA0_LO + reg));
		sdm_write(SDM_REG_RX_POP, 0);
		sdm_write(SDM_REG_TX_DOORBELL,
			  SDM_TX_DOORBELL(SDM_RX_SOURCE(head), signal));
	}
}

static void wait_slave(uint32_t wanted)
{
	uint32_t mask = SDM_PEER_STATE_MASK | SDM_PEER_STATE_DRIVER;

	while ((sdm_read(SDM_REG_PEER(SLAVE, SDM_PEER_STATE)) & mask) != wanted)
		;
}

/* Where an address of the slave is in the window. */
static uint32_t window_address(uint32_t address)
{
	return sdm_read(SDM_REG_WINDOW_BASE_LO) +
	       sdm_read(SDM_REG_PEER(SLAVE, SDM_PEER_MEM_OFFSET_LO)) +
	       address - sdm_read(SDM_REG_PEER(SLAVE, SDM_PEER_MEM_BASE_LO));
}

/* The image of the master, from @start to @end, serves the slave as well. */
static void boot_slave(uint32_t start, uint32_t end)
{
	uint32_t boot = sdm_read(SDM_REG_PEER(SLAVE, SDM_PEER_BOOT_SIGNAL));
	uint32_t address;

	for (address = start; address < end; address += 4)
		store(window_address(address), load(address));
	sdm_write(SDM_REG_TX_DATA0_LO, start);
	sdm_write(SDM_REG_TX_DOORBELL, SDM_TX_DOORBELL(SLAVE, boot));
	if (sdm_read(SDM_REG_TX_STATUS) != SDM_TX_OK)
		fail("the slave does not take the boot signal");
	wait_slave(SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER);
}

static void run_trap(void)
{
	int i;

	for (i = 0; i < TRAPS; i++)
		sdm_read(SDM_REG_MAGIC);
}

static void signal_to(uint32_t id)
{
	sdm_write(SDM_REG_TX_DOORBELL, SDM_TX_DOORBELL(id, SIGNAL));
	receive();
	sdm_write(SDM_REG_RX_POP, 0);
}

/* One interrupt without a network. */
static void run_self(void)
{
	signal_to(SDM_ID_MASTER);
}

static void run_signal(void)
{
	signal_to(SLAVE);
}

static void sort_samples(void)
{
	uint32_t gap, i, j, value;

	for (gap = RUNS / 2; gap; gap /= 2) {
		for (i = gap; i < RUNS; i++) {
			value = samples[i];
			for (j = i; j >= gap && samples[j - gap] > value; j -= gap)
				samples[j] = samples[j - gap];
			samples[j] = value;
		}
	}
}

static void measure(const char *name, void (*run)(void), uint32_t operations)
{
	uint32_t i, begin;

	for (i = 0; i < RUNS; i++) {
		begin = ticks();
		run();
		samples[i] = (ticks() - begin) * tick_ns() / operations;
	}
	sort_samples();

	put_text(name);
	put_char(' ');
	put_number(samples[RUNS / 2]);
	put_char(' ');
	put_number(samples[RUNS - 1 - RUNS / 100]);
	put_char(' ');
	put_number(samples[0]);
	put_text("\r\n");
}

int main(uint32_t start, uint32_t end)
{
	if (sdm_read(SDM_REG_MAGIC) != SDM_MAGIC)
		fail("no SDM");
	enable_interrupt();
	if (!(sdm_read(SDM_REG_STATUS) & SDM_STATUS_MASTER))
		slave();

	wait_slave(SDM_PEER_RESET);
	boot_slave(start, end);
	measure("trap", run_trap, TRAPS);
	measure("self", run_self, 1);
	measure("signal", run_signal, 1);
	put_text("done\r\n");
	psci(PSCI_SYSTEM_OFF);
}
