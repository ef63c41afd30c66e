// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and verifying, in chunks: large enough for a driver to be fast,
 * small enough for the user to see that something happens. How large that is
 * depends on what is between here and the memory: nothing, a socket, or one
 * trap for every word.
 */
#include <string.h>

#include "interrupt.h"
#include "load.h"
#include "report.h"

#define CHUNK_MIN (32 << 10)
#define CHUNK_FIRST (512 << 10)
#define CHUNK_MAX (4 << 20)
/* A chunk that takes less is too small, one that takes more is too large. */
#define CHUNK_MIN_NS 20000000
#define CHUNK_MAX_NS 100000000

/* Not const, so that it takes no room in the program. */
static u8 zeros[CHUNK_MAX];
static u8 buffer[CHUNK_MAX];

/* The size of chunks, by the time that the latest one took. */
struct pace {
	size_t chunk;
	u64 started_ns;
};

static int check_interrupt(void)
{
	if (!interrupted())
		return 0;
	error("interrupted");
	return -1;
}

static size_t chunk_start(struct pace *pace, u64 left)
{
	pace->started_ns = now_ns();
	return left < pace->chunk ? left : pace->chunk;
}

static void chunk_end(struct pace *pace)
{
	u64 ns = now_ns() - pace->started_ns;

	if (ns < CHUNK_MIN_NS && pace->chunk < CHUNK_MAX)
		pace->chunk *= 2;
	else if (ns > CHUNK_MAX_NS && pace->chunk > CHUNK_MIN)
		pace->chunk /= 2;
}

int memory_fill(const struct memory *memory, u64 offset, const u8 *data,
		u64 size, struct progress *progress)
{
	struct pace pace = { .chunk = CHUNK_FIRST };

	while (size) {
		size_t n = chunk_start(&pace, size);

		if (check_interrupt() ||
		    memory_write(memory, offset, data ? data : zeros, n))
			return -1;
		chunk_end(&pace);
		progress_add(progress, n);
		if (data)
			data += n;
		offset += n;
		size -= n;
	}
	return 0;
}

static size_t first_difference(const u8 *a, const u8 *b)
{
	size_t i = 0;

	while (a[i] == b[i])
		i++;
	return i;
}

int memory_compare(const struct memory *memory, u64 *offset, const u8 *data,
		   u64 size, u8 *found, struct progress *progress)
{
	struct pace pace = { .chunk = CHUNK_FIRST };

	while (size) {
		const u8 *wanted = data ? data : zeros;
		size_t n = chunk_start(&pace, size);

		if (check_interrupt() ||
		    memory_read(memory, *offset, buffer, n))
			return -1;
		if (memcmp(buffer, wanted, n)) {
			size_t i = first_difference(buffer, wanted);

			*offset += i;
			*found = buffer[i];
			return 1;
		}
		chunk_end(&pace);
		progress_add(progress, n);
		if (data)
			data += n;
		*offset += n;
		size -= n;
	}
	return 0;
}

int load_write(const struct memory *memory, const struct plan *plan,
	       struct progress *progress)
{
	u64 base = plan->layout.ram.start;
	unsigned int i;

	for (i = 0; i < plan->nr_pieces; i++) {
		const struct piece *piece = &plan->pieces[i];
		u64 offset = piece->address - base;

		progress_part(progress, piece->what, piece->mem_size,
			      piece->address);
		if (memory_fill(memory, offset, piece->data, piece->size,
				progress) ||
		    memory_fill(memory, offset + piece->size, NULL,
				piece->mem_size - piece->size, progress))
			return -1;
	}
	return memory_sync(memory);
}

static int verify_piece(const struct memory *memory, const struct piece *piece,
			u64 base, struct progress *progress)
{
	u64 offset = piece->address - base;
	u8 found;
	int ret;

	ret = memory_compare(memory, &offset, piece->data, piece->size, &found,
			     progress);
	if (!ret)
		ret = memory_compare(memory, &offset, NULL,
				     piece->mem_size - piece->size, &found,
				     progress);
	if (ret > 0)
		error("the %s differs at 0x%llx: the memory has 0x%02x; somebody else writes to it, or the link failed",
		      piece->what, base + offset, found);
	return ret ? -1 : 0;
}

int load_verify(const struct memory *memory, const struct plan *plan,
		struct progress *progress)
{
	unsigned int i;

	for (i = 0; i < plan->nr_pieces; i++) {
		const struct piece *piece = &plan->pieces[i];

		progress_part(progress, piece->what, piece->mem_size,
			      piece->address);
		if (verify_piece(memory, piece, plan->layout.ram.start,
				 progress))
			return -1;
	}
	return 0;
}
