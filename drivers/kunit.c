// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what in the SDM drivers needs no device.
 */

#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include <sdm/sdm-regs.h>
#include <uapi/linux/sdm.h>

#include "chr-cmd.h"
#include "chr-events.h"
#include "iocopy.h"
#include "mailbox-tx.h"
#include "range.h"
#include "ring.h"
#include "sdm.h"

static void sdm_test_range_fits(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, sdm_range_fits(0, 0, 0));
	KUNIT_EXPECT_TRUE(test, sdm_range_fits(0, 16, 16));
	KUNIT_EXPECT_TRUE(test, sdm_range_fits(15, 1, 16));
	KUNIT_EXPECT_TRUE(test, sdm_range_fits(16, 0, 16));
	KUNIT_EXPECT_FALSE(test, sdm_range_fits(17, 0, 16));
	KUNIT_EXPECT_FALSE(test, sdm_range_fits(15, 2, 16));
	KUNIT_EXPECT_FALSE(test, sdm_range_fits(0, 17, 16));
	KUNIT_EXPECT_FALSE(test, sdm_range_fits(U64_MAX, 1, 16));
	KUNIT_EXPECT_FALSE(test, sdm_range_fits(1, U64_MAX, 16));
	KUNIT_EXPECT_FALSE(test, sdm_range_fits(U64_MAX, 2, U64_MAX));
	KUNIT_EXPECT_TRUE(test, sdm_range_fits(U64_MAX - 1, 1, U64_MAX));
}

static void sdm_test_range_clip(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sdm_range_clip(0, 8, 16), 8);
	KUNIT_EXPECT_EQ(test, sdm_range_clip(8, 8, 16), 8);
	KUNIT_EXPECT_EQ(test, sdm_range_clip(15, 8, 16), 1);
	KUNIT_EXPECT_EQ(test, sdm_range_clip(16, 8, 16), 0);
	KUNIT_EXPECT_EQ(test, sdm_range_clip(U64_MAX, 8, 16), 0);
	KUNIT_EXPECT_EQ(test, sdm_range_clip(0, SIZE_MAX, 16), 16);
	KUNIT_EXPECT_EQ(test, sdm_range_clip(0, 0, 16), 0);
	/* More than 4 GiB behind the offset is more than 32 bits. */
	KUNIT_EXPECT_EQ(test, sdm_range_clip(SZ_4G, 8, 2ULL * SZ_4G),
			8);
}

static void sdm_test_iocopy(struct kunit *test)
{
	enum { SIZE = 64 };
	size_t align, len, i;
	u8 *io, *buf;

	io = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	buf = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, io);
	KUNIT_ASSERT_NOT_NULL(test, buf);

	/* All alignments, all lengths, and not a byte beyond. */
	for (align = 0; align < SDM_IOCOPY_ALIGN; align++) {
		for (len = 0; len <= 3 * SDM_IOCOPY_ALIGN; len++) {
			memset(io, 0xee, SIZE);
			for (i = 0; i < SIZE; i++)
				buf[i] = i;
			sdm_copy_toio((void __iomem *)io + align, buf + align,
				      len);
			for (i = 0; i < SIZE; i++)
				KUNIT_ASSERT_EQ(test, (int)io[i],
						i >= align && i < align + len ?
						(int)i : 0xee);

			for (i = 0; i < SIZE; i++)
				io[i] = i;
			memset(buf, 0xee, SIZE);
			sdm_copy_fromio(buf + align, (void __iomem *)io + align,
					len);
			for (i = 0; i < SIZE; i++)
				KUNIT_ASSERT_EQ(test, (int)buf[i],
						i >= align && i < align + len ?
						(int)i : 0xee);
		}
	}
}

static int sdm_test_events_init(struct kunit *test)
{
	struct sdm_events *events;

	events = kunit_kzalloc(test, sizeof(*events), GFP_KERNEL);
	if (!events)
		return -ENOMEM;
	test->priv = events;

	return sdm_events_init(events);
}

static void sdm_test_events_exit(struct kunit *test)
{
	sdm_events_free(test->priv);
}

/* Payload word 0 tells which of the test's events it is. */
static bool sdm_test_push(struct sdm_events *events, u64 number)
{
	struct sdm_event event = {
		.timestamp_ns = number,
		.type = SDM_EVENT_SIGNAL,
		.payload = { number },
	};

	return sdm_events_push(events, &event);
}

static void sdm_test_events_order(struct kunit *test)
{
	struct sdm_events *events = test->priv;
	struct sdm_event event;
	u32 i;

	KUNIT_EXPECT_FALSE(test, sdm_events_peek(events, &event));
	/* Twice around. */
	for (i = 1; i <= 2 * SDM_EVENTS_MAX; i++) {
		KUNIT_ASSERT_TRUE(test, sdm_test_push(events, i));
		KUNIT_ASSERT_TRUE(test, sdm_events_peek(events, &event));
		KUNIT_ASSERT_EQ(test, event.seqno, i);
		KUNIT_ASSERT_EQ(test, event.payload[0], (u64)i);
		sdm_events_pop(events);
	}
	KUNIT_EXPECT_FALSE(test, sdm_events_peek(events, &event));
}

static void sdm_test_events_overflow(struct kunit *test)
{
	struct sdm_events *events = test->priv;
	struct sdm_event event;
	u32 i;

	for (i = 1; i < SDM_EVENTS_MAX; i++)
		KUNIT_ASSERT_TRUE(test, sdm_test_push(events, i));
	/* Full: three are lost, before and after one has been read. */
	KUNIT_EXPECT_FALSE(test, sdm_test_push(events, i));
	KUNIT_EXPECT_FALSE(test, sdm_test_push(events, i + 1));
	sdm_events_pop(events);
	KUNIT_EXPECT_FALSE(test, sdm_test_push(events, i + 2));
	KUNIT_EXPECT_EQ(test, events->dropped, 3ULL);
	/* Room again. */
	sdm_events_pop(events);
	KUNIT_EXPECT_TRUE(test, sdm_test_push(events, i + 3));

	for (i = 3; i < SDM_EVENTS_MAX; i++) {
		KUNIT_ASSERT_TRUE(test, sdm_events_peek(events, &event));
		KUNIT_ASSERT_EQ(test, event.seqno, i);
		KUNIT_ASSERT_EQ(test, (int)event.type, SDM_EVENT_SIGNAL);
		sdm_events_pop(events);
	}

	/* The gap is what is missing. */
	KUNIT_ASSERT_TRUE(test, sdm_events_peek(events, &event));
	KUNIT_EXPECT_EQ(test, (int)event.type, SDM_EVENT_OVERFLOW);
	KUNIT_EXPECT_EQ(test, event.seqno, i + 3);
	KUNIT_EXPECT_EQ(test, event.timestamp_ns, (u64)i + 2);
	KUNIT_EXPECT_EQ(test, event.payload[0], 0ULL);
	sdm_events_pop(events);

	KUNIT_ASSERT_TRUE(test, sdm_events_peek(events, &event));
	KUNIT_EXPECT_EQ(test, (int)event.type, SDM_EVENT_SIGNAL);
	KUNIT_EXPECT_EQ(test, event.seqno, i + 4);
	KUNIT_EXPECT_EQ(test, event.payload[0], (u64)i + 3);
	sdm_events_pop(events);
	KUNIT_EXPECT_FALSE(test, sdm_events_peek(events, &event));
}

static void sdm_test_events_filter(struct kunit *test)
{
	struct sdm_event signal = { .type = SDM_EVENT_SIGNAL, .signal = 63 };
	struct sdm_event peer = { .type = SDM_EVENT_PEER };
	struct sdm_events *events = test->priv;
	struct sdm_events none = {};

	KUNIT_EXPECT_TRUE(test, sdm_events_wants(events, &signal));
	KUNIT_EXPECT_TRUE(test, sdm_events_wants(events, &peer));
	events->signals = ~BIT_ULL(63);
	KUNIT_EXPECT_FALSE(test, sdm_events_wants(events, &signal));
	signal.signal = 0;
	KUNIT_EXPECT_TRUE(test, sdm_events_wants(events, &signal));
	signal.signal = 64;
	KUNIT_EXPECT_FALSE(test, sdm_events_wants(events, &signal));
	events->flags = 0;
	KUNIT_EXPECT_FALSE(test, sdm_events_wants(events, &peer));
	/* Not open for reading. */
	KUNIT_EXPECT_FALSE(test, sdm_events_wants(&none, &peer));
}

/* A ring, and a transfer for it. */
struct sdm_test_ring {
	struct sdm_ring ring;
	struct sdm_ring_desc descs[SDM_RING_SIZE];
	struct sdm_transfer transfer;
};

static int sdm_test_ring_init(struct kunit *test)
{
	struct sdm_test_ring *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	test->priv = t;
	sdm_ring_init(&t->ring, t->descs);

	return 0;
}

/* Segment i of a transfer is at i MiB, and has i + 1 bytes. */
static void sdm_test_transfer(struct kunit *test, struct sdm_transfer *transfer,
			      unsigned int segments)
{
	struct scatterlist *sg;
	unsigned int i;

	transfer->peer = 7;
	transfer->offset = SZ_4G + 1;
	transfer->sgt.sgl =
		kunit_kcalloc(test, segments, sizeof(*sg), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, transfer->sgt.sgl);
	sg_init_table(transfer->sgt.sgl, segments);
	transfer->sgt.nents = segments;
	for_each_sgtable_dma_sg(&transfer->sgt, sg, i) {
		sg_dma_address(sg) = (dma_addr_t)i * SZ_1M;
		sg_dma_len(sg) = i + 1;
	}
}

/* Plays the device: what it has finished gets @status. */
static u32 sdm_test_finish(struct sdm_ring *ring, u32 count, u32 status)
{
	u32 i;

	for (i = 0; i < count; i++)
		ring->descs[(ring->tail + i) % SDM_RING_SIZE].status =
			cpu_to_le32(status);

	return ring->tail + count;
}

static void sdm_test_ring_descriptor(struct kunit *test)
{
	struct sdm_test_ring *t = test->priv;
	const struct sdm_ring_desc *desc = &t->descs[2];
	LIST_HEAD(over);

	sdm_test_transfer(test, &t->transfer, 3);
	t->transfer.write = true;
	sdm_ring_add(&t->ring, &t->transfer);
	KUNIT_EXPECT_TRUE(test, sdm_ring_feed(&t->ring));
	KUNIT_EXPECT_FALSE(test, sdm_ring_feed(&t->ring));
	KUNIT_EXPECT_EQ(test, t->ring.head, 3);

	KUNIT_EXPECT_EQ(test, le64_to_cpu(desc->addr), 2ULL * SZ_1M);
	/* The peer's memory is in one piece. */
	KUNIT_EXPECT_EQ(test, le64_to_cpu(desc->offset), SZ_4G + 1 + 1 + 2);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(desc->length), 3);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(desc->peer), 7);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(desc->flags),
			SDM_DMA_WRITE | SDM_DMA_IRQ);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(desc->status), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(desc->reserved), 0);
	/* One interrupt is enough; the first place always has one. */
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->descs[1].flags), SDM_DMA_WRITE);

	/* In two steps */
	KUNIT_EXPECT_TRUE(test,
			  sdm_ring_harvest(&t->ring,
					   sdm_test_finish(&t->ring, 2,
							   SDM_DMA_OK),
					   &over));
	KUNIT_EXPECT_TRUE(test, list_empty(&over));
	KUNIT_EXPECT_TRUE(test,
			  sdm_ring_harvest(&t->ring,
					   sdm_test_finish(&t->ring, 1,
							   SDM_DMA_OK),
					   &over));
	KUNIT_EXPECT_PTR_EQ(test, over.next, &t->transfer.node);
	KUNIT_EXPECT_EQ(test, t->transfer.error, 0);
	KUNIT_EXPECT_EQ(test, t->transfer.bytes, 1 + 2 + 3);
}

/* A transfer that is larger than the ring, over the end of the counters. */
static void sdm_test_ring_wrap(struct kunit *test)
{
	const u32 segments = 3 * SDM_RING_SIZE + 1, step = 100;
	struct sdm_test_ring *t = test->priv;
	struct sdm_ring *ring = &t->ring;
	u32 done = 0, interrupts = 0, tail, i;
	LIST_HEAD(over);

	ring->head = -SDM_RING_SIZE - 5;
	ring->tail = ring->head;
	sdm_test_transfer(test, &t->transfer, segments);
	sdm_ring_add(ring, &t->transfer);
	while (done < segments) {
		u32 count = min(step, segments - done);

		KUNIT_ASSERT_TRUE(test, list_empty(&over));
		sdm_ring_feed(ring);
		KUNIT_ASSERT_EQ(test, ring->head - ring->tail,
				min(SDM_RING_SIZE, segments - done));
		for (i = 0; i < count; i++) {
			u32 place = (ring->tail + i) % SDM_RING_SIZE;
			u16 flags = le16_to_cpu(t->descs[place].flags);

			KUNIT_ASSERT_EQ(test,
					le32_to_cpu(t->descs[place].length),
					done + i + 1);
			interrupts += !!(flags & SDM_DMA_IRQ);
		}
		/* A whole ring never comes without one. */
		KUNIT_EXPECT_GT(test, interrupts, done / SDM_RING_SIZE);
		tail = sdm_test_finish(ring, count, SDM_DMA_OK);
		KUNIT_ASSERT_TRUE(test, sdm_ring_harvest(ring, tail, &over));
		done += count;
	}
	KUNIT_EXPECT_FALSE(test, list_empty(&over));
	KUNIT_EXPECT_EQ(test, t->transfer.error, 0);
	KUNIT_EXPECT_EQ(test, t->transfer.bytes, segments * (segments + 1) / 2);
	KUNIT_EXPECT_FALSE(test, sdm_ring_feed(ring));
}

static void sdm_test_ring_bad_tail(struct kunit *test)
{
	struct sdm_test_ring *t = test->priv;
	LIST_HEAD(over);

	sdm_test_transfer(test, &t->transfer, 3);
	sdm_ring_add(&t->ring, &t->transfer);
	sdm_ring_feed(&t->ring);
	KUNIT_EXPECT_FALSE(test, sdm_ring_harvest(&t->ring, 4, &over));
	KUNIT_EXPECT_FALSE(test, sdm_ring_harvest(&t->ring, -1, &over));
	KUNIT_EXPECT_TRUE(test, sdm_ring_harvest(&t->ring, 0, &over));
	KUNIT_EXPECT_EQ(test, t->ring.tail, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&over));
}

/* What follows a failure does not count, and is not begun. */
static void sdm_test_ring_error(struct kunit *test)
{
	struct sdm_test_ring *t = test->priv;
	struct sdm_ring *ring = &t->ring;
	struct sdm_transfer *next;
	LIST_HEAD(over);

	next = kunit_kzalloc(test, sizeof(*next), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, next);
	sdm_test_transfer(test, &t->transfer, 2 * SDM_RING_SIZE);
	sdm_test_transfer(test, next, 1);
	sdm_ring_add(ring, &t->transfer);
	sdm_ring_add(ring, next);
	sdm_ring_feed(ring);

	sdm_test_finish(ring, SDM_RING_SIZE, SDM_DMA_OK);
	t->descs[2].status = cpu_to_le32(SDM_DMA_TIMEOUT);
	t->descs[4].status = cpu_to_le32(SDM_DMA_NO_LINK);
	sdm_ring_harvest(ring, 6, &over);
	KUNIT_EXPECT_TRUE(test, list_empty(&over));
	sdm_ring_feed(ring);
	/* The last in the ring is that of the next transfer. */
	KUNIT_EXPECT_EQ(test, ring->head, SDM_RING_SIZE + 1);
	sdm_ring_harvest(ring, SDM_RING_SIZE, &over);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&over));
	KUNIT_EXPECT_PTR_EQ(test, over.next, &t->transfer.node);
	KUNIT_EXPECT_EQ(test, t->transfer.error, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, t->transfer.bytes, 1 + 2);

	sdm_test_finish(ring, 1, SDM_DMA_OK);
	sdm_ring_harvest(ring, ring->head, &over);
	KUNIT_EXPECT_PTR_EQ(test, over.prev, &next->node);
	KUNIT_EXPECT_EQ(test, next->error, 0);
}

static bool sdm_test_has_irq(const struct sdm_ring *ring, u32 number)
{
	const struct sdm_ring_desc *desc = &ring->descs[number % SDM_RING_SIZE];

	return le16_to_cpu(desc->flags) & SDM_DMA_IRQ;
}

/* What is in the ring of a transfer that fails ends, though no more follows. */
static void sdm_test_ring_error_in_part(struct kunit *test)
{
	struct sdm_test_ring *t = test->priv;
	struct sdm_ring *ring = &t->ring;
	LIST_HEAD(over);

	/* Not at the beginning: other descriptors have interrupts, too. */
	ring->head = 10;
	ring->tail = 10;
	sdm_test_transfer(test, &t->transfer, 2 * SDM_RING_SIZE);
	sdm_ring_add(ring, &t->transfer);
	sdm_ring_feed(ring);
	KUNIT_ASSERT_EQ(test, ring->head, 10 + SDM_RING_SIZE);
	KUNIT_EXPECT_TRUE(test, sdm_test_has_irq(ring, ring->head - 1));

	sdm_ring_harvest(ring, sdm_test_finish(ring, 70, SDM_DMA_TIMEOUT),
			 &over);
	KUNIT_EXPECT_TRUE(test, list_empty(&over));
	KUNIT_EXPECT_FALSE(test, sdm_ring_feed(ring));
	KUNIT_EXPECT_TRUE(test, sdm_test_has_irq(ring, ring->head - 1));
	sdm_ring_harvest(ring, ring->head, &over);
	KUNIT_EXPECT_PTR_EQ(test, over.next, &t->transfer.node);
	KUNIT_EXPECT_EQ(test, t->transfer.error, -ETIMEDOUT);
}

/* However slowly it goes there are few interrupts, and always another one. */
static void sdm_test_ring_interrupts(struct kunit *test)
{
	const u32 segments = 5 * SDM_RING_SIZE;
	struct sdm_test_ring *t = test->priv;
	struct sdm_ring *ring = &t->ring;
	u32 interrupts = 0;
	LIST_HEAD(over);

	ring->head = 10;
	ring->tail = 10;
	sdm_test_transfer(test, &t->transfer, segments);
	sdm_ring_add(ring, &t->transfer);
	while (list_empty(&over)) {
		sdm_ring_feed(ring);
		KUNIT_ASSERT_NE(test, ring->head, ring->tail);
		KUNIT_ASSERT_TRUE(test, sdm_test_has_irq(ring, ring->head - 1));
		interrupts += sdm_test_has_irq(ring, ring->tail);
		sdm_ring_harvest(ring, sdm_test_finish(ring, 1, SDM_DMA_OK),
				 &over);
	}
	KUNIT_EXPECT_EQ(test, ring->tail, 10 + segments);
	KUNIT_EXPECT_GE(test, interrupts, 5);
	KUNIT_EXPECT_LE(test, interrupts, segments / (SDM_RING_SIZE / 8) + 1);
}

static void sdm_test_ring_abort(struct kunit *test)
{
	struct sdm_test_ring *t = test->priv;
	struct sdm_ring *ring = &t->ring;
	struct sdm_transfer *next;
	LIST_HEAD(over);

	next = kunit_kzalloc(test, sizeof(*next), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, next);
	sdm_test_transfer(test, &t->transfer, SDM_RING_SIZE + 1);
	sdm_test_transfer(test, next, 2);
	sdm_ring_add(ring, &t->transfer);
	sdm_ring_add(ring, next);
	sdm_ring_feed(ring);
	sdm_ring_harvest(ring, sdm_test_finish(ring, 3, SDM_DMA_OK), &over);
	sdm_ring_abort(ring, &over);

	KUNIT_EXPECT_PTR_EQ(test, over.next, &t->transfer.node);
	KUNIT_EXPECT_PTR_EQ(test, over.prev, &next->node);
	KUNIT_EXPECT_EQ(test, t->transfer.error, -ENODEV);
	KUNIT_EXPECT_EQ(test, t->transfer.bytes, 1 + 2 + 3);
	KUNIT_EXPECT_EQ(test, next->error, -ENODEV);
	KUNIT_EXPECT_EQ(test, next->bytes, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->queue));
	KUNIT_EXPECT_EQ(test, ring->head, ring->tail);
}

static void sdm_test_ring_errno(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_OK), 0);
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_NO_LINK), -ENOLINK);
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_TIMEOUT), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_BAD_DESC), -EFAULT);
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_BAD_ADDRESS), -EFAULT);
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_RANGE), -EIO);
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(SDM_DMA_FAULT), -EIO);
	/* Not written by the device */
	KUNIT_EXPECT_EQ(test, sdm_ring_errno(0), -EIO);
}

static void sdm_test_cmd_find(struct kunit *test)
{
	static const struct sdm_chr_cmd cmds[] = {
		{ .size = 16, .min_size = 8 },
		{ .size = 24, .min_size = 24 },
	};
	const size_t count = ARRAY_SIZE(cmds);

#define FIND(dir, nr, size) \
	sdm_chr_cmd_find(cmds, count, _IOC(dir, SDM_IOC_MAGIC, nr, size))
	KUNIT_EXPECT_PTR_EQ(test, FIND(_IOC_READ | _IOC_WRITE, 0, 16), &cmds[0]);
	KUNIT_EXPECT_PTR_EQ(test, FIND(_IOC_READ | _IOC_WRITE, 1, 24), &cmds[1]);
	/* Older and newer callers */
	KUNIT_EXPECT_PTR_EQ(test, FIND(_IOC_WRITE, 0, 8), &cmds[0]);
	KUNIT_EXPECT_PTR_EQ(test, FIND(_IOC_WRITE, 0, 4096), &cmds[0]);
	/* Too short for what it has always needed */
	KUNIT_EXPECT_EQ(test, PTR_ERR(FIND(_IOC_WRITE, 0, 7)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(FIND(_IOC_WRITE, 1, 0)), -EINVAL);
	/* Unknown */
	KUNIT_EXPECT_EQ(test, PTR_ERR(FIND(_IOC_WRITE, 2, 16)), -ENOTTY);
	KUNIT_EXPECT_EQ(test, PTR_ERR(FIND(_IOC_WRITE, 255, 16)), -ENOTTY);
#undef FIND
	KUNIT_EXPECT_EQ(test,
			PTR_ERR(sdm_chr_cmd_find(cmds, count,
						 _IOWR('S', 0, u64[2]))),
			-ENOTTY);
}

#define SDM_EXPECT_OFFSET(test, type, member, offset) \
	KUNIT_EXPECT_EQ(test, offsetof(struct type, member), offset)

/*
 * The ABI is the same on all architectures, and stays as it is. Each
 * member ends where the next one begins: there is no hidden padding.
 */
static void sdm_test_uapi_layout(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_info), 64);
	SDM_EXPECT_OFFSET(test, sdm_info, id, 0);
	SDM_EXPECT_OFFSET(test, sdm_info, num_ids, 4);
	SDM_EXPECT_OFFSET(test, sdm_info, num_signals, 8);
	SDM_EXPECT_OFFSET(test, sdm_info, flags, 12);
	SDM_EXPECT_OFFSET(test, sdm_info, hw_version, 16);
	SDM_EXPECT_OFFSET(test, sdm_info, hw_features, 20);
	SDM_EXPECT_OFFSET(test, sdm_info, window_base, 24);
	SDM_EXPECT_OFFSET(test, sdm_info, window_size, 32);
	SDM_EXPECT_OFFSET(test, sdm_info, error_count, 40);
	SDM_EXPECT_OFFSET(test, sdm_info, reserved, 44);

	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_peer_info), 80);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, peer, 0);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, state, 4);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, flags, 8);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, num_signals, 12);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, boot_signal, 16);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, reset_signal, 20);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, arch, 24);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, generation, 28);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, credits, 32);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, cpus, 36);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, mem_offset, 40);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, mem_size, 48);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, mem_base, 56);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, mem_coherent, 64);
	SDM_EXPECT_OFFSET(test, sdm_peer_info, reserved, 72);

	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_send), 48);
	SDM_EXPECT_OFFSET(test, sdm_send, peer, 0);
	SDM_EXPECT_OFFSET(test, sdm_send, signal, 4);
	SDM_EXPECT_OFFSET(test, sdm_send, flags, 8);
	SDM_EXPECT_OFFSET(test, sdm_send, timeout_ms, 12);
	SDM_EXPECT_OFFSET(test, sdm_send, payload, 16);
	SDM_EXPECT_OFFSET(test, sdm_send, reserved, 32);

	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_subscribe), 32);
	SDM_EXPECT_OFFSET(test, sdm_subscribe, signals, 0);
	SDM_EXPECT_OFFSET(test, sdm_subscribe, flags, 8);
	SDM_EXPECT_OFFSET(test, sdm_subscribe, reserved0, 12);
	SDM_EXPECT_OFFSET(test, sdm_subscribe, reserved, 16);

	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_boot), 48);
	SDM_EXPECT_OFFSET(test, sdm_boot, peer, 0);
	SDM_EXPECT_OFFSET(test, sdm_boot, flags, 4);
	SDM_EXPECT_OFFSET(test, sdm_boot, timeout_ms, 8);
	SDM_EXPECT_OFFSET(test, sdm_boot, reserved0, 12);
	SDM_EXPECT_OFFSET(test, sdm_boot, entry, 16);
	SDM_EXPECT_OFFSET(test, sdm_boot, dtb, 24);
	SDM_EXPECT_OFFSET(test, sdm_boot, reserved, 32);

	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_reset), 32);
	SDM_EXPECT_OFFSET(test, sdm_reset, peer, 0);
	SDM_EXPECT_OFFSET(test, sdm_reset, flags, 4);
	SDM_EXPECT_OFFSET(test, sdm_reset, timeout_ms, 8);
	SDM_EXPECT_OFFSET(test, sdm_reset, reserved0, 12);
	SDM_EXPECT_OFFSET(test, sdm_reset, reserved, 16);

	KUNIT_EXPECT_EQ(test, sizeof(struct sdm_event), 64);
	SDM_EXPECT_OFFSET(test, sdm_event, timestamp_ns, 0);
	SDM_EXPECT_OFFSET(test, sdm_event, seqno, 8);
	SDM_EXPECT_OFFSET(test, sdm_event, type, 12);
	SDM_EXPECT_OFFSET(test, sdm_event, reserved0, 14);
	SDM_EXPECT_OFFSET(test, sdm_event, peer, 16);
	SDM_EXPECT_OFFSET(test, sdm_event, signal, 20);
	SDM_EXPECT_OFFSET(test, sdm_event, payload, 24);
	SDM_EXPECT_OFFSET(test, sdm_event, state, 40);
	SDM_EXPECT_OFFSET(test, sdm_event, flags, 44);
	SDM_EXPECT_OFFSET(test, sdm_event, generation, 48);
	SDM_EXPECT_OFFSET(test, sdm_event, reserved1, 52);
}

static void sdm_test_uapi_numbers(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, SDM_IOC_GET_INFO, 0xc040ba00u);
	KUNIT_EXPECT_EQ(test, SDM_IOC_GET_PEER, 0xc050ba01u);
	KUNIT_EXPECT_EQ(test, SDM_IOC_SEND, 0xc030ba02u);
	KUNIT_EXPECT_EQ(test, SDM_IOC_SUBSCRIBE, 0xc020ba03u);
	KUNIT_EXPECT_EQ(test, SDM_IOC_BOOT, 0xc030ba04u);
	KUNIT_EXPECT_EQ(test, SDM_IOC_RESET, 0xc020ba05u);

	/* The driver hands on the device's numbers. */
	KUNIT_EXPECT_EQ(test, (int)SDM_STATE_ABSENT, SDM_PEER_ABSENT);
	KUNIT_EXPECT_EQ(test, (int)SDM_STATE_CONNECTING, SDM_PEER_CONNECTING);
	KUNIT_EXPECT_EQ(test, (int)SDM_STATE_RESET, SDM_PEER_RESET);
	KUNIT_EXPECT_EQ(test, (int)SDM_STATE_RUNNING, SDM_PEER_RUNNING);
	KUNIT_EXPECT_EQ(test, (int)SDM_STATE_LOST, SDM_PEER_LOST);
	KUNIT_EXPECT_EQ(test, SDM_NO_SIGNAL, SDM_SIGNAL_NONE);
}

static void sdm_test_registers(struct kunit *test)
{
	u32 value;

	value = SDM_TX_DOORBELL(SDM_MAX_IDS - 1, SDM_NUM_SIGNALS - 1);
	KUNIT_EXPECT_EQ(test, value, 0x00ff003fu);
	KUNIT_EXPECT_EQ(test, SDM_TX_DOORBELL_DEST(value), SDM_MAX_IDS - 1u);
	KUNIT_EXPECT_EQ(test, SDM_TX_DOORBELL_SIGNAL(value),
			SDM_NUM_SIGNALS - 1u);

	value = SDM_RX_HEAD(SDM_MAX_IDS - 1, SDM_NUM_SIGNALS - 1) |
		SDM_RX_HAS_DATA;
	KUNIT_EXPECT_EQ(test, value, 0xc0ff003fu);
	KUNIT_EXPECT_EQ(test, SDM_RX_SOURCE(value), SDM_MAX_IDS - 1u);
	KUNIT_EXPECT_EQ(test, SDM_RX_SIGNAL(value), SDM_NUM_SIGNALS - 1u);

	/* The bitmaps and the blocks of peers neither overlap nor run out. */
	KUNIT_EXPECT_EQ(test, SDM_REG_PEER_CHANGED(31), 0x100);
	KUNIT_EXPECT_EQ(test, SDM_REG_PEER_CHANGED(32), 0x104);
	KUNIT_EXPECT_LT(test, SDM_REG_PEER_CHANGED(SDM_MAX_IDS - 1),
			SDM_REG_TX_FREE(0));
	KUNIT_EXPECT_LT(test, SDM_REG_TX_FREE(SDM_MAX_IDS - 1),
			SDM_REG_TX_TAKEN(0));
	KUNIT_EXPECT_LT(test, SDM_REG_TX_TAKEN(SDM_MAX_IDS - 1), SDM_PEER_BASE);
	KUNIT_EXPECT_LE(test, SDM_REG_PEER(SDM_MAX_IDS, 0), SDM_REGS_SIZE);
	KUNIT_EXPECT_LT(test, SDM_PEER_TAKEN_HI, SDM_PEER_STRIDE);
	KUNIT_EXPECT_LT(test, SDM_REG_DMA_STATUS, SDM_REG_PEER_CHANGED(0));
	KUNIT_EXPECT_EQ(test, SDM_ID_BIT(63), BIT(31));
	/* No ID is mistaken for an error without one. */
	KUNIT_EXPECT_LT(test, SDM_MAX_IDS - 1, SDM_ERR_PEER_NONE);
}

static const struct sdm_link sdm_test_link = {
	.state = SDM_PEER_RUNNING,
	.generation = 7,
};

static void sdm_test_mailbox_message(struct kunit *test)
{
	const u64 payload[SDM_MSG_WORDS] = { 0x0807060504030201, 0x10 };
	const u8 bytes[] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 0xff };
	u8 buffer[SDM_MBOX_RX_SIZE + 1];
	unsigned int i;

	/* Wherever it is */
	KUNIT_EXPECT_EQ(test, sdm_mbox_get_message(bytes + 1), payload[0]);
	KUNIT_EXPECT_EQ(test, sdm_mbox_get_message(NULL), 0);

	memset(buffer, 0xee, sizeof(buffer));
	sdm_mbox_put_message(buffer, payload);
	for (i = 0; i < SDM_MBOX_RX_SIZE; i++)
		KUNIT_EXPECT_EQ(test, (int)buffer[i],
				i < 8 ? (int)i + 1 : i == 8 ? 0x10 : 0);
	KUNIT_EXPECT_EQ(test, (int)buffer[SDM_MBOX_RX_SIZE], 0xee);
}

static void sdm_test_mailbox_one(struct kunit *test)
{
	struct sdm_mbox_tx tx = {};

	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_is_ready(&tx));
	/* What nobody waits for is nobody's. */
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_taken(&tx));
	sdm_mbox_tx_put(&tx, 1, &sdm_test_link);
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_is_ready(&tx));
	sdm_mbox_tx_sent(&tx);
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_is_ready(&tx));
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_taken(&tx));
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_taken(&tx));
}

/* What has been given up is not taken for the next one. */
static void sdm_test_mailbox_given_up(struct kunit *test)
{
	struct sdm_mbox_tx tx = {};

	sdm_mbox_tx_put(&tx, 1, &sdm_test_link);
	sdm_mbox_tx_sent(&tx);
	sdm_mbox_tx_put(&tx, 2, &sdm_test_link);
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_is_ready(&tx));
	sdm_mbox_tx_put(&tx, 3, &sdm_test_link);
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_is_ready(&tx));
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_taken(&tx));
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_is_ready(&tx));
	KUNIT_EXPECT_EQ(test, tx.word, 3);
	sdm_mbox_tx_sent(&tx);
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_taken(&tx));
}

static void sdm_test_mailbox_lost(struct kunit *test)
{
	struct sdm_link link = sdm_test_link;
	struct sdm_mbox_tx tx = {};

	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_lost(&tx, NULL));
	sdm_mbox_tx_put(&tx, 1, &link);
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_lost(&tx, &link));
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_is_ready(&tx));
	sdm_mbox_tx_sent(&tx);
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_lost(&tx, &link));
	link.state = SDM_PEER_LOST;
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_lost(&tx, &link));
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_lost(&tx, &link));
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_taken(&tx));

	/* Another connection: what was under way does not hold up others. */
	link = sdm_test_link;
	sdm_mbox_tx_put(&tx, 2, &link);
	sdm_mbox_tx_sent(&tx);
	link.generation++;
	sdm_mbox_tx_put(&tx, 3, &link);
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_is_ready(&tx));
	sdm_mbox_tx_sent(&tx);
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_lost(&tx, &link));
	link.generation++;
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_lost(&tx, &link));
	sdm_mbox_tx_put(&tx, 4, &link);
	KUNIT_EXPECT_TRUE(test, sdm_mbox_tx_lost(&tx, NULL));
	KUNIT_EXPECT_FALSE(test, sdm_mbox_tx_is_ready(&tx));
}

static struct kunit_case sdm_mailbox_cases[] = {
	KUNIT_CASE(sdm_test_mailbox_message),
	KUNIT_CASE(sdm_test_mailbox_one),
	KUNIT_CASE(sdm_test_mailbox_given_up),
	KUNIT_CASE(sdm_test_mailbox_lost),
	{}
};

static struct kunit_suite sdm_mailbox_suite = {
	.name = "sdm-mailbox",
	.test_cases = sdm_mailbox_cases,
};

static struct kunit_case sdm_pure_cases[] = {
	KUNIT_CASE(sdm_test_range_fits),
	KUNIT_CASE(sdm_test_range_clip),
	KUNIT_CASE(sdm_test_iocopy),
	KUNIT_CASE(sdm_test_cmd_find),
	KUNIT_CASE(sdm_test_uapi_layout),
	KUNIT_CASE(sdm_test_uapi_numbers),
	KUNIT_CASE(sdm_test_registers),
	{}
};

static struct kunit_suite sdm_pure_suite = {
	.name = "sdm",
	.test_cases = sdm_pure_cases,
};

static struct kunit_case sdm_events_cases[] = {
	KUNIT_CASE(sdm_test_events_order),
	KUNIT_CASE(sdm_test_events_overflow),
	KUNIT_CASE(sdm_test_events_filter),
	{}
};

static struct kunit_suite sdm_events_suite = {
	.name = "sdm-events",
	.init = sdm_test_events_init,
	.exit = sdm_test_events_exit,
	.test_cases = sdm_events_cases,
};

static struct kunit_case sdm_ring_cases[] = {
	KUNIT_CASE(sdm_test_ring_descriptor),
	KUNIT_CASE(sdm_test_ring_wrap),
	KUNIT_CASE(sdm_test_ring_bad_tail),
	KUNIT_CASE(sdm_test_ring_error),
	KUNIT_CASE(sdm_test_ring_error_in_part),
	KUNIT_CASE(sdm_test_ring_interrupts),
	KUNIT_CASE(sdm_test_ring_abort),
	KUNIT_CASE(sdm_test_ring_errno),
	{}
};

static struct kunit_suite sdm_ring_suite = {
	.name = "sdm-ring",
	.init = sdm_test_ring_init,
	.test_cases = sdm_ring_cases,
};

kunit_test_suites(&sdm_pure_suite, &sdm_events_suite, &sdm_ring_suite,
		  &sdm_mailbox_suite);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Tests of the Signal Distribution Module drivers");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
/* MODULE_IMPORT_NS(), whose argument is a string in newer kernels. */
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");
