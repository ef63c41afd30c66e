/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images that a peer can be booted from: what they are, and where their parts
 * want to be in memory.
 */
#ifndef SDM_TEST_IMAGE_H
#define SDM_TEST_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "file.h"

/* More than linkers produce; an ELF file may claim 65535. */
#define IMAGE_MAX_SEGMENTS 32

/* A part of the file, and the memory it takes: the rest of it is zeroed. */
struct segment {
	uint64_t address;
	uint64_t offset;
	uint64_t file_size;
	uint64_t mem_size;
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
 * @nr_segments: number of @segments
 * @segments: what has to be in memory
 */
struct image {
	const char *format;
	unsigned int machine;
	bool linux_kernel;
	uint64_t high_limit;
	bool floating;
	uint64_t align;
	uint64_t run_start;
	uint64_t run_size;
	uint64_t entry;
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
int image_raw(const struct file *file, uint64_t load, uint64_t entry,
	      struct image *image);

/* Name of an instruction set for messages. */
const char *machine_name(unsigned int machine);

/* Fields of files. The caller has checked the bounds. */
static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return (uint64_t)get_le32(p + 4) << 32 | get_le32(p);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

#endif /* SDM_TEST_IMAGE_H */
