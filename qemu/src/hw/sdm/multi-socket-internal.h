/*
 * multi-socket-backend: what its source files share
 *
 * multi-socket.c         the object, its properties and users (main loop)
 * multi-socket-listen.c  listening (main loop)
 * multi-socket-connect.c connecting, once or again and again (main loop)
 * multi-socket-link.c    handshake and end of a connection (main loop)
 * multi-socket-peer.c    one connection: its life and its thread
 * multi-socket-tx.c      ... sending
 * multi-socket-rx.c      ... receiving
 * multi-socket-awake.c   ... for how long to look before sleeping
 * multi-socket-io.c      ... its socket
 * multi-socket-tls.c     ... TLS
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
#include "io/channel-tls.h"
#include "io/net-listener.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/multi-socket.h"

/* For how long to look for input before sleeping. */
typedef struct MultiSocketAwake {
    unsigned max_ns; /* constant; 0 if it would be of no use */

    /* Atomic. */
    unsigned window_ns; /* how long */
    int64_t last;       /* when the latest message came */
    int64_t back_off;   /* not before then */
} MultiSocketAwake;

/* One time of looking. */
typedef struct MultiSocketLook {
    MultiSocketAwake *awake;
    int64_t end;   /* 0: not at all */
    int64_t now;
    int64_t slept; /* when the guest was last seen to sleep */
} MultiSocketLook;

struct MultiSocketBackend {
    Object parent_obj;

    /* Properties. */
    bool listen;
    char *host;
    char *port;
    char *path;
    uint32_t poll_us;
    uint32_t keep_alive_ms;
    uint32_t reconnect_ms;
    QCryptoTLSCreds *tls_creds;
    char *tls_authz;
    char *tls_hostname;

    SocketAddress *addr;
    QIONetListener *listener;
    bool started;
    bool exiting;
    MultiSocketAwake awake;

    struct {
        const MultiSocketChannelOps *ops;
        void *opaque;
    } channels[SDM_PROTO_NUM_CHANNELS];

    uint32_t own_id;
    uint32_t num_ids;
    uint32_t wanted_id;

    /* Slave: when to connect again, which ID to ask for, latest problem. */
    QEMUTimer *reconnect;
    uint32_t ask_id;
    char *problem;

    /* Connections, and those of them that have an ID. */
    QTAILQ_HEAD(, MultiSocketPeer) peers;
    MultiSocketPeer *by_id[SDM_MAX_IDS];
    char *latest_end[SDM_MAX_IDS]; /* why the latest one of that ID ended */
    unsigned num_pending;

    /* Messages about strangers since then, ms. */
    int64_t report_begin;
    unsigned report_count;

    Notifier machine_done;
    Notifier shutdown;
    Notifier exit;
};

/* Bytes that wait to be sent. */
typedef struct MultiSocketTx {
    /*
     * Protects all here, and peer->dead. Nothing is locked after it but
     * peer->tls_lock.
     */
    QemuMutex lock;
    QemuCond room;

    uint8_t *buf;
    size_t head;
    size_t tail;
    size_t size;
    uint64_t left; /* bytes that were in buf and have been sent */

    /*
     * Somebody is writing a long frame to the socket, or it is not ready yet;
     * others use buf.
     */
    bool streaming;
    unsigned waiting; /* threads that wait until they may do so */

    /* The last frame in buf, if it is a posted write that can grow. */
    size_t write_frame;
    uint32_t write_length; /* 0: there is none */
    uint64_t write_end;    /* address behind its last byte */
    int64_t write_deadline; /* ns; when posted writes have to leave, 0: none */
    bool stream;            /* there were many: the deadline was put off */
} MultiSocketTx;

/* Bytes that were received and not looked at. */
typedef struct MultiSocketRx {
    /*
     * One thread at a time receives: the connection's own or one that waits
     * for an answer. Nothing is locked after it.
     */
    QemuMutex lock;
    QemuCond freed;
    bool busy;

    /* The thread that has set busy. */
    uint8_t *buf;
    size_t head;
    size_t tail;
    size_t limit; /* to receive at a time */
    bool held_up; /* atomic: frames wait until the peer took its answers */
    /* A frame whose data goes to its place directly. */
    bool is_direct;
    struct sdm_proto_header direct_header;
    struct iovec direct_iov[MULTI_SOCKET_MAX_IOV];
    struct iovec *direct;
    unsigned direct_niov;
    size_t direct_left;
    bool answering; /* it waits for an answer */

    /* Threads that wait for answers; atomic */
    unsigned wanted;
    /* Answers that threads have received for themselves; atomic */
    unsigned own_answers;
} MultiSocketRx;

struct MultiSocketPeer {
    /* Constant from creation on. */
    MultiSocketBackend *ms;
    QIOChannel *ioc;
    QIOChannelTLS *tls; /* the same, if it is one */
    int fd;
    char *name;
    uint16_t handshake_type; /* frame with which the other side begins */
    bool passes_fds;         /* UNIX socket */
    bool waits_in_recv;      /* TCP: who waits for input need not poll */

    unsigned int ref; /* atomic */

    /* Main loop. */
    QTAILQ_ENTRY(MultiSocketPeer) next;
    QEMUTimer *deadline;
    bool pending; /* counted in num_pending */
    bool established;
    unsigned accepted_channels; /* bitmap: whose disconnected() is due */

    /*
     * Written by the main loop while the thread waits for `decided`, constant
     * afterwards.
     */
    uint32_t id;
    SDMCpus cpus;
    uint32_t features; /* both have them */
    void *data[SDM_PROTO_NUM_CHANNELS];
    bool go_on;

    /* Main loop before the thread starts: goes with the first byte, or -1. */
    int fd_to_send;

    /*
     * The connection's thread, while it waits for `decided` the main loop:
     * what came with the handshake, or -1.
     */
    int fd_received;

    /* The connection's thread. */
    QemuThread thread;
    QemuSemaphore decided;
    struct sdm_proto_header handshake;
    const uint8_t *handshake_payload;
    EventNotifier wakeup; /* of the thread: something to send, or the end */

    MultiSocketRx rx;
    MultiSocketTx tx;

    /* Protects the TLS session. Nothing is locked after it. */
    QemuMutex tls_lock;

    /* Whoever receives: the peer said BYE. Read after the thread has ended. */
    bool in_order;

    /* Written under tx.lock, read also without it as a hint. */
    bool dead;
    char *reason;
};

/* Print @err and free it, unless there were too many of them. */
void multi_socket_report(MultiSocketBackend *ms, Error *err);

/* --- multi-socket-listen.c --- */

bool multi_socket_listen(MultiSocketBackend *ms, Error **errp);
/* Accept slaves from now on. */
void multi_socket_listen_start(MultiSocketBackend *ms);
void multi_socket_listen_end(MultiSocketBackend *ms);

/* --- multi-socket-connect.c --- */

bool multi_socket_connect_start(MultiSocketBackend *ms, Error **errp);
void multi_socket_connect_end(MultiSocketBackend *ms);
/* Print @err and free it, unless it is what was printed last. */
void multi_socket_connect_problem(MultiSocketBackend *ms, Error *err);
/* The handshake was successful. */
void multi_socket_connect_succeeded(MultiSocketBackend *ms);
/* The connection has ended: connect again, or end this machine. */
void multi_socket_connect_failed(MultiSocketPeer *peer);

/* --- multi-socket-peer.c --- */

/* The connection in @sioc, which becomes the peer's. Does not start it. */
MultiSocketPeer *multi_socket_peer_new(MultiSocketBackend *ms,
                                       QIOChannelSocket *sioc,
                                       uint16_t handshake_type,
                                       Error **errp);
/* Start the thread. It calls the two functions below by bottom halves. */
void multi_socket_peer_start(MultiSocketPeer *peer);
/* Let the thread, which waits after the handshake frame, go on or end. */
void multi_socket_peer_decide(MultiSocketPeer *peer, bool go_on);

/* --- multi-socket-link.c --- */

/* A slave introduces itself. */
void multi_socket_hello(MultiSocketPeer *peer);
/* A connection of @peer->ms begins: there is a deadline for the handshake. */
void multi_socket_begin(MultiSocketPeer *peer);
/* Main loop: the peer's first frame is there, and the thread waits. */
void multi_socket_handshake(MultiSocketPeer *peer);
/* Main loop: the connection is over and the thread about to end. */
void multi_socket_closed(MultiSocketPeer *peer);
/* Whoever receives: a frame after the handshake. */
const char *multi_socket_receive(MultiSocketPeer *peer,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload);

/* Whoever receives: as place() and placed() of the channel. */
unsigned multi_socket_place(MultiSocketPeer *peer,
                            const struct sdm_proto_header *header,
                            const uint8_t *payload, struct iovec *iov);
const char *multi_socket_placed(MultiSocketPeer *peer,
                                const struct sdm_proto_header *header);
/* The connection's thread: as broken() of all channels. */
void multi_socket_broken(MultiSocketPeer *peer);

/* --- multi-socket-io.c --- */

/*
 * Send what the socket takes, without waiting. Returns the number of bytes, or
 * -1 if the connection is of no more use, and why. What was not sent has to be
 * the beginning of the next call.
 */
ssize_t multi_socket_io_send(MultiSocketPeer *peer, struct iovec *iov,
                             size_t niov, char **reason);
/*
 * Receive what is there, with @wait (see waits_in_recv) after a short wait.
 * Returns the number of bytes, or -1 after the end, and why.
 */
ssize_t multi_socket_io_recv(MultiSocketPeer *peer, struct iovec *iov,
                             size_t niov, bool wait, char **reason);

/* --- multi-socket-tls.c --- */

/* Is there TLS, and does it tell who the other side is? */
bool multi_socket_tls_authenticates(MultiSocketBackend *ms);
/* Do the properties fit together? */
bool multi_socket_tls_check(MultiSocketBackend *ms, Error **errp);
QIOChannelTLS *multi_socket_tls_new(MultiSocketBackend *ms,
                                    QIOChannelSocket *sioc, Error **errp);
/* The connection's thread: false after the connection has failed. */
bool multi_socket_tls_handshake(MultiSocketPeer *peer);
/* Master, main loop: does the certificate make it a slave of ours? */
bool multi_socket_tls_authorised(MultiSocketPeer *peer, Error **errp);
/* There is input that the socket does not know of. */
bool multi_socket_tls_buffered(MultiSocketPeer *peer);
/* As multi_socket_io_send() and _recv(). */
ssize_t multi_socket_tls_send(MultiSocketPeer *peer, struct iovec *iov,
                              size_t niov, char **reason);
ssize_t multi_socket_tls_recv(MultiSocketPeer *peer, struct iovec *iov,
                              size_t niov, char **reason);

/* --- multi-socket-tx.c --- */

void multi_socket_tx_init(MultiSocketPeer *peer);
/* The socket is ready: what waits in the queue may leave. */
void multi_socket_tx_open(MultiSocketPeer *peer);
void multi_socket_tx_destroy(MultiSocketPeer *peer);
/*
 * Send what has to be sent by now. Returns the time in ns until more is due,
 * or -1, and sets *@blocked if the socket takes no more.
 */
int64_t multi_socket_tx_flush(MultiSocketPeer *peer, bool *blocked);
/* Something waits for the socket or for its time. */
bool multi_socket_tx_pending(MultiSocketPeer *peer);
/* Say goodbye, waiting until @end (ns) at most so that it gets through. */
void multi_socket_peer_bye(MultiSocketPeer *peer, int64_t end);

/* --- multi-socket-rx.c --- */

void multi_socket_rx_init(MultiSocketPeer *peer);
void multi_socket_rx_destroy(MultiSocketPeer *peer);
/* The connection's thread: the next frame, waiting for it. */
bool multi_socket_rx_first_frame(MultiSocketPeer *peer,
                                 struct sdm_proto_header *header,
                                 const uint8_t **payload);
/*
 * The connection's thread: the connection is dead; wait until nobody receives
 * any more.
 */
void multi_socket_rx_end(MultiSocketPeer *peer);
/* The connection's thread: receive until the connection is dead. */
void multi_socket_rx_run(MultiSocketPeer *peer);

/* --- multi-socket-awake.c --- */

/* @max_ns: for how long at most, 0: not at all. */
void multi_socket_awake_init(MultiSocketAwake *awake, unsigned max_ns);
/* Whoever receives: a message came. */
void multi_socket_awake_note(MultiSocketAwake *awake);
/* Is it worth looking at all? */
bool multi_socket_awake_wanted(MultiSocketAwake *awake);
void multi_socket_awake_begin(MultiSocketAwake *awake, MultiSocketLook *look);
/* Is it worth another look? May let others run. */
bool multi_socket_awake_go_on(MultiSocketLook *look);

#endif
