/*
 * multi-socket-backend: one connection
 *
 * The socket is non-blocking. A sender writes to it directly; only what the
 * socket does not take is queued, and the connection's thread sends it when
 * there is room. So frames keep their order, and nobody who holds the BQL
 * ever waits for a peer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/iov.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/units.h"
#include "multi-socket-internal.h"
#include "trace.h"

/* Bytes in the queue from which senders of bulk data wait. */
#define TX_CONGESTED (1 * MiB)

/* Room for a whole frame behind the remains of another one. */
#define RX_SIZE (2 * SDM_PROTO_MAX_FRAME)

static size_t tx_queued(const MultiSocketPeer *peer)
{
    return peer->tx_queue->len - peer->tx_head;
}

static void peer_fail_locked(MultiSocketPeer *peer, char *reason)
{
    if (peer->dead) {
        g_free(reason);
        return;
    }
    peer->reason = reason;
    qatomic_set(&peer->dead, true);
    qemu_cond_broadcast(&peer->tx_room);
    /* Wake the thread in poll(), and the other side. */
    qio_channel_shutdown(peer->ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    event_notifier_set(&peer->wakeup);
}

void multi_socket_peer_fail(MultiSocketPeer *peer, const char *fmt, ...)
{
    char *reason;
    va_list ap;

    va_start(ap, fmt);
    reason = g_strdup_vprintf(fmt, ap);
    va_end(ap);

    qemu_mutex_lock(&peer->tx_lock);
    peer_fail_locked(peer, reason);
    qemu_mutex_unlock(&peer->tx_lock);
}

/*
 * Write what the socket takes. Returns the number of bytes, or -1 after
 * having declared the connection dead.
 */
static ssize_t peer_write_locked(MultiSocketPeer *peer, struct iovec *iov,
                                 size_t niov)
{
    Error *err = NULL;
    ssize_t n = qio_channel_writev(peer->ioc, iov, niov, &err);

    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return 0;
    }
    if (n < 0) {
        peer_fail_locked(peer, g_strdup(error_get_pretty(err)));
        error_free(err);
    }
    return n;
}

static void peer_flush_locked(MultiSocketPeer *peer)
{
    while (!peer->dead && tx_queued(peer)) {
        struct iovec iov = {
            .iov_base = peer->tx_queue->data + peer->tx_head,
            .iov_len = tx_queued(peer),
        };
        ssize_t n = peer_write_locked(peer, &iov, 1);

        if (n <= 0) {
            break;
        }
        peer->tx_head += n;
    }
    if (!tx_queued(peer)) {
        g_byte_array_set_size(peer->tx_queue, 0);
        peer->tx_head = 0;
    } else if (peer->tx_head > TX_CONGESTED) {
        g_byte_array_remove_range(peer->tx_queue, 0, peer->tx_head);
        peer->tx_head = 0;
    }
    if (tx_queued(peer) < TX_CONGESTED) {
        qemu_cond_broadcast(&peer->tx_room);
    }
}

bool multi_socket_peer_send(MultiSocketPeer *peer, uint16_t type, uint32_t tag,
                            uint32_t arg, const struct iovec *iov, size_t niov)
{
    struct sdm_proto_header header = { .type = type, .tag = tag, .arg = arg };
    uint8_t head[SDM_PROTO_HEADER_SIZE];
    struct iovec v[1 + MULTI_SOCKET_MAX_IOV];
    ssize_t sent = 0;
    size_t i;

    assert(niov <= MULTI_SOCKET_MAX_IOV);
    header.length = iov_size(iov, niov);
    sdm_proto_put_header(head, &header);
    v[0] = (struct iovec) { .iov_base = head, .iov_len = sizeof(head) };
    for (i = 0; i < niov; i++) {
        v[1 + i] = iov[i];
    }

    QEMU_LOCK_GUARD(&peer->tx_lock);

    if (peer->dead) {
        return false;
    }
    if (!tx_queued(peer)) {
        sent = peer_write_locked(peer, v, niov + 1);
        if (sent < 0) {
            return false;
        }
    }
    for (i = 0; i < niov + 1; i++) {
        size_t skip = MIN(sent, v[i].iov_len);

        sent -= skip;
        g_byte_array_append(peer->tx_queue, (uint8_t *)v[i].iov_base + skip,
                            v[i].iov_len - skip);
    }
    if (tx_queued(peer)) {
        event_notifier_set(&peer->wakeup);
    }
    return true;
}

bool multi_socket_peer_congested(MultiSocketPeer *peer)
{
    QEMU_LOCK_GUARD(&peer->tx_lock);

    return tx_queued(peer) >= TX_CONGESTED;
}

bool multi_socket_peer_wait_room(MultiSocketPeer *peer, unsigned timeout_ms)
{
    QEMU_LOCK_GUARD(&peer->tx_lock);

    while (!peer->dead && tx_queued(peer) >= TX_CONGESTED) {
        if (!qemu_cond_timedwait(&peer->tx_room, &peer->tx_lock, timeout_ms)) {
            peer_fail_locked(peer, g_strdup_printf(
                "the peer took no data for %u ms", timeout_ms));
        }
    }
    return !peer->dead;
}

/* Sleep until there is something to receive, to send, or to end. */
static void peer_wait(MultiSocketPeer *peer, bool want_input)
{
    GPollFD fds[2] = {
        { .fd = peer->fd, .events = want_input ? G_IO_IN : 0 },
        { .fd = event_notifier_get_fd(&peer->wakeup), .events = G_IO_IN },
    };

    WITH_QEMU_LOCK_GUARD(&peer->tx_lock) {
        if (tx_queued(peer)) {
            fds[0].events |= G_IO_OUT;
        }
    }
    g_poll(fds, G_N_ELEMENTS(fds), -1);
    event_notifier_test_and_clear(&peer->wakeup);

    WITH_QEMU_LOCK_GUARD(&peer->tx_lock) {
        peer_flush_locked(peer);
    }
}

/*
 * A slave whose answers are not taken does not look for more questions: that
 * bounds the queue. A master always receives, so the two cannot block each
 * other.
 */
static bool peer_may_receive(MultiSocketPeer *peer)
{
    return multi_socket_is_master(peer->ms) ||
           !multi_socket_peer_congested(peer);
}

/* Receive at least one byte. */
static bool peer_fill(MultiSocketPeer *peer)
{
    if (peer->rx_head) {
        memmove(peer->rx, peer->rx + peer->rx_head,
                peer->rx_tail - peer->rx_head);
        peer->rx_tail -= peer->rx_head;
        peer->rx_head = 0;
    }

    while (!qatomic_read(&peer->dead)) {
        Error *err = NULL;
        ssize_t n;

        if (!peer_may_receive(peer)) {
            peer_wait(peer, false);
            continue;
        }
        n = qio_channel_read(peer->ioc, (char *)peer->rx + peer->rx_tail,
                             RX_SIZE - peer->rx_tail, &err);
        if (n > 0) {
            peer->rx_tail += n;
            return true;
        }
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            peer_wait(peer, true);
        } else if (n == 0) {
            multi_socket_peer_fail(peer, "the peer closed the connection");
        } else {
            multi_socket_peer_fail(peer, "%s", error_get_pretty(err));
            error_free(err);
        }
    }
    return false;
}

/*
 * Get the next frame. The payload stays in the receive buffer until the next
 * call.
 */
static bool peer_next_frame(MultiSocketPeer *peer,
                            struct sdm_proto_header *header,
                            const uint8_t **payload)
{
    const char *what;

    while (peer->rx_tail - peer->rx_head < SDM_PROTO_HEADER_SIZE) {
        if (!peer_fill(peer)) {
            return false;
        }
    }
    what = sdm_proto_parse_header(peer->rx + peer->rx_head, header);
    if (what) {
        multi_socket_peer_fail(peer, "protocol violation: %s", what);
        return false;
    }
    while (peer->rx_tail - peer->rx_head <
           SDM_PROTO_HEADER_SIZE + header->length) {
        if (!peer_fill(peer)) {
            return false;
        }
    }
    *payload = peer->rx + peer->rx_head + SDM_PROTO_HEADER_SIZE;
    peer->rx_head += SDM_PROTO_HEADER_SIZE + header->length;
    return true;
}

static void peer_handshake_bh(void *opaque)
{
    multi_socket_handshake(opaque);
}

static void peer_closed_bh(void *opaque)
{
    MultiSocketPeer *peer = opaque;

    qemu_thread_join(&peer->thread);
    multi_socket_closed(peer);
    multi_socket_peer_unref(peer);
}

static bool peer_shake_hands(MultiSocketPeer *peer)
{
    if (!peer_next_frame(peer, &peer->handshake, &peer->handshake_payload)) {
        return false;
    }
    if (peer->handshake.type != peer->handshake_type &&
        peer->handshake.type != SDM_PROTO_REJECT) {
        multi_socket_peer_fail(peer, "protocol violation: "
                               "frame 0x%04x before the handshake",
                               peer->handshake.type);
        return false;
    }
    aio_bh_schedule_oneshot(qemu_get_aio_context(), peer_handshake_bh, peer);
    qemu_sem_wait(&peer->decided);
    return peer->go_on;
}

static void *peer_thread(void *opaque)
{
    MultiSocketPeer *peer = opaque;
    struct sdm_proto_header header;
    const uint8_t *payload;

    rcu_register_thread();

    if (peer_shake_hands(peer)) {
        while (peer_next_frame(peer, &header, &payload)) {
            const char *what = multi_socket_receive(peer, &header, payload);

            if (what) {
                multi_socket_peer_fail(peer, "protocol violation: %s", what);
            }
        }
    }
    multi_socket_peer_fail(peer, "closed");

    aio_bh_schedule_oneshot(qemu_get_aio_context(), peer_closed_bh, peer);
    rcu_unregister_thread();
    return NULL;
}

MultiSocketPeer *multi_socket_peer_new(MultiSocketBackend *ms,
                                       QIOChannelSocket *sioc,
                                       uint16_t handshake_type)
{
    MultiSocketPeer *peer = g_new0(MultiSocketPeer, 1);
    g_autoptr(SocketAddress) addr = NULL;

    peer->ref = 1;
    peer->ms = MULTI_SOCKET_BACKEND(object_ref(OBJECT(ms)));
    peer->ioc = QIO_CHANNEL(object_ref(OBJECT(sioc)));
    peer->fd = sioc->fd;
    peer->handshake_type = handshake_type;
    addr = qio_channel_socket_get_remote_address(sioc, NULL);
    peer->name = addr ? socket_uri(addr) : g_strdup("unknown address");
    peer->rx = g_malloc(RX_SIZE);
    peer->tx_queue = g_byte_array_new();
    qemu_mutex_init(&peer->tx_lock);
    qemu_cond_init(&peer->tx_room);
    qemu_sem_init(&peer->decided, 0);
    event_notifier_init(&peer->wakeup, 0);

    qio_channel_set_blocking(peer->ioc, false, NULL);
    qio_channel_set_delay(peer->ioc, false);
    return peer;
}

MultiSocketPeer *multi_socket_peer_ref(MultiSocketPeer *peer)
{
    qatomic_inc(&peer->ref);
    return peer;
}

void multi_socket_peer_unref(MultiSocketPeer *peer)
{
    if (qatomic_fetch_dec(&peer->ref) != 1) {
        return;
    }
    event_notifier_cleanup(&peer->wakeup);
    qemu_sem_destroy(&peer->decided);
    qemu_cond_destroy(&peer->tx_room);
    qemu_mutex_destroy(&peer->tx_lock);
    g_byte_array_unref(peer->tx_queue);
    g_free(peer->rx);
    g_free(peer->reason);
    g_free(peer->name);
    object_unref(OBJECT(peer->ioc));
    object_unref(OBJECT(peer->ms));
    g_free(peer);
}

void multi_socket_peer_start(MultiSocketPeer *peer)
{
    /* The thread's reference; peer_closed_bh() drops it. */
    multi_socket_peer_ref(peer);
    qemu_thread_create(&peer->thread, "sdm-peer", peer_thread, peer,
                       QEMU_THREAD_JOINABLE);
}

void multi_socket_peer_decide(MultiSocketPeer *peer, bool go_on)
{
    peer->go_on = go_on;
    qemu_sem_post(&peer->decided);
}

uint32_t multi_socket_peer_id(const MultiSocketPeer *peer)
{
    return peer->id;
}

uint32_t multi_socket_peer_arch(const MultiSocketPeer *peer)
{
    return peer->arch;
}

bool multi_socket_peer_is_established(const MultiSocketPeer *peer)
{
    return peer->established;
}

const char *multi_socket_peer_name(const MultiSocketPeer *peer)
{
    return peer->name;
}

void multi_socket_peer_set_data(MultiSocketPeer *peer, unsigned channel,
                                void *data)
{
    assert(channel < SDM_PROTO_NUM_CHANNELS);
    peer->data[channel] = data;
}

void *multi_socket_peer_data(MultiSocketPeer *peer, unsigned channel)
{
    assert(channel < SDM_PROTO_NUM_CHANNELS);
    return peer->data[channel];
}
