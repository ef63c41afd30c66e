/*
 * SDM wire protocol: encoding and decoding
 *
 * Pure functions over buffers, without I/O and without state, so that they
 * can be tested and fuzzed by themselves. What they return has been checked
 * against the limits in sdm/sdm-proto.h; whether it makes sense at this
 * moment (known ID, range inside the RAM) is for the caller to say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_PROTO_H
#define HW_SDM_PROTO_H

#include "sdm/sdm-proto.h"

#define SDM_PROTO_HEADER_SIZE sizeof(struct sdm_proto_header)

/* Largest frame: a write with its address. */
#define SDM_PROTO_MAX_FRAME \
    (SDM_PROTO_HEADER_SIZE + sizeof(struct sdm_proto_mem) + SDM_PROTO_MAX_DATA)

#define SDM_PROTO_NUM_CHANNELS 3

/* Sections of a handshake frame by channel; body is NULL if there is none. */
typedef struct SDMProtoSections {
    const uint8_t *body[SDM_PROTO_NUM_CHANNELS];
    size_t length[SDM_PROTO_NUM_CHANNELS];
} SDMProtoSections;

/*
 * Parsers return NULL on success or a constant text that says what is wrong.
 *
 * sdm_proto_parse_header() reads SDM_PROTO_HEADER_SIZE bytes and guarantees
 * a known type whose length is within the limits of that type.
 */
const char *sdm_proto_parse_header(const uint8_t *buf,
                                   struct sdm_proto_header *header);
const char *sdm_proto_parse_hello(const uint8_t *buf, size_t length,
                                  struct sdm_proto_hello *hello,
                                  SDMProtoSections *sections);
const char *sdm_proto_parse_welcome(const uint8_t *buf, size_t length,
                                    struct sdm_proto_welcome *welcome,
                                    SDMProtoSections *sections);
const char *sdm_proto_parse_hello_memory(const uint8_t *buf, size_t length,
                                         struct sdm_proto_hello_memory *mem);
const char *
sdm_proto_parse_welcome_memory(const uint8_t *buf, size_t length,
                               struct sdm_proto_welcome_memory *mem);
const char *sdm_proto_parse_signals(const uint8_t *buf, size_t length,
                                    struct sdm_proto_signals *signals);
const char *sdm_proto_parse_state(uint32_t state);

/* These need a buffer whose size the header's check has established. */
const char *sdm_proto_parse_peer(const uint8_t *buf,
                                 struct sdm_proto_peer *peer);
const char *sdm_proto_parse_peer_credit(const uint8_t *buf,
                                        struct sdm_proto_peer_credit *credit);
void sdm_proto_parse_mem(const uint8_t *buf, struct sdm_proto_mem *mem);
void sdm_proto_parse_fill(const uint8_t *buf, struct sdm_proto_fill *fill);
void sdm_proto_parse_signal(const uint8_t *buf,
                            struct sdm_proto_signal *signal);

void sdm_proto_put_header(uint8_t *buf, const struct sdm_proto_header *header);
void sdm_proto_put_mem(uint8_t *buf, const struct sdm_proto_mem *mem);
void sdm_proto_put_fill(uint8_t *buf, const struct sdm_proto_fill *fill);
void sdm_proto_put_signal(uint8_t *buf, const struct sdm_proto_signal *signal);
void sdm_proto_put_peer(uint8_t *buf, const struct sdm_proto_peer *peer);
void sdm_proto_put_peer_credit(uint8_t *buf,
                               const struct sdm_proto_peer_credit *credit);

/* These append to @out. */
void sdm_proto_add_hello(GByteArray *out, const struct sdm_proto_hello *hello);
void sdm_proto_add_welcome(GByteArray *out,
                           const struct sdm_proto_welcome *welcome);
void sdm_proto_add_section(GByteArray *out, unsigned channel,
                           const GByteArray *body);
void sdm_proto_add_hello_memory(GByteArray *out,
                                const struct sdm_proto_hello_memory *mem);
void sdm_proto_add_welcome_memory(GByteArray *out,
                                  const struct sdm_proto_welcome_memory *mem);
void sdm_proto_add_signals(GByteArray *out,
                           const struct sdm_proto_signals *signals);

#endif
