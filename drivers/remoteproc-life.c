// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM remoteproc driver: start and stop, and what becomes of the rproc when
 * something happens to the slave.
 *
 * Locks: the core's sdm_lock is outside of the rproc's lock. Nothing here takes
 * the former.
 */

#include <linux/jiffies.h>
#include <linux/mutex.h>

#include <sdm/sdm-rproc.h>

#include "remoteproc.h"

/* No slave takes that long, unless it hangs. */
#define SDM_RPROC_BOOT_TIMEOUT	(10 * HZ)
#define SDM_RPROC_RESET_TIMEOUT	(5 * HZ)

/* What is to be done, which the rproc's lock must not be held for. */
enum sdm_rproc_act {
	SDM_RPROC_NOTHING,
	SDM_RPROC_SHUT_DOWN,
	SDM_RPROC_MEND,
	SDM_RPROC_RESTART,
};

static bool sdm_rproc_same(const struct sdm_rproc *priv,
			   const struct sdm_peer_status *status)
{
	return sdm_link_is_up(&status->link) &&
	       status->link.generation == priv->generation;
}

/* Is the slave still the one that was started? */
bool sdm_rproc_is_same(const struct sdm_rproc *priv)
{
	struct sdm_peer_status status;

	return !sdm_peer_get_status(priv->peer, &status) &&
	       sdm_rproc_same(priv, &status);
}

/* Makes acquaintance with the slave that is connected now. */
int sdm_rproc_renew(struct sdm_rproc *priv)
{
	struct sdm_peer_status status;
	int ret;

	if (READ_ONCE(priv->going))
		return -ENODEV;
	ret = sdm_peer_get_status(priv->peer, &status);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&status.link)) {
		dev_err(&priv->rproc->dev, "%s is not connected\n",
			priv->rproc->name);
		return -ENOLINK;
	}
	priv->generation = status.link.generation;
	sdm_rproc_set_memory(priv, &status);

	return 0;
}

/*
 * Puts the slave in reset, if it is not: its memory is going to be written. In a
 * recovery stop() should have done it, but does not fail if it could not.
 */
int sdm_rproc_hold(struct sdm_rproc *priv)
{
	struct sdm_peer_status status;
	int ret;

	ret = sdm_peer_get_status(priv->peer, &status);
	if (ret || status.link.state != SDM_PEER_RUNNING)
		return ret;

	return sdm_reset(priv->peer, &sdm_rproc_client,
			 SDM_RPROC_RESET_TIMEOUT);
}

/* Comes before a start, but not in a recovery, and before an attach. */
int sdm_rproc_prepare(struct rproc *rproc)
{
	bool attach = rproc->state == RPROC_DETACHED;
	struct sdm_rproc *priv = rproc->priv;
	struct sdm_peer_status status;
	bool running;
	int ret;

	ret = sdm_rproc_renew(priv);
	if (!ret)
		ret = sdm_claim_peer(priv->peer, &sdm_rproc_client);
	if (ret)
		return ret;
	ret = sdm_claim_signal(priv->peer, SDM_RPROC_SIGNAL, &sdm_rproc_client);
	if (ret)
		goto err_release_peer;

	/* From here on only we can start or stop it. */
	ret = sdm_peer_get_status(priv->peer, &status);
	if (ret)
		goto err_release;
	running = status.link.state == SDM_PEER_RUNNING;
	if (attach != running) {
		dev_err(&rproc->dev, "somebody else has just %s it\n",
			attach ? "stopped" : "started");
		ret = -EBUSY;
		goto err_release;
	}

	return 0;

err_release:
	sdm_release_signal(priv->peer, SDM_RPROC_SIGNAL, &sdm_rproc_client);
err_release_peer:
	sdm_release_peer(priv->peer, &sdm_rproc_client);
	sdm_rproc_queue_check(priv);
	return ret;
}

int sdm_rproc_unprepare(struct rproc *rproc)
{
	struct sdm_rproc *priv = rproc->priv;

	sdm_release_signal(priv->peer, SDM_RPROC_SIGNAL, &sdm_rproc_client);
	sdm_release_peer(priv->peer, &sdm_rproc_client);
	sdm_rproc_free_copies(priv);
	sdm_rproc_drop_table(priv);
	/* Whatever it is doing now. */
	sdm_rproc_queue_check(priv);

	return 0;
}

static int sdm_rproc_boot(struct sdm_rproc *priv)
{
	struct sdm_peer_status status;
	int ret;

	/* If it is the same afterwards it is the one that has been loaded. */
	ret = sdm_boot(priv->peer, &sdm_rproc_client, priv->rproc->bootaddr,
		       priv->dtb, SDM_RPROC_BOOT_TIMEOUT);
	if (!ret)
		ret = sdm_peer_get_status(priv->peer, &status);
	if (!ret && !sdm_rproc_same(priv, &status))
		ret = -ENOLINK;

	return ret;
}

int sdm_rproc_start(struct rproc *rproc)
{
	struct sdm_rproc *priv = rproc->priv;
	int ret;

	ret = sdm_rproc_push_table(priv, rproc->table_ptr);
	if (ret)
		return ret;
	ret = sdm_rproc_boot(priv);
	if (ret) {
		/* It may have started nevertheless. */
		sdm_reset(priv->peer, &sdm_rproc_client,
			  SDM_RPROC_RESET_TIMEOUT);
		return ret;
	}
	priv->reported = false;
	priv->restart = false;

	return 0;
}

/*
 * Never fails: a slave that is gone has stopped, and of one that hangs the
 * framework could not tell more than that it has not stopped yet.
 */
int sdm_rproc_stop(struct rproc *rproc)
{
	struct sdm_rproc *priv = rproc->priv;
	struct sdm_peer_status status;
	int ret;

	sdm_rproc_stop_kicks(priv);
	/* This is a recovery. Its end may have to be looked at. */
	if (rproc->state == RPROC_CRASHED)
		sdm_rproc_queue_check(priv);

	ret = sdm_peer_get_status(priv->peer, &status);
	/* What has come instead of it, running or not, was not started here. */
	if (ret || !sdm_rproc_same(priv, &status))
		return 0;
	ret = sdm_reset(priv->peer, &sdm_rproc_client, SDM_RPROC_RESET_TIMEOUT);
	if (ret && ret != -ENOLINK && ret != -ENODEV)
		dev_warn(&rproc->dev, "%s has not stopped: error %d\n",
			 rproc->name, ret);

	return 0;
}

int sdm_rproc_attach(struct rproc *rproc)
{
	struct sdm_rproc *priv = rproc->priv;

	/* prepare() has looked that it runs. */
	priv->reported = false;
	priv->restart = false;

	return 0;
}

/* The slave runs on. If it does not learn of it nobody will listen to it. */
int sdm_rproc_detach(struct rproc *rproc)
{
	struct sdm_rproc *priv = rproc->priv;
	int ret;

	sdm_rproc_stop_kicks(priv);
	ret = sdm_rproc_release_rings(priv);
	if (ret)
		dev_warn(&rproc->dev, "%s is not told: error %d\n", rproc->name,
			 ret);

	return 0;
}

/* It may want to get into a safe state. Nothing is waited for. */
unsigned long sdm_rproc_panic(struct rproc *rproc)
{
	static const u64 payload[SDM_MSG_WORDS] = { SDM_RPROC_PANIC };
	struct sdm_rproc *priv = rproc->priv;

	sdm_send_panic(priv->peer, SDM_RPROC_SIGNAL, payload);

	return 0;
}

/* Can it be shut down? Older kernels do not stop what has crashed. */
static bool sdm_rproc_is_up(struct rproc *rproc)
{
	bool up;

	mutex_lock(&rproc->lock);
	if (rproc->state == RPROC_CRASHED)
		rproc->state = RPROC_RUNNING;
	up = rproc->state == RPROC_RUNNING || rproc->state == RPROC_ATTACHED;
	mutex_unlock(&rproc->lock);

	return up;
}

/*
 * Whoever has started it more than once has to stop it as often; this is for
 * all of them. Not with signals pending: they would interrupt it.
 */
static void sdm_rproc_shut_down(struct rproc *rproc)
{
	while (sdm_rproc_is_up(rproc) && !rproc_shutdown(rproc))
		;
}

/*
 * After a recovery that has failed an rproc is offline but not free: a start
 * would do nothing and a stop would fail. One that is said to be up can be
 * stopped.
 */
static void sdm_rproc_mend(struct sdm_rproc *priv)
{
	struct rproc *rproc = priv->rproc;
	struct sdm_peer_status status;

	mutex_lock(&rproc->lock);
	if (rproc->state != RPROC_OFFLINE || !atomic_read(&rproc->power)) {
		mutex_unlock(&rproc->lock);
		return;
	}
	dev_warn(&rproc->dev, "the recovery of %s has failed\n", rproc->name);
	rproc->state = RPROC_RUNNING;
	/* If it was the link's fault there is hope. */
	priv->restart = !rproc->recovery_disabled &&
			!sdm_peer_get_status(priv->peer, &status) &&
			!sdm_rproc_same(priv, &status);
	mutex_unlock(&rproc->lock);

	sdm_rproc_shut_down(rproc);
}

static void sdm_rproc_start_again(struct sdm_rproc *priv)
{
	struct rproc *rproc = priv->rproc;
	struct sdm_peer_status status;
	int ret;

	ret = rproc_boot(rproc);
	if (!ret)
		return;
	/* It may have been lost again. */
	mutex_lock(&rproc->lock);
	if (!sdm_peer_get_status(priv->peer, &status) &&
	    sdm_link_is_up(&status.link)) {
		dev_err(&rproc->dev, "%s is not started again: error %d\n",
			rproc->name, ret);
		priv->restart = false;
	}
	mutex_unlock(&rproc->lock);
}

static enum sdm_rproc_act sdm_rproc_idle(struct sdm_rproc *priv,
					 const struct sdm_peer_status *status)
{
	struct rproc *rproc = priv->rproc;

	if (atomic_read(&rproc->power))
		return SDM_RPROC_MEND;

	rproc->state = status->link.state == SDM_PEER_RUNNING ?
		       RPROC_DETACHED : RPROC_OFFLINE;
	if (!priv->restart || !sdm_link_is_up(&status->link))
		return SDM_RPROC_NOTHING;
	/* The user may have changed his mind. */
	if (rproc->recovery_disabled) {
		priv->restart = false;
		return SDM_RPROC_NOTHING;
	}

	return SDM_RPROC_RESTART;
}

static enum sdm_rproc_act sdm_rproc_busy(struct sdm_rproc *priv,
					 const struct sdm_peer_status *status)
{
	bool attached = priv->rproc->state == RPROC_ATTACHED;
	struct rproc *rproc = priv->rproc;

	if (!sdm_rproc_same(priv, status)) {
		dev_warn(&rproc->dev, "%s is lost\n", rproc->name);
		/* Its firmware is only known if it was started here. */
		priv->restart = !attached && !rproc->recovery_disabled;
		return SDM_RPROC_SHUT_DOWN;
	}
	if (status->link.state == SDM_PEER_RUNNING)
		return SDM_RPROC_NOTHING;
	/* It has reset itself. */
	if (attached) {
		dev_warn(&rproc->dev, "%s has stopped\n", rproc->name);
		return SDM_RPROC_SHUT_DOWN;
	}
	/* Once, though it stays like this for a while. */
	if (!priv->reported)
		rproc_report_crash(rproc, RPROC_WATCHDOG);
	priv->reported = true;

	return SDM_RPROC_NOTHING;
}

static enum sdm_rproc_act sdm_rproc_look(struct sdm_rproc *priv)
{
	struct rproc *rproc = priv->rproc;
	struct sdm_peer_status status;

	lockdep_assert_held(&rproc->lock);

	if (READ_ONCE(priv->going) || sdm_peer_get_status(priv->peer, &status))
		return SDM_RPROC_NOTHING;

	switch (rproc->state) {
	case RPROC_OFFLINE:
	case RPROC_DETACHED:
		return sdm_rproc_idle(priv, &status);
	case RPROC_RUNNING:
	case RPROC_ATTACHED:
		return sdm_rproc_busy(priv, &status);
	default:
		/* A crash is the framework's, or the user's, matter. */
		return SDM_RPROC_NOTHING;
	}
}

/*
 * Makes the rproc fit to the slave, after each change of the slave's link and
 * whenever the framework lets go of it. Whatever is missed is seen at the next
 * time: it looks at what is, not at what has happened.
 */
void sdm_rproc_check(struct work_struct *work)
{
	struct sdm_rproc *priv = container_of(work, struct sdm_rproc, check);
	struct rproc *rproc = priv->rproc;
	enum sdm_rproc_act act;

	mutex_lock(&rproc->lock);
	act = sdm_rproc_look(priv);
	mutex_unlock(&rproc->lock);

	switch (act) {
	case SDM_RPROC_SHUT_DOWN:
		sdm_rproc_shut_down(rproc);
		break;
	case SDM_RPROC_MEND:
		sdm_rproc_mend(priv);
		break;
	case SDM_RPROC_RESTART:
		sdm_rproc_start_again(priv);
		break;
	case SDM_RPROC_NOTHING:
		break;
	}
}

/* For good. Nothing is begun any more. */
void sdm_rproc_end(struct sdm_rproc *priv)
{
	sdm_rproc_mend(priv);
	sdm_rproc_shut_down(priv->rproc);
}
