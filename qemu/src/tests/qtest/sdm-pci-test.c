/*
 * SDM: the device on PCI, with the window of a master in a BAR
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "sdm/common.h"
#include "sdm/sdm-pci.h"

/* On the board "virt" without high memory, and where this test puts BARs. */
#define CONFIG_BASE (0x3f000000ull + (1 << 15)) /* bus 0, device 1 */
#define BEHIND_PORT (0x3f000000ull + (1 << 20)) /* bus 1, device 0 */
#define BAR_REGS    0x10000000ull
#define BAR_WINDOW  0x14000000ull

#define BAR_SIZE    (64 * MiB)

/* A message is a store: one to RAM can be looked at. */
#define MESSAGE_ADDRESS (RAM_BASE + 0x1000)
#define MESSAGE_DATA    0x5d5d

#define RING_ADDRESS    (RAM_BASE + 0x2000)

#define SDM_MASTER                                                           \
    "-M virt,highmem=off -m 64M -nodefaults "                                \
    "-object multi-socket-backend,id=sock,listen=on,%s "                     \
    "-object memory-backend-network,id=mem,size=64M,shared-size=64M,"        \
    "window=pci,socket=sock,master=on "                                      \
    "-object sdm-communication-socket,id=scomm,socket=sock "                 \
    "-numa node,memdev=mem "

#define SDM_DEVICE                                                           \
    "-device sdm-pci,id=sdm,addr=1,comm=scomm,master=on,num-slaves=2"

/* The device in a slot that the guest can switch off. */
#define SDM_IN_SLOT                                                          \
    "-device pcie-root-port,id=root,addr=1 "                                 \
    "-device sdm-pci,id=sdm,bus=root,comm=scomm,master=on,num-slaves=2"

static Rig *rig;
static Machine *master;
static uint64_t config_base;

static uint32_t get_config(unsigned offset)
{
    return qtest_readl(master->qts, config_base + offset);
}

static void set_config(unsigned offset, uint32_t value)
{
    qtest_writel(master->qts, config_base + offset, value);
}

static void set_command(uint16_t command)
{
    qtest_writew(master->qts, config_base + PCI_COMMAND, command);
}

static unsigned bar(unsigned n)
{
    return PCI_BASE_ADDRESS_0 + 4 * n;
}

static void start_board(const char *device)
{
    g_autofree char *args = NULL;

    rig = rig_new_tcp();
    args = g_strdup_printf(SDM_MASTER "%s", rig->address, device);
    master = start_machine(rig, args);
    master->regs = BAR_REGS;
    config_base = CONFIG_BASE;
}

static void enable_device(void)
{
    set_config(bar(SDM_PCI_BAR_REGS), BAR_REGS);
    set_config(bar(SDM_PCI_BAR_WINDOW), BAR_WINDOW);
    set_config(bar(SDM_PCI_BAR_WINDOW) + 4, 0);
    set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void start(const char *device)
{
    start_board(device);
    enable_device();
}

static void end(void)
{
    quit_machine(master);
    rig_free(rig);
}

static void test_identity(void)
{
    start(SDM_DEVICE);
    g_assert_cmphex(get_config(PCI_VENDOR_ID), ==,
                    SDM_PCI_VENDOR_ID | SDM_PCI_DEVICE_ID << 16);
    g_assert_cmphex(get_config(PCI_CLASS_REVISION), ==,
                    SDM_PCI_CLASS << 16 | SDM_PCI_REVISION);
    g_assert_cmphex(get_reg(master, SDM_REG_MAGIC), ==, SDM_MAGIC);
    g_assert_cmphex(get_reg(master, SDM_REG_ID), ==, SDM_ID_MASTER);

    set_command(0);
    set_config(bar(SDM_PCI_BAR_REGS), UINT32_MAX);
    g_assert_cmphex(get_config(bar(SDM_PCI_BAR_REGS)), ==,
                    (uint32_t)-SDM_REGS_SIZE);
    set_config(bar(SDM_PCI_BAR_WINDOW), UINT32_MAX);
    g_assert_cmphex(get_config(bar(SDM_PCI_BAR_WINDOW)), ==,
                    (uint32_t)-BAR_SIZE | PCI_BASE_ADDRESS_MEM_TYPE_64 |
                    PCI_BASE_ADDRESS_MEM_PREFETCH);
    end();
}

static void test_window(void)
{
    static const SlaveOptions small = { .size = "16M" };
    Machine *slave;
    uint64_t absent;

    start(SDM_DEVICE);
    slave = start_slave(rig, &small);
    wait_connected(master, 1);
    g_assert_cmphex(get_reg64(master, SDM_REG_WINDOW_BASE_LO), ==, BAR_WINDOW);
    g_assert_cmphex(get_reg64(master, SDM_REG_WINDOW_SIZE_LO), ==, BAR_SIZE);

    qtest_writeq(master->qts, BAR_WINDOW + 8, 0x1122334455667788);
    qtest_writew(master->qts, BAR_WINDOW + 10, 0xabcd);
    g_assert_cmphex(qtest_readq(master->qts, BAR_WINDOW + 8), ==,
                    0x11223344abcd7788);
    g_assert_cmphex(qtest_readl(slave->qts, RAM_BASE + 12), ==, 0x11223344);

    absent = BAR_WINDOW + get_reg64(master,
                                    SDM_REG_PEER(1, SDM_PEER_MEM_OFFSET_LO)) +
             16 * MiB;
    g_assert_cmphex(qtest_readl(master->qts, absent), ==, UINT32_MAX);
    g_assert_cmpuint(get_reg(master, SDM_REG_ERR_COUNT), ==, 1);

    /* It is where the guest has put the BAR, slaves and all. */
    set_config(bar(SDM_PCI_BAR_WINDOW), BAR_WINDOW + BAR_SIZE);
    g_assert_cmphex(get_reg64(master, SDM_REG_WINDOW_BASE_LO), ==,
                    BAR_WINDOW + BAR_SIZE);
    g_assert_cmphex(qtest_readb(master->qts, BAR_WINDOW + BAR_SIZE + 10), ==,
                    0xcd);
    set_command(0);
    set_config(bar(SDM_PCI_BAR_REGS), BAR_REGS);
    set_command(PCI_COMMAND_MEMORY);
    g_assert_cmphex(get_reg64(master, SDM_REG_WINDOW_SIZE_LO), ==, BAR_SIZE);
    quit_machine(slave);
    end();
}

static void pop_all(void)
{
    while (get_reg(master, SDM_REG_RX_HEAD)) {
        set_reg(master, SDM_REG_RX_POP, 0);
    }
}

static void send_to_self(void)
{
    g_assert_cmpuint(send_signal(master, SDM_ID_MASTER, 0, 0, 0), ==,
                     SDM_TX_OK);
}

static bool inta(void)
{
    return get_config(PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT;
}

static void test_inta(void)
{
    start(SDM_DEVICE ",msi=off");
    g_assert_false(get_config(PCI_COMMAND) >> 16 & PCI_STATUS_CAP_LIST);
    send_to_self();
    g_assert_false(inta());
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    g_assert_true(inta());
    pop_all();
    g_assert_false(inta());
    send_to_self();
    g_assert_true(inta());
    qtest_system_reset(master->qts);
    g_assert_false(inta());
    end();
}

/* How many messages have been sent cannot be seen, but that one has been. */
static bool message(void)
{
    bool sent = qtest_readl(master->qts, MESSAGE_ADDRESS) == MESSAGE_DATA;

    qtest_writel(master->qts, MESSAGE_ADDRESS, 0);
    return sent;
}

static void test_message(void)
{
    unsigned msi;

    start(SDM_DEVICE);
    msi = get_config(PCI_CAPABILITY_LIST) & 0xff;
    g_assert_cmphex(get_config(msi) & 0xff, ==, PCI_CAP_ID_MSI);
    set_config(msi + PCI_MSI_ADDRESS_LO, MESSAGE_ADDRESS);
    set_config(msi + PCI_MSI_ADDRESS_HI, 0);
    set_config(msi + PCI_MSI_DATA_64, MESSAGE_DATA);
    set_config(msi, get_config(msi) | PCI_MSI_FLAGS_ENABLE << 16);

    send_to_self();
    g_assert_false(message());
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    g_assert_true(message());
    g_assert_false(inta());
    /* Once, however many causes come. */
    send_to_self();
    g_assert_false(message());
    /* Who is done asks for another one, and gets it if there is a cause. */
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    g_assert_true(message());
    pop_all();
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_RX);
    g_assert_false(message());
    send_to_self();
    g_assert_true(message());

    /* The line takes over. */
    set_config(msi, get_config(msi) & ~(PCI_MSI_FLAGS_ENABLE << 16));
    g_assert_true(inta());
    g_assert_false(message());
    end();
}

static uint32_t try_dma(void)
{
    set_reg(master, SDM_REG_DMA_RING_LO, RING_ADDRESS);
    set_reg(master, SDM_REG_DMA_RING_SIZE, SDM_DMA_RING_SIZE_MIN);
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    return get_reg(master, SDM_REG_DMA_CONTROL) & SDM_DMA_CTRL_ENABLE;
}

/* The engine accesses memory as a PCI device does. */
static void test_bus_master(void)
{
    start(SDM_DEVICE);
    set_command(PCI_COMMAND_MEMORY);
    g_assert_cmpuint(try_dma(), ==, 0);
    set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    g_assert_cmpuint(try_dma(), ==, SDM_DMA_CTRL_ENABLE);
    end();

    start(SDM_DEVICE ",dma=off");
    g_assert_cmpuint(get_reg(master, SDM_REG_FEATURES) & SDM_FEAT_DMA, ==, 0);
    end();
}

/* The port's register that switches its slot off. */
static uint64_t start_in_slot(void)
{
    unsigned cap;

    start_board(SDM_IN_SLOT);
    set_config(PCI_PRIMARY_BUS, 1 << 8 | 1 << 16);
    set_config(PCI_MEMORY_BASE, BAR_REGS >> 16 | 0x17f00000);
    set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (cap = get_config(PCI_CAPABILITY_LIST) & 0xff;
         (get_config(cap) & 0xff) != PCI_CAP_ID_EXP;
         cap = get_config(cap) >> 8 & 0xff) {
        g_assert_cmpuint(cap, !=, 0);
    }
    config_base = BEHIND_PORT;
    enable_device();
    return CONFIG_BASE + cap + PCI_EXP_SLTCTL;
}

/* The guest does it, not the user: nobody is asked whether that is possible. */
static void test_slot_off(void)
{
    uint32_t state = SDM_REG_PEER(SDM_ID_MASTER, SDM_PEER_STATE);
    static const SlaveOptions options = { .size = "16M" };
    uint64_t slot = start_in_slot();
    Machine *slave = start_slave(rig, &options);

    wait_connected(master, 1);
    g_assert_cmpuint(try_dma(), ==, SDM_DMA_CTRL_ENABLE);
    set_reg(master, SDM_REG_IRQ_ENABLE, SDM_IRQ_ALL);
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    WAIT_FOR(get_reg(slave, state) & SDM_PEER_STATE_DRIVER);

    qtest_writew(master->qts, slot,
                 PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF);
    g_assert_cmphex(get_config(PCI_VENDOR_ID), ==, UINT32_MAX);
    g_assert_cmphex(get_reg(master, SDM_REG_MAGIC), !=, SDM_MAGIC);

    /* Its peers find nobody there, but the link is the socket's. */
    WAIT_FOR(!(get_reg(slave, state) & SDM_PEER_STATE_DRIVER));
    g_assert_cmpuint(send_signal(slave, SDM_ID_MASTER, 5, 1, 2), ==,
                     SDM_TX_OK);
    qtest_system_reset(slave->qts);
    qtest_system_reset(master->qts);
    g_assert_cmpuint(num_connected(master), ==, 1);
    quit_machine(slave);
    WAIT_FOR(num_connected(master) == 0);
    end();
}

static void expect_refusal(const char *args, const char *message)
{
    g_autofree char *output = NULL;

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    if (!strstr(output, message)) {
        g_error("%s\nprinted: %s\nexpected: %s", args, output, message);
    }
}

static void test_options(void)
{
    static const MasterOptions odd = {
        .memory = ",window=pci", .machine = "-m 1G",
    };
    static const SlaveOptions slave = {
        .memory = ",window=pci", .no_boot = true,
    };
    g_autofree char *no_device = NULL;
    g_autofree char *two_devices = NULL;
    g_autofree char *size = NULL;
    g_autofree char *wrong_device = NULL;
    g_autofree char *not_master = NULL;

    rig = rig_new_tcp();
    no_device = g_strdup_printf(SDM_MASTER, rig->address);
    expect_refusal(no_device, "has window=pci, but no sdm-pci device");
    wrong_device = master_args(rig, &odd);
    expect_refusal(wrong_device, "has window=pci, but no sdm-pci device");
    two_devices = g_strdup_printf(SDM_MASTER SDM_DEVICE " -device sdm-pci,"
                                  "comm=scomm,master=on,num-slaves=1",
                                  rig->address);
    expect_refusal(two_devices, "another device has the window of 'mem'");
    size = g_strdup_printf(SDM_MASTER "-object memory-backend-network,id=m2,"
                           "size=64M,shared-size=48M,window=pci,socket=sock,"
                           "master=on", rig->address);
    expect_refusal(size, "must be a power of two");
    not_master = slave_args(rig, &slave);
    expect_refusal(not_master, "'window' is for the master");
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/pci/identity", test_identity);
    qtest_add_func("/sdm/pci/window", test_window);
    qtest_add_func("/sdm/pci/inta", test_inta);
    qtest_add_func("/sdm/pci/message", test_message);
    qtest_add_func("/sdm/pci/bus-master", test_bus_master);
    qtest_add_func("/sdm/pci/slot-off", test_slot_off);
    qtest_add_func("/sdm/pci/options", test_options);

    return g_test_run();
}
