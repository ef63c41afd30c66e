// SPDX-License-Identifier: GPL-2.0-only
/*
 * One call each, for tests in which somebody else does something to the
 * machines meanwhile. Prints what came of it, the name of an error or a word,
 * and how many milliseconds it took.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static const char usage[] =
	"probe state PEER                state, generation, driver\n"
	"probe wait PEER STATE           waits until it has this state\n"
	"probe send PEER [TIMEOUT]       a signal\n"
	"probe fill PEER                 signals without waiting, until one fails\n"
	"probe room PEER                 the same, and waits for room by poll()\n"
	"probe ask PEER                  a request to the responder\n"
	"probe boot PEER ENTRY TIMEOUT   what is there already\n"
	"probe reset PEER TIMEOUT\n"
	"probe read PEER OFFSET LENGTH\n"
	"probe write PEER OFFSET LENGTH\n"
	"probe reading PEER              reads until that fails\n"
	"probe writing PEER              writes until that fails\n"
	"probe posting PEER              a few bytes each, without an answer, until that fails\n"
	"probe asking PEER               asks until that fails\n"
	"probe map PEER                  maps memory, and uses it\n"
	"probe cross PEER OTHER          maps memory, and copies between it and the other's\n"
	"probe mapping PEER              uses it until a signal tells that it is gone\n"
	"probe errors                    number of failed accesses\n"
	"probe signal N TEXT COMMAND...  runs it; when TEXT shows, sends it signal N\n";

/* The largest piece of the slave's RAM that the tests may use */
#define SCRATCH_OFFSET 0x8000000
#define SCRATCH_SIZE (256 * 1024)

static const char *const states[] = { "absent", "connecting", "reset",
				      "running", "lost" };

struct probe {
	int fd;
	int number;
	uint32_t peer;
	char **operands;
	int nr_operands;
	char text[64];
};

static uint64_t operand(struct probe *probe, int i, uint64_t otherwise)
{
	return i < probe->nr_operands ? strtoull(probe->operands[i], NULL, 0) :
					otherwise;
}

static int do_state(struct probe *probe)
{
	struct sdm_peer_info info;
	int ret = get_peer(probe->fd, probe->peer, &info);

	if (!ret)
		snprintf(probe->text, sizeof(probe->text), "%s %u%s",
			 states[info.state], info.generation,
			 info.flags & SDM_PEER_FLAG_DRIVER ? " driver" : "");
	return ret;
}

static int do_wait(struct probe *probe)
{
	uint32_t state;

	for (state = 0; state < 5; state++) {
		if (!strcmp(states[state], probe->operands[0]))
			return wait_state(probe->fd, probe->peer, state);
	}
	return -EINVAL;
}

static int do_send(struct probe *probe)
{
	return send_signal(probe->fd, probe->peer, TEST_SIGNAL_A, 1, 2,
			   operand(probe, 0, 0));
}

static int fill(struct probe *probe, unsigned int *n)
{
	int ret;

	do {
		ret = send_signal(probe->fd, probe->peer, TEST_SIGNAL_A, *n, 0,
				  0);
		*n += !ret;
	} while (!ret && *n < 100000);
	return ret;
}

static int do_fill(struct probe *probe)
{
	unsigned int n = 0;
	int ret = fill(probe, &n);

	snprintf(probe->text, sizeof(probe->text), "%s after %u",
		 ret ? strerrorname_np(-ret) : "OK", n);
	return 0;
}

static int poll_out(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, timeout_ms) < 0 ? -errno : pollfd.revents;
}

static int do_room(struct probe *probe)
{
	unsigned int n = 0;
	int ret = fill(probe, &n);

	if (ret != -EAGAIN)
		return ret ? ret : -EOVERFLOW;
	printf("full after %u, poll %#x\n", n, poll_out(probe->fd, 100));
	fflush(stdout);
	ret = poll_out(probe->fd, PATIENCE_MS);
	if (ret != POLLOUT)
		return ret ? -EIO : -ETIMEDOUT;
	return do_send(probe);
}

static int do_ask(struct probe *probe)
{
	uint64_t answer[2];

	return ask(probe->fd, probe->peer, REQUEST_HELLO, 0, 0, answer);
}

static int do_boot(struct probe *probe)
{
	struct sdm_boot arg = {
		.peer = probe->peer,
		.entry = operand(probe, 0, 0),
		.timeout_ms = operand(probe, 1, 0),
	};

	return call(probe->fd, SDM_IOC_BOOT, &arg);
}

static int do_reset(struct probe *probe)
{
	struct sdm_reset arg = {
		.peer = probe->peer,
		.timeout_ms = operand(probe, 0, 0),
	};

	return call(probe->fd, SDM_IOC_RESET, &arg);
}

static ssize_t access_memory(struct probe *probe, bool write, uint64_t offset,
			     size_t size)
{
	int fd = open_window(probe->number, probe->peer, O_RDWR);
	void *buffer;
	ssize_t n;

	if (fd < 0)
		return fd;
	buffer = calloc(1, size);
	n = write ? pwrite(fd, buffer, size, offset) :
		    pread(fd, buffer, size, offset);
	n = n < 0 ? -errno : n;
	free(buffer);
	close(fd);
	return n;
}

static int do_access(struct probe *probe, bool write)
{
	ssize_t n = access_memory(probe, write, operand(probe, 0, 0),
				  operand(probe, 1, 4));

	if (n >= 0)
		snprintf(probe->text, sizeof(probe->text), "%zd", n);
	return n < 0 ? n : 0;
}

static int do_read(struct probe *probe)
{
	return do_access(probe, false);
}

static int do_write(struct probe *probe)
{
	return do_access(probe, true);
}

static void begun(void)
{
	printf("begun\n");
	fflush(stdout);
}

/*
 * A short count is followed by what it was short for. The time is that of the
 * last call, which is the one that met with the failure.
 */
static int repeat_access(struct probe *probe, bool write)
{
	uint64_t last;
	ssize_t n;

	begun();
	do {
		last = now_ms();
		n = access_memory(probe, write, SCRATCH_OFFSET, SCRATCH_SIZE);
	} while (n > 0);
	snprintf(probe->text, sizeof(probe->text), "%s, the last one took %u",
		 n ? strerrorname_np(-n) : "nothing",
		 (unsigned int)(now_ms() - last));
	return 0;
}

static int do_reading(struct probe *probe)
{
	return repeat_access(probe, false);
}

static int do_writing(struct probe *probe)
{
	return repeat_access(probe, true);
}

/*
 * So small that the driver does not wait for an answer: what is on its way is
 * kept by somebody, who must stop this at some time.
 */
static int do_posting(struct probe *probe)
{
	int fd = open_window(probe->number, probe->peer, O_RDWR);
	uint8_t data[64] = { 0 };
	unsigned int i = 0;
	uint64_t last;
	ssize_t n;

	if (fd < 0)
		return fd;
	begun();
	do {
		last = now_ms();
		n = pwrite(fd, data, sizeof(data),
			   SCRATCH_OFFSET + i++ % 1024 * sizeof(data));
		n = n < 0 ? -errno : n;
	} while (n > 0);
	close(fd);
	snprintf(probe->text, sizeof(probe->text),
		 "%s after %u, the last one took %u",
		 n ? strerrorname_np(-n) : "nothing", i - 1,
		 (unsigned int)(now_ms() - last));
	return 0;
}

static int do_asking(struct probe *probe)
{
	int ret;

	begun();
	do {
		ret = do_ask(probe);
	} while (!ret);
	return ret;
}

static void *map_scratch(struct probe *probe)
{
	int fd = open_window(probe->number, probe->peer, O_RDWR);
	void *map;

	if (fd < 0) {
		errno = -fd;
		return MAP_FAILED;
	}
	map = mmap(NULL, SCRATCH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   SCRATCH_OFFSET);
	close(fd);
	return map;
}

static int do_map(struct probe *probe)
{
	uint8_t *map = map_scratch(probe), byte;
	size_t i;

	if (map == MAP_FAILED)
		return -errno;
	for (i = 0; i < SCRATCH_SIZE; i += 1000)
		map[i] = pattern_byte(1, i);
	for (i = 0; i < SCRATCH_SIZE; i += 1000) {
		if (map[i] != pattern_byte(1, i))
			return -EBADMSG;
	}
	if (access_memory(probe, false, SCRATCH_OFFSET, 1) != 1)
		return -EIO;
	byte = map[0];
	return byte == pattern_byte(1, 0) ? 0 : -EBADMSG;
}

/* Memory of a device as the buffer of a transfer by another one */
static int do_cross(struct probe *probe)
{
	size_t size = SCRATCH_SIZE - 3;
	uint8_t *map = map_scratch(probe), *data = malloc(size);
	int fd, ret = 0;

	if (map == MAP_FAILED || !data)
		return -errno;
	fd = open_window(probe->number, operand(probe, 0, 0), O_RDWR);
	if (fd < 0)
		return fd;
	fill_pattern(data, size, 1);
	memset(map, 0, size);
	if (pwrite(fd, data, size, SCRATCH_OFFSET) != size ||
	    pread(fd, map + 1, size, SCRATCH_OFFSET) != size ||
	    memcmp(data, map + 1, size))
		ret = -EBADMSG;
	fill_pattern(map + 1, size, 2);
	if (pwrite(fd, map + 1, size, SCRATCH_OFFSET + 2) != size ||
	    pread(fd, data, size, SCRATCH_OFFSET + 2) != size ||
	    memcmp(data, map + 1, size))
		ret = -EBADMSG;
	close(fd);
	free(data);
	return ret;
}

static sigjmp_buf gone;

static void catch_bus_error(int sig)
{
	siglongjmp(gone, 1);
}

/*
 * Between the end of a slave and the signal what is read is of no use, and what
 * is written has no effect: the difference is told, as it is a bug at any other
 * time.
 */
static int do_mapping(struct probe *probe)
{
	volatile uint32_t *map = map_scratch(probe);
	bool told = false;
	uint32_t i;

	if (map == MAP_FAILED)
		return -errno;
	signal(SIGBUS, catch_bus_error);
	begun();
	if (sigsetjmp(gone, 1)) {
		snprintf(probe->text, sizeof(probe->text), "SIGBUS");
		return 0;
	}
	for (i = 0;; i++) {
		volatile uint32_t *word = map + i % (SCRATCH_SIZE / 4);

		*word = i;
		if (*word != i && !told) {
			told = true;
			printf("differs\n");
			fflush(stdout);
		}
	}
}

static int do_errors(struct probe *probe)
{
	struct sdm_info info = { 0 };
	int ret = call(probe->fd, SDM_IOC_GET_INFO, &info);

	snprintf(probe->text, sizeof(probe->text), "%u", info.error_count);
	return ret;
}

static const struct {
	const char *name;
	int (*call)(struct probe *probe);
} commands[] = {
	{ "state", do_state },	   { "wait", do_wait },
	{ "send", do_send },	   { "fill", do_fill },
	{ "room", do_room },	   { "ask", do_ask },
	{ "boot", do_boot },	   { "reset", do_reset },
	{ "read", do_read },	   { "write", do_write },
	{ "reading", do_reading }, { "writing", do_writing },
	{ "posting", do_posting }, { "asking", do_asking },
	{ "map", do_map },	   { "mapping", do_mapping },
	{ "cross", do_cross },	   { "errors", do_errors },
};

static int run(struct probe *probe, int (*command)(struct probe *probe))
{
	uint64_t start = now_ms();
	int ret = command(probe);

	if (ret)
		snprintf(probe->text, sizeof(probe->text), "%s",
			 strerrorname_np(-ret));
	printf("%s in %u ms\n", probe->text,
	       (unsigned int)(now_ms() - start));
	return 0;
}

/*
 * A shell is too slow to catch a program in the middle of something. All that
 * the program says is handed on; the exit status is the program's, or 128 and
 * the signal that ended it, or 99 if TEXT did not show.
 */
static int run_and_signal(int sig, const char *text, char **command)
{
	static char said[4096];
	size_t size = 0;
	bool sent = false;
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(pipes))
		return 1;
	pid = fork();
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		/* Programs in the background of a script have it ignored. */
		signal(SIGINT, SIG_DFL);
		execvp(command[0], command);
		_exit(127);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], said + size, sizeof(said) - 1 - size)) > 0) {
		size += n;
		if (!sent && strstr(said, text)) {
			kill(pid, sig);
			sent = true;
			printf("sent signal %d to %d\n", sig, pid);
			fflush(stdout);
		}
	}
	fputs(said, stdout);
	if (waitpid(pid, &status, 0) != pid || !sent)
		return 99;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct probe probe = { .text = "OK" };
	size_t i;

	if (argc > 4 && !strcmp(argv[1], "signal"))
		return run_and_signal(atoi(argv[2]), argv[3], argv + 4);
	if (argc > 2) {
		probe.peer = strtoul(argv[2], NULL, 0);
		probe.operands = argv + 3;
		probe.nr_operands = argc - 3;
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (argc < 2 || strcmp(argv[1], commands[i].name))
			continue;
		probe.number = find_device();
		probe.fd = open_asker(probe.number < 0 ? 0 : probe.number);
		if (probe.fd < 0) {
			printf("open: %s\n", strerrorname_np(-probe.fd));
			return 1;
		}
		return run(&probe, commands[i].call);
	}
	fputs(usage, stderr);
	return 2;
}
