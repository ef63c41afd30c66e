/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that is read as a whole before anything is done with it.
 */
#ifndef SDM_TEST_FILE_H
#define SDM_TEST_FILE_H

#include "types.h"

struct file {
	const char *name;
	u8 *data;
	size_t size;
};

/*
 * Read the file @name, "-" being standard input, of at most @max bytes.
 * Returns 0, or -1 with the error reported.
 */
int file_read(struct file *file, const char *name, u64 max);
void file_free(struct file *file);

/* Does the file have @size bytes at @offset? Never overflows. */
static inline bool file_has(const struct file *file, u64 offset, u64 size)
{
	return offset <= file->size && size <= file->size - offset;
}

#endif /* SDM_TEST_FILE_H */
