// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM rpmsg driver: channels and endpoints, as the rpmsg core wants them. In all
 * that drivers of channels see it is like the core's own bus on a master.
 */

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/lockdep.h>
#include <linux/rpmsg/byteorder.h>
#include <linux/rpmsg/ns.h>
#include <linux/slab.h>

#include "compat-rpmsg.h"
#include "rpmsg.h"

/* Addresses below are for services that everybody knows. */
#define SDM_RPMSG_FIRST_FREE_ADDR 1024

/**
 * struct sdm_rpmsg_channel - a channel
 * @rpdev: the core's part
 * @priv: the messages' way to the master
 * @of_service: it is that of a service: what the master sends waits until its
 *	driver is ready
 * @gone: somebody has begun to take it away
 */
struct sdm_rpmsg_channel {
	struct rpmsg_device rpdev;
	struct sdm_rpmsg *priv;
	bool of_service;
	atomic_t gone;
};

/**
 * struct sdm_rpmsg_ept - an endpoint
 * @ept: the core's part
 * @waits: its driver is not ready; protected by the core's cb_lock
 */
struct sdm_rpmsg_ept {
	struct rpmsg_endpoint ept;
	bool waits;
};

#define to_sdm_channel(dev) container_of(dev, struct sdm_rpmsg_channel, rpdev)
#define to_sdm_ept(endpoint) container_of(endpoint, struct sdm_rpmsg_ept, ept)

/* Channels that still exist; the module stays until there are none. */
static atomic_t sdm_rpmsg_objects = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(sdm_rpmsg_objects_wait);

/* The name service is called with its lock held, and takes others. */
static struct lock_class_key sdm_rpmsg_ns_key;

static struct sdm_rpmsg *sdm_rpmsg_of(struct rpmsg_endpoint *ept)
{
	return to_sdm_channel(ept->rpdev)->priv;
}

static void sdm_rpmsg_ept_release(struct kref *kref)
{
	struct rpmsg_endpoint *ept =
		container_of(kref, struct rpmsg_endpoint, refcount);

	kfree(to_sdm_ept(ept));
}

static void sdm_rpmsg_destroy_ept(struct rpmsg_endpoint *ept)
{
	struct sdm_rpmsg *priv = sdm_rpmsg_of(ept);

	mutex_lock(&priv->endpoints_lock);
	idr_remove(&priv->endpoints, ept->addr);
	mutex_unlock(&priv->endpoints_lock);

	/* From here on it is not called. */
	mutex_lock(&ept->cb_lock);
	ept->cb = NULL;
	mutex_unlock(&ept->cb_lock);

	kref_put(&ept->refcount, sdm_rpmsg_ept_release);
}

static int sdm_rpmsg_ept_send(struct rpmsg_endpoint *ept, void *data, int len)
{
	return sdm_rpmsg_send(sdm_rpmsg_of(ept), ept->addr, ept->rpdev->dst,
			      data, len, true);
}

static int sdm_rpmsg_ept_sendto(struct rpmsg_endpoint *ept, void *data, int len,
				u32 dst)
{
	return sdm_rpmsg_send(sdm_rpmsg_of(ept), ept->addr, dst, data, len,
			      true);
}

static int sdm_rpmsg_ept_send_offchannel(struct rpmsg_endpoint *ept, u32 src,
					 u32 dst, void *data, int len)
{
	return sdm_rpmsg_send(sdm_rpmsg_of(ept), src, dst, data, len, true);
}

static int sdm_rpmsg_ept_trysend(struct rpmsg_endpoint *ept, void *data,
				 int len)
{
	return sdm_rpmsg_send(sdm_rpmsg_of(ept), ept->addr, ept->rpdev->dst,
			      data, len, false);
}

static int sdm_rpmsg_ept_trysendto(struct rpmsg_endpoint *ept, void *data,
				   int len, u32 dst)
{
	return sdm_rpmsg_send(sdm_rpmsg_of(ept), ept->addr, dst, data, len,
			      false);
}

static int sdm_rpmsg_ept_trysend_offchannel(struct rpmsg_endpoint *ept, u32 src,
					    u32 dst, void *data, int len)
{
	return sdm_rpmsg_send(sdm_rpmsg_of(ept), src, dst, data, len, false);
}

static __poll_t sdm_rpmsg_ept_poll(struct rpmsg_endpoint *ept,
				   struct file *file, poll_table *wait)
{
	struct sdm_rpmsg *priv = sdm_rpmsg_of(ept);

	poll_wait(file, &priv->room, wait);

	return sdm_rpmsg_has_room(priv) ? EPOLLOUT | EPOLLWRNORM : 0;
}

static ssize_t sdm_rpmsg_ept_get_mtu(struct rpmsg_endpoint *ept)
{
	return SDM_RPMSG_MTU;
}

static const struct rpmsg_endpoint_ops sdm_rpmsg_ept_ops = {
	.destroy_ept = sdm_rpmsg_destroy_ept,
	.send = sdm_rpmsg_ept_send,
	.sendto = sdm_rpmsg_ept_sendto,
	.send_offchannel = sdm_rpmsg_ept_send_offchannel,
	.trysend = sdm_rpmsg_ept_trysend,
	.trysendto = sdm_rpmsg_ept_trysendto,
	.trysend_offchannel = sdm_rpmsg_ept_trysend_offchannel,
	.poll = sdm_rpmsg_ept_poll,
	.get_mtu = sdm_rpmsg_ept_get_mtu,
};

/* Is this the endpoint that the core makes before the driver's probe()? */
static bool sdm_rpmsg_is_early(const struct rpmsg_device *rpdev,
			       rpmsg_rx_cb_t cb)
{
	const struct device_driver *drv = rpdev->dev.driver;

	return drv && cb &&
	       container_of(drv, const struct rpmsg_driver, drv)->callback ==
		       cb;
}

static struct rpmsg_endpoint *
sdm_rpmsg_create_ept(struct rpmsg_device *rpdev, rpmsg_rx_cb_t cb, void *data,
		     struct rpmsg_channel_info info)
{
	struct sdm_rpmsg_channel *channel = to_sdm_channel(rpdev);
	struct sdm_rpmsg *priv = channel->priv;
	int first = SDM_RPMSG_FIRST_FREE_ADDR;
	struct sdm_rpmsg_ept *own;
	int addr = -EINVAL;
	int end = 0;

	own = kzalloc(sizeof(*own), GFP_KERNEL);
	if (!own)
		return NULL;
	kref_init(&own->ept.refcount);
	mutex_init(&own->ept.cb_lock);
	if (info.src == RPMSG_NS_ADDR)
		lockdep_set_class(&own->ept.cb_lock, &sdm_rpmsg_ns_key);
	own->ept.rpdev = rpdev;
	own->ept.cb = cb;
	own->ept.priv = data;
	own->ept.ops = &sdm_rpmsg_ept_ops;
	own->waits = channel->of_service && sdm_rpmsg_is_early(rpdev, cb);

	if (info.src != RPMSG_ADDR_ANY) {
		first = info.src;
		end = first + 1;
	}
	mutex_lock(&priv->endpoints_lock);
	if (first >= 0 && first < INT_MAX) {
		addr = idr_alloc(&priv->endpoints, &own->ept, first, end,
				 GFP_KERNEL);
		own->ept.addr = addr;
	}
	mutex_unlock(&priv->endpoints_lock);
	if (addr < 0) {
		dev_err(&rpdev->dev,
			"no endpoint with address 0x%x: error %d\n", info.src,
			addr);
		kfree(own);
		return NULL;
	}
	/* Messages may wait for it. */
	sdm_rpmsg_queue_rx(priv);

	return &own->ept;
}

static const struct rpmsg_device_ops sdm_rpmsg_channel_ops;

static void sdm_rpmsg_channel_release(struct device *dev)
{
	struct rpmsg_device *rpdev =
		container_of(dev, struct rpmsg_device, dev);

	sdm_rpmsg_free_override(rpdev);
	kfree(to_sdm_channel(rpdev));
	if (atomic_dec_and_test(&sdm_rpmsg_objects))
		wake_up_all(&sdm_rpmsg_objects_wait);
}

void sdm_rpmsg_wait_objects(void)
{
	wait_event(sdm_rpmsg_objects_wait, !atomic_read(&sdm_rpmsg_objects));
}

static struct sdm_rpmsg_channel *sdm_rpmsg_alloc_channel(struct sdm_rpmsg *priv)
{
	struct sdm_rpmsg_channel *channel;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return NULL;
	atomic_inc(&sdm_rpmsg_objects);
	channel->priv = priv;
	channel->rpdev.ops = &sdm_rpmsg_channel_ops;
	channel->rpdev.little_endian = rpmsg_is_little_endian();
	channel->rpdev.dev.parent = &priv->parent->dev;
	channel->rpdev.dev.release = sdm_rpmsg_channel_release;

	return channel;
}

/* If it fails the channel is freed by its release(). */
static struct rpmsg_device *
sdm_rpmsg_add_channel(struct sdm_rpmsg *priv,
		      const struct rpmsg_channel_info *info, bool of_service)
{
	struct sdm_rpmsg_channel *channel = sdm_rpmsg_alloc_channel(priv);
	struct rpmsg_device *rpdev;

	if (!channel)
		return NULL;
	channel->of_service = of_service;
	rpdev = &channel->rpdev;
	rpdev->src = info->src;
	rpdev->dst = info->dst;
	/* A fixed address has to be told. A service has done so. */
	rpdev->announce = !of_service && info->src != RPMSG_ADDR_ANY;
	strscpy(rpdev->id.name, info->name, sizeof(rpdev->id.name));

	return rpmsg_register_device(rpdev) ? NULL : rpdev;
}

static struct rpmsg_device *
sdm_rpmsg_create_channel(struct rpmsg_device *rpdev,
			 struct rpmsg_channel_info *info)
{
	struct sdm_rpmsg *priv = to_sdm_channel(rpdev)->priv;
	struct device *dev = &priv->parent->dev;
	struct device *found;

	/* It has no device yet. Callers want to know whether it is NULL. */
	if (info->dst == RPMSG_ADDR_ANY)
		return sdm_rpmsg_add_service(priv, info->name, info->src) ?
			       NULL :
			       rpdev;

	found = rpmsg_find_device(dev, info);
	if (found) {
		put_device(found);
		dev_err(dev, "channel %s from 0x%x to 0x%x exists already\n",
			info->name, info->src, info->dst);
		return NULL;
	}

	return sdm_rpmsg_add_channel(priv, info, false);
}

/* Several may try it at the same time. */
static int sdm_rpmsg_unregister_channel(struct device *dev, void *data)
{
	struct rpmsg_device *rpdev =
		container_of(dev, struct rpmsg_device, dev);

	if (!atomic_xchg(&to_sdm_channel(rpdev)->gone, 1))
		device_unregister(dev);

	return 0;
}

int sdm_rpmsg_remove_channel(struct sdm_rpmsg *priv,
			     struct rpmsg_channel_info *info)
{
	struct device *dev = rpmsg_find_device(&priv->parent->dev, info);

	if (!dev)
		return -EINVAL;
	sdm_rpmsg_unregister_channel(dev, NULL);
	put_device(dev);

	return 0;
}

static int sdm_rpmsg_release_channel(struct rpmsg_device *rpdev,
				     struct rpmsg_channel_info *info)
{
	struct sdm_rpmsg *priv = to_sdm_channel(rpdev)->priv;

	if (info->dst == RPMSG_ADDR_ANY &&
	    !sdm_rpmsg_release_service(priv, info->name, info->src))
		return 0;

	return sdm_rpmsg_remove_channel(priv, info);
}

/* The core has bound a driver that has an endpoint. */
static int sdm_rpmsg_announce_create(struct rpmsg_device *rpdev)
{
	struct sdm_rpmsg_channel *channel = to_sdm_channel(rpdev);

	if (!rpdev->ept)
		return 0;
	if (channel->of_service) {
		mutex_lock(&rpdev->ept->cb_lock);
		to_sdm_ept(rpdev->ept)->waits = false;
		mutex_unlock(&rpdev->ept->cb_lock);
		sdm_rpmsg_queue_rx(channel->priv);
	}
	if (!rpdev->announce)
		return 0;

	return sdm_rpmsg_announce(channel->priv, rpdev->id.name,
				  rpdev->ept->addr, RPMSG_NS_CREATE, true);
}

/* Without waiting: it may be because all has come to an end. */
static int sdm_rpmsg_announce_destroy(struct rpmsg_device *rpdev)
{
	if (!rpdev->announce || !rpdev->ept)
		return 0;

	return sdm_rpmsg_announce(to_sdm_channel(rpdev)->priv, rpdev->id.name,
				  rpdev->ept->addr, RPMSG_NS_DESTROY, false);
}

static const struct rpmsg_device_ops sdm_rpmsg_channel_ops = {
	.create_channel = sdm_rpmsg_create_channel,
	.release_channel = sdm_rpmsg_release_channel,
	.create_ept = sdm_rpmsg_create_ept,
	.announce_create = sdm_rpmsg_announce_create,
	.announce_destroy = sdm_rpmsg_announce_destroy,
};

/**
 * sdm_rpmsg_add_channels() - add what is always there
 * @priv: the messages' way to the master
 *
 * That is the one by which users add others, and, for what the master announces,
 * the name service.
 */
void sdm_rpmsg_add_channels(struct sdm_rpmsg *priv)
{
	struct sdm_rpmsg_channel *control = sdm_rpmsg_alloc_channel(priv);
	struct sdm_rpmsg_channel *names = sdm_rpmsg_alloc_channel(priv);
	int ret = -ENOMEM;

	if (control)
		ret = rpmsg_register_device_override(&control->rpdev,
						     "rpmsg_ctrl");
	if (ret)
		dev_err(&priv->parent->dev, "no control device: error %d\n",
			ret);
	ret = names ? rpmsg_ns_register_device(&names->rpdev) : -ENOMEM;
	if (ret)
		dev_err(&priv->parent->dev, "no name service: error %d\n", ret);
}

/* Nobody adds one any more, but by a channel. */
void sdm_rpmsg_remove_channels(struct sdm_rpmsg *priv)
{
	device_for_each_child(&priv->parent->dev, NULL,
			      sdm_rpmsg_unregister_channel);
}

static struct rpmsg_channel_info sdm_rpmsg_info(const char *name, u32 src,
						u32 dst)
{
	struct rpmsg_channel_info info = { .src = src, .dst = dst };

	strscpy(info.name, name, sizeof(info.name));

	return info;
}

bool sdm_rpmsg_has_channel(struct sdm_rpmsg *priv, const char *name, u32 src)
{
	struct rpmsg_channel_info info =
		sdm_rpmsg_info(name, src, RPMSG_ADDR_ANY);
	struct device *dev = rpmsg_find_device(&priv->parent->dev, &info);

	if (dev)
		put_device(dev);

	return dev;
}

void sdm_rpmsg_add_service_channel(struct sdm_rpmsg *priv, const char *name,
				   u32 src, u32 dst)
{
	struct rpmsg_channel_info info = sdm_rpmsg_info(name, src, dst);

	if (!sdm_rpmsg_add_channel(priv, &info, true))
		dev_err(&priv->parent->dev, "no channel for %s\n", name);
}

/**
 * sdm_rpmsg_deliver() - hand a message on to its endpoint
 * @priv: where it came
 * @msg: the message
 *
 * Return: 0, -ENOENT if there is no such endpoint, or -EAGAIN if there will be.
 */
int sdm_rpmsg_deliver(struct sdm_rpmsg *priv, struct sdm_rpmsg_msg *msg)
{
	struct rpmsg_endpoint *ept = NULL;
	int ret = -ENOENT;

	mutex_lock(&priv->endpoints_lock);
	if (msg->dst <= INT_MAX)
		ept = idr_find(&priv->endpoints, msg->dst);
	if (ept)
		kref_get(&ept->refcount);
	mutex_unlock(&priv->endpoints_lock);
	if (!ept)
		return -ENOENT;

	mutex_lock(&ept->cb_lock);
	if (to_sdm_ept(ept)->waits) {
		ret = -EAGAIN;
	} else if (ept->cb) {
		ept->cb(ept->rpdev, msg->data, msg->len, ept->priv, msg->src);
		ret = 0;
	}
	mutex_unlock(&ept->cb_lock);
	kref_put(&ept->refcount, sdm_rpmsg_ept_release);

	return ret;
}
