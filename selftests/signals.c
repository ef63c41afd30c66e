// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: to oneself, between the two devices of one machine, and to a slave
 * that sends them back (responder, or sdm-test --answer).
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

/*
 * What is sent on "from" to ID "peer" arrives on "to" as from ID "source".
 */
FIXTURE(signals) {
	int from;
	int to;
	uint32_t peer;
	uint32_t source;
	uint64_t usable; /* bitmap of the signals that arrive */
};

FIXTURE_VARIANT(signals) {
	enum { SELF, DOWN, UP, SLAVE } way;
};

FIXTURE_VARIANT_ADD(signals, self) { .way = SELF };
FIXTURE_VARIANT_ADD(signals, pair_down) { .way = DOWN };
FIXTURE_VARIANT_ADD(signals, pair_up) { .way = UP };
FIXTURE_VARIANT_ADD(signals, slave) { .way = SLAVE };

static int id_of(int fd)
{
	struct sdm_info info = { 0 };
	int ret = call(fd, SDM_IOC_GET_INFO, &info);

	return ret ? ret : (int)info.id;
}

/* The device after the master's is the slave's, if there is one. */
static int setup_pair(FIXTURE_DATA(signals) *self, int number, bool down)
{
	int master = open_device(number, O_RDWR);
	int slave = open_device(number + 1, O_RDWR);

	if (master < 0 || slave < 0)
		return -ENOENT;
	self->from = down ? master : slave;
	self->to = down ? slave : master;
	self->peer = id_of(self->to);
	self->source = id_of(self->from);
	return 0;
}

static int setup_slave(FIXTURE_DATA(signals) *self, int number)
{
	struct sdm_peer_info info;
	struct test_memory memory;
	int id, ret;

	self->from = open_device(number, O_RDWR);
	self->to = self->from;
	id = find_slave(self->from);
	if (id < 0)
		return id;
	ret = find_memory(self->from, id, &memory);
	if (ret && ret != -ENXIO)
		return ret;
	get_peer(self->from, id, &info);
	self->peer = id;
	self->source = id;
	/* Not those that are requests, and not those with an action. */
	self->usable = 0xffff0000fffffffcull;
	return info.boot_signal < 2 && info.reset_signal < 2 ? 0 : -EINVAL;
}

FIXTURE_SETUP(signals)
{
	int number = find_device();
	int ret;

	if (number < 0)
		SKIP(return, NO_DEVICE);
	self->usable = ~0ull;
	switch (variant->way) {
	case SELF:
		self->from = open_device(number, O_RDWR);
		self->to = self->from;
		break;
	case DOWN:
	case UP:
		ret = setup_pair(self, number, variant->way == DOWN);
		if (ret)
			SKIP(return, "no second device");
		break;
	case SLAVE:
		ret = setup_slave(self, number);
		if (ret)
			SKIP(return, NO_RESPONDER);
		break;
	}
	ASSERT_EQ(0, subscribe(self->from, 0));
	ASSERT_EQ(0, subscribe(self->to, self->usable));
	drain(self->to);
}

FIXTURE_TEARDOWN(signals)
{
	close(self->from);
	if (self->to != self->from)
		close(self->to);
}

static int send_one(FIXTURE_DATA(signals) *self, uint32_t signal, uint64_t p0,
		    uint64_t p1)
{
	return send_signal(self->from, self->peer, signal, p0, p1,
			   PATIENCE_MS);
}

TEST_F(signals, payload)
{
	static const uint64_t values[] = {
		0, 1, 0x80000000, 0xffffffff, 0x100000000, 0x8000000000000000,
		0xffffffff00000000, 0xffffffffffffffff, 0x0123456789abcdef,
	};
	const size_t n = sizeof(values) / sizeof(values[0]);
	struct sdm_event event;
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++) {
			ASSERT_EQ(0, send_one(self, TEST_SIGNAL_A, values[i],
					      values[k]));
			ASSERT_EQ(0, next_from(self->to, self->source, &event,
				       PATIENCE_MS));
			EXPECT_EQ(SDM_EVENT_SIGNAL, event.type);
			EXPECT_EQ(TEST_SIGNAL_A, event.signal);
			EXPECT_EQ(self->source, event.peer);
			EXPECT_EQ(values[i], event.payload[0]);
			EXPECT_EQ(values[k], event.payload[1]);
		}
	}
}

TEST_F(signals, all_numbers)
{
	struct sdm_event event;
	uint32_t signal;

	for (signal = 0; signal < 64; signal++) {
		if (!(self->usable & SIGNAL_BIT(signal)))
			continue;
		ASSERT_EQ(0, send_one(self, signal, signal, 0));
		ASSERT_EQ(0, next_from(self->to, self->source, &event,
				       PATIENCE_MS));
		EXPECT_EQ(signal, event.signal);
		EXPECT_EQ(signal, event.payload[0]);
	}
}

/* The payload of one signal must not leak into the next. */
TEST_F(signals, no_payload_is_zero)
{
	struct sdm_event event;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, send_one(self, TEST_SIGNAL_A, i % 2 ? 0 : ~0ull,
				      0));
		ASSERT_EQ(0, next_from(self->to, self->source, &event,
				       PATIENCE_MS));
		EXPECT_EQ(i % 2 ? 0 : ~0ull, event.payload[0]);
		EXPECT_EQ(0, event.payload[1]);
	}
}

/* Many under way at once: none is lost, none comes twice, the order stays. */
TEST_F_TIMEOUT(signals, order, 120)
{
	enum { COUNT = 2000, AHEAD = 100 };
	struct sdm_event event;
	int sent = 0, received = 0;
	int ret;

	while (received < COUNT) {
		while (sent < COUNT && sent - received < AHEAD) {
			ret = send_signal(self->from, self->peer,
					  TEST_SIGNAL_A, sent, ~(uint64_t)sent,
					  0);
			if (ret == -EAGAIN && sent > received)
				break;
			if (ret != -EAGAIN)
				ASSERT_EQ(0, ret);
			sent += !ret;
		}
		ASSERT_EQ(0, next_from(self->to, self->source, &event,
				       PATIENCE_MS));
		ASSERT_EQ(SDM_EVENT_SIGNAL, event.type);
		ASSERT_EQ(received, event.payload[0]);
		ASSERT_EQ(~(uint64_t)received, event.payload[1]);
		received++;
	}
	EXPECT_EQ(-ETIMEDOUT, next_from(self->to, self->source, &event, 100));
}

#define EACH_SENDS 500
/* Under way at a time, of each sender: readers have room for 255. */
#define EACH_AHEAD 50

struct sender {
	FIXTURE_DATA(signals) *self;
	pthread_t thread;
	uint64_t name;
	unsigned int received;
	int ret;
};

static void *send_many(void *data)
{
	struct sender *sender = data;
	uint64_t i;

	for (i = 0; i < EACH_SENDS && !sender->ret; i++) {
		while (i - __atomic_load_n(&sender->received,
					   __ATOMIC_SEQ_CST) > EACH_AHEAD)
			sleep_ms(1);
		sender->ret = send_one(sender->self, TEST_SIGNAL_A,
				       sender->name << 32 | i,
				       ~(sender->name << 32 | i));
	}
	return NULL;
}

/* The payload registers are one for all senders. */
TEST_F_TIMEOUT(signals, several_senders, 120)
{
	enum { SENDERS = 4 };
	struct sender senders[SENDERS] = { 0 };
	struct sdm_event event;
	int i;

	for (i = 0; i < SENDERS; i++) {
		senders[i].self = self;
		senders[i].name = i;
		ASSERT_EQ(0, pthread_create(&senders[i].thread, NULL,
					    send_many, &senders[i]));
	}
	for (i = 0; i < SENDERS * EACH_SENDS; i++) {
		uint64_t name;

		ASSERT_EQ(0, next_from(self->to, self->source, &event,
				       PATIENCE_MS));
		ASSERT_EQ(SDM_EVENT_SIGNAL, event.type);
		ASSERT_EQ(~event.payload[0], event.payload[1]);
		name = event.payload[0] >> 32;
		ASSERT_LT(name, SENDERS);
		ASSERT_EQ(senders[name].received, (uint32_t)event.payload[0]);
		__atomic_add_fetch(&senders[name].received, 1,
				   __ATOMIC_SEQ_CST);
	}
	for (i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		EXPECT_EQ(0, senders[i].ret);
	}
}

/*
 * Floods between master and slave.
 */
FIXTURE(flood) {
	int number;
	int fd;
	int asker;
	uint32_t peer;
};

FIXTURE_SETUP(flood)
{
	struct test_memory memory;
	int id, ret;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_device(self->number, O_RDWR);
	self->asker = open_asker(self->number);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->asker);
	id = find_slave(self->fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	self->peer = id;
	ret = find_memory(self->asker, id, &memory);
	if (ret && ret != -ENXIO)
		SKIP(return, NO_RESPONDER);
	ASSERT_EQ(0, subscribe(self->fd, SIGNAL_BIT(TEST_SIGNAL_A) |
					 SIGNAL_BIT(TEST_SIGNAL_B)));
	drain(self->fd);
}

FIXTURE_TEARDOWN(flood)
{
	close(self->asker);
	close(self->fd);
}

/* As fast as they can be sent; not more than the reader may leave. */
TEST_F_TIMEOUT(flood, down, 120)
{
	enum { ROUNDS = 20, BURST = 200 };
	uint64_t answer[2];
	int round, i;

	ASSERT_EQ(0, ask(self->asker, self->peer, REQUEST_COUNT, 0, 0,
			 answer));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < BURST; i++)
			ASSERT_EQ(0, send_signal(self->fd, self->peer,
						 REQUEST_TICK, i, 0,
						 PATIENCE_MS));
		ASSERT_EQ(0, ask(self->asker, self->peer, REQUEST_COUNT, 0, 0,
				 answer));
		ASSERT_EQ(BURST, answer[0]);
		ASSERT_EQ(0, answer[1]);
	}
}

struct flood {
	FIXTURE_DATA(flood) *self;
	uint64_t count;
	int ret;
};

static void *make_flood(void *data)
{
	struct flood *flood = data;
	uint64_t answer[2];

	flood->ret = ask(flood->self->asker, flood->self->peer, REQUEST_FLOOD,
			 flood->count, TEST_SIGNAL_A, answer);
	return NULL;
}

struct loopback {
	FIXTURE_DATA(flood) *self;
	volatile bool stop;
	unsigned int count;
	int ret;
};

/* To oneself and back, as often as it can be done. */
static void *make_loopbacks(void *data)
{
	struct loopback *loopback = data;
	struct sdm_event event;
	int fd;

	fd = open_device(loopback->self->number, O_RDWR);
	subscribe(fd, SIGNAL_BIT(TEST_SIGNAL_B));
	drain(fd);
	while (!loopback->stop && !loopback->ret) {
		loopback->ret = send_signal(fd, 0, TEST_SIGNAL_B,
					    loopback->count, 0, PATIENCE_MS);
		if (!loopback->ret)
			loopback->ret = next_event(fd, &event, PATIENCE_MS);
		if (!loopback->ret && event.payload[0] != loopback->count)
			loopback->ret = -EBADMSG;
		loopback->count++;
	}
	close(fd);
	return NULL;
}

/*
 * Each signal is delivered or counted as dropped, those that are delivered are
 * in order, and one's own signals come through in between.
 */
TEST_F_TIMEOUT(flood, up, 120)
{
	struct flood flood = { .self = self, .count = 5000 };
	struct loopback loopback = { .self = self };
	uint64_t next = 0, total = 0, dropped = 0;
	pthread_t flood_thread, loopback_thread;
	struct sdm_event event;
	uint32_t seqno;

	ASSERT_EQ(0, subscribe(self->fd, SIGNAL_BIT(TEST_SIGNAL_A)));
	ASSERT_EQ(0, send_signal(self->fd, 0, TEST_SIGNAL_A, 0, 0, 0));
	ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
	seqno = event.seqno;
	ASSERT_EQ(0, pthread_create(&loopback_thread, NULL, make_loopbacks,
				    &loopback));
	ASSERT_EQ(0, pthread_create(&flood_thread, NULL, make_flood, &flood));
	while (total + dropped < flood.count) {
		ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
		if (event.type == SDM_EVENT_OVERFLOW) {
			/* Less the overflow itself */
			dropped += event.seqno - seqno - 1;
		} else {
			ASSERT_EQ(seqno + 1, event.seqno);
			ASSERT_EQ(self->peer, event.peer);
			ASSERT_LE(next, event.payload[0]);
			next = event.payload[0] + 1;
			total++;
		}
		seqno = event.seqno;
	}
	loopback.stop = true;
	pthread_join(loopback_thread, NULL);
	pthread_join(flood_thread, NULL);
	EXPECT_EQ(0, flood.ret);
	EXPECT_EQ(0, loopback.ret);
	EXPECT_EQ(flood.count, total + dropped);
	EXPECT_LT(10, loopback.count);
	TH_LOG("%u delivered, %u dropped, %u own", (unsigned int)total,
	       (unsigned int)dropped, loopback.count);
}

/*
 * Back-pressure: the second device has no driver, so that nobody takes what is
 * sent to it.
 */
FIXTURE(back_pressure) {
	int number;
	int fd;
	uint32_t peer;
	uint32_t credits;
	char name[64];
};

FIXTURE_SETUP(back_pressure)
{
	struct sdm_peer_info info;
	int other;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	if (getuid())
		SKIP(return, NO_ROOT);
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	other = open_device(self->number + 1, O_RDWR);
	if (other < 0)
		SKIP(return, "no second device");
	self->peer = id_of(other);
	close(other);
	ASSERT_EQ(0, platform_name(self->number + 1, self->name,
				   sizeof(self->name)));
	ASSERT_EQ(0, subscribe(self->fd, ~0ull));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &info));
	EXPECT_TRUE(info.flags & SDM_PEER_FLAG_DRIVER);
	ASSERT_EQ(0, write_file("/sys/bus/platform/drivers/sdm-platform/unbind",
				self->name));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &info));
	EXPECT_EQ(0, info.flags & SDM_PEER_FLAG_DRIVER);
	self->credits = info.credits;
	EXPECT_LT(0, self->credits);
}

FIXTURE_TEARDOWN(back_pressure)
{
	write_file("/sys/bus/platform/drivers/sdm-platform/bind", self->name);
	close(self->fd);
}

static int send_to_full(FIXTURE_DATA(back_pressure) *self, uint32_t timeout_ms)
{
	return send_signal(self->fd, self->peer, TEST_SIGNAL_A, 0, 0,
			   timeout_ms);
}

static void fill_up(struct __test_metadata *_metadata,
		    FIXTURE_DATA(back_pressure) *self)
{
	uint32_t i;

	for (i = 0; i < self->credits; i++)
		ASSERT_EQ(0, send_to_full(self, 0));
	ASSERT_EQ(-EAGAIN, send_to_full(self, 0));
}

static short poll_out(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, timeout_ms) < 0 ? -1 : pollfd.revents;
}

TEST_F(back_pressure, as_many_as_credits)
{
	struct sdm_peer_info info;

	fill_up(_metadata, self);
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &info));
	EXPECT_EQ(0, info.credits);
	EXPECT_EQ(-EAGAIN, send_to_full(self, 0));
}

TEST_F(back_pressure, timeout)
{
	uint64_t begun;

	fill_up(_metadata, self);
	begun = now_ms();
	EXPECT_EQ(-ETIMEDOUT, send_to_full(self, 300));
	EXPECT_LE(300, now_ms() - begun);
	EXPECT_GT(5000, now_ms() - begun);
	/* O_NONBLOCK takes precedence. */
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	begun = now_ms();
	EXPECT_EQ(-EAGAIN, send_to_full(self, 60000));
	EXPECT_GT(5000, now_ms() - begun);
}

/* Who is full is a matter between the two. */
TEST_F(back_pressure, others_do_not_suffer)
{
	struct sdm_event event;
	int i;

	fill_up(_metadata, self);
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, send_signal(self->fd, 0, TEST_SIGNAL_B, i, 0, 0));
		ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
		ASSERT_EQ(i, event.payload[0]);
	}
}

static void *bind_later(void *data)
{
	FIXTURE_DATA(back_pressure) *self = data;

	sleep_ms(300);
	write_file("/sys/bus/platform/drivers/sdm-platform/bind", self->name);
	return NULL;
}

TEST_F(back_pressure, poll)
{
	pthread_t thread;

	EXPECT_EQ(POLLOUT, poll_out(self->fd, 0));
	fill_up(_metadata, self);
	EXPECT_EQ(0, poll_out(self->fd, 0));
	EXPECT_EQ(0, poll_out(self->fd, 100));
	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_later, self));
	EXPECT_EQ(POLLOUT, poll_out(self->fd, PATIENCE_MS));
	EXPECT_EQ(0, send_to_full(self, 0));
	pthread_join(thread, NULL);
}

/* A sender that waits goes on as soon as there is room. */
TEST_F(back_pressure, sender_wakes_up)
{
	uint64_t begun = now_ms();
	pthread_t thread;

	fill_up(_metadata, self);
	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_later, self));
	EXPECT_EQ(0, send_to_full(self, PATIENCE_MS));
	EXPECT_LE(250, now_ms() - begun);
	EXPECT_GT(PATIENCE_MS, now_ms() - begun);
	pthread_join(thread, NULL);
}

static void *send_and_wait(void *data)
{
	FIXTURE_DATA(back_pressure) *self = data;

	return (void *)(intptr_t)send_to_full(self, PATIENCE_MS);
}

/* All senders that wait, not one of them */
TEST_F(back_pressure, all_senders_wake_up)
{
	enum { SENDERS = 8 };
	pthread_t threads[SENDERS];
	void *ret;
	int i;

	fill_up(_metadata, self);
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_and_wait,
					    self));
	bind_later(self);
	for (i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], &ret);
		EXPECT_EQ(0, (intptr_t)ret);
	}
}

static void ignore(int sig)
{
}

TEST_F(back_pressure, sender_is_interrupted)
{
	struct sigaction action = { .sa_handler = ignore };
	struct itimerval timer = { .it_value.tv_usec = 200000 };

	fill_up(_metadata, self);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-EINTR, send_to_full(self, PATIENCE_MS));
}

/* What is in the queue when a driver comes is not for that driver. */
TEST_F(back_pressure, new_driver_starts_empty)
{
	struct sdm_event event;
	int other;

	fill_up(_metadata, self);
	ASSERT_EQ(0, write_file("/sys/bus/platform/drivers/sdm-platform/bind",
				self->name));
	other = open_device(self->number + 1, O_RDWR);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, subscribe(other, ~0ull));
	drain(other);
	ASSERT_EQ(0, send_signal(self->fd, self->peer, TEST_SIGNAL_B, 5, 0,
				 PATIENCE_MS));
	ASSERT_EQ(0, next_event(other, &event, PATIENCE_MS));
	EXPECT_EQ(TEST_SIGNAL_B, event.signal);
	EXPECT_EQ(5, event.payload[0]);
	close(other);
}

TEST_HARNESS_MAIN
