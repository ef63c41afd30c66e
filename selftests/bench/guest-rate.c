// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a guest copies.
 *
 *	guest-rate write FILE SIZE SECONDS    SIZE bytes to a peer's memory
 *	guest-rate read FILE SIZE SECONDS     SIZE bytes from there
 *	guest-rate map-write FILE SIZE SECONDS    the same two, but to and from
 *	guest-rate map-read FILE SIZE SECONDS     the memory that mmap() gives
 *	guest-rate memory SIZE SECONDS        within the guest's own memory
 *
 * FILE is /dev/sdmN-pM. Transfers are repeated until SECONDS have passed; a
 * write counts when it has arrived. If one would take longer than that it is
 * made smaller. SECONDS may be 0, for one transfer of any duration.
 *
 * Prints the size and number of the transfers, then median, 99th percentile,
 * minimum and sum of their times in nanoseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "samples.h"

#define MAX_SAMPLES 100000
/* A first, small transfer tells how long larger ones may take. */
#define TRIAL 4096
#define TRIAL_GROWTH 16

struct rate {
	int fd;
	bool write;
	size_t size;
	char *data;
	char *other; /* to or from where, if it can be mapped */
	uint64_t *samples;
	unsigned int count;
};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "guest-rate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *allocate(size_t size)
{
	char *data = aligned_alloc(4096, (size + 4095) & ~4095ul);

	if (!data)
		fail("aligned_alloc");
	memset(data, 1, size);
	return data;
}

static void transfer(const struct rate *rate)
{
	size_t done = 0;
	ssize_t n;

	if (rate->other) {
		memcpy(rate->write ? rate->other : rate->data,
		       rate->write ? rate->data : rate->other, rate->size);
		/* The compiler must not see that nobody wants it. */
		asm volatile("" : : "r" (rate->other), "r" (rate->data) : "memory");
		return;
	}
	while (done < rate->size) {
		if (rate->write)
			n = pwrite(rate->fd, rate->data + done, rate->size - done, done);
		else
			n = pread(rate->fd, rate->data + done, rate->size - done, done);
		if (n <= 0)
			fail(rate->write ? "pwrite" : "pread");
		done += n;
	}
	if (rate->write && fsync(rate->fd))
		fail("fsync");
}

static uint64_t timed_transfer(const struct rate *rate)
{
	uint64_t begin = now_ns();

	transfer(rate);
	return now_ns() - begin;
}

/* A transfer that would take longer than all the time is made smaller. */
static void fit(struct rate *rate, uint64_t limit_ns)
{
	size_t size = rate->size, trial;
	uint64_t ns;

	if (rate->other || !limit_ns || size <= TRIAL)
		return;
	/* Small ones are slow for their size: try larger ones if there is time. */
	for (trial = TRIAL;; trial *= TRIAL_GROWTH) {
		rate->size = trial;
		ns = timed_transfer(rate);
		if (trial * TRIAL_GROWTH >= size || ns * TRIAL_GROWTH > limit_ns)
			break;
	}
	while (size > TRIAL && ns * (size / trial) > limit_ns)
		size /= 2;
	rate->size = size;
}

static void run(struct rate *rate, uint64_t limit_ns)
{
	uint64_t begin = now_ns();

	do {
		rate->samples[rate->count++] = timed_transfer(rate);
	} while (now_ns() - begin < limit_ns && rate->count < MAX_SAMPLES);
}

static void print(struct rate *rate)
{
	uint64_t *samples = rate->samples, total = 0;
	unsigned int i;

	for (i = 0; i < rate->count; i++)
		total += samples[i];
	printf("%zu %u ", rate->size, rate->count);
	print_samples(samples, rate->count);
	printf(" %llu\n", (unsigned long long)total);
}

static char *map(const struct rate *rate)
{
	char *data = mmap(NULL, rate->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  rate->fd, 0);

	if (data == MAP_FAILED)
		fail("mmap");
	return data;
}

int main(int argc, char **argv)
{
	struct rate rate = { .fd = -1 };
	bool memory, mapped;
	uint64_t limit_ns;
	int next = 2;

	if (argc < 4)
		goto usage;
	memory = !strcmp(argv[1], "memory");
	mapped = !strncmp(argv[1], "map-", 4);
	rate.write = memory || !strcmp(argv[1] + 4 * mapped, "write");
	if (!rate.write && strcmp(argv[1] + 4 * mapped, "read"))
		goto usage;
	if (!memory) {
		rate.fd = open(argv[next++], O_RDWR);
		if (rate.fd < 0)
			fail(argv[2]);
	}
	if (argc != next + 2)
		goto usage;
	rate.size = strtoul(argv[next], NULL, 0);
	limit_ns = strtod(argv[next + 1], NULL) * 1e9;

	rate.data = allocate(rate.size);
	if (memory)
		rate.other = allocate(rate.size);
	else if (mapped)
		rate.other = map(&rate);
	rate.samples = malloc(MAX_SAMPLES * sizeof(*rate.samples));
	if (!rate.samples)
		fail("malloc");
	fit(&rate, limit_ns);
	run(&rate, limit_ns);
	print(&rate);
	return 0;

usage:
	fputs("usage: guest-rate [map-]read|[map-]write FILE SIZE SECONDS\n"
	      "       guest-rate memory SIZE SECONDS\n", stderr);
	return 2;
}
