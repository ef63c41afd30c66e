// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of the character devices that make no sense, or too much of it, by
 * several threads at once: commands, numbers, sizes, pointers and ranges by
 * chance, mostly near those that are right. Whatever the answer is, the kernel
 * must not complain, and the devices work afterwards; to see to that is the
 * caller's.
 *
 * It writes to the memory of slaves, resets and boots them.
 *
 *   chaos [-s SEED] [-n CALLS] [-t SECONDS]
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

#include "common.h"

#define THREADS 4
#define FILES 16
#define MAPPINGS 8
/* Calls that block are interrupted so often. */
#define ALARM_US 10000
/* Flags of mmap() that hit this program or use up the machine's memory. */
#define FORBIDDEN (MAP_FIXED | MAP_ANONYMOUS | MAP_LOCKED | MAP_GROWSDOWN)
/* Memory for the calls, with nothing behind it. */
#define BUFFER (256 << 10)

struct thread {
	pthread_t id;
	uint64_t random;
	unsigned long calls;
	unsigned long worked;
	volatile bool done;
	uint8_t *buffer;
	struct {
		uint8_t *at;
		size_t size;
	} mappings[MAPPINGS];
};

static int files[FILES];
static int device;
static unsigned long limit = 20000;
static uint64_t end_ms;
static volatile bool stop;
static __thread sigjmp_buf *fault;

static uint64_t draw(struct thread *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random;
}

static uint32_t below(struct thread *t, uint32_t n)
{
	return (draw(t) >> 16) % n;
}

static bool one_in(struct thread *t, uint32_t n)
{
	return !below(t, n);
}

/* A number near one at which something changes, or any. */
static uint64_t number(struct thread *t)
{
	static const uint64_t edges[] = {
		0, 1, 2, 4, 64, 255, 4096, 0x10000, 0x100000, 0x8000000,
		0x10000000, 0x14000000, 0x20000000, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, 0x7fffffffffffffff, ~0ULL,
	};

	if (one_in(t, 8))
		return draw(t);
	return edges[below(t, sizeof(edges) / sizeof(edges[0]))] +
	       below(t, 9) - 4;
}

/* Somewhere in the buffer, at its very end, or at no place at all. */
static void *pointer(struct thread *t, size_t size)
{
	switch (below(t, 16)) {
	case 0:
		return NULL;
	case 1:
		/* The kernel's; at others there may be something of ours. */
		return (void *)-(uintptr_t)below(t, 1 << 28);
	case 2:
		/* The last byte is missing. */
		return t->buffer + BUFFER - size + 1;
	case 3 ... 7:
		return t->buffer + BUFFER - size;
	default:
		return t->buffer + below(t, BUFFER - size + 1);
	}
}

static size_t length(struct thread *t)
{
	uint64_t n = one_in(t, 4) ? number(t) : below(t, 70000);

	return n < BUFFER ? n : BUFFER;
}

static int any_file(struct thread *t)
{
	return files[below(t, FILES)];
}

static void open_one(struct thread *t)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	static const int flags[] = { 0, 0, O_NONBLOCK, O_APPEND, O_DIRECT,
				     O_SYNC, O_TRUNC };
	int i = below(t, FILES);
	int how = modes[below(t, 4)] | flags[below(t, 7)];
	int old = files[i];

	/* Others use it: that is a part of the test. */
	files[i] = one_in(t, 2) ? open_device(device, how) :
				  open_window(device, 1 + below(t, 3), how);
	if (old >= 0)
		close(old);
}

static int do_known_ioctl(struct thread *t)
{
	static const unsigned long commands[] = {
		SDM_IOC_GET_INFO, SDM_IOC_GET_PEER, SDM_IOC_SEND,
		SDM_IOC_SEND, SDM_IOC_SUBSCRIBE, SDM_IOC_BOOT, SDM_IOC_RESET,
	};
	unsigned long command = commands[below(t, 7)];
	size_t size = _IOC_SIZE(command);
	uint32_t words[64] = { 0 };
	void *arg;
	size_t i;

	/* All commands about a peer begin with its ID. */
	words[0] = one_in(t, 8) ? number(t) : below(t, 4);
	for (i = 1; i < size / 4; i++) {
		if (one_in(t, 12))
			words[i] = number(t);
	}
	if (command == SDM_IOC_SEND) {
		words[1] = one_in(t, 8) ? number(t) : below(t, 64);
		words[3] = below(t, 4) ? 0 : below(t, 200);
	} else if (command == SDM_IOC_BOOT || command == SDM_IOC_RESET) {
		/* A machine that boots nothing is busy with it for ever. */
		words[2] = 1 + below(t, 100);
	}
	if (one_in(t, 6))
		size = below(t, sizeof(words) + 1);
	arg = pointer(t, size);
	if ((uint8_t *)arg >= t->buffer &&
	    (uint8_t *)arg + size <= t->buffer + BUFFER)
		memcpy(arg, words, size);
	command = _IOC(_IOC_DIR(command), _IOC_TYPE(command),
		       _IOC_NR(command), size);
	return ioctl(any_file(t), command, arg);
}

static int do_any_ioctl(struct thread *t)
{
	unsigned long command = one_in(t, 2) ?
		_IOC(below(t, 4), SDM_IOC_MAGIC, below(t, 16),
		     below(t, 1 << 14)) : (unsigned long)draw(t);

	return ioctl(any_file(t), command, pointer(t, 256));
}

static int do_transfer(struct thread *t)
{
	size_t n = length(t);
	int fd = any_file(t);
	void *p = pointer(t, n);

	if (one_in(t, 16))
		n = number(t);
	switch (below(t, 5)) {
	case 0:
		return read(fd, p, n);
	case 1:
		return write(fd, p, n);
	case 2:
		return pread(fd, p, n, number(t));
	case 3:
		return pwrite(fd, p, n, number(t));
	default:
		return lseek(fd, number(t), below(t, 6)) < 0 ? -1 : 0;
	}
}

/* Accesses of mapped memory may fail at any time. */
static void touch(uint8_t *at, size_t size, bool store)
{
	sigjmp_buf here;
	volatile uint8_t *p = at;

	fault = &here;
	if (!sigsetjmp(here, 1)) {
		p[0];
		p[size - 1];
		if (store)
			p[size / 2] = 1;
	}
	fault = NULL;
}

static int do_mapping(struct thread *t)
{
	static const int advice[] = { MADV_DONTNEED, MADV_WILLNEED,
				      MADV_DONTFORK, MADV_DOFORK, MADV_FREE,
				      MADV_COLD };
	int i = below(t, MAPPINGS);
	uint8_t *at = t->mappings[i].at;
	size_t size = t->mappings[i].size, more;
	void *new;

	if (!at) {
		size = one_in(t, 4) ? number(t) : below(t, 64) * 4096;
		new = mmap(NULL, size, below(t, 8),
			   one_in(t, 6) ? (int)draw(t) & ~FORBIDDEN :
					  MAP_SHARED | (one_in(t, 4) ?
							MAP_POPULATE : 0),
			   any_file(t),
			   one_in(t, 3) ? (off_t)number(t) :
					  (off_t)below(t, 0x20000) * 4096);
		if (new == MAP_FAILED)
			return -1;
		t->mappings[i].at = new;
		t->mappings[i].size = size;
		return 0;
	}
	switch (below(t, 6)) {
	case 0:
		return mprotect(at, size, below(t, 8));
	case 1:
		return madvise(at, size, advice[below(t, 6)]);
	case 2:
		more = below(t, 3) * 4096;
		new = mremap(at, size, size + more, MREMAP_MAYMOVE);
		if (new == MAP_FAILED)
			return -1;
		t->mappings[i].at = NULL;
		return munmap(new, size + more);
	case 3:
		t->mappings[i].at = NULL;
		return munmap(at, size);
	default:
		touch(at, size, one_in(t, 2));
		return 0;
	}
}

static int do_poll(struct thread *t)
{
	struct pollfd fds[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		fds[i].fd = any_file(t);
		fds[i].events = draw(t);
	}
	return poll(fds, 4, below(t, 5));
}

static int do_fork(struct thread *t)
{
	pid_t pid = fork();

	if (!pid) {
		/* The files are used by two processes now. */
		usleep(below(t, 3000));
		_exit(0);
	}
	if (pid < 0)
		return -1;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int do_descriptor(struct thread *t)
{
	int fd = any_file(t);

	switch (below(t, 4)) {
	case 0:
		return fcntl(fd, F_SETFL, one_in(t, 2) ? O_NONBLOCK : 0);
	case 1:
		return fsync(fd);
	case 2:
		return ftruncate(fd, number(t));
	default:
		fd = dup(fd);
		return fd < 0 ? -1 : close(fd);
	}
}

static int one_call(struct thread *t)
{
	switch (below(t, 40)) {
	case 0:
		open_one(t);
		return 0;
	case 1:
		return do_poll(t);
	case 2:
		return one_in(t, 20) ? do_fork(t) : 0;
	case 3 ... 4:
		return do_descriptor(t);
	case 5 ... 8:
		return do_any_ioctl(t);
	case 9 ... 16:
		return do_mapping(t);
	case 17 ... 27:
		return do_transfer(t);
	default:
		return do_known_ioctl(t);
	}
}

static void *run(void *arg)
{
	struct thread *t = arg;

	while (!stop && t->calls < limit) {
		t->calls++;
		if (one_call(t) >= 0)
			t->worked++;
		if (end_ms && now_ms() > end_ms)
			stop = true;
	}
	t->done = true;
	return NULL;
}

static void on_alarm(int sig)
{
	/* That it came is all. */
}

static void on_fault(int sig)
{
	if (fault)
		siglongjmp(*fault, 1);
	_exit(3);
}

static void catch(int sig, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(sig, &action, NULL);
}

/* A signal to a process interrupts only one thread, and always the same. */
static void interrupt_until_done(struct thread *threads)
{
	bool busy;
	int i;

	do {
		usleep(ALARM_US);
		busy = false;
		for (i = 0; i < THREADS; i++) {
			if (threads[i].done)
				continue;
			pthread_kill(threads[i].id, SIGALRM);
			busy = true;
		}
	} while (busy);
}

static void prepare(struct thread *t, uint64_t seed)
{
	t->random = seed * 0x9e3779b97f4a7c15 + 1;
	t->buffer = mmap(NULL, BUFFER + 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->buffer == MAP_FAILED)
		exit(1);
	mprotect(t->buffer + BUFFER, 4096, PROT_NONE);
}

int main(int argc, char **argv)
{
	static struct thread threads[THREADS];
	uint64_t seed = now_ms();
	int i, option, idle = 0;

	while ((option = getopt(argc, argv, "s:n:t:")) != -1) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			limit = strtoul(optarg, NULL, 0) / THREADS;
			break;
		case 't':
			end_ms = now_ms() + 1000 * strtoul(optarg, NULL, 0);
			limit = ~0UL;
			break;
		default:
			fputs("usage: chaos [-s SEED] [-n CALLS] [-t SECONDS]\n",
			      stderr);
			return 2;
		}
	}
	puts("TAP version 13\n1..1");
	device = find_device();
	if (device < 0) {
		puts("ok 1 chaos # SKIP " NO_DEVICE);
		return 4;
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	catch(SIGALRM, on_alarm);
	catch(SIGBUS, on_fault);
	catch(SIGSEGV, on_fault);
	for (i = 0; i < FILES; i++)
		files[i] = i % 2 ? open_window(device, 1, O_RDWR) :
				   open_device(device, O_RDWR);
	for (i = 0; i < THREADS; i++)
		prepare(&threads[i], seed + i);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i].id, NULL, run, &threads[i]);
	interrupt_until_done(threads);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		printf("# thread %d: %lu calls, %lu of them successful\n", i,
		       threads[i].calls, threads[i].worked);
		/* If none works, nothing was tried. */
		idle += !threads[i].worked;
	}
	puts(idle ? "not ok 1 chaos" : "ok 1 chaos");
	return !!idle;
}
