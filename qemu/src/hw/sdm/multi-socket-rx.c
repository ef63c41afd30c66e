/*
 * multi-socket-backend: receiving on one connection
 *
 * The connection's thread receives what nobody waits for. A thread that does
 * wait, for the answer to a read, receives for itself: that saves waking two
 * threads one after the other. Whoever receives serves all frames that come,
 * whomever they concern.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/lockable.h"
#include "qemu/processor.h"
#include "qemu/timer.h"
#include "multi-socket-internal.h"

/* Room for a whole frame behind the remains of another one. */
#define RX_SIZE (2 * SDM_PROTO_MAX_FRAME)

/*
 * While other threads receive their answers themselves, the connection's
 * thread would only be woken in vain: it looks at the socket again when there
 * was no such answer for so long.
 */
#define RX_PARK_NS (500 * 1000)

/* Bounds of looking for input before sleeping. */
#define RX_POLL_MAX_NS (50 * 1000)
#define RX_POLL_MIN_NS (4 * 1000)

/* Results of a look at the socket. */
typedef enum RxResult {
    RX_DATA,
    RX_NOTHING,
    RX_DEAD,
} RxResult;

/* Receive what is there, if there is room. */
static RxResult rx_recv(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;
    ssize_t n;

    if (rx->head) {
        memmove(rx->buf, rx->buf + rx->head, rx->tail - rx->head);
        rx->tail -= rx->head;
        rx->head = 0;
    }
    do {
        n = recv(peer->fd, rx->buf + rx->tail, RX_SIZE - rx->tail,
                 MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);

    if (n > 0) {
        rx->tail += n;
        return RX_DATA;
    }
    if (n == 0) {
        multi_socket_peer_fail(peer, "the peer closed the connection");
        return RX_DEAD;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
        multi_socket_peer_fail(peer, "receiving: %s", strerror(errno));
        return RX_DEAD;
    }
    return RX_NOTHING;
}

/* A frame that is complete in the buffer, if there is one. */
static bool rx_next_frame(MultiSocketPeer *peer,
                          struct sdm_proto_header *header,
                          const uint8_t **payload)
{
    MultiSocketRx *rx = &peer->rx;
    size_t length = rx->tail - rx->head;
    const char *what;

    if (length < SDM_PROTO_HEADER_SIZE) {
        return false;
    }
    what = sdm_proto_parse_header(rx->buf + rx->head, header);
    if (what) {
        multi_socket_peer_fail(peer, "protocol violation: %s", what);
        return false;
    }
    if (length < SDM_PROTO_HEADER_SIZE + header->length) {
        return false;
    }
    *payload = rx->buf + rx->head + SDM_PROTO_HEADER_SIZE;
    rx->head += SDM_PROTO_HEADER_SIZE + header->length;
    return true;
}

/*
 * A slave whose answers are not taken does not look for more questions: that
 * bounds the queue. A master always receives, so the two cannot block each
 * other.
 */
static bool may_receive(MultiSocketPeer *peer)
{
    return multi_socket_is_master(peer->ms) ||
           !multi_socket_peer_congested(peer);
}

static void rx_serve_frames(MultiSocketPeer *peer)
{
    struct sdm_proto_header header;
    const uint8_t *payload;

    while (!qatomic_read(&peer->dead) && may_receive(peer) &&
           rx_next_frame(peer, &header, &payload)) {
        const char *what = multi_socket_receive(peer, &header, payload);

        if (what) {
            multi_socket_peer_fail(peer, "protocol violation: %s", what);
        }
    }
}

/* Two that wait for each other on one CPU must not keep it busy. */
static bool polling_pays(void)
{
    static int cpus;

    if (!cpus) {
        cpu_set_t set;

        cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
    }
    return cpus > 1;
}

/*
 * Look for input for a short time. The time follows its success: it grows
 * where a little longer would have done, and shrinks where it was in vain.
 */
static RxResult rx_poll(MultiSocketPeer *peer)
{
    unsigned poll_ns = qatomic_read(&peer->rx.poll_ns);
    int64_t end;
    RxResult result;

    if (!polling_pays() || !poll_ns) {
        return rx_recv(peer);
    }
    end = get_clock() + poll_ns;
    do {
        int i;

        result = rx_recv(peer);
        if (result != RX_NOTHING) {
            return result;
        }
        for (i = 0; i < 8; i++) {
            cpu_relax();
        }
    } while (get_clock() < end);
    return RX_NOTHING;
}

/* Input came after having slept for @slept_ns. */
static void rx_adapt(MultiSocketRx *rx, int64_t slept_ns)
{
    unsigned poll_ns = qatomic_read(&rx->poll_ns);

    if (slept_ns <= RX_POLL_MAX_NS) {
        poll_ns = MIN(MAX(2 * poll_ns, RX_POLL_MIN_NS), RX_POLL_MAX_NS);
    } else {
        poll_ns = poll_ns / 2 < RX_POLL_MIN_NS ? 0 : poll_ns / 2;
    }
    qatomic_set(&rx->poll_ns, poll_ns);
}

static int64_t min_timeout(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

/*
 * The connection's thread sends what is due, then sleeps until there is input
 * or something to send.
 */
static void thread_wait(MultiSocketPeer *peer, bool want_input,
                        int64_t timeout)
{
    GPollFD fds[2] = {
        { .fd = event_notifier_get_fd(&peer->wakeup), .events = G_IO_IN },
        { .fd = peer->fd },
    };
    bool blocked;

    timeout = min_timeout(timeout, multi_socket_tx_flush(peer, &blocked));
    fds[1].events = (want_input && may_receive(peer) ? G_IO_IN : 0) |
                    (blocked ? G_IO_OUT : 0);
    if (qatomic_read(&peer->dead)) {
        return;
    }
    qemu_poll_ns(fds, fds[1].events ? 2 : 1, timeout);
    if (fds[0].revents) {
        event_notifier_test_and_clear(&peer->wakeup);
    }
}

/* Become the one who receives. False if somebody else is. */
static bool rx_take(MultiSocketRx *rx)
{
    QEMU_LOCK_GUARD(&rx->lock);

    if (rx->busy) {
        return false;
    }
    rx->busy = true;
    return true;
}

static void rx_give_back(MultiSocketRx *rx)
{
    QEMU_LOCK_GUARD(&rx->lock);

    rx->busy = false;
    qemu_cond_broadcast(&rx->freed);
}

bool multi_socket_rx_first_frame(MultiSocketPeer *peer,
                                 struct sdm_proto_header *header,
                                 const uint8_t **payload)
{
    /* Nobody waits for an answer yet: no need to become the receiver. */
    while (!qatomic_read(&peer->dead)) {
        if (rx_next_frame(peer, header, payload)) {
            return true;
        }
        if (rx_recv(peer) == RX_NOTHING) {
            thread_wait(peer, true, -1);
        }
    }
    return false;
}

/* Receive and serve what is there. False if there is nothing (more) to do. */
static bool rx_step(MultiSocketPeer *peer, int64_t *slept)
{
    MultiSocketRx *rx = &peer->rx;
    RxResult result = RX_NOTHING;

    if (!rx_take(rx)) {
        return false;
    }
    /* What was left because the peer did not take its answers. */
    rx_serve_frames(peer);
    if (may_receive(peer)) {
        result = rx_poll(peer);
    }
    if (result == RX_DATA) {
        rx_adapt(rx, *slept);
        *slept = 0;
        rx_serve_frames(peer);
    }
    rx_give_back(rx);
    return result == RX_DATA;
}

void multi_socket_rx_run(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;
    unsigned own_answers = qatomic_read(&rx->own_answers);
    int64_t slept = 0;

    while (!qatomic_read(&peer->dead)) {
        unsigned now = qatomic_read(&rx->own_answers);
        bool parked = now != own_answers;
        int64_t begin;

        own_answers = now;
        if (!parked && rx_step(peer, &slept)) {
            continue;
        }
        begin = get_clock();
        thread_wait(peer, !parked, parked ? RX_PARK_NS : -1);
        slept = get_clock() - begin;
    }
}

/* Sleep until there is input, the end of the connection, or @timeout_ns. */
static void answer_sleep(MultiSocketPeer *peer, int64_t timeout_ns)
{
    GPollFD fd = { .fd = peer->fd, .events = G_IO_IN };

    qemu_poll_ns(&fd, 1, timeout_ns);
}

/* Receive until the answer is there. */
static void answer_receive(MultiSocketPeer *peer, const bool *done,
                           int64_t end)
{
    MultiSocketRx *rx = &peer->rx;
    bool last = false;

    qatomic_inc(&rx->own_answers);
    while (!qatomic_load_acquire(done) && !qatomic_read(&peer->dead)) {
        RxResult result = rx_poll(peer);
        int64_t begin = get_clock();

        if (result == RX_DATA) {
            rx_serve_frames(peer);
        } else if (last) {
            break;
        } else if (result == RX_NOTHING) {
            answer_sleep(peer, MAX(end - begin, 0));
            rx_adapt(rx, get_clock() - begin);
            /* It may have been this process that did not get on. */
            last = get_clock() >= end;
        }
    }
}

int multi_socket_peer_wait_answer(MultiSocketPeer *peer, const bool *done,
                                  unsigned timeout_ms)
{
    MultiSocketRx *rx = &peer->rx;
    int64_t end = get_clock() + timeout_ms * (int64_t)SCALE_MS;

    while (!qatomic_load_acquire(done) && !qatomic_read(&peer->dead)) {
        if (rx_take(rx)) {
            answer_receive(peer, done, end);
            rx_give_back(rx);
        } else {
            /* Who receives will serve this answer, too. */
            QEMU_LOCK_GUARD(&rx->lock);
            if (rx->busy && !qatomic_load_acquire(done)) {
                qemu_cond_timedwait(&rx->freed, &rx->lock, timeout_ms);
            }
        }
        if (!qatomic_load_acquire(done) && get_clock() >= end) {
            multi_socket_peer_fail(peer, "no answer for %u ms", timeout_ms);
            return -ETIMEDOUT;
        }
    }
    return qatomic_load_acquire(done) ? 0 : -ECONNRESET;
}

void multi_socket_rx_init(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;

    qemu_mutex_init(&rx->lock);
    qemu_cond_init(&rx->freed);
    rx->buf = g_malloc(RX_SIZE);
}

void multi_socket_rx_destroy(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;

    g_free(rx->buf);
    qemu_cond_destroy(&rx->freed);
    qemu_mutex_destroy(&rx->lock);
}
