/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images that a peer can be booted from: what they are, and where their parts
 * want to be in memory.
 */
#ifndef SDM_TEST_IMAGE_H
#define SDM_TEST_IMAGE_H

#include <elf.h>

#include "file.h"
#include "types.h"

/* More than linkers produce; an ELF file may claim 65535. */
#define IMAGE_MAX_SEGMENTS 32

/* A part of the file, and the memory it takes: the rest of it is zeroed. */
struct segment {
	u64 address;
	u64 offset;
	u64 file_size;
	u64 mem_size;
};

/**
 * struct image - a recognised image
 * @format: its name for messages
 * @machine: ELF e_machine of the CPUs it is for, 0 if it does not tell
 * @linux_kernel: it is a Linux kernel, and so needs a device tree
 * @high_limit: how far from the start of RAM it finds the device tree and
 *	the initrd; 0: anywhere
 * @floating: addresses, @entry included, count from the start of RAM, rounded
 *	up to @align
 * @align: power of two
 * @run_start: start of the memory that the running image takes and that
 *	nothing else may be put into
 * @run_size: size of that memory; 0: no more than the segments
 * @entry: address of the first instruction
 * @dtb: address of the device tree that is in one of the segments; 0: none
 * @nr_segments: number of @segments
 * @segments: what has to be in memory
 */
struct image {
	const char *format;
	unsigned int machine;
	bool linux_kernel;
	u64 high_limit;
	bool floating;
	u64 align;
	u64 run_start;
	u64 run_size;
	u64 entry;
	u64 dtb;
	unsigned int nr_segments;
	struct segment segments[IMAGE_MAX_SEGMENTS];
};

/**
 * struct image_type - a format of images
 * @matches: is this file one? Judges by the magic number alone.
 * @parse: fills a zeroed struct image; returns 0, or -1 with the error reported
 */
struct image_type {
	bool (*matches)(const struct file *file);
	int (*parse)(const struct file *file, struct image *image);
};

extern const struct image_type image_zimage;
extern const struct image_type image_arm64;
extern const struct image_type image_riscv;
extern const struct image_type image_elf;

/*
 * Recognise the image in @file. Returns 0, or -1 with the error reported,
 * which for well-known files of another kind tells what to do with them.
 */
int image_recognise(const struct file *file, struct image *image);

/* Take the file as it is, for the address @load. */
int image_raw(const struct file *file, u64 load, u64 entry,
	      struct image *image);

/* Name of an instruction set for messages; @text serves if it has none. */
#define MACHINE_TEXT 24
const char *machine_name(unsigned int machine, char text[MACHINE_TEXT]);

/* Fields of files. The caller has checked the bounds. */
static inline u32 get_le32(const u8 *p)
{
	return (u32)p[3] << 24 | (u32)p[2] << 16 | (u32)p[1] << 8 | p[0];
}

static inline u32 get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static inline u64 get_le64(const u8 *p)
{
	return (u64)get_le32(p + 4) << 32 | get_le32(p);
}

static inline u64 get_be64(const u8 *p)
{
	return (u64)get_be32(p) << 32 | get_be32(p + 4);
}

#endif /* SDM_TEST_IMAGE_H */
