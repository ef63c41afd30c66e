// SPDX-License-Identifier: GPL-2.0-only
/*
 * -s: send a signal.
 */
#include <fcntl.h>
#include <stdio.h>

#include "command.h"
#include "device.h"
#include "json.h"
#include "report.h"

#define DEFAULT_TIMEOUT_MS 10000

static void print_sent(const struct options *options, u32 number,
		       const struct sdm_send *send)
{
	if (options->json) {
		json_open(NULL, '{');
		json_number("device", number);
		json_number("peer", send->peer);
		json_number("signal", send->signal);
		json_open("payload", '[');
		json_hex(NULL, send->payload[0]);
		json_hex(NULL, send->payload[1]);
		json_close(']');
		json_close('}');
	} else if (!quiet) {
		printf("signal %u to %u payload 0x%llx 0x%llx\n", send->signal,
		       send->peer, send->payload[0], send->payload[1]);
	}
}

int command_send(const struct options *options)
{
	char *const *operands = options->operands;
	struct device device;
	struct sdm_send send = { .timeout_ms = DEFAULT_TIMEOUT_MS };
	u32 number;
	int ret;

	if (operand_u32(operands[0], "DEV", &number) ||
	    operand_u32(operands[1], "DEST", &send.peer) ||
	    operand_u32(operands[2], "SIGNAL", &send.signal) ||
	    (options->nr_operands > 3 &&
	     operand_u64(operands[3], "P0", &send.payload[0])) ||
	    (options->nr_operands > 4 &&
	     operand_u64(operands[4], "P1", &send.payload[1])))
		return EXIT_USAGE;
	if (options->given & OPTION_TIMEOUT)
		send.timeout_ms = options->timeout_ms;

	/* Not open for reading: this descriptor queues no events. */
	if (device_open(&device, number, O_WRONLY))
		return EXIT_FAILED;
	ret = device_send(&device, &send);
	device_close(&device);
	if (ret)
		return EXIT_FAILED;
	print_sent(options, number, &send);
	return EXIT_OK;
}
