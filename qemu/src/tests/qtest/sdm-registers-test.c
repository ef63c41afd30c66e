/*
 * SDM: the registers of one device, by itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "sdm/common.h"

static Rig *rig;

/* The master alone: whatever it says, nobody else has had a part in it. */
static Machine *start_alone(void)
{
    Machine *m;

    rig = rig_new_unix();
    m = start_machine(rig, "-M virt -nodefaults "
                      "-object sdm-communication-local,id=comm "
                      "-device sdm-platform,id=sdm,comm=comm,master=on,"
                      "num-slaves=40");
    return m;
}

static void end(Machine *m)
{
    quit_machine(m);
    rig_free(rig);
}

static void test_reset_values(void)
{
    Machine *m = start_alone();
    unsigned reg, id;

    g_assert_cmphex(get_reg(m, SDM_REG_MAGIC), ==, 0x314d4453);
    g_assert_cmphex(get_reg(m, SDM_REG_VERSION), ==, 0x00010000);
    g_assert_cmphex(get_reg(m, SDM_REG_FEATURES), ==, SDM_FEAT_TAKEN);
    g_assert_cmphex(get_reg(m, SDM_REG_ID), ==, SDM_ID_MASTER);
    g_assert_cmphex(get_reg(m, SDM_REG_NUM_IDS), ==, 41);
    g_assert_cmphex(get_reg(m, SDM_REG_NUM_SIGNALS), ==, SDM_NUM_SIGNALS);
    g_assert_cmphex(get_reg(m, SDM_REG_STATUS), ==, SDM_STATUS_MASTER);

    /* All others, the reserved ones among them, are zero. */
    for (reg = 0; reg < SDM_PEER_BASE; reg += 4) {
        switch (reg) {
        case SDM_REG_MAGIC:
        case SDM_REG_VERSION:
        case SDM_REG_FEATURES:
        case SDM_REG_NUM_IDS:
        case SDM_REG_NUM_SIGNALS:
        case SDM_REG_STATUS:
            break;
        default:
            g_assert_cmphex(get_reg(m, reg), ==, 0);
        }
    }

    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING | SDM_PEER_STATE_SELF);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_NUM_SIGNALS)), ==,
                    SDM_NUM_SIGNALS);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_BOOT_SIGNAL)), ==,
                    SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_RESET_SIGNAL)), ==,
                    SDM_SIGNAL_NONE);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_ARCH)), ==, EM_ARM);
    g_assert_cmpint(get_reg(m, SDM_REG_PEER(0, SDM_PEER_CPUS)), ==, 1);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_GENERATION)), ==, 1);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_ACTION)), ==, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_ERRORS)), ==, 0);
    g_assert_cmphex(peer_credits(m, 0), ==, QUEUE_DEPTH);

    for (id = 1; id < 41; id++) {
        for (reg = 0; reg < SDM_PEER_STRIDE; reg += 4) {
            g_assert_cmphex(get_reg(m, SDM_REG_PEER(id, reg)), ==,
                            reg == SDM_PEER_BOOT_SIGNAL ||
                            reg == SDM_PEER_RESET_SIGNAL ?
                            SDM_SIGNAL_NONE : 0);
        }
    }
    /* IDs that do not exist, and what lies behind the last block. */
    for (reg = SDM_REG_PEER(41, 0); reg < SDM_REGS_SIZE; reg += 4) {
        g_assert_cmphex(get_reg(m, reg), ==, 0);
    }
    end(m);
}

static bool is_writable(unsigned reg)
{
    switch (reg) {
    case SDM_REG_CONTROL:
    case SDM_REG_IRQ_ENABLE:
    case SDM_REG_TX_DATA0_LO:
    case SDM_REG_TX_DATA0_HI:
    case SDM_REG_TX_DATA1_LO:
    case SDM_REG_TX_DATA1_HI:
    case SDM_REG_TX_DOORBELL:
    case SDM_REG_RX_POP:
    case SDM_REG_ERR_STATUS:
        return true;
    default:
        if (reg >= SDM_PEER_BASE) {
            reg %= SDM_PEER_STRIDE;
            return reg >= SDM_PEER_REPORT_LO && reg <= SDM_PEER_TAKEN_HI;
        }
        return (reg >= SDM_REG_PEER_CHANGED(0) &&
                reg <= SDM_REG_TX_FREE(SDM_MAX_IDS - 1));
    }
}

static void test_read_only(void)
{
    g_autofree uint8_t *before = g_malloc(SDM_REGS_SIZE);
    g_autofree uint8_t *after = g_malloc(SDM_REGS_SIZE);
    Machine *m = start_alone();
    unsigned reg;

    /* Something to read in as many registers as possible. */
    set_reg(m, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_cmpint(send_signal(m, 0, 5, 0x1111, 0x2222), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(m, 1, 5, 0, 0), ==, SDM_TX_NO_LINK);
    set_reg(m, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    set_reg(m, SDM_REG_TX_DATA0_HI, 0x3333);

    qtest_memread(m->qts, m->regs, before, SDM_REGS_SIZE);
    for (reg = 0; reg < SDM_REG_PEER(42, 0); reg += 4) {
        if (!is_writable(reg)) {
            set_reg(m, reg, 0xffffffff);
            set_reg(m, reg, 0);
        }
    }
    set_reg(m, SDM_REGS_SIZE - 4, 0xffffffff);
    qtest_memread(m->qts, m->regs, after, SDM_REGS_SIZE);
    g_assert_cmpmem(before, SDM_REGS_SIZE, after, SDM_REGS_SIZE);
    end(m);
}

static void test_reserved_bits(void)
{
    Machine *m = start_alone();

    set_reg(m, SDM_REG_CONTROL, ~SDM_CTRL_RESET);
    g_assert_cmphex(get_reg(m, SDM_REG_CONTROL), ==, SDM_CTRL_ENABLE);
    set_reg(m, SDM_REG_IRQ_ENABLE, 0xffffffff);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_ENABLE), ==, SDM_IRQ_ALL);
    set_reg(m, SDM_REG_IRQ_ENABLE, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_ENABLE), ==, 0);
    set_reg(m, SDM_REG_CONTROL, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_CONTROL), ==, 0);
    end(m);
}

/* Accesses of 1 and 2 bytes, and unaligned ones, are harmless. */
static void test_wrong_width(void)
{
    g_autofree uint8_t *before = g_malloc(SDM_REGS_SIZE);
    g_autofree uint8_t *after = g_malloc(SDM_REGS_SIZE);
    Machine *m = start_alone();
    unsigned reg;

    set_reg(m, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_cmpint(send_signal(m, 0, 5, 0x1111, 0x2222), ==, SDM_TX_OK);

    qtest_memread(m->qts, m->regs, before, SDM_REGS_SIZE);
    for (reg = 0; reg < 0x200; reg++) {
        g_assert_cmphex(qtest_readb(m->qts, m->regs + reg), ==, 0);
        g_assert_cmphex(qtest_readw(m->qts, m->regs + reg), ==, 0);
        qtest_writeb(m->qts, m->regs + reg, 0xff);
        qtest_writew(m->qts, m->regs + reg, 0xffff);
        if (reg % 4) {
            g_assert_cmphex(get_reg(m, reg), ==, 0);
            set_reg(m, reg, 0xffffffff);
        }
        if (reg % 8) {
            g_assert_cmphex(qtest_readq(m->qts, m->regs + reg), ==, 0);
            qtest_writeq(m->qts, m->regs + reg, ~0ull);
        }
    }
    qtest_memread(m->qts, m->regs, after, SDM_REGS_SIZE);
    g_assert_cmpmem(before, SDM_REGS_SIZE, after, SDM_REGS_SIZE);
    end(m);
}

static void test_pairs(void)
{
    Machine *m = start_alone();

    g_assert_cmphex(qtest_readq(m->qts, m->regs + SDM_REG_MAGIC), ==,
                    (uint64_t)SDM_VERSION << 32 | SDM_MAGIC);

    qtest_writeq(m->qts, m->regs + SDM_REG_TX_DATA0_LO, 0x0123456789abcdef);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_DATA0_LO), ==, 0x89abcdef);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_DATA0_HI), ==, 0x01234567);
    g_assert_cmphex(qtest_readq(m->qts, m->regs + SDM_REG_TX_DATA0_LO), ==,
                    0x0123456789abcdef);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_DATA1_LO), ==, 0);

    /* The lower register first: IRQ_STATUS, then IRQ_ENABLE. */
    qtest_writeq(m->qts, m->regs + SDM_REG_IRQ_STATUS, 0x3ffffffffull);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_ENABLE), ==, 3);

    /* The doorbell acts before the register behind it, which is RO. */
    qtest_writeq(m->qts, m->regs + SDM_REG_TX_DOORBELL,
                 0xffffffff00000000 | SDM_TX_DOORBELL(0, 9));
    g_assert_cmphex(get_reg(m, SDM_REG_TX_STATUS), ==, SDM_TX_OK);
    expect_signal(m, 0, 9, 0x0123456789abcdef, 0);
    end(m);
}

static void test_loopback(void)
{
    Machine *m = start_alone();
    unsigned i;

    /* The payload is spent with each doorbell, also with one that fails. */
    g_assert_cmpint(send_signal(m, 0, 63, 0xfedcba9876543210, 1), ==,
                    SDM_TX_OK);
    g_assert_cmphex(get_reg64(m, SDM_REG_TX_DATA0_LO), ==, 0);
    g_assert_cmphex(get_reg64(m, SDM_REG_TX_DATA1_LO), ==, 0);
    g_assert_cmpint(send_signal(m, 99, 0, 7, 8), ==, SDM_TX_NO_PEER);
    g_assert_cmphex(get_reg64(m, SDM_REG_TX_DATA0_LO), ==, 0);
    g_assert_cmphex(get_reg64(m, SDM_REG_TX_DATA1_LO), ==, 0);
    set_reg(m, SDM_REG_TX_DOORBELL, SDM_TX_DOORBELL(0, 0));
    g_assert_cmpint(get_reg(m, SDM_REG_TX_STATUS), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(m, 0, 1, 0, 1ull << 63), ==, SDM_TX_OK);

    expect_signal(m, 0, 63, 0xfedcba9876543210, 1);
    expect_signal(m, 0, 0, 0, 0);
    expect_signal(m, 0, 1, 0, 1ull << 63);
    g_assert_cmphex(get_reg(m, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmphex(get_reg64(m, SDM_REG_RX_DATA1_LO), ==, 0);

    /* Pops too many do no harm. */
    for (i = 0; i < 3; i++) {
        set_reg(m, SDM_REG_RX_POP, 0);
    }
    g_assert_cmpint(peer_credits(m, 0), ==, QUEUE_DEPTH);

    /* First in, first out, also where the queue wraps. */
    for (i = 0; i < 5 * QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(m, 0, i % 64, i, ~i), ==, SDM_TX_OK);
        if (i >= 40) {
            expect_signal(m, 0, (i - 40) % 64, i - 40, ~(i - 40));
        }
    }
    end(m);
}

static void test_tx_status(void)
{
    Machine *m = start_alone();
    unsigned i;

    g_assert_cmpint(send_signal(m, 41, 0, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmpint(send_signal(m, 255, 0, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmpint(send_signal(m, 256, 0, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmpint(send_signal(m, 0xffff, 0xffff, 0, 0), ==, SDM_TX_NO_PEER);
    g_assert_cmpint(send_signal(m, 1, 0, 0, 0), ==, SDM_TX_NO_LINK);
    g_assert_cmpint(send_signal(m, 40, 0, 0, 0), ==, SDM_TX_NO_LINK);
    g_assert_cmpint(send_signal(m, 0, 64, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmpint(send_signal(m, 0, 0xffff, 0, 0), ==, SDM_TX_NO_SIGNAL);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==, 0);

    for (i = 0; i < QUEUE_DEPTH; i++) {
        g_assert_cmpint(peer_credits(m, 0), ==, QUEUE_DEPTH - i);
        g_assert_cmpint(send_signal(m, 0, i, i, 0), ==, SDM_TX_OK);
    }
    g_assert_cmpint(peer_credits(m, 0), ==, 0);
    g_assert_cmpint(send_signal(m, 0, 0, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmpint(send_signal(m, 0, 0, 0, 0), ==, SDM_TX_BUSY);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_FREE(0)), ==, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==, SDM_IRQ_RX);

    /* Room again: it is said once, and a one clears it. */
    expect_signal(m, 0, 0, 0, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(0));
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==,
                    SDM_IRQ_RX | SDM_IRQ_TX_FREE);
    set_reg(m, SDM_REG_TX_FREE(0), ~SDM_ID_BIT(0));
    g_assert_cmphex(get_reg(m, SDM_REG_TX_FREE(0)), ==, SDM_ID_BIT(0));
    set_reg(m, SDM_REG_TX_FREE(0), SDM_ID_BIT(0));
    g_assert_cmphex(get_reg(m, SDM_REG_TX_FREE(0)), ==, 0);
    expect_signal(m, 0, 1, 1, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_FREE(0)), ==, 0);

    /* What was refused was not queued; all else was, in order. */
    g_assert_cmpint(send_signal(m, 0, 7, 0x77, 0), ==, SDM_TX_OK);
    for (i = 2; i < QUEUE_DEPTH; i++) {
        expect_signal(m, 0, i, i, 0);
    }
    expect_signal(m, 0, 7, 0x77, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_RX_HEAD), ==, 0);
    end(m);
}

static void test_irq(void)
{
    Machine *m = start_alone();
    unsigned i;

    g_assert_false(irq_level(m, "sdm"));
    send_signal(m, 0, 1, 0, 0);
    send_signal(m, 0, 2, 0, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==, SDM_IRQ_RX);
    g_assert_false(irq_level(m, "sdm"));

    /* A level: it follows status and enable, whatever changes. */
    set_reg(m, SDM_REG_IRQ_ENABLE, SDM_IRQ_ALL & ~SDM_IRQ_RX);
    g_assert_false(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    g_assert_true(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_IRQ_STATUS, SDM_IRQ_RX);
    g_assert_true(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_RX_POP, 1);
    g_assert_true(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_RX_POP, 1);
    g_assert_false(irq_level(m, "sdm"));
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==, 0);
    send_signal(m, 0, 3, 0, 0);
    g_assert_true(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_IRQ_ENABLE, 0);
    g_assert_false(irq_level(m, "sdm"));

    /* Room for a sender that was refused. */
    for (i = 0; i < QUEUE_DEPTH; i++) {
        send_signal(m, 0, 4, 0, 0);
    }
    set_reg(m, SDM_REG_IRQ_ENABLE, SDM_IRQ_TX_FREE);
    g_assert_false(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_RX_POP, 1);
    g_assert_true(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_TX_FREE(0), SDM_ID_BIT(0));
    g_assert_false(irq_level(m, "sdm"));

    /* A change of a peer; the device itself is one. */
    set_reg(m, SDM_REG_IRQ_ENABLE, SDM_IRQ_PEER);
    g_assert_false(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_true(irq_level(m, "sdm"));
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER |
                    SDM_PEER_STATE_SELF);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER_CHANGED(0)), ==, SDM_ID_BIT(0));
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==,
                    SDM_IRQ_RX | SDM_IRQ_PEER);
    set_reg(m, SDM_REG_PEER_CHANGED(0), ~SDM_ID_BIT(0));
    g_assert_true(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_PEER_CHANGED(0), SDM_ID_BIT(0));
    g_assert_false(irq_level(m, "sdm"));
    set_reg(m, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_false(irq_level(m, "sdm"));
    end(m);
}

/* Everything that a reset is to undo. */
static void make_mess(Machine *m)
{
    unsigned i;

    for (i = 0; i < QUEUE_DEPTH; i++) {
        g_assert_cmpint(send_signal(m, 0, 1, i, i), ==, SDM_TX_OK);
    }
    g_assert_cmpint(send_signal(m, 0, 1, 0, 0), ==, SDM_TX_BUSY);
    set_reg(m, SDM_REG_RX_POP, 1);
    g_assert_cmpint(send_signal(m, 0, 1, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(m, 0, 1, 0, 0), ==, SDM_TX_BUSY);
    set_reg(m, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    set_reg(m, SDM_REG_IRQ_ENABLE, SDM_IRQ_ALL);
    set_reg(m, SDM_REG_TX_DATA0_LO, 1);
    set_reg(m, SDM_REG_TX_DATA1_HI, 1);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==,
                    SDM_IRQ_RX | SDM_IRQ_TX_FREE | SDM_IRQ_PEER);
    g_assert_true(irq_level(m, "sdm"));
}

static void check_clean(Machine *m)
{
    unsigned i;

    g_assert_false(irq_level(m, "sdm"));
    g_assert_cmphex(get_reg(m, SDM_REG_CONTROL), ==, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_ENABLE), ==, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_IRQ_STATUS), ==, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_RX_HEAD), ==, 0);
    g_assert_cmphex(get_reg(m, SDM_REG_TX_STATUS), ==, SDM_TX_OK);
    g_assert_cmphex(get_reg64(m, SDM_REG_TX_DATA0_LO), ==, 0);
    g_assert_cmphex(get_reg64(m, SDM_REG_TX_DATA1_LO), ==, 0);
    for (i = 0; i < SDM_MAX_IDS; i += 32) {
        g_assert_cmphex(get_reg(m, SDM_REG_PEER_CHANGED(i)), ==, 0);
        g_assert_cmphex(get_reg(m, SDM_REG_TX_FREE(i)), ==, 0);
    }
    g_assert_cmpint(peer_credits(m, 0), ==, QUEUE_DEPTH);
    g_assert_cmphex(get_reg(m, SDM_REG_PEER(0, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING | SDM_PEER_STATE_SELF);
    g_assert_cmpint(send_signal(m, 0, 2, 3, 4), ==, SDM_TX_OK);
    expect_signal(m, 0, 2, 3, 4);
}

static void test_control_reset(void)
{
    Machine *m = start_alone();

    g_assert_false(irq_level(m, "sdm"));
    make_mess(m);
    set_reg(m, SDM_REG_CONTROL, SDM_CTRL_RESET | SDM_CTRL_ENABLE);
    check_clean(m);
    end(m);
}

static void test_machine_reset(void)
{
    Machine *m = start_alone();

    g_assert_false(irq_level(m, "sdm"));
    make_mess(m);
    qtest_system_reset(m->qts);
    check_clean(m);
    end(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/registers/reset-values", test_reset_values);
    qtest_add_func("/sdm/registers/read-only", test_read_only);
    qtest_add_func("/sdm/registers/reserved-bits", test_reserved_bits);
    qtest_add_func("/sdm/registers/wrong-width", test_wrong_width);
    qtest_add_func("/sdm/registers/pairs", test_pairs);
    qtest_add_func("/sdm/registers/loopback", test_loopback);
    qtest_add_func("/sdm/registers/tx-status", test_tx_status);
    qtest_add_func("/sdm/registers/irq", test_irq);
    qtest_add_func("/sdm/registers/control-reset", test_control_reset);
    qtest_add_func("/sdm/registers/machine-reset", test_machine_reset);

    return g_test_run();
}
