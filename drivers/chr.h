/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of sdm_test_mod share.
 *
 * Locks, outermost first; sdm.h says what is held in calls of the core:
 *
 *   sdm_chr_lock		minor numbers
 *   sdm_chr_window.lock	open files of a peer's memory; taken in page faults,
 *				so no user memory is accessed with it
 *   sdm_chr_file.read_lock	readers of one open file
 *   sdm_chr.lock		spinlock, taken in interrupts: open files
 *   sdm_chr_file.lock		spinlock, taken in interrupts: events
 *
 * An open file holds its node, and the node holds the device or the peer of the
 * core. Both stay valid when the hardware goes; the core then returns -ENODEV.
 */
#ifndef _SDM_CHR_H
#define _SDM_CHR_H

#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <uapi/linux/sdm.h>

#include "chr-events.h"
#include "sdm.h"

/**
 * struct sdm_chr_node - a node in /dev
 * @ref: held by open files, and as long as the node exists
 * @release: frees what contains this
 * @fops: of its files, whose open() finds the node in private_data
 * @minor: its minor number
 */
struct sdm_chr_node {
	struct kref ref;
	void (*release)(struct kref *ref);
	const struct file_operations *fops;
	u32 minor;
};

/**
 * struct sdm_chr_window - /dev/sdmN-pM
 * @node: its node
 * @peer: the peer, which it holds
 * @lock: protects @files, @gone, and pages from being mapped while others are
 *	unmapped
 * @files: open files
 * @gone: the device is gone
 */
struct sdm_chr_window {
	struct sdm_chr_node node;
	struct sdm_peer *peer;

	struct mutex lock; /* see above */
	struct list_head files;
	bool gone;
};

/**
 * struct sdm_chr - /dev/sdmN
 * @node: its node
 * @sdm: the device, which it holds
 * @windows: nodes of its peers; changed in add, remove, and peer_changed only
 * @lock: protects @files and setting @gone
 * @files: open files
 * @gone: the device is gone
 */
struct sdm_chr {
	struct sdm_chr_node node;
	struct sdm_device *sdm;
	struct sdm_chr_window *windows[SDM_MAX_IDS];

	spinlock_t lock; /* see above */
	struct list_head files;
	bool gone;
};

/**
 * struct sdm_chr_file - an open /dev/sdmN
 * @chr: what is open; the file holds its node
 * @entry: in sdm_chr.files
 * @wait: woken by events, room to send, and when the device goes
 * @read_lock: one reader at a time
 * @lock: protects @events
 * @events: queue and filter of events
 * @busy: peers that refused a signal sent without waiting
 */
struct sdm_chr_file {
	struct sdm_chr *chr;
	struct list_head entry;
	wait_queue_head_t wait;

	struct mutex read_lock; /* see above */
	spinlock_t lock; /* see above */
	struct sdm_events events;

	DECLARE_BITMAP(busy, SDM_MAX_IDS);
};

/* enum sdm_peer_flags of a peer */
static inline u32 sdm_chr_peer_flags(const struct sdm_link *link, bool mapped)
{
	return (link->flags & SDM_PEER_STATE_SELF ? SDM_PEER_FLAG_SELF : 0) |
	       (link->flags & SDM_PEER_STATE_DRIVER ? SDM_PEER_FLAG_DRIVER : 0) |
	       (mapped ? SDM_PEER_FLAG_MAPPED : 0);
}

extern struct sdm_client sdm_chr_client;
extern const struct file_operations sdm_chr_window_fops;

/* chr-main.c */
int sdm_chr_node_add(struct sdm_chr_node *node, struct device *parent);
void sdm_chr_node_remove(struct sdm_chr_node *node);
void sdm_chr_node_put(struct sdm_chr_node *node);

/* chr-device.c */
void sdm_chr_file_set_busy(struct sdm_chr_file *f, u32 peer, bool busy);

/* chr-ioctl.c */
long sdm_chr_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* chr-window.c */
struct sdm_chr_window *sdm_chr_window_create(struct sdm_peer *peer);
void sdm_chr_window_remove(struct sdm_chr_window *win);
void sdm_chr_window_unmap(struct sdm_chr_window *win);

#endif /* _SDM_CHR_H */
