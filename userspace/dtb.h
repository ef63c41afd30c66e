/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device tree of a peer, and what in it depends on where things are.
 */
#ifndef SDM_TEST_DTB_H
#define SDM_TEST_DTB_H

#include "file.h"
#include "layout.h"
#include "types.h"

#define DTB_ALIGN (4 << 10)
/* All kernels map that much early on, wherever it is. */
#define DTB_MAX_SIZE (1 << 20)

/* All functions return 0, or -1 with the error reported. */

/* Check that @file is one sound device tree; what follows it is dropped. */
int dtb_check(struct file *file);

/* Keep free what the checked @file reserves in the RAM of @layout. */
int dtb_avoid_reserved(const struct file *file, struct layout *layout);

/* Make room in the checked @file for the changes below and for @bootargs. */
int dtb_grow(struct file *file, const char *bootargs);

/* The peer's memory is the @size bytes at @base, and nothing else. */
int dtb_set_memory(struct file *file, u64 base, u64 size);

/*
 * The peer has @number CPUs: those with higher numbers are not there. With 0
 * it is not known how many.
 */
int dtb_limit_cpus(struct file *file, u32 number);

/* Replace the kernel's command line. */
int dtb_set_bootargs(struct file *file, const char *bootargs);

/* Tell where the initrd is; with @size 0: that there is none. */
int dtb_set_initrd(struct file *file, u64 start, u64 size);

/* All changes are made: give back unused room. */
int dtb_finish(struct file *file);

#endif /* SDM_TEST_DTB_H */
