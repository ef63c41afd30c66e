// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of layout.c.
 */
#include "layout.h"
#include "test.h"

#define BASE 0x40000000
#define SIZE 0x1000000

static struct layout layout;

static void start(void)
{
	CHECK(!layout_init(&layout, BASE, SIZE));
}

static void impossible_ram(void)
{
	CHECK_ERROR(layout_init(&layout, 0, 0), "cannot be");
	CHECK_ERROR(layout_init(&layout, U64_MAX, 2), "cannot be");
	CHECK_ERROR(layout_init(&layout, U64_MAX - 0xfff, 0x1000), "cannot be");
	CHECK(!layout_init(&layout, U64_MAX - 0x1000, 0x1000));
}

static void whole_ram(void)
{
	start();
	CHECK(!layout_take(&layout, BASE, SIZE, "all"));
	CHECK_ERROR(layout_take(&layout, BASE + SIZE - 1, 1, "last"),
		    "overlaps the all");
}

static void outside(void)
{
	static const char text[] = "outside of the peer's RAM";

	start();
	CHECK_ERROR(layout_take(&layout, BASE - 1, 1, "x"), text);
	CHECK_ERROR(layout_take(&layout, BASE - 1, SIZE, "x"), text);
	CHECK_ERROR(layout_take(&layout, BASE, SIZE + 1, "x"), text);
	CHECK_ERROR(layout_take(&layout, BASE + SIZE, 1, "x"), text);
	CHECK_ERROR(layout_take(&layout, BASE + 1, U64_MAX, "x"), text);
	CHECK_ERROR(layout_take(&layout, 0, U64_MAX, "x"), text);
	CHECK_ERROR(layout_take(&layout, U64_MAX, 1, "x"), text);
	CHECK(!layout_take(&layout, BASE + SIZE - 1, 1, "last"));
}

static void overlaps(void)
{
	start();
	CHECK(!layout_take(&layout, BASE + 0x1000, 0x1000, "a"));
	/* Neighbours on both sides do not touch it. */
	CHECK(!layout_take(&layout, BASE, 0x1000, "below"));
	CHECK(!layout_take(&layout, BASE + 0x2000, 0x1000, "above"));
	/* Inside, around, and over each edge. */
	start();
	CHECK(!layout_take(&layout, BASE + 0x1000, 0x1000, "a"));
	CHECK_ERROR(layout_take(&layout, BASE + 0x1800, 1, "b"), "overlaps");
	CHECK_ERROR(layout_take(&layout, BASE, SIZE, "b"), "overlaps");
	CHECK_ERROR(layout_take(&layout, BASE, 0x1001, "b"), "overlaps");
	CHECK_ERROR(layout_take(&layout, BASE + 0x1fff, 0x1000, "b"),
		    "overlaps the a");
}

static void too_many(void)
{
	unsigned int i;

	start();
	for (i = 0; i < LAYOUT_MAX_TAKEN; i++)
		CHECK(!layout_take(&layout, BASE + i, 1, "x"));
	CHECK_ERROR(layout_take(&layout, BASE + i, 1, "x"), "too many");
	start();
	for (i = 0; i < LAYOUT_MAX_AVOIDED; i++)
		CHECK(!layout_avoid(&layout, BASE, 1));
	CHECK_ERROR(layout_avoid(&layout, BASE, 1), "more than");
}

static void placing(void)
{
	const u64 end = BASE + SIZE;
	u64 at;

	start();
	CHECK(!layout_place(&layout, 0x1000, 0x1000, 0, end, "a", &at));
	CHECK(at == BASE);
	/* The next free multiple after it. */
	CHECK(!layout_place(&layout, 1, 0x10000, BASE, end, "b", &at));
	CHECK(at == BASE + 0x10000);
	/* Into the gap between them. */
	CHECK(!layout_place(&layout, 0xf000, 0x1000, BASE, end, "c", &at));
	CHECK(at == BASE + 0x1000);
	/* Not below from, and exactly up to the end. */
	CHECK(!layout_place(&layout, SIZE / 2, 1, BASE + SIZE / 2, U64_MAX, "d",
			    &at));
	CHECK(at == BASE + SIZE / 2);
	CHECK(layout_place(&layout, SIZE / 2, 1, BASE, end, "e", &at));
	CHECK(layout_place(&layout, 1, 1, end, end, "e", &at));
	CHECK(layout_place(&layout, 1, 1ULL << 63, BASE, end, "e", &at));
	CHECK(layout_place(&layout, U64_MAX, 1, BASE, end, "e", &at));
	CHECK(layout_place(&layout, 1, 1, U64_MAX, U64_MAX, "e", &at));
	CHECK(layout_place(&layout, 1, 4096, U64_MAX, U64_MAX, "e", &at));
}

static void avoiding(void)
{
	const u64 end = BASE + SIZE;
	u64 at;

	start();
	CHECK(!layout_avoid(&layout, BASE, 0x1000));
	/* Outside, empty, without end: all harmless. */
	CHECK(!layout_avoid(&layout, 0, 0x1000));
	CHECK(!layout_avoid(&layout, U64_MAX, U64_MAX));
	CHECK(!layout_avoid(&layout, BASE, 0));
	CHECK(!layout_avoid(&layout, BASE + SIZE / 2, U64_MAX));
	CHECK(!layout_place(&layout, 1, 1, BASE, end, "a", &at));
	CHECK(at == BASE + 0x1000);
	CHECK(layout_place(&layout, 1, 1, BASE + SIZE / 2, end, "b", &at));
	/* Who names the address gets it. */
	CHECK(!layout_take(&layout, BASE, 0x1000, "c"));
}

static void aligning(void)
{
	u64 value;

	CHECK(!align_up(0, 4096, &value) && value == 0);
	CHECK(!align_up(1, 4096, &value) && value == 4096);
	CHECK(!align_up(4096, 4096, &value) && value == 4096);
	CHECK(!align_up(U64_MAX, 1, &value) && value == U64_MAX);
	CHECK(align_up(U64_MAX, 2, &value));
	CHECK(!align_up(U64_MAX - 4095, 4096, &value));
	CHECK(align_up(U64_MAX - 4094, 4096, &value));
}

const struct test layout_tests[] = {
	{ "RAM that cannot be", impossible_ram },
	{ "one part takes all RAM", whole_ram },
	{ "parts outside of the RAM", outside },
	{ "parts that overlap", overlaps },
	{ "too many parts", too_many },
	{ "free addresses are found", placing },
	{ "reserved addresses are avoided", avoiding },
	{ "rounding up", aligning },
	{ 0 },
};
