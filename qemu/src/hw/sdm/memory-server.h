/*
 * A slave serves the master's accesses to its RAM
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_MEMORY_SERVER_H
#define HW_SDM_MEMORY_SERVER_H

#include "exec/memory.h"
#include "hw/sdm/multi-socket.h"

/*
 * The connection's thread: serve a frame of the memory channel.
 * @as has the RAM at address 0 and is @size bytes long.
 */
const char *sdm_memory_server_receive(AddressSpace *as, uint64_t size,
                                      MultiSocketPeer *peer,
                                      const struct sdm_proto_header *header,
                                      const uint8_t *payload);

#endif
