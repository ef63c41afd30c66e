/*
 * multi-socket-backend: the connections between a master and its slaves
 *
 * The object listens (master) or connects (slave), performs the handshake
 * and carries frames. It does not look into them: users register one of the
 * channels of the protocol and get the frames of that channel.
 *
 * Threads: each connection has a thread of its own, which receives; a thread
 * that waits for an answer takes its place meanwhile. Sending is possible
 * from any thread and never blocks. All other functions, and all operations
 * except receive(), place(), placed() and broken(), belong to the main loop
 * and run under the BQL.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_MULTI_SOCKET_H
#define HW_SDM_MULTI_SOCKET_H

#include "qom/object.h"
#include "hw/sdm/cpus.h"
#include "hw/sdm/proto.h"

#define TYPE_MULTI_SOCKET_BACKEND "multi-socket-backend"
OBJECT_DECLARE_SIMPLE_TYPE(MultiSocketBackend, MULTI_SOCKET_BACKEND)

/* A connected machine. Reference counted: users may outlive the connection. */
typedef struct MultiSocketPeer MultiSocketPeer;

/**
 * struct MultiSocketChannelOps - what the user of a channel provides
 * @start: the machine is complete: get ready for connections
 * @describe: append the own section of HELLO (slave) or WELCOME (master)
 * @accept: the peer's section arrived (@body is NULL if it sent none): check
 *     it and take what the connection needs; false refuses the peer.
 *     SDM_REJECT_CHANNEL goes over the wire unless @code is changed.
 * @unnoticed: master: the guest does not know yet what became of machine @id:
 *     its ID goes to another one only if there is no other left
 * @connecting: the slave begins to look for machine @id, its master, at the
 *     start or again; only with 'reconnect-ms'
 * @connected: all channels accepted, frames may be sent
 * @broken: nothing is sent or received any more: end what waits for that. The
 *     connection's thread, without the BQL, which somebody may hold who waits
 *     for just this; always before @disconnected if there was a @connected
 * @disconnected: the connection ended, @in_order: announced by the peer. Also
 *     called after a successful @accept if another channel refused.
 * @receive: a frame arrived, its length is within the type's limits. Runs in
 *     the connection's thread, or in one that waits for an answer, without
 *     the BQL, never before @connected and never twice at a time. Returns
 *     NULL or the reason for which the peer is to be dropped.
 * @place: the beginning of a frame with much data arrived; @payload holds
 *     what comes before the data. Fills in @iov, of MULTI_SOCKET_MAX_IOV
 *     elements, with where the data is to be received, and returns the number
 *     of elements; or 0: then the frame goes to @receive. As @receive.
 * @placed: the data of the frame for which @place gave memory is there. As
 *     @receive; or, before @broken, with @header NULL: it will never come
 *
 * @disconnected and the members after it are mandatory, others may be NULL.
 */
typedef struct MultiSocketChannelOps {
    bool (*start)(void *opaque, Error **errp);
    void (*describe)(void *opaque, MultiSocketPeer *peer, GByteArray *body);
    bool (*accept)(void *opaque, MultiSocketPeer *peer, const uint8_t *body,
                   size_t length, uint32_t *code, Error **errp);
    bool (*unnoticed)(void *opaque, uint32_t id);
    void (*connecting)(void *opaque, uint32_t id);
    void (*connected)(void *opaque, MultiSocketPeer *peer);
    void (*broken)(void *opaque, MultiSocketPeer *peer);
    void (*disconnected)(void *opaque, MultiSocketPeer *peer, bool in_order);
    const char *(*receive)(void *opaque, MultiSocketPeer *peer,
                           const struct sdm_proto_header *header,
                           const uint8_t *payload);
    unsigned (*place)(void *opaque, MultiSocketPeer *peer,
                      const struct sdm_proto_header *header,
                      const uint8_t *payload, struct iovec *iov);
    const char *(*placed)(void *opaque, MultiSocketPeer *peer,
                          const struct sdm_proto_header *header);
} MultiSocketChannelOps;

/**
 * multi_socket_register_channel - become the user of a channel
 * @ms: the socket
 * @channel: SDM_PROTO_CHANNEL_MEMORY or _SIGNAL
 * @ops: operations, stay valid
 * @opaque: their first argument
 * @errp: set if the channel is taken or @ms has started
 */
bool multi_socket_register_channel(MultiSocketBackend *ms, unsigned channel,
                                   const MultiSocketChannelOps *ops,
                                   void *opaque, Error **errp);

/* Take that back, before the start. */
void multi_socket_unregister_channel(MultiSocketBackend *ms, unsigned channel);

/* Does the user's role, master or slave, agree with the socket's? */
bool multi_socket_check_role(MultiSocketBackend *ms, bool master,
                             Error **errp);

/* The user that registered @channel, or NULL. */
void *multi_socket_channel_user(MultiSocketBackend *ms, unsigned channel);

/* True: the master, which listens. */
bool multi_socket_is_master(const MultiSocketBackend *ms);

/* Master: IDs are 0..num_ids-1. Before the start; SDM_MAX_IDS otherwise. */
void multi_socket_set_num_ids(MultiSocketBackend *ms, uint32_t num_ids);

/* Slave: ID to ask for, SDM_PROTO_ID_ANY by default. Before the start. */
void multi_socket_set_wanted_id(MultiSocketBackend *ms, uint32_t id);

/* Slave: the own ID, or SDM_ID_NONE before the first connection. */
uint32_t multi_socket_own_id(const MultiSocketBackend *ms);
uint32_t multi_socket_num_ids(const MultiSocketBackend *ms);

/* Main loop: the connection to machine @id, or NULL. No reference is taken. */
MultiSocketPeer *multi_socket_find_peer(MultiSocketBackend *ms, uint32_t id);

/*
 * Main loop: why the latest connection with machine @id ended, NULL if there
 * was none; how many connections have not shaken hands yet.
 */
const char *multi_socket_latest_end(const MultiSocketBackend *ms, uint32_t id);
unsigned multi_socket_num_pending(const MultiSocketBackend *ms);

MultiSocketPeer *multi_socket_peer_ref(MultiSocketPeer *peer);
void multi_socket_peer_unref(MultiSocketPeer *peer);

/* ID of the machine at the other end, 0 for the master. */
uint32_t multi_socket_peer_id(const MultiSocketPeer *peer);
/* Do both sides have a feature, SDM_PROTO_FEATURE_*? */
bool multi_socket_peer_has(const MultiSocketPeer *peer, uint32_t feature);
/* What it says of its CPUs. */
SDMCpus multi_socket_peer_cpus(const MultiSocketPeer *peer);
/* Main loop: the handshake was completed; not so after a refusal. */
bool multi_socket_peer_is_established(const MultiSocketPeer *peer);
/* Address of the other end, for messages. */
const char *multi_socket_peer_name(const MultiSocketPeer *peer);

/* A pointer for the user of a channel; set it no later than in connected(). */
void multi_socket_peer_set_data(MultiSocketPeer *peer, unsigned channel,
                                void *data);
void *multi_socket_peer_data(MultiSocketPeer *peer, unsigned channel);

/**
 * multi_socket_peer_pass_fd - pass a file descriptor with the handshake
 * @peer: to whom
 * @fd: stays the caller's
 *
 * For the describe() of a slave. Returns false if the socket cannot do that.
 */
bool multi_socket_peer_pass_fd(MultiSocketPeer *peer, int fd);

/*
 * For the accept() of a master: the file descriptor that came with the
 * handshake, which becomes the caller's, or -1.
 */
int multi_socket_peer_take_fd(MultiSocketPeer *peer);

/**
 * multi_socket_peer_send - send one frame
 * @peer: to whom
 * @type: SDM_PROTO_*
 * @tag: for the header
 * @arg: for the header
 * @iov: payload
 * @niov: its number of elements, at most MULTI_SOCKET_MAX_IOV
 *
 * Any thread; does not block: what the socket does not take is queued.
 * Frames leave in the order of the calls. Returns false if the connection is
 * broken; users learn more from disconnected().
 */
#define MULTI_SOCKET_MAX_IOV 257
bool multi_socket_peer_send(MultiSocketPeer *peer, uint16_t type, uint32_t tag,
                            uint32_t arg, const struct iovec *iov, size_t niov);

/**
 * multi_socket_peer_stream - send one long frame
 * @peer: to whom
 * @type: SDM_PROTO_*
 * @flags: SDM_PROTO_FLAG_*
 * @tag: for the header
 * @iov: payload
 * @niov: its number of elements, at most MULTI_SOCKET_MAX_IOV
 * @timeout_ms: a peer that takes nothing for so long is dropped
 *
 * Without the BQL; waits for the socket, and copies nothing but to there.
 * Frames of other senders come before or after it. Returns 0, -ETIMEDOUT, or
 * -ECONNRESET if the connection is broken.
 */
int multi_socket_peer_stream(MultiSocketPeer *peer, uint16_t type,
                             uint16_t flags, uint32_t tag,
                             const struct iovec *iov, size_t niov,
                             unsigned timeout_ms);

/**
 * multi_socket_peer_post_write - send a MEM_WRITE that may wait for company
 * @peer: to whom
 * @offset: in the slave's RAM
 * @data: what to write
 * @length: bytes, 1 to SDM_PROTO_MAX_DATA
 *
 * As multi_socket_peer_send(), but the write is collected with others. It
 * leaves before any frame that is sent later, and within a short time.
 * Returns 0, -EAGAIN if the queue is congested or somebody waits to send a long
 * frame, or -ECONNRESET.
 */
int multi_socket_peer_post_write(MultiSocketPeer *peer, uint64_t offset,
                                 const void *data, size_t length);

/**
 * multi_socket_peer_post_write_wait - the same, waiting instead of -EAGAIN
 * @peer, @offset, @data, @length: as above
 * @timeout_ms: a peer that does not make room in this time is dropped
 *
 * Without the BQL. Returns 0, -ETIMEDOUT, or -ECONNRESET if the connection is
 * broken.
 */
int multi_socket_peer_post_write_wait(MultiSocketPeer *peer, uint64_t offset,
                                      const void *data, size_t length,
                                      unsigned timeout_ms);

/**
 * multi_socket_peer_wait_answer - wait until an answer has been served
 * @peer: who is to answer
 * @done: set, with release semantics, by the channel's receive()
 * @timeout_ms: a peer that does not answer for so long is dropped
 *
 * Without the BQL. The calling thread may itself receive, and call the
 * receive() of any channel. Returns 0, -ETIMEDOUT, or -ECONNRESET if the
 * connection is broken.
 */
int multi_socket_peer_wait_answer(MultiSocketPeer *peer, const bool *done,
                                  unsigned timeout_ms);

/*
 * The end of the queue now, and whether all before it has been given to the
 * socket: for who would rather say less than more to a peer that is slow.
 */
uint64_t multi_socket_peer_mark(MultiSocketPeer *peer);
bool multi_socket_peer_has_left(MultiSocketPeer *peer, uint64_t mark);

/* True if so much is queued that senders of bulk data have to wait. */
bool multi_socket_peer_congested(MultiSocketPeer *peer);

/* Any thread: drop the connection, for the given reason. */
void multi_socket_peer_fail(MultiSocketPeer *peer, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

#endif
