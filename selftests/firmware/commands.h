/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Signals by which a test has a firmware misbehave; the tests read them here. */
#ifndef FIRMWARE_COMMANDS_H
#define FIRMWARE_COMMANDS_H

#include "../board-arm.h"
#include "console.h"

/* Reset the machine, as a firmware does that has crashed; hang. */
#define SIGNAL_RESET	40
#define SIGNAL_HANG	41

/* Returns if the signal is none of these. */
static inline void obey(uint32_t signal)
{
	switch (signal) {
	case SIGNAL_RESET:
		put_text("firmware: reset\r\n");
		psci(PSCI_SYSTEM_RESET);
	case SIGNAL_HANG:
		put_text("firmware: hangs\r\n");
		for (;;)
			asm volatile("wfi");
	}
}

#endif /* FIRMWARE_COMMANDS_H */
