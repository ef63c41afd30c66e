// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: access to peers' memory by bulk transfers.
 *
 * The device moves the data straight between the caller's memory and the peer,
 * several batches at a time: while one is under way the pages of the next are
 * pinned. The kernel's own memory needs no pinning. Callers whose memory does not
 * suit the device get a bounce buffer.
 */

#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "core.h"

/*
 * From here on a transfer is faster than plain accesses. Those that write do
 * not wait for the peer, those that read do it each time.
 */
#define SDM_BULK_MIN_WRITE SZ_1K
#define SDM_BULK_MIN_READ SZ_32
/*
 * The same where the peer's memory is RAM. Pages of user memory have to be
 * pinned, each of which takes as long as to copy it.
 */
#define SDM_BULK_MIN_RAM SZ_128K
#define SDM_BULK_MIN_RAM_USER SZ_4M

/* Pages of a batch, and batches under way. */
#define SDM_BULK_PAGES (SZ_512K / PAGE_SIZE)
#define SDM_BULK_DEPTH 4u
/* The most of the kernel's memory in a batch. */
#define SDM_BULK_LINEAR SZ_1M
/* Bounce buffers, and what is copied to one rather than pinned. */
#define SDM_BULK_BOUNCE SZ_64K
#define SDM_BULK_MIN_PIN SZ_2K

/**
 * struct sdm_bulk_batch - one transfer
 * @transfer: for the hardware driver
 * @completion: it is over
 * @len: its length
 * @bounce: the bounce buffer; NULL: the memory is the caller's
 * @target: where the bounce buffer goes after a read
 * @num_pages: number of @pages that are pinned
 * @pages: pinned pages
 */
struct sdm_bulk_batch {
	struct sdm_transfer transfer;
	struct completion completion;
	size_t len;
	void *bounce;
	struct iov_iter target;
	unsigned int num_pages;
	struct page *pages[SDM_BULK_PAGES];
};

/**
 * struct sdm_bulk - what one call has under way
 * @win: the peer's memory
 * @iter: the caller's memory, advanced past what has been started
 * @write: from the caller to the peer
 * @offset: what to start next
 * @left: how much is not started
 * @done: how much has ended well, and everything before it
 * @error: the first of what has not
 * @unfit: the device cannot do it; nothing after it counts
 * @first: the oldest batch under way
 * @next: the batch to start
 * @batches: batch i is at i % %SDM_BULK_DEPTH
 */
struct sdm_bulk {
	const struct sdm_window *win;
	struct iov_iter *iter;
	bool write;
	u64 offset;
	size_t left;
	size_t done;
	int error;
	bool unfit;
	unsigned int first;
	unsigned int next;
	struct sdm_bulk_batch *batches[SDM_BULK_DEPTH];
};

static void sdm_bulk_done(struct sdm_transfer *transfer)
{
	struct sdm_bulk_batch *batch =
		container_of(transfer, struct sdm_bulk_batch, transfer);

	complete(&batch->completion);
}

/* The device can take the caller's next piece of memory as it is. */
static bool sdm_bulk_is_direct(const struct sdm_bulk *bulk)
{
	unsigned int align = bulk->win->peer->sdm->caps.transfer_align;
	/* It may end before the caller's memory does. */
	unsigned long ends = iov_iter_alignment(bulk->iter) | bulk->left;

	return iov_iter_single_seg_count(bulk->iter) >= SDM_BULK_MIN_PIN &&
	       (bulk->write || !(ends & (align - 1)));
}

static int sdm_bulk_pin(struct sdm_bulk *bulk, struct sdm_bulk_batch *batch)
{
	size_t start;
	ssize_t len;
	int ret;

	len = sdm_iter_pin_pages(bulk->iter, batch->pages, bulk->left,
				 ARRAY_SIZE(batch->pages), &start);
	if (len <= 0)
		return len ? len : -EFAULT;
	batch->len = len;
	batch->num_pages = DIV_ROUND_UP(start + len, PAGE_SIZE);

	ret = sg_alloc_table_from_pages(&batch->transfer.sgt, batch->pages,
					batch->num_pages, start, len,
					GFP_KERNEL);
	if (ret) {
		sdm_unpin_pages(batch->pages, batch->num_pages, false);
		iov_iter_revert(bulk->iter, len);
		batch->num_pages = 0;
	}

	return ret;
}

/* Takes the kernel's memory, if it is physically contiguous. */
static int sdm_bulk_linear(struct sdm_bulk *bulk, struct sdm_bulk_batch *batch)
{
	struct iov_iter *iter = bulk->iter;
	size_t len = min3(iov_iter_single_seg_count(iter), bulk->left,
			  (size_t)SDM_BULK_LINEAR);
	void *buf = iter->kvec->iov_base + iter->iov_offset;
	int ret;

	if (!virt_addr_valid(buf) || !virt_addr_valid(buf + len - 1))
		return -EFAULT;
	ret = sg_alloc_table(&batch->transfer.sgt, 1, GFP_KERNEL);
	if (ret)
		return ret;
	sg_set_buf(batch->transfer.sgt.sgl, buf, len);
	iov_iter_advance(iter, len);
	batch->len = len;

	return 0;
}

/* As much as there is memory for, in one piece. */
static void *sdm_bulk_alloc(size_t *len)
{
	void *buf;

	*len = min_t(size_t, *len, SDM_BULK_BOUNCE);
	for (;;) {
		/* Whole pages: nobody else shares a cache line. */
		buf = kmalloc(PAGE_ALIGN(*len),
			      GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (buf || *len <= PAGE_SIZE)
			return buf;
		*len = max_t(size_t, *len / 2, PAGE_SIZE);
	}
}

static int sdm_bulk_bounce(struct sdm_bulk *bulk, struct sdm_bulk_batch *batch)
{
	size_t copied;
	int ret;

	batch->len = bulk->left;
	batch->bounce = sdm_bulk_alloc(&batch->len);
	if (!batch->bounce)
		return -ENOMEM;

	if (bulk->write) {
		copied = copy_from_iter(batch->bounce, batch->len, bulk->iter);
		ret = copied ? 0 : -EFAULT;
		batch->len = copied;
	} else {
		batch->target = *bulk->iter;
		iov_iter_advance(bulk->iter, batch->len);
		ret = 0;
	}
	if (!ret)
		ret = sg_alloc_table(&batch->transfer.sgt, 1, GFP_KERNEL);
	if (ret) {
		iov_iter_revert(bulk->iter, batch->len);
		kfree(batch->bounce);
		batch->bounce = NULL;
		return ret;
	}
	sg_set_buf(batch->transfer.sgt.sgl, batch->bounce, batch->len);

	return 0;
}

static void sdm_bulk_release(struct sdm_bulk *bulk,
			     struct sdm_bulk_batch *batch)
{
	sg_free_table(&batch->transfer.sgt);
	if (batch->num_pages)
		sdm_unpin_pages(batch->pages, batch->num_pages, !bulk->write);
	batch->num_pages = 0;
	kfree(batch->bounce);
	batch->bounce = NULL;
}

static struct sdm_bulk_batch *sdm_bulk_batch(struct sdm_bulk *bulk,
					     unsigned int i)
{
	struct sdm_bulk_batch **batch = &bulk->batches[i % SDM_BULK_DEPTH];

	if (!*batch) {
		*batch = kzalloc(sizeof(**batch), GFP_KERNEL);
		if (*batch)
			init_completion(&(*batch)->completion);
	}

	return *batch;
}

/* Starts one more batch, or leaves all as it was. */
static int sdm_bulk_start(struct sdm_bulk *bulk)
{
	struct sdm_peer *peer = bulk->win->peer;
	struct sdm_bulk_batch *batch = sdm_bulk_batch(bulk, bulk->next);
	int ret = -EFAULT;

	if (!batch)
		return -ENOMEM;

	/* Some memory cannot be pinned, such as that of devices. */
	if (sdm_bulk_is_direct(bulk) && user_backed_iter(bulk->iter))
		ret = sdm_bulk_pin(bulk, batch);
	else if (sdm_bulk_is_direct(bulk) && iov_iter_is_kvec(bulk->iter))
		ret = sdm_bulk_linear(bulk, batch);
	if (ret)
		ret = sdm_bulk_bounce(bulk, batch);
	if (ret)
		return ret;

	batch->transfer.peer = peer->id;
	batch->transfer.offset = bulk->offset;
	batch->transfer.write = bulk->write;
	batch->transfer.done = sdm_bulk_done;
	reinit_completion(&batch->completion);

	ret = sdm_hw_transfer(peer->sdm, &batch->transfer);
	if (ret) {
		iov_iter_revert(bulk->iter, batch->len);
		sdm_bulk_release(bulk, batch);
		return ret;
	}

	bulk->offset += batch->len;
	bulk->left -= batch->len;
	bulk->next++;

	return 0;
}

/*
 * The device may use the memory until it is done with it, whether the caller
 * wants to die or not: it gives up when the peer does not answer in time. A
 * task that has been killed does not start anything more.
 */
static void sdm_bulk_wait(struct sdm_bulk_batch *batch)
{
	if (wait_for_completion_killable(&batch->completion))
		wait_for_completion(&batch->completion);
}

/*
 * Notes what the device has not done. Memory here that it cannot use is no error
 * of the peer: another way is tried.
 */
static void sdm_bulk_failed(struct sdm_bulk *bulk,
			    const struct sdm_transfer *transfer)
{
	struct sdm_peer *peer = bulk->win->peer;

	if (transfer->error == -ENODEV) {
		bulk->error = -ENODEV;
		return;
	}

	dev_warn_ratelimited(&peer->dev, "failed bulk %s at %#llx: error %d\n",
			     bulk->write ? "write" : "read",
			     transfer->offset + transfer->bytes,
			     transfer->error);
	if (transfer->error == -EFAULT) {
		bulk->unfit = true;
		return;
	}
	atomic_inc(&peer->bulk_errors);
	bulk->error = -EIO;
}

/* What a batch has brought counts if everything before it does. */
static void sdm_bulk_account(struct sdm_bulk *bulk,
			     struct sdm_bulk_batch *batch)
{
	const struct sdm_transfer *transfer = &batch->transfer;
	size_t len = transfer->bytes;
	size_t copied;
	int ret;

	if (bulk->error || bulk->unfit)
		return;

	/* Was it to and from the memory that it was meant for? */
	ret = sdm_window_check_link(bulk->win);
	if (ret) {
		bulk->error = ret;
		return;
	}

	if (batch->bounce && !bulk->write) {
		copied = copy_to_iter(batch->bounce, len, &batch->target);
		if (copied < len)
			bulk->error = -EFAULT;
		len = copied;
	}
	bulk->done += len;
	if (!bulk->error && transfer->error)
		sdm_bulk_failed(bulk, transfer);
}

static void sdm_bulk_finish(struct sdm_bulk *bulk)
{
	struct sdm_bulk_batch *batch = sdm_bulk_batch(bulk, bulk->first);

	sdm_bulk_wait(batch);
	sdm_bulk_account(bulk, batch);
	sdm_bulk_release(bulk, batch);
	bulk->first++;
}

static bool sdm_bulk_may_start(const struct sdm_bulk *bulk)
{
	return bulk->left && !bulk->error && !bulk->unfit &&
	       bulk->next - bulk->first < SDM_BULK_DEPTH;
}

/* Can a transfer of @len bytes be one by the device, and is it better? */
bool sdm_bulk_is_worthwhile(const struct sdm_window *win,
			    const struct iov_iter *iter, size_t len,
			    bool write)
{
	size_t min = write ? SDM_BULK_MIN_WRITE : SDM_BULK_MIN_READ;

	if (win->mapped)
		min = user_backed_iter(iter) ? SDM_BULK_MIN_RAM_USER :
					       SDM_BULK_MIN_RAM;

	return win->peer->sdm->caps.transfer_align && len >= min;
}

/*
 * Transfers up to *len bytes and tells in *len how many. An error is returned
 * only for what the device has tried; what it cannot do is left to do.
 */
int sdm_bulk_transfer(const struct sdm_window *win, u64 offset,
		      struct iov_iter *iter, size_t *len, bool write)
{
	struct sdm_bulk bulk = {
		.win = win,
		.iter = iter,
		.write = write,
		.offset = offset,
		.left = *len,
	};
	unsigned int i;

	do {
		if (fatal_signal_pending(current) && !bulk.error)
			bulk.error = -EINTR;
		while (sdm_bulk_may_start(&bulk) && !sdm_bulk_start(&bulk))
			;
		if (bulk.first == bulk.next)
			break;
		sdm_bulk_finish(&bulk);
	} while (bulk.left || bulk.first != bulk.next);

	for (i = 0; i < SDM_BULK_DEPTH; i++)
		kfree(bulk.batches[i]);
	iov_iter_revert(iter, (size_t)(bulk.offset - offset) - bulk.done);
	*len = bulk.done;

	return bulk.error;
}
