/*
 * multi-socket-backend: not to sleep too deeply
 *
 * To wake a thread on a CPU that has gone idle takes longer than everything
 * else in an access, the more so where the host is itself a virtual machine.
 * While messages follow each other closely, no CPU should go idle. Machines
 * that have nothing to say to each other take no CPU time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sched.h>
#include "qemu/processor.h"
#include "qemu/timer.h"
#include "multi-socket-internal.h"

/*
 * Where there are CPUs enough, whoever waits looks at its socket for a while
 * before it sleeps. Where there are few, that would take the CPU from those
 * for whom it waits: the virtual CPUs here and the other machine's threads.
 * There a thread of the lowest class, which gives way to all others at once,
 * runs on a CPU that nobody wants. On a single CPU nobody waits for another.
 *
 * Enough is: both machines' virtual CPUs and the threads of their connection.
 */
#define AWAKE_ENOUGH_CPUS 4

/* A shorter time than this is none. */
#define AWAKE_MIN_NS (25 * 1000)

static unsigned count_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

static void awake_spin(MultiSocketAwake *awake)
{
    while (get_clock() < qatomic_read(&awake->until)) {
        int i;

        for (i = 0; i < 32; i++) {
            cpu_relax();
        }
    }
}

static void *awake_thread(void *opaque)
{
    MultiSocketAwake *awake = opaque;
    const struct sched_param param = { 0 };

    /* Without that it would do harm. */
    if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &param)) {
        return NULL;
    }
    while (!qatomic_read(&awake->stop)) {
        awake_spin(awake);
        qemu_event_reset(&awake->wanted);
        if (get_clock() >= qatomic_read(&awake->until) &&
            !qatomic_read(&awake->stop)) {
            qemu_event_wait(&awake->wanted);
        }
    }
    return NULL;
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
    if (gap < awake->max_ns) {
        window = MIN(MAX(2 * window, AWAKE_MIN_NS), awake->max_ns);
    } else {
        window = window / 2 < AWAKE_MIN_NS ? 0 : window / 2;
    }
    qatomic_set(&awake->last, now);
    qatomic_set(&awake->window_ns, window);
    if (awake->has_thread && window) {
        qatomic_set(&awake->until, now + window);
        qemu_event_set(&awake->wanted);
    }
}

int64_t multi_socket_awake_poll_end(MultiSocketAwake *awake)
{
    unsigned window = qatomic_read(&awake->window_ns);

    return awake->has_thread || !window ? 0 : get_clock() + window;
}

void multi_socket_awake_start(MultiSocketAwake *awake, unsigned max_ns)
{
    unsigned cpus = count_cpus();

    awake->max_ns = cpus > 1 ? max_ns : 0;
    awake->has_thread = awake->max_ns && cpus < AWAKE_ENOUGH_CPUS;
    if (awake->has_thread) {
        qemu_event_init(&awake->wanted, false);
        qemu_thread_create(&awake->thread, "sdm-awake", awake_thread, awake,
                           QEMU_THREAD_JOINABLE);
    }
}

void multi_socket_awake_stop(MultiSocketAwake *awake)
{
    if (awake->has_thread) {
        qatomic_set(&awake->stop, true);
        qatomic_set(&awake->until, 0);
        qemu_event_set(&awake->wanted);
        qemu_thread_join(&awake->thread);
        qemu_event_destroy(&awake->wanted);
        awake->has_thread = false;
    }
}
