/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/sdmN and /dev/sdmN-pM, with errors put into words.
 *
 * Functions that return int return 0, or -1 with the error reported.
 */
#ifndef SDM_TEST_DEVICE_H
#define SDM_TEST_DEVICE_H

#include <linux/sdm.h>

#include "types.h"

struct device {
	u32 number;
	char path[32];
	int fd;
	struct sdm_info info;
};

/* The memory of a peer. */
struct memory {
	char path[48];
	int fd;
};

/* Open /dev/sdmN with the given open() flags. */
int device_open(struct device *device, u32 number, int flags);
void device_close(struct device *device);

/* Read @info again. */
int device_refresh(struct device *device);

/* "master" or "slave N": valid until the next but one call. */
const char *peer_name(u32 id);
const char *state_name(u32 state);
bool peer_linked(const struct sdm_peer_info *peer);

int device_peer(const struct device *device, u32 id,
		struct sdm_peer_info *peer);

/* The timeouts are in milliseconds; 0: the driver's default. */
int device_send(const struct device *device, const struct sdm_send *send);
int device_boot(const struct device *device, const struct sdm_peer_info *peer,
		u64 entry, u64 dtb, u32 timeout_ms);
int device_reset(const struct device *device, u32 id, u32 timeout_ms);
int device_subscribe(const struct device *device, u64 signals, u32 flags);

/*
 * Wait until @deadline_ms (of now_ms(); negative: for ever) for events.
 * Returns their number, 0 when the time has passed, or -1.
 */
int device_events(const struct device *device, struct sdm_event *events,
		  size_t max, s64 deadline_ms);

/* Milliseconds and nanoseconds of a clock that only runs forward. */
s64 now_ms(void);
u64 now_ns(void);

/* Is the range inside of the peer's memory? */
int peer_range(const struct sdm_peer_info *peer, u64 offset, u64 size);

/* Open /dev/sdmN-pM, M being the peer's ID. */
int memory_open(struct memory *memory, const struct device *device,
		const struct sdm_peer_info *peer, int flags);
void memory_close(struct memory *memory);

int memory_write(const struct memory *memory, u64 offset, const void *data,
		 size_t size);
/* Writes do not wait for their arrival: wait for it, for all of them. */
int memory_sync(const struct memory *memory);
int memory_read(const struct memory *memory, u64 offset, void *data,
		size_t size);

#endif /* SDM_TEST_DEVICE_H */
