/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers in the command line: decimal or 0x, the whole string, in range.
 * The functions return 0, or -1 without a message.
 */
#ifndef SDM_TEST_NUMBER_H
#define SDM_TEST_NUMBER_H

#include "types.h"

int parse_number(const char *text, u64 max, u64 *value);

/* A number that may end in K, M or G (powers of 1024). */
int parse_size(const char *text, u64 max, u64 *value);

/* Seconds with up to three decimals, as milliseconds. */
int parse_seconds(const char *text, u32 *milliseconds);

#endif /* SDM_TEST_NUMBER_H */
