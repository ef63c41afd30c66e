/*
 * A part of a slave's RAM of which master and slave have a copy each
 *
 * Accesses to it are local on both sides, and atomic for the own CPUs. With
 * each signal goes what its sender has written before (release), and it is
 * there before the signal is (acquire): see Documentation/device.rst.
 *
 * Both happen while no CPU of the machine executes: so it is one moment of all
 * its CPUs that is told, and one that they are told. Neither looks at what the
 * memory is used for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_COHERENT_H
#define HW_SDM_COHERENT_H

#include "remote-ram.h"

typedef struct SDMCoherent SDMCoherent;

/**
 * sdm_coherent_new - begin to share memory with a peer. Main loop.
 * @peer: the connection
 * @mr: RAM
 * @ram: what @mr is a part of, and is kept while something is done; NULL: @mr
 *     stays for ever
 * @offset: where in @mr the copy begins
 * @size: bytes
 * @announce: tell the peer all that is there: the first copy is ours.
 *     Otherwise it is the peer's: all is zero here so far
 */
SDMCoherent *sdm_coherent_new(MultiSocketPeer *peer, MemoryRegion *mr,
                              SDMRemoteRAM *ram, uint64_t offset,
                              uint32_t size, bool announce);

/*
 * BQL: @arrived is called when a release of the peer has been applied, the
 * first one also when it has arrived; that makes the copy complete. Any thread,
 * with a lock.
 */
void sdm_coherent_set_user(SDMCoherent *coherent,
                           void (*arrived)(void *opaque), void *opaque);

SDMCoherent *sdm_coherent_ref(SDMCoherent *coherent);
void sdm_coherent_unref(SDMCoherent *coherent);

/*
 * Who receives: a MEM_DIFF frame. NULL, or how it violates the protocol, also
 * if @coherent is NULL.
 */
const char *sdm_coherent_receive(SDMCoherent *coherent,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload);

/* Has all been applied that has arrived? Any thread. */
bool sdm_coherent_is_current(SDMCoherent *coherent);
/*
 * BQL: if something has arrived that is not applied, have it done. A CPU that
 * is about to sleep may have missed that it has been given work without the
 * BQL.
 */
void sdm_coherent_hurry(SDMCoherent *coherent);
/* Is the first copy complete? Any thread. */
bool sdm_coherent_is_complete(SDMCoherent *coherent);

/*
 * BQL: send a signal, encoded, behind all that the CPUs have written so far.
 * Signals stay in their order.
 */
void sdm_coherent_send_signal(SDMCoherent *coherent, const uint8_t *signal);

/*
 * BQL, while all CPUs are held in reset: tell what they have written, without
 * a signal.
 */
void sdm_coherent_release(SDMCoherent *coherent);

#endif
