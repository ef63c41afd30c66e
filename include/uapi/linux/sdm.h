/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * User interface of /dev/sdmN and /dev/sdmN-pM (Signal Distribution Module).
 *
 * /dev/sdmN is one SDM device: ioctl()s act on it and its peers, read()
 * returns events, poll() waits for them. /dev/sdmN-pM is the memory of peer M
 * of that device: a file of the size of the peer's RAM with pread() and
 * pwrite(), and mmap() where the peer has SDM_PEER_FLAG_MAPPED.
 *
 * mmap() is shared and not executable. It belongs to one connection: when that
 * or the device has gone, accesses raise SIGBUS, and it has to be mapped again.
 *
 * ioctl(): structures may grow at their end. The kernel takes the size from
 * the ioctl number: fields that a program does not know stay unused, fields
 * that a kernel does not know must be zero. Reserved fields and unknown flags
 * must be zero.
 *
 * Errors, in addition to the usual ones of the system calls:
 *
 * =============== ============================================================
 * ENODEV          the SDM device is gone (unbound); poll() says HUP and ERR;
 *                 mmap(): the peer's memory cannot be mapped
 * ENOLINK         the peer exists but is not connected
 * ENOENT          no such peer, or the peer has no such signal
 * EBUSY           BOOT: the peer is not held in reset; or the signal or the
 *                 peer belongs to another user
 * EAGAIN          SEND: the receiver's queue is full and O_NONBLOCK is set, or
 *                 the timeout is 0; read(): no event and O_NONBLOCK is set
 * ETIMEDOUT       the receiver stayed full, or the action was not reported, for
 *                 the whole timeout
 * EINVAL          reserved field or unknown flag set, range that makes no sense;
 *                 mmap(): beyond the end of the memory, or MAP_PRIVATE
 * EPERM           mmap() with PROT_EXEC
 * EOPNOTSUPP      BOOT, RESET: the peer offers no such signal
 * EFAULT          bad user pointer
 * EADDRNOTAVAIL   BOOT: entry or device tree outside the peer's RAM
 * EPROTO          BOOT, RESET: the peer reported that the action failed
 * E2BIG           structure longer than the kernel knows, tail not zero
 * EBADF           SEND, BOOT, RESET need a descriptor open for writing
 * ENOTTY          unknown ioctl
 * ENOSPC          write() at or beyond the end of a peer's memory
 * EIO             access to a peer's memory failed (link lost under way);
 *                 bytes already counted were transferred
 * =============== ============================================================
 */
#ifndef _UAPI_LINUX_SDM_H
#define _UAPI_LINUX_SDM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* ioctl type byte; not taken in the kernel's ioctl-number.rst. */
#define SDM_IOC_MAGIC 0xBA

/* Number of 64-bit payload words of a signal. */
#define SDM_PAYLOAD_WORDS 2

/**
 * enum sdm_info_flags - properties of a device
 * @SDM_INFO_MASTER: it is the master (ID 0)
 * @SDM_INFO_WINDOW: it has a memory window, so peers' memory can be accessed
 */
enum sdm_info_flags {
	SDM_INFO_MASTER = 1 << 0,
	SDM_INFO_WINDOW = 1 << 1,
};

/**
 * struct sdm_info - description of a device, for SDM_IOC_GET_INFO
 * @id: own ID; 0xffffffff while a slave has not been given one
 * @num_ids: valid IDs are 0..@num_ids-1
 * @num_signals: signals that can be received are 0..@num_signals-1
 * @flags: enum sdm_info_flags
 * @hw_version: VERSION register: major number in bits 31:16
 * @hw_features: FEATURES register
 * @window_base: physical address of the memory window, 0 if none
 * @window_size: its size in bytes, 0 if none
 * @error_count: failed window accesses, modulo 2^32
 * @reserved: zero
 */
struct sdm_info {
	__u32 id;
	__u32 num_ids;
	__u32 num_signals;
	__u32 flags;
	__u32 hw_version;
	__u32 hw_features;
	__aligned_u64 window_base;
	__aligned_u64 window_size;
	__u32 error_count;
	__u32 reserved[5];
};

/**
 * enum sdm_state - life of a peer
 * @SDM_STATE_ABSENT: not connected, or left in order
 * @SDM_STATE_CONNECTING: not connected, the other side is being looked for
 * @SDM_STATE_RESET: connected, held in reset, waits for boot
 * @SDM_STATE_RUNNING: connected, its CPUs run
 * @SDM_STATE_LOST: the link broke
 */
enum sdm_state {
	SDM_STATE_ABSENT = 0,
	SDM_STATE_CONNECTING = 1,
	SDM_STATE_RESET = 2,
	SDM_STATE_RUNNING = 3,
	SDM_STATE_LOST = 4,
};

/**
 * enum sdm_peer_flags - properties of a peer
 * @SDM_PEER_FLAG_SELF: it is the device itself
 * @SDM_PEER_FLAG_DRIVER: a driver serves the peer's device
 * @SDM_PEER_FLAG_MAPPED: its memory can be mapped by mmap()
 */
enum sdm_peer_flags {
	SDM_PEER_FLAG_SELF = 1 << 0,
	SDM_PEER_FLAG_DRIVER = 1 << 1,
	SDM_PEER_FLAG_MAPPED = 1 << 2,
};

/* No signal has this action. */
#define SDM_NO_SIGNAL 0xffffffffu

/**
 * struct sdm_peer_info - description of a peer, for SDM_IOC_GET_PEER
 * @peer: ID of the peer (in)
 * @state: enum sdm_state
 * @flags: enum sdm_peer_flags
 * @num_signals: signals it can receive are 0..@num_signals-1
 * @boot_signal: the signal that boots it, or SDM_NO_SIGNAL
 * @reset_signal: the signal that resets it, or SDM_NO_SIGNAL
 * @arch: ELF e_machine of its CPUs, 0 if unknown
 * @generation: number of the connection, changes with each new one
 * @credits: signals that it takes before senders have to wait
 * @cpus: number of its CPUs, 0 if unknown
 * @mem_offset: offset of its RAM in the window, bytes
 * @mem_size: size of its RAM that can be accessed, bytes; 0 if none
 * @mem_base: where its own CPUs see that RAM
 * @mem_coherent: size of the coherent region at the end of its RAM, bytes; 0 if
 *	none
 * @reserved: zero
 */
struct sdm_peer_info {
	__u32 peer;
	__u32 state;
	__u32 flags;
	__u32 num_signals;
	__u32 boot_signal;
	__u32 reset_signal;
	__u32 arch;
	__u32 generation;
	__u32 credits;
	__u32 cpus;
	__aligned_u64 mem_offset;
	__aligned_u64 mem_size;
	__aligned_u64 mem_base;
	__aligned_u64 mem_coherent;
	__aligned_u64 reserved;
};

/**
 * struct sdm_send - a signal to send, for SDM_IOC_SEND
 * @peer: destination ID; one's own is a loopback
 * @signal: number of the signal
 * @flags: zero
 * @timeout_ms: longest time to wait for room at the receiver, milliseconds;
 *	0: do not wait; not used with O_NONBLOCK
 * @payload: words to deliver with it
 * @reserved: zero
 *
 * Returns 0 when the signal is accepted: it will be delivered unless the link
 * breaks, which is reported by an event.
 */
struct sdm_send {
	__u32 peer;
	__u32 signal;
	__u32 flags;
	__u32 timeout_ms;
	__aligned_u64 payload[SDM_PAYLOAD_WORDS];
	__aligned_u64 reserved[2];
};

/**
 * enum sdm_subscribe_flags - what else a descriptor wants to read
 * @SDM_SUBSCRIBE_PEER: changes of peers (SDM_EVENT_PEER)
 */
enum sdm_subscribe_flags {
	SDM_SUBSCRIBE_PEER = 1 << 0,
};

/**
 * struct sdm_subscribe - filter of read(), for SDM_IOC_SUBSCRIBE
 * @signals: bit N: signal N is wanted
 * @flags: enum sdm_subscribe_flags
 * @reserved0: zero
 * @reserved: zero
 *
 * A new descriptor that is open for reading gets all signals and peer changes.
 * Events already queued stay.
 */
struct sdm_subscribe {
	__aligned_u64 signals;
	__u32 flags;
	__u32 reserved0;
	__aligned_u64 reserved[2];
};

/**
 * struct sdm_boot - start of a peer held in reset, for SDM_IOC_BOOT
 * @peer: ID of the peer
 * @flags: zero
 * @timeout_ms: longest time to wait until the peer runs, milliseconds;
 *	0: a default of 10000
 * @reserved0: zero
 * @entry: address of the first instruction in the peer's own physical map
 * @dtb: address of the device tree there, or 0
 * @reserved: zero
 *
 * Returns 0 when the peer has reported that its CPU runs.
 */
struct sdm_boot {
	__u32 peer;
	__u32 flags;
	__u32 timeout_ms;
	__u32 reserved0;
	__aligned_u64 entry;
	__aligned_u64 dtb;
	__aligned_u64 reserved[2];
};

/**
 * struct sdm_reset - put a peer in reset, for SDM_IOC_RESET
 * @peer: ID of the peer
 * @flags: zero
 * @timeout_ms: longest time to wait until the peer is in reset, milliseconds;
 *	0: a default of 10000
 * @reserved0: zero
 * @reserved: zero
 *
 * The peer's memory keeps its contents. Returns 0 when the peer has reported
 * that it is held in reset.
 */
struct sdm_reset {
	__u32 peer;
	__u32 flags;
	__u32 timeout_ms;
	__u32 reserved0;
	__aligned_u64 reserved[2];
};

#define SDM_IOC_GET_INFO  _IOWR(SDM_IOC_MAGIC, 0x00, struct sdm_info)
#define SDM_IOC_GET_PEER  _IOWR(SDM_IOC_MAGIC, 0x01, struct sdm_peer_info)
#define SDM_IOC_SEND	  _IOWR(SDM_IOC_MAGIC, 0x02, struct sdm_send)
#define SDM_IOC_SUBSCRIBE _IOWR(SDM_IOC_MAGIC, 0x03, struct sdm_subscribe)
#define SDM_IOC_BOOT	  _IOWR(SDM_IOC_MAGIC, 0x04, struct sdm_boot)
#define SDM_IOC_RESET	  _IOWR(SDM_IOC_MAGIC, 0x05, struct sdm_reset)

/**
 * enum sdm_event_type - what an event tells
 * @SDM_EVENT_SIGNAL: a signal arrived
 * @SDM_EVENT_PEER: the state of a peer changed; sdm_event.state is the new one
 * @SDM_EVENT_OVERFLOW: the reader was too slow: events were dropped before
 *	this one, as the gap in sdm_event.seqno tells
 */
enum sdm_event_type {
	SDM_EVENT_SIGNAL = 1,
	SDM_EVENT_PEER = 2,
	SDM_EVENT_OVERFLOW = 3,
};

/**
 * struct sdm_event - one record of read()
 * @timestamp_ns: CLOCK_MONOTONIC time of its arrival in the driver
 * @seqno: counts the events of this descriptor, dropped ones included
 * @type: enum sdm_event_type
 * @reserved0: zero
 * @peer: SIGNAL: ID of the sender; PEER: ID of the peer
 * @signal: SIGNAL: its number
 * @payload: SIGNAL: its payload words
 * @state: PEER: enum sdm_state
 * @flags: PEER: enum sdm_peer_flags
 * @generation: PEER: number of the connection
 * @reserved1: zero
 *
 * read() returns whole records, as many as there are and the buffer holds; a
 * buffer smaller than one record is EINVAL.
 */
struct sdm_event {
	__aligned_u64 timestamp_ns;
	__u32 seqno;
	__u16 type;
	__u16 reserved0;
	__u32 peer;
	__u32 signal;
	__aligned_u64 payload[SDM_PAYLOAD_WORDS];
	__u32 state;
	__u32 flags;
	__u32 generation;
	__u32 reserved1[3];
};

#endif /* _UAPI_LINUX_SDM_H */
