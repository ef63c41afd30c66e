/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The start of bare.c, which gets to know where the image is. The stack is below
 * it.
 */
	.syntax unified
	.arm
	.section .start, "ax"
	.globl _start
_start:
	ldr	sp, =_start
	ldr	r0, =_start
	ldr	r1, =_end
	b	main

	.section .note.GNU-stack, "", %progbits
