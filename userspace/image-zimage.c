// SPDX-License-Identifier: GPL-2.0-only
/*
 * zImage: the self-extracting kernel of 32-bit Arm.
 *
 * It may be called anywhere in the first 128 MiB of RAM, unpacks the kernel
 * to the start of RAM and moves itself out of the way if it has to
 * (Documentation/arch/arm/booting.rst of Linux). Nothing else may be in that
 * part of the RAM, the size of which the image tells since Linux 4.15.
 */
#include <string.h>

#include "image.h"
#include "report.h"

#define MAGIC_OFFSET 0x24
#define START_OFFSET 0x28
#define END_OFFSET 0x2c
#define MAGIC 0x016f2818
/* Since Linux 3.17: is there a table, and where. */
#define TABLE_MAGIC_OFFSET 0x34
#define TABLE_OFFSET 0x38
#define TABLE_MAGIC 0x45454545
#define HEADER_SIZE 0x3c

/* Table entries: size in words, tag, data; a size of 0 ends the table. */
#define TAG_KERNEL_SIZE 0x5a534c4b
#define MIN_KERNEL_SIZE_WORDS 4

/* As QEMU does: 64 KiB into RAM, the kernel itself will be at 32 KiB. */
#define LOAD_OFFSET 0x10000
#define KERNEL_OFFSET 0x8000
#define RAM_ALIGN (2 << 20)
/* The moved decompressor's stack, heap, page tables, and room to spare. */
#define DECOMPRESSOR_SIZE (1 << 20)
/* Lowest end of directly mapped memory that kernels are configured for. */
#define LOW_MEMORY (512 << 20)

struct zimage {
	const struct file *file;
	u32 (*get)(const u8 *p);
	u32 size;
};

static bool zimage_matches(const struct file *file)
{
	return file_has(file, MAGIC_OFFSET, 4) &&
	       (get_le32(file->data + MAGIC_OFFSET) == MAGIC ||
		get_be32(file->data + MAGIC_OFFSET) == MAGIC);
}

static u32 field(const struct zimage *zimage, u32 offset)
{
	return zimage->get(zimage->file->data + offset);
}

/*
 * Memory taken by the unpacked kernel, 0 if the image does not tell.
 * Whatever the table says, it is only read inside of the image.
 */
static u64 unpacked_size(const struct zimage *zimage)
{
	u32 offset = field(zimage, TABLE_OFFSET);
	u32 words, at;

	if (field(zimage, TABLE_MAGIC_OFFSET) != TABLE_MAGIC)
		return 0;

	while (zimage->size >= 8 && offset <= zimage->size - 8) {
		words = field(zimage, offset);
		/* At least itself and the tag, and inside of the image. */
		if (words < 2 || words > (zimage->size - offset) / 4)
			return 0;
		if (field(zimage, offset + 4) == TAG_KERNEL_SIZE &&
		    words >= MIN_KERNEL_SIZE_WORDS) {
			at = field(zimage, offset + 8);
			if (at > zimage->size - 4)
				return 0;
			/* What gzip leaves there is little-endian. */
			return (u64)get_le32(zimage->file->data + at) +
			       field(zimage, offset + 12);
		}
		offset += words * 4;
	}
	return 0;
}

static int zimage_parse(const struct file *file, struct image *image)
{
	struct zimage zimage = { .file = file, .get = get_le32 };
	u32 start, end;
	u64 unpacked;

	if (!file_has(file, 0, HEADER_SIZE)) {
		error("%s is truncated: the header of the zImage is not complete",
		      file->name);
		return -1;
	}
	if (get_le32(file->data + MAGIC_OFFSET) != MAGIC)
		zimage.get = get_be32;

	start = field(&zimage, START_OFFSET);
	end = field(&zimage, END_OFFSET);
	if (end <= start || end - start < HEADER_SIZE) {
		error("%s is broken: the zImage says that it ends at 0x%x and starts at 0x%x",
		      file->name, end, start);
		return -1;
	}
	zimage.size = end - start;
	if (zimage.size > file->size) {
		error("%s is truncated: the zImage has %u bytes, the file %zu",
		      file->name, zimage.size, file->size);
		return -1;
	}

	/* A guess on the safe side, the same as in kexec. */
	unpacked = unpacked_size(&zimage);
	if (!unpacked)
		unpacked = (u64)zimage.size * 4;

	image->format = "zImage";
	image->machine = EM_ARM;
	image->linux_kernel = true;
	image->high_limit = LOW_MEMORY;
	image->floating = true;
	image->align = RAM_ALIGN;
	/* What follows the zImage in the file is an appended device tree. */
	image->run_size =
		KERNEL_OFFSET + unpacked + file->size + DECOMPRESSOR_SIZE;
	image->entry = LOAD_OFFSET;
	image->nr_segments = 1;
	image->segments[0] = (struct segment){
		.address = LOAD_OFFSET,
		.file_size = file->size,
		.mem_size = file->size,
	};
	return 0;
}

const struct image_type image_zimage = {
	.matches = zimage_matches,
	.parse = zimage_parse,
};
