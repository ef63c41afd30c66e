// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: what of the window is mapped.
 *
 * The window may be larger than the address space that the kernel has for
 * mappings. Each peer has one piece mapped, the one used last.
 */

#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/sizes.h>

#include "core.h"
#include "range.h"

/*
 * What is mapped at a time. Mapping costs by the page, and plain accesses take
 * longer than that, unless they are to RAM.
 */
#define SDM_WINDOW_CHUNK SZ_64K
#define SDM_WINDOW_RAM_CHUNK SZ_4M

static void sdm_window_unmap(struct sdm_peer *peer)
{
	struct sdm_window_map *map = &peer->map;

	lockdep_assert_held(&peer->map_lock);

	if (map->io)
		iounmap(map->io);
	if (map->ram)
		memunmap(map->ram);
	*map = (struct sdm_window_map) {};
}

/* Nobody maps it again: the hardware is revoked, or the connection is over. */
void sdm_window_revoke(struct sdm_peer *peer)
{
	mutex_lock(&peer->map_lock);
	sdm_window_unmap(peer);
	mutex_unlock(&peer->map_lock);
}

/*
 * Maps the chunk with @offset of the peer's memory. As RAM what is RAM, and only
 * that: it has cacheable mappings elsewhere, and on the rest the CPU could do
 * accesses of its own accord.
 */
static bool sdm_window_map_chunk(const struct sdm_window *win, u64 offset,
				 u64 chunk_size)
{
	struct sdm_peer *peer = win->peer;
	struct sdm_window_map *map = &peer->map;
	u64 chunk = (win->base + offset) & ~(chunk_size - 1);
	u64 phys;

	map->start = max(chunk, win->base);
	map->size = min(chunk + chunk_size, win->base + win->size) - map->start;
	phys = peer->sdm->caps.window_base + map->start;
	if (win->mapped)
		map->ram = memremap(phys, map->size, MEMREMAP_WB);
	else
		map->io = ioremap(phys, map->size);

	return map->ram || map->io;
}

/* The same, unless it is mapped. */
static bool sdm_window_map(const struct sdm_window *win, u64 offset)
{
	struct sdm_peer *peer = win->peer;
	struct sdm_window_map *map = &peer->map;
	u64 at = win->base + offset;

	lockdep_assert_held(&peer->map_lock);

	if ((win->mapped ? !!map->ram : !!map->io) && at >= map->start &&
	    at - map->start < map->size)
		return true;

	sdm_window_unmap(peer);
	/* There may be no room for so large a mapping. */
	if (win->mapped &&
	    sdm_window_map_chunk(win, offset, SDM_WINDOW_RAM_CHUNK))
		return true;

	return sdm_window_map_chunk(win, offset, SDM_WINDOW_CHUNK);
}

/*
 * Is the connection over, as far as the driver got to know? Another peer may have
 * its place by now, whose memory must not be mapped in the same way.
 */
static bool sdm_window_is_over(const struct sdm_window *win)
{
	struct sdm_peer *peer = win->peer;
	struct sdm_link link;
	s32 ahead;

	spin_lock_irq(&peer->lock);
	link = peer->status.link;
	spin_unlock_irq(&peer->lock);

	ahead = link.generation - win->generation;
	return ahead > 0 || (!ahead && !sdm_link_is_up(&link));
}

/*
 * Takes the chunk with @offset of the peer's memory for use; shortens *len to
 * what it has from there.
 */
int sdm_window_get(const struct sdm_window *win, u64 offset, size_t *len)
{
	struct sdm_peer *peer = win->peer;
	int ret;

	ret = mutex_lock_killable(&peer->map_lock);
	if (ret)
		return ret;

	/* Looked at under the lock that sdm_window_revoke() takes after it. */
	ret = -ENODEV;
	if (!rcu_access_pointer(peer->sdm->ops))
		goto err_unlock;
	ret = -EIO;
	if (sdm_window_is_over(win))
		goto err_unlock;
	ret = -ENOMEM;
	if (!sdm_window_map(win, offset))
		goto err_unlock;
	*len = sdm_range_clip(win->base + offset - peer->map.start, *len,
			      peer->map.size);

	return 0;

err_unlock:
	mutex_unlock(&peer->map_lock);
	return ret;
}

void sdm_window_put(const struct sdm_window *win)
{
	mutex_unlock(&win->peer->map_lock);
}
