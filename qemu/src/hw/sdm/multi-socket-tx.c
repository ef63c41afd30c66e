/*
 * multi-socket-backend: sending on one connection
 *
 * A sender writes to the socket directly and never waits for it: what the
 * socket does not take is queued, and the connection's thread sends it when
 * there is room. Frames leave in the order of the calls.
 *
 * Posted writes are collected in the queue, neighbouring ones in one frame.
 * They leave with the next frame of another kind, when there are enough of
 * them, or after a short while.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/iov.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "deadline.h"
#include "multi-socket-internal.h"

/* Bytes in the queue from which senders of bulk data wait. */
#define TX_CONGESTED (1 * MiB)

/*
 * Nobody who keeps to the protocol has so much to say to a peer that does not
 * listen: senders of bulk data wait, signals have credits.
 */
#define TX_MAX (8 * MiB)

/* So many bytes of posted writes leave at once. */
#define TX_BATCH (32 * KiB)

/*
 * Posted writes wait for company no longer than this, or, where so many bytes
 * have come in this time that more are on their way, than that.
 */
#define TX_DELAY_NS (100 * 1000)
#define TX_STREAM 2048
#define TX_STREAM_DELAY_NS (1000 * 1000)

/* Payload up to this size is copied behind the header. */
#define TX_SMALL 64

/* Below this a copy is cheaper than another system call. */
#define TX_COPY 1024

static size_t tx_queued(const MultiSocketTx *tx)
{
    return tx->tail - tx->head;
}

static void peer_fail_locked(MultiSocketPeer *peer, char *reason)
{
    if (peer->dead) {
        g_free(reason);
        return;
    }
    peer->reason = reason;
    qatomic_set(&peer->dead, true);
    qemu_cond_broadcast(&peer->tx.room);
    /* Wake whoever receives, and the other side. */
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

    qemu_mutex_lock(&peer->tx.lock);
    peer_fail_locked(peer, reason);
    qemu_mutex_unlock(&peer->tx.lock);
}

/* Write what the socket takes. -1 declares the connection dead. */
static ssize_t tx_write_locked(MultiSocketPeer *peer, struct iovec *iov,
                               size_t niov)
{
    char *reason = NULL;
    ssize_t n = multi_socket_io_send(peer, iov, niov, &reason);

    if (n < 0) {
        peer_fail_locked(peer, reason);
    }
    return n;
}

/* Room for @length bytes at the tail. */
static uint8_t *tx_reserve(MultiSocketTx *tx, size_t length)
{
    /* What is moved is less than what has left since the last time. */
    if (tx->size - tx->tail < length && tx->head >= tx_queued(tx)) {
        memmove(tx->buf, tx->buf + tx->head, tx_queued(tx));
        tx->write_frame -= tx->head;
        tx->tail -= tx->head;
        tx->head = 0;
    }
    if (tx->size - tx->tail < length) {
        tx->size = MAX(2 * tx->size, tx->tail + length);
        tx->buf = g_realloc(tx->buf, tx->size);
    }
    return tx->buf + tx->tail;
}

static void tx_append(MultiSocketTx *tx, const void *data, size_t length)
{
    memcpy(tx_reserve(tx, length), data, length);
    tx->tail += length;
}

/*
 * Send the queue. False if the socket takes no more, somebody streams, or it
 * is dead.
 */
static bool tx_flush_locked(MultiSocketPeer *peer)
{
    MultiSocketTx *tx = &peer->tx;

    if (tx->streaming) {
        return false;
    }

    tx->write_length = 0;
    tx->write_deadline = 0;
    while (!peer->dead && tx_queued(tx)) {
        struct iovec iov = {
            .iov_base = tx->buf + tx->head,
            .iov_len = tx_queued(tx),
        };
        ssize_t n = tx_write_locked(peer, &iov, 1);

        if (n <= 0) {
            return false;
        }
        tx->head += n;
        tx->left += n;
        if (tx_queued(tx) < TX_CONGESTED) {
            qemu_cond_broadcast(&tx->room);
        }
    }
    tx->head = tx->tail = 0;
    return !peer->dead;
}

/* How long the posted writes in the queue may still wait, ns. */
static int64_t tx_time_left(MultiSocketTx *tx)
{
    int64_t left = tx->write_deadline - get_clock();

    if (left <= 0 && !tx->stream && tx_queued(tx) >= TX_STREAM) {
        tx->stream = true;
        tx->write_deadline += TX_STREAM_DELAY_NS - TX_DELAY_NS;
        left += TX_STREAM_DELAY_NS - TX_DELAY_NS;
    }
    return left;
}

int64_t multi_socket_tx_flush(MultiSocketPeer *peer, bool *blocked)
{
    MultiSocketTx *tx = &peer->tx;
    int64_t left = -1;

    QEMU_LOCK_GUARD(&tx->lock);

    *blocked = false;
    if (tx->streaming) {
        /* Who streams also sends what comes meanwhile. */
        return -1;
    }
    if (tx->write_deadline) {
        left = tx_time_left(tx);
        if (left > 0) {
            return left;
        }
        left = -1;
    }
    if (tx_queued(tx)) {
        *blocked = !tx_flush_locked(peer) && !peer->dead;
    }
    return left;
}

bool multi_socket_tx_pending(MultiSocketPeer *peer)
{
    QEMU_LOCK_GUARD(&peer->tx.lock);

    return tx_queued(&peer->tx);
}

bool multi_socket_peer_send(MultiSocketPeer *peer, uint16_t type, uint32_t tag,
                            uint32_t arg, const struct iovec *iov, size_t niov)
{
    MultiSocketTx *tx = &peer->tx;
    struct sdm_proto_header header = {
        .type = type,
        .length = iov_size(iov, niov),
        .tag = tag,
        .arg = arg,
    };
    uint8_t head[SDM_PROTO_HEADER_SIZE + TX_SMALL];
    struct iovec v[1 + MULTI_SOCKET_MAX_IOV];
    ssize_t sent = 0;
    bool was_queued;
    size_t i;

    assert(niov <= MULTI_SOCKET_MAX_IOV);
    sdm_proto_put_header(head, &header);
    v[0] = (struct iovec) {
        .iov_base = head,
        .iov_len = SDM_PROTO_HEADER_SIZE,
    };
    if (header.length <= TX_SMALL) {
        v[0].iov_len += iov_to_buf(iov, niov, 0, head + SDM_PROTO_HEADER_SIZE,
                                   header.length);
        niov = 0;
    }
    for (i = 0; i < niov; i++) {
        v[1 + i] = iov[i];
    }

    QEMU_LOCK_GUARD(&tx->lock);

    if (peer->dead) {
        return false;
    }
    was_queued = tx_queued(tx) || tx->streaming;
    if (was_queued && header.length > TX_COPY) {
        was_queued = !tx_flush_locked(peer);
    }
    if (!was_queued) {
        sent = tx_write_locked(peer, v, niov + 1);
        if (sent < 0) {
            return false;
        }
        if (sent == SDM_PROTO_HEADER_SIZE + header.length) {
            return true;
        }
    }
    if (tx_queued(tx) > TX_MAX) {
        peer_fail_locked(peer, g_strdup("the peer does not take what it is "
                                        "sent"));
        return false;
    }
    /* A store that comes now is behind this frame. */
    tx->write_length = 0;
    for (i = 0; i < niov + 1; i++) {
        size_t skip = MIN(sent, v[i].iov_len);

        sent -= skip;
        tx_append(tx, v[i].iov_base + skip, v[i].iov_len - skip);
    }
    if (!tx_flush_locked(peer)) {
        /* The thread goes on when there is room. */
        event_notifier_set(&peer->wakeup);
    }
    return !peer->dead;
}

/* Wait until the socket takes more. */
static int stream_wait(MultiSocketPeer *peer, unsigned timeout_ms)
{
    GPollFD fd = { .fd = peer->fd, .events = G_IO_OUT };

    if (qemu_poll_ns(&fd, 1, timeout_ms * (int64_t)SCALE_MS) == 0) {
        multi_socket_peer_fail(peer, "the peer took no data for %u ms",
                               timeout_ms);
        return -ETIMEDOUT;
    }
    return qatomic_read(&peer->dead) ? -ECONNRESET : 0;
}

/* Become the only one who writes to the socket, with the queue empty. */
static int stream_begin(MultiSocketPeer *peer, unsigned timeout_ms)
{
    MultiSocketTx *tx = &peer->tx;
    bool waits = false;
    int ret = 0;

    qemu_mutex_lock(&tx->lock);
    while (!ret && !peer->dead && (tx->streaming || !tx_flush_locked(peer))) {
        if (!waits) {
            waits = true;
            tx->waiting++;
        }
        if (tx->streaming) {
            qemu_cond_wait(&tx->room, &tx->lock);
        } else {
            qemu_mutex_unlock(&tx->lock);
            ret = stream_wait(peer, timeout_ms);
            qemu_mutex_lock(&tx->lock);
        }
    }
    if (!ret && peer->dead) {
        ret = -ECONNRESET;
    }
    tx->streaming = tx->streaming || !ret;
    if (waits) {
        tx->waiting--;
        qemu_cond_broadcast(&tx->room);
    }
    qemu_mutex_unlock(&tx->lock);
    return ret;
}

static void stream_end(MultiSocketPeer *peer)
{
    MultiSocketTx *tx = &peer->tx;

    QEMU_LOCK_GUARD(&tx->lock);

    tx->streaming = false;
    if (!tx_flush_locked(peer)) {
        event_notifier_set(&peer->wakeup);
    }
    qemu_cond_broadcast(&tx->room);
}

int multi_socket_peer_stream(MultiSocketPeer *peer, uint16_t type,
                             uint16_t flags, uint32_t tag,
                             const struct iovec *iov, size_t niov,
                             unsigned timeout_ms)
{
    struct sdm_proto_header header = {
        .type = type,
        .flags = flags,
        .length = iov_size(iov, niov),
        .tag = tag,
    };
    uint8_t head[SDM_PROTO_HEADER_SIZE];
    struct iovec v[1 + MULTI_SOCKET_MAX_IOV];
    struct iovec *left = v;
    unsigned nleft = niov + 1;
    int ret;

    assert(niov <= MULTI_SOCKET_MAX_IOV);
    sdm_proto_put_header(head, &header);
    v[0] = (struct iovec) { .iov_base = head, .iov_len = sizeof(head) };
    memcpy(v + 1, iov, niov * sizeof(*iov));

    ret = stream_begin(peer, timeout_ms);
    if (ret) {
        return ret;
    }
    while (!ret && nleft) {
        char *reason = NULL;
        ssize_t n = multi_socket_io_send(peer, left, nleft, &reason);

        if (n < 0) {
            multi_socket_peer_fail(peer, "%s", reason);
            g_free(reason);
            ret = -ECONNRESET;
        } else if (n == 0) {
            ret = stream_wait(peer, timeout_ms);
        } else {
            iov_discard_front(&left, &nleft, n);
        }
    }
    stream_end(peer);
    return ret;
}

/* Make the last frame in the queue longer if it ends at @offset. */
static bool tx_extend_write(MultiSocketTx *tx, uint64_t offset,
                            const void *data, size_t length)
{
    if (!tx->write_length || tx->write_end != offset ||
        tx->write_length + length > SDM_PROTO_MAX_ORDERED) {
        return false;
    }
    tx_append(tx, data, length);
    tx->write_length += length;
    tx->write_end += length;
    stl_le_p(tx->buf + tx->write_frame +
             offsetof(struct sdm_proto_header, length),
             sizeof(struct sdm_proto_mem) + tx->write_length);
    return true;
}

static void tx_append_write(MultiSocketTx *tx, uint64_t offset,
                            const void *data, size_t length)
{
    struct sdm_proto_mem mem = { .offset = offset };
    struct sdm_proto_header header = {
        .type = SDM_PROTO_MEM_WRITE,
        .length = sizeof(mem) + length,
    };
    uint8_t *p = tx_reserve(tx, SDM_PROTO_HEADER_SIZE + header.length);

    tx->write_frame = tx->tail;
    tx->write_length = length;
    tx->write_end = offset + length;
    sdm_proto_put_header(p, &header);
    sdm_proto_put_mem(p + SDM_PROTO_HEADER_SIZE, &mem);
    memcpy(p + SDM_PROTO_HEADER_SIZE + sizeof(mem), data, length);
    tx->tail += SDM_PROTO_HEADER_SIZE + header.length;
}

static bool tx_congested(const MultiSocketTx *tx)
{
    return tx_queued(tx) >= TX_CONGESTED;
}

/*
 * Posted writes must not keep the queue from getting empty while somebody
 * waits for that. Once he streams they may come again, for the time after.
 */
static bool tx_takes_writes(const MultiSocketTx *tx)
{
    return !tx_congested(tx) && (!tx->waiting || tx->streaming);
}

static int post_write_locked(MultiSocketPeer *peer, uint64_t offset,
                             const void *data, size_t length)
{
    MultiSocketTx *tx = &peer->tx;

    if (peer->dead) {
        return -ECONNRESET;
    }
    if (!tx_takes_writes(tx)) {
        return -EAGAIN;
    }
    if (!tx_extend_write(tx, offset, data, length)) {
        tx_append_write(tx, offset, data, length);
    }
    if (tx_queued(tx) >= TX_BATCH) {
        if (!tx_flush_locked(peer)) {
            event_notifier_set(&peer->wakeup);
        }
    } else if (!tx->write_deadline) {
        tx->write_deadline = get_clock() + TX_DELAY_NS;
        tx->stream = false;
        event_notifier_set(&peer->wakeup);
    }
    return peer->dead ? -ECONNRESET : 0;
}

int multi_socket_peer_post_write(MultiSocketPeer *peer, uint64_t offset,
                                 const void *data, size_t length)
{
    QEMU_LOCK_GUARD(&peer->tx.lock);

    return post_write_locked(peer, offset, data, length);
}

int multi_socket_peer_post_write_wait(MultiSocketPeer *peer, uint64_t offset,
                                      const void *data, size_t length,
                                      unsigned timeout_ms)
{
    MultiSocketTx *tx = &peer->tx;
    SDMDeadline deadline = sdm_deadline(timeout_ms);
    int ret;

    QEMU_LOCK_GUARD(&tx->lock);

    /* Who finds room takes it with the same lock, before others do. */
    while ((ret = post_write_locked(peer, offset, data, length)) == -EAGAIN) {
        if (!sdm_deadline_wait(&deadline, &tx->room, &tx->lock)) {
            peer_fail_locked(peer, g_strdup_printf(
                "the peer took too little data for %u ms", timeout_ms));
            return -ETIMEDOUT;
        }
        if (deadline.late) {
            /* The connection's thread may not have got on either. */
            tx_flush_locked(peer);
        }
    }
    return ret;
}

uint64_t multi_socket_peer_mark(MultiSocketPeer *peer)
{
    QEMU_LOCK_GUARD(&peer->tx.lock);

    return peer->tx.left + tx_queued(&peer->tx);
}

bool multi_socket_peer_has_left(MultiSocketPeer *peer, uint64_t mark)
{
    QEMU_LOCK_GUARD(&peer->tx.lock);

    return peer->tx.left >= mark;
}

bool multi_socket_peer_congested(MultiSocketPeer *peer)
{
    QEMU_LOCK_GUARD(&peer->tx.lock);

    return tx_congested(&peer->tx);
}

void multi_socket_peer_bye(MultiSocketPeer *peer, int64_t end)
{
    MultiSocketTx *tx = &peer->tx;
    int64_t left;

    multi_socket_peer_send(peer, SDM_PROTO_BYE, 0, 0, NULL, 0);

    QEMU_LOCK_GUARD(&tx->lock);

    while (!peer->dead && (tx->streaming || tx_queued(tx)) &&
           (left = end - get_clock()) > 0) {
        if (tx->streaming) {
            qemu_cond_timedwait(&tx->room, &tx->lock,
                                DIV_ROUND_UP(left, SCALE_MS));
        } else if (!tx_flush_locked(peer)) {
            GPollFD fd = { .fd = peer->fd, .events = G_IO_OUT };

            qemu_mutex_unlock(&tx->lock);
            qemu_poll_ns(&fd, 1, left);
            qemu_mutex_lock(&tx->lock);
        }
    }
    qio_channel_shutdown(peer->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
}

void multi_socket_tx_init(MultiSocketPeer *peer)
{
    MultiSocketTx *tx = &peer->tx;

    qemu_mutex_init(&tx->lock);
    qemu_cond_init(&tx->room);
    tx->size = 2 * TX_BATCH;
    tx->buf = g_malloc(tx->size);
    tx->streaming = peer->tls;
}

void multi_socket_tx_open(MultiSocketPeer *peer)
{
    stream_end(peer);
}

void multi_socket_tx_destroy(MultiSocketPeer *peer)
{
    MultiSocketTx *tx = &peer->tx;

    g_free(tx->buf);
    qemu_cond_destroy(&tx->room);
    qemu_mutex_destroy(&tx->lock);
}
