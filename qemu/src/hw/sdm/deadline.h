/*
 * A time within which somebody else has to have done something
 *
 * When it is over that may be due to this process, which did not get on:
 * stopped, or starved on a busy host. So from when that is noticed on there is
 * a little more time, to look at what has arrived.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_DEADLINE_H
#define HW_SDM_DEADLINE_H

#include "qemu/thread.h"
#include "qemu/timer.h"

#define SDM_GRACE_NS (100 * SCALE_MS)

typedef struct SDMDeadline {
    int64_t end; /* ns */
    bool late;   /* the time is over, now it is the grace */
} SDMDeadline;

static inline SDMDeadline sdm_deadline(unsigned timeout_ms)
{
    return (SDMDeadline) {
        .end = get_clock() + timeout_ms * (int64_t)SCALE_MS,
    };
}

/* The time that is left, in ns; 0: it is over, and the grace, too. */
static inline int64_t sdm_deadline_left(SDMDeadline *deadline)
{
    int64_t now = get_clock();

    if (now >= deadline->end && !deadline->late) {
        deadline->late = true;
        deadline->end = now + SDM_GRACE_NS;
    }
    return MAX(deadline->end - now, 0);
}

/* Wait for @cond. False at once if no time is left. */
static inline bool sdm_deadline_wait(SDMDeadline *deadline, QemuCond *cond,
                                     QemuMutex *lock)
{
    int64_t left = sdm_deadline_left(deadline);

    if (left) {
        qemu_cond_timedwait(cond, lock, DIV_ROUND_UP(left, SCALE_MS));
    }
    return left;
}

#endif
