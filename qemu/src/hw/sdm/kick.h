/*
 * Work that is to be done under the BQL soon, because something arrived
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_KICK_H
#define HW_SDM_KICK_H

typedef struct SDMKick SDMKick;

/**
 * sdm_kick_new - prepare for work
 * @func: what to do, under the BQL; not on the main loop, so it must not
 *     start or stop the machine
 * @opaque: its argument
 */
SDMKick *sdm_kick_new(void (*func)(void *opaque), void *opaque);

/* Under the BQL: @func will not be called any more. */
void sdm_kick_free(SDMKick *kick);

/* Any thread: have @func called once more after this. Does not wait. */
void sdm_kick(SDMKick *kick);

/* Any thread: something has been given to a virtual CPU and is not done. */
bool sdm_kick_pending(void);

/*
 * Around a wait for a peer: meanwhile work is not given to a virtual CPU,
 * which may be the one that waits.
 */
void sdm_kick_begin_wait(void);
void sdm_kick_end_wait(void);

#endif
