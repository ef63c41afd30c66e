/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transfers to a peer's memory.
 */
#ifndef SDM_TEST_LOAD_H
#define SDM_TEST_LOAD_H

#include "device.h"
#include "plan.h"
#include "progress.h"
#include "types.h"

/*
 * Write all pieces of the plan, and wait until the last byte has arrived.
 * Returns 0, or -1 with the error reported.
 */
int load_write(const struct memory *memory, const struct plan *plan,
	       struct progress *progress);

/* Read all pieces back and compare them. */
int load_verify(const struct memory *memory, const struct plan *plan,
		struct progress *progress);

/*
 * Compare @size bytes of @data, or zeros if NULL, with the memory. Returns 0 if
 * they are the same; 1 if not, with the @offset and the @found byte of the
 * first difference; -1 with the error reported.
 */
int memory_compare(const struct memory *memory, u64 *offset, const u8 *data,
		   u64 size, u8 *found, struct progress *progress);

/* Write @size bytes of @data, or zeros if NULL. Returns 0 or -1. */
int memory_fill(const struct memory *memory, u64 offset, const u8 *data,
		u64 size, struct progress *progress);

#endif /* SDM_TEST_LOAD_H */
