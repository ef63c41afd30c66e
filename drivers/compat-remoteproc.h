/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel exports for drivers of remote processors but declares in a
 * header that only those in its own directory see.
 */
#ifndef _SDM_COMPAT_REMOTEPROC_H
#define _SDM_COMPAT_REMOTEPROC_H

#include <linux/irqreturn.h>

struct rproc;

irqreturn_t rproc_vq_interrupt(struct rproc *rproc, int notifyid);

#endif /* _SDM_COMPAT_REMOTEPROC_H */
