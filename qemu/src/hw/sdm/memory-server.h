/*
 * A slave serves the master's accesses to its RAM
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_MEMORY_SERVER_H
#define HW_SDM_MEMORY_SERVER_H

#include "exec/memory.h"
#include "hw/sdm/multi-socket.h"

typedef struct SDMMemoryServer SDMMemoryServer;

/* Fill memory with the bytes of @pattern, lowest first, again and again. */
void sdm_memory_fill(uint8_t *to, size_t length, uint64_t pattern);

/* Main loop. @as has the RAM, of @size bytes, at address @base. */
SDMMemoryServer *sdm_memory_server_new(AddressSpace *as, uint64_t base,
                                       uint64_t size, MultiSocketPeer *peer);
void sdm_memory_server_free(SDMMemoryServer *server);

/* As the operations of the same names of the memory channel. */
const char *sdm_memory_server_receive(SDMMemoryServer *server,
                                      const struct sdm_proto_header *header,
                                      const uint8_t *payload);
unsigned sdm_memory_server_place(SDMMemoryServer *server,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload, struct iovec *iov);
const char *sdm_memory_server_placed(SDMMemoryServer *server,
                                     const struct sdm_proto_header *header);

#endif
