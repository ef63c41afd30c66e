/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who takes which part of a peer's RAM.
 */
#ifndef SDM_TEST_LAYOUT_H
#define SDM_TEST_LAYOUT_H

#include <stdint.h>

#include "image.h"

/* Segments, what the kernel needs to unpack, device tree, initrd. */
#define LAYOUT_MAX_RANGES (IMAGE_MAX_SEGMENTS + 4)

struct range {
	uint64_t start;
	uint64_t size;
	const char *what;
};

struct layout {
	struct range ram;
	unsigned int nr_taken;
	struct range taken[LAYOUT_MAX_RANGES];
};

/* Returns 0, or -1 with the error reported if there can be no such RAM. */
int layout_init(struct layout *layout, uint64_t base, uint64_t size);

/*
 * Take the @size bytes at @start for @what. Returns 0, or -1 with the error
 * reported: outside of the RAM, or taken already.
 */
int layout_take(struct layout *layout, uint64_t start, uint64_t size,
		const char *what);

/*
 * Take @size bytes for @what at the lowest free address that is a multiple of
 * @align, is at least @from and keeps it below @end. Returns 0, or -1 without
 * a message.
 */
int layout_place(struct layout *layout, uint64_t size, uint64_t align,
		 uint64_t from, uint64_t end, const char *what,
		 uint64_t *start);

/*
 * Round up to a multiple of @align, a power of two. Returns 0, or -1 without a
 * message if the result is not a 64-bit number.
 */
int align_up(uint64_t value, uint64_t align, uint64_t *result);

#endif /* SDM_TEST_LAYOUT_H */
