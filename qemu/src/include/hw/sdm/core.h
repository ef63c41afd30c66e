/*
 * SDM core: the device behind the registers, independent of its bus
 *
 * Peers, queues of received signals, credits, actions. registers.c gives it
 * the guest's view, platform.c and pci.c put it on a bus, a SDMCommunication
 * connects it. Everything here belongs to the main loop or a vCPU and runs
 * under the BQL.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_CORE_H
#define HW_SDM_CORE_H

#include "hw/irq.h"
#include "qemu/bitmap.h"
#include "qemu/notify.h"
#include "qemu/queue.h"
#include "exec/memory.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/cpus.h"
#include "hw/sdm/comm.h"
#include "hw/sdm/signal.h"

/* Signals of one sender that wait for the guest; its credits. */
#define SDM_QUEUE_DEPTH 64

/* Objects that can be bound to signals: signals[0] to signals[31]. */
#define SDM_MAX_BOUND_SIGNALS 32

typedef struct SDMMessage {
    uint32_t signal;
    bool report; /* the sender wants to know when it is taken */
    uint64_t data[2];
} SDMMessage;

typedef struct SDMQueue {
    SDMMessage *messages; /* SDM_QUEUE_DEPTH of them, NULL if never used */
    unsigned head;
    unsigned count;
} SDMQueue;

typedef struct SDMPeer {
    uint32_t state; /* SDM_PEER_STATE register without SELF */
    uint32_t num_signals;
    uint32_t boot_signal;
    uint32_t reset_signal;
    uint32_t barred[2]; /* signals that are not this device's to send */
    SDMCpus cpus;
    uint32_t generation;
    uint32_t action;
    uint32_t credits;
    uint64_t sent; /* signals */
    uint64_t received;
    uint64_t report; /* signals of which it tells when they are taken */
    uint64_t taken;  /* it has told */
    bool refused; /* a send met SDM_TX_BUSY: TX_FREE is due */
    SDMQueue rx;  /* what it sent */
} SDMPeer;

/* Set by sdm_device_realize() and the properties. */
typedef struct SDMConfig {
    SDMCommunication *comm;
    bool master;
    uint32_t num_slaves;
    uint32_t slave_id;
    uint32_t len_signals;
    SDMSignal *signals[SDM_MAX_BOUND_SIGNALS];
    /* The modern form of signals[N]: a list of IDs, from JSON. */
    uint32_t num_signal_ids;
    char **signal_ids;
    bool dma;
    AddressSpace *dma_as; /* what the device sees of memory */
} SDMConfig;

struct SDMCore {
    QTAILQ_ENTRY(SDMCore) next;
    SDMConfig config;
    qemu_irq irq;
    MemoryRegion registers;
    Error *migration_blocker;

    uint32_t id;
    uint32_t num_ids;
    uint32_t boot_signal;
    uint32_t reset_signal;
    SDMSignal *implied_reset;
    uint32_t reset_requests[SDM_ID_WORDS]; /* IDs that wait for the reset */
    SDMPeer peers[SDM_MAX_IDS];
    DECLARE_BITMAP(rx_pending, SDM_MAX_IDS); /* whose queues are not empty */
    int rx_source; /* whose signal RX_HEAD shows, -1: nobody's */
    int rx_last;   /* round robin: who was served last */
    Notifier boot_notifier;
    Notifier error_notifier;

    struct SDMDma *dma; /* NULL: none */

    /* Registers. */
    uint32_t control;
    uint32_t irq_enable;
    uint32_t tx_data[4];
    uint32_t tx_status;
    uint32_t peer_changed[SDM_ID_WORDS];
    uint32_t tx_free[SDM_ID_WORDS];
    uint32_t tx_taken[SDM_ID_WORDS]; /* whose taken is not 0 */
};

/* All that are realized. */
typedef QTAILQ_HEAD(, SDMCore) SDMCoreList;
extern SDMCoreList sdm_cores;

/* --- for device.c --- */

bool sdm_core_realize(SDMCore *core, Object *owner, Error **errp);
void sdm_core_unrealize(SDMCore *core);
/* Machine reset. Peers stay connected, what they sent is discarded. */
void sdm_core_reset(SDMCore *core);

/* --- for the registers --- */

void sdm_core_init_registers(SDMCore *core, Object *owner);
/* Returns SDM_TX_*. */
uint32_t sdm_core_send(SDMCore *core, uint32_t dest, uint32_t signal,
                       const uint64_t data[2]);
/* How many signals without an action can be sent before SDM_TX_BUSY. */
uint32_t sdm_core_plain_credits(const SDMPeer *peer);
/* The oldest signal received and its sender, or NULL. */
const SDMMessage *sdm_core_rx_head(SDMCore *core, uint32_t *source);
void sdm_core_rx_pop(SDMCore *core);
/* The peer's register TAKEN is to be @taken. */
void sdm_core_set_taken(SDMCore *core, uint32_t id, uint64_t taken);
void sdm_core_set_control(SDMCore *core, uint32_t control);
void sdm_core_update_irq(SDMCore *core);
uint32_t sdm_core_irq_status(SDMCore *core);
/* The memory with the window, or NULL. */
MemoryBackendNetwork *sdm_core_memory(SDMCore *core);

/* --- for communications --- */

/* What the device says of itself: SDM_PEER_RESET or _RUNNING, and DRIVER. */
uint32_t sdm_core_state(const SDMCore *core);
/* What it tells machine @id of its signals. */
void sdm_core_describe(const SDMCore *core, uint32_t id,
                       struct sdm_proto_signals *signals);
void sdm_core_set_identity(SDMCore *core, uint32_t id, uint32_t num_ids);
void sdm_core_peer_up(SDMCore *core, uint32_t id, SDMCpus cpus,
                      const struct sdm_proto_signals *signals);
/*
 * On a slave: another slave, which no one but the master boots and resets.
 * There are no credits yet.
 */
void sdm_core_slave_up(SDMCore *core, uint32_t id, SDMCpus cpus,
                       const struct sdm_proto_signals *signals);
void sdm_core_peer_down(SDMCore *core, uint32_t id, bool in_order);
/* There is no link, but somebody tries to make one. */
void sdm_core_peer_connecting(SDMCore *core, uint32_t id);
/*
 * A driver serves the device, and has not seen yet what became of machine @id.
 * Without a driver there is nobody who could take one machine for another.
 */
bool sdm_core_peer_unnoticed(const SDMCore *core, uint32_t id);
void sdm_core_peer_state(SDMCore *core, uint32_t id, uint32_t state);
/* An action that machine @id was asked for by @signal has ended. */
void sdm_core_peer_action(SDMCore *core, uint32_t id, uint32_t signal,
                          uint32_t result);
/* A signal that starts or resets the machine. */
bool sdm_core_has_action(SDMCore *core, uint32_t number);
/* These return NULL, or why the peer violates the protocol. */
const char *sdm_core_check_action(const SDMCore *core, uint32_t id,
                                  uint32_t signal, uint32_t result);
const char *sdm_core_check_signal(const SDMCore *core,
                                  const struct sdm_proto_signal *signal);
const char *sdm_core_receive(SDMCore *core,
                             const struct sdm_proto_signal *signal);
const char *sdm_core_add_credits(SDMCore *core, uint32_t id, uint32_t n);
/* Machine @id has taken one that was sent with SDM_PROTO_SIGNAL_REPORT. */
const char *sdm_core_taken(SDMCore *core, uint32_t id, uint32_t signal);

#endif
