/*
 * multi-socket-backend: the life of one connection
 *
 * Bottom halves go to the context of the I/O handlers: it is served by the
 * main loop alone, never from inside a wait for a block device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <netinet/tcp.h>
#include "qapi/error.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "multi-socket-internal.h"

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
    if (peer->tls) {
        if (!multi_socket_tls_handshake(peer)) {
            return false;
        }
        multi_socket_tx_open(peer);
    }
    if (!multi_socket_rx_first_frame(peer, &peer->handshake,
                                     &peer->handshake_payload)) {
        return false;
    }
    if (peer->handshake.type != peer->handshake_type &&
        peer->handshake.type != SDM_PROTO_REJECT) {
        multi_socket_peer_fail(peer, "protocol violation: "
                               "frame 0x%04x before the handshake",
                               peer->handshake.type);
        return false;
    }
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), peer_handshake_bh,
                            peer);
    qemu_sem_wait(&peer->decided);
    return peer->go_on;
}

static void *peer_thread(void *opaque)
{
    MultiSocketPeer *peer = opaque;

    rcu_register_thread();
    if (peer_shake_hands(peer)) {
        multi_socket_rx_run(peer);
        multi_socket_peer_fail(peer, "closed");
        /* Not in the main loop: who holds the BQL may wait for this. */
        multi_socket_rx_end(peer);
        multi_socket_broken(peer);
    }
    multi_socket_peer_fail(peer, "closed");
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), peer_closed_bh, peer);
    rcu_unregister_thread();
    return NULL;
}

/*
 * Notice when the other host has gone without a word, or the network: while
 * nothing is said, and while what was said is not acknowledged.
 */
static void keep_alive(int fd, unsigned ms)
{
    int on = 1, seconds = MAX(1, ms / (3 * 1000));

    if (!ms) {
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

MultiSocketPeer *multi_socket_peer_new(MultiSocketBackend *ms,
                                       QIOChannelSocket *sioc,
                                       uint16_t handshake_type,
                                       Error **errp)
{
    g_autoptr(QIOChannelTLS) tls = NULL;
    g_autoptr(SocketAddress) addr = NULL;
    MultiSocketPeer *peer;
    int ret;

    if (ms->tls_creds) {
        tls = multi_socket_tls_new(ms, sioc, errp);
        if (!tls) {
            return NULL;
        }
    }
    peer = g_new0(MultiSocketPeer, 1);
    ret = event_notifier_init(&peer->wakeup, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "no file descriptors left");
        g_free(peer);
        return NULL;
    }
    peer->ref = 1;
    peer->ms = MULTI_SOCKET_BACKEND(object_ref(OBJECT(ms)));
    peer->fd = sioc->fd;
    peer->handshake_type = handshake_type;
    if (tls) {
        peer->tls = g_steal_pointer(&tls);
        peer->ioc = QIO_CHANNEL(peer->tls);
    } else {
        peer->ioc = QIO_CHANNEL(object_ref(OBJECT(sioc)));
        peer->passes_fds =
            qio_channel_has_feature(peer->ioc, QIO_CHANNEL_FEATURE_FD_PASS);
        /*
         * Who sleeps in recv() on a UNIX socket is woken in vain, when the
         * other side takes what it was sent.
         */
        peer->waits_in_recv = !peer->passes_fds;
    }
    peer->fd_to_send = -1;
    peer->fd_received = -1;
    addr = qio_channel_socket_get_remote_address(sioc, NULL);
    peer->name = addr ? socket_uri(addr) : g_strdup("unknown address");
    if (sioc->localAddr.ss_family != AF_UNIX) {
        keep_alive(peer->fd, ms->keep_alive_ms);
    }
    qemu_sem_init(&peer->decided, 0);
    qemu_mutex_init(&peer->tls_lock);
    multi_socket_tx_init(peer);
    multi_socket_rx_init(peer);

    /* Without TLS those who may not wait say so with each call. */
    qio_channel_set_blocking(peer->ioc, !peer->tls, NULL);
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
    multi_socket_rx_destroy(peer);
    multi_socket_tx_destroy(peer);
    if (peer->fd_received >= 0) {
        close(peer->fd_received);
    }
    event_notifier_cleanup(&peer->wakeup);
    qemu_mutex_destroy(&peer->tls_lock);
    qemu_sem_destroy(&peer->decided);
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

bool multi_socket_peer_has(const MultiSocketPeer *peer, uint32_t feature)
{
    return peer->features & feature;
}

SDMCpus multi_socket_peer_cpus(const MultiSocketPeer *peer)
{
    return peer->cpus;
}

bool multi_socket_peer_is_established(const MultiSocketPeer *peer)
{
    return peer->established;
}

const char *multi_socket_peer_name(const MultiSocketPeer *peer)
{
    return peer->name;
}

bool multi_socket_peer_pass_fd(MultiSocketPeer *peer, int fd)
{
    if (!peer->passes_fds) {
        return false;
    }
    peer->fd_to_send = fd;
    return true;
}

int multi_socket_peer_take_fd(MultiSocketPeer *peer)
{
    int fd = peer->fd_received;

    peer->fd_received = -1;
    return fd;
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
