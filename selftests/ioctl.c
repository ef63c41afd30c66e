// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface of <linux/sdm.h>: sizes, numbers, flags, modes, addresses.
 */
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

#define NOBODY 65534
#define LARGEST _IOC_SIZEMASK

static const struct command {
	const char *name;
	unsigned int nr;
	size_t size;
	int mode; /* that the ioctl needs */
	/* which bytes must be zero */
	struct {
		size_t start;
		size_t size;
	} zero[3];
} commands[] = {
#define ZERO(type, member) \
	{ offsetof(struct type, member), sizeof(((struct type *)0)->member) }
	{ "GET_INFO", 0, sizeof(struct sdm_info), -1,
	  { ZERO(sdm_info, reserved) } },
	{ "GET_PEER", 1, sizeof(struct sdm_peer_info), -1,
	  { ZERO(sdm_peer_info, reserved) } },
	{ "SEND", 2, sizeof(struct sdm_send), O_WRONLY,
	  { ZERO(sdm_send, flags), ZERO(sdm_send, reserved) } },
	{ "SUBSCRIBE", 3, sizeof(struct sdm_subscribe), O_RDONLY,
	  { ZERO(sdm_subscribe, reserved0), ZERO(sdm_subscribe, reserved) } },
	{ "BOOT", 4, sizeof(struct sdm_boot), O_WRONLY,
	  { ZERO(sdm_boot, flags), ZERO(sdm_boot, reserved0),
	    ZERO(sdm_boot, reserved) } },
	{ "RESET", 5, sizeof(struct sdm_reset), O_WRONLY,
	  { ZERO(sdm_reset, flags), ZERO(sdm_reset, reserved0),
	    ZERO(sdm_reset, reserved) } },
#undef ZERO
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static unsigned int number_of(const struct command *command, size_t size)
{
	return _IOC(_IOC_READ | _IOC_WRITE, SDM_IOC_MAGIC, command->nr, size);
}

/*
 * What a valid call returns that does no harm: the peer of SEND, BOOT and RESET
 * does not exist, which is found out only after the structure was accepted.
 */
static int harmless_result(const struct command *command)
{
	return command->mode == O_WRONLY ? -ENOENT : 0;
}

/* The member "peer" is the first one. */
static void make_harmless(const struct command *command, void *arg)
{
	memset(arg, 0, command->size);
	if (command->mode == O_WRONLY)
		memset(arg, 0xff, sizeof(uint32_t));
}

FIXTURE(ioctl) {
	int number;
	int fd;
	uint8_t *arg; /* LARGEST bytes, then a page that is not there */
	size_t page;
};

FIXTURE_SETUP(ioctl)
{
	size_t size = LARGEST + 1;

	self->number = find_device();
	if (self->number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_device(self->number, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->page = getpagesize();
	self->arg = mmap(NULL, size + self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(self->arg != MAP_FAILED);
	ASSERT_EQ(0, munmap(self->arg + size, self->page));
}

FIXTURE_TEARDOWN(ioctl)
{
	close(self->fd);
}

#define EACH_COMMAND(command) \
	(command = commands; command < commands + NR_COMMANDS; command++)

TEST_F(ioctl, harmless_calls_work)
{
	const struct command *command;

	for EACH_COMMAND(command) {
		make_harmless(command, self->arg);
		EXPECT_EQ(harmless_result(command),
			  call(self->fd, number_of(command, command->size),
			       self->arg)) {
			TH_LOG("%s", command->name);
		}
	}
}

TEST_F(ioctl, unknown_numbers)
{
	unsigned int nr, dir;

	for (nr = NR_COMMANDS; nr <= _IOC_NRMASK; nr++) {
		for (dir = 0; dir < 4; dir++)
			EXPECT_EQ(-ENOTTY,
				  call(self->fd,
				       _IOC(dir, SDM_IOC_MAGIC, nr, 64),
				       self->arg));
	}
	/* Those of other drivers */
	EXPECT_EQ(-ENOTTY, call(self->fd, _IOWR(0xb9, 0, struct sdm_info),
				self->arg));
	EXPECT_EQ(-ENOTTY, call(self->fd, 0x5401 /* TCGETS */, self->arg));
	EXPECT_EQ(-ENOTTY, call(self->fd, 0, self->arg));
	EXPECT_EQ(-ENOTTY, call(self->fd, 0xffffffff, self->arg));
}

TEST_F(ioctl, too_short)
{
	const struct command *command;
	size_t size;

	for EACH_COMMAND(command) {
		make_harmless(command, self->arg);
		for (size = 0; size < command->size; size++)
			EXPECT_EQ(-EINVAL,
				  call(self->fd, number_of(command, size),
				       self->arg)) {
				TH_LOG("%s of %zu bytes", command->name, size);
			}
	}
}

TEST_F(ioctl, longer_with_zeros)
{
	const struct command *command;
	size_t more, i;

	for EACH_COMMAND(command) {
		for (more = 1; more <= 65; more += 8) {
			size_t size = command->size + more;

			make_harmless(command, self->arg);
			memset(self->arg + command->size, 0, more);
			EXPECT_EQ(harmless_result(command),
				  call(self->fd, number_of(command, size),
				       self->arg)) {
				TH_LOG("%s of %zu bytes", command->name, size);
			}
			for (i = command->size; i < size; i++)
				ASSERT_EQ(0, self->arg[i]);
		}
		make_harmless(command, self->arg);
		memset(self->arg + command->size, 0, LARGEST - command->size);
		EXPECT_EQ(harmless_result(command),
			  call(self->fd, number_of(command, LARGEST),
			       self->arg)) {
			TH_LOG("%s, largest", command->name);
		}
	}
}

TEST_F(ioctl, longer_with_rubbish)
{
	const struct command *command;
	size_t more;

	for EACH_COMMAND(command) {
		for (more = 1; more <= 65; more += 8) {
			size_t size = command->size + more;

			make_harmless(command, self->arg);
			memset(self->arg + command->size, 0, more);
			self->arg[size - 1] = 1;
			EXPECT_EQ(-E2BIG,
				  call(self->fd, number_of(command, size),
				       self->arg)) {
				TH_LOG("%s of %zu bytes", command->name, size);
			}
		}
		make_harmless(command, self->arg);
		memset(self->arg + command->size, 0, LARGEST - command->size);
		self->arg[LARGEST - 1] = 0x80;
		EXPECT_EQ(-E2BIG, call(self->fd, number_of(command, LARGEST),
				       self->arg)) {
			TH_LOG("%s, largest", command->name);
		}
	}
}

/* The direction is documentation. */
TEST_F(ioctl, direction_does_not_matter)
{
	const struct command *command;
	unsigned int dir;

	for EACH_COMMAND(command) {
		for (dir = 0; dir < 4; dir++) {
			make_harmless(command, self->arg);
			EXPECT_EQ(harmless_result(command),
				  call(self->fd,
				       _IOC(dir, SDM_IOC_MAGIC, command->nr,
					    command->size),
				       self->arg)) {
				TH_LOG("%s, direction %u", command->name, dir);
			}
		}
	}
}

TEST_F(ioctl, reserved_must_be_zero)
{
	const struct command *command;
	size_t i, z;

	for EACH_COMMAND(command) {
		for (z = 0; z < 3; z++) {
			for (i = 0; i < command->zero[z].size; i++) {
				size_t at = command->zero[z].start + i;

				make_harmless(command, self->arg);
				self->arg[at] = 1;
				EXPECT_EQ(-EINVAL,
					  call(self->fd,
					       number_of(command,
							 command->size),
					       self->arg)) {
					TH_LOG("%s, byte %zu", command->name,
					       at);
				}
			}
		}
	}
}

TEST_F(ioctl, unknown_subscribe_flags)
{
	struct sdm_subscribe arg;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		arg = (struct sdm_subscribe){ .flags = 1u << bit };
		EXPECT_EQ(arg.flags == SDM_SUBSCRIBE_PEER ? 0 : -EINVAL,
			  call(self->fd, SDM_IOC_SUBSCRIBE, &arg));
	}
}

TEST_F(ioctl, bad_pointers)
{
	uint8_t *end = self->arg + LARGEST + 1;
	const struct command *command;
	size_t inside;

	for EACH_COMMAND(command) {
		unsigned int cmd = number_of(command, command->size);

		EXPECT_EQ(-EFAULT, call(self->fd, cmd, NULL));
		EXPECT_EQ(-EFAULT, call(self->fd, cmd, (void *)-1l));
		EXPECT_EQ(-EFAULT, call(self->fd, cmd, (void *)-4096l));
		EXPECT_EQ(-EFAULT, call(self->fd, cmd, end));
		/* The page that is not there begins inside. */
		for (inside = 1; inside < command->size; inside++) {
			memset(end - inside, 0, inside);
			EXPECT_EQ(-EFAULT, call(self->fd, cmd, end - inside)) {
				TH_LOG("%s, %zu bytes", command->name, inside);
			}
		}
		/* The rest of a longer one counts as well. */
		make_harmless(command, end - command->size);
		EXPECT_EQ(-EFAULT,
			  call(self->fd, number_of(command, command->size + 1),
			       end - command->size)) {
			TH_LOG("%s", command->name);
		}
	}
}

TEST_F(ioctl, read_only_memory)
{
	memset(self->arg, 0, LARGEST);
	ASSERT_EQ(0, mprotect(self->arg, LARGEST + 1, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->fd, SDM_IOC_GET_INFO, self->arg));
	EXPECT_EQ(-EFAULT, call(self->fd, SDM_IOC_GET_PEER, self->arg));
	EXPECT_EQ(0, call(self->fd, SDM_IOC_SUBSCRIBE, self->arg));
}

TEST_F(ioctl, unaligned_structures)
{
	const struct command *command;
	unsigned int i;

	for EACH_COMMAND(command) {
		for (i = 1; i < 8; i++) {
			make_harmless(command, self->arg + i);
			EXPECT_EQ(harmless_result(command),
				  call(self->fd,
				       number_of(command, command->size),
				       self->arg + i));
		}
	}
}

TEST_F(ioctl, mode_of_the_descriptor)
{
	const struct command *command;
	/* 3: neither reading nor writing, only ioctl(). */
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, 3 };
	size_t i;
	int fd;

	for (i = 0; i < 4; i++) {
		fd = open_device(self->number, modes[i]);
		ASSERT_LE(0, fd);
		for EACH_COMMAND(command) {
			bool allowed = command->mode < 0 ||
				       modes[i] == O_RDWR ||
				       modes[i] == command->mode;

			make_harmless(command, self->arg);
			EXPECT_EQ(allowed ? harmless_result(command) : -EBADF,
				  call(fd, number_of(command, command->size),
				       self->arg)) {
				TH_LOG("%s, mode %d", command->name, modes[i]);
			}
		}
		close(fd);
	}
}

TEST_F(ioctl, permission)
{
	if (getuid())
		SKIP(return, NO_ROOT);
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	EXPECT_EQ(-EACCES, open_device(self->number, O_RDONLY));
	EXPECT_EQ(-EACCES, open_device(self->number, O_WRONLY));
	EXPECT_EQ(-EACCES, open_device(self->number, O_RDWR));
	EXPECT_EQ(-EACCES, open_device(self->number, 3));
}

TEST_F(ioctl, permission_window)
{
	struct sdm_info info = { 0 };
	uint32_t id;

	if (getuid())
		SKIP(return, NO_ROOT);
	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	if (!(info.flags & SDM_INFO_WINDOW))
		SKIP(return, NO_WINDOW);
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	for (id = 1; id < info.num_ids; id++) {
		EXPECT_EQ(-EACCES, open_window(self->number, id, O_RDONLY));
		EXPECT_EQ(-EACCES, open_window(self->number, id, O_RDWR));
	}
}

TEST_F(ioctl, info)
{
	struct sdm_info info;
	size_t i;

	memset(&info, 0, sizeof(info));
	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	EXPECT_EQ(0, info.id);
	EXPECT_LE(2, info.num_ids);
	EXPECT_EQ(64, info.num_signals);
	EXPECT_EQ(1, info.hw_version >> 16);
	EXPECT_TRUE(info.flags & SDM_INFO_MASTER);
	EXPECT_EQ(0, info.flags & ~(SDM_INFO_MASTER | SDM_INFO_WINDOW));
	EXPECT_EQ(!(info.flags & SDM_INFO_WINDOW), !info.window_size);
	EXPECT_EQ(!(info.flags & SDM_INFO_WINDOW), !info.window_base);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, info.reserved[i]);
}

/* What a caller leaves in fields that the kernel fills in is of no interest. */
TEST_F(ioctl, output_replaces_input)
{
	struct sdm_peer_info clean, peer = { 0 };

	memset(&peer, 0xff, offsetof(struct sdm_peer_info, reserved));
	peer.peer = 0;
	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_PEER, &peer));
	ASSERT_EQ(0, get_peer(self->fd, 0, &clean));
	EXPECT_EQ(0, memcmp(&clean, &peer, sizeof(peer)));
}

TEST_F(ioctl, own_peer)
{
	struct sdm_peer_info peer;

	ASSERT_EQ(0, get_peer(self->fd, 0, &peer));
	EXPECT_EQ(0, peer.peer);
	EXPECT_EQ(SDM_STATE_RUNNING, peer.state);
	EXPECT_EQ(SDM_PEER_FLAG_SELF | SDM_PEER_FLAG_DRIVER, peer.flags);
	EXPECT_EQ(64, peer.num_signals);
	EXPECT_EQ(SDM_NO_SIGNAL, peer.boot_signal);
	EXPECT_EQ(SDM_NO_SIGNAL, peer.reset_signal);
	EXPECT_LT(0, peer.credits);
	EXPECT_EQ(get_nprocs_conf(), peer.cpus);
	EXPECT_EQ(0, peer.mem_size);
}

TEST_F(ioctl, unknown_peers)
{
	struct sdm_info info = { 0 };
	struct sdm_peer_info peer;
	uint32_t ids[5];
	size_t i;

	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	ids[0] = info.num_ids;
	ids[1] = 256;
	ids[2] = 0x10000;
	ids[3] = 0x80000000;
	ids[4] = 0xffffffff;
	for (i = 0; i < 5; i++) {
		struct sdm_boot boot = { .peer = ids[i] };
		struct sdm_reset reset = { .peer = ids[i] };

		EXPECT_EQ(-ENOENT, get_peer(self->fd, ids[i], &peer));
		EXPECT_EQ(-ENOENT, send_signal(self->fd, ids[i], 0, 0, 0, 0));
		EXPECT_EQ(-ENOENT, send_signal(self->fd, ids[i], 0, 0, 0, 9));
		EXPECT_EQ(-ENOENT, call(self->fd, SDM_IOC_BOOT, &boot));
		EXPECT_EQ(-ENOENT, call(self->fd, SDM_IOC_RESET, &reset));
	}
}

TEST_F(ioctl, unknown_signals)
{
	static const uint32_t signals[] = { 64, 256, 0x10000, 0x1003f,
					    0x80000000, 0xffffffff };
	size_t i;

	for (i = 0; i < 6; i++) {
		EXPECT_EQ(-ENOENT,
			  send_signal(self->fd, 0, signals[i], 0, 0, 0)) {
			TH_LOG("signal %#x", signals[i]);
		}
		EXPECT_EQ(-ENOENT,
			  send_signal(self->fd, 0, signals[i], 0, 0, 1000));
	}
}

TEST_F(ioctl, absent_peer)
{
	struct sdm_reset reset = { 0 };
	struct sdm_boot boot = { 0 };
	struct sdm_peer_info peer;
	uint64_t begun = now_ms();
	int id;

	id = find_absent(self->fd);
	if (id < 0)
		SKIP(return, NO_ABSENT);
	boot.peer = id;
	reset.peer = id;
	EXPECT_EQ(0, get_peer(self->fd, id, &peer));
	EXPECT_EQ(0, peer.mem_size);
	EXPECT_EQ(-ENOLINK, send_signal(self->fd, id, 0, 0, 0, 0));
	EXPECT_EQ(-ENOLINK, send_signal(self->fd, id, 0, 0, 0, 10000));
	EXPECT_EQ(-ENOLINK, call(self->fd, SDM_IOC_BOOT, &boot));
	EXPECT_EQ(-ENOLINK, call(self->fd, SDM_IOC_RESET, &reset));
	/* There is nothing to wait for. */
	EXPECT_GT(5000, now_ms() - begun);
}

/* The master has no reset to be held in. */
TEST_F(ioctl, boot_self)
{
	struct sdm_reset reset = { 0 };
	struct sdm_boot boot = { 0 };

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, SDM_IOC_BOOT, &boot));
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, SDM_IOC_RESET, &reset));
}

TEST_F(ioctl, other_system_calls)
{
	uint8_t byte = 0;

	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(self->fd, self->arg, 64, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_TRUE(mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd,
			 0) == MAP_FAILED);
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(ioctl, window_has_none)
{
	struct sdm_info info = { 0 };
	int fd;

	ASSERT_EQ(0, call(self->fd, SDM_IOC_GET_INFO, &info));
	if (!(info.flags & SDM_INFO_WINDOW))
		SKIP(return, NO_WINDOW);
	fd = open_window(self->number, 1, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTTY, call(fd, SDM_IOC_GET_INFO, &info));
	EXPECT_EQ(-ENOTTY, call(fd, SDM_IOC_SEND, self->arg));
	close(fd);
}

TEST_HARNESS_MAIN
