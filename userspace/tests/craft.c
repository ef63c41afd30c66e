// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hand-made files.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "craft.h"

#define DTB_SIZE 8192

void craft_file(struct file *file, size_t size)
{
	file->name = "crafted";
	file->data = calloc(1, size ? size : 1);
	file->size = size;
	if (!file->data)
		abort();
}

void craft_truncate(struct file *file, size_t size)
{
	struct file cut;

	craft_file(&cut, size);
	memcpy(cut.data, file->data, size);
	file_free(file);
	*file = cut;
}

void put_le(struct file *file, size_t offset, unsigned int bytes, u64 value)
{
	for (; bytes; bytes--, value >>= 8)
		file->data[offset++] = value;
}

void put_be(struct file *file, size_t offset, unsigned int bytes, u64 value)
{
	while (bytes--)
		file->data[offset++] = value >> (8 * bytes);
}

void craft_zimage(struct file *file)
{
	craft_file(file, ZIMAGE_SIZE);
	put_le(file, 0x24, 4, 0x016f2818);
	put_le(file, 0x28, 4, 0);
	put_le(file, 0x2c, 4, ZIMAGE_SIZE);
	put_le(file, 0x30, 4, 0x04030201);
	put_le(file, 0x34, 4, 0x45454545);
	put_le(file, 0x38, 4, 0x1000);
	/* An unknown entry first, then the kernel's size, then the end. */
	put_le(file, 0x1000, 4, 3);
	put_le(file, 0x1004, 4, 0x12345678);
	put_le(file, 0x100c, 4, 5);
	put_le(file, 0x1010, 4, 0x5a534c4b);
	put_le(file, 0x1014, 4, ZIMAGE_SIZE - 4);
	put_le(file, 0x1018, 4, ZIMAGE_BSS);
	put_le(file, ZIMAGE_SIZE - 4, 4, ZIMAGE_UNPACKED);
}

void craft_linux64(struct file *file, u32 magic, u64 text_offset,
		   u64 image_size, size_t size)
{
	craft_file(file, size);
	put_le(file, 0x08, 8, text_offset);
	put_le(file, 0x10, 8, image_size);
	put_le(file, 0x38, 4, magic);
}

void craft_dtb(struct file *file, int address_cells, int size_cells)
{
	craft_file(file, DTB_SIZE);
	if (fdt_create_empty_tree(file->data, DTB_SIZE) ||
	    fdt_setprop_u32(file->data, 0, "#address-cells", address_cells) ||
	    fdt_setprop_u32(file->data, 0, "#size-cells", size_cells))
		abort();
}

int craft_dtb_node(struct file *file, int parent, const char *name)
{
	int node = fdt_add_subnode(file->data, parent, name);

	if (node < 0)
		abort();
	return node;
}

bool dtb_cells_are(struct file *file, const char *path, const char *property,
		   const u32 *cells, int nr)
{
	int node = fdt_path_offset(file->data, path);
	const fdt32_t *value;
	int i, length;

	value = fdt_getprop(file->data, node, property, &length);
	if (!value || length != nr * 4)
		return false;
	for (i = 0; i < nr; i++) {
		if (fdt32_to_cpu(value[i]) != cells[i])
			return false;
	}
	return true;
}
