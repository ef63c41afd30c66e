/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bulk transfer engine of an SDM, for the hardware drivers. The engine has the
 * same registers wherever they are; the driver provides them and the interrupt.
 */
#ifndef _SDM_DMA_H
#define _SDM_DMA_H

#include <linux/device.h>
#include <linux/types.h>

struct sdm_dma;
struct sdm_transfer;

struct sdm_dma *devm_sdm_dma_create(struct device *dev, void __iomem *regs);
unsigned int sdm_dma_alignment(const struct sdm_dma *dma);
void sdm_dma_enable(struct sdm_dma *dma, bool on);
int sdm_dma_submit(struct sdm_dma *dma, struct sdm_transfer *transfer);
void sdm_dma_interrupt(struct sdm_dma *dma);

#endif /* _SDM_DMA_H */
