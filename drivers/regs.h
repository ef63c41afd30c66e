/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of an SDM, for the hardware drivers: all of a device but the way it
 * is found on its bus.
 */
#ifndef _SDM_REGS_H
#define _SDM_REGS_H

#include <linux/device.h>
#include <linux/pm.h>
#include <linux/types.h>

struct resource;

/**
 * struct sdm_regs_hw - what a bus knows of a device
 * @base: its registers, %SDM_REGS_SIZE bytes
 * @irq: its interrupt
 * @message: the interrupt is a message, not a level
 * @window: where its memory window is, or NULL: the registers tell
 */
struct sdm_regs_hw {
	void __iomem *base;
	int irq;
	bool message;
	const struct resource *window;
};

extern const struct dev_pm_ops sdm_regs_pm_ops;

int devm_sdm_regs_register(struct device *dev, const struct sdm_regs_hw *hw);
void sdm_regs_shutdown(struct device *dev);

#endif /* _SDM_REGS_H */
