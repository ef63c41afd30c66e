/*
 * multi-socket-backend: what its two source files share
 *
 * multi-socket.c      object, listening, connecting, handshake (main loop)
 * multi-socket-peer.c one connection: its thread, receiving, sending
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_MULTI_SOCKET_INTERNAL_H
#define HW_SDM_MULTI_SOCKET_INTERNAL_H

#include "qemu/event_notifier.h"
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "io/channel-socket.h"
#include "hw/sdm/multi-socket.h"

struct MultiSocketPeer {
    /* Constant from creation on. */
    MultiSocketBackend *ms;
    QIOChannel *ioc;
    int fd;
    char *name;
    uint16_t handshake_type; /* frame with which the other side begins */

    unsigned int ref; /* atomic */

    /* Main loop. */
    QTAILQ_ENTRY(MultiSocketPeer) next;
    QEMUTimer *deadline;
    bool established;
    unsigned accepted_channels; /* bitmap: whose disconnected() is due */

    /*
     * Written by the main loop while the thread waits for `decided`, constant
     * afterwards.
     */
    uint32_t id;
    uint32_t arch;
    void *data[SDM_PROTO_NUM_CHANNELS];
    bool go_on;

    /* The connection's thread. */
    QemuThread thread;
    QemuSemaphore decided;
    uint8_t *rx;
    size_t rx_head;
    size_t rx_tail;
    bool in_order; /* the peer said BYE; read after the thread has ended */
    struct sdm_proto_header handshake;
    const uint8_t *handshake_payload;

    EventNotifier wakeup; /* of the thread: something to send, or the end */

    /* Protects all below. Nothing is locked after it. */
    QemuMutex tx_lock;
    QemuCond tx_room;
    GByteArray *tx_queue;
    size_t tx_head;
    bool dead; /* also read without the lock, as a hint */
    char *reason;
};

/* The connection in @sioc, which becomes the peer's. Does not start it. */
MultiSocketPeer *multi_socket_peer_new(MultiSocketBackend *ms,
                                       QIOChannelSocket *sioc,
                                       uint16_t handshake_type);
/* Start the thread. It calls the two functions below by bottom halves. */
void multi_socket_peer_start(MultiSocketPeer *peer);
/* Let the thread, which waits after the handshake frame, go on or end. */
void multi_socket_peer_decide(MultiSocketPeer *peer, bool go_on);

/* Main loop: the peer's first frame is there, and the thread waits. */
void multi_socket_handshake(MultiSocketPeer *peer);
/* Main loop: the connection is over and the thread about to end. */
void multi_socket_closed(MultiSocketPeer *peer);
/* The connection's thread: a frame after the handshake. */
const char *multi_socket_receive(MultiSocketPeer *peer,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload);

#endif
