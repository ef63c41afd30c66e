/*
 * SDM: signals from slave to slave
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "hw/sdm/inbox.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "sdm/raw.h"

static Rig *rig;
static Machine *master, *slave1, *slave2;

static void start(void)
{
    rig = rig_new_tcp();
    master = start_master(rig, &(MasterOptions) { .num_slaves = 3 });
    slave1 = start_slave(rig, NULL);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
}

static void end(void)
{
    quit_machine(slave1);
    quit_machine(slave2);
    quit_machine(master);
    rig_free(rig);
}

/* Both have the other one's credits: whatever was before has been told. */
static void wait_pair(Machine *a, uint32_t a_id, Machine *b, uint32_t b_id)
{
    WAIT_FOR(peer_credits(a, b_id) == SDM_ROUTED_CREDITS);
    WAIT_FOR(peer_credits(b, a_id) == SDM_ROUTED_CREDITS);
}

static void test_arrival(void)
{
    start();
    wait_pair(slave1, 1, slave2, 2);
    g_assert_cmphex(peer_state(slave1, 2), ==, SDM_PEER_RESET);
    g_assert_cmpint(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_NUM_SIGNALS)), ==,
                    SDM_NUM_SIGNALS);
    g_assert_cmphex(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_ARCH)), ==,
                    EM_ARM);
    g_assert_cmpint(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_CPUS)), ==, 1);
    g_assert_cmpint(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_GENERATION)), ==,
                    1);
    /* Not to be booted by it, nor reset, and its memory is not to be seen. */
    g_assert_cmphex(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_BOOT_SIGNAL)), ==,
                    SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_RESET_SIGNAL)),
                    ==, SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg64(slave1, SDM_REG_PEER(2, SDM_PEER_MEM_SIZE_LO)),
                    ==, 0);
    g_assert_cmphex(peer_state(slave1, 3), ==, SDM_PEER_ABSENT);
    end();
}

/* They see what becomes of each other, and an interrupt tells. */
static void test_states(void)
{
    start();
    wait_pair(slave1, 1, slave2, 2);
    set_reg(slave1, SDM_REG_PEER_CHANGED(0), ~0);
    set_reg(slave1, SDM_REG_IRQ_ENABLE, SDM_IRQ_PEER);
    g_assert_false(irq_level(slave1, "sdm"));
    set_reg(slave2, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    WAIT_FOR(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_STATE)) ==
             (SDM_PEER_RESET | SDM_PEER_STATE_DRIVER));
    g_assert_true(irq_level(slave1, "sdm"));
    g_assert_cmphex(get_reg(slave1, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(2));

    quit_machine(slave2);
    wait_peer_state(slave1, 2, SDM_PEER_ABSENT);
    g_assert_cmpint(peer_credits(slave1, 2), ==, 0);
    g_assert_cmpint(send_signal(slave1, 2, 5, 0, 0), ==, SDM_TX_NO_LINK);
    slave2 = start_slave(rig, NULL);
    wait_pair(slave1, 1, slave2, 2);
    g_assert_cmpint(get_reg(slave1, SDM_REG_PEER(2, SDM_PEER_GENERATION)), ==,
                    2);
    kill_machine(slave2);
    wait_peer_state(slave1, 2, SDM_PEER_LOST);
    expect_line(master, "*lost*");
    slave2 = start_slave(rig, NULL);
    wait_pair(slave1, 1, slave2, 2);

    /* With their master, all are gone. */
    kill_machine(master);
    wait_peer_state(slave1, 2, SDM_PEER_LOST);
    wait_peer_state(slave1, 0, SDM_PEER_LOST);
    expect_line(slave1, "*lost*");
    expect_line(slave2, "*lost*");
    quit_machine(slave1);
    quit_machine(slave2);
    rig_free(rig);
}

static void test_signals(void)
{
    unsigned i;

    start();
    wait_pair(slave1, 1, slave2, 2);
    for (i = 0; i < 200; i++) {
        /* All but 0 and 1, which boot and reset a slave. */
        g_assert_cmpint(send_signal(slave1, 2, 2 + i % 62, i, 1), ==,
                        SDM_TX_OK);
        g_assert_cmpint(send_signal(slave1, 2, 5, i, 2), ==, SDM_TX_OK);
        g_assert_cmpint(send_signal(slave2, 1, 2 + i % 62, 3, i), ==,
                        SDM_TX_OK);
        expect_signal(slave2, 1, 2 + i % 62, i, 1);
        expect_signal(slave2, 1, 5, i, 2);
        expect_signal(slave1, 2, 2 + i % 62, 3, i);
        /* Credits come back several at a time. */
        WAIT_FOR(peer_credits(slave1, 2) >= 2 && peer_credits(slave2, 1));
    }
    g_assert_cmphex(get_reg(master, SDM_REG_RX_HEAD), ==, 0);
    end();
}

/* Only the master boots and resets. */
static void test_barred(void)
{
    start();
    wait_pair(slave1, 1, slave2, 2);
    g_assert_cmpint(send_signal(slave1, 2, 0, RAM_BASE, 0), ==,
                    SDM_TX_NO_SIGNAL);
    g_assert_cmpint(send_signal(slave1, 2, 1, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmpint(send_signal(slave1, 2, 64, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmpint(send_signal(slave1, 3, 5, 0, 0), ==, SDM_TX_NO_LINK);
    g_assert_cmpint(send_signal(slave1, 4, 5, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmphex(peer_state(master, 2), ==, SDM_PEER_RESET);
    end();
}

/* A receiver that does not read holds back its sender, and nobody else. */
static void test_back_pressure(void)
{
    unsigned i;

    start();
    wait_pair(slave1, 1, slave2, 2);
    set_reg(slave1, SDM_REG_IRQ_ENABLE, SDM_IRQ_TX_FREE);
    for (i = 0; i < SDM_ROUTED_CREDITS; i++) {
        g_assert_cmpint(send_signal(slave1, 2, 5, i, ~i), ==, SDM_TX_OK);
    }
    g_assert_cmpint(send_signal(slave1, 2, 5, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmpint(send_signal(slave1, 0, 5, 7, 0), ==, SDM_TX_OK);
    expect_signal(master, 1, 5, 7, 0);
    g_assert_cmpint(send_signal(master, 2, 6, 8, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(slave2, 1, 5, 9, 0), ==, SDM_TX_OK);
    expect_signal(slave1, 2, 5, 9, 0);
    g_assert_false(irq_level(slave1, "sdm"));

    /* Those of the master do not wait behind them. */
    expect_signal(slave2, 1, 5, 0, ~0u);
    expect_signal(slave2, 0, 6, 8, 0);
    for (i = 1; i < SDM_ROUTED_CREDITS; i++) {
        expect_signal(slave2, 1, 5, i, ~i);
    }
    WAIT_FOR(irq_level(slave1, "sdm"));
    g_assert_cmphex(get_reg(slave1, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(2));
    WAIT_FOR(peer_credits(slave1, 2) == SDM_ROUTED_CREDITS);
    end();
}

/* How many signals of machine @id have come. */
static uint64_t received(Machine *m, uint32_t id)
{
    QDict *info = qtest_qmp_assert_success_ref(m->qts,
                                               "{ 'execute': 'query-sdm' }");
    QList *devices = qdict_get_qlist(info, "devices");
    QDict *device = qobject_to(QDict, qlist_peek(devices));
    const QListEntry *entry;
    uint64_t n = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(device, "peers"), entry) {
        const QDict *peer = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(peer, "id") == id) {
            n = qdict_get_int(peer, "received");
        }
    }
    qobject_unref(info);
    return n;
}

/* What waits in a slave is discarded by its reset, and its places are free. */
static void test_receiver_is_reset(void)
{
    unsigned i;

    start();
    wait_pair(slave1, 1, slave2, 2);
    for (i = 0; i < SDM_ROUTED_CREDITS; i++) {
        g_assert_cmpint(send_signal(slave1, 2, 5, i, ~i), ==, SDM_TX_OK);
    }
    WAIT_FOR(received(slave2, 1) == SDM_ROUTED_CREDITS);
    g_assert_cmpint(send_signal(master, 2, 1, 0, 0), ==, SDM_TX_OK);
    WAIT_FOR(peer_credits(slave1, 2) == SDM_ROUTED_CREDITS);
    g_assert_cmphex(get_reg(slave2, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmpint(send_signal(slave1, 2, 5, 1, 2), ==, SDM_TX_OK);
    expect_signal(slave2, 1, 5, 1, 2);
    end();
}

/* What a slave has sent is readable when it has gone, and takes places. */
static void test_sender_is_gone(void)
{
    unsigned i;

    start();
    wait_pair(slave1, 1, slave2, 2);
    for (i = 0; i < SDM_ROUTED_CREDITS; i++) {
        g_assert_cmpint(send_signal(slave1, 2, 5, i, 0), ==, SDM_TX_OK);
    }
    quit_machine(slave1);
    wait_peer_state(slave2, 1, SDM_PEER_ABSENT);
    slave1 = start_slave(rig, NULL);
    WAIT_FOR(peer_credits(slave2, 1) == SDM_ROUTED_CREDITS);
    g_assert_cmpint(peer_credits(slave1, 2), ==, 0);
    g_assert_cmpint(send_signal(slave1, 2, 6, 0, 0), ==, SDM_TX_BUSY);
    for (i = 0; i < SDM_ROUTED_CREDITS; i++) {
        expect_signal(slave2, 1, 5, i, 0);
    }
    WAIT_FOR(peer_credits(slave1, 2) == SDM_ROUTED_CREDITS);
    end();
}

static void test_taken(void)
{
    const unsigned taken = SDM_REG_PEER(2, SDM_PEER_TAKEN_LO);

    start();
    wait_pair(slave1, 1, slave2, 2);
    set_reg(slave1, SDM_REG_PEER(2, SDM_PEER_REPORT_LO), 1 << 5);
    g_assert_cmpint(send_signal(slave1, 2, 6, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(slave1, 2, 5, 0, 0), ==, SDM_TX_OK);
    expect_signal(slave2, 1, 6, 0, 0);
    wait_reg(slave2, SDM_REG_RX_HEAD, SDM_RX_VALID, SDM_RX_VALID);
    g_assert_cmphex(get_reg(slave1, taken), ==, 0);
    expect_signal(slave2, 1, 5, 0, 0);
    wait_reg(slave1, taken, ~0, 1 << 5);
    end();
}

/*
 * ------------------------------------------------------------------------
 * By hand: a slave, which knows the feature or does not
 */

static int join_as(uint32_t id, uint32_t features)
{
    RawHello hello = {
        .hello = raw_hello, .memory = &raw_memory, .signals = &raw_signals,
    };
    int fd = raw_connect(rig);

    hello.hello.features = features;
    hello.hello.id = id;
    raw_send_hello(fd, &hello);
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    return fd;
}

/* As slave 1; if it knows the feature it learns of slave 2. */
static int join(uint32_t features, struct sdm_proto_peer *peer)
{
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_header header;
    int fd = join_as(1, features);

    if (features) {
        raw_expect(fd, SDM_PROTO_PEER, &header, payload);
        g_assert_null(sdm_proto_parse_peer(payload, peer));
    }
    return fd;
}

static void raw_send_peer_signal(int fd, uint32_t epoch,
                                 const struct sdm_proto_signal *signal)
{
    uint8_t buf[sizeof(*signal)];

    sdm_proto_put_signal(buf, signal);
    raw_send_frame(fd, SDM_PROTO_SIGNAL, epoch, 0, buf, sizeof(buf));
}

static void raw_send_peer_credit(int fd,
                                 const struct sdm_proto_peer_credit *credit)
{
    uint8_t buf[sizeof(*credit)];

    sdm_proto_put_peer_credit(buf, credit);
    raw_send_frame(fd, SDM_PROTO_PEER_CREDIT, 0, 0, buf, sizeof(buf));
}

static void start_raw(void)
{
    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave2 = start_slave(rig, &(SlaveOptions) { .id = 2 });
    wait_connected(master, 1);
}

static void end_raw(void)
{
    quit_machine(slave2);
    quit_machine(master);
    rig_free(rig);
}

static void expect_violation(int fd, const char *reason)
{
    g_autofree char *line =
        g_strdup_printf("*link to slave * lost: protocol violation: %s",
                        reason);

    raw_expect_end(fd);
    expect_line(master, line);
    wait_connected(master, 1);
    wait_peer_state(slave2, 1, SDM_PEER_LOST);
}

/* Who does not know of it is left alone, and nobody learns of it. */
static void test_without_feature(void)
{
    const struct sdm_proto_signal signal = {
        .source = 1, .dest = 2, .signal = 5,
    };
    int fd;

    start_raw();
    fd = join(0, NULL);
    wait_connected(master, 2);
    g_assert_cmpint(send_signal(master, 2, 5, 0, 0), ==, SDM_TX_OK);
    expect_signal(slave2, 0, 5, 0, 0);
    g_assert_cmphex(peer_state(slave2, 1), ==, SDM_PEER_ABSENT);
    raw_send_signal(fd, &signal);
    raw_expect_end(fd);
    expect_line(master, "*link to slave * lost: protocol violation: "
                "signal for somebody else");
    end_raw();
}

/* The frames, as they are documented. */
static void test_frames(void)
{
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_signal signal = {
        .source = 1, .dest = 2, .signal = 3, .data = { 7, 8 },
    };
    struct sdm_proto_peer_credit credit;
    struct sdm_proto_header header;
    struct sdm_proto_peer peer;
    int fd;

    start_raw();
    fd = join(~0, &peer);
    g_assert_cmpint(peer.id, ==, 2);
    g_assert_cmpint(peer.epoch, !=, 0);
    g_assert_cmpint(peer.num_signals, ==, SDM_NUM_SIGNALS);
    g_assert_cmpint(peer.boot_signal, ==, 0);
    g_assert_cmpint(peer.reset_signal, ==, 1);
    g_assert_cmphex(peer.state, ==, SDM_PEER_RESET);
    g_assert_cmphex(peer.arch, ==, EM_ARM);
    g_assert_cmpint(peer.cpus, ==, 1);

    raw_expect(fd, SDM_PROTO_PEER_CREDIT, NULL, payload);
    g_assert_null(sdm_proto_parse_peer_credit(payload, &credit));
    g_assert_cmpint(credit.id, ==, 2);
    g_assert_cmpint(credit.epoch, ==, peer.epoch);
    g_assert_cmpint(credit.credits, ==, SDM_ROUTED_CREDITS);
    g_assert_cmpint(credit.taken, ==, 0);
    raw_send_peer_signal(fd, peer.epoch, &signal);
    expect_signal(slave2, 1, 3, 7, 8);

    /* This slave lets the other one send a single signal. */
    g_assert_cmpint(send_signal(slave2, 1, 3, 1, 2), ==, SDM_TX_BUSY);
    credit.credits = 1;
    raw_send_peer_credit(fd, &credit);
    WAIT_FOR(peer_credits(slave2, 1) == 1);
    g_assert_cmpint(send_signal(slave2, 1, 3, 1, 2), ==, SDM_TX_OK);
    raw_expect(fd, SDM_PROTO_SIGNAL, NULL, payload);
    sdm_proto_parse_signal(payload, &signal);
    g_assert_cmpint(signal.source, ==, 2);
    g_assert_cmpint(signal.dest, ==, 1);
    g_assert_cmpint(signal.signal, ==, 3);
    g_assert_cmphex(signal.data[0], ==, 1);

    set_reg(slave2, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    raw_expect(fd, SDM_PROTO_PEER_STATE, &header, NULL);
    g_assert_cmpint(header.tag, ==, 2);
    g_assert_cmphex(header.arg, ==, SDM_PEER_RESET | SDM_PEER_STATE_DRIVER);
    quit_machine(slave2);
    raw_expect(fd, SDM_PROTO_PEER_STATE, &header, NULL);
    g_assert_cmpint(header.tag, ==, 2);
    g_assert_cmphex(header.arg, ==, SDM_PEER_ABSENT);
    slave2 = start_slave(rig, &(SlaveOptions) { .id = 2 });
    raw_leave(fd);
    end_raw();
}

/* What was meant for an earlier machine is not for the next one. */
static void test_stale(void)
{
    const struct sdm_proto_signal signal = {
        .source = 1, .dest = 2, .signal = 3, .data = { 7, 8 },
    };
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_peer_credit credit = { .id = 2, .credits = 5 };
    struct sdm_proto_peer first, second;
    unsigned i;
    int fd;

    start_raw();
    fd = join(~0, &first);
    raw_expect(fd, SDM_PROTO_PEER_CREDIT, NULL, NULL);
    quit_machine(slave2);
    slave2 = start_slave(rig, &(SlaveOptions) { .id = 2 });
    raw_expect(fd, SDM_PROTO_PEER_STATE, NULL, NULL);
    raw_expect(fd, SDM_PROTO_PEER, NULL, payload);
    g_assert_null(sdm_proto_parse_peer(payload, &second));
    g_assert_cmpint(second.epoch, !=, first.epoch);
    raw_expect(fd, SDM_PROTO_PEER_CREDIT, NULL, NULL);

    /* Far more than there are credits for: none of them counts. */
    for (i = 0; i < 4 * SDM_ROUTED_CREDITS; i++) {
        raw_send_peer_signal(fd, first.epoch, &signal);
        credit.epoch = first.epoch;
        raw_send_peer_credit(fd, &credit);
    }
    raw_send_peer_signal(fd, second.epoch, &signal);
    expect_signal(slave2, 1, 3, 7, 8);
    g_assert_cmphex(get_reg(slave2, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmpint(peer_credits(slave2, 1), ==, 0);
    raw_leave(fd);
    end_raw();
}

/* The others do not suffer from a slave that breaks the rules. */
static void test_violations(void)
{
    static const struct {
        struct sdm_proto_signal signal;
        const char *reason;
    } bad_signals[] = {
        { { .source = 2, .dest = 2, .signal = 5 },
          "signal in the name of somebody else" },
        { { .source = 1, .dest = 1, .signal = 5 }, "signal for somebody else" },
        { { .source = 1, .dest = 2, .signal = 64 },
          "signal to a slave that is not for slaves to send" },
        { { .source = 1, .dest = 2, .signal = 0 },
          "signal to a slave that is not for slaves to send" },
        { { .source = 1, .dest = 2, .signal = 1 },
          "signal to a slave that is not for slaves to send" },
        { { .source = 1, .dest = 2, .signal = 5, .flags = 2 },
          "unknown flags of a signal" },
    };
    static const struct {
        uint32_t id;
        uint32_t credits;
        uint32_t taken;
        const char *reason;
    } bad_credits[] = {
        { 1, 1, 0, "credits for somebody else" },
        { 2, 0, 0, "impossible number of credits" },
        { 2, SDM_ROUTED_CREDITS + 1, 0, "impossible number of credits" },
        { 2, 0xffffffff, 0, "impossible number of credits" },
        { 2, 1, 5, "report of a signal that there is not" },
    };
    static const uint16_t masters[] = {
        SDM_PROTO_PEER, SDM_PROTO_PEER_STATE,
    };
    struct sdm_proto_peer peer;
    uint8_t buf[sizeof(peer)];
    unsigned i, n;
    int fd;

    start_raw();
    for (i = 0; i < ARRAY_SIZE(bad_signals); i++) {
        fd = join(~0, &peer);
        raw_send_peer_signal(fd, peer.epoch, &bad_signals[i].signal);
        expect_violation(fd, bad_signals[i].reason);
    }
    for (i = 0; i < ARRAY_SIZE(bad_credits); i++) {
        struct sdm_proto_peer_credit credit = {
            .id = bad_credits[i].id,
            .credits = bad_credits[i].credits,
            .taken = bad_credits[i].taken,
        };

        fd = join(~0, &peer);
        credit.epoch = peer.epoch;
        raw_send_peer_credit(fd, &credit);
        expect_violation(fd, bad_credits[i].reason);
    }
    for (i = 0; i < ARRAY_SIZE(masters); i++) {
        fd = join(~0, &peer);
        sdm_proto_put_peer(buf, &peer);
        raw_send_frame(fd, masters[i], 2, SDM_PEER_RESET, buf,
                       masters[i] == SDM_PROTO_PEER ? sizeof(buf) : 0);
        expect_violation(fd, "frame that only a master sends");
    }
    /* One more than there are credits for: the others have been delivered. */
    fd = join(~0, &peer);
    raw_expect(fd, SDM_PROTO_PEER_CREDIT, NULL, NULL);
    for (n = 0; n <= SDM_ROUTED_CREDITS; n++) {
        const struct sdm_proto_signal signal = {
            .source = 1, .dest = 2, .signal = 2, .data = { n },
        };

        raw_send_peer_signal(fd, peer.epoch, &signal);
    }
    expect_violation(fd, "more signals than credits");
    for (n = 0; n < SDM_ROUTED_CREDITS; n++) {
        expect_signal(slave2, 1, 2, n, 0);
    }
    g_assert_cmpint(send_signal(master, 2, 5, 0, 0), ==, SDM_TX_OK);
    expect_signal(slave2, 0, 5, 0, 0);
    end_raw();
}

/* Far more than a socket takes from a peer that does not read */
#define CHANGES 3000

static void change_state(int fd, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        uint32_t state = SDM_PEER_RESET | (i % 2 ? 0 : SDM_PEER_STATE_DRIVER);

        raw_send_header(fd, SDM_PROTO_STATE, 0, 0, 0, state);
        WAIT_FOR(get_reg(master, SDM_REG_PEER(2, SDM_PEER_STATE)) == state);
    }
}

/*
 * A slave that does not listen is not flooded with what another one does. Once
 * it listens it learns how things are, and all of it makes sense.
 */
static void test_news(void)
{
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_peer peer = { .epoch = 0 };
    struct sdm_proto_header header;
    uint32_t epoch, state = SDM_PEER_ABSENT;
    int deaf, fd, next;
    unsigned n = 0;

    rig = rig_new_unix();
    master = start_master(rig, NULL);
    deaf = join_as(1, ~0);
    wait_connected(master, 1);
    fd = join_as(2, ~0);
    wait_connected(master, 2);
    change_state(fd, CHANGES);
    close(fd);
    expect_line(master, "*link to slave*lost*");
    wait_peer_state(master, 2, SDM_PEER_LOST);
    next = join_as(2, ~0);
    wait_connected(master, 2);
    change_state(next, CHANGES + 1);

    /* Its master has not given up on it. */
    g_assert_cmpint(send_signal(master, 1, 2, 0, 0), ==, SDM_TX_OK);
    raw_expect(deaf, SDM_PROTO_PEER, NULL, payload);
    g_assert_null(sdm_proto_parse_peer(payload, &peer));
    epoch = peer.epoch;
    while (epoch == peer.epoch ||
           state != (SDM_PEER_RESET | SDM_PEER_STATE_DRIVER)) {
        raw_receive(deaf, &header, payload);
        switch (header.type) {
        case SDM_PROTO_PEER_STATE:
            g_assert_cmpint(header.tag, ==, 2);
            g_assert_cmphex(state, !=, SDM_PEER_LOST);
            state = header.arg;
            n++;
            break;
        case SDM_PROTO_PEER:
            g_assert_cmphex(state, ==, SDM_PEER_LOST);
            g_assert_null(sdm_proto_parse_peer(payload, &peer));
            state = peer.state;
            break;
        }
    }
    g_assert_cmpint(n, <, CHANGES);
    raw_leave(next);
    raw_expect(deaf, SDM_PROTO_PEER_STATE, &header, NULL);
    g_assert_cmphex(header.arg, ==, SDM_PEER_ABSENT);
    raw_leave(deaf);
    quit_machine(master);
    rig_free(rig);
}

/*
 * ------------------------------------------------------------------------
 * By hand: a master of slave 1
 */

static int be_master(uint32_t features)
{
    struct sdm_proto_welcome welcome = raw_welcome;
    g_autofree char *args = NULL;
    int listener, fd;

    rig = rig_new_tcp();
    listener = raw_listen(rig);
    args = slave_args(rig, NULL);
    slave1 = start_machine(rig, args);
    fd = raw_accept(listener);
    close(listener);
    welcome.features = features;
    raw_expect(fd, SDM_PROTO_HELLO, NULL, NULL);
    raw_send_welcome(fd, &welcome, &raw_signals);
    WAIT_FOR(peer_state(slave1, 0) == SDM_PEER_RUNNING ||
             peer_state(slave1, 0) == SDM_PEER_RESET);
    return fd;
}

static const struct sdm_proto_peer raw_peer = {
    .id = 2, .epoch = 9, .num_signals = 4, .boot_signal = SDM_PROTO_NO_SIGNAL,
    .reset_signal = SDM_PROTO_NO_SIGNAL, .state = SDM_PEER_RUNNING,
};

static void raw_send_peer(int fd, const struct sdm_proto_peer *peer)
{
    uint8_t buf[sizeof(*peer)];

    sdm_proto_put_peer(buf, peer);
    raw_send_frame(fd, SDM_PROTO_PEER, 0, 0, buf, sizeof(buf));
}

static void check_master(uint32_t features, void (*act)(int fd),
                         const char *reason)
{
    g_autofree char *line =
        g_strdup_printf("*lost: protocol violation: %s", reason);
    int fd = be_master(features);

    act(fd);
    raw_expect_end(fd);
    expect_line(slave1, line);
    wait_peer_state(slave1, 0, SDM_PEER_LOST);
    quit_machine(slave1);
    rig_free(rig);
}

static void peer_is_itself(int fd)
{
    struct sdm_proto_peer peer = raw_peer;

    peer.id = raw_welcome.id;
    raw_send_peer(fd, &peer);
}

static void peer_is_master(int fd)
{
    struct sdm_proto_peer peer = raw_peer;

    peer.id = 0;
    raw_send_peer(fd, &peer);
}

static void peer_beyond(int fd)
{
    struct sdm_proto_peer peer = raw_peer;

    peer.id = raw_welcome.num_ids;
    raw_send_peer(fd, &peer);
}

static void peer_comes(int fd)
{
    raw_send_peer(fd, &raw_peer);
}

static void peer_twice(int fd)
{
    raw_send_peer(fd, &raw_peer);
    raw_send_peer(fd, &raw_peer);
}

static void peer_without_signals(int fd)
{
    struct sdm_proto_peer peer = raw_peer;

    peer.num_signals = 0;
    raw_send_peer(fd, &peer);
}

static void state_of_nobody(int fd)
{
    raw_send_header(fd, SDM_PROTO_PEER_STATE, 0, 0, 0xfffffff0,
                    SDM_PEER_RUNNING);
}

static void bad_state(int fd)
{
    raw_send_peer(fd, &raw_peer);
    raw_send_header(fd, SDM_PROTO_PEER_STATE, 0, 0, 2, 77);
}

static void credit_of_nobody(int fd)
{
    const struct sdm_proto_peer_credit credit = {
        .id = 0xffffffff, .epoch = 9, .credits = 1,
    };

    raw_send_peer_credit(fd, &credit);
}

static void too_many_credits(int fd)
{
    struct sdm_proto_peer_credit credit = {
        .id = 2, .epoch = 9, .credits = SDM_PROTO_MAX_CREDITS,
    };

    raw_send_peer(fd, &raw_peer);
    raw_send_peer_credit(fd, &credit);
    raw_send_peer_credit(fd, &credit);
}

static void signal_of_nobody(int fd)
{
    const struct sdm_proto_signal signal = {
        .source = 2, .dest = raw_welcome.id, .signal = 5,
    };

    raw_send_signal(fd, &signal);
}

static void flood(int fd)
{
    const struct sdm_proto_signal signal = {
        .source = 2, .dest = raw_welcome.id, .signal = 5,
    };
    unsigned i;

    raw_send_peer(fd, &raw_peer);
    for (i = 0; i <= QUEUE_DEPTH; i++) {
        raw_send_signal(fd, &signal);
    }
}

static void test_bad_master(void)
{
    check_master(1, peer_is_itself, "slave with an impossible ID");
    check_master(1, peer_is_master, "slave with an impossible ID");
    check_master(1, peer_beyond, "slave with an impossible ID");
    check_master(1, peer_twice, "slave that is there already");
    check_master(1, peer_without_signals, "number of signals out of range");
    check_master(0, peer_comes, "frame of a feature that was not agreed on");
    check_master(1, state_of_nobody, "state of a slave that is not there");
    check_master(1, bad_state, "impossible machine state");
    check_master(1, credit_of_nobody, "credits of a slave that is not there");
    check_master(1, too_many_credits, "impossible number of credits");
    check_master(1, signal_of_nobody, "signal in the name of somebody who is "
                 "not there");
    check_master(1, flood, "more signals than credits");
}

/* An action is not another slave's to ask for, even if the master lets it. */
static void test_action(void)
{
    const struct sdm_proto_signal boot = {
        .source = 2, .dest = raw_welcome.id, .signal = 0,
        .data = { RAM_BASE, 0 },
    };
    struct sdm_proto_signal plain = boot;
    int fd = be_master(1);

    raw_send_peer(fd, &raw_peer);
    raw_send_signal(fd, &boot);
    plain.signal = 7;
    raw_send_signal(fd, &plain);
    expect_signal(slave1, 2, 7, RAM_BASE, 0);
    g_assert_cmphex(peer_state(slave1, 1), ==, SDM_PEER_RESET);
    raw_leave(fd);
    quit_machine(slave1);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/route/arrival", test_arrival);
    qtest_add_func("/sdm/route/states", test_states);
    qtest_add_func("/sdm/route/signals", test_signals);
    qtest_add_func("/sdm/route/barred", test_barred);
    qtest_add_func("/sdm/route/back-pressure", test_back_pressure);
    qtest_add_func("/sdm/route/receiver-is-reset", test_receiver_is_reset);
    qtest_add_func("/sdm/route/sender-is-gone", test_sender_is_gone);
    qtest_add_func("/sdm/route/taken", test_taken);
    qtest_add_func("/sdm/route/without-feature", test_without_feature);
    qtest_add_func("/sdm/route/frames", test_frames);
    qtest_add_func("/sdm/route/stale", test_stale);
    qtest_add_func("/sdm/route/violations", test_violations);
    qtest_add_func("/sdm/route/news", test_news);
    qtest_add_func("/sdm/route/bad-master", test_bad_master);
    qtest_add_func("/sdm/route/action", test_action);

    return g_test_run();
}
