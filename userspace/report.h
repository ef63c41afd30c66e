/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the program says: errors, explanations, and the check that stdout
 * really took everything.
 */
#ifndef SDM_TEST_REPORT_H
#define SDM_TEST_REPORT_H

#include "types.h"

#define PROGRAM "sdm-test"

/* Exit status of the program. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* -q: results are not wanted, only the exit status and errors. */
extern bool quiet;
/* -v: explanations are wanted. */
extern bool verbose;

/* A line on stderr is not finished: messages have to begin a new one. */
extern bool stderr_line_open;

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/*
 * Print "sdm-test: ..." to stderr. By convention the text says what is wrong
 * and, after a semicolon, what would be right.
 */
void error(const char *fmt, ...) PRINTF(1, 2);

/* The same for a mistake in the command line; returns EXIT_USAGE. */
int usage_error(const char *fmt, ...) PRINTF(1, 2);

/* Print to stderr if -v was given. */
void explain(const char *fmt, ...) PRINTF(1, 2);

/* Flush stdout; returns -1, with the error reported, if that fails. */
int flush_stdout(void);

/* Make a failed write to stdout a failure of the program, at exit. */
void check_stdout_at_exit(void);

#endif /* SDM_TEST_REPORT_H */
