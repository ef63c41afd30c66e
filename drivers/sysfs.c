// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: attributes of devices.
 */

#include <linux/sysfs.h>

#include "core.h"

static struct sdm_device *to_sdm_device(struct device *dev)
{
	return container_of(dev, struct sdm_device, dev);
}

static ssize_t role_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", to_sdm_device(dev)->caps.master ?
			  "master" : "slave");
}
static DEVICE_ATTR_RO(role);

static ssize_t id_show(struct device *dev, struct device_attribute *attr,
		       char *buf)
{
	struct sdm_hw_info info;
	int ret;

	ret = sdm_get_info(to_sdm_device(dev), &info);
	if (ret)
		return ret;

	return info.id == SDM_ID_NONE ? sysfs_emit(buf, "none\n") :
					sysfs_emit(buf, "%u\n", info.id);
}
static DEVICE_ATTR_RO(id);

static ssize_t num_ids_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct sdm_hw_info info;
	int ret;

	ret = sdm_get_info(to_sdm_device(dev), &info);

	return ret ? ret : sysfs_emit(buf, "%u\n", info.num_ids);
}
static DEVICE_ATTR_RO(num_ids);

static ssize_t num_signals_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_sdm_device(dev)->caps.num_signals);
}
static DEVICE_ATTR_RO(num_signals);

static ssize_t window_base_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", to_sdm_device(dev)->caps.window_base);
}
static DEVICE_ATTR_RO(window_base);

static ssize_t window_size_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", to_sdm_device(dev)->caps.window_size);
}
static DEVICE_ATTR_RO(window_size);

static ssize_t window_errors_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct sdm_hw_info info;
	int ret;

	ret = sdm_get_info(to_sdm_device(dev), &info);

	return ret ? ret : sysfs_emit(buf, "%u\n", info.error_count);
}
static DEVICE_ATTR_RO(window_errors);

static ssize_t unclaimed_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", (unsigned long long)
			  atomic64_read(&to_sdm_device(dev)->unclaimed));
}
static DEVICE_ATTR_RO(unclaimed);

static struct attribute *sdm_device_attrs[] = {
	&dev_attr_role.attr,
	&dev_attr_id.attr,
	&dev_attr_num_ids.attr,
	&dev_attr_num_signals.attr,
	&dev_attr_window_base.attr,
	&dev_attr_window_size.attr,
	&dev_attr_window_errors.attr,
	&dev_attr_unclaimed.attr,
	NULL
};

static const struct attribute_group sdm_device_group = {
	.attrs = sdm_device_attrs,
};

const struct attribute_group *sdm_device_groups[] = {
	&sdm_device_group,
	NULL
};
