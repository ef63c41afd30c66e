// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stddef.h>

#include "ring.h"

struct ring_desc {
	uint64_t address;
	uint32_t size;
	uint16_t flags;
	uint16_t next;
};

#define DESC_NEXT	1
#define DESC_INDIRECT	4

struct ring_avail {
	uint16_t flags;
	uint16_t index;
	uint16_t ids[];
};

struct ring_used {
	uint16_t flags;
	uint16_t index;
	struct {
		uint32_t id;
		uint32_t size;
	} buffers[];
};

static void barrier(void)
{
	asm volatile("dmb" : : : "memory");
}

bool ring_open(struct ring *ring, const volatile struct rsc_vring *rsc)
{
	uint32_t num = rsc->num;
	uint32_t align = rsc->align;
	uint32_t da = rsc->da;
	uint32_t avail = da + num * sizeof(struct ring_desc);
	uint32_t end = avail + 2 * (2 + num + 1);

	if (!da || da == RSC_ADDR_ANY || !num || num & (num - 1) || !align ||
	    align & (align - 1))
		return false;
	ring->num = num;
	ring->desc = (void *)da;
	ring->avail = (void *)avail;
	ring->used = (void *)((end + align - 1) & ~(align - 1));
	ring->next = 0;
	ring->used_index = 0;

	return true;
}

uint32_t ring_available(const struct ring *ring)
{
	uint16_t available = ring->avail->index - ring->next;

	/* There cannot be more: what is there is no ring, or one of before. */
	return available <= ring->num ? available : 0;
}

bool ring_get(struct ring *ring, const volatile struct rsc_carveout *buffers,
	      struct ring_buffer *buffer)
{
	volatile struct ring_desc *desc;
	uint32_t offset;

	if (!ring_available(ring))
		return false;
	barrier();
	buffer->id = ring->avail->ids[ring->next++ & (ring->num - 1)];
	buffer->data = NULL;
	buffer->size = 0;
	if (buffer->id >= ring->num)
		return true;

	desc = &ring->desc[buffer->id];
	offset = (uint32_t)desc->address - buffers->pa;
	buffer->size = desc->size;
	if (!(desc->flags & (DESC_NEXT | DESC_INDIRECT)) &&
	    buffer->size <= buffers->len &&
	    offset <= buffers->len - buffer->size)
		buffer->data = (uint8_t *)(buffers->da + offset);

	return true;
}

void ring_put(struct ring *ring, const struct ring_buffer *buffer,
	      uint32_t written)
{
	uint16_t index = ring->used_index++;

	ring->used->buffers[index & (ring->num - 1)].id = buffer->id;
	ring->used->buffers[index & (ring->num - 1)].size = written;
	barrier();
	ring->used->index = ring->used_index;
}
