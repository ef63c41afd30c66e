// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: peers, their links, and who owns them and their signals.
 */

#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "core.h"
#include "sdm_trace.h"

const char *sdm_state_name(u32 state)
{
	static const char *const names[] = {
		[SDM_PEER_ABSENT] = "absent",
		[SDM_PEER_CONNECTING] = "connecting",
		[SDM_PEER_RESET] = "reset",
		[SDM_PEER_RUNNING] = "running",
		[SDM_PEER_LOST] = "lost",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static void sdm_peer_release(struct device *dev)
{
	struct sdm_peer *peer = container_of(dev, struct sdm_peer, dev);

	mutex_destroy(&peer->map_lock);
	mutex_destroy(&peer->action_lock);
	put_device(&peer->sdm->dev);
	kfree(peer);
	sdm_object_died();
}

const struct device_type sdm_peer_type = {
	.name = "sdm_peer",
	.groups = sdm_peer_groups,
	.release = sdm_peer_release,
};

static struct sdm_peer *sdm_peer_create(struct sdm_device *sdm, u32 id)
{
	struct sdm_peer *peer;
	int ret;

	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return ERR_PTR(-ENOMEM);

	get_device(&sdm->dev);
	peer->sdm = sdm;
	peer->id = id;
	peer->status.boot_signal = SDM_SIGNAL_NONE;
	peer->status.reset_signal = SDM_SIGNAL_NONE;
	init_waitqueue_head(&peer->wait);
	spin_lock_init(&peer->lock);
	mutex_init(&peer->action_lock);
	mutex_init(&peer->map_lock);

	sdm_object_born();
	device_initialize(&peer->dev);
	peer->dev.parent = &sdm->dev;
	peer->dev.bus = &sdm_bus;
	peer->dev.type = &sdm_peer_type;

	ret = dev_set_name(&peer->dev, "%s-p%u", dev_name(&sdm->dev), id);
	if (ret)
		goto err_put;
	ret = device_add(&peer->dev);
	if (ret)
		goto err_put;

	return peer;

err_put:
	put_device(&peer->dev);
	return ERR_PTR(ret);
}

/*
 * Finds a peer without taking a reference: for those who know that the device
 * is registered, since peers stay as long as it is.
 */
struct sdm_peer *sdm_peer_find(struct sdm_device *sdm, u32 id)
{
	if (id >= SDM_MAX_IDS)
		return NULL;

	/* Pairs with the release in sdm_peers_update(). */
	return smp_load_acquire(&sdm->peers[id]);
}

/**
 * sdm_peer_get() - get a peer of a device
 * @sdm: the device
 * @id: ID of the peer
 *
 * Return: the peer, for sdm_peer_put(), or an ERR_PTR(): -ENOENT if there is no
 * such ID, -ENODEV if the hardware is gone.
 */
struct sdm_peer *sdm_peer_get(struct sdm_device *sdm, u32 id)
{
	struct sdm_peer *peer = NULL;
	int ret = -ENODEV;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	if (srcu_dereference(sdm->ops, &sdm->srcu)) {
		ret = -ENOENT;
		if (id < READ_ONCE(sdm->num_ids))
			peer = sdm_peer_find(sdm, id);
		if (peer)
			get_device(&peer->dev);
	}
	srcu_read_unlock(&sdm->srcu, idx);

	return peer ? peer : ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(sdm_peer_get);

/**
 * sdm_peer_put() - give back a peer from sdm_peer_get()
 * @peer: the peer
 */
void sdm_peer_put(struct sdm_peer *peer)
{
	put_device(&peer->dev);
}
EXPORT_SYMBOL_GPL(sdm_peer_put);

/**
 * sdm_peer_get_status() - read the state of a peer
 * @peer: the peer
 * @status: filled in
 *
 * Return: 0, or -ENODEV if the hardware is gone.
 */
int sdm_peer_get_status(struct sdm_peer *peer, struct sdm_peer_status *status)
{
	return sdm_hw_read_peer(peer->sdm, peer->id, status);
}
EXPORT_SYMBOL_GPL(sdm_peer_get_status);

/**
 * sdm_peer_get_link() - read the state of a peer's connection
 * @peer: the peer
 * @link: filled in
 *
 * Quicker than all of sdm_peer_get_status(). Any context but NMI.
 *
 * Return: 0, or -ENODEV if the hardware is gone.
 */
int sdm_peer_get_link(struct sdm_peer *peer, struct sdm_link *link)
{
	return sdm_hw_read_link(peer->sdm, peer->id, link);
}
EXPORT_SYMBOL_GPL(sdm_peer_get_link);

static void sdm_peer_uevent(struct sdm_peer *peer, u32 state)
{
	char text[32];
	char *envp[2] = { text };

	snprintf(text, sizeof(text), "SDM_STATE=%s", sdm_state_name(state));
	kobject_uevent_env(&peer->dev.kobj, KOBJ_CHANGE, envp);
}

/* Takes over the state of the hardware and tells who wants to know. */
static void sdm_peer_update(struct sdm_peer *peer)
{
	struct sdm_peer_status status;
	struct sdm_link old;
	bool new_state;

	if (sdm_hw_read_peer(peer->sdm, peer->id, &status))
		return;

	spin_lock_irq(&peer->lock);
	old = peer->status.link;
	peer->status = status;
	spin_unlock_irq(&peer->lock);

	/* Somebody may wait for an action, or for room that will not come. */
	wake_up_all(&peer->wait);

	new_state = status.link.state != old.state;
	if (!new_state && status.link.flags == old.flags &&
	    status.link.generation == old.generation)
		return;
	trace_sdm_peer(peer, &status.link);
	/* Its place may become another peer's. */
	if (status.link.generation != old.generation ||
	    !sdm_link_is_up(&status.link))
		sdm_window_revoke(peer);
	sdm_clients_peer_changed(peer, &status.link);
	if (new_state)
		sdm_peer_uevent(peer, status.link.state);
}

/*
 * Creates the peers that are missing. The number of IDs grows when a slave
 * first meets its master; should it shrink, the peers beyond it stay but are
 * not found any more.
 */
int sdm_peers_update(struct sdm_device *sdm)
{
	struct sdm_hw_info info;
	struct sdm_peer *peer;
	int ret;
	u32 id;

	ret = sdm_hw_read_info(sdm, &info);
	if (ret)
		return ret;

	for (id = 0; id < info.num_ids; id++) {
		if (sdm->peers[id])
			continue;
		peer = sdm_peer_create(sdm, id);
		if (IS_ERR(peer))
			return PTR_ERR(peer);
		/* Pairs with the acquire in sdm_peer_find(). */
		smp_store_release(&sdm->peers[id], peer);
		WRITE_ONCE(sdm->num_ids, max(sdm->num_ids, id + 1));
		sdm_peer_update(peer);
	}
	WRITE_ONCE(sdm->num_ids, info.num_ids);

	return 0;
}

/* The hardware is revoked: nobody looks for peers any more. */
void sdm_peers_remove(struct sdm_device *sdm)
{
	struct sdm_peer *peer;
	u32 id;

	for (id = 0; id < SDM_MAX_IDS; id++) {
		peer = sdm->peers[id];
		if (!peer)
			continue;
		sdm->peers[id] = NULL;
		sdm_window_revoke(peer);
		device_unregister(&peer->dev);
	}
}

void sdm_peers_wake(struct sdm_device *sdm)
{
	struct sdm_peer *peer;
	u32 id;

	for (id = 0; id < SDM_MAX_IDS; id++) {
		peer = sdm_peer_find(sdm, id);
		if (peer)
			wake_up_all(&peer->wait);
	}
}

void sdm_peer_work(struct work_struct *work)
{
	struct sdm_device *sdm = container_of(work, struct sdm_device, work);
	struct sdm_peer *peer;
	unsigned int id;
	int ret;

	ret = sdm_peers_update(sdm);
	if (ret && ret != -ENODEV)
		dev_warn(&sdm->dev, "cannot add peers: error %d\n", ret);

	for_each_set_bit(id, sdm->changed, SDM_MAX_IDS) {
		clear_bit(id, sdm->changed);
		/* Clear, then look: a change after this comes back here. */
		smp_mb__after_atomic();
		peer = sdm_peer_find(sdm, id);
		if (peer)
			sdm_peer_update(peer);
	}
}

/**
 * sdm_peer_event() - tell that the registers of a peer have changed
 * @sdm: the device
 * @id: ID of the peer
 *
 * For hardware drivers. Atomic context: the state is read and told later, so
 * events of peers have no order relative to signals.
 */
void sdm_peer_event(struct sdm_device *sdm, u32 id)
{
	struct sdm_peer *peer;

	if (id >= SDM_MAX_IDS)
		return;

	/*
	 * Who waits for an action looks at the registers. The work item may
	 * be held up by a client that waits for one.
	 */
	peer = sdm_peer_find(sdm, id);
	if (peer)
		wake_up_all(&peer->wait);

	set_bit(id, sdm->changed);
	schedule_work(&sdm->work);
}
EXPORT_SYMBOL_GPL(sdm_peer_event);

/*
 * Ownership. A client may claim a signal of a peer, in both directions, or the
 * life of the peer: its boot and reset. Unclaimed ones are for everybody.
 */

/**
 * sdm_claim_peer() - claim the right to boot and reset a peer
 * @peer: the peer
 * @client: who claims it
 *
 * Return: 0, or -EBUSY if it belongs to another client.
 */
int sdm_claim_peer(struct sdm_peer *peer, const struct sdm_client *client)
{
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&peer->lock, flags);
	if (!peer->owner)
		peer->owner = client;
	else if (peer->owner != client)
		ret = -EBUSY;
	spin_unlock_irqrestore(&peer->lock, flags);

	return ret;
}
EXPORT_SYMBOL_GPL(sdm_claim_peer);

/**
 * sdm_release_peer() - undo sdm_claim_peer()
 * @peer: the peer
 * @client: who claimed it
 */
void sdm_release_peer(struct sdm_peer *peer, const struct sdm_client *client)
{
	unsigned long flags;

	spin_lock_irqsave(&peer->lock, flags);
	if (peer->owner == client)
		peer->owner = NULL;
	spin_unlock_irqrestore(&peer->lock, flags);
}
EXPORT_SYMBOL_GPL(sdm_release_peer);

/**
 * sdm_claim_signal() - claim a signal
 * @peer: the peer to which it is sent, or from which it comes
 * @signal: its number
 * @client: who claims it
 *
 * Return: 0, -ENOENT if there is no such number, or -EBUSY if it belongs to
 * another client.
 */
int sdm_claim_signal(struct sdm_peer *peer, u32 signal,
		     const struct sdm_client *client)
{
	const struct sdm_client **owner;
	unsigned long flags;
	int ret = 0;

	if (signal >= SDM_NUM_SIGNALS)
		return -ENOENT;
	owner = &peer->signal_owners[signal];

	spin_lock_irqsave(&peer->lock, flags);
	if (!*owner)
		*owner = client;
	else if (*owner != client)
		ret = -EBUSY;
	spin_unlock_irqrestore(&peer->lock, flags);

	return ret;
}
EXPORT_SYMBOL_GPL(sdm_claim_signal);

/**
 * sdm_release_signal() - undo sdm_claim_signal()
 * @peer: the peer
 * @signal: number of the signal
 * @client: who claimed it
 */
void sdm_release_signal(struct sdm_peer *peer, u32 signal,
			const struct sdm_client *client)
{
	unsigned long flags;

	if (signal >= SDM_NUM_SIGNALS)
		return;

	spin_lock_irqsave(&peer->lock, flags);
	if (peer->signal_owners[signal] == client) {
		peer->signal_owners[signal] = NULL;
		if (peer->reported & BIT_ULL(signal)) {
			peer->reported &= ~BIT_ULL(signal);
			sdm_hw_report(peer->sdm, peer->id, peer->reported);
		}
	}
	spin_unlock_irqrestore(&peer->lock, flags);
}
EXPORT_SYMBOL_GPL(sdm_release_signal);

/**
 * sdm_report_signal() - ask to be told when a signal has been taken
 * @peer: the peer to which it is sent
 * @signal: its number
 * @client: who has claimed it
 *
 * From now on the client's taken() is called when software of the peer takes
 * the signal, or throws it away, until it is released. If several are under way
 * one call may stand for some of them. When the link breaks it does not come
 * for those under way.
 *
 * Return: 0, -EPERM if the client has not claimed the signal, -EOPNOTSUPP if
 * the device does not tell, -ENODEV if the hardware is gone.
 */
int sdm_report_signal(struct sdm_peer *peer, u32 signal,
		      const struct sdm_client *client)
{
	unsigned long flags;
	int ret = -EPERM;

	if (!(peer->sdm->caps.features & SDM_FEAT_TAKEN))
		return -EOPNOTSUPP;
	if (signal >= SDM_NUM_SIGNALS || signal >= SDM_MAX_REPORTED)
		return -EPERM;

	spin_lock_irqsave(&peer->lock, flags);
	if (peer->signal_owners[signal] == client) {
		ret = sdm_hw_report(peer->sdm, peer->id,
				    peer->reported | BIT_ULL(signal));
		if (!ret)
			peer->reported |= BIT_ULL(signal);
	}
	spin_unlock_irqrestore(&peer->lock, flags);

	return ret;
}
EXPORT_SYMBOL_GPL(sdm_report_signal);

/* Those of the signals that the client has claimed. */
u64 sdm_peer_own_signals(struct sdm_peer *peer, const struct sdm_client *client,
			 u64 signals)
{
	unsigned long flags;
	unsigned int signal;
	u64 own = 0;

	spin_lock_irqsave(&peer->lock, flags);
	for (signal = 0; signal < SDM_NUM_SIGNALS; signal++) {
		if (peer->signal_owners[signal] == client)
			own |= BIT_ULL(signal);
	}
	spin_unlock_irqrestore(&peer->lock, flags);

	return own & signals;
}

/* Releases all that a client has claimed of a device. */
void sdm_peers_disown(struct sdm_device *sdm, const struct sdm_client *client)
{
	struct sdm_peer *peer;
	u32 id, signal;

	for (id = 0; id < SDM_MAX_IDS; id++) {
		peer = sdm_peer_find(sdm, id);
		if (!peer)
			continue;
		sdm_release_peer(peer, client);
		for (signal = 0; signal < SDM_NUM_SIGNALS; signal++)
			sdm_release_signal(peer, signal, client);
	}
}

/* May the client send this signal? */
int sdm_peer_check_owner(struct sdm_peer *peer, const struct sdm_client *client,
			 u32 signal)
{
	const struct sdm_client *owner;
	unsigned long flags;

	spin_lock_irqsave(&peer->lock, flags);
	owner = peer->signal_owners[signal];
	if (!owner && (signal == peer->status.boot_signal ||
		       signal == peer->status.reset_signal))
		owner = peer->owner;
	spin_unlock_irqrestore(&peer->lock, flags);

	return !owner || owner == client ? 0 : -EBUSY;
}

const struct sdm_client *sdm_peer_signal_owner(struct sdm_device *sdm, u32 id,
					       u32 signal)
{
	struct sdm_peer *peer = sdm_peer_find(sdm, id);

	return peer ? READ_ONCE(peer->signal_owners[signal]) : NULL;
}
