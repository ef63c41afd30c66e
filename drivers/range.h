/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SDM_RANGE_H
#define _SDM_RANGE_H

#include <linux/minmax.h>
#include <linux/types.h>

/**
 * sdm_range_fits() - tell whether a range lies inside a whole
 * @offset: start of the range
 * @len: length of the range
 * @size: size of the whole
 *
 * Return: true if it does. No sum, so nothing overflows.
 */
static inline bool sdm_range_fits(u64 offset, u64 len, u64 size)
{
	return len <= size && offset <= size - len;
}

/**
 * sdm_range_clip() - cut a range off at the end of a whole
 * @offset: start of the range
 * @len: length of the range
 * @size: size of the whole
 *
 * Return: how much of the range lies inside the whole.
 */
static inline size_t sdm_range_clip(u64 offset, size_t len, u64 size)
{
	return offset < size ? min_t(u64, len, size - offset) : 0;
}

#endif /* _SDM_RANGE_H */
