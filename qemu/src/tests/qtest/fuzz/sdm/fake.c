/*
 * SDM fuzzing: peers of the machine that exist in this process alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <glib/gstdio.h>
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/event_notifier.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/memfd.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "fake.h"

FakePeer fake_peers[FAKE_PEERS];

/* Nothing is locked after it. */
static QemuMutex fake_lock;

static EventNotifier fake_wakeup;
static QemuThread fake_thread;
static char *fake_dir, *fake_socket;
static int fake_listener = -1;
static int fake_files[FAKE_FDS];
static int fake_pipe[2];

const char *fake_path(void)
{
    return fake_socket;
}

void fake_pump(void)
{
    main_loop_wait(true);
}

/*
 * sched_yield() is the quickest, unless the host is busy: then all the others
 * come first. For a while it is better to sleep.
 */
#define WAIT_US 20
#define YIELD_NS (300 * SCALE_US)
#define BUSY_NS (20 * (int64_t)SCALE_MS)

void fake_wait(void)
{
    static int64_t busy_until;
    int64_t begin, end;

    fake_pump();
    bql_unlock();
    begin = get_clock();
    if (begin < busy_until) {
        g_usleep(WAIT_US);
    } else {
        sched_yield();
        end = get_clock();
        if (end - begin > YIELD_NS) {
            busy_until = end + BUSY_NS;
        }
    }
    bql_lock();
}

/*
 * ------------------------------------------------------------------------
 * Answers, in the thread, under the lock
 */

/* A machine that does not take its answers loses the connection. */
#define ANSWER_LIMIT_MS 100

static void end_locked(FakePeer *peer)
{
    judge_unsure(&peer->judge);
    shutdown(peer->fd, SHUT_RDWR);
    peer->ended = true;
}

static void answer_bytes(FakePeer *peer, const void *data, size_t length)
{
    const uint8_t *p = data;

    while (length && !peer->ended) {
        ssize_t n = send(peer->fd, p, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            p += n;
            length -= n;
        } else if (errno == EAGAIN) {
            GPollFD fd = { .fd = peer->fd, .events = G_IO_OUT };

            if (!g_poll(&fd, 1, ANSWER_LIMIT_MS)) {
                end_locked(peer);
            }
        } else {
            end_locked(peer);
        }
    }
}

/* Where the data is that a question asks for. */
static const uint8_t *answer_data(FakePeer *peer)
{
    static uint8_t zeros[SDM_PROTO_MAX_FRAME];
    struct sdm_proto_mem mem;

    sdm_proto_parse_mem(peer->payload, &mem);
    return mem.offset < FAKE_RAM_SIZE ? peer->ram + mem.offset : zeros;
}

static void answer_frame(FakePeer *peer, uint32_t tag, uint32_t result,
                         uint32_t length, uint32_t send_length)
{
    struct sdm_proto_header header = {
        .type = SDM_PROTO_MEM_DATA,
        .length = length,
        .tag = tag,
        .arg = result,
    };
    uint8_t buf[SDM_PROTO_HEADER_SIZE];

    sdm_proto_put_header(buf, &header);
    answer_bytes(peer, buf, sizeof(buf));
    answer_bytes(peer, answer_data(peer),
                 MIN(send_length, SDM_PROTO_MAX_FRAME));
}

static FakePlan take_plan(FakePeer *peer)
{
    FakePlan plan = peer->plans[0];

    if (!peer->num_plans) {
        return (FakePlan) { .how = FAKE_PROPER };
    }
    memmove(peer->plans, peer->plans + 1,
            --peer->num_plans * sizeof(peer->plans[0]));
    return plan;
}

/* No machine may take it for the answer to a question for @length bytes. */
static bool plan_is_wrong(FakePlan plan, uint32_t length)
{
    switch (plan.how) {
    case FAKE_WRONG_TAG:
    case FAKE_LENGTH:
        return plan.value;
    case FAKE_RESULT:
        /* There is data if, and only if, the result is SDM_MEM_OK (0). */
        return length && (plan.value & 1) != (plan.value >> 1 == 0);
    case FAKE_TWICE:
        return true;
    default:
        return false;
    }
}

static void answer(FakePeer *peer, const struct sdm_proto_header *question)
{
    uint32_t length = question->type == SDM_PROTO_MEM_READ ? question->arg : 0;
    uint32_t tag = question->tag;
    FakePlan plan = take_plan(peer);

    if (plan_is_wrong(plan, length)) {
        judge_broken(&peer->judge, "a wrong answer");
    }
    switch (plan.how) {
    case FAKE_PROPER:
        answer_frame(peer, tag, SDM_MEM_OK, length, length);
        break;
    case FAKE_WRONG_TAG:
        answer_frame(peer, tag + plan.value, SDM_MEM_OK, length, length);
        break;
    case FAKE_RESULT:
        answer_frame(peer, tag, plan.value >> 1, plan.value & 1 ? length : 0,
                     plan.value & 1 ? length : 0);
        break;
    case FAKE_LENGTH:
        length += (int8_t)plan.value;
        answer_frame(peer, tag, SDM_MEM_OK, length, length);
        break;
    case FAKE_NONE:
        /* Who asks may have given up before. */
        judge_unsure(&peer->judge);
        break;
    case FAKE_CLOSE:
        end_locked(peer);
        break;
    case FAKE_TWICE:
        answer_frame(peer, tag, SDM_MEM_OK, length, length);
        answer_frame(peer, tag, SDM_MEM_OK, length, length);
        break;
    case FAKE_BROKEN_OFF:
        answer_frame(peer, tag, SDM_MEM_OK, length,
                     length * plan.value / UINT8_MAX);
        end_locked(peer);
        break;
    default:
        g_assert_not_reached();
    }
}

static void give_credit(FakePeer *peer)
{
    struct sdm_proto_header header = { .type = SDM_PROTO_CREDIT, .arg = 1 };
    uint8_t buf[SDM_PROTO_HEADER_SIZE];

    sdm_proto_put_header(buf, &header);
    judge_give_back(&peer->judge);
    answer_bytes(peer, buf, sizeof(buf));
}

static void write_ram(FakePeer *peer, uint64_t offset, const uint8_t *data,
                      size_t length)
{
    if (offset < FAKE_RAM_SIZE) {
        memcpy(peer->ram + offset, data, MIN(length, FAKE_RAM_SIZE - offset));
    }
}

static void fill_ram(FakePeer *peer)
{
    struct sdm_proto_fill fill;
    uint8_t pattern[8];
    uint64_t i;

    sdm_proto_parse_fill(peer->payload, &fill);
    stq_le_p(pattern, fill.pattern);
    for (i = 0; i < fill.length && fill.offset + i < FAKE_RAM_SIZE; i += 8) {
        write_ram(peer, fill.offset + i, pattern, MIN(8, fill.length - i));
    }
}

/* A part of the payload: of a write all goes to the RAM. */
static void payload_arrived(FakePeer *peer, const uint8_t *p, size_t n)
{
    const size_t fixed = sizeof(struct sdm_proto_mem);
    struct sdm_proto_mem mem;

    if (peer->got < sizeof(peer->payload)) {
        memcpy(peer->payload + peer->got, p,
               MIN(n, sizeof(peer->payload) - peer->got));
    }
    if (lduw_le_p(peer->header) == SDM_PROTO_MEM_WRITE &&
        peer->got + n > fixed) {
        size_t before = peer->got < fixed ? fixed - peer->got : 0;

        sdm_proto_parse_mem(peer->payload, &mem);
        write_ram(peer, mem.offset + peer->got + before - fixed, p + before,
                  n - before);
    }
    peer->got += n;
}

/* The machine has sent a frame. */
static void frame_arrived(FakePeer *peer)
{
    struct sdm_proto_header header;

    peer->have = 0;
    /* Whatever it is sent, the machine itself keeps to the protocol. */
    g_assert(!sdm_proto_parse_header(peer->header, &header));
    judge_arrived(&peer->judge, &header, peer->payload,
                  MIN(peer->got, sizeof(peer->payload)));
    if (header.type == SDM_PROTO_MEM_FILL) {
        fill_ram(peer);
    }
    if (SDM_PROTO_CHANNEL(header.type) == SDM_PROTO_CHANNEL_LINK &&
        header.type != SDM_PROTO_BYE) {
        peer->handshake = header.type;
    }
    if (header.type == SDM_PROTO_MEM_READ ||
        header.flags & SDM_PROTO_FLAG_ACK) {
        answer(peer, &header);
    }
    if (header.type == SDM_PROTO_SIGNAL && peer->gives_back) {
        give_credit(peer);
    }
}

static void bytes_arrived(FakePeer *peer, const uint8_t *p, size_t length)
{
    while (length && !peer->ended) {
        size_t n;

        if (peer->skip) {
            n = MIN(peer->skip, length);
            payload_arrived(peer, p, n);
            peer->skip -= n;
        } else {
            n = MIN(sizeof(peer->header) - peer->have, length);
            memcpy(peer->header + peer->have, p, n);
            peer->have += n;
            if (peer->have == sizeof(peer->header)) {
                peer->skip = ldl_le_p(peer->header + 4);
                peer->got = 0;
            }
        }
        p += n;
        length -= n;
        if (peer->have == sizeof(peer->header) && !peer->skip) {
            frame_arrived(peer);
        }
    }
}

static void receive(FakePeer *peer)
{
    static uint8_t buf[256 * KiB];
    ssize_t n;

    QEMU_LOCK_GUARD(&fake_lock);

    if (peer->fd < 0 || peer->ended) {
        return;
    }
    n = recv(peer->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n > 0) {
        bytes_arrived(peer, buf, n);
    } else if (n == 0 || errno != EAGAIN) {
        peer->ended = true;
    }
}

static void *fake_run(void *opaque)
{
    for (;;) {
        GPollFD fds[FAKE_PEERS + 1] = { };
        unsigned i;

        WITH_QEMU_LOCK_GUARD(&fake_lock) {
            for (i = 0; i < FAKE_PEERS; i++) {
                FakePeer *peer = &fake_peers[i];

                fds[i].fd = peer->ended ? -1 : peer->fd;
                fds[i].events = G_IO_IN;
            }
        }
        fds[i].fd = event_notifier_get_fd(&fake_wakeup);
        fds[i].events = G_IO_IN;
        g_poll(fds, ARRAY_SIZE(fds), -1);
        event_notifier_test_and_clear(&fake_wakeup);
        for (i = 0; i < FAKE_PEERS; i++) {
            if (fds[i].revents) {
                receive(&fake_peers[i]);
            }
        }
    }
    return NULL;
}

/*
 * ------------------------------------------------------------------------
 * Connections, in the main thread
 */

static void fake_begin(FakePeer *peer, int fd)
{
    WITH_QEMU_LOCK_GUARD(&fake_lock) {
        peer->chunk = 0;
        peer->next_fds = FAKE_FD_NONE;
        peer->has_sent = false;
        peer->fd = fd;
        peer->ended = false;
        peer->handshake = 0;
        peer->gives_back = false;
        peer->num_plans = 0;
        peer->have = 0;
        peer->skip = 0;
        peer->got = 0;
        judge_begin(&peer->judge);
    }
    event_notifier_set(&fake_wakeup);
}

static struct sockaddr_un fake_sockaddr(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    g_strlcpy(addr.sun_path, fake_socket, sizeof(addr.sun_path));
    return addr;
}

void fake_connect(FakePeer *peer)
{
    struct sockaddr_un addr = fake_sockaddr();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_assert(fd >= 0);
    fake_close(peer);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        close(fd);
        return;
    }
    fake_begin(peer, fd);
}

bool fake_accept(FakePeer *peer)
{
    GPollFD poll = { .fd = fake_listener, .events = G_IO_IN };
    int fd;

    /* accept4() would make a socket before it looks. */
    if (g_poll(&poll, 1, 0) != 1) {
        return false;
    }
    fd = accept4(fake_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    fake_close(peer);
    fake_begin(peer, fd);
    return true;
}

void fake_close(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    if (peer->fd >= 0) {
        /* The thread may be looking at it: that would keep it open. */
        shutdown(peer->fd, SHUT_RDWR);
        close(peer->fd);
        peer->fd = -1;
        judge_closed(&peer->judge);
        event_notifier_set(&fake_wakeup);
    }
}

void fake_shutdown(FakePeer *peer, int how)
{
    QEMU_LOCK_GUARD(&fake_lock);

    if (peer->fd >= 0) {
        judge_unsure(&peer->judge);
        shutdown(peer->fd, how);
    }
}

bool fake_is_open(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    return peer->fd >= 0 && !peer->ended;
}

bool fake_is_decided(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    return peer->fd < 0 || peer->ended || peer->handshake;
}

bool fake_is_drained(FakePeer *peer)
{
    int unread = 0;

    QEMU_LOCK_GUARD(&fake_lock);

    return peer->fd < 0 || peer->ended ||
           ioctl(peer->fd, SIOCOUTQ, &unread) < 0 || !unread;
}

void fake_plan(FakePeer *peer, FakeAnswer how, uint8_t value)
{
    QEMU_LOCK_GUARD(&fake_lock);

    if (peer->num_plans < FAKE_PLANS) {
        peer->plans[peer->num_plans++] = (FakePlan) {
            .how = how,
            .value = value,
        };
    }
}

void fake_give_back(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    peer->gives_back = true;
}

/*
 * ------------------------------------------------------------------------
 * The judge, for the main thread
 */

void fake_proper(FakePeer *peer, bool hello, uint32_t region)
{
    QEMU_LOCK_GUARD(&fake_lock);

    if (peer->has_sent || peer->chunk > SDM_PROTO_MAX_HANDSHAKE) {
        judge_unsure(&peer->judge);
    } else {
        judge_proper(&peer->judge, hello, region);
    }
}

void fake_unsure(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    judge_unsure(&peer->judge);
}

void fake_whole(FakePeer *peer, const struct sdm_proto_header *header,
                const uint8_t *payload)
{
    QEMU_LOCK_GUARD(&fake_lock);

    judge_sent(&peer->judge, header, payload);
}

JudgeState fake_judgement(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    return peer->fd < 0 ? JUDGE_OFF : peer->judge.state;
}

bool fake_is_answered(FakePeer *peer)
{
    QEMU_LOCK_GUARD(&fake_lock);

    return peer->judge.state != JUDGE_ON || peer->ended ||
           g_queue_is_empty(&peer->judge.answers);
}

/*
 * ------------------------------------------------------------------------
 * Sending, in the main thread
 */

/* What the machine has not taken after so many rounds is dropped. */
#define SEND_ROUNDS 1000

/* Of what is sent in pieces the rest goes in one. */
#define MAX_CHUNKS 256

static ssize_t send_some(FakePeer *peer, const void *data, size_t length)
{
    struct iovec iov = { .iov_base = (void *)data, .iov_len = length };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control = { 0 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    int fds[3] = { -1, fake_files[FAKE_FD_GOOD], fake_files[FAKE_FD_PIPE] };
    unsigned n = peer->next_fds == FAKE_FD_SEVERAL ? 3 : 1;

    if (peer->next_fds != FAKE_FD_NONE) {
        fds[0] = fake_files[peer->next_fds];
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
    }
    return sendmsg(peer->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void fake_send(FakePeer *peer, const void *data, size_t length)
{
    const uint8_t *p = data;
    unsigned rounds = 0, chunks = 0;

    peer->has_sent = true;
    while (length && rounds < SEND_ROUNDS && fake_is_open(peer)) {
        bool cut = peer->chunk && chunks++ < MAX_CHUNKS;
        size_t chunk = cut ? MIN(peer->chunk, length) : length;
        ssize_t n = send_some(peer, p, chunk);

        if (n > 0) {
            p += n;
            length -= n;
            peer->next_fds = FAKE_FD_NONE;
            if (cut && length) {
                fake_pump();
            }
        } else if (errno == EAGAIN) {
            fake_wait();
            rounds++;
        } else {
            break;
        }
    }
    if (length) {
        fake_unsure(peer);
    }
}

void fake_send_frame(FakePeer *peer, const struct sdm_proto_header *header,
                     const void *payload, size_t length)
{
    g_autofree uint8_t *frame = g_malloc(SDM_PROTO_HEADER_SIZE + length);

    sdm_proto_put_header(frame, header);
    if (length) {
        memcpy(frame + SDM_PROTO_HEADER_SIZE, payload, length);
    }
    fake_send(peer, frame, SDM_PROTO_HEADER_SIZE + length);
}

/*
 * ------------------------------------------------------------------------
 * Beginning
 */

static void make_files(void)
{
    fake_files[FAKE_FD_NONE] = -1;
    fake_files[FAKE_FD_GOOD] = qemu_memfd_create("good", FAKE_RAM_SIZE, false,
                                                 0, F_SEAL_SHRINK,
                                                 &error_abort);
    fake_files[FAKE_FD_UNSEALED] = qemu_memfd_create("unsealed", FAKE_RAM_SIZE,
                                                     false, 0, 0,
                                                     &error_abort);
    fake_files[FAKE_FD_SMALL] = qemu_memfd_create("small", FAKE_RAM_SIZE / 2,
                                                  false, 0, F_SEAL_SHRINK,
                                                  &error_abort);
    fake_files[FAKE_FD_LARGE] = qemu_memfd_create("large", 16 * FAKE_RAM_SIZE,
                                                  false, 0, F_SEAL_SHRINK,
                                                  &error_abort);
    g_assert(g_unix_open_pipe(fake_pipe, FD_CLOEXEC, NULL));
    fake_files[FAKE_FD_PIPE] = fake_pipe[0];
    fake_files[FAKE_FD_SEVERAL] = fake_files[FAKE_FD_GOOD];
    fake_files[FAKE_FD_DEVICE] = open("/dev/zero", O_RDWR | O_CLOEXEC);
    g_assert(fake_files[FAKE_FD_DEVICE] >= 0);
}

static void fake_clean_up(void)
{
    g_unlink(fake_socket);
    g_rmdir(fake_dir);
}

void fake_init(bool master)
{
    unsigned i;

    judge_open_log();
    for (i = 0; i < FAKE_PEERS; i++) {
        fake_peers[i].fd = -1;
        /* Who is told more than there is sends what is behind it. */
        fake_peers[i].ram = g_malloc0(FAKE_RAM_SIZE + SDM_PROTO_MAX_FRAME);
    }
    fake_dir = g_dir_make_tmp("sdm-fuzz-XXXXXX", NULL);
    g_assert(fake_dir);
    fake_socket = g_build_filename(fake_dir, "socket", NULL);
    if (!master) {
        struct sockaddr_un addr = fake_sockaddr();

        fake_listener = socket(AF_UNIX,
                               SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        g_assert(bind(fake_listener, (struct sockaddr *)&addr,
                      sizeof(addr)) == 0);
        g_assert(listen(fake_listener, 1) == 0);
    }
    atexit(fake_clean_up);
    make_files();
    qemu_mutex_init(&fake_lock);
    g_assert(event_notifier_init(&fake_wakeup, 0) == 0);
    qemu_thread_create(&fake_thread, "fake-peers", fake_run, NULL,
                       QEMU_THREAD_DETACHED);
}
