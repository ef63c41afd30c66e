/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel interface of the Signal Distribution Module (SDM) core.
 *
 * Two kinds of drivers use it. Hardware drivers own the registers: they
 * register a &struct sdm_device with a &struct sdm_ops and report what the
 * interrupt tells them. Clients use devices of any kind: they register a
 * &struct sdm_client, are offered every device, and act on its peers.
 */
#ifndef _SDM_H
#define _SDM_H

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <sdm/sdm-regs.h>
#include <sdm/sdm-release.h>

struct iov_iter;
struct sdm_client;
struct sdm_device;

/* Number of 64-bit payload words of a signal. */
#define SDM_MSG_WORDS 2

/**
 * struct sdm_msg - a signal that was received
 * @source: ID of the sender
 * @signal: its number, less than %SDM_NUM_SIGNALS
 * @payload: its payload, zero if it has none
 * @timestamp_ns: CLOCK_MONOTONIC time of its arrival in the driver
 */
struct sdm_msg {
	u32 source;
	u32 signal;
	u64 payload[SDM_MSG_WORDS];
	u64 timestamp_ns;
};

/**
 * struct sdm_hw_info - identity of a device, which may change on a slave
 * @id: own ID, or %SDM_ID_NONE
 * @num_ids: valid IDs are 0..@num_ids-1
 * @error_count: failed window accesses, modulo 2^32
 */
struct sdm_hw_info {
	u32 id;
	u32 num_ids;
	u32 error_count;
};

/**
 * struct sdm_link - what tells one connection of a peer from another
 * @state: SDM_PEER_ABSENT and so on
 * @flags: SDM_PEER_STATE_DRIVER, SDM_PEER_STATE_SELF
 * @generation: number of the connection
 */
struct sdm_link {
	u32 state;
	u32 flags;
	u32 generation;
};

/**
 * struct sdm_peer_status - snapshot of a peer's registers
 * @link: state of the connection
 * @num_signals: signals it can receive are 0..@num_signals-1
 * @boot_signal: the signal that boots it, or %SDM_SIGNAL_NONE
 * @reset_signal: the signal that resets it, or %SDM_SIGNAL_NONE
 * @arch: ELF e_machine of its CPUs, 0 if unknown
 * @cpus: number of its CPUs, 0 if unknown
 * @credits: signals that it takes before it is busy
 * @action: latest action, see %SDM_PEER_ACTION
 * @mem_offset: offset of its RAM in the window
 * @mem_size: size of its RAM in the window, 0 if there is none. A slave knows its
 *	own, which is in no window
 * @mem_base: where its own CPUs see that RAM
 * @mem_mapped: that part of the window is RAM; accesses are not forwarded
 * @mem_coherent: size of the coherent region at the end of its RAM, which is RAM
 *	in any case; 0 if there is none
 */
struct sdm_peer_status {
	struct sdm_link link;
	u32 num_signals;
	u32 boot_signal;
	u32 reset_signal;
	u32 arch;
	u32 cpus;
	u32 credits;
	u32 action;
	u64 mem_offset;
	u64 mem_size;
	u64 mem_base;
	bool mem_mapped;
	u64 mem_coherent;
};

/**
 * sdm_link_is_up() - tell whether a peer is connected
 * @link: its link
 *
 * Return: true if signals reach it and its memory can be accessed.
 */
static inline bool sdm_link_is_up(const struct sdm_link *link)
{
	return link->state == SDM_PEER_RESET || link->state == SDM_PEER_RUNNING;
}

/**
 * struct sdm_transfer - a bulk transfer between memory here and a peer's memory
 * @peer: ID of the peer
 * @offset: where, from the start of the peer's memory
 * @write: to the peer; otherwise from the peer
 * @sgt: memory here; the hardware driver maps and unmaps it
 * @done: called when it is over. Atomic
 * @bytes: when it is over: how much has been transferred, from the start
 * @error: why not all: -ENOLINK not connected, -ETIMEDOUT no answer, -EIO
 *	refused, -EFAULT not from or to this memory here, -ENODEV the hardware
 *	is gone
 */
struct sdm_transfer {
	u32 peer;
	u64 offset;
	bool write;
	struct sg_table sgt;
	void (*done)(struct sdm_transfer *transfer);
	size_t bytes;
	int error;

	/* private: for the hardware driver */
	struct list_head node;
	struct scatterlist *sg; /* the next to hand over */
	unsigned int queued; /* segments from @sg */
	unsigned int in_ring; /* segments handed over and not finished */
	u64 taken; /* bytes handed over */
};

/**
 * struct sdm_ops - operations of a hardware driver
 * @enable: start or stop to take interrupts and to serve the device. When it
 *	returns from stopping, the driver is not and will not be in a call to
 *	the core. May sleep.
 * @send: send a signal without waiting. Atomic. Returns 0, -EAGAIN if the
 *	receiver is full (sdm_tx_free() follows), -ENOLINK, or -ENOENT.
 * @read_info: read the identity. Atomic.
 * @read_link: read a peer's state and generation. Atomic.
 * @read_peer: read all of a peer's block. Atomic.
 * @read_errors: how many accesses to a peer's memory have failed, those that
 *	are not reported by sdm_window_error() included; modulo 2^32. Atomic.
 * @report: choose the signals to a peer of which sdm_taken() tells. Atomic.
 *	Optional
 * @transfer: start a bulk transfer. Returns 0 if its done() will be called, at
 *	the latest by @enable to stop, before that returns. Optional. May sleep.
 */
struct sdm_ops {
	void (*enable)(struct sdm_device *sdm, bool on);
	int (*send)(struct sdm_device *sdm, u32 dest, u32 signal,
		    const u64 *payload);
	void (*read_info)(struct sdm_device *sdm, struct sdm_hw_info *info);
	void (*read_link)(struct sdm_device *sdm, u32 id,
			  struct sdm_link *link);
	void (*read_peer)(struct sdm_device *sdm, u32 id,
			  struct sdm_peer_status *status);
	u32 (*read_errors)(struct sdm_device *sdm, u32 id);
	void (*report)(struct sdm_device *sdm, u32 id, u64 signals);
	int (*transfer)(struct sdm_device *sdm, struct sdm_transfer *transfer);
};

/**
 * struct sdm_caps - fixed properties of a device
 * @version: VERSION register
 * @features: FEATURES register
 * @num_signals: signals that it can receive are 0..@num_signals-1
 * @master: it is the master
 * @window_base: physical address of the memory window
 * @window_size: its size, 0 if there is none
 * @transfer_align: alignment of memory that a bulk transfer writes to, a power of
 *	two; 0 if there are no bulk transfers
 */
struct sdm_caps {
	u32 version;
	u32 features;
	u32 num_signals;
	bool master;
	u64 window_base;
	u64 window_size;
	unsigned int transfer_align;
};

/**
 * enum sdm_window_way - how data gets to and from a peer's memory
 * @SDM_WINDOW_PLAIN: by single loads and stores
 * @SDM_WINDOW_BULK: the device transfers it
 * @SDM_WINDOW_MAPPED: the memory is in the window itself
 * @SDM_WINDOW_WAYS: how many ways there are
 */
enum sdm_window_way {
	SDM_WINDOW_PLAIN,
	SDM_WINDOW_BULK,
	SDM_WINDOW_MAPPED,
	SDM_WINDOW_WAYS
};

/**
 * struct sdm_window_map - piece of the window that is mapped
 * @io: where, if accesses are forwarded
 * @ram: where, if it is RAM
 * @start: its offset in the window
 * @size: its size
 */
struct sdm_window_map {
	void __iomem *io;
	void *ram;
	u64 start;
	size_t size;
};

/**
 * struct sdm_peer - one ID of a device's system, the device's own included
 * @dev: sdmN-pM on the bus
 * @sdm: its device, which it holds
 * @id: its ID
 * @wait: woken when its state changes, it has room, or the device goes
 *
 * Everything below is private to the core.
 */
struct sdm_peer {
	struct device dev;
	struct sdm_device *sdm;
	u32 id;
	wait_queue_head_t wait;

	/* private: */
	spinlock_t lock; /* protects the members up to reported */
	struct sdm_peer_status status; /* as of the latest event */
	const struct sdm_client *owner;
	const struct sdm_client *signal_owners[SDM_NUM_SIGNALS];
	u64 reported; /* signals of which the owner is told when taken */

	struct mutex action_lock; /* one boot or reset at a time */

	struct mutex map_lock; /* protects map */
	struct sdm_window_map map;

	atomic64_t tx;
	atomic64_t rx;
	atomic64_t busy;
	atomic64_t bytes[SDM_WINDOW_WAYS]; /* read and written */
	atomic_t bulk_errors; /* failed bulk transfers */

	/* plain writes to its memory; how many of them have arrived for sure */
	atomic_t posted;
	int flushed;
};

/**
 * struct sdm_device - an SDM
 * @dev: sdmN on the bus
 * @index: N
 * @caps: fixed properties
 * @priv: the hardware driver's data
 *
 * Lives as long as somebody holds a reference to @dev. When the hardware is
 * gone the calls below return -ENODEV. Everything else is private to the core.
 */
struct sdm_device {
	struct device dev;
	int index;
	struct sdm_caps caps;
	void *priv;

	/* private: */
	struct srcu_struct srcu; /* readers use ops */
	const struct sdm_ops __rcu *ops; /* NULL once unregistered */

	struct list_head node; /* in sdm_devices, by sdm_lock */
	struct list_head attachments; /* by sdm_lock, read by RCU */

	u32 num_ids;
	struct sdm_peer *peers[SDM_MAX_IDS];

	struct work_struct work; /* serves changed */
	DECLARE_BITMAP(changed, SDM_MAX_IDS);

	atomic64_t unclaimed;
};

/**
 * struct sdm_client - a user of all SDM devices
 * @name: for messages
 * @add: a device has come; @data is handed to the other calls. Optional
 * @added: from now on the other calls may come. Optional
 * @remove: the device goes: its hardware works until this returns
 * @signal: a signal arrived. Returns true if it was of use. Atomic, interrupts
 *	may be enabled or not. A signal with an owner is told to its owner only
 * @tx_free: a peer that was busy has room. Atomic. Optional
 * @taken: the peer's software has taken signals that the client has claimed, see
 *	sdm_report_signal(): a bit for each number. Atomic. Optional
 * @peer_changed: the link of a peer changed; also called for new peers. May
 *	sleep, but holds up other clients. Optional
 *
 * After @remove has been called no other call is running or will come for that
 * device. @add, @added, @remove and @peer_changed never run at the same time.
 */
struct sdm_client {
	const char *name;
	int (*add)(struct sdm_device *sdm, void **data);
	void (*added)(struct sdm_device *sdm, void *data);
	void (*remove)(struct sdm_device *sdm, void *data);
	bool (*signal)(struct sdm_device *sdm, void *data,
		       const struct sdm_msg *msg);
	void (*tx_free)(struct sdm_device *sdm, void *data,
			struct sdm_peer *peer);
	void (*taken)(struct sdm_device *sdm, void *data, struct sdm_peer *peer,
		      u64 signals);
	void (*peer_changed)(struct sdm_device *sdm, void *data,
			     struct sdm_peer *peer,
			     const struct sdm_link *link);

	/* private: */
	struct list_head node; /* in sdm_clients, by sdm_lock */
};

/* Hardware drivers */

struct sdm_device *devm_sdm_device_alloc(struct device *parent,
					 const struct sdm_ops *ops, void *priv);
int devm_sdm_device_register(struct device *parent, struct sdm_device *sdm);

void sdm_receive(struct sdm_device *sdm, struct sdm_msg *msg);
void sdm_tx_free(struct sdm_device *sdm, u32 id);
void sdm_taken(struct sdm_device *sdm, u32 id, u64 signals);
void sdm_peer_event(struct sdm_device *sdm, u32 id);
void sdm_window_error(struct sdm_device *sdm, u32 status, u64 offset);

/* Clients */

int sdm_register_client(struct sdm_client *client);
void sdm_unregister_client(struct sdm_client *client);

int sdm_get_info(struct sdm_device *sdm, struct sdm_hw_info *info);
struct sdm_peer *sdm_peer_get(struct sdm_device *sdm, u32 id);
void sdm_peer_put(struct sdm_peer *peer);
int sdm_peer_get_status(struct sdm_peer *peer, struct sdm_peer_status *status);
int sdm_peer_get_link(struct sdm_peer *peer, struct sdm_link *link);

int sdm_claim_peer(struct sdm_peer *peer, const struct sdm_client *client);
void sdm_release_peer(struct sdm_peer *peer, const struct sdm_client *client);
int sdm_claim_signal(struct sdm_peer *peer, u32 signal,
		     const struct sdm_client *client);
void sdm_release_signal(struct sdm_peer *peer, u32 signal,
			const struct sdm_client *client);
int sdm_report_signal(struct sdm_peer *peer, u32 signal,
		      const struct sdm_client *client);

int sdm_send(struct sdm_peer *peer, const struct sdm_client *client, u32 signal,
	     const u64 *payload);
int sdm_send_timeout(struct sdm_peer *peer, const struct sdm_client *client,
		     u32 signal, const u64 *payload, unsigned long timeout);
int sdm_send_panic(struct sdm_peer *peer, u32 signal, const u64 *payload);
int sdm_boot(struct sdm_peer *peer, const struct sdm_client *client, u64 entry,
	     u64 dtb, unsigned long timeout);
int sdm_reset(struct sdm_peer *peer, const struct sdm_client *client,
	      unsigned long timeout);

ssize_t sdm_window_read_iter(struct sdm_peer *peer, u64 offset,
			     struct iov_iter *to);
ssize_t sdm_window_write_iter(struct sdm_peer *peer, u64 offset,
			      struct iov_iter *from);
ssize_t sdm_window_read(struct sdm_peer *peer, u64 offset, void *buf,
			size_t len);
ssize_t sdm_window_write(struct sdm_peer *peer, u64 offset, const void *buf,
			 size_t len);
int sdm_window_flush(struct sdm_peer *peer);

#endif /* _SDM_H */
