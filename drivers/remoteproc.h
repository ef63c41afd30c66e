/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of sdm_remoteproc share.
 */
#ifndef _SDM_REMOTEPROC_H
#define _SDM_REMOTEPROC_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/remoteproc.h>
#include <linux/workqueue.h>

#include "sdm.h"

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
 *
 * The others are protected by the rproc's lock, which the framework holds when
 * it calls an operation.
 *
 * @generation: the connection by which the slave was started or attached to
 * @mem_base: where the slave sees its RAM, by then
 * @mem_size: the size of its RAM, by then
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

	u32 generation;
	u64 mem_base;
	u64 mem_size;
	u64 dtb;
	u64 table_address;
	bool reported;
	bool restart;
};

extern struct sdm_client sdm_rproc_client;

/* remoteproc-main.c */
void sdm_rproc_queue_check(struct sdm_rproc *priv);

/* remoteproc-fw.c: operations that deal with the firmware */
int sdm_rproc_sanity_check(struct rproc *rproc, const struct firmware *fw);
u64 sdm_rproc_get_boot_addr(struct rproc *rproc, const struct firmware *fw);
int sdm_rproc_parse_fw(struct rproc *rproc, const struct firmware *fw);
int sdm_rproc_load(struct rproc *rproc, const struct firmware *fw);
int sdm_rproc_push_table(struct sdm_rproc *priv);
void *sdm_rproc_da_to_va(struct rproc *rproc, u64 da, size_t len,
			 bool *is_iomem);
void sdm_rproc_free_copies(struct sdm_rproc *priv);

/* remoteproc-life.c: operations that deal with the slave, and its life */
int sdm_rproc_prepare(struct rproc *rproc);
int sdm_rproc_unprepare(struct rproc *rproc);
int sdm_rproc_start(struct rproc *rproc);
int sdm_rproc_stop(struct rproc *rproc);
int sdm_rproc_attach(struct rproc *rproc);
int sdm_rproc_detach(struct rproc *rproc);
unsigned long sdm_rproc_panic(struct rproc *rproc);
int sdm_rproc_renew(struct sdm_rproc *priv);
int sdm_rproc_hold(struct sdm_rproc *priv);
void sdm_rproc_check(struct work_struct *work);
void sdm_rproc_end(struct sdm_rproc *priv);

#endif /* _SDM_REMOTEPROC_H */
