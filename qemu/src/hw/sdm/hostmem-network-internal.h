/*
 * memory-backend-network: what its files have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_HOSTMEM_NETWORK_INTERNAL_H
#define HW_SDM_HOSTMEM_NETWORK_INTERNAL_H

#include "qapi/qapi-types-sdm.h"
#include "qemu/thread.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/hostmem-network.h"
#include "hw/sdm/multi-socket.h"
#include "coherent.h"
#include "remote-ram.h"
#include "window-map.h"

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

static inline HostMemoryBackend *hostmem(MemoryBackendNetwork *nm)
{
    return MEMORY_BACKEND(nm);
}

static inline const char *hostmem_name(MemoryBackendNetwork *nm)
{
    return object_get_canonical_path_component(OBJECT(nm));
}

/* hostmem-window.c */
void memory_backend_network_init_window(MemoryBackendNetwork *nm);
/*
 * An access to the window has failed: of slave @id, or SDM_ERR_PEER_NONE, at
 * @offset in its RAM, or in the window, for the reason @cause, SDM_ERR_*. From
 * any thread. Returns what the guest sees of it. @opaque is the backend.
 */
MemTxResult memory_backend_network_window_error(void *opaque, uint32_t id,
                                                uint64_t offset, bool is_write,
                                                uint32_t cause);

/* hostmem-channel.c */
extern const MultiSocketChannelOps memory_backend_network_channel_ops;

#endif
