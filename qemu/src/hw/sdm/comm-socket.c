/*
 * sdm-communication-socket: joins the SDM devices of several machines
 *
 * The user of the signal channel of a multi-socket-backend. Frames arrive in
 * the connection's thread, the device lives under the BQL: an inbox for each
 * connection lies between them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qom/object_interfaces.h"
#include "hw/sdm/hostmem-network.h"
#include "comm-socket-internal.h"

/* A slave's copy of the coherent region has to be here by then. */
#define FIRST_COPY_MS 10000

/* So many credits are returned together. */
#define CREDIT_BATCH (SDM_QUEUE_DEPTH / 4)

SignalLink *sdm_comm_find_link(SDMCommunicationSocket *cs, uint32_t id)
{
    MultiSocketPeer *peer = multi_socket_find_peer(cs->socket, id);

    return peer ? multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_SIGNAL) :
                  NULL;
}

/* A slave reaches the others by its master. */
static bool is_other_slave(SDMCommunicationSocket *cs, uint32_t id)
{
    return !multi_socket_is_master(cs->socket) && id != SDM_ID_MASTER;
}

/*
 * ------------------------------------------------------------------------
 * From the device to the peers
 */

static bool socket_send(SDMCommunication *comm, SDMCore *core,
                        const struct sdm_proto_signal *signal)
{
    SDMCommunicationSocket *cs = SDM_COMMUNICATION_SOCKET(comm);
    SignalLink *link = sdm_comm_find_link(cs, signal->dest);
    uint8_t buf[sizeof(*signal)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    if (is_other_slave(cs, signal->dest)) {
        return sdm_route_send(cs, signal);
    }
    if (!link) {
        return false;
    }
    sdm_proto_put_signal(buf, signal);
    if (link->coherent) {
        sdm_coherent_send_signal(link->coherent, buf);
        return true;
    }
    return multi_socket_peer_send(link->peer, SDM_PROTO_SIGNAL, 0, 0, &iov, 1);
}

static void link_send_credits(SignalLink *link, uint32_t tag)
{
    multi_socket_peer_send(link->peer, SDM_PROTO_CREDIT, tag, link->owed,
                           NULL, 0);
    link->owed = 0;
}

static void link_return_credits(SignalLink *link, uint32_t n, bool now)
{
    link->owed += n;
    if (link->owed >= CREDIT_BATCH || (now && link->owed)) {
        link_send_credits(link, 0);
    }
}

static void socket_return_credits(SDMCommunication *comm, SDMCore *core,
                                  uint32_t id, uint32_t n, bool now)
{
    SDMCommunicationSocket *cs = SDM_COMMUNICATION_SOCKET(comm);
    SignalLink *link = sdm_comm_find_link(cs, id);

    if (is_other_slave(cs, id)) {
        sdm_route_return_credits(cs, id, n, now);
    } else if (link) {
        link_return_credits(link, n, now);
    }
}

static void socket_report_taken(SDMCommunication *comm, SDMCore *core,
                                uint32_t id, uint32_t signal)
{
    SDMCommunicationSocket *cs = SDM_COMMUNICATION_SOCKET(comm);
    SignalLink *link = sdm_comm_find_link(cs, id);

    if (is_other_slave(cs, id)) {
        sdm_route_report_taken(cs, id, signal);
    } else if (link) {
        link->owed++;
        link_send_credits(link, signal + 1);
    }
}

static void link_announce_state(SignalLink *link)
{
    uint32_t state = sdm_core_state(link->comm->core);

    if (link->announced != state) {
        link->announced = state;
        /* Later it would overwrite what the master has written meanwhile. */
        if (link->coherent &&
            (state & SDM_PEER_STATE_MASK) == SDM_PEER_RESET) {
            sdm_coherent_release(link->coherent);
        }
        multi_socket_peer_send(link->peer, SDM_PROTO_STATE, 0, state, NULL, 0);
    }
}

static void announce_bh(void *opaque)
{
    SDMCommunicationSocket *cs = opaque;
    uint32_t id;

    for (id = 0; id < SDM_MAX_IDS; id++) {
        SignalLink *link = sdm_comm_find_link(cs, id);

        if (link) {
            link_announce_state(link);
        }
    }
    if (multi_socket_is_master(cs->socket)) {
        sdm_route_tell(cs);
    }
}

/* Later, so that a guest that changes its mind all the time is no flood. */
static void socket_announce_state(SDMCommunication *comm, SDMCore *core)
{
    qemu_bh_schedule(SDM_COMMUNICATION_SOCKET(comm)->announce);
}

static void socket_announce_action(SDMCommunication *comm, SDMCore *core,
                                   uint32_t id, uint32_t signal,
                                   uint32_t result)
{
    SignalLink *link = sdm_comm_find_link(SDM_COMMUNICATION_SOCKET(comm), id);

    if (link) {
        /* Its effect comes first. */
        link_announce_state(link);
        multi_socket_peer_send(link->peer, SDM_PROTO_ACTION, signal, result,
                               NULL, 0);
    }
}

static MemoryBackendNetwork *socket_memory(SDMCommunication *comm)
{
    SDMCommunicationSocket *cs = SDM_COMMUNICATION_SOCKET(comm);

    return multi_socket_channel_user(cs->socket, SDM_PROTO_CHANNEL_MEMORY);
}

/*
 * ------------------------------------------------------------------------
 * From the peers to the device
 */

/* From one slave to another one, as they or the master between them see it. */
static bool is_routed(SignalLink *link, const struct sdm_proto_signal *signal)
{
    uint32_t id = multi_socket_peer_id(link->peer);

    if (!multi_socket_peer_has(link->peer, SDM_PROTO_FEATURE_PEERS)) {
        return false;
    }
    return id == SDM_ID_MASTER ? signal->source != id :
           signal->source == id && signal->dest != SDM_ID_MASTER;
}

/* Returns NULL or how the frame violates the protocol. */
static const char *link_process(SignalLink *link, const SDMInboxFrame *frame)
{
    SDMCore *core = link->comm->core;
    uint32_t id = multi_socket_peer_id(link->peer);
    const char *what;

    switch (frame->header.type) {
    case SDM_PROTO_SIGNAL:
        if (is_routed(link, &frame->signal)) {
            return sdm_route_process(link, frame);
        }
        if (frame->signal.source != id) {
            return "signal in the name of somebody else";
        }
        what = sdm_core_check_signal(core, &frame->signal);
        return what ? what : sdm_core_receive(core, &frame->signal);
    case SDM_PROTO_CREDIT:
        what = sdm_core_add_credits(core, id, frame->header.arg);
        if (!what && frame->header.tag) {
            what = sdm_core_taken(core, id, frame->header.tag - 1);
        }
        return what;
    case SDM_PROTO_STATE:
        what = sdm_proto_parse_state(frame->header.arg);
        if (!what) {
            sdm_core_peer_state(core, id, frame->header.arg);
            /* For the others, later: it may change its mind all the time. */
            sdm_route_changed(link);
            qemu_bh_schedule(link->comm->announce);
        }
        return what;
    case SDM_PROTO_ACTION:
        what = sdm_core_check_action(core, id, frame->header.tag,
                                     frame->header.arg);
        if (!what) {
            sdm_core_peer_action(core, id, frame->header.tag,
                                 frame->header.arg);
        }
        return what;
    default:
        return sdm_route_process(link, frame);
    }
}

/* To start or reset a machine is the main loop's. */
static bool needs_main_loop(SignalLink *link, const SDMInboxFrame *frame)
{
    return frame->header.type == SDM_PROTO_SIGNAL &&
           sdm_core_has_action(link->comm->core, frame->signal.signal);
}

/* What goes with the frames that have arrived may not be there yet. */
static bool must_wait(SignalLink *link)
{
    return !link->up ||
           (link->coherent && !link->ended &&
            !sdm_coherent_is_current(link->coherent));
}

typedef struct Taking {
    SignalLink *link;
    bool main_loop;
} Taking;

static bool may_take(void *opaque, const SDMInboxFrame *frame)
{
    Taking *taking = opaque;

    if (must_wait(taking->link)) {
        return false;
    }
    if (!taking->main_loop && needs_main_loop(taking->link, frame)) {
        qemu_bh_schedule(taking->link->bh);
        return false;
    }
    return true;
}

/* As much as is there now: a flood does not keep anybody here. */
static void link_serve(SignalLink *link, bool main_loop)
{
    Taking taking = { .link = link, .main_loop = main_loop };
    unsigned count = sdm_inbox_count(&link->inbox);
    SDMInboxFrame *frame;

    /* An action may let go of the BQL. Whoever comes then would overtake it. */
    if (link->serving) {
        qemu_bh_schedule(link->bh);
        return;
    }
    link->serving = true;
    while (count-- &&
           (frame = sdm_inbox_take(&link->inbox, may_take, &taking))) {
        const char *what = link->violated ? NULL : link_process(link, frame);

        if (what) {
            multi_socket_peer_fail(link->peer, "protocol violation: %s", what);
            link->violated = true;
        }
        g_free(frame);
    }
    link->serving = false;
    if (link->coherent) {
        sdm_coherent_hurry(link->coherent);
    }
}

static void link_up(SignalLink *link)
{
    SDMCommunicationSocket *cs = link->comm;
    struct sdm_proto_signals now;
    uint32_t id = multi_socket_peer_id(link->peer);

    link->up = true;
    timer_del(link->deadline);
    sdm_core_peer_up(cs->core, id, multi_socket_peer_cpus(link->peer),
                     &link->signals);
    /* What has changed here since HELLO was composed. */
    sdm_core_describe(cs->core, id, &now);
    link_return_credits(link, now.credits - cs->described, true);
    link_announce_state(link);
    sdm_route_up(link);
}

static void link_bh(void *opaque)
{
    SignalLink *link = opaque;

    if (!link->up && sdm_coherent_is_complete(link->coherent)) {
        link_up(link);
    }
    link_serve(link, true);
}

static void link_arrived(void *opaque)
{
    qemu_bh_schedule(((SignalLink *)opaque)->bh);
}

static void link_deadline(void *opaque)
{
    multi_socket_peer_fail(((SignalLink *)opaque)->peer, "no copy of its "
                           "coherent region within %d ms", FIRST_COPY_MS);
}

static void link_kick(void *opaque)
{
    link_serve(opaque, false);
}

/* Returns NULL or what is wrong with it. */
static const char *parse_payload(SDMInboxFrame *frame, const uint8_t *payload)
{
    switch (frame->header.type) {
    case SDM_PROTO_SIGNAL:
        sdm_proto_parse_signal(payload, &frame->signal);
        return NULL;
    case SDM_PROTO_PEER:
        return sdm_proto_parse_peer(payload, &frame->peer);
    case SDM_PROTO_PEER_CREDIT:
        return sdm_proto_parse_peer_credit(payload, &frame->credit);
    default:
        return NULL;
    }
}

static const char *cs_receive(void *opaque, MultiSocketPeer *peer,
                              const struct sdm_proto_header *header,
                              const uint8_t *payload)
{
    SignalLink *link = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_SIGNAL);
    SDMInboxFrame *frame;
    const char *what;

    if (!link) {
        return "signal frame from a machine without signals";
    }
    frame = g_new0(SDMInboxFrame, 1);
    frame->header = *header;
    what = parse_payload(frame, payload);
    if (what) {
        g_free(frame);
        return what;
    }
    if (!sdm_inbox_add(&link->inbox, frame)) {
        g_free(frame);
        return "flood of signal frames";
    }
    sdm_kick(link->kick);
    return NULL;
}

/*
 * ------------------------------------------------------------------------
 * Life of a link
 */

static void cs_describe(void *opaque, MultiSocketPeer *peer, GByteArray *body)
{
    SDMCommunicationSocket *cs = opaque;
    struct sdm_proto_signals signals;

    sdm_core_describe(cs->core, multi_socket_peer_id(peer), &signals);
    cs->described = signals.credits;
    sdm_proto_add_signals(body, &signals);
}

static bool cs_accept(void *opaque, MultiSocketPeer *peer, const uint8_t *body,
                      size_t length, uint32_t *code, Error **errp)
{
    SDMCommunicationSocket *cs = opaque;
    struct sdm_proto_signals signals;
    SignalLink *link;
    const char *what;

    /* A machine may take part with memory alone. */
    if (!body) {
        return true;
    }
    what = sdm_proto_parse_signals(body, length, &signals);
    if (what) {
        *code = SDM_REJECT_MALFORMED;
        error_setg(errp, "protocol violation: %s", what);
        return false;
    }
    link = g_new0(SignalLink, 1);
    link->comm = cs;
    link->peer = multi_socket_peer_ref(peer);
    link->signals = signals;
    /* Not from inside a wait for a block device: a boot may be such a wait. */
    link->bh = aio_bh_new_guarded(iohandler_get_aio_context(), link_bh, link,
                                  NULL);
    link->kick = sdm_kick_new(link_kick, link);
    link->deadline = timer_new_ms(QEMU_CLOCK_REALTIME, link_deadline, link);
    sdm_inbox_init(&link->inbox);
    multi_socket_peer_set_data(peer, SDM_PROTO_CHANNEL_SIGNAL, link);
    return true;
}

static bool cs_unnoticed(void *opaque, uint32_t id)
{
    return sdm_core_peer_unnoticed(((SDMCommunicationSocket *)opaque)->core,
                                   id);
}

static void cs_connecting(void *opaque, uint32_t id)
{
    sdm_core_peer_connecting(((SDMCommunicationSocket *)opaque)->core, id);
}

static void cs_connected(void *opaque, MultiSocketPeer *peer)
{
    SDMCommunicationSocket *cs = opaque;
    SignalLink *link = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_SIGNAL);
    MemoryBackendNetwork *nm = socket_memory(SDM_COMMUNICATION(cs));

    if (!multi_socket_is_master(cs->socket)) {
        sdm_core_set_identity(cs->core, multi_socket_own_id(cs->socket),
                              multi_socket_num_ids(cs->socket));
    }
    if (!link) {
        return;
    }
    if (nm) {
        link->coherent =
            memory_backend_network_coherent(nm, multi_socket_peer_id(peer));
    }
    if (link->coherent) {
        sdm_coherent_ref(link->coherent);
        sdm_coherent_set_user(link->coherent, link_arrived, link);
    }
    if (!link->coherent || sdm_coherent_is_complete(link->coherent)) {
        link_up(link);
    } else {
        /* It may have arrived. */
        sdm_coherent_hurry(link->coherent);
        timer_mod(link->deadline, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                  FIRST_COPY_MS);
    }
}

static void cs_disconnected(void *opaque, MultiSocketPeer *peer, bool in_order)
{
    SDMCommunicationSocket *cs = opaque;
    SignalLink *link = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_SIGNAL);

    if (!link) {
        return;
    }
    if (link->coherent) {
        sdm_coherent_set_user(link->coherent, NULL, NULL);
    }
    /* What arrived before the end was accepted: deliver it. */
    link->ended = true;
    link_serve(link, true);
    if (multi_socket_is_master(cs->socket)) {
        sdm_route_down(link, in_order);
    } else {
        sdm_route_lost(cs, in_order);
    }
    if (link->up) {
        sdm_core_peer_down(cs->core, multi_socket_peer_id(peer), in_order);
    }
    multi_socket_peer_set_data(peer, SDM_PROTO_CHANNEL_SIGNAL, NULL);
    sdm_kick_free(link->kick);
    qemu_bh_delete(link->bh);
    timer_free(link->deadline);
    if (link->coherent) {
        sdm_coherent_unref(link->coherent);
    }
    sdm_inbox_destroy(&link->inbox);
    multi_socket_peer_unref(link->peer);
    g_free(link);
}

static const MultiSocketChannelOps cs_channel_ops = {
    .describe = cs_describe,
    .accept = cs_accept,
    .unnoticed = cs_unnoticed,
    .connecting = cs_connecting,
    .connected = cs_connected,
    .disconnected = cs_disconnected,
    .receive = cs_receive,
};

static bool socket_attach(SDMCommunication *comm, SDMCore *core, Error **errp)
{
    SDMCommunicationSocket *cs = SDM_COMMUNICATION_SOCKET(comm);

    if (cs->core) {
        error_setg(errp, "sdm-communication-socket '%s' has a device already",
                   object_get_canonical_path_component(OBJECT(comm)));
        return false;
    }
    if (!multi_socket_check_role(cs->socket, core->config.master, errp)) {
        return false;
    }
    if (!multi_socket_register_channel(cs->socket, SDM_PROTO_CHANNEL_SIGNAL,
                                       &cs_channel_ops, cs, errp)) {
        return false;
    }
    if (core->config.master) {
        multi_socket_set_num_ids(cs->socket, core->config.num_slaves + 1);
    } else {
        multi_socket_set_wanted_id(cs->socket, core->config.slave_id);
    }
    cs->core = core;
    sdm_route_init(cs);
    cs->announce = aio_bh_new_guarded(iohandler_get_aio_context(), announce_bh,
                                      cs, NULL);
    return true;
}

static void cs_complete(UserCreatable *uc, Error **errp)
{
    if (!SDM_COMMUNICATION_SOCKET(uc)->socket) {
        error_setg(errp, "'socket' must name a multi-socket-backend");
    }
}

static bool cs_can_be_deleted(UserCreatable *uc)
{
    return !SDM_COMMUNICATION_SOCKET(uc)->core;
}

static void cs_check_socket(const Object *obj, const char *name, Object *val,
                            Error **errp)
{
    if (SDM_COMMUNICATION_SOCKET((Object *)obj)->core) {
        error_setg(errp, "'%s' cannot change any more", name);
    }
}

static void cs_class_init(ObjectClass *oc, void *data)
{
    SDMCommunicationClass *cc = SDM_COMMUNICATION_CLASS(oc);
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    cc->attach = socket_attach;
    cc->send = socket_send;
    cc->return_credits = socket_return_credits;
    cc->report_taken = socket_report_taken;
    cc->announce_state = socket_announce_state;
    cc->announce_action = socket_announce_action;
    cc->memory = socket_memory;
    ucc->complete = cs_complete;
    ucc->can_be_deleted = cs_can_be_deleted;

    object_class_property_add_link(oc, "socket", TYPE_MULTI_SOCKET_BACKEND,
                                   offsetof(SDMCommunicationSocket, socket),
                                   cs_check_socket,
                                   OBJ_PROP_LINK_STRONG);
    object_class_property_set_description(oc, "socket",
        "the multi-socket-backend to use");
}

static const TypeInfo cs_types[] = {
    {
        .name = TYPE_SDM_COMMUNICATION_SOCKET,
        .parent = TYPE_SDM_COMMUNICATION,
        .instance_size = sizeof(SDMCommunicationSocket),
        .class_init = cs_class_init,
        .interfaces = (InterfaceInfo[]) {
            { TYPE_USER_CREATABLE },
            { }
        },
    },
};

DEFINE_TYPES(cs_types)
