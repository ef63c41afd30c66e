/*
 * SDM: encoding and decoding of the wire protocol
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/proto.h"

/*
 * What is parsed lies at the end of a block of memory of its own, so that a
 * sanitizer sees each byte too many that is looked at.
 */
static uint8_t *exact_copy(const void *data, size_t length)
{
    uint8_t *copy = g_malloc(length ? length : 1);

    memcpy(copy, data, length);
    return copy;
}

static const char *parse_header(const uint8_t *data,
                                struct sdm_proto_header *header)
{
    g_autofree uint8_t *copy = exact_copy(data, SDM_PROTO_HEADER_SIZE);

    return sdm_proto_parse_header(copy, header);
}

/*
 * ------------------------------------------------------------------------
 * Headers
 */

static void test_header_layout(void)
{
    static const uint8_t bytes[] = {
        0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
    };
    struct sdm_proto_header header;
    uint8_t out[SDM_PROTO_HEADER_SIZE];

    g_assert_cmpint(SDM_PROTO_HEADER_SIZE, ==, 16);
    g_assert_null(parse_header(bytes, &header));
    g_assert_cmphex(header.type, ==, SDM_PROTO_CREDIT);
    g_assert_cmphex(header.flags, ==, 0);
    g_assert_cmphex(header.length, ==, 0);
    g_assert_cmphex(header.tag, ==, 0x11121314);
    g_assert_cmphex(header.arg, ==, 0x21222324);
    sdm_proto_put_header(out, &header);
    g_assert_cmpmem(out, sizeof(out), bytes, sizeof(bytes));

    header = (struct sdm_proto_header) {
        .type = 0x0102, .flags = 0x0304, .length = 0x05060708,
    };
    sdm_proto_put_header(out, &header);
    g_assert_cmphex(ldq_le_p(out), ==, 0x0506070803040102);
}

static bool header_is_good(uint16_t type, uint16_t flags, uint32_t length)
{
    struct sdm_proto_header header = {
        .type = type, .flags = flags, .length = length,
    };
    struct sdm_proto_header parsed;
    uint8_t buf[SDM_PROTO_HEADER_SIZE];

    sdm_proto_put_header(buf, &header);
    return !parse_header(buf, &parsed);
}

static void test_header_limits(void)
{
    static const struct {
        uint16_t type;
        uint32_t min;
        uint32_t max;
        uint16_t flags;
    } types[] = {
        { 0x0001, 24, 1024 },
        { 0x0002, 24, 1024 },
        { 0x0003, 0, 1024 },
        { 0x0004, 0, 0 },
        { 0x0100, 8, 8 },
        { 0x0101, 0, 0x100000 },
        { 0x0102, 9, 0x100008, 1 },
        { 0x0103, 8, 8 },
        { 0x0104, 24, 24, 1 },
        { 0x0105, 0, 0x10000 },
        { 0x0200, 32, 32 },
        { 0x0201, 0, 0 },
        { 0x0202, 0, 0 },
        { 0x0203, 0, 0 },
        { 0x0204, 32, 32 },
        { 0x0205, 0, 0 },
        { 0x0206, 16, 16 },
    };
    unsigned type, i, j;

    for (i = 0; i < ARRAY_SIZE(types); i++) {
        g_assert_true(header_is_good(types[i].type, 0, types[i].min));
        g_assert_true(header_is_good(types[i].type, 0, types[i].max));
        g_assert_false(header_is_good(types[i].type, 0, types[i].max + 1));
        g_assert_false(header_is_good(types[i].type, 0, types[i].min - 1));
        g_assert_false(header_is_good(types[i].type, 0, UINT32_MAX));
        g_assert_false(header_is_good(types[i].type, 0,
                                      types[i].min + 0x80000000));
        g_assert_cmpuint(SDM_PROTO_HEADER_SIZE + types[i].max, <=,
                         SDM_PROTO_MAX_FRAME);
        for (j = 0; j < 16; j++) {
            g_assert_true(header_is_good(types[i].type, 1 << j,
                                         types[i].min) ==
                          !!(types[i].flags & (1 << j)));
        }
    }

    /* No type besides these. */
    for (type = 0; type <= UINT16_MAX; type++) {
        bool known = false;

        for (i = 0; i < ARRAY_SIZE(types); i++) {
            if (types[i].type == type) {
                known = true;
            }
        }
        if (!known) {
            g_assert_false(header_is_good(type, 0, 0));
            g_assert_false(header_is_good(type, 0, 8));
            g_assert_false(header_is_good(type, 0, 32));
        }
    }
}

/*
 * ------------------------------------------------------------------------
 * HELLO and WELCOME
 */

static const uint8_t hello_bytes[] = {
    /* fixed part */
    'S', 'D', 'M', 'P', 0x01, 0x00, 0x34, 0x12,
    0x04, 0x03, 0x02, 0x01, 0x02, 0x00, 0x00, 0x00,
    0x28, 0x00, 0x00, 0x00, 0x05, 0x01, 0x00, 0x00,
    /* a section that nobody knows */
    0x77, 0x77, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
    /* memory */
    0x01, 0x00, 0x18, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    /* signals, longer than this version has it */
    0x02, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x40, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
    0x02, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb,
    /* the unknown one again, empty */
    0x77, 0x77, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* Ends of sections in it: there, a message may end. */
static const size_t hello_ends[] = { 24, 40, 72, 112, 120 };

static void test_hello(void)
{
    struct sdm_proto_hello hello;
    struct sdm_proto_hello_memory mem;
    struct sdm_proto_signals signals;
    SDMProtoSections sections;

    g_assert_null(sdm_proto_parse_hello(hello_bytes, sizeof(hello_bytes),
                                        &hello, &sections));
    g_assert_cmphex(hello.magic, ==, SDM_PROTO_MAGIC);
    g_assert_cmphex(hello.major, ==, 1);
    g_assert_cmphex(hello.minor, ==, 0x1234);
    g_assert_cmphex(hello.features, ==, 0x01020304);
    g_assert_cmphex(hello.id, ==, 2);
    g_assert_cmphex(hello.arch, ==, 0x28);
    g_assert_cmphex(hello.cpus, ==, 0x105);

    g_assert_null(sections.body[SDM_PROTO_CHANNEL_LINK]);
    g_assert_true(sections.body[SDM_PROTO_CHANNEL_MEMORY] == hello_bytes + 48);
    g_assert_cmpuint(sections.length[SDM_PROTO_CHANNEL_MEMORY], ==, 24);
    g_assert_true(sections.body[SDM_PROTO_CHANNEL_SIGNAL] == hello_bytes + 80);
    g_assert_cmpuint(sections.length[SDM_PROTO_CHANNEL_SIGNAL], ==, 32);

    g_assert_null(sdm_proto_parse_hello_memory(sections.body[1],
                                               sections.length[1], &mem));
    g_assert_cmphex(mem.size, ==, 0x1000);
    g_assert_cmphex(mem.base, ==, 0x40000000);
    g_assert_cmphex(mem.flags, ==, SDM_PROTO_MEMORY_FD);
    g_assert_null(sdm_proto_parse_signals(sections.body[2],
                                          sections.length[2], &signals));
    g_assert_cmphex(signals.num_signals, ==, 0x40);
    g_assert_cmphex(signals.credits, ==, 0x20);
    g_assert_cmphex(signals.boot_signal, ==, 0);
    g_assert_cmphex(signals.reset_signal, ==, SDM_PROTO_NO_SIGNAL);
    g_assert_cmphex(signals.state, ==, SDM_PEER_RESET | SDM_PEER_STATE_DRIVER);
}

/* Cut off at each byte: good where a section ends, and only there. */
static void test_truncated(void)
{
    struct sdm_proto_hello hello;
    SDMProtoSections sections;
    size_t length, i;

    for (length = 0; length <= sizeof(hello_bytes); length++) {
        g_autofree uint8_t *copy = exact_copy(hello_bytes, length);
        const char *what = sdm_proto_parse_hello(copy, length, &hello,
                                                 &sections);
        bool good = false;

        for (i = 0; i < ARRAY_SIZE(hello_ends); i++) {
            good |= hello_ends[i] == length;
        }
        g_assert_true(good == !what);
        if (length < 24) {
            g_assert_cmpstr(what, ==, "truncated HELLO");
        }
    }
}

static void test_magic_and_version(void)
{
    uint8_t bytes[sizeof(hello_bytes)];
    struct sdm_proto_hello hello;
    SDMProtoSections sections;
    unsigned i;

    for (i = 0; i < 32; i++) {
        memcpy(bytes, hello_bytes, sizeof(bytes));
        bytes[i / 8] ^= 1 << (i % 8);
        g_assert_cmpstr(sdm_proto_parse_hello(bytes, sizeof(bytes), &hello,
                                              &sections), ==,
                        "not an SDM peer (bad magic number)");
    }

    /*
     * Another version is no violation: it is for the caller to answer. What
     * follows may be anything.
     */
    memcpy(bytes, hello_bytes, sizeof(bytes));
    memset(bytes + 24, 0xff, sizeof(bytes) - 24);
    for (i = 0; i <= UINT16_MAX; i++) {
        stw_le_p(bytes + 4, i);
        if (i == SDM_PROTO_MAJOR) {
            continue;
        }
        memset(&sections, 0x55, sizeof(sections));
        g_assert_null(sdm_proto_parse_hello(bytes, sizeof(bytes), &hello,
                                            &sections));
        g_assert_cmpint(hello.major, ==, i);
        g_assert_null(sections.body[SDM_PROTO_CHANNEL_MEMORY]);
        g_assert_null(sections.body[SDM_PROTO_CHANNEL_SIGNAL]);
    }
}

static const char *parse_with_sections(const uint8_t *tail, size_t length)
{
    g_autofree uint8_t *bytes = g_malloc(24 + length);
    struct sdm_proto_hello hello;
    SDMProtoSections sections;

    memcpy(bytes, hello_bytes, 24);
    memcpy(bytes + 24, tail, length);
    return sdm_proto_parse_hello(bytes, 24 + length, &hello, &sections);
}

static void test_sections(void)
{
    uint8_t tail[1000] = { 0 };
    unsigned kind, length;

    /* The same section twice, even if it is empty. */
    for (kind = 0; kind < 5; kind++) {
        memset(tail, 0, sizeof(tail));
        stw_le_p(tail, kind);
        stw_le_p(tail + 8, 0x1111);
        stw_le_p(tail + 16, kind);
        stw_le_p(tail + 18, 8);
        g_assert_cmpstr(parse_with_sections(tail, 32), ==,
                        kind < SDM_PROTO_NUM_CHANNELS ?
                        "section occurs twice" : NULL);
    }

    /* Lengths: multiples of 8 and no more than there is. */
    memset(tail, 0, sizeof(tail));
    for (length = 0; length <= UINT16_MAX; length++) {
        stw_le_p(tail, SDM_PROTO_CHANNEL_MEMORY);
        stw_le_p(tail + 2, length);
        if (length <= 992 && length % 8 == 0) {
            g_assert_null(parse_with_sections(tail, 8 + length));
            g_assert_cmpstr(parse_with_sections(tail, 8 + length - 1), ==,
                            length ? "bad section length" :
                                     "truncated section");
        } else {
            g_assert_cmpstr(parse_with_sections(tail, sizeof(tail)), ==,
                            "bad section length");
        }
    }
}

static void test_welcome(void)
{
    static const uint8_t good[] = {
        'S', 'D', 'M', 'P', 0x01, 0x00, 0x34, 0x12,
        0x04, 0x03, 0x02, 0x01, 0x05, 0x00, 0x00, 0x00,
        0x06, 0x00, 0x00, 0x00, 0xb7, 0x00, 0x00, 0x00,
        0x01, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
    };
    struct sdm_proto_welcome_memory mem;
    struct sdm_proto_welcome welcome;
    SDMProtoSections sections;
    uint8_t bytes[sizeof(good)];
    size_t length;
    unsigned i;

    g_assert_null(sdm_proto_parse_welcome(good, sizeof(good), &welcome,
                                          &sections));
    g_assert_cmphex(welcome.minor, ==, 0x1234);
    g_assert_cmphex(welcome.features, ==, 0x01020304);
    g_assert_cmphex(welcome.id, ==, 5);
    g_assert_cmphex(welcome.num_ids, ==, 6);
    g_assert_cmphex(welcome.arch, ==, 0xb7);
    g_assert_null(sdm_proto_parse_welcome_memory(sections.body[1],
                                                 sections.length[1], &mem));
    g_assert_cmphex(mem.offset, ==, 0x1122334455667788);
    for (i = 0; i < 8; i++) {
        g_assert_nonnull(sdm_proto_parse_welcome_memory(sections.body[1], i,
                                                        &mem));
    }

    for (length = 0; length < sizeof(good); length++) {
        g_autofree uint8_t *copy = exact_copy(good, length);

        g_assert_true((length == 24) ==
                      !sdm_proto_parse_welcome(copy, length, &welcome,
                                               &sections));
    }

    /* Magic and version, each bit of them. */
    for (i = 0; i < 48; i++) {
        memcpy(bytes, good, sizeof(bytes));
        bytes[i / 8] ^= 1 << (i % 8);
        g_assert_nonnull(sdm_proto_parse_welcome(bytes, sizeof(bytes),
                                                 &welcome, &sections));
    }

    /* IDs */
    memcpy(bytes, good, sizeof(bytes));
    for (i = 0; i < 600; i++) {
        stl_le_p(bytes + 12, 1);
        stl_le_p(bytes + 16, i);
        g_assert_true((i >= 2 && i <= SDM_MAX_IDS) ==
                      !sdm_proto_parse_welcome(bytes, sizeof(bytes), &welcome,
                                               &sections));
        stl_le_p(bytes + 12, i);
        stl_le_p(bytes + 16, SDM_MAX_IDS);
        g_assert_true((i >= 1 && i < SDM_MAX_IDS) ==
                      !sdm_proto_parse_welcome(bytes, sizeof(bytes), &welcome,
                                               &sections));
    }
    stl_le_p(bytes + 16, UINT32_MAX);
    g_assert_nonnull(sdm_proto_parse_welcome(bytes, sizeof(bytes), &welcome,
                                             &sections));
}

/*
 * ------------------------------------------------------------------------
 * Sections
 */

static bool memory_is_good(uint64_t size, uint64_t base)
{
    struct sdm_proto_hello_memory mem;
    uint8_t bytes[24] = { 0 };

    stq_le_p(bytes, size);
    stq_le_p(bytes + 8, base);
    return !sdm_proto_parse_hello_memory(bytes, sizeof(bytes), &mem);
}

static void test_memory_section(void)
{
    struct sdm_proto_hello_memory mem;
    uint8_t bytes[24] = { 0, 16 };
    size_t length;
    unsigned i;

    for (length = 0; length < sizeof(bytes); length++) {
        g_autofree uint8_t *copy = exact_copy(bytes, length);

        g_assert_nonnull(sdm_proto_parse_hello_memory(copy, length, &mem));
    }
    g_assert_null(sdm_proto_parse_hello_memory(bytes, sizeof(bytes), &mem));

    for (i = 0; i < 32; i++) {
        stl_le_p(bytes + 16, 1u << i);
        g_assert_true((i == 0) == !sdm_proto_parse_hello_memory(bytes,
                                                                sizeof(bytes),
                                                                &mem));
    }

    /* The coherent region is a part of the RAM. */
    stl_le_p(bytes + 16, 0);
    for (i = 0; i < 32; i++) {
        stl_le_p(bytes + 20, 1u << i);
        g_assert_true((i == 12) == !sdm_proto_parse_hello_memory(bytes,
                                                                 sizeof(bytes),
                                                                 &mem));
    }
    stq_le_p(bytes, 4 * MiB);
    stl_le_p(bytes + 20, SDM_PROTO_MAX_COHERENT);
    g_assert_null(sdm_proto_parse_hello_memory(bytes, sizeof(bytes), &mem));
    stl_le_p(bytes + 20, SDM_PROTO_MAX_COHERENT + 4096);
    g_assert_nonnull(sdm_proto_parse_hello_memory(bytes, sizeof(bytes), &mem));

    g_assert_true(memory_is_good(4096, 0));
    g_assert_true(memory_is_good(4096, 4096));
    g_assert_false(memory_is_good(0, 0));
    g_assert_false(memory_is_good(4095, 0));
    g_assert_false(memory_is_good(4097, 0));
    g_assert_false(memory_is_good(4096, 1));
    g_assert_false(memory_is_good(4096, 2048));
    /* Up to the end of all addresses, not further. */
    g_assert_true(memory_is_good(4096, -4096ull));
    g_assert_false(memory_is_good(8192, -4096ull));
    g_assert_true(memory_is_good(-4096ull, 4096));
    g_assert_false(memory_is_good(-4096ull, 8192));
}

static bool signals_are_good(uint32_t num_signals, uint32_t credits,
                             uint32_t boot, uint32_t reset, uint32_t state)
{
    struct sdm_proto_signals signals;
    uint8_t bytes[24] = { 0 };

    stl_le_p(bytes, num_signals);
    stl_le_p(bytes + 4, credits);
    stl_le_p(bytes + 8, boot);
    stl_le_p(bytes + 12, reset);
    stl_le_p(bytes + 16, state);
    return !sdm_proto_parse_signals(bytes, sizeof(bytes), &signals);
}

static void test_signals_section(void)
{
    const uint32_t none = SDM_PROTO_NO_SIGNAL;
    const uint32_t run = SDM_PEER_RUNNING;
    struct sdm_proto_signals signals;
    size_t length;

    for (length = 0; length <= 24; length++) {
        g_autofree uint8_t *copy = exact_copy(hello_bytes + 80, length);

        g_assert_true((length == 24) ==
                      !sdm_proto_parse_signals(copy, length, &signals));
    }

    g_assert_true(signals_are_good(1, 0, none, none, run));
    g_assert_false(signals_are_good(0, 0, none, none, run));
    g_assert_true(signals_are_good(0x10000, 1024, none, none, run));
    g_assert_false(signals_are_good(0x10001, 0, none, none, run));
    g_assert_false(signals_are_good(UINT32_MAX, 0, none, none, run));
    g_assert_false(signals_are_good(1, 1025, none, none, run));
    g_assert_false(signals_are_good(1, UINT32_MAX, none, none, run));
    g_assert_true(signals_are_good(4, 0, 3, 2, run));
    g_assert_false(signals_are_good(4, 0, 4, 2, run));
    g_assert_false(signals_are_good(4, 0, 3, 4, run));
    g_assert_false(signals_are_good(4, 0, none - 1, none, run));
    g_assert_false(signals_are_good(4, 0, none, none - 1, run));
    g_assert_false(signals_are_good(4, 0, none, none, SDM_PEER_LOST));
}

static void test_state(void)
{
    unsigned state, i;

    for (state = 0; state < 256; state++) {
        bool good = state == SDM_PEER_RESET || state == SDM_PEER_RUNNING;

        g_assert_true(good == !sdm_proto_parse_state(state));
        g_assert_true(good ==
                      !sdm_proto_parse_state(state | SDM_PEER_STATE_DRIVER));
        for (i = 9; i < 32; i++) {
            g_assert_nonnull(sdm_proto_parse_state(state | 1u << i));
        }
    }
}

/*
 * ------------------------------------------------------------------------
 * The rest, and the way back
 */

static void test_mem(void)
{
    static const uint8_t bytes[] = { 8, 7, 6, 5, 4, 3, 2, 1 };
    struct sdm_proto_mem mem;
    uint8_t out[8];

    sdm_proto_parse_mem(bytes, &mem);
    g_assert_cmphex(mem.offset, ==, 0x0102030405060708);
    sdm_proto_put_mem(out, &mem);
    g_assert_cmpmem(out, sizeof(out), bytes, sizeof(bytes));
}

static void test_signal(void)
{
    struct sdm_proto_signal signal;
    uint8_t bytes[32], out[32];
    unsigned i;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i;
    }
    sdm_proto_parse_signal(bytes, &signal);
    g_assert_cmphex(signal.source, ==, 0x03020100);
    g_assert_cmphex(signal.dest, ==, 0x07060504);
    g_assert_cmphex(signal.signal, ==, 0x0b0a0908);
    g_assert_cmphex(signal.flags, ==, 0x0f0e0d0c);
    g_assert_cmphex(signal.data[0], ==, 0x1716151413121110);
    g_assert_cmphex(signal.data[1], ==, 0x1f1e1d1c1b1a1918);
    sdm_proto_put_signal(out, &signal);
    g_assert_cmpmem(out, sizeof(out), bytes, sizeof(bytes));
}

static void test_peer(void)
{
    static const uint8_t good[] = {
        0x02, 0x00, 0x00, 0x00, 0x14, 0x13, 0x12, 0x11,
        0x40, 0x00, 0x00, 0x00, 0x3f, 0x00, 0x00, 0x00,
        0xff, 0xff, 0xff, 0xff, 0x03, 0x01, 0x00, 0x00,
        0x28, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
    };
    static const struct {
        size_t at;
        uint32_t value;
    } bad[] = {
        { 4, 0 }, { 8, 0 }, { 8, SDM_PROTO_MAX_SIGNALS + 1 }, { 12, 0x40 },
        { 16, 0x40 }, { 20, SDM_PEER_ABSENT }, { 20, SDM_PEER_LOST },
        { 20, SDM_PEER_RUNNING | SDM_PEER_STATE_SELF },
    };
    struct sdm_proto_peer peer;
    uint8_t out[sizeof(good)];
    unsigned i;

    g_assert_null(sdm_proto_parse_peer(good, &peer));
    g_assert_cmphex(peer.id, ==, 2);
    g_assert_cmphex(peer.epoch, ==, 0x11121314);
    g_assert_cmphex(peer.num_signals, ==, 0x40);
    g_assert_cmphex(peer.boot_signal, ==, 0x3f);
    g_assert_cmphex(peer.reset_signal, ==, SDM_PROTO_NO_SIGNAL);
    g_assert_cmphex(peer.state, ==, SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER);
    g_assert_cmphex(peer.arch, ==, 0x28);
    g_assert_cmphex(peer.cpus, ==, 5);
    sdm_proto_put_peer(out, &peer);
    g_assert_cmpmem(out, sizeof(out), good, sizeof(good));
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        memcpy(out, good, sizeof(out));
        stl_le_p(out + bad[i].at, bad[i].value);
        g_assert_nonnull(sdm_proto_parse_peer(out, &peer));
    }
}

static void test_peer_credit(void)
{
    static const uint8_t good[] = {
        0x02, 0x00, 0x00, 0x00, 0x14, 0x13, 0x12, 0x11,
        0x00, 0x04, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00,
    };
    struct sdm_proto_peer_credit credit;
    uint8_t out[sizeof(good)];

    g_assert_null(sdm_proto_parse_peer_credit(good, &credit));
    g_assert_cmphex(credit.id, ==, 2);
    g_assert_cmphex(credit.epoch, ==, 0x11121314);
    g_assert_cmphex(credit.credits, ==, SDM_PROTO_MAX_CREDITS);
    g_assert_cmphex(credit.taken, ==, 6);
    sdm_proto_put_peer_credit(out, &credit);
    g_assert_cmpmem(out, sizeof(out), good, sizeof(good));
    stl_le_p(out + 8, SDM_PROTO_MAX_CREDITS + 1);
    g_assert_nonnull(sdm_proto_parse_peer_credit(out, &credit));
    stl_le_p(out + 8, 0);
    g_assert_nonnull(sdm_proto_parse_peer_credit(out, &credit));
}

static void test_compose_hello(void)
{
    const struct sdm_proto_hello hello = {
        .magic = SDM_PROTO_MAGIC, .major = 1, .minor = 0x1234,
        .features = 0x01020304, .id = 2, .arch = 0x28, .cpus = 0x105,
    };
    const struct sdm_proto_hello_memory mem = {
        .size = 0x1000, .base = 0x40000000, .flags = SDM_PROTO_MEMORY_FD,
    };
    const struct sdm_proto_signals signals = {
        .num_signals = 0x40, .credits = 0x20, .boot_signal = 0,
        .reset_signal = SDM_PROTO_NO_SIGNAL,
        .state = SDM_PEER_RESET | SDM_PEER_STATE_DRIVER,
    };
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) body = g_byte_array_new();

    sdm_proto_add_hello(out, &hello);
    sdm_proto_add_hello_memory(body, &mem);
    sdm_proto_add_section(out, SDM_PROTO_CHANNEL_MEMORY, body);
    g_byte_array_set_size(body, 0);
    sdm_proto_add_signals(body, &signals);
    sdm_proto_add_section(out, SDM_PROTO_CHANNEL_SIGNAL, body);

    g_assert_cmpuint(out->len, ==, 24 + 8 + 24 + 8 + 24);
    g_assert_cmpmem(out->data, 24, hello_bytes, 24);
    g_assert_cmpmem(out->data + 24, 32, hello_bytes + 40, 32);
    g_assert_cmpmem(out->data + 56, 2, hello_bytes + 72, 2);
    g_assert_cmphex(lduw_le_p(out->data + 58), ==, 24);
    g_assert_cmpmem(out->data + 64, 24, hello_bytes + 80, 24);
}

static void test_compose_welcome(void)
{
    static const uint8_t expected[] = {
        'S', 'D', 'M', 'P', 0x01, 0x00, 0x02, 0x00,
        0x03, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00,
        0x05, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00,
        0x01, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
    };
    const struct sdm_proto_welcome welcome = {
        .magic = SDM_PROTO_MAGIC, .major = 1, .minor = 2, .features = 3,
        .id = 4, .num_ids = 5, .arch = 6,
    };
    const struct sdm_proto_welcome_memory mem = {
        .offset = 0x0102030405060708,
    };
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) body = g_byte_array_new();

    sdm_proto_add_welcome(out, &welcome);
    sdm_proto_add_welcome_memory(body, &mem);
    sdm_proto_add_section(out, SDM_PROTO_CHANNEL_MEMORY, body);
    g_assert_cmpmem(out->data, out->len, expected, sizeof(expected));
}

/* Random bytes: no parser may stumble. */
static void test_noise(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(2016);
    struct sdm_proto_header header;
    struct sdm_proto_hello hello;
    SDMProtoSections sections;
    unsigned round;

    for (round = 0; round < 100000; round++) {
        size_t length = g_rand_int_range(rand, 0, 160);
        g_autofree uint8_t *bytes = g_malloc(MAX(length, 16));
        size_t i;

        for (i = 0; i < MAX(length, 16); i++) {
            bytes[i] = round % 2 ? g_rand_int_range(rand, 0, 4) * 8 :
                                   g_rand_int_range(rand, 0, 256);
        }
        sdm_proto_parse_header(bytes, &header);
        if (length >= 24 && round % 4) {
            memcpy(bytes, hello_bytes, 6);
        }
        if (!sdm_proto_parse_hello(bytes, length, &hello, &sections)) {
            for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
                if (sections.body[i]) {
                    g_assert_true(sections.body[i] >= bytes + 32);
                    g_assert_true(sections.body[i] + sections.length[i] <=
                                  bytes + length);
                }
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/sdm/proto/header/layout", test_header_layout);
    g_test_add_func("/sdm/proto/header/limits", test_header_limits);
    g_test_add_func("/sdm/proto/hello", test_hello);
    g_test_add_func("/sdm/proto/truncated", test_truncated);
    g_test_add_func("/sdm/proto/magic-and-version", test_magic_and_version);
    g_test_add_func("/sdm/proto/sections", test_sections);
    g_test_add_func("/sdm/proto/welcome", test_welcome);
    g_test_add_func("/sdm/proto/memory-section", test_memory_section);
    g_test_add_func("/sdm/proto/signals-section", test_signals_section);
    g_test_add_func("/sdm/proto/state", test_state);
    g_test_add_func("/sdm/proto/mem", test_mem);
    g_test_add_func("/sdm/proto/signal", test_signal);
    g_test_add_func("/sdm/proto/peer", test_peer);
    g_test_add_func("/sdm/proto/peer-credit", test_peer_credit);
    g_test_add_func("/sdm/proto/compose/hello", test_compose_hello);
    g_test_add_func("/sdm/proto/compose/welcome", test_compose_welcome);
    g_test_add_func("/sdm/proto/noise", test_noise);

    return g_test_run();
}
