// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/sdmN-pM: the memory of a slave. What the master reads and writes is
 * compared with what the slave itself sees.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

#define KIB 1024
#define MIB (1024 * KIB)

/* A slave with a responder */
FIXTURE(window) {
	int number;
	int fd;
	int window;
	uint32_t peer;
	struct sdm_peer_info info;
	struct test_memory memory;
};

FIXTURE_SETUP(window)
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
	self->window = open_window(self->number, id, O_RDWR);
	ASSERT_LE(0, self->window);
}

FIXTURE_TEARDOWN(window)
{
	close(self->window);
	close(self->fd);
}

static ssize_t write_at(FIXTURE_DATA(window) *self, const void *data,
			size_t size, uint64_t offset)
{
	return pwrite(self->window, data, size, self->memory.offset + offset);
}

static ssize_t read_at(FIXTURE_DATA(window) *self, void *data, size_t size,
		       uint64_t offset)
{
	return pread(self->window, data, size, self->memory.offset + offset);
}

/* What the slave sees */
static uint64_t hash_at(struct __test_metadata *_metadata,
			FIXTURE_DATA(window) *self, uint64_t offset,
			uint32_t size)
{
	uint64_t answer[2] = { 0 };

	EXPECT_EQ(0, ask(self->fd, self->peer, REQUEST_HASH,
			 RANGE(offset, size), 0, answer));
	EXPECT_EQ(RANGE(offset, size), answer[0]);
	return answer[1];
}

static void fill_at(struct __test_metadata *_metadata,
		    FIXTURE_DATA(window) *self, uint64_t offset, uint32_t size,
		    uint32_t seed)
{
	uint64_t answer[2];

	EXPECT_EQ(0, ask(self->fd, self->peer, REQUEST_FILL,
			 RANGE(offset, size), seed, answer));
}

TEST_F(window, responder_is_right)
{
	uint8_t wanted[64];

	ASSERT_LE(MIB, self->memory.size);
	ASSERT_GE(self->info.mem_size,
		  self->memory.offset + self->memory.size);
	fill_pattern(wanted, sizeof(wanted), 1);
	fill_at(_metadata, self, 0, sizeof(wanted), 1);
	EXPECT_EQ(hash_bytes(wanted, sizeof(wanted)),
		  hash_at(_metadata, self, 0, sizeof(wanted)));
	fill_at(_metadata, self, 0, sizeof(wanted), 2);
	EXPECT_NE(hash_bytes(wanted, sizeof(wanted)),
		  hash_at(_metadata, self, 0, sizeof(wanted)));
}

/* Every width at every alignment, and not a byte beside it */
TEST_F_TIMEOUT(window, write_widths, 120)
{
	uint8_t model[40], data[16];
	size_t align, width;
	uint32_t seed = 100;

	for (align = 0; align <= 8; align++) {
		for (width = 1; width <= 16; width++) {
			fill_pattern(model, sizeof(model), seed++);
			ASSERT_EQ(sizeof(model),
				  write_at(self, model, sizeof(model), 64));
			fill_pattern(data, width, seed++);
			ASSERT_EQ(width, write_at(self, data, width,
						  64 + 8 + align));
			memcpy(model + 8 + align, data, width);
			ASSERT_EQ(hash_bytes(model, sizeof(model)),
				  hash_at(_metadata, self, 64,
					  sizeof(model))) {
				TH_LOG("%zu bytes at %zu", width, align);
			}
		}
	}
}

TEST_F_TIMEOUT(window, read_widths, 120)
{
	uint8_t model[40], data[18];
	size_t align, width;
	uint32_t seed = 500;

	for (align = 0; align <= 8; align++) {
		fill_pattern(model, sizeof(model), ++seed);
		fill_at(_metadata, self, 128, sizeof(model), seed);
		for (width = 1; width <= 16; width++) {
			memset(data, 0xa5, sizeof(data));
			ASSERT_EQ(width, read_at(self, data + 1, width,
						 128 + 8 + align));
			EXPECT_EQ(0, memcmp(model + 8 + align, data + 1,
					    width)) {
				TH_LOG("%zu bytes at %zu", width, align);
			}
			EXPECT_EQ(0xa5, data[0]);
			EXPECT_EQ(0xa5, data[width + 1]);
		}
	}
}

/* The alignment of the user's buffer, too, is of no interest. */
TEST_F(window, buffer_alignment)
{
	uint8_t model[64], buffer[80];
	size_t align;

	for (align = 0; align < 8; align++) {
		fill_pattern(model, sizeof(model), 900 + align);
		memcpy(buffer + align, model, sizeof(model));
		ASSERT_EQ(63, write_at(self, buffer + align, 63, 1001));
		ASSERT_EQ(hash_bytes(model, 63),
			  hash_at(_metadata, self, 1001, 63));
		memset(buffer, 0, sizeof(buffer));
		ASSERT_EQ(63, read_at(self, buffer + align, 63, 1001));
		EXPECT_EQ(0, memcmp(model, buffer + align, 63));
	}
}

/*
 * Over what the driver copies and maps at a time, and with odd ends. Reads that
 * go through a network are slow, so there are fewer of them.
 */
TEST_F_TIMEOUT(window, large_copies, 300)
{
	static const struct {
		size_t offset;
		size_t size;
		size_t read_offset;
		size_t read_size;
	} cases[] = {
		{ 64 * KIB - 1, 2, 64 * KIB - 1, 2 },
		{ MIB - 5, 10, MIB - 5, 10 },
		{ 4 * KIB - 3, 64 * KIB + 7, 4 * KIB - 3, 64 * KIB + 7 },
		{ MIB - 1, MIB + 2, 2 * MIB - 3, 4 },
		{ 12345, 3 * MIB + 333, MIB - 77 * KIB - 1, 150 * KIB },
	};
	uint8_t *data, *back;
	size_t i;

	data = malloc(4 * MIB);
	back = malloc(4 * MIB);
	ASSERT_TRUE(data && back);
	for (i = 0; i < 5; i++) {
		size_t offset = cases[i].offset, size = cases[i].size;

		fill_pattern(data, size, 2000 + i);
		ASSERT_EQ(size, write_at(self, data, size, offset));
		ASSERT_EQ(hash_bytes(data, size),
			  hash_at(_metadata, self, offset, size)) {
			TH_LOG("%zu bytes at %zu", size, offset);
		}
		ASSERT_EQ(cases[i].read_size,
			  read_at(self, back, cases[i].read_size,
				  cases[i].read_offset));
		ASSERT_EQ(0, memcmp(data + cases[i].read_offset - offset, back,
				    cases[i].read_size));
	}
	free(data);
	free(back);
}

TEST_F(window, vectors)
{
	uint8_t model[100], a[100], b[1000];
	struct iovec parts[] = {
		{ a, 1 }, { a + 1, 0 }, { a + 1, 37 }, { a + 38, 62 },
	};

	fill_pattern(a, sizeof(a), 77);
	memcpy(model, a, sizeof(model));
	ASSERT_EQ(100, pwritev(self->window, parts, 4,
			       self->memory.offset + 3));
	EXPECT_EQ(hash_bytes(model, 100), hash_at(_metadata, self, 3, 100));
	memset(a, 0, sizeof(a));
	ASSERT_EQ(100, preadv(self->window, parts, 4,
			      self->memory.offset + 3));
	EXPECT_EQ(0, memcmp(model, a, 100));
	/* read() and write() move the position, pread() does not. */
	ASSERT_EQ(self->memory.offset,
		  lseek(self->window, self->memory.offset, SEEK_SET));
	ASSERT_EQ(100, write(self->window, model, 100));
	ASSERT_EQ(10, read_at(self, b, 10, 500));
	EXPECT_EQ(self->memory.offset + 100, lseek(self->window, 0, SEEK_CUR));
	ASSERT_EQ(self->memory.offset + 60, lseek(self->window, -40, SEEK_CUR));
	ASSERT_EQ(40, read(self->window, b, 40));
	EXPECT_EQ(0, memcmp(model + 60, b, 40));
	EXPECT_EQ(self->memory.offset + 100, lseek(self->window, 0, SEEK_CUR));
}

/* What is counted was transferred, and nothing else. */
TEST_F_TIMEOUT(window, short_counts, 60)
{
	enum { PART = 5000, SIZE = 88 * KIB, BEFORE = 10 * KIB };
	size_t page = getpagesize();
	uint8_t *pages, *model, *end;
	ssize_t n;

	pages = mmap(NULL, SIZE + page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	model = malloc(SIZE);
	ASSERT_TRUE(pages != MAP_FAILED && model);
	ASSERT_EQ(0, munmap(pages + SIZE, page));
	end = pages + SIZE;

	/* Nothing at all */
	EXPECT_EQ(-1, write_at(self, end, 8, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read_at(self, end, 8, 0));
	EXPECT_EQ(EFAULT, errno);

	fill_at(_metadata, self, 0, 2 * PART, 50);
	fill_pattern(model, 2 * PART, 50);
	fill_pattern(end - PART, PART, 51);
	n = write_at(self, end - PART, 2 * PART, 0);
	ASSERT_LT(0, n);
	ASSERT_GE(PART, n);
	memcpy(model, end - PART, n);
	EXPECT_EQ(hash_bytes(model, 2 * PART),
		  hash_at(_metadata, self, 0, 2 * PART));

	/* Over several pieces */
	fill_at(_metadata, self, 0, SIZE, 52);
	fill_pattern(model, SIZE, 52);
	memset(pages, 0, SIZE);
	n = read_at(self, pages + BEFORE, SIZE, 0);
	ASSERT_LT(0, n);
	ASSERT_GE(SIZE - BEFORE, n);
	EXPECT_EQ(0, memcmp(model, pages + BEFORE, n));
	free(model);
}

TEST_F(window, nothing)
{
	uint8_t byte = 0;

	EXPECT_EQ(0, read_at(self, &byte, 0, 0));
	EXPECT_EQ(0, write_at(self, &byte, 0, 0));
	EXPECT_EQ(0, pread(self->window, &byte, 0, self->info.mem_size));
	EXPECT_EQ(0, pwrite(self->window, &byte, 0, self->info.mem_size));
}

TEST_F(window, modes)
{
	uint8_t byte = 0;
	int fd;

	fd = open_window(self->number, self->peer, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pread(fd, &byte, 1, self->memory.offset));
	EXPECT_EQ(-1, pwrite(fd, &byte, 1, self->memory.offset));
	EXPECT_EQ(EBADF, errno);
	close(fd);
	fd = open_window(self->number, self->peer, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, pread(fd, &byte, 1, self->memory.offset));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(1, pwrite(fd, &byte, 1, self->memory.offset));
	close(fd);
}

TEST_F(window, flush)
{
	uint32_t word = 0x12345678;

	EXPECT_EQ(4, write_at(self, &word, 4, 0));
	EXPECT_EQ(0, fsync(self->window));
	EXPECT_EQ(0, fdatasync(self->window));
}

struct worker {
	FIXTURE_DATA(window) *self;
	pthread_t thread;
	uint32_t name;
	unsigned int errors;
};

#define WORKER_BYTES (20 * KIB + 13)

static void *work(void *data)
{
	struct worker *worker = data;
	uint8_t *wanted = malloc(WORKER_BYTES), *got = malloc(WORKER_BYTES);
	uint64_t offset = worker->name * (WORKER_BYTES + 1);
	int i;

	for (i = 0; i < 4; i++) {
		fill_pattern(wanted, WORKER_BYTES, worker->name * 1000 + i);
		worker->errors += write_at(worker->self, wanted, WORKER_BYTES,
					   offset) != WORKER_BYTES;
		worker->errors += read_at(worker->self, got, WORKER_BYTES,
					  offset) != WORKER_BYTES;
		worker->errors += !!memcmp(wanted, got, WORKER_BYTES);
	}
	free(wanted);
	free(got);
	return NULL;
}

/* One descriptor, one mapping, several users */
TEST_F_TIMEOUT(window, concurrency, 120)
{
	enum { WORKERS = 4 };
	struct worker workers[WORKERS] = { 0 };
	uint8_t *wanted = malloc(WORKER_BYTES);
	int i;

	ASSERT_TRUE(wanted != NULL);
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
	for (i = 0; i < WORKERS; i++) {
		fill_pattern(wanted, WORKER_BYTES, i * 1000 + 3);
		EXPECT_EQ(hash_bytes(wanted, WORKER_BYTES),
			  hash_at(_metadata, self, i * (WORKER_BYTES + 1),
				  WORKER_BYTES));
	}
	free(wanted);
}

/* Signals arrive while memory is copied. */
TEST_F_TIMEOUT(window, signals_meanwhile, 60)
{
	struct worker worker = { .self = self, .name = 1 };
	uint64_t answer[2];
	int i;

	ASSERT_EQ(0, pthread_create(&worker.thread, NULL, work, &worker));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, ask(self->fd, self->peer, TEST_SIGNAL_A, i, ~i,
				 answer));
		ASSERT_EQ(i, answer[0]);
	}
	pthread_join(worker.thread, NULL);
	EXPECT_EQ(0, worker.errors);
}

/*
 * The window itself, without the driver: all that a program may do to memory.
 */
FIXTURE(direct) {
	FIXTURE_DATA(window) window;
	volatile uint8_t *memory;
	volatile uint8_t *hole;
	uint64_t answer[2];
};

static volatile uint8_t *map_window(uint64_t address)
{
	size_t page = getpagesize();
	uint8_t *map = MAP_FAILED;
	int fd;

	fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   address);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

FIXTURE_SETUP(direct)
{
	struct sdm_info info = { 0 };
	struct sdm_peer_info absent;
	uint64_t hole;
	int id;

	window_setup(_metadata, &self->window, NULL);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, call(self->window.fd, SDM_IOC_GET_INFO, &info));
	self->memory = map_window(info.window_base +
				  self->window.info.mem_offset +
				  self->window.memory.offset);
	if (!self->memory)
		SKIP(return, "/dev/mem cannot be mapped");
	/* The last pages of the window belong to nobody, if it is not full. */
	id = find_absent(self->window.fd);
	if (id > 0 && !get_peer(self->window.fd, id, &absent)) {
		hole = info.window_size - 2 * getpagesize();
		if (self->window.info.mem_offset + self->window.info.mem_size <=
		    hole)
			self->hole = map_window(info.window_base + hole);
	}
}

FIXTURE_TEARDOWN(direct)
{
	window_teardown(_metadata, &self->window, NULL);
}

/* As the compiler does not know what is aligned and what not, it is told. */
static inline uint64_t load(volatile void *p, size_t size)
{
	uint32_t low;

	switch (size) {
	case 1:
		return *(volatile uint8_t *)p;
#ifdef __arm__
	case 2:
		asm volatile("ldrh %0, [%1]" : "=r"(low) : "r"(p) : "memory");
		return low;
	case 4:
		asm volatile("ldr %0, [%1]" : "=r"(low) : "r"(p) : "memory");
		return low;
	default: {
		uint64_t value;

		asm volatile("ldrd %Q0, %R0, [%1]"
			     : "=r"(value) : "r"(p) : "memory");
		return value;
	}
#else
	case 2:
		return *(volatile uint16_t *)p;
	case 4:
		return *(volatile uint32_t *)p;
	default:
		low = 0;
		return *(volatile uint64_t *)p + low;
#endif
	}
}

static inline void store(volatile void *p, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(volatile uint8_t *)p = value;
		break;
#ifdef __arm__
	case 2:
		asm volatile("strh %0, [%1]"
			     :: "r"((uint32_t)value), "r"(p) : "memory");
		break;
	case 4:
		asm volatile("str %0, [%1]"
			     :: "r"((uint32_t)value), "r"(p) : "memory");
		break;
	default:
		asm volatile("strd %Q0, %R0, [%1]"
			     :: "r"(value), "r"(p) : "memory");
#else
	case 2:
		*(volatile uint16_t *)p = value;
		break;
	case 4:
		*(volatile uint32_t *)p = value;
		break;
	default:
		*(volatile uint64_t *)p = value;
#endif
	}
}

static const size_t sizes[] = { 1, 2, 4, 8 };

static sigjmp_buf refused;

static void on_refusal(int number)
{
	siglongjmp(refused, 1);
}

/* Device memory it is: there an Arm CPU may refuse accesses not aligned. */
static bool allows_unaligned(volatile void *memory)
{
	struct sigaction action = { .sa_handler = on_refusal }, before;
	volatile bool allowed = false;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(refused, 1)) {
		load(memory + 1, 4);
		allowed = true;
	}
	sigaction(SIGBUS, &before, NULL);
	return allowed;
}

/* Double words need not work where single ones are not aligned. */
static bool is_allowed(size_t size, size_t offset, bool unaligned)
{
	return offset % size == 0 ||
	       (unaligned && (size != 8 || offset % 4 == 0));
}

TEST_F_TIMEOUT(direct, stores, 120)
{
	FIXTURE_DATA(window) *window = &self->window;
	bool unaligned = allows_unaligned(self->memory);
	uint8_t model[40];
	size_t s, offset;
	uint32_t seed = 1;

	for (s = 0; s < 4; s++) {
		for (offset = 0; offset < 16; offset++) {
			uint64_t value = 0x8070605040302010ull + ++seed;

			if (!is_allowed(sizes[s], offset, unaligned))
				continue;
			fill_pattern(model, sizeof(model), seed);
			fill_at(_metadata, window, 0, sizeof(model), seed);
			store(self->memory + 8 + offset, sizes[s], value);
			memcpy(model + 8 + offset, &value, sizes[s]);
			ASSERT_EQ(hash_bytes(model, sizeof(model)),
				  hash_at(_metadata, window, 0,
					  sizeof(model))) {
				TH_LOG("%zu bytes at %zu", sizes[s], offset);
			}
		}
	}
}

TEST_F_TIMEOUT(direct, loads, 60)
{
	bool unaligned = allows_unaligned(self->memory);
	uint8_t model[40];
	size_t s, offset;

	fill_pattern(model, sizeof(model), 7);
	fill_at(_metadata, &self->window, 0, sizeof(model), 7);
	for (s = 0; s < 4; s++) {
		for (offset = 0; offset < 16; offset++) {
			uint64_t value = 0;

			if (!is_allowed(sizes[s], offset, unaligned))
				continue;
			memcpy(&value, model + 8 + offset, sizes[s]);
			EXPECT_EQ(value, load(self->memory + 8 + offset,
					      sizes[s])) {
				TH_LOG("%zu bytes at %zu", sizes[s], offset);
			}
		}
	}
}

/* The border of two pages is one of many pieces, too. */
TEST_F(direct, page_border)
{
	bool unaligned = allows_unaligned(self->memory);
	size_t page = getpagesize(), offset;
	uint8_t model[16];
	uint64_t value;

	fill_pattern(model, sizeof(model), 9);
	ASSERT_EQ(16, write_at(&self->window, model, 16, page - 8));
	for (offset = 1; offset < 12; offset++) {
		if (!is_allowed(4, offset, unaligned))
			continue;
		value = 0;
		memcpy(&value, model + offset, 4);
		EXPECT_EQ(value, load(self->memory + page - 8 + offset, 4)) {
			TH_LOG("at %zu", offset);
		}
	}
}

/* Reads see all earlier writes. */
TEST_F(direct, read_after_write)
{
	uint32_t i;

	for (i = 0; i < 5000; i++) {
		store(self->memory + i % 64 * 4, 4, i);
		ASSERT_EQ(i, load(self->memory + i % 64 * 4, 4));
	}
}

static uint32_t error_count(int fd)
{
	struct sdm_info info = { 0 };

	call(fd, SDM_IOC_GET_INFO, &info);
	return info.error_count;
}

/* Where there is nobody: ones, no effect, counted, no abort. */
TEST_F(direct, hole)
{
	uint32_t errors = error_count(self->window.fd);
	size_t s;

	if (!self->hole)
		SKIP(return, "the window has no free part");
	for (s = 0; s < 4; s++) {
		uint64_t ones = sizes[s] == 8 ? ~0ull :
						(1ull << sizes[s] * 8) - 1;

		EXPECT_EQ(ones, load(self->hole, sizes[s]));
		store(self->hole, sizes[s], 0);
		EXPECT_EQ(ones, load(self->hole, sizes[s]));
	}
	/* An access of 8 bytes may be one or two. */
	EXPECT_LE(errors + 12, error_count(self->window.fd));
	EXPECT_GE(errors + 15, error_count(self->window.fd));
	/* The slave beside it does not notice. */
	EXPECT_EQ(4, write_at(&self->window, &errors, 4, 0));
	EXPECT_EQ(4, read_at(&self->window, &errors, 4, 0));
}

/*
 * All of the memory of a slave that waits in reset: nobody else uses it.
 */
FIXTURE(whole) {
	int number;
	int fd;
	int window;
	uint32_t peer;
	uint64_t size;
};

FIXTURE_SETUP(whole)
{
	struct sdm_peer_info info;
	int id;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	id = find_slave(self->fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	ASSERT_EQ(0, get_peer(self->fd, id, &info));
	if (info.state != SDM_STATE_RESET)
		SKIP(return, "the slave runs");
	if (!info.mem_size)
		SKIP(return, NO_WINDOW);
	self->peer = id;
	self->size = info.mem_size;
	self->window = open_window(self->number, id, O_RDWR);
	ASSERT_LE(0, self->window);
}

FIXTURE_TEARDOWN(whole)
{
	close(self->window);
	close(self->fd);
}

TEST_F(whole, description)
{
	struct sdm_info info = { 0 };
	struct sdm_peer_info peer;

	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	ASSERT_EQ(0, get_peer(self->fd, self->peer, &peer));
	EXPECT_TRUE(info.flags & SDM_INFO_WINDOW);
	EXPECT_LE(peer.mem_offset + peer.mem_size, info.window_size);
	EXPECT_NE(0, peer.mem_base);
	EXPECT_EQ(0, peer.flags & ~SDM_PEER_FLAG_MAPPED);
	EXPECT_NE(0, peer.arch);
	EXPECT_NE(SDM_NO_SIGNAL, peer.boot_signal);
	EXPECT_NE(SDM_NO_SIGNAL, peer.reset_signal);
}

TEST_F(whole, seek)
{
	EXPECT_EQ(self->size, lseek(self->window, 0, SEEK_END));
	EXPECT_EQ(self->size - 7, lseek(self->window, -7, SEEK_END));
	EXPECT_EQ(self->size - 2, lseek(self->window, 5, SEEK_CUR));
	EXPECT_EQ(self->size, lseek(self->window, self->size, SEEK_SET));
	EXPECT_EQ(-1, lseek(self->window, self->size + 1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->window, -1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->window, 0x7fffffffffffffffll, SEEK_CUR));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->window, 0, 77));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(self->size, lseek(self->window, 0, SEEK_CUR));
}

TEST_F(whole, ends)
{
	uint8_t data[64], back[64];

	fill_pattern(data, sizeof(data), 3);
	/* The first and the last bytes there are */
	ASSERT_EQ(64, pwrite(self->window, data, 64, 0));
	ASSERT_EQ(64, pwrite(self->window, data, 64, self->size - 64));
	ASSERT_EQ(64, pread(self->window, back, 64, 0));
	EXPECT_EQ(0, memcmp(data, back, 64));
	ASSERT_EQ(64, pread(self->window, back, 64, self->size - 64));
	EXPECT_EQ(0, memcmp(data, back, 64));
	ASSERT_EQ(1, pread(self->window, back, 1, self->size - 1));
	EXPECT_EQ(data[63], back[0]);

	/* Over the end */
	fill_pattern(data, sizeof(data), 4);
	EXPECT_EQ(5, pwrite(self->window, data, 64, self->size - 5));
	memset(back, 0, sizeof(back));
	EXPECT_EQ(5, pread(self->window, back, 64, self->size - 5));
	EXPECT_EQ(0, memcmp(data, back, 5));
	EXPECT_EQ(0, back[5]);
}

TEST_F(whole, beyond)
{
	const uint64_t offsets[] = {
		self->size, self->size + 1, 0xffffffff, 0x100000000,
		0x100000000 + 5, 0x7ffffffffffff000,
	};
	uint8_t byte = 0;
	int i;

	for (i = 0; i < 6; i++) {
		EXPECT_EQ(0, pread(self->window, &byte, 1, offsets[i]));
		EXPECT_EQ(-1, pwrite(self->window, &byte, 1, offsets[i]));
		EXPECT_EQ(ENOSPC, errno);
	}
	EXPECT_EQ(-1, pread(self->window, &byte, 1, -1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(self->window, &byte, 1, -1));
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(self->size, lseek(self->window, 0, SEEK_END));
	EXPECT_EQ(0, read(self->window, &byte, 1));
	EXPECT_EQ(-1, write(self->window, &byte, 1));
	EXPECT_EQ(ENOSPC, errno);
}

/* No two addresses are the same memory. */
TEST_F_TIMEOUT(whole, no_aliases, 120)
{
	uint64_t offset;
	uint32_t tag;

	for (offset = 0; offset < self->size; offset += MIB) {
		tag = ~(uint32_t)offset;
		ASSERT_EQ(4, pwrite(self->window, &tag, 4, offset));
	}
	for (offset = 0; offset < self->size; offset += MIB) {
		ASSERT_EQ(4, pread(self->window, &tag, 4, offset));
		ASSERT_EQ(~(uint32_t)offset, tag);
	}
}

/* A large copy ends soon when its process is killed. */
TEST_F_TIMEOUT(whole, killed, 60)
{
	uint64_t begun;
	uint8_t *buffer;
	pid_t child;
	int status;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		buffer = malloc(64 * MIB);
		for (;;)
			pread(self->window, buffer, 64 * MIB, 0);
	}
	sleep_ms(500);
	begun = now_ms();
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_GT(3000, now_ms() - begun);
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* The node of a slave that is not there */
TEST(absent)
{
	int number = find_device();
	uint8_t byte = 0;
	int fd, id;

	if (number < 0)
		SKIP(return, NO_DEVICE);
	fd = open_device(number, O_RDWR);
	ASSERT_LE(0, fd);
	id = find_absent(fd);
	close(fd);
	if (id < 0)
		SKIP(return, NO_ABSENT);
	fd = open_window(number, id, O_RDWR);
	if (fd == -ENOENT)
		SKIP(return, NO_WINDOW);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, pread(fd, &byte, 1, 0));
	EXPECT_EQ(ENOLINK, errno);
	EXPECT_EQ(-1, pwrite(fd, &byte, 1, 0));
	EXPECT_EQ(ENOLINK, errno);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(ENOLINK, errno);
	EXPECT_EQ(-1, fsync(fd));
	EXPECT_EQ(ENOLINK, errno);
	close(fd);
}

TEST_HARNESS_MAIN
