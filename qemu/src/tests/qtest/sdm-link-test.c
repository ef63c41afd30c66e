/*
 * SDM: slaves come, are refused, go, break and return
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "sdm/raw.h"

static Rig *rig;

static uint64_t peer_offset(Machine *m, uint32_t id)
{
    return get_reg64(m, SDM_REG_PEER(id, SDM_PEER_MEM_OFFSET_LO));
}

static uint64_t peer_size(Machine *m, uint32_t id)
{
    return get_reg64(m, SDM_REG_PEER(id, SDM_PEER_MEM_SIZE_LO));
}

static uint32_t generation(Machine *m, uint32_t id)
{
    return get_reg(m, SDM_REG_PEER(id, SDM_PEER_GENERATION));
}

/* The slave's RAM is behind its part of the master's window. */
static void check_window(Machine *master, Machine *slave, uint64_t offset)
{
    static uint32_t value = 0x12340000;

    qtest_writel(slave->qts, RAM_BASE + 0x100, ++value);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + offset + 0x100), ==,
                    value);
}

/* What both ends tell their guests of a new connection. */
static void check_connected(void)
{
    Machine *master = start_master(rig, NULL);
    Machine *slave;

    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);
    g_assert_cmpint(num_connected(master), ==, 0);
    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_PEER);

    slave = start_slave(rig, &(SlaveOptions) { .id = 2 });
    wait_connected(master, 1);
    g_assert_true(irq_level(master, "sdm"));
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(2));
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(2, SDM_PEER_STATE)), ==,
                    SDM_PEER_RESET);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_NUM_SIGNALS)),
                    ==, SDM_NUM_SIGNALS);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_BOOT_SIGNAL)),
                    ==, 0);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_RESET_SIGNAL)),
                    ==, 1);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_ARCH)), ==,
                    EM_ARM);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_CPUS)), ==, 1);
    /* Of its master it knows less. */
    g_assert_cmpint(get_reg(slave, SDM_REG_PEER(2, SDM_PEER_CPUS)), ==, 1);
    g_assert_cmpint(get_reg(slave, SDM_REG_PEER(0, SDM_PEER_CPUS)), ==, 0);
    g_assert_cmpint(generation(master, 2), ==, 1);
    g_assert_cmpint(peer_credits(master, 2), ==, SLAVE_CREDITS);
    g_assert_cmphex(peer_size(master, 2), ==, SLAVE_SIZE);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);
    g_assert_cmphex(peer_size(master, 1), ==, 0);
    g_assert_cmpint(generation(master, 1), ==, 0);

    g_assert_cmphex(get_reg(slave, SDM_REG_ID), ==, 2);
    g_assert_cmphex(get_reg(slave, SDM_REG_NUM_IDS), ==, 3);
    g_assert_cmphex(get_reg(slave, SDM_REG_PEER(0, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING);
    g_assert_cmphex(get_reg(slave, SDM_REG_PEER(0, SDM_PEER_BOOT_SIGNAL)), ==,
                    SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(slave, SDM_REG_PEER(2, SDM_PEER_STATE)), ==,
                    SDM_PEER_RESET | SDM_PEER_STATE_SELF);
    check_window(master, slave, 0);

    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

static void test_connect_tcp(void)
{
    rig = rig_new_tcp();
    check_connected();
}

static void test_connect_unix(void)
{
    rig = rig_new_unix();
    check_connected();
}

/* A slave that leaves in order is ABSENT, and so is a master. */
static void test_quit(void)
{
    Machine *master, *slave1, *slave2;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave1 = start_slave(rig, NULL);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    set_reg(master, SDM_REG_PEER_CHANGED(0), 0xffffffff);

    quit_machine(slave1);
    wait_peer_state(master, 1, SDM_PEER_ABSENT);
    wait_connected(master, 1);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(1));
    g_assert_cmpint(send_signal(master, 1, 0, 0, 0), ==, SDM_TX_NO_LINK);
    g_assert_cmphex(peer_size(master, 1), ==, 0);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE), ==, 0xffffffff);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | SDM_ERR_PEER_NONE << 16 | SDM_ERR_ABSENT);

    /* The other one does not notice. */
    g_assert_cmphex(peer_state(master, 2), ==, SDM_PEER_RESET);
    check_window(master, slave2, SLAVE_SIZE);

    quit_machine(master);
    wait_peer_state(slave2, 0, SDM_PEER_ABSENT);
    wait_connected(slave2, 0);
    g_assert_cmpint(send_signal(slave2, 0, 0, 0, 0), ==, SDM_TX_NO_LINK);
    quit_machine(slave2);
    rig_free(rig);
}

static gpointer send_to_slave(gpointer opaque)
{
    send_signal(opaque, 1, 1, 0, 0);
    return NULL;
}

/* ... also when its master was just about to send something. */
static void test_quit_during_send(void)
{
    Machine *master;
    pid_t pid;

    rig = rig_new_unix();
    master = start_master(rig, NULL);
    pid = qtest_pid(master->qts);
    for (unsigned i = 0; i < 50; i++) {
        int fd = raw_join(rig);
        GThread *sender;

        /* What the master does first when it goes on is by chance. */
        kill(pid, SIGSTOP);
        sender = g_thread_new("sender", send_to_slave, master);
        raw_send_header(fd, SDM_PROTO_BYE, 0, 0, 0, 0);
        close(fd);
        g_usleep(1000);
        kill(pid, SIGCONT);
        g_thread_join(sender);
        wait_connected(master, 0);
        g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);
    }
    quit_machine(master);
    rig_free(rig);
}

/* One that dies is LOST, and so is a master. */
static void test_kill(void)
{
    Machine *master, *slave1, *slave2;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave1 = start_slave(rig, NULL);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    set_reg(master, SDM_REG_PEER_CHANGED(0), 0xffffffff);

    kill_machine(slave1);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*: warning: link to slave tcp:127.0.0.1:* lost: *");
    g_assert_cmphex(get_reg(master, SDM_REG_PEER_CHANGED(0)), ==,
                    SDM_ID_BIT(1));
    g_assert_cmpint(send_signal(master, 1, 0, 0, 0), ==, SDM_TX_NO_LINK);
    g_assert_cmphex(peer_size(master, 1), ==, 0);
    check_window(master, slave2, SLAVE_SIZE);

    kill_machine(master);
    wait_peer_state(slave2, 0, SDM_PEER_LOST);
    expect_line(slave2, "*: warning: link to master tcp:127.0.0.1:* lost: *");
    g_assert_cmpint(send_signal(slave2, 0, 0, 0, 0), ==, SDM_TX_NO_LINK);
    quit_machine(slave2);
    rig_free(rig);
}

/* Who comes back gets its ID and its place in the window again. */
static void test_return(void)
{
    Machine *master, *slave1, *slave2;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave1 = start_slave(rig, NULL);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    g_assert_cmphex(peer_offset(master, 1), ==, 0);
    g_assert_cmphex(peer_offset(master, 2), ==, SLAVE_SIZE);

    kill_machine(slave1);
    kill_machine(slave2);
    expect_line(master, "*link to slave*lost*");
    expect_line(master, "*link to slave*lost*");
    wait_connected(master, 0);

    slave2 = start_slave(rig, &(SlaveOptions) { .id = 2 });
    wait_connected(master, 1);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_LOST);
    g_assert_cmphex(peer_state(master, 2), ==, SDM_PEER_RESET);
    g_assert_cmpint(generation(master, 2), ==, 2);
    g_assert_cmphex(peer_offset(master, 2), ==, SLAVE_SIZE);
    check_window(master, slave2, SLAVE_SIZE);

    slave1 = start_slave(rig, NULL);
    wait_connected(master, 2);
    g_assert_cmphex(get_reg(slave1, SDM_REG_ID), ==, 1);
    g_assert_cmpint(generation(master, 1), ==, 2);
    g_assert_cmphex(peer_offset(master, 1), ==, 0);
    g_assert_cmpint(peer_credits(master, 1), ==, SLAVE_CREDITS);
    check_window(master, slave1, 0);
    g_assert_cmpint(send_signal(master, 1, 9, 8, 7), ==, SDM_TX_OK);
    expect_signal(slave1, 0, 9, 8, 7);

    quit_machine(slave1);
    quit_machine(slave2);
    quit_machine(master);
    rig_free(rig);
}

static Machine *expect_id(uint32_t wanted, uint32_t id)
{
    Machine *slave = start_slave(rig, &(SlaveOptions) { .id = wanted });

    g_assert_cmphex(get_reg(slave, SDM_REG_ID), ==, id);
    return slave;
}

/* The ID of who has gone is not another's before the driver has noticed. */
static void test_unnoticed(void)
{
    Machine *master, *slave, *other;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    set_reg(master, SDM_REG_PEER_CHANGED(0), ~0);
    quit_machine(expect_id(0, 1));
    wait_connected(master, 0);

    /* Another one is free; who asks for this one gets it; nobody waits. */
    slave = expect_id(0, 2);
    quit_machine(expect_id(1, 1));
    wait_connected(master, 1);
    other = expect_id(0, 1);
    quit_machine(other);
    quit_machine(slave);
    wait_connected(master, 0);

    /* Once it has noticed, or with no driver at all, it is as ever. */
    set_reg(master, SDM_REG_PEER_CHANGED(0), SDM_ID_BIT(1));
    quit_machine(expect_id(0, 1));
    wait_connected(master, 0);
    set_reg(master, SDM_REG_PEER_CHANGED(0), SDM_ID_BIT(2));
    set_reg(master, SDM_REG_CONTROL, 0);
    quit_machine(expect_id(0, 1));

    wait_connected(master, 0);
    quit_machine(master);
    rig_free(rig);
}

/* A slave whose connection is refused says so, and so does the master. */
static void check_refused(Machine *master, const SlaveOptions *options,
                          const char *reason)
{
    g_autofree char *args = slave_args(rig, options);
    g_autofree char *output = NULL;
    g_autofree char *slave_says =
        g_strdup_printf("*: the master at tcp:127.0.0.1:%u refused this "
                        "slave: %s\n", rig->port, reason);
    g_autofree char *master_says =
        g_strdup_printf("*: refused a slave from tcp:127.0.0.1:*: %s", reason);

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    if (!g_pattern_match_simple(slave_says, output)) {
        g_error("printed: %s\nexpected: %s", output, slave_says);
    }
    expect_line(master, master_says);
}

static void test_refused(void)
{
    Machine *master, *slave1, *slave2;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);

    check_refused(master, &(SlaveOptions) { .id = 3 },
                  "slave ID 3 does not exist: the master has IDs 1 to 2 "
                  "(num-slaves=2)");
    check_refused(master, &(SlaveOptions) { .size = "513M" },
                  "its RAM of 513 MiB does not fit: 512 MiB are free in one "
                  "piece in the window of 512 MiB (shared-size)");
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);

    slave1 = start_slave(rig, &(SlaveOptions) { .id = 2 });
    wait_connected(master, 1);
    check_refused(master, &(SlaveOptions) { .id = 2 },
                  "slave ID 2 is in use by tcp:127.0.0.1:*");
    check_refused(master, &(SlaveOptions) { .size = "257M" },
                  "its RAM of 257 MiB does not fit: 256 MiB are free in one "
                  "piece in the window of 512 MiB (shared-size)");

    /* The refused ones have left nothing behind: an exact fit fits. */
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    check_refused(master, NULL,
                  "all slave IDs are in use (num-slaves=2)");
    check_window(master, slave1, 0);
    check_window(master, slave2, SLAVE_SIZE);
    g_assert_cmpint(num_connected(master), ==, 2);

    quit_machine(slave1);
    quit_machine(slave2);
    quit_machine(master);
    rig_free(rig);
}

/* A slave whose RAM fills the window to the last byte. */
static void test_exact_fit(void)
{
    Machine *master, *slave;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave = start_slave(rig, &(SlaveOptions) { .size = "512M" });
    wait_connected(master, 1);
    check_window(master, slave, 0);
    qtest_writeb(slave->qts, RAM_BASE + WINDOW_SIZE - 1, 0x99);
    g_assert_cmphex(qtest_readb(master->qts, WINDOW_BASE + WINDOW_SIZE - 1),
                    ==, 0x99);
    check_refused(master, &(SlaveOptions) { .size = "16M" },
                  "its RAM of 16 MiB does not fit: 0 B are free in one "
                  "piece in the window of 512 MiB (shared-size)");
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* Machines without a boot signal, without signals, without memory. */
static void test_parts(void)
{
    Machine *master, *running, *memory;
    g_autofree char *args = NULL;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    running = start_slave(rig, &(SlaveOptions) { .no_boot = true });
    wait_connected(master, 1);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RUNNING);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_BOOT_SIGNAL)),
                    ==, SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_RESET_SIGNAL)),
                    ==, SDM_SIGNAL_NONE);
    check_window(master, running, 0);

    /* Memory alone is enough to take part. */
    args = g_strdup_printf("-M virt -m 16M -nodefaults "
                           "-object multi-socket-backend,id=sock,%s "
                           "-object memory-backend-network,id=mem,size=16M,"
                           "socket=sock -numa node,memdev=mem", rig->address);
    memory = start_machine(rig, args);
    wait_connected(memory, 1);
    wait_connected(master, 2);
    check_window(master, memory, SLAVE_SIZE);
    g_assert_cmphex(peer_size(master, 2), ==, 16 * MiB);
    g_assert_cmpint(send_signal(master, 2, 0, 0, 0), ==, SDM_TX_NO_LINK);
    quit_machine(memory);
    wait_connected(master, 1);

    /* ... and signals alone are. */
    g_free(args);
    args = g_strdup_printf("-M virt -nodefaults "
                           "-object multi-socket-backend,id=sock,%s "
                           "-object sdm-communication-socket,id=scomm,"
                           "socket=sock -device sdm-platform,comm=scomm",
                           rig->address);
    memory = start_machine(rig, args);
    wait_connected(memory, 1);
    wait_connected(master, 2);
    g_assert_cmphex(peer_size(master, 2), ==, 0);
    g_assert_cmphex(peer_state(master, 2), ==, SDM_PEER_RUNNING);
    g_assert_cmpint(send_signal(master, 2, 1, 2, 3), ==, SDM_TX_OK);
    expect_signal(memory, 0, 1, 2, 3);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + SLAVE_SIZE), ==,
                    0xffffffff);

    quit_machine(memory);
    quit_machine(running);
    quit_machine(master);
    rig_free(rig);
}

/* Nobody listens. */
static void test_no_master(void)
{
    g_autofree char *args = NULL;
    g_autofree char *output = NULL;

    rig = rig_new_tcp();
    args = slave_args(rig, NULL);
    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    g_assert_nonnull(strstr(output, "multi-socket-backend 'sock': no master: "
                            "Failed to connect"));
    g_assert_nonnull(strstr(output, "Start the master first."));
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/link/connect/tcp", test_connect_tcp);
    qtest_add_func("/sdm/link/connect/unix", test_connect_unix);
    qtest_add_func("/sdm/link/quit", test_quit);
    qtest_add_func("/sdm/link/quit-during-send", test_quit_during_send);
    qtest_add_func("/sdm/link/kill", test_kill);
    qtest_add_func("/sdm/link/return", test_return);
    qtest_add_func("/sdm/link/unnoticed", test_unnoticed);
    qtest_add_func("/sdm/link/refused", test_refused);
    qtest_add_func("/sdm/link/exact-fit", test_exact_fit);
    qtest_add_func("/sdm/link/parts", test_parts);
    qtest_add_func("/sdm/link/no-master", test_no_master);

    return g_test_run();
}
