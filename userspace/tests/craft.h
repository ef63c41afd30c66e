/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hand-made files for the tests.
 */
#ifndef SDM_TEST_CRAFT_H
#define SDM_TEST_CRAFT_H

#include "file.h"
#include "types.h"

/*
 * A file of @size bytes in memory that ends where it may be read, so that
 * tools which watch over memory notice any access beyond it.
 */
void craft_file(struct file *file, size_t size);
/* Cut the file. */
void craft_truncate(struct file *file, size_t size);

void put_le(struct file *file, size_t offset, unsigned int bytes, u64 value);
void put_be(struct file *file, size_t offset, unsigned int bytes, u64 value);

/* A sound zImage with a table that tells the size of the kernel. */
#define ZIMAGE_SIZE 0x10000
#define ZIMAGE_UNPACKED 0x40000
#define ZIMAGE_BSS 0x5000
void craft_zimage(struct file *file);

/* A sound 64-bit Image whose magic number is @magic. */
#define LINUX64_ARM64 0x644d5241
#define LINUX64_RISCV 0x05435352
void craft_linux64(struct file *file, u32 magic, u64 text_offset,
		   u64 image_size, size_t size);

/* A device tree: a root with these cells, otherwise empty. */
void craft_dtb(struct file *file, int address_cells, int size_cells);
/* Add a node, and return its offset. */
int craft_dtb_node(struct file *file, int parent, const char *name);

/* Is the property of the node at @path made of these @nr cells? */
bool dtb_cells_are(struct file *file, const char *path, const char *property,
		   const u32 *cells, int nr);
#define DTB_CELLS_ARE(file, path, property, ...)                      \
	dtb_cells_are(file, path, property, (const u32[])__VA_ARGS__, \
		      sizeof((const u32[])__VA_ARGS__) / 4)

#endif /* SDM_TEST_CRAFT_H */
