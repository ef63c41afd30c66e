// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's drivers of rpmsg channels leave to programs.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/rpmsg.h>

#include "common.h"

static const char usage[] =
	"rpmsg create CTRL NAME SRC DST   makes a channel; DST \"any\" makes a service\n"
	"rpmsg release CTRL NAME SRC DST  takes it away\n"
	"rpmsg ept CTRL NAME SRC DST      makes an endpoint, and prints its file\n"
	"rpmsg echo FILE                  sends back what comes\n"
	"rpmsg ping FILE COUNT [SIZE]     sends messages of up to SIZE bytes (496), which\n"
	"                                 have to come back as they are\n"
	"rpmsg send FILE TEXT             sends a message\n"
	"rpmsg recv FILE                  prints a message\n"
	"\n"
	"CTRL is /dev/rpmsg_ctrlN, FILE /dev/rpmsgN; an address is a number or \"any\"\n";

#define CLASS "/sys/class/rpmsg"
#define MAX_SIZE 496
/* Fewer than the smallest ring has entries */
#define MAX_UNDER_WAY 8
#define MAX_FILES 1024

static int fail(const char *what, int error)
{
	fprintf(stderr, "rpmsg: %s: %s\n", what, strerror(error));
	return 1;
}

/* Returns 0, or -1 if the text is no number up to the limit. */
static int parse(const char *text, uint32_t limit, uint32_t *number)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)*text) || *end || errno || value > limit)
		return -1;
	*number = value;
	return 0;
}

static int parse_address(const char *text, uint32_t *address)
{
	if (!strcmp(text, "any")) {
		*address = RPMSG_ADDR_ANY;
		return 0;
	}
	if (!parse(text, RPMSG_ADDR_ANY - 1, address))
		return 0;
	fprintf(stderr, "rpmsg: %s is no address\n", text);
	return -1;
}

/* Which files there are: found[N] for rpmsgN. */
static void find_files(bool found[MAX_FILES])
{
	struct dirent *entry;
	unsigned int number;
	DIR *directory;
	char rest;

	memset(found, 0, MAX_FILES * sizeof(*found));
	directory = opendir(CLASS);
	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		if (sscanf(entry->d_name, "rpmsg%u%c", &number, &rest) == 1 &&
		    number < MAX_FILES)
			found[number] = true;
	}
	closedir(directory);
}

/* An attribute is what it should be. */
static bool is_attribute(unsigned int number, const char *name,
			 const char *value)
{
	char path[64], text[64] = { 0 };
	bool same = false;
	FILE *file;

	snprintf(path, sizeof(path), CLASS "/rpmsg%u/%s", number, name);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = 0;
		same = !strcmp(text, value);
	}
	fclose(file);
	return same;
}

static bool is_endpoint(unsigned int number,
			const struct rpmsg_endpoint_info *info)
{
	char src[16], dst[16];

	snprintf(src, sizeof(src), "%d", (int)info->src);
	snprintf(dst, sizeof(dst), "%d", (int)info->dst);
	return is_attribute(number, "name", info->name) &&
	       is_attribute(number, "src", src) &&
	       is_attribute(number, "dst", dst);
}

/* The one that was not there before */
static int print_endpoint(const bool before[MAX_FILES],
			  const struct rpmsg_endpoint_info *info)
{
	bool after[MAX_FILES];
	unsigned int i;

	find_files(after);
	for (i = 0; i < MAX_FILES; i++) {
		if (after[i] && !before[i] && is_endpoint(i, info)) {
			printf("/dev/rpmsg%u\n", i);
			return 0;
		}
	}
	fprintf(stderr, "rpmsg: the endpoint has no file in %s\n", CLASS);
	return 1;
}

static int control(unsigned long cmd, char **args)
{
	struct rpmsg_endpoint_info info = { 0 };
	bool before[MAX_FILES];
	int fd, ret;

	if (!*args[1] || strlen(args[1]) >= sizeof(info.name)) {
		fprintf(stderr, "rpmsg: a name has 1 to %zu characters\n",
			sizeof(info.name) - 1);
		return 2;
	}
	memcpy(info.name, args[1], strlen(args[1]));
	if (parse_address(args[2], &info.src) ||
	    parse_address(args[3], &info.dst))
		return 2;

	fd = open(args[0], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(args[0], errno);
	find_files(before);
	ret = call(fd, cmd, &info);
	close(fd);
	if (ret < 0)
		return fail(args[0], -ret);
	return cmd == RPMSG_CREATE_EPT_IOCTL ? print_endpoint(before, &info) :
					       0;
}

static int echo(const char *name, int fd)
{
	char message[MAX_SIZE];
	ssize_t size;

	for (;;) {
		size = read(fd, message, sizeof(message));
		if (size < 0)
			return fail(name, errno);
		if (write(fd, message, size) != size)
			return fail(name, errno);
	}
}

struct message {
	size_t size;
	uint8_t data[MAX_SIZE];
};

/* Numbers that are the same each time: a failure can be tried again. */
static uint32_t next_random(void)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static int send_random(int fd, uint32_t limit, struct message *message)
{
	size_t i;

	message->size = next_random() % limit + 1;
	for (i = 0; i < message->size; i++)
		message->data[i] = next_random();
	return write(fd, message->data, message->size) ==
			       (ssize_t)message->size ?
		       0 :
		       -errno;
}

/* Compares with what was sent. */
static int receive_same(int fd, const struct message *sent)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	/* More than fits in a message would show. */
	uint8_t data[MAX_SIZE + 1];
	ssize_t size;

	if (!poll(&pollfd, 1, 3 * PATIENCE_MS))
		return -ETIMEDOUT;
	size = read(fd, data, sizeof(data));
	if (size < 0)
		return -errno;
	if ((size_t)size != sent->size || memcmp(data, sent->data, size))
		return -EBADMSG;
	return 0;
}

static int ping(const char *name, int fd, uint32_t count, uint32_t limit)
{
	static struct message under_way[MAX_UNDER_WAY];
	uint32_t sent = 0, received = 0;
	int ret;

	while (received < count) {
		/* Sometimes all of them, sometimes one. */
		uint32_t most = next_random() % MAX_UNDER_WAY + 1;

		while (sent < count && sent - received < most) {
			ret = send_random(fd, limit,
					  &under_way[sent % MAX_UNDER_WAY]);
			if (ret) {
				fprintf(stderr, "rpmsg: message %u: ", sent);
				return fail(name, -ret);
			}
			sent++;
		}
		ret = receive_same(fd, &under_way[received % MAX_UNDER_WAY]);
		if (ret) {
			fprintf(stderr, "rpmsg: answer %u: ", received);
			return fail(name, -ret);
		}
		received++;
	}
	printf("%u messages came back\n", received);
	return 0;
}

static int send_text(const char *name, int fd, const char *text)
{
	ssize_t size = strlen(text);

	return write(fd, text, size) == size ? 0 : fail(name, errno);
}

static int receive_text(const char *name, int fd)
{
	char message[MAX_SIZE];
	ssize_t size = read(fd, message, sizeof(message));

	if (size < 0)
		return fail(name, errno);
	printf("%.*s\n", (int)size, message);
	return 0;
}

static int on_file(int argc, char **argv)
{
	uint32_t count = 0, size = MAX_SIZE;
	const char *name = argv[2];
	bool pings = !strcmp(argv[1], "ping");
	int fd;

	if (pings &&
	    (parse(argv[3], UINT32_MAX - 1, &count) ||
	     (argc == 5 && parse(argv[4], MAX_SIZE, &size)) || !size)) {
		fprintf(stderr,
			"rpmsg: COUNT is a number, SIZE one from 1 to %u\n",
			MAX_SIZE);
		return 2;
	}
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(name, errno);
	if (pings)
		return ping(name, fd, count, size);
	if (!strcmp(argv[1], "echo"))
		return echo(name, fd);
	return argc == 4 ? send_text(name, fd, argv[3]) :
			   receive_text(name, fd);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	/* Whoever looks into a file wants to see it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 6 && !strcmp(command, "create"))
		return control(RPMSG_CREATE_DEV_IOCTL, argv + 2);
	if (argc == 6 && !strcmp(command, "release"))
		return control(RPMSG_RELEASE_DEV_IOCTL, argv + 2);
	if (argc == 6 && !strcmp(command, "ept"))
		return control(RPMSG_CREATE_EPT_IOCTL, argv + 2);
	if ((argc == 3 && !strcmp(command, "echo")) ||
	    ((argc == 4 || argc == 5) && !strcmp(command, "ping")) ||
	    (argc == 4 && !strcmp(command, "send")) ||
	    (argc == 3 && !strcmp(command, "recv")))
		return on_file(argc, argv);
	fputs(usage, stderr);
	return 2;
}
