/*
 * SDM: frames of the signal channel that wait for the device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "inbox.h"

void sdm_inbox_init(SDMInbox *inbox)
{
    memset(inbox, 0, sizeof(*inbox));
    qemu_mutex_init(&inbox->lock);
    QTAILQ_INIT(&inbox->frames);
}

/* Does a frame tell the state of another slave that is there? */
static bool is_slave_state(const struct sdm_proto_header *header)
{
    return header->type == SDM_PROTO_PEER_STATE && header->tag < SDM_MAX_IDS &&
           header->arg != SDM_PEER_ABSENT && header->arg != SDM_PEER_LOST;
}

static void inbox_remove(SDMInbox *inbox, SDMInboxFrame *frame)
{
    QTAILQ_REMOVE(&inbox->frames, frame, next);
    inbox->count--;
    if (is_slave_state(&frame->header) &&
        inbox->states[frame->header.tag] == frame) {
        inbox->states[frame->header.tag] = NULL;
    }
}

/*
 * The frame that a newer one makes superfluous, NULL: none. The other party's
 * own state is part of a story that ACTION goes on with; a slave's state is of
 * no interest once there is a newer one, or the slave has gone.
 */
static SDMInboxFrame *superseded(SDMInbox *inbox,
                                 const struct sdm_proto_header *header)
{
    SDMInboxFrame *last = QTAILQ_LAST(&inbox->frames);

    switch (header->type) {
    case SDM_PROTO_STATE:
        return last && last->header.type == SDM_PROTO_STATE ? last : NULL;
    case SDM_PROTO_PEER_STATE:
        return header->tag < SDM_MAX_IDS ? inbox->states[header->tag] : NULL;
    default:
        return NULL;
    }
}

bool sdm_inbox_add(SDMInbox *inbox, SDMInboxFrame *frame)
{
    SDMInboxFrame *old;

    QEMU_LOCK_GUARD(&inbox->lock);

    old = superseded(inbox, &frame->header);
    if (old) {
        inbox_remove(inbox, old);
        g_free(old);
    }
    if (inbox->count >= SDM_INBOX_MAX) {
        return false;
    }
    QTAILQ_INSERT_TAIL(&inbox->frames, frame, next);
    inbox->count++;
    if (is_slave_state(&frame->header)) {
        inbox->states[frame->header.tag] = frame;
    }
    return true;
}

SDMInboxFrame *sdm_inbox_take(SDMInbox *inbox,
                              bool (*may_take)(void *opaque,
                                               const SDMInboxFrame *frame),
                              void *opaque)
{
    SDMInboxFrame *frame;

    QEMU_LOCK_GUARD(&inbox->lock);

    frame = QTAILQ_FIRST(&inbox->frames);
    if (!frame || !may_take(opaque, frame)) {
        return NULL;
    }
    inbox_remove(inbox, frame);
    return frame;
}

unsigned sdm_inbox_count(SDMInbox *inbox)
{
    QEMU_LOCK_GUARD(&inbox->lock);

    return inbox->count;
}

void sdm_inbox_destroy(SDMInbox *inbox)
{
    SDMInboxFrame *frame, *next;

    QTAILQ_FOREACH_SAFE(frame, &inbox->frames, next, next) {
        g_free(frame);
    }
    qemu_mutex_destroy(&inbox->lock);
}
