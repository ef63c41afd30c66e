/*
 * Which part of the master's window belongs to which slave
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/range.h"
#include "window-map.h"

/*
 * The slot that stands in the way of a range, other than @id's own: one in
 * use or, if @all, one that only remembers its place. -1 if there is none.
 */
static int find_obstacle(const SDMWindowMap *map, uint64_t offset,
                         uint64_t size, uint32_t id, bool all)
{
    int i;

    for (i = 0; i < SDM_MAX_IDS; i++) {
        if (i != id && map->slots[i].size && (map->slots[i].used || all) &&
            ranges_overlap(offset, size, map->slots[i].offset,
                           map->slots[i].size)) {
            return i;
        }
    }
    return -1;
}

static bool fits(const SDMWindowMap *map, uint64_t offset, uint64_t size)
{
    return size <= map->size && offset <= map->size - size;
}

/* First fit from the bottom, so that slaves lie in the order of arrival. */
static bool find_place(const SDMWindowMap *map, uint32_t id, uint64_t size,
                       bool all, uint64_t *offset)
{
    uint64_t at = 0;

    while (fits(map, at, size)) {
        int i = find_obstacle(map, at, size, id, all);

        if (i < 0) {
            *offset = at;
            return true;
        }
        at = map->slots[i].offset + map->slots[i].size;
    }
    return false;
}

bool sdm_window_map_take(SDMWindowMap *map, uint32_t id, uint64_t size,
                         uint64_t *offset)
{
    assert(id < SDM_MAX_IDS && size && !map->slots[id].used);

    if (map->slots[id].size == size &&
        find_obstacle(map, map->slots[id].offset, size, id, false) < 0) {
        *offset = map->slots[id].offset;
    } else if (!find_place(map, id, size, true, offset) &&
               !find_place(map, id, size, false, offset)) {
        return false;
    }
    map->slots[id].old_offset = map->slots[id].offset;
    map->slots[id].old_size = map->slots[id].size;
    map->slots[id].offset = *offset;
    map->slots[id].size = size;
    map->slots[id].used = true;
    return true;
}

void sdm_window_map_release(SDMWindowMap *map, uint32_t id)
{
    assert(id < SDM_MAX_IDS);
    map->slots[id].used = false;
}

void sdm_window_map_cancel(SDMWindowMap *map, uint32_t id)
{
    sdm_window_map_release(map, id);
    map->slots[id].offset = map->slots[id].old_offset;
    map->slots[id].size = map->slots[id].old_size;
}

uint64_t sdm_window_map_largest(const SDMWindowMap *map)
{
    uint64_t largest = 0;
    int i, j;

    /* A gap begins at 0 or behind a slave. */
    for (i = -1; i < SDM_MAX_IDS; i++) {
        uint64_t at = 0, end = map->size;

        if (i >= 0) {
            if (!map->slots[i].used) {
                continue;
            }
            at = map->slots[i].offset + map->slots[i].size;
        }
        for (j = 0; j < SDM_MAX_IDS; j++) {
            if (map->slots[j].used && map->slots[j].offset >= at) {
                end = MIN(end, map->slots[j].offset);
            } else if (map->slots[j].used && at < map->slots[j].offset +
                       map->slots[j].size && at >= map->slots[j].offset) {
                end = at;
            }
        }
        largest = MAX(largest, end - at);
    }
    return largest;
}
