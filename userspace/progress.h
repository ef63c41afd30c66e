/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far a transfer has come, on stderr: a bar on a terminal, one line for
 * each part elsewhere.
 */
#ifndef SDM_TEST_PROGRESS_H
#define SDM_TEST_PROGRESS_H

#include "types.h"

struct progress {
	bool enabled;
	bool terminal;
	const char *action;
	const char *part;
	u64 total;
	u64 done;
	u64 started_ns;
	u64 shown_ns;
};

/* @total bytes are about to be transferred; @action says what is done. */
void progress_start(struct progress *progress, bool enabled, const char *action,
		    u64 total);
/* From here on the bytes belong to @part, which goes to @address. */
void progress_part(struct progress *progress, const char *part, u64 size,
		   u64 address);
void progress_add(struct progress *progress, u64 bytes);
/* The transfer ended, whether complete or not: leave the line of the bar. */
void progress_end(void);

double progress_seconds(const struct progress *progress);

/* A number of bytes per second as "1.2 MiB/s". */
#define RATE_TEXT 32
const char *rate_text(char text[RATE_TEXT], u64 bytes, double seconds);

#endif /* SDM_TEST_PROGRESS_H */
