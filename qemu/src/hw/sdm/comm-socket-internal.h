/*
 * SDM: what comm-socket.c and comm-route.c share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_COMM_SOCKET_INTERNAL_H
#define HW_SDM_COMM_SOCKET_INTERNAL_H

#include "qemu/queue.h"
#include "qemu/thread.h"
#include "hw/sdm/core.h"
#include "hw/sdm/multi-socket.h"
#include "coherent.h"
#include "kick.h"

/* So many signals of one slave may be under way to another one. */
#define ROUTED_CREDITS 16

/*
 * Frames that may wait for the device. Signals are limited by credits,
 * credits by the signals sent, and nobody's state changes that fast.
 */
#define INBOX_MAX \
    (4 * SDM_PROTO_MAX_CREDITS + 4 * SDM_MAX_IDS * ROUTED_CREDITS)

OBJECT_DECLARE_SIMPLE_TYPE(SDMCommunicationSocket, SDM_COMMUNICATION_SOCKET)

typedef struct InboxEntry {
    QSIMPLEQ_ENTRY(InboxEntry) next;
    struct sdm_proto_header header;
    union {
        struct sdm_proto_signal signal;
        struct sdm_proto_peer peer;
        struct sdm_proto_peer_credit credit;
    };
} InboxEntry;

/* One connection, as the signal channel sees it. */
typedef struct SignalLink {
    SDMCommunicationSocket *comm;
    MultiSocketPeer *peer;
    struct sdm_proto_signals signals; /* from the handshake */
    SDMKick *kick; /* to serve the inbox */
    SDMCoherent *coherent; /* memory that goes with signals, NULL: none */

    /* Protected by the BQL. */
    bool up;            /* the device knows of it */
    bool ended;         /* the connection is over */
    QEMUTimer *deadline; /* for that to happen */
    QEMUBH *bh;         /* to serve it on the main loop */
    uint32_t owed;      /* credits that the peer has not got back yet */
    uint32_t announced; /* state that the peer has been told, 0: none */
    bool serving;       /* somebody empties the inbox */
    bool violated;      /* it broke the protocol: nothing more is served */

    /* On a master, for signals of other slaves to this one (comm-route.c). */
    uint32_t epoch;     /* 0: it takes no part in that */
    uint32_t shown;     /* state that other slaves have been told */
    uint16_t granted[SDM_MAX_IDS]; /* signals that each may still send */

    /* Protects the inbox. Nothing is locked after it. */
    QemuMutex lock;
    QSIMPLEQ_HEAD(, InboxEntry) inbox;
    unsigned inbox_count;
} SignalLink;

struct SDMCommunicationSocket {
    SDMCommunication parent_obj;

    MultiSocketBackend *socket;
    SDMCore *core;
    QEMUBH *announce;
    uint32_t described; /* credits in the latest HELLO or WELCOME */
    uint32_t last_epoch; /* master: of any link */

    /* On a slave, of other slaves. */
    uint32_t epochs[SDM_MAX_IDS]; /* 0: not there */
    uint32_t owed[SDM_MAX_IDS];   /* credits that they have not got back yet */
};

SignalLink *sdm_comm_find_link(SDMCommunicationSocket *cs, uint32_t id);

/*
 * Signals between slaves (comm-route.c); all of it under the BQL.
 *
 * On a master: a link is up or down, states of slaves have changed.
 */
void sdm_route_up(SignalLink *link);
void sdm_route_down(SignalLink *link, bool in_order);
void sdm_route_states(SDMCommunicationSocket *cs);

/* On a slave: send to another one; return its credits; the master has gone. */
bool sdm_route_send(SDMCommunicationSocket *cs,
                    const struct sdm_proto_signal *signal);
void sdm_route_return_credits(SDMCommunicationSocket *cs, uint32_t id,
                              uint32_t n, bool now);
void sdm_route_report_taken(SDMCommunicationSocket *cs, uint32_t id,
                            uint32_t signal);
void sdm_route_lost(SDMCommunicationSocket *cs, bool in_order);

/*
 * A frame that concerns another slave. Returns NULL or how it violates the
 * protocol.
 */
const char *sdm_route_process(SignalLink *link, const InboxEntry *entry);

#endif
