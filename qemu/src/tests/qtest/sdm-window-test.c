/*
 * SDM: the RAM of slaves in the window of their master
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "sdm/common.h"

static Rig *rig;
static Machine *master, *slave1, *slave2;

/* An option of the machine names the memory, instead of a NUMA node. */
static bool by_machine;

static Machine *start_one(char *args)
{
    g_autofree char *before = args;
    const char *numa = "-numa node,memdev=mem";
    char *at = strstr(before, numa);
    g_autofree char *other = NULL;

    g_assert_nonnull(at);
    other = g_strdup_printf("%.*s-machine memory-backend=mem%s",
                            (int)(at - before), before, at + strlen(numa));
    return start_machine(rig, by_machine ? other : before);
}

static void start(const MasterOptions *options, bool second)
{
    rig = rig_new_tcp();
    master = start_one(master_args(rig, options));
    slave1 = start_one(slave_args(rig, NULL));
    wait_connected(slave1, 1);
    slave2 = second ? start_slave(rig, NULL) : NULL;
    wait_connected(master, second ? 2 : 1);
}

static void end(void)
{
    if (slave2) {
        quit_machine(slave2);
    }
    quit_machine(slave1);
    quit_machine(master);
    rig_free(rig);
}

static void write_sized(Machine *m, uint64_t addr, unsigned size,
                        uint64_t value)
{
    switch (size) {
    case 1:
        qtest_writeb(m->qts, addr, value);
        break;
    case 2:
        qtest_writew(m->qts, addr, value);
        break;
    case 4:
        qtest_writel(m->qts, addr, value);
        break;
    default:
        qtest_writeq(m->qts, addr, value);
        break;
    }
}

static uint64_t read_sized(Machine *m, uint64_t addr, unsigned size)
{
    switch (size) {
    case 1:
        return qtest_readb(m->qts, addr);
    case 2:
        return qtest_readw(m->qts, addr);
    case 4:
        return qtest_readl(m->qts, addr);
    default:
        return qtest_readq(m->qts, addr);
    }
}

static uint64_t ones(unsigned size)
{
    return MAKE_64BIT_MASK(0, 8 * size);
}

/*
 * Wait until the slave has what the master wrote: a read travels behind the
 * writes.
 */
static void flush(uint64_t offset)
{
    qtest_readb(master->qts, WINDOW_BASE + offset);
}

/* Both see the same bytes at @offset of slave @s, which is at @base. */
static void check_access(Machine *s, uint64_t base, uint64_t offset,
                         unsigned size)
{
    const uint64_t value = 0x8877665544332211 & ones(size);
    uint8_t before[16], after[16], expected[16];
    uint64_t guard = MIN(offset, 4);
    uint64_t from = offset - guard;
    size_t length = MIN(sizeof(before), SLAVE_SIZE - from);
    unsigned i;

    memset(before, 0xa5, length);
    qtest_memwrite(s->qts, RAM_BASE + from, before, length);

    /* The master writes: these bytes change, and no others. */
    write_sized(master, WINDOW_BASE + base + offset, size, value);
    flush(base);
    qtest_memread(s->qts, RAM_BASE + from, after, length);
    memcpy(expected, before, length);
    for (i = 0; i < size; i++) {
        expected[guard + i] = value >> (8 * i);
    }
    g_assert_cmpmem(after, length, expected, length);

    /* The master reads what it wrote, and what the slave writes. */
    g_assert_cmphex(read_sized(master, WINDOW_BASE + base + offset, size), ==,
                    value);
    write_sized(s, RAM_BASE + offset, size, ~value & ones(size));
    g_assert_cmphex(read_sized(master, WINDOW_BASE + base + offset, size), ==,
                    ~value & ones(size));
}

static void test_access(void)
{
    static const uint64_t offsets[] = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 0x7fd, 0xffe, 0xfff, 0x1000, 0xfffff,
        SLAVE_SIZE / 2 - 3, SLAVE_SIZE - 16, SLAVE_SIZE - 9,
    };
    unsigned size, i;

    start(NULL, true);
    for (size = 1; size <= 8; size *= 2) {
        for (i = 0; i < ARRAY_SIZE(offsets); i++) {
            check_access(slave1, 0, offsets[i], size);
            check_access(slave2, SLAVE_SIZE, offsets[i], size);
        }
        /* The very last bytes. */
        check_access(slave1, 0, SLAVE_SIZE - size, size);
        check_access(slave2, SLAVE_SIZE, SLAVE_SIZE - size, size);
    }
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    end();
}

/* Where the slaves lie, as the registers have it. */
static void test_layout(void)
{
    uint64_t local = RAM_BASE + 512 * MiB;
    unsigned id;

    start(NULL, true);
    g_assert_cmphex(get_reg(master, SDM_REG_FEATURES), ==,
                    SDM_FEAT_WINDOW | SDM_FEAT_DMA | SDM_FEAT_TAKEN);
    g_assert_cmphex(get_reg64(master, SDM_REG_WINDOW_BASE_LO), ==,
                    WINDOW_BASE);
    g_assert_cmphex(get_reg64(master, SDM_REG_WINDOW_SIZE_LO), ==,
                    WINDOW_SIZE);
    for (id = 1; id <= 2; id++) {
        g_assert_cmphex(get_reg64(master, SDM_REG_PEER(id,
                        SDM_PEER_MEM_OFFSET_LO)), ==, (id - 1) * SLAVE_SIZE);
        g_assert_cmphex(get_reg64(master, SDM_REG_PEER(id,
                        SDM_PEER_MEM_SIZE_LO)), ==, SLAVE_SIZE);
        g_assert_cmphex(get_reg64(master, SDM_REG_PEER(id,
                        SDM_PEER_MEM_BASE_LO)), ==, RAM_BASE);
    }
    /* A slave has no window, and sees nobody's RAM. */
    g_assert_cmphex(get_reg(slave1, SDM_REG_FEATURES), ==,
                    SDM_FEAT_TAKEN);
    g_assert_cmphex(get_reg64(slave1, SDM_REG_WINDOW_SIZE_LO), ==, 0);
    g_assert_cmphex(get_reg64(slave1, SDM_REG_PEER(0, SDM_PEER_MEM_SIZE_LO)),
                    ==, 0);

    /* Local RAM, window, slaves: different memory, no gap. */
    qtest_writel(master->qts, local - 4, 0x10101010);
    qtest_writel(slave1->qts, RAM_BASE, 0x20202020);
    qtest_writel(slave1->qts, RAM_BASE + SLAVE_SIZE - 4, 0x30303030);
    qtest_writel(slave2->qts, RAM_BASE, 0x40404040);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE), ==, 0x20202020);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + SLAVE_SIZE), ==,
                    0x40404040);
    g_assert_cmphex(qtest_readl(master->qts, local - 4), ==, 0x10101010);
    /* ... also for one access that meets two of them. */
    g_assert_cmphex(qtest_readl(master->qts, local - 2), ==, 0x20201010);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + SLAVE_SIZE - 1),
                    ==, 0x40404030);
    qtest_writeq(master->qts, WINDOW_BASE + SLAVE_SIZE - 4,
                 0x8877665544332211);
    flush(0);
    flush(SLAVE_SIZE);
    g_assert_cmphex(qtest_readl(slave1->qts, RAM_BASE + SLAVE_SIZE - 4), ==,
                    0x44332211);
    g_assert_cmphex(qtest_readl(slave2->qts, RAM_BASE), ==, 0x88776655);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    end();
}

/* Large transfers, of odd length and place. */
static void test_bulk(void)
{
    g_autofree uint8_t *data = g_malloc(20011);
    g_autofree uint8_t *seen = g_malloc(20011);
    unsigned i;

    start(NULL, false);
    for (i = 0; i < 20011; i++) {
        data[i] = i * 7 + (i >> 8);
    }
    qtest_bufwrite(master->qts, WINDOW_BASE + 12345, data, 20011);
    qtest_bufread(master->qts, WINDOW_BASE + 12345, seen, 20011);
    g_assert_cmpmem(data, 20011, seen, 20011);
    memset(seen, 0, 20011);
    qtest_bufread(slave1->qts, RAM_BASE + 12345, seen, 20011);
    g_assert_cmpmem(data, 20011, seen, 20011);
    end();
}

/* Writes arrive by themselves, though nothing follows them. */
static void test_posted_writes(void)
{
    unsigned i;

    start(NULL, false);
    for (i = 1; i <= 100; i++) {
        qtest_writel(master->qts, WINDOW_BASE + 0x100 * i, i);
        WAIT_FOR(qtest_readl(slave1->qts, RAM_BASE + 0x100 * i) == i);
    }
    end();
}

/* The last of several writes to one place is what remains. */
static void test_overlapping_writes(void)
{
    unsigned i;

    start(NULL, false);
    for (i = 0; i < 100; i++) {
        uint64_t at = WINDOW_BASE + 0x1000 + 16 * i;

        qtest_writel(master->qts, at, 0x11111111);
        qtest_writel(master->qts, at + 4, 0x22222222);
        qtest_writeb(master->qts, at + 3, 0x33);
        qtest_writew(master->qts, at + 4, 0x4444);
        qtest_writel(master->qts, at + 8, 0x55555555);
        qtest_writew(master->qts, at + 7, 0x6666);
        g_assert_cmphex(qtest_readq(master->qts, at), ==, 0x6622444433111111);
        g_assert_cmphex(qtest_readl(slave1->qts, RAM_BASE + 0x1008 + 16 * i),
                        ==, 0x55555566);
    }
    end();
}

/* A read sees all writes before it, at once. */
static void test_read_after_write(void)
{
    unsigned i;

    start(NULL, false);
    for (i = 0; i < 300; i++) {
        qtest_writel(master->qts, WINDOW_BASE + 4 * i, i);
        qtest_writel(master->qts, WINDOW_BASE + 0x10000, ~i);
        g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 0x10000), ==,
                        ~i);
        g_assert_cmphex(qtest_readl(slave1->qts, RAM_BASE + 4 * i), ==, i);
    }
    end();
}

static void check_error(uint64_t offset, uint32_t flags, uint32_t count)
{
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | flags | SDM_ERR_PEER_NONE << 16 |
                    SDM_ERR_ABSENT);
    g_assert_cmphex(get_reg64(master, SDM_REG_ERR_OFFSET_LO), ==, offset);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, count);
    g_assert_cmphex(get_reg(master, SDM_REG_IRQ_STATUS) & SDM_IRQ_ERROR, ==,
                    SDM_IRQ_ERROR);
    g_assert_true(irq_level(master, "sdm"));
}

static void clear_error(void)
{
    set_reg(master, SDM_REG_ERR_STATUS, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==, 0);
    g_assert_cmphex(get_reg64(master, SDM_REG_ERR_OFFSET_LO), ==, 0);
    g_assert_cmphex(get_reg(master, SDM_REG_IRQ_STATUS) & SDM_IRQ_ERROR, ==,
                    0);
    g_assert_false(irq_level(master, "sdm"));
}

static void test_absent(void)
{
    const uint64_t end_of_slave = WINDOW_BASE + SLAVE_SIZE;
    unsigned size, count = 0;

    start(NULL, false);
    g_assert_false(irq_level(master, "sdm"));
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_ERROR);
    g_assert_false(irq_level(master, "sdm"));

    for (size = 1; size <= 8; size *= 2) {
        g_assert_cmphex(read_sized(master, end_of_slave + 8, size), ==,
                        ones(size));
        check_error(SLAVE_SIZE + 8, 0, ++count);
        clear_error();
        write_sized(master, end_of_slave + 16 + size, size, 0);
        check_error(SLAVE_SIZE + 16 + size, SDM_ERR_WRITE, ++count);
        clear_error();
    }
    g_assert_cmphex(qtest_readb(master->qts, WINDOW_BASE + WINDOW_SIZE - 1),
                    ==, 0xff);
    check_error(WINDOW_SIZE - 1, 0, ++count);

    /* The first error stays, the number goes on. */
    qtest_writel(master->qts, end_of_slave, 0);
    check_error(WINDOW_SIZE - 1, 0, ++count);
    clear_error();

    /* Half of the access is good. */
    qtest_writel(slave1->qts, RAM_BASE + SLAVE_SIZE - 4, 0x12345678);
    g_assert_cmphex(qtest_readq(master->qts, end_of_slave - 4), ==,
                    0xffffffff12345678);
    check_error(SLAVE_SIZE, 0, ++count);

    /* A reset of the device clears the latch, one of the machine all. */
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_false(irq_level(master, "sdm"));
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==, 0);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, count);
    qtest_readb(master->qts, end_of_slave);
    qtest_system_reset(master->qts);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==, 0);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    g_assert_cmphex(get_reg64(master, SDM_REG_ERR_OFFSET_LO), ==, 0);
    end();
}

/* A window without any slave. */
static void test_empty(void)
{
    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    qtest_writeq(master->qts, WINDOW_BASE, 0x1122334455667788);
    g_assert_cmphex(qtest_readq(master->qts, WINDOW_BASE), ==, ~0ull);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 2);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | SDM_ERR_WRITE | SDM_ERR_PEER_NONE << 16 |
                    SDM_ERR_ABSENT);
    quit_machine(master);
    rig_free(rig);
}

/* The RAM of a slave outlives a reset of the slave and of the master. */
static void test_reset(void)
{
    start(NULL, false);
    qtest_writel(master->qts, WINDOW_BASE + 0x1000, 0xcafe);
    flush(0);
    qtest_system_reset(slave1->qts);
    g_assert_cmphex(qtest_readl(slave1->qts, RAM_BASE + 0x1000), ==, 0xcafe);
    qtest_system_reset(master->qts);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + 0x1000), ==,
                    0xcafe);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_RESET);
    end();
}

static void test_by_machine(void)
{
    by_machine = true;
    test_access();
    test_bulk();
    test_reset();
    by_machine = false;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/window/access", test_access);
    qtest_add_func("/sdm/window/layout", test_layout);
    qtest_add_func("/sdm/window/bulk", test_bulk);
    qtest_add_func("/sdm/window/posted-writes", test_posted_writes);
    qtest_add_func("/sdm/window/overlapping-writes", test_overlapping_writes);
    qtest_add_func("/sdm/window/read-after-write", test_read_after_write);
    qtest_add_func("/sdm/window/absent", test_absent);
    qtest_add_func("/sdm/window/empty", test_empty);
    qtest_add_func("/sdm/window/reset", test_reset);
    qtest_add_func("/sdm/window/by-machine", test_by_machine);

    return g_test_run();
}
