/*
 * memory-backend-network: RAM that is shared over a multi-socket-backend
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The backend's own region is the local RAM. On the master it is `size` minus
 * `shared-size` long; the window is a sibling behind it in the container in
 * which the machine has put the local RAM:
 *
 *   container   |<------------------ size ------------------->|
 *               | local RAM (backend->mr) |      window       |
 *                                         | slave 1 | 2 |     |
 *
 * So nothing that takes the backend for plain RAM (migration, dump, vhost)
 * ever meets the window, and no board has to know about it. Or a PCI device
 * shows it, where firmware would take it for RAM: then `size` is all local.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qapi/qapi-types-qom.h"
#include "qapi/qapi-types-sdm.h"
#include "qemu/cutils.h"
#include "qemu/log.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/memfd.h"
#include "qemu/mmap-alloc.h"
#include "qom/object_interfaces.h"
#include "exec/translation-block.h"
#include "hw/core/cpu.h"
#include "migration/blocker.h"
#include "sdm/sdm-regs.h"
#include "system/tcg.h"
#include "hw/sdm/address.h"
#include "hw/sdm/hostmem-network.h"
#include "hw/sdm/multi-socket.h"
#include "coherent.h"
#include "memory-server.h"
#include "remote-ram.h"
#include "window-map.h"
#include "trace.h"

#define DEFAULT_TIMEOUT_MS 5000
#define MAX_TIMEOUT_MS (60 * 60 * 1000)

struct MemoryBackendNetwork {
    HostMemoryBackend parent_obj;

    /* Properties. */
    uint64_t shared_size;
    bool master;
    MultiSocketBackend *socket;
    uint32_t timeout_ms;
    SdmOnError on_error;
    SdmWindow where; /* the window is */
    bool hugetlb;
    bool registered; /* user of the memory channel */
    Error *migration_blocker;

    /* Slave: the own RAM, at address 0, for the connections' threads. */
    AddressSpace as;
    uint32_t coherent_size;
    bool passed; /* it is mapped by the master, or about to be */
    SDMCoherent *coherent;

    /* Master: the window. Main loop. */
    MemoryRegion window;
    MemoryRegion background;
    bool window_taken; /* by the device that shows it */
    SDMWindowMap map;
    uint64_t bases[SDM_MAX_IDS]; /* in the slaves' own maps */

    /* Protects rams, which the main loop alone changes. */
    QemuMutex ram_lock;
    SDMRemoteRAM *rams[SDM_MAX_IDS]; /* NULL: not connected */

    NotifierList error_notifiers;

    /* Protects the errors, which any thread may make. */
    QemuMutex error_lock;
    SDMWindowErrors errors;
    uint32_t slave_errors[SDM_MAX_IDS]; /* their number */
    bool error_bh_pending;
};

static HostMemoryBackend *hostmem(MemoryBackendNetwork *nm)
{
    return MEMORY_BACKEND(nm);
}

static const char *nm_name(MemoryBackendNetwork *nm)
{
    return object_get_canonical_path_component(OBJECT(nm));
}

/*
 * ------------------------------------------------------------------------
 * Errors of window accesses
 */

static void window_error_bh(void *opaque)
{
    MemoryBackendNetwork *nm = opaque;

    WITH_QEMU_LOCK_GUARD(&nm->error_lock) {
        nm->error_bh_pending = false;
    }
    notifier_list_notify(&nm->error_notifiers, nm);
    object_unref(OBJECT(nm));
}

/* Any thread that accesses memory. */
static MemTxResult window_error(void *opaque, uint32_t id, uint64_t offset,
                                bool is_write, uint32_t cause)
{
    MemoryBackendNetwork *nm = opaque;

    trace_sdm_window_error(id, offset, is_write, cause);

    qemu_mutex_lock(&nm->error_lock);
    nm->errors.count++;
    if (id < SDM_MAX_IDS) {
        nm->slave_errors[id]++;
    }
    if (!nm->errors.status) {
        nm->errors.status = SDM_ERR_VALID | (is_write ? SDM_ERR_WRITE : 0) |
                            (id << 16) | cause;
        nm->errors.offset = offset;
    }
    if (!nm->error_bh_pending) {
        nm->error_bh_pending = true;
        object_ref(OBJECT(nm));
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), window_error_bh,
                                nm);
    }
    qemu_mutex_unlock(&nm->error_lock);

    return nm->on_error == SDM_ON_ERROR_ABORT ? MEMTX_DECODE_ERROR : MEMTX_OK;
}

SDMWindowErrors memory_backend_network_errors(MemoryBackendNetwork *nm)
{
    QEMU_LOCK_GUARD(&nm->error_lock);

    return nm->errors;
}

uint32_t memory_backend_network_slave_errors(MemoryBackendNetwork *nm,
                                             uint32_t id)
{
    QEMU_LOCK_GUARD(&nm->error_lock);

    return nm->slave_errors[id];
}

void memory_backend_network_clear_errors(MemoryBackendNetwork *nm, bool count)
{
    QEMU_LOCK_GUARD(&nm->error_lock);

    nm->errors.status = 0;
    nm->errors.offset = 0;
    if (count) {
        nm->errors.count = 0;
        memset(nm->slave_errors, 0, sizeof(nm->slave_errors));
    }
}

void memory_backend_network_add_error_notifier(MemoryBackendNetwork *nm,
                                               Notifier *notifier)
{
    notifier_list_add(&nm->error_notifiers, notifier);
}

/* Where no slave is: all ones, and writes go nowhere. */
static MemTxResult background_read(void *opaque, hwaddr addr, uint64_t *value,
                                   unsigned size, MemTxAttrs attrs)
{
    *value = ~0ull;
    return window_error(opaque, SDM_ERR_PEER_NONE, addr, false,
                        SDM_ERR_ABSENT);
}

static MemTxResult background_write(void *opaque, hwaddr addr, uint64_t value,
                                    unsigned size, MemTxAttrs attrs)
{
    return window_error(opaque, SDM_ERR_PEER_NONE, addr, true, SDM_ERR_ABSENT);
}

static const MemoryRegionOps background_ops = {
    .read_with_attrs = background_read,
    .write_with_attrs = background_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    /* Aligned pieces do not reach over the end of the region. */
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

/*
 * ------------------------------------------------------------------------
 * The memory channel
 */

/* RAM may become visible to another process: the slave's own, or by a slave. */
static bool nm_may_share(MemoryBackendNetwork *nm)
{
    g_autofree char *path = object_property_get_str(OBJECT(nm->socket), "path",
                                                    NULL);

    return path && *path && (nm->master || hostmem(nm)->share);
}

/*
 * TCG has no atomic instructions for a machine with a single CPU, as nobody
 * could interfere. Here somebody can: the CPUs of another process. No CPU has
 * run so far.
 */
static void nm_expect_other_cpus(void)
{
    CPUState *cpu;

    if (tcg_enabled()) {
        CPU_FOREACH(cpu) {
            tcg_cflags_set(cpu, CF_PARALLEL);
        }
    }
}

static bool nm_start(void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = opaque;
    MemoryRegion *mr = &hostmem(nm)->mr;

    if (!mr->container) {
        error_setg(errp, "memory-backend-network '%s' is not mapped: "
                   "the machine does not use it as memory", nm_name(nm));
        error_append_hint(errp, "Add -numa node,memdev=%s with -m of the "
                          "same size.\n", nm_name(nm));
        return false;
    }
    if (nm_may_share(nm)) {
        nm_expect_other_cpus();
    }
    if (!nm->master) {
        address_space_init(&nm->as, mr, nm_name(nm));
        return true;
    }
    if (nm->where == SDM_WINDOW_RAM) {
        memory_region_add_subregion(mr->container,
                                    mr->addr + memory_region_size(mr),
                                    &nm->window);
    } else if (!nm->window_taken) {
        error_setg(errp, "memory-backend-network '%s' has window=pci, but no "
                   "sdm-pci device is its master", nm_name(nm));
        return false;
    }
    return true;
}

static void nm_describe(void *opaque, MultiSocketPeer *peer, GByteArray *body)
{
    MemoryBackendNetwork *nm = opaque;

    if (nm->master) {
        uint32_t id = multi_socket_peer_id(peer);
        struct sdm_proto_welcome_memory mem = {
            .offset = nm->map.slots[id].offset,
        };

        if (nm->map.slots[id].used) {
            sdm_proto_add_welcome_memory(body, &mem);
        }
    } else {
        struct sdm_proto_hello_memory mem = {
            .size = memory_region_size(&hostmem(nm)->mr),
            .coherent = nm->coherent_size,
        };
        hwaddr base;

        /* nm_start() has found it mapped. */
        if (sdm_ram_address(hostmem(nm), &base)) {
            mem.base = base;
        }
        nm->passed = hostmem(nm)->share &&
            multi_socket_peer_pass_fd(peer,
                                      memory_region_get_fd(&hostmem(nm)->mr));
        if (nm->passed) {
            mem.flags |= SDM_PROTO_MEMORY_FD;
        }
        sdm_proto_add_hello_memory(body, &mem);
    }
}

static bool is_hugetlb(int fd)
{
    return qemu_fd_getpagesize(fd) != qemu_real_host_page_size();
}

/*
 * A slave may pass its RAM itself. It must not be able to take it away again:
 * an access to what is beyond the end of a file kills the process.
 */
static bool nm_check_fd(MemoryBackendNetwork *nm, MultiSocketPeer *peer,
                        const struct sdm_proto_hello_memory *mem, int *fd,
                        Error **errp)
{
    struct stat st;
    int seals;

    *fd = -1;
    if (!(mem->flags & SDM_PROTO_MEMORY_FD)) {
        return true;
    }
    *fd = multi_socket_peer_take_fd(peer);
    if (*fd < 0) {
        error_setg(errp, "protocol violation: the file descriptor of the RAM "
                   "is missing");
        return false;
    }
    seals = fcntl(*fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(*fd, &st) < 0 ||
        st.st_size < mem->size) {
        error_setg(errp, "the file that it passes as its RAM is too small or "
                   "not sealed against shrinking");
        close(*fd);
        *fd = -1;
        return false;
    }
    /* ... as does one to a huge page if there is none left. */
    if (!nm->hugetlb && is_hugetlb(*fd)) {
        error_setg(errp, "the file that it passes as its RAM is made of huge "
                   "pages: that needs hugetlb=on here, too");
        close(*fd);
        *fd = -1;
        return false;
    }
    return true;
}

static bool nm_accept(void *opaque, MultiSocketPeer *peer, const uint8_t *body,
                      size_t length, uint32_t *code, Error **errp)
{
    MemoryBackendNetwork *nm = opaque;
    uint32_t id = multi_socket_peer_id(peer);
    struct sdm_proto_hello_memory mem;
    SDMRemoteRAM *ram;
    uint64_t offset;
    const char *what;
    int fd;

    /* A machine may take part with signals alone. */
    if (!nm->master || !body) {
        return true;
    }
    what = sdm_proto_parse_hello_memory(body, length, &mem);
    if (what) {
        *code = SDM_REJECT_MALFORMED;
        error_setg(errp, "protocol violation: %s", what);
        return false;
    }
    if (!nm_check_fd(nm, peer, &mem, &fd, errp)) {
        *code = SDM_REJECT_MEMORY;
        return false;
    }
    if (!sdm_window_map_take(&nm->map, id, mem.size, &offset)) {
        g_autofree char *want = size_to_str(mem.size);
        g_autofree char *room = size_to_str(sdm_window_map_largest(&nm->map));
        g_autofree char *all = size_to_str(nm->shared_size);

        *code = SDM_REJECT_MEMORY;
        error_setg(errp, "its RAM of %s does not fit: %s are free in one "
                   "piece in the window of %s (shared-size)", want, room, all);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    ram = sdm_remote_ram_new(OBJECT(nm), mem.size, mem.coherent, fd, peer,
                             nm->timeout_ms, window_error, nm, errp);
    if (!ram) {
        *code = SDM_REJECT_MEMORY;
        sdm_window_map_cancel(&nm->map, id);
        return false;
    }
    nm->bases[id] = mem.base;
    multi_socket_peer_set_data(peer, SDM_PROTO_CHANNEL_MEMORY, ram);
    return true;
}

static void nm_set_ram(MemoryBackendNetwork *nm, uint32_t id,
                       SDMRemoteRAM *ram)
{
    QEMU_LOCK_GUARD(&nm->ram_lock);

    nm->rams[id] = ram;
}

static void nm_connected(void *opaque, MultiSocketPeer *peer)
{
    MemoryBackendNetwork *nm = opaque;
    uint32_t id = multi_socket_peer_id(peer);
    SDMRemoteRAM *ram;

    if (!nm->master) {
        uint64_t size = memory_region_size(&hostmem(nm)->mr);
        /*
         * An address space has its root where that is in its container: as the
         * board's RAM, or in what a NUMA node makes of it.
         */
        uint64_t base = hostmem(nm)->mr.addr;

        multi_socket_peer_set_data(peer, SDM_PROTO_CHANNEL_MEMORY,
                                   sdm_memory_server_new(&nm->as, base, size,
                                                         peer));
        if (nm->coherent_size && !nm->passed) {
            nm->coherent = sdm_coherent_new(peer, &hostmem(nm)->mr, NULL,
                                            size - nm->coherent_size,
                                            nm->coherent_size, true);
        }
        return;
    }
    ram = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_MEMORY);
    if (ram) {
        sdm_remote_ram_map(ram, &nm->window, nm->map.slots[id].offset);
        nm_set_ram(nm, id, ram);
    }
}

static void nm_broken(void *opaque, MultiSocketPeer *peer)
{
    MemoryBackendNetwork *nm = opaque;
    void *data = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_MEMORY);

    if (nm->master && data) {
        sdm_remote_ram_end(data);
    }
}

static void nm_disconnected(void *opaque, MultiSocketPeer *peer, bool in_order)
{
    MemoryBackendNetwork *nm = opaque;
    uint32_t id = multi_socket_peer_id(peer);
    void *data = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_MEMORY);

    if (!data) {
        return;
    }
    multi_socket_peer_set_data(peer, SDM_PROTO_CHANNEL_MEMORY, NULL);
    if (nm->master) {
        nm_set_ram(nm, id, NULL);
        sdm_remote_ram_remove(data);
        if (multi_socket_peer_is_established(peer)) {
            sdm_window_map_release(&nm->map, id);
        } else {
            sdm_window_map_cancel(&nm->map, id);
        }
    } else {
        g_clear_pointer(&nm->coherent, sdm_coherent_unref);
        sdm_memory_server_free(data);
    }
}

static const char *nm_receive(void *opaque, MultiSocketPeer *peer,
                              const struct sdm_proto_header *header,
                              const uint8_t *payload)
{
    MemoryBackendNetwork *nm = opaque;
    void *data = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_MEMORY);

    if (!data) {
        return "memory frame from a slave without RAM";
    }
    if (!nm->master && header->type == SDM_PROTO_MEM_DIFF) {
        return sdm_coherent_receive(nm->coherent, header, payload);
    }
    return nm->master ? sdm_remote_ram_receive(data, header, payload) :
                        sdm_memory_server_receive(data, header, payload);
}

static unsigned nm_place(void *opaque, MultiSocketPeer *peer,
                         const struct sdm_proto_header *header,
                         const uint8_t *payload, struct iovec *iov)
{
    MemoryBackendNetwork *nm = opaque;
    void *data = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_MEMORY);

    if (!data) {
        return 0;
    }
    return nm->master ? sdm_remote_ram_place(data, header, iov) :
                        sdm_memory_server_place(data, header, payload, iov);
}

static const char *nm_placed(void *opaque, MultiSocketPeer *peer,
                             const struct sdm_proto_header *header)
{
    MemoryBackendNetwork *nm = opaque;
    void *data = multi_socket_peer_data(peer, SDM_PROTO_CHANNEL_MEMORY);

    return nm->master ? sdm_remote_ram_placed(data, header) :
                        sdm_memory_server_placed(data, header);
}

static const MultiSocketChannelOps nm_channel_ops = {
    .start = nm_start,
    .describe = nm_describe,
    .accept = nm_accept,
    .connected = nm_connected,
    .broken = nm_broken,
    .disconnected = nm_disconnected,
    .receive = nm_receive,
    .place = nm_place,
    .placed = nm_placed,
};

bool memory_backend_network_is_master(const MemoryBackendNetwork *nm)
{
    return nm->master;
}

unsigned memory_backend_network_timeout(const MemoryBackendNetwork *nm)
{
    return nm->timeout_ms;
}

bool memory_backend_network_window(MemoryBackendNetwork *nm, uint64_t *base,
                                   uint64_t *size)
{
    hwaddr ram;

    if (!nm->master) {
        return false;
    }
    *size = nm->shared_size;
    if (nm->where == SDM_WINDOW_PCI) {
        *base = sdm_container_address(&nm->window, base) ? *base : 0;
        return true;
    }
    if (!sdm_ram_address(hostmem(nm), &ram)) {
        return false;
    }
    *base = ram + memory_region_size(&hostmem(nm)->mr);
    return true;
}

bool memory_backend_network_window_in_ram(const MemoryBackendNetwork *nm)
{
    return nm->master && nm->where == SDM_WINDOW_RAM;
}

bool memory_backend_network_take_window(MemoryBackendNetwork *nm,
                                        MemoryRegion **window, Error **errp)
{
    *window = NULL;
    if (!nm->master || nm->where == SDM_WINDOW_RAM) {
        return true;
    }
    if (nm->window_taken) {
        error_setg(errp, "another device has the window of '%s'", nm_name(nm));
        return false;
    }
    nm->window_taken = true;
    *window = &nm->window;
    return true;
}

SDMRemoteRAM *memory_backend_network_get_ram(MemoryBackendNetwork *nm,
                                             uint32_t id)
{
    QEMU_LOCK_GUARD(&nm->ram_lock);

    if (!nm->master || id >= SDM_MAX_IDS || !nm->rams[id]) {
        return NULL;
    }
    return sdm_remote_ram_ref(nm->rams[id]);
}

bool memory_backend_network_slave(MemoryBackendNetwork *nm, uint32_t id,
                                  SDMSlaveMemory *memory)
{
    if (!nm->master || id >= SDM_MAX_IDS || !nm->rams[id]) {
        return false;
    }
    *memory = (SDMSlaveMemory) {
        .offset = nm->map.slots[id].offset,
        .size = sdm_remote_ram_size(nm->rams[id]),
        .base = nm->bases[id],
        .mapped = sdm_remote_ram_is_mapped(nm->rams[id]),
        .coherent = sdm_remote_ram_coherent_size(nm->rams[id]),
    };
    return true;
}

bool memory_backend_network_own(MemoryBackendNetwork *nm,
                                SDMSlaveMemory *memory)
{
    hwaddr base;

    if (nm->master || !sdm_ram_address(hostmem(nm), &base)) {
        return false;
    }
    *memory = (SDMSlaveMemory) {
        .size = memory_region_size(&hostmem(nm)->mr),
        .base = base,
        .coherent = nm->coherent_size,
    };
    return true;
}

SDMCoherent *memory_backend_network_coherent(MemoryBackendNetwork *nm,
                                             uint32_t id)
{
    if (!nm->master) {
        return nm->coherent;
    }
    return id < SDM_MAX_IDS && nm->rams[id] ?
           sdm_remote_ram_coherent(nm->rams[id]) : NULL;
}

/*
 * ------------------------------------------------------------------------
 * Object
 */

static bool nm_check(MemoryBackendNetwork *nm, Error **errp)
{
    uint64_t size = hostmem(nm)->size;
    size_t page = qemu_real_host_page_size();

    if (!nm->socket) {
        error_setg(errp, "'socket' must name a multi-socket-backend");
        return false;
    }
    if (!size || size % page) {
        error_setg(errp, "'size' must be a multiple of %zu bytes, not zero",
                   page);
        return false;
    }
    if (!multi_socket_check_role(nm->socket, nm->master, errp)) {
        return false;
    }
    if (!nm->master && nm->shared_size) {
        error_setg(errp, "'shared-size' is for the master: "
                   "all RAM of a slave is shared");
        return false;
    }
    if (!nm->master && nm->where != SDM_WINDOW_RAM) {
        error_setg(errp, "'window' is for the master");
        return false;
    }
    if (nm->where == SDM_WINDOW_PCI &&
        (!is_power_of_2(nm->shared_size) || nm->shared_size % page)) {
        error_setg(errp, "'shared-size' must be a power of two and a multiple "
                   "of %zu bytes with window=pci", page);
        return false;
    }
    if (nm->master && nm->where == SDM_WINDOW_RAM &&
        (!nm->shared_size || nm->shared_size >= size ||
         nm->shared_size % page)) {
        error_setg(errp, "'shared-size' must be a multiple of %zu bytes, "
                   "not zero, and less than 'size'", page);
        return false;
    }
    if (nm->hugetlb && !nm->master && !hostmem(nm)->share) {
        error_setg(errp, "'hugetlb' is for a master, and for the RAM of a "
                   "slave with 'share'");
        return false;
    }
    if (nm->coherent_size && nm->master) {
        error_setg(errp, "'coherent-size' is for slaves");
        return false;
    }
    if (nm->coherent_size % 4096 || nm->coherent_size > size ||
        nm->coherent_size > SDM_PROTO_MAX_COHERENT) {
        error_setg(errp, "'coherent-size' must be a multiple of 4096 bytes, "
                   "at most %u KiB, and no more than 'size'",
                   SDM_PROTO_MAX_COHERENT / 1024);
        return false;
    }
    if (!nm->timeout_ms || nm->timeout_ms > MAX_TIMEOUT_MS) {
        error_setg(errp, "'timeout-ms' must be from 1 to %d", MAX_TIMEOUT_MS);
        return false;
    }
    return true;
}

static bool nm_block_migration(MemoryBackendNetwork *nm, Error **errp)
{
    error_setg(&nm->migration_blocker, TYPE_MEMORY_BACKEND_NETWORK " '%s' "
               "cannot be saved or migrated: %s", nm_name(nm),
               nm->master ? "the RAM in its window is in other machines" :
                            "its master may write to it at any time");
    return migrate_add_blocker(&nm->migration_blocker, errp) == 0;
}

/* RAM that is to be shared with the master's process is a file. */
static bool nm_alloc_ram(MemoryBackendNetwork *nm, Error **errp)
{
    HostMemoryBackend *backend = hostmem(nm);
    g_autofree char *name = host_memory_backend_get_name(backend);
    uint64_t size = backend->size -
                    (nm->where == SDM_WINDOW_RAM ? nm->shared_size : 0);
    uint32_t flags = 0;
    bool ok;
    int fd;

    flags |= backend->share ? RAM_SHARED : 0;
    flags |= backend->reserve ? 0 : RAM_NORESERVE;
    flags |= backend->guest_memfd ? RAM_GUEST_MEMFD : 0;
    if (nm->master || !backend->share) {
        return memory_region_init_ram_flags_nomigrate(&backend->mr,
                                                      OBJECT(backend), name,
                                                      size, flags, errp);
    }
    fd = qemu_memfd_create(TYPE_MEMORY_BACKEND_NETWORK, size, nm->hugetlb, 0,
                           F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, errp);
    if (fd < 0) {
        return false;
    }
    ok = memory_region_init_ram_from_fd(&backend->mr, OBJECT(backend), name,
                                        size, flags, fd, 0, errp);
    if (!ok) {
        close(fd);
    }
    return ok;
}

static void nm_init_window(MemoryBackendNetwork *nm)
{
    memory_region_init(&nm->window, OBJECT(nm), "sdm-window",
                       nm->shared_size);
    memory_region_init_io(&nm->background, OBJECT(nm), &background_ops, nm,
                          "sdm-window-background", nm->shared_size);
    memory_region_add_subregion_overlap(&nm->window, 0, &nm->background, -1);
}

static bool nm_alloc(HostMemoryBackend *backend, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(backend);

    if (!nm_check(nm, errp) || !nm_block_migration(nm, errp)) {
        return false;
    }
    nm->map.size = nm->shared_size;

    if (!nm_alloc_ram(nm, errp)) {
        return false;
    }
    if (nm->master) {
        nm_init_window(nm);
    }
    nm->registered =
        multi_socket_register_channel(nm->socket, SDM_PROTO_CHANNEL_MEMORY,
                                      &nm_channel_ops, nm, errp);
    return nm->registered;
}

/* The socket's threads and the machine refer to a completed backend. */
static bool nm_can_be_deleted(UserCreatable *uc)
{
    return !memory_region_size(&MEMORY_BACKEND(uc)->mr);
}

static void nm_get_shared_size(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    visit_type_size(v, name, &MEMORY_BACKEND_NETWORK(obj)->shared_size, errp);
}

static bool nm_settable(MemoryBackendNetwork *nm, const char *name,
                        Error **errp)
{
    if (host_memory_backend_mr_inited(hostmem(nm))) {
        error_setg(errp, "'%s' cannot change any more", name);
        return false;
    }
    return true;
}

static void nm_set_shared_size(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);
    uint64_t value;

    if (nm_settable(nm, name, errp) && visit_type_size(v, name, &value, errp)) {
        nm->shared_size = value;
    }
}

static void nm_get_coherent_size(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    uint64_t value = MEMORY_BACKEND_NETWORK(obj)->coherent_size;

    visit_type_size(v, name, &value, errp);
}

static void nm_set_coherent_size(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);
    uint64_t value;

    if (nm_settable(nm, name, errp) && visit_type_size(v, name, &value, errp)) {
        /* What is too much stays so: nm_check() tells. */
        nm->coherent_size = MIN(value, UINT32_MAX);
    }
}

static bool nm_get_master(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->master;
}

static void nm_set_master(Object *obj, bool value, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    if (nm_settable(nm, "master", errp)) {
        nm->master = value;
    }
}

static bool nm_get_hugetlb(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->hugetlb;
}

static void nm_set_hugetlb(Object *obj, bool value, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    if (nm_settable(nm, "hugetlb", errp)) {
        nm->hugetlb = value;
    }
}

static int nm_get_on_error(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->on_error;
}

static void nm_set_on_error(Object *obj, int value, Error **errp)
{
    MEMORY_BACKEND_NETWORK(obj)->on_error = value;
}

static int nm_get_window(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->where;
}

static void nm_set_window(Object *obj, int value, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    if (nm_settable(nm, "window", errp)) {
        nm->where = value;
    }
}

static void nm_get_timeout(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    visit_type_uint32(v, name, &MEMORY_BACKEND_NETWORK(obj)->timeout_ms, errp);
}

static void nm_set_timeout(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);
    uint32_t value;

    if (nm_settable(nm, name, errp) &&
        visit_type_uint32(v, name, &value, errp)) {
        nm->timeout_ms = value;
    }
}

static void nm_check_socket(const Object *obj, const char *name, Object *val,
                            Error **errp)
{
    nm_settable(MEMORY_BACKEND_NETWORK((Object *)obj), name, errp);
}

static void nm_init(Object *obj)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    nm->timeout_ms = DEFAULT_TIMEOUT_MS;
    nm->on_error = SDM_ON_ERROR_ONES;
    notifier_list_init(&nm->error_notifiers);
    qemu_mutex_init(&nm->error_lock);
    qemu_mutex_init(&nm->ram_lock);
}

static void nm_finalize(Object *obj)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    /* Only possible if the backend failed later and was never used. */
    if (nm->registered) {
        multi_socket_unregister_channel(nm->socket, SDM_PROTO_CHANNEL_MEMORY);
    }
    migrate_del_blocker(&nm->migration_blocker);
    qemu_mutex_destroy(&nm->ram_lock);
    qemu_mutex_destroy(&nm->error_lock);
}

static void nm_class_init(ObjectClass *oc, void *data)
{
    HostMemoryBackendClass *bc = MEMORY_BACKEND_CLASS(oc);
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    bc->alloc = nm_alloc;
    ucc->can_be_deleted = nm_can_be_deleted;

    object_class_property_add(oc, "shared-size", "size", nm_get_shared_size,
                              nm_set_shared_size, NULL, NULL);
    object_class_property_set_description(oc, "shared-size",
        "master: size of the window at the end, for the RAM of the slaves");
    object_class_property_add(oc, "coherent-size", "size",
                              nm_get_coherent_size, nm_set_coherent_size,
                              NULL, NULL);
    object_class_property_set_description(oc, "coherent-size",
        "slave: size of the region at the end of its RAM of which master and "
        "slave have a copy each");
    object_class_property_add_bool(oc, "master", nm_get_master, nm_set_master);
    object_class_property_set_description(oc, "master",
        "this is the master's memory, with a window");
    object_class_property_add_bool(oc, "hugetlb", nm_get_hugetlb,
                                   nm_set_hugetlb);
    object_class_property_set_description(oc, "hugetlb",
        "slave with 'share': take the RAM from huge pages; "
        "master: accept slaves that do so, which have to be trusted");
    object_class_property_add_link(oc, "socket", TYPE_MULTI_SOCKET_BACKEND,
                                   offsetof(MemoryBackendNetwork, socket),
                                   nm_check_socket, OBJ_PROP_LINK_STRONG);
    object_class_property_set_description(oc, "socket",
        "the multi-socket-backend to use");
    object_class_property_add_enum(oc, "on-error", "SdmOnError",
                                   &SdmOnError_lookup, nm_get_on_error,
                                   nm_set_on_error);
    object_class_property_set_description(oc, "on-error",
        "master: failed accesses read as all ones, or abort in the guest");
    object_class_property_add_enum(oc, "window", "SdmWindow",
                                   &SdmWindow_lookup, nm_get_window,
                                   nm_set_window);
    object_class_property_set_description(oc, "window",
        "master: the window is the end of the RAM, or in a BAR of sdm-pci");
    object_class_property_add(oc, "timeout-ms", "uint32", nm_get_timeout,
                              nm_set_timeout, NULL, NULL);
    object_class_property_set_description(oc, "timeout-ms",
        "master: a slave that does not answer for so long is dropped");
}

static const TypeInfo nm_types[] = {
    {
        .name = TYPE_MEMORY_BACKEND_NETWORK,
        .parent = TYPE_MEMORY_BACKEND,
        .instance_size = sizeof(MemoryBackendNetwork),
        .instance_init = nm_init,
        .instance_finalize = nm_finalize,
        .class_init = nm_class_init,
    },
};

DEFINE_TYPES(nm_types)
