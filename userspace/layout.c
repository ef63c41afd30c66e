// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of a peer's RAM.
 *
 * All numbers may come from hostile files: sums are never formed before it is
 * known that they fit.
 */

#include "layout.h"
#include "report.h"
#include "types.h"

int align_up(u64 value, u64 align, u64 *result)
{
	if (value > U64_MAX - (align - 1))
		return -1;
	*result = (value + align - 1) & ~(align - 1);
	return 0;
}

/* Is the non-empty range [start, start + size) inside of @outer? */
static bool inside(const struct range *outer, u64 start, u64 size)
{
	return start >= outer->start && start - outer->start < outer->size &&
	       size <= outer->size - (start - outer->start);
}

static bool overlap(const struct range *a, u64 start, u64 size)
{
	return start < a->start ? size > a->start - start :
				  a->size > start - a->start;
}

static const struct range *find_overlap(const struct range *ranges,
					unsigned int nr, u64 start, u64 size)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (overlap(&ranges[i], start, size))
			return &ranges[i];
	}
	return NULL;
}

static const struct range *find_obstacle(const struct layout *layout, u64 start,
					 u64 size)
{
	const struct range *taken;

	taken = find_overlap(layout->taken, layout->nr_taken, start, size);
	if (taken)
		return taken;
	return find_overlap(layout->avoided, layout->nr_avoided, start, size);
}

static void take(struct layout *layout, u64 start, u64 size, const char *what)
{
	layout->taken[layout->nr_taken++] = (struct range){
		.start = start,
		.size = size,
		.what = what,
	};
}

int layout_init(struct layout *layout, u64 base, u64 size)
{
	*layout = (struct layout){
		.ram = { .start = base, .size = size },
	};
	/* Its end, too, must be an address that can be written down. */
	if (size && base <= U64_MAX - size)
		return 0;
	error("the peer's RAM cannot be 0x%llx bytes at 0x%llx", size, base);
	return -1;
}

int layout_take(struct layout *layout, u64 start, u64 size, const char *what)
{
	const struct range *other;

	if (!inside(&layout->ram, start, size)) {
		error("the %s (0x%llx bytes at 0x%llx) is outside of the peer's RAM (0x%llx bytes at 0x%llx)",
		      what, size, start, layout->ram.size, layout->ram.start);
		return -1;
	}
	other = find_overlap(layout->taken, layout->nr_taken, start, size);
	if (other) {
		error("the %s (0x%llx bytes at 0x%llx) overlaps the %s (0x%llx bytes at 0x%llx)",
		      what, size, start, other->what, other->size,
		      other->start);
		return -1;
	}
	if (layout->nr_taken == LAYOUT_MAX_TAKEN) {
		error("there are too many parts to load");
		return -1;
	}
	take(layout, start, size, what);
	return 0;
}

int layout_avoid(struct layout *layout, u64 start, u64 size)
{
	u64 end = layout->ram.start + layout->ram.size;

	/* Only what is inside of the RAM matters, and has an end. */
	if (start >= end || !size)
		return 0;
	if (size > end - start)
		size = end - start;
	if (layout->nr_avoided == LAYOUT_MAX_AVOIDED) {
		error("the device tree reserves more than %d ranges",
		      LAYOUT_MAX_AVOIDED);
		return -1;
	}
	layout->avoided[layout->nr_avoided++] = (struct range){
		.start = start,
		.size = size,
	};
	return 0;
}

int layout_place(struct layout *layout, u64 size, u64 align, u64 from, u64 end,
		 const char *what, u64 *start)
{
	const struct range *other;
	u64 at = from;

	if (at < layout->ram.start)
		at = layout->ram.start;
	if (end > layout->ram.start + layout->ram.size)
		end = layout->ram.start + layout->ram.size;

	/* Each turn passes at least one range, so this ends. */
	for (;;) {
		if (align_up(at, align, &at) || at > end || size > end - at)
			return -1;
		other = find_obstacle(layout, at, size);
		if (!other)
			break;
		at = other->start + other->size;
	}
	if (layout->nr_taken == LAYOUT_MAX_TAKEN)
		return -1;
	take(layout, at, size, what);
	*start = at;
	return 0;
}
