// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages through the kernel's own client of mailboxes, mailbox-test: what is
 * written to its file in debugfs is sent, and reading waits for what comes. A
 * message is a number and its complement.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

static const char usage[] =
	"mailbox send FIRST COUNT   sends numbers, and prints each that fails\n"
	"mailbox insist FIRST       sends numbers until one fails for good\n"
	"mailbox talk FIRST COUNT   sends numbers, and waits for each to come back\n"
	"mailbox echo COUNT         sends back what comes\n";

#define FILE_NAME "/sys/kernel/debug/mailbox-test/message"

/* It shows all of its buffer, whatever has come. */
#define BUFFER_SIZE 128
#define BYTES_PER_LINE 16
/* Bytes in hexadecimal and as text, and the end of the line */
#define LINE_SIZE (BYTES_PER_LINE * 4 + 2)

struct message {
	uint32_t number;
	uint32_t complement;
};

static int send_number(int fd, uint32_t number)
{
	struct message message = { number, ~number };

	return write(fd, &message, sizeof(message)) == sizeof(message) ? 0 :
									 -errno;
}

/* Waits for a message; what is not one is -EBADMSG. */
static int receive_number(int fd, uint32_t *number)
{
	char text[BUFFER_SIZE / BYTES_PER_LINE * LINE_SIZE + 1] = { 0 };
	unsigned char bytes[BUFFER_SIZE];
	struct message message;
	unsigned int i;

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return -errno;
	for (i = 0; i < BUFFER_SIZE; i++) {
		const char *line = text + i / BYTES_PER_LINE * LINE_SIZE;

		bytes[i] = strtoul(line + i % BYTES_PER_LINE * 3, NULL, 16);
		if (i >= sizeof(message) && bytes[i])
			return -EBADMSG;
	}
	memcpy(&message, bytes, sizeof(message));
	if (message.number != ~message.complement)
		return -EBADMSG;
	*number = message.number;
	return 0;
}

/* What has come before */
static void forget(void)
{
	char text[16];
	int fd = open(FILE_NAME, O_RDONLY | O_NONBLOCK);

	while (pread(fd, text, sizeof(text), 0) > 0)
		;
	close(fd);
}

/* Without COUNT until one fails for good: a message given up is not that. */
static int send_numbers(int fd, uint32_t first, uint32_t count, bool insist)
{
	uint32_t i, sent = 0;
	int ret = 0;

	for (i = 0; insist || i < count; i++) {
		ret = send_number(fd, first + i);
		if (!ret) {
			sent++;
			continue;
		}
		printf("failed %u %s\n", first + i, strerrorname_np(-ret));
		if (insist && ret != -ETIME)
			break;
	}
	printf("sent %u of %u\n", sent, i);
	return 0;
}

static int talk(int fd, uint32_t first, uint32_t count)
{
	uint32_t i, back = 0;
	int ret;

	for (i = 0; i < count; i++) {
		ret = send_number(fd, first + i);
		if (!ret)
			ret = receive_number(fd, &back);
		if (!ret && back != first + i)
			ret = -EILSEQ;
		if (ret) {
			printf("%u: %s, %u came back\n", first + i,
			       strerrorname_np(-ret), back);
			return ret;
		}
	}
	printf("all %u came back\n", count);
	return 0;
}

static int echo(int fd, uint32_t count)
{
	uint32_t i, number;
	int ret;

	for (i = 0; i < count; i++) {
		ret = receive_number(fd, &number);
		if (!ret)
			ret = send_number(fd, number);
		if (ret) {
			printf("number %u of them: %s\n", i,
			       strerrorname_np(-ret));
			return ret;
		}
	}
	printf("all %u went back\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	uint32_t first = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	uint32_t count = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	int fd, ret;

	fd = open(FILE_NAME, O_RDWR);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", FILE_NAME, strerror(errno));
		return 1;
	}
	if (strcmp(what, "send") && strcmp(what, "insist"))
		forget();
	puts("begun");
	fflush(stdout);
	if (!strcmp(what, "send")) {
		ret = send_numbers(fd, first, count, false);
	} else if (!strcmp(what, "insist")) {
		ret = send_numbers(fd, first, 0, true);
	} else if (!strcmp(what, "talk")) {
		ret = talk(fd, first, count);
	} else if (!strcmp(what, "echo")) {
		ret = echo(fd, first);
	} else {
		fputs(usage, stderr);
		return 2;
	}
	return ret ? 1 : 0;
}
