// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: boot and reset, the signals with a hardware action.
 */

#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "core.h"

/*
 * What came of the action that @signal asked for after @before was read? An
 * earlier one that nobody waits for any more may end meanwhile.
 */
static int sdm_action_result(struct sdm_peer *peer,
			     const struct sdm_peer_status *before, u32 signal)
{
	struct sdm_peer_status now;
	int ret;

	ret = sdm_hw_read_peer(peer->sdm, peer->id, &now);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&now.link) ||
	    now.link.generation != before->link.generation)
		return -ENOLINK;
	if (SDM_ACTION_COUNT(now.action) == SDM_ACTION_COUNT(before->action) ||
	    SDM_ACTION_SIGNAL(now.action) != signal)
		return -EINPROGRESS;

	switch (SDM_ACTION_RESULT(now.action)) {
	case SDM_ACTION_OK:
		return 0;
	case SDM_ACTION_BUSY:
		return -EBUSY;
	case SDM_ACTION_BAD_ADDRESS:
		return -EADDRNOTAVAIL;
	default:
		return -EPROTO;
	}
}

/* The condition of a wait. */
static bool sdm_action_ended(struct sdm_peer *peer,
			     const struct sdm_peer_status *before, u32 signal,
			     int *ret)
{
	*ret = sdm_action_result(peer, before, signal);

	return *ret != -EINPROGRESS;
}

/*
 * Sends the signal and waits for what the peer reports. The boot signal is
 * only for a peer that waits in reset.
 */
static int sdm_action(struct sdm_peer *peer, const struct sdm_client *client,
		      bool boot, const u64 *payload, unsigned long timeout)
{
	unsigned long end = jiffies + timeout;
	struct sdm_peer_status before;
	u32 signal;
	long left;
	int ret;

	lockdep_assert_held(&peer->action_lock);

	ret = sdm_hw_read_peer(peer->sdm, peer->id, &before);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&before.link))
		return -ENOLINK;
	signal = boot ? before.boot_signal : before.reset_signal;
	if (signal == SDM_SIGNAL_NONE)
		return -EOPNOTSUPP;
	if (boot && before.link.state != SDM_PEER_RESET)
		return -EBUSY;

	ret = sdm_send_killable(peer, client, signal, payload, timeout);
	if (ret)
		return ret;

	left = max_t(long, end - jiffies, 1);
	left = wait_event_killable_timeout(peer->wait,
					   sdm_action_ended(peer, &before,
							    signal, &ret),
					   left);
	if (left < 0)
		return left;

	return ret == -EINPROGRESS ? -ETIMEDOUT : ret;
}

static int sdm_action_exclusive(struct sdm_peer *peer,
				const struct sdm_client *client, bool boot,
				const u64 *payload, unsigned long timeout)
{
	int ret;

	ret = mutex_lock_killable(&peer->action_lock);
	if (ret)
		return ret;
	ret = sdm_action(peer, client, boot, payload, timeout);
	mutex_unlock(&peer->action_lock);

	return ret;
}

/**
 * sdm_boot() - start a peer that is held in reset
 * @peer: the peer
 * @client: who starts it
 * @entry: address of the first instruction, as the peer's CPUs see it
 * @dtb: address of the device tree, or 0
 * @timeout: longest time to wait for the result, in jiffies
 *
 * Return: 0 when the peer has reported that it runs; -EBUSY if it is not held
 * in reset or belongs to another client; -EOPNOTSUPP if no signal boots it;
 * -EADDRNOTAVAIL if the addresses are outside its RAM; -EPROTO if it failed
 * otherwise; -ENOLINK if it is not, or no longer, connected; -ETIMEDOUT;
 * -ERESTARTSYS when killed; -ENODEV when the hardware is gone.
 */
int sdm_boot(struct sdm_peer *peer, const struct sdm_client *client, u64 entry,
	     u64 dtb, unsigned long timeout)
{
	const u64 payload[SDM_MSG_WORDS] = { entry, dtb };

	return sdm_action_exclusive(peer, client, true, payload, timeout);
}
EXPORT_SYMBOL_GPL(sdm_boot);

/**
 * sdm_reset() - put a peer in reset
 * @peer: the peer
 * @client: who resets it
 * @timeout: longest time to wait for the result, in jiffies
 *
 * Return: as sdm_boot(), but a peer that is in reset may be reset again.
 */
int sdm_reset(struct sdm_peer *peer, const struct sdm_client *client,
	      unsigned long timeout)
{
	static const u64 payload[SDM_MSG_WORDS];

	return sdm_action_exclusive(peer, client, false, payload, timeout);
}
EXPORT_SYMBOL_GPL(sdm_reset);
