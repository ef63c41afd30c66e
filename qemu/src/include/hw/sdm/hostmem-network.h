/*
 * memory-backend-network: RAM that is shared over a multi-socket-backend
 *
 * On a slave it is plain RAM, which the master may read and write. On the
 * master it is plain RAM followed by a window, in which the RAM of the slaves
 * appears.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_HOSTMEM_NETWORK_H
#define HW_SDM_HOSTMEM_NETWORK_H

#include "qemu/notify.h"
#include "qom/object.h"
#include "system/hostmem.h"

#define TYPE_MEMORY_BACKEND_NETWORK "memory-backend-network"
OBJECT_DECLARE_SIMPLE_TYPE(MemoryBackendNetwork, MEMORY_BACKEND_NETWORK)

/* First failed access to the window, and their number. */
typedef struct SDMWindowErrors {
    uint32_t status; /* as in SDM_REG_ERR_STATUS; 0: none */
    uint32_t count;
    uint64_t offset;
} SDMWindowErrors;

bool memory_backend_network_is_master(const MemoryBackendNetwork *nm);

/*
 * Guest-physical address and size of the master's window. False if there is
 * none (slave, or not mapped into the machine). The address is 0 as long as
 * the guest has not placed the BAR that shows it.
 */
bool memory_backend_network_window(MemoryBackendNetwork *nm, uint64_t *base,
                                   uint64_t *size);
/* It lies in what the board takes for RAM. */
bool memory_backend_network_window_in_ram(const MemoryBackendNetwork *nm);
/*
 * The window, for the PCI device that shows it, or NULL if that is done
 * already. False if another device has it.
 */
bool memory_backend_network_take_window(MemoryBackendNetwork *nm,
                                        MemoryRegion **window, Error **errp);

/* The RAM of a connected slave, or of this one. */
typedef struct SDMSlaveMemory {
    uint64_t offset; /* in the window */
    uint64_t size;
    uint64_t base;   /* in the slave's own map */
    bool mapped;     /* the window shows the RAM itself */
    uint32_t coherent; /* size of the region at its end */
} SDMSlaveMemory;

/* Main loop. False if slave @id is not connected or has no RAM to see. */
bool memory_backend_network_slave(MemoryBackendNetwork *nm, uint32_t id,
                                  SDMSlaveMemory *memory);

/* Any thread: the same as an object, for sdm_remote_ram_unref(); or NULL. */
struct SDMRemoteRAM *memory_backend_network_get_ram(MemoryBackendNetwork *nm,
                                                    uint32_t id);

/* How long to wait for a slave, ms. */
unsigned memory_backend_network_timeout(const MemoryBackendNetwork *nm);

/* Main loop. The notifier runs there too, after a failed access. */
SDMWindowErrors memory_backend_network_errors(MemoryBackendNetwork *nm);
/* The RAM of this slave; it has no offset. False on a master. */
bool memory_backend_network_own(MemoryBackendNetwork *nm,
                                SDMSlaveMemory *memory);
/*
 * What machine @id and this one have a copy each of, or NULL. Valid as long as
 * the connection is.
 */
struct SDMCoherent *memory_backend_network_coherent(MemoryBackendNetwork *nm,
                                                    uint32_t id);
/* Number of failed accesses to the RAM of slave @id. */
uint32_t memory_backend_network_slave_errors(MemoryBackendNetwork *nm,
                                             uint32_t id);
/* Forget the first failed access; @count: restart counting, too. */
void memory_backend_network_clear_errors(MemoryBackendNetwork *nm, bool count);
void memory_backend_network_add_error_notifier(MemoryBackendNetwork *nm,
                                               Notifier *notifier);

#endif
