// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: attributes of devices and peers.
 */

#include <linux/sysfs.h>

#include "core.h"

static struct sdm_device *to_sdm_device(struct device *dev)
{
	return container_of(dev, struct sdm_device, dev);
}

static struct sdm_peer *to_sdm_peer(struct device *dev)
{
	return container_of(dev, struct sdm_peer, dev);
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

/* Devices and peers have attributes of the same name. */
#define SDM_PEER_ATTR_RO(_name)						\
	struct device_attribute peer_attr_##_name =			\
		__ATTR(_name, 0444, peer_##_name##_show, NULL)

static ssize_t peer_state_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct sdm_peer_status status;
	int ret;

	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);

	return ret ? ret : sysfs_emit(buf, "%s\n",
				      sdm_state_name(status.link.state));
}
static SDM_PEER_ATTR_RO(state);

/* An attribute that is a number of the status. */
#define SDM_PEER_ATTR(_name, _format, _value)				\
static ssize_t peer_##_name##_show(struct device *dev,			\
				   struct device_attribute *attr,	\
				   char *buf)				\
{									\
	struct sdm_peer_status status;					\
	int ret;							\
									\
	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);		\
									\
	return ret ? ret : sysfs_emit(buf, _format "\n", status._value); \
}									\
static SDM_PEER_ATTR_RO(_name)

SDM_PEER_ATTR(arch, "%u", arch);
SDM_PEER_ATTR(generation, "%u", link.generation);
SDM_PEER_ATTR(mem_base, "%#llx", mem_base);
SDM_PEER_ATTR(mem_size, "%llu", mem_size);
SDM_PEER_ATTR(num_signals, "%u", num_signals);

/* An attribute that is the number of a signal, if there is one. */
#define SDM_PEER_SIGNAL_ATTR(_name)					\
static ssize_t peer_##_name##_show(struct device *dev,			\
				   struct device_attribute *attr,	\
				   char *buf)				\
{									\
	struct sdm_peer_status status;					\
	int ret;							\
									\
	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);		\
	if (ret)							\
		return ret;						\
	if (status._name == SDM_SIGNAL_NONE)				\
		return sysfs_emit(buf, "none\n");			\
									\
	return sysfs_emit(buf, "%u\n", status._name);			\
}									\
static SDM_PEER_ATTR_RO(_name)

SDM_PEER_SIGNAL_ATTR(boot_signal);
SDM_PEER_SIGNAL_ATTR(reset_signal);

/* An attribute that is a counter. */
#define SDM_PEER_COUNTER_ATTR(_name)					\
static ssize_t peer_##_name##_show(struct device *dev,			\
				   struct device_attribute *attr,	\
				   char *buf)				\
{									\
	return sysfs_emit(buf, "%llu\n", (unsigned long long)		\
			  atomic64_read(&to_sdm_peer(dev)->_name));	\
}									\
static SDM_PEER_ATTR_RO(_name)

SDM_PEER_COUNTER_ATTR(tx);
SDM_PEER_COUNTER_ATTR(rx);
SDM_PEER_COUNTER_ATTR(busy);

static ssize_t peer_errors_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  (u32)atomic_read(&to_sdm_peer(dev)->errors));
}
static SDM_PEER_ATTR_RO(errors);

static struct attribute *sdm_peer_attrs[] = {
	&peer_attr_state.attr,
	&peer_attr_generation.attr,
	&peer_attr_arch.attr,
	&peer_attr_mem_base.attr,
	&peer_attr_mem_size.attr,
	&peer_attr_num_signals.attr,
	&peer_attr_boot_signal.attr,
	&peer_attr_reset_signal.attr,
	NULL
};

static const struct attribute_group sdm_peer_group = {
	.attrs = sdm_peer_attrs,
};

static struct attribute *sdm_peer_statistics_attrs[] = {
	&peer_attr_tx.attr,
	&peer_attr_rx.attr,
	&peer_attr_busy.attr,
	&peer_attr_errors.attr,
	NULL
};

static const struct attribute_group sdm_peer_statistics_group = {
	.name = "statistics",
	.attrs = sdm_peer_statistics_attrs,
};

const struct attribute_group *sdm_peer_groups[] = {
	&sdm_peer_group,
	&sdm_peer_statistics_group,
	NULL
};
