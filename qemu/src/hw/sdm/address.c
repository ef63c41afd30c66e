/*
 * SDM: where the guest sees memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/sdm/address.h"
#include "qemu/rcu.h"

typedef struct RAMSearch {
    const MemoryRegion *mr;
    bool found;
    hwaddr base;
    hwaddr offset;
} RAMSearch;

static bool sdm_ram_search(Int128 start, Int128 len, const MemoryRegion *mr,
                           hwaddr offset, void *opaque)
{
    RAMSearch *search = opaque;

    if (mr == search->mr && (!search->found || offset < search->offset)) {
        search->found = true;
        search->base = int128_get64(start) - offset;
        search->offset = offset;
    }
    return false;
}

bool sdm_ram_address(HostMemoryBackend *backend, hwaddr *base)
{
    RAMSearch search = { .mr = host_memory_backend_get_memory(backend) };

    /* A board may map containers and aliases: only the flat view resolves. */
    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(&address_space_memory),
                            sdm_ram_search, &search);
    *base = search.base;
    return search.found;
}

static bool sdm_container_search(Int128 start, Int128 len,
                                 const MemoryRegion *mr, hwaddr offset,
                                 void *opaque)
{
    RAMSearch *search = opaque;

    search->found = mr->container == search->mr;
    search->base = int128_get64(start) - offset - mr->addr;
    return search->found;
}

bool sdm_container_address(const MemoryRegion *container, hwaddr *base)
{
    RAMSearch search = { .mr = container };

    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(&address_space_memory),
                            sdm_container_search, &search);
    *base = search.base;
    return search.found;
}
