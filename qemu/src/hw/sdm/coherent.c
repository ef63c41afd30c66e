/*
 * A part of a slave's RAM of which master and slave have a copy each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "hw/core/cpu.h"
#include "sdm/sdm-proto.h"
#include "coherent.h"
#include "mem-diff.h"
#include "trace.h"

/*
 * The most that one release can be: every other byte has changed. What comes
 * on top are frames that are not full.
 */
#define MAX_RELEASE(size) \
    ((uint64_t)(size) / 2 * (SDM_DIFF_HEADER + 1) + SDM_PROTO_MAX_DIFF)

struct SDMCoherent {
    unsigned ref; /* atomic */
    MultiSocketPeer *peer;
    MemoryRegion *mr;
    SDMRemoteRAM *ram; /* kept by each piece of work; NULL: no need to */
    uint64_t offset;
    uint32_t size;

    /* Held by who applies or sends. Peer locks come after it. */
    QemuMutex work_lock;

    /* While no CPU executes. */
    uint8_t *mem;
    uint8_t *twin; /* what the peer has, as far as we know */

    /* Protects all below. Nothing is locked after it. */
    QemuMutex lock;
    bool working; /* sdm_coherent_work() is about to run */
    bool complete;

    /* Whole releases of the peer that are not applied yet, in one. */
    bool has_news;
    uint8_t *news;
    unsigned long *news_map; /* a bit for each byte */
    GByteArray *incoming;    /* the release that is being received */

    /* To be sent, behind a release. */
    bool announce;
    GByteArray *signals;

    void (*arrived)(void *opaque);
    void *opaque;
};

SDMCoherent *sdm_coherent_ref(SDMCoherent *c)
{
    qatomic_inc(&c->ref);
    return c;
}

void sdm_coherent_unref(SDMCoherent *c)
{
    if (qatomic_fetch_dec(&c->ref) != 1) {
        return;
    }
    g_byte_array_unref(c->signals);
    g_byte_array_unref(c->incoming);
    g_free(c->news_map);
    g_free(c->news);
    g_free(c->twin);
    qemu_mutex_destroy(&c->lock);
    qemu_mutex_destroy(&c->work_lock);
    multi_socket_peer_unref(c->peer);
    g_free(c);
}

/*
 * ------------------------------------------------------------------------
 * While no CPU executes
 */

static void apply_news(SDMCoherent *c)
{
    unsigned long at = 0;

    while ((at = find_next_bit(c->news_map, c->size, at)) < c->size) {
        unsigned long end = find_next_zero_bit(c->news_map, c->size, at);

        memcpy(c->mem + at, c->news + at, end - at);
        memcpy(c->twin + at, c->news + at, end - at);
        memory_region_set_dirty(c->mr, c->offset + at, end - at);
        at = end;
    }
    trace_sdm_coherent_acquire(multi_socket_peer_id(c->peer),
                               bitmap_count_one(c->news_map, c->size));
    bitmap_zero(c->news_map, c->size);
}

/* What has been written here since the latest release. */
static uint64_t send_changes(SDMCoherent *c, bool announce)
{
    GByteArray *out = g_byte_array_new();
    uint64_t sent = 0;
    size_t at = 0;

    do {
        struct iovec iov;

        g_byte_array_set_size(out, 0);
        at = sdm_diff_collect(out, SDM_PROTO_MAX_DIFF, c->mem, c->twin,
                              c->size, at);
        if (!out->len && !announce) {
            break;
        }
        /* From now on there has to be an end. */
        announce = true;
        iov = (struct iovec) { .iov_base = out->data, .iov_len = out->len };
        multi_socket_peer_send(c->peer, SDM_PROTO_MEM_DIFF, 0,
                               at == c->size ? SDM_PROTO_DIFF_LAST : 0,
                               &iov, 1);
        sent += out->len;
    } while (at < c->size);
    g_byte_array_unref(out);
    return sent;
}

static void send_signals(SDMCoherent *c, GByteArray *signals)
{
    for (guint at = 0; at < signals->len;
         at += sizeof(struct sdm_proto_signal)) {
        struct iovec iov = {
            .iov_base = signals->data + at,
            .iov_len = sizeof(struct sdm_proto_signal),
        };

        multi_socket_peer_send(c->peer, SDM_PROTO_SIGNAL, 0, 0, &iov, 1);
    }
}

static void coherent_work(SDMCoherent *c, bool release)
{
    GByteArray *signals;
    bool announce, applied;

    QEMU_LOCK_GUARD(&c->work_lock);

    qemu_mutex_lock(&c->lock);
    c->working = false;
    applied = c->has_news;
    if (applied) {
        apply_news(c);
        c->has_news = false;
        c->complete = true;
    }
    signals = c->signals;
    c->signals = g_byte_array_new();
    announce = c->announce;
    c->announce = false;
    if (applied && c->arrived) {
        c->arrived(c->opaque);
    }
    qemu_mutex_unlock(&c->lock);

    if (signals->len || announce || release) {
        uint64_t sent = send_changes(c, announce);

        send_signals(c, signals);
        trace_sdm_coherent_release(multi_socket_peer_id(c->peer), sent,
                                   signals->len /
                                   sizeof(struct sdm_proto_signal));
    }
    g_byte_array_unref(signals);
}

static void coherent_safe_work(CPUState *cpu, run_on_cpu_data data)
{
    SDMCoherent *c = data.host_ptr;

    coherent_work(c, false);
    if (c->ram) {
        sdm_remote_ram_unref(c->ram);
    }
    sdm_coherent_unref(c);
}

/*
 * ------------------------------------------------------------------------
 * At any other time
 */

/* A CPU that stores to a register executes nothing meanwhile. */
static bool is_only_cpu(void)
{
    return current_cpu && current_cpu == first_cpu && !CPU_NEXT(first_cpu);
}

static void begin_work_locked(SDMCoherent *c)
{
    if (!c->working) {
        c->working = true;
        sdm_coherent_ref(c);
        if (c->ram) {
            sdm_remote_ram_ref(c->ram);
        }
        async_safe_run_on_cpu(first_cpu, coherent_safe_work,
                              RUN_ON_CPU_HOST_PTR(c));
    }
}

void sdm_coherent_send_signal(SDMCoherent *c, const uint8_t *signal)
{
    bool now;

    WITH_QEMU_LOCK_GUARD(&c->lock) {
        g_byte_array_append(c->signals, signal,
                            sizeof(struct sdm_proto_signal));
        now = !c->working && is_only_cpu();
        if (!now) {
            begin_work_locked(c);
        }
    }
    if (now) {
        coherent_work(c, false);
    }
}

void sdm_coherent_release(SDMCoherent *c)
{
    coherent_work(c, true);
}

static void merge_news_locked(SDMCoherent *c)
{
    const uint8_t *record = c->incoming->data;
    const uint8_t *end = record + c->incoming->len;

    while (record < end) {
        uint32_t offset, length;

        record = sdm_diff_record(record, &offset, &length);
        memcpy(c->news + offset, record, length);
        bitmap_set(c->news_map, offset, length);
        record += length;
    }
    g_byte_array_set_size(c->incoming, 0);
    c->has_news = true;
}

const char *sdm_coherent_receive(SDMCoherent *c,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload)
{
    const char *what;

    if (!c) {
        return "changes of a region that there is not";
    }
    if (header->arg > SDM_PROTO_DIFF_LAST) {
        return "unknown kind of changes";
    }
    what = sdm_diff_check(payload, header->length, c->size);
    if (what) {
        return what;
    }
    QEMU_LOCK_GUARD(&c->lock);

    if (c->incoming->len + header->length > MAX_RELEASE(c->size)) {
        return "changes without end";
    }
    g_byte_array_append(c->incoming, payload, header->length);
    if (header->arg == SDM_PROTO_DIFF_LAST) {
        merge_news_locked(c);
        begin_work_locked(c);
        /* With the first copy comes nothing that has it looked at. */
        if (!c->complete && c->arrived) {
            c->arrived(c->opaque);
        }
    }
    return NULL;
}

void sdm_coherent_hurry(SDMCoherent *c)
{
    if (!sdm_coherent_is_current(c)) {
        qemu_cpu_kick(first_cpu);
    }
}

bool sdm_coherent_is_current(SDMCoherent *c)
{
    QEMU_LOCK_GUARD(&c->lock);

    return !c->has_news;
}

bool sdm_coherent_is_complete(SDMCoherent *c)
{
    QEMU_LOCK_GUARD(&c->lock);

    return c->complete;
}

SDMCoherent *sdm_coherent_new(MultiSocketPeer *peer, MemoryRegion *mr,
                              SDMRemoteRAM *ram, uint64_t offset,
                              uint32_t size, bool announce)
{
    SDMCoherent *c = g_new0(SDMCoherent, 1);

    c->ref = 1;
    c->peer = multi_socket_peer_ref(peer);
    c->mr = mr;
    c->ram = ram;
    c->offset = offset;
    c->size = size;
    c->mem = (uint8_t *)memory_region_get_ram_ptr(mr) + offset;
    c->twin = g_malloc0(size);
    qemu_mutex_init(&c->work_lock);
    qemu_mutex_init(&c->lock);
    c->news = g_malloc(size);
    c->news_map = bitmap_new(size);
    c->incoming = g_byte_array_new();
    c->signals = g_byte_array_new();
    if (announce) {
        WITH_QEMU_LOCK_GUARD(&c->lock) {
            c->announce = true;
            c->complete = true;
            begin_work_locked(c);
        }
    }
    return c;
}

void sdm_coherent_set_user(SDMCoherent *c, void (*arrived)(void *opaque),
                           void *opaque)
{
    QEMU_LOCK_GUARD(&c->lock);

    c->arrived = arrived;
    c->opaque = opaque;
}
