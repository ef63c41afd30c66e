/*
 * The RAM of a slave in the master's window
 *
 * Either accesses to it are forwarded over the network, or it is mapped:
 * master and slave are on one host, and the slave has passed its memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_REMOTE_RAM_H
#define HW_SDM_REMOTE_RAM_H

#include "exec/memory.h"
#include "qemu/queue.h"
#include "hw/sdm/multi-socket.h"

#define TYPE_SDM_REMOTE_RAM "sdm-remote-ram"
OBJECT_DECLARE_SIMPLE_TYPE(SDMRemoteRAM, SDM_REMOTE_RAM)

/*
 * What happens to failed accesses. Any thread that accesses memory; returns
 * the result for the memory core.
 */
typedef MemTxResult SDMRemoteRAMError(void *opaque, uint32_t id,
                                      uint64_t window_offset, bool is_write,
                                      uint32_t cause);

/**
 * struct SDMRemoteRequest - a transfer under way
 * @iov: the memory here; valid until the end, of a write until it has started
 * @niov: its number of elements, less than MULTI_SOCKET_MAX_IOV
 * @length: length of the data of the answer; 0 if only an acknowledgement is
 *     expected
 * @done: called once, when the transfer has ended, with 0 or SDM_ERR_*. Any
 *     thread; a lock is held, no function of this file may be called.
 *
 * The members after @done are private.
 */
typedef struct SDMRemoteRequest SDMRemoteRequest;
struct SDMRemoteRequest {
    const struct iovec *iov;
    unsigned niov;
    uint32_t length;
    void (*done)(SDMRemoteRequest *request, uint32_t cause);

    QLIST_ENTRY(SDMRemoteRequest) next;
    uint32_t tag;
};

/**
 * sdm_remote_ram_new - create the region of a slave. Main loop.
 * @owner: not a device: the memory core would refuse a second vCPU
 * @size: bytes
 * @coherent: size of the region at its end of which both sides have a copy
 * @fd: file with the RAM, which becomes the region's; -1 to forward accesses
 * @peer: connection to the slave
 * @timeout_ms: a slave that does not answer for so long is dropped
 * @error: called for failed accesses
 * @opaque: its first argument
 * @errp: set if the file cannot be mapped
 */
SDMRemoteRAM *sdm_remote_ram_new(Object *owner, uint64_t size,
                                 uint32_t coherent, int fd,
                                 MultiSocketPeer *peer, unsigned timeout_ms,
                                 SDMRemoteRAMError *error, void *opaque,
                                 Error **errp);

/* Main loop: show it in @window. */
void sdm_remote_ram_map(SDMRemoteRAM *ram, MemoryRegion *window,
                        uint64_t offset);

/*
 * The connection's thread: it is broken, and nothing is received any more. All
 * requests end.
 */
void sdm_remote_ram_end(SDMRemoteRAM *ram);

/*
 * Any thread, also without the BQL, which the end of the object itself needs:
 * keep it, for somebody who keeps it already, and let it go.
 */
SDMRemoteRAM *sdm_remote_ram_ref(SDMRemoteRAM *ram);
void sdm_remote_ram_unref(SDMRemoteRAM *ram);

/*
 * Under RCU: the RAM that @mr is the region of, kept, in *@ram, or NULL if it
 * is another region. False if its connection is over.
 */
bool sdm_remote_ram_of_region(MemoryRegion *mr, SDMRemoteRAM **ram);

/*
 * Main loop: the connection is over. The region is unmapped, and freed when
 * nobody uses it.
 */
void sdm_remote_ram_remove(SDMRemoteRAM *ram);

/* As the operations of the same names of the memory channel. */
const char *sdm_remote_ram_receive(SDMRemoteRAM *ram,
                                   const struct sdm_proto_header *header,
                                   const uint8_t *payload);
unsigned sdm_remote_ram_place(SDMRemoteRAM *ram,
                              const struct sdm_proto_header *header,
                              struct iovec *iov);
const char *sdm_remote_ram_placed(SDMRemoteRAM *ram,
                                  const struct sdm_proto_header *header);

/* There was no answer in time. Any thread. */
void sdm_remote_ram_fail(SDMRemoteRAM *ram);

/* The region of which both sides have a copy, or NULL. */
struct SDMCoherent *sdm_remote_ram_coherent(SDMRemoteRAM *ram);
uint32_t sdm_remote_ram_coherent_size(const SDMRemoteRAM *ram);
/* The RAM itself if it is mapped, or NULL. */
void *sdm_remote_ram_host(SDMRemoteRAM *ram);
uint64_t sdm_remote_ram_size(SDMRemoteRAM *ram);
bool sdm_remote_ram_is_mapped(const SDMRemoteRAM *ram);

/*
 * Start a transfer of at most SDM_PROTO_MAX_DATA bytes (fill: any number) with
 * a slave whose RAM is not mapped. Without the BQL. Writes may wait for the
 * network, and their memory is free when they return. If they do not return 0
 * but a SDM_ERR_*, done() is not called.
 */
uint32_t sdm_remote_ram_read(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                             uint64_t offset);
uint32_t sdm_remote_ram_write(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                              uint64_t offset);
uint32_t sdm_remote_ram_fill(SDMRemoteRAM *ram, SDMRemoteRequest *request,
                             uint64_t offset, uint64_t length,
                             uint64_t pattern);

#endif
