// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM performance client: times single operations, in the kernel.
 *
 * A file for each device takes a command, "PEER TEST RUNS", and is read for the
 * result by whoever has it open:
 *
 *	exec 3<>/sys/kernel/debug/sdm_perf/sdm0/run
 *	echo "1 read32 10000" >&3	# blocks until done
 *	cat <&3
 *	read32 peer 1: 10000 runs of 1, ns: median 6480 p99 9120 min 6112 sum 66120000
 *
 * The times are those of runs. The tests; where single operations are too fast
 * to be timed a run is many of them:
 *
 *	read32		load from the peer's memory (its last 64 KiB). Where that
 *			is RAM in the window a run is many loads
 *	write32		store there; a load ends each run
 *	write64		the same with 8 bytes, where the CPU has such stores
 *	own_read32	the same three in memory of this machine
 *	own_write32
 *	own_write64
 *	write_64k	a transfer of zeros to the end of the peer's memory from the
 *	write_1m	kernel's memory here; also the others of these sizes. The
 *	write_16m	peer has to be held in reset: this is where Linux has data
 *	read_64k	the other way round
 *	read_1m
 *	read_16m
 *	trap		read of a register of the own device: the floor of all
 *			that is forwarded
 *	signal		signal to the peer and back; to oneself it is two
 *			interrupts without a network
 *
 * Where it is loaded it answers the signals of other machines' sdm_perf.
 */

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "sdm.h"

/* Signals of this client: there, and back. */
#define SDM_PERF_PING	(SDM_NUM_SIGNALS - 2)
#define SDM_PERF_PONG	(SDM_NUM_SIGNALS - 1)

/* Operations in one run where single ones are too fast to be timed. */
#define SDM_PERF_ACCESSES 16384
#define SDM_PERF_TRAPS	64

#define SDM_PERF_MAX	1000000
/* The part of the peer's memory that is used, but for bulk transfers. */
#define SDM_PERF_SPAN	SZ_64K
/* The largest bulk transfer, and the pieces of memory here for it. */
#define SDM_PERF_BULK	SZ_16M
#define SDM_PERF_PIECE	SZ_1M
/* What is transferred by single accesses between two looks whether to go on. */
#define SDM_PERF_STEP	SZ_64K

/**
 * struct sdm_perf - a device under test
 * @sdm: the device
 * @dir: its directory in debugfs
 * @gone: the device goes, tests have to end
 * @lock: protects @tests
 * @tests: those under way
 */
struct sdm_perf {
	struct sdm_device *sdm;
	struct dentry *dir;
	bool gone;
	spinlock_t lock; /* see above */
	struct list_head tests;
};

/**
 * struct sdm_perf_test - a test under way
 * @node: in sdm_perf.tests
 * @perf: the device
 * @peer: the peer
 * @kind: what is tested
 * @io: its memory, the last SDM_PERF_SPAN bytes, if accesses are forwarded
 * @ram: the same, if it is RAM
 * @own: memory of this machine in the place of the peer's
 * @pieces: memory of this machine for bulk transfers
 * @offset: where those are in the peer's memory
 * @step: how much of it is transferred at a time
 * @regs: registers of the own device
 * @operations: in one run
 * @pong: the answer to a signal has arrived
 */
struct sdm_perf_test {
	struct list_head node;
	struct sdm_perf *perf;
	struct sdm_peer *peer;
	const struct sdm_perf_kind *kind;
	void __iomem *io;
	void *ram;
	void *own;
	struct kvec pieces[SDM_PERF_BULK / SDM_PERF_PIECE];
	u64 offset;
	size_t step;
	void __iomem *regs;
	u32 operations;
	struct completion pong;
};

/**
 * struct sdm_perf_kind - a kind of test
 * @name: in commands
 * @run: what is timed; @number counts the runs
 * @map: prepares, or NULL
 * @ram: what is timed instead if there is RAM: %SDM_PERF_ACCESSES operations
 * @operations: in one @run
 * @size: of a bulk transfer
 * @write: a bulk transfer that overwrites the peer's memory
 */
struct sdm_perf_kind {
	const char *name;
	int (*run)(struct sdm_perf_test *test, u32 number);
	int (*map)(struct sdm_perf_test *test);
	void (*ram)(void *ram);
	u32 operations;
	size_t size;
	bool write;
};

/**
 * struct sdm_perf_file - an open file
 * @perf: the device
 * @lock: one command at a time; protects @result
 * @result: of the latest one
 */
struct sdm_perf_file {
	struct sdm_perf *perf;
	struct mutex lock; /* see above */
	char result[192];
};

static struct dentry *sdm_perf_root;
static struct sdm_client sdm_perf_client;

/* Is the peer there, with so much memory? */
static int sdm_perf_check(struct sdm_perf_test *test, size_t size,
			  struct sdm_peer_status *status)
{
	int ret;

	ret = sdm_peer_get_status(test->peer, status);
	if (ret)
		return ret;
	if (!sdm_link_is_up(&status->link))
		return -ENOLINK;

	if (status->link.flags & SDM_PEER_STATE_SELF ||
	    status->mem_size < size)
		return -ENXIO;

	return 0;
}

/* The end of the peer's memory, which a booted peer rarely uses. */
static int sdm_perf_map_memory(struct sdm_perf_test *test)
{
	struct sdm_peer_status status;
	u64 phys;
	int ret;

	ret = sdm_perf_check(test, SDM_PERF_SPAN, &status);
	if (ret)
		return ret;

	phys = test->perf->sdm->caps.window_base + status.mem_offset +
	       status.mem_size - SDM_PERF_SPAN;
	if (!status.mem_mapped) {
		test->io = ioremap(phys, SDM_PERF_SPAN);
		return test->io ? 0 : -ENOMEM;
	}
	test->ram = memremap(phys, SDM_PERF_SPAN, MEMREMAP_WB);
	test->operations = SDM_PERF_ACCESSES;

	return test->ram ? 0 : -ENOMEM;
}

static int sdm_perf_map_own(struct sdm_perf_test *test)
{
	test->own = kzalloc(SDM_PERF_SPAN, GFP_KERNEL);
	test->ram = test->own;

	return test->ram ? 0 : -ENOMEM;
}

static int sdm_perf_map_pieces(struct sdm_perf_test *test)
{
	size_t left = test->kind->size;
	struct sdm_peer_status status;
	struct kvec *piece;
	int ret;

	ret = sdm_perf_check(test, left, &status);
	if (ret)
		return ret;
	if (test->kind->write && status.link.state != SDM_PEER_RESET)
		return -EBUSY;
	test->offset = status.mem_size - left;
	/* Who removes the device would wait for all of the single accesses. */
	test->step = left;
	if (!test->perf->sdm->caps.transfer_align && !status.mem_mapped)
		test->step = min_t(size_t, left, SDM_PERF_STEP);

	for (piece = test->pieces; left; piece++) {
		size_t len = min_t(size_t, left, SDM_PERF_PIECE);

		piece->iov_base = alloc_pages_exact(len,
						    GFP_KERNEL | __GFP_ZERO |
							    __GFP_NOWARN);
		if (!piece->iov_base)
			return -ENOMEM;
		piece->iov_len = len;
		left -= len;
	}

	return 0;
}

static void sdm_perf_free_pieces(struct sdm_perf_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(test->pieces); i++) {
		if (test->pieces[i].iov_base)
			free_pages_exact(test->pieces[i].iov_base,
					 test->pieces[i].iov_len);
	}
}

/* The driver has them mapped as well: to read one that never changes is safe. */
static int sdm_perf_map_regs(struct sdm_perf_test *test)
{
	struct device *parent = test->perf->sdm->dev.parent;
	struct resource *res = NULL;

	if (dev_is_platform(parent))
		res = platform_get_resource(to_platform_device(parent),
					    IORESOURCE_MEM, 0);
	if (!res)
		return -ENXIO;

	test->regs = ioremap(res->start, SZ_4K);

	return test->regs ? 0 : -ENOMEM;
}

static int sdm_perf_read32(struct sdm_perf_test *test, u32 number)
{
	readl(test->io + (number * 4) % SDM_PERF_SPAN);

	return 0;
}

static int sdm_perf_write32(struct sdm_perf_test *test, u32 number)
{
	u32 i;

	for (i = 0; i < SDM_PERF_ACCESSES; i++)
		__raw_writel(i, test->io + (i * 4) % SDM_PERF_SPAN);
	readl(test->io);

	return 0;
}

static void sdm_perf_store64(u64 value, void __iomem *at)
{
#if defined(CONFIG_64BIT)
	__raw_writeq(value, at);
#elif defined(CONFIG_ARM)
	asm volatile("strd %0, %H0, [%1]" : : "r" (value), "r" (at) : "memory");
#else
	__raw_writel(lower_32_bits(value), at);
	__raw_writel(upper_32_bits(value), at + 4);
#endif
}

static int sdm_perf_write64(struct sdm_perf_test *test, u32 number)
{
	u32 i;

	for (i = 0; i < SDM_PERF_ACCESSES; i++)
		sdm_perf_store64(i, test->io + (i * 8) % SDM_PERF_SPAN);
	readl(test->io);

	return 0;
}

/* The same for RAM, be it the peer's or not. */
static void sdm_perf_ram_read32(void *ram)
{
	u32 i;

	for (i = 0; i < SDM_PERF_ACCESSES; i++)
		READ_ONCE(*(u32 *)(ram + (i * 4) % SDM_PERF_SPAN));
}

static void sdm_perf_ram_write32(void *ram)
{
	u32 i;

	for (i = 0; i < SDM_PERF_ACCESSES; i++)
		WRITE_ONCE(*(u32 *)(ram + (i * 4) % SDM_PERF_SPAN), i);
}

static void sdm_perf_ram_write64(void *ram)
{
	void __iomem *at = (void __iomem __force *)ram;
	u32 i;

	for (i = 0; i < SDM_PERF_ACCESSES; i++)
		sdm_perf_store64(i, at + (i * 8) % SDM_PERF_SPAN);
}

static int sdm_perf_bulk(struct sdm_perf_test *test, u32 number)
{
	size_t size = test->kind->size, step = test->step, done;
	bool write = test->kind->write;
	struct iov_iter iter;
	ssize_t ret;

	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, test->pieces,
		      DIV_ROUND_UP(size, SDM_PERF_PIECE), size);
	for (done = 0; done < size; done += step) {
		if (READ_ONCE(test->perf->gone))
			return -ENODEV;
		iov_iter_truncate(&iter, step);
		ret = write ? sdm_window_write_iter(test->peer,
						    test->offset + done,
						    &iter) :
			      sdm_window_read_iter(test->peer,
						   test->offset + done, &iter);
		if (ret < 0)
			return ret;
		if (ret != step)
			return -EIO;
		iov_iter_reexpand(&iter, size - done - step);
	}

	return write ? sdm_window_flush(test->peer) : 0;
}

static int sdm_perf_trap(struct sdm_perf_test *test, u32 number)
{
	u32 i;

	for (i = 0; i < SDM_PERF_TRAPS; i++)
		readl(test->regs + SDM_REG_MAGIC);

	return 0;
}

static int sdm_perf_signal(struct sdm_perf_test *test, u32 number)
{
	static const u64 payload[SDM_MSG_WORDS];
	int ret;

	reinit_completion(&test->pong);
	ret = sdm_send_timeout(test->peer, &sdm_perf_client, SDM_PERF_PING,
			       payload, HZ);
	if (ret)
		return ret;

	return wait_for_completion_timeout(&test->pong, HZ) ? 0 : -ETIMEDOUT;
}

static const struct sdm_perf_kind sdm_perf_kinds[] = {
	{ "read32", sdm_perf_read32, sdm_perf_map_memory, sdm_perf_ram_read32,
	  1 },
	{ "write32", sdm_perf_write32, sdm_perf_map_memory,
	  sdm_perf_ram_write32, SDM_PERF_ACCESSES },
	{ "write64", sdm_perf_write64, sdm_perf_map_memory,
	  sdm_perf_ram_write64, SDM_PERF_ACCESSES },
	{ "own_read32", NULL, sdm_perf_map_own, sdm_perf_ram_read32,
	  SDM_PERF_ACCESSES },
	{ "own_write32", NULL, sdm_perf_map_own, sdm_perf_ram_write32,
	  SDM_PERF_ACCESSES },
	{ "own_write64", NULL, sdm_perf_map_own, sdm_perf_ram_write64,
	  SDM_PERF_ACCESSES },
	{ "write_64k", sdm_perf_bulk, sdm_perf_map_pieces, NULL, 1, SZ_64K,
	  true },
	{ "write_1m", sdm_perf_bulk, sdm_perf_map_pieces, NULL, 1, SZ_1M,
	  true },
	{ "write_16m", sdm_perf_bulk, sdm_perf_map_pieces, NULL, 1, SZ_16M,
	  true },
	{ "read_64k", sdm_perf_bulk, sdm_perf_map_pieces, NULL, 1, SZ_64K },
	{ "read_1m", sdm_perf_bulk, sdm_perf_map_pieces, NULL, 1, SZ_1M },
	{ "read_16m", sdm_perf_bulk, sdm_perf_map_pieces, NULL, 1, SZ_16M },
	{ "trap", sdm_perf_trap, sdm_perf_map_regs, NULL, SDM_PERF_TRAPS },
	{ "signal", sdm_perf_signal, NULL, NULL, 1 },
};

static int sdm_perf_run(struct sdm_perf_test *test, u32 number)
{
	if (!test->ram)
		return test->kind->run(test, number);
	test->kind->ram(test->ram);
	/* All is done when the clock is read. */
	mb();

	return 0;
}

static int sdm_perf_compare(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

static u64 sdm_perf_sum(const u64 *samples, u32 count)
{
	u64 sum = 0;

	while (count--)
		sum += *samples++;

	return sum;
}

static int sdm_perf_sample(struct sdm_perf_test *test, u64 *samples, u32 count)
{
	u64 begin;
	u32 i;
	int ret;

	for (i = 0; i < count; i++) {
		begin = ktime_get_ns();
		ret = sdm_perf_run(test, i);
		if (ret)
			return ret;
		samples[i] = ktime_get_ns() - begin;

		if (signal_pending(current))
			return -EINTR;
		if (READ_ONCE(test->perf->gone))
			return -ENODEV;
		cond_resched();
	}

	return 0;
}

/* Answers are told apart by their sender: one test of a peer at a time. */
static int sdm_perf_enlist(struct sdm_perf_test *test)
{
	struct sdm_perf *perf = test->perf;
	struct sdm_perf_test *other;
	int ret = 0;

	init_completion(&test->pong);

	spin_lock_irq(&perf->lock);
	list_for_each_entry(other, &perf->tests, node) {
		if (other->peer == test->peer)
			ret = -EBUSY;
	}
	if (!ret)
		list_add(&test->node, &perf->tests);
	spin_unlock_irq(&perf->lock);

	return ret;
}

static void sdm_perf_delist(struct sdm_perf_test *test)
{
	spin_lock_irq(&test->perf->lock);
	list_del(&test->node);
	spin_unlock_irq(&test->perf->lock);
}

static int sdm_perf_test(struct sdm_perf_test *test, u64 *samples, u32 count)
{
	int ret;

	ret = sdm_perf_enlist(test);
	if (ret)
		return ret;

	if (test->kind->map)
		ret = test->kind->map(test);
	if (!ret)
		ret = sdm_perf_sample(test, samples, count);
	if (test->ram && !test->own)
		memunmap(test->ram);
	kfree(test->own);
	sdm_perf_free_pieces(test);
	if (test->io)
		iounmap(test->io);
	if (test->regs)
		iounmap(test->regs);
	sdm_perf_delist(test);

	return ret;
}

static const struct sdm_perf_kind *sdm_perf_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sdm_perf_kinds); i++) {
		if (!strcmp(name, sdm_perf_kinds[i].name))
			return &sdm_perf_kinds[i];
	}

	return NULL;
}

static int sdm_perf_command(struct sdm_perf_file *pfile, const char *command)
{
	struct sdm_perf_test test = { .perf = pfile->perf };
	char name[16];
	u64 *samples;
	u32 id, count;
	int ret;

	if (sscanf(command, "%u %15s %u", &id, name, &count) != 3)
		return -EINVAL;
	test.kind = sdm_perf_find(name);
	if (!test.kind || !count || count > SDM_PERF_MAX)
		return -EINVAL;
	test.operations = test.kind->operations;

	samples = kvcalloc(count, sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	test.peer = sdm_peer_get(test.perf->sdm, id);
	if (IS_ERR(test.peer)) {
		ret = PTR_ERR(test.peer);
		goto out_free;
	}

	ret = sdm_perf_test(&test, samples, count);
	sdm_peer_put(test.peer);
	if (ret)
		goto out_free;

	sort(samples, count, sizeof(*samples), sdm_perf_compare, NULL);
	snprintf(pfile->result, sizeof(pfile->result),
		 "%s peer %u: %u runs of %u, ns: median %llu p99 %llu min %llu sum %llu\n",
		 test.kind->name, id, count, test.operations, samples[count / 2],
		 samples[count - 1 - count / 100], samples[0],
		 sdm_perf_sum(samples, count));

out_free:
	kvfree(samples);
	return ret;
}

static ssize_t sdm_perf_write(struct file *file, const char __user *user,
			      size_t len, loff_t *ppos)
{
	struct sdm_perf_file *pfile = file->private_data;
	char command[64];
	int ret;

	if (len >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, user, len))
		return -EFAULT;
	command[len] = '\0';

	ret = mutex_lock_interruptible(&pfile->lock);
	if (ret)
		return ret;
	pfile->result[0] = '\0';
	ret = sdm_perf_command(pfile, command);
	mutex_unlock(&pfile->lock);
	/* The result is read from its beginning. */
	*ppos = 0;

	return ret ? ret : len;
}

static ssize_t sdm_perf_read(struct file *file, char __user *user, size_t len,
			     loff_t *ppos)
{
	struct sdm_perf_file *pfile = file->private_data;
	ssize_t ret;

	ret = mutex_lock_interruptible(&pfile->lock);
	if (ret)
		return ret;
	ret = simple_read_from_buffer(user, len, ppos, pfile->result,
				      strlen(pfile->result));
	mutex_unlock(&pfile->lock);

	return ret;
}

static int sdm_perf_open(struct inode *inode, struct file *file)
{
	struct sdm_perf_file *pfile;

	pfile = kzalloc(sizeof(*pfile), GFP_KERNEL);
	if (!pfile)
		return -ENOMEM;
	pfile->perf = inode->i_private;
	mutex_init(&pfile->lock);
	file->private_data = pfile;

	return 0;
}

static int sdm_perf_release(struct inode *inode, struct file *file)
{
	struct sdm_perf_file *pfile = file->private_data;

	mutex_destroy(&pfile->lock);
	kfree(pfile);

	return 0;
}

static const struct file_operations sdm_perf_fops = {
	.owner = THIS_MODULE,
	.open = sdm_perf_open,
	.release = sdm_perf_release,
	.read = sdm_perf_read,
	.write = sdm_perf_write,
	.llseek = default_llseek,
};

static void sdm_perf_pong(struct sdm_perf *perf, u32 id)
{
	struct sdm_perf_test *test;
	unsigned long flags;

	spin_lock_irqsave(&perf->lock, flags);
	list_for_each_entry(test, &perf->tests, node) {
		if (test->peer->id == id)
			complete(&test->pong);
	}
	spin_unlock_irqrestore(&perf->lock, flags);
}

static void sdm_perf_answer(struct sdm_device *sdm, const struct sdm_msg *msg)
{
	struct sdm_peer *peer = sdm_peer_get(sdm, msg->source);

	if (IS_ERR(peer))
		return;
	/* If it does not get through the sender times out. */
	sdm_send(peer, &sdm_perf_client, SDM_PERF_PONG, msg->payload);
	sdm_peer_put(peer);
}

static bool sdm_perf_signalled(struct sdm_device *sdm, void *data,
			       const struct sdm_msg *msg)
{
	switch (msg->signal) {
	case SDM_PERF_PING:
		sdm_perf_answer(sdm, msg);
		return true;
	case SDM_PERF_PONG:
		sdm_perf_pong(data, msg->source);
		return true;
	default:
		return false;
	}
}

static int sdm_perf_add(struct sdm_device *sdm, void **data)
{
	struct sdm_perf *perf;

	perf = kzalloc(sizeof(*perf), GFP_KERNEL);
	if (!perf)
		return -ENOMEM;
	perf->sdm = sdm;
	spin_lock_init(&perf->lock);
	INIT_LIST_HEAD(&perf->tests);
	perf->dir = debugfs_create_dir(dev_name(&sdm->dev), sdm_perf_root);
	debugfs_create_file("run", 0600, perf->dir, perf, &sdm_perf_fops);
	*data = perf;

	return 0;
}

/* To remove the file waits for those who use it. */
static void sdm_perf_remove(struct sdm_device *sdm, void *data)
{
	struct sdm_perf *perf = data;

	WRITE_ONCE(perf->gone, true);
	debugfs_remove(perf->dir);
	kfree(perf);
}

static struct sdm_client sdm_perf_client = {
	.name = "sdm_perf",
	.add = sdm_perf_add,
	.remove = sdm_perf_remove,
	.signal = sdm_perf_signalled,
};

static int __init sdm_perf_init(void)
{
	int ret;

	sdm_perf_root = debugfs_create_dir("sdm_perf", NULL);
	ret = sdm_register_client(&sdm_perf_client);
	if (ret)
		debugfs_remove(sdm_perf_root);

	return ret;
}
module_init(sdm_perf_init);

static void __exit sdm_perf_exit(void)
{
	sdm_unregister_client(&sdm_perf_client);
	debugfs_remove(sdm_perf_root);
}
module_exit(sdm_perf_exit);

MODULE_AUTHOR("The SDM developers");
MODULE_DESCRIPTION("Signal Distribution Module, performance client");
MODULE_LICENSE("GPL");
MODULE_VERSION(SDM_RELEASE);
