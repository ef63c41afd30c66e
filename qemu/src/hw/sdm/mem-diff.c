/*
 * What has changed in a piece of memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "mem-diff.h"

/* Most of the memory has not changed: it is passed over in such pieces. */
#define BLOCK 256

static size_t find_change(const uint8_t *mem, const uint8_t *twin, size_t size,
                          size_t at)
{
    while (at < size) {
        size_t n = MIN(BLOCK - at % BLOCK, size - at);

        if (memcmp(mem + at, twin + at, n)) {
            break;
        }
        at += n;
    }
    while (at < size && mem[at] == twin[at]) {
        at++;
    }
    return at;
}

static size_t find_end(const uint8_t *mem, const uint8_t *twin, size_t size,
                       size_t at)
{
    while (at < size && mem[at] != twin[at]) {
        at++;
    }
    return at;
}

size_t sdm_diff_collect(GByteArray *out, size_t max, const uint8_t *mem,
                        uint8_t *twin, size_t size, size_t at)
{
    assert(max > SDM_DIFF_HEADER);

    while ((at = find_change(mem, twin, size, at)) < size &&
           out->len + SDM_DIFF_HEADER < max) {
        size_t room = max - out->len - SDM_DIFF_HEADER;
        size_t n = find_end(mem, twin, at + MIN(room, size - at), at) - at;
        uint8_t *record;

        g_byte_array_set_size(out, out->len + SDM_DIFF_HEADER + n);
        record = out->data + out->len - SDM_DIFF_HEADER - n;
        stl_le_p(record, at);
        stl_le_p(record + 4, n);
        /* Read the memory once: twin and record must be the same. */
        memcpy(record + SDM_DIFF_HEADER, mem + at, n);
        memcpy(twin + at, record + SDM_DIFF_HEADER, n);
        at += n;
    }
    return at;
}

const char *sdm_diff_check(const uint8_t *records, size_t length, size_t size)
{
    while (length) {
        uint32_t offset, n;

        if (length < SDM_DIFF_HEADER) {
            return "truncated record of changes";
        }
        offset = ldl_le_p(records);
        n = ldl_le_p(records + 4);
        records += SDM_DIFF_HEADER;
        length -= SDM_DIFF_HEADER;
        if (!n || n > length) {
            return "bad length of a record of changes";
        }
        if (n > size || offset > size - n) {
            return "changes outside the coherent region";
        }
        records += n;
        length -= n;
    }
    return NULL;
}

const uint8_t *sdm_diff_record(const uint8_t *record, uint32_t *offset,
                               uint32_t *length)
{
    *offset = ldl_le_p(record);
    *length = ldl_le_p(record + 4);
    return record + SDM_DIFF_HEADER;
}
