/*
 * SDM bulk transfer engine: what its source files share
 *
 * dma.c          registers, ring, the thread; reset and stop of the machine
 * dma-transfer.c one descriptor: check, start, copy, end
 * dma-frame.c    what goes over the socket for descriptors
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_DMA_INTERNAL_H
#define HW_SDM_DMA_INTERNAL_H

#include "exec/hwaddr.h"
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "system/runstate.h"
#include "deadline.h"
#include "dma.h"
#include "kick.h"
#include "remote-ram.h"

typedef struct SDMTransfer SDMTransfer;
typedef struct SDMFrame SDMFrame;

/* One descriptor under way. */
struct SDMTransfer {
    QSIMPLEQ_ENTRY(SDMTransfer) next;
    SDMDma *dma;

    uint8_t *descriptor; /* guest memory, mapped; NULL if it cannot be */
    uint64_t addr;
    uint64_t offset;
    uint32_t length;
    uint16_t flags;

    SDMRemoteRAM *ram; /* a reference */
    void *local;       /* guest memory, mapped */
    /* Slaves whose mapped RAM that is, references, or NULL. */
    SDMRemoteRAM *local_owner;
    SDMRemoteRAM *descriptor_owner;

    /* Under dma->lock. */
    uint32_t left;   /* frames that have not ended, and the start itself */
    uint32_t status; /* SDM_DMA_*; OK until something went wrong */
};

struct SDMDma {
    MemoryBackendNetwork *nm;
    AddressSpace *as; /* the device's view of guest memory */
    void (*changed)(void *opaque);
    void *opaque;
    SDMKick *kick;
    VMChangeStateEntry *vm_state;
    QemuThread thread;
    SDMFrame *open; /* the thread's: not sent yet, may grow */
    bool thread_runs; /* main loop, vCPUs: under the BQL */

    /*
     * Protects all below. Only RCU, memory regions and the end of a
     * connection are inside. Nobody is woken under it, just to find it taken.
     */
    QemuMutex lock;
    QemuCond work; /* for the thread */
    QemuCond idle; /* for who waits until the engine is off */
    bool full; /* the thread waits for the end of transfers */

    uint64_t ring;
    uint32_t ring_size;
    bool enable;
    bool busy;
    bool abort; /* a reset waits: start nothing, not even the rest */
    bool stopped; /* the machine is: start nothing for now */
    uint32_t active; /* who may access guest memory: frames, and the thread */
    uint32_t head;
    uint32_t next; /* descriptor to start */
    uint32_t tail;
    uint32_t status;

    QSIMPLEQ_HEAD(, SDMTransfer) transfers;
    uint32_t num_transfers;
    uint32_t read_ahead;
    uint32_t fill_ahead;
    SDMDeadline alive; /* for a sign of life of the first one's slave */
};

/* What to do once the lock is released. */
typedef struct SDMWakeup {
    bool thread;
    bool changed;
    bool idle;
} SDMWakeup;

/* Any thread, without the lock. */
void sdm_dma_wake(SDMDma *dma, SDMWakeup wakeup);
/* With the lock: somebody does not access guest memory any more. */
void sdm_dma_end_active(SDMDma *dma, SDMWakeup *wakeup);

/* With the lock: the slave of the first transfer, or a new first, is alive. */
void sdm_dma_alive(SDMDma *dma);

/* The thread, with the lock. */
void sdm_dma_wait(SDMDma *dma);
void sdm_dma_pause(SDMDma *dma);

/* --- dma-transfer.c --- */

/*
 * Guest memory, and the slave whose mapped RAM it is or NULL: a reference that
 * sdm_dma_unmap_ram() drops. NULL if not all of it is RAM in one piece.
 */
void *sdm_dma_map_ram(SDMDma *dma, hwaddr addr, hwaddr length, bool is_write,
                      SDMRemoteRAM **owner);
void sdm_dma_unmap_ram(SDMDma *dma, void *ram, hwaddr length, bool is_write,
                       SDMRemoteRAM *owner);
/* The thread, without the lock: start what a descriptor asks for. */
void sdm_transfer_start(SDMDma *dma, hwaddr descriptor);
/* With the lock: a part of @t has ended. */
void sdm_transfer_end(SDMTransfer *t, uint32_t status, SDMWakeup *wakeup);

/* --- dma-frame.c: the thread, without the lock --- */

/* The slave's RAM is elsewhere: send the transfer's frames, or collect them. */
void sdm_transfer_send(SDMTransfer *t);
/* Send what has been collected. */
void sdm_frame_send(SDMDma *dma);

#endif
