/*
 * multi-socket-backend: the socket of one connection, plain or with TLS
 *
 * A plain socket is read and written without QIOChannel in between: each
 * access of a guest comes here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/iov.h"
#include "qemu/lockable.h"
#include "multi-socket-internal.h"

/*
 * ------------------------------------------------------------------------
 * Plain
 */

static ssize_t send_with_fd(MultiSocketPeer *peer, struct iovec *iov,
                            size_t niov)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = {
        .msg_iov = iov,
        .msg_iovlen = niov,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n;

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &peer->fd_to_send, sizeof(int));
    n = sendmsg(peer->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        peer->fd_to_send = -1;
    }
    return n;
}

static ssize_t plain_send(MultiSocketPeer *peer, struct iovec *iov,
                          size_t niov)
{
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = niov };

    if (peer->fd_to_send >= 0) {
        return send_with_fd(peer, iov, niov);
    }
    return niov == 1 ?
           send(peer->fd, iov->iov_base, iov->iov_len,
                MSG_DONTWAIT | MSG_NOSIGNAL) :
           sendmsg(peer->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * As recvmsg(), for the handshake: keep the first file descriptor that comes.
 * Later the kernel drops what nobody takes.
 */
static ssize_t recv_with_fd(MultiSocketPeer *peer, struct iovec *iov,
                            size_t niov, int flags)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = iov,
        .msg_iovlen = niov,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(peer->fd, &msg, flags | MSG_CMSG_CLOEXEC);
    struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

    if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
        cmsg->cmsg_type == SCM_RIGHTS) {
        size_t i, count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        /* The padding has room for more than one. */
        for (i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
            if (peer->fd_received < 0) {
                peer->fd_received = fd;
            } else {
                close(fd);
            }
        }
    }
    return n;
}

static ssize_t plain_recv(MultiSocketPeer *peer, struct iovec *iov,
                          size_t niov, int flags)
{
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = niov };

    if (peer->passes_fds && !peer->go_on) {
        return recv_with_fd(peer, iov, niov, flags);
    }
    return niov == 1 ? recv(peer->fd, iov->iov_base, iov->iov_len, flags) :
                       recvmsg(peer->fd, &msg, flags);
}

/*
 * ------------------------------------------------------------------------
 * Both
 */

ssize_t multi_socket_io_send(MultiSocketPeer *peer, struct iovec *iov,
                             size_t niov, char **reason)
{
    ssize_t n;

    if (peer->tls) {
        return multi_socket_tls_send(peer, iov, niov, reason);
    }
    do {
        n = plain_send(peer, iov, niov);
    } while (n < 0 && errno == EINTR);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        /*
         * The peer has gone, perhaps in order: who receives will find what it
         * said last, and the end. This just does not get there any more.
         */
        return iov_size(iov, niov);
    }
    if (n < 0) {
        *reason = g_strdup_printf("sending: %s", strerror(errno));
    }
    return n;
}

ssize_t multi_socket_io_recv(MultiSocketPeer *peer, struct iovec *iov,
                             size_t niov, bool wait, char **reason)
{
    ssize_t n;

    if (peer->tls) {
        n = multi_socket_tls_recv(peer, iov, niov, reason);
    } else {
        do {
            n = plain_recv(peer, iov, niov, wait ? 0 : MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);

        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 0;
        }
        if (n < 0) {
            *reason = g_strdup_printf("receiving: %s", strerror(errno));
            return -1;
        }
        n = n ? n : -1;
    }
    if (n < 0 && !*reason) {
        *reason = g_strdup("the peer closed the connection");
    }
    return n;
}
