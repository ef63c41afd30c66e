// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: sending signals.
 */

#include <linux/module.h>
#include <linux/sched/signal.h>

#include "core.h"
#include "sdm_trace.h"

/**
 * sdm_send() - send a signal without waiting
 * @peer: to whom; the device itself is a loopback
 * @client: who sends
 * @signal: number of the signal
 * @payload: %SDM_MSG_WORDS words to deliver with it
 *
 * What was written to the window before is visible to the peer when it gets
 * the signal. May be called from any context but NMI.
 *
 * Return: 0 when the signal is accepted, -EAGAIN when the receiver is full (the
 * client's tx_free() follows), -ENOLINK when the peer is not connected, -ENOENT
 * when it has no such signal, -EBUSY when the signal belongs to another client,
 * -ENODEV when the hardware is gone.
 */
int sdm_send(struct sdm_peer *peer, const struct sdm_client *client, u32 signal,
	     const u64 *payload)
{
	struct sdm_device *sdm = peer->sdm;
	int ret;

	if (signal >= SDM_NUM_SIGNALS)
		return -ENOENT;
	ret = sdm_peer_check_owner(peer, client, signal);
	if (ret)
		return ret;

	/*
	 * Window before doorbell. writel() orders accesses to one device, and
	 * to normal memory, but window and registers are two devices. Pairs
	 * with the read of RX_HEAD in the receiving hardware driver.
	 */
	wmb();
	ret = sdm_hw_send(sdm, peer->id, signal, payload);
	trace_sdm_send(sdm, peer->id, signal, payload, ret);

	if (!ret)
		atomic64_inc(&peer->tx);
	else if (ret == -EAGAIN)
		atomic64_inc(&peer->busy);

	return ret;
}
EXPORT_SYMBOL_GPL(sdm_send);

/**
 * sdm_send_panic() - send a signal from a kernel that panics
 * @peer: to whom
 * @signal: number of the signal
 * @payload: %SDM_MSG_WORDS words to deliver with it
 *
 * As sdm_send(), but whoever owns the signal, and without waiting for locks:
 * who holds them may never go on.
 *
 * Return: as sdm_send().
 */
int sdm_send_panic(struct sdm_peer *peer, u32 signal, const u64 *payload)
{
	if (signal >= SDM_NUM_SIGNALS)
		return -ENOENT;
	wmb(); /* as in sdm_send() */

	return sdm_hw_send(peer->sdm, peer->id, signal, payload);
}
EXPORT_SYMBOL_GPL(sdm_send_panic);

/* Tries to send: the condition of a wait. What goes wrong ends it, too. */
static bool sdm_send_tried(struct sdm_peer *peer,
			   const struct sdm_client *client, u32 signal,
			   const u64 *payload, int *ret)
{
	*ret = sdm_send(peer, client, signal, payload);

	return *ret != -EAGAIN;
}

/**
 * sdm_send_timeout() - send a signal, wait for room at the receiver
 * @peer: to whom
 * @client: who sends
 * @signal: number of the signal
 * @payload: %SDM_MSG_WORDS words to deliver with it
 * @timeout: longest time to wait, in jiffies
 *
 * Return: as sdm_send(), but instead of -EAGAIN -ETIMEDOUT, or -ERESTARTSYS
 * when interrupted: then the signal was not sent.
 */
int sdm_send_timeout(struct sdm_peer *peer, const struct sdm_client *client,
		     u32 signal, const u64 *payload, unsigned long timeout)
{
	long left;
	int ret;

	left = wait_event_interruptible_timeout(peer->wait,
						sdm_send_tried(peer, client,
							       signal, payload,
							       &ret),
						timeout);
	if (left < 0)
		return left;

	return ret == -EAGAIN ? -ETIMEDOUT : ret;
}
EXPORT_SYMBOL_GPL(sdm_send_timeout);

/* As sdm_send_timeout(), for what only a fatal signal may interrupt. */
int sdm_send_killable(struct sdm_peer *peer, const struct sdm_client *client,
		      u32 signal, const u64 *payload, unsigned long timeout)
{
	long left;
	int ret;

	left = wait_event_killable_timeout(peer->wait,
					   sdm_send_tried(peer, client, signal,
							  payload, &ret),
					   timeout);
	if (left < 0)
		return left;

	return ret == -EAGAIN ? -ETIMEDOUT : ret;
}
