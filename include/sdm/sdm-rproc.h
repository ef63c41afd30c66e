/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * What a master's remoteproc driver and the software that it starts on a slave
 * tell each other. It needs nothing but a C preprocessor. The prose is in
 * Documentation/driver.rst.
 */
#ifndef SDM_SDM_RPROC_H
#define SDM_SDM_RPROC_H

/* Notes in the ELF file of a firmware, in PT_NOTE segments. */
#define SDM_NOTE_NAME			"SDM"
/*
 * 64-bit address of a device tree that the file has in one of its segments: it
 * goes with the boot signal.
 */
#define SDM_NOTE_DTB			1
/*
 * Pairs of 64-bit address and size: the memory to be saved when the slave has
 * crashed. Without this note it is all that the file's segments occupy.
 */
#define SDM_NOTE_DUMP			2

/*
 * Between a master and a slave that it has started, or is attached to: word 0 of
 * the payload says what it is about.
 */
#define SDM_RPROC_SIGNAL		61
#define SDM_RPROC_PANIC			1 /* the master's kernel has panicked */
#define SDM_RPROC_KICK			2 /* look at all rings, and the table */
#define SDM_RPROC_HELLO			3 /* the slave asks for a kick */

/*
 * Layout of the coherent region. Who attaches to a slave looks for the slave's
 * resource table at the start; rings and buffers come after it.
 */
#define SDM_RPROC_TABLE_SIZE		0x1000
/* Entries that a ring may have, and bytes of a buffer, headers included. */
#define SDM_RPROC_MAX_ENTRIES		256
#define SDM_RPROC_BUFFER_SIZE		512

#endif /* SDM_SDM_RPROC_H */
