// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of number.c.
 */
#include "number.h"
#include "test.h"
#include "types.h"

static bool number_is(const char *text, u64 expected)
{
	u64 value;

	return !parse_number(text, U64_MAX, &value) && value == expected;
}

static bool size_is(const char *text, u64 expected)
{
	u64 value;

	return !parse_size(text, U64_MAX, &value) && value == expected;
}

static bool seconds_are(const char *text, u32 expected)
{
	u32 value;

	return !parse_seconds(text, &value) && value == expected;
}

static void good_numbers(void)
{
	CHECK(number_is("0", 0));
	CHECK(number_is("0x0", 0));
	CHECK(number_is("10", 10));
	CHECK(number_is("010", 10));
	CHECK(number_is("0X1f", 31));
	CHECK(number_is("18446744073709551615", U64_MAX));
	CHECK(number_is("0xffffffffffffffff", U64_MAX));
}

static void bad_numbers(void)
{
	static const char *const bad[] = {
		"",
		" 1",
		"1 ",
		"+1",
		"-1",
		"0x",
		"0x 1",
		"1x",
		"0xg",
		"x",
		"1K",
		"0x-1",
		"0b1",
		"1.0",
		"18446744073709551616",
		"0x0x1",
		"0x10000000000000000",
	};
	u64 value = 42;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(parse_number(bad[i], U64_MAX, &value));
	CHECK(value == 42);
}

static void limits(void)
{
	u64 value;

	CHECK(!parse_number("255", 255, &value));
	CHECK(parse_number("256", 255, &value));
	CHECK(!parse_size("4K", 4096, &value));
	CHECK(parse_size("4K", 4095, &value));
}

static void sizes(void)
{
	u64 value;

	CHECK(size_is("0", 0));
	CHECK(size_is("1k", 1024));
	CHECK(size_is("0x10K", 16384));
	CHECK(size_is("3M", 3 << 20));
	CHECK(size_is("2G", 1ULL << 31));
	CHECK(size_is("17179869183G", 17179869183ULL << 30));
	CHECK(parse_size("17179869184G", U64_MAX, &value));
	CHECK(parse_size("K", U64_MAX, &value));
	CHECK(parse_size("1KB", U64_MAX, &value));
	CHECK(parse_size("1 K", U64_MAX, &value));
	CHECK(parse_size("1T", U64_MAX, &value));
	CHECK(parse_size("-1K", U64_MAX, &value));
}

static void seconds(void)
{
	u32 value;

	CHECK(seconds_are("0", 0));
	CHECK(seconds_are("10", 10000));
	CHECK(seconds_are("0.5", 500));
	CHECK(seconds_are("1.25", 1250));
	CHECK(seconds_are("0.001", 1));
	CHECK(seconds_are("4294966", 4294966000u));
	CHECK(parse_seconds("4294967", &value));
	CHECK(parse_seconds("99999999999999999999", &value));
	CHECK(parse_seconds("", &value));
	CHECK(parse_seconds(".5", &value));
	CHECK(parse_seconds("1.", &value));
	CHECK(parse_seconds("1.2345", &value));
	CHECK(parse_seconds("-1", &value));
	CHECK(parse_seconds("1s", &value));
	CHECK(parse_seconds("1.5s", &value));
}

const struct test number_tests[] = {
	{ "numbers in decimal and hexadecimal", good_numbers },
	{ "text that is no number", bad_numbers },
	{ "numbers at their limit", limits },
	{ "sizes with suffixes", sizes },
	{ "seconds with fractions", seconds },
	{ 0 },
};
