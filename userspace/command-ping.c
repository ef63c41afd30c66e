// SPDX-License-Identifier: GPL-2.0-only
/*
 * --ping: how long a signal takes to a peer and back.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "device.h"
#include "interrupt.h"
#include "json.h"
#include "report.h"

#define DEFAULT_COUNT 1000
#define MAX_COUNT 1000000
#define DEFAULT_TIMEOUT_MS 10000
#define EVENTS_AT_ONCE 16

struct ping {
	struct device device;
	u32 peer;
	u32 signal;
	u32 timeout_ms;
	u32 count;
	u64 *times;
	u64 total;
};

/* Any will do for --answer, but those that boot and reset. */
static u32 harmless_signal(const struct sdm_peer_info *peer)
{
	u32 signal = 0;

	while (signal == peer->boot_signal || signal == peer->reset_signal)
		signal++;
	return signal;
}

static bool is_answer(const struct ping *ping, const struct sdm_event *event,
		      u64 number)
{
	return event->type == SDM_EVENT_SIGNAL && event->peer == ping->peer &&
	       event->signal == ping->signal && event->payload[0] == number;
}

/* Returns 0 when the answer to signal @number is there, else -1. */
static int wait_answer(const struct ping *ping, u64 number)
{
	s64 deadline_ms = now_ms() + ping->timeout_ms;
	struct sdm_event events[EVENTS_AT_ONCE];
	int i, n;

	for (;;) {
		n = device_events(&ping->device, events, EVENTS_AT_ONCE,
				  deadline_ms);
		if (n < 0)
			return -1;
		if (!n) {
			error("%s does not answer; run 'sdm-test --answer' there",
			      peer_name(ping->peer));
			return -1;
		}
		for (i = 0; i < n; i++) {
			if (is_answer(ping, &events[i], number))
				return 0;
		}
	}
}

/* One's own answers are those that have a number that nobody else uses. */
static u64 first_number(void)
{
	return now_ns() << 20;
}

static int measure(struct ping *ping)
{
	struct sdm_send send = {
		.peer = ping->peer,
		.signal = ping->signal,
		.timeout_ms = ping->timeout_ms,
		.payload[0] = first_number(),
	};
	u64 start = now_ns();
	u32 i;

	for (i = 0; i < ping->count; i++, send.payload[0]++) {
		u64 begin = now_ns();

		if (device_send(&ping->device, &send) ||
		    wait_answer(ping, send.payload[0])) {
			if (interrupted())
				error("interrupted");
			return -1;
		}
		ping->times[i] = now_ns() - begin;
	}
	ping->total = now_ns() - start;
	return 0;
}

static int compare_times(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

static void print_times(struct ping *ping, const struct options *options)
{
	const u64 *times = ping->times;
	u32 count = ping->count;
	u64 median, p99;

	qsort(ping->times, count, sizeof(*times), compare_times);
	median = times[count / 2];
	p99 = times[count - 1 - count / 100];

	if (options->json) {
		json_open(NULL, '{');
		json_number("device", ping->device.number);
		json_number("peer", ping->peer);
		json_number("signal", ping->signal);
		json_number("count", count);
		json_number("median_ns", median);
		json_number("p99_ns", p99);
		json_number("min_ns", times[0]);
		json_number("max_ns", times[count - 1]);
		json_number("total_ns", ping->total);
		json_close('}');
	} else if (!quiet) {
		printf("%u round trips of signal %u: median %.1f us, 99 %% within %.1f us, best %.1f us\n",
		       count, ping->signal, median / 1e3, p99 / 1e3,
		       times[0] / 1e3);
	}
}

static int ping_peer(struct ping *ping)
{
	struct sdm_peer_info peer;

	if (device_peer(&ping->device, ping->peer, &peer))
		return -1;
	if (peer.flags & SDM_PEER_FLAG_SELF) {
		error("ID %u is this machine itself, which would hear itself; give the ID of another one",
		      ping->peer);
		return -1;
	}
	ping->signal = harmless_signal(&peer);
	if (device_subscribe(&ping->device, 1ull << ping->signal, 0))
		return -1;

	ping->times = calloc(ping->count, sizeof(*ping->times));
	if (!ping->times) {
		error("out of memory");
		return -1;
	}
	return measure(ping);
}

int command_ping(const struct options *options)
{
	struct ping ping = {
		.count = DEFAULT_COUNT,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
	};
	u32 number;
	int ret;

	if (operand_u32(options->operands[0], "DEV", &number) ||
	    operand_u32(options->operands[1], "PEER", &ping.peer))
		return EXIT_USAGE;
	if (options->given & OPTION_TIMEOUT)
		ping.timeout_ms = options->timeout_ms;
	if (options->given & OPTION_COUNT) {
		if (options->count > MAX_COUNT)
			return usage_error(
				"--count %llu is too much; --ping takes up to %u",
				options->count, MAX_COUNT);
		ping.count = options->count;
	}

	interrupt_catch();
	if (device_open(&ping.device, number, O_RDWR))
		return EXIT_FAILED;
	ret = ping_peer(&ping);
	if (!ret)
		print_times(&ping, options);
	free(ping.times);
	device_close(&ping.device);
	return ret ? EXIT_FAILED : EXIT_OK;
}
