/*
 * multi-socket-backend: TLS of one connection
 *
 * A session is used by the thread that receives and by those that send, with
 * a lock: a receiver may have to send something of its own. The socket does
 * not block, so nobody holds the lock for long.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "crypto/tlscredsanon.h"
#include "crypto/tlscredsx509.h"
#include "crypto/tlssession.h"
#include "multi-socket-internal.h"

static bool is_kind(MultiSocketBackend *ms, const char *type)
{
    return object_dynamic_cast(OBJECT(ms->tls_creds), type);
}

bool multi_socket_tls_authenticates(MultiSocketBackend *ms)
{
    return ms->tls_creds &&
           (!is_kind(ms, TYPE_QCRYPTO_TLS_CREDS_X509) ||
            object_property_get_bool(OBJECT(ms->tls_creds), "verify-peer",
                                     &error_abort));
}

bool multi_socket_tls_check(MultiSocketBackend *ms, Error **errp)
{
    QCryptoTLSCredsEndpoint endpoint = ms->listen ?
        QCRYPTO_TLS_CREDS_ENDPOINT_SERVER : QCRYPTO_TLS_CREDS_ENDPOINT_CLIENT;

    if (ms->tls_authz && (!ms->tls_creds || !ms->listen)) {
        error_setg(errp, "'tls-authz' is for a master with 'tls-creds'");
        return false;
    }
    if (ms->tls_hostname && (!ms->tls_creds || ms->listen)) {
        error_setg(errp, "'tls-hostname' is for a slave with 'tls-creds'");
        return false;
    }
    if (ms->tls_creds && is_kind(ms, TYPE_QCRYPTO_TLS_CREDS_ANON)) {
        error_setg(errp, "'tls-creds' must be tls-creds-x509 or "
                   "tls-creds-psk: tls-creds-anon keeps nobody out");
        return false;
    }
    /* There is nothing else that it could be applied to. */
    if (ms->tls_authz && (!is_kind(ms, TYPE_QCRYPTO_TLS_CREDS_X509) ||
                          !multi_socket_tls_authenticates(ms))) {
        error_setg(errp, "'tls-authz' needs tls-creds-x509 with "
                   "verify-peer=on");
        return false;
    }
    return !ms->tls_creds ||
           qcrypto_tls_creds_check_endpoint(ms->tls_creds, endpoint, errp);
}

QIOChannelTLS *multi_socket_tls_new(MultiSocketBackend *ms,
                                    QIOChannelSocket *sioc, Error **errp)
{
    if (ms->listen) {
        return qio_channel_tls_new_server(QIO_CHANNEL(sioc), ms->tls_creds,
                                          ms->tls_authz, errp);
    }
    return qio_channel_tls_new_client(QIO_CHANNEL(sioc), ms->tls_creds,
                                      ms->tls_hostname ? ms->tls_hostname :
                                      ms->path ? NULL :
                                      ms->addr->u.inet.host, errp);
}

/* Returns QCRYPTO_TLS_HANDSHAKE_*, or -1 after the connection has failed. */
static int handshake_step(MultiSocketPeer *peer)
{
    QCryptoTLSSession *session = qio_channel_tls_get_session(peer->tls);
    Error *err = NULL;
    int status;

    WITH_QEMU_LOCK_GUARD(&peer->tls_lock) {
        status = qcrypto_tls_session_handshake(session, &err);
    }
    /*
     * The master's certificate is looked at before anything is said to it. A
     * slave's is by the main loop, where the objects are that authorise it.
     */
    if (status == QCRYPTO_TLS_HANDSHAKE_COMPLETE && !peer->ms->listen &&
        !multi_socket_tls_authorised(peer, &err)) {
        status = -1;
    }
    if (status < 0) {
        multi_socket_peer_fail(peer, "%s", error_get_pretty(err));
        error_free(err);
    }
    return status;
}

bool multi_socket_tls_handshake(MultiSocketPeer *peer)
{
    int status;

    while ((status = handshake_step(peer)) >= 0 &&
           status != QCRYPTO_TLS_HANDSHAKE_COMPLETE) {
        GPollFD fd = {
            .fd = peer->fd,
            .events = status == QCRYPTO_TLS_HANDSHAKE_SENDING ? G_IO_OUT :
                                                                G_IO_IN,
        };

        qemu_poll_ns(&fd, 1, -1);
    }
    return status == QCRYPTO_TLS_HANDSHAKE_COMPLETE;
}

bool multi_socket_tls_authorised(MultiSocketPeer *peer, Error **errp)
{
    QCryptoTLSSession *session = qio_channel_tls_get_session(peer->tls);

    QEMU_LOCK_GUARD(&peer->tls_lock);

    return qcrypto_tls_session_check_credentials(session, errp) == 0;
}

ssize_t multi_socket_tls_send(MultiSocketPeer *peer, struct iovec *iov,
                              size_t niov, char **reason)
{
    Error *err = NULL;
    ssize_t n;

    WITH_QEMU_LOCK_GUARD(&peer->tls_lock) {
        n = qio_channel_writev(QIO_CHANNEL(peer->tls), iov, niov, &err);
    }
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return 0;
    }
    if (n < 0) {
        *reason = g_strdup_printf("sending: %s", error_get_pretty(err));
        error_free(err);
    }
    return n;
}

ssize_t multi_socket_tls_recv(MultiSocketPeer *peer, struct iovec *iov,
                              size_t niov, char **reason)
{
    Error *err = NULL;
    ssize_t n;

    /* An end without notice: BYE is what tells that all has been said. */
    WITH_QEMU_LOCK_GUARD(&peer->tls_lock) {
        n = qio_channel_readv_full(QIO_CHANNEL(peer->tls), iov, niov, NULL,
                                   NULL, QIO_CHANNEL_READ_FLAG_RELAXED_EOF,
                                   &err);
    }
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return 0;
    }
    if (n < 0) {
        *reason = g_strdup_printf("receiving: %s", error_get_pretty(err));
        error_free(err);
    }
    return n > 0 ? n : -1;
}

bool multi_socket_tls_buffered(MultiSocketPeer *peer)
{
    QCryptoTLSSession *session = qio_channel_tls_get_session(peer->tls);

    QEMU_LOCK_GUARD(&peer->tls_lock);

    return qcrypto_tls_session_check_pending(session) > 0;
}
