/*
 * Which part of the master's window belongs to which slave
 *
 * Pure bookkeeping. A slave that comes back gets its old place as long as
 * nobody else needs it, so that addresses are stable.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_WINDOW_MAP_H
#define HW_SDM_WINDOW_MAP_H

#include "sdm/sdm-regs.h"

typedef struct SDMWindowMap {
    uint64_t size;
    struct {
        uint64_t offset;
        uint64_t size; /* 0: never had a place */
        bool used;     /* connected now */
        /* Before that. */
        uint64_t old_offset;
        uint64_t old_size;
    } slots[SDM_MAX_IDS];
} SDMWindowMap;

/*
 * Find a place for @size bytes of slave @id. False if there is none. Others
 * remember their places still, and get them back when this slave has gone.
 */
bool sdm_window_map_take(SDMWindowMap *map, uint32_t id, uint64_t size,
                         uint64_t *offset);
void sdm_window_map_release(SDMWindowMap *map, uint32_t id);
/* The same for a slave that was refused after all: it never had that place. */
void sdm_window_map_cancel(SDMWindowMap *map, uint32_t id);

/* Largest size for which sdm_window_map_take() would succeed. */
uint64_t sdm_window_map_largest(const SDMWindowMap *map);

#endif
