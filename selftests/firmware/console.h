/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a firmware says: to the serial port, and to a trace buffer, which the
 * master sees in debugfs.
 */
#ifndef FIRMWARE_CONSOLE_H
#define FIRMWARE_CONSOLE_H

#include <stdint.h>

#define TRACE_SIZE 4096

extern char trace[TRACE_SIZE];

void put_char(char c);
void put_text(const char *text);
void put_hex(uint32_t value);
/* One line */
void put_value(const char *name, uint32_t value);

#endif /* FIRMWARE_CONSOLE_H */
