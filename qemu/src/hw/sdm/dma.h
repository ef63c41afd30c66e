/*
 * SDM bulk transfer engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_DMA_H
#define HW_SDM_DMA_H

#include "exec/hwaddr.h"
#include "exec/memory.h"
#include "hw/sdm/hostmem-network.h"

typedef struct SDMDma SDMDma;

/* @changed is called under the BQL when sdm_dma_irq() may have changed. */
SDMDma *sdm_dma_new(MemoryBackendNetwork *nm, AddressSpace *as,
                    void (*changed)(void *opaque), void *opaque);
/* Returns when nothing is under way any more. */
void sdm_dma_reset(SDMDma *dma);

/* Registers SDM_REG_DMA_RING_LO to SDM_REG_DMA_STATUS. Under the BQL. */
uint32_t sdm_dma_read(SDMDma *dma, hwaddr addr);
void sdm_dma_write(SDMDma *dma, hwaddr addr, uint32_t value);
bool sdm_dma_irq(SDMDma *dma);

#endif
