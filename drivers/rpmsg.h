/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of sdm_rpmsg share.
 *
 * Locks: none is held while a driver of a channel is called, but the mutex of
 * its endpoint. Work items: control changes the state, rx looks at the rings and
 * calls the drivers. Control waits for rx, never the other way round.
 */
#ifndef _SDM_RPMSG_H
#define _SDM_RPMSG_H

#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/rpmsg.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <sdm/sdm-rproc.h>

#include "rpmsg-ring.h"
#include "sdm.h"

/**
 * struct sdm_rpmsg_hdr - start of a message in a buffer
 * @src: address of the sender
 * @dst: address of the receiver
 * @reserved: 0
 * @len: length of what follows
 * @flags: 0
 */
struct sdm_rpmsg_hdr {
	__rpmsg32 src;
	__rpmsg32 dst;
	__rpmsg32 reserved;
	__rpmsg16 len;
	__rpmsg16 flags;
} __packed;

#define SDM_RPMSG_MTU (SDM_RPROC_BUFFER_SIZE - sizeof(struct sdm_rpmsg_hdr))

/* Buffers that are given back before the first of their messages is handed on */
#define SDM_RPMSG_BATCH 16

/**
 * struct sdm_rpmsg_msg - a message from the master
 * @node: in sdm_rpmsg_service.waiting
 * @src: address of the sender
 * @dst: address of the receiver
 * @len: length of @data
 * @data: contents
 */
struct sdm_rpmsg_msg {
	struct list_head node;
	u32 src;
	u32 dst;
	u32 len;
	u8 data[SDM_RPMSG_MTU];
};

/* Bits of sdm_rpmsg.due: what control has to look at */
enum sdm_rpmsg_due {
	SDM_RPMSG_KICKED, /* the master has sent a KICK */
	SDM_RPMSG_LATE, /* it should have by now */
	SDM_RPMSG_BROKEN, /* it has written nonsense into a ring */
};

/**
 * struct sdm_rpmsg - messages with the master of a device
 * @sdm: the device
 * @parent: parent of all channels, and of nothing else
 * @control: changes the state
 * @rx: looks at the rings
 * @late: asks control to look again
 * @due: bits of &enum sdm_rpmsg_due
 * @reboot: told when the machine goes down
 * @going: the device goes, or the machine: by that who waits for @control
 * @hopeless: there is no memory for messages
 *
 * For @control:
 *
 * @master: the master, whose signal is claimed; NULL until there is all that is
 *	needed. Does not change any more then
 * @base: the coherent region's address
 * @size: its size
 * @region: where it is mapped
 * @connected: the master is connected
 * @generation: by which connection
 * @answered: the master has written a table and sent a KICK since the HELLO
 * @broken: the rings are not used until the master has let go of them
 *
 * @table: what the table was when the rings were opened
 * @layout: what it says
 * @ring_lock: protects @up, and @to_master while that is set
 * @up: the rings are open
 * @stopping: nobody is to wait for a buffer
 * @to_master: ring of the messages to the master
 * @from_master: ring of those from it; by @rx
 * @batch: messages that are handed on; by @rx
 * @room: who waits for a buffer
 *
 * @signal_lock: protects @refused
 * @refused: signals that wait for room at the master: a bit for each word
 *
 * @endpoints_lock: protects @endpoints
 * @endpoints: endpoints by their address
 * @services_lock: protects @services, only @rx takes anything out of it; or
 *	@control when @rx cannot run
 * @services: what has been announced or will be
 */
struct sdm_rpmsg {
	struct sdm_device *sdm;
	struct platform_device *parent;
	struct work_struct control;
	struct work_struct rx;
	struct delayed_work late;
	unsigned long due;
	struct notifier_block reboot;
	bool going;
	bool hopeless;

	struct sdm_peer *master;
	phys_addr_t base;
	size_t size;
	void *region;
	bool connected;
	u32 generation;
	bool answered;
	bool broken;

	void *table;
	struct sdm_rpmsg_layout layout;
	spinlock_t ring_lock; /* see above */
	bool up;
	bool stopping;
	struct sdm_rpmsg_ring to_master;
	struct sdm_rpmsg_ring from_master;
	struct sdm_rpmsg_msg batch[SDM_RPMSG_BATCH];
	wait_queue_head_t room;

	spinlock_t signal_lock; /* see above */
	unsigned long refused;

	struct mutex endpoints_lock; /* see above */
	struct idr endpoints;
	struct mutex services_lock; /* see above */
	struct list_head services;
};

/* rpmsg-main.c */
extern struct sdm_client sdm_rpmsg_client;

void sdm_rpmsg_queue_control(struct sdm_rpmsg *priv);
void sdm_rpmsg_queue_rx(struct sdm_rpmsg *priv);

/* rpmsg-xfer.c: messages and signals */
void sdm_rpmsg_signal(struct sdm_rpmsg *priv, unsigned int word);
void sdm_rpmsg_send_refused(struct sdm_rpmsg *priv);
void sdm_rpmsg_forget_refused(struct sdm_rpmsg *priv);
int sdm_rpmsg_send(struct sdm_rpmsg *priv, u32 src, u32 dst, const void *data,
		   int len, bool wait);
int sdm_rpmsg_announce(struct sdm_rpmsg *priv, const char *name, u32 addr,
		       u32 flags, bool wait);
bool sdm_rpmsg_has_room(struct sdm_rpmsg *priv);
bool sdm_rpmsg_table_changed(const struct sdm_rpmsg *priv);
void sdm_rpmsg_rx_work(struct work_struct *work);

/* rpmsg-bus.c: what the rpmsg core knows */
void sdm_rpmsg_add_channels(struct sdm_rpmsg *priv);
void sdm_rpmsg_remove_channels(struct sdm_rpmsg *priv);
bool sdm_rpmsg_has_channel(struct sdm_rpmsg *priv, const char *name, u32 src);
void sdm_rpmsg_add_service_channel(struct sdm_rpmsg *priv, const char *name,
				   u32 src, u32 dst);
int sdm_rpmsg_remove_channel(struct sdm_rpmsg *priv,
			     struct rpmsg_channel_info *info);
int sdm_rpmsg_deliver(struct sdm_rpmsg *priv, struct sdm_rpmsg_msg *msg);
void sdm_rpmsg_wait_objects(void);

/* rpmsg-service.c: channels that begin with the master's first message */
int sdm_rpmsg_add_service(struct sdm_rpmsg *priv, const char *name, u32 addr);
int sdm_rpmsg_release_service(struct sdm_rpmsg *priv, const char *name,
			      u32 addr);
void sdm_rpmsg_receive(struct sdm_rpmsg *priv, struct sdm_rpmsg_msg *msg);
void sdm_rpmsg_serve_services(struct sdm_rpmsg *priv);
void sdm_rpmsg_leave_services(struct sdm_rpmsg *priv, bool tell);
void sdm_rpmsg_free_services(struct sdm_rpmsg *priv);

#endif /* _SDM_RPMSG_H */
