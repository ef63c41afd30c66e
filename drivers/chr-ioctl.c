// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM character device: ioctl().
 *
 * Structures grow at their end. The number of a command is what counts, the
 * size in it is that of the caller's structure: a short one is filled up with
 * zeros, a long one must have zeros in what is not known here.
 */

#include <linux/jiffies.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chr-cmd.h"
#include "chr.h"

/* Timeout of boot and reset when none is given. */
#define SDM_CHR_TIMEOUT_MS	10000

union sdm_chr_arg {
	struct sdm_info info;
	struct sdm_peer_info peer;
	struct sdm_send send;
	struct sdm_subscribe subscribe;
	struct sdm_boot boot;
	struct sdm_reset reset;
};

#define SDM_CHR_IS_ZERO(field)	(!memchr_inv(field, 0, sizeof(field)))

static int sdm_chr_get_info(struct sdm_chr_file *f, bool nonblock,
			    union sdm_chr_arg *arg)
{
	const struct sdm_caps *caps = &f->chr->sdm->caps;
	struct sdm_hw_info hw;
	int ret;

	if (!SDM_CHR_IS_ZERO(arg->info.reserved))
		return -EINVAL;
	ret = sdm_get_info(f->chr->sdm, &hw);
	if (ret)
		return ret;

	arg->info = (struct sdm_info) {
		.id = hw.id,
		.num_ids = hw.num_ids,
		.num_signals = caps->num_signals,
		.flags = (caps->master ? SDM_INFO_MASTER : 0) |
			 (caps->window_size ? SDM_INFO_WINDOW : 0),
		.hw_version = caps->version,
		.hw_features = caps->features,
		.window_base = caps->window_base,
		.window_size = caps->window_size,
		.error_count = hw.error_count,
	};

	return 0;
}

static int sdm_chr_get_peer(struct sdm_chr_file *f, bool nonblock,
			    union sdm_chr_arg *arg)
{
	struct sdm_peer_status status;
	struct sdm_peer *peer;
	bool self;
	int ret;

	if (arg->peer.reserved)
		return -EINVAL;
	peer = sdm_peer_get(f->chr->sdm, arg->peer.peer);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	ret = sdm_peer_get_status(peer, &status);
	sdm_peer_put(peer);
	if (ret)
		return ret;

	self = status.link.flags & SDM_PEER_STATE_SELF;
	arg->peer = (struct sdm_peer_info) {
		.peer = arg->peer.peer,
		.state = status.link.state,
		.flags = sdm_chr_peer_flags(&status.link, status.mem_mapped),
		.num_signals = status.num_signals,
		.boot_signal = status.boot_signal,
		.reset_signal = status.reset_signal,
		.arch = status.arch,
		.generation = status.link.generation,
		.credits = status.credits,
		.cpus = status.cpus,
		.mem_offset = status.mem_offset,
		/* Its own memory cannot be accessed. */
		.mem_size = self ? 0 : status.mem_size,
		.mem_base = status.mem_base,
		.mem_coherent = status.mem_coherent,
	};

	return 0;
}

/*
 * The file is marked before the try, so that the interrupt that tells of room
 * finds the mark.
 */
static int sdm_chr_try_send(struct sdm_chr_file *f, struct sdm_peer *peer,
			    u32 signal, const u64 *payload)
{
	int ret;

	sdm_chr_file_set_busy(f, peer->id, true);
	ret = sdm_send(peer, &sdm_chr_client, signal, payload);
	if (ret != -EAGAIN)
		sdm_chr_file_set_busy(f, peer->id, false);

	return ret;
}

/* No shorter than that: the current tick is over soon. */
static unsigned long sdm_chr_jiffies(u32 ms)
{
	return msecs_to_jiffies(ms) + 1;
}

static int sdm_chr_send(struct sdm_chr_file *f, bool nonblock,
			union sdm_chr_arg *arg)
{
	const struct sdm_send *send = &arg->send;
	struct sdm_peer *peer;
	int ret;

	if (send->flags || !SDM_CHR_IS_ZERO(send->reserved))
		return -EINVAL;
	peer = sdm_peer_get(f->chr->sdm, send->peer);
	if (IS_ERR(peer))
		return PTR_ERR(peer);

	if (nonblock || !send->timeout_ms)
		ret = sdm_chr_try_send(f, peer, send->signal, send->payload);
	else
		ret = sdm_send_timeout(peer, &sdm_chr_client, send->signal,
				       send->payload,
				       sdm_chr_jiffies(send->timeout_ms));
	sdm_peer_put(peer);

	return ret;
}

static int sdm_chr_subscribe(struct sdm_chr_file *f, bool nonblock,
			     union sdm_chr_arg *arg)
{
	const struct sdm_subscribe *subscribe = &arg->subscribe;

	if (subscribe->flags & ~SDM_SUBSCRIBE_PEER || subscribe->reserved0 ||
	    !SDM_CHR_IS_ZERO(subscribe->reserved))
		return -EINVAL;
	if (READ_ONCE(f->chr->gone))
		return -ENODEV;

	spin_lock_irq(&f->lock);
	f->events.signals = subscribe->signals;
	f->events.flags = subscribe->flags;
	spin_unlock_irq(&f->lock);

	return 0;
}

static unsigned long sdm_chr_timeout(u32 timeout_ms)
{
	return sdm_chr_jiffies(timeout_ms ? timeout_ms : SDM_CHR_TIMEOUT_MS);
}

static int sdm_chr_boot(struct sdm_chr_file *f, bool nonblock,
			union sdm_chr_arg *arg)
{
	const struct sdm_boot *boot = &arg->boot;
	struct sdm_peer *peer;
	int ret;

	if (boot->flags || boot->reserved0 || !SDM_CHR_IS_ZERO(boot->reserved))
		return -EINVAL;
	peer = sdm_peer_get(f->chr->sdm, boot->peer);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	ret = sdm_boot(peer, &sdm_chr_client, boot->entry, boot->dtb,
		       sdm_chr_timeout(boot->timeout_ms));
	sdm_peer_put(peer);

	return ret;
}

static int sdm_chr_reset(struct sdm_chr_file *f, bool nonblock,
			 union sdm_chr_arg *arg)
{
	const struct sdm_reset *reset = &arg->reset;
	struct sdm_peer *peer;
	int ret;

	if (reset->flags || reset->reserved0 ||
	    !SDM_CHR_IS_ZERO(reset->reserved))
		return -EINVAL;
	peer = sdm_peer_get(f->chr->sdm, reset->peer);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	ret = sdm_reset(peer, &sdm_chr_client,
			sdm_chr_timeout(reset->timeout_ms));
	sdm_peer_put(peer);

	return ret;
}

/* The last member of each structure as it was introduced gives the minimum. */
#define SDM_CHR_CMD(_cmd, _call, _type, _last, _mode, _out)		\
	[_IOC_NR(_cmd)] = {						\
		.call = _call,						\
		.size = sizeof(_type),					\
		.min_size = offsetofend(_type, _last),			\
		.mode = _mode,						\
		.out = _out,						\
	}

static const struct sdm_chr_cmd sdm_chr_cmds[] = {
	SDM_CHR_CMD(SDM_IOC_GET_INFO, sdm_chr_get_info, struct sdm_info,
		    reserved, 0, true),
	SDM_CHR_CMD(SDM_IOC_GET_PEER, sdm_chr_get_peer, struct sdm_peer_info,
		    reserved, 0, true),
	SDM_CHR_CMD(SDM_IOC_SEND, sdm_chr_send, struct sdm_send,
		    reserved, FMODE_WRITE, false),
	SDM_CHR_CMD(SDM_IOC_SUBSCRIBE, sdm_chr_subscribe, struct sdm_subscribe,
		    reserved, FMODE_READ, false),
	SDM_CHR_CMD(SDM_IOC_BOOT, sdm_chr_boot, struct sdm_boot,
		    reserved, FMODE_WRITE, false),
	SDM_CHR_CMD(SDM_IOC_RESET, sdm_chr_reset, struct sdm_reset,
		    reserved, FMODE_WRITE, false),
};

long sdm_chr_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sdm_chr_file *f = file->private_data;
	void __user *user = (void __user *)arg;
	const struct sdm_chr_cmd *entry;
	size_t size = _IOC_SIZE(cmd);
	union sdm_chr_arg buf;
	int ret;

	entry = sdm_chr_cmd_find(sdm_chr_cmds, ARRAY_SIZE(sdm_chr_cmds), cmd);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	if ((file->f_mode & entry->mode) != entry->mode)
		return -EBADF;

	ret = copy_struct_from_user(&buf, entry->size, user, size);
	if (ret)
		return ret;
	ret = entry->call(f, file->f_flags & O_NONBLOCK, &buf);
	if (ret || !entry->out)
		return ret;

	/* What the caller has beyond our size is zero, as was checked. */
	if (copy_to_user(user, &buf, min(size, entry->size)))
		return -EFAULT;

	return 0;
}
