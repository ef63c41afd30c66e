/*
 * SDM fuzzing: what a guest does
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "exec/memory.h"
#include "exec/address-spaces.h"
#include "system/runstate.h"
#include "sdm/sdm-regs.h"
#include "run.h"

/* Most bytes that are accessed at a time. */
#define MAX_ACCESS 64

/*
 * Accesses by a CPU let go of the BQL while they wait, those of a device do
 * not: both are tried.
 */
static MemTxAttrs attrs_of(unsigned how)
{
    return how & 0x80 ? MEMTXATTRS_UNSPECIFIED : (MemTxAttrs) { };
}

static void guest_access(Input *in, hwaddr addr, unsigned how, bool is_write)
{
    uint8_t buf[MAX_ACCESS];
    size_t length = how & 0x40 ? 1 + how % MAX_ACCESS : 1 << how % 4;

    if (is_write) {
        input_bytes(in, buf, length);
    }
    address_space_rw(&address_space_memory, addr, attrs_of(how), buf, length,
                     is_write);
}

static void write_register(unsigned reg, uint32_t value)
{
    address_space_stl_le(&address_space_memory, RUN_REGS_BASE + reg, value,
                         (MemTxAttrs) { }, NULL);
}

static uint32_t read_register(unsigned reg)
{
    return address_space_ldl_le(&address_space_memory, RUN_REGS_BASE + reg,
                                (MemTxAttrs) { }, NULL);
}

/* Most of what there is lies in the first page or in the first peers. */
static unsigned any_register(Input *in)
{
    unsigned sel = input_u8(in);

    switch (sel >> 6) {
    case 0:
    case 1:
        return sel % 0x50 * 4;
    case 2:
        return SDM_PEER_BASE + sel % 0x40 * 4;
    default:
        return input_u16(in);
    }
}

void guest_read_register(Input *in, FakePeer *peer)
{
    hwaddr addr = RUN_REGS_BASE + any_register(in);

    guest_access(in, addr, input_u8(in), false);
}

void guest_write_register(Input *in, FakePeer *peer)
{
    hwaddr addr = RUN_REGS_BASE + any_register(in);

    guest_access(in, addr, input_u8(in), true);
}

/* An address in the window, or close to it. */
static hwaddr any_in_window(Input *in)
{
    return RUN_WINDOW_BASE - 64 + input_number(in, 4) % (RUN_WINDOW_SIZE + 128);
}

void guest_read_window(Input *in, FakePeer *peer)
{
    hwaddr addr = any_in_window(in);

    guest_access(in, addr, input_u8(in), false);
}

void guest_write_window(Input *in, FakePeer *peer)
{
    hwaddr addr = any_in_window(in);

    guest_access(in, addr, input_u8(in), true);
}

void guest_send_signal(Input *in, FakePeer *peer)
{
    uint8_t where = input_u8(in);

    write_register(SDM_REG_TX_DATA0_LO, input_u16(in));
    write_register(SDM_REG_TX_DOORBELL,
                   SDM_TX_DOORBELL(where & 3, where >> 4));
    read_register(SDM_REG_TX_STATUS);
}

/*
 * ------------------------------------------------------------------------
 * Bulk transfer
 */

static hwaddr any_address(Input *in)
{
    switch (input_u8(in) % 8) {
    case 0:
    case 1:
        return RUN_RAM_BASE + input_number(in, 3);
    case 2:
        return any_in_window(in);
    case 3:
        return RUN_REGS_BASE + input_u16(in);
    case 4:
        return input_u32(in);
    case 5:
        return RUN_RAM_BASE + RUN_RAM_SIZE - input_u16(in);
    case 6:
        /* Where the ring is. */
        return deposit64(read_register(SDM_REG_DMA_RING_LO), 32, 32,
                         read_register(SDM_REG_DMA_RING_HI)) + input_u8(in);
    default:
        return input_u64(in);
    }
}

void guest_ring(Input *in, FakePeer *peer)
{
    unsigned how = input_u8(in);
    hwaddr ring = RUN_RAM_BASE + 1 * MiB;

    if (how & 0x80) {
        ring = any_address(in);
        if (!(how & 0x40)) {
            ring &= ~63ull;
        }
    }
    write_register(SDM_REG_DMA_CONTROL, 0);
    /* Off before it can change: a slave may have to answer first. */
    for (int i = 0; i < 100 && read_register(SDM_REG_DMA_CONTROL); i++) {
        fake_wait();
    }
    write_register(SDM_REG_DMA_RING_LO, ring);
    write_register(SDM_REG_DMA_RING_HI, ring >> 32);
    write_register(SDM_REG_DMA_RING_SIZE, 2u << how % 16);
    write_register(SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
}

/* What is special about a descriptor: bits. */
#define DESC_LENGTH 0x04
#define DESC_OFFSET 0x08
#define DESC_PEER 0x10
#define DESC_RESERVED 0x20
#define DESC_WAIT 0x40
#define DESC_AGAIN 0x80

void guest_descriptor(Input *in, FakePeer *peer)
{
    unsigned how = input_u8(in);
    uint8_t d[SDM_DMA_DESC_SIZE] = { 0 };
    unsigned i, n = how & DESC_AGAIN ? 1 + input_u8(in) % 8 : 1;
    uint32_t size = read_register(SDM_REG_DMA_RING_SIZE);
    uint32_t head = read_register(SDM_REG_DMA_HEAD);
    hwaddr ring = deposit64(read_register(SDM_REG_DMA_RING_LO), 32, 32,
                            read_register(SDM_REG_DMA_RING_HI));

    stq_le_p(d + SDM_DMA_DESC_ADDR, any_address(in));
    stq_le_p(d + SDM_DMA_DESC_OFFSET, how & DESC_OFFSET ? input_u64(in) :
                                                          input_u16(in));
    stl_le_p(d + SDM_DMA_DESC_LENGTH, how & DESC_LENGTH ? input_u32(in) :
                                                          input_u16(in));
    stw_le_p(d + SDM_DMA_DESC_PEER, how & DESC_PEER ? input_u16(in) :
                                                      1 + input_u8(in) % 2);
    stw_le_p(d + SDM_DMA_DESC_FLAGS, (how & SDM_DMA_OP_MASK) | SDM_DMA_IRQ);
    if (how & DESC_RESERVED) {
        stw_le_p(d + SDM_DMA_DESC_FLAGS, input_u16(in));
        stq_le_p(d + SDM_DMA_DESC_STATUS, input_u64(in));
    }
    for (i = 0; i < n && size; i++) {
        address_space_write(&address_space_memory,
                            ring + (uint64_t)((head + i) & (size - 1)) *
                            sizeof(d),
                            (MemTxAttrs) { }, d, sizeof(d));
    }
    write_register(SDM_REG_DMA_HEAD, head + n);
    /* A ring that is off, or that has met an error, will not get there. */
    for (i = 0; how & DESC_WAIT && i < 100 &&
         read_register(SDM_REG_DMA_CONTROL) & SDM_DMA_CTRL_BUSY &&
         read_register(SDM_REG_DMA_TAIL) != head + n; i++) {
        fake_wait();
    }
}

/*
 * ------------------------------------------------------------------------
 * The machine
 */

void guest_stop(Input *in, FakePeer *peer)
{
    if (runstate_is_running()) {
        vm_stop(RUN_STATE_PAUSED);
    } else if (runstate_check(RUN_STATE_PAUSED)) {
        vm_start();
    }
}

void guest_reset(Input *in, FakePeer *peer)
{
    qemu_system_reset(SHUTDOWN_CAUSE_GUEST_RESET);
}
