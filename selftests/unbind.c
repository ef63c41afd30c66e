// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver leaves its device (unbind) while files are open and calls wait.
 */
#include <glob.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

#define DRIVER "/sys/bus/platform/drivers/sdm-platform/"

FIXTURE(unbind) {
	int number;
	int fd;
	int window;
	int peer;
	char name[64];
	bool bound;
};

static int unbind(FIXTURE_DATA(unbind) *self)
{
	int ret = write_file(DRIVER "unbind", self->name);

	self->bound = self->bound && ret;
	return ret;
}

static int bind(FIXTURE_DATA(unbind) *self)
{
	int ret = write_file(DRIVER "bind", self->name);

	self->bound = self->bound || !ret;
	return ret;
}

/* What an earlier test left without a driver */
static void bind_all(void)
{
	glob_t found = { 0 };
	size_t i;

	if (!glob("/sys/bus/platform/devices/*.sdm", 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			write_file(DRIVER "bind", basename(found.gl_pathv[i]));
	}
	globfree(&found);
}

FIXTURE_SETUP(unbind)
{
	struct sdm_info info = { 0 };

	bind_all();
	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	if (getuid())
		SKIP(return, NO_ROOT);
	self->bound = true;
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, platform_name(self->number, self->name,
				   sizeof(self->name)));
	ASSERT_EQ(0, subscribe(self->fd, SIGNAL_BIT(TEST_SIGNAL_A)));
	drain(self->fd);
	/* If there is a slave, its memory is used, too. */
	self->window = -1;
	self->peer = find_slave(self->fd);
	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	if (self->peer > 0 && info.flags & SDM_INFO_WINDOW) {
		self->window = open_window(self->number, self->peer, O_RDWR);
		ASSERT_LE(0, self->window);
	}
}

FIXTURE_TEARDOWN(unbind)
{
	if (!self->bound)
		EXPECT_EQ(0, bind(self));
	close(self->window);
	close(self->fd);
}

static void check_gone(struct __test_metadata *_metadata,
		       FIXTURE_DATA(unbind) *self)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN | POLLOUT };
	struct sdm_subscribe subscription = { 0 };
	struct sdm_reset reset = { 0 };
	struct sdm_boot boot = { 0 };
	struct sdm_info info = { 0 };
	struct sdm_peer_info peer;
	struct sdm_event event;
	uint8_t byte = 0;

	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	EXPECT_EQ(POLLHUP | POLLERR, pollfd.revents);
	EXPECT_EQ(-1, read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, call(self->fd, SDM_IOC_GET_INFO, &info));
	EXPECT_EQ(-ENODEV, get_peer(self->fd, 0, &peer));
	EXPECT_EQ(-ENODEV, send_signal(self->fd, 0, 0, 0, 0, 0));
	EXPECT_EQ(-ENODEV, send_signal(self->fd, 0, 0, 0, 0, 1000));
	EXPECT_EQ(-ENODEV, call(self->fd, SDM_IOC_SUBSCRIBE, &subscription));
	EXPECT_EQ(-ENODEV, call(self->fd, SDM_IOC_BOOT, &boot));
	EXPECT_EQ(-ENODEV, call(self->fd, SDM_IOC_RESET, &reset));
	EXPECT_EQ(-ENOENT, open_device(self->number, O_RDWR));
	if (self->window < 0)
		return;
	EXPECT_EQ(-1, pread(self->window, &byte, 1, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, pwrite(self->window, &byte, 1, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, lseek(self->window, 0, SEEK_END));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, fsync(self->window));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENOENT, open_window(self->number, self->peer, O_RDWR));
}

/* A device with the same number works when the driver is back. */
static void check_back(struct __test_metadata *_metadata,
		       FIXTURE_DATA(unbind) *self)
{
	struct sdm_event event;
	int fd;

	fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, subscribe(fd, SIGNAL_BIT(TEST_SIGNAL_A)));
	drain(fd);
	EXPECT_EQ(0, send_signal(fd, 0, TEST_SIGNAL_A, 42, 0, 0));
	EXPECT_EQ(0, next_event(fd, &event, PATIENCE_MS));
	EXPECT_EQ(42, event.payload[0]);
	close(fd);
}

TEST_F(unbind, open_files)
{
	ASSERT_EQ(0, unbind(self));
	check_gone(_metadata, self);
	/* The old files stay dead when there is a new device. */
	ASSERT_EQ(0, bind(self));
	check_back(_metadata, self);
	EXPECT_EQ(-ENODEV, send_signal(self->fd, 0, 0, 0, 0, 0));
}

/* Events that are there still are as dead as the device. */
TEST_F(unbind, unread_events)
{
	struct sdm_event event;

	ASSERT_EQ(0, send_signal(self->fd, 0, TEST_SIGNAL_A, 1, 0, 0));
	sleep_ms(50);
	ASSERT_EQ(0, unbind(self));
	EXPECT_EQ(-1, read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(unbind, files_outlive_the_module_users)
{
	int i, fds[20];

	for (i = 0; i < 20; i++) {
		fds[i] = open_device(self->number, i % 2 ? O_RDWR : O_WRONLY);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, unbind(self));
	for (i = 0; i < 10; i++)
		close(fds[i]);
	ASSERT_EQ(0, bind(self));
	for (; i < 20; i++)
		close(fds[i]);
	check_back(_metadata, self);
}

enum job {
	READ,
	POLL,
	SEND,
	COPY_IN,
	COPY_OUT,
	LOOP_INFO,
	LOOP_SEND,
	LOOP_OPEN,
	NR_JOBS,
};

struct worker {
	FIXTURE_DATA(unbind) *self;
	enum job job;
	pthread_t thread;
	int ret;
	bool started;
	volatile bool *stop;
};

static int poll_forever(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	poll(&pollfd, 1, PATIENCE_MS);
	return pollfd.revents == (POLLHUP | POLLERR) ? -ENODEV : -EBADMSG;
}

/* To a peer that takes nothing, so that the sender waits */
static int send_until_it_waits(FIXTURE_DATA(unbind) *self)
{
	int ret;

	if (self->peer < 0)
		return -ENODEV;
	do {
		ret = send_signal(self->fd, self->peer, TEST_SIGNAL_B, 0, 0,
				  PATIENCE_MS);
	} while (!ret);
	return ret;
}

static int copy_for_ever(FIXTURE_DATA(unbind) *self, bool out)
{
	enum { SIZE = 512 * 1024 };
	ssize_t n = 0;
	void *buffer;

	if (self->window < 0)
		return -ENODEV;
	buffer = malloc(SIZE);
	/* What the memory has is read and written back: nothing changes. */
	while (n >= 0) {
		n = pread(self->window, buffer, out ? 64 : SIZE, 0x4000000);
		if (out && n > 0)
			n = pwrite(self->window, buffer, n, 0x4000000);
	}
	free(buffer);
	return -errno;
}

static int loop(struct worker *worker)
{
	FIXTURE_DATA(unbind) *self = worker->self;
	struct sdm_info info = { 0 };
	int fd, ret = 0;

	while (!ret || (worker->job == LOOP_OPEN && !*worker->stop)) {
		switch (worker->job) {
		case LOOP_INFO:
			ret = call(self->fd, SDM_IOC_GET_INFO, &info);
			break;
		case LOOP_SEND:
			ret = send_signal(self->fd, 0, TEST_SIGNAL_B, 0, 0, 0);
			if (ret == -EAGAIN)
				ret = 0;
			break;
		default:
			fd = open_device(self->number, O_RDWR);
			if (fd >= 0)
				close(fd);
			/* Either way, there is nothing to tell. */
			ret = fd >= 0 || fd == -ENOENT || fd == -ENODEV ||
			      fd == -ENXIO ? -ENODEV : fd;
			if (ret != -ENODEV)
				return ret;
		}
	}
	return ret;
}

static void *work(void *data)
{
	FIXTURE_DATA(unbind) *self = ((struct worker *)data)->self;
	struct worker *worker = data;
	struct sdm_event event;

	worker->started = true;
	switch (worker->job) {
	case READ:
		worker->ret = read(self->fd, &event, sizeof(event)) < 0 ?
			      -errno : 0;
		break;
	case POLL:
		worker->ret = poll_forever(self->fd);
		break;
	case SEND:
		worker->ret = send_until_it_waits(self);
		break;
	case COPY_IN:
	case COPY_OUT:
		worker->ret = copy_for_ever(self, worker->job == COPY_OUT);
		break;
	default:
		worker->ret = loop(worker);
	}
	return NULL;
}

/* Each kind of work alone, and all of them together */
static void work_and_unbind(struct __test_metadata *_metadata,
			    FIXTURE_DATA(unbind) *self, unsigned int jobs)
{
	struct worker workers[NR_JOBS] = { 0 };
	volatile bool stop = false;
	uint64_t begun;
	int i;

	for (i = 0; i < NR_JOBS; i++) {
		if (!(jobs & 1u << i))
			continue;
		workers[i].self = self;
		workers[i].job = i;
		workers[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work,
					    &workers[i]));
	}
	sleep_ms(300);
	begun = now_ms();
	ASSERT_EQ(0, unbind(self));
	EXPECT_GT(5000, now_ms() - begun);
	stop = true;
	for (i = 0; i < NR_JOBS; i++) {
		if (!workers[i].thread)
			continue;
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(-ENODEV, workers[i].ret) {
			TH_LOG("job %d", i);
		}
	}
	EXPECT_GT(8000, now_ms() - begun);
	check_gone(_metadata, self);
	ASSERT_EQ(0, bind(self));
	check_back(_metadata, self);
}

TEST_F(unbind, blocked_reader)
{
	work_and_unbind(_metadata, self, 1 << READ);
}

TEST_F(unbind, blocked_poll)
{
	work_and_unbind(_metadata, self, 1 << POLL);
}

TEST_F(unbind, blocked_sender)
{
	work_and_unbind(_metadata, self, 1 << SEND);
}

TEST_F(unbind, reading_memory)
{
	work_and_unbind(_metadata, self, 1 << COPY_IN);
}

TEST_F(unbind, writing_memory)
{
	work_and_unbind(_metadata, self, 1 << COPY_OUT);
}

TEST_F(unbind, busy_ioctls)
{
	work_and_unbind(_metadata, self, 1 << LOOP_INFO | 1 << LOOP_SEND);
}

TEST_F(unbind, opening)
{
	work_and_unbind(_metadata, self, 1 << LOOP_OPEN);
}

TEST_F(unbind, everything)
{
	work_and_unbind(_metadata, self, (1 << NR_JOBS) - 1);
}

TEST_F_TIMEOUT(unbind, many_times, 120)
{
	int i;

	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, unbind(self));
		ASSERT_EQ(0, bind(self));
		check_back(_metadata, self);
	}
}

/* The other end is as it was. */
TEST_F(unbind, slave_does_not_notice)
{
	struct sdm_peer_info before, after;
	int fd;

	if (self->peer < 0)
		SKIP(return, NO_SLAVE);
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &before));
	ASSERT_EQ(0, unbind(self));
	ASSERT_EQ(0, bind(self));
	fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_peer(fd, self->peer, &after));
	EXPECT_EQ(before.state, after.state);
	EXPECT_EQ(before.generation, after.generation);
	EXPECT_EQ(before.mem_size, after.mem_size);
	EXPECT_EQ(before.mem_offset, after.mem_offset);
	close(fd);
}

TEST_HARNESS_MAIN
