/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program for a slave's CPU: tells how it was started, then counts for ever.
 *
 * It is position-independent, with the report right behind it. The first word
 * is what it puts in the mark, the second one is the entry. These are the
 * instructions themselves: the slave need not be of the kind of its master.
 */
#ifndef SDM_SELFTEST_BOOT_PROGRAM_H
#define SDM_SELFTEST_BOOT_PROGRAM_H

#include <elf.h>
#include <stdint.h>

#include "common.h"

/* What the program leaves behind it; 32-bit CPUs write the lower halves. */
struct report {
	uint64_t arguments[3]; /* the first registers: r0, x0 or a0, and so on */
	uint64_t mode; /* CPSR, DAIF, mstatus */
	uint64_t control; /* SCTLR, SCTLR_EL1, satp */
	uint32_t mark;
	uint32_t patched; /* the number in the instruction at @patch */
	uint32_t count; /* goes on as long as the program runs */
	uint32_t reserved;
};

/**
 * struct program - the program for one kind of CPU
 * @machine: kind of CPU, an ELF machine number
 * @words: it
 * @size: in bytes
 * @entry: offset of the entry, with what else the boot signal tells in it
 * @patch: index of an instruction that loads a small number, 0; or 0
 * @patch_shift: the lowest bit of the number in that instruction
 * @dtb: index of the argument with the address of the device tree
 */
struct program {
	uint32_t machine;
	const uint32_t *words;
	size_t size;
	uint32_t entry;
	unsigned int patch;
	unsigned int patch_shift;
	unsigned int dtb;
};

/* 32-bit Arm */
static const uint32_t program_words_arm[] = {
	0x00000000, /* 0: .word 0 */
	0xe28f303c, /* adr r3, report */
	0xe5830000, /* str r0, [r3, #0] */
	0xe5831008, /* str r1, [r3, #8] */
	0xe5832010, /* str r2, [r3, #16] */
	0xe10f4000, /* mrs r4, cpsr */
	0xe5834018, /* str r4, [r3, #24] */
	0xee114f10, /* mrc p15, 0, r4, c1, c0, 0 */
	0xe5834020, /* str r4, [r3, #32] */
	0xe51f402c, /* ldr r4, 0b */
	0xe5834028, /* str r4, [r3, #40] */
	0xe3a04000, /* mov r4, #0 */
	0xe583402c, /* str r4, [r3, #44] */
	0xe3a05000, /* mov r5, #0 */
	0xe2855001, /* 1: add r5, r5, #1 */
	0xe5835030, /* str r5, [r3, #48] */
	0xeafffffc, /* b 1b */
	0xe320f000, /* nop */
};

/* The same as Thumb-2 instructions */
static const uint32_t program_words_thumb[] = {
	0x00000000, /* 0: .word 0 */
	0x0338f20f, /* adr.w r3, report */
	0x0000f8c3, /* str.w r0, [r3, #0] */
	0x1008f8c3, /* str.w r1, [r3, #8] */
	0x2010f8c3, /* str.w r2, [r3, #16] */
	0x8400f3ef, /* mrs r4, cpsr */
	0x4018f8c3, /* str.w r4, [r3, #24] */
	0x4f10ee11, /* mrc p15, 0, r4, c1, c0, 0 */
	0x4020f8c3, /* str.w r4, [r3, #32] */
	0x4028f85f, /* ldr.w r4, 0b */
	0x4028f8c3, /* str.w r4, [r3, #40] */
	0x0500f04f, /* mov.w r5, #0 */
	0x0501f105, /* 1: add.w r5, r5, #1 */
	0x5030f8c3, /* str.w r5, [r3, #48] */
	0xbffaf7ff, /* b.w 1b */
	0x8000f3af, /* nop.w */
};

/* 64-bit Arm, in EL1 */
static const uint32_t program_words_arm64[] = {
	0x00000000, /* 0: .word 0 */
	0x10000229, /* adr x9, report */
	0xf9000120, /* str x0, [x9, #0] */
	0xf9000521, /* str x1, [x9, #8] */
	0xf9000922, /* str x2, [x9, #16] */
	0xd53b422a, /* mrs x10, daif */
	0xf9000d2a, /* str x10, [x9, #24] */
	0xd538100a, /* mrs x10, sctlr_el1 */
	0xf900112a, /* str x10, [x9, #32] */
	0x18fffeea, /* ldr w10, 0b */
	0xb900292a, /* str w10, [x9, #40] */
	0x5280000a, /* movz w10, #0 */
	0xb9002d2a, /* str w10, [x9, #44] */
	0x5280000b, /* movz w11, #0 */
	0x1100056b, /* 1: add w11, w11, #1 */
	0xb900312b, /* str w11, [x9, #48] */
	0x17fffffe, /* b 1b */
	0xd503201f, /* nop */
};

/* 64-bit RISC-V, in machine mode */
static const uint32_t program_words_riscv[] = {
	0x00000000, /* 0: .word 0 */
	0x00000297, /* auipc t0, 0 */
	0x04c28293, /* addi t0, t0, 0x4c */
	0x00a2b023, /* sd a0, 0(t0) */
	0x00b2b423, /* sd a1, 8(t0) */
	0x00c2b823, /* sd a2, 16(t0) */
	0x30002373, /* csrr t1, mstatus */
	0x0062bc23, /* sd t1, 24(t0) */
	0x18002373, /* csrr t1, 0batp */
	0x0262b023, /* sd t1, 32(t0) */
	0xfb02a303, /* lw t1, -80(t0) */
	0x0262a423, /* sw t1, 40(t0) */
	0x00000313, /* li t1, 0 */
	0x0262a623, /* sw t1, 44(t0) */
	0x00000393, /* li t2, 0 */
	0x00138393, /* 1: addi t2, t2, 1 */
	0x0272a823, /* sw t2, 48(t0) */
	0xff9ff06f, /* j 1b */
	0x00000013, /* nop */
	0x00000013, /* nop */
};

#define PROGRAM_WORDS(name) \
	.words = program_words_##name, .size = sizeof(program_words_##name)

static const struct program programs[] = {
	{ .machine = EM_ARM,
	  PROGRAM_WORDS(arm),
	  .entry = 4,
	  .patch = 11,
	  .dtb = 2 },
	{ .machine = EM_AARCH64,
	  PROGRAM_WORDS(arm64),
	  .entry = 4,
	  .patch = 11,
	  .patch_shift = 5 },
	{ .machine = EM_RISCV,
	  PROGRAM_WORDS(riscv),
	  .entry = 4,
	  .patch = 12,
	  .patch_shift = 20,
	  .dtb = 1 },
};

static const struct program thumb_program = {
	.machine = EM_ARM,
	PROGRAM_WORDS(thumb),
	.entry = 4 + 1,
	.dtb = 2,
};

#endif /* SDM_SELFTEST_BOOT_PROGRAM_H */
