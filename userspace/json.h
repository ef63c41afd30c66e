/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A writer of JSON on stdout. It keeps track of commas, nothing else: the
 * caller closes what it opens.
 *
 * Addresses and payloads are strings in hexadecimal, since many readers lose
 * bits of large numbers; everything else is a number.
 *
 * A @key of NULL is an element of an array.
 */
#ifndef SDM_TEST_JSON_H
#define SDM_TEST_JSON_H

#include "types.h"

void json_open(const char *key, char bracket);
/* After the outermost bracket the line ends. */
void json_close(char bracket);

void json_string(const char *key, const char *value);
void json_number(const char *key, u64 value);
void json_hex(const char *key, u64 value);
void json_bool(const char *key, bool value);
void json_null(const char *key);
/* @value seconds, with three decimals. */
void json_seconds(const char *key, double value);

#endif /* SDM_TEST_JSON_H */
