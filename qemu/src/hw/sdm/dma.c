/*
 * SDM bulk transfer engine
 *
 * A thread of its own takes descriptors from the ring and starts transfers,
 * many at a time: from guest memory to the socket, from the socket to guest
 * memory, or, where the slave's RAM is mapped, by memcpy. Transfers end where
 * their answers are received. Neither needs the BQL. Descriptors are finished
 * in their order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "sdm/sdm-regs.h"
#include "dma-internal.h"

/* Descriptors under way. */
#define MAX_TRANSFERS 512

static void dma_kick(void *opaque)
{
    SDMDma *dma = opaque;

    dma->changed(dma->opaque);
}

void sdm_dma_wake(SDMDma *dma, SDMWakeup wakeup)
{
    if (wakeup.thread) {
        qemu_cond_signal(&dma->work);
    }
    if (wakeup.idle) {
        qemu_cond_broadcast(&dma->idle);
    }
    if (wakeup.changed) {
        sdm_kick(dma->kick);
    }
}

void sdm_dma_end_active(SDMDma *dma, SDMWakeup *wakeup)
{
    dma->active--;
    wakeup->idle |= dma->stopped && !dma->active;
}

void sdm_dma_alive(SDMDma *dma)
{
    dma->alive = sdm_deadline(memory_backend_network_timeout(dma->nm));
}

/*
 * Wait for the end of something. A slave that does not answer is dropped; that
 * ends it all. Slaves answer in order, and so do descriptors: if one hangs the
 * first transfer is one of it sooner or later, however much there is to do
 * with others.
 */
void sdm_dma_wait(SDMDma *dma)
{
    if (!sdm_deadline_wait(&dma->alive, &dma->work, &dma->lock)) {
        sdm_remote_ram_fail(QSIMPLEQ_FIRST(&dma->transfers)->ram);
        sdm_dma_alive(dma);
    }
}

/* The thread: wait while the machine is stopped. */
void sdm_dma_pause(SDMDma *dma)
{
    while (dma->stopped && !dma->abort) {
        if (!--dma->active) {
            qemu_cond_broadcast(&dma->idle);
        }
        qemu_cond_wait(&dma->work, &dma->lock);
        dma->active++;
    }
}

/*
 * ------------------------------------------------------------------------
 * The thread
 */

static bool may_start(SDMDma *dma)
{
    return dma->enable && !dma->stopped && dma->next != dma->head &&
           dma->num_transfers < MAX_TRANSFERS;
}

/* Wait for something to start, or for the end of what is under way. */
static void dma_thread_wait(SDMDma *dma)
{
    if (QSIMPLEQ_EMPTY(&dma->transfers)) {
        if (!dma->enable) {
            dma->busy = false;
            qemu_cond_broadcast(&dma->idle);
        }
        qemu_cond_wait(&dma->work, &dma->lock);
        return;
    }
    dma->full = dma->enable && dma->next != dma->head;
    sdm_dma_wait(dma);
    dma->full = false;
}

static void *dma_thread(void *opaque)
{
    SDMDma *dma = opaque;

    rcu_register_thread();
    qemu_mutex_lock(&dma->lock);
    for (;;) {
        hwaddr descriptor;

        if (!may_start(dma)) {
            if (dma->open) {
                SDMWakeup wakeup = { 0 };

                dma->active++;
                qemu_mutex_unlock(&dma->lock);
                sdm_frame_send(dma);
                qemu_mutex_lock(&dma->lock);
                sdm_dma_end_active(dma, &wakeup);
                if (wakeup.idle) {
                    qemu_cond_broadcast(&dma->idle);
                }
            } else {
                dma_thread_wait(dma);
            }
            continue;
        }
        descriptor = dma->ring + (uint64_t)(dma->next % dma->ring_size) *
                                 SDM_DMA_DESC_SIZE;
        dma->next++;
        dma->active++;
        qemu_mutex_unlock(&dma->lock);
        sdm_transfer_start(dma, descriptor);
        qemu_mutex_lock(&dma->lock);
    }
    return NULL;
}

/*
 * ------------------------------------------------------------------------
 * Registers
 */

static bool ring_is_valid(SDMDma *dma)
{
    hwaddr length = (hwaddr)dma->ring_size * SDM_DMA_DESC_SIZE;
    SDMRemoteRAM *owner;
    void *ring;

    if (dma->ring % 64 || !is_power_of_2(dma->ring_size) ||
        dma->ring_size < SDM_DMA_RING_SIZE_MIN ||
        dma->ring_size > SDM_DMA_RING_SIZE_MAX) {
        return false;
    }
    ring = sdm_dma_map_ram(dma, dma->ring, length, true, &owner);
    if (ring) {
        sdm_dma_unmap_ram(dma, ring, length, false, owner);
    }
    return ring;
}

static void write_control(SDMDma *dma, uint32_t value, SDMWakeup *wakeup)
{
    bool enable = value & SDM_DMA_CTRL_ENABLE;

    if (enable == dma->enable) {
        return;
    }
    if (enable) {
        /* Not while what was switched off is still under way. */
        if (dma->busy || !ring_is_valid(dma)) {
            return;
        }
        dma->head = dma->next = dma->tail = 0;
        dma->busy = true;
        if (!dma->thread_runs) {
            dma->thread_runs = true;
            qemu_thread_create(&dma->thread, "sdm-dma", dma_thread, dma,
                               QEMU_THREAD_DETACHED);
        }
    }
    dma->enable = enable;
    wakeup->thread = true;
}

static void write_head(SDMDma *dma, uint32_t value, SDMWakeup *wakeup)
{
    if (!dma->enable || value - dma->tail > dma->ring_size ||
        value - dma->tail < dma->head - dma->tail) {
        dma->status |= SDM_DMA_STATUS_ERROR;
        wakeup->changed = true;
        return;
    }
    wakeup->thread = value != dma->head;
    dma->head = value;
}

uint32_t sdm_dma_read(SDMDma *dma, hwaddr addr)
{
    QEMU_LOCK_GUARD(&dma->lock);

    switch (addr) {
    case SDM_REG_DMA_RING_LO:
        return dma->ring;
    case SDM_REG_DMA_RING_HI:
        return dma->ring >> 32;
    case SDM_REG_DMA_RING_SIZE:
        return dma->ring_size;
    case SDM_REG_DMA_CONTROL:
        return (dma->enable ? SDM_DMA_CTRL_ENABLE : 0) |
               (dma->busy ? SDM_DMA_CTRL_BUSY : 0);
    case SDM_REG_DMA_HEAD:
        return dma->head;
    case SDM_REG_DMA_TAIL:
        return dma->tail;
    case SDM_REG_DMA_STATUS:
        return dma->status;
    default:
        return 0;
    }
}

static void write_locked(SDMDma *dma, hwaddr addr, uint32_t value,
                         SDMWakeup *wakeup)
{
    switch (addr) {
    case SDM_REG_DMA_RING_LO:
        if (!dma->busy) {
            dma->ring = deposit64(dma->ring, 0, 32, value);
        }
        break;
    case SDM_REG_DMA_RING_HI:
        if (!dma->busy) {
            dma->ring = deposit64(dma->ring, 32, 32, value);
        }
        break;
    case SDM_REG_DMA_RING_SIZE:
        if (!dma->busy) {
            dma->ring_size = value;
        }
        break;
    case SDM_REG_DMA_CONTROL:
        write_control(dma, value, wakeup);
        break;
    case SDM_REG_DMA_HEAD:
        write_head(dma, value, wakeup);
        break;
    case SDM_REG_DMA_STATUS:
        dma->status &= ~value;
        break;
    default:
        break;
    }
}

void sdm_dma_write(SDMDma *dma, hwaddr addr, uint32_t value)
{
    SDMWakeup wakeup = { 0 };

    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        write_locked(dma, addr, value, &wakeup);
    }
    sdm_dma_wake(dma, wakeup);
}

bool sdm_dma_irq(SDMDma *dma)
{
    QEMU_LOCK_GUARD(&dma->lock);

    return dma->status;
}

/* Give up the slaves that somebody still waits for. */
static void fail_slaves_locked(SDMDma *dma)
{
    SDMTransfer *t;

    QSIMPLEQ_FOREACH(t, &dma->transfers, next) {
        if (t->left && t->ram && !sdm_remote_ram_is_mapped(t->ram)) {
            sdm_remote_ram_fail(t->ram);
        }
    }
}

/*
 * The guest's memory is somebody else's after a reset: wait. What has not been
 * sent yet is not sent any more, so only a slave that is in a bad way has not
 * answered within the time that it has for an answer.
 */
void sdm_dma_reset(SDMDma *dma)
{
    unsigned timeout_ms = memory_backend_network_timeout(dma->nm);
    SDMDeadline deadline = sdm_deadline(timeout_ms);

    QEMU_LOCK_GUARD(&dma->lock);

    dma->enable = false;
    dma->abort = true;
    qemu_cond_signal(&dma->work);
    while (dma->busy) {
        if (!sdm_deadline_wait(&deadline, &dma->idle, &dma->lock)) {
            fail_slaves_locked(dma);
            deadline = sdm_deadline(timeout_ms);
        }
    }
    dma->abort = false;
    dma->ring = 0;
    dma->ring_size = 0;
    dma->head = dma->next = dma->tail = 0;
    dma->status = 0;
}

/*
 * Guest memory stays as it is while the machine is stopped. Only a slave that
 * does not answer in time may still write to it, rather than lose its link.
 */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    SDMDma *dma = opaque;
    SDMDeadline deadline =
        sdm_deadline(memory_backend_network_timeout(dma->nm));

    QEMU_LOCK_GUARD(&dma->lock);

    dma->stopped = !running;
    qemu_cond_signal(&dma->work);
    while (dma->stopped && dma->active &&
           sdm_deadline_wait(&deadline, &dma->idle, &dma->lock)) {
        /* go on */
    }
}

SDMDma *sdm_dma_new(MemoryBackendNetwork *nm, AddressSpace *as,
                    void (*changed)(void *opaque), void *opaque)
{
    SDMDma *dma = g_new0(SDMDma, 1);

    dma->nm = nm;
    dma->as = as;
    dma->changed = changed;
    dma->opaque = opaque;
    dma->kick = sdm_kick_new(dma_kick, dma);
    qemu_mutex_init(&dma->lock);
    qemu_cond_init(&dma->work);
    qemu_cond_init(&dma->idle);
    QSIMPLEQ_INIT(&dma->transfers);
    dma->vm_state = qemu_add_vm_change_state_handler(vm_state_changed, dma);
    return dma;
}
