/*
 * SDM tests: a peer that speaks the protocol by hand, well or badly
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_SDM_RAW_H
#define TESTS_QTEST_SDM_RAW_H

#include "hw/sdm/proto.h"
#include "sdm/sdm-regs.h"
#include "common.h"

/* Connect to the master of @rig. */
int raw_connect(Rig *rig);
/* Be the master of @rig: listen, wait for a slave. */
int raw_listen(Rig *rig);
int raw_accept(int listener);

void raw_send(int fd, const void *data, size_t length);
void raw_send_frame(int fd, uint16_t type, uint32_t tag, uint32_t arg,
                    const void *payload, size_t length);
/* The header alone, with any length. */
void raw_send_header(int fd, uint16_t type, uint16_t flags, uint32_t length,
                     uint32_t tag, uint32_t arg);
void raw_send_signal(int fd, const struct sdm_proto_signal *signal);
/* Frame whose payload begins with struct sdm_proto_mem. */
void raw_send_mem(int fd, uint16_t type, uint32_t tag, uint32_t arg,
                  uint64_t offset, const void *data, size_t length);

/* A frame; @payload (SDM_PROTO_MAX_FRAME bytes) may be NULL. */
void raw_receive(int fd, struct sdm_proto_header *header, uint8_t *payload);
/* The next frame is of this type; STATE and CREDIT frames are skipped. */
void raw_expect(int fd, uint16_t type, struct sdm_proto_header *header,
                uint8_t *payload);
/* The other side ends the connection; what it sent before is skipped. */
void raw_expect_end(int fd);

/* The parts of a HELLO, in order; those that are NULL are left out. */
typedef struct RawHello {
    struct sdm_proto_hello hello;
    const struct sdm_proto_hello_memory *memory;
    const struct sdm_proto_signals *signals;
    const void *rest; /* more bytes */
    size_t rest_length;
} RawHello;

/* What a proper slave says: 1 MiB of RAM, 4 signals, 0 boots. */
extern const struct sdm_proto_hello raw_hello;
extern const struct sdm_proto_hello_memory raw_memory;
extern const struct sdm_proto_signals raw_signals;
extern const struct sdm_proto_welcome raw_welcome;

void raw_send_hello(int fd, const RawHello *hello);
/* The same by UNIX socket, with the file @file. */
void raw_send_hello_file(int fd, const RawHello *hello, int file);
/* A proper slave connects, the master accepts it. */
int raw_join(Rig *rig);
/* ... and leaves, as far as the master is concerned. */
void raw_leave(int fd);

/* A proper WELCOME, with the signal section. */
void raw_send_welcome(int fd, const struct sdm_proto_welcome *welcome,
                      const struct sdm_proto_signals *signals);

#endif
