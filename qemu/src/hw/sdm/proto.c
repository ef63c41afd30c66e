/*
 * SDM wire protocol: encoding and decoding
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/proto.h"

/* The structures are the layout: a hole would be a change of the protocol. */
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_header) != 16);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_hello) != 24);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_welcome) != 24);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_section) != 8);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_hello_memory) != 24);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_welcome_memory) != 8);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_signals) != 24);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_mem) != 8);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_fill) != 24);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_signal) != 32);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_peer) != 32);
QEMU_BUILD_BUG_ON(sizeof(struct sdm_proto_peer_credit) != 16);

static const struct {
    uint16_t type;
    uint32_t min_length;
    uint32_t max_length;
    uint16_t flags;
} frame_limits[] = {
    { SDM_PROTO_HELLO, sizeof(struct sdm_proto_hello),
      SDM_PROTO_MAX_HANDSHAKE },
    { SDM_PROTO_WELCOME, sizeof(struct sdm_proto_welcome),
      SDM_PROTO_MAX_HANDSHAKE },
    { SDM_PROTO_REJECT, 0, SDM_PROTO_MAX_HANDSHAKE },
    { SDM_PROTO_BYE, 0, 0 },
    { SDM_PROTO_MEM_READ, sizeof(struct sdm_proto_mem),
      sizeof(struct sdm_proto_mem) },
    { SDM_PROTO_MEM_DATA, 0, SDM_PROTO_MAX_DATA },
    { SDM_PROTO_MEM_WRITE, sizeof(struct sdm_proto_mem) + 1,
      sizeof(struct sdm_proto_mem) + SDM_PROTO_MAX_DATA,
      SDM_PROTO_FLAG_ACK },
    { SDM_PROTO_MEM_FILL, sizeof(struct sdm_proto_fill),
      sizeof(struct sdm_proto_fill), SDM_PROTO_FLAG_ACK },
    { SDM_PROTO_MEM_ERROR, sizeof(struct sdm_proto_mem),
      sizeof(struct sdm_proto_mem) },
    { SDM_PROTO_MEM_DIFF, 0, SDM_PROTO_MAX_DIFF },
    { SDM_PROTO_SIGNAL, sizeof(struct sdm_proto_signal),
      sizeof(struct sdm_proto_signal) },
    { SDM_PROTO_CREDIT, 0, 0 },
    { SDM_PROTO_STATE, 0, 0 },
    { SDM_PROTO_ACTION, 0, 0 },
    { SDM_PROTO_PEER, sizeof(struct sdm_proto_peer),
      sizeof(struct sdm_proto_peer) },
    { SDM_PROTO_PEER_STATE, 0, 0 },
    { SDM_PROTO_PEER_CREDIT, sizeof(struct sdm_proto_peer_credit),
      sizeof(struct sdm_proto_peer_credit) },
};

const char *sdm_proto_parse_header(const uint8_t *buf,
                                   struct sdm_proto_header *header)
{
    size_t i;

    header->type = lduw_le_p(buf);
    header->flags = lduw_le_p(buf + 2);
    header->length = ldl_le_p(buf + 4);
    header->tag = ldl_le_p(buf + 8);
    header->arg = ldl_le_p(buf + 12);

    for (i = 0; i < ARRAY_SIZE(frame_limits); i++) {
        if (frame_limits[i].type != header->type) {
            continue;
        }
        if (header->flags & ~frame_limits[i].flags) {
            return "unknown flags in a frame header";
        }
        if (header->length < frame_limits[i].min_length ||
            header->length > frame_limits[i].max_length) {
            return "frame length out of range";
        }
        return NULL;
    }
    return "unknown frame type";
}

static const char *parse_sections(const uint8_t *buf, size_t length,
                                  SDMProtoSections *sections)
{
    memset(sections, 0, sizeof(*sections));

    while (length) {
        uint16_t kind, size;

        if (length < sizeof(struct sdm_proto_section)) {
            return "truncated section";
        }
        kind = lduw_le_p(buf);
        size = lduw_le_p(buf + 2);
        buf += sizeof(struct sdm_proto_section);
        length -= sizeof(struct sdm_proto_section);
        if (size > length || size % 8) {
            return "bad section length";
        }
        if (kind < SDM_PROTO_NUM_CHANNELS) {
            if (sections->body[kind]) {
                return "section occurs twice";
            }
            sections->body[kind] = buf;
            sections->length[kind] = size;
        }
        buf += size;
        length -= size;
    }
    return NULL;
}

const char *sdm_proto_parse_hello(const uint8_t *buf, size_t length,
                                  struct sdm_proto_hello *hello,
                                  SDMProtoSections *sections)
{
    if (length < sizeof(*hello)) {
        return "truncated HELLO";
    }
    hello->magic = ldl_le_p(buf);
    hello->major = lduw_le_p(buf + 4);
    hello->minor = lduw_le_p(buf + 6);
    hello->features = ldl_le_p(buf + 8);
    hello->id = ldl_le_p(buf + 12);
    hello->arch = ldl_le_p(buf + 16);
    hello->cpus = ldl_le_p(buf + 20);

    if (hello->magic != SDM_PROTO_MAGIC) {
        return "not an SDM peer (bad magic number)";
    }
    if (hello->major != SDM_PROTO_MAJOR) {
        /* What follows may be laid out in another way: stop here. */
        memset(sections, 0, sizeof(*sections));
        return NULL;
    }
    return parse_sections(buf + sizeof(*hello), length - sizeof(*hello),
                          sections);
}

const char *sdm_proto_parse_welcome(const uint8_t *buf, size_t length,
                                    struct sdm_proto_welcome *welcome,
                                    SDMProtoSections *sections)
{
    if (length < sizeof(*welcome)) {
        return "truncated WELCOME";
    }
    welcome->magic = ldl_le_p(buf);
    welcome->major = lduw_le_p(buf + 4);
    welcome->minor = lduw_le_p(buf + 6);
    welcome->features = ldl_le_p(buf + 8);
    welcome->id = ldl_le_p(buf + 12);
    welcome->num_ids = ldl_le_p(buf + 16);
    welcome->arch = ldl_le_p(buf + 20);

    if (welcome->magic != SDM_PROTO_MAGIC) {
        return "not an SDM master (bad magic number)";
    }
    if (welcome->major != SDM_PROTO_MAJOR) {
        return "the master speaks another version of the protocol";
    }
    if (welcome->num_ids < 2 || welcome->num_ids > SDM_MAX_IDS ||
        welcome->id == SDM_ID_MASTER || welcome->id >= welcome->num_ids) {
        return "impossible ID in WELCOME";
    }
    return parse_sections(buf + sizeof(*welcome), length - sizeof(*welcome),
                          sections);
}

const char *sdm_proto_parse_hello_memory(const uint8_t *buf, size_t length,
                                         struct sdm_proto_hello_memory *mem)
{
    if (length < sizeof(*mem)) {
        return "truncated memory section";
    }
    mem->size = ldq_le_p(buf);
    mem->base = ldq_le_p(buf + 8);
    mem->flags = ldl_le_p(buf + 16);
    mem->coherent = ldl_le_p(buf + 20);
    if (mem->flags & ~SDM_PROTO_MEMORY_FD) {
        return "unknown flags of the slave's RAM";
    }
    if (!mem->size || mem->size % 4096 || mem->base % 4096 ||
        mem->base + (mem->size - 1) < mem->base) {
        return "impossible size or base of the slave's RAM";
    }
    if (mem->coherent % 4096 || mem->coherent > SDM_PROTO_MAX_COHERENT ||
        mem->coherent > mem->size) {
        return "impossible size of the coherent region";
    }
    return NULL;
}

const char *
sdm_proto_parse_welcome_memory(const uint8_t *buf, size_t length,
                               struct sdm_proto_welcome_memory *mem)
{
    if (length < sizeof(*mem)) {
        return "truncated memory section";
    }
    mem->offset = ldq_le_p(buf);
    return NULL;
}

const char *sdm_proto_parse_state(uint32_t state)
{
    switch (state & SDM_PEER_STATE_MASK) {
    case SDM_PEER_RESET:
    case SDM_PEER_RUNNING:
        break;
    default:
        return "impossible machine state";
    }
    if (state & ~(SDM_PEER_STATE_MASK | SDM_PEER_STATE_DRIVER)) {
        return "unknown bits in the machine state";
    }
    return NULL;
}

static bool action_is_sound(uint32_t signal, uint32_t num_signals)
{
    return signal == SDM_PROTO_NO_SIGNAL || signal < num_signals;
}

const char *sdm_proto_parse_signals(const uint8_t *buf, size_t length,
                                    struct sdm_proto_signals *signals)
{
    if (length < sizeof(*signals)) {
        return "truncated signal section";
    }
    signals->num_signals = ldl_le_p(buf);
    signals->credits = ldl_le_p(buf + 4);
    signals->boot_signal = ldl_le_p(buf + 8);
    signals->reset_signal = ldl_le_p(buf + 12);
    signals->state = ldl_le_p(buf + 16);
    signals->reserved = ldl_le_p(buf + 20);

    if (!signals->num_signals ||
        signals->num_signals > SDM_PROTO_MAX_SIGNALS) {
        return "impossible number of signals";
    }
    if (signals->credits > SDM_PROTO_MAX_CREDITS) {
        return "impossible number of credits";
    }
    if (!action_is_sound(signals->boot_signal, signals->num_signals) ||
        !action_is_sound(signals->reset_signal, signals->num_signals)) {
        return "boot or reset signal out of range";
    }
    return sdm_proto_parse_state(signals->state);
}

const char *sdm_proto_parse_peer(const uint8_t *buf,
                                 struct sdm_proto_peer *peer)
{
    peer->id = ldl_le_p(buf);
    peer->epoch = ldl_le_p(buf + 4);
    peer->num_signals = ldl_le_p(buf + 8);
    peer->boot_signal = ldl_le_p(buf + 12);
    peer->reset_signal = ldl_le_p(buf + 16);
    peer->state = ldl_le_p(buf + 20);
    peer->arch = ldl_le_p(buf + 24);
    peer->cpus = ldl_le_p(buf + 28);
    if (!peer->epoch) {
        return "slave without a connection";
    }
    if (!peer->num_signals || peer->num_signals > SDM_PROTO_MAX_SIGNALS) {
        return "number of signals out of range";
    }
    if (!action_is_sound(peer->boot_signal, peer->num_signals) ||
        !action_is_sound(peer->reset_signal, peer->num_signals)) {
        return "boot or reset signal out of range";
    }
    return sdm_proto_parse_state(peer->state);
}

const char *sdm_proto_parse_peer_credit(const uint8_t *buf,
                                        struct sdm_proto_peer_credit *credit)
{
    credit->id = ldl_le_p(buf);
    credit->epoch = ldl_le_p(buf + 4);
    credit->credits = ldl_le_p(buf + 8);
    credit->taken = ldl_le_p(buf + 12);
    if (!credit->credits || credit->credits > SDM_PROTO_MAX_CREDITS) {
        return "impossible number of credits";
    }
    return NULL;
}

void sdm_proto_parse_mem(const uint8_t *buf, struct sdm_proto_mem *mem)
{
    mem->offset = ldq_le_p(buf);
}

void sdm_proto_parse_fill(const uint8_t *buf, struct sdm_proto_fill *fill)
{
    fill->offset = ldq_le_p(buf);
    fill->length = ldq_le_p(buf + 8);
    fill->pattern = ldq_le_p(buf + 16);
}

void sdm_proto_parse_signal(const uint8_t *buf, struct sdm_proto_signal *signal)
{
    signal->source = ldl_le_p(buf);
    signal->dest = ldl_le_p(buf + 4);
    signal->signal = ldl_le_p(buf + 8);
    signal->flags = ldl_le_p(buf + 12);
    signal->data[0] = ldq_le_p(buf + 16);
    signal->data[1] = ldq_le_p(buf + 24);
}

void sdm_proto_put_header(uint8_t *buf, const struct sdm_proto_header *header)
{
    stw_le_p(buf, header->type);
    stw_le_p(buf + 2, header->flags);
    stl_le_p(buf + 4, header->length);
    stl_le_p(buf + 8, header->tag);
    stl_le_p(buf + 12, header->arg);
}

void sdm_proto_put_mem(uint8_t *buf, const struct sdm_proto_mem *mem)
{
    stq_le_p(buf, mem->offset);
}

void sdm_proto_put_fill(uint8_t *buf, const struct sdm_proto_fill *fill)
{
    stq_le_p(buf, fill->offset);
    stq_le_p(buf + 8, fill->length);
    stq_le_p(buf + 16, fill->pattern);
}

void sdm_proto_put_signal(uint8_t *buf, const struct sdm_proto_signal *signal)
{
    stl_le_p(buf, signal->source);
    stl_le_p(buf + 4, signal->dest);
    stl_le_p(buf + 8, signal->signal);
    stl_le_p(buf + 12, signal->flags);
    stq_le_p(buf + 16, signal->data[0]);
    stq_le_p(buf + 24, signal->data[1]);
}

void sdm_proto_put_peer(uint8_t *buf, const struct sdm_proto_peer *peer)
{
    stl_le_p(buf, peer->id);
    stl_le_p(buf + 4, peer->epoch);
    stl_le_p(buf + 8, peer->num_signals);
    stl_le_p(buf + 12, peer->boot_signal);
    stl_le_p(buf + 16, peer->reset_signal);
    stl_le_p(buf + 20, peer->state);
    stl_le_p(buf + 24, peer->arch);
    stl_le_p(buf + 28, peer->cpus);
}

void sdm_proto_put_peer_credit(uint8_t *buf,
                               const struct sdm_proto_peer_credit *credit)
{
    stl_le_p(buf, credit->id);
    stl_le_p(buf + 4, credit->epoch);
    stl_le_p(buf + 8, credit->credits);
    stl_le_p(buf + 12, credit->taken);
}

static void add16(GByteArray *out, uint16_t value)
{
    uint8_t buf[2];

    stw_le_p(buf, value);
    g_byte_array_append(out, buf, sizeof(buf));
}

static void add32(GByteArray *out, uint32_t value)
{
    uint8_t buf[4];

    stl_le_p(buf, value);
    g_byte_array_append(out, buf, sizeof(buf));
}

static void add64(GByteArray *out, uint64_t value)
{
    uint8_t buf[8];

    stq_le_p(buf, value);
    g_byte_array_append(out, buf, sizeof(buf));
}

void sdm_proto_add_hello(GByteArray *out, const struct sdm_proto_hello *hello)
{
    add32(out, hello->magic);
    add16(out, hello->major);
    add16(out, hello->minor);
    add32(out, hello->features);
    add32(out, hello->id);
    add32(out, hello->arch);
    add32(out, hello->cpus);
}

void sdm_proto_add_welcome(GByteArray *out,
                           const struct sdm_proto_welcome *welcome)
{
    add32(out, welcome->magic);
    add16(out, welcome->major);
    add16(out, welcome->minor);
    add32(out, welcome->features);
    add32(out, welcome->id);
    add32(out, welcome->num_ids);
    add32(out, welcome->arch);
}

void sdm_proto_add_section(GByteArray *out, unsigned channel,
                           const GByteArray *body)
{
    assert(body->len % 8 == 0);

    add16(out, channel);
    add16(out, body->len);
    add32(out, 0);
    g_byte_array_append(out, body->data, body->len);
}

void sdm_proto_add_hello_memory(GByteArray *out,
                                const struct sdm_proto_hello_memory *mem)
{
    add64(out, mem->size);
    add64(out, mem->base);
    add32(out, mem->flags);
    add32(out, mem->coherent);
}

void sdm_proto_add_welcome_memory(GByteArray *out,
                                  const struct sdm_proto_welcome_memory *mem)
{
    add64(out, mem->offset);
}

void sdm_proto_add_signals(GByteArray *out,
                           const struct sdm_proto_signals *signals)
{
    add32(out, signals->num_signals);
    add32(out, signals->credits);
    add32(out, signals->boot_signal);
    add32(out, signals->reset_signal);
    add32(out, signals->state);
    add32(out, 0);
}
