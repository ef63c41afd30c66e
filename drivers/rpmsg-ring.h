/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device side of a split ring, as the virtio specification has it in section
 * 2.7, and the resource table that tells where the rings are. The driver, which
 * is on another machine, is not trusted: whatever it writes is read once.
 */
#ifndef _SDM_RPMSG_RING_H
#define _SDM_RPMSG_RING_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

/* Feature: channels are announced. A bit number. */
#define SDM_RPMSG_F_NS 0

/**
 * struct sdm_rpmsg_pool - memory in which a ring's buffers are
 * @va: where it is mapped
 * @pa: the driver's address of it, modulo 2^32
 * @size: its size
 */
struct sdm_rpmsg_pool {
	void *va;
	u32 pa;
	u32 size;
};

/**
 * struct sdm_rpmsg_ring - a ring
 * @vring: where it is, and how many entries it has
 * @pool: its buffers
 * @last: index of the next entry to take, which is also that of the next one to
 *	give back: buffers go back in the order in which they came
 * @writable: its buffers are to be written
 */
struct sdm_rpmsg_ring {
	struct vring vring;
	struct sdm_rpmsg_pool pool;
	u16 last;
	bool writable;
};

/**
 * struct sdm_rpmsg_buffer - a buffer of a ring
 * @data: where it is
 * @size: how much fits, or how much is in it
 * @head: its descriptor
 */
struct sdm_rpmsg_buffer {
	void *data;
	u32 size;
	u16 head;
};

void sdm_rpmsg_ring_init(struct sdm_rpmsg_ring *ring, void *va,
			 unsigned int num, unsigned int align,
			 const struct sdm_rpmsg_pool *pool, bool writable);
int sdm_rpmsg_ring_next(const struct sdm_rpmsg_ring *ring,
			struct sdm_rpmsg_buffer *buffer);
void sdm_rpmsg_ring_return(struct sdm_rpmsg_ring *ring,
			   const struct sdm_rpmsg_buffer *buffer, u32 written);

/**
 * struct sdm_rpmsg_layout - what a resource table says
 * @status: of the virtio device
 * @features: those that its driver has chosen
 * @num: entries of each ring
 * @align: alignment of the rings
 * @ring: where the rings are in the region: that for messages to the driver,
 *	then the other
 * @buffers: where the buffers are in the region
 * @pa: where the driver sees the buffers, modulo 2^32
 * @size: size of all buffers
 * @end: where the last entry that was looked at ends in the table
 */
struct sdm_rpmsg_layout {
	u8 status;
	u32 features;
	u32 num;
	u32 align;
	u32 ring[2];
	u32 buffers;
	u32 pa;
	u32 size;
	size_t end;
};

int sdm_rpmsg_table_make(void *table, size_t table_size, size_t region_size);
const char *sdm_rpmsg_table_parse(const void *table, size_t table_size,
				  u32 base, size_t region_size,
				  struct sdm_rpmsg_layout *layout);

#endif /* _SDM_RPMSG_RING_H */
