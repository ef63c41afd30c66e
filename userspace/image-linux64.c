// SPDX-License-Identifier: GPL-2.0-only
/*
 * The "Image" of 64-bit architectures: where it wants to be (from a 2 MiB
 * boundary) and how much memory it takes there, both told by its header.
 */

#include "image-linux64.h"
#include "report.h"

#define RAM_ALIGN (2 << 20)

int linux64_parse(const struct file *file, struct image *image)
{
	u64 text_offset, image_size;

	if (!file_has(file, 0, LINUX64_HEADER_SIZE)) {
		error("%s is truncated: the header of the %s is not complete",
		      file->name, image->format);
		return -1;
	}
	text_offset = get_le64(file->data + LINUX64_TEXT_OFFSET);
	image_size = get_le64(file->data + LINUX64_IMAGE_SIZE);

	if (!image_size) {
		error("%s does not tell its size; Linux 3.17 or newer is needed",
		      file->name);
		return -1;
	}
	if (image_size < file->size) {
		error("%s is broken: the %s says that it takes %llu bytes, the file has %zu",
		      file->name, image->format, image_size, file->size);
		return -1;
	}

	image->linux_kernel = true;
	image->floating = true;
	image->align = RAM_ALIGN;
	image->run_start = text_offset;
	image->run_size = image_size;
	image->entry = text_offset;
	image->nr_segments = 1;
	/* The kernel clears the rest by itself. */
	image->segments[0] = (struct segment){
		.address = text_offset,
		.file_size = file->size,
		.mem_size = file->size,
	};
	return 0;
}
