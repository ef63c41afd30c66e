// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM rpmsg driver: Linux on a slave exchanges messages with the remoteproc
 * framework of its master, as the remote processor. Here: where the memory is,
 * and when the rings are open. See Documentation/rpmsg.rst.
 */

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio_config.h>

#include <sdm/sdm-rproc.h>

#include "rpmsg.h"

/* A master that has started this slave, or is attached, has answered by then. */
#define SDM_RPMSG_ANSWER_TIME HZ

static struct workqueue_struct *sdm_rpmsg_wq;
static struct workqueue_struct *sdm_rpmsg_rx_wq;

void sdm_rpmsg_queue_control(struct sdm_rpmsg *priv)
{
	queue_work(sdm_rpmsg_wq, &priv->control);
}

void sdm_rpmsg_queue_rx(struct sdm_rpmsg *priv)
{
	queue_work(sdm_rpmsg_rx_wq, &priv->rx);
}

/*
 * The memory. It is the slave's own, but not the kernel's to use as it likes: the
 * master has a copy.
 */

static int sdm_rpmsg_map(struct sdm_rpmsg *priv,
			 const struct sdm_peer_status *own)
{
	struct device *dev = &priv->sdm->dev;
	u64 base = own->mem_base + own->mem_size - own->mem_coherent;

	priv->base = base;
	priv->size = own->mem_coherent;
	if (priv->base != base || priv->size != own->mem_coherent)
		return -ERANGE;
	if (region_intersects(priv->base, priv->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		dev_err(dev,
			"no messages: the last 0x%zx bytes of the RAM are to be left out of the memory node of the device tree\n",
			priv->size);
		return -EBUSY;
	}
	if (!request_mem_region(priv->base, priv->size, "sdm-rpmsg")) {
		dev_err(dev,
			"no messages: the memory for them at %pa is in use\n",
			&priv->base);
		return -EBUSY;
	}
	priv->region = memremap(priv->base, priv->size, MEMREMAP_WB);
	if (!priv->region) {
		release_mem_region(priv->base, priv->size);
		return -ENOMEM;
	}

	return 0;
}

static void sdm_rpmsg_unmap(struct sdm_rpmsg *priv)
{
	memunmap(priv->region);
	release_mem_region(priv->base, priv->size);
}

static struct sdm_peer *sdm_rpmsg_claim_master(struct sdm_rpmsg *priv)
{
	struct sdm_peer *master = sdm_peer_get(priv->sdm, SDM_ID_MASTER);
	int ret;

	if (IS_ERR(master))
		return master;
	ret = sdm_claim_signal(master, SDM_RPROC_SIGNAL, &sdm_rpmsg_client);
	if (ret) {
		sdm_peer_put(master);
		return ERR_PTR(ret);
	}

	return master;
}

static int sdm_rpmsg_set_up(struct sdm_rpmsg *priv,
			    const struct sdm_peer_status *own)
{
	struct platform_device *parent;
	struct sdm_peer *master;
	int ret;

	ret = sdm_rpmsg_map(priv, own);
	if (ret)
		return ret;
	/* The core searches all children of a channel's parent for channels. */
	parent = platform_device_register_resndata(&priv->sdm->dev, "sdm-rpmsg",
						   priv->sdm->index, NULL, 0,
						   NULL, 0);
	if (IS_ERR(parent)) {
		ret = PTR_ERR(parent);
		goto err_unmap;
	}
	priv->parent = parent;
	master = sdm_rpmsg_claim_master(priv);
	if (IS_ERR(master)) {
		ret = PTR_ERR(master);
		goto err_unregister;
	}
	/* Pairs with the acquire in sdm_rpmsg_master(). */
	smp_store_release(&priv->master, master);

	return 0;

err_unregister:
	platform_device_unregister(parent);
err_unmap:
	sdm_rpmsg_unmap(priv);
	return ret;
}

/* For calls of the core, which may come before there is all. */
static struct sdm_peer *sdm_rpmsg_master(struct sdm_rpmsg *priv)
{
	/* Pairs with the release in sdm_rpmsg_set_up(). */
	return smp_load_acquire(&priv->master);
}

/*
 * The own block of registers tells where the memory is. A slave that was never
 * connected does not know its ID: the next change of a peer comes back here.
 */
static bool sdm_rpmsg_find(struct sdm_rpmsg *priv)
{
	struct sdm_peer_status own;
	struct sdm_hw_info info;
	struct sdm_peer *peer;
	int ret;

	if (priv->master)
		return true;
	if (priv->hopeless || sdm_get_info(priv->sdm, &info) ||
	    info.id == SDM_ID_MASTER)
		return false;
	peer = sdm_peer_get(priv->sdm, info.id);
	if (IS_ERR(peer))
		return false;
	ret = sdm_peer_get_status(peer, &own);
	sdm_peer_put(peer);
	if (ret)
		return false;

	priv->hopeless = true;
	if (!own.mem_coherent) {
		dev_info(&priv->sdm->dev,
			 "no messages: the RAM has no coherent region (coherent-size)\n");
		return false;
	}
	ret = sdm_rpmsg_set_up(priv, &own);
	if (ret && ret != -EBUSY)
		dev_err(&priv->sdm->dev, "no messages: error %d\n", ret);

	return !ret;
}

/* The rings. Only control opens and closes them. */

static void sdm_rpmsg_open(struct sdm_rpmsg *priv)
{
	const struct sdm_rpmsg_layout *layout = &priv->layout;
	struct sdm_rpmsg_pool pool = {
		.va = priv->region + layout->buffers,
		.pa = layout->pa,
		.size = layout->size,
	};

	spin_lock_irq(&priv->ring_lock);
	sdm_rpmsg_ring_init(&priv->to_master, priv->region + layout->ring[0],
			    layout->num, layout->align, &pool, true);
	sdm_rpmsg_ring_init(&priv->from_master, priv->region + layout->ring[1],
			    layout->num, layout->align, &pool, false);
	priv->up = true;
	spin_unlock_irq(&priv->ring_lock);
	dev_info(&priv->parent->dev,
		 "messages with the master, %u buffers each way\n",
		 layout->num);

	sdm_rpmsg_add_channels(priv);
	sdm_rpmsg_queue_rx(priv);
}

static void sdm_rpmsg_set_up_flag(struct sdm_rpmsg *priv, bool up)
{
	spin_lock_irq(&priv->ring_lock);
	priv->up = up;
	spin_unlock_irq(&priv->ring_lock);
}

/*
 * Whoever waits for a buffer gives up, so neither rx nor the removal of a channel
 * is held up by the master. If it still has the rings it is told.
 */
static void sdm_rpmsg_close(struct sdm_rpmsg *priv, bool tell)
{
	if (!priv->up)
		return;

	WRITE_ONCE(priv->stopping, true);
	if (!tell)
		sdm_rpmsg_set_up_flag(priv, false);
	wake_up_all(&priv->room);
	cancel_work_sync(&priv->rx);
	sdm_rpmsg_leave_services(priv, tell);
	sdm_rpmsg_remove_channels(priv);
	sdm_rpmsg_set_up_flag(priv, false);
	/* Channels may have queued it. */
	cancel_work_sync(&priv->rx);
	WRITE_ONCE(priv->stopping, false);
	dev_info(&priv->parent->dev, "no more messages with the master\n");
}

static void sdm_rpmsg_hello(struct sdm_rpmsg *priv)
{
	sdm_rpmsg_signal(priv, SDM_RPROC_HELLO);
}

/* Nothing that was told by another connection counts. */
static void sdm_rpmsg_connect(struct sdm_rpmsg *priv,
			      const struct sdm_link *link)
{
	sdm_rpmsg_close(priv, false);
	cancel_delayed_work_sync(&priv->late);
	priv->due = 0;
	priv->broken = false;
	priv->answered = false;
	priv->connected = sdm_link_is_up(link);
	priv->generation = link->generation;
	sdm_rpmsg_forget_refused(priv);
	if (!priv->connected)
		return;

	sdm_rpmsg_hello(priv);
	queue_delayed_work(sdm_rpmsg_wq, &priv->late, SDM_RPMSG_ANSWER_TIME);
}

/* For a master that will attach. */
static void sdm_rpmsg_offer_table(struct sdm_rpmsg *priv)
{
	int num;

	num = sdm_rpmsg_table_make(priv->table, SDM_RPROC_TABLE_SIZE,
				   priv->size);
	if (num < 0) {
		dev_err(&priv->sdm->dev,
			"no messages: the coherent region of 0x%zx bytes is too small\n",
			priv->size);
		return;
	}
	memcpy(priv->region, priv->table, SDM_RPROC_TABLE_SIZE);
	sdm_rpmsg_hello(priv);
}

static void sdm_rpmsg_look_at_table(struct sdm_rpmsg *priv)
{
	const char *wrong;

	if (priv->up && !sdm_rpmsg_table_changed(priv)) {
		sdm_rpmsg_queue_rx(priv);
		return;
	}

	sdm_rpmsg_close(priv, false);
	memcpy(priv->table, priv->region, SDM_RPROC_TABLE_SIZE);
	wrong = sdm_rpmsg_table_parse(priv->table, SDM_RPROC_TABLE_SIZE,
				      priv->base, priv->size, &priv->layout);
	if (wrong) {
		dev_warn(&priv->parent->dev,
			 "the master's table is not used: %s\n", wrong);
		return;
	}
	priv->answered = true;
	if (!(priv->layout.status & VIRTIO_CONFIG_S_DRIVER_OK))
		priv->broken = false;
	else if (!priv->broken)
		sdm_rpmsg_open(priv);
}

static void sdm_rpmsg_control(struct work_struct *work)
{
	struct sdm_rpmsg *priv = container_of(work, struct sdm_rpmsg, control);
	struct sdm_link link = { .state = SDM_PEER_ABSENT };

	if (READ_ONCE(priv->going)) {
		sdm_rpmsg_close(priv, true);
		return;
	}
	if (!sdm_rpmsg_find(priv))
		return;

	sdm_peer_get_link(priv->master, &link);
	if (sdm_link_is_up(&link) != priv->connected ||
	    link.generation != priv->generation)
		sdm_rpmsg_connect(priv, &link);
	if (!priv->connected)
		return;

	if (test_and_clear_bit(SDM_RPMSG_BROKEN, &priv->due) && priv->up) {
		dev_err(&priv->parent->dev,
			"the master has written nonsense into a ring\n");
		sdm_rpmsg_close(priv, false);
		priv->broken = true;
	}
	if (test_and_clear_bit(SDM_RPMSG_KICKED, &priv->due))
		sdm_rpmsg_look_at_table(priv);
	if (test_and_clear_bit(SDM_RPMSG_LATE, &priv->due) && !priv->answered)
		sdm_rpmsg_offer_table(priv);
}

static void sdm_rpmsg_late(struct work_struct *work)
{
	struct sdm_rpmsg *priv =
		container_of(to_delayed_work(work), struct sdm_rpmsg, late);

	set_bit(SDM_RPMSG_LATE, &priv->due);
	sdm_rpmsg_queue_control(priv);
}

/* The device goes, or the machine. */
static void sdm_rpmsg_stop(struct sdm_rpmsg *priv)
{
	WRITE_ONCE(priv->going, true);
	/* If control closes the rings for good they are closed before it ends. */
	sdm_rpmsg_queue_control(priv);
	flush_work(&priv->control);
	cancel_delayed_work_sync(&priv->late);
}

static int sdm_rpmsg_reboot(struct notifier_block *nb, unsigned long action,
			    void *data)
{
	sdm_rpmsg_stop(container_of(nb, struct sdm_rpmsg, reboot));

	return NOTIFY_DONE;
}

/* Calls of the core */

static int sdm_rpmsg_add(struct sdm_device *sdm, void **data)
{
	struct sdm_rpmsg *priv;

	/* It is the other side. */
	if (sdm->caps.master)
		return 0;

	priv = kzalloc(sizeof(*priv), GFP_KERNEL);
	if (!priv)
		return -ENOMEM;
	priv->table = kzalloc(SDM_RPROC_TABLE_SIZE, GFP_KERNEL);
	if (!priv->table) {
		kfree(priv);
		return -ENOMEM;
	}

	priv->sdm = sdm;
	INIT_WORK(&priv->control, sdm_rpmsg_control);
	INIT_WORK(&priv->rx, sdm_rpmsg_rx_work);
	INIT_DELAYED_WORK(&priv->late, sdm_rpmsg_late);
	spin_lock_init(&priv->ring_lock);
	init_waitqueue_head(&priv->room);
	spin_lock_init(&priv->signal_lock);
	mutex_init(&priv->endpoints_lock);
	idr_init(&priv->endpoints);
	mutex_init(&priv->services_lock);
	INIT_LIST_HEAD(&priv->services);
	priv->reboot.notifier_call = sdm_rpmsg_reboot;
	register_reboot_notifier(&priv->reboot);
	*data = priv;

	return 0;
}

static void sdm_rpmsg_added(struct sdm_device *sdm, void *data)
{
	if (data)
		sdm_rpmsg_queue_control(data);
}

static void sdm_rpmsg_remove(struct sdm_device *sdm, void *data)
{
	struct sdm_rpmsg *priv = data;

	if (!priv)
		return;
	unregister_reboot_notifier(&priv->reboot);
	sdm_rpmsg_stop(priv);
	/* The signal's handler may have queued it, to no effect. */
	cancel_work_sync(&priv->control);
	cancel_work_sync(&priv->rx);
	if (priv->master) {
		platform_device_unregister(priv->parent);
		sdm_release_signal(priv->master, SDM_RPROC_SIGNAL,
				   &sdm_rpmsg_client);
		sdm_peer_put(priv->master);
		sdm_rpmsg_unmap(priv);
	}
	sdm_rpmsg_free_services(priv);
	idr_destroy(&priv->endpoints);
	mutex_destroy(&priv->services_lock);
	mutex_destroy(&priv->endpoints_lock);
	kfree(priv->table);
	kfree(priv);
}

static bool sdm_rpmsg_receive_signal(struct sdm_device *sdm, void *data,
				     const struct sdm_msg *msg)
{
	struct sdm_rpmsg *priv = data;

	if (!priv || msg->source != SDM_ID_MASTER ||
	    msg->signal != SDM_RPROC_SIGNAL || !sdm_rpmsg_master(priv))
		return false;

	switch (msg->payload[0]) {
	case SDM_RPROC_KICK:
		set_bit(SDM_RPMSG_KICKED, &priv->due);
		wake_up_all(&priv->room);
		if (READ_ONCE(priv->up))
			sdm_rpmsg_queue_rx(priv);
		else
			sdm_rpmsg_queue_control(priv);
		break;
	case SDM_RPROC_PANIC:
		dev_crit(&sdm->dev, "the master's kernel has panicked\n");
		break;
	default:
		break;
	}

	return true;
}

static void sdm_rpmsg_tx_free(struct sdm_device *sdm, void *data,
			      struct sdm_peer *peer)
{
	struct sdm_rpmsg *priv = data;

	if (priv && peer == sdm_rpmsg_master(priv))
		sdm_rpmsg_send_refused(priv);
}

static void sdm_rpmsg_peer_changed(struct sdm_device *sdm, void *data,
				   struct sdm_peer *peer,
				   const struct sdm_link *link)
{
	struct sdm_rpmsg *priv = data;

	if (priv)
		sdm_rpmsg_queue_control(priv);
}

struct sdm_client sdm_rpmsg_client = {
	.name = "sdm_rpmsg",
	.add = sdm_rpmsg_add,
	.added = sdm_rpmsg_added,
	.remove = sdm_rpmsg_remove,
	.signal = sdm_rpmsg_receive_signal,
	.tx_free = sdm_rpmsg_tx_free,
	.peer_changed = sdm_rpmsg_peer_changed,
};

static int __init sdm_rpmsg_init(void)
{
	int ret = -ENOMEM;

	sdm_rpmsg_wq = alloc_workqueue("sdm_rpmsg", WQ_UNBOUND, 0);
	if (!sdm_rpmsg_wq)
		return ret;
	sdm_rpmsg_rx_wq =
		alloc_workqueue("sdm_rpmsg_rx", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!sdm_rpmsg_rx_wq)
		goto err_destroy;
	ret = sdm_register_client(&sdm_rpmsg_client);
	if (ret)
		goto err_destroy_rx;

	return 0;

err_destroy_rx:
	destroy_workqueue(sdm_rpmsg_rx_wq);
err_destroy:
	destroy_workqueue(sdm_rpmsg_wq);
	return ret;
}
module_init(sdm_rpmsg_init);

static void __exit sdm_rpmsg_exit(void)
{
	sdm_unregister_client(&sdm_rpmsg_client);
	sdm_rpmsg_wait_objects();
	destroy_workqueue(sdm_rpmsg_rx_wq);
	destroy_workqueue(sdm_rpmsg_wq);
}
module_exit(sdm_rpmsg_exit);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module, rpmsg driver");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
