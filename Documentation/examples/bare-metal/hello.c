// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A slave without an operating system: says hello, sends each signal back, and
 * copies memory for its master. A start for a port.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sdm/sdm-device.h>

#include "board.h"

/*
 * The signal that asks for a copy: 0 and 1 are boot and reset. Words of the payload: offset in the RAM,
 * number of bytes. The copy is right behind. In the answer the number is what
 * has been copied: 0 if that is not possible.
 */
#define SIGNAL_COPY	2

/* Where the master may have something copied: behind the program. */
#define COPY_FROM	0x00400000u
#define COPY_END	0x01000000u

static void put_text(const char *text)
{
	while (*text)
		board_put_char(*text++);
}

static void put_number(uint64_t value)
{
	char digits[20];
	int n = 0;

	do {
		/* No division of 64 bits: that would need a library. */
		digits[n++] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	put_text("0x");
	while (n)
		board_put_char(digits[--n]);
}

static void put_line(const char *text, uint64_t value)
{
	put_text("hello: ");
	put_text(text);
	put_number(value);
	put_text("\r\n");
}

static uint64_t copy(uint64_t offset, uint64_t length)
{
	volatile uint8_t *from = (volatile uint8_t *)RAM_ADDRESS + offset;
	uint64_t i;

	/* Nothing that another machine says is taken for granted. */
	if (offset < COPY_FROM || offset >= COPY_END ||
	    length > (COPY_END - offset) / 2)
		return 0;
	for (i = 0; i < length; i++)
		from[length + i] = from[i];
	return length;
}

static void answer(const struct sdm_dev *sdm, struct sdm_dev_signal *signal)
{
	uint32_t result;

	if (signal->number == SIGNAL_COPY)
		signal->data[1] = copy(signal->data[0], signal->data[1]);
	do {
		result = sdm_dev_send(sdm, signal);
	} while (result == SDM_TX_BUSY);
	if (result != SDM_TX_OK)
		put_line("cannot answer: ", result);
}

void main(uintptr_t dtb)
{
	const struct sdm_dev sdm = { .base = SDM_ADDRESS };
	struct sdm_dev_signal signal;

	put_line("up, device tree at ", dtb);
	if (!sdm_dev_probe(&sdm)) {
		put_text("hello: there is no SDM\r\n");
		for (;;)
			board_idle();
	}
	board_enable_interrupt();
	sdm_dev_start(&sdm, SDM_IRQ_RX);
	put_line("ready, I am ", sdm_dev_id(&sdm));

	for (;;) {
		sdm_dev_receive_wait(&sdm, &signal, board_idle);
		put_line("signal ", signal.number);
		answer(&sdm, &signal);
	}
}
