/*
 * SDM: slaves that wait for their master, and find it again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "sdm/raw.h"

#define AGAIN ",reconnect-ms=20"

static Rig *rig;

static Machine *start_patient_slave(unsigned id)
{
    g_autofree char *args =
        slave_args(rig, &(SlaveOptions) { .socket = AGAIN, .id = id });

    return start_machine(rig, args);
}

static void check_window(Machine *master, Machine *slave, uint32_t id)
{
    static uint32_t value = 0x12340000;
    uint64_t offset =
        get_reg64(master, SDM_REG_PEER(id, SDM_PEER_MEM_OFFSET_LO));

    qtest_writel(slave->qts, RAM_BASE + 0x100, ++value);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + offset + 0x100), ==,
                    value);
}

/* Slaves before their master. */
static void test_early(void)
{
    Machine *master, *slave;

    rig = rig_new_tcp();
    slave = start_patient_slave(0);
    expect_line(slave, "*: warning: no master so far: Failed to connect *");
    wait_peer_state(slave, 0, SDM_PEER_CONNECTING);
    g_assert_cmpint(send_signal(slave, 0, 0, 0, 0), ==, SDM_TX_NO_LINK);
    /* Many attempts later that is still all it has said. */
    g_usleep(300 * 1000);
    g_assert_true(is_silent(slave));

    master = start_master(rig, NULL);
    wait_connected(slave, 1);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    wait_peer_state(slave, 0, SDM_PEER_RUNNING);
    check_window(master, slave, 1);
    g_assert_cmpint(send_signal(slave, 0, 3, 4, 5), ==, SDM_TX_OK);
    expect_signal(master, 1, 3, 4, 5);
    quit_machine(master);
    wait_peer_state(slave, 0, SDM_PEER_CONNECTING);
    expect_line(slave, "*: warning: no master so far: Failed to connect *");
    quit_machine(slave);
    rig_free(rig);
}

/* The master dies: both slaves find the next one, and keep their places. */
static void check_restart(void)
{
    Machine *master, *slaves[2];
    unsigned round, i;

    master = start_master(rig, NULL);
    for (i = 0; i < ARRAY_SIZE(slaves); i++) {
        slaves[i] = start_patient_slave(0);
        wait_connected(master, i + 1);
    }
    for (round = 1; round <= 3; round++) {
        kill_machine(master);
        for (i = 0; i < ARRAY_SIZE(slaves); i++) {
            wait_peer_state(slaves[i], 0, SDM_PEER_CONNECTING);
            expect_line(slaves[i], "*: warning: link to master * lost: *");
        }
        master = start_master(rig, NULL);
        wait_connected(master, 2);
        for (i = 0; i < ARRAY_SIZE(slaves); i++) {
            wait_connected(slaves[i], 1);
            said(slaves[i], "");
            g_assert_cmpint(get_reg(slaves[i], SDM_REG_ID), ==, i + 1);
            g_assert_cmpint(get_reg(slaves[i],
                                    SDM_REG_PEER(0, SDM_PEER_GENERATION)),
                            ==, round + 1);
            g_assert_cmpint(send_signal(master, i + 1, 7, round, i), ==,
                            SDM_TX_OK);
            expect_signal(slaves[i], 0, 7, round, i);
            check_window(master, slaves[i], i + 1);
        }
    }
    for (i = 0; i < ARRAY_SIZE(slaves); i++) {
        quit_machine(slaves[i]);
    }
    quit_machine(master);
    rig_free(rig);
}

static void test_restart_tcp(void)
{
    rig = rig_new_tcp();
    check_restart();
}

static void test_restart_unix(void)
{
    rig = rig_new_unix();
    check_restart();
}

/* The old place is taken: another one will do, unless it was asked for. */
static void test_place_taken(void)
{
    Machine *master, *any, *fixed, *first;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    any = start_patient_slave(0);
    wait_connected(master, 1);
    kill_machine(master);
    wait_peer_state(any, 0, SDM_PEER_CONNECTING);
    said(any, "");
    kill(qtest_pid(any->qts), SIGSTOP);

    master = start_master(rig, NULL);
    first = start_slave(rig, &(SlaveOptions) { .id = 1 });
    wait_connected(master, 1);
    kill(qtest_pid(any->qts), SIGCONT);
    wait_connected(any, 1);
    wait_connected(master, 2);
    g_assert_cmpint(get_reg(any, SDM_REG_ID), ==, 2);
    g_assert_cmphex(get_reg(any, SDM_REG_PEER(1, SDM_PEER_STATE)) &
                    SDM_PEER_STATE_SELF, ==, 0);
    check_window(master, any, 2);
    said(any, "");
    said(master, "");

    fixed = start_patient_slave(1);
    expect_line(fixed, "*: warning: the master at * refused this slave: "
                "slave ID 1 is in use by *");
    wait_peer_state(fixed, 0, SDM_PEER_CONNECTING);
    quit_machine(first);
    wait_connected(fixed, 1);
    wait_connected(master, 2);
    g_assert_cmpint(get_reg(fixed, SDM_REG_ID), ==, 1);
    said(fixed, "");
    said(master, "");

    quit_machine(any);
    quit_machine(fixed);
    quit_machine(master);
    rig_free(rig);
}

/* The next connection of a slave, which wants this ID. */
static int accept_who_wants(int listener, uint32_t id)
{
    g_autofree uint8_t *payload = g_malloc(SDM_PROTO_MAX_FRAME);
    int fd = raw_accept(listener);

    raw_expect(fd, SDM_PROTO_HELLO, NULL, payload);
    g_assert_cmpint(ldl_le_p(payload + offsetof(struct sdm_proto_hello, id)),
                    ==, id);
    return fd;
}

/* A slave insists on its ID until it is told that this cannot be. */
static void test_id_kept(void)
{
    struct sdm_proto_welcome welcome = raw_welcome;
    Machine *slave;
    int listener, fd;

    rig = rig_new_tcp();
    listener = raw_listen(rig);
    slave = start_patient_slave(0);
    fd = accept_who_wants(listener, SDM_PROTO_ID_ANY);
    welcome.id = 2;
    raw_send_welcome(fd, &welcome, &raw_signals);
    wait_connected(slave, 1);
    close(fd);

    /* A master that is just going, and one that is full. */
    fd = accept_who_wants(listener, 2);
    close(fd);
    fd = accept_who_wants(listener, 2);
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, SDM_REJECT_FULL, NULL, 0);
    raw_expect_end(fd);

    fd = accept_who_wants(listener, 2);
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, SDM_REJECT_ID, NULL, 0);
    raw_expect_end(fd);
    fd = accept_who_wants(listener, SDM_PROTO_ID_ANY);
    said(slave, "");
    quit_machine(slave);
    close(fd);
    close(listener);
    rig_free(rig);
}

/* Somebody listens who is no master, or one that breaks the rules. */
static void test_wrong_master(void)
{
    struct sdm_proto_header header;
    Machine *master, *slave;
    int listener, fd;

    rig = rig_new_tcp();
    listener = raw_listen(rig);
    slave = start_patient_slave(0);
    fd = raw_accept(listener);
    raw_send(fd, "220 mail.example.com\r\n", 22);
    raw_expect_end(fd);
    close(fd);
    expect_line(slave, "*: warning: no connection with *: protocol violation: "
                "*");
    fd = raw_accept(listener);
    raw_expect(fd, SDM_PROTO_HELLO, &header, NULL);
    close(fd);
    expect_line(slave, "*: warning: no connection with *: *");
    fd = raw_accept(listener);
    raw_send_welcome(fd, &raw_welcome, &raw_signals);
    wait_connected(slave, 1);
    raw_send_header(fd, 0x7777, 0, 0, 0, 0);
    expect_line(slave, "*: warning: link to master * lost: protocol "
                "violation: *");
    close(fd);
    close(listener);
    said(slave, "");

    master = start_master(rig, NULL);
    wait_connected(slave, 1);
    wait_connected(master, 1);
    said(slave, "");
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/reconnect/early", test_early);
    qtest_add_func("/sdm/reconnect/restart/tcp", test_restart_tcp);
    qtest_add_func("/sdm/reconnect/restart/unix", test_restart_unix);
    qtest_add_func("/sdm/reconnect/place-taken", test_place_taken);
    qtest_add_func("/sdm/reconnect/id-kept", test_id_kept);
    qtest_add_func("/sdm/reconnect/wrong-master", test_wrong_master);

    return g_test_run();
}
