/*
 * SDM fuzzing: what peers send
 *
 * Nearly all that is sent is made of proper frames with a few things wrong:
 * bytes that make no frame end a connection at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "elf.h"
#include "sdm/sdm-regs.h"
#include "run.h"

static const struct sdm_proto_signals proper_signals = {
    .num_signals = 4,
    .credits = 8,
    .boot_signal = 0,
    .reset_signal = 1,
    .state = SDM_PEER_RESET,
};

/*
 * ------------------------------------------------------------------------
 * Handshake
 */

/* What is wrong with a handshake: bits. */
#define WRONG_NO_MEMORY 0x0001
#define WRONG_NO_SIGNALS 0x0002
#define WRONG_FIXED 0x0004
#define WRONG_MEMORY 0x0008
#define WRONG_SIGNALS 0x0010
#define WRONG_LENGTH 0x0020
#define WRONG_MORE 0x0040
#define WRONG_TWICE 0x0080
#define WITH_FLAG_FD 0x0100
#define WITH_ID 0x0200
#define WITH_SIZE 0x0400
#define WITH_REJECT 0x0800
#define WITH_REGION 0x1000
#define WITH_PEERS 0x2000

/* One of the bytes from @from on becomes another one. */
static void spoil(Input *in, GByteArray *out, size_t from)
{
    uint8_t at = input_u8(in), value = input_u8(in);

    if (out->len > from) {
        out->data[from + at % (out->len - from)] ^= value;
    }
}

static void add_section(GByteArray *out, unsigned channel, GByteArray *body)
{
    sdm_proto_add_section(out, channel, body);
    g_byte_array_free(body, true);
}

static void add_signals(Input *in, GByteArray *out, unsigned how)
{
    GByteArray *body = g_byte_array_new();

    sdm_proto_add_signals(body, &proper_signals);
    if (how & WRONG_SIGNALS) {
        spoil(in, body, 0);
    }
    add_section(out, SDM_PROTO_CHANNEL_SIGNAL, body);
}

static void send_handshake(Input *in, FakePeer *peer, uint16_t type,
                           unsigned how, GByteArray *out)
{
    struct sdm_proto_header header = { .type = type };

    if (how & WRONG_MORE) {
        uint8_t more[64];
        size_t n = input_u8(in) % sizeof(more);

        input_bytes(in, more, n);
        g_byte_array_append(out, more, n);
    }
    header.length = out->len;
    if (how & WRONG_LENGTH) {
        header.length += (int16_t)input_u16(in);
    }
    fake_send_frame(peer, &header, out->data, out->len);
}

static void send_hello(Input *in, FakePeer *peer, unsigned how)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct sdm_proto_hello hello = {
        .magic = SDM_PROTO_MAGIC,
        .major = SDM_PROTO_MAJOR,
        .minor = SDM_PROTO_MINOR,
        .features = how & WITH_PEERS ? SDM_PROTO_FEATURE_PEERS : 0,
        .id = how & WITH_ID ? input_u8(in) : SDM_PROTO_ID_ANY,
        .arch = EM_ARM,
        .cpus = 1,
    };

    sdm_proto_add_hello(out, &hello);
    if (how & WRONG_FIXED) {
        spoil(in, out, 0);
    }
    if (!(how & WRONG_NO_MEMORY)) {
        GByteArray *body = g_byte_array_new();
        struct sdm_proto_hello_memory mem = {
            .size = how & WITH_SIZE ? input_u16(in) * 4096ull : FAKE_RAM_SIZE,
            .base = 0x80000000,
            .flags = how & WITH_FLAG_FD ? SDM_PROTO_MEMORY_FD : 0,
            .coherent = how & WITH_REGION ? FAKE_REGION_SIZE : 0,
        };

        sdm_proto_add_hello_memory(body, &mem);
        if (how & WRONG_MEMORY) {
            spoil(in, body, 0);
        }
        add_section(out, SDM_PROTO_CHANNEL_MEMORY, body);
    }
    if (!(how & WRONG_NO_SIGNALS)) {
        add_signals(in, out, how);
    }
    if (how & WRONG_TWICE) {
        add_signals(in, out, how);
    }
    send_handshake(in, peer, SDM_PROTO_HELLO, how, out);
}

static void send_welcome(Input *in, FakePeer *peer, unsigned how)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct sdm_proto_welcome welcome = {
        .magic = SDM_PROTO_MAGIC,
        .major = SDM_PROTO_MAJOR,
        .minor = SDM_PROTO_MINOR,
        .features = how & WITH_PEERS ? SDM_PROTO_FEATURE_PEERS : 0,
        .id = how & WITH_ID ? input_u8(in) : 1,
        .num_ids = how & WITH_SIZE ? input_u16(in) : 3,
        .arch = EM_ARM,
    };

    if (how & WITH_REJECT) {
        struct sdm_proto_header header = {
            .type = SDM_PROTO_REJECT,
            .length = input_u8(in),
            .arg = input_u8(in),
        };
        uint8_t text[UINT8_MAX];

        input_bytes(in, text, header.length);
        fake_send_frame(peer, &header, text, header.length);
        return;
    }
    sdm_proto_add_welcome(out, &welcome);
    if (how & WRONG_FIXED) {
        spoil(in, out, 0);
    }
    if (!(how & WRONG_NO_MEMORY)) {
        GByteArray *body = g_byte_array_new();
        struct sdm_proto_welcome_memory mem = { .offset = 0 };

        sdm_proto_add_welcome_memory(body, &mem);
        if (how & WRONG_MEMORY) {
            spoil(in, body, 0);
        }
        add_section(out, SDM_PROTO_CHANNEL_MEMORY, body);
    }
    if (!(how & WRONG_NO_SIGNALS)) {
        add_signals(in, out, how);
    }
    if (how & WRONG_TWICE) {
        add_signals(in, out, how);
    }
    send_handshake(in, peer, SDM_PROTO_WELCOME, how, out);
}

void wire_proper_hello(FakePeer *peer, bool with_file, bool with_region)
{
    Input none = { 0 };

    /* Who shares the RAM has nothing to tell about it. */
    g_assert(!with_file || !with_region);
    peer->next_fds = with_file ? FAKE_FD_GOOD : FAKE_FD_NONE;
    fake_proper(peer, true, with_region ? FAKE_REGION_SIZE : 0);
    send_hello(&none, peer, with_file ? WITH_FLAG_FD :
                            with_region ? WITH_REGION : 0);
}

void wire_proper_welcome(FakePeer *peer)
{
    Input none = { 0 };

    fake_proper(peer, false, 0);
    send_welcome(&none, peer, 0);
}

void wire_hello(Input *in, FakePeer *peer)
{
    fake_unsure(peer);
    send_hello(in, peer, input_u16(in));
    run_wait_decided(peer);
}

void wire_welcome(Input *in, FakePeer *peer)
{
    fake_unsure(peer);
    send_welcome(in, peer, input_u16(in));
    run_settle();
}

/*
 * ------------------------------------------------------------------------
 * Frames
 */

static const uint16_t frame_types[] = {
    SDM_PROTO_MEM_READ, SDM_PROTO_MEM_DATA, SDM_PROTO_MEM_WRITE,
    SDM_PROTO_MEM_ERROR, SDM_PROTO_MEM_FILL, SDM_PROTO_SIGNAL,
    SDM_PROTO_CREDIT, SDM_PROTO_STATE, SDM_PROTO_ACTION, SDM_PROTO_BYE,
    SDM_PROTO_HELLO, SDM_PROTO_WELCOME, SDM_PROTO_REJECT,
    SDM_PROTO_MEM_DIFF, SDM_PROTO_PEER, SDM_PROTO_PEER_STATE,
    SDM_PROTO_PEER_CREDIT,
};

/* What is special about a frame: bits. */
#define FRAME_ACK 0x01
#define FRAME_FLAGS 0x02
#define FRAME_LENGTH 0x04
#define FRAME_ARG 0x08
#define FRAME_TAG 0x10
#define FRAME_TRUNCATED 0x20
#define FRAME_LONG 0x40
#define FRAME_RAW 0x80

/* Records of changes: in the region, or nearly. */
static size_t make_changes(Input *in, unsigned how, uint8_t *buf)
{
    unsigned i, count = input_u8(in) % 4;
    size_t length = 0;

    for (i = 0; i < count; i++) {
        uint32_t offset = how & FRAME_LONG ? input_u32(in) :
                          input_u16(in) % (FAKE_REGION_SIZE + 16);
        uint32_t n = input_u8(in);

        stl_le_p(buf + length, offset);
        stl_le_p(buf + length + 4, n);
        memset(buf + length + 8, input_u8(in), n);
        length += 8 + n;
    }
    return length;
}

/* The payload, as it should be; or of the right length, if FRAME_RAW. */
static size_t make_payload(Input *in, struct sdm_proto_header *header,
                           unsigned how, uint8_t *buf)
{
    unsigned scale = how & FRAME_LONG ? 64 : 1;
    struct sdm_proto_mem mem = { };
    struct sdm_proto_fill fill = { };
    struct sdm_proto_signal signal = { };
    struct sdm_proto_peer other = { };
    struct sdm_proto_peer_credit credit = { };
    size_t length = 0;

    switch (header->type) {
    case SDM_PROTO_MEM_READ:
        header->arg = input_u16(in) * scale;
        /* fall through */
    case SDM_PROTO_MEM_ERROR:
        length = sizeof(mem);
        mem.offset = input_number(in, 3);
        sdm_proto_put_mem(buf, &mem);
        break;
    case SDM_PROTO_MEM_WRITE:
        mem.offset = input_number(in, 3);
        sdm_proto_put_mem(buf, &mem);
        length = sizeof(mem) + input_u16(in) * scale;
        length = MIN(length, SDM_PROTO_MAX_DATA + sizeof(mem));
        break;
    case SDM_PROTO_MEM_DATA:
        length = MIN(input_u16(in) * scale, SDM_PROTO_MAX_DATA);
        break;
    case SDM_PROTO_MEM_FILL:
        length = sizeof(fill);
        fill.offset = input_number(in, 3);
        fill.length = input_number(in, 3);
        fill.pattern = input_u64(in);
        sdm_proto_put_fill(buf, &fill);
        break;
    case SDM_PROTO_SIGNAL:
        length = sizeof(signal);
        signal.source = input_u8(in);
        signal.dest = input_u8(in);
        signal.signal = input_u8(in);
        /* Good for a boot. */
        signal.data[0] = RUN_RAM_BASE + input_number(in, 3);
        signal.data[1] = input_u32(in);
        sdm_proto_put_signal(buf, &signal);
        break;
    case SDM_PROTO_PEER:
        length = sizeof(other);
        other.id = input_u8(in) % 4;
        other.epoch = input_u8(in) % 4;
        other.num_signals = input_u8(in);
        other.boot_signal = input_u8(in);
        other.reset_signal = SDM_PROTO_NO_SIGNAL;
        other.state = SDM_PEER_RESET + input_u8(in) % 2;
        sdm_proto_put_peer(buf, &other);
        break;
    case SDM_PROTO_PEER_STATE:
        header->tag = input_u8(in) % 4;
        header->arg = input_u8(in) % 5;
        break;
    case SDM_PROTO_PEER_CREDIT:
        length = sizeof(credit);
        credit.id = input_u8(in) % 4;
        credit.epoch = input_u8(in) % 4;
        credit.credits = input_u8(in);
        credit.taken = input_u8(in);
        sdm_proto_put_peer_credit(buf, &credit);
        break;
    case SDM_PROTO_HELLO:
    case SDM_PROTO_WELCOME:
        length = sizeof(struct sdm_proto_hello) + input_u8(in) % 64;
        how |= FRAME_RAW;
        break;
    case SDM_PROTO_REJECT:
        length = input_u8(in);
        how |= FRAME_RAW;
        break;
    case SDM_PROTO_MEM_DIFF:
        header->arg = input_u8(in) & SDM_PROTO_DIFF_LAST;
        length = make_changes(in, how, buf);
        break;
    default:
        header->arg = input_u8(in);
        break;
    }
    if (how & FRAME_RAW) {
        input_bytes(in, buf, MIN(length, 64));
    }
    return length;
}

void wire_frame(Input *in, FakePeer *peer)
{
    static uint8_t buf[SDM_PROTO_MAX_FRAME + 64];
    unsigned type = input_u8(in) % ARRAY_SIZE(frame_types);
    unsigned how = input_u8(in);
    struct sdm_proto_header header = { .type = frame_types[type] };
    size_t length;

    memset(buf, 0, 128);
    length = make_payload(in, &header, how, buf);
    header.length = length;
    if (how & FRAME_ACK && (header.type == SDM_PROTO_MEM_WRITE ||
                            header.type == SDM_PROTO_MEM_FILL)) {
        header.flags = SDM_PROTO_FLAG_ACK;
    }
    if (how & FRAME_FLAGS) {
        header.flags = input_u16(in);
    }
    if (how & FRAME_LENGTH) {
        header.length += (int16_t)input_u16(in);
    }
    if (how & FRAME_ARG) {
        header.arg = input_u32(in);
    }
    if (how & FRAME_TAG) {
        header.tag = input_u16(in);
    }
    if (how & FRAME_TRUNCATED) {
        length -= MIN(length, input_u16(in));
    }
    if (how & (FRAME_LENGTH | FRAME_TRUNCATED) ||
        peer->next_fds != FAKE_FD_NONE) {
        fake_unsure(peer);
    } else {
        fake_whole(peer, &header, buf);
    }
    fake_send_frame(peer, &header, buf, length);
}

void wire_raw(Input *in, FakePeer *peer)
{
    uint8_t buf[UINT8_MAX];
    size_t n = MIN(input_u8(in), in->left);

    input_bytes(in, buf, n);
    fake_unsure(peer);
    fake_send(peer, buf, n);
}

/*
 * ------------------------------------------------------------------------
 * Connections
 */

void wire_join(Input *in, FakePeer *peer)
{
    run_join(peer);
}

void wire_chunk(Input *in, FakePeer *peer)
{
    peer->chunk = input_u8(in);
}

void wire_file(Input *in, FakePeer *peer)
{
    peer->next_fds = input_u8(in) % FAKE_FDS;
}

void wire_end(Input *in, FakePeer *peer)
{
    switch (input_u8(in) % 4) {
    case 0:
        fake_close(peer);
        break;
    case 1:
        fake_shutdown(peer, SHUT_WR);
        break;
    case 2:
        fake_shutdown(peer, SHUT_RD);
        break;
    case 3:
        fake_shutdown(peer, SHUT_RDWR);
        break;
    }
}

void wire_plan(Input *in, FakePeer *peer)
{
    FakeAnswer how = input_u8(in) % FAKE_ANSWERS;

    fake_plan(peer, how, input_u8(in));
}

void wire_settle(Input *in, FakePeer *peer)
{
    run_settle();
}
