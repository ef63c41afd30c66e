// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM mailbox controller: each signal of each peer is a mailbox.
 *
 * A channel has a pair of a peer and a signal, sends that signal to that peer,
 * and gets what comes from there. Who has the channel has the signal alone. A
 * message is done when the peer's software has taken it.
 *
 * Locks, outermost first: that of the framework's channel, sdm_mbox_chan.lock,
 * the core's. Callbacks of the core run under RCU: who waits for a grace period
 * knows that none is at work. The framework is never called with a lock held.
 */

#include <linux/mailbox_client.h>
#include <linux/mailbox_controller.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"
#include "mailbox-tx.h"
#include "sdm.h"

/* Channels that clients can have at the same time. */
#define SDM_MBOX_CHANS 64

/**
 * struct sdm_mbox_chan - a channel
 * @chan: the framework's part
 * @id: ID of its peer
 * @signal: number of its signal
 * @peer: the peer, whose signal is claimed; NULL if nobody has the channel. Stays
 *	after the client has gone as long as a message is under way, or the
 *	next client would take what is told of it for its own. By sdm_mbox.mutex
 * @lock: protects the members below
 * @open: there is a client
 * @tx: messages to be sent
 * @error: why the current message could not be sent, for the work item
 */
struct sdm_mbox_chan {
	struct mbox_chan *chan;
	u32 id;
	u32 signal;
	struct sdm_peer *peer;

	spinlock_t lock; /* see above */
	bool open;
	struct sdm_mbox_tx tx;
	int error;
};

/**
 * struct sdm_mbox - a mailbox controller, one for each SDM
 * @sdm: the device
 * @pdev: its child, which has the driver that the framework pins; or NULL
 * @controller: the framework's part
 * @chans: the framework's channels
 * @own: ours, in the same order
 * @mutex: protects sdm_mbox_chan.peer
 * @index: channels that have a peer, by sdm_mbox_key()
 * @work: what cannot be done where it is found out
 * @received: the message that is handed on; the core tells one at a time
 */
struct sdm_mbox {
	struct sdm_device *sdm;
	struct platform_device *pdev;
	struct mbox_controller controller;
	struct mbox_chan chans[SDM_MBOX_CHANS];
	struct sdm_mbox_chan own[SDM_MBOX_CHANS];
	struct mutex mutex; /* see above */
	struct xarray index;
	struct work_struct work;
	u8 received[SDM_MBOX_RX_SIZE];
};

static struct sdm_client sdm_mbox_client;

static unsigned long sdm_mbox_key(u32 id, u32 signal)
{
	return id * SDM_NUM_SIGNALS + signal;
}

static unsigned long sdm_mbox_first_key(const struct sdm_peer *peer)
{
	return sdm_mbox_key(peer->id, 0);
}

static unsigned long sdm_mbox_last_key(const struct sdm_peer *peer)
{
	return sdm_mbox_key(peer->id, SDM_NUM_SIGNALS - 1);
}

/*
 * Sends what waits, if it is time. -EAGAIN is no error: tx_free() follows.
 * Anything else is the end of the current message.
 */
static int sdm_mbox_push(struct sdm_mbox_chan *own, const struct sdm_link *link)
{
	u64 payload[SDM_MSG_WORDS] = { own->tx.word };
	int ret = -ENOLINK;

	lockdep_assert_held(&own->lock);

	if (!sdm_mbox_tx_is_ready(&own->tx))
		return 0;

	if (link->generation == own->tx.generation)
		ret = sdm_send(own->peer, &sdm_mbox_client, own->signal,
			       payload);
	if (ret == -EAGAIN)
		return 0;
	if (ret)
		own->tx.waiting = false;
	else
		sdm_mbox_tx_sent(&own->tx);

	return ret;
}

/*
 * The framework would keep a message that is not accepted and nobody would try
 * again. So all are accepted, and those that fail are done, with their error,
 * from the work item: here the framework holds its lock.
 */
static int sdm_mbox_send_data(struct mbox_chan *chan, void *data)
{
	struct sdm_mbox_chan *own = chan->con_priv;
	struct sdm_mbox *mbox = container_of(chan->mbox, struct sdm_mbox,
					     controller);
	struct sdm_link link;
	unsigned long flags;

	spin_lock_irqsave(&own->lock, flags);
	own->error = sdm_peer_get_link(own->peer, &link);
	if (!own->error) {
		sdm_mbox_tx_put(&own->tx, sdm_mbox_get_message(data), &link);
		own->error = sdm_mbox_push(own, &link);
	}
	if (own->error)
		schedule_work(&mbox->work);
	spin_unlock_irqrestore(&own->lock, flags);

	return 0;
}

/* There is room, or the one before has been taken. */
static void sdm_mbox_retry(struct sdm_mbox_chan *own)
{
	struct sdm_link link;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&own->lock, flags);
	if (sdm_mbox_tx_is_ready(&own->tx)) {
		ret = sdm_peer_get_link(own->peer, &link);
		if (ret)
			own->tx.waiting = false;
		else
			ret = sdm_mbox_push(own, &link);
	}
	spin_unlock_irqrestore(&own->lock, flags);

	if (ret)
		mbox_chan_txdone(own->chan, ret);
}

/* Nobody has the channel, and nothing is under way any more. */
static void sdm_mbox_release(struct sdm_mbox *mbox, struct sdm_mbox_chan *own)
{
	lockdep_assert_held(&mbox->mutex);

	xa_erase(&mbox->index, sdm_mbox_key(own->id, own->signal));
	synchronize_rcu();
	sdm_release_signal(own->peer, own->signal, &sdm_mbox_client);
	sdm_peer_put(own->peer);
	own->peer = NULL;
}

static bool sdm_mbox_is_idle(struct sdm_mbox_chan *own)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&own->lock, flags);
	idle = !own->open && !own->tx.under_way;
	spin_unlock_irqrestore(&own->lock, flags);

	return idle;
}

static void sdm_mbox_work(struct work_struct *work)
{
	struct sdm_mbox *mbox = container_of(work, struct sdm_mbox, work);
	struct sdm_mbox_chan *own;
	unsigned long flags, key;
	unsigned int i;
	int error;

	rcu_read_lock();
	xa_for_each(&mbox->index, key, own) {
		spin_lock_irqsave(&own->lock, flags);
		error = own->error;
		own->error = 0;
		spin_unlock_irqrestore(&own->lock, flags);
		if (error)
			mbox_chan_txdone(own->chan, error);
	}
	rcu_read_unlock();

	mutex_lock(&mbox->mutex);
	for (i = 0; i < SDM_MBOX_CHANS; i++) {
		own = &mbox->own[i];
		if (own->peer && sdm_mbox_is_idle(own))
			sdm_mbox_release(mbox, own);
	}
	mutex_unlock(&mbox->mutex);
}

/* Gets the peer and its signal for a channel. */
static int sdm_mbox_acquire(struct sdm_mbox *mbox, struct sdm_mbox_chan *own)
{
	struct sdm_peer_status status;
	struct sdm_peer *peer;
	int ret;

	lockdep_assert_held(&mbox->mutex);

	peer = sdm_peer_get(mbox->sdm, own->id);
	if (IS_ERR(peer))
		return PTR_ERR(peer);

	ret = sdm_peer_get_status(peer, &status);
	if (ret)
		goto err_put;
	/* These are no messages. */
	ret = -EBUSY;
	if (own->signal == status.boot_signal ||
	    own->signal == status.reset_signal)
		goto err_put;

	ret = sdm_claim_signal(peer, own->signal, &sdm_mbox_client);
	if (ret)
		goto err_put;
	ret = sdm_report_signal(peer, own->signal, &sdm_mbox_client);
	if (ret)
		goto err_release;
	own->peer = peer;
	memset(&own->tx, 0, sizeof(own->tx));
	ret = xa_err(xa_store(&mbox->index, sdm_mbox_key(own->id, own->signal),
			      own, GFP_KERNEL));
	if (ret)
		goto err_disown;

	return 0;

err_disown:
	own->peer = NULL;
err_release:
	sdm_release_signal(peer, own->signal, &sdm_mbox_client);
err_put:
	sdm_peer_put(peer);
	return ret;
}

/*
 * A client must not outlive the device: the framework would leave it a channel
 * that is gone. Links that the kernel makes for device-tree nodes see to that,
 * but not always and everywhere.
 */
static int sdm_mbox_link(struct sdm_mbox *mbox, struct device *client)
{
	struct device *supplier = mbox->sdm->dev.parent;

	if (!client || device_link_add(client, supplier,
				       DL_FLAG_AUTOPROBE_CONSUMER))
		return 0;

	return -ENODEV;
}

static int sdm_mbox_startup(struct mbox_chan *chan)
{
	struct sdm_mbox *mbox = container_of(chan->mbox, struct sdm_mbox,
					     controller);
	struct sdm_mbox_chan *own = chan->con_priv;
	int ret;

	ret = sdm_mbox_link(mbox, chan->cl->dev);
	if (ret)
		return ret;

	mutex_lock(&mbox->mutex);
	/* What the last client has left under way goes first. */
	if (!own->peer)
		ret = sdm_mbox_acquire(mbox, own);
	if (!ret) {
		spin_lock_irq(&own->lock);
		own->open = true;
		own->error = 0;
		spin_unlock_irq(&own->lock);
	}
	mutex_unlock(&mbox->mutex);

	return ret;
}

/* Is called after a failed startup, too. */
static void sdm_mbox_shutdown(struct mbox_chan *chan)
{
	struct sdm_mbox *mbox = container_of(chan->mbox, struct sdm_mbox,
					     controller);
	struct sdm_mbox_chan *own = chan->con_priv;

	mutex_lock(&mbox->mutex);
	if (own->peer) {
		spin_lock_irq(&own->lock);
		own->open = false;
		own->error = 0;
		own->tx.waiting = false;
		spin_unlock_irq(&own->lock);
		/* From here on nobody calls the client. */
		synchronize_rcu();
		if (sdm_mbox_is_idle(own))
			sdm_mbox_release(mbox, own);
	}
	mutex_unlock(&mbox->mutex);
}

static const struct mbox_chan_ops sdm_mbox_chan_ops = {
	.send_data = sdm_mbox_send_data,
	.startup = sdm_mbox_startup,
	.shutdown = sdm_mbox_shutdown,
};

/*
 * Finds the channel with a pair, or gives one to it. The framework makes one call
 * at a time, and refuses a channel that has a client.
 */
static struct mbox_chan *sdm_mbox_find(struct sdm_mbox *mbox, u32 id,
				       u32 signal)
{
	struct mbox_chan *unused = NULL;
	struct sdm_mbox_chan *own;
	unsigned int i;

	lockdep_assert_held(&mbox->mutex);

	for (i = 0; i < SDM_MBOX_CHANS; i++) {
		own = &mbox->own[i];
		if (!own->chan->cl && !own->peer)
			unused = unused ? unused : own->chan;
		else if (own->id == id && own->signal == signal)
			return own->chan;
	}
	if (!unused)
		return ERR_PTR(-ENOSPC);

	own = unused->con_priv;
	own->id = id;
	own->signal = signal;

	return unused;
}

static struct mbox_chan *sdm_mbox_of_xlate(struct mbox_controller *controller,
					   const struct of_phandle_args *spec)
{
	struct sdm_mbox *mbox = container_of(controller, struct sdm_mbox,
					     controller);
	struct mbox_chan *chan;
	struct sdm_peer *peer;
	u32 id, signal;

	if (spec->args_count != 2)
		return ERR_PTR(-EINVAL);
	id = spec->args[0];
	signal = spec->args[1];
	if (id >= SDM_MAX_IDS || signal >= SDM_NUM_SIGNALS)
		return ERR_PTR(-EINVAL);

	/* A slave that was never connected does not know how many there are. */
	peer = sdm_peer_get(mbox->sdm, id);
	if (IS_ERR(peer))
		return ERR_PTR(PTR_ERR(peer) == -ENOENT ? -EPROBE_DEFER :
							  PTR_ERR(peer));
	sdm_peer_put(peer);

	mutex_lock(&mbox->mutex);
	chan = sdm_mbox_find(mbox, id, signal);
	mutex_unlock(&mbox->mutex);

	return chan;
}

/* Calls of the core */

static bool sdm_mbox_signal(struct sdm_device *sdm, void *data,
			    const struct sdm_msg *msg)
{
	struct sdm_mbox *mbox = data;
	struct sdm_mbox_chan *own;

	own = xa_load(&mbox->index, sdm_mbox_key(msg->source, msg->signal));
	if (!own || !READ_ONCE(own->open))
		return false;

	sdm_mbox_put_message(mbox->received, msg->payload);
	mbox_chan_received_data(own->chan, mbox->received);

	return true;
}

static void sdm_mbox_tx_free(struct sdm_device *sdm, void *data,
			     struct sdm_peer *peer)
{
	struct sdm_mbox *mbox = data;
	struct sdm_mbox_chan *own;
	unsigned long key;

	xa_for_each_range(&mbox->index, key, own, sdm_mbox_first_key(peer),
			  sdm_mbox_last_key(peer))
		sdm_mbox_retry(own);
}

static void sdm_mbox_taken(struct sdm_device *sdm, void *data,
			   struct sdm_peer *peer, u64 signals)
{
	struct sdm_mbox *mbox = data;
	struct sdm_mbox_chan *own;
	unsigned long flags, key;
	bool done, open;

	xa_for_each_range(&mbox->index, key, own, sdm_mbox_first_key(peer),
			  sdm_mbox_last_key(peer)) {
		if (!(signals & BIT_ULL(own->signal)))
			continue;
		spin_lock_irqsave(&own->lock, flags);
		done = sdm_mbox_tx_taken(&own->tx);
		open = own->open;
		spin_unlock_irqrestore(&own->lock, flags);

		if (!open)
			schedule_work(&mbox->work);
		else if (done)
			mbox_chan_txdone(own->chan, 0);
		else
			sdm_mbox_retry(own);
	}
}

/*
 * What was under way has gone with the connection. The state is read again: a
 * message may have been sent after the change that is told here.
 */
static void sdm_mbox_peer_changed(struct sdm_device *sdm, void *data,
				  struct sdm_peer *peer,
				  const struct sdm_link *link)
{
	struct sdm_mbox *mbox = data;
	struct sdm_mbox_chan *own;
	unsigned long flags, key;
	struct sdm_link now;
	bool lost, open;
	int ret;

	rcu_read_lock();
	xa_for_each_range(&mbox->index, key, own, sdm_mbox_first_key(peer),
			  sdm_mbox_last_key(peer)) {
		spin_lock_irqsave(&own->lock, flags);
		ret = sdm_peer_get_link(peer, &now);
		lost = sdm_mbox_tx_lost(&own->tx, ret ? NULL : &now);
		open = own->open;
		spin_unlock_irqrestore(&own->lock, flags);

		if (!open)
			schedule_work(&mbox->work);
		else if (lost)
			mbox_chan_txdone(own->chan, -ENOLINK);
	}
	rcu_read_unlock();
}

static int sdm_mbox_add(struct sdm_device *sdm, void **data)
{
	struct sdm_mbox *mbox;
	unsigned int i;

	mbox = kzalloc(sizeof(*mbox), GFP_KERNEL);
	if (!mbox)
		return -ENOMEM;

	mbox->sdm = sdm;
	mutex_init(&mbox->mutex);
	xa_init(&mbox->index);
	INIT_WORK(&mbox->work, sdm_mbox_work);
	for (i = 0; i < SDM_MBOX_CHANS; i++) {
		mbox->own[i].chan = &mbox->chans[i];
		mbox->chans[i].con_priv = &mbox->own[i];
		spin_lock_init(&mbox->own[i].lock);
	}
	*data = mbox;

	return 0;
}

/*
 * The framework wants a device that has the node to which clients refer, and a
 * driver whose module stays as long as there are clients: a child has both.
 */
static void sdm_mbox_added(struct sdm_device *sdm, void *data)
{
	struct fwnode_handle *fwnode = dev_fwnode(sdm->dev.parent);
	struct sdm_mbox *mbox = data;
	struct platform_device_info info = {
		.parent = &sdm->dev,
		.fwnode = fwnode,
		.of_node_reused = true,
		.name = "sdm-mailbox",
		.id = sdm->index,
		.data = &mbox,
		.size_data = sizeof(mbox),
	};
	struct platform_device *pdev;

	if (!fwnode || !fwnode_property_present(fwnode, "#mbox-cells"))
		return;
	if (!(sdm->caps.features & SDM_FEAT_TAKEN)) {
		dev_info(&sdm->dev, "no mailboxes: the device does not tell when a signal is taken\n");
		return;
	}

	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		dev_warn(&sdm->dev, "no mailboxes: error %ld\n", PTR_ERR(pdev));
	else
		mbox->pdev = pdev;
}

static void sdm_mbox_remove_client(struct sdm_device *sdm, void *data)
{
	struct sdm_mbox *mbox = data;
	unsigned int i;

	if (mbox->pdev)
		platform_device_unregister(mbox->pdev);
	cancel_work_sync(&mbox->work);
	mutex_lock(&mbox->mutex);
	for (i = 0; i < SDM_MBOX_CHANS; i++) {
		if (mbox->own[i].peer)
			sdm_mbox_release(mbox, &mbox->own[i]);
	}
	mutex_unlock(&mbox->mutex);
	xa_destroy(&mbox->index);
	mutex_destroy(&mbox->mutex);
	kfree(mbox);
}

static struct sdm_client sdm_mbox_client = {
	.name = "sdm_mailbox",
	.add = sdm_mbox_add,
	.added = sdm_mbox_added,
	.remove = sdm_mbox_remove_client,
	.signal = sdm_mbox_signal,
	.tx_free = sdm_mbox_tx_free,
	.taken = sdm_mbox_taken,
	.peer_changed = sdm_mbox_peer_changed,
};

static int sdm_mbox_probe(struct platform_device *pdev)
{
	struct sdm_mbox *const *data = dev_get_platdata(&pdev->dev);
	struct sdm_mbox *mbox = *data;

	mbox->controller.dev = &pdev->dev;
	mbox->controller.ops = &sdm_mbox_chan_ops;
	mbox->controller.chans = mbox->chans;
	mbox->controller.num_chans = SDM_MBOX_CHANS;
	mbox->controller.txdone_irq = true;
	mbox->controller.of_xlate = sdm_mbox_of_xlate;

	return devm_mbox_controller_register(&pdev->dev, &mbox->controller);
}

static struct platform_driver sdm_mbox_driver = {
	.probe = sdm_mbox_probe,
	.driver = {
		.name = "sdm-mailbox",
		.suppress_bind_attrs = true,
	},
};

static int __init sdm_mbox_init(void)
{
	int ret;

	ret = platform_driver_register(&sdm_mbox_driver);
	if (ret)
		return ret;
	ret = sdm_register_client(&sdm_mbox_client);
	if (ret)
		platform_driver_unregister(&sdm_mbox_driver);

	return ret;
}
module_init(sdm_mbox_init);

static void __exit sdm_mbox_exit(void)
{
	sdm_unregister_client(&sdm_mbox_client);
	platform_driver_unregister(&sdm_mbox_driver);
}
module_exit(sdm_mbox_exit);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module mailbox controller");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
/* Whatever loads the device's driver loads this, too. */
MODULE_ALIAS("of:N*T*C" SDM_DT_COMPATIBLE);
MODULE_ALIAS("of:N*T*C" SDM_DT_COMPATIBLE "C*");
