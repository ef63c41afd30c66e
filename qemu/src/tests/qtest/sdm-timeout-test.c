/*
 * SDM: the master accesses the RAM of a slave that does not serve it well
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "sdm/raw.h"

static Rig *rig;
static Machine *master;

static void start(Rig *where, const char *memory)
{
    rig = where;
    master = start_master(rig, &(MasterOptions) { .memory = memory });
    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_ERROR);
}

static void end(void)
{
    quit_machine(master);
    rig_free(rig);
}

static void check_error(uint32_t peer, uint64_t offset, uint32_t cause)
{
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | peer << 16 | cause);
    g_assert_cmphex(get_reg64(master, SDM_REG_ERR_OFFSET_LO), ==, offset);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 1);
    WAIT_FOR(irq_level(master, "sdm"));
}

/* A new slave on the same ID works. */
static void check_successor(void)
{
    Machine *slave = start_slave(rig, NULL);

    wait_connected(master, 1);
    g_assert_cmphex(get_reg(slave, SDM_REG_ID), ==, 1);
    qtest_writel(slave->qts, RAM_BASE + 8, 0x1234);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 8), ==, 0x1234);
    quit_machine(slave);
}

static void test_no_answer(void)
{
    gint64 begun;
    int fd;

    start(rig_new_tcp(), ",timeout-ms=300");
    fd = raw_join(rig);

    begun = g_get_monotonic_time();
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 0x124), ==,
                    0xffffffff);
    g_assert_cmpint(g_get_monotonic_time() - begun, >=, 290000);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 5000000);
    check_error(1, 0x124, SDM_ERR_TIMEOUT);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: no answer for 300 ms");

    /* Once given up, it costs no more time. */
    wait_connected(master, 0);
    begun = g_get_monotonic_time();
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 0x124), ==,
                    0xffffffff);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 290000);
    raw_expect_end(fd);
    check_successor();
    end();
}

/* A real slave that is stopped, with another one beside it. */
static void test_stopped_slave(void)
{
    Machine *slave1, *slave2;

    start(rig_new_tcp(), ",timeout-ms=300");
    slave1 = start_slave(rig, NULL);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    kill(qtest_pid(slave1->qts), SIGSTOP);

    /* Signals and writes do not wait. */
    g_assert_cmpint(send_signal(master, 1, 5, 0, 0), ==, SDM_TX_OK);
    qtest_writel(master->qts, WINDOW_BASE, 1);
    qtest_writel(slave2->qts, RAM_BASE, 0x5678);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + SLAVE_SIZE), ==,
                    0x5678);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RESET);

    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE), ==, 0xffffffff);
    check_error(1, 0, SDM_ERR_TIMEOUT);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: no answer for 300 ms");
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + SLAVE_SIZE), ==,
                    0x5678);

    /* When it goes on it finds itself alone. */
    kill(qtest_pid(slave1->qts), SIGCONT);
    wait_peer_state(slave1, 0, SDM_PEER_LOST);
    expect_line(slave1, "*link to master * lost: *");
    quit_machine(slave1);
    quit_machine(slave2);
    end();
}

/* A slave that takes no data: writes wait, but not for ever. */
static void test_no_room(void)
{
    g_autofree uint8_t *data = g_malloc0(1 * MiB);
    int fd;

    start(rig_new_unix(), ",timeout-ms=300");
    fd = raw_join(rig);
    qtest_bufwrite(master->qts, WINDOW_BASE, data, 1 * MiB);
    WAIT_FOR(peer_state(master, 1) == SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: the peer took too little data "
                "for 300 ms");
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS) &
                    (SDM_ERR_VALID | SDM_ERR_WRITE), ==,
                    SDM_ERR_VALID | SDM_ERR_WRITE);
    WAIT_FOR(irq_level(master, "sdm"));
    close(fd);
    check_successor();
    end();
}

/*
 * ------------------------------------------------------------------------
 * Slaves that answer a read in one way or another
 */

static int raw_fd;

/* The read that arrives. */
static void get_read(struct sdm_proto_header *header, struct sdm_proto_mem *mem)
{
    uint8_t payload[SDM_PROTO_MAX_FRAME];

    raw_expect(raw_fd, SDM_PROTO_MEM_READ, header, payload);
    sdm_proto_parse_mem(payload, mem);
}

static gpointer answer_well(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;
    uint64_t value = cpu_to_le64(0x1122334455667788);

    get_read(&header, &mem);
    g_assert_cmphex(mem.offset, ==, 0x40);
    g_assert_cmpint(header.arg, ==, 4);
    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, header.tag, SDM_MEM_OK, &value,
                   4);
    return NULL;
}

static gpointer answer_refused(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;

    get_read(&header, &mem);
    raw_send_header(raw_fd, SDM_PROTO_MEM_DATA, 0, 0, header.tag,
                    GPOINTER_TO_UINT(opaque));
    return NULL;
}

static gpointer answer_length(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;
    uint8_t bytes[16] = { 0 };

    get_read(&header, &mem);
    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, header.tag, SDM_MEM_OK, bytes,
                   GPOINTER_TO_UINT(opaque));
    return NULL;
}

static gpointer answer_refused_with_data(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;
    uint8_t bytes[4] = { 0 };

    get_read(&header, &mem);
    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, header.tag, SDM_MEM_RANGE,
                   bytes, sizeof(bytes));
    return NULL;
}

static gpointer answer_tag(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;
    uint8_t bytes[4] = { 0 };

    get_read(&header, &mem);
    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, header.tag + 1, SDM_MEM_OK,
                   bytes, sizeof(bytes));
    return NULL;
}

static gpointer answer_half_and_close(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;

    get_read(&header, &mem);
    raw_send_header(raw_fd, SDM_PROTO_MEM_DATA, 0, 4, header.tag, SDM_MEM_OK);
    raw_send(raw_fd, "ab", 2);
    shutdown(raw_fd, SHUT_RDWR);
    return NULL;
}

static gpointer answer_bye(gpointer opaque)
{
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;

    get_read(&header, &mem);
    raw_send_header(raw_fd, SDM_PROTO_BYE, 0, 0, 0, 0);
    shutdown(raw_fd, SHUT_RDWR);
    return NULL;
}

/* Says this and that, as often as it may, but not what it is asked for. */
static gpointer chatter(gpointer opaque)
{
    gint64 end = g_get_monotonic_time() + 20000000;
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;
    uint8_t bytes[SDM_PROTO_HEADER_SIZE];
    const struct sdm_proto_header state = {
        .type = SDM_PROTO_STATE,
        .arg = SDM_PEER_RESET,
    };

    get_read(&header, &mem);
    sdm_proto_put_header(bytes, &state);
    while (g_get_monotonic_time() < end &&
           send(raw_fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) {
        g_usleep(2000);
    }
    return NULL;
}

static uint32_t read_while(GThreadFunc slave, gpointer opaque)
{
    GThread *thread;
    uint32_t value;

    raw_fd = raw_join(rig);
    thread = g_thread_new("slave", slave, opaque);
    value = qtest_readl(master->qts, WINDOW_BASE + 0x40);
    g_thread_join(thread);
    return value;
}

/* Whatever else a slave says, the answer is what a CPU waits for. */
static void test_chatter(void)
{
    gint64 begun = g_get_monotonic_time();

    start(rig_new_tcp(), ",timeout-ms=300");
    g_assert_cmphex(read_while(chatter, NULL), ==, 0xffffffff);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 15000000);
    check_error(1, 0x40, SDM_ERR_TIMEOUT);
    expect_line(master, "*link to slave * lost: no answer for 300 ms");
    close(raw_fd);
    check_successor();
    end();
}

static void test_good_answer(void)
{
    start(rig_new_tcp(), ",timeout-ms=30000");
    g_assert_cmphex(read_while(answer_well, NULL), ==, 0x55667788);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    raw_leave(raw_fd);
    end();
}

/* "No" is an answer: the link stays. */
static void test_refused(void)
{
    unsigned cause;

    for (cause = SDM_MEM_RANGE; cause <= SDM_MEM_FAULT; cause++) {
        start(rig_new_tcp(), ",timeout-ms=30000");
        g_assert_cmphex(read_while(answer_refused, GUINT_TO_POINTER(cause)),
                        ==, 0xffffffff);
        check_error(1, 0x40, SDM_ERR_REFUSED);
        g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RESET);

        /* Writes are refused afterwards. */
        set_reg(master, SDM_REG_ERR_STATUS, 0);
        raw_send_mem(raw_fd, SDM_PROTO_MEM_ERROR, 0, cause, 0x48, NULL, 0);
        wait_reg(master, SDM_REG_ERR_COUNT, ~0, 2);
        g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                        SDM_ERR_VALID | SDM_ERR_WRITE | 1 << 16 |
                        SDM_ERR_REFUSED);
        g_assert_cmphex(get_reg64(master, SDM_REG_ERR_OFFSET_LO), ==, 0x48);
        WAIT_FOR(irq_level(master, "sdm"));
        g_assert_cmpint(num_connected(master), ==, 1);
        raw_leave(raw_fd);
        end();
    }
}

static void check_broken(GThreadFunc slave, gpointer opaque, uint32_t state,
                         const char *message)
{
    gint64 begun = g_get_monotonic_time();

    start(rig_new_tcp(), ",timeout-ms=50000");
    g_assert_cmphex(read_while(slave, opaque), ==, 0xffffffff);
    /* The end of the connection is the end of the read. */
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 40000000);
    check_error(1, 0x40, SDM_ERR_LOST);
    wait_peer_state(master, 1, state);
    if (message) {
        expect_line(master, message);
    }
    raw_expect_end(raw_fd);
    check_successor();
    end();
}

static void test_broken(void)
{
    static const unsigned lengths[] = { 0, 1, 3, 5, 8 };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(lengths); i++) {
        check_broken(answer_length, GUINT_TO_POINTER(lengths[i]),
                     SDM_PEER_LOST, "*lost: protocol violation: answer that "
                     "fits no request");
    }
    check_broken(answer_refused_with_data, NULL, SDM_PEER_LOST,
                 "*lost: protocol violation: answer that fits no request");
    check_broken(answer_tag, NULL, SDM_PEER_LOST,
                 "*lost: protocol violation: answer that fits no request");
    check_broken(answer_half_and_close, NULL, SDM_PEER_LOST,
                 "*lost: the peer closed the connection");
    check_broken(answer_bye, NULL, SDM_PEER_ABSENT, NULL);
}

/* Peers that connect and say nothing, or too little, are given up. */
static void test_handshake(void)
{
    g_autofree char *output = NULL;
    g_autofree char *args = NULL;
    Program *slave;
    int silent, slow, listener, i;
    Rig *other;

    start(rig_new_tcp(), "");
    silent = raw_connect(rig);
    slow = raw_connect(rig);

    other = rig_new_tcp();
    listener = raw_listen(other);
    args = slave_args(other, NULL);
    slave = spawn_qemu(other, args);

    /* A byte from time to time does not help. */
    for (i = 0; i < 4; i++) {
        raw_send(slow, "\1\0\0\0" + i, 1);
        g_usleep(G_USEC_PER_SEC / 10);
        check_successor();
    }
    raw_expect_end(silent);
    raw_expect_end(slow);
    for (i = 0; i < 2; i++) {
        expect_line(master, "*: no connection with tcp:127.0.0.1:*: no "
                    "handshake within 10000 ms *");
    }
    check_successor();
    end();

    g_assert_cmpint(finish_qemu(slave, &output), ==, 1);
    g_assert_true(g_pattern_match_simple("*: no connection with tcp:127.0.0.1:"
                                         "*: no handshake within 10000 ms *\n",
                                         output));
    close(listener);
    rig_free(other);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/timeout/no-answer", test_no_answer);
    qtest_add_func("/sdm/timeout/chatter", test_chatter);
    qtest_add_func("/sdm/timeout/stopped-slave", test_stopped_slave);
    qtest_add_func("/sdm/timeout/no-room", test_no_room);
    qtest_add_func("/sdm/timeout/good-answer", test_good_answer);
    qtest_add_func("/sdm/timeout/refused", test_refused);
    qtest_add_func("/sdm/timeout/broken", test_broken);
    qtest_add_func("/sdm/timeout/handshake", test_handshake);

    return g_test_run();
}
