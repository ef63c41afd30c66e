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
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "system/runstate.h"
#include "sdm/sdm-regs.h"
#include "dma.h"
#include "kick.h"
#include "memory-server.h"
#include "remote-ram.h"
#include "trace.h"

/* Descriptors under way. */
#define MAX_TRANSFERS 512

/* Pieces of memory in one frame. */
#define MAX_SEGMENTS (MULTI_SOCKET_MAX_IOV - 1)

/* Bytes that slaves have been asked for and have not sent yet. */
#define MAX_READ_AHEAD (8u * SDM_PROTO_MAX_DATA)

/*
 * Bytes that slaves have been asked to fill and have not filled yet, and of one
 * frame: a load waits until its slave has filled them.
 */
#define MAX_FILL_AHEAD (64u * MiB)
#define MAX_FILL (16u * MiB)

/* Whoever is late gets so much more, in case that this process was it, ms. */
#define GRACE_MS 20

typedef struct Transfer Transfer;

/*
 * What goes in one frame: of one descriptor a part, or of several that follow
 * each other in the slave's RAM.
 */
typedef struct Frame {
    SDMRemoteRequest request;
    SDMDma *dma;
    SDMRemoteRAM *ram; /* the transfers' */
    uint16_t op;
    uint64_t offset;
    uint32_t length;
    unsigned count;
    struct iovec iov[MAX_SEGMENTS];
    Transfer *transfers[MAX_SEGMENTS];
} Frame;

/* One descriptor under way. */
struct Transfer {
    QSIMPLEQ_ENTRY(Transfer) next;
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
    void (*changed)(void *opaque);
    void *opaque;
    SDMKick *kick;
    VMChangeStateEntry *vm_state;
    QemuThread thread;
    Frame *open; /* the thread's: not sent yet, may grow */
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

    QSIMPLEQ_HEAD(, Transfer) transfers;
    uint32_t num_transfers;
    uint32_t read_ahead;
    uint32_t fill_ahead;
    int64_t alive; /* last sign of life of the first one's slave, ns */
};

static void dma_kick(void *opaque)
{
    SDMDma *dma = opaque;

    dma->changed(dma->opaque);
}

/* What to do once the lock is released. */
typedef struct Wakeup {
    bool thread;
    bool changed;
    bool idle;
} Wakeup;

static void dma_wake(SDMDma *dma, Wakeup wakeup)
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

/*
 * ------------------------------------------------------------------------
 * The end of transfers
 */

static uint32_t status_of_cause(uint32_t cause)
{
    switch (cause) {
    case 0:
        return SDM_DMA_OK;
    case SDM_ERR_TIMEOUT:
        return SDM_DMA_TIMEOUT;
    case SDM_ERR_REFUSED:
        return SDM_DMA_FAULT;
    default:
        return SDM_DMA_NO_LINK;
    }
}

static bool is_read(const Transfer *t)
{
    return (t->flags & SDM_DMA_OP_MASK) == SDM_DMA_READ;
}

/*
 * Guest memory from @addr on, if all of it is RAM in one piece. Nothing else
 * will do: an access to a device takes the BQL, which whoever has it may hold
 * until this engine is off; and the device may be this one.
 */
static void *map_ram(hwaddr addr, hwaddr length, bool is_write,
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
            address_space_translate(&address_space_memory, addr + done, &xlat,
                                    &n, is_write, MEMTXATTRS_UNSPECIFIED);

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
static void unmap_ram(void *ram, hwaddr length, bool is_write,
                      SDMRemoteRAM *owner)
{
    address_space_unmap(&address_space_memory, ram, length, is_write,
                        is_write ? length : 0);
    if (owner) {
        sdm_remote_ram_unref(owner);
    }
}

static void write_status(SDMDma *dma, Transfer *t, Wakeup *wakeup)
{
    if (!t->descriptor) {
        /* There is no other place to say it. */
        dma->status |= SDM_DMA_STATUS_ERROR;
        wakeup->changed = true;
        return;
    }
    qatomic_set((uint32_t *)(t->descriptor + SDM_DMA_DESC_STATUS),
                cpu_to_le32(t->status));
    unmap_ram(t->descriptor, SDM_DMA_DESC_SIZE, true, t->descriptor_owner);
}

static void transfer_finish(SDMDma *dma, Transfer *t, Wakeup *wakeup)
{
    trace_sdm_dma_end(dma->tail, t->status);
    if (t->local) {
        unmap_ram(t->local, t->length, is_read(t), t->local_owner);
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
static void transfer_end_locked(Transfer *t, uint32_t status, Wakeup *wakeup)
{
    SDMDma *dma = t->dma;
    Transfer *first;

    if (t->status == SDM_DMA_OK) {
        t->status = status;
    }
    t->left--;
    while ((first = QSIMPLEQ_FIRST(&dma->transfers)) && !first->left) {
        QSIMPLEQ_REMOVE_HEAD(&dma->transfers, next);
        transfer_finish(dma, first, wakeup);
        dma->alive = get_clock();
    }
    /* It may also wait for the last one, to say that the engine is off. */
    wakeup->thread |= dma->full || (!first && !dma->enable);
}

static void note_life_locked(SDMDma *dma, const SDMRemoteRAM *ram)
{
    Transfer *first = QSIMPLEQ_FIRST(&dma->transfers);

    if (first && first->ram == ram) {
        dma->alive = get_clock();
    }
}

/* What counts the bytes that are asked for by such an operation, or NULL. */
static uint32_t *ahead_of(SDMDma *dma, uint16_t op, uint32_t *max)
{
    switch (op) {
    case SDM_DMA_READ:
        *max = MAX_READ_AHEAD;
        return &dma->read_ahead;
    case SDM_DMA_FILL:
        *max = MAX_FILL_AHEAD;
        return &dma->fill_ahead;
    default:
        return NULL;
    }
}

static void end_active_locked(SDMDma *dma, Wakeup *wakeup)
{
    dma->active--;
    wakeup->idle |= dma->stopped && !dma->active;
}

static void frame_end(Frame *frame, uint32_t cause)
{
    SDMDma *dma = frame->dma;
    Wakeup wakeup = { 0 };
    uint32_t *ahead, max;
    unsigned i;

    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        ahead = ahead_of(dma, frame->op, &max);
        if (ahead) {
            *ahead -= frame->length;
        }
        note_life_locked(dma, frame->ram);
        for (i = 0; i < frame->count; i++) {
            transfer_end_locked(frame->transfers[i], status_of_cause(cause),
                                &wakeup);
        }
        end_active_locked(dma, &wakeup);
    }
    dma_wake(dma, wakeup);
    g_free(frame);
}

static void frame_done(SDMRemoteRequest *request, uint32_t cause)
{
    frame_end(container_of(request, Frame, request), cause);
}

/*
 * ------------------------------------------------------------------------
 * The start of transfers. Only by the thread, without the lock
 */

/* The slave's RAM is here: copy. The other side may be the same RAM. */
static void transfer_copy(Transfer *t, uint8_t *remote)
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

/*
 * Wait for the end of something. A slave that does not answer is dropped; that
 * ends it all. Slaves answer in order, and so do descriptors: if one hangs the
 * first transfer is one of it sooner or later, however much there is to do
 * with others.
 */
static void wait_for_slaves(SDMDma *dma)
{
    SDMRemoteRAM *ram = QSIMPLEQ_FIRST(&dma->transfers)->ram;
    int64_t alive = dma->alive;
    int64_t left = alive + sdm_remote_ram_timeout(ram) * (int64_t)SCALE_MS -
                   get_clock();

    qemu_cond_timedwait(&dma->work, &dma->lock,
                        left > 0 ? DIV_ROUND_UP(left, SCALE_MS) : GRACE_MS);
    if (left <= 0 && dma->alive == alive) {
        /* So it is still the first one's. */
        sdm_remote_ram_fail(ram);
        dma->alive = get_clock();
    }
}

/* The thread: wait while the machine is stopped. */
static void pause_locked(SDMDma *dma)
{
    while (dma->stopped && !dma->abort) {
        if (!--dma->active) {
            qemu_cond_broadcast(&dma->idle);
        }
        qemu_cond_wait(&dma->work, &dma->lock);
        dma->active++;
    }
}

/* Wait until a frame may be sent. False if it must not be any more. */
static bool frame_begin(SDMDma *dma, const Frame *frame)
{
    uint32_t *ahead, max;

    QEMU_LOCK_GUARD(&dma->lock);

    ahead = ahead_of(dma, frame->op, &max);
    pause_locked(dma);
    /* Whatever happens: frame_end() takes back what is counted here. */
    if (ahead) {
        dma->full = true;
        while (!dma->abort && *ahead + frame->length > max) {
            wait_for_slaves(dma);
            pause_locked(dma);
        }
        dma->full = false;
        *ahead += frame->length;
    }
    dma->active++;
    return !dma->abort;
}

/* A frame has been sent, which may have taken long. */
static void frame_sent(SDMDma *dma, const SDMRemoteRAM *ram)
{
    QEMU_LOCK_GUARD(&dma->lock);

    note_life_locked(dma, ram);
}

/* Send what has been collected. */
static void frame_send(SDMDma *dma)
{
    Frame *frame = dma->open;
    SDMRemoteRAM *ram;
    uint32_t cause;

    if (!frame) {
        return;
    }
    dma->open = NULL;
    /* Once it has begun the end may come at any time, of the frame, too. */
    ram = sdm_remote_ram_ref(frame->ram);
    frame->request.done = frame_done;
    frame->request.iov = frame->iov;
    frame->request.niov = frame->count;
    if (!frame_begin(dma, frame)) {
        cause = SDM_ERR_LOST;
    } else if (frame->op == SDM_DMA_READ) {
        frame->request.length = frame->length;
        cause = sdm_remote_ram_read(ram, &frame->request, frame->offset);
    } else {
        cause = sdm_remote_ram_write(ram, &frame->request, frame->offset);
    }
    if (cause) {
        frame_end(frame, cause);
    } else {
        frame_sent(dma, ram);
    }
    sdm_remote_ram_unref(ram);
}

static Frame *frame_new(Transfer *t, uint64_t offset)
{
    Frame *frame = g_new(Frame, 1);

    memset(&frame->request, 0, sizeof(frame->request));
    frame->dma = t->dma;
    frame->ram = t->ram;
    frame->op = t->flags & SDM_DMA_OP_MASK;
    frame->offset = offset;
    frame->length = 0;
    frame->count = 0;
    return frame;
}

static bool frame_fits(const Frame *frame, const Transfer *t, uint64_t offset)
{
    return frame->ram == t->ram &&
           frame->op == (t->flags & SDM_DMA_OP_MASK) &&
           frame->offset + frame->length == offset &&
           frame->length < SDM_PROTO_MAX_DATA && frame->count < MAX_SEGMENTS;
}

/* Add of @t what is from @at on to a frame. Returns how much it took. */
static uint32_t frame_add(Transfer *t, uint32_t at)
{
    SDMDma *dma = t->dma;
    uint64_t offset = t->offset + at;
    Frame *frame;
    uint32_t length;

    if (dma->open && !frame_fits(dma->open, t, offset)) {
        frame_send(dma);
    }
    if (!dma->open) {
        dma->open = frame_new(t, offset);
    }
    frame = dma->open;
    length = MIN(t->length - at, SDM_PROTO_MAX_DATA - frame->length);
    frame->iov[frame->count] = (struct iovec) {
        .iov_base = t->local + at,
        .iov_len = length,
    };
    frame->transfers[frame->count++] = t;
    frame->length += length;
    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        t->left++;
    }
    return length;
}

static void fill_part(Transfer *t, uint32_t at, uint32_t length)
{
    Frame *frame = frame_new(t, t->offset + at);
    uint32_t cause;

    frame->request.done = frame_done;
    frame->length = length;
    frame->transfers[frame->count++] = t;
    WITH_QEMU_LOCK_GUARD(&t->dma->lock) {
        t->left++;
    }
    cause = frame_begin(t->dma, frame) ?
            sdm_remote_ram_fill(t->ram, &frame->request, t->offset + at,
                                length, t->addr) : SDM_ERR_LOST;
    if (cause) {
        frame_end(frame, cause);
    }
}

/* In parts that begin with the beginning of the pattern. */
static uint32_t transfer_fill(Transfer *t, uint32_t at)
{
    uint32_t length = MIN(t->length - at, MAX_FILL);

    frame_send(t->dma);
    fill_part(t, at, length);
    return length;
}

/* The slave's RAM is elsewhere. */
static void transfer_send(Transfer *t)
{
    bool fill = (t->flags & SDM_DMA_OP_MASK) == SDM_DMA_FILL;
    uint32_t at = 0;

    /* What comes after a failure is not started. */
    while (at < t->length && qatomic_read(&t->status) == SDM_DMA_OK) {
        at += fill ? transfer_fill(t, at) : frame_add(t, at);
    }
}

static uint32_t transfer_check(Transfer *t, uint16_t peer, uint32_t reserved)
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
    if (t->length > size || t->offset > size - t->length) {
        return SDM_DMA_RANGE;
    }
    if (op != SDM_DMA_FILL) {
        t->local = map_ram(t->addr, t->length, is_read(t), &t->local_owner);
        if (!t->local) {
            return SDM_DMA_BAD_ADDRESS;
        }
    }
    return SDM_DMA_OK;
}

static void transfer_start(SDMDma *dma, hwaddr descriptor)
{
    Transfer *t = g_new0(Transfer, 1);
    uint8_t d[SDM_DMA_DESC_SIZE] = { 0 };
    Wakeup wakeup = { 0 };
    void *remote;

    t->dma = dma;
    /* It was there when the engine was switched on. */
    t->descriptor = map_ram(descriptor, sizeof(d), true,
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
            dma->alive = get_clock();
        }
        QSIMPLEQ_INSERT_TAIL(&dma->transfers, t, next);
        dma->num_transfers++;
    }
    if (t->status == SDM_DMA_OK) {
        remote = sdm_remote_ram_host(t->ram);
        if (remote) {
            frame_send(dma);
            WITH_QEMU_LOCK_GUARD(&dma->lock) {
                pause_locked(dma);
            }
            transfer_copy(t, remote);
        } else {
            transfer_send(t);
        }
    }
    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        transfer_end_locked(t, SDM_DMA_OK, &wakeup);
        end_active_locked(dma, &wakeup);
    }
    dma_wake(dma, wakeup);
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
    wait_for_slaves(dma);
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
                Wakeup wakeup = { 0 };

                dma->active++;
                qemu_mutex_unlock(&dma->lock);
                frame_send(dma);
                qemu_mutex_lock(&dma->lock);
                end_active_locked(dma, &wakeup);
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
        transfer_start(dma, descriptor);
        qemu_mutex_lock(&dma->lock);
    }
    return NULL;
}

/*
 * ------------------------------------------------------------------------
 * Registers
 */

static bool ring_is_valid(const SDMDma *dma)
{
    hwaddr length = (hwaddr)dma->ring_size * SDM_DMA_DESC_SIZE;
    SDMRemoteRAM *owner;
    void *ring;

    if (dma->ring % 64 || !is_power_of_2(dma->ring_size) ||
        dma->ring_size < SDM_DMA_RING_SIZE_MIN ||
        dma->ring_size > SDM_DMA_RING_SIZE_MAX) {
        return false;
    }
    ring = map_ram(dma->ring, length, true, &owner);
    if (ring) {
        unmap_ram(ring, length, false, owner);
    }
    return ring;
}

static void write_control(SDMDma *dma, uint32_t value, Wakeup *wakeup)
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

static void write_head(SDMDma *dma, uint32_t value, Wakeup *wakeup)
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
                         Wakeup *wakeup)
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
    Wakeup wakeup = { 0 };

    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        write_locked(dma, addr, value, &wakeup);
    }
    dma_wake(dma, wakeup);
}

bool sdm_dma_irq(SDMDma *dma)
{
    QEMU_LOCK_GUARD(&dma->lock);

    return dma->status;
}

/* Give up the slaves that somebody still waits for. */
static void fail_slaves_locked(SDMDma *dma)
{
    Transfer *t;

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
    int64_t end = get_clock() + timeout_ms * (int64_t)SCALE_MS;

    QEMU_LOCK_GUARD(&dma->lock);

    dma->enable = false;
    dma->abort = true;
    qemu_cond_signal(&dma->work);
    while (dma->busy) {
        int64_t left = end - get_clock();

        if (left > 0) {
            qemu_cond_timedwait(&dma->idle, &dma->lock,
                                DIV_ROUND_UP(left, SCALE_MS));
        } else {
            fail_slaves_locked(dma);
            end = get_clock() + timeout_ms * (int64_t)SCALE_MS;
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
    unsigned timeout_ms = memory_backend_network_timeout(dma->nm);
    int64_t end = get_clock() + timeout_ms * (int64_t)SCALE_MS;
    int64_t left;

    QEMU_LOCK_GUARD(&dma->lock);

    dma->stopped = !running;
    qemu_cond_signal(&dma->work);
    while (dma->stopped && dma->active && (left = end - get_clock()) > 0) {
        qemu_cond_timedwait(&dma->idle, &dma->lock,
                            DIV_ROUND_UP(left, SCALE_MS));
    }
}

SDMDma *sdm_dma_new(MemoryBackendNetwork *nm, void (*changed)(void *opaque),
                    void *opaque)
{
    SDMDma *dma = g_new0(SDMDma, 1);

    dma->nm = nm;
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

void sdm_dma_free(SDMDma *dma)
{
    if (!dma) {
        return;
    }
    assert(!dma->thread_runs);
    qemu_del_vm_change_state_handler(dma->vm_state);
    sdm_kick_free(dma->kick);
    qemu_cond_destroy(&dma->idle);
    qemu_cond_destroy(&dma->work);
    qemu_mutex_destroy(&dma->lock);
    g_free(dma);
}
