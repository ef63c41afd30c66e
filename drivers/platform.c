// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM in memory-mapped registers with one interrupt, as QEMU's sdm-platform.
 */

#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include <sdm/sdm-regs.h>
#include <sdm/sdm-release.h>

#include "regs.h"

static int sdm_plat_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct sdm_regs_hw hw = {};
	struct resource *res;

	hw.base = devm_platform_get_and_ioremap_resource(pdev, 0, &res);
	if (IS_ERR(hw.base))
		return PTR_ERR(hw.base);
	if (resource_size(res) < SDM_REGS_SIZE)
		return dev_err_probe(dev, -EINVAL,
				     "registers %pR are too small\n", res);

	hw.irq = platform_get_irq(pdev, 0);
	if (hw.irq < 0)
		return hw.irq;

	return devm_sdm_regs_register(dev, &hw);
}

static void sdm_plat_shutdown(struct platform_device *pdev)
{
	sdm_regs_shutdown(&pdev->dev);
}

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
		.pm = pm_sleep_ptr(&sdm_regs_pm_ops),
	},
};
module_platform_driver(sdm_plat_driver);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module, memory-mapped");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
