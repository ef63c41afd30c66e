// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: calls of the hardware driver.
 *
 * A device outlives its hardware as long as somebody holds it. All calls go
 * through here: they find the operations or -ENODEV, and unregistering waits
 * for those under way.
 */

#include "core.h"
#include "range.h"

int sdm_hw_send(struct sdm_device *sdm, u32 dest, u32 signal,
		const u64 *payload)
{
	const struct sdm_ops *ops;
	int ret = -ENODEV;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops)
		ret = ops->send(sdm, dest, signal, payload);
	srcu_read_unlock(&sdm->srcu, idx);

	return ret;
}

int sdm_hw_read_info(struct sdm_device *sdm, struct sdm_hw_info *info)
{
	const struct sdm_ops *ops;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops) {
		ops->read_info(sdm, info);
		info->num_ids = clamp(info->num_ids, 1u, (u32)SDM_MAX_IDS);
	}
	srcu_read_unlock(&sdm->srcu, idx);

	return ops ? 0 : -ENODEV;
}

int sdm_hw_read_link(struct sdm_device *sdm, u32 id, struct sdm_link *link)
{
	const struct sdm_ops *ops;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops)
		ops->read_link(sdm, id, link);
	srcu_read_unlock(&sdm->srcu, idx);

	return ops ? 0 : -ENODEV;
}

int sdm_hw_read_peer(struct sdm_device *sdm, u32 id,
		     struct sdm_peer_status *status)
{
	u64 window = sdm->caps.window_size;
	const struct sdm_ops *ops;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops)
		ops->read_peer(sdm, id, status);
	srcu_read_unlock(&sdm->srcu, idx);
	if (!ops)
		return -ENODEV;

	/* What is outside the window cannot be accessed. Its own is in none. */
	if (!(status->link.flags & SDM_PEER_STATE_SELF) &&
	    !sdm_range_fits(status->mem_offset, status->mem_size, window))
		status->mem_size = 0;
	status->mem_coherent = min(status->mem_coherent, status->mem_size);

	return 0;
}

int sdm_hw_read_errors(struct sdm_device *sdm, u32 id, u32 *errors)
{
	const struct sdm_ops *ops;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops)
		*errors = ops->read_errors(sdm, id);
	srcu_read_unlock(&sdm->srcu, idx);

	return ops ? 0 : -ENODEV;
}

int sdm_hw_report(struct sdm_device *sdm, u32 id, u64 signals)
{
	const struct sdm_ops *ops;
	int ret = -ENODEV;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops) {
		ret = ops->report ? 0 : -EOPNOTSUPP;
		if (ops->report)
			ops->report(sdm, id, signals);
	}
	srcu_read_unlock(&sdm->srcu, idx);

	return ret;
}

int sdm_hw_transfer(struct sdm_device *sdm, struct sdm_transfer *transfer)
{
	const struct sdm_ops *ops;
	int ret = -ENODEV;
	int idx;

	idx = srcu_read_lock(&sdm->srcu);
	ops = srcu_dereference(sdm->ops, &sdm->srcu);
	if (ops)
		ret = ops->transfer ? ops->transfer(sdm, transfer) : -EOPNOTSUPP;
	srcu_read_unlock(&sdm->srcu, idx);

	return ret;
}
