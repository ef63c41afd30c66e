// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: bulk transfer engine, on behalf of the hardware drivers.
 *
 * The engine's registers are the same on every bus. It gets descriptors by the
 * ring of ring.c, whose lock is here.
 */

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "dma.h"
#include "ring.h"
#include "sdm.h"

/* How often to look whether the engine has stopped, and when to complain. */
#define SDM_DMA_STOP_POLL_US 100
#define SDM_DMA_STOP_WARN_US (10 * USEC_PER_SEC)

/**
 * struct sdm_dma - an engine
 * @dev: the device that does the transfers
 * @regs: its registers
 * @ring_addr: where the device sees the descriptors
 * @lock: protects what follows
 * @enabled: transfers are accepted
 * @ring: the transfers
 */
struct sdm_dma {
	struct device *dev;
	void __iomem *regs;
	dma_addr_t ring_addr;

	spinlock_t lock; /* see above */
	bool enabled;
	struct sdm_ring ring;
};

static u32 sdm_dma_read(const struct sdm_dma *dma, u32 reg)
{
	return readl(dma->regs + reg);
}

static void sdm_dma_write(const struct sdm_dma *dma, u32 reg, u32 value)
{
	writel(value, dma->regs + reg);
}

static enum dma_data_direction
sdm_dma_direction(const struct sdm_transfer *transfer)
{
	return transfer->write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

static void sdm_dma_feed(struct sdm_dma *dma)
{
	lockdep_assert_held(&dma->lock);

	/* writel() orders the descriptors before it. */
	if (sdm_ring_feed(&dma->ring))
		sdm_dma_write(dma, SDM_REG_DMA_HEAD, dma->ring.head);
}

static void sdm_dma_harvest(struct sdm_dma *dma, struct list_head *over)
{
	u32 tail;

	lockdep_assert_held(&dma->lock);

	/* readl() orders what the device wrote before it after it. */
	tail = sdm_dma_read(dma, SDM_REG_DMA_TAIL);
	if (!sdm_ring_harvest(&dma->ring, tail, over))
		dev_err_ratelimited(dma->dev,
				    "transfer engine is at %u, not in %u..%u\n",
				    tail, dma->ring.tail, dma->ring.head);
}

/* Gives transfers back to where they came from. */
static void sdm_dma_finish(struct sdm_dma *dma, struct list_head *over)
{
	struct sdm_transfer *transfer, *next;

	list_for_each_entry_safe(transfer, next, over, node) {
		dma_unmap_sgtable(dma->dev, &transfer->sgt,
				  sdm_dma_direction(transfer), 0);
		/* May free it. */
		transfer->done(transfer);
	}
}

/**
 * sdm_dma_submit() - start a transfer
 * @dma: the engine
 * @transfer: the transfer
 *
 * For sdm_ops.transfer. May sleep.
 *
 * Return: 0: done() of the transfer will be called; or a negative errno.
 */
int sdm_dma_submit(struct sdm_dma *dma, struct sdm_transfer *transfer)
{
	enum dma_data_direction dir = sdm_dma_direction(transfer);
	unsigned long flags;
	bool enabled;
	int ret;

	ret = dma_map_sgtable(dma->dev, &transfer->sgt, dir, 0);
	if (ret)
		return ret;

	spin_lock_irqsave(&dma->lock, flags);
	enabled = dma->enabled;
	if (enabled) {
		sdm_ring_add(&dma->ring, transfer);
		sdm_dma_feed(dma);
	}
	spin_unlock_irqrestore(&dma->lock, flags);

	if (!enabled)
		dma_unmap_sgtable(dma->dev, &transfer->sgt, dir, 0);

	return enabled ? 0 : -ENODEV;
}
EXPORT_SYMBOL_GPL(sdm_dma_submit);

/**
 * sdm_dma_interrupt() - serve %SDM_IRQ_DMA
 * @dma: the engine
 *
 * Atomic context.
 */
void sdm_dma_interrupt(struct sdm_dma *dma)
{
	unsigned long flags;
	LIST_HEAD(over);
	u32 status;

	/* Clear, then look: what finishes after that interrupts again. */
	status = sdm_dma_read(dma, SDM_REG_DMA_STATUS);
	sdm_dma_write(dma, SDM_REG_DMA_STATUS, status);
	if (status & SDM_DMA_STATUS_ERROR)
		dev_err_ratelimited(dma->dev, "transfer engine refused work\n");

	spin_lock_irqsave(&dma->lock, flags);
	if (dma->enabled) {
		sdm_dma_harvest(dma, &over);
		sdm_dma_feed(dma);
	}
	spin_unlock_irqrestore(&dma->lock, flags);

	sdm_dma_finish(dma, &over);
}
EXPORT_SYMBOL_GPL(sdm_dma_interrupt);

/*
 * When this returns the device does not touch memory any more. What it has
 * started it finishes, or gives up when a peer does not answer in time: nothing
 * but waiting makes the memory safe to use for something else.
 */
static void sdm_dma_halt(struct sdm_dma *dma)
{
	u32 control;

	sdm_dma_write(dma, SDM_REG_DMA_CONTROL, 0);
	while (readl_poll_timeout(dma->regs + SDM_REG_DMA_CONTROL, control,
				  !(control & SDM_DMA_CTRL_BUSY),
				  SDM_DMA_STOP_POLL_US, SDM_DMA_STOP_WARN_US))
		dev_warn(dma->dev, "waiting for transfers to end\n");
}

static void sdm_dma_start(struct sdm_dma *dma)
{
	/* Whoever was here before may have left it on. */
	sdm_dma_halt(dma);

	sdm_dma_write(dma, SDM_REG_DMA_RING_LO, lower_32_bits(dma->ring_addr));
	sdm_dma_write(dma, SDM_REG_DMA_RING_HI, upper_32_bits(dma->ring_addr));
	sdm_dma_write(dma, SDM_REG_DMA_RING_SIZE, SDM_RING_SIZE);
	sdm_dma_write(dma, SDM_REG_DMA_STATUS,
		      SDM_DMA_STATUS_DONE | SDM_DMA_STATUS_ERROR);
	sdm_dma_write(dma, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
	if (!(sdm_dma_read(dma, SDM_REG_DMA_CONTROL) & SDM_DMA_CTRL_ENABLE)) {
		dev_err(dma->dev, "transfer engine does not start\n");
		return;
	}

	spin_lock_irq(&dma->lock);
	sdm_ring_restart(&dma->ring);
	dma->enabled = true;
	spin_unlock_irq(&dma->lock);
}

static void sdm_dma_stop(struct sdm_dma *dma)
{
	LIST_HEAD(over);
	bool enabled;

	spin_lock_irq(&dma->lock);
	enabled = dma->enabled;
	dma->enabled = false;
	spin_unlock_irq(&dma->lock);
	if (!enabled)
		return;

	sdm_dma_halt(dma);

	spin_lock_irq(&dma->lock);
	sdm_dma_harvest(dma, &over);
	sdm_ring_abort(&dma->ring, &over);
	spin_unlock_irq(&dma->lock);

	sdm_dma_finish(dma, &over);
}

/**
 * sdm_dma_enable() - start or stop the engine
 * @dma: the engine
 * @on: start
 *
 * For sdm_ops.enable. Stopping ends all transfers: what the device has not begun
 * fails with -ENODEV. The caller sees to it that no interrupt is being served
 * when it stops the engine. May sleep, as long as a peer may take to answer.
 */
void sdm_dma_enable(struct sdm_dma *dma, bool on)
{
	if (on)
		sdm_dma_start(dma);
	else
		sdm_dma_stop(dma);
}
EXPORT_SYMBOL_GPL(sdm_dma_enable);

/**
 * sdm_dma_alignment() - tell how memory that the engine writes has to be aligned
 * @dma: the engine
 *
 * Return: the value for sdm_caps.transfer_align.
 */
unsigned int sdm_dma_alignment(const struct sdm_dma *dma)
{
	/* What shares a cache line with others is not safe without snooping. */
	return device_get_dma_attr(dma->dev) == DEV_DMA_COHERENT ?
		       1 : dma_get_cache_alignment();
}
EXPORT_SYMBOL_GPL(sdm_dma_alignment);

/**
 * devm_sdm_dma_create() - set up the engine of a device with %SDM_FEAT_DMA
 * @dev: device of the hardware driver
 * @regs: its registers
 *
 * Return: the engine, disabled, or an ERR_PTR().
 */
struct sdm_dma *devm_sdm_dma_create(struct device *dev, void __iomem *regs)
{
	struct sdm_ring_desc *descs;
	struct sdm_dma *dma;
	int ret;

	dma = devm_kzalloc(dev, sizeof(*dma), GFP_KERNEL);
	if (!dma)
		return ERR_PTR(-ENOMEM);

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (ret)
		return ERR_PTR(ret);
	dma_set_max_seg_size(dev, SDM_DMA_MAX_LENGTH);

	descs = dmam_alloc_coherent(dev, SDM_RING_SIZE * sizeof(*descs),
				    &dma->ring_addr, GFP_KERNEL);
	if (!descs)
		return ERR_PTR(-ENOMEM);

	dma->dev = dev;
	dma->regs = regs;
	spin_lock_init(&dma->lock);
	sdm_ring_init(&dma->ring, descs);

	return dma;
}
EXPORT_SYMBOL_GPL(devm_sdm_dma_create);
