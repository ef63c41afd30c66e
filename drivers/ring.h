/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SDM_RING_H
#define _SDM_RING_H

#include <linux/list.h>
#include <linux/types.h>

struct sdm_transfer;

/* A power of two, from SDM_DMA_RING_SIZE_MIN to SDM_DMA_RING_SIZE_MAX. */
#define SDM_RING_SIZE 256u

/* SDM_DMA_DESC_* */
struct sdm_ring_desc {
	__le64 addr;
	__le64 offset;
	__le32 length;
	__le16 peer;
	__le16 flags;
	__le32 status;
	__le32 reserved;
};

/**
 * struct sdm_ring - descriptors of bulk transfers, and the transfers
 * @descs: the descriptors, of which there are %SDM_RING_SIZE
 * @head: number of descriptors put in, modulo 2^32
 * @tail: number of descriptors taken out
 * @owners: whose descriptors @tail..@head-1 are
 * @queue: transfers of which a part is not in the ring yet
 */
struct sdm_ring {
	struct sdm_ring_desc *descs;
	u32 head;
	u32 tail;
	struct sdm_transfer *owners[SDM_RING_SIZE];
	struct list_head queue;
};

void sdm_ring_init(struct sdm_ring *ring, struct sdm_ring_desc *descs);
void sdm_ring_add(struct sdm_ring *ring, struct sdm_transfer *transfer);
bool sdm_ring_feed(struct sdm_ring *ring);
bool sdm_ring_harvest(struct sdm_ring *ring, u32 tail, struct list_head *over);
void sdm_ring_abort(struct sdm_ring *ring, struct list_head *over);
void sdm_ring_restart(struct sdm_ring *ring);
int sdm_ring_errno(u32 status);

#endif /* _SDM_RING_H */
