// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image of RISC-V (Documentation/arch/riscv/boot-image-header.rst of Linux).
 */

#include "image-linux64.h"
#include "report.h"

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
	if (linux64_parse(file, image))
		return -1;
	/* Below it is the firmware, which adds to the device tree. */
	if (image->run_size > U64_MAX - image->run_start) {
		error("%s is broken: it asks for 0x%llx bytes at 0x%llx",
		      file->name, image->run_size, image->run_start);
		return -1;
	}
	image->run_size += image->run_start;
	image->run_start = 0;
	return 0;
}

const struct image_type image_riscv = {
	.matches = riscv_matches,
	.parse = riscv_parse,
};
