// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast messages come back from an rpmsg channel that echoes them.
 *
 *	rpmsg-rate rtt FILE SIZE COUNT            one after the other
 *	rpmsg-rate flow FILE SIZE COUNT WINDOW    up to WINDOW under way
 *
 * FILE is /dev/rpmsgN. Each answer is compared with what was sent.
 *
 * Prints median, 99th percentile, minimum and sum of the times of single round
 * trips in nanoseconds; for "flow" the time of all of them instead of the sum.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "samples.h"

#define MAX_SIZE 496
/* What does not come back at all */
#define PATIENCE_MS 20000

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "rpmsg-rate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void __attribute__((noreturn)) wrong(const char *what)
{
	fprintf(stderr, "rpmsg-rate: %s\n", what);
	exit(1);
}

static void make(uint8_t *message, size_t size, uint32_t number)
{
	size_t i;

	for (i = 0; i < size; i++)
		message[i] = number * 31 + i;
	if (size >= sizeof(number))
		memcpy(message, &number, sizeof(number));
}

static void send_one(int fd, size_t size, uint32_t number)
{
	uint8_t message[MAX_SIZE];
	ssize_t n;

	make(message, size, number);
	n = write(fd, message, size);
	if (n < 0)
		fail("write");
	if ((size_t)n != size)
		wrong("a message was cut");
}

static void receive_one(int fd, size_t size, uint32_t number)
{
	uint8_t message[MAX_SIZE + 1], expected[MAX_SIZE];
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t n;

	/* Only if it is not there: that is another system call. */
	n = read(fd, message, sizeof(message));
	if (n < 0 && errno == EAGAIN) {
		if (poll(&poller, 1, PATIENCE_MS) != 1)
			wrong("a message has not come back");
		n = read(fd, message, sizeof(message));
	}
	if (n < 0)
		fail("read");
	make(expected, size, number);
	if ((size_t)n != size || memcmp(message, expected, size))
		wrong("a message has come back changed, or out of order");
}

int main(int argc, char **argv)
{
	uint64_t *begun, *samples, begin, total = 0;
	uint32_t count, window = 1, sent = 0, done;
	size_t size;
	int fd;

	if (argc < 5 || (strcmp(argv[1], "rtt") && strcmp(argv[1], "flow")) ||
	    argc != 5 + (argv[1][0] == 'f')) {
		fputs("usage: rpmsg-rate rtt FILE SIZE COUNT\n"
		      "       rpmsg-rate flow FILE SIZE COUNT WINDOW\n", stderr);
		return 2;
	}
	fd = open(argv[2], O_RDWR | O_NONBLOCK);
	if (fd < 0)
		fail(argv[2]);
	size = strtoul(argv[3], NULL, 0);
	count = strtoul(argv[4], NULL, 0);
	if (argc > 5)
		window = strtoul(argv[5], NULL, 0);
	if (!size || size > MAX_SIZE || !count || !window)
		wrong("sizes are 1 to 496, counts at least 1");
	begun = calloc(count, sizeof(*begun));
	samples = calloc(count, sizeof(*samples));
	if (!begun || !samples)
		fail("calloc");

	begin = now_ns();
	for (done = 0; done < count; done++) {
		while (sent < count && sent - done < window) {
			begun[sent] = now_ns();
			send_one(fd, size, sent++);
		}
		receive_one(fd, size, done);
		samples[done] = now_ns() - begun[done];
		total += samples[done];
	}
	if (window > 1)
		total = now_ns() - begin;
	print_samples(samples, count);
	printf(" %llu\n", (unsigned long long)total);

	return 0;
}
