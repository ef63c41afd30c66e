/*
 * The RAM of a slave in the master's window: accesses go over the network
 *
 * A load sends a request and waits for the answer, without the BQL and for a
 * bounded time. A store is posted: it waits only when the connection is
 * congested. Both travel over the one connection in the order in which they
 * were made, so a load sees all earlier stores.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "sdm/sdm-regs.h"
#include "remote-ram.h"
#include "trace.h"

#define TYPE_SDM_REMOTE_RAM "sdm-remote-ram"
OBJECT_DECLARE_SIMPLE_TYPE(SDMRemoteRAM, SDM_REMOTE_RAM)

/* A load under way; lives on the stack of the thread that waits. */
typedef struct RemoteLoad {
    QLIST_ENTRY(RemoteLoad) next;
    uint32_t tag;
    unsigned size;
    bool done;
    uint32_t result; /* SDM_MEM_* */
    uint64_t value;
} RemoteLoad;

/*
 * An object of its own on the heap: a FlatView may refer to the region after
 * the slave is gone, until an RCU grace period has passed.
 */
struct SDMRemoteRAM {
    Object parent_obj;

    MemoryRegion mr;
    MemoryRegion *window;
    uint64_t offset;
    MultiSocketPeer *peer;
    unsigned timeout_ms;
    SDMRemoteRAMError *error;
    void *opaque;
    Object *owner;

    /* Protects all below. Nothing is locked after it. */
    QemuMutex lock;
    QemuCond answered;
    QLIST_HEAD(, RemoteLoad) loads;
    uint32_t next_tag;
    bool gone;
};

static MemTxResult remote_ram_error(SDMRemoteRAM *ram, hwaddr addr,
                                    bool is_write, uint32_t cause)
{
    return ram->error(ram->opaque, multi_socket_peer_id(ram->peer),
                      ram->offset + addr, is_write, cause);
}

/* Wait for the answer to @load. Returns 0 or SDM_ERR_*. */
static uint32_t remote_load_wait(SDMRemoteRAM *ram, RemoteLoad *load)
{
    int64_t end = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ram->timeout_ms;
    uint32_t cause = 0;

    qemu_mutex_lock(&ram->lock);
    while (!load->done && !ram->gone) {
        int64_t left = end - qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

        if (left <= 0 ||
            !qemu_cond_timedwait(&ram->answered, &ram->lock, left)) {
            if (!load->done && !ram->gone) {
                cause = SDM_ERR_TIMEOUT;
            }
            break;
        }
    }
    QLIST_REMOVE(load, next);
    if (!cause && !load->done) {
        cause = SDM_ERR_LOST;
    } else if (!cause && load->result != SDM_MEM_OK) {
        cause = SDM_ERR_REFUSED;
    }
    qemu_mutex_unlock(&ram->lock);

    if (cause == SDM_ERR_TIMEOUT) {
        multi_socket_peer_fail(ram->peer, "no answer for %u ms",
                               ram->timeout_ms);
    }
    return cause;
}

/* Without the BQL. Returns 0 or SDM_ERR_*. */
static uint32_t remote_load(SDMRemoteRAM *ram, hwaddr addr, unsigned size,
                            uint64_t *value)
{
    RemoteLoad load = { .size = size };
    struct sdm_proto_mem mem = { .offset = addr };
    uint8_t buf[sizeof(mem)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
    uint32_t cause;

    WITH_QEMU_LOCK_GUARD(&ram->lock) {
        load.tag = ram->next_tag++;
        QLIST_INSERT_HEAD(&ram->loads, &load, next);
    }
    sdm_proto_put_mem(buf, &mem);
    if (!multi_socket_peer_send(ram->peer, SDM_PROTO_MEM_READ, load.tag, size,
                                &iov, 1)) {
        WITH_QEMU_LOCK_GUARD(&ram->lock) {
            QLIST_REMOVE(&load, next);
        }
        return SDM_ERR_LOST;
    }
    cause = remote_load_wait(ram, &load);
    *value = load.value;
    return cause;
}

static MemTxResult remote_ram_read(void *opaque, hwaddr addr, uint64_t *value,
                                   unsigned size, MemTxAttrs attrs)
{
    SDMRemoteRAM *ram = opaque;
    bool locked = bql_locked();
    MemTxResult result = MEMTX_OK;
    uint32_t cause;

    if (locked) {
        bql_unlock();
    }
    cause = remote_load(ram, addr, size, value);
    if (cause) {
        *value = ~0ull;
        result = remote_ram_error(ram, addr, false, cause);
    }
    if (locked) {
        bql_lock();
    }
    return result;
}

static MemTxResult remote_ram_write(void *opaque, hwaddr addr, uint64_t value,
                                    unsigned size, MemTxAttrs attrs)
{
    SDMRemoteRAM *ram = opaque;
    struct sdm_proto_mem mem = { .offset = addr };
    uint8_t head[sizeof(mem)], data[sizeof(value)];
    struct iovec iov[] = {
        { .iov_base = head, .iov_len = sizeof(head) },
        { .iov_base = data, .iov_len = size },
    };

    if (multi_socket_peer_congested(ram->peer)) {
        bool locked = bql_locked();

        if (locked) {
            bql_unlock();
        }
        multi_socket_peer_wait_room(ram->peer, ram->timeout_ms);
        if (locked) {
            bql_lock();
        }
    }
    sdm_proto_put_mem(head, &mem);
    stn_le_p(data, size, value);
    if (!multi_socket_peer_send(ram->peer, SDM_PROTO_MEM_WRITE, 0, 0, iov,
                                ARRAY_SIZE(iov))) {
        return remote_ram_error(ram, addr, true, SDM_ERR_LOST);
    }
    return MEMTX_OK;
}

static const MemoryRegionOps remote_ram_ops = {
    .read_with_attrs = remote_ram_read,
    .write_with_attrs = remote_ram_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static const char *remote_ram_answer(SDMRemoteRAM *ram,
                                     const struct sdm_proto_header *header,
                                     const uint8_t *payload)
{
    RemoteLoad *load;

    QEMU_LOCK_GUARD(&ram->lock);

    QLIST_FOREACH(load, &ram->loads, next) {
        if (load->tag == header->tag && !load->done) {
            break;
        }
    }
    if (!load) {
        return "answer to a read that nobody waits for";
    }
    if (header->length != (header->arg == SDM_MEM_OK ? load->size : 0)) {
        return "answer to a read has the wrong length";
    }
    load->result = header->arg;
    load->value = header->length ? ldn_le_p(payload, header->length) : 0;
    load->done = true;
    qemu_cond_broadcast(&ram->answered);
    return NULL;
}

const char *sdm_remote_ram_receive(SDMRemoteRAM *ram,
                                   const struct sdm_proto_header *header,
                                   const uint8_t *payload)
{
    struct sdm_proto_mem mem;

    switch (header->type) {
    case SDM_PROTO_MEM_DATA:
        return remote_ram_answer(ram, header, payload);
    case SDM_PROTO_MEM_ERROR:
        sdm_proto_parse_mem(payload, &mem);
        if (mem.offset >= memory_region_size(&ram->mr)) {
            return "error report for an address outside the RAM";
        }
        remote_ram_error(ram, mem.offset, true, SDM_ERR_REFUSED);
        return NULL;
    default:
        return "memory frame that only a master may send";
    }
}

SDMRemoteRAM *sdm_remote_ram_new(Object *owner, MemoryRegion *window,
                                 uint64_t offset, uint64_t size,
                                 MultiSocketPeer *peer, unsigned timeout_ms,
                                 SDMRemoteRAMError *error, void *opaque)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(object_new(TYPE_SDM_REMOTE_RAM));
    g_autofree char *name =
        g_strdup_printf("sdm-slave-ram-%u", multi_socket_peer_id(peer));

    ram->peer = multi_socket_peer_ref(peer);
    ram->window = window;
    ram->offset = offset;
    ram->timeout_ms = timeout_ms;
    ram->error = error;
    ram->opaque = opaque;
    ram->owner = object_ref(owner);

    memory_region_init_io(&ram->mr, OBJECT(ram), &remote_ram_ops, ram, name,
                          size);
    memory_region_add_subregion(window, offset, &ram->mr);
    return ram;
}

void sdm_remote_ram_remove(SDMRemoteRAM *ram)
{
    WITH_QEMU_LOCK_GUARD(&ram->lock) {
        ram->gone = true;
        qemu_cond_broadcast(&ram->answered);
    }
    memory_region_del_subregion(ram->window, &ram->mr);
    object_unref(OBJECT(ram));
}

static void remote_ram_init(Object *obj)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(obj);

    qemu_mutex_init(&ram->lock);
    qemu_cond_init(&ram->answered);
    QLIST_INIT(&ram->loads);
}

static void remote_ram_finalize(Object *obj)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(obj);

    qemu_cond_destroy(&ram->answered);
    qemu_mutex_destroy(&ram->lock);
    multi_socket_peer_unref(ram->peer);
    object_unref(ram->owner);
}

static const TypeInfo remote_ram_types[] = {
    {
        .name = TYPE_SDM_REMOTE_RAM,
        .parent = TYPE_OBJECT,
        .instance_size = sizeof(SDMRemoteRAM),
        .instance_init = remote_ram_init,
        .instance_finalize = remote_ram_finalize,
    },
};

DEFINE_TYPES(remote_ram_types)
