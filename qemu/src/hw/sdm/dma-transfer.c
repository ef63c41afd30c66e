/*
 * SDM bulk transfer engine: transfers
 *
 * What one descriptor asks for, from its check to its status. A transfer is
 * started by the engine's thread and ends wherever the answer to its last frame
 * is received.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "qemu/bswap.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "sdm/sdm-regs.h"
#include "dma-internal.h"
#include "memory-server.h"
#include "trace.h"

static bool is_read(const SDMTransfer *t)
{
    return (t->flags & SDM_DMA_OP_MASK) == SDM_DMA_READ;
}

/*
 * Guest memory from @addr on, if all of it is RAM in one piece. Nothing else
 * will do: an access to a device takes the BQL, which whoever has it may hold
 * until this engine is off; and the device may be this one.
 */
void *sdm_dma_map_ram(SDMDma *dma, hwaddr addr, hwaddr length, bool is_write,
                      SDMRemoteRAM **owner)
{
    MemoryRegion *mr = NULL;
    hwaddr begin = 0, done = 0;

    *owner = NULL;
    if (length > -addr && addr) {
        return NULL;
    }
    RCU_READ_LOCK_GUARD();
    while (done < length) {
        hwaddr xlat, n = length - done;
        MemoryRegion *next =
            address_space_translate(dma->as, addr + done, &xlat, &n, is_write,
                                    MEMTXATTRS_UNSPECIFIED);

        if (!memory_access_is_direct(next, is_write,
                                     MEMTXATTRS_UNSPECIFIED) ||
            (mr && (next != mr || xlat != begin + done))) {
            return NULL;
        }
        if (!mr) {
            mr = next;
            begin = xlat;
        }
        done += n;
    }
    if (!sdm_remote_ram_of_region(mr, owner)) {
        *owner = NULL;
        return NULL;
    }
    memory_region_ref(mr);
    return (uint8_t *)memory_region_get_ram_ptr(mr) + begin;
}

/* May be without the BQL: the last reference to a slave's RAM is @owner. */
void sdm_dma_unmap_ram(SDMDma *dma, void *ram, hwaddr length, bool is_write,
                       SDMRemoteRAM *owner)
{
    address_space_unmap(dma->as, ram, length, is_write,
                        is_write ? length : 0);
    if (owner) {
        sdm_remote_ram_unref(owner);
    }
}

static void write_status(SDMDma *dma, SDMTransfer *t, SDMWakeup *wakeup)
{
    if (!t->descriptor) {
        /* There is no other place to say it. */
        dma->status |= SDM_DMA_STATUS_ERROR;
        wakeup->changed = true;
        return;
    }
    qatomic_set((uint32_t *)(t->descriptor + SDM_DMA_DESC_STATUS),
                cpu_to_le32(t->status));
    sdm_dma_unmap_ram(dma, t->descriptor, SDM_DMA_DESC_SIZE, true,
                      t->descriptor_owner);
}

static void transfer_finish(SDMDma *dma, SDMTransfer *t, SDMWakeup *wakeup)
{
    trace_sdm_dma_end(dma->tail, t->status);
    if (t->local) {
        sdm_dma_unmap_ram(dma, t->local, t->length, is_read(t),
                          t->local_owner);
    }
    /* The data before the status, the status before the interrupt. */
    smp_wmb();
    write_status(dma, t, wakeup);
    /* A CPU that reads the new TAIL finds the status. */
    smp_wmb();
    dma->tail++;
    dma->num_transfers--;
    if (t->flags & SDM_DMA_IRQ) {
        dma->status |= SDM_DMA_STATUS_DONE;
        wakeup->changed = true;
    }
    if (t->ram) {
        sdm_remote_ram_unref(t->ram);
    }
    g_free(t);
}

/* A part of @t has ended. Finish what can be, in order. */
void sdm_transfer_end(SDMTransfer *t, uint32_t status, SDMWakeup *wakeup)
{
    SDMDma *dma = t->dma;
    SDMTransfer *first;

    if (t->status == SDM_DMA_OK) {
        t->status = status;
    }
    t->left--;
    while ((first = QSIMPLEQ_FIRST(&dma->transfers)) && !first->left) {
        QSIMPLEQ_REMOVE_HEAD(&dma->transfers, next);
        transfer_finish(dma, first, wakeup);
        sdm_dma_alive(dma);
    }
    /* It may also wait for the last one, to say that the engine is off. */
    wakeup->thread |= dma->full || (!first && !dma->enable);
}

/* The slave's RAM is here: copy. The other side may be the same RAM. */
static void transfer_copy(SDMTransfer *t, uint8_t *remote)
{
    remote += t->offset;
    switch (t->flags & SDM_DMA_OP_MASK) {
    case SDM_DMA_WRITE:
        memmove(remote, t->local, t->length);
        break;
    case SDM_DMA_READ:
        memmove(t->local, remote, t->length);
        break;
    default:
        sdm_memory_fill(remote, t->length, t->addr);
        break;
    }
    /* A signal that is sent after the end of this must not overtake it. */
    smp_mb();
}

static uint32_t transfer_check(SDMTransfer *t, uint16_t peer, uint32_t reserved)
{
    uint16_t op = t->flags & SDM_DMA_OP_MASK;
    uint64_t size;

    if (!op || (t->flags & ~(SDM_DMA_OP_MASK | SDM_DMA_IRQ)) || reserved ||
        !t->length || t->length > SDM_DMA_MAX_LENGTH) {
        return SDM_DMA_BAD_DESC;
    }
    t->ram = memory_backend_network_get_ram(t->dma->nm, peer);
    if (!t->ram) {
        return SDM_DMA_NO_LINK;
    }
    size = sdm_remote_ram_size(t->ram);
    if (!sdm_remote_ram_is_mapped(t->ram)) {
        /* It would change the slave's copy alone. */
        size -= sdm_remote_ram_coherent_size(t->ram);
    }
    if (t->length > size || t->offset > size - t->length) {
        return SDM_DMA_RANGE;
    }
    if (op != SDM_DMA_FILL) {
        t->local = sdm_dma_map_ram(t->dma, t->addr, t->length, is_read(t),
                                   &t->local_owner);
        if (!t->local) {
            return SDM_DMA_BAD_ADDRESS;
        }
    }
    return SDM_DMA_OK;
}

void sdm_transfer_start(SDMDma *dma, hwaddr descriptor)
{
    SDMTransfer *t = g_new0(SDMTransfer, 1);
    uint8_t d[SDM_DMA_DESC_SIZE] = { 0 };
    SDMWakeup wakeup = { 0 };
    void *remote;

    t->dma = dma;
    /* It was there when the engine was switched on. */
    t->descriptor = sdm_dma_map_ram(dma, descriptor, sizeof(d), true,
                                    &t->descriptor_owner);
    if (t->descriptor) {
        /* A copy: what has been checked does not change. */
        memcpy(d, t->descriptor, sizeof(d));
    }
    t->addr = ldq_le_p(d + SDM_DMA_DESC_ADDR);
    t->offset = ldq_le_p(d + SDM_DMA_DESC_OFFSET);
    t->length = ldl_le_p(d + SDM_DMA_DESC_LENGTH);
    t->flags = lduw_le_p(d + SDM_DMA_DESC_FLAGS);
    t->left = 1;
    t->status = transfer_check(t, lduw_le_p(d + SDM_DMA_DESC_PEER),
                               ldl_le_p(d + SDM_DMA_DESC_STATUS + 4));
    trace_sdm_dma_start(t->addr, t->offset, t->length, t->flags);

    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        if (QSIMPLEQ_EMPTY(&dma->transfers)) {
            sdm_dma_alive(dma);
        }
        QSIMPLEQ_INSERT_TAIL(&dma->transfers, t, next);
        dma->num_transfers++;
    }
    if (t->status == SDM_DMA_OK) {
        remote = sdm_remote_ram_host(t->ram);
        if (remote) {
            sdm_frame_send(dma);
            WITH_QEMU_LOCK_GUARD(&dma->lock) {
                sdm_dma_pause(dma);
            }
            transfer_copy(t, remote);
        } else {
            sdm_transfer_send(t);
        }
    }
    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        sdm_transfer_end(t, SDM_DMA_OK, &wakeup);
        sdm_dma_end_active(dma, &wakeup);
    }
    sdm_dma_wake(dma, wakeup);
}
