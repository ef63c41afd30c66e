// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: the ring of descriptors of a bulk transfer engine.
 *
 * A transfer is one descriptor for each segment of memory here. It waits in a
 * queue until all of it is in the ring, and may be larger than the ring. The
 * engine finishes descriptors in their order.
 *
 * Nothing here touches the hardware. The caller has the lock.
 */

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/scatterlist.h>

#include "compat.h"
#include "ring.h"
#include "sdm.h"

/* An interrupt at least so often, so that the ring does not run empty. */
#define SDM_RING_REFILL (SDM_RING_SIZE / 4)

static_assert(sizeof(struct sdm_ring_desc) == SDM_DMA_DESC_SIZE);
static_assert(offsetof(struct sdm_ring_desc, addr) == SDM_DMA_DESC_ADDR);
static_assert(offsetof(struct sdm_ring_desc, offset) == SDM_DMA_DESC_OFFSET);
static_assert(offsetof(struct sdm_ring_desc, length) == SDM_DMA_DESC_LENGTH);
static_assert(offsetof(struct sdm_ring_desc, peer) == SDM_DMA_DESC_PEER);
static_assert(offsetof(struct sdm_ring_desc, flags) == SDM_DMA_DESC_FLAGS);
static_assert(offsetof(struct sdm_ring_desc, status) == SDM_DMA_DESC_STATUS);

/**
 * sdm_ring_errno() - translate the result of a descriptor
 * @status: its status
 *
 * Return: 0 or a negative errno.
 */
int sdm_ring_errno(u32 status)
{
	switch (status) {
	case SDM_DMA_OK:
		return 0;
	/* The memory here does not suit the engine. */
	case SDM_DMA_BAD_DESC:
	case SDM_DMA_BAD_ADDRESS:
		return -EFAULT;
	case SDM_DMA_NO_LINK:
		return -ENOLINK;
	case SDM_DMA_TIMEOUT:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}
EXPORT_SYMBOL_IF_KUNIT(sdm_ring_errno);

static u32 sdm_ring_room(const struct sdm_ring *ring)
{
	return SDM_RING_SIZE - (ring->head - ring->tail);
}

/**
 * sdm_ring_init() - make an empty ring
 * @ring: the ring
 * @descs: %SDM_RING_SIZE descriptors
 */
void sdm_ring_init(struct sdm_ring *ring, struct sdm_ring_desc *descs)
{
	BUILD_BUG_ON_NOT_POWER_OF_2(SDM_RING_SIZE);

	*ring = (struct sdm_ring) { .descs = descs };
	INIT_LIST_HEAD(&ring->queue);
}
EXPORT_SYMBOL_IF_KUNIT(sdm_ring_init);

/**
 * sdm_ring_restart() - begin to count from zero, as the engine does
 * @ring: the ring, empty
 */
void sdm_ring_restart(struct sdm_ring *ring)
{
	ring->head = 0;
	ring->tail = 0;
}

/**
 * sdm_ring_add() - add a transfer
 * @ring: the ring
 * @transfer: the transfer; its memory is mapped for the device
 */
void sdm_ring_add(struct sdm_ring *ring, struct sdm_transfer *transfer)
{
	transfer->bytes = 0;
	transfer->error = 0;
	transfer->sg = transfer->sgt.sgl;
	transfer->queued = transfer->sgt.nents;
	transfer->in_ring = 0;
	transfer->taken = 0;
	list_add_tail(&transfer->node, &ring->queue);
}
EXPORT_SYMBOL_IF_KUNIT(sdm_ring_add);

/* Puts the next segment of a transfer in the ring; @last: none comes now. */
static void sdm_ring_put(struct sdm_ring *ring, struct sdm_transfer *transfer,
			 bool last)
{
	u32 place = ring->head % SDM_RING_SIZE;
	u16 flags = transfer->write ? SDM_DMA_WRITE : SDM_DMA_READ;
	u32 len = sg_dma_len(transfer->sg);

	if (last || place % SDM_RING_REFILL == 0)
		flags |= SDM_DMA_IRQ;
	ring->descs[place] = (struct sdm_ring_desc) {
		.addr = cpu_to_le64(sg_dma_address(transfer->sg)),
		.offset = cpu_to_le64(transfer->offset + transfer->taken),
		.length = cpu_to_le32(len),
		.peer = cpu_to_le16(transfer->peer),
		.flags = cpu_to_le16(flags),
	};
	ring->owners[place] = transfer;
	ring->head++;

	transfer->taken += len;
	transfer->in_ring++;
	transfer->queued--;
	transfer->sg = sg_next(transfer->sg);
}

/*
 * How much of a transfer to put in the ring now: all of it, or as much as there
 * is room for, but not in small pieces, each of which has an interrupt.
 */
static u32 sdm_ring_piece(const struct sdm_ring *ring,
			  const struct sdm_transfer *transfer)
{
	u32 count = min(transfer->queued, sdm_ring_room(ring));

	return count < min(transfer->queued, SDM_RING_REFILL) ? 0 : count;
}

/**
 * sdm_ring_feed() - fill the ring from the queue
 * @ring: the ring
 *
 * The latest descriptor always has an interrupt, also if more of its transfer is
 * to follow: that does not, if the transfer fails.
 *
 * Return: true if there are new descriptors: the engine has to be told.
 */
bool sdm_ring_feed(struct sdm_ring *ring)
{
	struct sdm_transfer *transfer;
	u32 head = ring->head;
	u32 count;

	while (!list_empty(&ring->queue)) {
		transfer = list_first_entry(&ring->queue, struct sdm_transfer,
					    node);
		count = sdm_ring_piece(ring, transfer);
		if (!count)
			break;
		while (count--)
			sdm_ring_put(ring, transfer, !count);
		if (!transfer->queued)
			list_del(&transfer->node);
	}

	return ring->head != head;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_ring_feed);

/* The rest of a transfer that failed is not done. */
static void sdm_ring_fail(struct sdm_transfer *transfer, int error)
{
	if (!transfer->error)
		transfer->error = error;
	if (transfer->queued)
		list_del(&transfer->node);
	transfer->queued = 0;
}

/* Takes the oldest descriptor out of the ring. */
static void sdm_ring_take(struct sdm_ring *ring, int error,
			  struct list_head *over)
{
	u32 place = ring->tail % SDM_RING_SIZE;
	struct sdm_transfer *transfer = ring->owners[place];

	ring->owners[place] = NULL;
	ring->tail++;

	transfer->in_ring--;
	if (error)
		sdm_ring_fail(transfer, error);
	else if (!transfer->error)
		transfer->bytes += le32_to_cpu(ring->descs[place].length);
	if (!transfer->queued && !transfer->in_ring)
		list_add_tail(&transfer->node, over);
}

/**
 * sdm_ring_harvest() - take out what has finished
 * @ring: the ring
 * @tail: number of descriptors that the engine has finished
 * @over: transfers that are over are added here
 *
 * Return: false if @tail cannot be right.
 */
bool sdm_ring_harvest(struct sdm_ring *ring, u32 tail, struct list_head *over)
{
	if (tail - ring->tail > ring->head - ring->tail)
		return false;

	while (ring->tail != tail) {
		const struct sdm_ring_desc *desc =
			&ring->descs[ring->tail % SDM_RING_SIZE];
		u32 status = le32_to_cpu(READ_ONCE(desc->status));

		sdm_ring_take(ring, sdm_ring_errno(status), over);
	}

	return true;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_ring_harvest);

/**
 * sdm_ring_abort() - end all transfers
 * @ring: the ring, which the engine does not use any more
 * @over: the transfers are added here, with -ENODEV
 */
void sdm_ring_abort(struct sdm_ring *ring, struct list_head *over)
{
	struct sdm_transfer *transfer, *next;

	while (ring->tail != ring->head)
		sdm_ring_take(ring, -ENODEV, over);
	/* Now nothing of these is in the ring. */
	list_for_each_entry_safe(transfer, next, &ring->queue, node) {
		sdm_ring_fail(transfer, -ENODEV);
		list_add_tail(&transfer->node, over);
	}
}
EXPORT_SYMBOL_IF_KUNIT(sdm_ring_abort);
