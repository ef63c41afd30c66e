/*
 * SDM fuzzing: the parsers of the protocol by themselves
 *
 * What a parser accepts keeps within the limits that it promises, and is the
 * same when it is put together again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/mem-diff.h"
#include "hw/sdm/proto.h"
#include "sdm/sdm-regs.h"
#include "qemu/module.h"
#include "tests/qtest/fuzz/fuzz.h"

static GString *no_machine(FuzzTarget *t)
{
    return g_string_new(TARGET_NAME " -machine none,accel=qtest -nodefaults "
                        "-display none");
}

static void try_header(const uint8_t *data)
{
    struct sdm_proto_header header;
    uint8_t again[SDM_PROTO_HEADER_SIZE];

    if (!sdm_proto_parse_header(data, &header)) {
        g_assert(SDM_PROTO_CHANNEL(header.type) < SDM_PROTO_NUM_CHANNELS);
        g_assert(header.length <= SDM_PROTO_MAX_FRAME - SDM_PROTO_HEADER_SIZE);
        sdm_proto_put_header(again, &header);
        g_assert(!memcmp(again, data, sizeof(again)));
    }
}

static void try_signals(const uint8_t *body, size_t length)
{
    g_autoptr(GByteArray) again = g_byte_array_new();
    struct sdm_proto_signals s;

    if (body && !sdm_proto_parse_signals(body, length, &s)) {
        g_assert(s.num_signals && s.num_signals <= SDM_PROTO_MAX_SIGNALS);
        g_assert(s.credits <= SDM_PROTO_MAX_CREDITS);
        sdm_proto_add_signals(again, &s);
        g_assert(!memcmp(again->data, body, sizeof(s) - sizeof(s.reserved)));
    }
}

static void try_hello_memory(const uint8_t *body, size_t length)
{
    g_autoptr(GByteArray) again = g_byte_array_new();
    struct sdm_proto_hello_memory m;

    if (body && !sdm_proto_parse_hello_memory(body, length, &m)) {
        g_assert(m.size && m.base + (m.size - 1) >= m.base);
        sdm_proto_add_hello_memory(again, &m);
        g_assert(!memcmp(again->data, body, sizeof(m)));
    }
}

/* Sections lie in what was received, and nowhere else. */
static void check_sections(const SDMProtoSections *sections,
                           const uint8_t *data, size_t length)
{
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const uint8_t *body = sections->body[i];

        g_assert(!body || (body >= data && body <= data + length &&
                           sections->length[i] <= data + length - body));
    }
}

static void try_handshakes(const uint8_t *data, size_t length)
{
    SDMProtoSections sections;
    struct sdm_proto_hello hello;
    struct sdm_proto_welcome welcome;
    struct sdm_proto_welcome_memory memory;

    if (!sdm_proto_parse_hello(data, length, &hello, &sections)) {
        check_sections(&sections, data, length);
        try_hello_memory(sections.body[SDM_PROTO_CHANNEL_MEMORY],
                         sections.length[SDM_PROTO_CHANNEL_MEMORY]);
        try_signals(sections.body[SDM_PROTO_CHANNEL_SIGNAL],
                    sections.length[SDM_PROTO_CHANNEL_SIGNAL]);
    }
    if (!sdm_proto_parse_welcome(data, length, &welcome, &sections)) {
        check_sections(&sections, data, length);
        g_assert(welcome.num_ids <= SDM_MAX_IDS && welcome.id &&
                 welcome.id < welcome.num_ids);
        if (sections.body[SDM_PROTO_CHANNEL_MEMORY]) {
            sdm_proto_parse_welcome_memory(
                sections.body[SDM_PROTO_CHANNEL_MEMORY],
                sections.length[SDM_PROTO_CHANNEL_MEMORY], &memory);
        }
        try_signals(sections.body[SDM_PROTO_CHANNEL_SIGNAL],
                    sections.length[SDM_PROTO_CHANNEL_SIGNAL]);
    }
}

/* A small region: numbers near its end are found soon. */
#define REGION 256

/* What is taken is in the region, and comes back if somebody collects it. */
static void try_changes(const uint8_t *data, size_t length)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint8_t mem[REGION] = { }, twin[REGION] = { }, other[REGION] = { };
    const uint8_t *record = data, *end = data + length;
    uint32_t offset, n;
    size_t at = 0;

    if (sdm_diff_check(data, length, REGION)) {
        return;
    }
    while (record < end) {
        record = sdm_diff_record(record, &offset, &n);
        g_assert(n && n <= end - record);
        g_assert(offset < REGION && n <= REGION - offset);
        memcpy(mem + offset, record, n);
        record += n;
    }
    while (at < REGION) {
        size_t max = SDM_DIFF_HEADER + 1 + length % REGION;

        g_byte_array_set_size(out, 0);
        at = sdm_diff_collect(out, max, mem, twin, REGION, at);
        g_assert(out->len <= max);
        g_assert(!sdm_diff_check(out->data, out->len, REGION));
        for (record = out->data; record < out->data + out->len; record += n) {
            record = sdm_diff_record(record, &offset, &n);
            memcpy(other + offset, record, n);
        }
    }
    g_assert(!memcmp(mem, twin, REGION) && !memcmp(mem, other, REGION));
}

static void fuzz_parsers(QTestState *s, const unsigned char *data, size_t size)
{
    if (size >= SDM_PROTO_HEADER_SIZE) {
        /* A buffer of its own: the sanitizer sees where it ends. */
        g_autofree uint8_t *copy = g_memdup2(data, size);

        try_header(copy);
        try_handshakes(copy, size);
        try_changes(copy, size);
    }
}

static void register_parsers(void)
{
    fuzz_add_target(&(FuzzTarget) {
        .name = "sdm-parsers",
        .description = "the parsers of the protocol",
        .get_init_cmdline = no_machine,
        .fuzz = fuzz_parsers,
    });
}

fuzz_target_init(register_parsers);
