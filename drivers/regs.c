// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: the registers, on behalf of the hardware drivers. They are those of
 * <sdm/sdm-regs.h> on every bus; Documentation/device.rst describes them.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "dma.h"
#include "regs.h"
#include "sdm.h"

/* Signals taken in one interrupt; what is left is for the work item. */
#define SDM_REGS_BUDGET 64

/**
 * struct sdm_regs - a device
 * @sdm: the same, as the core knows it
 * @base: registers
 * @irq: interrupt
 * @message: it is a message: sent once, when there is a cause to serve
 * @dma: bulk transfer engine, NULL if there is none
 * @irq_lock: protects @irq_enable and the register that follows it
 * @irq_enable: causes that are ours to serve in the interrupt
 * @enabled: interrupts may be enabled; under @irq_lock
 * @rx_work: takes signals while the interrupt does not
 * @tx_lock: makes one of payload, doorbell and result
 */
struct sdm_regs {
	struct sdm_device *sdm;
	void __iomem *base;
	int irq;
	bool message;
	struct sdm_dma *dma;

	spinlock_t irq_lock; /* see above */
	u32 irq_enable;
	bool enabled;
	struct work_struct rx_work;

	spinlock_t tx_lock; /* see above */
};

static u32 sdm_regs_read(const struct sdm_regs *regs, u32 reg)
{
	return readl(regs->base + reg);
}

/* A pair of registers, the lower half at @reg. */
static u64 sdm_regs_read64(const struct sdm_regs *regs, u32 reg)
{
	u64 low = readl(regs->base + reg);

	return low | (u64)readl(regs->base + reg + 4) << 32;
}

static void sdm_regs_write(const struct sdm_regs *regs, u32 reg, u32 value)
{
	writel(value, regs->base + reg);
}

static void sdm_regs_write64(const struct sdm_regs *regs, u32 reg, u64 value)
{
	sdm_regs_write(regs, reg, lower_32_bits(value));
	sdm_regs_write(regs, reg + sizeof(u32), upper_32_bits(value));
}

/* Changes the enabled interrupts, unless the device is disabled. */
static void sdm_regs_irq_update(struct sdm_regs *regs, u32 clear, u32 set)
{
	unsigned long flags;

	spin_lock_irqsave(&regs->irq_lock, flags);
	if (regs->enabled) {
		WRITE_ONCE(regs->irq_enable, (regs->irq_enable & ~clear) | set);
		sdm_regs_write(regs, SDM_REG_IRQ_ENABLE, regs->irq_enable);
	}
	spin_unlock_irqrestore(&regs->irq_lock, flags);
}

/* Takes up to @budget signals. Returns false when there are no more. */
static bool sdm_regs_receive(struct sdm_regs *regs, unsigned int budget)
{
	u32 head;

	while (budget--) {
		struct sdm_msg msg = {};

		/* readl() orders what the sender wrote before its doorbell. */
		head = sdm_regs_read(regs, SDM_REG_RX_HEAD);
		if (!(head & SDM_RX_VALID))
			return false;
		msg.source = SDM_RX_SOURCE(head);
		msg.signal = SDM_RX_SIGNAL(head);
		if (head & SDM_RX_HAS_DATA) {
			msg.payload[0] =
				sdm_regs_read64(regs, SDM_REG_RX_DATA0_LO);
			msg.payload[1] =
				sdm_regs_read64(regs, SDM_REG_RX_DATA1_LO);
		}
		sdm_receive(regs->sdm, &msg);
		/*
		 * Who waits until it is taken may change what was read on its
		 * behalf: all loads come before this store.
		 */
		mb();
		sdm_regs_write(regs, SDM_REG_RX_POP, 0);
	}

	return true;
}

/* Takes over from the interrupt under a flood, at the pace of a work item. */
static void sdm_regs_rx_work(struct work_struct *work)
{
	struct sdm_regs *regs = container_of(work, struct sdm_regs, rx_work);

	if (sdm_regs_receive(regs, SDM_REGS_BUDGET))
		schedule_work(&regs->rx_work);
	else
		sdm_regs_irq_update(regs, 0, SDM_IRQ_RX);
}

/*
 * Serves one bitmap over the IDs. All words, not only those that belong to
 * valid IDs: a bit that stays set would keep the interrupt active. Clear, then
 * tell: what happens after the clearing sets the bit again.
 */
static void sdm_regs_bitmap(struct sdm_regs *regs, u32 reg,
			    void (*tell)(struct sdm_device *sdm, u32 id))
{
	unsigned long bits;
	unsigned int bit;
	u32 id;

	for (id = 0; id < SDM_MAX_IDS; id += 32, reg += sizeof(u32)) {
		bits = sdm_regs_read(regs, reg);
		if (!bits)
			continue;
		sdm_regs_write(regs, reg, bits);
		for_each_set_bit(bit, &bits, 32)
			tell(regs->sdm, id + bit);
	}
}

/* Signals that peers have taken. Clear, then tell. */
static void sdm_regs_taken(struct sdm_regs *regs)
{
	unsigned long ids;
	unsigned int bit;
	u64 signals;
	u32 id, reg;

	for (id = 0; id < SDM_MAX_IDS; id += 32) {
		ids = sdm_regs_read(regs, SDM_REG_TX_TAKEN(id));
		for_each_set_bit(bit, &ids, 32) {
			reg = SDM_REG_PEER(id + bit, SDM_PEER_TAKEN_LO);
			signals = sdm_regs_read64(regs, reg);
			sdm_regs_write64(regs, reg, signals);
			sdm_taken(regs->sdm, id + bit, signals);
		}
	}
}

static void sdm_regs_report_error(struct sdm_regs *regs)
{
	u32 status = sdm_regs_read(regs, SDM_REG_ERR_STATUS);
	u64 offset = sdm_regs_read64(regs, SDM_REG_ERR_OFFSET_LO);

	/* From now on it latches the next one. */
	sdm_regs_write(regs, SDM_REG_ERR_STATUS, 0);
	if (status & SDM_ERR_VALID)
		sdm_window_error(regs->sdm, status, offset);
}

static irqreturn_t sdm_regs_irq(int irq, void *data)
{
	struct sdm_regs *regs = data;
	u32 status;

	/* The status tells masked causes as well. */
	status = sdm_regs_read(regs, SDM_REG_IRQ_STATUS) &
		 READ_ONCE(regs->irq_enable);
	if (!status)
		return IRQ_NONE;

	if (status & SDM_IRQ_RX && sdm_regs_receive(regs, SDM_REGS_BUDGET)) {
		sdm_regs_irq_update(regs, SDM_IRQ_RX, 0);
		schedule_work(&regs->rx_work);
	}
	if (status & SDM_IRQ_TX_FREE)
		sdm_regs_bitmap(regs, SDM_REG_TX_FREE(0), sdm_tx_free);
	if (status & SDM_IRQ_TX_TAKEN)
		sdm_regs_taken(regs);
	if (status & SDM_IRQ_PEER)
		sdm_regs_bitmap(regs, SDM_REG_PEER_CHANGED(0), sdm_peer_event);
	if (status & SDM_IRQ_ERROR)
		sdm_regs_report_error(regs);
	if (status & SDM_IRQ_DMA && regs->dma)
		sdm_dma_interrupt(regs->dma);
	/* What came since the status was read: have another one sent. */
	if (regs->message)
		sdm_regs_irq_update(regs, 0, 0);

	return IRQ_HANDLED;
}

static void sdm_regs_enable(struct sdm_device *sdm, bool on)
{
	struct sdm_regs *regs = sdm->priv;

	if (on && regs->dma)
		sdm_dma_enable(regs->dma, true);

	spin_lock_irq(&regs->irq_lock);
	regs->enabled = on;
	WRITE_ONCE(regs->irq_enable, on ? SDM_IRQ_ALL : 0);
	sdm_regs_write(regs, SDM_REG_IRQ_ENABLE, regs->irq_enable);
	sdm_regs_write(regs, SDM_REG_CONTROL, on ? SDM_CTRL_ENABLE : 0);
	spin_unlock_irq(&regs->irq_lock);

	if (!on) {
		synchronize_irq(regs->irq);
		cancel_work_sync(&regs->rx_work);
		if (regs->dma)
			sdm_dma_enable(regs->dma, false);
	}
}

static u32 sdm_regs_ring(struct sdm_regs *regs, u32 dest, u32 signal,
			 const u64 *payload)
{
	static const u32 halves[] = {
		SDM_REG_TX_DATA0_LO,
		SDM_REG_TX_DATA0_HI,
		SDM_REG_TX_DATA1_LO,
		SDM_REG_TX_DATA1_HI,
	};
	unsigned int i;

	lockdep_assert_held(&regs->tx_lock);

	/* The registers are zero: each doorbell clears them. */
	for (i = 0; i < ARRAY_SIZE(halves); i++) {
		u32 half = i % 2 ? upper_32_bits(payload[i / 2]) :
				   lower_32_bits(payload[i / 2]);

		if (half)
			sdm_regs_write(regs, halves[i], half);
	}
	sdm_regs_write(regs, SDM_REG_TX_DOORBELL,
		       SDM_TX_DOORBELL(dest, signal));

	return sdm_regs_read(regs, SDM_REG_TX_STATUS);
}

static int sdm_regs_send(struct sdm_device *sdm, u32 dest, u32 signal,
			 const u64 *payload)
{
	struct sdm_regs *regs = sdm->priv;
	unsigned long flags;
	u32 result;

	if (oops_in_progress) {
		/* The holder of the lock may be stopped for ever. */
		if (!spin_trylock_irqsave(&regs->tx_lock, flags))
			return -EAGAIN;
		result = sdm_regs_ring(regs, dest, signal, payload);
		spin_unlock_irqrestore(&regs->tx_lock, flags);
	} else {
		spin_lock_irqsave(&regs->tx_lock, flags);
		result = sdm_regs_ring(regs, dest, signal, payload);
		spin_unlock_irqrestore(&regs->tx_lock, flags);
	}

	switch (result) {
	case SDM_TX_OK:
		return 0;
	case SDM_TX_BUSY:
		return -EAGAIN;
	case SDM_TX_NO_LINK:
		return -ENOLINK;
	case SDM_TX_NO_PEER:
	case SDM_TX_NO_SIGNAL:
		return -ENOENT;
	default:
		return -EIO;
	}
}

static void sdm_regs_read_info(struct sdm_device *sdm, struct sdm_hw_info *info)
{
	struct sdm_regs *regs = sdm->priv;

	info->id = sdm_regs_read(regs, SDM_REG_ID);
	info->num_ids = sdm_regs_read(regs, SDM_REG_NUM_IDS);
	info->error_count = sdm_regs_read(regs, SDM_REG_ERR_COUNT);
}

static void sdm_regs_read_link(struct sdm_device *sdm, u32 id,
			       struct sdm_link *link)
{
	struct sdm_regs *regs = sdm->priv;
	u32 state;

	/* The generation last: it tells if what was read before is one. */
	state = sdm_regs_read(regs, SDM_REG_PEER(id, SDM_PEER_STATE));
	link->state = state & SDM_PEER_STATE_MASK;
	link->flags = state & (SDM_PEER_STATE_DRIVER | SDM_PEER_STATE_SELF);
	link->generation =
		sdm_regs_read(regs, SDM_REG_PEER(id, SDM_PEER_GENERATION));
}

static void sdm_regs_read_peer(struct sdm_device *sdm, u32 id,
			       struct sdm_peer_status *status)
{
	struct sdm_regs *regs = sdm->priv;
	struct sdm_link before;
	unsigned int tries = 3;
	u32 flags;

#define SDM_REGS_PEER(field) SDM_REG_PEER(id, SDM_PEER_##field)
	/* All of one connection, or the latest if they come that fast. */
	do {
		sdm_regs_read_link(sdm, id, &before);
		status->num_signals =
			sdm_regs_read(regs, SDM_REGS_PEER(NUM_SIGNALS));
		status->boot_signal =
			sdm_regs_read(regs, SDM_REGS_PEER(BOOT_SIGNAL));
		status->reset_signal =
			sdm_regs_read(regs, SDM_REGS_PEER(RESET_SIGNAL));
		status->arch = sdm_regs_read(regs, SDM_REGS_PEER(ARCH));
		status->cpus = sdm_regs_read(regs, SDM_REGS_PEER(CPUS));
		status->credits = sdm_regs_read(regs, SDM_REGS_PEER(CREDITS));
		status->action = sdm_regs_read(regs, SDM_REGS_PEER(ACTION));
		status->mem_offset =
			sdm_regs_read64(regs, SDM_REGS_PEER(MEM_OFFSET_LO));
		status->mem_size =
			sdm_regs_read64(regs, SDM_REGS_PEER(MEM_SIZE_LO));
		status->mem_base =
			sdm_regs_read64(regs, SDM_REGS_PEER(MEM_BASE_LO));
		flags = sdm_regs_read(regs, SDM_REGS_PEER(MEM_FLAGS));
		status->mem_mapped = flags & SDM_PEER_MEM_MAPPED;
		status->mem_coherent = SDM_PEER_MEM_COHERENT(flags);
		sdm_regs_read_link(sdm, id, &status->link);
	} while (before.generation != status->link.generation && --tries);
#undef SDM_REGS_PEER
}

static void sdm_regs_report(struct sdm_device *sdm, u32 id, u64 signals)
{
	sdm_regs_write64(sdm->priv, SDM_REG_PEER(id, SDM_PEER_REPORT_LO),
			 signals);
}

static u32 sdm_regs_read_errors(struct sdm_device *sdm, u32 id)
{
	return sdm_regs_read(sdm->priv, SDM_REG_PEER(id, SDM_PEER_ERRORS));
}

static int sdm_regs_transfer(struct sdm_device *sdm,
			     struct sdm_transfer *transfer)
{
	struct sdm_regs *regs = sdm->priv;

	return regs->dma ? sdm_dma_submit(regs->dma, transfer) : -EOPNOTSUPP;
}

static const struct sdm_ops sdm_regs_ops = {
	.enable = sdm_regs_enable,
	.send = sdm_regs_send,
	.read_info = sdm_regs_read_info,
	.read_link = sdm_regs_read_link,
	.read_peer = sdm_regs_read_peer,
	.read_errors = sdm_regs_read_errors,
	.report = sdm_regs_report,
	.transfer = sdm_regs_transfer,
};

static void sdm_regs_read_caps(const struct sdm_regs *regs,
			       struct sdm_caps *caps)
{
	caps->version = sdm_regs_read(regs, SDM_REG_VERSION);
	caps->features = sdm_regs_read(regs, SDM_REG_FEATURES);
	caps->num_signals = sdm_regs_read(regs, SDM_REG_NUM_SIGNALS);
	caps->master = sdm_regs_read(regs, SDM_REG_STATUS) & SDM_STATUS_MASTER;
	if (caps->features & SDM_FEAT_WINDOW) {
		caps->window_base =
			sdm_regs_read64(regs, SDM_REG_WINDOW_BASE_LO);
		caps->window_size =
			sdm_regs_read64(regs, SDM_REG_WINDOW_SIZE_LO);
	}
}

/* Without the engine all that it does is done by plain accesses. */
static void sdm_regs_add_dma(struct sdm_regs *regs, struct device *dev)
{
	struct sdm_caps *caps = &regs->sdm->caps;
	struct sdm_dma *dma;

	if (!(caps->features & SDM_FEAT_DMA))
		return;

	dma = devm_sdm_dma_create(dev, regs->base);
	if (IS_ERR(dma)) {
		dev_warn(dev, "no bulk transfers: error %ld\n", PTR_ERR(dma));
		return;
	}
	regs->dma = dma;
	caps->transfer_align = sdm_dma_alignment(dma);
}

/* Its bus knows better than the device where the window is. */
static void sdm_regs_place_window(struct sdm_caps *caps,
				  const struct resource *window)
{
	if (!window || !caps->window_size)
		return;
	caps->window_base = window->start;
	caps->window_size = min_t(u64, caps->window_size, resource_size(window));
}

/**
 * devm_sdm_regs_register() - register a device that has the registers of an SDM
 * @dev: device of the hardware driver, whose drvdata is taken
 * @hw: what its bus knows of it
 *
 * Return: 0 or a negative errno; the error has been told.
 */
int devm_sdm_regs_register(struct device *dev, const struct sdm_regs_hw *hw)
{
	struct sdm_regs *regs;
	u32 version;
	int ret;

	regs = devm_kzalloc(dev, sizeof(*regs), GFP_KERNEL);
	if (!regs)
		return -ENOMEM;
	regs->base = hw->base;
	regs->irq = hw->irq;
	regs->message = hw->message;

	if (sdm_regs_read(regs, SDM_REG_MAGIC) != SDM_MAGIC)
		return dev_err_probe(dev, -ENODEV, "this is no SDM\n");
	version = sdm_regs_read(regs, SDM_REG_VERSION);
	if (SDM_VERSION_GET_MAJOR(version) != SDM_VERSION_MAJOR)
		return dev_err_probe(dev, -ENODEV,
				     "unknown version %#x of the device\n",
				     version);

	regs->sdm = devm_sdm_device_alloc(dev, &sdm_regs_ops, regs);
	if (IS_ERR(regs->sdm))
		return PTR_ERR(regs->sdm);
	sdm_regs_read_caps(regs, &regs->sdm->caps);
	sdm_regs_place_window(&regs->sdm->caps, hw->window);

	spin_lock_init(&regs->irq_lock);
	spin_lock_init(&regs->tx_lock);
	INIT_WORK(&regs->rx_work, sdm_regs_rx_work);
	dev_set_drvdata(dev, regs);

	/* Drops signals for whoever was here before, masks interrupts. */
	sdm_regs_write(regs, SDM_REG_CONTROL, SDM_CTRL_RESET);
	sdm_regs_add_dma(regs, dev);

	ret = devm_request_irq(dev, regs->irq, sdm_regs_irq,
			       regs->message ? 0 : IRQF_SHARED, dev_name(dev),
			       regs);
	if (ret)
		return dev_err_probe(dev, ret, "cannot get the interrupt\n");

	ret = devm_sdm_device_register(dev, regs->sdm);
	if (ret)
		return dev_err_probe(dev, ret, "cannot register the device\n");

	return 0;
}
EXPORT_SYMBOL_GPL(devm_sdm_regs_register);

/**
 * sdm_regs_shutdown() - the system goes down
 * @dev: device of the hardware driver
 *
 * Peers must not believe that a driver serves the device any more.
 */
void sdm_regs_shutdown(struct device *dev)
{
	struct sdm_regs *regs = dev_get_drvdata(dev);

	sdm_regs_enable(regs->sdm, false);
}
EXPORT_SYMBOL_GPL(sdm_regs_shutdown);

static int sdm_regs_suspend(struct device *dev)
{
	struct sdm_regs *regs = dev_get_drvdata(dev);

	sdm_regs_enable(regs->sdm, false);

	return 0;
}

static int sdm_regs_resume(struct device *dev)
{
	struct sdm_regs *regs = dev_get_drvdata(dev);

	sdm_regs_enable(regs->sdm, true);

	return 0;
}

EXPORT_GPL_SIMPLE_DEV_PM_OPS(sdm_regs_pm_ops, sdm_regs_suspend,
			     sdm_regs_resume);
