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
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "memory-server.h"

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

static bool in_range(uint64_t size, uint64_t offset, uint32_t length)
{
    return length <= size && offset <= size - length;
}

static const char *serve_read(AddressSpace *as, uint64_t size,
                              MultiSocketPeer *peer,
                              const struct sdm_proto_header *header,
                              uint64_t offset)
{
    g_autofree uint8_t *large = NULL;
    uint8_t small[64];
    uint8_t *buf = small;
    uint32_t length = header->arg;
    struct iovec iov;

    if (!length || length > SDM_PROTO_MAX_DATA) {
        return "length of a read out of range";
    }
    if (!in_range(size, offset, length)) {
        multi_socket_peer_send(peer, SDM_PROTO_MEM_DATA, header->tag,
                               SDM_MEM_RANGE, NULL, 0);
        return NULL;
    }
    if (length > sizeof(small)) {
        buf = large = g_malloc(length);
    }
    if (ram_load(as, offset, buf, length) != MEMTX_OK) {
        multi_socket_peer_send(peer, SDM_PROTO_MEM_DATA, header->tag,
                               SDM_MEM_FAULT, NULL, 0);
        return NULL;
    }
    iov = (struct iovec) { .iov_base = buf, .iov_len = length };
    multi_socket_peer_send(peer, SDM_PROTO_MEM_DATA, header->tag, SDM_MEM_OK,
                           &iov, 1);
    return NULL;
}

static void serve_write(AddressSpace *as, uint64_t size, MultiSocketPeer *peer,
                        uint64_t offset, const uint8_t *data, uint32_t length)
{
    uint32_t result = SDM_MEM_OK;

    if (!in_range(size, offset, length)) {
        result = SDM_MEM_RANGE;
    } else if (ram_store(as, offset, data, length) != MEMTX_OK) {
        result = SDM_MEM_FAULT;
    }
    if (result != SDM_MEM_OK) {
        struct sdm_proto_mem mem = { .offset = offset };
        uint8_t buf[sizeof(mem)];
        struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };

        sdm_proto_put_mem(buf, &mem);
        multi_socket_peer_send(peer, SDM_PROTO_MEM_ERROR, 0, result, &iov, 1);
    }
}

const char *sdm_memory_server_receive(AddressSpace *as, uint64_t size,
                                      MultiSocketPeer *peer,
                                      const struct sdm_proto_header *header,
                                      const uint8_t *payload)
{
    struct sdm_proto_mem mem;

    switch (header->type) {
    case SDM_PROTO_MEM_READ:
        sdm_proto_parse_mem(payload, &mem);
        return serve_read(as, size, peer, header, mem.offset);
    case SDM_PROTO_MEM_WRITE:
        sdm_proto_parse_mem(payload, &mem);
        serve_write(as, size, peer, mem.offset, payload + sizeof(mem),
                    header->length - sizeof(mem));
        return NULL;
    default:
        return "memory frame that only a slave may send";
    }
}
