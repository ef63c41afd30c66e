/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device tree of a peer, and what in it depends on where things are.
 */
#ifndef SDM_TEST_DTB_H
#define SDM_TEST_DTB_H

#include <stdint.h>

#include "file.h"

/* Boot protocols want the whole of it in one mapping of this size. */
#define DTB_ALIGN (2 << 20)
#define DTB_MAX_SIZE (2 << 20)

/* All functions return 0, or -1 with the error reported. */

/* Check that @file is one sound device tree; what follows it is dropped. */
int dtb_check(struct file *file);

/* Make room in the checked @file for the changes below and for @bootargs. */
int dtb_grow(struct file *file, const char *bootargs);

/* The peer's memory is the @size bytes at @base, and nothing else. */
int dtb_set_memory(struct file *file, uint64_t base, uint64_t size);

/* Replace the kernel's command line. */
int dtb_set_bootargs(struct file *file, const char *bootargs);

/* Tell where the initrd is; with @size 0: that there is none. */
int dtb_set_initrd(struct file *file, uint64_t start, uint64_t size);

/* All changes are made: give back unused room. */
int dtb_finish(struct file *file);

#endif /* SDM_TEST_DTB_H */
