/*
 * SDM: what has changed in a piece of memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/sdm/mem-diff.h"

#define SIZE 4096

/* A machine's copy of the memory, and what the other one knows of it. */
typedef struct Copy {
    uint8_t mem[SIZE];
    uint8_t twin[SIZE];
} Copy;

/* All changes in one piece. */
static GByteArray *collect(Copy *copy)
{
    GByteArray *out = g_byte_array_new();

    g_assert_cmpuint(sdm_diff_collect(out, SIZE_MAX, copy->mem, copy->twin,
                                      SIZE, 0), ==, SIZE);
    g_assert_cmpmem(copy->mem, SIZE, copy->twin, SIZE);
    return out;
}

static void apply(Copy *copy, GByteArray *changes)
{
    const uint8_t *record = changes->data;

    g_assert_null(sdm_diff_check(changes->data, changes->len, SIZE));
    while (record < changes->data + changes->len) {
        uint32_t offset, length;

        record = sdm_diff_record(record, &offset, &length);
        memcpy(copy->mem + offset, record, length);
        memcpy(copy->twin + offset, record, length);
        record += length;
    }
    g_byte_array_unref(changes);
}

static void expect_record(GByteArray *changes, size_t at, uint32_t offset,
                          const void *bytes, uint32_t length)
{
    const uint8_t *record = changes->data + at;

    g_assert_cmpuint(at + SDM_DIFF_HEADER + length, <=, changes->len);
    g_assert_cmpuint(ldl_le_p(record), ==, offset);
    g_assert_cmpuint(ldl_le_p(record + 4), ==, length);
    g_assert_cmpmem(record + SDM_DIFF_HEADER, length, bytes, length);
}

static void test_records(void)
{
    g_autofree Copy *copy = g_new0(Copy, 1);
    GByteArray *out = collect(copy);

    g_assert_cmpuint(out->len, ==, 0);
    g_byte_array_unref(out);

    /* The first byte, some over the border of two blocks, the last one. */
    copy->mem[0] = 1;
    memcpy(copy->mem + 254, "abcd", 4);
    copy->mem[SIZE - 1] = 2;
    out = collect(copy);
    g_assert_cmpuint(out->len, ==, 3 * SDM_DIFF_HEADER + 6);
    expect_record(out, 0, 0, "\1", 1);
    expect_record(out, 9, 254, "abcd", 4);
    expect_record(out, 21, SIZE - 1, "\2", 1);
    g_byte_array_unref(out);

    /* Nothing but what has changed: an equal byte is no part of it. */
    memcpy(copy->mem + 254, "XbcX", 4);
    out = collect(copy);
    g_assert_cmpuint(out->len, ==, 2 * SDM_DIFF_HEADER + 2);
    expect_record(out, 0, 254, "X", 1);
    expect_record(out, 9, 257, "X", 1);
    g_byte_array_unref(out);
}

/* In pieces of any size, the smallest that is possible among them. */
static void test_pieces(void)
{
    static const size_t sizes[] = { 9, 10, 17, 18, 100, 1000 };
    g_autofree Copy *from = g_new0(Copy, 1);
    g_autofree Copy *to = g_new0(Copy, 1);

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        size_t at = 0;

        memset(from->mem + 100, 'a' + i, 300);
        from->mem[SIZE - 1] = i + 1;
        do {
            GByteArray *out = g_byte_array_new();

            at = sdm_diff_collect(out, sizes[i], from->mem, from->twin, SIZE,
                                  at);
            g_assert_cmpuint(out->len, <=, sizes[i]);
            g_assert_true(out->len || at == SIZE);
            apply(to, out);
        } while (at < SIZE);
        g_assert_cmpmem(from->mem, SIZE, to->mem, SIZE);
        g_assert_cmpmem(to->twin, SIZE, to->mem, SIZE);
    }
}

static void write_random(GRand *rand, Copy *copy, unsigned parity)
{
    for (unsigned n = g_rand_int_range(rand, 0, 30); n; n--) {
        uint32_t length = g_rand_int_range(rand, 1, 40);
        uint32_t at = g_rand_int_range(rand, 0, SIZE - length);

        for (uint32_t i = at; i < at + length; i++) {
            /* Each has its own bytes, next to those of the other. */
            if (i % 2 == parity) {
                copy->mem[i] = g_rand_int(rand);
            }
        }
    }
}

/* Both write, both tell: nothing of either is lost. */
static void test_two_writers(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20161);
    g_autofree Copy *a = g_new0(Copy, 1);
    g_autofree Copy *b = g_new0(Copy, 1);

    for (unsigned round = 0; round < 2000; round++) {
        g_autofree Copy *before = g_memdup2(a, sizeof(*a));
        GByteArray *from_a, *from_b;

        write_random(rand, a, 0);
        write_random(rand, b, 1);
        from_a = collect(a);
        from_b = collect(b);
        /* On its way: what is written now is told next time. */
        write_random(rand, a, 0);
        write_random(rand, b, 1);
        for (unsigned i = 0; i < SIZE; i++) {
            before->mem[i] = (i % 2 ? b : a)->mem[i];
        }
        apply(b, from_a);
        apply(a, from_b);
        apply(b, collect(a));
        apply(a, collect(b));
        g_assert_cmpmem(a->mem, SIZE, before->mem, SIZE);
        g_assert_cmpmem(b->mem, SIZE, before->mem, SIZE);
        g_assert_cmpmem(a->twin, SIZE, before->mem, SIZE);
        g_assert_cmpmem(b->twin, SIZE, before->mem, SIZE);
    }
}

static void check(uint32_t offset, uint32_t length, size_t bytes,
                  const char *reason)
{
    g_autofree uint8_t *record = g_malloc0(SDM_DIFF_HEADER + bytes);

    stl_le_p(record, offset);
    stl_le_p(record + 4, length);
    g_assert_cmpstr(sdm_diff_check(record, SDM_DIFF_HEADER + bytes, SIZE), ==,
                    reason);
}

static void test_bad_records(void)
{
    static const char outside[] = "changes outside the coherent region";
    static const char length[] = "bad length of a record of changes";
    static const char truncated[] = "truncated record of changes";
    static const uint8_t zeros[SDM_DIFF_HEADER];

    g_assert_null(sdm_diff_check(NULL, 0, SIZE));
    for (size_t n = 1; n < SDM_DIFF_HEADER; n++) {
        g_assert_cmpstr(sdm_diff_check(zeros, n, SIZE), ==, truncated);
    }
    check(0, 1, 1, NULL);
    check(SIZE - 1, 1, 1, NULL);
    check(0, SIZE, SIZE, NULL);
    check(0, 0, 0, length);
    check(0, 2, 1, length);
    check(0, UINT32_MAX, 100, length);
    check(SIZE, 1, 1, outside);
    check(SIZE - 1, 2, 2, outside);
    check(UINT32_MAX, 2, 2, outside);
    check(0, SIZE + 1, SIZE + 1, outside);
    /* A good one, and the beginning of another. */
    check(0, 1, 4, truncated);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/sdm/mem-diff/records", test_records);
    g_test_add_func("/sdm/mem-diff/pieces", test_pieces);
    g_test_add_func("/sdm/mem-diff/two-writers", test_two_writers);
    g_test_add_func("/sdm/mem-diff/bad-records", test_bad_records);

    return g_test_run();
}
