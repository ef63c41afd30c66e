// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: access to peers' memory through the window.
 *
 * The device does larger transfers (bulk.c), all but those of user memory to RAM
 * that is in the window; the CPU does the rest (window-copy.c).
 */

#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/uio.h>

#include "core.h"
#include "range.h"

/* Takes possession of the window, if it can be used. */
static bool sdm_window_claim(struct device *parent, u64 base, u64 size)
{
	struct resource res = DEFINE_RES_MEM(base, size);
	u64 last = base + (size - 1);

	if (last < base || (resource_size_t)last != last ||
	    !IS_ALIGNED(base, PAGE_SIZE)) {
		dev_err(parent, "window at %#llx, size %#llx cannot be used\n",
			base, size);
		return false;
	}
	if (region_intersects(base, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		dev_err(parent,
			"window %pR is used as RAM: limit the kernel's memory (mem=)\n",
			&res);
		return false;
	}
	if (!devm_request_mem_region(parent, base, size, "sdm-window")) {
		dev_err(parent, "window %pR is in use\n", &res);
		return false;
	}

	return true;
}

/*
 * A window that cannot be used is treated as if there were none: signals work
 * without it.
 */
void sdm_window_init(struct device *parent, struct sdm_device *sdm)
{
	struct sdm_caps *caps = &sdm->caps;

	if (!caps->window_size ||
	    !sdm_window_claim(parent, caps->window_base, caps->window_size)) {
		caps->window_base = 0;
		caps->window_size = 0;
	}
}

/*
 * Starts a transfer: where is the memory now? What is known of this connection
 * saves reading a dozen registers, each of which may be a trap.
 */
static int sdm_window_begin(struct sdm_window *win, struct sdm_peer *peer)
{
	struct sdm_peer_status status;
	struct sdm_link link;
	int ret;

	/* What went wrong before is not ours. */
	ret = sdm_hw_read_errors(peer->sdm, peer->id, &win->errors);
	if (ret)
		return ret;

	ret = sdm_hw_read_link(peer->sdm, peer->id, &link);
	if (ret)
		return ret;

	spin_lock_irq(&peer->lock);
	status = peer->status;
	spin_unlock_irq(&peer->lock);
	if (status.link.generation != link.generation || !status.mem_size) {
		ret = sdm_hw_read_peer(peer->sdm, peer->id, &status);
		if (ret)
			return ret;
		link = status.link;
	}
	if (!sdm_link_is_up(&link))
		return -ENOLINK;

	win->peer = peer;
	win->base = status.mem_offset;
	/* A device's own memory is not in its window. */
	win->size = link.flags & SDM_PEER_STATE_SELF ? 0 : status.mem_size;
	win->generation = link.generation;
	win->mapped = status.mem_mapped;
	win->coherent = status.mem_coherent;
	win->island = false;

	return 0;
}

/* Is it still the same connection? */
int sdm_window_check_link(const struct sdm_window *win)
{
	struct sdm_peer *peer = win->peer;
	struct sdm_link link;
	int ret;

	ret = sdm_hw_read_link(peer->sdm, peer->id, &link);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&link) || link.generation != win->generation)
		return -EIO;

	return 0;
}

/* Was all since sdm_window_begin() an access to the same, living memory? */
int sdm_window_check(const struct sdm_window *win)
{
	struct sdm_peer *peer = win->peer;
	u32 errors;
	int ret;

	/*
	 * Window before registers: they are two devices, so that readl() in
	 * the calls below does not wait for the loads and stores of the copy.
	 */
	mb();

	ret = sdm_hw_read_errors(peer->sdm, peer->id, &errors);
	if (ret)
		return ret;
	if (errors != win->errors)
		return -EIO;

	return sdm_window_check_link(win);
}

/* In the order in which they are tried. */
static const enum sdm_window_way sdm_window_ways[] = {
	SDM_WINDOW_BULK,
	SDM_WINDOW_MAPPED,
	SDM_WINDOW_PLAIN,
};

static bool sdm_window_goes(const struct sdm_window *win,
			    enum sdm_window_way way,
			    const struct iov_iter *iter, size_t len, bool write)
{
	switch (way) {
	case SDM_WINDOW_BULK:
		return !win->island &&
		       sdm_bulk_is_worthwhile(win, iter, len, write);
	case SDM_WINDOW_MAPPED:
		return win->mapped;
	default:
		return !win->mapped;
	}
}

/*
 * Transfers up to *len bytes in one way and tells in *len how many. Without an
 * error the rest is what cannot be done in this way.
 */
static int sdm_window_transfer_by(const struct sdm_window *win,
				  enum sdm_window_way way, u64 offset,
				  struct iov_iter *iter, size_t *len,
				  bool write)
{
	int ret;

	switch (way) {
	case SDM_WINDOW_MAPPED:
		ret = sdm_window_copy_ram(win, offset, iter, len, write);
		break;
	case SDM_WINDOW_BULK:
		ret = sdm_bulk_transfer(win, offset, iter, len, write);
		break;
	default:
		ret = sdm_window_copy_buffer(win, offset, iter, len, write);
	}
	atomic64_add(*len, &win->peer->bytes[way]);

	return ret;
}

/*
 * Makes of a window the one of its part that @offset is in: the coherent region,
 * which is RAM, or what comes before it. *offset is relative to it then.
 */
static void sdm_window_narrow(struct sdm_window *win, u64 *offset)
{
	u64 border = win->size - win->coherent;

	if (win->mapped || !win->coherent)
		return;

	if (*offset < border) {
		win->size = border;
	} else {
		win->base += border;
		win->size = win->coherent;
		win->mapped = true;
		win->island = true;
		*offset -= border;
	}
}

/* The same as sdm_window_transfer_by(), in the ways that there are. */
static int sdm_window_transfer_part(const struct sdm_window *all, u64 offset,
				    struct iov_iter *iter, size_t *len,
				    bool write)
{
	struct sdm_window win = *all;
	size_t part, left, done = 0;
	unsigned int i;
	int ret = 0;

	sdm_window_narrow(&win, &offset);
	left = sdm_range_clip(offset, *len, win.size);
	/* Each does what those before it could not do. */
	for (i = 0; i < ARRAY_SIZE(sdm_window_ways) && !ret && left; i++) {
		part = left;
		if (!sdm_window_goes(&win, sdm_window_ways[i], iter, part,
				     write))
			continue;
		ret = sdm_window_transfer_by(&win, sdm_window_ways[i],
					     offset + done, iter, &part,
					     write);
		done += part;
		left -= part;
	}
	*len = done;

	return ret;
}

/*
 * Moves data between the peer's memory and an iterator. What is counted has
 * been transferred: an error is returned only if it is the first thing to
 * happen.
 */
static ssize_t sdm_window_transfer(struct sdm_peer *peer, u64 offset,
				   struct iov_iter *iter, bool write)
{
	size_t count = iov_iter_count(iter);
	size_t len, part, done = 0;
	struct sdm_window win;
	int ret;

	ret = sdm_window_begin(&win, peer);
	if (ret)
		return ret;
	len = sdm_range_clip(offset, count, win.size);
	if (!len)
		return write && count ? -ENOSPC : 0;

	do {
		part = len - done;
		ret = sdm_window_transfer_part(&win, offset + done, iter, &part,
					       write);
		done += part;
	} while (!ret && part && done < len);

	return done ? done : ret;
}

/**
 * sdm_window_read_iter() - read a peer's memory
 * @peer: the peer
 * @offset: where, from the start of its memory
 * @to: how much, and to where
 *
 * May sleep.
 *
 * Return: number of bytes read, 0 at the end of the memory, or -ENOLINK if the
 * peer is not connected, -EIO if the link broke under way, -EFAULT, -ENOMEM,
 * -EINTR when killed, -ENODEV when the hardware is gone.
 */
ssize_t sdm_window_read_iter(struct sdm_peer *peer, u64 offset,
			     struct iov_iter *to)
{
	return sdm_window_transfer(peer, offset, to, false);
}
EXPORT_SYMBOL_GPL(sdm_window_read_iter);

/**
 * sdm_window_write_iter() - write a peer's memory
 * @peer: the peer
 * @offset: where, from the start of its memory
 * @from: how much, and from where
 *
 * The data is on its way: a signal sent later arrives after it, and a read
 * sees it. May sleep.
 *
 * Return: as sdm_window_read_iter(), but -ENOSPC at the end of the memory.
 */
ssize_t sdm_window_write_iter(struct sdm_peer *peer, u64 offset,
			      struct iov_iter *from)
{
	return sdm_window_transfer(peer, offset, from, true);
}
EXPORT_SYMBOL_GPL(sdm_window_write_iter);

/**
 * sdm_window_read() - read a peer's memory to a kernel buffer
 * @peer: the peer
 * @offset: where, from the start of its memory
 * @buf: the buffer
 * @len: how much
 *
 * Return: as sdm_window_read_iter().
 */
ssize_t sdm_window_read(struct sdm_peer *peer, u64 offset, void *buf,
			size_t len)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len);

	return sdm_window_transfer(peer, offset, &iter, false);
}
EXPORT_SYMBOL_GPL(sdm_window_read);

/**
 * sdm_window_write() - write a peer's memory from a kernel buffer
 * @peer: the peer
 * @offset: where, from the start of its memory
 * @buf: the buffer
 * @len: how much
 *
 * Return: as sdm_window_write_iter().
 */
ssize_t sdm_window_write(struct sdm_peer *peer, u64 offset, const void *buf,
			 size_t len)
{
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, len);

	return sdm_window_transfer(peer, offset, &iter, true);
}
EXPORT_SYMBOL_GPL(sdm_window_write);

/**
 * sdm_window_flush() - wait until all writes have reached a peer's memory
 * @peer: the peer
 *
 * Reads see all earlier writes, so a read waits for them. Bulk transfers and
 * writes to RAM have arrived when they end. May sleep.
 *
 * Return: 0, or an error as of sdm_window_read_iter().
 */
int sdm_window_flush(struct sdm_peer *peer)
{
	int posted = atomic_read(&peer->posted);
	struct sdm_window win;
	ssize_t ret;
	u32 word;

	/* They have arrived. Is the peer still there? */
	if (posted == READ_ONCE(peer->flushed))
		return sdm_window_begin(&win, peer);

	ret = sdm_window_read(peer, 0, &word, sizeof(word));
	if (ret < 0)
		return ret;
	WRITE_ONCE(peer->flushed, posted);

	return 0;
}
EXPORT_SYMBOL_GPL(sdm_window_flush);

/**
 * sdm_window_error() - report a failed access to the window
 * @sdm: the device
 * @status: ERR_STATUS register
 * @offset: offset in the window
 *
 * For hardware drivers. Atomic context.
 */
void sdm_window_error(struct sdm_device *sdm, u32 status, u64 offset)
{
	static const char *const causes[] = {
		[SDM_ERR_ABSENT] = "no peer there",
		[SDM_ERR_LOST] = "link lost",
		[SDM_ERR_TIMEOUT] = "no answer in time",
		[SDM_ERR_REFUSED] = "refused by the peer",
	};
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, 2);
	u32 cause = SDM_ERR_CAUSE(status);
	struct sdm_peer *peer;

	/* SDM_ERR_PEER_NONE is no valid ID. */
	peer = sdm_peer_find(sdm, SDM_ERR_PEER(status));

	/* Each access of a copy may fail: a few tell enough. */
	if (!__ratelimit(&limit))
		return;
	dev_warn(peer ? &peer->dev : &sdm->dev,
		 "failed %s at window offset %#llx: %s\n",
		 status & SDM_ERR_WRITE ? "write" : "read", offset,
		 cause < ARRAY_SIZE(causes) && causes[cause] ? causes[cause] :
							       "unknown cause");
}
EXPORT_SYMBOL_GPL(sdm_window_error);
