// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM rpmsg driver: the resource table, see Documentation/rpmsg.rst.
 *
 * In the byte order of the master, which is that of the slave here.
 */

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/remoteproc.h>
#include <linux/string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include <sdm/sdm-rproc.h>

#include "compat.h"
#include "range.h"
#include "rpmsg-ring.h"

#define SDM_RPMSG_BUFFERS "vdev0buffer"
#define SDM_RPMSG_ALIGN 4096
#define SDM_RPMSG_MAX_RESOURCES 16

/* As this driver makes it. Others may have more entries, in another order. */
struct sdm_rpmsg_table {
	struct resource_table header;
	u32 offset[2];
	struct {
		struct fw_rsc_hdr header;
		struct fw_rsc_carveout rsc;
	} __packed carveout;
	struct {
		struct fw_rsc_hdr header;
		struct fw_rsc_vdev rsc;
		struct fw_rsc_vdev_vring vring[2];
	} __packed vdev;
} __packed;

static size_t sdm_rpmsg_ring_span(unsigned int num)
{
	return ALIGN(vring_size(num, SDM_RPMSG_ALIGN), SDM_RPMSG_ALIGN);
}

static u32 sdm_rpmsg_buffers_size(u32 num)
{
	return 2 * num * SDM_RPROC_BUFFER_SIZE;
}

/* How many entries fit? */
static unsigned int sdm_rpmsg_entries(size_t region_size)
{
	unsigned int num;
	size_t need;

	for (num = SDM_RPROC_MAX_ENTRIES; num > 1; num /= 2) {
		need = SDM_RPROC_TABLE_SIZE + 2 * sdm_rpmsg_ring_span(num) +
		       ALIGN(sdm_rpmsg_buffers_size(num), SDM_RPMSG_ALIGN);
		if (need <= region_size)
			return num;
	}

	return 0;
}

/**
 * sdm_rpmsg_table_make() - make a table that leaves all to the master
 * @table: filled in
 * @table_size: how much room there is for it
 * @region_size: size of the coherent region
 *
 * Return: the number of entries of a ring, or -ENOSPC.
 */
int sdm_rpmsg_table_make(void *table, size_t table_size, size_t region_size)
{
	unsigned int num = sdm_rpmsg_entries(region_size), i;
	struct sdm_rpmsg_table made = {
		.header = { .ver = 1, .num = 2 },
		.offset = {
			offsetof(struct sdm_rpmsg_table, carveout),
			offsetof(struct sdm_rpmsg_table, vdev),
		},
		.carveout = {
			.header = { .type = RSC_CARVEOUT },
			.rsc = {
				.da = FW_RSC_ADDR_ANY,
				.pa = FW_RSC_ADDR_ANY,
				.len = sdm_rpmsg_buffers_size(num),
				.name = SDM_RPMSG_BUFFERS,
			},
		},
		.vdev = {
			.header = { .type = RSC_VDEV },
			.rsc = {
				.id = VIRTIO_ID_RPMSG,
				.dfeatures = BIT(SDM_RPMSG_F_NS),
				.num_of_vrings = 2,
			},
		},
	};

	BUILD_BUG_ON(sizeof(made) > SDM_RPROC_TABLE_SIZE);
	if (!num || table_size < sizeof(made))
		return -ENOSPC;
	for (i = 0; i < 2; i++) {
		made.vdev.vring[i].da = FW_RSC_ADDR_ANY;
		made.vdev.vring[i].align = SDM_RPMSG_ALIGN;
		made.vdev.vring[i].num = num;
	}
	memset(table, 0, table_size);
	memcpy(table, &made, sizeof(made));

	return num;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_rpmsg_table_make);

/* What is being taken out of a table. */
struct sdm_rpmsg_parser {
	const void *table;
	size_t size;
	u32 base;
	size_t region_size;
	struct sdm_rpmsg_layout *layout;
	bool has_vdev;
	bool has_buffers;
};

static void sdm_rpmsg_seen(struct sdm_rpmsg_parser *parser, const void *end)
{
	size_t offset = end - parser->table;

	parser->layout->end = max(parser->layout->end, offset);
}

/* Turns an address of the slave into an offset in the region. */
static bool sdm_rpmsg_place(const struct sdm_rpmsg_parser *parser, u32 da,
			    size_t size, u32 *offset)
{
	*offset = da - parser->base;

	return *offset >= SDM_RPROC_TABLE_SIZE &&
	       sdm_range_fits(*offset, size, parser->region_size);
}

static const char *sdm_rpmsg_parse_carveout(struct sdm_rpmsg_parser *parser,
					    const void *data, size_t size)
{
	struct sdm_rpmsg_layout *layout = parser->layout;
	struct fw_rsc_carveout rsc;

	if (size < sizeof(rsc))
		return "a carveout is cut off";
	memcpy(&rsc, data, sizeof(rsc));
	sdm_rpmsg_seen(parser, data + sizeof(rsc));
	if (strncmp(rsc.name, SDM_RPMSG_BUFFERS, sizeof(rsc.name)))
		return NULL;

	if (!sdm_rpmsg_place(parser, rsc.da, rsc.len, &layout->buffers))
		return "the buffers are not in the coherent region";
	layout->pa = rsc.pa;
	layout->size = rsc.len;
	parser->has_buffers = true;

	return NULL;
}

static const char *sdm_rpmsg_parse_ring(struct sdm_rpmsg_parser *parser,
					const struct fw_rsc_vdev_vring *rsc,
					unsigned int index)
{
	struct sdm_rpmsg_layout *layout = parser->layout;

	if (!is_power_of_2(rsc->num) || rsc->num > SDM_RPROC_MAX_ENTRIES ||
	    (index && rsc->num != layout->num))
		return "the number of entries of a ring is impossible";
	/* So it is in a page. */
	if (!is_power_of_2(rsc->align) || rsc->align > SDM_RPMSG_ALIGN ||
	    rsc->align < VRING_USED_ALIGN_SIZE ||
	    (index && rsc->align != layout->align) ||
	    !IS_ALIGNED(rsc->da, SDM_RPMSG_ALIGN))
		return "the alignment of a ring is impossible";
	layout->num = rsc->num;
	layout->align = rsc->align;
	if (!sdm_rpmsg_place(parser, rsc->da, vring_size(rsc->num, rsc->align),
			     &layout->ring[index]))
		return "a ring is not in the coherent region";

	return NULL;
}

static const char *sdm_rpmsg_parse_vdev(struct sdm_rpmsg_parser *parser,
					const void *data, size_t size)
{
	struct sdm_rpmsg_layout *layout = parser->layout;
	struct {
		struct fw_rsc_vdev rsc;
		struct fw_rsc_vdev_vring vring[2];
	} __packed vdev;
	const char *wrong = NULL;
	unsigned int i;

	if (size < sizeof(vdev.rsc))
		return "a virtio device is cut off";
	memcpy(&vdev.rsc, data, sizeof(vdev.rsc));
	if (vdev.rsc.id != VIRTIO_ID_RPMSG || parser->has_vdev)
		return NULL;
	if (vdev.rsc.num_of_vrings != 2 || size < sizeof(vdev))
		return "the virtio device has not two rings";
	memcpy(&vdev, data, sizeof(vdev));
	sdm_rpmsg_seen(parser, data + sizeof(vdev));

	parser->has_vdev = true;
	layout->status = vdev.rsc.status;
	layout->features = vdev.rsc.gfeatures;
	/* Until then nothing else counts. */
	if (!(layout->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return NULL;
	for (i = 0; i < 2 && !wrong; i++)
		wrong = sdm_rpmsg_parse_ring(parser, &vdev.vring[i], i);

	return wrong;
}

static const char *sdm_rpmsg_parse_entry(struct sdm_rpmsg_parser *parser,
					 u32 offset, u32 type)
{
	struct fw_rsc_hdr header;
	const void *data;
	size_t size;

	if (!sdm_range_fits(offset, sizeof(header), parser->size))
		return "an entry is cut off";
	memcpy(&header, parser->table + offset, sizeof(header));
	data = parser->table + offset + sizeof(header);
	size = parser->size - offset - sizeof(header);
	if (header.type != type)
		return NULL;

	return type == RSC_VDEV ? sdm_rpmsg_parse_vdev(parser, data, size) :
				  sdm_rpmsg_parse_carveout(parser, data, size);
}

static const char *sdm_rpmsg_parse_entries(struct sdm_rpmsg_parser *parser,
					   u32 num, u32 type)
{
	const char *wrong = NULL;
	u32 offset, i;

	for (i = 0; i < num && !wrong; i++) {
		memcpy(&offset,
		       parser->table + sizeof(struct resource_table) +
			       i * sizeof(offset),
		       sizeof(offset));
		wrong = sdm_rpmsg_parse_entry(parser, offset, type);
	}

	return wrong;
}

/**
 * sdm_rpmsg_table_parse() - read a table
 * @table: a copy, which nobody else writes
 * @table_size: its size
 * @base: address of the coherent region, modulo 2^32
 * @region_size: size of the coherent region
 * @layout: filled in. Without VIRTIO_CONFIG_S_DRIVER_OK in its status only that
 *	has a meaning
 *
 * Return: NULL, or what is wrong.
 */
const char *sdm_rpmsg_table_parse(const void *table, size_t table_size,
				  u32 base, size_t region_size,
				  struct sdm_rpmsg_layout *layout)
{
	struct sdm_rpmsg_parser parser = {
		.table = table,
		.size = table_size,
		.base = base,
		.region_size = region_size,
		.layout = layout,
	};
	struct resource_table header;
	const char *wrong;

	memset(layout, 0, sizeof(*layout));
	if (table_size < sizeof(header))
		return "there is none";
	memcpy(&header, table, sizeof(header));
	if (header.ver != 1 || header.reserved[0] || header.reserved[1])
		return "there is none";
	if (header.num > SDM_RPMSG_MAX_RESOURCES ||
	    table_size < sizeof(header) + header.num * sizeof(u32))
		return "it has too many entries";

	wrong = sdm_rpmsg_parse_entries(&parser, header.num, RSC_VDEV);
	if (!wrong && !parser.has_vdev)
		wrong = "there is no virtio device for messages in it";
	if (wrong || !(layout->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return wrong;

	if (layout->features & ~BIT(SDM_RPMSG_F_NS))
		return "features have been chosen that were not offered";
	wrong = sdm_rpmsg_parse_entries(&parser, header.num, RSC_CARVEOUT);
	if (!wrong && !parser.has_buffers)
		wrong = "it has no " SDM_RPMSG_BUFFERS;
	if (!wrong && layout->size < sdm_rpmsg_buffers_size(layout->num))
		wrong = "the buffers are too small";

	return wrong;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_rpmsg_table_parse);
