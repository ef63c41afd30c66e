// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls in which the first, second, third, ... thing that can fail does fail:
 * memory that is not there, user memory that cannot be copied. Needs a kernel
 * with fault injection (CONFIG_FAILSLAB and so on).
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include "../kselftest_harness.h"
#include "common.h"

#define DEBUGFS "/sys/kernel/debug/"
#define DRIVER "/sys/bus/platform/drivers/sdm-platform/"
/* More than that can fail in no call. */
#define DEPTH 2000

static const char *const settings[][2] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ DEBUGFS "fail_usercopy/verbose", "0" },
};

/*
 * With restartable sequences (rseq) the kernel writes to the thread's memory
 * whenever it was preempted, and kills it if that fails.
 */
static void leave_rseq(void)
{
#ifdef RSEQ_SIG
	if (__rseq_size)
		syscall(SYS_rseq,
			(char *)__builtin_thread_pointer() + __rseq_offset,
			sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
#endif
}

FIXTURE(faults) {
	int number;
	int fd;
	int peer;
	int window;
	int nth; /* /proc/self/fail-nth */
	char name[64];
};

FIXTURE_SETUP(faults)
{
	size_t i;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	if (getuid())
		SKIP(return, NO_ROOT);
	self->nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		SKIP(return, "no fault injection in this kernel");
	leave_rseq();
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		write_file(settings[i][0], settings[i][1]);
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, subscribe(self->fd, SIGNAL_BIT(TEST_SIGNAL_A)));
	drain(self->fd);
	ASSERT_EQ(0, platform_name(self->number, self->name,
				   sizeof(self->name)));
	self->peer = find_slave(self->fd);
	self->window = self->peer < 0 ? -1 :
		       open_window(self->number, self->peer, O_RDWR);
}

FIXTURE_TEARDOWN(faults)
{
	close(self->window);
	close(self->fd);
	close(self->nth);
}

static void fail_at(FIXTURE_DATA(faults) *self, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	pwrite(self->nth, text, strlen(text), 0);
}

/* Was there a failure? Ends the injection. */
static bool has_failed(FIXTURE_DATA(faults) *self)
{
	char text[16] = "";

	pread(self->nth, text, sizeof(text) - 1, 0);
	fail_at(self, 0);
	return atoi(text) == 0;
}

typedef int (*call_t)(FIXTURE_DATA(faults) *self);

/*
 * The call either works or says why not; in the end there is a number at which
 * nothing is left to fail, and then it works.
 */
static void sweep(struct __test_metadata *_metadata,
		  FIXTURE_DATA(faults) *self, call_t function)
{
	unsigned int n;
	bool failed;
	int ret;

	/* Not the program's own memory: all of it is there after this. */
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	ASSERT_EQ(0, function(self));
	for (n = 1; n < DEPTH; n++) {
		fail_at(self, n);
		ret = function(self);
		failed = has_failed(self);
		if (!failed)
			break;
		ASSERT_TRUE(ret == 0 || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("failure %u: error %d", n, ret);
		}
	}
	EXPECT_GT(DEPTH, n);
	EXPECT_EQ(0, ret);
	TH_LOG("%u places", n - 1);
}

static int open_it(FIXTURE_DATA(faults) *self)
{
	int fd = open_device(self->number, O_RDWR);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

TEST_F_TIMEOUT(faults, open, 120)
{
	sweep(_metadata, self, open_it);
}

static int open_memory(FIXTURE_DATA(faults) *self)
{
	int fd = open_window(self->number, self->peer, O_RDWR);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

TEST_F_TIMEOUT(faults, open_window, 120)
{
	if (self->window < 0)
		SKIP(return, NO_SLAVE);
	sweep(_metadata, self, open_memory);
}

static int get_all(FIXTURE_DATA(faults) *self)
{
	struct sdm_info info = { 0 };
	struct sdm_peer_info peer;
	int ret;

	ret = call(self->fd, SDM_IOC_GET_INFO, &info);
	if (!ret)
		ret = get_peer(self->fd, 0, &peer);
	return ret;
}

TEST_F_TIMEOUT(faults, get, 120)
{
	sweep(_metadata, self, get_all);
}

static int filter_and_poll(FIXTURE_DATA(faults) *self)
{
	struct pollfd fd = { .fd = self->fd, .events = POLLIN };
	int ret;

	ret = subscribe(self->fd, SIGNAL_BIT(TEST_SIGNAL_A));
	if (!ret && poll(&fd, 1, 0) < 0)
		ret = -errno;
	return ret;
}

TEST_F_TIMEOUT(faults, subscribe_and_poll, 120)
{
	sweep(_metadata, self, filter_and_poll);
}

/* Whether it was sent is known: the event is there or it is not. */
static int send_and_read(FIXTURE_DATA(faults) *self)
{
	struct sdm_event event;
	int ret, n;

	ret = send_signal(self->fd, 0, TEST_SIGNAL_A, 1, 2, 1000);
	if (ret)
		return ret;
	/* A reader that fails loses nothing. */
	for (n = 0; n < 3; n++) {
		ret = next_event(self->fd, &event, 1000);
		if (!ret)
			return event.payload[0] == 1 ? 0 : -EBADMSG;
		if (ret != -EFAULT && ret != -ENOMEM)
			return ret;
	}
	return -EBADMSG;
}

TEST_F_TIMEOUT(faults, send_and_read, 120)
{
	sweep(_metadata, self, send_and_read);
}

static int copy_memory(FIXTURE_DATA(faults) *self)
{
	char buffer[256];

	/* Written back as it was: it may be somebody's. */
	if (pread(self->window, buffer, sizeof(buffer), 0x8000000) < 0)
		return -errno;
	if (pwrite(self->window, buffer, sizeof(buffer), 0x8000000) < 0)
		return -errno;
	return 0;
}

TEST_F_TIMEOUT(faults, window, 120)
{
	if (self->window < 0)
		SKIP(return, NO_SLAVE);
	sweep(_metadata, self, copy_memory);
}

/* Large enough for the device's engine; what has no memory goes another way. */
static int copy_much(FIXTURE_DATA(faults) *self)
{
	static char buffer[20000];
	ssize_t n;

	n = pread(self->window, buffer, sizeof(buffer), 0x8000000);
	if (n > 0)
		n = pwrite(self->window, buffer, n, 0x8000000);
	return n < 0 ? -errno : 0;
}

TEST_F_TIMEOUT(faults, bulk, 300)
{
	if (self->window < 0)
		SKIP(return, NO_SLAVE);
	sweep(_metadata, self, copy_much);
}

static int map_memory(FIXTURE_DATA(faults) *self)
{
	size_t size = 3 * getpagesize();
	volatile char *map;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->window, 0x8000000);
	if (map == MAP_FAILED)
		return errno == ENODEV ? 0 : -errno;
	map[0] = 1;
	map[size - 1] = 1;
	return munmap((void *)map, size) ? -errno : 0;
}

TEST_F_TIMEOUT(faults, map, 120)
{
	if (self->window < 0)
		SKIP(return, NO_SLAVE);
	sweep(_metadata, self, map_memory);
}

/* The driver binds or it does not; either way it can be tried again. */
TEST_F_TIMEOUT(faults, bind, 300)
{
	unsigned int n;
	bool failed;
	int ret;

	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	ASSERT_EQ(0, write_file(DRIVER "unbind", self->name));
	/* There are many, and binding takes its time: not each of them. */
	for (n = 1; n < DEPTH; n += 1 + n / 16) {
		fail_at(self, n);
		ret = write_file(DRIVER "bind", self->name);
		failed = has_failed(self);
		if (!ret)
			ASSERT_EQ(0, write_file(DRIVER "unbind", self->name));
		if (!failed)
			break;
	}
	EXPECT_GT(DEPTH, n);
	EXPECT_EQ(0, ret);
	TH_LOG("up to place %u", n - 1);
	ASSERT_EQ(0, write_file(DRIVER "bind", self->name));
	EXPECT_EQ(0, open_it(self));
}

/* Whatever is not there, a device that is to go does go. */
TEST_F_TIMEOUT(faults, unbind, 300)
{
	unsigned int n;
	bool failed;

	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	for (n = 1; n < DEPTH; n += 1 + n / 16) {
		fail_at(self, n);
		write_file(DRIVER "unbind", self->name);
		failed = has_failed(self);
		/* It may have failed before it began. */
		if (!open_it(self))
			ASSERT_EQ(0, write_file(DRIVER "unbind", self->name));
		ASSERT_EQ(0, write_file(DRIVER "bind", self->name));
		if (!failed)
			break;
	}
	EXPECT_GT(DEPTH, n);
	TH_LOG("up to place %u", n - 1);
	EXPECT_EQ(0, open_it(self));
}

static int load_module(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
}

/*
 * The module is loaded or it is not; either way it can be tried again. This
 * takes long where the kernel frees objects late.
 */
TEST_F_TIMEOUT(faults, module, 1200)
{
	int fd = open("sdm_test_mod.ko", O_RDONLY | O_CLOEXEC);
	unsigned int n;
	bool failed;
	int ret;

	if (fd < 0)
		SKIP(return, "no sdm_test_mod.ko here");
	close(self->window);
	close(self->fd);
	self->window = -1;
	self->fd = -1;
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	ASSERT_EQ(0, syscall(SYS_delete_module, "sdm_test_mod", 0));
	for (n = 1; n < DEPTH; n += 1 + n / 16) {
		fail_at(self, n);
		ret = load_module(fd);
		failed = has_failed(self);
		if (!ret)
			ASSERT_EQ(0, syscall(SYS_delete_module, "sdm_test_mod",
					     0));
		if (!failed)
			break;
	}
	EXPECT_GT(DEPTH, n);
	EXPECT_EQ(0, ret);
	TH_LOG("up to place %u", n - 1);
	ASSERT_EQ(0, load_module(fd));
	close(fd);
	EXPECT_EQ(0, open_it(self));
}

TEST_HARNESS_MAIN
