/*
 * SDM fuzzing: how an input becomes actions
 *
 * An input is a row of actions: a byte that says which one, then what it
 * needs. Each kind of target has a table of those that it knows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_FUZZ_SDM_RUN_H
#define TESTS_QTEST_FUZZ_SDM_RUN_H

#include "fake.h"
#include "input.h"

/* Where the board "virt" has RAM, and the device in its platform bus. */
#define RUN_RAM_BASE 0x40000000ull
#define RUN_REGS_BASE 0x0c000000ull

/* Sizes of the machine under test. */
#define RUN_RAM_SIZE (32 * MiB)
#define RUN_WINDOW_SIZE (32 * MiB)
#define RUN_WINDOW_BASE (RUN_RAM_BASE + RUN_RAM_SIZE)
#define RUN_SLAVE_RAM_SIZE (16 * MiB)

/* Let everything happen that was begun, but not for ever. */
void run_settle(void);
/* Wait until the machine has taken part in a handshake, or refused to. */
void run_wait_decided(FakePeer *peer);
/* A new connection to the machine, or of it. */
void run_join(FakePeer *peer);

/* Actions of the peers (wire.c). */
void wire_join(Input *in, FakePeer *peer);
void wire_hello(Input *in, FakePeer *peer);
void wire_welcome(Input *in, FakePeer *peer);
void wire_frame(Input *in, FakePeer *peer);
void wire_raw(Input *in, FakePeer *peer);
void wire_chunk(Input *in, FakePeer *peer);
void wire_file(Input *in, FakePeer *peer);
void wire_end(Input *in, FakePeer *peer);
void wire_plan(Input *in, FakePeer *peer);
void wire_settle(Input *in, FakePeer *peer);
/* A proper handshake, with all that belongs to it. */
void wire_proper_hello(FakePeer *peer, bool with_file, bool with_region);
void wire_proper_welcome(FakePeer *peer);

/* Actions of the guest (guest.c); none of them has to do with @peer. */
void guest_read_register(Input *in, FakePeer *peer);
void guest_write_register(Input *in, FakePeer *peer);
void guest_read_window(Input *in, FakePeer *peer);
void guest_write_window(Input *in, FakePeer *peer);
void guest_send_signal(Input *in, FakePeer *peer);
void guest_ring(Input *in, FakePeer *peer);
void guest_descriptor(Input *in, FakePeer *peer);
void guest_stop(Input *in, FakePeer *peer);
void guest_reset(Input *in, FakePeer *peer);

#endif
