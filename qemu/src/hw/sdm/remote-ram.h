/*
 * The RAM of a slave in the master's window: accesses go over the network
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_REMOTE_RAM_H
#define HW_SDM_REMOTE_RAM_H

#include "exec/memory.h"
#include "hw/sdm/multi-socket.h"

typedef struct SDMRemoteRAM SDMRemoteRAM;

/*
 * What happens to failed accesses. Any thread that accesses memory; returns
 * the result for the memory core.
 */
typedef MemTxResult SDMRemoteRAMError(void *opaque, uint32_t id,
                                      uint64_t window_offset, bool is_write,
                                      uint32_t cause);

/**
 * sdm_remote_ram_new - create and map the region of a slave. Main loop.
 * @owner: not a device: the memory core would refuse a second vCPU
 * @window: container to map it in
 * @offset: where
 * @size: bytes
 * @peer: connection to the slave
 * @timeout_ms: a slave that does not answer for so long is dropped
 * @error: called for failed accesses
 * @opaque: its first argument
 */
SDMRemoteRAM *sdm_remote_ram_new(Object *owner, MemoryRegion *window,
                                 uint64_t offset, uint64_t size,
                                 MultiSocketPeer *peer, unsigned timeout_ms,
                                 SDMRemoteRAMError *error, void *opaque);

/* Main loop: the connection is over. Unmaps; freed when nobody uses it. */
void sdm_remote_ram_remove(SDMRemoteRAM *ram);

/* The connection's thread: a frame of the memory channel. */
const char *sdm_remote_ram_receive(SDMRemoteRAM *ram,
                                   const struct sdm_proto_header *header,
                                   const uint8_t *payload);

#endif
