/*
 * SDM core: peers, queues of received signals, credits, actions
 *
 * Flow control: a sender holds a credit for each free place in the queue
 * that the receiver keeps for it. Each sender has a queue of its own, and the
 * guest gets the queues in turn, so a flood from one peer delays nobody else
 * and nothing is ever dropped for want of room.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/core.h"
#include "dma.h"
#include "trace.h"

SDMCoreList sdm_cores = QTAILQ_HEAD_INITIALIZER(sdm_cores);

static void id_set(uint32_t *map, uint32_t id)
{
    map[id / 32] |= SDM_ID_BIT(id);
}

static bool any_id(const uint32_t *map)
{
    int i;

    for (i = 0; i < SDM_ID_WORDS; i++) {
        if (map[i]) {
            return true;
        }
    }
    return false;
}

static void peer_changed(SDMCore *core, uint32_t id)
{
    trace_sdm_peer(core->id, id, core->peers[id].state);
    id_set(core->peer_changed, id);
    sdm_core_update_irq(core);
}

static bool peer_is_up(const SDMPeer *peer)
{
    uint32_t state = peer->state & SDM_PEER_STATE_MASK;

    return state == SDM_PEER_RESET || state == SDM_PEER_RUNNING;
}

static SDMCommunicationClass *comm_class(SDMCore *core)
{
    return SDM_COMMUNICATION_GET_CLASS(core->config.comm);
}

MemoryBackendNetwork *sdm_core_memory(SDMCore *core)
{
    return comm_class(core)->memory(core->config.comm);
}

/*
 * ------------------------------------------------------------------------
 * Interrupt
 */

uint32_t sdm_core_irq_status(SDMCore *core)
{
    MemoryBackendNetwork *nm = sdm_core_memory(core);
    uint32_t source, status = 0;

    if (sdm_core_rx_head(core, &source)) {
        status |= SDM_IRQ_RX;
    }
    if (any_id(core->tx_free)) {
        status |= SDM_IRQ_TX_FREE;
    }
    if (any_id(core->tx_taken)) {
        status |= SDM_IRQ_TX_TAKEN;
    }
    if (any_id(core->peer_changed)) {
        status |= SDM_IRQ_PEER;
    }
    if (nm && memory_backend_network_errors(nm).status) {
        status |= SDM_IRQ_ERROR;
    }
    if (core->dma && sdm_dma_irq(core->dma)) {
        status |= SDM_IRQ_DMA;
    }
    return status;
}

void sdm_core_update_irq(SDMCore *core)
{
    qemu_set_irq(core->irq, !!(sdm_core_irq_status(core) & core->irq_enable));
}

static void dma_changed(void *opaque)
{
    sdm_core_update_irq(opaque);
}

static void window_error_notify(Notifier *notifier, void *data)
{
    sdm_core_update_irq(container_of(notifier, SDMCore, error_notifier));
}

/*
 * ------------------------------------------------------------------------
 * Queues
 */

static void queue_push(SDMQueue *queue, const SDMMessage *message)
{
    assert(queue->count < SDM_QUEUE_DEPTH);
    if (!queue->messages) {
        queue->messages = g_new(SDMMessage, SDM_QUEUE_DEPTH);
    }
    queue->messages[(queue->head + queue->count) % SDM_QUEUE_DEPTH] = *message;
    queue->count++;
}

/* The choice stays until it is popped: the guest reads it in pieces. */
const SDMMessage *sdm_core_rx_head(SDMCore *core, uint32_t *source)
{
    SDMQueue *queue;

    if (core->rx_source < 0) {
        unsigned long id = find_next_bit(core->rx_pending, SDM_MAX_IDS,
                                         core->rx_last + 1);

        if (id >= SDM_MAX_IDS) {
            id = find_first_bit(core->rx_pending, SDM_MAX_IDS);
        }
        if (id >= SDM_MAX_IDS) {
            return NULL;
        }
        core->rx_source = id;
    }
    *source = core->rx_source;
    queue = &core->peers[core->rx_source].rx;
    return &queue->messages[queue->head];
}

static void return_credits(SDMCore *core, uint32_t id, uint32_t n, bool now)
{
    if (id == core->id) {
        sdm_core_add_credits(core, id, n);
    } else {
        comm_class(core)->return_credits(core->config.comm, core, id, n, now);
    }
}

/* A signal has left the queue, or never was in it. */
static void signal_taken(SDMCore *core, uint32_t id, const SDMMessage *message,
                         bool now)
{
    if (!message->report) {
        return_credits(core, id, 1, now);
    } else if (id == core->id) {
        sdm_core_taken(core, id, message->signal);
        sdm_core_add_credits(core, id, 1);
    } else {
        comm_class(core)->report_taken(core->config.comm, core, id,
                                       message->signal);
    }
}

void sdm_core_rx_pop(SDMCore *core)
{
    uint32_t id;
    SDMQueue *queue;
    SDMMessage message;

    if (!sdm_core_rx_head(core, &id)) {
        return;
    }
    queue = &core->peers[id].rx;
    message = queue->messages[queue->head];
    queue->head = (queue->head + 1) % SDM_QUEUE_DEPTH;
    if (!--queue->count) {
        clear_bit(id, core->rx_pending);
    }
    core->rx_last = id;
    core->rx_source = -1;
    signal_taken(core, id, &message, false);
    sdm_core_update_irq(core);
}

static void rx_discard_all(SDMCore *core)
{
    uint32_t id, n;

    for (id = 0; id < SDM_MAX_IDS; id++) {
        SDMQueue *queue = &core->peers[id].rx;

        /* Whoever is told may fill the queue again. */
        for (n = queue->count; n; n--) {
            SDMMessage message = queue->messages[queue->head];

            queue->head = (queue->head + 1) % SDM_QUEUE_DEPTH;
            if (!--queue->count) {
                clear_bit(id, core->rx_pending);
            }
            signal_taken(core, id, &message, n == 1);
        }
    }
    /* Only now: whoever asked meanwhile has made a choice. */
    core->rx_source = -1;
}

/*
 * ------------------------------------------------------------------------
 * Sending and receiving
 */

/*
 * Credits that are kept back from a signal. A guest that takes no signals any
 * more can still be reset and, when somebody has filled the queue of one that
 * waits in reset, booted.
 */
static uint32_t reserved_credits(const SDMPeer *peer, uint32_t signal)
{
    uint32_t reserve = 0;

    if (signal != peer->reset_signal &&
        peer->reset_signal != SDM_SIGNAL_NONE) {
        reserve++;
        if (signal != peer->boot_signal &&
            peer->boot_signal != SDM_SIGNAL_NONE) {
            reserve++;
        }
    }
    return reserve;
}

uint32_t sdm_core_plain_credits(const SDMPeer *peer)
{
    uint32_t reserve = reserved_credits(peer, SDM_SIGNAL_NONE);

    return peer->credits > reserve ? peer->credits - reserve : 0;
}

/* Who was refused may try again, if it is worth it. */
static void tell_tx_free(SDMCore *core, uint32_t id, bool link_is_up)
{
    SDMPeer *peer = &core->peers[id];

    if (peer->refused && (!link_is_up || sdm_core_plain_credits(peer))) {
        peer->refused = false;
        id_set(core->tx_free, id);
        sdm_core_update_irq(core);
    }
}

uint32_t sdm_core_send(SDMCore *core, uint32_t dest, uint32_t signal,
                       const uint64_t data[2])
{
    struct sdm_proto_signal message = {
        .source = core->id,
        .dest = dest,
        .signal = signal,
        .data = { data[0], data[1] },
    };
    SDMPeer *peer;

    if (dest >= core->num_ids) {
        return SDM_TX_NO_PEER;
    }
    peer = &core->peers[dest];
    if (!peer_is_up(peer)) {
        return SDM_TX_NO_LINK;
    }
    if (signal >= peer->num_signals || signal == peer->barred[0] ||
        signal == peer->barred[1]) {
        return SDM_TX_NO_SIGNAL;
    }
    if (peer->credits <= reserved_credits(peer, signal)) {
        peer->refused = true;
        return SDM_TX_BUSY;
    }
    if (signal < SDM_MAX_REPORTED && peer->report & (1ull << signal)) {
        message.flags |= SDM_PROTO_SIGNAL_REPORT;
    }
    peer->credits--;
    trace_sdm_send(core->id, dest, signal, data[0], data[1]);
    if (dest == core->id) {
        sdm_core_receive(core, &message);
    } else if (!comm_class(core)->send(core->config.comm, core, &message)) {
        /* Broken, and about to be declared so. */
        return SDM_TX_NO_LINK;
    }
    peer->sent++;
    return SDM_TX_OK;
}

static SDMSignal *bound_signal(SDMCore *core, uint32_t number)
{
    if (number == core->reset_signal && core->implied_reset) {
        return core->implied_reset;
    }
    return number < core->config.len_signals ? core->config.signals[number] :
                                               NULL;
}

bool sdm_core_has_action(SDMCore *core, uint32_t number)
{
    SDMSignal *signal = bound_signal(core, number);

    return signal && sdm_signal_kind(signal) != SDM_SIGNAL_PLAIN;
}

static void report_action(SDMCore *core, uint32_t source, uint32_t signal,
                          uint32_t result)
{
    trace_sdm_action(core->id, source, signal, result);
    if (source == core->id) {
        sdm_core_peer_action(core, source, signal, result);
    } else {
        comm_class(core)->announce_action(core->config.comm, core, source,
                                          signal, result);
    }
}

/* The machine has been reset, and has told so: answer who asked for it. */
static void report_resets(void *opaque)
{
    SDMCore *core = opaque;
    uint32_t id;

    for (id = 0; id < SDM_MAX_IDS; id++) {
        if (core->reset_requests[id / 32] & SDM_ID_BIT(id)) {
            report_action(core, id, core->reset_signal, SDM_ACTION_OK);
        }
    }
    memset(core->reset_requests, 0, sizeof(core->reset_requests));
}

/* True if the signal is to be delivered to the guest. */
static bool perform_action(SDMCore *core, uint32_t source,
                           const SDMMessage *message)
{
    SDMSignal *signal = bound_signal(core, message->signal);
    uint32_t result;

    if (!sdm_core_has_action(core, message->signal)) {
        return true;
    }
    result = sdm_signal_trigger(signal, message->data);
    if (sdm_signal_kind(signal) == SDM_SIGNAL_RESET &&
        result == SDM_ACTION_OK) {
        /* So far only requested: report_resets() tells when it is done. */
        id_set(core->reset_requests, source);
    } else {
        report_action(core, source, message->signal, result);
    }
    return result == SDM_ACTION_OK;
}

const char *sdm_core_check_signal(const SDMCore *core,
                                  const struct sdm_proto_signal *signal)
{
    if (signal->flags & ~SDM_PROTO_SIGNAL_REPORT) {
        return "unknown flags of a signal";
    }
    if (signal->dest != core->id) {
        return "signal for somebody else";
    }
    if (signal->signal >= SDM_NUM_SIGNALS) {
        return "signal number out of range";
    }
    return NULL;
}

const char *sdm_core_receive(SDMCore *core,
                             const struct sdm_proto_signal *signal)
{
    SDMPeer *peer = &core->peers[signal->source];
    SDMMessage message = {
        .signal = signal->signal,
        .report = signal->flags & SDM_PROTO_SIGNAL_REPORT,
        .data = { signal->data[0], signal->data[1] },
    };

    if (peer->rx.count == SDM_QUEUE_DEPTH) {
        return "more signals than credits";
    }
    peer->received++;
    trace_sdm_receive(core->id, signal->source, signal->signal,
                      signal->data[0], signal->data[1]);
    if (perform_action(core, signal->source, &message)) {
        queue_push(&peer->rx, &message);
        set_bit(signal->source, core->rx_pending);
    } else {
        signal_taken(core, signal->source, &message, true);
    }
    sdm_core_update_irq(core);
    return NULL;
}

const char *sdm_core_taken(SDMCore *core, uint32_t id, uint32_t signal)
{
    SDMPeer *peer = &core->peers[id];

    if (signal >= peer->num_signals || signal >= SDM_MAX_REPORTED) {
        return "report of a signal that there is not";
    }
    /* Software may have lost interest meanwhile. */
    sdm_core_set_taken(core, id, peer->taken | (peer->report & 1ull << signal));
    return NULL;
}

void sdm_core_set_taken(SDMCore *core, uint32_t id, uint64_t taken)
{
    core->peers[id].taken = taken;
    if (taken) {
        id_set(core->tx_taken, id);
    } else {
        core->tx_taken[id / 32] &= ~SDM_ID_BIT(id);
    }
    sdm_core_update_irq(core);
}

const char *sdm_core_add_credits(SDMCore *core, uint32_t id, uint32_t n)
{
    SDMPeer *peer = &core->peers[id];

    if (!n || n > SDM_PROTO_MAX_CREDITS - peer->credits) {
        return "impossible number of credits";
    }
    peer->credits += n;
    tell_tx_free(core, id, true);
    return NULL;
}

/*
 * ------------------------------------------------------------------------
 * Peers
 */

uint32_t sdm_core_state(const SDMCore *core)
{
    uint32_t state = core->config.master ? SDM_PEER_RUNNING : sdm_boot_state();

    return state |
           (core->control & SDM_CTRL_ENABLE ? SDM_PEER_STATE_DRIVER : 0);
}

static void own_state_changed(SDMCore *core)
{
    uint32_t state = sdm_core_state(core);

    if (core->id < core->num_ids && core->peers[core->id].state != state) {
        core->peers[core->id].state = state;
        peer_changed(core, core->id);
    }
    comm_class(core)->announce_state(core->config.comm, core);
}

static void boot_state_notify(Notifier *notifier, void *data)
{
    own_state_changed(container_of(notifier, SDMCore, boot_notifier));
}

void sdm_core_describe(const SDMCore *core, uint32_t id,
                       struct sdm_proto_signals *signals)
{
    *signals = (struct sdm_proto_signals) {
        .num_signals = SDM_NUM_SIGNALS,
        .credits = SDM_QUEUE_DEPTH - core->peers[id].rx.count,
        .boot_signal = core->boot_signal,
        .reset_signal = core->reset_signal,
        .state = sdm_core_state(core),
    };
}

void sdm_core_set_identity(SDMCore *core, uint32_t id, uint32_t num_ids)
{
    struct sdm_proto_signals own;

    if (core->id == id && core->num_ids == num_ids) {
        return;
    }
    if (core->id < SDM_MAX_IDS && core->id != id) {
        core->peers[core->id].state = SDM_PEER_ABSENT;
        peer_changed(core, core->id);
    }
    core->id = id;
    core->num_ids = num_ids;
    sdm_core_describe(core, id, &own);
    sdm_core_peer_up(core, id, sdm_boot_cpus(), &own);
}

void sdm_core_peer_up(SDMCore *core, uint32_t id, SDMCpus cpus,
                      const struct sdm_proto_signals *signals)
{
    SDMPeer *peer = &core->peers[id];

    peer->state = signals->state;
    peer->num_signals = signals->num_signals;
    peer->boot_signal = signals->boot_signal;
    peer->reset_signal = signals->reset_signal;
    peer->barred[0] = peer->barred[1] = SDM_SIGNAL_NONE;
    peer->credits = signals->credits;
    peer->cpus = cpus;
    peer->generation++;
    peer->action = 0;
    peer_changed(core, id);
    tell_tx_free(core, id, true);
}

void sdm_core_slave_up(SDMCore *core, uint32_t id, SDMCpus cpus,
                       const struct sdm_proto_signals *signals)
{
    struct sdm_proto_signals plain = *signals;

    plain.credits = 0;
    plain.boot_signal = plain.reset_signal = SDM_SIGNAL_NONE;
    sdm_core_peer_up(core, id, cpus, &plain);
    core->peers[id].barred[0] = signals->boot_signal;
    core->peers[id].barred[1] = signals->reset_signal;
}

void sdm_core_peer_down(SDMCore *core, uint32_t id, bool in_order)
{
    SDMPeer *peer = &core->peers[id];

    peer->state = in_order ? SDM_PEER_ABSENT : SDM_PEER_LOST;
    peer->credits = 0;
    /* What is to be known of this connection. */
    sdm_core_set_taken(core, id, 0);
    core->reset_requests[id / 32] &= ~SDM_ID_BIT(id);
    /* Who waits for room must not wait for ever. */
    tell_tx_free(core, id, false);
    peer_changed(core, id);
}

void sdm_core_peer_connecting(SDMCore *core, uint32_t id)
{
    if (!peer_is_up(&core->peers[id])) {
        sdm_core_peer_state(core, id, SDM_PEER_CONNECTING);
    }
}

bool sdm_core_peer_unnoticed(const SDMCore *core, uint32_t id)
{
    return core->control & SDM_CTRL_ENABLE &&
           core->peer_changed[id / 32] & SDM_ID_BIT(id);
}

void sdm_core_peer_state(SDMCore *core, uint32_t id, uint32_t state)
{
    if (core->peers[id].state != state) {
        core->peers[id].state = state;
        peer_changed(core, id);
    }
}

const char *sdm_core_check_action(const SDMCore *core, uint32_t id,
                                  uint32_t signal, uint32_t result)
{
    const SDMPeer *peer = &core->peers[id];

    if (result == SDM_ACTION_NONE || result > SDM_ACTION_FAILED) {
        return "unknown result of an action";
    }
    if (signal == SDM_SIGNAL_NONE || (signal != peer->boot_signal &&
                                      signal != peer->reset_signal)) {
        return "result of a signal without an action";
    }
    return NULL;
}

void sdm_core_peer_action(SDMCore *core, uint32_t id, uint32_t signal,
                          uint32_t result)
{
    SDMPeer *peer = &core->peers[id];
    uint32_t count = (SDM_ACTION_COUNT(peer->action) + 1) & 0xffff;

    peer->action = SDM_ACTION(count, signal, result);
    peer_changed(core, id);
}

/*
 * ------------------------------------------------------------------------
 * Control and life
 */

void sdm_core_set_control(SDMCore *core, uint32_t control)
{
    uint32_t old = core->control;
    uint32_t id;

    core->control = control & SDM_CTRL_RESET ? 0 : control & SDM_CTRL_ENABLE;
    if (core->control != old) {
        own_state_changed(core);
    }
    if (control & SDM_CTRL_RESET) {
        rx_discard_all(core);
        core->irq_enable = 0;
        core->tx_status = SDM_TX_OK;
        memset(core->tx_data, 0, sizeof(core->tx_data));
        memset(core->peer_changed, 0, sizeof(core->peer_changed));
        memset(core->tx_free, 0, sizeof(core->tx_free));
        memset(core->tx_taken, 0, sizeof(core->tx_taken));
        for (id = 0; id < SDM_MAX_IDS; id++) {
            core->peers[id].refused = false;
            core->peers[id].report = 0;
            core->peers[id].taken = 0;
        }
        if (sdm_core_memory(core)) {
            memory_backend_network_clear_errors(sdm_core_memory(core), false);
        }
        if (core->dma) {
            sdm_dma_reset(core->dma);
        }
    }
    sdm_core_update_irq(core);
}

void sdm_core_reset(SDMCore *core)
{
    sdm_core_set_control(core, SDM_CTRL_RESET);
    if (any_id(core->reset_requests)) {
        /* Other parts of the machine, the CPUs among them, may come later. */
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), report_resets,
                                core);
    }
    if (sdm_core_memory(core)) {
        memory_backend_network_clear_errors(sdm_core_memory(core), true);
    }
}

static bool check_signals(SDMCore *core, Error **errp)
{
    SDMConfig *config = &core->config;
    uint32_t i;

    if (config->len_signals > SDM_MAX_BOUND_SIGNALS) {
        error_setg(errp, "'len-signals' must be at most %d",
                   SDM_MAX_BOUND_SIGNALS);
        return false;
    }
    for (i = 0; i < SDM_MAX_BOUND_SIGNALS; i++) {
        SDMSignal *signal = config->signals[i];
        SDMSignalKind kind;

        if (!signal != (i >= config->len_signals)) {
            error_setg(errp, signal ?
                       "'signals[%u]' is set, but len-signals is %u" :
                       "'signals[%u]' is missing: len-signals is %u",
                       i, config->len_signals);
            return false;
        }
        kind = signal ? sdm_signal_kind(signal) : SDM_SIGNAL_PLAIN;
        if (kind == SDM_SIGNAL_PLAIN) {
            continue;
        }
        if (config->master) {
            error_setg(errp, "'signals[%u]' boots or resets the machine: "
                       "that is for slaves", i);
            return false;
        }
        if (kind == SDM_SIGNAL_BOOT) {
            if (core->boot_signal != SDM_SIGNAL_NONE) {
                error_setg(errp, "'signals[%u]' is a second boot signal", i);
                return false;
            }
            core->boot_signal = i;
        } else {
            if (core->reset_signal != SDM_SIGNAL_NONE) {
                error_setg(errp, "'signals[%u]' is a second reset signal", i);
                return false;
            }
            core->reset_signal = i;
        }
    }
    return true;
}

static bool check_config(SDMCore *core, Error **errp)
{
    SDMConfig *config = &core->config;

    if (!config->comm) {
        error_setg(errp, "'comm' must name a sdm-communication-socket or "
                   "sdm-communication-local");
        return false;
    }
    if (config->master) {
        if (config->num_slaves < 1 || config->num_slaves >= SDM_MAX_IDS) {
            error_setg(errp, "a master needs 'num-slaves' from 1 to %d",
                       SDM_MAX_IDS - 1);
            return false;
        }
        if (config->slave_id) {
            error_setg(errp, "'slave-id' is for slaves: the master is 0");
            return false;
        }
    } else {
        if (config->num_slaves) {
            error_setg(errp, "'num-slaves' is for the master");
            return false;
        }
        if (config->slave_id >= SDM_MAX_IDS) {
            error_setg(errp, "'slave-id' must be from 1 to %d",
                       SDM_MAX_IDS - 1);
            return false;
        }
    }
    return check_signals(core, errp);
}

bool sdm_core_realize(SDMCore *core, Object *owner, Error **errp)
{
    int i;

    core->rx_source = -1;
    core->boot_signal = SDM_SIGNAL_NONE;
    core->reset_signal = SDM_SIGNAL_NONE;
    for (i = 0; i < SDM_MAX_IDS; i++) {
        core->peers[i].boot_signal = SDM_SIGNAL_NONE;
        core->peers[i].reset_signal = SDM_SIGNAL_NONE;
    }
    if (!check_config(core, errp)) {
        return false;
    }
    /* What can be booted can be reset: by the signal behind the bound ones. */
    if (core->boot_signal != SDM_SIGNAL_NONE &&
        core->reset_signal == SDM_SIGNAL_NONE) {
        core->implied_reset = SDM_SIGNAL(object_new(TYPE_SDM_SIGNAL_RESET));
        core->reset_signal = core->config.len_signals;
    }

    /* A slave learns the rest from the master. */
    core->id = SDM_ID_NONE;
    core->num_ids = 1;
    sdm_core_init_registers(core, owner);
    if (!comm_class(core)->attach(core->config.comm, core, errp)) {
        object_unref(OBJECT(core->implied_reset));
        core->implied_reset = NULL;
        return false;
    }
    if (core->config.master) {
        sdm_core_set_identity(core, SDM_ID_MASTER,
                              core->config.num_slaves + 1);
    } else {
        core->boot_notifier.notify = boot_state_notify;
        sdm_boot_add_state_notifier(&core->boot_notifier);
    }
    if (sdm_core_memory(core)) {
        core->error_notifier.notify = window_error_notify;
        memory_backend_network_add_error_notifier(sdm_core_memory(core),
                                                  &core->error_notifier);
        if (core->config.master && core->config.dma) {
            core->dma = sdm_dma_new(sdm_core_memory(core),
                                    core->config.dma_as, dma_changed, core);
        }
    }
    QTAILQ_INSERT_TAIL(&sdm_cores, core, next);
    return true;
}

void sdm_core_unrealize(SDMCore *core)
{
    QTAILQ_REMOVE(&sdm_cores, core, next);
}
