// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing of numbers.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

/*
 * strtoull() accepts blanks, signs and (base 0) octal numbers, none of which
 * is wanted: 010 is ten.
 */
static int parse_prefix(const char *text, char **end, u64 *value)
{
	int base = 10;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		if (!isxdigit((unsigned char)text[2]))
			return -1;
	} else if (!isdigit((unsigned char)text[0])) {
		return -1;
	}

	errno = 0;
	*value = strtoull(text, end, base);
	return errno ? -1 : 0;
}

int parse_number(const char *text, u64 max, u64 *value)
{
	u64 number;
	char *end;

	if (parse_prefix(text, &end, &number) || *end || number > max)
		return -1;
	*value = number;
	return 0;
}

int parse_size(const char *text, u64 max, u64 *value)
{
	static const char suffixes[] = "KMG";
	unsigned int shift = 0;
	u64 number;
	char *end;

	if (parse_prefix(text, &end, &number))
		return -1;
	if (*end) {
		const char *suffix;

		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return -1;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (number > max >> shift)
		return -1;
	*value = number << shift;
	return 0;
}

int parse_seconds(const char *text, u32 *milliseconds)
{
	u64 seconds, fraction = 0;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	seconds = strtoull(text, &end, 10);
	if (errno || seconds > U32_MAX / 1000 - 1)
		return -1;
	if (*end == '.') {
		unsigned int unit = 100;

		end++;
		if (!isdigit((unsigned char)*end))
			return -1;
		for (; unit && isdigit((unsigned char)*end); end++) {
			fraction += unit * (*end - '0');
			unit /= 10;
		}
	}
	if (*end)
		return -1;
	*milliseconds = seconds * 1000 + fraction;
	return 0;
}
