// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: attributes of peers.
 */

#include <linux/sysfs.h>

#include "core.h"

static struct sdm_peer *to_sdm_peer(struct device *dev)
{
	return container_of(dev, struct sdm_peer, dev);
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct sdm_peer_status status;
	int ret;

	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);
	if (ret)
		return ret;

	return sysfs_emit(buf, "%s\n", sdm_state_name(status.link.state));
}
static DEVICE_ATTR_RO(state);

/* An attribute that is a member of the status. */
#define SDM_PEER_ATTR(_name, _member, _format)				\
static ssize_t _name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	struct sdm_peer_status status;					\
	int ret;							\
									\
	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);		\
									\
	return ret ? ret : sysfs_emit(buf, _format "\n", status._member);\
}									\
static DEVICE_ATTR_RO(_name)

SDM_PEER_ATTR(generation, link.generation, "%u");
SDM_PEER_ATTR(arch, arch, "%u");
SDM_PEER_ATTR(cpus, cpus, "%u");
SDM_PEER_ATTR(mem_base, mem_base, "%#llx");
SDM_PEER_ATTR(mem_size, mem_size, "%llu");
SDM_PEER_ATTR(mem_coherent, mem_coherent, "%llu");
SDM_PEER_ATTR(mem_mapped, mem_mapped, "%d");
SDM_PEER_ATTR(num_signals, num_signals, "%u");

static ssize_t sdm_emit_signal(char *buf, u32 signal)
{
	if (signal == SDM_SIGNAL_NONE)
		return sysfs_emit(buf, "none\n");

	return sysfs_emit(buf, "%u\n", signal);
}

static ssize_t boot_signal_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct sdm_peer_status status;
	int ret;

	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);

	return ret ? ret : sdm_emit_signal(buf, status.boot_signal);
}
static DEVICE_ATTR_RO(boot_signal);

static ssize_t reset_signal_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct sdm_peer_status status;
	int ret;

	ret = sdm_peer_get_status(to_sdm_peer(dev), &status);

	return ret ? ret : sdm_emit_signal(buf, status.reset_signal);
}
static DEVICE_ATTR_RO(reset_signal);

static struct attribute *sdm_peer_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_generation.attr,
	&dev_attr_arch.attr,
	&dev_attr_cpus.attr,
	&dev_attr_mem_base.attr,
	&dev_attr_mem_size.attr,
	&dev_attr_mem_coherent.attr,
	&dev_attr_mem_mapped.attr,
	&dev_attr_num_signals.attr,
	&dev_attr_boot_signal.attr,
	&dev_attr_reset_signal.attr,
	NULL
};

static const struct attribute_group sdm_peer_group = {
	.attrs = sdm_peer_attrs,
};

static ssize_t sdm_emit_counter(char *buf, struct device *dev, size_t offset)
{
	const atomic64_t *counter = (void *)to_sdm_peer(dev) + offset;

	return sysfs_emit(buf, "%llu\n", (u64)atomic64_read(counter));
}

/* A counter that is a member of the peer. */
#define SDM_PEER_COUNTER(_name, _member)				\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	return sdm_emit_counter(buf, dev,				\
				offsetof(struct sdm_peer, _member));	\
}									\
static DEVICE_ATTR_RO(_name)

SDM_PEER_COUNTER(tx, tx);
SDM_PEER_COUNTER(rx, rx);
SDM_PEER_COUNTER(busy, busy);
SDM_PEER_COUNTER(bytes_plain, bytes[SDM_WINDOW_PLAIN]);
SDM_PEER_COUNTER(bytes_bulk, bytes[SDM_WINDOW_BULK]);
SDM_PEER_COUNTER(bytes_mapped, bytes[SDM_WINDOW_MAPPED]);

static ssize_t errors_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct sdm_peer *peer = to_sdm_peer(dev);
	u32 errors;
	int ret;

	ret = sdm_hw_read_errors(peer->sdm, peer->id, &errors);
	if (ret)
		return ret;

	return sysfs_emit(buf, "%u\n",
			  errors + atomic_read(&peer->bulk_errors));
}
static DEVICE_ATTR_RO(errors);

static struct attribute *sdm_peer_statistics_attrs[] = {
	&dev_attr_tx.attr,
	&dev_attr_rx.attr,
	&dev_attr_busy.attr,
	&dev_attr_bytes_plain.attr,
	&dev_attr_bytes_bulk.attr,
	&dev_attr_bytes_mapped.attr,
	&dev_attr_errors.attr,
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
