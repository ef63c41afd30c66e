// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading of files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "interrupt.h"
#include "report.h"

#define FIRST_BUFFER (64 << 10)

static int too_large(const struct file *file, u64 max)
{
	error("%s has more than %llu bytes; it does not fit there", file->name,
	      max);
	return -1;
}

/* Size of the first buffer: one byte more than expected, to see the end. */
static int first_capacity(const struct file *file, int fd, u64 max,
			  size_t *capacity)
{
	struct stat st;

	if (fstat(fd, &st)) {
		error("%s: %s", file->name, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		error("%s is a directory; a file is needed", file->name);
		return -1;
	}
	*capacity = FIRST_BUFFER;
	if (!S_ISREG(st.st_mode))
		return 0;
	if ((u64)st.st_size > max || (u64)st.st_size >= SIZE_MAX)
		return too_large(file, max);
	*capacity = (size_t)st.st_size + 1;
	return 0;
}

static int read_all(struct file *file, int fd, u64 max)
{
	size_t capacity;

	if (first_capacity(file, fd, max, &capacity))
		return -1;

	for (;;) {
		u8 *data = realloc(file->data, capacity);
		ssize_t n;

		if (!data) {
			error("%s: no memory for %zu bytes", file->name,
			      capacity);
			return -1;
		}
		file->data = data;

		while (file->size < capacity) {
			n = read(fd, data + file->size, capacity - file->size);
			if (n < 0 && errno == EINTR && !interrupted())
				continue;
			if (n < 0) {
				error("cannot read %s: %s", file->name,
				      strerror(errno));
				return -1;
			}
			if (!n)
				return 0;
			file->size += n;
			if (file->size > max)
				return too_large(file, max);
		}
		if (capacity > SIZE_MAX / 2)
			return too_large(file, max);
		capacity *= 2;
	}
}

int file_read(struct file *file, const char *name, u64 max)
{
	bool standard_input = !strcmp(name, "-");
	int fd = STDIN_FILENO;
	int ret;

	memset(file, 0, sizeof(*file));
	file->name = standard_input ? "standard input" : name;
	if (!standard_input) {
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			error("cannot open %s: %s", name, strerror(errno));
			return -1;
		}
	}
	ret = read_all(file, fd, max);
	if (!standard_input)
		close(fd);
	if (ret)
		file_free(file);
	return ret;
}

void file_free(struct file *file)
{
	free(file->data);
	file->data = NULL;
	file->size = 0;
}
