/*
 * SDM: memory of which master and slave have a copy each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "sdm/raw.h"

#define SIZE (64 * KiB)
/* The region, as the two see it. */
#define MASTER (WINDOW_BASE + SLAVE_SIZE - SIZE)
#define SLAVE (RAM_BASE + SLAVE_SIZE - SIZE)

static Rig *rig;
static Machine *master, *slave;

static Machine *start_coherent_slave(const char *more)
{
    g_autofree char *memory = g_strdup_printf(",coherent-size=64K%s", more);

    return start_slave(rig, &(SlaveOptions) { .memory = memory });
}

static void start(Rig *where, const char *more)
{
    rig = where;
    master = start_master(rig, NULL);
    slave = start_coherent_slave(more);
    wait_peer_state(master, 1, SDM_PEER_RESET);
}

static void end(void)
{
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* What was written before a signal is there when the signal is. */
static void tell(Machine *from, uint32_t from_id, Machine *to, uint32_t to_id)
{
    static uint32_t number;

    g_assert_cmpint(send_signal(from, to_id, 5, ++number, 0), ==, SDM_TX_OK);
    expect_signal(to, from_id, 5, number, 0);
}

static void check_registers(bool mapped)
{
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_MEM_FLAGS)), ==,
                    SIZE | (mapped ? SDM_PEER_MEM_MAPPED : 0));
    /* A slave is told of its own RAM. */
    g_assert_cmphex(get_reg(slave, SDM_REG_PEER(1, SDM_PEER_MEM_FLAGS)), ==,
                    SIZE);
    g_assert_cmphex(get_reg64(slave, SDM_REG_PEER(1, SDM_PEER_MEM_SIZE_LO)),
                    ==, SLAVE_SIZE);
    g_assert_cmphex(get_reg64(slave, SDM_REG_PEER(1, SDM_PEER_MEM_BASE_LO)),
                    ==, RAM_BASE);
    g_assert_cmphex(get_reg64(slave, SDM_REG_PEER(1, SDM_PEER_MEM_OFFSET_LO)),
                    ==, 0);
    g_assert_cmphex(get_reg(slave, SDM_REG_PEER(0, SDM_PEER_MEM_FLAGS)), ==,
                    0);
}

static void check_both_ways(void)
{
    for (unsigned i = 1; i <= 200; i++) {
        uint64_t at = i * 328 % SIZE / 8 * 8;

        qtest_writeq(master->qts, MASTER + at, i * 0x123456789abcull);
        qtest_writeb(master->qts, MASTER + SIZE - 1, i);
        qtest_writew(slave->qts, SLAVE + SIZE - 8, i * 3);
        tell(master, 0, slave, 1);
        g_assert_cmphex(qtest_readq(slave->qts, SLAVE + at), ==,
                        i * 0x123456789abcull);
        g_assert_cmphex(qtest_readb(slave->qts, SLAVE + SIZE - 1), ==,
                        i & 0xff);
        /* The same place, in reply. */
        qtest_writel(slave->qts, SLAVE + at, i);
        tell(slave, 1, master, 0);
        g_assert_cmphex(qtest_readq(master->qts, MASTER + at), ==,
                        deposit64(i * 0x123456789abcull, 0, 32, i));
        g_assert_cmphex(qtest_readw(master->qts, MASTER + SIZE - 8), ==,
                        i * 3);
    }
}

static void check_all(void)
{
    g_autofree uint8_t *sent = g_malloc(SIZE);
    g_autofree uint8_t *got = g_malloc0(SIZE);

    for (unsigned i = 0; i < SIZE; i++) {
        sent[i] = i * 7 + i / 251;
    }
    qtest_memwrite(master->qts, MASTER, sent, SIZE);
    tell(master, 0, slave, 1);
    qtest_memread(slave->qts, SLAVE, got, SIZE);
    g_assert_cmpmem(sent, SIZE, got, SIZE);

    /* Every other byte: the most that there can be to tell. */
    for (unsigned i = 0; i < SIZE; i += 2) {
        sent[i] ^= 0xff;
    }
    qtest_memwrite(slave->qts, SLAVE, sent, SIZE);
    tell(slave, 1, master, 0);
    qtest_memread(master->qts, MASTER, got, SIZE);
    g_assert_cmpmem(sent, SIZE, got, SIZE);
}

static void test_tcp(void)
{
    start(rig_new_tcp(), "");
    check_registers(false);
    check_both_ways();
    check_all();
    /* Without a signal nothing is told, and no access leaves the machine. */
    qtest_writel(master->qts, MASTER, 0x11111111);
    qtest_writel(slave->qts, SLAVE, 0x22222222);
    g_assert_cmphex(qtest_readl(master->qts, MASTER), ==, 0x11111111);
    g_assert_cmphex(qtest_readl(slave->qts, SLAVE), ==, 0x22222222);
    /* Just before it all is forwarded. */
    qtest_writel(master->qts, MASTER - 4, 0x33333333);
    g_assert_cmphex(qtest_readl(master->qts, MASTER - 4), ==, 0x33333333);
    g_assert_cmphex(qtest_readl(slave->qts, SLAVE - 4), ==, 0x33333333);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    end();
}

static void test_unix(void)
{
    start(rig_new_unix(), "");
    check_registers(false);
    check_both_ways();
    check_all();
    end();
}

/* The window is the RAM: all is told by itself. */
static void test_mapped(void)
{
    start(rig_new_unix(), ",share=on");
    check_registers(true);
    check_both_ways();
    check_all();
    qtest_writel(master->qts, MASTER, 0x11111111);
    g_assert_cmphex(qtest_readl(slave->qts, SLAVE), ==, 0x11111111);
    end();
}

/* What the slave has is there for each master, and what a master wrote. */
static void test_reconnect(void)
{
    g_autofree char *args = NULL;

    rig = rig_new_tcp();
    args = slave_args(rig, &(SlaveOptions) {
        .memory = ",coherent-size=64K", .socket = ",reconnect-ms=20" });
    slave = start_machine(rig, args);
    qtest_writel(slave->qts, SLAVE + 0x1234, 0x12345678);
    for (unsigned i = 1; i <= 3; i++) {
        master = start_master(rig, NULL);
        wait_peer_state(master, 1, SDM_PEER_RESET);
        g_assert_cmphex(qtest_readl(master->qts, MASTER + 0x1234), ==,
                        0x12345678);
        g_assert_cmphex(qtest_readl(master->qts, MASTER + 0x4000), ==, i - 1);
        qtest_writel(master->qts, MASTER + 0x4000, i);
        tell(master, 0, slave, 1);
        g_assert_cmphex(qtest_readl(slave->qts, SLAVE + 0x4000), ==, i);
        kill_machine(master);
        wait_peer_state(slave, 0, SDM_PEER_CONNECTING);
        said(slave, "");
    }
    kill_machine(slave);
    rig_free(rig);
}

/*
 * What a slave has written when it is reset has been told when the master knows
 * of that: later it would overwrite what the master has written meanwhile.
 */
static void test_reset(void)
{
    start(rig_new_tcp(), "");
    for (uint32_t i = 1; i <= 4; i++) {
        g_assert_cmpint(send_signal(master, 1, 0, RAM_BASE + 0x8000, 0), ==,
                        SDM_TX_OK);
        wait_peer_state(master, 1, SDM_PEER_RUNNING);
        qtest_writel(slave->qts, SLAVE + 0x100, i);
        g_assert_cmphex(qtest_readl(master->qts, MASTER + 0x100), ==, i - 1);
        if (i % 2) {
            g_assert_cmpint(send_signal(master, 1, 1, 0, 0), ==, SDM_TX_OK);
        } else {
            qtest_system_reset(slave->qts);
        }
        wait_peer_state(master, 1, SDM_PEER_RESET);
        g_assert_cmphex(qtest_readl(master->qts, MASTER + 0x100), ==, i);
    }
    end();
}

/* The bulk transfer engine keeps out of it. */
static void test_transfers(void)
{
    static const struct {
        uint64_t offset;
        uint32_t length;
        uint32_t status;
    } cases[] = {
        { SLAVE_SIZE - SIZE - 4, 4, SDM_DMA_OK },
        { SLAVE_SIZE - SIZE - 4, 5, SDM_DMA_RANGE },
        { SLAVE_SIZE - SIZE, 4, SDM_DMA_RANGE },
        { SLAVE_SIZE - 4, 4, SDM_DMA_RANGE },
    };
    const uint64_t ring = RAM_BASE + 0x100000;

    start(rig_new_tcp(), "");
    set_reg(master, SDM_REG_DMA_RING_LO, ring);
    set_reg(master, SDM_REG_DMA_RING_SIZE, 4);
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t d[SDM_DMA_DESC_SIZE] = { 0 };

        stq_le_p(d + SDM_DMA_DESC_ADDR, RAM_BASE + 0x200000);
        stq_le_p(d + SDM_DMA_DESC_OFFSET, cases[i].offset);
        stl_le_p(d + SDM_DMA_DESC_LENGTH, cases[i].length);
        stw_le_p(d + SDM_DMA_DESC_PEER, 1);
        stw_le_p(d + SDM_DMA_DESC_FLAGS, SDM_DMA_WRITE);
        qtest_memwrite(master->qts, ring + i * sizeof(d), d, sizeof(d));
        set_reg(master, SDM_REG_DMA_HEAD, i + 1);
        wait_reg(master, SDM_REG_DMA_TAIL, ~0, i + 1);
        g_assert_cmpint(qtest_readl(master->qts, ring + i * sizeof(d) +
                                    SDM_DMA_DESC_STATUS), ==, cases[i].status);
    }
    end();
}

/*
 * ------------------------------------------------------------------------
 * Slaves that speak the protocol by hand
 */

static int raw_join_coherent(uint32_t size)
{
    struct sdm_proto_hello_memory memory = raw_memory;
    const RawHello hello = {
        .hello = raw_hello,
        .memory = &memory,
        .signals = &raw_signals,
    };
    int fd = raw_connect(rig);

    memory.coherent = size;
    raw_send_hello(fd, &hello);
    return fd;
}

static void raw_send_changes(int fd, uint32_t offset, const void *data,
                             uint32_t length, uint32_t arg)
{
    g_autofree uint8_t *record = g_malloc(8 + length);

    stl_le_p(record, offset);
    stl_le_p(record + 4, length);
    memcpy(record + 8, data, length);
    raw_send_frame(fd, SDM_PROTO_MEM_DIFF, 0, arg, record, 8 + length);
}

static void expect_violation(int fd, const char *reason)
{
    g_autofree char *line = g_strdup_printf("*lost: protocol violation: %s",
                                            reason);

    raw_expect_end(fd);
    expect_line(master, line);
    wait_connected(master, 0);
}

/* What was written goes ahead of the signal; if nothing was, nothing goes. */
static void check_release(int fd, uint64_t place)
{
    g_autofree uint8_t *payload = g_malloc(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_header header;

    qtest_writel(master->qts, place + 0x100, 0x12345678);
    g_assert_cmpint(send_signal(master, 1, 2, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(master, 1, 3, 0, 0), ==, SDM_TX_OK);
    raw_receive(fd, &header, payload);
    while (header.type == SDM_PROTO_CREDIT || header.type == SDM_PROTO_STATE) {
        raw_receive(fd, &header, payload);
    }
    g_assert_cmphex(header.type, ==, SDM_PROTO_MEM_DIFF);
    g_assert_cmpint(header.arg, ==, SDM_PROTO_DIFF_LAST);
    g_assert_cmpint(header.length, ==, 8 + 4);
    g_assert_cmphex(ldl_le_p(payload), ==, 0x100);
    g_assert_cmphex(ldl_le_p(payload + 4), ==, 4);
    g_assert_cmphex(ldl_le_p(payload + 8), ==, 0x12345678);
    raw_receive(fd, &header, payload);
    g_assert_cmphex(header.type, ==, SDM_PROTO_SIGNAL);
    g_assert_cmpint(ldl_le_p(payload + 8), ==, 2);
    raw_receive(fd, &header, payload);
    g_assert_cmphex(header.type, ==, SDM_PROTO_SIGNAL);
    g_assert_cmpint(ldl_le_p(payload + 8), ==, 3);
}

/* The device knows of a slave when its first copy is complete. */
static void test_first_copy(void)
{
    uint64_t place = WINDOW_BASE + raw_memory.size - 8 * KiB;
    const struct sdm_proto_signal signal = { .source = 1, .signal = 3 };
    int fd;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    fd = raw_join_coherent(8 * KiB);
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 1);
    raw_send_signal(fd, &signal);
    raw_send_changes(fd, 16, "abcd", 4, 0);
    g_usleep(50 * 1000);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);
    g_assert_cmphex(get_reg(master, SDM_REG_RX_HEAD), ==, 0);
    raw_send_changes(fd, 8 * KiB - 4, "efgh", 4, SDM_PROTO_DIFF_LAST);
    expect_signal(master, 1, 3, 0, 0);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RESET);
    g_assert_cmphex(qtest_readl(master->qts, place + 16), ==, ldl_le_p("abcd"));
    g_assert_cmphex(qtest_readl(master->qts, place + 8 * KiB - 4), ==,
                    ldl_le_p("efgh"));

    check_release(fd, place);

    /* A release that is not complete is not seen. */
    raw_send_changes(fd, 16, "ijkl", 4, 0);
    raw_send_signal(fd, &signal);
    expect_signal(master, 1, 3, 0, 0);
    g_assert_cmphex(qtest_readl(master->qts, place + 16), ==, ldl_le_p("abcd"));
    raw_leave(fd);
    wait_connected(master, 0);
    wait_peer_state(master, 1, SDM_PEER_ABSENT);

    /* One that goes before that was never there. */
    fd = raw_join_coherent(8 * KiB);
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 1);
    raw_leave(fd);
    wait_connected(master, 0);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(1, SDM_PEER_GENERATION)), ==,
                    1);
    quit_machine(master);
    rig_free(rig);
}

static void test_bad_frames(void)
{
    static const uint32_t bad[] = { 1, 4097, 2 * MiB, 0xfffff000 };
    g_autofree uint8_t *zeros = g_malloc0(SDM_PROTO_MAX_DIFF);
    int fd;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        fd = raw_join_coherent(bad[i]);
        raw_expect(fd, SDM_PROTO_REJECT, NULL, NULL);
        raw_expect_end(fd);
        expect_line(master, "*impossible size of the coherent region");
    }

    fd = raw_join(rig);
    raw_send_changes(fd, 0, "abcd", 4, 0);
    expect_violation(fd, "changes of a region that there is not");

    fd = raw_join_coherent(8 * KiB);
    raw_send_changes(fd, 8 * KiB - 3, "abcd", 4, 0);
    expect_violation(fd, "changes outside the coherent region");

    fd = raw_join_coherent(8 * KiB);
    raw_send_changes(fd, 0, "abcd", 4, SDM_PROTO_DIFF_LAST + 1);
    expect_violation(fd, "unknown kind of changes");

    fd = raw_join_coherent(8 * KiB);
    raw_send_frame(fd, SDM_PROTO_MEM_DIFF, 0, 0, zeros, 7);
    expect_violation(fd, "truncated record of changes");

    /* More than can have changed, without an end. */
    fd = raw_join_coherent(8 * KiB);
    for (unsigned i = 0; i < 20; i++) {
        raw_send_changes(fd, 0, zeros, 8 * KiB, 0);
    }
    expect_violation(fd, "changes without end");
    quit_machine(master);
    rig_free(rig);
}

static void check_refused(const char *memory, const char *reason)
{
    g_autofree char *args =
        slave_args(rig, &(SlaveOptions) { .memory = memory });
    g_autofree char *output = NULL;

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    if (!g_pattern_match_simple(reason, output)) {
        g_error("printed: %s\nexpected: %s", output, reason);
    }
}

static void test_options(void)
{
    g_autofree char *args = NULL, *output = NULL;

    rig = rig_new_tcp();
    check_refused(",coherent-size=1", "*'coherent-size' must be a multiple*");
    check_refused(",coherent-size=2M", "*'coherent-size' must be *at most*");
    check_refused(",coherent-size=4294971392", "*'coherent-size' must be *");
    args = master_args(rig, &(MasterOptions) { .memory = ",coherent-size=4K" });
    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    g_assert_true(g_pattern_match_simple("*'coherent-size' is for slaves*",
                                         output));
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/coherent/tcp", test_tcp);
    qtest_add_func("/sdm/coherent/unix", test_unix);
    qtest_add_func("/sdm/coherent/mapped", test_mapped);
    qtest_add_func("/sdm/coherent/reconnect", test_reconnect);
    qtest_add_func("/sdm/coherent/reset", test_reset);
    qtest_add_func("/sdm/coherent/transfers", test_transfers);
    qtest_add_func("/sdm/coherent/first-copy", test_first_copy);
    qtest_add_func("/sdm/coherent/bad-frames", test_bad_frames);
    qtest_add_func("/sdm/coherent/options", test_options);

    return g_test_run();
}
