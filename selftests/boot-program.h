/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program for a slave's CPU: tells how it was started, then counts for ever.
 *
 * It is position-independent, with the report right behind it. The first word
 * is what it puts in the mark, the second one is the entry.
 */
#ifndef SDM_SELFTEST_BOOT_PROGRAM_H
#define SDM_SELFTEST_BOOT_PROGRAM_H

#include <stdint.h>

/* What the program leaves behind it */
struct report {
	uint32_t r0;
	uint32_t r1;
	uint32_t r2;
	uint32_t cpsr;
	uint32_t sctlr;
	uint32_t mark;
	uint32_t count; /* goes on as long as the program runs */
};

#ifdef __arm__
asm(
	".pushsection .rodata\n"
	".arm\n"
	".balign 4\n"
	"program_arm:\n"
	"\t.word 0\n"
	"\tadr r3, 2f\n"
	"\tstr r0, [r3, #0]\n"
	"\tstr r1, [r3, #4]\n"
	"\tstr r2, [r3, #8]\n"
	"\tmrs r4, cpsr\n"
	"\tstr r4, [r3, #12]\n"
	"\tmrc p15, 0, r4, c1, c0, 0\n"
	"\tstr r4, [r3, #16]\n"
	"\tadr r5, program_arm\n"
	"\tldr r4, [r5]\n"
	"\tstr r4, [r3, #20]\n"
	"\tmov r5, #0\n"
	"1: add r5, r5, #1\n"
	"\tstr r5, [r3, #24]\n"
	"\tb 1b\n"
	"2:\n"
	"program_arm_end:\n"
	".thumb\n"
	".balign 4\n"
	"program_thumb:\n"
	"\t.word 0\n"
	"\tadr r3, 2f\n"
	"\tstr r0, [r3, #0]\n"
	"\tstr r1, [r3, #4]\n"
	"\tstr r2, [r3, #8]\n"
	"\tmrs r4, cpsr\n"
	"\tstr r4, [r3, #12]\n"
	"\tmrc p15, 0, r4, c1, c0, 0\n"
	"\tstr r4, [r3, #16]\n"
	"\tadr.w r5, program_thumb\n"
	"\tldr r4, [r5]\n"
	"\tstr r4, [r3, #20]\n"
	"\tmovs r5, #0\n"
	"1: adds r5, r5, #1\n"
	"\tstr r5, [r3, #24]\n"
	"\tb 1b\n"
	".balign 4\n"
	"2:\n"
	"program_thumb_end:\n"
	".popsection\n");

extern const uint32_t program_arm[], program_arm_end[];
extern const uint32_t program_thumb[], program_thumb_end[];
#else
static const uint32_t program_arm[1], program_thumb[1];
#define program_arm_end (program_arm + 1)
#define program_thumb_end (program_thumb + 1)
#endif

#endif /* SDM_SELFTEST_BOOT_PROGRAM_H */
