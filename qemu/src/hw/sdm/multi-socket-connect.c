/*
 * multi-socket-backend: connecting, once or again and again, in the main loop
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "system/runstate.h"
#include "multi-socket-internal.h"
#include "trace.h"

/* The connection is there: shake hands. */
static bool connect_begin(MultiSocketBackend *ms, QIOChannelSocket *sioc,
                          Error **errp)
{
    MultiSocketPeer *peer;

    peer = multi_socket_peer_new(ms, sioc, SDM_PROTO_WELCOME, errp);
    if (!peer) {
        return false;
    }
    multi_socket_hello(peer);
    multi_socket_begin(peer);
    return true;
}

static QIOChannelSocket *connect_new(void)
{
    QIOChannelSocket *sioc = qio_channel_socket_new();

    qio_channel_set_name(QIO_CHANNEL(sioc), "sdm-master");
    return sioc;
}

static bool connect_once(MultiSocketBackend *ms, Error **errp)
{
    g_autoptr(QIOChannelSocket) sioc = connect_new();

    if (qio_channel_socket_connect_sync(sioc, ms->addr, errp) < 0) {
        error_prepend(errp, "no master: ");
        error_append_hint(errp, "Start the master first. With "
                          "'reconnect-ms' the slave waits for it.\n");
        return false;
    }
    return connect_begin(ms, sioc, errp);
}

void multi_socket_connect_problem(MultiSocketBackend *ms, Error *err)
{
    const char *text = error_get_pretty(err);

    if (!ms->reconnect_ms) {
        error_report_err(err);
        return;
    }
    /* Each attempt may fail for the same reason. */
    if (g_strcmp0(ms->problem, text) == 0) {
        error_free(err);
        return;
    }
    g_free(ms->problem);
    ms->problem = g_strdup(text);
    warn_report_err(err);
}

static void tell_connecting(MultiSocketBackend *ms)
{
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (ops && ops->connecting) {
            ops->connecting(ms->channels[i].opaque, SDM_ID_MASTER);
        }
    }
}

static void connect_again(MultiSocketBackend *ms)
{
    if (ms->exiting) {
        return;
    }
    timer_mod(ms->reconnect, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
              ms->reconnect_ms);
}

static void connect_done(QIOTask *task, gpointer opaque)
{
    MultiSocketBackend *ms = opaque;
    QIOChannelSocket *sioc = QIO_CHANNEL_SOCKET(qio_task_get_source(task));
    Error *err = NULL;

    trace_multi_socket_connect(!qio_task_propagate_error(task, &err));
    if (ms->exiting) {
        error_free(err);
        return;
    }
    if (err) {
        error_prepend(&err, "no master so far: ");
    } else {
        connect_begin(ms, sioc, &err);
    }
    if (err) {
        multi_socket_connect_problem(ms, err);
        connect_again(ms);
    }
}

static void connect_try(void *opaque)
{
    MultiSocketBackend *ms = opaque;
    g_autoptr(QIOChannelSocket) sioc = connect_new();

    /* Only now: for a while the guest can see how the last link ended. */
    tell_connecting(ms);
    /* A name may take a while to be looked up, a host to answer. */
    qio_channel_socket_connect_async(sioc, ms->addr, connect_done, ms, NULL,
                                     NULL);
}

bool multi_socket_connect_start(MultiSocketBackend *ms, Error **errp)
{
    ms->ask_id = ms->wanted_id;
    if (!ms->reconnect_ms) {
        return connect_once(ms, errp);
    }
    ms->reconnect = timer_new_ms(QEMU_CLOCK_REALTIME, connect_try, ms);
    connect_try(ms);
    return true;
}

void multi_socket_connect_succeeded(MultiSocketBackend *ms)
{
    g_clear_pointer(&ms->problem, g_free);
    /* Other machines know this one by its ID: try to keep it. */
    ms->ask_id = ms->own_id;
}

void multi_socket_connect_failed(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;

    if (!ms->reconnect_ms) {
        if (!peer->established) {
            /* A slave without a master is of no use. */
            qemu_system_shutdown_request_with_code(
                SHUTDOWN_CAUSE_HOST_ERROR, EXIT_FAILURE);
        }
        return;
    }
    if (peer->handshake.type == SDM_PROTO_REJECT &&
        peer->handshake.arg == SDM_REJECT_ID) {
        ms->ask_id = ms->wanted_id;
    }
    connect_again(ms);
}

void multi_socket_connect_end(MultiSocketBackend *ms)
{
    ms->exiting = true;
    if (ms->reconnect) {
        timer_del(ms->reconnect);
    }
}
