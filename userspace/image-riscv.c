// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image of RISC-V (Documentation/arch/riscv/boot-image-header.rst of Linux).
 */
#include "image-linux64.h"

#define MAGIC 0x05435352 /* "RSC\x05" */

static bool riscv_matches(const struct file *file)
{
	return file_has(file, LINUX64_MAGIC_OFFSET, 4) &&
	       get_le32(file->data + LINUX64_MAGIC_OFFSET) == MAGIC;
}

static int riscv_parse(const struct file *file, struct image *image)
{
	image->format = "RISC-V Image";
	image->machine = EM_RISCV;
	return linux64_parse(file, image);
}

const struct image_type image_riscv = {
	.matches = riscv_matches,
	.parse = riscv_parse,
};
