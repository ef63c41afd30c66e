// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: transfers through the window by the CPU.
 */

#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "core.h"
#include "iocopy.h"

/*
 * What is copied between two looks at the link and at signals. A trapped access
 * to another machine may take tens of microseconds.
 */
#define SDM_WINDOW_BOUNCE SZ_16K
#define SDM_WINDOW_RAM_STEP SZ_256K

/* Copies up to *len bytes and tells in *len how many. */
static int sdm_window_copy_bounced(const struct sdm_window *win, u64 offset,
				   void *buf, size_t *len, bool write)
{
	struct sdm_window_map *map = &win->peer->map;
	size_t start;
	int ret;

	ret = sdm_window_get(win, offset, len);
	if (ret)
		return ret;
	start = win->base + offset - map->start;
	if (win->mapped && write) {
		memcpy(map->ram + start, buf, *len);
	} else if (win->mapped) {
		memcpy(buf, map->ram + start, *len);
	} else if (write) {
		sdm_copy_toio(map->io + start, buf, *len);
		atomic_inc(&win->peer->posted);
	} else {
		sdm_copy_fromio(buf, map->io + start, *len);
	}
	sdm_window_put(win);

	return sdm_window_check(win);
}

/*
 * Transfers up to *len bytes, tells in *len how many, and advances the iterator
 * by that. It returns an error if there was one after that. Through a buffer; by
 * single loads and stores if the memory is no RAM.
 */
int sdm_window_copy_buffer(const struct sdm_window *win, u64 offset,
			   struct iov_iter *iter, size_t *len, bool write)
{
	size_t left = *len;
	void *bounce;
	int ret = 0;

	*len = 0;
	/* Room to give the buffer the alignment of the window. */
	bounce = kmalloc(min_t(size_t, left, SDM_WINDOW_BOUNCE) +
			 SDM_IOCOPY_ALIGN, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;

	while (left) {
		size_t part = min_t(size_t, left, SDM_WINDOW_BOUNCE);
		void *buf =
			bounce + ((win->base + offset) & (SDM_IOCOPY_ALIGN - 1));
		size_t copied = part;

		if (write) {
			copied = copy_from_iter(buf, part, iter);
			part = copied;
			ret = -EFAULT;
			if (!part)
				break;
		}

		ret = sdm_window_copy_bounced(win, offset, buf, &part, write);
		if (write)
			iov_iter_revert(iter, copied - (ret ? 0 : part));
		if (ret)
			break;

		if (!write) {
			copied = copy_to_iter(buf, part, iter);
			if (copied < part)
				ret = -EFAULT;
			part = copied;
		}
		offset += part;
		*len += part;
		left -= part;

		if (!ret && left && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret)
			break;
		cond_resched();
	}
	kfree(bounce);

	return ret;
}

/*
 * Copies up to *len bytes between the caller and RAM in the window, and tells in
 * *len how many. It stops at a fault of the caller's memory: serving it may take
 * any time, for which the mapping must not be held.
 */
static int sdm_window_copy_piece(const struct sdm_window *win, u64 offset,
				 struct iov_iter *iter, size_t *len,
				 bool write)
{
	struct sdm_window_map *map = &win->peer->map;
	void *ram;
	int ret;

	ret = sdm_window_get(win, offset, len);
	if (ret) {
		*len = 0;
		return ret;
	}
	ram = map->ram + (win->base + offset - map->start);
	pagefault_disable();
	*len = write ? copy_from_iter(ram, *len, iter) :
		       copy_to_iter(ram, *len, iter);
	pagefault_enable();
	sdm_window_put(win);

	return 0;
}

/*
 * The same, but it serves faults if there is nothing to copy without. It always
 * moves something or fails: memory may be there and still not be accessible
 * without faults, or go again at once.
 */
static int sdm_window_step_ram(const struct sdm_window *win, u64 offset,
			       struct iov_iter *iter, size_t *len, bool write)
{
	size_t missing, wanted = *len;
	int ret;

	ret = sdm_window_copy_piece(win, offset, iter, len, write);
	if (!ret && !*len) {
		missing = write ? fault_in_iov_iter_readable(iter, wanted) :
				  fault_in_iov_iter_writeable(iter, wanted);
		*len = wanted - missing;
		ret = -EFAULT;
		if (*len)
			ret = sdm_window_copy_piece(win, offset, iter, len,
						    write);
		if (!ret && !*len) {
			*len = min_t(size_t, wanted, PAGE_SIZE);
			return sdm_window_copy_buffer(win, offset, iter, len,
						      write);
		}
	}
	if (ret)
		return ret;

	ret = sdm_window_check(win);
	if (ret) {
		iov_iter_revert(iter, *len);
		*len = 0;
	}

	return ret;
}

/* The same, where the memory is in the window: without a buffer. */
int sdm_window_copy_ram(const struct sdm_window *win, u64 offset,
			struct iov_iter *iter, size_t *len, bool write)
{
	size_t left = *len;
	int ret = 0;

	*len = 0;
	while (left && !ret) {
		size_t part = min_t(size_t, left, SDM_WINDOW_RAM_STEP);

		ret = sdm_window_step_ram(win, offset, iter, &part, write);
		offset += part;
		*len += part;
		left -= part;

		if (!ret && left && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}

	return ret;
}
