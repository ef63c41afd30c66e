/*
 * SDM bulk transfer engine: frames
 *
 * Transfers to and from a slave whose RAM is elsewhere: what follows each other
 * in its RAM goes in one frame, straight between guest memory and socket. How
 * much slaves have been asked for and have not done yet is limited.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/units.h"
#include "sdm/sdm-regs.h"
#include "dma-internal.h"

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

/*
 * What goes in one frame: of one descriptor a part, or of several that follow
 * each other in the slave's RAM.
 */
struct SDMFrame {
    SDMRemoteRequest request;
    SDMDma *dma;
    SDMRemoteRAM *ram; /* the transfers' */
    uint16_t op;
    uint64_t offset;
    uint32_t length;
    unsigned count;
    struct iovec iov[MAX_SEGMENTS];
    SDMTransfer *transfers[MAX_SEGMENTS];
};

static void note_life_locked(SDMDma *dma, const SDMRemoteRAM *ram)
{
    SDMTransfer *first = QSIMPLEQ_FIRST(&dma->transfers);

    if (first && first->ram == ram) {
        sdm_dma_alive(dma);
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

static void frame_end(SDMFrame *frame, uint32_t cause)
{
    SDMDma *dma = frame->dma;
    SDMWakeup wakeup = { 0 };
    uint32_t *ahead, max;
    unsigned i;

    WITH_QEMU_LOCK_GUARD(&dma->lock) {
        ahead = ahead_of(dma, frame->op, &max);
        if (ahead) {
            *ahead -= frame->length;
        }
        note_life_locked(dma, frame->ram);
        for (i = 0; i < frame->count; i++) {
            sdm_transfer_end(frame->transfers[i], status_of_cause(cause),
                             &wakeup);
        }
        sdm_dma_end_active(dma, &wakeup);
    }
    sdm_dma_wake(dma, wakeup);
    g_free(frame);
}

static void frame_done(SDMRemoteRequest *request, uint32_t cause)
{
    frame_end(container_of(request, SDMFrame, request), cause);
}

/* Wait until a frame may be sent. False if it must not be any more. */
static bool frame_begin(SDMDma *dma, const SDMFrame *frame)
{
    uint32_t *ahead, max;

    QEMU_LOCK_GUARD(&dma->lock);

    ahead = ahead_of(dma, frame->op, &max);
    sdm_dma_pause(dma);
    /* Whatever happens: frame_end() takes back what is counted here. */
    if (ahead) {
        dma->full = true;
        while (!dma->abort && *ahead + frame->length > max) {
            sdm_dma_wait(dma);
            sdm_dma_pause(dma);
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
void sdm_frame_send(SDMDma *dma)
{
    SDMFrame *frame = dma->open;
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

static SDMFrame *frame_new(SDMTransfer *t, uint64_t offset)
{
    SDMFrame *frame = g_new(SDMFrame, 1);

    memset(&frame->request, 0, sizeof(frame->request));
    frame->dma = t->dma;
    frame->ram = t->ram;
    frame->op = t->flags & SDM_DMA_OP_MASK;
    frame->offset = offset;
    frame->length = 0;
    frame->count = 0;
    return frame;
}

static bool frame_fits(const SDMFrame *frame, const SDMTransfer *t,
                       uint64_t offset)
{
    return frame->ram == t->ram &&
           frame->op == (t->flags & SDM_DMA_OP_MASK) &&
           frame->offset + frame->length == offset &&
           frame->length < SDM_PROTO_MAX_DATA && frame->count < MAX_SEGMENTS;
}

/* Add of @t what is from @at on to a frame. Returns how much it took. */
static uint32_t frame_add(SDMTransfer *t, uint32_t at)
{
    SDMDma *dma = t->dma;
    uint64_t offset = t->offset + at;
    SDMFrame *frame;
    uint32_t length;

    if (dma->open && !frame_fits(dma->open, t, offset)) {
        sdm_frame_send(dma);
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

static void fill_part(SDMTransfer *t, uint32_t at, uint32_t length)
{
    SDMFrame *frame = frame_new(t, t->offset + at);
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
static uint32_t transfer_fill(SDMTransfer *t, uint32_t at)
{
    uint32_t length = MIN(t->length - at, MAX_FILL);

    sdm_frame_send(t->dma);
    fill_part(t, at, length);
    return length;
}

/* The slave's RAM is elsewhere. */
void sdm_transfer_send(SDMTransfer *t)
{
    bool fill = (t->flags & SDM_DMA_OP_MASK) == SDM_DMA_FILL;
    uint32_t at = 0;

    /* What comes after a failure is not started. */
    while (at < t->length && qatomic_read(&t->status) == SDM_DMA_OK) {
        at += fill ? transfer_fill(t, at) : frame_add(t, at);
    }
}
