/*
 * SDM: a master boots and resets its slaves
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "sdm/common.h"

#define BOOT_SIGNAL 0
#define RESET_SIGNAL 1

#define ENTRY (RAM_BASE + 0x8000)
#define DTB (RAM_BASE + 0x4000000)

static Rig *rig;
static Machine *master, *slave;
static unsigned num_actions;

static void start(const SlaveOptions *options)
{
    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave = start_slave(rig, options);
    wait_connected(master, 1);
    num_actions = 0;
}

static void end(void)
{
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* Send the signal; its action must end with this result. */
static void act(uint32_t signal, uint64_t entry, uint64_t dtb, uint32_t result)
{
    g_assert_cmpint(send_signal(master, 1, signal, entry, dtb), ==, SDM_TX_OK);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_ACTION), 0xffff0000,
             ++num_actions << 16);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_ACTION)), ==,
                    SDM_ACTION(num_actions, signal, result));
}

static void check_waiting(const char *status)
{
    wait_peer_state(master, 1, SDM_PEER_RESET);
    g_assert_true(has_status(slave, status));
    g_assert_cmphex(peer_state(slave, 1), ==, SDM_PEER_RESET);
    g_assert_cmphex(get_reg(slave, SDM_REG_RX_HEAD), ==, 0);
}

static void check_running(uint64_t entry, uint64_t dtb)
{
    g_autofree char *registers = qtest_hmp(slave->qts, "info registers");
    g_autofree char *r02 = g_strdup_printf("R02=%08" PRIx64, dtb);
    g_autofree char *r15 = g_strdup_printf("R15=%08" PRIx64, entry & ~1);

    wait_peer_state(master, 1, SDM_PEER_RUNNING);
    g_assert_cmphex(peer_state(slave, 1), ==, SDM_PEER_RUNNING);
    g_assert_true(has_status(slave, "running"));
    g_assert_nonnull(strstr(registers, "R00=00000000"));
    g_assert_nonnull(strstr(registers, "R01=ffffffff"));
    g_assert_nonnull(strstr(registers, r02));
    g_assert_nonnull(strstr(registers, r15));
    g_assert_nonnull(strstr(registers, entry & 1 ? " T " : " A "));
    /* The signal is given to the guest like any other. */
    expect_signal(slave, 0, BOOT_SIGNAL, entry, dtb);
}

static void test_boot(void)
{
    start(NULL);
    check_waiting("inmigrate");
    qtest_writel(master->qts, WINDOW_BASE + 0x8000, 0xeafffffe);
    set_reg(master, SDM_REG_PEER_CHANGED(0), ~0);
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    check_running(ENTRY, DTB);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(1));
    g_assert_cmphex(qtest_readl(slave->qts, ENTRY), ==, 0xeafffffe);

    /* Who runs is not booted, and its guest does not see the attempt. */
    act(BOOT_SIGNAL, ENTRY + 0x1000, DTB, SDM_ACTION_BUSY);
    g_assert_cmphex(get_reg(slave, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RUNNING);

    /* Reset: it waits again. Its RAM is as it was. */
    act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
    check_waiting("running");
    g_assert_cmphex(qtest_readl(slave->qts, ENTRY), ==, 0xeafffffe);
    act(BOOT_SIGNAL, ENTRY + 0x1000, 0, SDM_ACTION_OK);
    check_running(ENTRY + 0x1000, 0);

    /* A reset by the slave's own user does the same. */
    qtest_system_reset(slave->qts);
    check_waiting("running");
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    check_running(ENTRY, DTB);
    end();
}

static void test_reset_of_waiting(void)
{
    start(NULL);
    act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
    check_waiting("inmigrate");
    act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
    qtest_system_reset(slave->qts);
    check_waiting("inmigrate");
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    check_running(ENTRY, DTB);
    end();
}

static void test_addresses(void)
{
    static const struct {
        uint64_t entry;
        uint64_t dtb;
    } bad[] = {
        { 0, 0 },
        { RAM_BASE - 4, 0 },
        { RAM_BASE + SLAVE_SIZE, 0 },
        { RAM_BASE + 2, 0 }, /* neither Arm nor Thumb */
        { RAM_BASE + (1ull << 32), 0 },
        { -4ull, 0 },
        { ENTRY, RAM_BASE - 1 },
        { ENTRY, RAM_BASE + SLAVE_SIZE },
        { ENTRY, DTB + (1ull << 32) },
        { ENTRY, -1ull },
        { WINDOW_BASE, 0 },
    };
    static const struct {
        uint64_t entry;
        uint64_t dtb;
    } good[] = {
        { RAM_BASE, RAM_BASE },
        { RAM_BASE + SLAVE_SIZE - 4, RAM_BASE + SLAVE_SIZE - 1 },
        { ENTRY + 1, 0 }, /* Thumb */
        { ENTRY + 3, DTB },
    };
    unsigned i;

    start(NULL);
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        act(BOOT_SIGNAL, bad[i].entry, bad[i].dtb, SDM_ACTION_BAD_ADDRESS);
        check_waiting("inmigrate");
    }
    for (i = 0; i < ARRAY_SIZE(good); i++) {
        act(BOOT_SIGNAL, good[i].entry, good[i].dtb, SDM_ACTION_OK);
        check_running(good[i].entry, good[i].dtb);
        act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
        check_waiting("running");
    }
    end();
}

/* Refused signals give back the place that they would have taken. */
static void test_refused_are_free(void)
{
    unsigned i;

    start(NULL);
    for (i = 0; i < 4 * QUEUE_DEPTH; i++) {
        act(BOOT_SIGNAL, 0, 0, SDM_ACTION_BAD_ADDRESS);
    }
    end();
}

/* A guest that takes no signals can still be reset and booted. */
static void test_full_queue(void)
{
    start(NULL);
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    while (send_signal(master, 1, 5, 0, 0) == SDM_TX_OK) {
        /* more */
    }
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_BUSY);
    act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
    check_waiting("running");
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_CREDITS), ~0, SLAVE_CREDITS);

    /* One that waits in reset takes none either. */
    while (send_signal(master, 1, 5, 0, 0) == SDM_TX_OK) {
        /* more */
    }
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    wait_peer_state(master, 1, SDM_PEER_RUNNING);
    act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
    check_waiting("running");
    end();
}

/* A machine that was told to start stopped does so. */
static void test_stopped(void)
{
    start(&(SlaveOptions) { .machine = "-S" });
    check_waiting("inmigrate");
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    wait_peer_state(master, 1, SDM_PEER_RUNNING);
    g_assert_true(has_status(slave, "paused"));
    qtest_qmp_assert_success(slave->qts, "{ 'execute': 'cont' }");
    check_running(ENTRY, DTB);
    end();
}

/* The slave as a machine that runs, but whose CPUs wait. */
static void test_without_incoming(void)
{
    g_autofree char *args = NULL;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    args = g_strdup_printf(
        "-M virt,slave -m 256M -nodefaults "
        "-object multi-socket-backend,id=sock,%s "
        "-object memory-backend-network,id=mem,size=256M,socket=sock "
        "-object sdm-signal-nboot,id=boot,nhm=mem "
        "-object sdm-signal,id=plain -object sdm-signal-reset,id=reset "
        "-object sdm-communication-socket,id=scomm,socket=sock "
        "-device 'sdm-platform,id=sdm,comm=scomm,len-signals=3,"
        "signals[2]=boot,signals[0]=reset,signals[1]=plain' "
        "-numa node,memdev=mem", rig->address);
    slave = start_machine(rig, args);
    wait_connected(slave, 1);
    wait_connected(master, 1);
    num_actions = 0;

    check_waiting("running");
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_BOOT_SIGNAL)),
                    ==, 2);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_RESET_SIGNAL)),
                    ==, 0);
    act(2, ENTRY, DTB, SDM_ACTION_OK);
    wait_peer_state(master, 1, SDM_PEER_RUNNING);
    expect_signal(slave, 0, 2, ENTRY, DTB);
    act(0, 0, 0, SDM_ACTION_OK);
    check_waiting("running");
    act(2, ENTRY, DTB, SDM_ACTION_OK);
    expect_signal(slave, 0, 2, ENTRY, DTB);
    end();
}

/* Without nhm= it is the memory of -incoming. */
static void test_default_memory(void)
{
    g_autofree char *args = NULL;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    args = g_strdup_printf(
        "-M virt,slave -m 256M -nodefaults -incoming shared:mem "
        "-object multi-socket-backend,id=sock,%s "
        "-object memory-backend-network,id=mem,size=256M,socket=sock "
        "-object sdm-signal-nboot,id=boot "
        "-object sdm-communication-socket,id=scomm,socket=sock "
        "-device 'sdm-platform,id=sdm,comm=scomm,len-signals=1,"
        "signals[0]=boot' -numa node,memdev=mem", rig->address);
    slave = start_machine(rig, args);
    wait_connected(slave, 1);
    wait_connected(master, 1);
    num_actions = 0;
    check_waiting("inmigrate");
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    check_running(ENTRY, DTB);
    end();
}

/* Reset and boot without a pause: one or the other, never half of each. */
static void test_reset_then_boot(void)
{
    unsigned i, running = 0;

    start(NULL);
    for (i = 0; i < 30; i++) {
        uint32_t state;

        send_signal(master, 1, RESET_SIGNAL, 0, 0);
        send_signal(master, 1, BOOT_SIGNAL, ENTRY, DTB);
        num_actions += 2;
        wait_reg(master, SDM_REG_PEER(1, SDM_PEER_ACTION), 0xffff0000,
                 num_actions << 16);
        /* The states that led to the results were told before them. */
        state = peer_state(master, 1);
        g_assert_true(state == SDM_PEER_RESET || state == SDM_PEER_RUNNING);
        g_assert_cmphex(peer_state(slave, 1), ==, state);
        running += state == SDM_PEER_RUNNING;
    }
    g_test_message("%u of %u boots were in time", running, i);

    act(RESET_SIGNAL, 0, 0, SDM_ACTION_OK);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RESET);
    act(BOOT_SIGNAL, ENTRY, DTB, SDM_ACTION_OK);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RUNNING);
    check_running(ENTRY, DTB);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/boot/boot", test_boot);
    qtest_add_func("/sdm/boot/reset-of-waiting", test_reset_of_waiting);
    qtest_add_func("/sdm/boot/addresses", test_addresses);
    qtest_add_func("/sdm/boot/refused-are-free", test_refused_are_free);
    qtest_add_func("/sdm/boot/full-queue", test_full_queue);
    qtest_add_func("/sdm/boot/stopped", test_stopped);
    qtest_add_func("/sdm/boot/without-incoming", test_without_incoming);
    qtest_add_func("/sdm/boot/default-memory", test_default_memory);
    qtest_add_func("/sdm/boot/reset-then-boot", test_reset_then_boot);

    return g_test_run();
}
