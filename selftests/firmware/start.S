/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The start of the firmware. The boot signal leaves the address of the device
 * tree in r2. The stack is below the image.
 */
	.syntax unified
	.arm
	.section .start, "ax"
	.globl _start
_start:
	ldr	sp, =_start
	mov	r0, r2
	b	main

	.section .note.GNU-stack, "", %progbits
