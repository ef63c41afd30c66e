/*
 * SDM: signals between machines
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "sdm/raw.h"

static Rig *rig;
static Machine *master, *slave1, *slave2;

static void start(void)
{
    rig = rig_new_tcp();
    master = start_master(rig, NULL);
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

static void test_both_ways(void)
{
    unsigned i;

    start();
    for (i = 0; i < 3 * QUEUE_DEPTH; i++) {
        /* All but 0 and 1, which boot and reset the slave. */
        g_assert_cmpint(send_signal(master, 1, 2 + i % 62, i, 1), ==,
                        SDM_TX_OK);
        g_assert_cmpint(send_signal(master, 2, 2 + i % 62, 2, i), ==,
                        SDM_TX_OK);
        g_assert_cmpint(send_signal(slave1, 0, i % 64, i, 3), ==, SDM_TX_OK);
        expect_signal(slave1, 0, 2 + i % 62, i, 1);
        expect_signal(slave2, 0, 2 + i % 62, 2, i);
        expect_signal(master, 1, i % 64, i, 3);
        g_assert_cmpint(send_signal(slave2, 2, 63, 4, i), ==, SDM_TX_OK);
        expect_signal(slave2, 2, 63, 4, i);
    }
    end();
}

/* Nobody else gets them. */
static void test_destinations(void)
{
    start();
    g_assert_cmpint(send_signal(slave1, 3, 5, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmpint(send_signal(master, 3, 5, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmpint(send_signal(master, 1, 64, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmpint(send_signal(slave1, 0, 64, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmpint(send_signal(master, 2, 5, 1, 1), ==, SDM_TX_OK);
    expect_signal(slave2, 0, 5, 1, 1);
    g_assert_cmphex(get_reg(slave1, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_RX_HEAD), ==, 0);
    end();
}

static void test_irq(void)
{
    start();
    g_assert_false(irq_level(slave1, "sdm"));
    set_reg(slave1, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    g_assert_false(irq_level(slave1, "sdm"));
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_OK);
    WAIT_FOR(irq_level(slave1, "sdm"));
    expect_signal(slave1, 0, 5, 0, 0);
    g_assert_false(irq_level(slave1, "sdm"));
    end();
}

static uint64_t taken(Machine *m, uint32_t id)
{
    return get_reg64(m, SDM_REG_PEER(id, SDM_PEER_TAKEN_LO));
}

static void report(Machine *m, uint32_t id, uint64_t signals)
{
    set_reg(m, SDM_REG_PEER(id, SDM_PEER_REPORT_LO), signals);
    set_reg(m, SDM_REG_PEER(id, SDM_PEER_REPORT_HI), signals >> 32);
}

static void clear_taken(Machine *m, uint32_t id, uint64_t signals)
{
    set_reg(m, SDM_REG_PEER(id, SDM_PEER_TAKEN_LO), signals);
    set_reg(m, SDM_REG_PEER(id, SDM_PEER_TAKEN_HI), signals >> 32);
}

/* Who asks is told when a signal has been taken, at once and for each. */
static void check_taken(Machine *from, uint32_t to_id, Machine *to,
                        uint32_t from_id)
{
    const uint64_t mine = 1ull << 5 | 1ull << 40;
    const unsigned word = SDM_REG_TX_TAKEN(to_id);

    report(from, to_id, mine);
    g_assert_cmphex(get_reg64(from, SDM_REG_PEER(to_id, SDM_PEER_REPORT_LO)),
                    ==, mine);
    set_reg(from, SDM_REG_IRQ_ENABLE, SDM_IRQ_TX_TAKEN);

    /* Another one, and one that is not taken yet, are none of these. */
    send_signal(from, to_id, 6, 0, 0);
    send_signal(from, to_id, 5, 1, 0);
    send_signal(from, to_id, 40, 2, 0);
    expect_signal(to, from_id, 6, 0, 0);
    WAIT_FOR(get_reg(to, SDM_REG_RX_HEAD));
    g_assert_cmphex(taken(from, to_id), ==, 0);
    g_assert_false(irq_level(from, "sdm"));

    expect_signal(to, from_id, 5, 1, 0);
    WAIT_FOR(taken(from, to_id) == 1ull << 5);
    g_assert_cmphex(get_reg(from, word), ==, SDM_ID_BIT(to_id));
    g_assert_true(irq_level(from, "sdm"));
    clear_taken(from, to_id, ~(1ull << 5));
    g_assert_cmphex(taken(from, to_id), ==, 1ull << 5);
    clear_taken(from, to_id, 1ull << 5);
    g_assert_cmphex(get_reg(from, word), ==, 0);
    g_assert_false(irq_level(from, "sdm"));

    expect_signal(to, from_id, 40, 2, 0);
    WAIT_FOR(taken(from, to_id) == 1ull << 40);

    /* Discarded is as good as taken: it will not be any more. */
    clear_taken(from, to_id, mine);
    send_signal(from, to_id, 40, 0, 0);
    send_signal(from, to_id, 6, 0, 0);
    WAIT_FOR(get_reg(to, SDM_REG_RX_HEAD));
    set_reg(to, SDM_REG_CONTROL, SDM_CTRL_RESET);
    WAIT_FOR(from == to || taken(from, to_id) == 1ull << 40);

    /* Nothing is left of it after a reset. */
    set_reg(from, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_cmphex(taken(from, to_id), ==, 0);
    g_assert_cmphex(get_reg64(from, SDM_REG_PEER(to_id, SDM_PEER_REPORT_LO)),
                    ==, 0);
    g_assert_cmphex(get_reg(from, word), ==, 0);
}

static void test_taken(void)
{
    start();
    check_taken(master, 2, slave2, 0);
    check_taken(slave1, 0, master, 1);
    check_taken(slave1, 1, slave1, 1);
    end();
}

/* What was taken on one connection says nothing about the next. */
static void test_taken_and_gone(void)
{
    start();
    report(master, 2, 1 << 5);
    send_signal(master, 2, 5, 0, 0);
    expect_signal(slave2, 0, 5, 0, 0);
    WAIT_FOR(taken(master, 2) == 1 << 5);
    quit_machine(slave2);
    wait_peer_state(master, 2, SDM_PEER_ABSENT);
    g_assert_cmphex(taken(master, 2), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_TAKEN(2)), ==, 0);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(2, SDM_PEER_REPORT_LO)), ==,
                    1 << 5);
    end();
}

/* What the master wrote before a signal is there when the signal is. */
static void test_order(void)
{
    unsigned i;

    start();
    for (i = 1; i <= 500; i++) {
        uint64_t addr = 0x1000 + 8 * (i % 64);

        qtest_writeq(master->qts, WINDOW_BASE + addr, i * 0x100000001ull);
        set_reg(master, SDM_REG_TX_DATA0_LO, i);
        set_reg(master, SDM_REG_TX_DOORBELL, SDM_TX_DOORBELL(1, 3));
        while (!get_reg(slave1, SDM_REG_RX_HEAD)) {
            /* at once, without a pause */
        }
        g_assert_cmphex(qtest_readq(slave1->qts, RAM_BASE + addr), ==,
                        i * 0x100000001ull);
        expect_signal(slave1, 0, 3, i, 0);
    }
    end();
}

/* A receiver that does not read: its sender is held back, nobody else. */
static void test_flood(void)
{
    unsigned i;

    start();
    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_TX_FREE);
    for (i = 0; i < SLAVE_CREDITS; i++) {
        g_assert_cmpint(peer_credits(master, 1), ==, SLAVE_CREDITS - i);
        g_assert_cmpint(send_signal(master, 1, 5, i, ~i), ==, SDM_TX_OK);
    }
    g_assert_cmpint(peer_credits(master, 1), ==, 0);
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_BUSY);

    /* The other slave, the other direction, and memory have their ways. */
    g_assert_cmpint(peer_credits(master, 2), ==, SLAVE_CREDITS);
    g_assert_cmpint(send_signal(master, 2, 5, 1, 2), ==, SDM_TX_OK);
    expect_signal(slave2, 0, 5, 1, 2);
    g_assert_cmpint(send_signal(slave1, 0, 5, 3, 4), ==, SDM_TX_OK);
    expect_signal(master, 1, 5, 3, 4);
    qtest_writel(master->qts, WINDOW_BASE, 0x1234);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE), ==, 0x1234);
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, 0);
    g_assert_false(irq_level(master, "sdm"));

    /* Nothing was lost, nothing came twice; there is room again. */
    for (i = 0; i < SLAVE_CREDITS; i++) {
        expect_signal(slave1, 0, 5, i, ~i);
    }
    WAIT_FOR(irq_level(master, "sdm"));
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(1));
    /* Credits come back several at a time. */
    WAIT_FOR(peer_credits(master, 1) >= QUEUE_DEPTH / 2);
    set_reg(master, SDM_REG_TX_FREE(0), SDM_ID_BIT(1));
    g_assert_false(irq_level(master, "sdm"));
    g_assert_cmphex(get_reg(slave1, SDM_REG_RX_HEAD), ==, 0);
    for (i = 0; i < 10 * QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(master, 1, 5, i, 9), ==, SDM_TX_OK);
        expect_signal(slave1, 0, 5, i, 9);
    }
    end();
}

/* Two places are kept for the signals that get a slave out of trouble. */
static void test_reserve(void)
{
    const struct sdm_proto_signals signals = {
        .num_signals = 4,
        .credits = 4,
        .boot_signal = 3,
        .reset_signal = 1,
        .state = SDM_PEER_RUNNING,
    };
    const RawHello hello = { .hello = raw_hello, .signals = &signals };
    int fd;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    wait_connected(master, 1);

    g_assert_cmpint(peer_credits(master, 1), ==, 2);
    g_assert_cmpint(send_signal(master, 1, 0, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(master, 1, 2, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(master, 1, 2, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmpint(send_signal(master, 1, 3, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(master, 1, 3, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmpint(send_signal(master, 1, 2, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmpint(send_signal(master, 1, 1, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(master, 1, 1, 0, 0), ==, SDM_TX_BUSY);

    /* What comes back fills the reserve first. */
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 0, 2);
    raw_send_header(fd, SDM_PROTO_STATE, 0, 0, 0, SDM_PEER_RESET);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    g_assert_cmpint(peer_credits(master, 1), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, 0);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 0, 1);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_CREDITS), ~0, 1);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(1));

    raw_leave(fd);
    wait_connected(master, 0);
    quit_machine(master);
    rig_free(rig);
}

/* Who waits for room learns of it when the receiver goes, too. */
static void test_flood_and_quit(void)
{
    unsigned i;

    start();
    for (i = 0; i < SLAVE_CREDITS; i++) {
        send_signal(master, 1, 5, i, ~i);
    }
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_BUSY);
    quit_machine(slave1);
    wait_reg(master, SDM_REG_TX_FREE(0), ~0, SDM_ID_BIT(1));
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_NO_LINK);
    set_reg(master, SDM_REG_TX_FREE(0), SDM_ID_BIT(1));

    /* The next one on this ID has all its places free. */
    wait_connected(master, 1);
    slave1 = start_slave(rig, NULL);
    wait_connected(master, 2);
    g_assert_cmpint(peer_credits(master, 1), ==, SLAVE_CREDITS);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, 0);
    end();
}

/* What a slave sent stays readable when it is gone, and is counted. */
static void test_queued_and_gone(void)
{
    unsigned i;

    start();
    for (i = 0; i < QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(slave1, 0, 5, i, 0), ==, SDM_TX_OK);
    }
    quit_machine(slave1);
    wait_peer_state(master, 1, SDM_PEER_ABSENT);
    wait_connected(master, 1);
    slave1 = start_slave(rig, NULL);
    wait_connected(master, 2);

    /* The places that they take are not its successor's. */
    g_assert_cmpint(peer_credits(slave1, 0), ==, 0);
    g_assert_cmpint(send_signal(slave1, 0, 6, 0, 0), ==, SDM_TX_BUSY);
    for (i = 0; i < QUEUE_DEPTH; i++) {
        expect_signal(master, 1, 5, i, 0);
    }
    wait_reg(slave1, SDM_REG_PEER(0, SDM_PEER_CREDITS), ~0, QUEUE_DEPTH);
    g_assert_cmphex(get_reg(slave1, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(0));
    g_assert_cmpint(send_signal(slave1, 0, 6, 0, 0), ==, SDM_TX_OK);
    expect_signal(master, 1, 6, 0, 0);
    end();
}

/* Both slaves flood the master: it gets from both in turn. */
static void test_fairness(void)
{
    unsigned i;

    start();
    for (i = 0; i < QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(slave1, 0, 5, i, 0), ==, SDM_TX_OK);
    }
    g_assert_cmpint(send_signal(slave1, 0, 5, i, 0), ==, SDM_TX_BUSY);
    wait_reg(master, SDM_REG_RX_HEAD, SDM_RX_VALID, SDM_RX_VALID);
    g_assert_cmpint(send_signal(slave2, 0, 6, 7, 8), ==, SDM_TX_OK);
    /* The news of the driver tells that the signal before it is there. */
    set_reg(slave2, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    wait_reg(master, SDM_REG_PEER(2, SDM_PEER_STATE), SDM_PEER_STATE_DRIVER,
             SDM_PEER_STATE_DRIVER);
    expect_signal(master, 1, 5, 0, 0);
    expect_signal(master, 2, 6, 7, 8);
    for (i = 1; i < QUEUE_DEPTH; i++) {
        expect_signal(master, 1, 5, i, 0);
    }
    end();
}

/* A reset of the receiver gives back what it discards. */
static void test_reset_returns_credits(void)
{
    unsigned i;

    start();
    for (i = 0; i < SLAVE_CREDITS; i++) {
        send_signal(master, 1, 5, i, 0);
    }
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_BUSY);
    /* All have arrived when the last one has. */
    for (i = 0; i < SLAVE_CREDITS - 1; i++) {
        expect_signal(slave1, 0, 5, i, 0);
    }
    wait_reg(slave1, SDM_REG_RX_HEAD, SDM_RX_VALID, SDM_RX_VALID);
    set_reg(slave1, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_cmphex(get_reg(slave1, SDM_REG_RX_HEAD), ==, 0);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_CREDITS), ~0, SLAVE_CREDITS);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(1));
    end();
}

static void test_driver_state(void)
{
    start();
    set_reg(master, SDM_REG_PEER_CHANGED(0), ~0);
    set_reg(slave2, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    wait_reg(master, SDM_REG_PEER(2, SDM_PEER_STATE), ~0,
             SDM_PEER_RESET | SDM_PEER_STATE_DRIVER);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(2));
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    wait_reg(slave1, SDM_REG_PEER(0, SDM_PEER_STATE), ~0,
             SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER);
    wait_reg(slave2, SDM_REG_PEER(0, SDM_PEER_STATE), ~0,
             SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER);
    qtest_system_reset(slave2->qts);
    wait_reg(master, SDM_REG_PEER(2, SDM_PEER_STATE), ~0, SDM_PEER_RESET);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/signal/both-ways", test_both_ways);
    qtest_add_func("/sdm/signal/destinations", test_destinations);
    qtest_add_func("/sdm/signal/irq", test_irq);
    qtest_add_func("/sdm/signal/taken", test_taken);
    qtest_add_func("/sdm/signal/taken-and-gone", test_taken_and_gone);
    qtest_add_func("/sdm/signal/order", test_order);
    qtest_add_func("/sdm/signal/flood", test_flood);
    qtest_add_func("/sdm/signal/reserve", test_reserve);
    qtest_add_func("/sdm/signal/flood-and-quit", test_flood_and_quit);
    qtest_add_func("/sdm/signal/queued-and-gone", test_queued_and_gone);
    qtest_add_func("/sdm/signal/fairness", test_fairness);
    qtest_add_func("/sdm/signal/reset-returns-credits",
                   test_reset_returns_credits);
    qtest_add_func("/sdm/signal/driver-state", test_driver_state);

    return g_test_run();
}
