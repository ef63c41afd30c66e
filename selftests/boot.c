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

FIXTURE(boot)
{
	int number;
	int fd;
	int window;
	uint32_t peer;
	struct sdm_peer_info info;
	const struct program *program; /* for this kind of slave */
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

static const struct program *find_program(uint32_t machine)
{
	size_t i;

	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (programs[i].machine == machine)
			return &programs[i];
	}
	return NULL;
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
	self->program = find_program(self->info.arch);
	if (!self->program)
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

static uint64_t address(FIXTURE_DATA(boot) * self, uint64_t offset)
{
	return self->info.mem_base + offset;
}

static void load(struct __test_metadata *_metadata, FIXTURE_DATA(boot) * self,
		 uint32_t mark)
{
	const struct program *program = self->program;
	struct report empty = { 0 };

	self->report = PROGRAM + program->size;
	ASSERT_EQ(program->size,
		  pwrite(self->window, program->words, program->size, PROGRAM));
	ASSERT_EQ(4, pwrite(self->window, &mark, 4, PROGRAM));
	ASSERT_EQ(sizeof(empty),
		  pwrite(self->window, &empty, sizeof(empty), self->report));
}

/* What the boot signal tells of it. */
static uint64_t entry(FIXTURE_DATA(boot) * self)
{
	return address(self, PROGRAM + self->program->entry);
}

static int start(FIXTURE_DATA(boot) * self)
{
	return boot(self->fd, self->peer, entry(self), address(self, DTB));
}

static uint32_t read_count(FIXTURE_DATA(boot) * self)
{
	uint32_t count = 0;

	pread(self->window, &count, 4,
	      self->report + offsetof(struct report, count));
	return count;
}

/* Waits until the program has counted, which is the last thing it does. */
static void get_report(struct __test_metadata *_metadata,
		       FIXTURE_DATA(boot) * self, struct report *report)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (read_count(self) < 10 && now_ms() < end)
		sleep_ms(5);
	ASSERT_EQ(sizeof(*report),
		  pread(self->window, report, sizeof(*report), self->report));
	ASSERT_LE(10, report->count);
}

/* As the CPU's boot protocol of Linux has it: interrupts and MMU are off. */
static void check_registers(struct __test_metadata *_metadata, uint32_t machine,
			    const struct report *report)
{
	switch (machine) {
	case EM_ARM:
		EXPECT_EQ(0, report->arguments[0]);
		/* Supervisor mode (or hypervisor) */
		EXPECT_TRUE((report->mode & 0x1f) == 0x13 ||
			    (report->mode & 0x1f) == 0x1a);
		EXPECT_EQ(0xc0, report->mode & 0xc0);
		EXPECT_EQ(0, report->control & 5);
		break;
	case EM_AARCH64:
		EXPECT_EQ(0, report->arguments[1]);
		EXPECT_EQ(0, report->arguments[2]);
		EXPECT_EQ(0x3c0, report->mode & 0x3c0);
		EXPECT_EQ(0, report->control & 5);
		break;
	case EM_RISCV:
		/* The number of the hart */
		EXPECT_EQ(0, report->arguments[0]);
		EXPECT_EQ(0, report->mode & 8);
		EXPECT_EQ(0, report->control);
		break;
	}
}

static void check_start(struct __test_metadata *_metadata,
			FIXTURE_DATA(boot) * self)
{
	struct report report;

	load(_metadata, self, 0x600d0001);
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RUNNING, self->info.state);
	get_report(_metadata, self, &report);
	EXPECT_EQ(0x600d0001, report.mark);
	EXPECT_EQ(address(self, DTB), report.arguments[self->program->dtb]);
	check_registers(_metadata, self->program->machine, &report);
}

TEST_F(boot, registers)
{
	check_start(_metadata, self);
}

TEST_F(boot, thumb)
{
	if (self->program->machine != EM_ARM)
		SKIP(return, "only Arm has Thumb instructions");
	self->program = &thumb_program;
	check_start(_metadata, self);
}

TEST_F(boot, without_dtb)
{
	struct report report;

	load(_metadata, self, 1);
	ASSERT_EQ(0, boot(self->fd, self->peer, entry(self), 0));
	get_report(_metadata, self, &report);
	EXPECT_EQ(0, report.arguments[self->program->dtb]);
}

TEST_F(boot, running_is_busy)
{
	uint32_t count;

	load(_metadata, self, 1);
	ASSERT_EQ(0, start(self));
	EXPECT_EQ(-EBUSY, start(self));
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

	load(_metadata, self, 77);
	ASSERT_EQ(0, start(self));
	get_report(_metadata, self, &before);
	ASSERT_EQ(0, reset(self->fd, self->peer));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
	EXPECT_EQ(SDM_STATE_RESET, self->info.state);
	/* It has stopped when the call returns, and its memory is as it was. */
	ASSERT_EQ(sizeof(before),
		  pread(self->window, &before, sizeof(before), self->report));
	sleep_ms(100);
	ASSERT_EQ(sizeof(after),
		  pread(self->window, &after, sizeof(after), self->report));
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
	const struct program *program = self->program;
	struct report report;
	uint32_t i;

	for (i = 1; i <= 30; i++) {
		if (program->machine == EM_ARM)
			self->program = i % 2 ? &thumb_program : program;
		load(_metadata, self, i);
		ASSERT_EQ(0, start(self));
		get_report(_metadata, self, &report);
		ASSERT_EQ(i, report.mark);
		ASSERT_EQ(0, reset(self->fd, self->peer));
	}
}

/* One instruction of it is patched while nobody looks. */
TEST_F_TIMEOUT(boot, patched_program, 60)
{
	const struct program *program = self->program;
	uint64_t count = offsetof(struct report, count);
	uint32_t word, i, zero = 0;
	struct report report;

	load(_metadata, self, 1);
	for (i = 1; i < 6; i++) {
		word = program->words[program->patch] |
		       (i * 16) << program->patch_shift;
		ASSERT_EQ(4, pwrite(self->window, &word, 4,
				    PROGRAM + program->patch * 4));
		ASSERT_EQ(4,
			  pwrite(self->window, &zero, 4, self->report + count));
		ASSERT_EQ(0, start(self));
		get_report(_metadata, self, &report);
		ASSERT_EQ(i * 16, report.patched);
		ASSERT_EQ(0, reset(self->fd, self->peer));
	}
}

TEST_F(boot, bad_addresses)
{
	uint64_t base = self->info.mem_base;
	const uint64_t bad[] = {
		0,
		4,
		base - 4,
		base - 1,
		base + self->info.mem_size,
		base + self->info.mem_size + 4,
		0xfffffffc,
		base + 0x100000000ull,
		0x8000000000000000ull | base,
		0xfffffffffffffffcull,
	};
	size_t i;

	load(_metadata, self, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EADDRNOTAVAIL, boot(self->fd, self->peer, bad[i],
					       address(self, DTB)))
		{
			TH_LOG("entry %#llx", (unsigned long long)bad[i]);
		}
		/* A device tree at 0 is none. */
		if (bad[i])
			EXPECT_EQ(-EADDRNOTAVAIL, boot(self->fd, self->peer,
						       entry(self), bad[i]))
			{
				TH_LOG("dtb %#llx", (unsigned long long)bad[i]);
			}
		ASSERT_EQ(0, get_peer(self->fd, self->peer, &self->info));
		ASSERT_EQ(SDM_STATE_RESET, self->info.state);
	}
	EXPECT_EQ(0, read_count(self));
	/* No harm is done. */
	EXPECT_EQ(0, start(self));
}

/* Memory can be loaded and looked at in any state. */
TEST_F(boot, memory_while_running)
{
	uint32_t word = 0x12345678, back = 0;

	load(_metadata, self, 1);
	ASSERT_EQ(0, start(self));
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
	load(_metadata, self, 1);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, i ? reset(self->fd, self->peer) :
					 start(self));
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
	FIXTURE_DATA(boot) * self;
	pthread_t thread;
	int ret;
};

static void *boot_thread(void *data)
{
	struct booter *booter = data;

	booter->ret = start(booter->self);
	return NULL;
}

/* One of them wins. */
TEST_F_TIMEOUT(boot, at_once, 60)
{
	enum { BOOTERS = 4 };
	struct booter booters[BOOTERS];
	int i, round, won, lost;

	for (round = 0; round < 5; round++) {
		load(_metadata, self, round);
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

	load(_metadata, self, 5);
	ASSERT_EQ(0, send_signal(self->fd, self->peer, self->info.boot_signal,
				 entry(self), 0, 1000));
	ASSERT_EQ(0, wait_state(self->fd, self->peer, SDM_STATE_RUNNING));
	get_report(_metadata, self, &report);
	EXPECT_EQ(5, report.mark);
	ASSERT_EQ(0, send_signal(self->fd, self->peer, self->info.reset_signal,
				 0, 0, 1000));
	EXPECT_EQ(0, wait_state(self->fd, self->peer, SDM_STATE_RESET));
}

/* Fills the queue of a slave where nobody takes signals. */
static int fill_up(FIXTURE_DATA(boot) * self)
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
	EXPECT_EQ(-ETIMEDOUT,
		  send_signal(self->fd, self->peer, TEST_SIGNAL_A, 0, 0, 200));
	EXPECT_LE(200, now_ms() - begun);
	/* One's own signals and the slave's memory do not suffer. */
	EXPECT_EQ(0, send_signal(self->fd, 0, TEST_SIGNAL_A, 0, 0, 0));
	load(_metadata, self, 1);
}

/* Boot and reset work whatever waits in the slave's queue. */
TEST_F(boot, full_queue_does_not_prevent_boot)
{
	struct sdm_boot arg = {
		.peer = self->peer,
		.entry = entry(self),
		.timeout_ms = 3000,
	};

	load(_metadata, self, 1);
	ASSERT_EQ(-EAGAIN, fill_up(self));
	EXPECT_EQ(0, call(self->fd, SDM_IOC_BOOT, &arg));
}

TEST_F(boot, full_queue_does_not_prevent_reset)
{
	struct sdm_reset arg = { .peer = self->peer, .timeout_ms = 3000 };
	struct report report;

	load(_metadata, self, 1);
	ASSERT_EQ(0, start(self));
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
