/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the SDM core share. Nobody else includes this.
 *
 * Locks, outermost first:
 *
 *   sdm_lock		devices, clients, and which client has which device;
 *			held while clients' add, remove, peer_changed run
 *   sdm_peer.action_lock	one boot or reset of a peer at a time
 *   sdm_peer.map_lock	the mapped piece of a peer's memory
 *   sdm_device.srcu	use of the hardware driver: never held while sleeping
 *			for an event, so that unregistering does not wait
 *   sdm_peer.lock	spinlock, taken in interrupts
 *
 * The hardware driver's own spinlocks are inside all of them.
 */
#ifndef _SDM_CORE_H
#define _SDM_CORE_H

#include "compat.h"
#include "sdm.h"

/**
 * struct sdm_window - accesses to a peer's memory, by one call
 * @peer: whose memory it is
 * @base: start of that memory in the window
 * @size: size of that memory
 * @generation: the connection at the start
 * @mapped: the memory is in the window itself
 * @coherent: size of the part at its end that is so in any case
 * @island: it is that part alone, which the device does not transfer
 * @errors: the peer's errors at the start
 */
struct sdm_window {
	struct sdm_peer *peer;
	u64 base;
	u64 size;
	u32 generation;
	bool mapped;
	u64 coherent;
	bool island;
	u32 errors;
};

extern const struct device_type sdm_device_type;
extern const struct device_type sdm_peer_type;
extern const struct attribute_group *sdm_device_groups[];
extern const struct attribute_group *sdm_peer_groups[];
extern sdm_bus_type sdm_bus;
extern struct mutex sdm_lock;

/* core.c: objects that still exist; the module stays until there are none */
void sdm_object_born(void);
void sdm_object_died(void);

/* hw.c: calls of the hardware driver, or -ENODEV */
int sdm_hw_send(struct sdm_device *sdm, u32 dest, u32 signal,
		const u64 *payload);
int sdm_hw_read_info(struct sdm_device *sdm, struct sdm_hw_info *info);
int sdm_hw_read_link(struct sdm_device *sdm, u32 id, struct sdm_link *link);
int sdm_hw_read_peer(struct sdm_device *sdm, u32 id,
		     struct sdm_peer_status *status);
int sdm_hw_report(struct sdm_device *sdm, u32 id, u64 signals);
int sdm_hw_read_errors(struct sdm_device *sdm, u32 id, u32 *errors);
int sdm_hw_transfer(struct sdm_device *sdm, struct sdm_transfer *transfer);

/* peer.c */
struct sdm_peer *sdm_peer_find(struct sdm_device *sdm, u32 id);
const char *sdm_state_name(u32 state);
int sdm_peers_update(struct sdm_device *sdm);
void sdm_peers_remove(struct sdm_device *sdm);
void sdm_peers_wake(struct sdm_device *sdm);
void sdm_peers_disown(struct sdm_device *sdm, const struct sdm_client *client);
void sdm_peer_work(struct work_struct *work);
int sdm_peer_check_owner(struct sdm_peer *peer, const struct sdm_client *client,
			 u32 signal);
const struct sdm_client *sdm_peer_signal_owner(struct sdm_device *sdm, u32 id,
					       u32 signal);
u64 sdm_peer_own_signals(struct sdm_peer *peer, const struct sdm_client *client,
			 u64 signals);

/* send.c */
int sdm_send_killable(struct sdm_peer *peer, const struct sdm_client *client,
		      u32 signal, const u64 *payload, unsigned long timeout);

/* client.c */
void sdm_clients_add_device(struct sdm_device *sdm);
void sdm_clients_remove_device(struct sdm_device *sdm);
void sdm_clients_peer_changed(struct sdm_peer *peer,
			      const struct sdm_link *link);

/* window.c */
void sdm_window_init(struct device *parent, struct sdm_device *sdm);
int sdm_window_check_link(const struct sdm_window *win);
int sdm_window_check(const struct sdm_window *win);

/* window-map.c */
void sdm_window_revoke(struct sdm_peer *peer);
int sdm_window_get(const struct sdm_window *win, u64 offset, size_t *len);
void sdm_window_put(const struct sdm_window *win);

/* window-copy.c */
int sdm_window_copy_buffer(const struct sdm_window *win, u64 offset,
			   struct iov_iter *iter, size_t *len, bool write);
int sdm_window_copy_ram(const struct sdm_window *win, u64 offset,
			struct iov_iter *iter, size_t *len, bool write);

/* bulk.c */
bool sdm_bulk_is_worthwhile(const struct sdm_window *win,
			    const struct iov_iter *iter, size_t len,
			    bool write);
int sdm_bulk_transfer(const struct sdm_window *win, u64 offset,
		      struct iov_iter *iter, size_t *len, bool write);

#endif /* _SDM_CORE_H */
