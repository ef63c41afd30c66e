// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM character device: module, minor numbers, nodes.
 *
 * <linux/sdm.h> describes the interface. One major number serves two kinds of
 * nodes; open() finds the node by its minor number and hands over to it.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/xarray.h>

#include "chr.h"
#include "compat.h"

#define SDM_CHR_NAME "sdm"
#define SDM_CHR_MINORS 4096

/* Protects sdm_chr_nodes: a node found there may be taken. */
static DEFINE_MUTEX(sdm_chr_lock);
static DEFINE_XARRAY_ALLOC(sdm_chr_nodes);

static struct class *sdm_chr_class;
static int sdm_chr_major;

void sdm_chr_node_put(struct sdm_chr_node *node)
{
	kref_put(&node->ref, node->release);
}

/**
 * sdm_chr_node_add() - make a node
 * @node: the node, release and fops filled in; its ref is initialised here
 * @parent: device of the core, which also gives the name
 *
 * Return: 0, or a negative errno: then nobody has seen the node.
 */
int sdm_chr_node_add(struct sdm_chr_node *node, struct device *parent)
{
	struct device *dev;
	int ret;

	kref_init(&node->ref);

	mutex_lock(&sdm_chr_lock);
	ret = xa_alloc(&sdm_chr_nodes, &node->minor, node,
		       XA_LIMIT(0, SDM_CHR_MINORS - 1), GFP_KERNEL);
	if (ret)
		goto out_unlock;

	dev = device_create(sdm_chr_class, parent,
			    MKDEV(sdm_chr_major, node->minor), NULL, "%s",
			    dev_name(parent));
	ret = PTR_ERR_OR_ZERO(dev);
	if (ret)
		xa_erase(&sdm_chr_nodes, node->minor);

out_unlock:
	mutex_unlock(&sdm_chr_lock);
	return ret;
}

/**
 * sdm_chr_node_remove() - remove a node
 * @node: the node
 *
 * Open files keep the node alive; it cannot be opened again.
 */
void sdm_chr_node_remove(struct sdm_chr_node *node)
{
	mutex_lock(&sdm_chr_lock);
	device_destroy(sdm_chr_class, MKDEV(sdm_chr_major, node->minor));
	xa_erase(&sdm_chr_nodes, node->minor);
	mutex_unlock(&sdm_chr_lock);
	sdm_chr_node_put(node);
}

static int sdm_chr_open(struct inode *inode, struct file *file)
{
	const struct file_operations *fops;
	struct sdm_chr_node *node;
	int ret;

	mutex_lock(&sdm_chr_lock);
	node = xa_load(&sdm_chr_nodes, iminor(inode));
	if (node)
		kref_get(&node->ref);
	mutex_unlock(&sdm_chr_lock);
	if (!node)
		return -ENODEV;

	fops = fops_get(node->fops);
	if (!fops) {
		ret = -ENODEV;
		goto err_put;
	}
	replace_fops(file, fops);

	/* On success release() of these operations drops the reference. */
	file->private_data = node;
	ret = fops->open(inode, file);
	if (ret)
		goto err_put;

	return 0;

err_put:
	sdm_chr_node_put(node);
	return ret;
}

static const struct file_operations sdm_chr_open_fops = {
	.owner = THIS_MODULE,
	.open = sdm_chr_open,
};

static int __init sdm_chr_init(void)
{
	int ret;

	sdm_chr_class = sdm_class_create(SDM_CHR_NAME);
	if (IS_ERR(sdm_chr_class))
		return PTR_ERR(sdm_chr_class);

	ret = __register_chrdev(0, 0, SDM_CHR_MINORS, SDM_CHR_NAME,
				&sdm_chr_open_fops);
	if (ret < 0)
		goto err_destroy_class;
	sdm_chr_major = ret;

	ret = sdm_register_client(&sdm_chr_client);
	if (ret)
		goto err_unregister_chrdev;

	return 0;

err_unregister_chrdev:
	__unregister_chrdev(sdm_chr_major, 0, SDM_CHR_MINORS, SDM_CHR_NAME);
err_destroy_class:
	class_destroy(sdm_chr_class);
	return ret;
}
module_init(sdm_chr_init);

static void __exit sdm_chr_exit(void)
{
	sdm_unregister_client(&sdm_chr_client);
	__unregister_chrdev(sdm_chr_major, 0, SDM_CHR_MINORS, SDM_CHR_NAME);
	class_destroy(sdm_chr_class);
}
module_exit(sdm_chr_exit);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module character devices");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
