/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SDM_CHR_CMD_H
#define _SDM_CHR_CMD_H

#include <linux/err.h>
#include <linux/ioctl.h>
#include <linux/nospec.h>
#include <linux/types.h>

#include <uapi/linux/sdm.h>

struct sdm_chr_file;
union sdm_chr_arg;

/**
 * struct sdm_chr_cmd - an ioctl
 * @call: does it
 * @size: size of its structure
 * @min_size: size of its structure when it was introduced
 * @mode: mode in which the file must be open
 * @out: the structure goes back to the caller
 */
struct sdm_chr_cmd {
	int (*call)(struct sdm_chr_file *f, bool nonblock,
		    union sdm_chr_arg *arg);
	size_t size;
	size_t min_size;
	fmode_t mode;
	bool out;
};

/**
 * sdm_chr_cmd_find() - find the entry of an ioctl
 * @cmds: table of ioctls by their numbers
 * @count: size of the table
 * @cmd: what the caller asks for
 *
 * The direction in @cmd is of no interest, and the size only has to be enough
 * for what the ioctl has needed from the start.
 *
 * Return: the entry, or an ERR_PTR(): -ENOTTY, -EINVAL.
 */
static inline const struct sdm_chr_cmd *
sdm_chr_cmd_find(const struct sdm_chr_cmd *cmds, size_t count, unsigned int cmd)
{
	size_t nr = _IOC_NR(cmd);

	if (_IOC_TYPE(cmd) != SDM_IOC_MAGIC || nr >= count)
		return ERR_PTR(-ENOTTY);
	nr = array_index_nospec(nr, count);
	if (_IOC_SIZE(cmd) < cmds[nr].min_size)
		return ERR_PTR(-EINVAL);

	return &cmds[nr];
}

#endif /* _SDM_CHR_CMD_H */
