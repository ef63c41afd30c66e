/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SDM_REMOTEPROC_ELF_H
#define _SDM_REMOTEPROC_ELF_H

#include <linux/types.h>

/* Segments that a file may load. */
#define SDM_ELF_MAX_SEGMENTS 32

/**
 * struct sdm_elf_segment - what is to be loaded
 * @data: contents, @file_size bytes
 * @address: where, as the slave's CPUs see it
 * @file_size: bytes in the file
 * @mem_size: bytes in memory: those that are not in the file are zero
 */
struct sdm_elf_segment {
	const void *data;
	u64 address;
	u64 file_size;
	u64 mem_size;
};

/**
 * struct sdm_elf_part - a part of the file
 * @data: its contents, or NULL if there is no such part
 * @size: its size
 * @address: where it is loaded, if that is known
 */
struct sdm_elf_part {
	const void *data;
	size_t size;
	u64 address;
};

/**
 * struct sdm_elf - a file that has been looked through
 * @wide: its class is ELFCLASS64
 * @machine: e_machine
 * @entry: where it begins, as the slave's CPUs see it
 * @num_segments: how many @segments there are, at least one
 * @segments: what is to be loaded. They do not overlap
 * @dtb: contents of the note SDM_NOTE_DTB
 * @dump: contents of the note SDM_NOTE_DUMP
 * @table: section .resource_table
 */
struct sdm_elf {
	bool wide;
	u16 machine;
	u64 entry;
	unsigned int num_segments;
	struct sdm_elf_segment segments[SDM_ELF_MAX_SEGMENTS];
	struct sdm_elf_part dtb;
	struct sdm_elf_part dump;
	struct sdm_elf_part table;
};

const char *sdm_elf_parse(struct sdm_elf *elf, const void *data, size_t size);
const char *sdm_elf_check_table(const void *data, size_t size);

#endif /* _SDM_REMOTEPROC_ELF_H */
