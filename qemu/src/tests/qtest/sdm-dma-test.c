/*
 * SDM: bulk transfers, and slaves whose RAM is mapped by their master
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "sdm/raw.h"

/* Where the tests have their ring and their data in the master's RAM. */
#define RING (RAM_BASE + 0x100000)
#define RING_SIZE 8
#define DATA (RAM_BASE + 0x1000000)

/* Read-only for the CPUs, and no RAM. */
#define FLASH_BASE 0ull

static Rig *rig;
static Machine *master, *slave;
static uint64_t ring = RING;
static uint32_t ring_size = RING_SIZE;
static uint32_t head;

static void ring_off(void)
{
    set_reg(master, SDM_REG_DMA_CONTROL, 0);
    wait_reg(master, SDM_REG_DMA_CONTROL, UINT32_MAX, 0);
}

static void ring_on(void)
{
    set_reg(master, SDM_REG_DMA_RING_LO, ring);
    set_reg(master, SDM_REG_DMA_RING_HI, 0);
    set_reg(master, SDM_REG_DMA_RING_SIZE, ring_size);
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==,
                    SDM_DMA_CTRL_ENABLE | SDM_DMA_CTRL_BUSY);
    head = 0;
}

static void start(bool mapped)
{
    const SlaveOptions options = { .memory = ",share=on" };

    rig = mapped ? rig_new_unix() : rig_new_tcp();
    master = start_master(rig, NULL);
    slave = start_slave(rig, mapped ? &options : NULL);
    wait_connected(master, 1);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    ring_on();
}

static void end(void)
{
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* Write the next descriptor, but do not hand it over. */
static void put(uint64_t addr, uint64_t offset, uint32_t length,
                uint16_t peer, uint16_t flags)
{
    uint8_t d[SDM_DMA_DESC_SIZE] = { 0 };

    stq_le_p(d + SDM_DMA_DESC_ADDR, addr);
    stq_le_p(d + SDM_DMA_DESC_OFFSET, offset);
    stl_le_p(d + SDM_DMA_DESC_LENGTH, length);
    stw_le_p(d + SDM_DMA_DESC_PEER, peer);
    stw_le_p(d + SDM_DMA_DESC_FLAGS, flags);
    qtest_memwrite(master->qts, ring + head % ring_size * SDM_DMA_DESC_SIZE,
                   d, sizeof(d));
    head++;
}

static uint32_t status(uint32_t index)
{
    return qtest_readl(master->qts, ring + index % ring_size *
                       SDM_DMA_DESC_SIZE + SDM_DMA_DESC_STATUS);
}

/* Hand over what was put, and wait for its end. */
static void run(void)
{
    set_reg(master, SDM_REG_DMA_HEAD, head);
    WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
}

static uint32_t transfer(uint64_t addr, uint64_t offset, uint32_t length,
                         uint16_t peer, uint16_t flags)
{
    put(addr, offset, length, peer, flags);
    run();
    return status(head - 1);
}

static uint8_t *pattern(size_t length, unsigned seed)
{
    uint8_t *data = g_malloc(length);
    size_t i;

    for (i = 0; i < length; i++) {
        data[i] = i * 13 + (i >> 8) * 7 + (i >> 16) + seed;
    }
    return data;
}

/* There and back, checked in between on the slave. */
static void round_trip(uint64_t addr, uint64_t offset, uint32_t length)
{
    g_autofree uint8_t *data = pattern(length, length + offset);
    g_autofree uint8_t *seen = g_malloc(length);

    qtest_memwrite(master->qts, addr, data, length);
    g_assert_cmpint(transfer(addr, offset, length, 1, SDM_DMA_WRITE), ==,
                    SDM_DMA_OK);
    qtest_bufread(slave->qts, RAM_BASE + offset, seen, length);
    g_assert_cmpmem(data, length, seen, length);

    qtest_memset(master->qts, addr, 0, length);
    g_assert_cmpint(transfer(addr, offset, length, 1, SDM_DMA_READ), ==,
                    SDM_DMA_OK);
    qtest_bufread(master->qts, addr, seen, length);
    g_assert_cmpmem(data, length, seen, length);
}

static void check_round_trips(void)
{
    round_trip(DATA, 0, 1);
    round_trip(DATA + 3, 5, 7);
    round_trip(DATA + 1, 0x1001, 4095);
    round_trip(DATA, 0x2000, 4096);
    round_trip(DATA + 5, 0x10003, 65537);
    round_trip(DATA, 1 * MiB, 1 * MiB);
    round_trip(DATA + 7, 3 * MiB + 1, 3 * MiB + 11);
    /* To the last byte. */
    round_trip(DATA, SLAVE_SIZE - 5000, 5000);
}

static void check_fill(void)
{
    g_autofree uint8_t *seen = g_malloc(100000);
    unsigned i;

    qtest_memset(slave->qts, RAM_BASE + 0x800000, 0, 100002);
    g_assert_cmpint(transfer(0x8877665544332211, 0x800001, 100000, 1,
                             SDM_DMA_FILL), ==, SDM_DMA_OK);
    qtest_bufread(slave->qts, RAM_BASE + 0x800001, seen, 100000);
    for (i = 0; i < 100000; i++) {
        g_assert_cmphex(seen[i], ==, 0x11 * (i % 8 + 1));
    }
    g_assert_cmphex(qtest_readb(slave->qts, RAM_BASE + 0x800000), ==, 0);
    g_assert_cmphex(qtest_readb(slave->qts, RAM_BASE + 0x800001 + 100000), ==,
                    0);
}

static void test_transfers(void)
{
    start(false);
    g_assert_cmphex(get_reg(master, SDM_REG_FEATURES) & SDM_FEAT_DMA, !=, 0);
    g_assert_cmphex(get_reg(slave, SDM_REG_FEATURES) & SDM_FEAT_DMA, ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_MEM_FLAGS)), ==,
                    0);
    check_round_trips();
    check_fill();
    end();
}

static void test_mapped(void)
{
    uint64_t value = 0x0123456789abcdef;

    start(true);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_MEM_FLAGS)), ==,
                    SDM_PEER_MEM_MAPPED);
    /* The window is the RAM: what one writes the other has at once. */
    qtest_writeq(master->qts, WINDOW_BASE + 0x123456, value);
    g_assert_cmphex(qtest_readq(slave->qts, RAM_BASE + 0x123456), ==, value);
    qtest_writeq(slave->qts, RAM_BASE + SLAVE_SIZE - 8, value);
    g_assert_cmphex(qtest_readq(master->qts, WINDOW_BASE + SLAVE_SIZE - 8),
                    ==, value);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    check_round_trips();
    check_fill();

    /* When the slave has gone there is nothing, as behind any other. */
    kill_machine(slave);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: *");
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE), ==, UINT32_MAX);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 1);
    g_assert_cmpint(transfer(DATA, 0, 4, 1, SDM_DMA_READ), ==,
                    SDM_DMA_NO_LINK);
    quit_machine(master);
    rig_free(rig);
}

/* By TCP nothing can be passed: accesses are forwarded as without share. */
static void test_share_by_tcp(void)
{
    const SlaveOptions options = { .memory = ",share=on" };

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave = start_slave(rig, &options);
    wait_connected(master, 1);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_MEM_FLAGS)), ==,
                    0);
    ring_on();
    round_trip(DATA + 1, 77, 100001);
    end();
}

static void test_order_and_irq(void)
{
    unsigned i, round;

    start(false);
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_DMA);
    for (round = 0; round < 5; round++) {
        for (i = 0; i < RING_SIZE; i++) {
            put(DATA + i * MiB, i * MiB, 300000 + i, 1,
                i % 2 ? SDM_DMA_READ : SDM_DMA_WRITE);
        }
        run();
        for (i = 0; i < RING_SIZE; i++) {
            g_assert_cmpint(status(i), ==, SDM_DMA_OK);
        }
        /* None of them has asked for it. */
        g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==, 0);
        g_assert_false(irq_level(master, "sdm"));
    }

    g_assert_cmpint(transfer(DATA, 0, 100, 1, SDM_DMA_WRITE | SDM_DMA_IRQ), ==,
                    SDM_DMA_OK);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==,
                    SDM_DMA_STATUS_DONE);
    g_assert_cmphex(get_reg(master, SDM_REG_IRQ_STATUS) & SDM_IRQ_DMA, !=, 0);
    WAIT_FOR(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_DMA_STATUS, SDM_DMA_STATUS_DONE);
    g_assert_false(irq_level(master, "sdm"));
    end();
}

static void test_bad_descriptors(void)
{
    static const struct {
        uint64_t addr;
        uint64_t offset;
        uint32_t length;
        uint16_t peer;
        uint16_t flags;
        uint32_t status;
    } bad[] = {
        { DATA, 0, 4, 1, 0, SDM_DMA_BAD_DESC },
        { DATA, 0, 4, 1, 0x0004 | SDM_DMA_READ, SDM_DMA_BAD_DESC },
        { DATA, 0, 4, 1, 0x8000 | SDM_DMA_READ, SDM_DMA_BAD_DESC },
        { DATA, 0, 0, 1, SDM_DMA_WRITE, SDM_DMA_BAD_DESC },
        { DATA, 0, SDM_DMA_MAX_LENGTH + 1, 1, SDM_DMA_WRITE,
          SDM_DMA_BAD_DESC },
        { DATA, 0, 4, 0, SDM_DMA_WRITE, SDM_DMA_NO_LINK },
        { DATA, 0, 4, 2, SDM_DMA_WRITE, SDM_DMA_NO_LINK },
        { DATA, 0, 4, 0xffff, SDM_DMA_WRITE, SDM_DMA_NO_LINK },
        { DATA, SLAVE_SIZE, 1, 1, SDM_DMA_WRITE, SDM_DMA_RANGE },
        { DATA, SLAVE_SIZE - 3, 4, 1, SDM_DMA_READ, SDM_DMA_RANGE },
        { DATA, -4ull, 4, 1, SDM_DMA_READ, SDM_DMA_RANGE },
        { DATA, -4ull, 8, 1, SDM_DMA_FILL, SDM_DMA_RANGE },
        /* Nothing, flash, a device, the window, the end of RAM. */
        { 0xf0000000, 0, 4, 1, SDM_DMA_WRITE, SDM_DMA_BAD_ADDRESS },
        { FLASH_BASE, 0, 4, 1, SDM_DMA_READ, SDM_DMA_BAD_ADDRESS },
        { REGS_BASE, 0, 4, 1, SDM_DMA_WRITE, SDM_DMA_BAD_ADDRESS },
        { REGS_BASE, 0, 4, 1, SDM_DMA_READ, SDM_DMA_BAD_ADDRESS },
        { REGS_BASE + SDM_REG_DMA_STATUS, 0, 4, 1, SDM_DMA_READ,
          SDM_DMA_BAD_ADDRESS },
        { WINDOW_BASE, 0, 4, 1, SDM_DMA_READ, SDM_DMA_BAD_ADDRESS },
        { WINDOW_BASE - 3, 0, 4, 1, SDM_DMA_READ, SDM_DMA_BAD_ADDRESS },
        { -4ull, 0, 8, 1, SDM_DMA_WRITE, SDM_DMA_BAD_ADDRESS },
    };
    unsigned i;

    start(false);
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_cmpint(transfer(bad[i].addr, bad[i].offset, bad[i].length,
                                 bad[i].peer, bad[i].flags), ==,
                        bad[i].status);
    }
    /* Nothing of that has done any harm. */
    round_trip(DATA, 0x1000, 10000);
    end();
}

static void test_bad_registers(void)
{
    start(false);

    /* Not while it is on. */
    set_reg(master, SDM_REG_DMA_RING_LO, RING + 64);
    set_reg(master, SDM_REG_DMA_RING_SIZE, 4);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_RING_LO), ==, RING);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_RING_SIZE), ==, RING_SIZE);

    /* More than the ring has room for, and backwards. */
    set_reg(master, SDM_REG_DMA_HEAD, RING_SIZE + 1);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_HEAD), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==,
                    SDM_DMA_STATUS_ERROR);
    set_reg(master, SDM_REG_DMA_HEAD, UINT32_MAX);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_HEAD), ==, 0);
    set_reg(master, SDM_REG_DMA_STATUS, UINT32_MAX);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==, 0);

    set_reg(master, SDM_REG_DMA_CONTROL, 0);
    wait_reg(master, SDM_REG_DMA_CONTROL, UINT32_MAX, 0);
    set_reg(master, SDM_REG_DMA_RING_LO, RING + 32);
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==, 0);
    set_reg(master, SDM_REG_DMA_RING_LO, RING);
    set_reg(master, SDM_REG_DMA_RING_SIZE, 6);
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==, 0);

    ring_on();
    round_trip(DATA, 0, 100);

    /* A reset of the device switches it off and forgets all. */
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_RING_LO), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_RING_SIZE), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_TAIL), ==, 0);
    end();
}

/* The ring has to be in RAM: the engine never touches a device. */
static void test_ring_outside_ram(void)
{
    static const struct {
        uint64_t ring;
        uint32_t size;
    } bad[] = {
        /* The own registers, one of which would be the status. */
        { REGS_BASE + SDM_REG_DMA_RING_LO, 2 },
        { REGS_BASE, 8 },
        /* The flash, which can be read, the UART, nothing. */
        { 0, 8 },
        { 0x09000000, 2 },
        { 0xf0000000, 8 },
        /* The window: a slave's RAM, and where there is none. */
        { WINDOW_BASE + 0x1000, 8 },
        { WINDOW_BASE + SLAVE_SIZE, 8 },
        /* Over the end of RAM, of the slave's RAM, of all. */
        { WINDOW_BASE - 64, 4 },
        { WINDOW_BASE + SLAVE_SIZE - 64, 4 },
        { -64ull, 4 },
    };
    int round;
    unsigned i;

    for (round = 0; round < 2; round++) {
        start(round);
        ring_off();
        for (i = 0; i < ARRAY_SIZE(bad); i++) {
            if (round && bad[i].ring == WINDOW_BASE + 0x1000) {
                continue;
            }
            set_reg(master, SDM_REG_DMA_RING_LO, bad[i].ring);
            set_reg(master, SDM_REG_DMA_RING_HI, bad[i].ring >> 32);
            set_reg(master, SDM_REG_DMA_RING_SIZE, bad[i].size);
            set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
            g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==, 0);
            set_reg(master, SDM_REG_DMA_HEAD, 1);
            g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==,
                            SDM_DMA_STATUS_ERROR);
            set_reg(master, SDM_REG_DMA_STATUS, SDM_DMA_STATUS_ERROR);
        }
        ring_on();
        round_trip(DATA, 0, 1000);
        end();
    }
}

/* RAM of a slave that is mapped is RAM. */
static void test_ring_in_mapped_window(void)
{
    start(true);
    ring_off();
    ring = WINDOW_BASE + 0x1000;
    ring_on();
    round_trip(DATA, 0x10000, 100000);
    round_trip(WINDOW_BASE + 0x100000, 0x200000, 100000);

    /* When it has gone there is no place for a status. */
    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_DMA);
    kill_machine(slave);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: *");
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==, 0);
    head++;
    run();
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_STATUS), ==,
                    SDM_DMA_STATUS_ERROR);
    WAIT_FOR(irq_level(master, "sdm"));
    ring_off();
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==, 0);

    ring = RING;
    ring_on();
    slave = start_slave(rig, NULL);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    round_trip(DATA, 0, 1000);
    end();
}

/* A slave that dies in the middle: every descriptor ends. */
static void test_slave_dies(void)
{
    unsigned i;

    start(false);
    for (i = 0; i < RING_SIZE; i++) {
        put(DATA, 0, 64 * MiB, 1, i % 2 ? SDM_DMA_READ : SDM_DMA_WRITE);
    }
    set_reg(master, SDM_REG_DMA_HEAD, head);
    kill_machine(slave);
    WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
    g_assert_cmpint(status(RING_SIZE - 1), ==, SDM_DMA_NO_LINK);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: *");

    slave = start_slave(rig, NULL);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    round_trip(DATA, 0x1000, 2 * MiB);
    end();
}

/* Stores of the CPU before a transfer, the transfer before a signal. */
/*
 * What a CPU does while a long frame is being sent waits until that is done,
 * in its order: the second store must not be put to the first, before the
 * signal.
 */
static void test_order_behind_transfer(void)
{
    enum { LENGTH = 16 * MiB };

    start(false);
    kill(qtest_pid(slave->qts), SIGSTOP);
    put(DATA, 0x1000000, LENGTH, 1, SDM_DMA_WRITE);
    set_reg(master, SDM_REG_DMA_HEAD, head);
    /* Until the socket is full. */
    g_usleep(300000);
    qtest_writel(master->qts, WINDOW_BASE + 0x100, 0x11111111);
    g_assert_cmpint(send_signal(master, 1, 5, 1, 2), ==, SDM_TX_OK);
    qtest_writel(master->qts, WINDOW_BASE + 0x104, 0x22222222);
    kill(qtest_pid(slave->qts), SIGCONT);

    WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
    g_assert_cmpint(status(head - 1), ==, SDM_DMA_OK);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 0x104), ==,
                    0x22222222);
    g_assert_cmphex(qtest_readl(slave->qts, RAM_BASE + 0x100), ==,
                    0x11111111);
    expect_signal(slave, 0, 5, 1, 2);
    end();
}

static void test_order_with_others(void)
{
    unsigned i;

    start(false);
    for (i = 1; i <= 200; i++) {
        qtest_writel(master->qts, WINDOW_BASE + 0x2000, i);
        g_assert_cmpint(transfer(DATA, 0x2000, 4, 1, SDM_DMA_READ), ==,
                        SDM_DMA_OK);
        g_assert_cmphex(qtest_readl(master->qts, DATA), ==, i);

        qtest_writel(master->qts, DATA, ~i);
        g_assert_cmpint(transfer(DATA, 0x3000, 4, 1, SDM_DMA_WRITE), ==,
                        SDM_DMA_OK);
        g_assert_cmpint(send_signal(master, 1, 5, i, 0), ==, SDM_TX_OK);
        expect_signal(slave, 0, 5, i, 0);
        g_assert_cmphex(qtest_readl(slave->qts, RAM_BASE + 0x3000), ==,
                        (uint32_t)~i);
    }
    end();
}

/* The engine is hidden: its registers are reserved, the window works. */
static void test_off(void)
{
    const MasterOptions options = { .device = ",dma=off" };
    uint32_t reg;

    rig = rig_new_tcp();
    master = start_master(rig, &options);
    slave = start_slave(rig, NULL);
    wait_connected(master, 1);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    g_assert_cmphex(get_reg(master, SDM_REG_FEATURES), ==,
                    SDM_FEAT_WINDOW | SDM_FEAT_TAKEN);
    for (reg = SDM_REG_DMA_RING_LO; reg <= SDM_REG_DMA_STATUS; reg += 4) {
        set_reg(master, reg, ~0u);
        g_assert_cmphex(get_reg(master, reg), ==, 0);
    }
    qtest_writel(master->qts, WINDOW_BASE + 0x1000, 0x12345678);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 0x1000), ==,
                    0x12345678);
    qtest_system_reset(master->qts);
    g_assert_cmphex(get_reg(master, SDM_REG_FEATURES), ==,
                    SDM_FEAT_WINDOW | SDM_FEAT_TAKEN);
    end();
}

/*
 * ------------------------------------------------------------------------
 * Slaves that do not behave
 */

/* Short, so that tests are; long enough for a host that is busy. */
#define TIMEOUT_MS 500
#define WITH_TIMEOUT ",timeout-ms=500"

static int raw_fd;

/* Slave 1 is made by hand. */
static void start_raw(const char *memory)
{
    rig = rig_new_unix();
    master = start_master(rig, &(MasterOptions) { .memory = memory });
    raw_fd = raw_join(rig);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    ring_on();
}

static void end_raw(void)
{
    close(raw_fd);
    quit_machine(master);
    rig_free(rig);
}

static void expect_lost(void)
{
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: *");
}

static int raw_bytes(void)
{
    int n = 0;

    ioctl(raw_fd, FIONREAD, &n);
    return n;
}

/* Writes and reads that a slave does not answer. Returns when it has some. */
static void put_many(uint16_t flags)
{
    unsigned i;

    for (i = 0; i < RING_SIZE; i++) {
        put(DATA + i * MiB, 0, 1 * MiB, 1,
            flags ? flags : i % 2 ? SDM_DMA_READ : SDM_DMA_WRITE);
    }
    set_reg(master, SDM_REG_DMA_HEAD, head);
    WAIT_FOR(raw_bytes() >= SDM_PROTO_HEADER_SIZE +
             sizeof(struct sdm_proto_mem));
}

/* Reset the device, or the machine; that does not take for ever. */
static void check_reset(bool machine)
{
    gint64 begun = g_get_monotonic_time();

    if (machine) {
        qtest_system_reset(master->qts);
    } else {
        set_reg(master, SDM_REG_CONTROL, SDM_CTRL_RESET);
    }
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_CONTROL), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_DMA_TAIL), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 15 * G_TIME_SPAN_SECOND);
}

/* The slave does not read, and does not answer. */
static void test_reset_silent_slave(void)
{
    static const uint16_t ops[] = {
        0, SDM_DMA_READ, SDM_DMA_WRITE, SDM_DMA_FILL,
    };
    unsigned i;

    for (i = 0; i < 2 * ARRAY_SIZE(ops); i++) {
        start_raw(WITH_TIMEOUT);
        put_many(ops[i / 2]);
        check_reset(i % 2);
        expect_lost();
        end_raw();
    }
}

static gpointer close_later(gpointer opaque)
{
    g_usleep(200000);
    shutdown(raw_fd, SHUT_RDWR);
    return NULL;
}

/* It dies while the reset waits for it. */
static void test_reset_dying_slave(void)
{
    GThread *thread;
    int i;

    for (i = 0; i < 2; i++) {
        start_raw(NULL);
        put_many(0);
        thread = g_thread_new("close", close_later, NULL);
        check_reset(i);
        g_thread_join(thread);
        expect_lost();
        end_raw();
    }
    /* It has just died. */
    start(false);
    for (i = 0; i < RING_SIZE; i++) {
        put(DATA, 0, 64 * MiB, 1, i % 2 ? SDM_DMA_READ : SDM_DMA_WRITE);
    }
    set_reg(master, SDM_REG_DMA_HEAD, head);
    kill_machine(slave);
    check_reset(true);
    expect_lost();
    quit_machine(master);
    rig_free(rig);
}

static gpointer trickle(gpointer opaque)
{
    g_autofree uint8_t *buf = g_malloc(64 * KiB);

    while (recv(raw_fd, buf, 64 * KiB, 0) > 0) {
        g_usleep(TIMEOUT_MS * 1000 / 2);
    }
    return NULL;
}

/* It takes a little from time to time: that does not make a reset longer. */
static void test_reset_slow_slave(void)
{
    GThread *thread;

    start_raw(WITH_TIMEOUT);
    put_many(SDM_DMA_WRITE);
    thread = g_thread_new("trickle", trickle, NULL);
    check_reset(false);
    g_thread_join(thread);
    expect_lost();
    end_raw();
}

/* An interrupt is due, but the reset has the BQL that it needs. */
static void test_reset_with_irq(void)
{
    unsigned i, round;

    start(false);
    g_assert_false(irq_level(master, "sdm"));
    for (round = 0; round < 3; round++) {
        set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_DMA);
        for (i = 0; i < RING_SIZE; i++) {
            put(DATA, 0, 1 * MiB, 1, SDM_DMA_WRITE | SDM_DMA_IRQ);
        }
        set_reg(master, SDM_REG_DMA_HEAD, head);
        check_reset(round % 2);
        g_assert_false(irq_level(master, "sdm"));
        ring_on();
        round_trip(DATA, 0, 10000);
    }
    end();
}

/* In a stopped machine nothing moves. */
static void test_stop(void)
{
    uint64_t value = 0x0123456789abcdef;
    int round;

    for (round = 0; round < 2; round++) {
        start(round);
        qtest_writeq(slave->qts, RAM_BASE + 0x1000, value);
        qtest_qmp_assert_success(master->qts, "{ 'execute': 'stop' }");
        put(DATA, 0x1000, 8, 1, SDM_DMA_READ);
        set_reg(master, SDM_REG_DMA_HEAD, head);
        g_usleep(100000);
        g_assert_cmpint(get_reg(master, SDM_REG_DMA_TAIL), ==, 0);
        g_assert_cmphex(qtest_readq(master->qts, DATA), ==, 0);
        qtest_qmp_assert_success(master->qts, "{ 'execute': 'cont' }");
        WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
        g_assert_cmphex(qtest_readq(master->qts, DATA), ==, value);

        /* While much is under way; a reset does not wait for the end. */
        put(DATA, 0, 200 * MiB, 1, SDM_DMA_READ);
        put(DATA, 0, 200 * MiB, 1, SDM_DMA_READ);
        set_reg(master, SDM_REG_DMA_HEAD, head);
        qtest_qmp_assert_success(master->qts, "{ 'execute': 'stop' }");
        qtest_writeq(master->qts, DATA + 150 * MiB, ~value);
        qtest_writeq(master->qts, DATA + 50 * MiB, ~value);
        g_usleep(100000);
        g_assert_cmphex(qtest_readq(master->qts, DATA + 150 * MiB), ==, ~value);
        g_assert_cmphex(qtest_readq(master->qts, DATA + 50 * MiB), ==, ~value);
        check_reset(round);
        qtest_qmp_assert_success(master->qts, "{ 'execute': 'cont' }");
        ring_on();
        round_trip(DATA, 0, 10000);
        end();
    }
}

/* A write that the slave acknowledges before it has read it, then it goes. */
static void test_early_answer(void)
{
    struct sdm_proto_header header;
    unsigned i, round;

    for (round = 0; round < 5; round++) {
        uint8_t buf[SDM_PROTO_HEADER_SIZE];

        start_raw(WITH_TIMEOUT);
        for (i = 0; i < RING_SIZE; i++) {
            put(DATA + i * MiB, 0, 1 * MiB, 1, SDM_DMA_WRITE);
        }
        set_reg(master, SDM_REG_DMA_HEAD, head);
        do {
            g_assert_cmpint(recv(raw_fd, buf, sizeof(buf), MSG_WAITALL), ==,
                            sizeof(buf));
            g_assert_null(sdm_proto_parse_header(buf, &header));
        } while (header.type == SDM_PROTO_STATE ||
                 header.type == SDM_PROTO_CREDIT);
        g_assert_cmphex(header.type, ==, SDM_PROTO_MEM_WRITE);
        raw_send_header(raw_fd, SDM_PROTO_MEM_DATA, 0, 0, header.tag, 0);
        WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == 1);
        g_assert_cmpint(status(0), ==, SDM_DMA_OK);
        shutdown(raw_fd, SHUT_RDWR);
        WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
        g_assert_cmpint(status(head - 1), ==, SDM_DMA_NO_LINK);
        expect_lost();
        end_raw();
    }
}

/* A real slave 2 beside the one made by hand. */
static void start_second(bool mapped)
{
    const SlaveOptions options = { .memory = ",share=on" };

    slave = start_slave(rig, mapped ? &options : NULL);
    wait_peer_state(master, 2, SDM_PEER_RESET);
}

static void answer_read(void)
{
    g_autofree uint8_t *data = pattern(4 * KiB, 0);
    struct sdm_proto_header header;

    raw_expect(raw_fd, SDM_PROTO_MEM_READ, &header, NULL);
    g_assert_cmpint(header.arg, ==, 4 * KiB);
    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, header.tag, SDM_MEM_OK, data,
                   4 * KiB);
}

/*
 * Transfers with a slave that goes are finished only when another slave, which
 * is slow, has answered: in a thread that does not have the BQL.
 */
static void test_end_of_other_slave(void)
{
    int mapped;

    for (mapped = 0; mapped < 2; mapped++) {
        uint64_t window = WINDOW_BASE;

        start_raw(NULL);
        start_second(mapped);
        window += get_reg64(master, SDM_REG_PEER(2, SDM_PEER_MEM_OFFSET_LO));
        put(mapped ? window + 0x1000 : DATA, 0, 4 * KiB, 1, SDM_DMA_READ);
        put(DATA + 1 * MiB, 0, 4 * KiB, 2, SDM_DMA_WRITE);
        set_reg(master, SDM_REG_DMA_HEAD, head);
        WAIT_FOR(raw_bytes() >= SDM_PROTO_HEADER_SIZE +
                 sizeof(struct sdm_proto_mem));
        g_usleep(50000);
        kill_machine(slave);
        wait_peer_state(master, 2, SDM_PEER_LOST);
        expect_line(master, "*link to slave * lost: *");
        wait_connected(master, 1);
        g_assert_cmphex(qtest_readl(master->qts, window), ==, UINT32_MAX);
        /* Until nobody else has a reference. */
        g_usleep(200000);

        g_assert_cmpint(get_reg(master, SDM_REG_DMA_TAIL), ==, 0);
        answer_read();
        WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
        g_assert_cmpint(status(0), ==, SDM_DMA_OK);
        ring_off();
        raw_leave(raw_fd);
        quit_machine(master);
        rig_free(rig);
    }
}

/* A slave that hangs with all that may be read ahead: the other one stays. */
static void test_read_ahead_of_hung_slave(void)
{
    unsigned i;

    ring_size = 2 * RING_SIZE;
    start_raw(WITH_TIMEOUT);
    start_second(false);
    for (i = 0; i < RING_SIZE; i++) {
        put(DATA, 0, 1 * MiB, 1, SDM_DMA_READ);
    }
    put(DATA, 0, 1 * MiB, 2, SDM_DMA_READ);
    run();
    for (i = 0; i < RING_SIZE; i++) {
        g_assert_cmpint(status(i), ==, SDM_DMA_NO_LINK);
    }
    g_assert_cmpint(status(RING_SIZE), ==, SDM_DMA_OK);
    expect_lost();
    g_assert_cmphex(peer_state(master, 2), ==, SDM_PEER_RESET);
    ring_size = RING_SIZE;
    quit_machine(slave);
    end_raw();
}

/* To write the same HEAD again and again does not help a slave that hangs. */
static void test_head_again(void)
{
    gint64 begun;

    start_raw(WITH_TIMEOUT);
    put(DATA, 0, 4, 1, SDM_DMA_READ);
    begun = g_get_monotonic_time();
    while (get_reg(master, SDM_REG_DMA_TAIL) != head) {
        set_reg(master, SDM_REG_DMA_HEAD, head);
        g_usleep(TIMEOUT_MS * 1000 / 20);
        g_assert_cmpint(g_get_monotonic_time() - begun, <,
                        15 * G_TIME_SPAN_SECOND);
    }
    g_assert_cmpint(status(0), ==, SDM_DMA_NO_LINK);
    expect_lost();
    end_raw();
}

/* Fills are asked for in parts, and not too many at a time. */
static void test_many_fills(void)
{
    struct sdm_proto_header header;
    struct sdm_proto_hello_memory memory = raw_memory;
    const RawHello hello = {
        .hello = raw_hello,
        .memory = &memory,
        .signals = &raw_signals,
    };
    g_autofree uint8_t *payload = g_malloc(SDM_PROTO_MAX_FRAME);
    uint64_t asked = 0, answered = 0;
    unsigned i;

    rig = rig_new_unix();
    master = start_master(rig, NULL);
    memory.size = SLAVE_SIZE;
    raw_fd = raw_connect(rig);
    raw_send_hello(raw_fd, &hello);
    raw_expect(raw_fd, SDM_PROTO_WELCOME, NULL, NULL);
    raw_expect(raw_fd, SDM_PROTO_STATE, NULL, NULL);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    ring_on();
    for (i = 0; i < RING_SIZE; i++) {
        put(0x0123456789abcdef, 0, SLAVE_SIZE, 1, SDM_DMA_FILL);
    }
    set_reg(master, SDM_REG_DMA_HEAD, head);
    while (answered < RING_SIZE * SLAVE_SIZE) {
        struct sdm_proto_fill fill;

        g_usleep(1000);
        while (raw_bytes()) {
            raw_expect(raw_fd, SDM_PROTO_MEM_FILL, &header, payload);
            sdm_proto_parse_fill(payload, &fill);
            g_assert_cmpint(fill.length, <=, 16 * MiB);
            g_assert_cmphex(fill.offset, ==, asked % SLAVE_SIZE);
            g_assert_cmphex(fill.pattern, ==, 0x0123456789abcdef);
            asked += fill.length;
            g_assert_cmpint(asked - answered, <=, 64 * MiB);
            if (asked - answered == 64 * MiB) {
                break;
            }
        }
        if (asked > answered) {
            /* Tags are given in turn: the oldest one is the first. */
            raw_send_header(raw_fd, SDM_PROTO_MEM_DATA, 0, 0,
                            header.tag - (asked - answered) / (16 * MiB) + 1,
                            SDM_MEM_OK);
            answered += 16 * MiB;
        }
    }
    WAIT_FOR(get_reg(master, SDM_REG_DMA_TAIL) == head);
    g_assert_cmpint(status(RING_SIZE - 1), ==, SDM_DMA_OK);
    ring_off();
    raw_leave(raw_fd);
    quit_machine(master);
    rig_free(rig);
}

/* A copy inside of the RAM of one slave, with itself. */
static void test_overlap(void)
{
    g_autofree uint8_t *data = pattern(100000, 3);
    g_autofree uint8_t *seen = g_malloc(100000);

    start(true);
    qtest_memwrite(slave->qts, RAM_BASE + 0x1000, data, 100000);
    g_assert_cmpint(transfer(WINDOW_BASE + 0x1000, 0x1801, 100000, 1,
                             SDM_DMA_WRITE), ==, SDM_DMA_OK);
    qtest_bufread(slave->qts, RAM_BASE + 0x1801, seen, 100000);
    g_assert_cmpmem(data, 100000, seen, 100000);
    end();
}

/* A slave could take the pages of such a file away, and kill the master. */
static void test_hugetlb(void)
{
    static const struct {
        const char *memory;
        bool accepted;
        const char *message;
    } cases[] = {
        { NULL, false, "*refused a slave * made of huge pages: *" },
        /* What is accepted is reserved: without pages there is no slave. */
        { ",hugetlb=on", true, "*refused a slave *" },
    };
    struct sdm_proto_hello_memory memory = raw_memory;
    const RawHello hello = {
        .hello = raw_hello,
        .memory = &memory,
        .signals = &raw_signals,
    };
    int file = memfd_create("sdm-test", MFD_CLOEXEC | MFD_ALLOW_SEALING |
                            MFD_HUGETLB);
    struct sdm_proto_header header;
    struct stat st;
    void *pages;
    unsigned i;

    if (file < 0 || fstat(file, &st) < 0) {
        g_test_skip("no huge pages on this host");
        return;
    }
    memory.size = st.st_blksize;
    memory.flags = SDM_PROTO_MEMORY_FD;
    g_assert_cmpint(ftruncate(file, memory.size), ==, 0);
    g_assert_cmpint(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), ==,
                    0);
    pages = mmap(NULL, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, file,
                 0);
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        bool accepted = cases[i].accepted && pages != MAP_FAILED;

        rig = rig_new_unix();
        master = start_master(rig, &(MasterOptions) {
            .memory = cases[i].memory
        });
        raw_fd = raw_connect(rig);
        raw_send_hello_file(raw_fd, &hello, file);
        raw_receive(raw_fd, &header, NULL);
        if (accepted) {
            g_assert_cmphex(header.type, ==, SDM_PROTO_WELCOME);
            wait_peer_state(master, 1, SDM_PEER_RESET);
            qtest_writel(master->qts, WINDOW_BASE + 8, 0x1234);
            g_assert_cmphex(*(uint32_t *)(pages + 8), ==, 0x1234);
            raw_leave(raw_fd);
        } else {
            g_assert_cmphex(header.type, ==, SDM_PROTO_REJECT);
            g_assert_cmpint(header.arg, ==, SDM_REJECT_MEMORY);
            raw_expect_end(raw_fd);
            expect_line(master, cases[i].message);
        }
        quit_machine(master);
        rig_free(rig);
    }
    if (pages != MAP_FAILED) {
        munmap(pages, memory.size);
    }
    close(file);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("sdm/dma/transfers", test_transfers);
    qtest_add_func("sdm/dma/mapped", test_mapped);
    qtest_add_func("sdm/dma/share-by-tcp", test_share_by_tcp);
    qtest_add_func("sdm/dma/order-and-irq", test_order_and_irq);
    qtest_add_func("sdm/dma/bad-descriptors", test_bad_descriptors);
    qtest_add_func("sdm/dma/bad-registers", test_bad_registers);
    qtest_add_func("sdm/dma/ring-outside-ram", test_ring_outside_ram);
    qtest_add_func("sdm/dma/ring-in-mapped-window",
                   test_ring_in_mapped_window);
    qtest_add_func("sdm/dma/slave-dies", test_slave_dies);
    qtest_add_func("sdm/dma/order-behind-transfer",
                   test_order_behind_transfer);
    qtest_add_func("sdm/dma/order-with-others", test_order_with_others);
    qtest_add_func("sdm/dma/off", test_off);

    qtest_add_func("sdm/dma/reset-silent-slave", test_reset_silent_slave);
    qtest_add_func("sdm/dma/reset-dying-slave", test_reset_dying_slave);
    qtest_add_func("sdm/dma/reset-slow-slave", test_reset_slow_slave);
    qtest_add_func("sdm/dma/reset-with-irq", test_reset_with_irq);
    qtest_add_func("sdm/dma/stop", test_stop);
    qtest_add_func("sdm/dma/early-answer", test_early_answer);
    qtest_add_func("sdm/dma/end-of-other-slave", test_end_of_other_slave);
    qtest_add_func("sdm/dma/read-ahead-of-hung-slave",
                   test_read_ahead_of_hung_slave);
    qtest_add_func("sdm/dma/head-again", test_head_again);
    qtest_add_func("sdm/dma/many-fills", test_many_fills);
    qtest_add_func("sdm/dma/overlap", test_overlap);
    qtest_add_func("sdm/dma/hugetlb", test_hugetlb);

    return g_test_run();
}
