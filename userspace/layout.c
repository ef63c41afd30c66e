// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of a peer's RAM.
 *
 * All numbers may come from hostile files: sums are never formed before it is
 * known that they fit.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

#include "layout.h"
#include "report.h"

int align_up(uint64_t value, uint64_t align, uint64_t *result)
{
	if (value > UINT64_MAX - (align - 1))
		return -1;
	*result = (value + align - 1) & ~(align - 1);
	return 0;
}

/* Is the non-empty range [start, start + size) inside of @outer? */
static bool inside(const struct range *outer, uint64_t start, uint64_t size)
{
	return start >= outer->start && start - outer->start < outer->size &&
	       size <= outer->size - (start - outer->start);
}

static bool overlap(const struct range *a, uint64_t start, uint64_t size)
{
	return start < a->start ? size > a->start - start :
				  a->size > start - a->start;
}

static const struct range *find_overlap(const struct layout *layout,
					uint64_t start, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < layout->nr_taken; i++) {
		if (overlap(&layout->taken[i], start, size))
			return &layout->taken[i];
	}
	return NULL;
}

static void take(struct layout *layout, uint64_t start, uint64_t size,
		 const char *what)
{
	layout->taken[layout->nr_taken++] = (struct range){
		.start = start,
		.size = size,
		.what = what,
	};
}

int layout_init(struct layout *layout, uint64_t base, uint64_t size)
{
	*layout = (struct layout){
		.ram = { .start = base, .size = size },
	};
	/* Its end, too, must be an address that can be written down. */
	if (size && base <= UINT64_MAX - size)
		return 0;
	error("the peer's RAM cannot be 0x%" PRIx64 " bytes at 0x%" PRIx64,
	      size, base);
	return -1;
}

int layout_take(struct layout *layout, uint64_t start, uint64_t size,
		const char *what)
{
	const struct range *other;

	if (!inside(&layout->ram, start, size)) {
		error("the %s (0x%" PRIx64 " bytes at 0x%" PRIx64 ") is outside of the peer's RAM (0x%" PRIx64 " bytes at 0x%" PRIx64 ")",
		      what, size, start, layout->ram.size, layout->ram.start);
		return -1;
	}
	other = find_overlap(layout, start, size);
	if (other) {
		error("the %s (0x%" PRIx64 " bytes at 0x%" PRIx64 ") overlaps the %s (0x%" PRIx64 " bytes at 0x%" PRIx64 ")",
		      what, size, start, other->what, other->size,
		      other->start);
		return -1;
	}
	if (layout->nr_taken == LAYOUT_MAX_RANGES) {
		error("there are too many parts to load");
		return -1;
	}
	take(layout, start, size, what);
	return 0;
}

int layout_place(struct layout *layout, uint64_t size, uint64_t align,
		 uint64_t from, uint64_t end, const char *what, uint64_t *start)
{
	const struct range *other;
	uint64_t at = from;

	if (at < layout->ram.start)
		at = layout->ram.start;
	if (end > layout->ram.start + layout->ram.size)
		end = layout->ram.start + layout->ram.size;

	/* Each turn passes at least one range, so this ends. */
	for (;;) {
		if (align_up(at, align, &at) || at > end || size > end - at)
			return -1;
		other = find_overlap(layout, at, size);
		if (!other)
			break;
		at = other->start + other->size;
	}
	if (layout->nr_taken == LAYOUT_MAX_RANGES)
		return -1;
	take(layout, at, size, what);
	*start = at;
	return 0;
}
