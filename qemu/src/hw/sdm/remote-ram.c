/*
 * The RAM of a slave in the master's window
 *
 * A load sends a request and waits for the answer, without the BQL and for a
 * bounded time. A store is posted: it leaves together with others, and waits
 * only when the connection is congested. Both travel over the one connection in
 * the order in which they were made, so a load sees all earlier stores.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/iov.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/mmap-alloc.h"
#include "qemu/thread.h"
#include "sdm/sdm-regs.h"
#include "kick.h"
#include "coherent.h"
#include "remote-ram.h"

/* A load under way; lives on the stack of the thread that waits. */
typedef struct RemoteLoad {
    SDMRemoteRequest request;
    uint8_t value[8];
    uint32_t cause;
    bool done;
} RemoteLoad;

/*
 * An object of its own on the heap: a FlatView may refer to the region after
 * the slave is gone, until an RCU grace period has passed.
 */
struct SDMRemoteRAM {
    Object parent_obj;

    MemoryRegion mr;
    MemoryRegion island; /* our copy of the coherent region, over mr */
    SDMCoherent *coherent;
    uint32_t coherent_size;
    MemoryRegion *window; /* NULL: not shown yet */
    uint64_t offset;
    bool mapped;
    MultiSocketPeer *peer;
    unsigned timeout_ms;
    SDMRemoteRAMError *error;
    void *opaque;
    Object *owner;
    unsigned int users; /* atomic; the last one drops the object's reference */

    /* Protects all below. Requests' done() is called with it. */
    QemuMutex lock;
    QLIST_HEAD(, SDMRemoteRequest) requests;
    SDMRemoteRequest *placing; /* its data is being received */
    uint32_t next_tag;
    bool gone;
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

/*
 * ------------------------------------------------------------------------
 * Requests
 */

static bool request_begin(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                          uint32_t *tag)
{
    QEMU_LOCK_GUARD(&ram->lock);

    *tag = request->tag = ram->next_tag++;
    if (!ram->gone) {
        QLIST_INSERT_HEAD(&ram->requests, request, next);
    }
    return !ram->gone;
}

static void request_end_locked(SDMRemoteRequest *request, uint32_t cause)
{
    QLIST_REMOVE(request, next);
    request->done(request, cause);
}

static SDMRemoteRequest *request_find_locked(SDMRemoteRAM *ram, uint32_t tag)
{
    SDMRemoteRequest *request;

    QLIST_FOREACH(request, &ram->requests, next) {
        if (request->tag == tag) {
            return request;
        }
    }
    return NULL;
}

/*
 * Forget a request. False if done() has been called meanwhile: a slave may
 * answer what it has not read, so the request may exist no longer. False also
 * if its data is just being received: it ends when that does.
 */
static bool request_cancel(SDMRemoteRAM *ram, uint32_t tag)
{
    SDMRemoteRequest *request;

    QEMU_LOCK_GUARD(&ram->lock);

    request = request_find_locked(ram, tag);
    if (!request || ram->placing == request) {
        return false;
    }
    QLIST_REMOVE(request, next);
    return true;
}

/* Returns 0 or SDM_ERR_*: then done() has not been and will not be called. */
static uint32_t request_sent(SDMRemoteRAM *ram, uint32_t tag, int error)
{
    if (!error || !request_cancel(ram, tag)) {
        return 0;
    }
    return error_cause(error);
}

uint32_t sdm_remote_ram_read(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                             uint64_t offset)
{
    struct sdm_proto_mem mem = { .offset = offset };
    uint8_t buf[sizeof(mem)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
    uint32_t tag;
    bool ok;

    if (!request_begin(ram, request, &tag)) {
        return SDM_ERR_LOST;
    }
    sdm_proto_put_mem(buf, &mem);
    ok = multi_socket_peer_send(ram->peer, SDM_PROTO_MEM_READ, tag,
                                request->length, &iov, 1);
    return request_sent(ram, tag, ok ? 0 : -ECONNRESET);
}

uint32_t sdm_remote_ram_write(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                              uint64_t offset)
{
    struct sdm_proto_mem mem = { .offset = offset };
    uint8_t buf[sizeof(mem)];
    struct iovec iov[MULTI_SOCKET_MAX_IOV];
    size_t niov = request->niov + 1;
    uint32_t tag;
    int ret;

    assert(request->niov < ARRAY_SIZE(iov));
    iov[0] = (struct iovec) { .iov_base = buf, .iov_len = sizeof(buf) };
    memcpy(iov + 1, request->iov, request->niov * sizeof(*iov));
    if (!request_begin(ram, request, &tag)) {
        return SDM_ERR_LOST;
    }
    sdm_proto_put_mem(buf, &mem);
    ret = multi_socket_peer_stream(ram->peer, SDM_PROTO_MEM_WRITE,
                                   SDM_PROTO_FLAG_ACK, tag, iov, niov,
                                   ram->timeout_ms);
    return request_sent(ram, tag, ret);
}

uint32_t sdm_remote_ram_fill(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                             uint64_t offset, uint64_t length,
                             uint64_t pattern)
{
    struct sdm_proto_fill fill = {
        .offset = offset,
        .length = length,
        .pattern = pattern,
    };
    uint8_t buf[sizeof(fill)];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
    uint32_t tag;
    int ret;

    if (!request_begin(ram, request, &tag)) {
        return SDM_ERR_LOST;
    }
    sdm_proto_put_fill(buf, &fill);
    ret = multi_socket_peer_stream(ram->peer, SDM_PROTO_MEM_FILL,
                                   SDM_PROTO_FLAG_ACK, tag, &iov, 1,
                                   ram->timeout_ms);
    return request_sent(ram, tag, ret);
}

/*
 * ------------------------------------------------------------------------
 * Accesses by CPUs
 */

static void load_done(SDMRemoteRequest *request, uint32_t cause)
{
    RemoteLoad *load = container_of(request, RemoteLoad, request);

    load->cause = cause;
    qatomic_store_release(&load->done, true);
}

/* Returns 0 or SDM_ERR_*. */
static uint32_t remote_load(SDMRemoteRAM *ram, hwaddr addr, unsigned size,
                            uint64_t *value)
{
    RemoteLoad load = {
        .request.niov = 1,
        .request.length = size,
        .request.done = load_done,
    };
    struct iovec iov = { .iov_base = load.value, .iov_len = size };
    uint32_t cause;
    int ret;

    load.request.iov = &iov;
    cause = sdm_remote_ram_read(ram, &load.request, addr);
    if (cause) {
        return cause;
    }
    sdm_kick_begin_wait();
    ret = multi_socket_peer_wait_answer(ram->peer, &load.done,
                                        ram->timeout_ms);
    sdm_kick_end_wait();
    /*
     * So little is never received in place: this request is not left over. The
     * end of the connection, which this wait may have caused, may be first.
     */
    if (ret && (request_cancel(ram, load.request.tag) ||
                load.cause == SDM_ERR_LOST)) {
        return error_cause(ret);
    }
    *value = ldn_le_p(load.value, size);
    return load.cause;
}

/*
 * A CPU comes here without the BQL, which others can have while it waits. A
 * device that accesses memory has it and keeps it: its state must not change
 * under its hands. It waits no longer than a CPU, and no answer needs the BQL.
 */
static MemTxResult remote_ram_read(void *opaque, hwaddr addr, uint64_t *value,
                                   unsigned size, MemTxAttrs attrs)
{
    SDMRemoteRAM *ram = opaque;
    MemTxResult result = MEMTX_OK;
    uint32_t cause = remote_load(ram, addr, size, value);

    if (cause) {
        *value = ~0ull;
        result = remote_ram_error(ram, addr, false, cause);
    }
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
        sdm_kick_begin_wait();
        ret = multi_socket_peer_post_write_wait(ram->peer, addr, data, size,
                                                ram->timeout_ms);
        sdm_kick_end_wait();
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

/*
 * ------------------------------------------------------------------------
 * Answers
 */

static uint32_t answer_cause(uint32_t result)
{
    switch (result) {
    case SDM_MEM_OK:
        return 0;
    default:
        return SDM_ERR_REFUSED;
    }
}

/* The request that an answer belongs to, or NULL if none can. */
static SDMRemoteRequest *answer_find_locked(SDMRemoteRAM *ram,
                                            const struct sdm_proto_header *h)
{
    SDMRemoteRequest *request = request_find_locked(ram, h->tag);

    if (!request || h->length != (h->arg == SDM_MEM_OK ? request->length :
                                                         0)) {
        return NULL;
    }
    return request;
}

static const char no_such_request[] = "answer that fits no request";

static const char *remote_ram_answer(SDMRemoteRAM *ram,
                                     const struct sdm_proto_header *header,
                                     const uint8_t *payload)
{
    SDMRemoteRequest *request;

    QEMU_LOCK_GUARD(&ram->lock);

    request = answer_find_locked(ram, header);
    if (!request) {
        return no_such_request;
    }
    if (header->length) {
        iov_from_buf(request->iov, request->niov, 0, payload, header->length);
    }
    request_end_locked(request, answer_cause(header->arg));
    return NULL;
}

unsigned sdm_remote_ram_place(SDMRemoteRAM *ram,
                              const struct sdm_proto_header *header,
                              struct iovec *iov)
{
    SDMRemoteRequest *request;

    QEMU_LOCK_GUARD(&ram->lock);

    if (header->type != SDM_PROTO_MEM_DATA) {
        return 0;
    }
    request = answer_find_locked(ram, header);
    ram->placing = request;
    if (!request) {
        return 0;
    }
    memcpy(iov, request->iov, request->niov * sizeof(*iov));
    return request->niov;
}

const char *sdm_remote_ram_placed(SDMRemoteRAM *ram,
                                  const struct sdm_proto_header *header)
{
    QEMU_LOCK_GUARD(&ram->lock);

    if (header && ram->placing) {
        request_end_locked(ram->placing, 0);
    }
    ram->placing = NULL;
    return NULL;
}

const char *sdm_remote_ram_receive(SDMRemoteRAM *ram,
                                   const struct sdm_proto_header *header,
                                   const uint8_t *payload)
{
    struct sdm_proto_mem mem;

    switch (header->type) {
    case SDM_PROTO_MEM_DIFF:
        return sdm_coherent_receive(ram->coherent, header, payload);
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

/*
 * ------------------------------------------------------------------------
 * Life
 */

void sdm_remote_ram_fail(SDMRemoteRAM *ram)
{
    multi_socket_peer_fail(ram->peer, "no answer for %u ms", ram->timeout_ms);
}

void *sdm_remote_ram_host(SDMRemoteRAM *ram)
{
    return ram->mapped ? memory_region_get_ram_ptr(&ram->mr) : NULL;
}

uint64_t sdm_remote_ram_size(SDMRemoteRAM *ram)
{
    return memory_region_size(&ram->mr);
}

bool sdm_remote_ram_is_mapped(const SDMRemoteRAM *ram)
{
    return ram->mapped;
}

SDMCoherent *sdm_remote_ram_coherent(SDMRemoteRAM *ram)
{
    return ram->coherent;
}

uint32_t sdm_remote_ram_coherent_size(const SDMRemoteRAM *ram)
{
    return ram->coherent_size;
}

/* Accesses to it are local. It lies over the end of the forwarded ones. */
static bool remote_ram_add_island(SDMRemoteRAM *ram, Error **errp)
{
    g_autofree char *name =
        g_strdup_printf("sdm-coherent-%u", multi_socket_peer_id(ram->peer));

    if (!memory_region_init_ram_nomigrate(&ram->island, OBJECT(ram), name,
                                          ram->coherent_size, errp)) {
        return false;
    }
    memory_region_add_subregion(&ram->mr, memory_region_size(&ram->mr) -
                                ram->coherent_size, &ram->island);
    ram->coherent = sdm_coherent_new(ram->peer, &ram->island, ram, 0,
                                     ram->coherent_size, false);
    return true;
}

SDMRemoteRAM *sdm_remote_ram_new(Object *owner, uint64_t size,
                                 uint32_t coherent, int fd,
                                 MultiSocketPeer *peer, unsigned timeout_ms,
                                 SDMRemoteRAMError *error, void *opaque,
                                 Error **errp)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(object_new(TYPE_SDM_REMOTE_RAM));
    g_autofree char *name =
        g_strdup_printf("sdm-slave-ram-%u", multi_socket_peer_id(peer));
    uint32_t flags = RAM_SHARED;

    /* Huge pages are reserved now, or the first access to one could fail. */
    if (qemu_fd_getpagesize(fd) == qemu_real_host_page_size()) {
        flags |= RAM_NORESERVE;
    }

    ram->users = 1;
    ram->peer = multi_socket_peer_ref(peer);
    ram->timeout_ms = timeout_ms;
    ram->error = error;
    ram->opaque = opaque;
    ram->owner = object_ref(owner);
    ram->coherent_size = coherent;

    if (fd < 0) {
        memory_region_init_io(&ram->mr, OBJECT(ram), &remote_ram_ops, ram,
                              name, size);
        ram->mr.lockless_io = true;
        if (coherent && !remote_ram_add_island(ram, errp)) {
            object_unref(OBJECT(ram));
            return NULL;
        }
    } else if (memory_region_init_ram_from_fd(&ram->mr, OBJECT(ram), name,
                                              size, flags, fd, 0, errp)) {
        ram->mapped = true;
    } else {
        close(fd);
        object_unref(OBJECT(ram));
        return NULL;
    }
    return ram;
}

SDMRemoteRAM *sdm_remote_ram_ref(SDMRemoteRAM *ram)
{
    qatomic_inc(&ram->users);
    return ram;
}

static void remote_ram_unref_bh(void *opaque)
{
    object_unref(OBJECT(opaque));
}

void sdm_remote_ram_unref(SDMRemoteRAM *ram)
{
    if (qatomic_fetch_dec(&ram->users) == 1) {
        aio_bh_schedule_oneshot(iohandler_get_aio_context(),
                                remote_ram_unref_bh, ram);
    }
}

bool sdm_remote_ram_of_region(MemoryRegion *mr, SDMRemoteRAM **ram)
{
    Object *owner = memory_region_owner(mr);
    unsigned int users, old;

    *ram = NULL;
    if (!owner || !object_dynamic_cast(owner, TYPE_SDM_REMOTE_RAM)) {
        return true;
    }
    *ram = SDM_REMOTE_RAM(owner);
    users = qatomic_read(&(*ram)->users);
    do {
        if (!users) {
            return false;
        }
        old = users;
        users = qatomic_cmpxchg(&(*ram)->users, old, old + 1);
    } while (users != old);
    return true;
}

void sdm_remote_ram_map(SDMRemoteRAM *ram, MemoryRegion *window,
                        uint64_t offset)
{
    ram->window = window;
    ram->offset = offset;
    memory_region_add_subregion(window, offset, &ram->mr);
}

void sdm_remote_ram_end(SDMRemoteRAM *ram)
{
    SDMRemoteRequest *request;

    QEMU_LOCK_GUARD(&ram->lock);

    ram->gone = true;
    while ((request = QLIST_FIRST(&ram->requests))) {
        request_end_locked(request, SDM_ERR_LOST);
    }
}

void sdm_remote_ram_remove(SDMRemoteRAM *ram)
{
    if (ram->window) {
        memory_region_del_subregion(ram->window, &ram->mr);
    }
    if (ram->coherent) {
        memory_region_del_subregion(&ram->mr, &ram->island);
        g_clear_pointer(&ram->coherent, sdm_coherent_unref);
    }
    sdm_remote_ram_unref(ram);
}

static void remote_ram_init(Object *obj)
{
    SDMRemoteRAM *ram = SDM_REMOTE_RAM(obj);

    qemu_mutex_init(&ram->lock);
    QLIST_INIT(&ram->requests);
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
