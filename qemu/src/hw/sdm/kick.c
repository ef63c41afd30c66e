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
#include "hw/core/cpu.h"
#include "kick.h"

struct SDMKick {
    unsigned int ref; /* atomic */
    bool scheduled;   /* atomic: the call is due, what comes now is served */

    /* Under the BQL. */
    void (*func)(void *opaque); /* NULL: freed */
    void *opaque;
    QEMUBH *bh;
};

/* Threads in a wait for a peer; atomic. */
static unsigned int waiting;

void sdm_kick_begin_wait(void)
{
    qatomic_inc(&waiting);
}

void sdm_kick_end_wait(void)
{
    qatomic_dec(&waiting);
}

static void kick_unref(SDMKick *kick)
{
    if (qatomic_fetch_dec(&kick->ref) == 1) {
        g_free(kick);
    }
}

static void kick_call(SDMKick *kick)
{
    /* First of all: what is there by now is seen by the call. */
    qatomic_xchg(&kick->scheduled, false);
    if (kick->func) {
        kick->func(kick->opaque);
    }
}

static void kick_bh(void *opaque)
{
    kick_call(opaque);
}

static void kick_work(CPUState *cpu, run_on_cpu_data data)
{
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
        async_run_on_cpu(first_cpu, kick_work, RUN_ON_CPU_HOST_PTR(kick));
    } else {
        qemu_bh_schedule(kick->bh);
    }
}

SDMKick *sdm_kick_new(void (*func)(void *opaque), void *opaque)
{
    SDMKick *kick = g_new0(SDMKick, 1);

    kick->ref = 1;
    kick->func = func;
    kick->opaque = opaque;
    /* Not from inside a wait for a block device. */
    kick->bh = aio_bh_new_guarded(iohandler_get_aio_context(), kick_bh, kick,
                                  NULL);
    return kick;
}

void sdm_kick_free(SDMKick *kick)
{
    kick->func = NULL;
    qemu_bh_delete(kick->bh);
    kick_unref(kick);
}
