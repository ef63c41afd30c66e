/*
 * The RAM of a slave in the master's window: accesses go over the network
 *
 * A load sends a request and waits for the answer, without the BQL and for a
 * bounded time. A store is posted: it leaves together with others, and waits
 * only when the connection is congested. Both travel over the one connection in
 * the order in which they were made, so a load sees all earlier stores.
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
    QLIST_HEAD(, RemoteLoad) loads;
    uint32_t next_tag;
};

static MemTxResult remote_ram_error(SDMRemoteRAM *ram, hwaddr addr,
                                    bool is_write, uint32_t cause)
{
    return ram->error(ram->opaque, multi_socket_peer_id(ram->peer),
                      ram->offset + addr, is_write, cause);
}

static uint32_t error_cause(int error)
{
    return error == -ETIMEDOUT ? SDM_ERR_TIMEOUT : SDM_ERR_LOST;
}

/* Returns 0 or SDM_ERR_*. */
static uint32_t remote_load(SDMRemoteRAM *ram, hwaddr addr, unsigned size,
                            uint64_t *value)
{
    RemoteLoad load = { .size = size };
    struct sdm_proto_mem mem = { .offset = addr };
    uint8_t buf[sizeof(mem)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
    int ret;

    WITH_QEMU_LOCK_GUARD(&ram->lock) {
        load.tag = ram->next_tag++;
        QLIST_INSERT_HEAD(&ram->loads, &load, next);
    }
    sdm_proto_put_mem(buf, &mem);
    ret = -ECONNRESET;
    if (multi_socket_peer_send(ram->peer, SDM_PROTO_MEM_READ, load.tag, size,
                               &iov, 1)) {
        ret = multi_socket_peer_wait_answer(ram->peer, &load.done,
                                            ram->timeout_ms);
    }
    WITH_QEMU_LOCK_GUARD(&ram->lock) {
        QLIST_REMOVE(&load, next);
    }
    if (ret) {
        return error_cause(ret);
    }
    *value = load.value;
    return load.result == SDM_MEM_OK ? 0 : SDM_ERR_REFUSED;
}

/*
 * Let others have the BQL while a CPU waits. A device that accesses memory
 * keeps it: its state must not change under its hands. It waits no longer
 * than a CPU, and no answer needs the BQL.
 */
static bool drop_bql(MemTxAttrs attrs)
{
    bool drop = bql_locked() && !attrs.unspecified;

    if (drop) {
        bql_unlock();
    }
    return drop;
}

static void retake_bql(bool dropped)
{
    if (dropped) {
        bql_lock();
    }
}

static MemTxResult remote_ram_read(void *opaque, hwaddr addr, uint64_t *value,
                                   unsigned size, MemTxAttrs attrs)
{
    SDMRemoteRAM *ram = opaque;
    MemTxResult result = MEMTX_OK;
    bool dropped = drop_bql(attrs);
    uint32_t cause = remote_load(ram, addr, size, value);

    if (cause) {
        *value = ~0ull;
        result = remote_ram_error(ram, addr, false, cause);
    }
    retake_bql(dropped);
    return result;
}

static MemTxResult remote_ram_write(void *opaque, hwaddr addr, uint64_t value,
                                    unsigned size, MemTxAttrs attrs)
{
    SDMRemoteRAM *ram = opaque;
    uint8_t data[sizeof(value)];
    int ret;

    stn_le_p(data, size, value);
    ret = multi_socket_peer_post_write(ram->peer, addr, data, size);
    if (ret == -EAGAIN) {
        bool dropped = drop_bql(attrs);

        ret = multi_socket_peer_wait_room(ram->peer, ram->timeout_ms);
        retake_bql(dropped);
        if (!ret) {
            ret = multi_socket_peer_post_write(ram->peer, addr, data, size);
        }
    }
    return ret ? remote_ram_error(ram, addr, true, error_cause(ret)) :
                 MEMTX_OK;
}

static const MemoryRegionOps remote_ram_ops = {
    .read_with_attrs = remote_ram_read,
    .write_with_attrs = remote_ram_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    /* Aligned pieces do not reach over the end of the region. */
    .impl = { .min_access_size = 1, .max_access_size = 8 },
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
    qatomic_store_release(&load->done, true);
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
    memory_region_del_subregion(ram->window, &ram->mr);
    object_unref(OBJECT(ram));
}

static void remote_ram_init(Object *obj)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(obj);

    qemu_mutex_init(&ram->lock);
    QLIST_INIT(&ram->loads);
}

static void remote_ram_finalize(Object *obj)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(obj);

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
