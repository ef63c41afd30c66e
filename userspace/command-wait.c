// SPDX-License-Identifier: GPL-2.0-only
/*
 * -w: print events. --answer: send signals back to where they came from.
 */
#include <fcntl.h>
#include <stdio.h>

#include "command.h"
#include "device.h"
#include "interrupt.h"
#include "json.h"
#include "report.h"

#define EVENTS_AT_ONCE 64
#define ANSWER_TIMEOUT_MS 10000

/* What is still to be waited for. */
struct waiting {
	struct device device;
	s64 deadline_ms;
	u64 signals;
	u64 wanted; /* 0: no limit */
	bool has_seqno;
	u32 seqno;
};

static void print_event_json(const struct sdm_event *event, u32 lost)
{
	json_open(NULL, '{');
	switch (event->type) {
	case SDM_EVENT_SIGNAL:
		json_string("event", "signal");
		json_number("signal", event->signal);
		json_number("peer", event->peer);
		json_open("payload", '[');
		json_hex(NULL, event->payload[0]);
		json_hex(NULL, event->payload[1]);
		json_close(']');
		break;
	case SDM_EVENT_PEER:
		json_string("event", "peer");
		json_number("peer", event->peer);
		json_string("state", state_name(event->state));
		json_bool("driver", event->flags & SDM_PEER_FLAG_DRIVER);
		json_number("generation", event->generation);
		break;
	case SDM_EVENT_OVERFLOW:
		json_string("event", "overflow");
		json_number("lost", lost);
		break;
	default:
		json_string("event", "unknown");
		json_number("type", event->type);
	}
	json_number("seqno", event->seqno);
	json_number("timestamp_ns", event->timestamp_ns);
	json_close('}');
}

static void print_event(const struct sdm_event *event, u32 lost)
{
	if (verbose)
		printf("[%5llu.%06llu] ", event->timestamp_ns / 1000000000,
		       event->timestamp_ns % 1000000000 / 1000);
	switch (event->type) {
	case SDM_EVENT_SIGNAL:
		printf("signal %u from %u payload 0x%llx 0x%llx\n",
		       event->signal, event->peer, event->payload[0],
		       event->payload[1]);
		break;
	case SDM_EVENT_PEER:
		printf("peer %u %s%s\n", event->peer, state_name(event->state),
		       event->flags & SDM_PEER_FLAG_DRIVER ? " driver" : "");
		break;
	case SDM_EVENT_OVERFLOW:
		printf("overflow lost %u\n", lost);
		break;
	default:
		printf("unknown event %u\n", event->type);
	}
}

/* Number of events that were dropped before this one. */
static u32 count_lost(struct waiting *waiting, const struct sdm_event *event)
{
	u32 lost = 0;

	if (waiting->has_seqno)
		lost = event->seqno - waiting->seqno - 1;
	waiting->has_seqno = true;
	waiting->seqno = event->seqno;
	return lost;
}

static bool complete(const struct waiting *waiting)
{
	return waiting->wanted && waiting->signals >= waiting->wanted;
}

static int start_waiting(struct waiting *waiting, const struct options *options,
			 int flags)
{
	u32 number;

	*waiting = (struct waiting){
		.deadline_ms = -1,
		.wanted = options->count,
	};
	if (operand_u32(options->operands[0], "DEV", &number))
		return EXIT_USAGE;
	if (device_open(&waiting->device, number, flags))
		return EXIT_FAILED;
	if (options->given & OPTION_TIMEOUT)
		waiting->deadline_ms = now_ms() + options->timeout_ms;
	return EXIT_OK;
}

/*
 * Without --count the end of the time is the end that was asked for; with it,
 * signals are missing.
 */
static int finish_waiting(struct waiting *waiting)
{
	if (!waiting->wanted || complete(waiting))
		return EXIT_OK;
	error("%llu of %llu signals arrived in time", waiting->signals,
	      waiting->wanted);
	return EXIT_FAILED;
}

static int print_events(struct waiting *waiting, const struct options *options)
{
	struct sdm_event events[EVENTS_AT_ONCE];
	int i, n;

	while (!complete(waiting)) {
		n = device_events(&waiting->device, events, EVENTS_AT_ONCE,
				  waiting->deadline_ms);
		if (n < 0)
			return EXIT_FAILED;
		if (!n)
			break;
		for (i = 0; i < n && !complete(waiting); i++) {
			u32 lost = count_lost(waiting, &events[i]);

			if (events[i].type == SDM_EVENT_SIGNAL)
				waiting->signals++;
			if (options->json)
				print_event_json(&events[i], lost);
			else if (!quiet)
				print_event(&events[i], lost);
		}
		/* Whoever reads this wants it now. */
		if (flush_stdout())
			return EXIT_FAILED;
	}
	return finish_waiting(waiting);
}

int command_wait(const struct options *options)
{
	struct waiting waiting;
	int ret;

	ret = start_waiting(&waiting, options, O_RDONLY);
	if (ret)
		return ret;
	explain("waiting for events of %s", waiting.device.path);
	ret = print_events(&waiting, options);
	device_close(&waiting.device);
	return ret;
}

static void answer(struct waiting *waiting, const struct sdm_event *event)
{
	struct sdm_send send = {
		.peer = event->peer,
		.signal = event->signal,
		.timeout_ms = ANSWER_TIMEOUT_MS,
		.payload = { event->payload[0], event->payload[1] },
	};

	/* One's own signals would go round for ever. */
	if (event->peer == waiting->device.info.id)
		return;
	/* A sender that has gone must not end the service for the others. */
	if (!device_send(&waiting->device, &send))
		waiting->signals++;
}

static int answer_events(struct waiting *waiting)
{
	struct sdm_event events[EVENTS_AT_ONCE];
	int i, n;

	while (!complete(waiting)) {
		n = device_events(&waiting->device, events, EVENTS_AT_ONCE,
				  waiting->deadline_ms);
		if (interrupted())
			return EXIT_OK;
		if (n < 0)
			return EXIT_FAILED;
		if (!n)
			break;
		for (i = 0; i < n && !complete(waiting); i++) {
			if (events[i].type == SDM_EVENT_SIGNAL)
				answer(waiting, &events[i]);
			else if (events[i].type == SDM_EVENT_OVERFLOW)
				error("signals were lost: they came faster than the answers");
		}
	}
	return finish_waiting(waiting);
}

int command_answer(const struct options *options)
{
	struct waiting waiting;
	int ret;

	ret = start_waiting(&waiting, options, O_RDWR);
	if (ret)
		return ret;
	/* All signals, but no changes of peers. */
	if (device_subscribe(&waiting.device, U64_MAX, 0)) {
		device_close(&waiting.device);
		return EXIT_FAILED;
	}
	if (!quiet && !options->json)
		printf("answering on %s\n", waiting.device.path);
	ret = flush_stdout() ? EXIT_FAILED : answer_events(&waiting);
	device_close(&waiting.device);
	return ret;
}
