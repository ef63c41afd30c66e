/*
 * SDM fuzzing: peers of the machine that exist in this process alone
 *
 * A fake peer is the other end of a connection. What the machine sends is
 * received, and answered if it is a question, by a thread: who asks waits in
 * the thread that runs the input. What else goes to the machine is sent by
 * that one, well or badly.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_FUZZ_SDM_FAKE_H
#define TESTS_QTEST_FUZZ_SDM_FAKE_H

#include "qemu/thread.h"
#include "hw/sdm/proto.h"
#include "judge.h"

#define FAKE_PEERS 2
#define FAKE_PLANS 16

/* What becomes of the next question. */
typedef enum FakeAnswer {
    FAKE_PROPER,
    FAKE_WRONG_TAG,
    FAKE_RESULT,   /* a failure, or data where there is none */
    FAKE_LENGTH,   /* more or less than was asked for */
    FAKE_NONE,
    FAKE_CLOSE,
    FAKE_TWICE,
    FAKE_BROKEN_OFF, /* the beginning, then the end of the connection */
    FAKE_ANSWERS,
} FakeAnswer;

typedef struct FakePlan {
    FakeAnswer how;
    uint8_t value;
} FakePlan;

typedef struct FakePeer {
    /* The main thread. */
    unsigned chunk;    /* what is sent at a time; 0: everything */
    unsigned next_fds; /* what goes with the next byte, FAKE_FD_* */
    bool has_sent;     /* anything */

    /* Protected by fake_lock. */
    int fd; /* -1: none */
    bool ended;
    uint16_t handshake; /* type of the first frame that came, 0: none yet */
    bool gives_back;    /* a credit for each signal, as drivers do */
    FakePlan plans[FAKE_PLANS];
    unsigned num_plans;
    uint8_t header[SDM_PROTO_HEADER_SIZE];
    size_t have; /* bytes of the header */
    size_t skip; /* bytes of the payload that are to come */
    size_t got;  /* those that came, of which the first are kept */
    uint8_t payload[SDM_PROTO_MAX_HANDSHAKE];
    uint8_t *ram; /* a slave's, unless the machine has it */
    Judge judge;
} FakePeer;

/* Files that can be passed. */
typedef enum FakeFile {
    FAKE_FD_NONE,
    FAKE_FD_GOOD,
    FAKE_FD_UNSEALED,
    FAKE_FD_SMALL,
    FAKE_FD_PIPE,
    FAKE_FD_SEVERAL,
    FAKE_FD_LARGE,
    FAKE_FD_DEVICE,
    FAKE_FDS,
} FakeFile;

/* Size of the RAM of a well-behaved fake slave. */
#define FAKE_RAM_SIZE (1 * MiB)
/* And of its coherent region, if it has one: its end is found soon. */
#define FAKE_REGION_SIZE (8 * KiB)

extern FakePeer fake_peers[FAKE_PEERS];

/* The socket at which the machine listens (@master), or its master does. */
void fake_init(bool master);
const char *fake_path(void);

/* A connection from here to the machine, or the other way round. */
void fake_connect(FakePeer *peer);
bool fake_accept(FakePeer *peer);
void fake_close(FakePeer *peer);
void fake_shutdown(FakePeer *peer, int how);
bool fake_is_open(FakePeer *peer);
/* The machine has taken part in a handshake, or has ended the connection. */
bool fake_is_decided(FakePeer *peer);
/* The machine has received all that was sent. */
bool fake_is_drained(FakePeer *peer);
void fake_plan(FakePeer *peer, FakeAnswer how, uint8_t value);
void fake_give_back(FakePeer *peer);
/*
 * For the judge: a proper HELLO (of a slave with a coherent region of @region
 * bytes) or WELCOME will be sent, or what is odd.
 */
void fake_proper(FakePeer *peer, bool hello, uint32_t region);
void fake_unsure(FakePeer *peer);
/* A frame will be sent as it should be, with a complete payload. */
void fake_whole(FakePeer *peer, const struct sdm_proto_header *header,
                const uint8_t *payload);
JudgeState fake_judgement(FakePeer *peer);
/* All answers have come that are due. */
bool fake_is_answered(FakePeer *peer);
void fake_send(FakePeer *peer, const void *data, size_t length);
void fake_send_frame(FakePeer *peer, const struct sdm_proto_header *header,
                     const void *payload, size_t length);

/* Let the machine do what there is to do, without waiting for anything. */
void fake_pump(void);
/* The same, and leave the CPU to others for a little while. */
void fake_wait(void);

#endif
