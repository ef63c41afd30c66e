/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests: what they check, and what they are made of. Output is TAP.
 */
#ifndef SDM_TEST_TEST_H
#define SDM_TEST_TEST_H

#include "types.h"

struct test {
	const char *name;
	void (*run)(void);
};

/* Each file of tests ends with an array that ends with an empty element. */
extern const struct test number_tests[];
extern const struct test layout_tests[];
extern const struct test linux_image_tests[];
extern const struct test elf_image_tests[];
extern const struct test dtb_tests[];
extern const struct test dtb_cpus_tests[];
extern const struct test plan_tests[];

/* Note that the running test fails, and go on. */
void test_failed(const char *file, int line, const char *text);

#define CHECK(condition)                                             \
	do {                                                         \
		if (!(condition))                                    \
			test_failed(__FILE__, __LINE__, #condition); \
	} while (0)

/*
 * @call must fail with a message that contains @text. The messages are part of
 * the interface: they tell the user what to do.
 */
#define CHECK_ERROR(call, text)              \
	do {                                 \
		forget_error();              \
		CHECK((call) != 0);          \
		CHECK(error_contains(text)); \
	} while (0)

/* The latest error() is kept instead of printed. */
void forget_error(void);
bool error_contains(const char *text);

#endif /* SDM_TEST_TEST_H */
