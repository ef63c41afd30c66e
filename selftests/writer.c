// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to a slave's memory, for tests in which somebody else does something
 * to the machines meanwhile, and looks afterwards whether all of it is there.
 *
 *	writer write PEER SEED [PAUSE_MS]	until it fails, or SIGTERM
 *	writer map PEER SEED [PAUSE_MS]		the same, by mmap()
 *	writer check PEER SEED ACKED [least]	looks from the master
 *	writer check self SEED ACKED [least]	looks from the slave itself
 *
 * Blocks of many sizes go to slots of the slave's test memory, one after the
 * other, again and again. A block has its number in its first bytes, and the
 * pattern of its number in the others. A block is acknowledged when write() has
 * returned its length; a small one, which is sent without waiting for an
 * answer, when fsync() has returned 0. Before it is overwritten it must be there
 * still (EBADMSG).
 *
 * In the end ACKED blocks have been acknowledged ("least": or more, nobody
 * knows). One block may have been under way, so that a part of it is there.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

/* The second half of the test memory, of which the device tree tells. */
#define AREA 0x8400000
#define SLOT_SIZE (256 * 1024)
#define SLOTS 16
/* So much and more is only written when the slave has said so. */
#define ANSWERED 1024

#define STATUS_MS 50

static const struct {
	uint32_t skip;
	uint32_t size;
} slots[SLOTS] = {
	{ 0, 4 },     { 0, 64 },     { 3, 100 },   { 0, 1023 },
	{ 0, 1024 },  { 1, 4096 },   { 0, 4096 },  { 4, 5000 },
	{ 2, 10000 }, { 0, 16384 },  { 7, 20001 }, { 0, 65536 },
	{ 5, 70000 }, { 0, 131072 }, { 0, 16 },    { 0, SLOT_SIZE },
};

struct writer {
	int fd;
	uint8_t *map;
	uint32_t seed;
	uint32_t acked;
	unsigned int pause_ms;
};

static uint8_t block[SLOT_SIZE];
static uint8_t other[SLOT_SIZE];
static uint8_t found[SLOT_SIZE];
static volatile sig_atomic_t terminated;

static void catch_end(int sig)
{
	terminated = 1;
}

static void make_block(uint8_t *data, uint32_t seed, uint32_t number)
{
	uint32_t size = slots[number % SLOTS].size;
	uint32_t head = htole32(number);

	fill_pattern(data, size, seed ^ number * 77);
	memcpy(data, &head, sizeof(head));
}

static off_t place(uint32_t number)
{
	unsigned int slot = number % SLOTS;

	return AREA + slot * SLOT_SIZE + slots[slot].skip;
}

/*
 * Is what was written last time still there? In a mapping whose slave has gone
 * there are ones until the signal comes, which is soon.
 */
static int check_block(struct writer *writer, uint32_t number)
{
	uint32_t size = slots[number % SLOTS].size;
	uint64_t end = now_ms() + PATIENCE_MS;
	const uint8_t *data = found;
	ssize_t n;

	make_block(block, writer->seed, number);
	if (writer->map) {
		data = writer->map + place(number) - AREA;
	} else {
		n = pread(writer->fd, found, size, place(number));
		/* Short: it has just been lost, the next access tells. */
		if (n != size)
			return n < 0 ? -errno : 0;
	}
	while (memcmp(data, block, size)) {
		if (!writer->map || now_ms() > end)
			return -EBADMSG;
	}
	return 0;
}

/* Returns 0 when all of it is in the slave's memory. */
static int write_block(struct writer *writer, uint32_t number)
{
	uint32_t size = slots[number % SLOTS].size, done = 0;
	ssize_t n;

	make_block(block, writer->seed, number);
	if (writer->map) {
		memcpy(writer->map + place(number) - AREA, block, size);
		__sync_synchronize();
		return 0;
	}
	while (done < size) {
		n = pwrite(writer->fd, block + done, size - done,
			   place(number) + done);
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		done += n;
	}
	if (size < ANSWERED && fsync(writer->fd))
		return -errno;
	return 0;
}

static sigjmp_buf gone;

static void catch_bus_error(int sig)
{
	siglongjmp(gone, 1);
}

static const char *write_blocks(struct writer *writer, uint64_t *took)
{
	static uint64_t told, last;
	int ret = 0;

	if (sigsetjmp(gone, 1)) {
		*took = now_ms() - last;
		return "SIGBUS";
	}
	signal(SIGBUS, catch_bus_error);
	while (!ret && !terminated) {
		last = now_ms();
		if (writer->acked >= SLOTS)
			ret = check_block(writer, writer->acked - SLOTS);
		if (!ret)
			ret = write_block(writer, writer->acked);
		writer->acked += !ret;
		if (last - told >= STATUS_MS) {
			printf("acked %u\n", writer->acked);
			fflush(stdout);
			told = last;
		}
		if (writer->pause_ms)
			sleep_ms(writer->pause_ms);
	}
	*took = now_ms() - last;
	return ret ? strerrorname_np(-ret) : "told";
}

static int do_write(uint32_t peer, bool map, int argc, char **argv)
{
	struct writer writer = {
		.seed = strtoul(argv[0], NULL, 0),
		.pause_ms = argc > 1 ? atoi(argv[1]) : 0,
	};
	const char *why;
	uint64_t took;

	writer.fd = open_window(0, peer, O_RDWR);
	if (writer.fd >= 0 && map)
		writer.map = mmap(NULL, SLOTS * SLOT_SIZE,
				  PROT_READ | PROT_WRITE, MAP_SHARED,
				  writer.fd, AREA);
	if (writer.fd < 0 || writer.map == MAP_FAILED) {
		printf("end %s\n", strerrorname_np(writer.fd < 0 ?
						   -writer.fd : errno));
		return 1;
	}
	signal(SIGTERM, catch_end);
	printf("begun\n");
	fflush(stdout);
	why = write_blocks(&writer, &took);
	printf("end %s acked %u took %u ms\n", why, writer.acked,
	       (unsigned int)took);
	return 0;
}

/* The slave's own RAM begins where its device tree says. */
static off_t ram_base(void)
{
	uint64_t reg = 0;
	glob_t match = { 0 };
	int fd;

	if (!glob("/proc/device-tree/memory@*/reg", 0, NULL, &match)) {
		fd = open(match.gl_pathv[0], O_RDONLY | O_CLOEXEC);
		if (read(fd, &reg, sizeof(reg)) != sizeof(reg))
			reg = 0;
		close(fd);
	}
	globfree(&match);
	return be64toh(reg);
}

static int read_slot(int fd, const uint8_t *map, uint32_t number)
{
	uint32_t size = slots[number % SLOTS].size, i;
	ssize_t n;

	if (map) {
		const volatile uint8_t *from = map + place(number) - AREA;

		for (i = 0; i < size; i++)
			found[i] = from[i];
		return 0;
	}
	n = pread(fd, found, size, place(number));
	return n == size ? 0 : n < 0 ? -errno : -EIO;
}

/* How many bytes are those of neither the one nor the other? */
static uint32_t differences(uint32_t seed, uint32_t number, uint32_t later)
{
	uint32_t size = slots[number % SLOTS].size, i, n = 0;

	make_block(block, seed, number);
	make_block(other, seed, later);
	for (i = 0; i < size; i++)
		n += found[i] != block[i] && found[i] != other[i];
	return n;
}

/* A slot has the last block that was acknowledged, or a later one. */
static bool check_slot(uint32_t seed, uint32_t acked, uint32_t slot,
		       bool least, unsigned int *parts)
{
	uint32_t last = slot + (acked - 1 - slot) / SLOTS * SLOTS;
	uint32_t head, n, size = slots[slot].size;

	memcpy(&head, found, sizeof(head));
	head = le32toh(head);
	if (head % SLOTS != slot || head < last)
		head = last;
	/* At most one is later than what is known, the one under way. */
	if (!least && head > acked)
		head = last;
	n = differences(seed, head, head);
	if (!n && head == last)
		return true;
	/* Not all of it need be there, and the rest is older or newer. */
	if (!n && (least || head == acked))
		return true;
	if ((!least && slot != acked % SLOTS) ||
	    (differences(seed, head, head + SLOTS) &&
	     (head == last || differences(seed, head - SLOTS, head)))) {
		printf("slot %u: %u of %u bytes are not those of block %u, first bytes %02x %02x %02x %02x\n",
		       slot, n, size, last, found[0], found[1], found[2],
		       found[3]);
		return false;
	}
	++*parts;
	return true;
}

static int do_check(const char *whose, int argc, char **argv)
{
	bool self = !strcmp(whose, "self"), least = argc > 2;
	uint32_t seed = strtoul(argv[0], NULL, 0);
	uint32_t acked = strtoul(argv[1], NULL, 0);
	unsigned int bad = 0, parts = 0, n = 0;
	uint8_t *map = NULL;
	uint32_t slot;
	int fd;

	fd = self ? open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC) :
		    open_window(0, atoi(whose), O_RDONLY);
	if (self)
		map = mmap(NULL, SLOTS * SLOT_SIZE, PROT_READ, MAP_SHARED, fd,
			   ram_base() + AREA);
	if (fd < 0 || map == MAP_FAILED) {
		printf("cannot open the memory: %s\n",
		       strerrorname_np(fd < 0 && !self ? -fd : errno));
		return 1;
	}
	for (slot = 0; slot < SLOTS && slot < acked; slot++, n++) {
		int ret = read_slot(fd, map, slot);

		if (ret)
			printf("slot %u: %s\n", slot, strerrorname_np(-ret));
		bad += ret || !check_slot(seed, acked, slot, least, &parts);
	}
	printf("%u slots, %u bad, %u in parts\n", n, bad, parts);
	return bad || parts > 1;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "write"))
		return do_write(atoi(argv[2]), false, argc - 3, argv + 3);
	if (argc > 3 && !strcmp(argv[1], "map"))
		return do_write(atoi(argv[2]), true, argc - 3, argv + 3);
	if (argc > 4 && !strcmp(argv[1], "check"))
		return do_check(argv[2], argc - 3, argv + 3);
	fprintf(stderr, "writer write|map PEER SEED [PAUSE_MS]\n"
			"writer check PEER|self SEED ACKED [least]\n");
	return 2;
}
