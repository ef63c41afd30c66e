/*
 * SDM fuzzing: the input, taken apart from its beginning on
 *
 * Behind its end everything is 0: an input may be cut anywhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_FUZZ_SDM_INPUT_H
#define TESTS_QTEST_FUZZ_SDM_INPUT_H

typedef struct Input {
    const uint8_t *data;
    size_t left;
} Input;

static inline void input_bytes(Input *in, void *to, size_t length)
{
    size_t n = MIN(length, in->left);

    if (n) {
        memcpy(to, in->data, n);
        in->data += n;
        in->left -= n;
    }
    memset((uint8_t *)to + n, 0, length - n);
}

/* A number of so many bytes, little-endian. */
static inline uint64_t input_number(Input *in, unsigned bytes)
{
    uint8_t buf[8] = { 0 };

    input_bytes(in, buf, bytes);
    return ldq_le_p(buf);
}

static inline uint8_t input_u8(Input *in)
{
    return input_number(in, 1);
}

static inline uint16_t input_u16(Input *in)
{
    return input_number(in, 2);
}

static inline uint32_t input_u32(Input *in)
{
    return input_number(in, 4);
}

static inline uint64_t input_u64(Input *in)
{
    return input_number(in, 8);
}

#endif
