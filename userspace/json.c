// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON on stdout.
 */
#include <stdio.h>

#include "json.h"

static unsigned int depth;
static bool need_comma;

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void begin(const char *key)
{
	if (need_comma)
		fputs(", ", stdout);
	need_comma = true;
	if (key) {
		put_string(key);
		fputs(": ", stdout);
	}
}

void json_open(const char *key, char bracket)
{
	begin(key);
	putchar(bracket);
	need_comma = false;
	depth++;
}

void json_close(char bracket)
{
	putchar(bracket);
	need_comma = --depth;
	if (!depth)
		putchar('\n');
}

void json_string(const char *key, const char *value)
{
	begin(key);
	put_string(value);
}

void json_number(const char *key, u64 value)
{
	begin(key);
	printf("%llu", value);
}

void json_hex(const char *key, u64 value)
{
	begin(key);
	printf("\"0x%llx\"", value);
}

void json_bool(const char *key, bool value)
{
	begin(key);
	fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
	begin(key);
	fputs("null", stdout);
}

void json_seconds(const char *key, double value)
{
	begin(key);
	printf("%.3f", value);
}
