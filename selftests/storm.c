// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many signals as there is room for, in both directions, for tests in which
 * somebody else does something to the machines meanwhile: "storm" runs on both,
 * a master and a slave or two slaves, with the same session.
 *
 *	storm PEER SESSION [PAUSE_MS]
 *
 * Each side numbers its signals, and tells the other one how many it has taken.
 * No more are under way than an open file keeps, so each one has to arrive, once
 * and in order: anything else is counted as wrong.
 *
 * SIGUSR1 makes it send no more, wait for what is under way, and say "drained".
 * It ends by SIGTERM, or when the other side or the device has gone; its last
 * line is
 *
 *	end WHY sent N taken N received N wrong N
 *
 * where "taken" is what the other side has told, and WHY an error, a state of
 * the peer, "driver" (the peer's has gone), "generation" (it has connected
 * anew), or "told".
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/* An open file keeps 256 records: all of these, the other kind, and more. */
#define UNDER_WAY 128
/* How many are taken before the other side is told. */
#define AT_ONCE 16
/* Signals of nobody who listened yet are not said again before that. */
#define HELLO_MS 200
#define STATUS_MS 200
/* What is still to be read when the other side has gone. */
#define LINGER_MS 500

static const char *const states[] = { "absent", "connecting", "reset",
				      "running", "lost" };

struct storm {
	int fd;
	uint32_t peer;
	uint32_t generation;
	uint32_t data;
	uint32_t tell;
	uint64_t session;
	unsigned int pause_ms;
	uint64_t sent;
	uint64_t taken;
	uint64_t received;
	uint64_t told;
	uint64_t wrong;
	bool heard;
	bool drained;
	const char *why;
};

static volatile sig_atomic_t stop_sending;
static volatile sig_atomic_t terminated;

static void catch_stop(int sig)
{
	stop_sending = 1;
}

static void catch_end(int sig)
{
	terminated = 1;
}

static void status(const struct storm *storm, const char *what)
{
	printf("%s sent %llu taken %llu received %llu wrong %llu\n", what,
	       (unsigned long long)storm->sent,
	       (unsigned long long)storm->taken,
	       (unsigned long long)storm->received,
	       (unsigned long long)storm->wrong);
	fflush(stdout);
}

static void wrong(struct storm *storm, const char *what, uint64_t number)
{
	storm->wrong++;
	/* What comes after the first one may just follow from it. */
	if (storm->wrong > 10)
		return;
	printf("wrong: %s %llu, wanted %llu\n", what,
	       (unsigned long long)number, (unsigned long long)storm->received);
	fflush(stdout);
}

static void take_signal(struct storm *storm, const struct sdm_event *event)
{
	uint64_t number = event->payload[0];

	/* Of an earlier run: signals may outlive who sent them. */
	if (event->peer != storm->peer || event->payload[1] != storm->session)
		return;
	storm->heard = true;
	if (event->signal == storm->tell) {
		if (number < storm->taken || number > storm->sent)
			wrong(storm, "taken", number);
		storm->taken = number;
	} else if (number == storm->received) {
		storm->received++;
	} else {
		wrong(storm, "number", number);
	}
}

static void take_change(struct storm *storm, const struct sdm_event *event)
{
	if (event->peer != storm->peer || storm->why)
		return;
	if (event->generation != storm->generation)
		storm->why = "generation";
	if (event->state != SDM_STATE_RUNNING)
		storm->why = event->state < 5 ? states[event->state] : "?";
	else if (!(event->flags & SDM_PEER_FLAG_DRIVER))
		storm->why = "driver";
}

static void take_events(struct storm *storm)
{
	struct sdm_event events[32];
	ssize_t n, i;

	n = read(storm->fd, events, sizeof(events));
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		storm->why = strerrorname_np(errno);
	for (i = 0; i < n / (ssize_t)sizeof(events[0]); i++) {
		if (events[i].type == SDM_EVENT_SIGNAL)
			take_signal(storm, &events[i]);
		else if (events[i].type == SDM_EVENT_PEER)
			take_change(storm, &events[i]);
		else
			wrong(storm, "overflow", events[i].seqno);
	}
}

/* Returns whether it was sent; what fails for good ends the storm. */
static bool try_send(struct storm *storm, uint32_t signal, uint64_t number)
{
	int ret = send_signal(storm->fd, storm->peer, signal, number,
			      storm->session, 0);

	if (ret && ret != -EAGAIN && ret != -EINTR && !storm->why)
		storm->why = strerrorname_np(-ret);
	return !ret;
}

static bool may_send(const struct storm *storm)
{
	return storm->heard && !stop_sending &&
	       storm->sent - storm->taken < UNDER_WAY;
}

static bool must_tell(const struct storm *storm, bool quiet)
{
	return storm->received - storm->told >= (quiet ? 1 : AT_ONCE);
}

static void send_some(struct storm *storm, bool quiet)
{
	if (must_tell(storm, quiet)) {
		if (!try_send(storm, storm->tell, storm->received))
			return;
		storm->told = storm->received;
	}
	while (may_send(storm) && !storm->why &&
	       try_send(storm, storm->data, storm->sent)) {
		storm->sent++;
		if (storm->pause_ms)
			break;
	}
}

/* What had come before the end is there to be read still. */
static void linger(struct storm *storm)
{
	struct pollfd pollfd = { .fd = storm->fd, .events = POLLIN };
	uint64_t end = now_ms() + LINGER_MS;

	while (now_ms() < end && poll(&pollfd, 1, 50) >= 0) {
		if (pollfd.revents & (POLLHUP | POLLERR))
			return;
		if (pollfd.revents & POLLIN)
			take_events(storm);
	}
}

/*
 * A call may tell of the end before the event does, which has to come, too:
 * the error of the call remains the reason.
 */
static void run(struct storm *storm)
{
	uint64_t hello = 0, told = now_ms(), sent = 0;

	while (!storm->why && !terminated) {
		struct pollfd pollfd = { .fd = storm->fd, .events = POLLIN };
		uint64_t now = now_ms();
		bool quiet, pause;
		int n;

		if (!storm->heard && now - hello >= HELLO_MS) {
			try_send(storm, storm->tell, 0);
			hello = now;
		}
		pause = storm->pause_ms && now - sent < storm->pause_ms;
		if ((may_send(storm) && !pause) || must_tell(storm, false))
			pollfd.events |= POLLOUT;
		n = poll(&pollfd, 1, storm->pause_ms ? storm->pause_ms : 20);
		quiet = !n;
		if (n > 0 && pollfd.revents & (POLLIN | POLLHUP | POLLERR)) {
			bool heard = storm->heard;

			take_events(storm);
			/* The other one may not have heard anything yet. */
			if (!heard && storm->heard)
				try_send(storm, storm->tell, 0);
		}
		if (!storm->why && !pause) {
			send_some(storm, quiet || storm->pause_ms);
			sent = now;
		}
		if (now - told >= STATUS_MS) {
			status(storm, "now");
			told = now;
		}
		if (stop_sending && !storm->drained &&
		    storm->taken == storm->sent) {
			storm->drained = true;
			status(storm, "drained");
		}
	}
}

int main(int argc, char **argv)
{
	struct sdm_subscribe subscription = { .flags = SDM_SUBSCRIBE_PEER };
	struct sdm_info self = { 0 };
	struct sdm_peer_info info;
	struct storm storm = { 0 };
	uint32_t slave;
	char text[80];
	int ret;

	if (argc < 3) {
		fprintf(stderr, "storm PEER SESSION [PAUSE_MS]\n");
		return 2;
	}
	storm.peer = atoi(argv[1]);
	storm.session = strtoull(argv[2], NULL, 0);
	storm.pause_ms = argc > 3 ? atoi(argv[3]) : 0;
	signal(SIGUSR1, catch_stop);
	signal(SIGTERM, catch_end);
	storm.fd = open_device(0, O_RDWR | O_NONBLOCK);
	ret = storm.fd < 0 ? storm.fd : 0;
	if (!ret)
		ret = call(storm.fd, SDM_IOC_GET_INFO, &self);
	slave = storm.peer > self.id ? storm.peer : self.id;
	storm.data = STORM_DATA(slave);
	storm.tell = STORM_TAKEN(slave);
	subscription.signals = SIGNAL_BIT(storm.data) | SIGNAL_BIT(storm.tell);
	if (!ret)
		ret = call(storm.fd, SDM_IOC_SUBSCRIBE, &subscription);
	if (!ret)
		ret = get_peer(storm.fd, storm.peer, &info);
	if (ret) {
		printf("end %s\n", strerrorname_np(-ret));
		return 1;
	}
	/* Not what came between opening and subscribing. */
	drain(storm.fd);
	storm.generation = info.generation;
	printf("begun\n");
	fflush(stdout);
	run(&storm);
	if (storm.why)
		linger(&storm);
	snprintf(text, sizeof(text), "end %s", storm.why ? storm.why : "told");
	status(&storm, text);
	return 0;
}
