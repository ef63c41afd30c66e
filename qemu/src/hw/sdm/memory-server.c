/*
 * A slave serves the master's accesses to its RAM
 *
 * Runs in the connection's thread, without the BQL and without ever waiting
 * for anybody. An address space of its own gives what a DMA of a device gets:
 * translated code is invalidated and dirty bits are set.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "memory-server.h"

/* So much is filled at a time. */
#define FILL_CHUNK (1 * MiB)

struct SDMMemoryServer {
    AddressSpace *as;
    uint64_t base;
    uint64_t size;
    MultiSocketPeer *peer;

    /* RAM into which a large write is being received, NULL if there is none. */
    void *mapped;
    hwaddr mapped_length;
};

/* An access that a CPU would make at once must not be torn here either. */
static bool is_single_access(uint64_t offset, uint32_t length)
{
    return length <= 8 && is_power_of_2(length) && offset % length == 0;
}

static MemTxResult ram_load(AddressSpace *as, uint64_t offset, uint8_t *buf,
                            uint32_t length)
{
    MemTxAttrs attrs = MEMTXATTRS_UNSPECIFIED;
    MemTxResult result;

    if (!is_single_access(offset, length)) {
        result = address_space_read(as, offset, attrs, buf, length);
    } else if (length == 8) {
        stq_le_p(buf, address_space_ldq_le(as, offset, attrs, &result));
    } else if (length == 4) {
        stl_le_p(buf, address_space_ldl_le(as, offset, attrs, &result));
    } else if (length == 2) {
        stw_le_p(buf, address_space_lduw_le(as, offset, attrs, &result));
    } else {
        stb_p(buf, address_space_ldub(as, offset, attrs, &result));
    }
    /*
     * The master's next load must not see older data than this one did: it
     * may look for a flag here and for what the flag announces next.
     */
    smp_rmb();
    return result;
}

/* Largest piece that a CPU could have stored at once at @offset. */
static unsigned piece_size(uint64_t offset, uint32_t left)
{
    unsigned size = 8;

    while (size > left || offset % size) {
        size /= 2;
    }
    return size;
}

static void store_piece(uint8_t *ram, const uint8_t *buf, unsigned size)
{
    switch (size) {
    case 8:
        qatomic_set__nocheck((uint64_t *)ram, ldq_he_p(buf));
        break;
    case 4:
        qatomic_set((uint32_t *)ram, ldl_he_p(buf));
        break;
    case 2:
        qatomic_set((uint16_t *)ram, lduw_he_p(buf));
        break;
    default:
        qatomic_set(ram, *buf);
        break;
    }
}

/*
 * A frame may hold many stores of the master's CPU: the slave's CPUs have to
 * see them in their order, and none in parts. Pieces of natural size and
 * alignment, from the lowest address up, never split one.
 */
static MemTxResult ram_store(AddressSpace *as, uint64_t offset,
                             const uint8_t *buf, uint32_t length)
{
    hwaddr mapped = length;
    uint8_t *ram = address_space_map(as, offset, &mapped, true,
                                     MEMTXATTRS_UNSPECIFIED);
    hwaddr done = 0;

    if (!ram) {
        return MEMTX_ERROR;
    }
    while (done < mapped) {
        unsigned size = piece_size(offset + done, mapped - done);

        /* In order; pairs with the read barriers of the slave's CPUs. */
        smp_wmb();
        store_piece(ram + done, buf + done, size);
        done += size;
    }
    address_space_unmap(as, ram, mapped, true, mapped);
    return mapped == length ? MEMTX_OK : MEMTX_ERROR;
}

static bool in_range(uint64_t size, uint64_t offset, uint64_t length)
{
    return length && length <= size && offset <= size - length;
}


/* The answer to a request, without data. */
static void answer(SDMMemoryServer *server,
                   const struct sdm_proto_header *header, uint32_t result)
{
    multi_socket_peer_send(server->peer, SDM_PROTO_MEM_DATA, header->tag,
                           result, NULL, 0);
}

/* The end of a write or fill: say what was asked for, or what went wrong. */
static void answer_write(SDMMemoryServer *server,
                         const struct sdm_proto_header *header,
                         uint64_t offset, uint32_t result)
{
    if (header->flags & SDM_PROTO_FLAG_ACK) {
        answer(server, header, result);
    } else if (result != SDM_MEM_OK) {
        struct sdm_proto_mem mem = { .offset = offset };
        uint8_t buf[sizeof(mem)];
        struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

        sdm_proto_put_mem(buf, &mem);
        multi_socket_peer_send(server->peer, SDM_PROTO_MEM_ERROR, 0, result,
                               &iov, 1);
    }
}

/* Send RAM as it is, without a copy of it. Large reads are aligned or not. */
static bool send_mapped(SDMMemoryServer *server,
                        const struct sdm_proto_header *header, uint64_t offset)
{
    hwaddr length = header->arg;
    void *ram = address_space_map(server->as, server->base + offset, &length,
                                  false, MEMTXATTRS_UNSPECIFIED);
    struct iovec iov = { .iov_base = ram, .iov_len = length };
    bool whole = ram && length == header->arg;

    if (whole) {
        /* As in ram_load(). */
        smp_rmb();
        /* A master always receives: this ends, at the latest with the link. */
        multi_socket_peer_stream(server->peer, SDM_PROTO_MEM_DATA, 0,
                                 header->tag, &iov, 1, INT_MAX);
    }
    if (ram) {
        address_space_unmap(server->as, ram, length, false, length);
    }
    return whole;
}

static const char *serve_read(SDMMemoryServer *server,
                              const struct sdm_proto_header *header,
                              uint64_t offset)
{
    uint8_t buf[64];
    uint32_t length = header->arg;
    struct iovec iov = { .iov_base = buf, .iov_len = length };

    if (!length || length > SDM_PROTO_MAX_DATA) {
        return "length of a read out of range";
    }
    if (!in_range(server->size, offset, length)) {
        answer(server, header, SDM_MEM_RANGE);
    } else if (length > sizeof(buf)) {
        if (!send_mapped(server, header, offset)) {
            answer(server, header, SDM_MEM_FAULT);
        }
    } else if (ram_load(server->as, server->base + offset, buf, length) !=
               MEMTX_OK) {
        answer(server, header, SDM_MEM_FAULT);
    } else {
        multi_socket_peer_send(server->peer, SDM_PROTO_MEM_DATA, header->tag,
                               SDM_MEM_OK, &iov, 1);
    }
    return NULL;
}

static void serve_write(SDMMemoryServer *server,
                        const struct sdm_proto_header *header,
                        uint64_t offset, const uint8_t *data)
{
    uint32_t length = header->length - sizeof(struct sdm_proto_mem);
    uint32_t result = SDM_MEM_OK;

    if (!in_range(server->size, offset, length)) {
        result = SDM_MEM_RANGE;
    } else if (ram_store(server->as, server->base + offset, data, length) !=
               MEMTX_OK) {
        result = SDM_MEM_FAULT;
    }
    answer_write(server, header, offset, result);
}

void sdm_memory_fill(uint8_t *to, size_t length, uint64_t pattern)
{
    uint64_t block[512];
    size_t n = MIN(DIV_ROUND_UP(length, sizeof(pattern)), ARRAY_SIZE(block));
    size_t i;

    for (i = 0; i < n; i++) {
        block[i] = cpu_to_le64(pattern);
    }
    for (; length > sizeof(block); length -= sizeof(block)) {
        memcpy(to, block, sizeof(block));
        to += sizeof(block);
    }
    memcpy(to, block, length);
}

static uint32_t fill(SDMMemoryServer *server, const struct sdm_proto_fill *f)
{
    uint64_t offset = f->offset, left = f->length;

    if (!in_range(server->size, f->offset, f->length)) {
        return SDM_MEM_RANGE;
    }
    /* As in ram_store(). */
    smp_wmb();
    while (left) {
        hwaddr length = MIN(left, FILL_CHUNK);
        unsigned phase = (offset - f->offset) % 8 * 8;
        uint8_t *ram = address_space_map(server->as, server->base + offset,
                                         &length, true,
                                         MEMTXATTRS_UNSPECIFIED);

        if (!ram) {
            return SDM_MEM_FAULT;
        }
        sdm_memory_fill(ram, length, ror64(f->pattern, phase));
        address_space_unmap(server->as, ram, length, true, length);
        offset += length;
        left -= length;
    }
    return SDM_MEM_OK;
}

const char *sdm_memory_server_receive(SDMMemoryServer *server,
                                      const struct sdm_proto_header *header,
                                      const uint8_t *payload)
{
    struct sdm_proto_mem mem;
    struct sdm_proto_fill f;

    switch (header->type) {
    case SDM_PROTO_MEM_READ:
        sdm_proto_parse_mem(payload, &mem);
        return serve_read(server, header, mem.offset);
    case SDM_PROTO_MEM_WRITE:
        sdm_proto_parse_mem(payload, &mem);
        serve_write(server, header, mem.offset, payload + sizeof(mem));
        return NULL;
    case SDM_PROTO_MEM_FILL:
        sdm_proto_parse_fill(payload, &f);
        answer_write(server, header, f.offset, fill(server, &f));
        return NULL;
    default:
        return "memory frame that only a slave may send";
    }
}

unsigned sdm_memory_server_place(SDMMemoryServer *server,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload, struct iovec *iov)
{
    struct sdm_proto_mem mem;
    hwaddr length;

    if (header->type != SDM_PROTO_MEM_WRITE) {
        return 0;
    }
    sdm_proto_parse_mem(payload, &mem);
    length = header->length - sizeof(mem);
    if (!in_range(server->size, mem.offset, length)) {
        return 0;
    }
    server->mapped_length = length;
    server->mapped = address_space_map(server->as, server->base + mem.offset,
                                       &server->mapped_length, true,
                                       MEMTXATTRS_UNSPECIFIED);
    if (server->mapped && server->mapped_length < length) {
        address_space_unmap(server->as, server->mapped, server->mapped_length,
                            true, 0);
        server->mapped = NULL;
    }
    /* As in ram_store(): what comes now is not to be seen before the past. */
    smp_wmb();
    *iov = (struct iovec) { .iov_base = server->mapped, .iov_len = length };
    return server->mapped ? 1 : 0;
}

const char *sdm_memory_server_placed(SDMMemoryServer *server,
                                     const struct sdm_proto_header *header)
{
    /* Of a write that broke off a part may have arrived. */
    address_space_unmap(server->as, server->mapped, server->mapped_length,
                        true, server->mapped_length);
    server->mapped = NULL;
    if (header) {
        answer_write(server, header, 0, SDM_MEM_OK);
    }
    return NULL;
}

SDMMemoryServer *sdm_memory_server_new(AddressSpace *as, uint64_t base,
                                       uint64_t size, MultiSocketPeer *peer)
{
    SDMMemoryServer *server = g_new0(SDMMemoryServer, 1);

    server->as = as;
    server->base = base;
    server->size = size;
    server->peer = multi_socket_peer_ref(peer);
    return server;
}

void sdm_memory_server_free(SDMMemoryServer *server)
{
    multi_socket_peer_unref(server->peer);
    g_free(server);
}
