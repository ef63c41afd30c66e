/*
 * multi-socket-backend: listening, in the main loop
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "io/net-listener.h"
#include "multi-socket-internal.h"

/*
 * Connections whose handshake is not complete. When there are more, the oldest
 * ones have to go: slaves introduce themselves at once, strangers that say
 * nothing keep nobody out.
 */
#define MAX_PENDING 32

/* That takes effect a little later: more are closed at once. */
#define MAX_CONNECTIONS_PENDING (2 * MAX_PENDING)

/* Connections that may wait until they are accepted. */
#define BACKLOG 128

static bool is_loopback(const SocketAddress *addr)
{
    const char *host = addr->u.inet.host;

    /* These addresses come from the socket: they are numbers. */
    return g_str_has_prefix(host, "127.") || g_str_equal(host, "::1") ||
           g_str_has_prefix(host, "::ffff:127.");
}

static void warn_if_open(MultiSocketBackend *ms)
{
    size_t i;

    if (multi_socket_tls_authenticates(ms)) {
        return;
    }
    for (i = 0; i < ms->listener->nsioc; i++) {
        g_autoptr(SocketAddress) addr =
            qio_channel_socket_get_local_address(ms->listener->sioc[i], NULL);

        if (addr && addr->type == SOCKET_ADDRESS_TYPE_INET &&
            !is_loopback(addr)) {
            warn_report("multi-socket-backend '%s' listens on %s without "
                        "%s: whoever reaches this port can become a slave%s",
                        object_get_canonical_path_component(OBJECT(ms)),
                        addr->u.inet.host,
                        ms->tls_creds ? "verify-peer=on" : "'tls-creds'",
                        ms->tls_creds ? "" : ", and read and change what goes "
                        "over it");
            return;
        }
    }
}

bool multi_socket_listen(MultiSocketBackend *ms, Error **errp)
{
    ms->own_id = SDM_ID_MASTER;
    ms->listener = qio_net_listener_new();
    qio_net_listener_set_name(ms->listener, "sdm-listener");
    if (qio_net_listener_open_sync(ms->listener, ms->addr, BACKLOG,
                                   errp) < 0) {
        return false;
    }
    warn_if_open(ms);
    return true;
}

static void drop_oldest_pending(MultiSocketBackend *ms)
{
    MultiSocketPeer *peer;

    QTAILQ_FOREACH(peer, &ms->peers, next) {
        if (peer->pending && !qatomic_read(&peer->dead)) {
            multi_socket_peer_fail(peer, "too many connections without "
                                   "handshake");
            return;
        }
    }
}

static unsigned num_pending(MultiSocketBackend *ms)
{
    MultiSocketPeer *peer;
    unsigned n = 0;

    QTAILQ_FOREACH(peer, &ms->peers, next) {
        n += peer->pending && !qatomic_read(&peer->dead);
    }
    return n;
}

static void multi_socket_accept(QIONetListener *listener,
                                QIOChannelSocket *sioc, gpointer opaque)
{
    MultiSocketBackend *ms = opaque;
    MultiSocketPeer *peer;
    Error *err = NULL;

    if (ms->num_pending >= MAX_CONNECTIONS_PENDING) {
        /* Closed when the caller drops its reference. */
        return;
    }
    if (num_pending(ms) >= MAX_PENDING) {
        drop_oldest_pending(ms);
    }
    qio_channel_set_name(QIO_CHANNEL(sioc), "sdm-slave");
    peer = multi_socket_peer_new(ms, sioc, SDM_PROTO_HELLO, &err);
    if (!peer) {
        multi_socket_report(ms, err);
        return;
    }
    multi_socket_begin(peer);
}

void multi_socket_listen_start(MultiSocketBackend *ms)
{
    qio_net_listener_set_client_func(ms->listener, multi_socket_accept, ms,
                                     NULL);
}

void multi_socket_listen_end(MultiSocketBackend *ms)
{
    if (ms->listener) {
        qio_net_listener_disconnect(ms->listener);
    }
}
