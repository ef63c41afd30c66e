/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of the messages that a mailbox channel sends.
 *
 * The device tells that a signal has been taken, not which of several. So a
 * message is sent only when none is under way. The mailbox framework gives a
 * message up after a while and hands over the next one: then the old one is
 * under way still, and the new one waits until that has been taken.
 */
#ifndef _SDM_MAILBOX_TX_H
#define _SDM_MAILBOX_TX_H

#include <linux/string.h>
#include <linux/types.h>

#include "sdm.h"

/* A message is the first payload word, byte by byte. */
#define SDM_MBOX_TX_SIZE sizeof(__le64)
/* Clients copy more than there is: the rest is zero. */
#define SDM_MBOX_RX_SIZE 128

/**
 * struct sdm_mbox_tx - messages of one channel
 * @generation: the connection that they are for
 * @under_way: one was sent, and has not been taken
 * @waiting: one is to be sent. It is the framework's current one
 * @word: what is in the one that waits
 */
struct sdm_mbox_tx {
	u32 generation;
	bool under_way;
	bool waiting;
	u64 word;
};

/* Takes over a message; the framework has given up any before. */
static inline void sdm_mbox_tx_put(struct sdm_mbox_tx *tx, u64 word,
				   const struct sdm_link *link)
{
	/* What was sent to a connection that has gone is not told any more. */
	if (tx->generation != link->generation)
		tx->under_way = false;
	tx->generation = link->generation;
	tx->waiting = true;
	tx->word = word;
}

static inline bool sdm_mbox_tx_is_ready(const struct sdm_mbox_tx *tx)
{
	return tx->waiting && !tx->under_way;
}

static inline void sdm_mbox_tx_sent(struct sdm_mbox_tx *tx)
{
	tx->waiting = false;
	tx->under_way = true;
}

/* Returns true if it was the framework's current message. */
static inline bool sdm_mbox_tx_taken(struct sdm_mbox_tx *tx)
{
	bool current_one = tx->under_way && !tx->waiting;

	tx->under_way = false;

	return current_one;
}

/*
 * The link may have changed; NULL if it cannot be told. Returns true if messages
 * have gone with it.
 */
static inline bool sdm_mbox_tx_lost(struct sdm_mbox_tx *tx,
				    const struct sdm_link *link)
{
	bool any = tx->under_way || tx->waiting;

	if (link && sdm_link_is_up(link) && link->generation == tx->generation)
		return false;
	tx->under_way = false;
	tx->waiting = false;

	return any;
}

/* A message of a client; NULL is one without content. */
static inline u64 sdm_mbox_get_message(const void *data)
{
	__le64 word = 0;

	if (data)
		memcpy(&word, data, SDM_MBOX_TX_SIZE);

	return le64_to_cpu(word);
}

/* What a client gets: %SDM_MBOX_RX_SIZE bytes. */
static inline void sdm_mbox_put_message(u8 *buffer, const u64 *payload)
{
	unsigned int i;
	__le64 word;

	memset(buffer, 0, SDM_MBOX_RX_SIZE);
	for (i = 0; i < SDM_MSG_WORDS; i++) {
		word = cpu_to_le64(payload[i]);
		memcpy(buffer + i * sizeof(word), &word, sizeof(word));
	}
}

#endif /* _SDM_MAILBOX_TX_H */
