// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what sdm_rpmsg does with what a master writes.
 */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/remoteproc.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include <sdm/sdm-rproc.h>

#include "rpmsg-ring.h"

/* A ring of 4 entries; its buffers' addresses go over 2^32. */
enum { SDM_TEST_NUM = 4, SDM_TEST_POOL = 2 * SZ_4K };

#define SDM_TEST_PA 0xfffff000u

struct sdm_rpmsg_test {
	struct sdm_rpmsg_ring ring;
	struct sdm_rpmsg_pool pool;
	struct vring vring; /* as the driver sees it */
	void *memory;
};

static __virtio16 sdm_test_v16(u16 value)
{
	return __cpu_to_virtio16(virtio_legacy_is_little_endian(), value);
}

static __virtio32 sdm_test_v32(u32 value)
{
	return __cpu_to_virtio32(virtio_legacy_is_little_endian(), value);
}

static __virtio64 sdm_test_v64(u64 value)
{
	return __cpu_to_virtio64(virtio_legacy_is_little_endian(), value);
}

static u16 sdm_test_cpu16(__virtio16 value)
{
	return __virtio16_to_cpu(virtio_legacy_is_little_endian(), value);
}

static u32 sdm_test_cpu32(__virtio32 value)
{
	return __virtio32_to_cpu(virtio_legacy_is_little_endian(), value);
}

static int sdm_test_rpmsg_init(struct kunit *test)
{
	struct sdm_rpmsg_test *own;

	own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, own);
	own->memory =
		kunit_kzalloc(test, vring_size(SDM_TEST_NUM, 64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, own->memory);
	own->pool.va = kunit_kzalloc(test, SDM_TEST_POOL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, own->pool.va);
	own->pool.pa = SDM_TEST_PA;
	own->pool.size = SDM_TEST_POOL;
	vring_init(&own->vring, SDM_TEST_NUM, own->memory, 64);
	sdm_rpmsg_ring_init(&own->ring, own->memory, SDM_TEST_NUM, 64,
			    &own->pool, false);
	test->priv = own;

	return 0;
}

/* The driver gives the device a buffer. */
static void sdm_test_offer(struct sdm_rpmsg_test *own, u16 head, u64 addr,
			   u32 len, u16 flags)
{
	u16 idx = sdm_test_cpu16(own->vring.avail->idx);

	own->vring.desc[head & (SDM_TEST_NUM - 1)] = (struct vring_desc){
		.addr = sdm_test_v64(addr),
		.len = sdm_test_v32(len),
		.flags = sdm_test_v16(flags),
	};
	own->vring.avail->ring[idx % SDM_TEST_NUM] = sdm_test_v16(head);
	own->vring.avail->idx = sdm_test_v16(idx + 1);
}

static void sdm_test_rpmsg_order(struct kunit *test)
{
	struct sdm_rpmsg_test *own = test->priv;
	struct sdm_rpmsg_buffer buffer;
	struct vring_used_elem *elem;
	u16 i;

	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EAGAIN);

	/* Twice round, descriptors in another order than entries. */
	for (i = 0; i < 2 * SDM_TEST_NUM; i++) {
		u16 head = (i * 3 + 1) % SDM_TEST_NUM;

		sdm_test_offer(own, head, SDM_TEST_PA + 512 * head, 100 + i, 0);
		KUNIT_ASSERT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
				0);
		KUNIT_EXPECT_EQ(test, buffer.head, head);
		KUNIT_EXPECT_EQ(test, buffer.size, 100 + i);
		KUNIT_EXPECT_PTR_EQ(test, buffer.data,
				    own->pool.va + 512 * head);
		/* Who only looks takes nothing. */
		KUNIT_ASSERT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
				0);
		KUNIT_EXPECT_EQ(test, sdm_test_cpu16(own->vring.used->idx), i);
		sdm_rpmsg_ring_return(&own->ring, &buffer, 7 * i);
		KUNIT_EXPECT_EQ(test, sdm_test_cpu16(own->vring.used->idx),
				i + 1);
		elem = &own->vring.used->ring[i % SDM_TEST_NUM];
		KUNIT_EXPECT_EQ(test, sdm_test_cpu32(elem->id), head);
		KUNIT_EXPECT_EQ(test, sdm_test_cpu32(elem->len), 7 * i);
		KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
				-EAGAIN);
	}
	KUNIT_EXPECT_EQ(test, sdm_test_cpu16(own->vring.used->flags), 0);
}

/* A ring that was in use goes on, and the index goes over 2^16. */
static void sdm_test_rpmsg_wrap(struct kunit *test)
{
	struct sdm_rpmsg_test *own = test->priv;
	struct sdm_rpmsg_buffer buffer;
	unsigned int i;

	own->vring.used->idx = sdm_test_v16(0xfffe);
	own->vring.used->flags = sdm_test_v16(VRING_USED_F_NO_NOTIFY);
	own->vring.avail->idx = sdm_test_v16(0xfffe);
	sdm_rpmsg_ring_init(&own->ring, own->memory, SDM_TEST_NUM, 64,
			    &own->pool, false);
	KUNIT_EXPECT_EQ(test, sdm_test_cpu16(own->vring.used->flags), 0);

	for (i = 0; i < SDM_TEST_NUM; i++)
		sdm_test_offer(own, i, SDM_TEST_PA + i, 1, 0);
	for (i = 0; i < SDM_TEST_NUM; i++) {
		KUNIT_ASSERT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
				0);
		KUNIT_EXPECT_EQ(test, buffer.head, i);
		sdm_rpmsg_ring_return(&own->ring, &buffer, 0);
	}
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, sdm_test_cpu16(own->vring.used->idx), 2);
}

/* Only what is in the buffers' memory, whatever the other half of an address. */
static void sdm_test_rpmsg_addresses(struct kunit *test)
{
	static const struct {
		u64 addr;
		u32 len;
		int ret;
	} cases[] = {
		{ SDM_TEST_PA, 0, 0 },
		{ SDM_TEST_PA, SDM_TEST_POOL, 0 },
		{ SDM_TEST_PA + 1ull, SDM_TEST_POOL, -EPROTO },
		{ SDM_TEST_PA, SDM_TEST_POOL + 1, -EPROTO },
		{ SDM_TEST_PA - 1ull, 2, -EPROTO },
		{ SDM_TEST_PA, U32_MAX, -EPROTO },
		/* On the other side of 2^32 */
		{ SDM_TEST_PA + 4096ull, 4096, 0 },
		{ 0, 4096, 0 },
		{ 0, 4097, -EPROTO },
		{ 4096, 0, 0 },
		{ 4097, 0, -EPROTO },
		{ 0x7700000000000010ull, 16, 0 },
		{ 0x7700000000002000ull, 16, -EPROTO },
	};
	struct sdm_rpmsg_test *own = test->priv;
	struct sdm_rpmsg_buffer buffer;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		own->vring.avail->idx = own->vring.used->idx;
		sdm_test_offer(own, 0, cases[i].addr, cases[i].len, 0);
		KUNIT_EXPECT_EQ_MSG(test,
				    sdm_rpmsg_ring_next(&own->ring, &buffer),
				    cases[i].ret, "case %u", i);
		if (cases[i].ret)
			continue;
		KUNIT_EXPECT_PTR_EQ(test, buffer.data,
				    own->pool.va +
					    (u32)(cases[i].addr - SDM_TEST_PA));
		KUNIT_EXPECT_EQ(test, buffer.size, cases[i].len);
	}
}

static void sdm_test_rpmsg_bad_descriptor(struct kunit *test)
{
	struct sdm_rpmsg_test *own = test->priv;
	struct sdm_rpmsg_buffer buffer;
	static const u16 flags[] = {
		VRING_DESC_F_NEXT,
		VRING_DESC_F_WRITE,
		VRING_DESC_F_INDIRECT,
		VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
		0x8000,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		own->vring.avail->idx = 0;
		sdm_test_offer(own, 0, SDM_TEST_PA, 16, flags[i]);
		KUNIT_EXPECT_EQ_MSG(test,
				    sdm_rpmsg_ring_next(&own->ring, &buffer),
				    -EPROTO, "flags 0x%x", flags[i]);
	}

	own->vring.avail->idx = 0;
	sdm_test_offer(own, SDM_TEST_NUM, SDM_TEST_PA, 16, 0);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EPROTO);
	own->vring.avail->idx = 0;
	sdm_test_offer(own, U16_MAX, SDM_TEST_PA, 16, 0);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EPROTO);

	/* In a ring of buffers to write to it is the other way round. */
	sdm_rpmsg_ring_init(&own->ring, own->memory, SDM_TEST_NUM, 64,
			    &own->pool, true);
	own->vring.avail->idx = 0;
	sdm_test_offer(own, 0, SDM_TEST_PA, 16, VRING_DESC_F_WRITE);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer), 0);
	own->vring.avail->idx = 0;
	sdm_test_offer(own, 0, SDM_TEST_PA, 16, 0);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EPROTO);
}

/* There cannot be more buffers than entries, or fewer than none. */
static void sdm_test_rpmsg_bad_index(struct kunit *test)
{
	struct sdm_rpmsg_test *own = test->priv;
	struct sdm_rpmsg_buffer buffer;
	unsigned int i;

	for (i = 0; i < SDM_TEST_NUM; i++)
		sdm_test_offer(own, i, SDM_TEST_PA, 16, 0);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer), 0);
	own->vring.avail->idx = sdm_test_v16(SDM_TEST_NUM + 1);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EPROTO);
	own->vring.avail->idx = sdm_test_v16(U16_MAX);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_ring_next(&own->ring, &buffer),
			-EPROTO);
}

static struct kunit_case sdm_rpmsg_ring_cases[] = {
	KUNIT_CASE(sdm_test_rpmsg_order),
	KUNIT_CASE(sdm_test_rpmsg_wrap),
	KUNIT_CASE(sdm_test_rpmsg_addresses),
	KUNIT_CASE(sdm_test_rpmsg_bad_descriptor),
	KUNIT_CASE(sdm_test_rpmsg_bad_index),
	{}
};

static struct kunit_suite sdm_rpmsg_ring_suite = {
	.name = "sdm-rpmsg-ring",
	.init = sdm_test_rpmsg_init,
	.test_cases = sdm_rpmsg_ring_cases,
};

/* The resource table */

enum { SDM_TEST_REGION = SZ_64K };

#define SDM_TEST_BASE 0x5fff0000u

struct sdm_rpmsg_test_table {
	void *data;
	struct resource_table *header;
	struct fw_rsc_carveout *buffers;
	struct fw_rsc_vdev *vdev;
};

/* What Linux as a master makes of the table that the driver offers. */
static void sdm_test_fill(struct sdm_rpmsg_test_table *table)
{
	sdm_rpmsg_table_make(table->data, SDM_RPROC_TABLE_SIZE,
			     SDM_TEST_REGION);
	table->header = table->data;
	table->buffers = table->data + table->header->offset[0] +
			 sizeof(struct fw_rsc_hdr);
	table->vdev = table->data + table->header->offset[1] +
		      sizeof(struct fw_rsc_hdr);
	table->vdev->vring[0].da = SDM_TEST_BASE + 0x1000;
	table->vdev->vring[1].da = SDM_TEST_BASE + 0x3000;
	table->vdev->gfeatures = BIT(SDM_RPMSG_F_NS);
	table->vdev->status = VIRTIO_CONFIG_S_DRIVER_OK | 3;
	table->buffers->da = SDM_TEST_BASE + 0x5000;
	table->buffers->pa = 0x1234000;
}

static int sdm_test_table_init(struct kunit *test)
{
	struct sdm_rpmsg_test_table *table;

	table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	table->data = kunit_kzalloc(test, SDM_RPROC_TABLE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table->data);
	sdm_test_fill(table);
	test->priv = table;

	return 0;
}

static const char *sdm_test_parse(const struct sdm_rpmsg_test_table *table,
				  struct sdm_rpmsg_layout *layout)
{
	return sdm_rpmsg_table_parse(table->data, SDM_RPROC_TABLE_SIZE,
				     SDM_TEST_BASE, SDM_TEST_REGION, layout);
}

static void sdm_test_table_make(struct kunit *test)
{
	struct sdm_rpmsg_test_table *table = test->priv;
	struct sdm_rpmsg_layout layout;
	const size_t size = SDM_RPROC_TABLE_SIZE;
	void *data = table->data;

	KUNIT_EXPECT_EQ(test, sdm_rpmsg_table_make(data, size, SZ_1M), 256);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_table_make(data, size, SZ_128K), 64);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_table_make(data, size, SZ_4K), -ENOSPC);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_table_make(data, 64, SZ_64K), -ENOSPC);
	KUNIT_EXPECT_EQ(test, sdm_rpmsg_table_make(data, size, SZ_64K), 32);

	KUNIT_EXPECT_NULL(test, sdm_test_parse(table, &layout));
	KUNIT_EXPECT_EQ(test, layout.status, 0);
	KUNIT_EXPECT_EQ(test, table->header->ver, 1);
	KUNIT_EXPECT_EQ(test, table->header->num, 2);
	KUNIT_EXPECT_EQ(test, table->vdev->id, VIRTIO_ID_RPMSG);
	KUNIT_EXPECT_EQ(test, table->vdev->dfeatures, BIT(SDM_RPMSG_F_NS));
	KUNIT_EXPECT_EQ(test, table->vdev->num_of_vrings, 2);
	KUNIT_EXPECT_EQ(test, table->vdev->vring[1].da, FW_RSC_ADDR_ANY);
	KUNIT_EXPECT_EQ(test, table->vdev->vring[1].num, 32);
	KUNIT_EXPECT_EQ(test, table->buffers->len, SZ_32K);
	KUNIT_EXPECT_STREQ(test, (char *)table->buffers->name, "vdev0buffer");
}

static void sdm_test_table_parse(struct kunit *test)
{
	struct sdm_rpmsg_test_table *table = test->priv;
	struct sdm_rpmsg_layout layout;

	KUNIT_EXPECT_NULL(test, sdm_test_parse(table, &layout));
	KUNIT_EXPECT_EQ(test, layout.status, VIRTIO_CONFIG_S_DRIVER_OK | 3);
	KUNIT_EXPECT_EQ(test, layout.features, 1);
	KUNIT_EXPECT_EQ(test, layout.num, 32);
	KUNIT_EXPECT_EQ(test, layout.align, 4096);
	KUNIT_EXPECT_EQ(test, layout.ring[0], 0x1000);
	KUNIT_EXPECT_EQ(test, layout.ring[1], 0x3000);
	KUNIT_EXPECT_EQ(test, layout.buffers, 0x5000);
	KUNIT_EXPECT_EQ(test, layout.pa, 0x1234000);
	KUNIT_EXPECT_EQ(test, layout.size, SZ_32K);
	KUNIT_EXPECT_EQ(test, layout.end,
			(void *)&table->vdev->vring[2] - table->data);
}

/* A field of a table, and what makes the table useless. */
struct sdm_test_change {
	void *field;
	size_t size;
	u32 value;
};

static void sdm_test_table_bad(struct kunit *test)
{
	struct sdm_rpmsg_test_table *table = test->priv;
	struct resource_table *header = table->header;
	struct fw_rsc_carveout *buffers = table->buffers;
	struct fw_rsc_vdev *vdev = table->vdev;
	const struct sdm_test_change changes[] = {
		{ &header->ver, 4, 0 },
		{ &header->reserved[1], 4, 1 },
		{ &header->num, 4, 0 },
		{ &header->num, 4, 1 },
		{ &header->num, 4, 17 },
		{ &header->num, 4, U32_MAX },
		{ &header->offset[0], 4, SDM_RPROC_TABLE_SIZE },
		{ &header->offset[0], 4, U32_MAX },
		{ &header->offset[1], 4, SDM_RPROC_TABLE_SIZE - 4 },
		{ &vdev->id, 4, VIRTIO_ID_NET },
		{ &vdev->num_of_vrings, 1, 1 },
		{ &vdev->num_of_vrings, 1, 3 },
		{ &vdev->gfeatures, 4, BIT(VIRTIO_RING_F_EVENT_IDX) | 1 },
		{ &vdev->gfeatures, 4, BIT(VIRTIO_RING_F_INDIRECT_DESC) },
		{ &vdev->vring[0].num, 4, 0 },
		{ &vdev->vring[0].num, 4, 16 },
		{ &vdev->vring[1].num, 4, 33 },
		{ &vdev->vring[1].num, 4, 512 },
		{ &vdev->vring[0].align, 4, 0 },
		{ &vdev->vring[0].align, 4, 2 },
		{ &vdev->vring[1].align, 4, 8192 },
		{ &vdev->vring[1].align, 4, 64 },
		{ &vdev->vring[0].da, 4, FW_RSC_ADDR_ANY },
		{ &vdev->vring[0].da, 4, SDM_TEST_BASE },
		{ &vdev->vring[0].da, 4, SDM_TEST_BASE + 0x1004 },
		{ &vdev->vring[1].da, 4, SDM_TEST_BASE - 0x1000 },
		{ &vdev->vring[1].da, 4, SDM_TEST_BASE + 0xf000 },
		{ &vdev->vring[1].da, 4, SDM_TEST_BASE + 0x10000 },
		{ &buffers->name[0], 1, 'w' },
		{ &buffers->da, 4, SDM_TEST_BASE },
		{ &buffers->da, 4, SDM_TEST_BASE + 0x8001 },
		{ &buffers->da, 4, FW_RSC_ADDR_ANY },
		{ &buffers->len, 4, SZ_32K - 1 },
		{ &buffers->len, 4, U32_MAX },
	};
	struct sdm_rpmsg_layout layout;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		const struct sdm_test_change *change = &changes[i];
		u8 byte = change->value;

		sdm_test_fill(table);
		KUNIT_ASSERT_NULL(test, sdm_test_parse(table, &layout));
		if (change->size == 1)
			memcpy(change->field, &byte, 1);
		else
			memcpy(change->field, &change->value, 4);
		KUNIT_EXPECT_NOT_NULL_MSG(test, sdm_test_parse(table, &layout),
					  "change %u", i);
	}
}

/* A table that the end of memory cuts off, at each place. */
static void sdm_test_table_short(struct kunit *test)
{
	struct sdm_rpmsg_test_table *table = test->priv;
	struct sdm_rpmsg_layout layout;
	const char *wrong;
	size_t size, end;
	void *copy;

	end = (void *)&table->vdev->vring[2] - table->data;
	for (size = 0; size < end; size++) {
		/* KASAN sees what is read behind it. */
		copy = kunit_kzalloc(test, size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		memcpy(copy, table->data, size);
		wrong = sdm_rpmsg_table_parse(copy, size, SDM_TEST_BASE,
					      SDM_TEST_REGION, &layout);
		KUNIT_EXPECT_NOT_NULL(test, wrong);
		kunit_kfree(test, copy);
	}
	KUNIT_EXPECT_NULL(test,
			  sdm_rpmsg_table_parse(table->data, end, SDM_TEST_BASE,
						SDM_TEST_REGION, &layout));
}

static struct kunit_case sdm_rpmsg_table_cases[] = {
	KUNIT_CASE(sdm_test_table_make),
	KUNIT_CASE(sdm_test_table_parse),
	KUNIT_CASE(sdm_test_table_bad),
	KUNIT_CASE(sdm_test_table_short),
	{}
};

static struct kunit_suite sdm_rpmsg_table_suite = {
	.name = "sdm-rpmsg-table",
	.init = sdm_test_table_init,
	.test_cases = sdm_rpmsg_table_cases,
};

kunit_test_suites(&sdm_rpmsg_ring_suite, &sdm_rpmsg_table_suite);
