/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The device's side of a split ring of the virtio specification (2.7), without
 * chains, in memory that master and slave have a copy of each.
 */
#ifndef FIRMWARE_RING_H
#define FIRMWARE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "table.h"

struct ring {
	uint32_t num;
	volatile struct ring_desc *desc;
	volatile struct ring_avail *avail;
	volatile struct ring_used *used;
	uint16_t next; /* index of the next available buffer */
	uint16_t used_index; /* of the next one that is given back */
};

/* A buffer of the master's. */
struct ring_buffer {
	uint32_t id;
	uint8_t *data;
	uint32_t size;
};

/* Returns false if the master has not set it up properly. */
bool ring_open(struct ring *ring, const volatile struct rsc_vring *rsc);

/* Buffers that are available. */
uint32_t ring_available(const struct ring *ring);

/*
 * Takes the next buffer, which must be in the carveout. Returns false if there
 * is none. One that is not in the carveout has no data.
 */
bool ring_get(struct ring *ring, const volatile struct rsc_carveout *buffers,
	      struct ring_buffer *buffer);

/* Gives a buffer back, with so much written to it. */
void ring_put(struct ring *ring, const struct ring_buffer *buffer,
	      uint32_t written);

#endif /* FIRMWARE_RING_H */
