/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header that the "Image" of arm64 and of RISC-V have in common.
 */
#ifndef SDM_TEST_IMAGE_LINUX64_H
#define SDM_TEST_IMAGE_LINUX64_H

#include "image.h"

#define LINUX64_TEXT_OFFSET 0x08
#define LINUX64_IMAGE_SIZE 0x10
#define LINUX64_MAGIC_OFFSET 0x38
#define LINUX64_HEADER_SIZE 0x40

/*
 * Fill @image from the header: @format and @machine are given by the caller.
 * Returns 0, or -1 with the error reported.
 */
int linux64_parse(const struct file *file, struct image *image);

#endif /* SDM_TEST_IMAGE_LINUX64_H */
