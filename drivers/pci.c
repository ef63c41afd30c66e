// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM as a PCI device, as QEMU's sdm-pci. <sdm/sdm-pci.h> tells how it is found.
 */

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/pci.h>

#include <sdm/sdm-pci.h>
#include <sdm/sdm-regs.h>
#include <sdm/sdm-release.h>

#include "regs.h"

static int sdm_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct resource *res = &pdev->resource[SDM_PCI_BAR_REGS];
	struct device *dev = &pdev->dev;
	struct sdm_regs_hw hw = {};
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(dev, ret, "cannot be enabled\n");

	if (resource_size(res) < SDM_REGS_SIZE)
		return dev_err_probe(dev, -ENODEV,
				     "registers %pR are too small\n", res);
	hw.base = devm_ioremap_resource(dev, res);
	if (IS_ERR(hw.base))
		return PTR_ERR(hw.base);

	if (pci_resource_len(pdev, SDM_PCI_BAR_WINDOW))
		hw.window = &pdev->resource[SDM_PCI_BAR_WINDOW];

	/* Transfers and messages. Freed with the device. */
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, SDM_PCI_NUM_VECTORS,
				    PCI_IRQ_ALL_TYPES);
	if (ret < 0)
		return dev_err_probe(dev, ret, "no interrupt\n");
	hw.irq = pci_irq_vector(pdev, 0);
	hw.message = pci_dev_msi_enabled(pdev);

	return devm_sdm_regs_register(dev, &hw);
}

static void sdm_pci_shutdown(struct pci_dev *pdev)
{
	sdm_regs_shutdown(&pdev->dev);
}

static const struct pci_device_id sdm_pci_ids[] = {
	{ PCI_DEVICE(SDM_PCI_VENDOR_ID, SDM_PCI_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, sdm_pci_ids);

static struct pci_driver sdm_pci_driver = {
	.name = "sdm-pci",
	.id_table = sdm_pci_ids,
	.probe = sdm_pci_probe,
	.shutdown = sdm_pci_shutdown,
	.driver = {
		.pm = pm_sleep_ptr(&sdm_regs_pm_ops),
	},
};
module_pci_driver(sdm_pci_driver);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module, PCI");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
