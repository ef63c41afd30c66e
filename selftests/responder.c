// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slave's side of the tests: answers the requests of protocol.h, for ever.
 *
 *	responder [DEVICE]
 */
#define _GNU_SOURCE
#include <endian.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

struct responder {
	int fd;
	uint32_t boot_signal;
	uint32_t reset_signal;
	uint64_t ram_base;
	uint64_t address;
	uint64_t size;
	volatile uint8_t *memory;
	uint64_t ticks;
	uint64_t wrong_ticks;
	uint64_t next_tick;
};

/*
 * Reads the "reg" of a node in the device tree. The parent's #address-cells and
 * #size-cells are 2.
 */
static int read_reg(const char *pattern, uint64_t reg[2])
{
	glob_t found = { 0 };
	ssize_t n = -1;
	int fd;

	if (!glob(pattern, 0, NULL, &found)) {
		fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
		n = read(fd, reg, 16);
		close(fd);
	}
	globfree(&found);
	return n == 16 ? 0 : -ENOENT;
}

static int map_memory(struct responder *r)
{
	uint64_t reg[2], ram[2];
	int fd, ret;

	ret = read_reg("/proc/device-tree/reserved-memory/sdm-test-memory*/reg",
		       reg);
	if (!ret)
		ret = read_reg("/proc/device-tree/memory@*/reg", ram);
	if (ret)
		return ret;
	r->ram_base = be64toh(ram[0]);
	r->address = be64toh(reg[0]);
	fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r->memory = mmap(NULL, be64toh(reg[1]), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, r->address);
	ret = r->memory == MAP_FAILED ? -errno : 0;
	close(fd);
	if (!ret)
		r->size = be64toh(reg[1]);
	return ret;
}

static bool valid(const struct responder *r, uint64_t range)
{
	return RANGE_OFFSET(range) <= r->size &&
	       RANGE_LENGTH(range) <= r->size - RANGE_OFFSET(range);
}

static void fill(struct responder *r, uint64_t range, uint32_t seed)
{
	volatile uint8_t *bytes = r->memory + RANGE_OFFSET(range);
	uint32_t i;

	for (i = 0; i < RANGE_LENGTH(range); i++)
		bytes[i] = pattern_byte(seed, i);
}

static uint32_t count_differences(struct responder *r, uint64_t range,
				  uint32_t seed)
{
	volatile uint8_t *bytes = r->memory + RANGE_OFFSET(range);
	uint32_t i, n = 0;

	for (i = 0; i < RANGE_LENGTH(range); i++)
		n += bytes[i] != pattern_byte(seed, i);
	return n;
}

static uint64_t peek(struct responder *r, uint64_t offset)
{
	uint64_t value = 0;
	int i;

	for (i = 7; i >= 0; i--)
		value = value << 8 | r->memory[offset + i];
	return value;
}

static void tick(struct responder *r, uint64_t number)
{
	r->ticks++;
	r->wrong_ticks += number != r->next_tick;
	r->next_tick = number + 1;
}

static void flood(struct responder *r, uint32_t peer, uint64_t count,
		  uint64_t signal)
{
	uint64_t i;

	for (i = 0; i < count; i++) {
		if (send_signal(r->fd, peer, signal, i, 0, PATIENCE_MS))
			return;
	}
}

static void add(struct responder *r, uint64_t offset, uint64_t count)
{
	uint32_t *word = (uint32_t *)(r->memory + offset);

	while (count--)
		__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
}

/* Returns false if there is nothing to answer. */
static bool serve(struct responder *r, const struct sdm_event *event,
		  uint64_t p[2])
{
	switch (event->signal) {
	case REQUEST_HELLO:
		p[0] = r->address - r->ram_base;
		p[1] = r->size;
		return true;
	case REQUEST_TICK:
		tick(r, p[0]);
		return false;
	case REQUEST_COUNT:
		p[0] = r->ticks;
		p[1] = r->wrong_ticks;
		r->ticks = 0;
		r->wrong_ticks = 0;
		r->next_tick = 0;
		return true;
	case REQUEST_FLOOD:
		flood(r, event->peer, p[0], p[1]);
		return true;
	case REQUEST_HASH:
		if (valid(r, p[0]))
			p[1] = hash_bytes(r->memory + RANGE_OFFSET(p[0]),
					  RANGE_LENGTH(p[0]));
		return true;
	case REQUEST_PEEK:
		if (valid(r, RANGE(p[0], 8)))
			p[1] = peek(r, p[0]);
		return true;
	case REQUEST_FILL:
		if (valid(r, p[0]))
			fill(r, p[0], p[1]);
		return true;
	case REQUEST_CHECK:
		if (valid(r, p[0]))
			p[1] = count_differences(r, p[0], p[1]);
		return true;
	case REQUEST_ADD:
		if (valid(r, RANGE(p[0], 4)))
			add(r, p[0], p[1]);
		return true;
	default:
		return event->signal != r->boot_signal &&
		       event->signal != r->reset_signal;
	}
}

static void handle(struct responder *r, const struct sdm_event *event)
{
	uint64_t p[2] = { event->payload[0], event->payload[1] };
	int ret;

	if (event->type == SDM_EVENT_OVERFLOW)
		r->wrong_ticks++;
	if (event->type != SDM_EVENT_SIGNAL || !serve(r, event, p))
		return;
	ret = send_signal(r->fd, event->peer, event->signal, p[0], p[1],
			  PATIENCE_MS);
	if (ret)
		fprintf(stderr, "responder: answer: %s\n", strerror(-ret));
}

/* The machine's own block tells which of its signals are boot and reset. */
static void find_actions(struct responder *r)
{
	struct sdm_info info = { 0 };
	struct sdm_peer_info self;

	r->boot_signal = SDM_NO_SIGNAL;
	r->reset_signal = SDM_NO_SIGNAL;
	if (call(r->fd, SDM_IOC_GET_INFO, &info) ||
	    get_peer(r->fd, info.id, &self))
		return;
	r->boot_signal = self.boot_signal;
	r->reset_signal = self.reset_signal;
}

int main(int argc, char **argv)
{
	struct responder r = { 0 };
	struct sdm_event event;
	int ret;

	r.fd = open_device(argc > 1 ? atoi(argv[1]) : 0, O_RDWR);
	if (r.fd < 0) {
		fprintf(stderr, "responder: no device: %s\n",
			strerror(-r.fd));
		return 1;
	}
	ret = map_memory(&r);
	if (ret)
		fprintf(stderr, "responder: no test memory: %s\n",
			strerror(-ret));
	find_actions(&r);
	subscribe(r.fd, ~STORM_SIGNALS);
	/* Whoever started this may go on. */
	printf("responder ready\n");
	fflush(stdout);
	if (daemon(0, 1))
		return 1;

	for (;;) {
		ret = next_event(r.fd, &event, -1);
		if (!ret)
			handle(&r, &event);
		else if (ret == -ENODEV)
			return 0;
	}
}
