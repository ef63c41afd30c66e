/*
 * SDM: frames of the signal channel that wait for the device
 *
 * They arrive in the connection's thread and are taken under the BQL. Of what
 * the other party says of other slaves only the latest waits: a slave cannot
 * make others keep more than they have room for by changing its state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_INBOX_H
#define HW_SDM_INBOX_H

#include "qemu/queue.h"
#include "qemu/thread.h"
#include "hw/sdm/proto.h"
#include "sdm/sdm-regs.h"

/* So many signals of one slave may be under way to another one. */
#define SDM_ROUTED_CREDITS 16

/*
 * Frames that have room. Signals are limited by credits, and credits by the
 * signals sent.
 */
#define SDM_INBOX_MAX \
    (4 * SDM_PROTO_MAX_CREDITS + 4 * SDM_MAX_IDS * SDM_ROUTED_CREDITS)

typedef struct SDMInboxFrame {
    QTAILQ_ENTRY(SDMInboxFrame) next;
    struct sdm_proto_header header;
    union {
        struct sdm_proto_signal signal;
        struct sdm_proto_peer peer;
        struct sdm_proto_peer_credit credit;
    };
} SDMInboxFrame;

typedef struct SDMInbox {
    /* Protects all below. What may_take() needs is locked after it. */
    QemuMutex lock;
    QTAILQ_HEAD(, SDMInboxFrame) frames;
    unsigned count;
    /* Among the frames: other slaves' latest states, by ID */
    SDMInboxFrame *states[SDM_MAX_IDS];
} SDMInbox;

void sdm_inbox_init(SDMInbox *inbox);
/* Whatever is still there is dropped. */
void sdm_inbox_destroy(SDMInbox *inbox);

/*
 * Any thread: keep a frame, allocated with g_new(). False, and the frame is
 * still the caller's: there is no room.
 */
bool sdm_inbox_add(SDMInbox *inbox, SDMInboxFrame *frame);

/*
 * Take the next frame, in the order of arrival, which becomes the caller's.
 * NULL if there is none, or @may_take(@opaque, frame), which is called with
 * the lock, does not want it.
 */
SDMInboxFrame *sdm_inbox_take(SDMInbox *inbox,
                              bool (*may_take)(void *opaque,
                                               const SDMInboxFrame *frame),
                              void *opaque);

unsigned sdm_inbox_count(SDMInbox *inbox);

#endif
