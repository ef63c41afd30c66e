/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's rpmsg core expects of a bus below it, but declares in a
 * header that only those in its own directory see. The members and their order
 * are the kernel's.
 */
#ifndef _SDM_COMPAT_RPMSG_H
#define _SDM_COMPAT_RPMSG_H

#include <linux/poll.h>
#include <linux/rpmsg.h>
#include <linux/slab.h>

struct rpmsg_device_ops {
	struct rpmsg_device *(*create_channel)(struct rpmsg_device *rpdev,
					       struct rpmsg_channel_info *info);
	int (*release_channel)(struct rpmsg_device *rpdev,
			       struct rpmsg_channel_info *info);
	struct rpmsg_endpoint *(*create_ept)(struct rpmsg_device *rpdev,
					     rpmsg_rx_cb_t cb, void *priv,
					     struct rpmsg_channel_info info);
	int (*announce_create)(struct rpmsg_device *rpdev);
	int (*announce_destroy)(struct rpmsg_device *rpdev);
};

struct rpmsg_endpoint_ops {
	void (*destroy_ept)(struct rpmsg_endpoint *ept);
	int (*send)(struct rpmsg_endpoint *ept, void *data, int len);
	int (*sendto)(struct rpmsg_endpoint *ept, void *data, int len, u32 dst);
	int (*send_offchannel)(struct rpmsg_endpoint *ept, u32 src, u32 dst,
			       void *data, int len);
	int (*trysend)(struct rpmsg_endpoint *ept, void *data, int len);
	int (*trysendto)(struct rpmsg_endpoint *ept, void *data, int len,
			 u32 dst);
	int (*trysend_offchannel)(struct rpmsg_endpoint *ept, u32 src, u32 dst,
				  void *data, int len);
	__poll_t (*poll)(struct rpmsg_endpoint *ept, struct file *file,
			 poll_table *wait);
#ifndef SDM_NO_RPMSG_FLOW_CONTROL
	int (*set_flow_control)(struct rpmsg_endpoint *ept, bool pause,
				u32 dst);
#endif
	ssize_t (*get_mtu)(struct rpmsg_endpoint *ept);
};

struct device *rpmsg_find_device(struct device *parent,
				 struct rpmsg_channel_info *info);

/* Where this is a member the core leaves it to the bus to free it. */
static inline void sdm_rpmsg_free_override(struct rpmsg_device *rpdev)
{
#ifndef SDM_NO_RPMSG_DRIVER_OVERRIDE
	kfree(rpdev->driver_override);
#endif
}

#endif /* _SDM_COMPAT_RPMSG_H */
