// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM character device: /dev/sdmN-pM, the memory of a peer as a file.
 */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "chr.h"

static int sdm_chr_window_open(struct inode *inode, struct file *file)
{
	file->private_data =
		container_of(file->private_data, struct sdm_chr_window, node);

	return 0;
}

static int sdm_chr_window_release(struct inode *inode, struct file *file)
{
	struct sdm_chr_window *win = file->private_data;

	sdm_chr_node_put(&win->node);

	return 0;
}

static loff_t sdm_chr_window_llseek(struct file *file, loff_t offset,
				    int whence)
{
	struct sdm_chr_window *win = file->private_data;
	struct sdm_peer_status status;
	int ret;

	ret = sdm_peer_get_status(win->peer, &status);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&status.link))
		return -ENOLINK;

	return fixed_size_llseek(file, offset, whence, status.mem_size);
}

static ssize_t sdm_chr_window_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct sdm_chr_window *win = iocb->ki_filp->private_data;
	ssize_t ret;

	ret = sdm_window_read_iter(win->peer, iocb->ki_pos, to);
	if (ret > 0)
		iocb->ki_pos += ret;

	return ret;
}

static ssize_t sdm_chr_window_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct sdm_chr_window *win = iocb->ki_filp->private_data;
	ssize_t ret;

	ret = sdm_window_write_iter(win->peer, iocb->ki_pos, from);
	if (ret > 0)
		iocb->ki_pos += ret;

	return ret;
}

static int sdm_chr_window_fsync(struct file *file, loff_t start, loff_t end,
				int datasync)
{
	struct sdm_chr_window *win = file->private_data;

	return sdm_window_flush(win->peer);
}

const struct file_operations sdm_chr_window_fops = {
	.owner = THIS_MODULE,
	.open = sdm_chr_window_open,
	.release = sdm_chr_window_release,
	.llseek = sdm_chr_window_llseek,
	.read_iter = sdm_chr_window_read,
	.write_iter = sdm_chr_window_write,
	.fsync = sdm_chr_window_fsync,
};

static void sdm_chr_window_free(struct kref *ref)
{
	struct sdm_chr_window *win =
		container_of(ref, struct sdm_chr_window, node.ref);

	sdm_peer_put(win->peer);
	kfree(win);
}

/**
 * sdm_chr_window_create() - make the node of a peer's memory
 * @peer: the peer
 *
 * Return: the window, for sdm_chr_node_remove(), or an ERR_PTR().
 */
struct sdm_chr_window *sdm_chr_window_create(struct sdm_peer *peer)
{
	struct sdm_chr_window *win;
	int ret;

	win = kzalloc(sizeof(*win), GFP_KERNEL);
	if (!win)
		return ERR_PTR(-ENOMEM);

	win->node.release = sdm_chr_window_free;
	win->node.fops = &sdm_chr_window_fops;
	win->peer = peer;
	get_device(&peer->dev);

	ret = sdm_chr_node_add(&win->node, &peer->dev);
	if (ret) {
		put_device(&peer->dev);
		kfree(win);
		return ERR_PTR(ret);
	}

	return win;
}
