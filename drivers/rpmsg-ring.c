// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM rpmsg driver: device side of a split ring.
 *
 * The other side is Linux, whose rings without VIRTIO_F_VERSION_1 have its own
 * byte order. Normal memory for both sides: the barriers are those between CPUs.
 */

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <asm/barrier.h>

#include "compat.h"
#include "range.h"
#include "rpmsg-ring.h"

static u16 sdm_rpmsg_read16(const __virtio16 *field)
{
	return __virtio16_to_cpu(virtio_legacy_is_little_endian(),
				 READ_ONCE(*field));
}

static u32 sdm_rpmsg_read32(const __virtio32 *field)
{
	return __virtio32_to_cpu(virtio_legacy_is_little_endian(),
				 READ_ONCE(*field));
}

static __virtio16 sdm_rpmsg_virtio16(u16 value)
{
	return __cpu_to_virtio16(virtio_legacy_is_little_endian(), value);
}

static __virtio32 sdm_rpmsg_virtio32(u32 value)
{
	return __cpu_to_virtio32(virtio_legacy_is_little_endian(), value);
}

/* The other half makes no difference: addresses count modulo 2^32. */
static u32 sdm_rpmsg_read_address(const __virtio64 *field)
{
	const __virtio32 *half = (const __virtio32 *)field;

	return sdm_rpmsg_read32(virtio_legacy_is_little_endian() ? half :
								   half + 1);
}

/**
 * sdm_rpmsg_ring_init() - begin to use a ring
 * @ring: the ring
 * @va: where it is mapped
 * @num: number of its entries, a power of two
 * @align: alignment of its second half
 * @pool: its buffers
 * @writable: its buffers are to be written
 *
 * Of a new ring the index of used buffers is 0. Of one that an earlier use has
 * left it is where that has stopped, since it gives buffers back at once.
 */
void sdm_rpmsg_ring_init(struct sdm_rpmsg_ring *ring, void *va,
			 unsigned int num, unsigned int align,
			 const struct sdm_rpmsg_pool *pool, bool writable)
{
	vring_init(&ring->vring, num, va, align);
	ring->pool = *pool;
	ring->last = sdm_rpmsg_read16(&ring->vring.used->idx);
	ring->writable = writable;
	/* The other side is always to send a signal, see rpmsg.rst. */
	WRITE_ONCE(ring->vring.used->flags, sdm_rpmsg_virtio16(0));
}
EXPORT_SYMBOL_IF_KUNIT(sdm_rpmsg_ring_init);

/**
 * sdm_rpmsg_ring_next() - look for the next buffer
 * @ring: the ring
 * @buffer: filled in
 *
 * Return: 0, -EAGAIN if there is none, or -EPROTO if what the other side has
 * written makes no sense.
 */
int sdm_rpmsg_ring_next(const struct sdm_rpmsg_ring *ring,
			struct sdm_rpmsg_buffer *buffer)
{
	const struct vring *vring = &ring->vring;
	const struct vring_desc *desc;
	u16 ready, slot, head, flags;
	u32 offset, size;

	ready = sdm_rpmsg_read16(&vring->avail->idx) - ring->last;
	if (!ready)
		return -EAGAIN;
	if (ready > vring->num)
		return -EPROTO;

	/* The index, then what it covers. */
	virt_rmb();
	slot = ring->last & (vring->num - 1);
	head = sdm_rpmsg_read16(&vring->avail->ring[slot]);
	if (head >= vring->num)
		return -EPROTO;
	desc = &vring->desc[head];
	offset = sdm_rpmsg_read_address(&desc->addr) - ring->pool.pa;
	size = sdm_rpmsg_read32(&desc->len);
	flags = sdm_rpmsg_read16(&desc->flags);

	if (flags != (ring->writable ? VRING_DESC_F_WRITE : 0) ||
	    !sdm_range_fits(offset, size, ring->pool.size))
		return -EPROTO;
	buffer->data = ring->pool.va + offset;
	buffer->size = size;
	buffer->head = head;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_rpmsg_ring_next);

/**
 * sdm_rpmsg_ring_return() - give a buffer back
 * @ring: the ring
 * @buffer: what sdm_rpmsg_ring_next() has filled in
 * @written: how much has been written into it
 *
 * The other side learns of it by the next signal.
 */
void sdm_rpmsg_ring_return(struct sdm_rpmsg_ring *ring,
			   const struct sdm_rpmsg_buffer *buffer, u32 written)
{
	struct vring_used *used = ring->vring.used;
	struct vring_used_elem *elem =
		&used->ring[ring->last & (ring->vring.num - 1)];

	WRITE_ONCE(elem->id, sdm_rpmsg_virtio32(buffer->head));
	WRITE_ONCE(elem->len, sdm_rpmsg_virtio32(written));
	ring->last++;
	/*
	 * What is in the buffer and its entry, then the index. Whoever gets a
	 * buffer back may use it at once: reads of it are over, too.
	 */
	virt_mb();
	WRITE_ONCE(used->idx, sdm_rpmsg_virtio16(ring->last));
}
EXPORT_SYMBOL_IF_KUNIT(sdm_rpmsg_ring_return);
