// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a slave: held in reset, booted, running, reset. What is booted are a
 * few instructions that tell how the CPU was started.
 */
#include <pthread.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "boot-program.h"
#include "common.h"

/* In the slave's RAM: where the program goes, and a device tree could be. */
#define PROGRAM 0x10000
#define DTB 0x20000

#define EM_ARM 40

FIXTURE(boot) {
	int number;
	int fd;
	int window;
	uint32_t peer;
	struct sdm_peer_info info;
	size_t report; /* offset of the report in the slave's RAM */
};

static int reset(int fd, uint32_t peer)
{
	struct sdm_reset arg = { .peer = peer };

	return call(fd, SDM_IOC_RESET, &arg);
}

static int boot(int fd, uint32_t peer, uint64_t entry, uint64_t dtb)
{
	struct sdm_boot arg = { .peer = peer, .entry = entry, .dtb = dtb };

	return call(fd, SDM_IOC_BOOT, &arg);
}

FIXTURE_SETUP(boot)
{
	int id;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	id = find_slave(self->fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	self->peer = id;
	ASSERT_EQ(0, get_peer(self->fd, id, &self->info));
	if (!self->info.mem_size)
		SKIP(return, NO_WINDOW);
	if (self->info.arch != EM_ARM || program_arm_end - program_arm < 2)
		SKIP(return, "no program for the slave's CPU");
	self->window = open_window(self->number, id, O_RDWR);
	ASSERT_LE(0, self->window);
	ASSERT_EQ(0, reset(self->fd, self->peer));
	ASSERT_EQ(0, get_peer(self->fd, id, &self->info));
	ASSERT_EQ(SDM_STATE_RESET, self->info.state);
	ASSERT_EQ(0, subscribe(self->fd, 0));
	drain(self->fd);
}

FIXTURE_TEARDOWN(boot)
{
	reset(self->fd, self->peer);
	close(self->window);
	close(self->fd);
}

static uint64_t address(FIXTURE_DATA(boot) *self, uint64_t offset)
{
	return self->info.mem_base + offset;
}

static void load(struct __test_metadata *_metadata, FIXTURE_DATA(boot) *self,
		 bool thumb, uint32_t mark)
{
	const uint32_t *program = thumb ? program_thumb : program_arm;
	size_t size = thumb ? (program_thumb_end - program_thumb) * 4 :
			      (program_arm_end - program_arm) * 4;
	struct report empty = { 0 };

	self->report = PROGRAM + size;
	ASSERT_EQ(size, pwrite(self->window, program, size, PROGRAM));
	ASSERT_EQ(4, pwrite(self->window, &mark, 4, PROGRAM));
	ASSERT_EQ(sizeof(empty), pwrite(self->window, &empty, sizeof(empty),
					self->report));
}

static int start(FIXTURE_DATA(boot) *self, bool thumb)
{
	return boot(self->fd, self->peer, address(self, PROGRAM + 4 + thumb),
		    address(self, DTB));
}

static uint32_t read_count(FIXTURE_DATA(boot) *self)
{
	uint32_t count = 0;

	pread(self->window, &count, 4,
	      self->report + offsetof(struct report, count));
	return count;
}

/* Waits until the program has counted, which is the last thing it does. */
static void get_report(struct __test_metadata *_metadata,
		       FIXTURE_DATA(boot) *self, struct report *report)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (read_count(self) < 10 && now_ms() < end)
		sleep_ms(5);
	ASSERT_EQ(sizeof(*report), pread(self->window, report, sizeof(*report),
					 self->report));
	ASSERT_LE(10, report->count);
}

static void check_start(struct __test_metadata *_metadata,
			FIXTURE_DATA(boot) *self, bool thumb)
{
	struct report report;

	load(_metadata, self, thumb, 0x600d0001);
	ASSERT_EQ(0, start(self, thumb));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RUNNING, self->info.state);
	get_report(_metadata, self, &report);
	EXPECT_EQ(0x600d0001, report.mark);
	/* Linux' boot protocol: 0, any machine, the device tree */
	EXPECT_EQ(0, report.r0);
	EXPECT_EQ(address(self, DTB), report.r2);
	/* Supervisor mode (or hypervisor), interrupts masked, MMU off */
	EXPECT_TRUE((report.cpsr & 0x1f) == 0x13 ||
		    (report.cpsr & 0x1f) == 0x1a);
	EXPECT_EQ(0xc0, report.cpsr & 0xc0);
	EXPECT_EQ(0, report.sctlr & 5);
}

TEST_F(boot, arm)
{
	check_start(_metadata, self, false);
}

TEST_F(boot, thumb)
{
	check_start(_metadata, self, true);
}

TEST_F(boot, without_dtb)
{
	struct report report;

	load(_metadata, self, false, 1);
	ASSERT_EQ(0, boot(self->fd, self->peer, address(self, PROGRAM + 4), 0));
	get_report(_metadata, self, &report);
	EXPECT_EQ(0, report.r2);
}

TEST_F(boot, running_is_busy)
{
	uint32_t count;

	load(_metadata, self, false, 1);
	ASSERT_EQ(0, start(self, false));
	EXPECT_EQ(-EBUSY, start(self, false));
	EXPECT_EQ(-EBUSY, boot(self->fd, self->peer, 0, 0));
	/* It does not even stumble. */
	count = read_count(self);
	sleep_ms(50);
	EXPECT_NE(count, read_count(self));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RUNNING, self->info.state);
}

TEST_F(boot, reset_stops_it)
{
	struct report before, after;

	load(_metadata, self, false, 77);
	ASSERT_EQ(0, start(self, false));
	get_report(_metadata, self, &before);
	ASSERT_EQ(0, reset(self->fd, self->peer));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RESET, self->info.state);
	/* It has stopped when the call returns, and its memory is as it was. */
	ASSERT_EQ(sizeof(before), pread(self->window, &before, sizeof(before),
					self->report));
	sleep_ms(100);
	ASSERT_EQ(sizeof(after), pread(self->window, &after, sizeof(after),
				       self->report));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(77, after.mark);
}

TEST_F(boot, reset_in_reset)
{
	EXPECT_EQ(0, reset(self->fd, self->peer));
	EXPECT_EQ(0, reset(self->fd, self->peer));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RESET, self->info.state);
}

/* It is the new program that runs, though the old one was at the same place. */
TEST_F_TIMEOUT(boot, again_and_again, 120)
{
	struct report report;
	uint32_t i;

	for (i = 1; i <= 30; i++) {
		load(_metadata, self, i % 2, i);
		ASSERT_EQ(0, start(self, i % 2));
		get_report(_metadata, self, &report);
		ASSERT_EQ(i, report.mark);
		ASSERT_EQ(0, reset(self->fd, self->peer));
	}
}

/* The one instruction that changes the mark is patched while nobody looks. */
TEST_F_TIMEOUT(boot, patched_program, 60)
{
	/* mov r5, #N, in front of the loop */
	static const uint32_t mov_r5 = 0xe3a05000;
	struct report report;
	uint32_t word, i, at = PROGRAM;

	load(_metadata, self, false, 1);
	do {
		at += 4;
		ASSERT_GT(PROGRAM + 0x100, at);
		ASSERT_EQ(4, pread(self->window, &word, 4, at));
	} while (word != mov_r5);
	for (i = 1; i < 6; i++) {
		uint32_t zero = 0;

		/* str r5, [r3, #20]: the mark is then what r5 is. */
		word = mov_r5 | i * 16;
		ASSERT_EQ(4, pwrite(self->window, &word, 4, at - 4));
		word = 0xe5835014;
		ASSERT_EQ(4, pwrite(self->window, &word, 4, at));
		ASSERT_EQ(4, pwrite(self->window, &zero, 4,
				    self->report +
				    offsetof(struct report, count)));
		ASSERT_EQ(0, start(self, false));
		get_report(_metadata, self, &report);
		ASSERT_EQ(i * 16, report.mark);
		ASSERT_EQ(0, reset(self->fd, self->peer));
	}
}

TEST_F(boot, bad_addresses)
{
	uint64_t base = self->info.mem_base;
	const uint64_t bad[] = {
		0, 4, base - 4, base - 1, base + self->info.mem_size,
		base + self->info.mem_size + 4, 0xfffffffc,
		base + 0x100000000ull, 0x8000000000000000ull | base,
		0xfffffffffffffffcull,
	};
	size_t i;

	load(_metadata, self, false, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EADDRNOTAVAIL,
			  boot(self->fd, self->peer, bad[i],
			       address(self, DTB))) {
			TH_LOG("entry %#llx", (unsigned long long)bad[i]);
		}
		/* A device tree at 0 is none. */
		if (bad[i])
			EXPECT_EQ(-EADDRNOTAVAIL,
				  boot(self->fd, self->peer,
				       address(self, PROGRAM + 4), bad[i])) {
				TH_LOG("dtb %#llx",
				       (unsigned long long)bad[i]);
			}
		ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
		ASSERT_EQ(SDM_STATE_RESET, self->info.state);
	}
	EXPECT_EQ(0, read_count(self));
	/* No harm is done. */
	EXPECT_EQ(0, start(self, false));
}

/* Memory can be loaded and looked at in any state. */
TEST_F(boot, memory_while_running)
{
	uint32_t word = 0x12345678, back = 0;

	load(_metadata, self, false, 1);
	ASSERT_EQ(0, start(self, false));
	ASSERT_EQ(4, pwrite(self->window, &word, 4, DTB));
	ASSERT_EQ(4, pread(self->window, &back, 4, DTB));
	EXPECT_EQ(word, back);
}

TEST_F(boot, events)
{
	struct sdm_subscribe arg = { .flags = SDM_SUBSCRIBE_PEER };
	uint32_t generation = self->info.generation;
	static const uint32_t states[] = { SDM_STATE_RUNNING, SDM_STATE_RESET };
	struct sdm_event event;
	int i, round;

	ASSERT_EQ(0, call(self->fd, SDM_IOC_SUBSCRIBE, &arg));
	load(_metadata, self, false, 1);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, i ? reset(self->fd, self->peer) :
					 start(self, false));
			do {
				ASSERT_EQ(0, next_event(self->fd, &event,
							PATIENCE_MS));
				ASSERT_EQ(SDM_EVENT_PEER, event.type);
			} while (event.peer != self->peer);
			EXPECT_EQ(states[i], event.state);
			EXPECT_EQ(generation, event.generation);
			EXPECT_EQ(0, event.flags & ~SDM_PEER_FLAG_MAPPED);
			EXPECT_EQ(0, event.signal);
			EXPECT_EQ(0, event.payload[0] | event.payload[1]);
		}
	}
}

struct booter {
	FIXTURE_DATA(boot) *self;
	pthread_t thread;
	int ret;
};

static void *boot_thread(void *data)
{
	struct booter *booter = data;

	booter->ret = start(booter->self, false);
	return NULL;
}

/* One of them wins. */
TEST_F_TIMEOUT(boot, at_once, 60)
{
	enum { BOOTERS = 4 };
	struct booter booters[BOOTERS];
	int i, round, won, lost;

	for (round = 0; round < 5; round++) {
		load(_metadata, self, false, round);
		for (i = 0; i < BOOTERS; i++) {
			booters[i] = (struct booter){ .self = self };
			ASSERT_EQ(0, pthread_create(&booters[i].thread, NULL,
						    boot_thread, &booters[i]));
		}
		won = 0;
		lost = 0;
		for (i = 0; i < BOOTERS; i++) {
			pthread_join(booters[i].thread, NULL);
			won += !booters[i].ret;
			lost += booters[i].ret == -EBUSY;
		}
		EXPECT_EQ(1, won);
		EXPECT_EQ(BOOTERS - 1, lost);
		ASSERT_EQ(0, reset(self->fd, self->peer));
	}
}

/* As a plain signal, which everybody may send; the tools do not. */
TEST_F(boot, by_plain_signal)
{
	struct report report;

	load(_metadata, self, false, 5);
	ASSERT_EQ(0, send_signal(self->fd, self->peer, self->info.boot_signal,
				 address(self, PROGRAM + 4), 0, 1000));
	ASSERT_EQ(0, wait_state(self->fd, self->peer, SDM_STATE_RUNNING));
	get_report(_metadata, self, &report);
	EXPECT_EQ(5, report.mark);
	ASSERT_EQ(0, send_signal(self->fd, self->peer, self->info.reset_signal,
				 0, 0, 1000));
	EXPECT_EQ(0, wait_state(self->fd, self->peer, SDM_STATE_RESET));
}

/* Fills the queue of a slave where nobody takes signals. */
static int fill_up(FIXTURE_DATA(boot) *self)
{
	int ret, n;

	for (n = 0; n < 100000; n++) {
		ret = send_signal(self->fd, self->peer, TEST_SIGNAL_A, n, 0, 0);
		if (ret)
			return ret;
	}
	return -EOVERFLOW;
}

TEST_F(boot, back_pressure_in_reset)
{
	uint64_t begun;

	ASSERT_EQ(-EAGAIN, fill_up(self));
	begun = now_ms();
	EXPECT_EQ(-ETIMEDOUT, send_signal(self->fd, self->peer, TEST_SIGNAL_A,
					  0, 0, 200));
	EXPECT_LE(200, now_ms() - begun);
	/* One's own signals and the slave's memory do not suffer. */
	EXPECT_EQ(0, send_signal(self->fd, 0, TEST_SIGNAL_A, 0, 0, 0));
	load(_metadata, self, false, 1);
}

/* Boot and reset work whatever waits in the slave's queue. */
TEST_F(boot, full_queue_does_not_prevent_boot)
{
	struct sdm_boot arg = {
		.peer = self->peer,
		.entry = address(self, PROGRAM + 4),
		.timeout_ms = 3000,
	};

	load(_metadata, self, false, 1);
	ASSERT_EQ(-EAGAIN, fill_up(self));
	EXPECT_EQ(0, call(self->fd, SDM_IOC_BOOT, &arg));
}

TEST_F(boot, full_queue_does_not_prevent_reset)
{
	struct sdm_reset arg = { .peer = self->peer, .timeout_ms = 3000 };
	struct report report;

	load(_metadata, self, false, 1);
	ASSERT_EQ(0, start(self, false));
	get_report(_metadata, self, &report);
	/* A program that hangs takes no signals. */
	ASSERT_EQ(-EAGAIN, fill_up(self));
	EXPECT_EQ(0, call(self->fd, SDM_IOC_RESET, &arg));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RESET, self->info.state);
	/* The reset empties the queue. */
	EXPECT_EQ(0, send_signal(self->fd, self->peer, TEST_SIGNAL_A, 0, 0, 0));
}

TEST_HARNESS_MAIN
