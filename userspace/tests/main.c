// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs all unit tests, and stands in for report.c so that they see the errors.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "test.h"
#include "types.h"

static const struct test *const groups[] = {
	number_tests, layout_tests,   linux_image_tests, elf_image_tests,
	dtb_tests,    dtb_cpus_tests, plan_tests,
};

#define NR_GROUPS ARRAY_SIZE(groups)

static char latest_error[1024];
static bool failed;

void error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(latest_error, sizeof(latest_error), fmt, args);
	va_end(args);
}

void forget_error(void)
{
	latest_error[0] = '\0';
}

bool error_contains(const char *text)
{
	if (strstr(latest_error, text))
		return true;
	printf("# the error is: %s\n", latest_error);
	return false;
}

void test_failed(const char *file, int line, const char *text)
{
	failed = true;
	printf("# %s:%d: %s\n", file, line, text);
}

int main(void)
{
	unsigned int nr = 0, nr_failed = 0;
	const struct test *test;
	size_t i;

	/* If a test crashes, what came before must be seen. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < NR_GROUPS; i++)
		for (test = groups[i]; test->name; test++)
			nr++;
	printf("TAP version 13\n1..%u\n", nr);

	nr = 0;
	for (i = 0; i < NR_GROUPS; i++) {
		for (test = groups[i]; test->name; test++) {
			failed = false;
			forget_error();
			test->run();
			nr_failed += failed;
			printf("%sok %u - %s\n", failed ? "not " : "", ++nr,
			       test->name);
		}
	}
	return nr_failed ? EXIT_FAILED : EXIT_OK;
}
