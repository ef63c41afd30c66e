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
#include "qemu/iov.h"
#include "qemu/lockable.h"
#include "qemu/processor.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "deadline.h"
#include "multi-socket-internal.h"

/*
 * Payload from this size on is received where it belongs, if the channel
 * says where that is, instead of being copied there.
 */
#define RX_DIRECT 4096

/*
 * So where one such payload has come, the head of the next is looked for in
 * pieces of that size. They grow again where there are only small frames.
 */
#define RX_GROWTH 4

/*
 * Room for a whole frame. Large, so that many small ones come at a time.
 */
#define RX_SIZE (SDM_PROTO_MAX_FRAME + 64 * KiB)

/*
 * While other threads receive their answers themselves, the connection's
 * thread would only be woken in vain: it looks at the socket again when there
 * was no such answer for so long.
 */
#define RX_PARK_NS (500 * 1000)

/*
 * Who waits for input in recv() itself does not notice anything else: not
 * longer than this at a time.
 */
#define RX_WAIT_MS 20

/* Results of a look at the socket. */
typedef enum RxResult {
    RX_DATA,
    RX_NOTHING,
    RX_DEAD,
} RxResult;

/* Where in the buffer the next bytes go. */
static struct iovec rx_room(MultiSocketRx *rx)
{
    if (rx->head) {
        memmove(rx->buf, rx->buf + rx->head, rx->tail - rx->head);
        rx->tail -= rx->head;
        rx->head = 0;
    }
    return (struct iovec) {
        .iov_base = rx->buf + rx->tail,
        .iov_len = MIN(RX_SIZE - rx->tail, rx->limit),
    };
}

/* How long to wait for input. */
typedef enum RxPatience {
    RX_NOW,   /* not at all */
    RX_LOOK,  /* look, but do not sleep */
    RX_SLEEP, /* look, then sleep for a short while */
} RxPatience;

/*
 * Receive what is there: into memory a frame is for, or into the buffer. With
 * @wait something comes, or a short while passes (RX_WAIT_MS).
 */
static RxResult rx_recv(MultiSocketPeer *peer, bool wait)
{
    MultiSocketRx *rx = &peer->rx;
    char *reason = NULL;
    ssize_t n;

    if (rx->direct_left) {
        n = multi_socket_io_recv(peer, rx->direct, rx->direct_niov, wait,
                                 &reason);
    } else {
        struct iovec room = rx_room(rx);

        /* To receive nothing would look like the end of the connection. */
        if (!room.iov_len) {
            return RX_NOTHING;
        }
        n = multi_socket_io_recv(peer, &room, 1, wait, &reason);
    }
    if (n < 0) {
        multi_socket_peer_fail(peer, "%s", reason);
        g_free(reason);
        return RX_DEAD;
    }
    if (n == 0) {
        return RX_NOTHING;
    }
    if (rx->direct_left) {
        iov_discard_front(&rx->direct, &rx->direct_niov, n);
        rx->direct_left -= n;
        return RX_DATA;
    }
    rx->tail += n;
    if (n >= rx->limit) {
        rx->limit = MIN(rx->limit * RX_GROWTH, RX_SIZE);
    }
    return RX_DATA;
}

/*
 * The rest of a frame is to be received directly. What of it is in the buffer
 * already is copied.
 */
static void rx_begin_direct(MultiSocketRx *rx, unsigned niov, size_t length)
{
    size_t have = MIN(rx->tail - rx->head, length);

    iov_from_buf(rx->direct_iov, niov, 0, rx->buf + rx->head, have);
    rx->head += have;
    rx->direct = rx->direct_iov;
    rx->direct_niov = niov;
    iov_discard_front(&rx->direct, &rx->direct_niov, have);
    rx->direct_left = length - have;
    rx->is_direct = true;
    rx->limit = RX_DIRECT;
}

/* Ask the channel where the data of a large frame belongs. */
static bool rx_try_direct(MultiSocketPeer *peer,
                          const struct sdm_proto_header *header)
{
    MultiSocketRx *rx = &peer->rx;
    size_t fixed = header->type == SDM_PROTO_MEM_WRITE ?
                   sizeof(struct sdm_proto_mem) : 0;
    unsigned niov;

    if (rx->tail - rx->head < SDM_PROTO_HEADER_SIZE + fixed) {
        return false;
    }
    niov = multi_socket_place(peer, header,
                              rx->buf + rx->head + SDM_PROTO_HEADER_SIZE,
                              rx->direct_iov);
    if (!niov) {
        return false;
    }
    rx->direct_header = *header;
    rx->head += SDM_PROTO_HEADER_SIZE + fixed;
    rx_begin_direct(rx, niov, header->length - fixed);
    return true;
}

/*
 * A frame that is complete, if there is one. *@payload is NULL for one whose
 * data is in its place already.
 */
static bool rx_next_frame(MultiSocketPeer *peer,
                          struct sdm_proto_header *header,
                          const uint8_t **payload)
{
    MultiSocketRx *rx = &peer->rx;
    size_t length = rx->tail - rx->head;
    const char *what;

    if (rx->is_direct) {
        if (rx->direct_left) {
            return false;
        }
        rx->is_direct = false;
        *header = rx->direct_header;
        *payload = NULL;
        return true;
    }

    if (length < SDM_PROTO_HEADER_SIZE) {
        return false;
    }
    what = sdm_proto_parse_header(rx->buf + rx->head, header);
    if (what) {
        multi_socket_peer_fail(peer, "protocol violation: %s", what);
        return false;
    }
    if (header->length >= RX_DIRECT && peer->go_on &&
        rx_try_direct(peer, header)) {
        return rx_next_frame(peer, header, payload);
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

/* What has been decided here counts until the next look. */
static bool rx_held_up(MultiSocketPeer *peer)
{
    bool held_up = !may_receive(peer);

    qatomic_set(&peer->rx.held_up, held_up);
    return held_up;
}

static void rx_serve_frames(MultiSocketPeer *peer)
{
    struct sdm_proto_header header;
    const uint8_t *payload;

    while (!qatomic_read(&peer->dead) && !rx_held_up(peer) &&
           rx_next_frame(peer, &header, &payload)) {
        const char *what = payload ?
                           multi_socket_receive(peer, &header, payload) :
                           multi_socket_placed(peer, &header);

        if (what) {
            multi_socket_peer_fail(peer, "protocol violation: %s", what);
        }
    }
}

/* Look for input for a while, if that is worth it. */
static RxResult rx_look(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;
    RxResult result = RX_NOTHING;
    MultiSocketLook look;

    multi_socket_awake_begin(&peer->ms->awake, &look);
    while (result == RX_NOTHING && multi_socket_awake_go_on(&look)) {
        /* The connection's thread makes way for those who wait for answers. */
        if (!rx->answering && qatomic_read(&rx->wanted)) {
            break;
        }
        result = rx_recv(peer, false);
    }
    return result;
}

/* There is input that the socket does not know of. */
static bool rx_buffered(MultiSocketPeer *peer)
{
    return peer->tls && multi_socket_tls_buffered(peer);
}

/* Receive what comes, or let a short while pass. */
static RxResult rx_sleep(MultiSocketPeer *peer)
{
    GPollFD fd = { .fd = peer->fd, .events = G_IO_IN };

    if (peer->waits_in_recv) {
        return rx_recv(peer, true);
    }
    if (!rx_buffered(peer)) {
        qemu_poll_ns(&fd, 1, RX_WAIT_MS * (int64_t)SCALE_MS);
    }
    return rx_recv(peer, false);
}

static RxResult rx_receive(MultiSocketPeer *peer, RxPatience patience)
{
    RxResult result = RX_NOTHING;

    if (patience != RX_NOW) {
        result = rx_look(peer);
    }
    if (result == RX_NOTHING) {
        result = patience == RX_SLEEP ? rx_sleep(peer) :
                                        rx_recv(peer, false);
    }
    return result;
}

static int64_t min_timeout(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

/*
 * The connection's thread sends what is due, then sleeps until there is input
 * or something to send. True if there is input.
 */
static bool thread_wait(MultiSocketPeer *peer, bool want_input,
                        int64_t timeout)
{
    GPollFD fds[2] = {
        { .fd = event_notifier_get_fd(&peer->wakeup), .events = G_IO_IN },
        { .fd = peer->fd },
    };
    bool blocked, may;

    timeout = min_timeout(timeout, multi_socket_tx_flush(peer, &blocked));
    may = may_receive(peer);
    if (may && qatomic_read(&peer->rx.held_up)) {
        /* There may be frames that have arrived and were not served. */
        return false;
    }
    fds[1].events = (want_input && may ? G_IO_IN : 0) |
                    (blocked ? G_IO_OUT : 0);
    if (qatomic_read(&peer->dead)) {
        return false;
    }
    if (fds[1].events & G_IO_IN && rx_buffered(peer)) {
        return true;
    }
    qemu_poll_ns(fds, fds[1].events ? 2 : 1, timeout);
    if (fds[0].revents) {
        event_notifier_test_and_clear(&peer->wakeup);
    }
    return fds[1].events & G_IO_IN && fds[1].revents & ~G_IO_OUT;
}

/* A thread that only looks makes way in less time than this. */
#define RX_TAKE_TRIES 200

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

/*
 * The one who receives goes on: others may have got their answers meanwhile.
 */
static void rx_wake_others(MultiSocketRx *rx)
{
    /* Either this sees who waits, or he that his answer is there. */
    smp_mb();
    if (qatomic_read(&rx->wanted) > rx->answering) {
        QEMU_LOCK_GUARD(&rx->lock);
        qemu_cond_broadcast(&rx->freed);
    }
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
        if (thread_wait(peer, true, -1)) {
            rx_recv(peer, false);
        }
    }
    return false;
}

/* Receive and serve what is there. False if there was nothing. */
static bool rx_step(MultiSocketPeer *peer, RxPatience patience)
{
    MultiSocketRx *rx = &peer->rx;
    RxResult result = RX_NOTHING;

    if (!rx_take(rx)) {
        return false;
    }
    /* What was left because the peer did not take its answers. */
    rx_serve_frames(peer);
    /* What has begun comes to an end soon. */
    while (!qatomic_read(&rx->held_up) &&
           (result = rx_receive(peer, rx->direct_left ? RX_SLEEP :
                                      patience)) == RX_DATA) {
        multi_socket_awake_note(&peer->ms->awake);
        rx_serve_frames(peer);
        if (!rx->direct_left) {
            break;
        }
        rx_wake_others(rx);
    }
    rx_give_back(rx);
    return result == RX_DATA;
}

/*
 * A slave's thread is the only one who receives, and sends at once what it
 * has to say: while the master is busy it need not look for anything else. A
 * master's thread has stores to send that become due.
 */
static RxPatience thread_patience(MultiSocketPeer *peer)
{
    if (multi_socket_tx_pending(peer)) {
        return RX_NOW;
    }
    return multi_socket_is_master(peer->ms) ? RX_LOOK : RX_SLEEP;
}

void multi_socket_rx_run(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;
    unsigned own_answers = qatomic_read(&rx->own_answers);

    while (!qatomic_read(&peer->dead)) {
        unsigned now = qatomic_read(&rx->own_answers);
        bool parked = now != own_answers;
        RxPatience patience = thread_patience(peer);

        own_answers = now;
        if (!parked && rx_step(peer, patience) &&
            (patience == RX_SLEEP ||
             (patience == RX_LOOK &&
              multi_socket_awake_wanted(&peer->ms->awake)))) {
            continue;
        }
        thread_wait(peer, !parked, parked ? RX_PARK_NS : -1);
    }
}

void multi_socket_rx_end(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;

    WITH_QEMU_LOCK_GUARD(&rx->lock) {
        /* Not for long: who receives has been woken. */
        while (rx->busy) {
            qemu_cond_wait(&rx->freed, &rx->lock);
        }
    }
    if (rx->is_direct) {
        rx->is_direct = false;
        multi_socket_placed(peer, NULL);
    }
}

/*
 * Receive until the answer is there, or the time is up: whatever else the peer
 * sends is no answer.
 */
static void answer_receive(MultiSocketPeer *peer, const bool *done,
                           SDMDeadline *deadline)
{
    MultiSocketRx *rx = &peer->rx;

    qatomic_inc(&rx->own_answers);
    rx->answering = true;
    while (!qatomic_load_acquire(done) && !qatomic_read(&peer->dead) &&
           sdm_deadline_left(deadline)) {
        if (rx_receive(peer, RX_SLEEP) == RX_DATA) {
            multi_socket_awake_note(&peer->ms->awake);
            rx_serve_frames(peer);
            if (!qatomic_load_acquire(done)) {
                rx_wake_others(rx);
            }
        }
    }
    rx->answering = false;
}

/* As rx_take(), but let a thread that only looks make way. */
static bool rx_take_over(MultiSocketRx *rx)
{
    int tries = 0;

    while (!rx_take(rx)) {
        if (++tries > RX_TAKE_TRIES) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

int multi_socket_peer_wait_answer(MultiSocketPeer *peer, const bool *done,
                                  unsigned timeout_ms)
{
    MultiSocketRx *rx = &peer->rx;
    SDMDeadline deadline = sdm_deadline(timeout_ms);
    int ret = 0;

    qatomic_inc(&rx->wanted);
    while (!qatomic_load_acquire(done) && !qatomic_read(&peer->dead)) {
        if (rx_take_over(rx)) {
            answer_receive(peer, done, &deadline);
            rx_give_back(rx);
            /* The connection's thread may sleep, and the socket is empty. */
            if (rx_buffered(peer)) {
                event_notifier_set(&peer->wakeup);
            }
        } else {
            /*
             * Who receives will serve this answer, too: when the time is up
             * the grace is for that.
             */
            QEMU_LOCK_GUARD(&rx->lock);
            if (rx->busy && !qatomic_load_acquire(done)) {
                sdm_deadline_wait(&deadline, &rx->freed, &rx->lock);
            }
        }
        if (!qatomic_load_acquire(done) && !sdm_deadline_left(&deadline)) {
            multi_socket_peer_fail(peer, "no answer for %u ms", timeout_ms);
            ret = -ETIMEDOUT;
            break;
        }
    }
    qatomic_dec(&rx->wanted);
    if (!ret && !qatomic_load_acquire(done)) {
        ret = -ECONNRESET;
    }
    return ret;
}

void multi_socket_rx_init(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;

    const struct timeval wait = { .tv_usec = RX_WAIT_MS * 1000 };

    qemu_mutex_init(&rx->lock);
    qemu_cond_init(&rx->freed);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    rx->buf = g_malloc(RX_SIZE);
    rx->limit = RX_SIZE;
}

void multi_socket_rx_destroy(MultiSocketPeer *peer)
{
    MultiSocketRx *rx = &peer->rx;

    g_free(rx->buf);
    qemu_cond_destroy(&rx->freed);
    qemu_mutex_destroy(&rx->lock);
}
