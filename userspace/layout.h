/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who takes which part of a peer's RAM.
 */
#ifndef SDM_TEST_LAYOUT_H
#define SDM_TEST_LAYOUT_H

#include "image.h"
#include "types.h"

/* Segments, what the kernel needs to unpack, device tree, initrd. */
#define LAYOUT_MAX_TAKEN (IMAGE_MAX_SEGMENTS + 4)
#define LAYOUT_MAX_AVOIDED 32

struct range {
	u64 start;
	u64 size;
	const char *what;
};

struct layout {
	struct range ram;
	unsigned int nr_taken;
	struct range taken[LAYOUT_MAX_TAKEN];
	unsigned int nr_avoided;
	struct range avoided[LAYOUT_MAX_AVOIDED];
};

/* Returns 0, or -1 with the error reported if there can be no such RAM. */
int layout_init(struct layout *layout, u64 base, u64 size);

/*
 * Take the @size bytes at @start for @what. Returns 0, or -1 with the error
 * reported: outside of the RAM, or taken already.
 */
int layout_take(struct layout *layout, u64 start, u64 size, const char *what);

/*
 * Never place anything in these @size bytes at @start, which may still be
 * taken by who insists. Returns 0, or -1 with the error reported.
 */
int layout_avoid(struct layout *layout, u64 start, u64 size);

/*
 * Take @size bytes for @what at the lowest free address that is a multiple of
 * @align, is at least @from and keeps it below @end. Returns 0, or -1 without
 * a message.
 */
int layout_place(struct layout *layout, u64 size, u64 align, u64 from, u64 end,
		 const char *what, u64 *start);

/*
 * Round up to a multiple of @align, a power of two. Returns 0, or -1 without a
 * message if the result is not a 64-bit number.
 */
int align_up(u64 value, u64 align, u64 *result);

#endif /* SDM_TEST_LAYOUT_H */
