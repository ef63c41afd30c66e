// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM in memory-mapped registers with one interrupt, as QEMU's sdm-platform.
 * The registers are those of <sdm/sdm-regs.h>; Documentation/device.rst
 * describes them.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "dma.h"
#include "sdm.h"

/* Signals taken in one interrupt; what is left is for the work item. */
#define SDM_PLAT_BUDGET 64

/**
 * struct sdm_plat - the driver's data
 * @sdm: the device, as the core knows it
 * @regs: registers
 * @irq: interrupt
 * @dma: bulk transfer engine, NULL if there is none
 * @irq_lock: protects @irq_enable and the register that follows it
 * @irq_enable: causes that are ours to serve in the interrupt
 * @enabled: interrupts may be enabled; under @irq_lock
 * @rx_work: takes signals while the interrupt does not
 * @tx_lock: makes one of payload, doorbell and result
 */
struct sdm_plat {
	struct sdm_device *sdm;
	void __iomem *regs;
	int irq;
	struct sdm_dma *dma;

	spinlock_t irq_lock; /* see above */
	u32 irq_enable;
	bool enabled;
	struct work_struct rx_work;

	spinlock_t tx_lock; /* see above */
};

static u32 sdm_plat_read(const struct sdm_plat *plat, u32 reg)
{
	return readl(plat->regs + reg);
}

/* A pair of registers, the lower half at @reg. */
static u64 sdm_plat_read64(const struct sdm_plat *plat, u32 reg)
{
	u64 low = readl(plat->regs + reg);

	return low | (u64)readl(plat->regs + reg + 4) << 32;
}

static void sdm_plat_write(const struct sdm_plat *plat, u32 reg, u32 value)
{
	writel(value, plat->regs + reg);
}

static void sdm_plat_write64(const struct sdm_plat *plat, u32 reg, u64 value)
{
	sdm_plat_write(plat, reg, lower_32_bits(value));
	sdm_plat_write(plat, reg + sizeof(u32), upper_32_bits(value));
}

/* Changes the enabled interrupts, unless the device is disabled. */
static void sdm_plat_irq_update(struct sdm_plat *plat, u32 clear, u32 set)
{
	unsigned long flags;

	spin_lock_irqsave(&plat->irq_lock, flags);
	if (plat->enabled) {
		WRITE_ONCE(plat->irq_enable, (plat->irq_enable & ~clear) | set);
		sdm_plat_write(plat, SDM_REG_IRQ_ENABLE, plat->irq_enable);
	}
	spin_unlock_irqrestore(&plat->irq_lock, flags);
}

/* Takes up to @budget signals. Returns false when there are no more. */
static bool sdm_plat_receive(struct sdm_plat *plat, unsigned int budget)
{
	u32 head;

	while (budget--) {
		struct sdm_msg msg = {};

		/* readl() orders what the sender wrote before its doorbell. */
		head = sdm_plat_read(plat, SDM_REG_RX_HEAD);
		if (!(head & SDM_RX_VALID))
			return false;
		msg.source = SDM_RX_SOURCE(head);
		msg.signal = SDM_RX_SIGNAL(head);
		if (head & SDM_RX_HAS_DATA) {
			msg.payload[0] =
				sdm_plat_read64(plat, SDM_REG_RX_DATA0_LO);
			msg.payload[1] =
				sdm_plat_read64(plat, SDM_REG_RX_DATA1_LO);
		}
		sdm_receive(plat->sdm, &msg);
		/*
		 * Who waits until it is taken may change what was read on its
		 * behalf: all loads come before this store.
		 */
		mb();
		sdm_plat_write(plat, SDM_REG_RX_POP, 0);
	}

	return true;
}

/* Takes over from the interrupt under a flood, at the pace of a work item. */
static void sdm_plat_rx_work(struct work_struct *work)
{
	struct sdm_plat *plat = container_of(work, struct sdm_plat, rx_work);

	if (sdm_plat_receive(plat, SDM_PLAT_BUDGET))
		schedule_work(&plat->rx_work);
	else
		sdm_plat_irq_update(plat, 0, SDM_IRQ_RX);
}

/*
 * Serves one bitmap over the IDs. All words, not only those that belong to
 * valid IDs: a bit that stays set would keep the interrupt active. Clear, then
 * tell: what happens after the clearing sets the bit again.
 */
static void sdm_plat_bitmap(struct sdm_plat *plat, u32 reg,
			    void (*tell)(struct sdm_device *sdm, u32 id))
{
	unsigned long bits;
	unsigned int bit;
	u32 id;

	for (id = 0; id < SDM_MAX_IDS; id += 32, reg += sizeof(u32)) {
		bits = sdm_plat_read(plat, reg);
		if (!bits)
			continue;
		sdm_plat_write(plat, reg, bits);
		for_each_set_bit(bit, &bits, 32)
			tell(plat->sdm, id + bit);
	}
}

/* Signals that peers have taken. Clear, then tell. */
static void sdm_plat_taken(struct sdm_plat *plat)
{
	unsigned long ids;
	unsigned int bit;
	u64 signals;
	u32 id, reg;

	for (id = 0; id < SDM_MAX_IDS; id += 32) {
		ids = sdm_plat_read(plat, SDM_REG_TX_TAKEN(id));
		for_each_set_bit(bit, &ids, 32) {
			reg = SDM_REG_PEER(id + bit, SDM_PEER_TAKEN_LO);
			signals = sdm_plat_read64(plat, reg);
			sdm_plat_write64(plat, reg, signals);
			sdm_taken(plat->sdm, id + bit, signals);
		}
	}
}

static void sdm_plat_report_error(struct sdm_plat *plat)
{
	u32 status = sdm_plat_read(plat, SDM_REG_ERR_STATUS);
	u64 offset = sdm_plat_read64(plat, SDM_REG_ERR_OFFSET_LO);

	/* From now on it latches the next one. */
	sdm_plat_write(plat, SDM_REG_ERR_STATUS, 0);
	if (status & SDM_ERR_VALID)
		sdm_window_error(plat->sdm, status, offset);
}

static irqreturn_t sdm_plat_irq(int irq, void *data)
{
	struct sdm_plat *plat = data;
	u32 status;

	/* The status tells masked causes as well. */
	status = sdm_plat_read(plat, SDM_REG_IRQ_STATUS) &
		 READ_ONCE(plat->irq_enable);
	if (!status)
		return IRQ_NONE;

	if (status & SDM_IRQ_RX && sdm_plat_receive(plat, SDM_PLAT_BUDGET)) {
		sdm_plat_irq_update(plat, SDM_IRQ_RX, 0);
		schedule_work(&plat->rx_work);
	}
	if (status & SDM_IRQ_TX_FREE)
		sdm_plat_bitmap(plat, SDM_REG_TX_FREE(0), sdm_tx_free);
	if (status & SDM_IRQ_TX_TAKEN)
		sdm_plat_taken(plat);
	if (status & SDM_IRQ_PEER)
		sdm_plat_bitmap(plat, SDM_REG_PEER_CHANGED(0), sdm_peer_event);
	if (status & SDM_IRQ_ERROR)
		sdm_plat_report_error(plat);
	if (status & SDM_IRQ_DMA && plat->dma)
		sdm_dma_interrupt(plat->dma);

	return IRQ_HANDLED;
}

static void sdm_plat_enable(struct sdm_device *sdm, bool on)
{
	struct sdm_plat *plat = sdm->priv;

	if (on && plat->dma)
		sdm_dma_enable(plat->dma, true);

	spin_lock_irq(&plat->irq_lock);
	plat->enabled = on;
	WRITE_ONCE(plat->irq_enable, on ? SDM_IRQ_ALL : 0);
	sdm_plat_write(plat, SDM_REG_IRQ_ENABLE, plat->irq_enable);
	sdm_plat_write(plat, SDM_REG_CONTROL, on ? SDM_CTRL_ENABLE : 0);
	spin_unlock_irq(&plat->irq_lock);

	if (!on) {
		synchronize_irq(plat->irq);
		cancel_work_sync(&plat->rx_work);
		if (plat->dma)
			sdm_dma_enable(plat->dma, false);
	}
}

static u32 sdm_plat_ring(struct sdm_plat *plat, u32 dest, u32 signal,
			 const u64 *payload)
{
	static const u32 regs[] = {
		SDM_REG_TX_DATA0_LO,
		SDM_REG_TX_DATA0_HI,
		SDM_REG_TX_DATA1_LO,
		SDM_REG_TX_DATA1_HI,
	};
	unsigned int i;

	lockdep_assert_held(&plat->tx_lock);

	/* The registers are zero: each doorbell clears them. */
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		u32 half = i % 2 ? upper_32_bits(payload[i / 2]) :
				   lower_32_bits(payload[i / 2]);

		if (half)
			sdm_plat_write(plat, regs[i], half);
	}
	sdm_plat_write(plat, SDM_REG_TX_DOORBELL,
		       SDM_TX_DOORBELL(dest, signal));

	return sdm_plat_read(plat, SDM_REG_TX_STATUS);
}

static int sdm_plat_send(struct sdm_device *sdm, u32 dest, u32 signal,
			 const u64 *payload)
{
	struct sdm_plat *plat = sdm->priv;
	unsigned long flags;
	u32 result;

	if (oops_in_progress) {
		/* The holder of the lock may be stopped for ever. */
		if (!spin_trylock_irqsave(&plat->tx_lock, flags))
			return -EAGAIN;
		result = sdm_plat_ring(plat, dest, signal, payload);
		spin_unlock_irqrestore(&plat->tx_lock, flags);
	} else {
		spin_lock_irqsave(&plat->tx_lock, flags);
		result = sdm_plat_ring(plat, dest, signal, payload);
		spin_unlock_irqrestore(&plat->tx_lock, flags);
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

static void sdm_plat_read_info(struct sdm_device *sdm, struct sdm_hw_info *info)
{
	struct sdm_plat *plat = sdm->priv;

	info->id = sdm_plat_read(plat, SDM_REG_ID);
	info->num_ids = sdm_plat_read(plat, SDM_REG_NUM_IDS);
	info->error_count = sdm_plat_read(plat, SDM_REG_ERR_COUNT);
}

static void sdm_plat_read_link(struct sdm_device *sdm, u32 id,
			       struct sdm_link *link)
{
	struct sdm_plat *plat = sdm->priv;
	u32 state;

	/* The generation last: it tells if what was read before is one. */
	state = sdm_plat_read(plat, SDM_REG_PEER(id, SDM_PEER_STATE));
	link->state = state & SDM_PEER_STATE_MASK;
	link->flags = state & (SDM_PEER_STATE_DRIVER | SDM_PEER_STATE_SELF);
	link->generation =
		sdm_plat_read(plat, SDM_REG_PEER(id, SDM_PEER_GENERATION));
}

static void sdm_plat_read_peer(struct sdm_device *sdm, u32 id,
			       struct sdm_peer_status *status)
{
	struct sdm_plat *plat = sdm->priv;
	struct sdm_link before;
	unsigned int tries = 3;
	u32 flags;

#define SDM_PLAT_PEER(field) SDM_REG_PEER(id, SDM_PEER_##field)
	/* All of one connection, or the latest if they come that fast. */
	do {
		sdm_plat_read_link(sdm, id, &before);
		status->num_signals =
			sdm_plat_read(plat, SDM_PLAT_PEER(NUM_SIGNALS));
		status->boot_signal =
			sdm_plat_read(plat, SDM_PLAT_PEER(BOOT_SIGNAL));
		status->reset_signal =
			sdm_plat_read(plat, SDM_PLAT_PEER(RESET_SIGNAL));
		status->arch = sdm_plat_read(plat, SDM_PLAT_PEER(ARCH));
		status->credits = sdm_plat_read(plat, SDM_PLAT_PEER(CREDITS));
		status->action = sdm_plat_read(plat, SDM_PLAT_PEER(ACTION));
		status->mem_offset =
			sdm_plat_read64(plat, SDM_PLAT_PEER(MEM_OFFSET_LO));
		status->mem_size =
			sdm_plat_read64(plat, SDM_PLAT_PEER(MEM_SIZE_LO));
		status->mem_base =
			sdm_plat_read64(plat, SDM_PLAT_PEER(MEM_BASE_LO));
		flags = sdm_plat_read(plat, SDM_PLAT_PEER(MEM_FLAGS));
		status->mem_mapped = flags & SDM_PEER_MEM_MAPPED;
		status->mem_coherent = SDM_PEER_MEM_COHERENT(flags);
		sdm_plat_read_link(sdm, id, &status->link);
	} while (before.generation != status->link.generation && --tries);
#undef SDM_PLAT_PEER
}

static void sdm_plat_report(struct sdm_device *sdm, u32 id, u64 signals)
{
	sdm_plat_write64(sdm->priv, SDM_REG_PEER(id, SDM_PEER_REPORT_LO),
			 signals);
}

static u32 sdm_plat_read_errors(struct sdm_device *sdm, u32 id)
{
	return sdm_plat_read(sdm->priv, SDM_REG_PEER(id, SDM_PEER_ERRORS));
}

static int sdm_plat_transfer(struct sdm_device *sdm,
			     struct sdm_transfer *transfer)
{
	struct sdm_plat *plat = sdm->priv;

	return plat->dma ? sdm_dma_submit(plat->dma, transfer) : -EOPNOTSUPP;
}

static const struct sdm_ops sdm_plat_ops = {
	.enable = sdm_plat_enable,
	.send = sdm_plat_send,
	.read_info = sdm_plat_read_info,
	.read_link = sdm_plat_read_link,
	.read_peer = sdm_plat_read_peer,
	.read_errors = sdm_plat_read_errors,
	.report = sdm_plat_report,
	.transfer = sdm_plat_transfer,
};

static void sdm_plat_read_caps(const struct sdm_plat *plat,
			       struct sdm_caps *caps)
{
	caps->version = sdm_plat_read(plat, SDM_REG_VERSION);
	caps->features = sdm_plat_read(plat, SDM_REG_FEATURES);
	caps->num_signals = sdm_plat_read(plat, SDM_REG_NUM_SIGNALS);
	caps->master = sdm_plat_read(plat, SDM_REG_STATUS) & SDM_STATUS_MASTER;
	if (caps->features & SDM_FEAT_WINDOW) {
		caps->window_base =
			sdm_plat_read64(plat, SDM_REG_WINDOW_BASE_LO);
		caps->window_size =
			sdm_plat_read64(plat, SDM_REG_WINDOW_SIZE_LO);
	}
}

/* Without the engine all that it does is done by plain accesses. */
static void sdm_plat_add_dma(struct sdm_plat *plat, struct device *dev)
{
	struct sdm_caps *caps = &plat->sdm->caps;
	struct sdm_dma *dma;

	if (!(caps->features & SDM_FEAT_DMA))
		return;

	dma = devm_sdm_dma_create(dev, plat->regs);
	if (IS_ERR(dma)) {
		dev_warn(dev, "no bulk transfers: error %ld\n", PTR_ERR(dma));
		return;
	}
	plat->dma = dma;
	caps->transfer_align = sdm_dma_alignment(dma);
}

static int sdm_plat_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct sdm_plat *plat;
	struct resource *res;
	u32 version;
	int ret;

	plat = devm_kzalloc(dev, sizeof(*plat), GFP_KERNEL);
	if (!plat)
		return -ENOMEM;

	plat->regs = devm_platform_get_and_ioremap_resource(pdev, 0, &res);
	if (IS_ERR(plat->regs))
		return PTR_ERR(plat->regs);
	if (resource_size(res) < SDM_REGS_SIZE)
		return dev_err_probe(dev, -EINVAL,
				     "registers %pR are too small\n", res);

	if (sdm_plat_read(plat, SDM_REG_MAGIC) != SDM_MAGIC)
		return dev_err_probe(dev, -ENODEV, "no SDM at %pR\n", res);
	version = sdm_plat_read(plat, SDM_REG_VERSION);
	if (SDM_VERSION_GET_MAJOR(version) != SDM_VERSION_MAJOR)
		return dev_err_probe(dev, -ENODEV,
				     "unknown version %#x of the device\n",
				     version);

	plat->irq = platform_get_irq(pdev, 0);
	if (plat->irq < 0)
		return plat->irq;

	plat->sdm = devm_sdm_device_alloc(dev, &sdm_plat_ops, plat);
	if (IS_ERR(plat->sdm))
		return PTR_ERR(plat->sdm);
	sdm_plat_read_caps(plat, &plat->sdm->caps);

	spin_lock_init(&plat->irq_lock);
	spin_lock_init(&plat->tx_lock);
	INIT_WORK(&plat->rx_work, sdm_plat_rx_work);
	platform_set_drvdata(pdev, plat);

	/* Drops signals for whoever was here before, masks interrupts. */
	sdm_plat_write(plat, SDM_REG_CONTROL, SDM_CTRL_RESET);
	sdm_plat_add_dma(plat, dev);

	ret = devm_request_irq(dev, plat->irq, sdm_plat_irq, IRQF_SHARED,
			       dev_name(dev), plat);
	if (ret)
		return dev_err_probe(dev, ret, "cannot get the interrupt\n");

	ret = devm_sdm_device_register(dev, plat->sdm);
	if (ret)
		return dev_err_probe(dev, ret, "cannot register the device\n");

	return 0;
}

/* Peers must not believe that a driver serves the device any more. */
static void sdm_plat_shutdown(struct platform_device *pdev)
{
	struct sdm_plat *plat = platform_get_drvdata(pdev);

	sdm_plat_enable(plat->sdm, false);
}

static int sdm_plat_suspend(struct device *dev)
{
	struct sdm_plat *plat = dev_get_drvdata(dev);

	sdm_plat_enable(plat->sdm, false);

	return 0;
}

static int sdm_plat_resume(struct device *dev)
{
	struct sdm_plat *plat = dev_get_drvdata(dev);

	sdm_plat_enable(plat->sdm, true);

	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(sdm_plat_pm_ops, sdm_plat_suspend,
				sdm_plat_resume);

static const struct of_device_id sdm_plat_of_match[] = {
	{ .compatible = SDM_DT_COMPATIBLE },
	{}
};
MODULE_DEVICE_TABLE(of, sdm_plat_of_match);

static struct platform_driver sdm_plat_driver = {
	.probe = sdm_plat_probe,
	.shutdown = sdm_plat_shutdown,
	.driver = {
		.name = "sdm-platform",
		.of_match_table = sdm_plat_of_match,
		.pm = pm_sleep_ptr(&sdm_plat_pm_ops),
	},
};
module_platform_driver(sdm_plat_driver);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module, memory-mapped");
MODULE_LICENSE("GPL");
