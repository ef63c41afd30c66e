/*
 * SDM: what comm-socket.c and comm-route.c share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_COMM_SOCKET_INTERNAL_H
#define HW_SDM_COMM_SOCKET_INTERNAL_H

#include "qemu/bitmap.h"
#include "qemu/timer.h"
#include "hw/sdm/core.h"
#include "hw/sdm/multi-socket.h"
#include "coherent.h"
#include "inbox.h"
#include "kick.h"

OBJECT_DECLARE_SIMPLE_TYPE(SDMCommunicationSocket, SDM_COMMUNICATION_SOCKET)

/* What a slave has been told of another one. */
typedef struct Told {
    uint32_t epoch; /* 0: that it is not there */
    uint32_t state;
} Told;

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
    uint64_t news_mark; /* where the latest news were in its queue */
    Told told[SDM_MAX_IDS];
    uint16_t granted[SDM_MAX_IDS]; /* signals that each may still send */

    SDMInbox inbox;     /* any thread */
} SignalLink;

struct SDMCommunicationSocket {
    SDMCommunication parent_obj;

    MultiSocketBackend *socket;
    SDMCore *core;
    QEMUBH *announce;
    uint32_t described; /* credits in the latest HELLO or WELCOME */

    /* On a master, for its slaves. */
    uint32_t last_epoch;          /* of any link */
    uint32_t ended[SDM_MAX_IDS];  /* how the latest link ended: SDM_PEER_* */
    DECLARE_BITMAP(news, SDM_MAX_IDS); /* of whom not all others know all */
    QEMUTimer *retry;             /* to tell those that were not ready */

    /* On a slave, of other slaves. */
    uint32_t epochs[SDM_MAX_IDS]; /* 0: not there */
    uint32_t owed[SDM_MAX_IDS];   /* credits that they have not got back yet */
};

SignalLink *sdm_comm_find_link(SDMCommunicationSocket *cs, uint32_t id);

/*
 * Signals between slaves (comm-route.c); all of it under the BQL.
 *
 * On a master: a link is up or down, a slave's state has changed; tell others.
 */
void sdm_route_init(SDMCommunicationSocket *cs);
void sdm_route_up(SignalLink *link);
void sdm_route_down(SignalLink *link, bool in_order);
void sdm_route_changed(SignalLink *link);
void sdm_route_tell(SDMCommunicationSocket *cs);

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
const char *sdm_route_process(SignalLink *link, const SDMInboxFrame *frame);

#endif
