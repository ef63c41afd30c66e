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
 * From the master to a slave that it has started, or is attached to: word 0 of
 * the payload says what there is.
 */
#define SDM_RPROC_SIGNAL		61
#define SDM_RPROC_PANIC			1 /* the master's kernel has panicked */

#endif /* SDM_SDM_RPROC_H */
