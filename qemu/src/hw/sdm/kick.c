/*
 * Work that is to be done under the BQL soon, because something arrived
 *
 * What arrives ends in an interrupt: a virtual CPU is to be woken, and needs
 * the BQL to go on. So let it do the work as well, instead of waking the main
 * loop before: each thread that is woken costs more than all the rest.
 *
 * That is no promise: a virtual CPU that is about to sleep may miss that it
 * has been given work without the BQL, and one that waits for a peer does
 * nothing else. So the main loop looks after it, a little later.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "kick.h"

/* What a virtual CPU has not done by then the main loop does. */
#define KICK_GUARD_NS (1000 * 1000)

struct SDMKick {
    unsigned int ref; /* atomic */
    bool scheduled;   /* atomic: the call is due, what comes now is served */

    /* Under the BQL. */
    QLIST_ENTRY(SDMKick) next;
    void (*func)(void *opaque); /* NULL: freed */
    void *opaque;
};

/* Under the BQL; bottom half and timer stay once they are there. */
static QLIST_HEAD(, SDMKick) kicks = QLIST_HEAD_INITIALIZER(kicks);
static QEMUBH *kicks_bh;
static QEMUTimer *guard;

/* The timer runs: no need to wake the main loop for that again; atomic. */
static bool guarded;

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

static void guard_expired(void *opaque)
{
    qatomic_set(&guarded, false);
    /* Who still found it set has scheduled something before: seen here. */
    smp_mb();
    kick_all(NULL);
}

/* Give the call to a virtual CPU, unless one waits for a peer. */
static bool give_to_cpu(SDMKick *kick)
{
    if (!first_cpu) {
        return false;
    }
    qatomic_inc(&pending);
    /* Either this sees who waits, or sdm_kick_begin_wait() what is pending. */
    smp_mb__after_rmw();
    if (qatomic_read(&waiting)) {
        qatomic_dec(&pending);
        return false;
    }
    qatomic_inc(&kick->ref);
    async_run_on_cpu(first_cpu, kick_work, RUN_ON_CPU_HOST_PTR(kick));
    return true;
}

void sdm_kick(SDMKick *kick)
{
    if (qatomic_xchg(&kick->scheduled, true)) {
        return;
    }
    if (!give_to_cpu(kick)) {
        qemu_bh_schedule(kicks_bh);
    } else if (!qatomic_xchg(&guarded, true)) {
        timer_mod_ns(guard, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                     KICK_GUARD_NS);
    }
}

bool sdm_kick_pending(void)
{
    return qatomic_read(&pending);
}

void sdm_kick_begin_wait(void)
{
    qatomic_inc(&waiting);
    smp_mb__after_rmw();
    if (sdm_kick_pending()) {
        qemu_bh_schedule(kicks_bh);
    }
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
        guard = timer_new_ns(QEMU_CLOCK_REALTIME, guard_expired, NULL);
    }
    return kick;
}

void sdm_kick_free(SDMKick *kick)
{
    QLIST_REMOVE(kick, next);
    kick->func = NULL;
    kick_unref(kick);
}
