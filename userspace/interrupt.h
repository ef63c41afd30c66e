/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user's ^C (SIGINT, SIGTERM, SIGHUP) in the middle of a transfer.
 */
#ifndef SDM_TEST_INTERRUPT_H
#define SDM_TEST_INTERRUPT_H

#include "types.h"

/* From here on these signals only set a flag and end system calls. */
void interrupt_catch(void);

bool interrupted(void);

/*
 * If interrupted, end the program by the same signal, as the caller (a shell)
 * expects. To be called when everything is tidied up.
 */
void interrupt_finish(void);

#endif /* SDM_TEST_INTERRUPT_H */
