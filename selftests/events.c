// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() and poll() of /dev/sdmN: events. The device sends to itself.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

/* Signals that a reader may leave unread; one more place is for OVERFLOW. */
#define QUEUE 255
#define RECORD sizeof(struct sdm_event)

FIXTURE(events) {
	int number;
	int fd;
	uint32_t id;
};

FIXTURE_SETUP(events)
{
	struct sdm_info info = { 0 };

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	self->id = info.id;
	/* Nobody else's signals */
	ASSERT_EQ(0, subscribe(self->fd, SIGNAL_BIT(TEST_SIGNAL_A)));
	drain(self->fd);
}

FIXTURE_TEARDOWN(events)
{
	close(self->fd);
}

static int send_self(FIXTURE_DATA(events) *self, uint64_t value)
{
	return send_signal(self->fd, self->id, TEST_SIGNAL_A, value, ~value,
			   PATIENCE_MS);
}

/* A loopback is there when the ioctl returns, or very soon after. */
static int wait_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, PATIENCE_MS);
}

/* A reader of its own, with its own queue and filter. */
static int open_reader(FIXTURE_DATA(events) *self, uint64_t signals)
{
	int fd = open_device(self->number, O_RDONLY | O_NONBLOCK);

	if (fd >= 0) {
		subscribe(fd, signals);
		drain(fd);
	}
	return fd;
}

static short poll_now(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&pollfd, 1, 0) < 0 ? -1 : pollfd.revents;
}

TEST_F(events, record)
{
	struct sdm_event event, second;
	uint64_t before, after;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	before = ts.tv_sec * 1000000000ull + ts.tv_nsec;
	ASSERT_EQ(0, send_self(self, 0x0123456789abcdefull));
	memset(&event, 0xff, sizeof(event));
	ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
	clock_gettime(CLOCK_MONOTONIC, &ts);
	after = ts.tv_sec * 1000000000ull + ts.tv_nsec;

	EXPECT_LE(before, event.timestamp_ns);
	EXPECT_GE(after, event.timestamp_ns);
	EXPECT_EQ(SDM_EVENT_SIGNAL, event.type);
	EXPECT_EQ(self->id, event.peer);
	EXPECT_EQ(TEST_SIGNAL_A, event.signal);
	EXPECT_EQ(0x0123456789abcdefull, event.payload[0]);
	EXPECT_EQ(~0x0123456789abcdefull, event.payload[1]);
	EXPECT_EQ(0, event.state);
	EXPECT_EQ(0, event.flags);
	EXPECT_EQ(0, event.generation);
	EXPECT_EQ(0, event.reserved0);
	EXPECT_EQ(0, event.reserved1[0] | event.reserved1[1] |
		     event.reserved1[2]);

	ASSERT_EQ(0, send_self(self, 0));
	ASSERT_EQ(0, next_event(self->fd, &second, PATIENCE_MS));
	EXPECT_EQ(event.seqno + 1, second.seqno);
	EXPECT_LE(event.timestamp_ns, second.timestamp_ns);
}

TEST_F(events, whole_records)
{
	struct sdm_event events[8];
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, send_self(self, i));
	ASSERT_EQ(1, wait_readable(self->fd));
	sleep_ms(50);
	/* Three and a half */
	memset(events, 0xff, sizeof(events));
	ASSERT_EQ(3 * RECORD, read(self->fd, events, 3 * RECORD + 32));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(i, events[i].payload[0]);
	EXPECT_EQ(~0ull, events[3].timestamp_ns);
	/* All there are, in a buffer for more */
	ASSERT_EQ(5 * RECORD, read(self->fd, events, 8 * RECORD));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(i + 3, events[i].payload[0]);
}

TEST_F(events, small_buffer)
{
	static const size_t sizes[] = { 0, 1, 32, 63 };
	struct sdm_event event;
	size_t i, pass;

	/* With nothing to read, and with something. */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(-1, read(self->fd, &event, sizes[i])) {
				TH_LOG("%zu bytes", sizes[i]);
			}
			EXPECT_EQ(EINVAL, errno);
		}
		if (!pass)
			ASSERT_EQ(0, send_self(self, 7));
	}
	ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
	EXPECT_EQ(7, event.payload[0]);
}

TEST_F(events, scattered_buffer)
{
	uint8_t bytes[2 * RECORD];
	struct sdm_event event;
	struct iovec parts[] = {
		{ bytes, 3 },
		{ bytes + 3, 70 },
		{ bytes + 73, sizeof(bytes) - 73 },
	};
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, send_self(self, i));
	ASSERT_EQ(1, wait_readable(self->fd));
	sleep_ms(50);
	ASSERT_EQ(sizeof(bytes), readv(self->fd, parts, 3));
	for (i = 0; i < 2; i++) {
		memcpy(&event, bytes + i * RECORD, RECORD);
		EXPECT_EQ(SDM_EVENT_SIGNAL, event.type);
		EXPECT_EQ(i, event.payload[0]);
	}
}

TEST_F(events, nonblocking)
{
	struct sdm_event event;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, &event, RECORD));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, send_self(self, 3));
	ASSERT_EQ(1, wait_readable(self->fd));
	EXPECT_EQ(RECORD, read(self->fd, &event, RECORD));
	EXPECT_EQ(-1, read(self->fd, &event, RECORD));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(events, poll)
{
	struct sdm_event event;
	int reader, writer;

	reader = open_device(self->number, O_RDONLY);
	writer = open_device(self->number, O_WRONLY);
	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	subscribe(reader, SIGNAL_BIT(TEST_SIGNAL_A));
	drain(reader);

	EXPECT_EQ(POLLOUT, poll_now(self->fd));
	EXPECT_EQ(0, poll_now(reader));
	EXPECT_EQ(POLLOUT, poll_now(writer));
	ASSERT_EQ(0, send_self(self, 1));
	ASSERT_EQ(1, wait_readable(self->fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->fd));
	EXPECT_EQ(POLLIN, poll_now(reader));
	/* Who cannot read has no events. */
	EXPECT_EQ(POLLOUT, poll_now(writer));
	EXPECT_EQ(-1, read(writer, &event, RECORD));
	EXPECT_EQ(EBADF, errno);
	ASSERT_EQ(0, next_event(reader, &event, 0));
	EXPECT_EQ(0, poll_now(reader));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->fd));
	close(reader);
	close(writer);
}

struct delayed {
	FIXTURE_DATA(events) *self;
	unsigned int ms;
	int count;
	int ret;
};

static void *send_later(void *data)
{
	struct delayed *delayed = data;
	int i;

	sleep_ms(delayed->ms);
	for (i = 0; i < delayed->count && !delayed->ret; i++)
		delayed->ret = send_self(delayed->self, i);
	return NULL;
}

TEST_F(events, poll_wakes_up)
{
	struct delayed delayed = { .self = self, .ms = 300, .count = 1 };
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };
	uint64_t begun = now_ms();
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, send_later, &delayed));
	EXPECT_EQ(1, poll(&pollfd, 1, PATIENCE_MS));
	EXPECT_EQ(POLLIN, pollfd.revents);
	EXPECT_LE(300, now_ms() - begun);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, delayed.ret);
}

TEST_F(events, read_blocks)
{
	struct delayed delayed = { .self = self, .ms = 300, .count = 1 };
	uint64_t begun = now_ms();
	struct sdm_event event;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, send_later, &delayed));
	EXPECT_EQ(RECORD, read(self->fd, &event, RECORD));
	EXPECT_LE(300, now_ms() - begun);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, delayed.ret);
}

static volatile unsigned int alarms;

static void count_alarm(int sig)
{
	alarms++;
}

static int interrupt_every(unsigned int us)
{
	/* No SA_RESTART: system calls return EINTR. */
	struct sigaction action = { .sa_handler = count_alarm };
	struct itimerval timer = {
		.it_interval.tv_usec = us,
		.it_value.tv_usec = us,
	};

	alarms = 0;
	return sigaction(SIGALRM, &action, NULL) ||
	       setitimer(ITIMER_REAL, &timer, NULL);
}

TEST_F(events, read_is_interrupted)
{
	struct sdm_event event;

	ASSERT_EQ(0, interrupt_every(100000));
	EXPECT_EQ(-1, read(self->fd, &event, RECORD));
	EXPECT_EQ(EINTR, errno);
	EXPECT_LE(1, alarms);
}

/* Whatever interrupts the reader, it gets all events, and each once. */
TEST_F_TIMEOUT(events, interruption_loses_nothing, 120)
{
	enum { COUNT = 3000, AHEAD = 100 };
	volatile int *done;
	struct sdm_event event;
	int i, status;
	pid_t child;

	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(done != MAP_FAILED);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		/* Not without somebody who reads */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (i = 0; i < COUNT; i++) {
			while (i - *done > AHEAD)
				sleep_ms(1);
			if (send_self(self, i))
				_exit(1);
		}
		_exit(0);
	}
	ASSERT_EQ(0, interrupt_every(700));
	while (*done < COUNT) {
		ssize_t n = read(self->fd, &event, RECORD);

		if (n < 0) {
			ASSERT_EQ(EINTR, errno);
			continue;
		}
		ASSERT_EQ(RECORD, n);
		ASSERT_EQ(SDM_EVENT_SIGNAL, event.type);
		ASSERT_EQ(*done, event.payload[0]);
		++*done;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	EXPECT_LT(50, alarms);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(events, several_readers)
{
	enum { READERS = 5, COUNT = 100 };
	struct sdm_event event;
	int readers[READERS];
	int r, i;

	for (r = 0; r < READERS; r++) {
		readers[r] = open_reader(self, SIGNAL_BIT(TEST_SIGNAL_A));
		ASSERT_LE(0, readers[r]);
	}
	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, send_self(self, i));
	for (r = 0; r < READERS; r++) {
		for (i = 0; i < COUNT; i++) {
			ASSERT_EQ(0, next_event(readers[r], &event,
						PATIENCE_MS));
			ASSERT_EQ(SDM_EVENT_SIGNAL, event.type);
			ASSERT_EQ(i, event.payload[0]);
		}
		EXPECT_EQ(-EAGAIN, read(readers[r], &event, RECORD) < 0 ?
				   -errno : 0);
		close(readers[r]);
	}
}

#define SHARED_COUNT 1000

struct shared {
	int fd;
	uint32_t *seen;
	unsigned int count;
};

static void *read_shared(void *data)
{
	struct shared *shared = data;
	struct sdm_event event;

	while (read(shared->fd, &event, RECORD) == RECORD) {
		if (event.signal == TEST_SIGNAL_B)
			break;
		__atomic_add_fetch(&shared->seen[event.payload[0]], 1,
				   __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&shared->count, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* Readers of one descriptor share its events. */
TEST_F_TIMEOUT(events, shared_descriptor, 120)
{
	uint32_t seen[SHARED_COUNT] = { 0 };
	struct shared shared = { .seen = seen };
	pthread_t threads[3];
	int i;

	shared.fd = open_device(self->number, O_RDONLY);
	ASSERT_LE(0, shared.fd);
	ASSERT_EQ(0, subscribe(shared.fd, SIGNAL_BIT(TEST_SIGNAL_A) |
					  SIGNAL_BIT(TEST_SIGNAL_B)));
	drain(shared.fd);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_shared,
					    &shared));
	for (i = 0; i < SHARED_COUNT; i++) {
		ASSERT_EQ(0, send_self(self, i));
		while (i - (int)__atomic_load_n(&shared.count,
						__ATOMIC_SEQ_CST) > 100)
			sleep_ms(1);
	}
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, send_signal(self->fd, self->id, TEST_SIGNAL_B, 0,
					 0, PATIENCE_MS));
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < SHARED_COUNT; i++)
		ASSERT_EQ(1, seen[i]);
	close(shared.fd);
}

TEST_F(events, overflow)
{
	enum { TOO_MANY = 45 };
	struct sdm_event event;
	uint32_t first = 0;
	int i;

	for (i = 0; i < QUEUE + TOO_MANY; i++)
		ASSERT_EQ(0, send_self(self, i));
	/* All of them have arrived when another reader would see the next. */
	sleep_ms(200);
	for (i = 0; i < QUEUE; i++) {
		ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
		ASSERT_EQ(SDM_EVENT_SIGNAL, event.type);
		ASSERT_EQ(i, event.payload[0]);
		if (!i)
			first = event.seqno;
		ASSERT_EQ(first + i, event.seqno);
	}
	ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
	EXPECT_EQ(SDM_EVENT_OVERFLOW, event.type);
	/* Between the last one and this there are the ones that are gone. */
	EXPECT_EQ(first + QUEUE + TOO_MANY, event.seqno);
	EXPECT_EQ(-ETIMEDOUT, next_event(self->fd, &event, 0));

	/* It goes on behind the gap. */
	ASSERT_EQ(0, send_self(self, 4711));
	ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
	EXPECT_EQ(SDM_EVENT_SIGNAL, event.type);
	EXPECT_EQ(4711, event.payload[0]);
	EXPECT_EQ(first + QUEUE + TOO_MANY + 1, event.seqno);
}

/* A gap is told where it is, also when there are several. */
TEST_F(events, overflow_twice)
{
	struct sdm_event event;
	uint32_t expected;
	int i, round, overflows = 0, signals = 0;

	for (i = 0; i < QUEUE + 10; i++)
		ASSERT_EQ(0, send_self(self, i));
	sleep_ms(200);
	ASSERT_EQ(0, next_event(self->fd, &event, 0));
	expected = event.seqno + 1;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 10; i++)
			ASSERT_EQ(0, send_self(self, i));
		sleep_ms(100);
	}
	while (!next_event(self->fd, &event, 0)) {
		if (event.type == SDM_EVENT_OVERFLOW) {
			overflows++;
			ASSERT_LT(expected, event.seqno);
		} else {
			signals++;
			ASSERT_EQ(expected, event.seqno);
		}
		expected = event.seqno + 1;
	}
	EXPECT_LE(1, overflows);
	EXPECT_LE(QUEUE - 1, signals);
}

/* A slow reader is alone with its overflow. */
TEST_F(events, overflow_of_another)
{
	struct sdm_event event;
	int slow, i;

	slow = open_reader(self, SIGNAL_BIT(TEST_SIGNAL_A));
	ASSERT_LE(0, slow);
	for (i = 0; i < 2 * QUEUE; i++) {
		ASSERT_EQ(0, send_self(self, i));
		ASSERT_EQ(0, next_event(self->fd, &event, PATIENCE_MS));
		ASSERT_EQ(SDM_EVENT_SIGNAL, event.type);
		ASSERT_EQ(i, event.payload[0]);
	}
	for (i = 0; i < QUEUE; i++)
		ASSERT_EQ(0, next_event(slow, &event, 0));
	ASSERT_EQ(0, next_event(slow, &event, 0));
	EXPECT_EQ(SDM_EVENT_OVERFLOW, event.type);
	close(slow);
}

TEST_F(events, subscribe)
{
	struct sdm_event event;
	int reader;

	reader = open_reader(self, SIGNAL_BIT(TEST_SIGNAL_A));
	ASSERT_LE(0, reader);
	ASSERT_EQ(0, send_signal(self->fd, self->id, TEST_SIGNAL_B, 1, 0, 0));
	ASSERT_EQ(0, send_self(self, 2));
	ASSERT_EQ(0, next_event(reader, &event, PATIENCE_MS));
	EXPECT_EQ(2, event.payload[0]);

	/* What is queued stays; what comes is filtered anew. */
	ASSERT_EQ(0, send_self(self, 3));
	ASSERT_EQ(1, wait_readable(reader));
	ASSERT_EQ(0, subscribe(reader, SIGNAL_BIT(TEST_SIGNAL_B)));
	ASSERT_EQ(0, send_self(self, 4));
	ASSERT_EQ(0, send_signal(self->fd, self->id, TEST_SIGNAL_B, 5, 0, 0));
	ASSERT_EQ(0, next_event(reader, &event, PATIENCE_MS));
	EXPECT_EQ(3, event.payload[0]);
	ASSERT_EQ(0, next_event(reader, &event, PATIENCE_MS));
	EXPECT_EQ(5, event.payload[0]);
	EXPECT_EQ(-ETIMEDOUT, next_event(reader, &event, 100));

	/* Filtered ones leave no gap. */
	ASSERT_EQ(0, send_signal(self->fd, self->id, TEST_SIGNAL_B, 6, 0, 0));
	struct sdm_event last = event;

	ASSERT_EQ(0, next_event(reader, &event, PATIENCE_MS));
	EXPECT_EQ(last.seqno + 1, event.seqno);
	close(reader);
}

TEST_F(events, subscribe_to_nothing)
{
	struct sdm_event event;

	ASSERT_EQ(0, subscribe(self->fd, 0));
	ASSERT_EQ(0, send_self(self, 1));
	EXPECT_EQ(-ETIMEDOUT, next_event(self->fd, &event, 200));
}

/* A descriptor gets everything until it says what it wants. */
TEST_F(events, default_subscription)
{
	struct sdm_event event;
	uint32_t signal;
	int reader;

	reader = open_device(self->number, O_RDONLY);
	ASSERT_LE(0, reader);
	for (signal = 0; signal < 64; signal++)
		ASSERT_EQ(0, send_signal(self->fd, self->id, signal, 1, 0,
					 PATIENCE_MS));
	for (signal = 0; signal < 64;) {
		ASSERT_EQ(0, next_event(reader, &event, PATIENCE_MS));
		if (event.type != SDM_EVENT_SIGNAL || event.peer != self->id)
			continue;
		EXPECT_EQ(signal, event.signal);
		signal++;
	}
	close(reader);
}

/* An event that cannot be delivered stays. */
TEST_F(events, bad_buffer)
{
	size_t page = getpagesize();
	struct sdm_event event;
	uint8_t *pages;

	pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(pages != MAP_FAILED);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	ASSERT_EQ(0, send_self(self, 1));
	ASSERT_EQ(0, send_self(self, 2));
	ASSERT_EQ(1, wait_readable(self->fd));
	sleep_ms(50);

	EXPECT_EQ(-1, read(self->fd, pages + page, RECORD));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read(self->fd, pages + page - 32, RECORD));
	EXPECT_EQ(EFAULT, errno);
	/* The first one fits, the second one does not. */
	ASSERT_EQ(RECORD, read(self->fd, pages + page - RECORD - 32,
			       2 * RECORD));
	memcpy(&event, pages + page - RECORD - 32, RECORD);
	EXPECT_EQ(1, event.payload[0]);
	ASSERT_EQ(0, next_event(self->fd, &event, 0));
	EXPECT_EQ(2, event.payload[0]);
}

/* Opening and closing while events come in */
TEST_F_TIMEOUT(events, open_and_close, 60)
{
	struct delayed delayed = { .self = self, .ms = 0, .count = 2000 };
	struct sdm_event event;
	pthread_t thread;
	int i, fd;

	ASSERT_EQ(0, pthread_create(&thread, NULL, send_later, &delayed));
	for (i = 0; i < 300; i++) {
		fd = open_device(self->number, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd);
		if (i % 3)
			next_event(fd, &event, 1);
		close(fd);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, delayed.ret);
}

TEST_HARNESS_MAIN
