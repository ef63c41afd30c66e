// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM remoteproc driver: signals about the rings of virtio devices. The rules are
 * in Documentation/rpmsg.rst.
 */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include <sdm/sdm-rproc.h>

#include "compat-remoteproc.h"
#include "remoteproc.h"

/* How long one attempt to send a kick waits for room at the slave. */
#define SDM_RPROC_KICK_TIMEOUT HZ
/* Between attempts that fail at once */
#define SDM_RPROC_RETRY_MS 50

static const u64 sdm_rproc_kick_payload[SDM_MSG_WORDS] = { SDM_RPROC_KICK };

static void sdm_rproc_kick_later(struct sdm_rproc *priv)
{
	set_bit(SDM_RPROC_KICK_DUE, &priv->due);
	queue_work(sdm_rproc_wq, &priv->kick);
}

/*
 * Tells the slave of all that has been written so far. Any context: whatever may
 * take a while is left to a work item.
 */
void sdm_rproc_kick(struct rproc *rproc, int vqid)
{
	struct sdm_rproc *priv = rproc->priv;

	/*
	 * What the caller has written before the bit is looked at. Pairs with
	 * the one in sdm_rproc_kick_work().
	 */
	smp_mb();
	if (test_bit(SDM_RPROC_KICK_DUE, &priv->due) ||
	    sdm_rproc_table_changed(priv) ||
	    sdm_send(priv->peer, &sdm_rproc_client, SDM_RPROC_SIGNAL,
		     sdm_rproc_kick_payload) == -EAGAIN)
		sdm_rproc_kick_later(priv);
}

/* As long as there are rings, or until sdm_rproc_stop_kicks(). */
void sdm_rproc_kick_work(struct work_struct *work)
{
	struct sdm_rproc *priv = container_of(work, struct sdm_rproc, kick);
	int ret = 0;

	if (test_and_clear_bit(SDM_RPROC_TABLE_DUE, &priv->due) ||
	    sdm_rproc_table_changed(priv))
		ret = sdm_rproc_push_table(priv, priv->rproc->table_ptr);
	if (ret)
		set_bit(SDM_RPROC_TABLE_DUE, &priv->due);

	clear_bit(SDM_RPROC_KICK_DUE, &priv->due);
	/* Who has seen the bit set has written before, and that is sent now. */
	smp_mb__after_atomic();
	if (!ret)
		ret = sdm_send_timeout(priv->peer, &sdm_rproc_client,
				       SDM_RPROC_SIGNAL, sdm_rproc_kick_payload,
				       SDM_RPROC_KICK_TIMEOUT);
	if (!ret || ret == -ENOLINK || ret == -ENODEV ||
	    READ_ONCE(priv->going))
		return;

	if (ret != -ETIMEDOUT) {
		dev_warn_ratelimited(&priv->rproc->dev,
				     "%s is not told of messages yet: error %d\n",
				     priv->rproc->name, ret);
		msleep(SDM_RPROC_RETRY_MS);
	}
	sdm_rproc_kick_later(priv);
}

/* There are no more rings. */
void sdm_rproc_stop_kicks(struct sdm_rproc *priv)
{
	cancel_work_sync(&priv->kick);
	priv->due = 0;
}

/* The slave lets go of the rings. */
int sdm_rproc_release_rings(struct sdm_rproc *priv)
{
	int ret;

	/* It may be another one, which knows of nothing. */
	if (!priv->num_vdevs || !sdm_rproc_is_same(priv))
		return 0;
	ret = sdm_rproc_push_table(priv, priv->attached_table);
	if (!ret)
		ret = sdm_send_timeout(priv->peer, &sdm_rproc_client,
				       SDM_RPROC_SIGNAL, sdm_rproc_kick_payload,
				       SDM_RPROC_KICK_TIMEOUT);

	return ret;
}

/*
 * The rproc's lock keeps the rings. A start holds it until they are there, so a
 * kick is not missed that comes before.
 */
void sdm_rproc_rx_work(struct work_struct *work)
{
	struct sdm_rproc *priv = container_of(work, struct sdm_rproc, rx);
	struct rproc *rproc = priv->rproc;
	int id;

	mutex_lock(&rproc->lock);
	if (priv->num_vdevs && (rproc->state == RPROC_RUNNING ||
				rproc->state == RPROC_ATTACHED)) {
		if (test_and_clear_bit(SDM_RPROC_HELLO_DUE, &priv->due)) {
			set_bit(SDM_RPROC_TABLE_DUE, &priv->due);
			sdm_rproc_kick_later(priv);
		}
		for (id = 0; id <= rproc->max_notifyid; id++)
			rproc_vq_interrupt(rproc, id);
	}
	mutex_unlock(&rproc->lock);
}

/* Atomic. */
void sdm_rproc_receive(struct sdm_rproc *priv, const struct sdm_msg *msg)
{
	switch (msg->payload[0]) {
	case SDM_RPROC_HELLO:
		set_bit(SDM_RPROC_HELLO_DUE, &priv->due);
		fallthrough;
	case SDM_RPROC_KICK:
		queue_work(sdm_rproc_rx_wq, &priv->rx);
		break;
	default:
		break;
	}
}
