// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of /dev/sdmN-pM: of a slave's memory that is in the window itself, and
 * the error where it is not.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

#define KIB 1024
#define MIB (1024 * KIB)

#define NOT_MAPPED "the memory is not mapped"

/* A slave in any state; where nothing runs on it its memory is for the tests. */
FIXTURE(map) {
	int number;
	int fd;
	int window;
	uint32_t peer;
	size_t page;
	struct sdm_peer_info info;
	/* What may be written, and whether there is somebody to compare with */
	struct test_memory memory;
	bool responder;
};

FIXTURE_SETUP(map)
{
	int id;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->page = getpagesize();
	self->fd = open_asker(self->number);
	ASSERT_LE(0, self->fd);
	id = find_slave(self->fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	self->peer = id;
	ASSERT_EQ(0, get_peer(self->fd, id, &self->info));
	if (!self->info.mem_size)
		SKIP(return, NO_WINDOW);
	if (!(self->info.flags & SDM_PEER_FLAG_MAPPED))
		SKIP(return, NOT_MAPPED);
	self->responder = !find_memory(self->fd, id, &self->memory);
	if (self->info.state == SDM_STATE_RESET)
		self->memory = (struct test_memory){ 0x8000000, 8 * MIB };
	else if (!self->responder)
		SKIP(return, NO_RESPONDER);
	self->window = open_window(self->number, id, O_RDWR);
	ASSERT_LE(0, self->window);
}

FIXTURE_TEARDOWN(map)
{
	close(self->window);
	close(self->fd);
}

/* Maps test memory */
static uint8_t *map_at(FIXTURE_DATA(map) *self, uint64_t offset, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    self->window, self->memory.offset + offset);
}

#define EXPECT_MAP_ERROR(error, size, prot, flags, fd, offset)		\
	do {								\
		EXPECT_TRUE(mmap(NULL, size, prot, flags, fd, offset) == \
			    MAP_FAILED);				\
		EXPECT_EQ(error, errno);				\
	} while (0)

#define RW (PROT_READ | PROT_WRITE)

TEST_F(map, is_announced)
{
	char path[96], text[4] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/sdm/devices/sdm%d-p%u/mem_mapped",
		 self->number, self->peer);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, read(fd, text, sizeof(text)));
	EXPECT_EQ('1', text[0]);
	close(fd);
}

TEST_F(map, errors)
{
	size_t page = self->page;
	uint64_t size = self->info.mem_size;
	int fd = self->window;

	EXPECT_MAP_ERROR(EINVAL, page, RW, MAP_PRIVATE, fd, 0);
	EXPECT_MAP_ERROR(EINVAL, page, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT_MAP_ERROR(EPERM, page, RW | PROT_EXEC, MAP_SHARED, fd, 0);
	EXPECT_MAP_ERROR(EPERM, page, PROT_EXEC, MAP_SHARED, fd, 0);
	EXPECT_MAP_ERROR(EINVAL, page, RW, MAP_SHARED, fd, 1);
	EXPECT_MAP_ERROR(EINVAL, 0, RW, MAP_SHARED, fd, 0);
	/* Beyond the end */
	EXPECT_MAP_ERROR(EINVAL, page, RW, MAP_SHARED, fd, size);
	EXPECT_MAP_ERROR(EINVAL, 2 * page, RW, MAP_SHARED, fd, size - page);
	EXPECT_MAP_ERROR(EINVAL, page + 1, RW, MAP_SHARED, fd, size - page);
	EXPECT_MAP_ERROR(EINVAL, page, RW, MAP_SHARED, fd, 0xffff0000);
	/* What the kernel itself refuses depends on the machine. */
	EXPECT_TRUE(mmap(NULL, page, RW, MAP_SHARED, fd, 0x7ffff000ull << 12) ==
		    MAP_FAILED);
}

/* As the file was opened, and no more */
TEST_F(map, modes)
{
	uint8_t *map;
	int fd;

	fd = open_window(self->number, self->peer, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_MAP_ERROR(EACCES, self->page, RW, MAP_SHARED, fd, 0);
	EXPECT_MAP_ERROR(EINVAL, self->page, RW, MAP_PRIVATE, fd, 0);
	map = mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd,
		   self->memory.offset);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	ASSERT_EQ(4, pwrite(self->window, "abcd", 4, self->memory.offset));
	EXPECT_EQ(0, memcmp("abcd", map, 4));
	EXPECT_EQ(-1, mprotect(map, self->page, RW));
	EXPECT_EQ(EACCES, errno);
	munmap(map, self->page);
	close(fd);

	fd = open_window(self->number, self->peer, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_MAP_ERROR(EACCES, self->page, PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

/* What cannot be had at first cannot be had later. */
TEST_F(map, changes)
{
	uint8_t *map = map_at(self, 0, 4 * self->page), *moved;

	ASSERT_TRUE((void *)map != MAP_FAILED);
	EXPECT_EQ(-1, mprotect(map, self->page, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_TRUE(mremap(map, 4 * self->page, 8 * self->page,
			   MREMAP_MAYMOVE) == MAP_FAILED);
	EXPECT_EQ(EFAULT, errno);
	/* Less, elsewhere, or in pieces: still the same memory */
	map[self->page] = 0x11;
	map[3 * self->page] = 0x33;
	ASSERT_EQ(0, munmap(map + 2 * self->page, self->page));
	EXPECT_EQ(0x33, map[3 * self->page]);
	moved = mremap(map, 2 * self->page, 2 * self->page,
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       map + 512 * self->page);
	ASSERT_TRUE(map + 512 * self->page == moved);
	EXPECT_EQ(0x11, moved[self->page]);
	moved[self->page] = 0x12;
	EXPECT_EQ(1, pread(self->window, map + 3 * self->page, 1,
			   self->memory.offset + self->page));
	EXPECT_EQ(0x12, map[3 * self->page]);
	/* Dropped pages come back. */
	EXPECT_EQ(0, mprotect(moved, self->page, PROT_NONE));
	EXPECT_EQ(0, mprotect(moved, self->page, RW));
	EXPECT_EQ(0x12, moved[self->page]);
	munmap(moved, 2 * self->page);
	munmap(map + 3 * self->page, self->page);
}

TEST_F(map, ends_of_memory)
{
	uint64_t size = self->info.mem_size;
	uint8_t *map, byte = 0;

	map = mmap(NULL, size, PROT_READ, MAP_SHARED, self->window, 0);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	ASSERT_EQ(1, pread(self->window, &byte, 1, 0));
	EXPECT_EQ(byte, map[0]);
	ASSERT_EQ(1, pread(self->window, &byte, 1, size - 1));
	EXPECT_EQ(byte, map[size - 1]);
	munmap(map, size);
	/* A part of a page is as good as all of it. */
	map = mmap(NULL, 1, PROT_READ, MAP_SHARED, self->window,
		   size - self->page);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	EXPECT_EQ(byte, map[self->page - 1]);
	munmap(map, 1);
}

/* Each page where it belongs, whatever the order in which they are touched */
TEST_F(map, offsets)
{
	enum { PAGES = 100, FIRST = 7 };
	uint32_t tag;
	uint8_t *map;
	int i, at;

	for (i = 0; i < PAGES; i++) {
		tag = 0xcafe0000 + i;
		ASSERT_EQ(4, pwrite(self->window, &tag, 4,
				    self->memory.offset + i * self->page));
	}
	map = map_at(self, FIRST * self->page, (PAGES - FIRST) * self->page);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	for (i = 0; i < PAGES - FIRST; i++) {
		at = i * 37 % (PAGES - FIRST);
		EXPECT_EQ(0xcafe0000 + FIRST + at,
			  *(volatile uint32_t *)(map + at * self->page));
	}
	munmap(map, (PAGES - FIRST) * self->page);
}

/* The driver's own copies, and the mapping */
TEST_F(map, read_and_write)
{
	size_t size = 3 * MIB;
	uint8_t *map = map_at(self, 0, size), *data = malloc(size);

	ASSERT_TRUE((void *)map != MAP_FAILED);
	ASSERT_TRUE(data != NULL);
	fill_pattern(data, size, 5);
	ASSERT_EQ(size, pwrite(self->window, data, size,
			       self->memory.offset));
	EXPECT_EQ(0, memcmp(data, map, size));
	/* All kinds of accesses, at all alignments */
	fill_pattern(data, size, 6);
	memcpy(map + 3, data, size - 10);
	memset(data, 0, size);
	ASSERT_EQ(size - 10, pread(self->window, data, size - 10,
				   self->memory.offset + 3));
	EXPECT_EQ(0, memcmp(data, map + 3, size - 10));
	munmap(map, size);
	free(data);
}

/* What the slave sees, and what it writes */
TEST_F_TIMEOUT(map, coherent_with_slave, 60)
{
	size_t size = MIB + 5;
	uint8_t *map = map_at(self, 0, size);
	uint64_t answer[2];
	uint32_t i;

	ASSERT_TRUE((void *)map != MAP_FAILED);
	if (!self->responder)
		SKIP(return, NO_RESPONDER);
	fill_pattern(map, size, 11);
	ASSERT_EQ(0, ask(self->fd, self->peer, REQUEST_HASH, RANGE(0, size), 0,
			 answer));
	EXPECT_EQ(hash_bytes(map, size), answer[1]);
	ASSERT_EQ(0, ask(self->fd, self->peer, REQUEST_CHECK, RANGE(0, size),
			 11, answer));
	EXPECT_EQ(0, answer[1]);
	ASSERT_EQ(0, ask(self->fd, self->peer, REQUEST_FILL, RANGE(0, size),
			 12, answer));
	for (i = 0; i < size && map[i] == pattern_byte(12, i); i++)
		;
	EXPECT_EQ(size, i);

	/* What was stored before a signal is there when it arrives. */
	for (i = 0; i < 200; i++) {
		uint64_t value = 0x0123456789abcdefull * (i + 1);

		*(volatile uint64_t *)(map + 8 * (i % 1000)) = value;
		ASSERT_EQ(0, ask(self->fd, self->peer, REQUEST_PEEK,
				 8 * (i % 1000), 0, answer));
		ASSERT_EQ(value, answer[1]);
	}
	munmap(map, size);
}

#define ADDS 200000

static void *add(void *word)
{
	int i;

	for (i = 0; i < ADDS; i++)
		__atomic_fetch_add((uint32_t *)word, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* It is memory, with all that the CPU can do with it. */
TEST_F_TIMEOUT(map, atomic, 60)
{
	uint32_t *map = (uint32_t *)map_at(self, 0, self->page), value;
	pthread_t thread;

	ASSERT_TRUE((void *)map != MAP_FAILED);
	map[5] = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, add, map + 5));
	add(map + 5);
	pthread_join(thread, NULL);
	ASSERT_EQ(4, pread(self->window, &value, 4, self->memory.offset + 20));
	EXPECT_EQ(2 * ADDS, value);
	munmap(map, self->page);
}

struct adder {
	pthread_t thread;
	uint32_t *word;
	uint32_t count;
	volatile bool stop;
};

static void *add_on(void *data)
{
	struct adder *adder = data;

	for (; !adder->stop; adder->count++)
		__atomic_fetch_add(adder->word, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The same, with the CPU of the slave at the other end. */
TEST_F_TIMEOUT(map, atomic_with_slave, 60)
{
	enum { COUNT = 2000000 };
	struct adder adder = { 0 };
	uint64_t answer[2];
	uint8_t *map;

	if (!self->responder)
		SKIP(return, NO_RESPONDER);
	map = map_at(self, 0, self->page);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	adder.word = (uint32_t *)(map + 64);
	*adder.word = 0;
	ASSERT_EQ(0, pthread_create(&adder.thread, NULL, add_on, &adder));
	EXPECT_EQ(0, ask(self->fd, self->peer, REQUEST_ADD, 64, COUNT, answer));
	adder.stop = true;
	pthread_join(adder.thread, NULL);
	EXPECT_LT(1000, adder.count);
	EXPECT_EQ(adder.count + COUNT, *adder.word);
	munmap(map, self->page);
}

TEST_F(map, outlives_the_file)
{
	uint8_t *map = map_at(self, 0, self->page);
	int fd;

	ASSERT_TRUE((void *)map != MAP_FAILED);
	close(self->window);
	map[0] = 0x42;
	fd = open_window(self->number, self->peer, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, self->memory.offset + 1));
	EXPECT_EQ(0x42, map[0]);
	EXPECT_EQ('x', map[1]);
	self->window = fd;
	munmap(map, self->page);
}

/* Parent and child share it, whoever has touched which page. */
TEST_F(map, forked)
{
	volatile uint32_t *map;
	int status, i;
	pid_t child;

	map = (uint32_t *)map_at(self, 0, 40 * self->page);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	memset((void *)map, 0, 40 * self->page);
	munmap((void *)map, 40 * self->page);
	map = (uint32_t *)map_at(self, 0, 40 * self->page);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	map[0] = 1;
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		while (map[0] != 2)
			;
		for (i = 0; i < 40; i++)
			map[i * self->page / 4 + 1] += i;
		map[0] = 3;
		_exit(map[2] != 0);
	}
	for (i = 0; i < 40; i++)
		map[i * self->page / 4 + 1] = 1000;
	map[0] = 2;
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(3, map[0]);
	for (i = 0; i < 40; i++)
		EXPECT_EQ(1000 + i, map[i * self->page / 4 + 1]);
	munmap((void *)map, 40 * self->page);
}

/* As the buffer of calls, those of the same file included */
TEST_F_TIMEOUT(map, as_buffer, 60)
{
	size_t size = 700 * KIB;
	uint8_t *map = map_at(self, 0, 2 * MIB), *data = malloc(size);
	FILE *file = tmpfile();

	ASSERT_TRUE((void *)map != MAP_FAILED);
	ASSERT_TRUE(file && data);
	fill_pattern(data, size, 21);
	ASSERT_EQ(size, write(fileno(file), data, size));
	/* Nothing of it has been touched. */
	ASSERT_EQ(size, pread(fileno(file), map + 5, size, 0));
	EXPECT_EQ(0, memcmp(data, map + 5, size));
	fill_pattern(map + 5, size, 22);
	ASSERT_EQ(size, pwrite(fileno(file), map + 5, size, 0));
	ASSERT_EQ(size, pread(fileno(file), data, size, 0));
	EXPECT_EQ(0, memcmp(data, map + 5, size));

	munmap(map, 2 * MIB);
	map = map_at(self, 0, 2 * MIB);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	ASSERT_EQ(size, pread(self->window, map + MIB + 1, size,
			      self->memory.offset + 5));
	EXPECT_EQ(0, memcmp(data, map + MIB + 1, size));
	memset(map + 5, 0, size);
	ASSERT_EQ(size, pwrite(self->window, map + MIB + 1, size,
			       self->memory.offset + 5));
	EXPECT_EQ(0, memcmp(data, map + 5, size));
	munmap(map, 2 * MIB);
	fclose(file);
	free(data);
}

/* What usually looks at all pages of a process leaves these alone. */
TEST_F(map, locked_and_dumped)
{
	uint8_t *map = map_at(self, 0, 8 * self->page);
	int status;
	pid_t child;

	ASSERT_TRUE((void *)map != MAP_FAILED);
	EXPECT_EQ(0, mlock(map, 8 * self->page));
	EXPECT_EQ(0, munlock(map, 8 * self->page));
	EXPECT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	munmap(map, 8 * self->page);
	map = map_at(self, 0, 8 * self->page);
	EXPECT_TRUE((void *)map != MAP_FAILED);
	EXPECT_EQ(0, munlockall());
	map[0] = 1;
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		signal(SIGABRT, SIG_DFL);
		map[self->page] = 2;
		abort();
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(2, map[self->page]);
	munmap(map, 8 * self->page);
}

/* Resetting it is nothing to the slave's memory, nor to who has mapped it. */
TEST_F(map, reset_keeps_it)
{
	struct sdm_reset reset = { .peer = self->peer };
	uint8_t *map;
	int i;

	if (self->info.state != SDM_STATE_RESET)
		SKIP(return, "the slave runs");
	map = map_at(self, 0, 20 * self->page);
	ASSERT_TRUE((void *)map != MAP_FAILED);
	for (i = 0; i < 10; i++) {
		fill_pattern(map, 10 * self->page, i);
		ASSERT_EQ(0, call(self->fd, SDM_IOC_RESET, &reset));
		EXPECT_EQ(pattern_byte(i, 5 * self->page),
			  map[5 * self->page]);
		/* Some page that was not there before */
		map[(10 + i) * self->page] = i;
		EXPECT_EQ(i, map[(10 + i) * self->page]);
	}
	munmap(map, 20 * self->page);
}

static sigjmp_buf trap;

static void catch(int sig)
{
	siglongjmp(trap, sig);
}

/* Reads, and returns the signal that came instead of a value. */
static int touch(volatile uint8_t *byte)
{
	struct sigaction action = { .sa_handler = catch }, old;
	int sig;

	sigaction(SIGBUS, &action, &old);
	sig = sigsetjmp(trap, 1);
	if (!sig)
		*byte;
	sigaction(SIGBUS, &old, NULL);
	return sig;
}

static void *touch_on(void *map)
{
	while (!touch(map))
		;
	return NULL;
}

static int rebind(FIXTURE_DATA(map) *self, const char *name, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/platform/drivers/sdm-platform/%s",
		 on ? "bind" : "unbind");
	return write_file(path, name);
}

/* The driver leaves the device: what was mapped is gone, for good. */
TEST_F_TIMEOUT(map, unbind, 60)
{
	uint8_t *map, *used, *again;
	pthread_t thread;
	char name[64];
	int round, fd;

	if (getuid())
		SKIP(return, NO_ROOT);
	ASSERT_EQ(0, platform_name(self->number, name, sizeof(name)));
	for (round = 0; round < 5; round++) {
		fd = open_window(self->number, self->peer, O_RDWR);
		ASSERT_LE(0, fd);
		map = mmap(NULL, 4 * self->page, RW, MAP_SHARED, fd,
			   self->memory.offset);
		used = mmap(NULL, self->page, RW, MAP_SHARED, fd,
			    self->memory.offset);
		ASSERT_TRUE((void *)map != MAP_FAILED);
		ASSERT_TRUE((void *)used != MAP_FAILED);
		map[0] = 0x70 + round;
		/* One is in the middle of it. */
		ASSERT_EQ(0, pthread_create(&thread, NULL, touch_on, used));
		sleep_ms(20);
		ASSERT_EQ(0, rebind(self, name, false));
		pthread_join(thread, NULL);
		EXPECT_EQ(SIGBUS, touch(map));
		EXPECT_EQ(SIGBUS, touch(map + self->page));
		EXPECT_EQ(-1, open((char *)map, O_RDONLY));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_MAP_ERROR(ENODEV, self->page, RW, MAP_SHARED, fd, 0);
		ASSERT_EQ(0, rebind(self, name, true));
		/* A new device does not bring it back. */
		EXPECT_EQ(SIGBUS, touch(map));
		EXPECT_MAP_ERROR(ENODEV, self->page, RW, MAP_SHARED, fd, 0);
		close(fd);
		fd = open_window(self->number, self->peer, O_RDWR);
		ASSERT_LE(0, fd);
		again = mmap(NULL, self->page, RW, MAP_SHARED, fd,
			     self->memory.offset);
		ASSERT_TRUE((void *)again != MAP_FAILED);
		EXPECT_EQ(0x70 + round, again[0]);
		EXPECT_EQ(-1, pread(fd, map, self->page, self->memory.offset));
		EXPECT_EQ(EFAULT, errno);
		munmap(again, self->page);
		munmap(used, self->page);
		munmap(map, 4 * self->page);
		close(fd);
	}
}

/* Where accesses are forwarded there is nothing to map. */
TEST(forwarded)
{
	struct sdm_peer_info info;
	int number, fd, window, id;

	number = find_device();
	if (number < 0)
		SKIP(return, NO_DEVICE);
	fd = open_device(number, O_RDWR);
	ASSERT_LE(0, fd);
	id = find_slave(fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	ASSERT_EQ(0, get_peer(fd, id, &info));
	if (!info.mem_size)
		SKIP(return, NO_WINDOW);
	if (info.flags & SDM_PEER_FLAG_MAPPED)
		SKIP(return, "the memory is mapped");
	window = open_window(number, id, O_RDWR);
	ASSERT_LE(0, window);
	EXPECT_MAP_ERROR(ENODEV, getpagesize(), PROT_READ, MAP_SHARED, window,
			 0);
	EXPECT_MAP_ERROR(ENODEV, getpagesize(), RW, MAP_SHARED, window, 0);
	EXPECT_MAP_ERROR(ENODEV, getpagesize(), RW, MAP_PRIVATE, window, 0);
	close(window);
	close(fd);
}

/* The node of a slave that is not there */
TEST(absent)
{
	int number, fd, window, id;

	number = find_device();
	if (number < 0)
		SKIP(return, NO_DEVICE);
	fd = open_device(number, O_RDWR);
	ASSERT_LE(0, fd);
	id = find_absent(fd);
	close(fd);
	if (id < 0)
		SKIP(return, NO_ABSENT);
	window = open_window(number, id, O_RDWR);
	if (window == -ENOENT)
		SKIP(return, NO_WINDOW);
	ASSERT_LE(0, window);
	EXPECT_MAP_ERROR(ENOLINK, getpagesize(), RW, MAP_SHARED, window, 0);
	close(window);
}

TEST_HARNESS_MAIN
