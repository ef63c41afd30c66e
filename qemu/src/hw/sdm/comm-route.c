/*
 * SDM: signals from slave to slave, by way of their master
 *
 * The master keeps no signals: who receives grants each sender credits, which
 * the master passes on and counts. So what is under way between two slaves is
 * limited by the receiver, and a slave that sends more than it may is found
 * out here, before it could harm another one.
 *
 * A signal names the connection it is for (`epoch`), a credit the one it is
 * for: what was meant for a machine that has gone is dropped, and does not
 * count for the next one with this ID.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "comm-socket-internal.h"
#include "trace.h"

/* A slave returns so many credits together. */
#define CREDIT_BATCH (SDM_ROUTED_CREDITS / 4)

/* When to look again whether a slave is ready for news of others. */
#define RETRY_MS 10

/*
 * ------------------------------------------------------------------------
 * Master
 */

/* The link to a slave that takes part, or NULL. */
static SignalLink *find_slave(SDMCommunicationSocket *cs, uint32_t id)
{
    SignalLink *link = id && id < SDM_MAX_IDS ? sdm_comm_find_link(cs, id) :
                                                NULL;

    return link && link->epoch ? link : NULL;
}

static uint32_t link_state(SignalLink *link)
{
    return link->comm->core->peers[multi_socket_peer_id(link->peer)].state;
}

static void tell_state(SignalLink *link, uint32_t id, uint32_t state)
{
    link->told[id].state = state;
    multi_socket_peer_send(link->peer, SDM_PROTO_PEER_STATE, id, state, NULL,
                           0);
}

/* That a machine has gone which it knows by this ID. */
static void tell_end(SignalLink *link, uint32_t id)
{
    if (link->told[id].epoch) {
        link->told[id].epoch = 0;
        tell_state(link, id, link->comm->ended[id]);
    }
}

static void tell_slave(SignalLink *link, SignalLink *of)
{
    uint32_t id = multi_socket_peer_id(of->peer);
    struct sdm_proto_peer peer = {
        .id = id,
        .epoch = of->epoch,
        .num_signals = of->signals.num_signals,
        .boot_signal = of->signals.boot_signal,
        .reset_signal = of->signals.reset_signal,
        .state = link_state(of),
        .arch = multi_socket_peer_cpus(of->peer).arch,
        .cpus = multi_socket_peer_cpus(of->peer).number,
    };
    uint8_t buf[sizeof(peer)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    tell_end(link, id);
    link->told[id] = (Told) { .epoch = of->epoch, .state = peer.state };
    sdm_proto_put_peer(buf, &peer);
    multi_socket_peer_send(link->peer, SDM_PROTO_PEER, 0, 0, &iov, 1);
}

/*
 * A slave that does not take what it is told is told no more until then, and
 * in the end only how things are: nobody can flood it with his changes.
 */
static bool is_ready(SignalLink *link)
{
    return multi_socket_peer_has_left(link->peer, link->news_mark);
}

static bool knows_all(SignalLink *link, uint32_t id, SignalLink *other)
{
    const Told *told = &link->told[id];

    return other ? told->epoch == other->epoch &&
                   told->state == link_state(other) : !told->epoch;
}

/* Tells one slave of another one; false: not now. */
static bool tell(SignalLink *link, uint32_t id, SignalLink *other)
{
    if (knows_all(link, id, other)) {
        return true;
    }
    if (!is_ready(link)) {
        return false;
    }
    if (!other) {
        tell_end(link, id);
    } else if (link->told[id].epoch == other->epoch) {
        tell_state(link, id, link_state(other));
    } else if (is_ready(other)) {
        /* Who gets credits has to know from whom: both or none. */
        tell_slave(other, link);
        tell_slave(link, other);
        other->news_mark = multi_socket_peer_mark(other->peer);
    } else {
        return false;
    }
    link->news_mark = multi_socket_peer_mark(link->peer);
    return true;
}

/* Tells all others; false: some not now. */
static bool tell_all(SDMCommunicationSocket *cs, uint32_t id)
{
    SignalLink *of = find_slave(cs, id);
    bool all = true;
    uint32_t i;

    for (i = 1; i < SDM_MAX_IDS; i++) {
        SignalLink *link = find_slave(cs, i);

        if (link && link != of) {
            all &= tell(link, id, of);
        }
    }
    return all;
}

void sdm_route_tell(SDMCommunicationSocket *cs)
{
    unsigned long id;

    for (id = find_first_bit(cs->news, SDM_MAX_IDS); id < SDM_MAX_IDS;
         id = find_next_bit(cs->news, SDM_MAX_IDS, id + 1)) {
        if (tell_all(cs, id)) {
            clear_bit(id, cs->news);
        }
    }
    if (!bitmap_empty(cs->news, SDM_MAX_IDS) && !timer_pending(cs->retry)) {
        timer_mod(cs->retry, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + RETRY_MS);
    }
}

static void retry(void *opaque)
{
    sdm_route_tell(opaque);
}

void sdm_route_init(SDMCommunicationSocket *cs)
{
    cs->retry = timer_new_ms(QEMU_CLOCK_REALTIME, retry, cs);
}

void sdm_route_changed(SignalLink *link)
{
    if (link->epoch) {
        set_bit(multi_socket_peer_id(link->peer), link->comm->news);
    }
}

void sdm_route_up(SignalLink *link)
{
    SDMCommunicationSocket *cs = link->comm;

    if (!multi_socket_is_master(cs->socket) ||
        !multi_socket_peer_has(link->peer, SDM_PROTO_FEATURE_PEERS)) {
        return;
    }
    cs->last_epoch = cs->last_epoch == UINT32_MAX ? 1 : cs->last_epoch + 1;
    link->epoch = cs->last_epoch;
    sdm_route_changed(link);
    sdm_route_tell(cs);
}

void sdm_route_down(SignalLink *link, bool in_order)
{
    SDMCommunicationSocket *cs = link->comm;
    uint32_t gone = multi_socket_peer_id(link->peer);
    uint32_t id;

    if (!link->epoch) {
        return;
    }
    for (id = 1; id < SDM_MAX_IDS; id++) {
        SignalLink *other = find_slave(cs, id);

        if (other) {
            other->granted[gone] = 0;
        }
    }
    cs->ended[gone] = in_order ? SDM_PEER_ABSENT : SDM_PEER_LOST;
    sdm_route_changed(link);
    link->epoch = 0;
    sdm_route_tell(cs);
}

static const char *relay_signal(SignalLink *link, const SDMInboxFrame *frame)
{
    const struct sdm_proto_signal *signal = &frame->signal;
    uint32_t id = multi_socket_peer_id(link->peer);
    SignalLink *dest = find_slave(link->comm, signal->dest);
    uint8_t buf[sizeof(*signal)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    if (signal->flags & ~SDM_PROTO_SIGNAL_REPORT) {
        return "unknown flags of a signal";
    }
    if (signal->dest == id || !link->epoch) {
        return "signal for somebody else";
    }
    if (!dest || dest->epoch != frame->header.tag) {
        /* It has gone, and the sender does not know yet. */
        return NULL;
    }
    if (signal->signal >= dest->signals.num_signals ||
        signal->signal == dest->signals.boot_signal ||
        signal->signal == dest->signals.reset_signal) {
        return "signal to a slave that is not for slaves to send";
    }
    if (!dest->granted[id]) {
        return "more signals than credits";
    }
    dest->granted[id]--;
    trace_sdm_relay(id, signal->dest, signal->signal);
    sdm_proto_put_signal(buf, signal);
    multi_socket_peer_send(dest->peer, SDM_PROTO_SIGNAL, 0, 0, &iov, 1);
    return NULL;
}

static const char *relay_credit(SignalLink *link, const SDMInboxFrame *frame)
{
    struct sdm_proto_peer_credit credit = frame->credit;
    SignalLink *sender = find_slave(link->comm, credit.id);
    uint8_t buf[sizeof(credit)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    if (!link->epoch || sender == link) {
        return "credits for somebody else";
    }
    if (!sender || sender->epoch != credit.epoch) {
        return NULL;
    }
    if (credit.taken > link->signals.num_signals) {
        return "report of a signal that there is not";
    }
    if (credit.credits > SDM_ROUTED_CREDITS - link->granted[credit.id]) {
        return "impossible number of credits";
    }
    link->granted[credit.id] += credit.credits;
    credit.id = multi_socket_peer_id(link->peer);
    credit.epoch = link->epoch;
    sdm_proto_put_peer_credit(buf, &credit);
    multi_socket_peer_send(sender->peer, SDM_PROTO_PEER_CREDIT, 0, 0, &iov, 1);
    return NULL;
}

static const char *master_process(SignalLink *link, const SDMInboxFrame *frame)
{
    switch (frame->header.type) {
    case SDM_PROTO_SIGNAL:
        return relay_signal(link, frame);
    case SDM_PROTO_PEER_CREDIT:
        return relay_credit(link, frame);
    default:
        return "frame that only a master sends";
    }
}

/*
 * ------------------------------------------------------------------------
 * Slave
 */

static void grant(SDMCommunicationSocket *cs, uint32_t id, uint32_t taken)
{
    SignalLink *link = sdm_comm_find_link(cs, SDM_ID_MASTER);
    struct sdm_proto_peer_credit credit = {
        .id = id,
        .epoch = cs->epochs[id],
        .credits = cs->owed[id],
        .taken = taken,
    };
    uint8_t buf[sizeof(credit)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    cs->owed[id] = 0;
    if (link) {
        sdm_proto_put_peer_credit(buf, &credit);
        multi_socket_peer_send(link->peer, SDM_PROTO_PEER_CREDIT, 0, 0, &iov,
                               1);
    }
}

/* Those of a slave that has gone are nobody's. */
void sdm_route_return_credits(SDMCommunicationSocket *cs, uint32_t id,
                              uint32_t n, bool now)
{
    if (!cs->epochs[id]) {
        return;
    }
    cs->owed[id] += n;
    if (cs->owed[id] >= CREDIT_BATCH || (now && cs->owed[id])) {
        grant(cs, id, 0);
    }
}

void sdm_route_report_taken(SDMCommunicationSocket *cs, uint32_t id,
                            uint32_t signal)
{
    if (cs->epochs[id]) {
        cs->owed[id]++;
        grant(cs, id, signal + 1);
    }
}

bool sdm_route_send(SDMCommunicationSocket *cs,
                    const struct sdm_proto_signal *signal)
{
    SignalLink *link = sdm_comm_find_link(cs, SDM_ID_MASTER);
    uint8_t buf[sizeof(*signal)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

    if (!link || !cs->epochs[signal->dest]) {
        return false;
    }
    sdm_proto_put_signal(buf, signal);
    return multi_socket_peer_send(link->peer, SDM_PROTO_SIGNAL,
                                  cs->epochs[signal->dest], 0, &iov, 1);
}

static void slave_down(SDMCommunicationSocket *cs, uint32_t id, bool in_order)
{
    cs->epochs[id] = 0;
    cs->owed[id] = 0;
    sdm_core_peer_down(cs->core, id, in_order);
}

void sdm_route_lost(SDMCommunicationSocket *cs, bool in_order)
{
    uint32_t id;

    for (id = 1; id < SDM_MAX_IDS; id++) {
        if (cs->epochs[id]) {
            slave_down(cs, id, in_order);
        }
    }
}

static const char *slave_arrived(SDMCommunicationSocket *cs,
                                 const struct sdm_proto_peer *peer)
{
    struct sdm_proto_signals signals = {
        .num_signals = peer->num_signals,
        .boot_signal = peer->boot_signal,
        .reset_signal = peer->reset_signal,
        .state = peer->state,
    };
    SDMCpus cpus = { .arch = peer->arch, .number = peer->cpus };
    uint32_t waiting;

    if (!peer->id || peer->id >= cs->core->num_ids ||
        peer->id == cs->core->id) {
        return "slave with an impossible ID";
    }
    if (cs->epochs[peer->id]) {
        return "slave that is there already";
    }
    cs->epochs[peer->id] = peer->epoch;
    sdm_core_slave_up(cs->core, peer->id, cpus, &signals);
    /* What an earlier one has sent may not have been taken yet. */
    waiting = cs->core->peers[peer->id].rx.count;
    if (waiting < SDM_ROUTED_CREDITS) {
        cs->owed[peer->id] = SDM_ROUTED_CREDITS - waiting;
        grant(cs, peer->id, 0);
    }
    return NULL;
}

static const char *slave_state(SDMCommunicationSocket *cs, uint32_t id,
                               uint32_t state)
{
    const char *what;

    if (id >= SDM_MAX_IDS || !cs->epochs[id]) {
        return "state of a slave that is not there";
    }
    if (state == SDM_PEER_ABSENT || state == SDM_PEER_LOST) {
        slave_down(cs, id, state == SDM_PEER_ABSENT);
        return NULL;
    }
    what = sdm_proto_parse_state(state);
    if (!what) {
        sdm_core_peer_state(cs->core, id, state);
    }
    return what;
}

static const char *slave_signal(SDMCommunicationSocket *cs,
                                const struct sdm_proto_signal *signal)
{
    const char *what = sdm_core_check_signal(cs->core, signal);

    if (what) {
        return what;
    }
    if (signal->source >= SDM_MAX_IDS || !cs->epochs[signal->source]) {
        return "signal in the name of somebody who is not there";
    }
    /* Whatever the sender knows: this is the master's to decide. */
    if (sdm_core_has_action(cs->core, signal->signal)) {
        sdm_route_return_credits(cs, signal->source, 1, true);
        return NULL;
    }
    return sdm_core_receive(cs->core, signal);
}

static const char *slave_credit(SDMCommunicationSocket *cs,
                                const struct sdm_proto_peer_credit *credit)
{
    const char *what;

    if (credit->id >= SDM_MAX_IDS || !cs->epochs[credit->id] ||
        cs->epochs[credit->id] != credit->epoch) {
        return "credits of a slave that is not there";
    }
    what = sdm_core_add_credits(cs->core, credit->id, credit->credits);
    if (!what && credit->taken) {
        what = sdm_core_taken(cs->core, credit->id, credit->taken - 1);
    }
    return what;
}

const char *sdm_route_process(SignalLink *link, const SDMInboxFrame *frame)
{
    SDMCommunicationSocket *cs = link->comm;

    if (!multi_socket_peer_has(link->peer, SDM_PROTO_FEATURE_PEERS)) {
        return "frame of a feature that was not agreed on";
    }
    if (multi_socket_is_master(cs->socket)) {
        return master_process(link, frame);
    }
    switch (frame->header.type) {
    case SDM_PROTO_SIGNAL:
        return slave_signal(cs, &frame->signal);
    case SDM_PROTO_PEER:
        return slave_arrived(cs, &frame->peer);
    case SDM_PROTO_PEER_STATE:
        return slave_state(cs, frame->header.tag, frame->header.arg);
    default:
        return slave_credit(cs, &frame->credit);
    }
}
