// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large transfers from and to the memory of a slave, in whatever way the driver
 * does them: by the device, by single accesses, or straight to memory that is
 * mapped. SDM_WAY=plain|bulk|mapped says which one it has to be.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

#define KIB 1024
#define MIB (1024 * KIB)

/* SDM_FEAT_DMA of the device, which is no part of the kernel's ABI */
#define FEATURE_DMA 2

FIXTURE(bulk) {
	int number;
	int fd;
	int window;
	uint32_t peer;
	struct sdm_peer_info info;
	struct test_memory memory;
	const char *way;
};

/* How the driver has to do it, if nobody says */
static const char *best_way(FIXTURE_DATA(bulk) *self)
{
	struct sdm_info info = { 0 };

	if (self->info.flags & SDM_PEER_FLAG_MAPPED)
		return "mapped";
	call(self->fd, SDM_IOC_GET_INFO, &info);
	return info.hw_features & FEATURE_DMA ? "bulk" : "plain";
}

FIXTURE_SETUP(bulk)
{
	int id;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_asker(self->number);
	ASSERT_LE(0, self->fd);
	id = find_slave(self->fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	self->peer = id;
	ASSERT_EQ(0, get_peer(self->fd, id, &self->info));
	if (!self->info.mem_size)
		SKIP(return, NO_WINDOW);
	if (find_memory(self->fd, id, &self->memory))
		SKIP(return, NO_RESPONDER);
	ASSERT_LE(8 * MIB, self->memory.size);
	self->window = open_window(self->number, id, O_RDWR);
	ASSERT_LE(0, self->window);
	self->way = getenv("SDM_WAY");
	if (!self->way)
		self->way = best_way(self);
}

FIXTURE_TEARDOWN(bulk)
{
	close(self->window);
	close(self->fd);
}

static ssize_t write_at(FIXTURE_DATA(bulk) *self, const void *data,
			size_t size, uint64_t offset)
{
	return pwrite(self->window, data, size, self->memory.offset + offset);
}

static ssize_t read_at(FIXTURE_DATA(bulk) *self, void *data, size_t size,
		       uint64_t offset)
{
	return pread(self->window, data, size, self->memory.offset + offset);
}

/* What the slave sees */
static uint64_t hash_at(struct __test_metadata *_metadata,
			FIXTURE_DATA(bulk) *self, uint64_t offset,
			uint32_t size)
{
	uint64_t answer[2] = { 0 };

	EXPECT_EQ(0, ask(self->fd, self->peer, REQUEST_HASH,
			 RANGE(offset, size), 0, answer));
	return answer[1];
}

static void fill_at(struct __test_metadata *_metadata,
		    FIXTURE_DATA(bulk) *self, uint64_t offset, uint32_t size,
		    uint32_t seed)
{
	uint64_t answer[2];

	EXPECT_EQ(0, ask(self->fd, self->peer, REQUEST_FILL,
			 RANGE(offset, size), seed, answer));
}

/* Where it is slow less has to do. */
static size_t scaled(FIXTURE_DATA(bulk) *self, size_t size)
{
	if (getenv("SDM_QUICK"))
		size = size / 4 + 1;
	return strcmp(self->way, "plain") ? size : size / 16 + 1;
}

static int64_t counter(FIXTURE_DATA(bulk) *self, const char *way)
{
	char name[32];

	snprintf(name, sizeof(name), "bytes_%s", way);
	return read_counter(self->number, self->peer, name);
}

static const char *const ways[] = { "plain", "bulk", "mapped" };

/* Counts what a call has moved, and in which way */
#define EXPECT_WAY(wanted, size, access)				\
	do {								\
		int64_t before_[3];					\
		int i_;							\
									\
		for (i_ = 0; i_ < 3; i_++)				\
			before_[i_] = counter(self, ways[i_]);		\
		ASSERT_EQ(size, access);				\
		for (i_ = 0; i_ < 3; i_++) {				\
			ASSERT_LE(0, before_[i_]);			\
			EXPECT_EQ(strcmp(wanted, ways[i_]) ? 0 : size,	\
				  counter(self, ways[i_]) - before_[i_]) { \
				TH_LOG("%s", ways[i_]);			\
			}						\
		}							\
	} while (0)

/* What is slow but works would be noticed by nobody. */
TEST_F(bulk, way)
{
	static uint8_t data[256 * KIB + 8];
	const char *small = strcmp(self->way, "mapped") ? "plain" : "mapped";

	EXPECT_WAY(self->way, 256 * KIB, write_at(self, data, 256 * KIB, 0));
	EXPECT_WAY(self->way, 256 * KIB, read_at(self, data, 256 * KIB, 0));
	EXPECT_WAY(self->way, 4097, write_at(self, data + 3, 4097, 77));
	EXPECT_WAY(self->way, 4097, read_at(self, data + 3, 4097, 77));
	EXPECT_WAY(self->way, 64, read_at(self, data, 64, 77));
	EXPECT_WAY(small, 4, write_at(self, data, 4, 0));
	EXPECT_WAY(small, 4, read_at(self, data, 4, 0));
}

TEST_F(bulk, expected_way)
{
	EXPECT_STREQ(best_way(self), self->way);
}

static const size_t sizes[] = {
	31, 32, 33, 1023, 1024, 1025, 2047, 2049, 4095, 4097, 65535, 65537,
	512 * KIB - 1, 512 * KIB + 1, 2 * MIB + 4099,
};

/* Neither the place in the memory nor that of the buffer is of interest. */
static const size_t shifts[] = { 0, 1, 3, 61, 2048, 4095 };

TEST_F_TIMEOUT(bulk, odd_writes, 300)
{
	uint8_t *data = malloc(3 * MIB), *model = malloc(3 * MIB);
	size_t s, a, size, at;
	uint32_t seed = 1;

	ASSERT_TRUE(data && model);
	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (a = 0; a < sizeof(shifts) / sizeof(shifts[0]); a++) {
			/* The large ones take the slave long. */
			if (sizes[s] > MIB && a % 3)
				continue;
			size = scaled(self, sizes[s]);
			at = 64 + shifts[(a + s) % 6];
			fill_at(_metadata, self, at - 64, size + 128, ++seed);
			fill_pattern(model, size + 128, seed);
			fill_pattern(data + shifts[a], size, ++seed);
			memcpy(model + 64, data + shifts[a], size);
			ASSERT_EQ(size, write_at(self, data + shifts[a], size,
						 at));
			/* Nor a byte beside it */
			ASSERT_EQ(hash_bytes(model, size + 128),
				  hash_at(_metadata, self, at - 64,
					  size + 128)) {
				TH_LOG("%zu bytes from %zu to %zu", size,
				       shifts[a], at);
			}
		}
	}
	free(model);
	free(data);
}

TEST_F_TIMEOUT(bulk, odd_reads, 300)
{
	uint8_t *data = malloc(3 * MIB), *model = malloc(3 * MIB);
	size_t s, a, size, at;
	uint8_t *to;

	ASSERT_TRUE(data && model);
	fill_at(_metadata, self, 0, 3 * MIB, 4711);
	fill_pattern(model, 3 * MIB, 4711);
	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (a = 0; a < sizeof(shifts) / sizeof(shifts[0]); a++) {
			size = scaled(self, sizes[s]);
			at = 64 + shifts[(a + s) % 6];
			to = data + 64 + shifts[a];
			memset(to - 64, 0x5a, size + 128);
			ASSERT_EQ(size, read_at(self, to, size, at));
			ASSERT_EQ(0, memcmp(model + at, to, size)) {
				TH_LOG("%zu bytes from %zu to %zu", size, at,
				       shifts[a]);
			}
			EXPECT_EQ(0x5a, to[-1]);
			EXPECT_EQ(0x5a, to[size]);
		}
	}
	free(model);
	free(data);
}

/* Anything to anywhere, and in the end all is where it belongs. */
TEST_F_TIMEOUT(bulk, random, 300)
{
	size_t size = scaled(self, 4 * MIB), offset, len;
	uint8_t *model = malloc(size), *data = malloc(size + 8);
	int i;

	ASSERT_TRUE(model && data);
	srandom(20261122);
	fill_at(_metadata, self, 0, size, 99);
	fill_pattern(model, size, 99);
	for (i = 0; i < 150; i++) {
		offset = random() % size;
		len = random() % (size - offset) >> random() % 12;
		if (random() % 2) {
			fill_pattern(data + i % 8, len, i);
			memcpy(model + offset, data + i % 8, len);
			ASSERT_EQ(len, write_at(self, data + i % 8, len,
						offset));
		} else {
			ASSERT_EQ(len, read_at(self, data + i % 8, len,
					       offset));
			ASSERT_EQ(0, memcmp(model + offset, data + i % 8,
					    len)) {
				TH_LOG("%zu bytes at %zu", len, offset);
			}
		}
	}
	EXPECT_EQ(hash_bytes(model, size), hash_at(_metadata, self, 0, size));
	free(data);
	free(model);
}

/* More than is there is as much as there is. */
TEST_F_TIMEOUT(bulk, end_of_memory, 60)
{
	size_t size = scaled(self, 3 * MIB) + 1;
	uint8_t *data = malloc(2 * size);

	ASSERT_TRUE(data != NULL);
	EXPECT_EQ(size, pread(self->window, data, 2 * size,
			      self->info.mem_size - size));
	free(data);
}

#define PARTS 300

TEST_F_TIMEOUT(bulk, vectors, 60)
{
	struct iovec parts[PARTS];
	size_t i, size = 0;
	uint8_t *data, *model;

	for (i = 0; i < PARTS; i++)
		size += i * 7 % 5000;
	data = malloc(size + PARTS);
	model = malloc(size);
	ASSERT_TRUE(data && model);
	fill_pattern(model, size, 31);
	for (i = 0, size = 0; i < PARTS; i++) {
		parts[i].iov_base = data + size + i;
		parts[i].iov_len = i * 7 % 5000;
		memcpy(parts[i].iov_base, model + size, parts[i].iov_len);
		size += parts[i].iov_len;
	}
	ASSERT_EQ(size, pwritev(self->window, parts, PARTS,
				self->memory.offset + 13));
	EXPECT_EQ(hash_bytes(model, size), hash_at(_metadata, self, 13, size));
	memset(data, 0, size + PARTS);
	ASSERT_EQ(size, preadv(self->window, parts, PARTS,
			       self->memory.offset + 13));
	for (i = 0, size = 0; i < PARTS; i++) {
		EXPECT_EQ(0, memcmp(model + size, parts[i].iov_base,
				    parts[i].iov_len));
		size += parts[i].iov_len;
	}
	free(model);
	free(data);
}

/*
 * A hole in the caller's memory: what is before it counts, up to the few bytes
 * that the kernel's copying may leave out, and nothing behind it is touched.
 */
TEST_F_TIMEOUT(bulk, holes, 120)
{
	static const size_t starts[] = {
		5000, 20000, 64 * KIB + 1, 700 * KIB + 3, 2 * MIB + 2 * MIB / 5,
	};
	size_t page = getpagesize(), room = 4 * MIB, before, i;
	uint8_t *pages, *model, *hole;
	ssize_t n;

	model = malloc(room);
	pages = mmap(NULL, room, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(model && pages != MAP_FAILED);
	hole = pages + 3 * MIB;
	ASSERT_EQ(0, munmap(hole, page));
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		before = scaled(self, starts[i]);
		fill_at(_metadata, self, 0, before + 2 * page, 70);
		fill_pattern(model, before + 2 * page, 70);
		memset(hole - before, 0, before);
		n = read_at(self, hole - before, before + page, 0);
		EXPECT_GE(before, n);
		ASSERT_LT((ssize_t)before - 64, n) {
			TH_LOG("read of %zu", before);
		}
		EXPECT_EQ(0, memcmp(model, hole - before, n));

		fill_pattern(hole - before, before, 71);
		n = write_at(self, hole - before, before + page, 0);
		EXPECT_GE(before, n);
		ASSERT_LT((ssize_t)before - 64, n) {
			TH_LOG("write of %zu", before);
		}
		memcpy(model, hole - before, n);
		EXPECT_EQ(hash_bytes(model, before + 2 * page),
			  hash_at(_metadata, self, 0, before + 2 * page));
	}
	/* Nothing before it */
	EXPECT_EQ(-1, write_at(self, hole, page, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read_at(self, hole, page, 0));
	EXPECT_EQ(EFAULT, errno);
	munmap(pages, 3 * MIB);
	free(model);
}

/* Memory that may be read may not be written for that reason. */
TEST_F(bulk, read_only_buffer)
{
	size_t size = 64 * KIB;
	uint8_t *pages;

	pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE((void *)pages != MAP_FAILED);
	memset(pages, 0x77, size);
	ASSERT_EQ(0, mprotect(pages, size, PROT_READ));
	EXPECT_EQ(size, write_at(self, pages, size, 0));
	EXPECT_EQ(-1, read_at(self, pages, size, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0x77, pages[0]);
	munmap(pages, size);
}

/* Pages that were never touched, and those of a file */
TEST_F(bulk, buffer_kinds)
{
	static uint8_t model[200 * KIB], back[200 * KIB];
	size_t size = sizeof(model);
	uint8_t *pages, *file;
	FILE *stream;

	fill_at(_metadata, self, 0, size, 81);
	fill_pattern(model, size, 81);
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE((void *)pages != MAP_FAILED);
	ASSERT_EQ(size, read_at(self, pages, size, 0));
	EXPECT_EQ(0, memcmp(model, pages, size));
	munmap(pages, size);

	stream = tmpfile();
	ASSERT_TRUE(stream != NULL);
	ASSERT_EQ(0, ftruncate(fileno(stream), size));
	file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fileno(stream), 0);
	ASSERT_TRUE((void *)file != MAP_FAILED);
	ASSERT_EQ(size, read_at(self, file, size, 0));
	ASSERT_EQ(size, pread(fileno(stream), back, size, 0));
	EXPECT_EQ(0, memcmp(model, back, size));
	fill_pattern(file, size, 82);
	ASSERT_EQ(size, write_at(self, file, size, 0));
	EXPECT_EQ(hash_bytes(file, size), hash_at(_metadata, self, 0, size));
	munmap(file, size);
	fclose(stream);
}

static volatile unsigned int alarms;

static void count_alarm(int sig)
{
	alarms++;
}

/* Only what kills interrupts a transfer. */
TEST_F_TIMEOUT(bulk, other_signals, 60)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
	struct sigaction action = { .sa_handler = count_alarm };
	size_t size = scaled(self, 4 * MIB);
	uint8_t *data = malloc(size);
	uint64_t end;

	ASSERT_TRUE(data != NULL);
	fill_pattern(data, size, 5);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	end = now_ms() + 500;
	do {
		ASSERT_EQ(size, write_at(self, data, size, 0));
		ASSERT_EQ(size, read_at(self, data, size, 0));
	} while (now_ms() < end);
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_LT(0, alarms);
	signal(SIGALRM, SIG_DFL);
	EXPECT_EQ(hash_bytes(data, size), hash_at(_metadata, self, 0, size));
	free(data);
}

/* Many processes and threads: each has a part of the memory. */

#define WORKERS 8

struct worker {
	FIXTURE_DATA(bulk) *self;
	pthread_t thread;
	unsigned int name;
	unsigned int errors;
};

static void *work(void *data)
{
	struct worker *worker = data;
	size_t size = scaled(worker->self, 600 * KIB) + worker->name;
	uint8_t *wanted = malloc(size), *got = malloc(size);
	uint64_t offset = worker->name * (size + 1);
	int i;

	for (i = 0; i < 6; i++) {
		fill_pattern(wanted, size, worker->name * 100 + i);
		worker->errors += write_at(worker->self, wanted, size,
					   offset) != size;
		memset(got, 0, size);
		worker->errors += read_at(worker->self, got, size,
					  offset) != size;
		worker->errors += !!memcmp(wanted, got, size);
	}
	free(got);
	free(wanted);
	return NULL;
}

TEST_F_TIMEOUT(bulk, threads, 300)
{
	struct worker workers[WORKERS] = { 0 };
	int i;

	for (i = 0; i < WORKERS; i++) {
		workers[i].self = self;
		workers[i].name = i;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work,
					    &workers[i]));
	}
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0, workers[i].errors);
	}
}

TEST_F_TIMEOUT(bulk, processes, 300)
{
	struct worker worker = { .self = self };
	pid_t children[WORKERS];
	int i, status;

	for (i = 0; i < WORKERS; i++) {
		children[i] = fork();
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			worker.name = i;
			work(&worker);
			_exit(worker.errors);
		}
	}
	for (i = 0; i < WORKERS; i++) {
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		EXPECT_EQ(0, status);
	}
}

static int64_t vmstat(const char *name)
{
	char line[128];
	int64_t value = -1;
	FILE *file;

	file = fopen("/proc/vmstat", "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == ' ')
			value = atoll(line + strlen(name));
	}
	if (file)
		fclose(file);
	return value;
}

/* Pages that the kernel has pinned for somebody, and not given back yet */
static int64_t pinned(void)
{
	/* The counters of all CPUs are added up first. */
	write_file("/proc/sys/vm/stat_refresh", "1");
	return vmstat("nr_foll_pin_acquired") - vmstat("nr_foll_pin_released");
}

/* What is under way when its process is killed does no harm. */
static void kill_them(struct __test_metadata *_metadata,
		      FIXTURE_DATA(bulk) *self, bool write)
{
	size_t size = scaled(self, 2 * MIB);
	uint8_t *data = malloc(size);
	int64_t pins = pinned();
	uint64_t begun;
	int i, status;
	pid_t child;

	ASSERT_TRUE(data != NULL);
	fill_pattern(data, size, 1);
	fill_at(_metadata, self, 0, KIB, 2);
	fill_at(_metadata, self, KIB + size, KIB, 3);
	for (i = 0; i < 20; i++) {
		child = fork();
		ASSERT_LE(0, child);
		while (!child) {
			if (write)
				write_at(self, data, size, KIB);
			else
				read_at(self, data, size, KIB);
		}
		sleep_ms(3 + 7 * i);
		begun = now_ms();
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_GT(3000, now_ms() - begun);
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	EXPECT_EQ(pins, pinned());
	fill_pattern(data, KIB, 2);
	EXPECT_EQ(hash_bytes(data, KIB), hash_at(_metadata, self, 0, KIB));
	fill_pattern(data, KIB, 3);
	EXPECT_EQ(hash_bytes(data, KIB),
		  hash_at(_metadata, self, KIB + size, KIB));
	fill_pattern(data, size, 4);
	EXPECT_EQ(size, write_at(self, data, size, KIB));
	EXPECT_EQ(hash_bytes(data, size), hash_at(_metadata, self, KIB, size));
	free(data);
}

TEST_F_TIMEOUT(bulk, killed_writers, 120)
{
	kill_them(_metadata, self, true);
}

TEST_F_TIMEOUT(bulk, killed_readers, 120)
{
	kill_them(_metadata, self, false);
}

TEST_HARNESS_MAIN
