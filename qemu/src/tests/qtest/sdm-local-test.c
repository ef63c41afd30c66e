/*
 * SDM: devices of one machine, joined by sdm-communication-local
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "sdm/common.h"

#define LOCAL "-M virt -nodefaults -object sdm-communication-local,id=local " \
              "-object sdm-signal,id=plain "
#define MASTER "-device sdm-platform,id=sdm,comm=local,master=on,num-slaves="
#define SLAVE "-device sdm-platform,comm=local"

static Rig *rig;

static Machine *start_pair(void)
{
    rig = rig_new_unix();
    return start_machine(rig, LOCAL MASTER "1 " SLAVE);
}

static void end(Machine *m)
{
    quit_machine(m);
    rig_free(rig);
}

static void check_peer(Machine *m, uint32_t id, uint32_t state)
{
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, SDM_PEER_STATE)), ==, state);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, SDM_PEER_NUM_SIGNALS)), ==,
                    SDM_NUM_SIGNALS);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, SDM_PEER_BOOT_SIGNAL)), ==,
                    SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, SDM_PEER_RESET_SIGNAL)), ==,
                    SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, SDM_PEER_ARCH)), ==, EM_ARM);
    g_assert_cmpint(get_reg(m, SDM_REG_PEER(id, SDM_PEER_CPUS)), ==, 1);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, SDM_PEER_GENERATION)), ==, 1);
    g_assert_cmphex(get_reg64(m, SDM_REG_PEER(id, SDM_PEER_MEM_SIZE_LO)), ==,
                    0);
    g_assert_cmphex(peer_credits(m, id), ==, QUEUE_DEPTH);
}

static void test_identity(void)
{
    Machine *master = start_pair();
    Machine slave = second_device(master);

    g_assert_cmphex(get_reg(&slave, SDM_REG_MAGIC), ==, SDM_MAGIC);
    g_assert_cmphex(get_reg(master, SDM_REG_STATUS), ==, SDM_STATUS_MASTER);
    g_assert_cmphex(get_reg(&slave, SDM_REG_STATUS), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_ID), ==, 0);
    g_assert_cmphex(get_reg(&slave, SDM_REG_ID), ==, 1);
    g_assert_cmphex(get_reg(master, SDM_REG_NUM_IDS), ==, 2);
    g_assert_cmphex(get_reg(&slave, SDM_REG_NUM_IDS), ==, 2);
    check_peer(master, 0, SDM_PEER_RUNNING | SDM_PEER_STATE_SELF);
    check_peer(master, 1, SDM_PEER_RUNNING);
    check_peer(&slave, 0, SDM_PEER_RUNNING);
    check_peer(&slave, 1, SDM_PEER_RUNNING | SDM_PEER_STATE_SELF);
    end(master);
}

static void test_signals(void)
{
    Machine *master = start_pair();
    Machine slave = second_device(master);
    unsigned i;

    for (i = 0; i < 3 * QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(master, 1, i % 64, i, 5), ==, SDM_TX_OK);
        g_assert_cmpint(send_signal(&slave, 0, 63, 6, i), ==, SDM_TX_OK);
        expect_signal(&slave, 0, i % 64, i, 5);
        expect_signal(master, 1, 63, 6, i);
    }
    g_assert_cmpint(send_signal(&slave, 1, 1, 2, 3), ==, SDM_TX_OK);
    expect_signal(&slave, 1, 1, 2, 3);
    g_assert_cmpint(send_signal(master, 1, 64, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmphex(get_reg(master, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmphex(get_reg(&slave, SDM_REG_RX_HEAD), ==, 0);
    end(master);
}

static void test_credits(void)
{
    Machine *master = start_pair();
    Machine slave = second_device(master);
    unsigned i;

    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_TX_FREE);
    for (i = 0; i < QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(master, 1, 0, i, 0), ==, SDM_TX_OK);
    }
    g_assert_cmpint(send_signal(master, 1, 0, 0, 0), ==, SDM_TX_BUSY);
    /* The other way, and to oneself, there is room. */
    g_assert_cmpint(send_signal(&slave, 0, 0, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(&slave, 1, 0, 0xabc, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(master, 0, 0, 0, 0), ==, SDM_TX_OK);
    g_assert_false(irq_level(master, "sdm"));

    expect_signal(&slave, 0, 0, 0, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(1));
    g_assert_cmpint(peer_credits(master, 1), ==, 1);
    g_assert_true(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_TX_FREE(0), SDM_ID_BIT(1));
    g_assert_false(irq_level(master, "sdm"));

    /* Senders are served in turn, each in its order. */
    expect_signal(&slave, 1, 0, 0xabc, 0);
    for (i = 1; i < QUEUE_DEPTH; i++) {
        expect_signal(&slave, 0, 0, i, 0);
    }
    g_assert_cmpint(peer_credits(master, 1), ==, QUEUE_DEPTH);
    end(master);
}

/* What the receiver discards it gives back. */
static void test_reset_returns_credits(void)
{
    Machine *master = start_pair();
    Machine slave = second_device(master);
    unsigned i;

    for (i = 0; i < QUEUE_DEPTH; i++) {
        send_signal(master, 1, 0, i, 0);
    }
    g_assert_cmpint(send_signal(master, 1, 0, 0, 0), ==, SDM_TX_BUSY);
    set_reg(&slave, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_cmphex(get_reg(&slave, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmpint(peer_credits(master, 1), ==, QUEUE_DEPTH);
    g_assert_cmphex(get_reg(master, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(1));
    g_assert_cmpint(send_signal(master, 1, 3, 4, 5), ==, SDM_TX_OK);
    expect_signal(&slave, 0, 3, 4, 5);

    /* A reset of the sender takes back nothing that it has sent. */
    g_assert_cmpint(send_signal(master, 1, 3, 4, 5), ==, SDM_TX_OK);
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_RESET);
    expect_signal(&slave, 0, 3, 4, 5);
    g_assert_cmpint(peer_credits(master, 1), ==, QUEUE_DEPTH);
    end(master);
}

/* A reset leaves nothing of anybody, whoever else waits for room. */
static void test_reset_of_all_queues(void)
{
    Machine *master = start_pair();
    Machine slave = second_device(master);
    unsigned i;

    for (i = 0; i < QUEUE_DEPTH; i++) {
        send_signal(master, 0, 0, i, 0);
        send_signal(&slave, 0, 1, i, 0);
    }
    g_assert_cmpint(send_signal(master, 0, 0, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmpint(send_signal(&slave, 0, 0, 0, 0), ==, SDM_TX_BUSY);
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_cmphex(get_reg(master, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_IRQ_STATUS), ==, 0);
    set_reg(master, SDM_REG_RX_POP, 1);
    g_assert_cmpint(peer_credits(master, 0), ==, QUEUE_DEPTH);
    g_assert_cmpint(peer_credits(&slave, 0), ==, QUEUE_DEPTH);
    g_assert_cmphex(get_reg(&slave, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(0));
    g_assert_cmpint(send_signal(&slave, 0, 3, 4, 5), ==, SDM_TX_OK);
    expect_signal(master, 1, 3, 4, 5);
    end(master);
}

static void test_driver_state(void)
{
    Machine *master = start_pair();
    Machine slave = second_device(master);

    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_PEER);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==, 0);

    set_reg(&slave, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_true(irq_level(master, "sdm"));
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(1));
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER);
    set_reg(master, SDM_REG_PEER_CHANGED(0), SDM_ID_BIT(1));
    g_assert_false(irq_level(master, "sdm"));

    set_reg(&slave, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_false(irq_level(master, "sdm"));
    set_reg(&slave, SDM_REG_CONTROL, 0);
    g_assert_true(irq_level(master, "sdm"));
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING);
    end(master);
}

/* IDs that were asked for, and the rest in the order of the command line. */
static void test_ids(void)
{
    Machine *m, device;
    unsigned i;
    static const uint32_t ids[] = { 2, 0, 3, 1 };

    rig = rig_new_unix();
    m = start_machine(rig, LOCAL SLAVE ",slave-id=2 " MASTER "3 " SLAVE
                      ",slave-id=3 " SLAVE);
    device = *m;
    for (i = 0; i < ARRAY_SIZE(ids); i++) {
        g_assert_cmphex(get_reg(&device, SDM_REG_ID), ==, ids[i]);
        g_assert_cmphex(get_reg(&device, SDM_REG_NUM_IDS), ==, 4);
        /* Slaves of one machine reach each other, too. */
        g_assert_cmpint(send_signal(&device, 2, i, 0, 0), ==, SDM_TX_OK);
        device = second_device(&device);
    }
    /* The oldest one, then the senders in turn. */
    expect_signal(m, 2, 0, 0, 0);
    expect_signal(m, 3, 2, 0, 0);
    expect_signal(m, 0, 1, 0, 0);
    expect_signal(m, 1, 3, 0, 0);
    end(m);
}

/* Bound objects: the signals behind them exist as well. */
static void test_bound_signals(void)
{
    Machine *m, slave;

    rig = rig_new_unix();
    m = start_machine(rig, LOCAL MASTER "1,len-signals=1,'signals[0]'=plain "
                      SLAVE ",len-signals=2,'signals[1]'=plain,"
                      "'signals[0]'=plain");
    slave = second_device(m);
    g_assert_cmpint(send_signal(m, 1, 1, 9, 9), ==, SDM_TX_OK);
    expect_signal(&slave, 0, 1, 9, 9);
    g_assert_cmpint(send_signal(m, 1, 40, 9, 9), ==, SDM_TX_OK);
    expect_signal(&slave, 0, 40, 9, 9);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(1, SDM_PEER_ACTION)), ==, 0);
    end(m);
}

/* The same, as JSON has it. */
static void test_signal_list(void)
{
    Machine *m;

    rig = rig_new_unix();
    m = start_machine(rig, LOCAL MASTER "1 -device "
                      "'{ \"driver\": \"sdm-platform\", \"comm\": \"local\", "
                      "\"signals\": [ \"plain\", \"plain\" ] }'");
    g_assert_cmpint(send_signal(m, 1, 1, 9, 9), ==, SDM_TX_OK);
    end(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/local/identity", test_identity);
    qtest_add_func("/sdm/local/signals", test_signals);
    qtest_add_func("/sdm/local/credits", test_credits);
    qtest_add_func("/sdm/local/reset-returns-credits",
                   test_reset_returns_credits);
    qtest_add_func("/sdm/local/reset-of-all-queues",
                   test_reset_of_all_queues);
    qtest_add_func("/sdm/local/driver-state", test_driver_state);
    qtest_add_func("/sdm/local/ids", test_ids);
    qtest_add_func("/sdm/local/bound-signals", test_bound_signals);
    qtest_add_func("/sdm/local/signal-list", test_signal_list);

    return g_test_run();
}
