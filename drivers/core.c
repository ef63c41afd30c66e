// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signal Distribution Module (SDM) core.
 *
 * An SDM connects the machines of an asymmetric multiprocessing system: it
 * sends signals with a small payload between them, starts and stops the slaves
 * by signals with a hardware action, and lets the master access the slaves'
 * RAM through a window in its own physical memory. Documentation/device.rst
 * describes the device.
 *
 * The core knows the devices and their peers, and stands between the hardware
 * drivers below it and the clients above. Here: the bus and the life of a
 * device.
 */

#include <linux/bitmap.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/slab.h>

#include "core.h"

#define CREATE_TRACE_POINTS
#include "sdm_trace.h"

EXPORT_TRACEPOINT_SYMBOL_GPL(sdm_overflow);

static DEFINE_IDA(sdm_ida);

static atomic_t sdm_objects = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(sdm_objects_wait);

sdm_bus_type sdm_bus = {
	.name = "sdm",
};

void sdm_object_born(void)
{
	atomic_inc(&sdm_objects);
}

void sdm_object_died(void)
{
	if (atomic_dec_and_test(&sdm_objects))
		wake_up_all(&sdm_objects_wait);
}

static void sdm_device_release(struct device *dev)
{
	struct sdm_device *sdm = container_of(dev, struct sdm_device, dev);

	cleanup_srcu_struct(&sdm->srcu);
	kfree(sdm);
	sdm_object_died();
}

const struct device_type sdm_device_type = {
	.name = "sdm_device",
	.groups = sdm_device_groups,
	.release = sdm_device_release,
};

/*
 * The alias of the device tree gives the number. Devices without one get the
 * numbers after those of all aliases.
 */
static int sdm_device_index(struct device *parent)
{
	int next = max(of_alias_get_highest_id("sdm") + 1, 0);
	int id;

	id = of_alias_get_id(parent->of_node, "sdm");
	if (id >= 0) {
		id = ida_alloc_range(&sdm_ida, id, id, GFP_KERNEL);
		if (id != -ENOSPC)
			return id;
		dev_warn(parent, "number of the alias is taken\n");
	}

	return ida_alloc_min(&sdm_ida, next, GFP_KERNEL);
}

static void sdm_device_put(void *data)
{
	struct sdm_device *sdm = data;

	put_device(&sdm->dev);
}

/**
 * devm_sdm_device_alloc() - allocate a device
 * @parent: device of the hardware driver
 * @ops: operations of the hardware driver
 * @priv: its data, for sdm_device.priv
 *
 * The hardware driver fills in sdm_device.caps and calls
 * devm_sdm_device_register().
 *
 * Return: the device or an ERR_PTR().
 */
struct sdm_device *devm_sdm_device_alloc(struct device *parent,
					 const struct sdm_ops *ops, void *priv)
{
	struct sdm_device *sdm;
	int ret;

	sdm = kzalloc(sizeof(*sdm), GFP_KERNEL);
	if (!sdm)
		return ERR_PTR(-ENOMEM);

	ret = init_srcu_struct(&sdm->srcu);
	if (ret) {
		kfree(sdm);
		return ERR_PTR(ret);
	}

	sdm->priv = priv;
	RCU_INIT_POINTER(sdm->ops, ops);
	INIT_LIST_HEAD(&sdm->node);
	INIT_LIST_HEAD(&sdm->attachments);
	INIT_WORK(&sdm->work, sdm_peer_work);

	sdm_object_born();
	device_initialize(&sdm->dev);
	sdm->dev.parent = parent;
	sdm->dev.bus = &sdm_bus;
	sdm->dev.type = &sdm_device_type;

	/* From here on the last reference frees all of it. */
	ret = devm_add_action_or_reset(parent, sdm_device_put, sdm);
	if (ret)
		return ERR_PTR(ret);

	return sdm;
}
EXPORT_SYMBOL_GPL(devm_sdm_device_alloc);

/* The name is free again when the device is deleted, whoever still holds it. */
static int sdm_device_add(struct device *parent, struct sdm_device *sdm)
{
	int ret;

	ret = sdm_device_index(parent);
	if (ret < 0)
		return ret;
	sdm->index = ret;

	ret = dev_set_name(&sdm->dev, "sdm%d", sdm->index);
	if (ret)
		goto err_free_index;
	ret = device_add(&sdm->dev);
	if (ret)
		goto err_free_index;

	return 0;

err_free_index:
	ida_free(&sdm_ida, sdm->index);
	return ret;
}

static void sdm_device_del(struct sdm_device *sdm)
{
	device_del(&sdm->dev);
	ida_free(&sdm_ida, sdm->index);
}

/* From here on nobody is in the hardware driver, and nobody comes. */
static void sdm_device_revoke(struct sdm_device *sdm, const struct sdm_ops *ops)
{
	ops->enable(sdm, false);
	rcu_assign_pointer(sdm->ops, NULL);
	synchronize_srcu(&sdm->srcu);
	sdm_peers_wake(sdm);
	cancel_work_sync(&sdm->work);
}

static void sdm_device_unregister(void *data)
{
	struct sdm_device *sdm = data;

	/* Clients first: what they leave behind may need the hardware. */
	sdm_clients_remove_device(sdm);
	sdm_device_revoke(sdm, rcu_dereference_protected(sdm->ops, true));
	sdm_peers_remove(sdm);
	sdm_device_del(sdm);
}

/**
 * devm_sdm_device_register() - register a device
 * @parent: device of the hardware driver
 * @sdm: the device, from devm_sdm_device_alloc()
 *
 * Offers the device to the clients and enables it. The hardware driver must be
 * ready, with interrupts masked, before it calls this. Unregistering happens
 * with devres: by then the interrupt must still be there.
 *
 * Return: 0 or a negative errno.
 */
int devm_sdm_device_register(struct device *parent, struct sdm_device *sdm)
{
	const struct sdm_ops *ops = rcu_dereference_protected(sdm->ops, true);
	int ret;

	sdm_window_init(parent, sdm);

	ret = sdm_device_add(parent, sdm);
	if (ret)
		return ret;

	ret = sdm_peers_update(sdm);
	if (ret)
		goto err_remove_peers;

	sdm_clients_add_device(sdm);
	ops->enable(sdm, true);

	return devm_add_action_or_reset(parent, sdm_device_unregister, sdm);

err_remove_peers:
	sdm_device_revoke(sdm, ops);
	sdm_peers_remove(sdm);
	sdm_device_del(sdm);
	return ret;
}
EXPORT_SYMBOL_GPL(devm_sdm_device_register);

/**
 * sdm_get_info() - read the identity of a device
 * @sdm: the device
 * @info: filled in
 *
 * Return: 0, or -ENODEV if the hardware is gone.
 */
int sdm_get_info(struct sdm_device *sdm, struct sdm_hw_info *info)
{
	return sdm_hw_read_info(sdm, info);
}
EXPORT_SYMBOL_GPL(sdm_get_info);

static int __init sdm_core_init(void)
{
	return bus_register(&sdm_bus);
}

/* Before hardware drivers and clients, when all of them are built in. */
subsys_initcall(sdm_core_init);

static void __exit sdm_core_exit(void)
{
	/* The last reference may be dropped from a work item of the kernel. */
	wait_event(sdm_objects_wait, !atomic_read(&sdm_objects));
	bus_unregister(&sdm_bus);
	ida_destroy(&sdm_ida);
}
module_exit(sdm_core_exit);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module core");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
