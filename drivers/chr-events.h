/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SDM_CHR_EVENTS_H
#define _SDM_CHR_EVENTS_H

#include <linux/types.h>

#include <uapi/linux/sdm.h>

/* Records that a reader may leave unread. */
#define SDM_EVENTS_MAX 256

/**
 * struct sdm_events - bounded queue of events, and which events it takes
 * @ring: room for %SDM_EVENTS_MAX records, or NULL: takes none
 * @head: index of the oldest record
 * @count: number of records
 * @seqno: number of the latest event
 * @dropped: number of events that were dropped
 * @signals: bit N: signal N is taken
 * @flags: enum sdm_subscribe_flags
 *
 * The last place is for SDM_EVENT_OVERFLOW only, so that a reader always finds
 * it where events are missing. Callers serialise.
 */
struct sdm_events {
	struct sdm_event *ring;
	unsigned int head;
	unsigned int count;
	u32 seqno;
	u64 dropped;
	u64 signals;
	u32 flags;
};

int sdm_events_init(struct sdm_events *events);
void sdm_events_free(struct sdm_events *events);
bool sdm_events_wants(const struct sdm_events *events,
		      const struct sdm_event *event);
bool sdm_events_push(struct sdm_events *events, const struct sdm_event *event);
bool sdm_events_peek(const struct sdm_events *events, struct sdm_event *event);
void sdm_events_pop(struct sdm_events *events);

#endif /* _SDM_CHR_EVENTS_H */
