/*
 * memory-backend-network: what goes over the memory channel
 *
 * A slave serves the accesses of its master to its RAM (memory-server.c), a
 * master has the RAM of each slave that is connected (remote-ram.c) in its
 * window.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/mmap-alloc.h"
#include "exec/translation-block.h"
#include "hw/core/cpu.h"
#include "system/tcg.h"
#include "hw/sdm/address.h"
#include "hostmem-network-internal.h"
#include "memory-server.h"

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
                   "the machine does not use it as memory", hostmem_name(nm));
        error_append_hint(errp, "Add -numa node,memdev=%s with -m of the "
                          "same size.\n", hostmem_name(nm));
        return false;
    }
    if (nm_may_share(nm)) {
        nm_expect_other_cpus();
    }
    if (!nm->master) {
        address_space_init(&nm->as, mr, hostmem_name(nm));
        return true;
    }
    if (nm->where == SDM_WINDOW_RAM) {
        memory_region_add_subregion(mr->container,
                                    mr->addr + memory_region_size(mr),
                                    &nm->window);
    } else if (!nm->window_taken) {
        error_setg(errp, "memory-backend-network '%s' has window=pci, but no "
                   "sdm-pci device is its master", hostmem_name(nm));
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
                             nm->timeout_ms,
                             memory_backend_network_window_error, nm, errp);
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

const MultiSocketChannelOps memory_backend_network_channel_ops = {
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
