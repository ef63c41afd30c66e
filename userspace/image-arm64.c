// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image of 64-bit Arm (Documentation/arch/arm64/booting.rst of Linux).
 */
#include "image-linux64.h"

#define MAGIC 0x644d5241 /* "ARM\x64" */

static bool arm64_matches(const struct file *file)
{
	return file_has(file, LINUX64_MAGIC_OFFSET, 4) &&
	       get_le32(file->data + LINUX64_MAGIC_OFFSET) == MAGIC;
}

static int arm64_parse(const struct file *file, struct image *image)
{
	image->format = "arm64 Image";
	image->machine = EM_AARCH64;
	return linux64_parse(file, image);
}

const struct image_type image_arm64 = {
	.matches = arm64_matches,
	.parse = arm64_parse,
};
