/*
 * Work that is to be done under the BQL soon, because something arrived
 *
 * What arrives ends in an interrupt: a virtual CPU is to be woken, and needs
 * the BQL to go on. So let it do the work as well, instead of waking the main
 * loop before: each thread that is woken costs more than all the rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "hw/core/cpu.h"
#include "kick.h"

/* A virtual CPU that has not made a call by then gets help. */
#define KICK_PATIENCE_NS (1000 * 1000)

struct SDMKick {
    unsigned int ref; /* atomic */
    bool scheduled;   /* atomic: the call is due, what comes now is served */

    /* Under the BQL. */
    QLIST_ENTRY(SDMKick) next;
    void (*func)(void *opaque); /* NULL: freed */
    void *opaque;
};

/* Under the BQL; the bottom half stays once it is there. */
static QLIST_HEAD(, SDMKick) kicks = QLIST_HEAD_INITIALIZER(kicks);
static QEMUBH *kicks_bh;

/* Threads in a wait for a peer; atomic. */
static unsigned int waiting;

/* Calls that virtual CPUs have still to make; atomic. */
static unsigned int pending;

static void kick_call(SDMKick *kick)
{
    /* First of all: what is there by now is seen by the call. */
    if (qatomic_xchg(&kick->scheduled, false) && kick->func) {
        kick->func(kick->opaque);
    }
}

static void kick_unref(SDMKick *kick)
{
    if (qatomic_fetch_dec(&kick->ref) == 1) {
        g_free(kick);
    }
}

/* On the main loop: all that is due. */
static void kick_all(void *opaque)
{
    SDMKick *kick, *next;

    QLIST_FOREACH_SAFE(kick, &kicks, next, next) {
        kick_call(kick);
    }
}

static void kick_work(CPUState *cpu, run_on_cpu_data data)
{
    qatomic_dec(&pending);
    kick_call(data.host_ptr);
    kick_unref(data.host_ptr);
}

void sdm_kick(SDMKick *kick)
{
    if (qatomic_xchg(&kick->scheduled, true)) {
        return;
    }
    if (first_cpu && !qatomic_read(&waiting)) {
        qatomic_inc(&kick->ref);
        qatomic_inc(&pending);
        async_run_on_cpu(first_cpu, kick_work, RUN_ON_CPU_HOST_PTR(kick));
    } else {
        qemu_bh_schedule(kicks_bh);
    }
}

bool sdm_kick_pending(void)
{
    return qatomic_read(&pending);
}

int64_t sdm_kick_patience(int64_t timeout_ns)
{
    if (!sdm_kick_pending() ||
        (timeout_ns >= 0 && timeout_ns <= KICK_PATIENCE_NS)) {
        return timeout_ns;
    }
    return KICK_PATIENCE_NS;
}

void sdm_kick_hurry(void)
{
    if (sdm_kick_pending()) {
        qemu_bh_schedule(kicks_bh);
    }
}

void sdm_kick_begin_wait(void)
{
    qatomic_inc(&waiting);
    /* Either sdm_kick() sees that, or this sees what it has done. */
    smp_mb__after_rmw();
    sdm_kick_hurry();
}

void sdm_kick_end_wait(void)
{
    qatomic_dec(&waiting);
}

SDMKick *sdm_kick_new(void (*func)(void *opaque), void *opaque)
{
    SDMKick *kick = g_new0(SDMKick, 1);

    kick->ref = 1;
    kick->func = func;
    kick->opaque = opaque;
    QLIST_INSERT_HEAD(&kicks, kick, next);
    if (!kicks_bh) {
        /* Not from inside a wait for a block device. */
        kicks_bh = aio_bh_new_guarded(iohandler_get_aio_context(), kick_all,
                                      NULL, NULL);
    }
    return kick;
}

void sdm_kick_free(SDMKick *kick)
{
    QLIST_REMOVE(kick, next);
    kick->func = NULL;
    kick_unref(kick);
}
