// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests have in common.
 */
#define _GNU_SOURCE
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static int open_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int open_device(int number, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/sdm%d", number);
	return open_path(path, flags);
}

int open_window(int number, uint32_t peer, int flags)
{
	char path[48];

	snprintf(path, sizeof(path), "/dev/sdm%d-p%u", number, peer);
	return open_path(path, flags);
}

int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static bool is_master(int number)
{
	struct sdm_info info = { 0 };
	int fd = open_device(number, O_WRONLY);
	int ret;

	if (fd < 0)
		return false;
	ret = call(fd, SDM_IOC_GET_INFO, &info);
	close(fd);
	return !ret && info.flags & SDM_INFO_MASTER;
}

int find_device(void)
{
	const char *chosen = getenv("SDM_DEVICE");
	int number;

	if (chosen)
		return atoi(chosen);
	for (number = 0; number < 8; number++) {
		if (is_master(number))
			return number;
	}
	return -ENOENT;
}

int get_peer(int fd, uint32_t id, struct sdm_peer_info *info)
{
	*info = (struct sdm_peer_info){ .peer = id };
	return call(fd, SDM_IOC_GET_PEER, info);
}

bool is_linked(const struct sdm_peer_info *info)
{
	return info->state == SDM_STATE_RESET ||
	       info->state == SDM_STATE_RUNNING;
}

static int find_peer(int fd, bool linked)
{
	struct sdm_peer_info info;
	uint32_t id;

	for (id = 1; !get_peer(fd, id, &info); id++) {
		if (!(info.flags & SDM_PEER_FLAG_SELF) &&
		    is_linked(&info) == linked)
			return id;
	}
	return -ENOENT;
}

int find_slave(int fd)
{
	const char *chosen = getenv("SDM_PEER");

	return chosen ? atoi(chosen) : find_peer(fd, true);
}

int find_absent(int fd)
{
	return find_peer(fd, false);
}

int wait_state(int fd, uint32_t id, uint32_t state)
{
	uint64_t end = now_ms() + PATIENCE_MS;
	struct sdm_peer_info info;
	int ret;

	do {
		ret = get_peer(fd, id, &info);
		if (ret || info.state == state)
			return ret;
		sleep_ms(10);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

int send_signal(int fd, uint32_t peer, uint32_t signal, uint64_t p0,
		uint64_t p1, uint32_t timeout_ms)
{
	struct sdm_send arg = {
		.peer = peer,
		.signal = signal,
		.timeout_ms = timeout_ms,
		.payload = { p0, p1 },
	};

	return call(fd, SDM_IOC_SEND, &arg);
}

int subscribe(int fd, uint64_t signals)
{
	struct sdm_subscribe arg = { .signals = signals };

	return call(fd, SDM_IOC_SUBSCRIBE, &arg);
}

int next_event(int fd, struct sdm_event *event, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	n = poll(&pollfd, 1, timeout_ms);
	if (n < 0)
		return -errno;
	if (!n)
		return -ETIMEDOUT;
	n = read(fd, event, sizeof(*event));
	if (n < 0)
		return -errno;
	return n == sizeof(*event) ? 0 : -EBADMSG;
}

int next_from(int fd, uint32_t peer, struct sdm_event *event, int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	uint64_t now;
	int ret;

	do {
		now = now_ms();
		ret = next_event(fd, event, now < end ? end - now : 0);
	} while (!ret && event->type == SDM_EVENT_SIGNAL &&
		 event->peer != peer);
	return ret;
}

void drain(int fd)
{
	struct sdm_event event;

	while (!next_event(fd, &event, 0))
		;
}

int open_asker(int number)
{
	int fd = open_device(number, O_RDWR);
	int ret;

	if (fd < 0)
		return fd;
	ret = subscribe(fd, 0);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int answer_of(int fd, uint32_t peer, enum request request,
		     uint64_t answer[2])
{
	uint64_t end = now_ms() + PATIENCE_MS;
	struct sdm_event event;
	int ret;

	while (now_ms() < end) {
		ret = next_event(fd, &event, end - now_ms());
		if (ret == -EINTR)
			continue;
		if (ret)
			return ret;
		if (event.type == SDM_EVENT_SIGNAL && event.peer == peer &&
		    event.signal == request) {
			answer[0] = event.payload[0];
			answer[1] = event.payload[1];
			return 0;
		}
	}
	return -ETIMEDOUT;
}

int ask(int fd, uint32_t peer, enum request request, uint64_t p0, uint64_t p1,
	uint64_t answer[2])
{
	int ret;

	ret = subscribe(fd, SIGNAL_BIT(request));
	if (ret)
		return ret;
	drain(fd);
	ret = send_signal(fd, peer, request, p0, p1, PATIENCE_MS);
	if (!ret)
		ret = answer_of(fd, peer, request, answer);
	subscribe(fd, 0);
	return ret;
}

int find_memory(int fd, uint32_t peer, struct test_memory *memory)
{
	struct sdm_peer_info info;
	uint64_t answer[2];
	int ret;

	ret = get_peer(fd, peer, &info);
	if (ret)
		return ret;
	/* Without a driver nobody would answer, nor take the request. */
	if (info.state != SDM_STATE_RUNNING ||
	    !(info.flags & SDM_PEER_FLAG_DRIVER))
		return -ENOENT;
	ret = ask(fd, peer, REQUEST_HELLO, 0, 0, answer);
	if (ret)
		return ret;
	memory->offset = answer[0];
	memory->size = answer[1];
	return memory->size ? 0 : -ENXIO;
}

void fill_pattern(void *buffer, size_t size, uint32_t seed)
{
	uint8_t *bytes = buffer;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = pattern_byte(seed, i);
}

int write_file(const char *path, const char *text)
{
	int fd = open_path(path, O_WRONLY);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int64_t read_counter(int number, uint32_t peer, const char *name)
{
	char path[128], text[32] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path),
		 "/sys/bus/sdm/devices/sdm%d-p%u/statistics/%s", number, peer,
		 name);
	fd = open_path(path, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atoll(text) : -EIO;
}

int platform_name(int number, char *name, size_t size)
{
	char path[64], real[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/sdm/devices/sdm%d/..", number);
	if (!realpath(path, real))
		return -errno;
	snprintf(name, size, "%s", basename(real));
	return 0;
}
