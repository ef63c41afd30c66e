/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of sdm_remoteproc share.
 */
#ifndef _SDM_REMOTEPROC_H
#define _SDM_REMOTEPROC_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/remoteproc.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "sdm.h"

/* Bits of sdm_rproc.due: what is to be done by a work item */
enum sdm_rproc_due {
	SDM_RPROC_KICK_DUE, /* a kick is to be sent */
	SDM_RPROC_TABLE_DUE, /* ahead of it the table, changed or not */
	SDM_RPROC_HELLO_DUE, /* the slave has asked for both */
};

/**
 * struct sdm_rproc - a slave as a remote processor: the rproc's private data
 * @rproc: the remote processor
 * @peer: the slave
 * @check: looks whether the slave is what the rproc believes, see
 *	sdm_rproc_check()
 * @del: takes the rproc away, in a work item: there no signal interrupts
 * @going: the device goes: nothing is begun any more
 * @copies_lock: protects @copies
 * @copies: copies of parts of the slave's memory, for the framework to read
 * @kick: sends a kick if sdm_rproc_kick() could not
 * @rx: looks at the rings
 * @due: what they have to do, see &enum sdm_rproc_due
 * @pushed_lock: protects contents of @pushed
 * @pushed: the resource table as the slave has it, or NULL
 *
 * The others are protected by the rproc's lock, which the framework holds when
 * it calls an operation.
 *
 * @generation: the connection by which the slave was started or attached to
 * @mem_base: where the slave sees its RAM, by then
 * @mem_size: the size of its RAM, by then
 * @window: where the master sees it, by then
 * @mem_mapped: that is RAM, by then
 * @region: where the slave sees its coherent region, by then
 * @region_size: its size, 0 if there is none
 * @num_vdevs: virtio devices in the resource table
 * @attached_table: the resource table of a slave that ran already
 * @dtb: address of its device tree, or 0
 * @table_address: where the slave wants its resource table, 0 for nowhere
 * @reported: the crash of this start has been reported
 * @restart: the slave was lost while it ran: start it when it is back
 */
struct sdm_rproc {
	struct rproc *rproc;
	struct sdm_peer *peer;
	struct work_struct check;
	struct work_struct del;
	bool going;
	struct mutex copies_lock; /* protects copies */
	struct list_head copies;
	struct work_struct kick;
	struct work_struct rx;
	unsigned long due;
	spinlock_t pushed_lock; /* protects what is in pushed */
	struct resource_table *pushed;

	u32 generation;
	u64 mem_base;
	u64 mem_size;
	u64 window;
	bool mem_mapped;
	u64 region;
	u64 region_size;
	unsigned int num_vdevs;
	struct resource_table *attached_table;
	u64 dtb;
	u64 table_address;
	bool reported;
	bool restart;
};

/* remoteproc-main.c */
extern struct sdm_client sdm_rproc_client;
extern struct workqueue_struct *sdm_rproc_wq;
extern struct workqueue_struct *sdm_rproc_rx_wq;

void sdm_rproc_queue_check(struct sdm_rproc *priv);

/* remoteproc-fw.c: operations that deal with the firmware */
int sdm_rproc_sanity_check(struct rproc *rproc, const struct firmware *fw);
u64 sdm_rproc_get_boot_addr(struct rproc *rproc, const struct firmware *fw);
int sdm_rproc_parse_fw(struct rproc *rproc, const struct firmware *fw);
int sdm_rproc_load(struct rproc *rproc, const struct firmware *fw);
bool sdm_rproc_in_ram(const struct sdm_rproc *priv, u64 address, u64 size);
int sdm_rproc_write(struct sdm_rproc *priv, u64 address, const void *data,
		    size_t size);
void *sdm_rproc_da_to_va(struct rproc *rproc, u64 da, size_t len,
			 bool *is_iomem);
void sdm_rproc_free_copies(struct sdm_rproc *priv);

/* remoteproc-table.c: the resource table, and memory for what is in it */
void sdm_rproc_set_memory(struct sdm_rproc *priv,
			  const struct sdm_peer_status *status);
int sdm_rproc_add_table(struct sdm_rproc *priv, const void *data, size_t size,
			u64 address);
struct resource_table *sdm_rproc_get_table(struct rproc *rproc, size_t *size);
void sdm_rproc_drop_table(struct sdm_rproc *priv);
bool sdm_rproc_table_changed(struct sdm_rproc *priv);
int sdm_rproc_push_table(struct sdm_rproc *priv,
			 const struct resource_table *table);

/* remoteproc-ring.c: signals about virtio devices */
void sdm_rproc_kick(struct rproc *rproc, int vqid);
void sdm_rproc_kick_work(struct work_struct *work);
void sdm_rproc_rx_work(struct work_struct *work);
void sdm_rproc_stop_kicks(struct sdm_rproc *priv);
int sdm_rproc_release_rings(struct sdm_rproc *priv);
void sdm_rproc_receive(struct sdm_rproc *priv, const struct sdm_msg *msg);

/* remoteproc-life.c: operations that deal with the slave, and its life */
int sdm_rproc_prepare(struct rproc *rproc);
int sdm_rproc_unprepare(struct rproc *rproc);
int sdm_rproc_start(struct rproc *rproc);
int sdm_rproc_stop(struct rproc *rproc);
int sdm_rproc_attach(struct rproc *rproc);
int sdm_rproc_detach(struct rproc *rproc);
unsigned long sdm_rproc_panic(struct rproc *rproc);
bool sdm_rproc_is_same(const struct sdm_rproc *priv);
int sdm_rproc_renew(struct sdm_rproc *priv);
int sdm_rproc_hold(struct sdm_rproc *priv);
void sdm_rproc_check(struct work_struct *work);
void sdm_rproc_end(struct sdm_rproc *priv);

#endif /* _SDM_REMOTEPROC_H */
