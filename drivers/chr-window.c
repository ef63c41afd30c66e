// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM character device: /dev/sdmN-pM, the memory of a peer as a file.
 */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "chr.h"
#include "compat.h"
#include "range.h"

/* Pages mapped in one page fault: aligned pieces of so much. */
#define SDM_CHR_FAULT_AROUND SZ_64K

/**
 * struct sdm_chr_window_file - an open /dev/sdmN-pM
 * @win: what is open; the file holds its node
 * @entry: in sdm_chr_window.files
 * @mapping: where the file is mapped to; a node may have several names
 */
struct sdm_chr_window_file {
	struct sdm_chr_window *win;
	struct list_head entry;
	struct address_space *mapping;
};

static struct sdm_chr_window *to_sdm_chr_window(struct file *file)
{
	struct sdm_chr_window_file *f = file->private_data;

	return f->win;
}

static int sdm_chr_window_open(struct inode *inode, struct file *file)
{
	struct sdm_chr_window *win =
		container_of(file->private_data, struct sdm_chr_window, node);
	struct sdm_chr_window_file *f;

	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;

	f->win = win;
	f->mapping = file->f_mapping;
	mutex_lock(&win->lock);
	list_add_tail(&f->entry, &win->files);
	mutex_unlock(&win->lock);

	file->private_data = f;

	return 0;
}

static int sdm_chr_window_release(struct inode *inode, struct file *file)
{
	struct sdm_chr_window_file *f = file->private_data;
	struct sdm_chr_window *win = f->win;

	mutex_lock(&win->lock);
	list_del(&f->entry);
	mutex_unlock(&win->lock);

	kfree(f);
	sdm_chr_node_put(&win->node);

	return 0;
}

static loff_t sdm_chr_window_llseek(struct file *file, loff_t offset,
				    int whence)
{
	struct sdm_chr_window *win = to_sdm_chr_window(file);
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
	struct sdm_chr_window *win = to_sdm_chr_window(iocb->ki_filp);
	ssize_t ret;

	ret = sdm_window_read_iter(win->peer, iocb->ki_pos, to);
	if (ret > 0)
		iocb->ki_pos += ret;

	return ret;
}

static ssize_t sdm_chr_window_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct sdm_chr_window *win = to_sdm_chr_window(iocb->ki_filp);
	ssize_t ret;

	ret = sdm_window_write_iter(win->peer, iocb->ki_pos, from);
	if (ret > 0)
		iocb->ki_pos += ret;

	return ret;
}

static int sdm_chr_window_fsync(struct file *file, loff_t start, loff_t end,
				int datasync)
{
	struct sdm_chr_window *win = to_sdm_chr_window(file);

	return sdm_window_flush(win->peer);
}

/*
 * mmap(), where the peer's memory is in the window itself. Pages come by page
 * faults, so that they can be taken away when the connection or the device goes.
 */

/* Reads where the memory is, if it can be mapped. */
static int sdm_chr_window_locate(struct sdm_chr_window *win,
				 struct sdm_peer_status *status)
{
	u64 base = win->peer->sdm->caps.window_base;
	int ret;

	lockdep_assert_held(&win->lock);

	if (win->gone)
		return -ENODEV;
	ret = sdm_peer_get_status(win->peer, status);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&status->link))
		return -ENOLINK;
	if (!status->mem_mapped || !PAGE_ALIGNED(base + status->mem_offset))
		return -ENODEV;

	return 0;
}

/* The mapping belongs to one connection. */
static void sdm_chr_vma_set(struct vm_area_struct *vma, u32 generation)
{
	vma->vm_private_data = (void *)(uintptr_t)generation;
}

static u32 sdm_chr_vma_generation(const struct vm_area_struct *vma)
{
	return (uintptr_t)vma->vm_private_data;
}

/* The page of the fault first: it counts. Then those around it. */
static vm_fault_t sdm_chr_window_insert(struct vm_fault *vmf, unsigned long pfn)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start, end, addr;
	vm_fault_t ret;

	start = max(vmf->address & ~(SDM_CHR_FAULT_AROUND - 1), vma->vm_start);
	end = min(start + SDM_CHR_FAULT_AROUND, vma->vm_end);
	pfn += vma->vm_pgoff;

	ret = vmf_insert_pfn(vma, vmf->address,
			     pfn + PHYS_PFN(vmf->address - vma->vm_start));
	for (addr = start; addr < end && ret == VM_FAULT_NOPAGE;
	     addr += PAGE_SIZE)
		vmf_insert_pfn(vma, addr, pfn + PHYS_PFN(addr - vma->vm_start));

	return ret;
}

static vm_fault_t sdm_chr_window_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct sdm_chr_window *win = to_sdm_chr_window(vma->vm_file);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct sdm_peer_status status;
	u64 base;

	/*
	 * Whatever ends the connection unmaps afterwards, under this lock: so
	 * either it is seen here, or its unmapping sees the pages.
	 */
	mutex_lock(&win->lock);
	if (!sdm_chr_window_locate(win, &status) &&
	    status.link.generation == sdm_chr_vma_generation(vma)) {
		base = win->peer->sdm->caps.window_base + status.mem_offset;
		ret = sdm_chr_window_insert(vmf, PHYS_PFN(base));
	}
	mutex_unlock(&win->lock);

	return ret;
}

static const struct vm_operations_struct sdm_chr_window_vm_ops = {
	.fault = sdm_chr_window_fault,
};

static int sdm_chr_window_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct sdm_chr_window *win = to_sdm_chr_window(file);
	struct sdm_peer_status status;
	u64 pages;
	int ret;

	mutex_lock(&win->lock);
	ret = sdm_chr_window_locate(win, &status);
	mutex_unlock(&win->lock);
	if (ret)
		return ret;
	/* VM_SHARED is missing where the file is not open for writing. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	pages = status.mem_size >> PAGE_SHIFT;
	if (!sdm_range_fits(vma->vm_pgoff, vma_pages(vma), pages))
		return -EINVAL;

	/* As cacheable as RAM, like the mapping of the core. */
	vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP,
		     VM_MAYEXEC);
	sdm_chr_vma_set(vma, status.link.generation);
	vma->vm_ops = &sdm_chr_window_vm_ops;

	return 0;
}

static void sdm_chr_window_unmap_locked(struct sdm_chr_window *win)
{
	struct sdm_chr_window_file *f;

	lockdep_assert_held(&win->lock);

	list_for_each_entry(f, &win->files, entry)
		unmap_mapping_range(f->mapping, 0, 0, 1);
}

/**
 * sdm_chr_window_unmap() - take mapped memory away
 * @win: the window
 *
 * The next access to it looks again whether it is there.
 */
void sdm_chr_window_unmap(struct sdm_chr_window *win)
{
	mutex_lock(&win->lock);
	sdm_chr_window_unmap_locked(win);
	mutex_unlock(&win->lock);
}

const struct file_operations sdm_chr_window_fops = {
	.owner = THIS_MODULE,
	.open = sdm_chr_window_open,
	.release = sdm_chr_window_release,
	.llseek = sdm_chr_window_llseek,
	.read_iter = sdm_chr_window_read,
	.write_iter = sdm_chr_window_write,
	.fsync = sdm_chr_window_fsync,
	.mmap = sdm_chr_window_mmap,
};

static void sdm_chr_window_free(struct kref *ref)
{
	struct sdm_chr_window *win =
		container_of(ref, struct sdm_chr_window, node.ref);

	sdm_peer_put(win->peer);
	mutex_destroy(&win->lock);
	kfree(win);
}

/**
 * sdm_chr_window_create() - make the node of a peer's memory
 * @peer: the peer
 *
 * Return: the window, for sdm_chr_window_remove(), or an ERR_PTR().
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
	mutex_init(&win->lock);
	INIT_LIST_HEAD(&win->files);
	get_device(&peer->dev);

	ret = sdm_chr_node_add(&win->node, &peer->dev);
	if (ret) {
		put_device(&peer->dev);
		mutex_destroy(&win->lock);
		kfree(win);
		return ERR_PTR(ret);
	}

	return win;
}

/**
 * sdm_chr_window_remove() - remove the node of a peer's memory
 * @win: the window
 *
 * What is mapped is taken away for good.
 */
void sdm_chr_window_remove(struct sdm_chr_window *win)
{
	mutex_lock(&win->lock);
	win->gone = true;
	sdm_chr_window_unmap_locked(win);
	mutex_unlock(&win->lock);

	sdm_chr_node_remove(&win->node);
}
