// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages on stderr and the final check of stdout.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

bool quiet;
bool verbose;
bool stderr_line_open;

static bool stdout_failed;

static void print_message(const char *fmt, va_list args)
{
	/* Keep the order of what both streams show on one terminal. */
	fflush(stdout);
	if (stderr_line_open)
		fputc('\n', stderr);
	stderr_line_open = false;
	fputs(PROGRAM ": ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_message(fmt, args);
	va_end(args);
}

int usage_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_message(fmt, args);
	va_end(args);
	fprintf(stderr, "Try '" PROGRAM " --help'.\n");
	return EXIT_USAGE;
}

void explain(const char *fmt, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, fmt);
	print_message(fmt, args);
	va_end(args);
}

int flush_stdout(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (!stdout_failed)
		error("cannot write to standard output: %s", strerror(errno));
	stdout_failed = true;
	return -1;
}

static void check_stdout(void)
{
	/* Some file systems report a full disk only when the file is closed. */
	if (flush_stdout() || (close(STDOUT_FILENO) && errno != EBADF))
		_exit(EXIT_FAILED);
}

void check_stdout_at_exit(void)
{
	if (atexit(check_stdout))
		abort();
}
