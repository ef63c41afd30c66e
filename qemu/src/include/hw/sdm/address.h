/*
 * SDM: where the guest sees memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_ADDRESS_H
#define HW_SDM_ADDRESS_H

#include "exec/hwaddr.h"
#include "system/hostmem.h"

/**
 * sdm_ram_address - guest-physical address of a memory backend
 * @backend: the backend
 * @base: receives the address of its first byte
 *
 * Under the BQL, when the board has been built. Returns false if the guest
 * does not see it. A board may show RAM in several pieces (x86: below and
 * above 4 GiB): the address is that of the first one.
 */
bool sdm_ram_address(HostMemoryBackend *backend, hwaddr *base);

/**
 * sdm_container_address - guest-physical address of a container
 * @container: a memory region that is nothing but a place for others
 * @base: receives its address
 *
 * The same, found by what lies in it.
 */
bool sdm_container_address(const MemoryRegion *container, hwaddr *base);

#endif
