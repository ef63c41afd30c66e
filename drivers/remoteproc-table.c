// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM remoteproc driver: the resource table. What it asks for is found a place
 * in the slave's memory, and the slave gets the table back.
 *
 * The framework works on a copy in kernel memory, which stays when a slave is
 * lost. The slave reads its own one, after a signal: see sdm_rproc_push_table().
 */

#include <linux/io.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include <sdm/sdm-rproc.h>

#include "range.h"
#include "remoteproc-elf.h"
#include "remoteproc.h"

static unsigned int trapped;
module_param(trapped, uint, 0444);
MODULE_PARM_DESC(trapped,
		 "if a slave has no coherent region, use so many bytes at the end of its RAM all the same: each access is forwarded (bytes, default 0)");

/* Where things are in the memory of the slave, all as of the same moment. */
void sdm_rproc_set_memory(struct sdm_rproc *priv,
			  const struct sdm_peer_status *status)
{
	u64 size = status->mem_coherent;

	if (!size)
		size = min_t(u64, PAGE_ALIGN((u64)trapped), status->mem_size);
	priv->mem_base = status->mem_base;
	priv->mem_size = status->mem_size;
	priv->window = priv->peer->sdm->caps.window_base + status->mem_offset;
	priv->mem_mapped = status->mem_mapped;
	priv->region = status->mem_base + status->mem_size - size;
	priv->region_size = size;
}

/* In front there may be the resource table. */
static bool sdm_rproc_in_region(const struct sdm_rproc *priv, u64 da, u64 size)
{
	return da >= priv->region + SDM_RPROC_TABLE_SIZE &&
	       sdm_range_fits(da - priv->region, size, priv->region_size);
}

/* Does nothing else use it? */
static bool sdm_rproc_is_free(struct sdm_rproc *priv, u64 da, u64 len)
{
	struct rproc_mem_entry *mem;

	list_for_each_entry(mem, &priv->rproc->carveouts, node) {
		if (da < (u64)mem->da + mem->len && mem->da < da + len)
			return false;
	}

	return true;
}

/*
 * Finds a place for a ring or for buffers: in the region, or the one that the
 * firmware wants.
 */
static int sdm_rproc_place(struct sdm_rproc *priv, const char *name, u32 *da,
			   u64 len)
{
	const char *firmware = priv->rproc->firmware;
	struct device *dev = &priv->rproc->dev;
	u64 at;

	if (*da != FW_RSC_ADDR_ANY) {
		if (!PAGE_ALIGNED(*da) || !sdm_rproc_is_free(priv, *da, len) ||
		    !(priv->mem_mapped ? sdm_rproc_in_ram(priv, *da, len) :
		      sdm_rproc_in_region(priv, *da, len))) {
			dev_err(dev, "%s: 0x%llx bytes at 0x%x are no place for %s\n",
				firmware, len, *da, name);
			return -EINVAL;
		}
		return 0;
	}

	if (!priv->region_size) {
		dev_err(dev, "%s: no memory for %s: the slave's RAM has no coherent region (coherent-size)\n",
			firmware, name);
		return -EOPNOTSUPP;
	}
	if (priv->region + priv->region_size - 1 > U32_MAX) {
		dev_err(dev, "%s: no memory for %s: the slave's coherent region is beyond the addresses of a resource table\n",
			firmware, name);
		return -ERANGE;
	}
	for (at = priv->region + SDM_RPROC_TABLE_SIZE;
	     sdm_rproc_in_region(priv, at, len); at += PAGE_SIZE) {
		if (sdm_rproc_is_free(priv, at, len)) {
			*da = at;
			return 0;
		}
	}
	dev_err(dev, "%s: no memory for %s: the slave's coherent region of 0x%llx bytes is too small\n",
		firmware, name, priv->region_size);

	return -ENOSPC;
}

static int sdm_rproc_carveout_nop(struct rproc *rproc,
				  struct rproc_mem_entry *mem)
{
	return 0;
}

/* Normal memory to both sides, see "Coherent region" in device.rst. */
static int sdm_rproc_map(struct rproc *rproc, struct rproc_mem_entry *mem)
{
	mem->va = memremap(mem->dma, mem->len, MEMREMAP_WB);

	return mem->va ? 0 : -ENOMEM;
}

static int sdm_rproc_unmap(struct rproc *rproc, struct rproc_mem_entry *mem)
{
	if (mem->va)
		memunmap(mem->va);
	mem->va = NULL;

	return 0;
}

/*
 * Memory of the slave itself: nothing is to be allocated. What has a line in the
 * table tells the firmware where the master sees it.
 */
static int sdm_rproc_add_memory(struct sdm_rproc *priv, const char *name,
				u32 da, u32 len, bool map)
{
	struct rproc *rproc = priv->rproc;
	struct rproc_mem_entry *mem;

	mem = rproc_mem_entry_init(&rproc->dev, NULL,
				   priv->window + da - priv->mem_base, len, da,
				   map ? sdm_rproc_map : sdm_rproc_carveout_nop,
				   map ? sdm_rproc_unmap :
					 sdm_rproc_carveout_nop,
				   "%s", name);
	if (!mem)
		return -ENOMEM;
	rproc_add_carveout(rproc, mem);

	return 0;
}

static struct rproc_mem_entry *sdm_rproc_find_memory(struct rproc *rproc,
						     const char *name)
{
	struct rproc_mem_entry *mem;

	list_for_each_entry(mem, &rproc->carveouts, node) {
		if (!strcmp(mem->name, name))
			return mem;
	}

	return NULL;
}

static int sdm_rproc_add_carveout(struct sdm_rproc *priv,
				  const struct fw_rsc_carveout *rsc)
{
	struct rproc *rproc = priv->rproc;
	char name[sizeof(rsc->name)];
	u32 da = rsc->da;
	int ret;

	if (strscpy(name, rsc->name, sizeof(name)) < 0 || !rsc->len) {
		dev_err(&rproc->dev, "%s: a carveout has no proper name or size\n",
			rproc->firmware);
		return -EINVAL;
	}
	if (strstarts(name, "vdev") || da == FW_RSC_ADDR_ANY) {
		ret = sdm_rproc_place(priv, name, &da,
				      PAGE_ALIGN((u64)rsc->len));
		if (ret)
			return ret;
	} else if (!sdm_rproc_in_ram(priv, da, rsc->len)) {
		dev_err(&rproc->dev, "%s: carveout of 0x%x bytes at 0x%x is not in the RAM\n",
			rproc->firmware, rsc->len, da);
		return -EINVAL;
	}

	return sdm_rproc_add_memory(priv, name, da, rsc->len, false);
}

static int sdm_rproc_add_vring(struct sdm_rproc *priv, unsigned int vdev,
			       unsigned int index,
			       const struct fw_rsc_vdev_vring *rsc)
{
	u32 da = rsc->da;
	char name[32];
	size_t len;
	int ret;

	snprintf(name, sizeof(name), "vdev%uvring%u", vdev, index);
	if (!is_power_of_2(rsc->num) || rsc->num > SDM_RPROC_MAX_ENTRIES ||
	    !is_power_of_2(rsc->align) || rsc->align > PAGE_SIZE) {
		dev_err(&priv->rproc->dev, "%s: %s: %u entries, alignment %u are not possible\n",
			priv->rproc->firmware, name, rsc->num, rsc->align);
		return -EINVAL;
	}
	len = PAGE_ALIGN(vring_size(rsc->num, rsc->align));
	ret = sdm_rproc_place(priv, name, &da, len);

	return ret ? ret : sdm_rproc_add_memory(priv, name, da, len, true);
}

/*
 * Flags that suppress notifications assume that the other side's memory is seen
 * at once, and indirect descriptors are elsewhere.
 */
static void sdm_rproc_limit_features(struct sdm_rproc *priv,
				     struct fw_rsc_vdev *rsc)
{
	const u32 unfit = BIT(VIRTIO_RING_F_EVENT_IDX) |
			  BIT(VIRTIO_RING_F_INDIRECT_DESC);

	if (!(rsc->dfeatures & unfit))
		return;
	dev_warn(&priv->rproc->dev, "%s: features 0x%x of its virtio device are not used\n",
		 priv->rproc->firmware, rsc->dfeatures & unfit);
	rsc->dfeatures &= ~unfit;
}

/* The entry is in the copy, with all of its rings. */
static int sdm_rproc_add_vdev(struct sdm_rproc *priv, struct fw_rsc_vdev *rsc)
{
	unsigned int i;
	int ret;

	if (!priv->table_address) {
		dev_err(&priv->rproc->dev, "%s: its resource table is in no segment: it would learn nothing of its virtio device\n",
			priv->rproc->firmware);
		return -EINVAL;
	}
	/* Drivers here would trust others as they trust hardware. */
	if (rsc->id != VIRTIO_ID_RPMSG || rsc->num_of_vrings != 2 ||
	    rsc->vring[0].num != rsc->vring[1].num) {
		dev_err(&priv->rproc->dev, "%s: its virtio device is not one for rpmsg with two rings of the same size\n",
			priv->rproc->firmware);
		return -EINVAL;
	}
	sdm_rproc_limit_features(priv, rsc);
	/*
	 * It begins when the driver here says so; and for the slave it is another
	 * one than before, whatever it has seen of the time between.
	 */
	rsc->status = 0;
	rsc->notifyid++;

	for (i = 0; i < rsc->num_of_vrings; i++) {
		ret = sdm_rproc_add_vring(priv, priv->num_vdevs, i,
					  &rsc->vring[i]);
		if (ret)
			return ret;
	}
	priv->num_vdevs++;

	return 0;
}

/* Without them the framework would take memory of its own. */
static int sdm_rproc_check_buffers(struct sdm_rproc *priv,
				   const struct fw_rsc_vdev *rsc,
				   unsigned int index)
{
	struct rproc *rproc = priv->rproc;
	struct rproc_mem_entry *mem;
	char name[32];
	u32 need = PAGE_ALIGN(2 * rsc->vring[0].num * SDM_RPROC_BUFFER_SIZE);

	snprintf(name, sizeof(name), "vdev%ubuffer", index);
	mem = sdm_rproc_find_memory(rproc, name);
	if (mem && mem->len >= need)
		return 0;
	dev_err(&rproc->dev, "%s: its virtio device needs a carveout %s of 0x%x bytes\n",
		rproc->firmware, name, need);

	return -EINVAL;
}

/* An entry of the table: its type and what is left of the table behind that. */
struct sdm_rproc_entry {
	u32 type;
	void *rsc;
	size_t size;
};

static struct sdm_rproc_entry sdm_rproc_entry(struct rproc *rproc, u32 i)
{
	struct resource_table *table = rproc->table_ptr;
	struct fw_rsc_hdr *header = (void *)table + table->offset[i];

	return (struct sdm_rproc_entry){
		.type = header->type,
		.rsc = header->data,
		.size = rproc->table_sz - table->offset[i] - sizeof(*header),
	};
}

/* Is all of the entry in the table, if it is of a type that matters here? */
static bool sdm_rproc_is_whole(const struct sdm_rproc_entry *entry)
{
	const struct fw_rsc_vdev *vdev = entry->rsc;

	switch (entry->type) {
	case RSC_CARVEOUT:
		return entry->size >= sizeof(struct fw_rsc_carveout);
	case RSC_VDEV:
		return entry->size >= sizeof(*vdev) &&
		       entry->size >= struct_size(vdev, vring,
						  vdev->num_of_vrings);
	default:
		return true;
	}
}

static int sdm_rproc_add_entry(struct sdm_rproc *priv,
			       const struct sdm_rproc_entry *entry)
{
	if (!sdm_rproc_is_whole(entry)) {
		dev_err(&priv->rproc->dev, "%s: an entry of its resource table is truncated\n",
			priv->rproc->firmware);
		return -EINVAL;
	}
	switch (entry->type) {
	case RSC_CARVEOUT:
		return sdm_rproc_add_carveout(priv, entry->rsc);
	case RSC_VDEV:
		return sdm_rproc_add_vdev(priv, entry->rsc);
	default:
		/* The framework knows what to do with others. */
		return 0;
	}
}

static int sdm_rproc_add_entries(struct sdm_rproc *priv)
{
	struct rproc *rproc = priv->rproc;
	struct sdm_rproc_entry entry;
	unsigned int vdev = 0;
	int ret = 0;
	u32 i;

	priv->num_vdevs = 0;
	for (i = 0; !ret && i < rproc->table_ptr->num; i++) {
		entry = sdm_rproc_entry(rproc, i);
		ret = sdm_rproc_add_entry(priv, &entry);
	}
	/* Buffers may come in front of their device or behind it. */
	for (i = 0; !ret && i < rproc->table_ptr->num; i++) {
		entry = sdm_rproc_entry(rproc, i);
		if (entry.type == RSC_VDEV)
			ret = sdm_rproc_check_buffers(priv, entry.rsc, vdev++);
	}

	return ret;
}

/**
 * sdm_rproc_add_table() - take over a resource table
 * @priv: the slave
 * @data: contents, which sdm_elf_check_table() has looked at
 * @size: their size
 * @address: where the slave has it
 *
 * The framework's table is a copy then, which it frees or
 * sdm_rproc_drop_table() does.
 *
 * Return: 0 or an error. What has been added by then is not taken back.
 */
int sdm_rproc_add_table(struct sdm_rproc *priv, const void *data, size_t size,
			u64 address)
{
	struct rproc *rproc = priv->rproc;

	priv->pushed = kzalloc(size, GFP_KERNEL);
	rproc->table_ptr = kmemdup(data, size, GFP_KERNEL);
	if (!priv->pushed || !rproc->table_ptr)
		return -ENOMEM;
	rproc->table_sz = size;
	priv->table_address = address;

	return sdm_rproc_add_entries(priv);
}

/**
 * sdm_rproc_get_table() - the resource table of a slave that runs already
 * @rproc: the slave
 * @size: set to its size
 *
 * Return: the table, NULL if it has none, or an error.
 */
struct resource_table *sdm_rproc_get_table(struct rproc *rproc, size_t *size)
{
	struct sdm_rproc *priv = rproc->priv;
	const char *wrong;
	ssize_t done;
	void *data;
	int ret;

	/* Some kernels have freed it and do not know. */
	rproc->clean_table = NULL;
	if (priv->region_size < SDM_RPROC_TABLE_SIZE)
		return NULL;
	data = kzalloc(SDM_RPROC_TABLE_SIZE, GFP_KERNEL);
	if (!data)
		return ERR_PTR(-ENOMEM);

	done = sdm_window_read(priv->peer, priv->region - priv->mem_base, data,
			       SDM_RPROC_TABLE_SIZE);
	if (done != SDM_RPROC_TABLE_SIZE) {
		kfree(data);
		return ERR_PTR(done < 0 ? done : -EIO);
	}
	wrong = sdm_elf_check_table(data, SDM_RPROC_TABLE_SIZE);
	/* Other software may have anything there. */
	if (wrong) {
		dev_info(&rproc->dev, "no table at the start of its coherent region: %s\n",
			 wrong);
		kfree(data);
		return NULL;
	}

	ret = sdm_rproc_add_table(priv, data, SDM_RPROC_TABLE_SIZE,
				  priv->region);
	kfree(data);
	priv->attached_table = rproc->table_ptr;
	if (ret) {
		/* Not all kernels do. */
		rproc_resource_cleanup(rproc);
		return ERR_PTR(ret);
	}
	*size = rproc->table_sz;

	return rproc->table_ptr;
}

/* The framework does not need it any more. */
void sdm_rproc_drop_table(struct sdm_rproc *priv)
{
	struct rproc *rproc = priv->rproc;

	/* One that the framework has made is freed by it. */
	if (rproc->table_ptr && rproc->table_ptr != rproc->cached_table)
		rproc->table_ptr = NULL;
	kfree(priv->attached_table);
	priv->attached_table = NULL;
	kfree(priv->pushed);
	priv->pushed = NULL;
	priv->num_vdevs = 0;
	priv->table_address = 0;
}

/**
 * sdm_rproc_table_changed() - is the slave's table another one?
 * @priv: the slave
 *
 * May be called from any context, while there is a table.
 *
 * Return: true if it is not known that the slave has what is in the framework's.
 */
bool sdm_rproc_table_changed(struct sdm_rproc *priv)
{
	unsigned long flags;
	bool changed;

	spin_lock_irqsave(&priv->pushed_lock, flags);
	changed = memcmp(priv->pushed, priv->rproc->table_ptr,
			 priv->rproc->table_sz);
	spin_unlock_irqrestore(&priv->pushed_lock, flags);

	return changed;
}

/**
 * sdm_rproc_push_table() - write a table to the slave
 * @priv: the slave
 * @table: the table, of the size of the framework's
 *
 * Not at the same time as another one. The slave looks at it at the next signal.
 *
 * Return: 0 or an error.
 */
int sdm_rproc_push_table(struct sdm_rproc *priv,
			 const struct resource_table *table)
{
	size_t size = priv->rproc->table_sz;

	if (!table || !priv->table_address)
		return 0;
	/* The file may have been another one when the table was read. */
	if (!sdm_rproc_in_ram(priv, priv->table_address, size))
		return -ESTALE;

	spin_lock_irq(&priv->pushed_lock);
	memcpy(priv->pushed, table, size);
	spin_unlock_irq(&priv->pushed_lock);

	return sdm_rproc_write(priv, priv->table_address, priv->pushed, size);
}
