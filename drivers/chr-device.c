// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM character device: /dev/sdmN, and the client of the core that feeds it.
 */

#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uio.h>

#include "chr.h"
#include "sdm_trace.h"

static int sdm_chr_file_open(struct inode *inode, struct file *file)
{
	struct sdm_chr *chr =
		container_of(file->private_data, struct sdm_chr, node);
	struct sdm_chr_file *f;
	int ret;

	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;

	f->chr = chr;
	init_waitqueue_head(&f->wait);
	mutex_init(&f->read_lock);
	spin_lock_init(&f->lock);
	if (file->f_mode & FMODE_READ) {
		ret = sdm_events_init(&f->events);
		if (ret)
			goto err_free;
	}

	spin_lock_irq(&chr->lock);
	ret = chr->gone ? -ENODEV : 0;
	if (!ret)
		list_add_tail(&f->entry, &chr->files);
	spin_unlock_irq(&chr->lock);
	if (ret)
		goto err_free_events;

	file->private_data = f;

	return stream_open(inode, file);

err_free_events:
	sdm_events_free(&f->events);
err_free:
	mutex_destroy(&f->read_lock);
	kfree(f);
	return ret;
}

static int sdm_chr_file_release(struct inode *inode, struct file *file)
{
	struct sdm_chr_file *f = file->private_data;
	struct sdm_chr *chr = f->chr;

	spin_lock_irq(&chr->lock);
	list_del(&f->entry);
	spin_unlock_irq(&chr->lock);

	sdm_events_free(&f->events);
	mutex_destroy(&f->read_lock);
	kfree(f);
	sdm_chr_node_put(&chr->node);

	return 0;
}

static bool sdm_chr_file_readable(struct sdm_chr_file *f)
{
	return READ_ONCE(f->events.count);
}

/* A reader has something to do. */
static bool sdm_chr_file_ready(struct sdm_chr_file *f)
{
	return sdm_chr_file_readable(f) || READ_ONCE(f->chr->gone);
}

/* Hands out whole records, as many as there are and @to holds. */
static ssize_t sdm_chr_file_take(struct sdm_chr_file *f, struct iov_iter *to)
{
	struct sdm_event event;
	size_t done = 0;
	size_t copied;
	bool found;
	int ret;

	ret = mutex_lock_interruptible(&f->read_lock);
	if (ret)
		return ret;

	while (iov_iter_count(to) >= sizeof(event)) {
		spin_lock_irq(&f->lock);
		found = sdm_events_peek(&f->events, &event);
		spin_unlock_irq(&f->lock);
		if (!found)
			break;

		copied = copy_to_iter(&event, sizeof(event), to);
		if (copied < sizeof(event)) {
			iov_iter_revert(to, copied);
			ret = -EFAULT;
			break;
		}

		spin_lock_irq(&f->lock);
		sdm_events_pop(&f->events);
		spin_unlock_irq(&f->lock);
		done += sizeof(event);
	}
	mutex_unlock(&f->read_lock);

	return done ? done : ret;
}

static ssize_t sdm_chr_file_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct sdm_chr_file *f = file->private_data;
	ssize_t ret;

	if (iov_iter_count(to) < sizeof(struct sdm_event))
		return -EINVAL;

	/* Again if another reader was faster. */
	do {
		if (!(file->f_flags & O_NONBLOCK)) {
			ret = wait_event_interruptible(f->wait,
						       sdm_chr_file_ready(f));
			if (ret)
				return ret;
		}
		if (READ_ONCE(f->chr->gone))
			return -ENODEV;
		ret = sdm_chr_file_take(f, to);
	} while (!ret && !(file->f_flags & O_NONBLOCK));

	return ret ? ret : -EAGAIN;
}

static __poll_t sdm_chr_file_poll(struct file *file, poll_table *wait)
{
	struct sdm_chr_file *f = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &f->wait, wait);

	if (READ_ONCE(f->chr->gone))
		return EPOLLHUP | EPOLLERR;
	if (sdm_chr_file_readable(f))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (file->f_mode & FMODE_WRITE && bitmap_empty(f->busy, SDM_MAX_IDS))
		mask |= EPOLLOUT | EPOLLWRNORM;

	return mask;
}

/**
 * sdm_chr_file_set_busy() - note that a peer has no room, or has room again
 * @f: the file that wants to send
 * @peer: ID of the peer
 * @busy: it has no room
 */
void sdm_chr_file_set_busy(struct sdm_chr_file *f, u32 peer, bool busy)
{
	if (busy)
		set_bit(peer, f->busy);
	else if (test_and_clear_bit(peer, f->busy))
		wake_up_interruptible_poll(&f->wait, EPOLLOUT | EPOLLWRNORM);
}

static const struct file_operations sdm_chr_file_fops = {
	.owner = THIS_MODULE,
	.open = sdm_chr_file_open,
	.release = sdm_chr_file_release,
	.read_iter = sdm_chr_file_read,
	.poll = sdm_chr_file_poll,
	.unlocked_ioctl = sdm_chr_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* Queues an event with all files that want it. Returns true if any does. */
static bool sdm_chr_event(struct sdm_chr *chr, const struct sdm_event *event)
{
	struct sdm_chr_file *f;
	unsigned long flags;
	bool wanted = false;

	spin_lock_irqsave(&chr->lock, flags);
	list_for_each_entry(f, &chr->files, entry) {
		spin_lock(&f->lock);
		if (!sdm_events_wants(&f->events, event)) {
			spin_unlock(&f->lock);
			continue;
		}
		if (!sdm_events_push(&f->events, event))
			trace_sdm_overflow(chr->sdm, f->events.seqno,
					   f->events.dropped);
		spin_unlock(&f->lock);

		wanted = true;
		wake_up_interruptible_poll(&f->wait, EPOLLIN | EPOLLRDNORM);
	}
	spin_unlock_irqrestore(&chr->lock, flags);

	return wanted;
}

static bool sdm_chr_signal(struct sdm_device *sdm, void *data,
			   const struct sdm_msg *msg)
{
	struct sdm_event event = {
		.timestamp_ns = msg->timestamp_ns,
		.type = SDM_EVENT_SIGNAL,
		.peer = msg->source,
		.signal = msg->signal,
		.payload = { msg->payload[0], msg->payload[1] },
	};

	return sdm_chr_event(data, &event);
}

static void sdm_chr_tx_free(struct sdm_device *sdm, void *data,
			    struct sdm_peer *peer)
{
	struct sdm_chr *chr = data;
	struct sdm_chr_file *f;
	unsigned long flags;

	spin_lock_irqsave(&chr->lock, flags);
	list_for_each_entry(f, &chr->files, entry)
		sdm_chr_file_set_busy(f, peer->id, false);
	spin_unlock_irqrestore(&chr->lock, flags);
}

/* Peers with memory that can be seen have a window, all but the own one. */
static int sdm_chr_add_window(struct sdm_chr *chr, struct sdm_peer *peer,
			      const struct sdm_link *link)
{
	struct sdm_chr_window *win;

	if (!chr->sdm->caps.window_size || link->flags & SDM_PEER_STATE_SELF ||
	    chr->windows[peer->id])
		return 0;

	win = sdm_chr_window_create(peer);
	if (IS_ERR(win))
		return PTR_ERR(win);
	chr->windows[peer->id] = win;

	return 0;
}

/* Is that the state of the same connection? */
static bool sdm_chr_peer_mapped(struct sdm_peer *peer,
				const struct sdm_link *link)
{
	struct sdm_peer_status status;

	return !sdm_peer_get_status(peer, &status) && status.mem_mapped &&
	       status.link.generation == link->generation;
}

static void sdm_chr_peer_changed(struct sdm_device *sdm, void *data,
				 struct sdm_peer *peer,
				 const struct sdm_link *link)
{
	struct sdm_chr *chr = data;
	struct sdm_event event = {
		.timestamp_ns = ktime_get_ns(),
		.type = SDM_EVENT_PEER,
		.peer = peer->id,
		.state = link->state,
		.flags = sdm_chr_peer_flags(link,
					    sdm_chr_peer_mapped(peer, link)),
		.generation = link->generation,
	};
	int ret;

	ret = sdm_chr_add_window(chr, peer, link);
	if (ret)
		dev_err(&peer->dev, "cannot add its node: error %d\n", ret);

	/* What is still there is mapped again when it is used. */
	if (chr->windows[peer->id])
		sdm_chr_window_unmap(chr->windows[peer->id]);

	sdm_chr_event(chr, &event);
	/* A peer that is not there does not keep senders waiting. */
	sdm_chr_tx_free(sdm, data, peer);
}

static void sdm_chr_release(struct kref *ref)
{
	struct sdm_chr *chr = container_of(ref, struct sdm_chr, node.ref);

	put_device(&chr->sdm->dev);
	kfree(chr);
}

static void sdm_chr_remove_windows(struct sdm_chr *chr)
{
	u32 id;

	for (id = 0; id < SDM_MAX_IDS; id++) {
		if (chr->windows[id])
			sdm_chr_window_remove(chr->windows[id]);
		chr->windows[id] = NULL;
	}
}

static int sdm_chr_add_windows(struct sdm_chr *chr)
{
	struct sdm_peer_status status;
	struct sdm_peer *peer;
	int ret = 0;
	u32 id;

	for (id = 0; id < SDM_MAX_IDS && !ret; id++) {
		peer = sdm_peer_get(chr->sdm, id);
		if (IS_ERR(peer))
			break;
		ret = sdm_peer_get_status(peer, &status);
		if (!ret)
			ret = sdm_chr_add_window(chr, peer, &status.link);
		sdm_peer_put(peer);
	}
	if (ret)
		sdm_chr_remove_windows(chr);

	return ret;
}

static int sdm_chr_add(struct sdm_device *sdm, void **data)
{
	struct sdm_chr *chr;
	int ret;

	chr = kzalloc(sizeof(*chr), GFP_KERNEL);
	if (!chr)
		return -ENOMEM;

	chr->node.release = sdm_chr_release;
	chr->node.fops = &sdm_chr_file_fops;
	chr->sdm = sdm;
	spin_lock_init(&chr->lock);
	INIT_LIST_HEAD(&chr->files);
	get_device(&sdm->dev);

	ret = sdm_chr_add_windows(chr);
	if (ret)
		goto err_put;

	/* Last: who sees this one finds all of them. */
	ret = sdm_chr_node_add(&chr->node, &sdm->dev);
	if (ret)
		goto err_remove_windows;
	*data = chr;

	return 0;

err_remove_windows:
	sdm_chr_remove_windows(chr);
err_put:
	put_device(&sdm->dev);
	kfree(chr);
	return ret;
}

static void sdm_chr_remove(struct sdm_device *sdm, void *data)
{
	struct sdm_chr *chr = data;
	struct sdm_chr_file *f;

	sdm_chr_remove_windows(chr);

	spin_lock_irq(&chr->lock);
	WRITE_ONCE(chr->gone, true);
	list_for_each_entry(f, &chr->files, entry)
		wake_up_poll(&f->wait, EPOLLHUP | EPOLLERR);
	spin_unlock_irq(&chr->lock);

	sdm_chr_node_remove(&chr->node);
}

struct sdm_client sdm_chr_client = {
	.name = "sdm_test_mod",
	.add = sdm_chr_add,
	.remove = sdm_chr_remove,
	.signal = sdm_chr_signal,
	.tx_free = sdm_chr_tx_free,
	.peer_changed = sdm_chr_peer_changed,
};
