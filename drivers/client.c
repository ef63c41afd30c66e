// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: clients, and what is told to them.
 */

#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "core.h"
#include "sdm_trace.h"

/* Protects both lists and sdm_device.attachments; serialises clients' calls. */
DEFINE_MUTEX(sdm_lock);
static LIST_HEAD(sdm_devices);
static LIST_HEAD(sdm_clients);

/**
 * struct sdm_attachment - one device of one client
 * @node: in sdm_device.attachments, changed under sdm_lock, read under RCU
 * @client: the client
 * @data: what its add() returned
 */
struct sdm_attachment {
	struct list_head node;
	struct sdm_client *client;
	void *data;
};

static void sdm_client_attach(struct sdm_device *sdm, struct sdm_client *client)
{
	struct sdm_attachment *att;
	int ret = -ENOMEM;

	lockdep_assert_held(&sdm_lock);

	att = kzalloc(sizeof(*att), GFP_KERNEL);
	if (!att)
		goto err_warn;
	att->client = client;

	if (client->add) {
		ret = client->add(sdm, &att->data);
		if (ret)
			goto err_free;
	}
	list_add_tail_rcu(&att->node, &sdm->attachments);
	if (client->added)
		client->added(sdm, att->data);
	return;

err_free:
	kfree(att);
err_warn:
	dev_warn(&sdm->dev, "not available to %s: error %d\n", client->name,
		 ret);
}

static void sdm_client_detach(struct sdm_device *sdm,
			      struct sdm_attachment *att)
{
	struct sdm_client *client = att->client;

	lockdep_assert_held(&sdm_lock);

	list_del_rcu(&att->node);
	synchronize_rcu();
	if (client->remove)
		client->remove(sdm, att->data);
	sdm_peers_disown(sdm, client);
	kfree(att);
}

/**
 * sdm_register_client() - register a client
 * @client: the client
 *
 * Offers all devices to the client, now and when they come.
 *
 * Return: 0 or a negative errno.
 */
int sdm_register_client(struct sdm_client *client)
{
	struct sdm_device *sdm;

	if (!client->name || !client->signal)
		return -EINVAL;

	mutex_lock(&sdm_lock);
	list_add_tail(&client->node, &sdm_clients);
	list_for_each_entry(sdm, &sdm_devices, node)
		sdm_client_attach(sdm, client);
	mutex_unlock(&sdm_lock);

	return 0;
}
EXPORT_SYMBOL_GPL(sdm_register_client);

/**
 * sdm_unregister_client() - unregister a client
 * @client: the client
 *
 * Takes all devices from the client. What it has claimed is released.
 */
void sdm_unregister_client(struct sdm_client *client)
{
	struct sdm_attachment *att, *next;
	struct sdm_device *sdm;

	mutex_lock(&sdm_lock);
	list_del(&client->node);
	list_for_each_entry(sdm, &sdm_devices, node) {
		list_for_each_entry_safe(att, next, &sdm->attachments, node) {
			if (att->client == client)
				sdm_client_detach(sdm, att);
		}
	}
	mutex_unlock(&sdm_lock);
}
EXPORT_SYMBOL_GPL(sdm_unregister_client);

void sdm_clients_add_device(struct sdm_device *sdm)
{
	struct sdm_client *client;

	mutex_lock(&sdm_lock);
	list_add_tail(&sdm->node, &sdm_devices);
	list_for_each_entry(client, &sdm_clients, node)
		sdm_client_attach(sdm, client);
	mutex_unlock(&sdm_lock);
}

void sdm_clients_remove_device(struct sdm_device *sdm)
{
	struct sdm_attachment *att, *next;

	mutex_lock(&sdm_lock);
	list_for_each_entry_safe_reverse(att, next, &sdm->attachments, node)
		sdm_client_detach(sdm, att);
	list_del(&sdm->node);
	mutex_unlock(&sdm_lock);
}

void sdm_clients_peer_changed(struct sdm_peer *peer,
			      const struct sdm_link *link)
{
	struct sdm_device *sdm = peer->sdm;
	struct sdm_attachment *att;

	mutex_lock(&sdm_lock);
	list_for_each_entry(att, &sdm->attachments, node) {
		if (att->client->peer_changed)
			att->client->peer_changed(sdm, att->data, peer, link);
	}
	mutex_unlock(&sdm_lock);
}

/* A signal with an owner goes to the owner, others go to all clients. */
static bool sdm_clients_signal(struct sdm_device *sdm,
			       const struct sdm_msg *msg)
{
	const struct sdm_client *owner;
	struct sdm_attachment *att;
	bool claimed = false;

	owner = sdm_peer_signal_owner(sdm, msg->source, msg->signal);

	rcu_read_lock();
	list_for_each_entry_rcu(att, &sdm->attachments, node) {
		if (owner && owner != att->client)
			continue;
		if (att->client->signal(sdm, att->data, msg))
			claimed = true;
	}
	rcu_read_unlock();

	return claimed;
}

/**
 * sdm_receive() - hand on a signal that was received
 * @sdm: the device
 * @msg: the signal; the time is set here
 *
 * For hardware drivers. Atomic context.
 */
void sdm_receive(struct sdm_device *sdm, struct sdm_msg *msg)
{
	struct sdm_peer *peer;
	bool claimed = false;

	msg->timestamp_ns = ktime_get_ns();
	if (msg->signal < SDM_NUM_SIGNALS)
		claimed = sdm_clients_signal(sdm, msg);
	trace_sdm_receive(sdm, msg, claimed);

	peer = sdm_peer_find(sdm, msg->source);
	if (peer)
		atomic64_inc(&peer->rx);
	if (!claimed)
		atomic64_inc(&sdm->unclaimed);
}
EXPORT_SYMBOL_GPL(sdm_receive);

/**
 * sdm_taken() - tell that signals have been taken
 * @sdm: the device
 * @id: ID of the peer that has taken them
 * @signals: a bit for each number
 *
 * For hardware drivers. Atomic context.
 */
void sdm_taken(struct sdm_device *sdm, u32 id, u64 signals)
{
	struct sdm_peer *peer = sdm_peer_find(sdm, id);
	struct sdm_attachment *att;
	u64 own;

	if (!peer)
		return;

	rcu_read_lock();
	list_for_each_entry_rcu(att, &sdm->attachments, node) {
		if (!att->client->taken)
			continue;
		own = sdm_peer_own_signals(peer, att->client, signals);
		if (own)
			att->client->taken(sdm, att->data, peer, own);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(sdm_taken);

/**
 * sdm_tx_free() - tell that a peer that was busy has room
 * @sdm: the device
 * @id: ID of the peer
 *
 * For hardware drivers. Atomic context.
 */
void sdm_tx_free(struct sdm_device *sdm, u32 id)
{
	struct sdm_peer *peer = sdm_peer_find(sdm, id);
	struct sdm_attachment *att;

	if (!peer)
		return;

	wake_up_all(&peer->wait);

	rcu_read_lock();
	list_for_each_entry_rcu(att, &sdm->attachments, node) {
		if (att->client->tx_free)
			att->client->tx_free(sdm, att->data, peer);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(sdm_tx_free);
