/*
 * multi-socket-backend: handshake and end of a connection, in the main loop
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/boot.h"
#include "multi-socket-internal.h"
#include "trace.h"

/* Of the protocol's features, those that there are here. */
#define FEATURES SDM_PROTO_FEATURE_PEERS

/* A peer has this long to complete the handshake. */
#define HANDSHAKE_TIMEOUT_MS 10000

/* A connection that only fails is worth so many messages in so many ms. */
#define REPORT_MAX 20
#define REPORT_PERIOD_MS 10000

/* Strangers must not be able to fill the log. */
void multi_socket_report(MultiSocketBackend *ms, Error *err)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    if (now - ms->report_begin >= REPORT_PERIOD_MS) {
        ms->report_begin = now;
        ms->report_count = 0;
    }
    if (ms->report_count++ < REPORT_MAX) {
        error_report_err(err);
    } else {
        error_free(err);
    }
}

static void peer_no_longer_pending(MultiSocketPeer *peer)
{
    peer->pending = false;
    peer->ms->num_pending--;
}

/*
 * ------------------------------------------------------------------------
 * Handshake
 */

static void peer_disconnect_channels(MultiSocketPeer *peer, bool in_order)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        if (peer->accepted_channels & (1u << i)) {
            ms->channels[i].ops->disconnected(ms->channels[i].opaque, peer,
                                              in_order);
        }
    }
    peer->accepted_channels = 0;
}

static bool peer_accept_channels(MultiSocketPeer *peer,
                                 const SDMProtoSections *sections,
                                 uint32_t *code, Error **errp)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (!ops) {
            continue;
        }
        *code = SDM_REJECT_CHANNEL;
        if (ops->accept &&
            !ops->accept(ms->channels[i].opaque, peer, sections->body[i],
                         sections->length[i], code, errp)) {
            peer_disconnect_channels(peer, true);
            return false;
        }
        peer->accepted_channels |= 1u << i;
    }
    return true;
}

static void peer_describe_channels(MultiSocketPeer *peer, GByteArray *out)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;
        g_autoptr(GByteArray) body = g_byte_array_new();

        if (!ops || !ops->describe) {
            continue;
        }
        ops->describe(ms->channels[i].opaque, peer, body);
        if (body->len) {
            sdm_proto_add_section(out, i, body);
        }
    }
    assert(out->len <= SDM_PROTO_MAX_HANDSHAKE);
}

static void peer_established(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    peer->established = true;
    ms->by_id[peer->id] = peer;
    timer_free(peer->deadline);
    peer->deadline = NULL;

    trace_multi_socket_connected(peer->name, peer->id);
    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (ops && ops->connected) {
            ops->connected(ms->channels[i].opaque, peer);
        }
    }
}

static bool master_id_is_unnoticed(MultiSocketBackend *ms, uint32_t id)
{
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (ops && ops->unnoticed &&
            ops->unnoticed(ms->channels[i].opaque, id)) {
            return true;
        }
    }
    return false;
}

/* The lowest one; best one of which the guest knows that it is free. */
static uint32_t master_free_id(MultiSocketBackend *ms)
{
    uint32_t id, best = SDM_PROTO_ID_ANY;

    for (id = 1; id < ms->num_ids; id++) {
        if (ms->by_id[id]) {
            continue;
        }
        if (!master_id_is_unnoticed(ms, id)) {
            return id;
        }
        if (best == SDM_PROTO_ID_ANY) {
            best = id;
        }
    }
    return best;
}

static bool master_assign_id(MultiSocketBackend *ms, uint32_t wanted,
                             uint32_t *id, uint32_t *code, Error **errp)
{
    if (wanted != SDM_PROTO_ID_ANY) {
        *code = SDM_REJECT_ID;
        if (wanted >= ms->num_ids) {
            error_setg(errp, "slave ID %u does not exist: the master has "
                       "IDs 1 to %u (num-slaves=%u)",
                       wanted, ms->num_ids - 1, ms->num_ids - 1);
            return false;
        }
        if (ms->by_id[wanted]) {
            error_setg(errp, "slave ID %u is in use by %s", wanted,
                       ms->by_id[wanted]->name);
            return false;
        }
        *id = wanted;
        return true;
    }
    *id = master_free_id(ms);
    if (*id != SDM_PROTO_ID_ANY) {
        return true;
    }
    *code = SDM_REJECT_FULL;
    error_setg(errp, "all slave IDs are in use (num-slaves=%u)",
               ms->num_ids - 1);
    return false;
}

static bool master_handshake(MultiSocketPeer *peer, uint32_t *code,
                             Error **errp)
{
    MultiSocketBackend *ms = peer->ms;
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct sdm_proto_welcome welcome;
    struct sdm_proto_hello hello;
    SDMProtoSections sections;
    struct iovec iov;
    const char *what;

    if (peer->tls && !multi_socket_tls_authorised(peer, errp)) {
        *code = SDM_REJECT_DENIED;
        return false;
    }
    *code = SDM_REJECT_MALFORMED;
    if (peer->handshake.type != SDM_PROTO_HELLO) {
        error_setg(errp, "protocol violation: REJECT from a slave");
        return false;
    }
    what = sdm_proto_parse_hello(peer->handshake_payload,
                                 peer->handshake.length, &hello, &sections);
    if (what) {
        error_setg(errp, "protocol violation: %s", what);
        return false;
    }
    if (hello.major != SDM_PROTO_MAJOR) {
        *code = SDM_REJECT_VERSION;
        error_setg(errp, "the slave speaks protocol version %u.%u, "
                   "the master %u.%u", hello.major, hello.minor,
                   SDM_PROTO_MAJOR, SDM_PROTO_MINOR);
        return false;
    }
    if (!master_assign_id(ms, hello.id, &peer->id, code, errp)) {
        return false;
    }
    peer->cpus = (SDMCpus) { .arch = hello.arch, .number = hello.cpus };
    peer->features = hello.features & FEATURES;
    if (!peer_accept_channels(peer, &sections, code, errp)) {
        return false;
    }

    welcome = (struct sdm_proto_welcome) {
        .magic = SDM_PROTO_MAGIC,
        .major = SDM_PROTO_MAJOR,
        .minor = MIN(hello.minor, SDM_PROTO_MINOR),
        .features = peer->features,
        .id = peer->id,
        .num_ids = ms->num_ids,
        .arch = sdm_boot_cpus().arch,
    };
    sdm_proto_add_welcome(out, &welcome);
    peer_describe_channels(peer, out);
    iov = (struct iovec) { .iov_base = out->data, .iov_len = out->len };
    multi_socket_peer_send(peer, SDM_PROTO_WELCOME, 0, 0, &iov, 1);
    return true;
}

static void master_reject(MultiSocketPeer *peer, uint32_t code, Error *err)
{
    /* Who has no right to be here has none to know why. */
    const char *text = code == SDM_REJECT_DENIED ? "permission denied" :
                                                   error_get_pretty(err);
    struct iovec iov = {
        .iov_base = (char *)text,
        .iov_len = MIN(strlen(text), SDM_PROTO_MAX_HANDSHAKE),
    };

    multi_socket_peer_send(peer, SDM_PROTO_REJECT, 0, code, &iov, 1);
    error_prepend(&err, "refused a slave from %s: ", peer->name);
    multi_socket_report(peer->ms, err);
}

void multi_socket_hello(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    g_autoptr(GByteArray) out = g_byte_array_new();
    SDMCpus cpus = sdm_boot_cpus();
    struct sdm_proto_hello hello = {
        .magic = SDM_PROTO_MAGIC,
        .major = SDM_PROTO_MAJOR,
        .minor = SDM_PROTO_MINOR,
        .features = FEATURES,
        .id = ms->ask_id,
        .arch = cpus.arch,
        .cpus = cpus.number,
    };
    struct iovec iov;

    sdm_proto_add_hello(out, &hello);
    peer_describe_channels(peer, out);
    iov = (struct iovec) { .iov_base = out->data, .iov_len = out->len };
    multi_socket_peer_send(peer, SDM_PROTO_HELLO, 0, 0, &iov, 1);
}

/* What a peer has said, without what a terminal could take for a command. */
static char *printable(const uint8_t *text, size_t length)
{
    char *copy = g_strndup((const char *)text, length);
    char *p;

    for (p = copy; *p; p++) {
        if (!g_ascii_isprint(*p)) {
            *p = '?';
        }
    }
    return copy;
}

static bool slave_handshake(MultiSocketPeer *peer, Error **errp)
{
    MultiSocketBackend *ms = peer->ms;
    struct sdm_proto_welcome welcome;
    SDMProtoSections sections;
    const char *what;
    uint32_t code;

    if (peer->handshake.type == SDM_PROTO_REJECT) {
        g_autofree char *text =
            printable(peer->handshake_payload, peer->handshake.length);

        error_setg(errp, "the master at %s refused this slave: %s",
                   peer->name, text);
        return false;
    }
    what = sdm_proto_parse_welcome(peer->handshake_payload,
                                   peer->handshake.length, &welcome,
                                   &sections);
    if (what) {
        error_setg(errp, "protocol violation by the master at %s: %s",
                   peer->name, what);
        return false;
    }
    ms->own_id = welcome.id;
    ms->num_ids = welcome.num_ids;
    peer->id = SDM_ID_MASTER;
    peer->cpus = (SDMCpus) { .arch = welcome.arch };
    peer->features = welcome.features & FEATURES;
    return peer_accept_channels(peer, &sections, &code, errp);
}

void multi_socket_handshake(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    Error *err = NULL;
    uint32_t code;
    bool ok;

    peer_no_longer_pending(peer);
    if (ms->listen) {
        ok = master_handshake(peer, &code, &err);
        if (!ok) {
            master_reject(peer, code, err);
        }
    } else {
        ok = slave_handshake(peer, &err);
        if (ok) {
            multi_socket_connect_succeeded(ms);
        } else {
            multi_socket_connect_problem(ms, err);
        }
    }
    if (ok) {
        peer_established(peer);
    }
    multi_socket_peer_decide(peer, ok);
}

/*
 * ------------------------------------------------------------------------
 * Life of a connection
 */

const char *multi_socket_receive(MultiSocketPeer *peer,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned channel = SDM_PROTO_CHANNEL(header->type);

    if (channel == SDM_PROTO_CHANNEL_LINK) {
        if (header->type != SDM_PROTO_BYE) {
            return "handshake frame after the handshake";
        }
        peer->in_order = true;
        return NULL;
    }
    if (!ms->channels[channel].ops) {
        return "frame for a channel that is not in use";
    }
    return ms->channels[channel].ops->receive(ms->channels[channel].opaque,
                                              peer, header, payload);
}

unsigned multi_socket_place(MultiSocketPeer *peer,
                            const struct sdm_proto_header *header,
                            const uint8_t *payload, struct iovec *iov)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned channel = SDM_PROTO_CHANNEL(header->type);
    const MultiSocketChannelOps *ops = ms->channels[channel].ops;

    return ops && ops->place ?
           ops->place(ms->channels[channel].opaque, peer, header, payload,
                      iov) : 0;
}

const char *multi_socket_placed(MultiSocketPeer *peer,
                                const struct sdm_proto_header *header)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned channel = SDM_PROTO_CHANNEL(peer->rx.direct_header.type);

    return ms->channels[channel].ops->placed(ms->channels[channel].opaque,
                                             peer, header);
}

void multi_socket_broken(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (ops && ops->broken) {
            ops->broken(ms->channels[i].opaque, peer);
        }
    }
}

static void peer_deadline(void *opaque)
{
    MultiSocketPeer *peer = opaque;

    multi_socket_peer_fail(peer, "no handshake within %d ms "
                           "(does only one side use TLS?)",
                           HANDSHAKE_TIMEOUT_MS);
}

void multi_socket_begin(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;

    QTAILQ_INSERT_TAIL(&ms->peers, peer, next);
    peer->pending = true;
    ms->num_pending++;
    peer->deadline = timer_new_ms(QEMU_CLOCK_REALTIME, peer_deadline, peer);
    timer_mod(peer->deadline, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
              HANDSHAKE_TIMEOUT_MS);
    multi_socket_peer_start(peer);
}

void multi_socket_closed(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;

    trace_multi_socket_closed(peer->name, peer->id, peer->reason);
    QTAILQ_REMOVE(&ms->peers, peer, next);

    if (peer->established) {
        ms->by_id[peer->id] = NULL;
        g_free(ms->latest_end[peer->id]);
        ms->latest_end[peer->id] = g_strdup(peer->in_order ? "left in order" :
                                                             peer->reason);
        if (!peer->in_order && !ms->exiting) {
            warn_report("link to %s %s lost: %s",
                        ms->listen ? "slave" : "master", peer->name,
                        peer->reason);
        }
        peer_disconnect_channels(peer, peer->in_order);
    } else {
        timer_free(peer->deadline);
        peer->deadline = NULL;
        if (peer->pending) {
            Error *err = NULL;

            peer_no_longer_pending(peer);
            error_setg(&err, "no connection with %s: %s", peer->name,
                       peer->reason);
            if (ms->listen) {
                multi_socket_report(ms, err);
            } else {
                multi_socket_connect_problem(ms, err);
            }
        }
    }
    if (!ms->listen) {
        multi_socket_connect_failed(peer);
    }
    multi_socket_peer_unref(peer);
}
