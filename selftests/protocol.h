/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests on a master and the responder on a slave say to each other.
 *
 * A request is a signal with one of the numbers below. The answer is a signal
 * of the same number to whoever asked. Signals with other numbers come back as
 * they are, but for those of boot and reset, which the responder ignores.
 *
 * Most requests are about the slave's test memory: a part of its RAM that its
 * kernel leaves alone, "sdm-test-memory" below /reserved-memory in its device
 * tree. Offsets count from the start of the test memory; a range is an offset
 * in the upper half of a payload word and a length in the lower one.
 */
#ifndef SDM_SELFTEST_PROTOCOL_H
#define SDM_SELFTEST_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum request {
	/* (any, any) -> (offset of the test memory in the slave's RAM, size) */
	REQUEST_HELLO = 32,
	/* (range, any) -> (range, hash of what is there) */
	REQUEST_HASH,
	/* (offset, any) -> (offset, the 8 bytes that are there) */
	REQUEST_PEEK,
	/* (range, seed) -> (range, seed): filled with the pattern of the seed */
	REQUEST_FILL,
	/* (range, seed) -> (range, number of bytes that differ) */
	REQUEST_CHECK,
	/* (count, signal) -> that many signals, numbered from 0, and the same */
	REQUEST_FLOOD,
	/* (any, any) -> (REQUEST_TICKs seen, those not in sequence); from 0 */
	REQUEST_COUNT,
	/* (number, any) -> no answer, only counted */
	REQUEST_TICK,
	/* (offset, count) -> the same: so often added 1 to a word, atomically */
	REQUEST_ADD,
};

/*
 * Two programs "storm" say these to each other; the responder leaves them. Each
 * slave has its own, as who reads them gets those of all; between two slaves
 * they are those of the one with the larger ID.
 */
#define STORM_DATA(slave) (40 + 2 * (slave)) /* (number from 0, session) */
#define STORM_TAKEN(slave) (41 + 2 * (slave)) /* (how many, session) */
/* All of them; a bit for each signal. There are three slaves at most. */
#define STORM_SIGNALS 0x0000fc0000000000ull

#define RANGE(offset, length) ((uint64_t)(offset) << 32 | (uint32_t)(length))
#define RANGE_OFFSET(range) ((uint32_t)((range) >> 32))
#define RANGE_LENGTH(range) ((uint32_t)(range))

/* The byte at index @i of the pattern of @seed; no two patterns look alike. */
static inline uint8_t pattern_byte(uint32_t seed, uint32_t i)
{
	uint32_t x = (seed * 0x9e3779b1u) ^ (i * 0x85ebca6bu);

	x ^= x >> 15;
	x *= 0x2c1b3c6du;
	return x >> 24;
}

/* FNV-1a, one byte after the other: @bytes may be memory of a device. */
static inline uint64_t hash_bytes(const volatile uint8_t *bytes, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	while (n--)
		hash = (hash ^ *bytes++) * 0x100000001b3ull;
	return hash;
}

#endif /* SDM_SELFTEST_PROTOCOL_H */
