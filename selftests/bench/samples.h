/* SPDX-License-Identifier: GPL-2.0-only */
/* Times of single operations, as the benchmark's programs take and print them. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline int compare_samples(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Prints median, 99th percentile and minimum of nanoseconds, which get sorted. */
static inline void print_samples(uint64_t *samples, unsigned int count)
{
	qsort(samples, count, sizeof(*samples), compare_samples);
	printf("%llu %llu %llu", (unsigned long long)samples[count / 2],
	       (unsigned long long)samples[count - 1 - count / 100],
	       (unsigned long long)samples[0]);
}

#endif /* BENCH_SAMPLES_H */
