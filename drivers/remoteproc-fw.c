// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM remoteproc driver: the firmware, from the file to the slave's memory, and
 * after a crash from there to a dump.
 */

#include <linux/elf.h>
#include <linux/err.h>
#include <linux/firmware.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "range.h"
#include "remoteproc-elf.h"
#include "remoteproc.h"

/* Traces are not larger than this. */
#define SDM_RPROC_COPY SZ_64K
/* What is written between two looks whether to go on. */
#define SDM_RPROC_PIECE SZ_1M
/* Zeros are written from a buffer of this size. */
#define SDM_RPROC_ZEROS SZ_64K

/**
 * struct sdm_rproc_copy - copy of a part of the slave's memory
 * @node: in sdm_rproc.copies
 * @da: its address
 * @len: its size
 * @data: contents, as of the latest look
 */
struct sdm_rproc_copy {
	struct list_head node;
	u64 da;
	size_t len;
	u8 data[];
};

/* Is that all in the RAM of the slave? */
bool sdm_rproc_in_ram(const struct sdm_rproc *priv, u64 address, u64 size)
{
	return address >= priv->mem_base &&
	       sdm_range_fits(address - priv->mem_base, size, priv->mem_size);
}

static int sdm_rproc_check_elf(struct sdm_rproc *priv,
			       const struct sdm_elf *elf)
{
	struct device *dev = &priv->rproc->dev;
	struct sdm_peer_status status;
	unsigned int i;
	int ret;

	ret = sdm_peer_get_status(priv->peer, &status);
	if (ret)
		return ret;
	if (status.arch && elf->machine != status.arch) {
		dev_err(dev, "%s is for another machine: number %u, not %u\n",
			priv->rproc->firmware, elf->machine, status.arch);
		return -ENOEXEC;
	}

	for (i = 0; i < elf->num_segments; i++) {
		const struct sdm_elf_segment *segment = &elf->segments[i];

		if (sdm_rproc_in_ram(priv, segment->address, segment->mem_size))
			continue;
		dev_err(dev, "%s: segment of 0x%llx bytes at 0x%llx is outside of the RAM of 0x%llx bytes at 0x%llx\n",
			priv->rproc->firmware, segment->mem_size,
			segment->address, priv->mem_size, priv->mem_base);
		return -EINVAL;
	}
	if (elf->table.address &&
	    !sdm_rproc_in_ram(priv, elf->table.address, elf->table.size)) {
		dev_err(dev, "%s: the resource table is outside of the RAM\n",
			priv->rproc->firmware);
		return -EINVAL;
	}

	return 0;
}

/*
 * Looks through the file for a slave that is there now. The result is to be
 * freed by kfree().
 */
static struct sdm_elf *sdm_rproc_open(struct sdm_rproc *priv,
				      const struct firmware *fw)
{
	struct sdm_elf *elf;
	const char *wrong;
	int ret;

	elf = kmalloc(sizeof(*elf), GFP_KERNEL);
	if (!elf)
		return ERR_PTR(-ENOMEM);

	wrong = sdm_elf_parse(elf, fw->data, fw->size);
	if (wrong) {
		dev_err(&priv->rproc->dev, "%s: %s\n", priv->rproc->firmware,
			wrong);
		ret = -EINVAL;
	} else {
		ret = sdm_rproc_check_elf(priv, elf);
	}
	if (ret) {
		kfree(elf);
		return ERR_PTR(ret);
	}

	return elf;
}

int sdm_rproc_sanity_check(struct rproc *rproc, const struct firmware *fw)
{
	struct sdm_rproc *priv = rproc->priv;
	struct sdm_elf *elf;
	int ret;

	/* Comes first of all. */
	ret = sdm_rproc_renew(priv);
	if (ret)
		return ret;
	elf = sdm_rproc_open(priv, fw);
	if (IS_ERR(elf))
		return PTR_ERR(elf);
	kfree(elf);

	return 0;
}

/* load() takes the address out of the file that it loads. */
u64 sdm_rproc_get_boot_addr(struct rproc *rproc, const struct firmware *fw)
{
	return 0;
}

/* A slave that was lost has other memory when it is back. */
static void sdm_rproc_dump(struct rproc *rproc,
			   struct rproc_dump_segment *segment, void *dest,
			   size_t offset, size_t size)
{
	struct sdm_rproc *priv = rproc->priv;
	u64 from = segment->da + offset - priv->mem_base;
	struct sdm_peer_status status;
	ssize_t done = 0;

	if (!sdm_peer_get_status(priv->peer, &status) &&
	    sdm_link_is_up(&status.link) &&
	    status.link.generation == priv->generation)
		done = sdm_window_read(priv->peer, from, dest, size);
	done = clamp_t(ssize_t, done, 0, size);
	if (done == size)
		return;
	dev_warn_ratelimited(&rproc->dev,
			     "memory from 0x%llx cannot be dumped\n",
			     priv->mem_base + from + done);
	memset(dest + done, 0xff, size - done);
}

static int sdm_rproc_add_dump(struct sdm_rproc *priv, u64 address, u64 size)
{
	if (!size)
		return 0;
	if (!sdm_rproc_in_ram(priv, address, size) || size > SIZE_MAX) {
		dev_err(&priv->rproc->dev, "%s: what it wants to be dumped is outside of the RAM\n",
			priv->rproc->firmware);
		return -EINVAL;
	}

	return rproc_coredump_add_custom_segment(priv->rproc, address, size,
						 sdm_rproc_dump, NULL);
}

static int sdm_rproc_add_dumps(struct sdm_rproc *priv,
			       const struct sdm_elf *elf)
{
	u64 range[2];
	size_t at;
	int ret;

	ret = rproc_coredump_set_elf_info(priv->rproc,
					  elf->wide ? ELFCLASS64 : ELFCLASS32,
					  elf->machine);
	if (elf->dump.data) {
		for (at = 0; !ret && at < elf->dump.size; at += sizeof(range)) {
			memcpy(range, elf->dump.data + at, sizeof(range));
			ret = sdm_rproc_add_dump(priv, range[0], range[1]);
		}
		return ret;
	}
	for (at = 0; !ret && at < elf->num_segments; at++)
		ret = sdm_rproc_add_dump(priv, elf->segments[at].address,
					 elf->segments[at].mem_size);

	return ret;
}

int sdm_rproc_parse_fw(struct rproc *rproc, const struct firmware *fw)
{
	struct sdm_rproc *priv = rproc->priv;
	struct sdm_elf *elf;
	int ret;

	elf = sdm_rproc_open(priv, fw);
	if (IS_ERR(elf))
		return PTR_ERR(elf);

	ret = sdm_rproc_add_dumps(priv, elf);
	if (!ret && elf->table.data) {
		ret = sdm_rproc_add_table(priv, elf->table.data,
					  elf->table.size, elf->table.address);
		rproc->cached_table = rproc->table_ptr;
	}
	kfree(elf);
	if (!ret)
		return 0;

	/* When this fails the framework does not clean up. */
	rproc_resource_cleanup(rproc);
	kfree(rproc->cached_table);
	rproc->cached_table = NULL;
	rproc->table_ptr = NULL;

	return ret;
}

/* Behind what is written already, ahead of the next signal. */
int sdm_rproc_write(struct sdm_rproc *priv, u64 address, const void *data,
		    size_t size)
{
	ssize_t done;

	if (READ_ONCE(priv->going))
		return -ENODEV;
	if (fatal_signal_pending(current))
		return -EINTR;
	done = sdm_window_write(priv->peer, address - priv->mem_base, data,
				size);
	if (done < 0)
		return done;

	return done == size ? 0 : -ENOSPC;
}

static int sdm_rproc_write_segment(struct sdm_rproc *priv,
				   const struct sdm_elf_segment *segment,
				   const void *zeros)
{
	u64 at = 0;
	int ret = 0;

	while (!ret && at < segment->mem_size) {
		const void *data = zeros;
		size_t len;

		if (at < segment->file_size) {
			data = segment->data + at;
			len = min_t(u64, segment->file_size - at,
				    SDM_RPROC_PIECE);
		} else {
			len = min_t(u64, segment->mem_size - at,
				    SDM_RPROC_ZEROS);
		}
		ret = sdm_rproc_write(priv, segment->address + at, data, len);
		at += len;
	}

	return ret;
}

static int sdm_rproc_write_elf(struct sdm_rproc *priv,
			       const struct sdm_elf *elf)
{
	unsigned int i;
	void *zeros;
	int ret = 0;

	zeros = kzalloc(SDM_RPROC_ZEROS, GFP_KERNEL);
	if (!zeros)
		return -ENOMEM;
	for (i = 0; !ret && i < elf->num_segments; i++)
		ret = sdm_rproc_write_segment(priv, &elf->segments[i], zeros);
	kfree(zeros);

	return ret ? ret : sdm_window_flush(priv->peer);
}

/*
 * Comes at each start. In a recovery it is all that looks at the file, and the
 * slave may be another one than before.
 */
int sdm_rproc_load(struct rproc *rproc, const struct firmware *fw)
{
	struct sdm_rproc *priv = rproc->priv;
	struct sdm_elf *elf;
	int ret;

	/* In a recovery, rings are where the one that has crashed had its memory. */
	if (priv->num_vdevs && !sdm_rproc_is_same(priv))
		return -ENOLINK;
	ret = sdm_rproc_renew(priv);
	if (!ret)
		ret = sdm_rproc_hold(priv);
	if (ret)
		return ret;
	elf = sdm_rproc_open(priv, fw);
	if (IS_ERR(elf))
		return PTR_ERR(elf);

	ret = sdm_rproc_write_elf(priv, elf);
	if (!ret) {
		rproc->bootaddr = elf->entry;
		priv->dtb = 0;
		if (elf->dtb.data)
			memcpy(&priv->dtb, elf->dtb.data, sizeof(priv->dtb));
		if (rproc->table_ptr)
			priv->table_address = elf->table.address;
	}
	kfree(elf);

	return ret;
}

static struct sdm_rproc_copy *sdm_rproc_get_copy(struct sdm_rproc *priv, u64 da,
						 size_t len)
{
	struct sdm_rproc_copy *copy;

	lockdep_assert_held(&priv->copies_lock);

	list_for_each_entry(copy, &priv->copies, node) {
		if (copy->da == da && copy->len == len)
			return copy;
	}
	copy = kzalloc(struct_size(copy, data, len), GFP_KERNEL);
	if (copy) {
		copy->da = da;
		copy->len = len;
		list_add(&copy->node, &priv->copies);
	}

	return copy;
}

/*
 * For whoever reads a trace buffer: the framework takes plain memory, and that
 * of a slave is behind a network. Each look makes the copy a fresh one. Copies
 * stay until traces have been removed.
 */
void *sdm_rproc_da_to_va(struct rproc *rproc, u64 da, size_t len,
			 bool *is_iomem)
{
	struct sdm_rproc *priv = rproc->priv;
	struct sdm_rproc_copy *copy = NULL;

	mutex_lock(&priv->copies_lock);
	if (len <= SDM_RPROC_COPY && sdm_rproc_in_ram(priv, da, len))
		copy = sdm_rproc_get_copy(priv, da, len);
	/* What cannot be read stays as it was. */
	if (copy)
		sdm_window_read(priv->peer, da - priv->mem_base, copy->data,
				len);
	mutex_unlock(&priv->copies_lock);

	return copy ? copy->data : NULL;
}

void sdm_rproc_free_copies(struct sdm_rproc *priv)
{
	struct sdm_rproc_copy *copy, *next;

	mutex_lock(&priv->copies_lock);
	list_for_each_entry_safe(copy, next, &priv->copies, node) {
		list_del(&copy->node);
		kfree(copy);
	}
	mutex_unlock(&priv->copies_lock);
}
