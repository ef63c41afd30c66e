/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes where in a peer's RAM to boot it: all decisions, and no device.
 */
#ifndef SDM_TEST_PLAN_H
#define SDM_TEST_PLAN_H

#include "image.h"
#include "layout.h"
#include "types.h"

/* Image segments, device tree, initrd. */
#define PLAN_MAX_PIECES (IMAGE_MAX_SEGMENTS + 2)

/* Bytes to write to the peer's memory; zeros follow @size, up to @mem_size. */
struct piece {
	const char *what;
	const u8 *data;
	u64 address;
	u64 size;
	u64 mem_size;
};

struct plan {
	struct layout layout;
	unsigned int nr_pieces;
	struct piece pieces[PLAN_MAX_PIECES];
	u64 entry;
	u64 dtb; /* 0: none */
};

/**
 * struct plan_input - what a plan is made for
 * @ram_base: where the peer's CPUs see its RAM
 * @ram_size: its size
 * @coherent: so many bytes at its end are for what the peer and its master share:
 *	nothing is placed there, and a kernel with a device tree does not learn
 *	of them
 * @cpus: number of its CPUs, 0 if unknown
 * @kernel: the image's file
 * @image: what is known of it
 * @dtb: device tree, checked and grown, which gets adjusted; or NULL
 * @initrd: or NULL
 * @bootargs: new command line, or NULL
 *
 * The plan points into the files.
 */
struct plan_input {
	u64 ram_base;
	u64 ram_size;
	u64 coherent;
	u32 cpus;
	const struct file *kernel;
	const struct image *image;
	struct file *dtb;
	const struct file *initrd;
	const char *bootargs;
};

/* Returns 0, or -1 with the error reported. */
int plan_make(struct plan *plan, const struct plan_input *input);

/* Number of bytes that the plan writes. */
u64 plan_bytes(const struct plan *plan);

#endif /* SDM_TEST_PLAN_H */
