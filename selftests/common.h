/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests have in common.
 *
 * Functions that return int return 0 or more, or a negative errno.
 *
 * The tests look for a device that is a master, and for the first of its slaves
 * that is connected. Environment: SDM_DEVICE and SDM_PEER choose others.
 */
#ifndef SDM_SELFTEST_COMMON_H
#define SDM_SELFTEST_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include <linux/sdm.h>

#include "protocol.h"

/* Reasons to skip; whoever runs the tests may know that they are wrong. */
#define NO_DEVICE "no SDM master here"
#define NO_SLAVE "no slave is connected"
#define NO_RESPONDER "no responder runs on the slave"
#define NO_ABSENT "all slaves are connected"
#define NO_WINDOW "there is no memory window"
#define NO_ROOT "not root"

/* An emulated machine on a busy host may need that long for anything. */
#define PATIENCE_MS 20000

/* Signals without a meaning, for the tests themselves. */
#define TEST_SIGNAL_A 48
#define TEST_SIGNAL_B 49

/* Memory of the slave that is for the tests, as REQUEST_HELLO tells. */
struct test_memory {
	uint64_t offset;
	uint64_t size;
};

uint64_t now_ms(void);
void sleep_ms(unsigned int ms);

/* The number of the device to test, or -ENOENT. */
int find_device(void);
int open_device(int number, int flags);
int open_window(int number, uint32_t peer, int flags);

/* Calls an ioctl. */
int call(int fd, unsigned long cmd, void *arg);
int get_peer(int fd, uint32_t id, struct sdm_peer_info *info);
bool is_linked(const struct sdm_peer_info *info);
/* The ID of a slave that is connected, or of one that is not; or -ENOENT. */
int find_slave(int fd);
int find_absent(int fd);
/* Waits for a peer to get into a state. */
int wait_state(int fd, uint32_t id, uint32_t state);

int send_signal(int fd, uint32_t peer, uint32_t signal, uint64_t p0,
		uint64_t p1, uint32_t timeout_ms);
/* Only these signals are to be read from now on, and no changes of peers. */
int subscribe(int fd, uint64_t signals);
#define SIGNAL_BIT(signal) (1ull << (signal))
/* Reads one event; -ETIMEDOUT when none comes. */
int next_event(int fd, struct sdm_event *event, int timeout_ms);
/* The same, but leaves out signals of others: other tests may be at work. */
int next_from(int fd, uint32_t peer, struct sdm_event *event, int timeout_ms);
/* Drops what there is to read. */
void drain(int fd);

/* Sends a request to a responder and waits for the answer. */
int ask(int fd, uint32_t peer, enum request request, uint64_t p0, uint64_t p1,
	uint64_t answer[2]);
/* The device's file for ask(), which reads nothing but answers. */
int open_asker(int number);
/* Is there a responder? Where may it write? */
int find_memory(int fd, uint32_t peer, struct test_memory *memory);

void fill_pattern(void *buffer, size_t size, uint32_t seed);

/* Writes to a file of sysfs or procfs. */
int write_file(const char *path, const char *text);
/* A counter of a peer in sysfs. */
int64_t read_counter(int number, uint32_t peer, const char *name);
/* The name of the platform device behind /dev/sdmN. */
int platform_name(int number, char *name, size_t size);

#endif /* SDM_SELFTEST_COMMON_H */
