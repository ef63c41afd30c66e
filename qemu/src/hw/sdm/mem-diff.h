/*
 * What has changed in a piece of memory
 *
 * Two machines have a copy of the same memory each. A machine tells the other
 * what it has written since it told so last: it compares its copy with a twin,
 * which is what the other one knows of it. Bytes that it has not written are
 * not told, since the other one may have written them meanwhile.
 *
 * The changes are a number of records: offset and length, 32 bits each,
 * little-endian, and so many bytes.
 *
 * Pure functions. Nothing else may write to the memory meanwhile if the changes
 * are to be those of one moment.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_MEM_DIFF_H
#define HW_SDM_MEM_DIFF_H

/* Size of a record without its bytes. */
#define SDM_DIFF_HEADER 8

/*
 * Append the changes of @mem, which has @size bytes, from @at on to @out, until
 * it has @max bytes, and let @twin follow. Returns where to go on: @size at the
 * end. @max is more than the size of a record's header.
 */
size_t sdm_diff_collect(GByteArray *out, size_t max, const uint8_t *mem,
                        uint8_t *twin, size_t size, size_t at);

/* NULL, or what is wrong with records for memory of @size bytes. */
const char *sdm_diff_check(const uint8_t *records, size_t length, size_t size);

/* Take a right record apart. Returns its bytes. */
const uint8_t *sdm_diff_record(const uint8_t *record, uint32_t *offset,
                               uint32_t *length);

#endif
