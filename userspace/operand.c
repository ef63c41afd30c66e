// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands of commands.
 */
#include "command.h"
#include "number.h"
#include "report.h"

int operand_u32(const char *text, const char *what, u32 *value)
{
	u64 number;

	if (parse_number(text, U32_MAX, &number)) {
		usage_error(
			"%s '%s' is wrong; a number up to 0xffffffff is needed",
			what, text);
		return -1;
	}
	*value = number;
	return 0;
}

int operand_u64(const char *text, const char *what, u64 *value)
{
	if (!parse_number(text, U64_MAX, value))
		return 0;
	usage_error("%s '%s' is wrong; a number of up to 64 bits is needed",
		    what, text);
	return -1;
}

int operand_size(const char *text, const char *what, u64 *value)
{
	if (!parse_size(text, U64_MAX, value))
		return 0;
	usage_error(
		"%s '%s' is wrong; a number of up to 64 bits is needed, K, M or G may follow",
		what, text);
	return -1;
}

int action_timeout(const struct options *options, u32 *timeout_ms)
{
	*timeout_ms = 0;
	if (!(options->given & OPTION_TIMEOUT))
		return 0;
	if (!options->timeout_ms) {
		usage_error("--timeout 0 is too short for this; give more");
		return -1;
	}
	*timeout_ms = options->timeout_ms;
	return 0;
}
