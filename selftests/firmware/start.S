/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The start of the firmware, and its notes. The boot signal leaves the address
 * of the device tree in r2. The stack is below the image.
 */
#include <sdm/sdm-rproc.h>

	.syntax unified
	.arm
	.section .start, "ax"
	.globl _start
_start:
	ldr	sp, =_start
	mov	r0, r2
	b	main

	.section .note.sdm, "a", %note
	.balign	4
	.long	name_end - name, desc_end - desc, SDM_NOTE_DUMP
name:	.asciz	SDM_NOTE_NAME
name_end:
	.balign	4
desc:	.long	pattern, 0, PATTERN_SIZE, 0
desc_end:

	.section .note.GNU-stack, "", %progbits
