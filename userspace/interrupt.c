// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that end the program in an orderly way.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupt.h"
#include "types.h"

static volatile sig_atomic_t caught;

static void catch_signal(int signal)
{
	caught = signal;
}

void interrupt_catch(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	/* No SA_RESTART: system calls have to end. */
	struct sigaction action = { .sa_handler = catch_signal };
	struct sigaction old;
	unsigned int i;

	sigemptyset(&action.sa_mask);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		/* What nohup or a shell's & has disabled stays so. */
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

bool interrupted(void)
{
	return caught;
}

void interrupt_finish(void)
{
	if (!caught)
		return;
	fflush(stdout);
	signal(caught, SIG_DFL);
	raise(caught);
}
