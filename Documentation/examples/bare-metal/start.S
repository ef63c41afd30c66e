/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first instructions: a stack, zeros where C expects them, and the address
 * of the device tree, which the boot signal passes in another register on each
 * instruction set, for main().
 */
	.section .start, "ax"
	.globl	_start
_start:
#if defined(__arm__)
	.syntax	unified
	.arm
	ldr	sp, =stack_top
	ldr	r3, =bss_start
	ldr	r4, =bss_end
	mov	r5, #0
1:	cmp	r3, r4
	strlo	r5, [r3], #4
	blo	1b
	mov	r0, r2
	b	main
#elif defined(__aarch64__)
	ldr	x3, =stack_top
	mov	sp, x3
	ldr	x3, =bss_start
	ldr	x4, =bss_end
1:	cmp	x3, x4
	b.hs	2f
	str	xzr, [x3], #8
	b	1b
2:	b	main
#elif defined(__riscv)
	/* Without firmware all harts come here. One is enough. */
	bnez	a0, 3f
	la	sp, stack_top
	la	t0, bss_start
	la	t1, bss_end
1:	bgeu	t0, t1, 2f
	sd	zero, (t0)
	addi	t0, t0, 8
	j	1b
2:	mv	a0, a1
	j	main
3:	wfi
	j	3b
#endif

	.section .note.GNU-stack, "", %progbits
