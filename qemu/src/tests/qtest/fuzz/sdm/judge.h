/*
 * SDM fuzzing: is what the machine does right?
 *
 * A judge belongs to a connection whose handshake was proper. It knows what
 * the peer has sent, what the machine has to make of that, and compares. As
 * soon as something is sent that can be taken in more than one way it gives
 * up: then anything may happen that no sanitizer complains about.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_FUZZ_SDM_JUDGE_H
#define TESTS_QTEST_FUZZ_SDM_JUDGE_H

#include "hw/sdm/proto.h"

typedef enum JudgeState {
    JUDGE_OFF,    /* anything may happen */
    JUDGE_ASKED,  /* a proper HELLO was sent */
    JUDGE_ON,     /* the connection is proper, and has to last */
    JUDGE_BROKEN, /* the machine has to end it */
} JudgeState;

typedef struct Judge {
    JudgeState state;
    const char *crime;     /* why it has to end */
    GQueue answers;        /* those that are due, JudgeAnswer */
    uint32_t id;           /* of the slave, whoever that is */
    uint64_t offset;       /* master: of the slave's RAM in the window */
    uint32_t region;       /* size of the coherent region, or 0 */
    unsigned can_send;     /* signals that the machine may send */
    unsigned given;        /* all credits that it was given */
    int room;              /* signals that the peer may send */
} Judge;

/* Before the fuzzer sees to it that QEMU's messages go nowhere. */
void judge_open_log(void);
/* Size of the slave's RAM, and the RAM itself if the slave is the machine. */
void judge_init(uint64_t ram_size, uint8_t *ram);

/* What follows is for one thread at a time: under the lock of the peers. */

/* A new connection. */
void judge_begin(Judge *judge);
/*
 * The peer is about to send a proper HELLO or WELCOME first. @region is the
 * size of the coherent region that its HELLO offers, or 0.
 */
void judge_proper(Judge *judge, bool hello, uint32_t region);
/* The connection is closed here. */
void judge_closed(Judge *judge);
/* It does something with which the judge cannot reckon. */
void judge_unsure(Judge *judge);
/* It does something with which the connection has to end. */
void judge_broken(Judge *judge, const char *crime);
/* It is about to send a frame. */
void judge_sent(Judge *judge, const struct sdm_proto_header *header,
                const uint8_t *payload);
/* The machine has sent one, @have bytes of its payload are kept. */
void judge_arrived(Judge *judge, const struct sdm_proto_header *header,
                   const uint8_t *payload, size_t have);

/* All frames were served: is in the RAM what they have put there? */
void judge_ram(Judge *judge);
/* No connection is left. */
void judge_end(void);
/* In this input there were connections that nobody has judged. */
bool judge_had_strangers(void);

/* The peer gives back the credit of a signal that has just come. */
void judge_give_back(Judge *judge);
/* The finding: it ends the fuzzer. */
G_NORETURN void judge_finding(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
