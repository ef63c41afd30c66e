// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM remoteproc driver: each slave of a master is a remote processor.
 *
 * It is a client of the core. The framework's rproc of a slave is there as long
 * as its device is, whether a slave is connected or not.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <sdm/sdm-rproc.h>

#include "remoteproc.h"

/**
 * struct sdm_rproc_set - the remote processors of a device
 * @rprocs: by ID, %NULL for IDs that are no slaves
 */
struct sdm_rproc_set {
	struct sdm_rproc *rprocs[SDM_MAX_IDS];
};

/* What may take long, and what is about messages */
struct workqueue_struct *sdm_rproc_wq;
struct workqueue_struct *sdm_rproc_rx_wq;

static const struct rproc_ops sdm_rproc_ops = {
	.prepare = sdm_rproc_prepare,
	.unprepare = sdm_rproc_unprepare,
	.start = sdm_rproc_start,
	.stop = sdm_rproc_stop,
	.attach = sdm_rproc_attach,
	.detach = sdm_rproc_detach,
	.sanity_check = sdm_rproc_sanity_check,
	.get_boot_addr = sdm_rproc_get_boot_addr,
	.parse_fw = sdm_rproc_parse_fw,
	.load = sdm_rproc_load,
	.da_to_va = sdm_rproc_da_to_va,
	.get_loaded_rsc_table = sdm_rproc_get_table,
	.kick = sdm_rproc_kick,
	.panic = sdm_rproc_panic,
};

void sdm_rproc_queue_check(struct sdm_rproc *priv)
{
	queue_work(sdm_rproc_wq, &priv->check);
}

static void sdm_rproc_del(struct work_struct *work)
{
	struct sdm_rproc *priv = container_of(work, struct sdm_rproc, del);

	sdm_rproc_end(priv);
	rproc_del(priv->rproc);
	/* Older kernels leave it behind. */
	if (cancel_work_sync(&priv->rproc->crash_handler))
		pm_relax(priv->rproc->dev.parent);
}

static struct sdm_rproc *sdm_rproc_create(struct sdm_device *sdm, u32 id)
{
	struct sdm_peer *peer = sdm_peer_get(sdm, id);
	struct sdm_rproc *priv;
	struct rproc *rproc;
	char firmware[32];
	int ret = -ENOMEM;

	if (IS_ERR(peer))
		return ERR_CAST(peer);

	snprintf(firmware, sizeof(firmware), "%s.elf", dev_name(&peer->dev));
	rproc = rproc_alloc(&peer->dev, dev_name(&peer->dev), &sdm_rproc_ops,
			    firmware, sizeof(*priv));
	if (!rproc)
		goto err_put_peer;
	rproc->auto_boot = false;

	priv = rproc->priv;
	priv->rproc = rproc;
	priv->peer = peer;
	mutex_init(&priv->copies_lock);
	INIT_LIST_HEAD(&priv->copies);
	spin_lock_init(&priv->pushed_lock);
	INIT_WORK(&priv->check, sdm_rproc_check);
	INIT_WORK(&priv->del, sdm_rproc_del);
	INIT_WORK(&priv->kick, sdm_rproc_kick_work);
	INIT_WORK(&priv->rx, sdm_rproc_rx_work);

	ret = rproc_add(rproc);
	if (ret)
		goto err_free;
	sdm_rproc_queue_check(priv);

	return priv;

err_free:
	rproc_free(rproc);
err_put_peer:
	sdm_peer_put(peer);
	return ERR_PTR(ret);
}

/* From here on the framework does not call us. */
static void sdm_rproc_destroy(struct sdm_rproc *priv)
{
	struct sdm_peer *peer = priv->peer;

	WRITE_ONCE(priv->going, true);
	queue_work(sdm_rproc_wq, &priv->del);
	flush_work(&priv->del);
	cancel_work_sync(&priv->check);
	cancel_work_sync(&priv->rx);
	sdm_rproc_stop_kicks(priv);
	rproc_free(priv->rproc);
	sdm_peer_put(peer);
}

static void sdm_rproc_remove(struct sdm_device *sdm, void *data)
{
	struct sdm_rproc_set *set = data;
	u32 id;

	for (id = 0; set && id < SDM_MAX_IDS; id++) {
		if (set->rprocs[id])
			sdm_rproc_destroy(set->rprocs[id]);
	}
	kfree(set);
}

static int sdm_rproc_add(struct sdm_device *sdm, void **data)
{
	struct sdm_rproc_set *set;
	struct sdm_rproc *priv;
	u32 id;

	/* A slave has nobody to start. */
	if (!sdm->caps.master || !sdm->caps.window_size)
		return 0;

	set = kzalloc(sizeof(*set), GFP_KERNEL);
	if (!set)
		return -ENOMEM;

	for (id = SDM_ID_MASTER + 1; id < SDM_MAX_IDS; id++) {
		priv = sdm_rproc_create(sdm, id);
		/* There are no more. */
		if (priv == ERR_PTR(-ENOENT))
			break;
		if (IS_ERR(priv)) {
			sdm_rproc_remove(sdm, set);
			return PTR_ERR(priv);
		}
		set->rprocs[id] = priv;
	}
	*data = set;

	return 0;
}

static bool sdm_rproc_signal(struct sdm_device *sdm, void *data,
			     const struct sdm_msg *msg)
{
	struct sdm_rproc_set *set = data;

	if (msg->signal != SDM_RPROC_SIGNAL || !set ||
	    msg->source >= SDM_MAX_IDS || !set->rprocs[msg->source])
		return false;
	sdm_rproc_receive(set->rprocs[msg->source], msg);

	return true;
}

static void sdm_rproc_peer_changed(struct sdm_device *sdm, void *data,
				   struct sdm_peer *peer,
				   const struct sdm_link *link)
{
	struct sdm_rproc_set *set = data;

	if (set && set->rprocs[peer->id])
		sdm_rproc_queue_check(set->rprocs[peer->id]);
}

struct sdm_client sdm_rproc_client = {
	.name = "sdm_remoteproc",
	.add = sdm_rproc_add,
	.remove = sdm_rproc_remove,
	.signal = sdm_rproc_signal,
	.peer_changed = sdm_rproc_peer_changed,
};

static int __init sdm_rproc_init(void)
{
	int ret;

	sdm_rproc_wq = alloc_workqueue("sdm_remoteproc", WQ_UNBOUND, 0);
	if (!sdm_rproc_wq)
		return -ENOMEM;
	sdm_rproc_rx_wq = alloc_workqueue("sdm_remoteproc_rx",
					  WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!sdm_rproc_rx_wq) {
		ret = -ENOMEM;
		goto err_destroy;
	}

	ret = sdm_register_client(&sdm_rproc_client);
	if (ret)
		goto err_destroy_rx;

	return 0;

err_destroy_rx:
	destroy_workqueue(sdm_rproc_rx_wq);
err_destroy:
	destroy_workqueue(sdm_rproc_wq);
	return ret;
}
module_init(sdm_rproc_init);

static void __exit sdm_rproc_exit(void)
{
	sdm_unregister_client(&sdm_rproc_client);
	destroy_workqueue(sdm_rproc_rx_wq);
	destroy_workqueue(sdm_rproc_wq);
}
module_exit(sdm_rproc_exit);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module, remoteproc driver");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
