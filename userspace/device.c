// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls on /dev/sdmN, and what their errors mean.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "interrupt.h"
#include "report.h"
#include "types.h"

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

s64 now_ms(void)
{
	return now_ns() / 1000000;
}

const char *peer_name(u32 id)
{
	static char names[2][24];
	static unsigned int next;
	char *name = names[next];

	next = !next;
	if (!id)
		return "master";
	snprintf(name, sizeof(names[0]), "slave %u", id);
	return name;
}

const char *state_name(u32 state)
{
	static const char *const names[] = {
		[SDM_STATE_ABSENT] = "absent",
		[SDM_STATE_CONNECTING] = "connecting",
		[SDM_STATE_RESET] = "reset",
		[SDM_STATE_RUNNING] = "running",
		[SDM_STATE_LOST] = "lost",
	};

	if (state >= ARRAY_SIZE(names))
		return "unknown";
	return names[state];
}

bool peer_linked(const struct sdm_peer_info *peer)
{
	return peer->state == SDM_STATE_RESET ||
	       peer->state == SDM_STATE_RUNNING;
}

static int open_failed(const char *path)
{
	switch (errno) {
	case ENOENT:
		error("there is no %s; load the driver or give another number, 'sdm-test -l' lists all",
		      path);
		break;
	case EACCES:
		error("%s: %s; be root or a member of its group", path,
		      strerror(errno));
		break;
	case ENXIO:
	case ENODEV:
		error("%s: the device is gone", path);
		break;
	default:
		error("cannot open %s: %s", path, strerror(errno));
	}
	return -1;
}

int device_refresh(struct device *device)
{
	struct sdm_info info = { 0 };

	if (!ioctl(device->fd, SDM_IOC_GET_INFO, &info)) {
		device->info = info;
		return 0;
	}
	if (errno == ENOTTY)
		error("%s is no SDM device", device->path);
	else
		error("%s: cannot get information: %s", device->path,
		      strerror(errno));
	return -1;
}

int device_open(struct device *device, u32 number, int flags)
{
	memset(device, 0, sizeof(*device));
	device->number = number;
	snprintf(device->path, sizeof(device->path), "/dev/sdm%u", number);
	device->fd = open(device->path, flags | O_CLOEXEC);
	if (device->fd < 0)
		return open_failed(device->path);

	if (!device_refresh(device))
		return 0;
	device_close(device);
	return -1;
}

void device_close(struct device *device)
{
	close(device->fd);
	device->fd = -1;
}

/* The errors that all calls have in common. */
static int call_failed(const struct device *device, const char *what, u32 id)
{
	const char *name = peer_name(id);

	switch (errno) {
	case ENODEV:
		error("cannot %s %s: %s is gone", what, name, device->path);
		break;
	case ENOLINK:
		error("cannot %s %s: it is not connected; start its machine",
		      what, name);
		break;
	case ENOENT:
		error("cannot %s %s: there is none; IDs are 0 to %u", what,
		      name, device->info.num_ids - 1);
		break;
	case EINTR:
		error("cannot %s %s: interrupted", what, name);
		break;
	default:
		error("cannot %s %s: %s", what, name, strerror(errno));
	}
	return -1;
}

int device_peer(const struct device *device, u32 id, struct sdm_peer_info *peer)
{
	*peer = (struct sdm_peer_info){ .peer = id };
	if (ioctl(device->fd, SDM_IOC_GET_PEER, peer))
		return call_failed(device, "get information on", id);
	return 0;
}

int device_send(const struct device *device, const struct sdm_send *send)
{
	/* The number of signals tells apart the two meanings of ENOENT. */
	struct sdm_peer_info peer = { .peer = send->peer };
	struct sdm_send arg = *send;
	int err;

	if (!ioctl(device->fd, SDM_IOC_SEND, &arg))
		return 0;

	err = errno;
	switch (err) {
	case ENOENT:
		if (ioctl(device->fd, SDM_IOC_GET_PEER, &peer)) {
			errno = err;
			break;
		}
		error("%s has no signal %u; it has %u", peer_name(send->peer),
		      send->signal, peer.num_signals);
		return -1;
	case EBUSY:
		error("signal %u of %s belongs to another driver", send->signal,
		      peer_name(send->peer));
		return -1;
	case EAGAIN:
	case ETIMEDOUT:
		error("%s is full: it has not taken earlier signals yet; try again or wait longer (--timeout)",
		      peer_name(send->peer));
		return -1;
	}
	return call_failed(device, "send to", send->peer);
}

int device_boot(const struct device *device, const struct sdm_peer_info *peer,
		u64 entry, u64 dtb, u32 timeout_ms)
{
	const char *name = peer_name(peer->peer);
	struct sdm_boot arg = {
		.peer = peer->peer,
		.timeout_ms = timeout_ms,
		.entry = entry,
		.dtb = dtb,
	};

	if (!ioctl(device->fd, SDM_IOC_BOOT, &arg))
		return 0;

	switch (errno) {
	case EBUSY:
		error("%s is not held in reset, or another driver owns it; reset it first: sdm-test -R %u %u",
		      name, device->number, peer->peer);
		break;
	case EOPNOTSUPP:
		error("%s offers no boot signal", name);
		break;
	case ETIMEDOUT:
		error("%s did not report in time that it runs; wait longer (--timeout) or look at its console",
		      name);
		break;
	case EADDRNOTAVAIL:
		error("%s refused: entry 0x%llx or device tree 0x%llx is outside of its RAM",
		      name, entry, dtb);
		break;
	case EPROTO:
		error("%s reported that it could not start", name);
		break;
	case EINTR:
		error("interrupted while %s was starting; 'sdm-test -l' shows its state",
		      name);
		break;
	default:
		return call_failed(device, "boot", peer->peer);
	}
	return -1;
}

int device_reset(const struct device *device, u32 id, u32 timeout_ms)
{
	struct sdm_reset arg = { .peer = id, .timeout_ms = timeout_ms };

	if (!ioctl(device->fd, SDM_IOC_RESET, &arg))
		return 0;

	switch (errno) {
	case EBUSY:
		error("%s belongs to another driver", peer_name(id));
		break;
	case EOPNOTSUPP:
		error("%s offers no reset signal; restart its machine",
		      peer_name(id));
		break;
	case ETIMEDOUT:
		error("%s did not report in time that it is in reset; wait longer (--timeout)",
		      peer_name(id));
		break;
	case EPROTO:
		error("%s reported that the reset failed", peer_name(id));
		break;
	default:
		return call_failed(device, "reset", id);
	}
	return -1;
}

int device_subscribe(const struct device *device, u64 signals, u32 flags)
{
	struct sdm_subscribe arg = { .signals = signals, .flags = flags };

	if (!ioctl(device->fd, SDM_IOC_SUBSCRIBE, &arg))
		return 0;
	error("%s: cannot choose events: %s", device->path, strerror(errno));
	return -1;
}

/* Time left for poll(), which counts in int. */
static int time_left(s64 deadline_ms)
{
	s64 left;

	if (deadline_ms < 0)
		return -1;
	left = deadline_ms - now_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : left;
}

int device_events(const struct device *device, struct sdm_event *events,
		  size_t max, s64 deadline_ms)
{
	for (;;) {
		struct pollfd pollfd = { .fd = device->fd, .events = POLLIN };
		ssize_t n;
		int left = time_left(deadline_ms);

		if (interrupted())
			return -1;
		/* To wait for ever, read() is enough. */
		n = deadline_ms < 0 ? 1 : poll(&pollfd, 1, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (!n && left == INT_MAX)
			continue;
		if (!n)
			return 0;
		if (n > 0)
			n = read(device->fd, events, max * sizeof(*events));
		/* Somebody else may read from a descriptor that is shared. */
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 && errno == ENODEV) {
			error("%s is gone", device->path);
			return -1;
		}
		if (n < 0) {
			error("cannot read from %s: %s", device->path,
			      strerror(errno));
			return -1;
		}
		if (!n || n % sizeof(*events)) {
			error("%s gave %zd bytes, no whole events",
			      device->path, n);
			return -1;
		}
		return n / sizeof(*events);
	}
}

int peer_range(const struct sdm_peer_info *peer, u64 offset, u64 size)
{
	if (size <= peer->mem_size && offset <= peer->mem_size - size)
		return 0;
	if (!peer->mem_size)
		error("%s has no memory that can be accessed",
		      peer_name(peer->peer));
	else
		error("0x%llx bytes at offset 0x%llx exceed the memory of %s; it has 0x%llx bytes",
		      size, offset, peer_name(peer->peer), peer->mem_size);
	return -1;
}

int memory_open(struct memory *memory, const struct device *device,
		const struct sdm_peer_info *peer, int flags)
{
	memset(memory, 0, sizeof(*memory));
	snprintf(memory->path, sizeof(memory->path), "%s-p%u", device->path,
		 peer->peer);

	if (!peer_linked(peer)) {
		error("%s is %s; start its machine", peer_name(peer->peer),
		      state_name(peer->state));
		return -1;
	}
	if (!peer->mem_size)
		return peer_range(peer, 0, 1);

	memory->fd = open(memory->path, flags | O_CLOEXEC);
	if (memory->fd < 0)
		return open_failed(memory->path);
	return 0;
}

void memory_close(struct memory *memory)
{
	close(memory->fd);
	memory->fd = -1;
}

static int access_failed(const struct memory *memory, const char *what,
			 u64 offset)
{
	if (errno == EINTR)
		error("interrupted");
	else if (errno == EIO || errno == ENOLINK)
		error("cannot %s %s at 0x%llx: the link to the peer failed",
		      what, memory->path, offset);
	else if (errno == ENODEV)
		error("cannot %s %s at 0x%llx: the device is gone", what,
		      memory->path, offset);
	else
		error("cannot %s %s at 0x%llx: %s", what, memory->path, offset,
		      strerror(errno));
	return -1;
}

int memory_write(const struct memory *memory, u64 offset, const void *data,
		 size_t size)
{
	const u8 *bytes = data;

	while (size) {
		ssize_t n = pwrite(memory->fd, bytes, size, offset);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (!n)
			errno = ENOSPC;
		if (n <= 0)
			return access_failed(memory, "write to", offset);
		bytes += n;
		offset += n;
		size -= n;
	}
	return 0;
}

int memory_sync(const struct memory *memory)
{
	while (fsync(memory->fd)) {
		if (errno == EINTR && !interrupted())
			continue;
		if (errno == EINTR)
			error("interrupted");
		else
			error("%s: writes did not arrive: %s", memory->path,
			      strerror(errno));
		return -1;
	}
	return 0;
}

int memory_read(const struct memory *memory, u64 offset, void *data,
		size_t size)
{
	u8 *bytes = data;

	while (size) {
		ssize_t n = pread(memory->fd, bytes, size, offset);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (!n)
			errno = ENOSPC;
		if (n <= 0)
			return access_failed(memory, "read from", offset);
		bytes += n;
		offset += n;
		size -= n;
	}
	return 0;
}
