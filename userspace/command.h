/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the command line says, and the commands that do it.
 */
#ifndef SDM_TEST_COMMAND_H
#define SDM_TEST_COMMAND_H

#include "types.h"

/* Options that only some commands take. */
enum option_bit {
	OPTION_INITRD = 1 << 0,
	OPTION_APPEND = 1 << 1,
	OPTION_RAW = 1 << 2,
	OPTION_LOAD = 1 << 3,
	OPTION_ENTRY = 1 << 4,
	OPTION_VERIFY = 1 << 5,
	OPTION_TIMEOUT = 1 << 6,
	OPTION_COUNT = 1 << 7,
};

/**
 * struct options - the parsed command line
 * @given: enum option_bit of the options that are there
 * @initrd: --initrd
 * @append: --append
 * @load: --load
 * @entry: --entry
 * @timeout_ms: --timeout
 * @count: --count
 * @json: --json
 * @nr_operands: as many as the command takes
 * @operands: what is no option
 */
struct options {
	unsigned int given;
	const char *initrd;
	const char *append;
	u64 load;
	u64 entry;
	u32 timeout_ms;
	u64 count;
	bool json;
	int nr_operands;
	char *const *operands;
};

/* The commands return the exit status of the program. */
int command_boot(const struct options *options);
int command_send(const struct options *options);
int command_list(const struct options *options);
int command_wait(const struct options *options);
int command_answer(const struct options *options);
int command_ping(const struct options *options);
int command_read(const struct options *options);
int command_write(const struct options *options);
int command_compare(const struct options *options);
int command_reset(const struct options *options);

/*
 * Operands. They return 0, or -1 with a usage error reported: @what names the
 * operand in it.
 */
int operand_u32(const char *text, const char *what, u32 *value);
int operand_u64(const char *text, const char *what, u64 *value);
int operand_size(const char *text, const char *what, u64 *value);

/* Milliseconds for ioctl()s in which 0 stands for the default. */
int action_timeout(const struct options *options, u32 *timeout_ms);

#endif /* SDM_TEST_COMMAND_H */
