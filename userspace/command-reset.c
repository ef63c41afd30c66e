// SPDX-License-Identifier: GPL-2.0-only
/*
 * -R: put a peer in reset.
 */
#include <fcntl.h>
#include <stdio.h>

#include "command.h"
#include "device.h"
#include "json.h"
#include "report.h"

int command_reset(const struct options *options)
{
	struct device device;
	u32 number, id, timeout_ms;
	int ret;

	if (operand_u32(options->operands[0], "DEV", &number) ||
	    operand_u32(options->operands[1], "PEER", &id) ||
	    action_timeout(options, &timeout_ms))
		return EXIT_USAGE;

	if (device_open(&device, number, O_WRONLY))
		return EXIT_FAILED;
	ret = device_reset(&device, id, timeout_ms);
	device_close(&device);
	if (ret)
		return EXIT_FAILED;

	if (options->json) {
		json_open(NULL, '{');
		json_number("device", number);
		json_number("peer", id);
		json_string("state", state_name(SDM_STATE_RESET));
		json_close('}');
	} else if (!quiet) {
		printf("%s in reset\n", peer_name(id));
	}
	return EXIT_OK;
}
