// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sockets and memory of this machine can do at best: the floors that the
 * benchmark holds its figures against. Two processes on one connection.
 *
 *	floor pingpong tcp|unix REQUEST RESPONSE COUNT [poll] [relay]
 *	floor stream tcp|unix SIZE COUNT [poll] [buffer=BYTES]
 *	floor memcpy SIZE COUNT
 *
 * pingpong: REQUEST bytes there, RESPONSE bytes back. stream: SIZE bytes there,
 * a few bytes back when they are there. Both COUNT times. With "poll" both ends
 * look for input all the time instead of sleeping. With "relay" a thread of its
 * own receives at either end and wakes the one that sends: as devices do, whose
 * interrupt wakes a CPU.
 *
 * Prints median, 99th percentile and minimum of the times in nanoseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "samples.h"

/* What "sdm" sends to say that bytes have arrived: a header and a word. */
#define ACKNOWLEDGEMENT 20
/* Before the first sample, so that everything is in caches. */
#define WARM_UP 3

struct job {
	size_t request;
	size_t response;
	unsigned int count;
	bool poll;
	bool relay;
	int buffer;
};

/* Between the thread that receives and the one that waits for it. */
struct relay {
	int fd;
	const struct job *job;
	size_t size;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned int arrived;
	unsigned int taken;
};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void print(uint64_t *samples, unsigned int count)
{
	print_samples(samples, count);
	putchar('\n');
}

static void *allocate(size_t size)
{
	void *data = malloc(size);

	if (!data)
		fail("malloc");
	/* Pages, not a promise of pages. */
	memset(data, 1, size);
	return data;
}

static void make_tcp(int fds[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1, i;

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || fds[0] < 0 ||
	    bind(listener, (struct sockaddr *)&address, length) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(fds[0], (struct sockaddr *)&address, length))
		fail("tcp");
	fds[1] = accept(listener, NULL, NULL);
	if (fds[1] < 0)
		fail("accept");
	close(listener);
	for (i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void make_sockets(const char *kind, int fds[2], int buffer)
{
	int i;

	if (!strcmp(kind, "tcp"))
		make_tcp(fds);
	else if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		fail("socketpair");
	for (i = 0; i < 2 && buffer; i++) {
		/* Beyond the limit as root, else up to it. */
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)))
			setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
		if (setsockopt(fds[i], SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)))
			setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	}
}

static void send_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size; data += n, size -= n) {
		n = send(fd, data, size, MSG_NOSIGNAL);
		if (n < 0)
			fail("send");
	}
}

/* Returns false at the end of the connection. */
static bool receive_all(int fd, char *data, size_t size, bool poll)
{
	ssize_t n;

	for (; size; data += n, size -= n) {
		do {
			n = recv(fd, data, size, poll ? MSG_DONTWAIT : 0);
		} while (n < 0 && errno == EAGAIN);
		if (n < 0)
			fail("recv");
		if (!n)
			return false;
	}
	return true;
}

static void *receive_for_other(void *data)
{
	struct relay *relay = data;
	char *message = allocate(relay->size);

	while (receive_all(relay->fd, message, relay->size, relay->job->poll)) {
		pthread_mutex_lock(&relay->lock);
		relay->arrived++;
		pthread_mutex_unlock(&relay->lock);
		pthread_cond_signal(&relay->cond);
	}
	exit(0);
}

/* Prepares for messages of a size from @fd. */
static struct relay *new_relay(int fd, const struct job *job, size_t size)
{
	struct relay *relay = allocate(sizeof(*relay));
	pthread_t thread;

	*relay = (struct relay){ .fd = fd, .job = job, .size = size };
	pthread_mutex_init(&relay->lock, NULL);
	pthread_cond_init(&relay->cond, NULL);
	if (job->relay && pthread_create(&thread, NULL, receive_for_other, relay))
		fail("thread");
	return relay;
}

/* The next message. Returns false at the end of the connection. */
static bool next_message(struct relay *relay, char *data)
{
	if (!relay->job->relay)
		return receive_all(relay->fd, data, relay->size, relay->job->poll);
	pthread_mutex_lock(&relay->lock);
	while (relay->arrived == relay->taken)
		pthread_cond_wait(&relay->cond, &relay->lock);
	relay->taken++;
	pthread_mutex_unlock(&relay->lock);
	return true;
}

static void answer(int fd, const struct job *job)
{
	struct relay *relay = new_relay(fd, job, job->request);
	char *data = allocate(job->request + job->response);

	while (next_message(relay, data))
		send_all(fd, data + job->request, job->response);
}

static void ask(int fd, const struct job *job)
{
	uint64_t *samples = allocate(job->count * sizeof(*samples));
	struct relay *relay = new_relay(fd, job, job->response);
	char *data = allocate(job->request + job->response);
	unsigned int i;

	for (i = 0; i < job->count + WARM_UP; i++) {
		uint64_t begin = now_ns();

		send_all(fd, data, job->request);
		if (!next_message(relay, data + job->request))
			fail("end of the connection");
		samples[i < WARM_UP ? 0 : i - WARM_UP] = now_ns() - begin;
	}
	print(samples, job->count);
}

/*
 * The scheduler shares the CPUs between sessions first. Two machines are two
 * sessions, so this is to be one of its own, of the same priority.
 */
static void new_session(void)
{
	FILE *group;

	setsid();
	group = fopen("/proc/self/autogroup", "w");
	if (!group)
		return;
	fprintf(group, "%d", getpriority(PRIO_PROCESS, 0));
	fclose(group);
}

static void run_sockets(const char *kind, const struct job *job)
{
	pid_t parent = getpid();
	int fds[2];

	make_sockets(kind, fds, job->buffer);
	switch (fork()) {
	case -1:
		fail("fork");
	case 0:
		close(fds[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		new_session();
		if (getppid() == parent)
			answer(fds[1], job);
		_exit(0);
	default:
		close(fds[1]);
		ask(fds[0], job);
	}
}

static void run_memcpy(size_t size, unsigned int count)
{
	uint64_t *samples = allocate(count * sizeof(*samples));
	char *from = allocate(size), *to = allocate(size);
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint64_t begin = now_ns();

		memcpy(to, from, size);
		/* The compiler must not see that nobody wants it. */
		asm volatile("" : : "r" (to), "r" (from) : "memory");
		samples[i] = now_ns() - begin;
	}
	print(samples, count);
}

static int usage(void)
{
	fputs("usage: floor pingpong tcp|unix REQUEST RESPONSE COUNT [poll] [relay]\n"
	      "       floor stream tcp|unix SIZE COUNT [poll] [buffer=BYTES]\n"
	      "       floor memcpy SIZE COUNT\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct job job = { .response = ACKNOWLEDGEMENT };
	int i, next = 4;

	if (argc == 4 && !strcmp(argv[1], "memcpy")) {
		run_memcpy(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
		return 0;
	}
	if (argc < 5)
		return usage();
	job.request = strtoul(argv[3], NULL, 0);
	if (!strcmp(argv[1], "pingpong"))
		job.response = strtoul(argv[next++], NULL, 0);
	else if (strcmp(argv[1], "stream"))
		return usage();
	if (next < argc)
		job.count = strtoul(argv[next++], NULL, 0);
	if (!job.request || !job.response || !job.count)
		return usage();
	for (i = next; i < argc; i++) {
		if (!strcmp(argv[i], "poll"))
			job.poll = true;
		else if (!strcmp(argv[i], "relay"))
			job.relay = true;
		else if (!strncmp(argv[i], "buffer=", 7))
			job.buffer = strtol(argv[i] + 7, NULL, 0);
		else
			return usage();
	}
	run_sockets(argv[2], &job);
	return 0;
}
