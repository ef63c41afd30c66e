/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's short names of its types. u64 is an unsigned long long on all
 * architectures, so that it is printed by %llu without further ado.
 */
#ifndef SDM_TEST_TYPES_H
#define SDM_TEST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;

#define U64_MAX UINT64_MAX
#define U32_MAX UINT32_MAX

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif /* SDM_TEST_TYPES_H */
