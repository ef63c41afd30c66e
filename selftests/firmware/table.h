/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entries of a resource table, as in Linux' include/linux/remoteproc.h. */
#ifndef FIRMWARE_TABLE_H
#define FIRMWARE_TABLE_H

#include <stdint.h>

#define RSC_CARVEOUT	0
#define RSC_TRACE	2
#define RSC_VDEV	3

/* The master finds a place. */
#define RSC_ADDR_ANY	0xffffffff

struct rsc_header {
	uint32_t ver;
	uint32_t num;
	uint32_t reserved[2];
};

struct rsc_carveout {
	uint32_t type;
	uint32_t da;
	uint32_t pa;
	uint32_t len;
	uint32_t flags;
	uint32_t reserved;
	uint8_t name[32];
};

struct rsc_trace {
	uint32_t type;
	uint32_t da;
	uint32_t len;
	uint32_t reserved;
	uint8_t name[32];
};

struct rsc_vring {
	uint32_t da;
	uint32_t align;
	uint32_t num;
	uint32_t notifyid;
	uint32_t pa;
};

/* With two rings, without configuration. */
struct rsc_vdev {
	uint32_t type;
	uint32_t id;
	uint32_t notifyid;
	uint32_t dfeatures;
	uint32_t gfeatures;
	uint32_t config_len;
	uint8_t status;
	uint8_t num_of_vrings;
	uint8_t reserved[2];
	struct rsc_vring vring[2];
};

#endif /* FIRMWARE_TABLE_H */
