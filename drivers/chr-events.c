// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM character device: the queue of events of one open file.
 */

#include <linux/export.h>
#include <linux/slab.h>

#include "chr-events.h"
#include "compat.h"

static struct sdm_event *sdm_events_at(const struct sdm_events *events,
				       unsigned int i)
{
	return &events->ring[(events->head + i) % SDM_EVENTS_MAX];
}

int sdm_events_init(struct sdm_events *events)
{
	events->ring = kcalloc(SDM_EVENTS_MAX, sizeof(*events->ring),
			       GFP_KERNEL_ACCOUNT);
	if (!events->ring)
		return -ENOMEM;

	events->signals = ~0ULL;
	events->flags = SDM_SUBSCRIBE_PEER;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_events_init);

void sdm_events_free(struct sdm_events *events)
{
	kfree(events->ring);
}
EXPORT_SYMBOL_IF_KUNIT(sdm_events_free);

/* Does the filter let this event through? */
bool sdm_events_wants(const struct sdm_events *events,
		      const struct sdm_event *event)
{
	if (!events->ring)
		return false;

	switch (event->type) {
	case SDM_EVENT_SIGNAL:
		return event->signal < 64 &&
		       events->signals & BIT_ULL(event->signal);
	case SDM_EVENT_PEER:
		return events->flags & SDM_SUBSCRIBE_PEER;
	default:
		return false;
	}
}
EXPORT_SYMBOL_IF_KUNIT(sdm_events_wants);

/*
 * Adds an event. Returns false if it was dropped: then the newest record is an
 * overflow, whose number tells how many events are missing before it.
 */
bool sdm_events_push(struct sdm_events *events, const struct sdm_event *event)
{
	struct sdm_event *last;

	if (events->count < SDM_EVENTS_MAX - 1) {
		last = sdm_events_at(events, events->count++);
		*last = *event;
		last->seqno = ++events->seqno;
		return true;
	}

	events->dropped++;
	events->seqno++;
	last = sdm_events_at(events, events->count - 1);
	if (last->type != SDM_EVENT_OVERFLOW) {
		last = sdm_events_at(events, events->count++);
		memset(last, 0, sizeof(*last));
		last->type = SDM_EVENT_OVERFLOW;
		events->seqno++;
	}
	last->timestamp_ns = event->timestamp_ns;
	last->seqno = events->seqno;

	return false;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_events_push);

/*
 * Looks at the oldest event. It stays as it is until sdm_events_pop(), even if
 * it is an overflow: only the last of a full queue is ever changed.
 */
bool sdm_events_peek(const struct sdm_events *events, struct sdm_event *event)
{
	if (!events->count)
		return false;
	*event = *sdm_events_at(events, 0);

	return true;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_events_peek);

/* Removes the oldest event. */
void sdm_events_pop(struct sdm_events *events)
{
	events->head = (events->head + 1) % SDM_EVENTS_MAX;
	events->count--;
}
EXPORT_SYMBOL_IF_KUNIT(sdm_events_pop);
