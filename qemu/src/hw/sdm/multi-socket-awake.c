/*
 * multi-socket-backend: to look for input before sleeping
 *
 * To wake a thread on another CPU takes longer than everything else in an
 * access, the more so if that CPU has gone idle and the host is itself a
 * virtual machine. So while messages follow each other closely, whoever waits
 * for one looks at its socket for a while. Machines that have nothing to say
 * to each other take no CPU time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sched.h>
#include "qemu/processor.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "kick.h"
#include "multi-socket-internal.h"

/* A shorter time than this is none. */
#define AWAKE_MIN_NS (25 * 1000)

/*
 * A guest that is at work for longer than this will be so for a while, and
 * who waits for it only takes its CPU.
 */
#define AWAKE_GUEST_NS (30 * 1000)

/* Who was kept from running for so long has taken the CPU from somebody. */
#define AWAKE_GAP_NS (100 * 1000)
#define AWAKE_BACK_OFF_NS (20 * 1000 * 1000)

static unsigned count_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

void multi_socket_awake_init(MultiSocketAwake *awake, unsigned max_ns)
{
    /* On one CPU nobody else gets on meanwhile. */
    awake->max_ns = count_cpus() > 1 ? max_ns : 0;
}

/*
 * A message came. After a gap that would have been worth staying awake for,
 * the next one is waited for longer.
 */
void multi_socket_awake_note(MultiSocketAwake *awake)
{
    unsigned window = qatomic_read(&awake->window_ns);
    int64_t now, gap;

    if (!awake->max_ns) {
        return;
    }
    now = get_clock();
    gap = now - qatomic_read(&awake->last);
    if (now < qatomic_read(&awake->back_off)) {
        window = 0;
    } else if (gap < awake->max_ns) {
        window = MIN(MAX(2 * window, AWAKE_MIN_NS), awake->max_ns);
    } else {
        window = window / 2 < AWAKE_MIN_NS ? 0 : window / 2;
    }
    qatomic_set(&awake->last, now);
    qatomic_set(&awake->window_ns, window);
}

/* Are all virtual CPUs but the calling one asleep, and will stay so? */
static bool guest_sleeps(void)
{
    CPUState *cpu;

    if (sdm_kick_pending()) {
        return false;
    }
    WITH_RCU_READ_LOCK_GUARD() {
        CPU_FOREACH(cpu) {
            if (cpu != current_cpu && !qatomic_read(&cpu->halted)) {
                return false;
            }
        }
    }
    return true;
}

bool multi_socket_awake_wanted(MultiSocketAwake *awake)
{
    return qatomic_read(&awake->window_ns);
}

void multi_socket_awake_begin(MultiSocketAwake *awake, MultiSocketLook *look)
{
    unsigned window = qatomic_read(&awake->window_ns);

    *look = (MultiSocketLook) { .awake = awake };
    if (window) {
        look->now = look->slept = get_clock();
        look->end = look->now + window;
    }
}

bool multi_socket_awake_go_on(MultiSocketLook *look)
{
    int64_t now;

    if (!look->end) {
        return false;
    }
    now = get_clock();
    if (now - look->now > AWAKE_GAP_NS) {
        qatomic_set(&look->awake->window_ns, 0);
        qatomic_set(&look->awake->back_off, now + AWAKE_BACK_OFF_NS);
        return false;
    }
    look->now = now;
    if (now >= look->end) {
        return false;
    }
    if (guest_sleeps()) {
        look->slept = now;
        cpu_relax();
    } else if (now - look->slept < AWAKE_GUEST_NS) {
        /* It may be this CPU that it needs. */
        sched_yield();
        look->now = get_clock();
    } else {
        return false;
    }
    return true;
}
