/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What of the echo firmware's memory is to be saved when it has crashed. */
#include <sdm/sdm-rproc.h>

	.section .note.sdm, "a", %note
	.balign	4
	.long	name_end - name, desc_end - desc, SDM_NOTE_DUMP
name:	.asciz	SDM_NOTE_NAME
name_end:
	.balign	4
desc:	.long	pattern, 0, PATTERN_SIZE, 0
desc_end:

	.section .note.GNU-stack, "", %progbits
