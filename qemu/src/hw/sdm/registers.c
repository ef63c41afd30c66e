/*
 * SDM registers: the guest's view of the core
 *
 * Documentation/device.rst and sdm/sdm-regs.h say what they do. Nothing the
 * guest writes is an error for QEMU; mistakes are logged with -d guest_errors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "hw/sdm/core.h"
#include "hw/sdm/hostmem-network.h"
#include "dma.h"
#include "trace.h"

/* One half of a 64-bit value: at @lo the lower, behind it the upper. */
static uint32_t half(uint64_t value, hwaddr addr, hwaddr lo)
{
    return addr == lo ? value : value >> 32;
}

static uint32_t read_window(SDMCore *core, hwaddr addr)
{
    MemoryBackendNetwork *nm = sdm_core_memory(core);
    uint64_t base, size;

    if (!nm || !memory_backend_network_window(nm, &base, &size)) {
        return 0;
    }
    return addr < SDM_REG_WINDOW_SIZE_LO ?
           half(base, addr, SDM_REG_WINDOW_BASE_LO) :
           half(size, addr, SDM_REG_WINDOW_SIZE_LO);
}

static uint32_t read_errors(SDMCore *core, hwaddr addr)
{
    MemoryBackendNetwork *nm = sdm_core_memory(core);
    SDMWindowErrors errors = { 0 };

    if (nm) {
        errors = memory_backend_network_errors(nm);
    }
    switch (addr) {
    case SDM_REG_ERR_STATUS:
        return errors.status;
    case SDM_REG_ERR_COUNT:
        return errors.count;
    default:
        return half(errors.offset, addr, SDM_REG_ERR_OFFSET_LO);
    }
}

static uint32_t read_rx(SDMCore *core, hwaddr addr)
{
    const SDMMessage *message;
    uint32_t source, head;

    message = sdm_core_rx_head(core, &source);
    if (!message) {
        return 0;
    }
    switch (addr) {
    case SDM_REG_RX_HEAD:
        head = SDM_RX_HEAD(source, message->signal);
        if (message->data[0] || message->data[1]) {
            head |= SDM_RX_HAS_DATA;
        }
        return head;
    case SDM_REG_RX_DATA0_LO:
    case SDM_REG_RX_DATA0_HI:
        return half(message->data[0], addr, SDM_REG_RX_DATA0_LO);
    default:
        return half(message->data[1], addr, SDM_REG_RX_DATA1_LO);
    }
}

static uint32_t read_peer_memory(SDMCore *core, uint32_t id, unsigned field)
{
    MemoryBackendNetwork *nm = sdm_core_memory(core);
    SDMSlaveMemory memory;

    if (!nm || !(id == core->id ?
                 memory_backend_network_own(nm, &memory) :
                 memory_backend_network_slave(nm, id, &memory))) {
        return 0;
    }
    switch (field) {
    case SDM_PEER_MEM_OFFSET_LO:
    case SDM_PEER_MEM_OFFSET_HI:
        return half(memory.offset, field, SDM_PEER_MEM_OFFSET_LO);
    case SDM_PEER_MEM_SIZE_LO:
    case SDM_PEER_MEM_SIZE_HI:
        return half(memory.size, field, SDM_PEER_MEM_SIZE_LO);
    case SDM_PEER_MEM_BASE_LO:
    case SDM_PEER_MEM_BASE_HI:
        return half(memory.base, field, SDM_PEER_MEM_BASE_LO);
    default:
        return (memory.mapped ? SDM_PEER_MEM_MAPPED : 0) | memory.coherent;
    }
}

static uint32_t read_peer(SDMCore *core, uint32_t id, unsigned field)
{
    const SDMPeer *peer = &core->peers[id];

    if (id >= core->num_ids) {
        return 0;
    }
    switch (field) {
    case SDM_PEER_STATE:
        return peer->state | (id == core->id ? SDM_PEER_STATE_SELF : 0);
    case SDM_PEER_NUM_SIGNALS:
        return peer->num_signals;
    case SDM_PEER_BOOT_SIGNAL:
        return peer->boot_signal;
    case SDM_PEER_RESET_SIGNAL:
        return peer->reset_signal;
    case SDM_PEER_ARCH:
        return peer->cpus.arch;
    case SDM_PEER_CPUS:
        return peer->cpus.number;
    case SDM_PEER_GENERATION:
        return peer->generation;
    case SDM_PEER_MEM_OFFSET_LO ... SDM_PEER_MEM_BASE_HI:
    case SDM_PEER_MEM_FLAGS:
        return read_peer_memory(core, id, field);
    case SDM_PEER_ACTION:
        return peer->action;
    case SDM_PEER_CREDITS:
        return sdm_core_plain_credits(peer);
    case SDM_PEER_REPORT_LO:
    case SDM_PEER_REPORT_HI:
        return half(peer->report, field, SDM_PEER_REPORT_LO);
    case SDM_PEER_TAKEN_LO:
    case SDM_PEER_TAKEN_HI:
        return half(peer->taken, field, SDM_PEER_TAKEN_LO);
    case SDM_PEER_ERRORS:
        return sdm_core_memory(core) ?
               memory_backend_network_slave_errors(sdm_core_memory(core), id) :
               0;
    default:
        return 0;
    }
}

static uint32_t read32(SDMCore *core, hwaddr addr)
{
    MemoryBackendNetwork *nm = sdm_core_memory(core);
    uint64_t base, size;

    if (addr >= SDM_PEER_BASE) {
        uint32_t id = (addr - SDM_PEER_BASE) / SDM_PEER_STRIDE;

        return id < SDM_MAX_IDS ?
               read_peer(core, id, addr % SDM_PEER_STRIDE) : 0;
    }

    switch (addr) {
    case SDM_REG_MAGIC:
        return SDM_MAGIC;
    case SDM_REG_VERSION:
        return SDM_VERSION;
    case SDM_REG_FEATURES:
        return (nm && memory_backend_network_window(nm, &base, &size) ?
                SDM_FEAT_WINDOW : 0) | (core->dma ? SDM_FEAT_DMA : 0) |
               SDM_FEAT_TAKEN;
    case SDM_REG_ID:
        return core->id;
    case SDM_REG_NUM_IDS:
        return core->num_ids;
    case SDM_REG_NUM_SIGNALS:
        return SDM_NUM_SIGNALS;
    case SDM_REG_STATUS:
        return core->config.master ? SDM_STATUS_MASTER : 0;
    case SDM_REG_CONTROL:
        return core->control;
    case SDM_REG_IRQ_STATUS:
        return sdm_core_irq_status(core);
    case SDM_REG_IRQ_ENABLE:
        return core->irq_enable;
    case SDM_REG_TX_DATA0_LO ... SDM_REG_TX_DATA1_HI:
        return core->tx_data[(addr - SDM_REG_TX_DATA0_LO) / 4];
    case SDM_REG_TX_STATUS:
        return core->tx_status;
    case SDM_REG_RX_HEAD:
    case SDM_REG_RX_DATA0_LO ... SDM_REG_RX_DATA1_HI:
        return read_rx(core, addr);
    case SDM_REG_ERR_STATUS ... SDM_REG_ERR_OFFSET_HI:
        return read_errors(core, addr);
    case SDM_REG_WINDOW_BASE_LO ... SDM_REG_WINDOW_SIZE_HI:
        return read_window(core, addr);
    case SDM_REG_DMA_RING_LO ... SDM_REG_DMA_STATUS:
        return core->dma ? sdm_dma_read(core->dma, addr) : 0;
    case SDM_REG_PEER_CHANGED(0) ... SDM_REG_PEER_CHANGED(SDM_MAX_IDS - 1):
        return core->peer_changed[(addr - SDM_REG_PEER_CHANGED(0)) / 4];
    case SDM_REG_TX_FREE(0) ... SDM_REG_TX_FREE(SDM_MAX_IDS - 1):
        return core->tx_free[(addr - SDM_REG_TX_FREE(0)) / 4];
    case SDM_REG_TX_TAKEN(0) ... SDM_REG_TX_TAKEN(SDM_MAX_IDS - 1):
        return core->tx_taken[(addr - SDM_REG_TX_TAKEN(0)) / 4];
    default:
        /* Reserved, or write only. */
        return 0;
    }
}

static void write_doorbell(SDMCore *core, uint32_t value)
{
    const uint64_t data[2] = {
        core->tx_data[0] | (uint64_t)core->tx_data[1] << 32,
        core->tx_data[2] | (uint64_t)core->tx_data[3] << 32,
    };

    memset(core->tx_data, 0, sizeof(core->tx_data));
    core->tx_status = sdm_core_send(core, SDM_TX_DOORBELL_DEST(value),
                                    SDM_TX_DOORBELL_SIGNAL(value), data);
}

static void log_read_only(hwaddr addr, uint32_t value)
{
    qemu_log_mask(LOG_GUEST_ERROR, "sdm: write of 0x%x to 0x%" HWADDR_PRIx
                  ", which is read-only or reserved\n", value, addr);
}

static void write_peer(SDMCore *core, hwaddr addr, uint32_t value)
{
    uint32_t id = (addr - SDM_PEER_BASE) / SDM_PEER_STRIDE;
    SDMPeer *peer;

    if (id >= core->num_ids) {
        log_read_only(addr, value);
        return;
    }
    peer = &core->peers[id];
    switch (addr % SDM_PEER_STRIDE) {
    case SDM_PEER_REPORT_LO:
        peer->report = deposit64(peer->report, 0, 32, value);
        break;
    case SDM_PEER_REPORT_HI:
        peer->report = deposit64(peer->report, 32, 32, value);
        break;
    case SDM_PEER_TAKEN_LO:
        sdm_core_set_taken(core, id, peer->taken & ~(uint64_t)value);
        break;
    case SDM_PEER_TAKEN_HI:
        sdm_core_set_taken(core, id, peer->taken & ~((uint64_t)value << 32));
        break;
    default:
        log_read_only(addr, value);
        break;
    }
}

static void write32(SDMCore *core, hwaddr addr, uint32_t value)
{
    if (addr >= SDM_PEER_BASE) {
        write_peer(core, addr, value);
        return;
    }

    switch (addr) {
    case SDM_REG_CONTROL:
        sdm_core_set_control(core, value);
        break;
    case SDM_REG_IRQ_ENABLE:
        core->irq_enable = value & SDM_IRQ_ALL;
        /* A message is sent when the line rises: let it do so again. */
        qemu_irq_lower(core->irq);
        sdm_core_update_irq(core);
        break;
    case SDM_REG_TX_DATA0_LO ... SDM_REG_TX_DATA1_HI:
        core->tx_data[(addr - SDM_REG_TX_DATA0_LO) / 4] = value;
        break;
    case SDM_REG_TX_DOORBELL:
        write_doorbell(core, value);
        break;
    case SDM_REG_RX_POP:
        sdm_core_rx_pop(core);
        break;
    case SDM_REG_ERR_STATUS:
        if (sdm_core_memory(core)) {
            memory_backend_network_clear_errors(sdm_core_memory(core), false);
            sdm_core_update_irq(core);
        }
        break;
    case SDM_REG_DMA_RING_LO ... SDM_REG_DMA_STATUS:
        if (core->dma) {
            sdm_dma_write(core->dma, addr, value);
            sdm_core_update_irq(core);
        }
        break;
    case SDM_REG_PEER_CHANGED(0) ... SDM_REG_PEER_CHANGED(SDM_MAX_IDS - 1):
        core->peer_changed[(addr - SDM_REG_PEER_CHANGED(0)) / 4] &= ~value;
        sdm_core_update_irq(core);
        break;
    case SDM_REG_TX_FREE(0) ... SDM_REG_TX_FREE(SDM_MAX_IDS - 1):
        core->tx_free[(addr - SDM_REG_TX_FREE(0)) / 4] &= ~value;
        sdm_core_update_irq(core);
        break;
    default:
        log_read_only(addr, value);
        break;
    }
}

static bool access_is_valid(hwaddr addr, unsigned size)
{
    if (size >= 4 && addr % size == 0) {
        return true;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "sdm: access of %u bytes at 0x%"
                  HWADDR_PRIx ", 4 or 8 aligned ones are needed\n",
                  size, addr);
    return false;
}

static uint64_t registers_read(void *opaque, hwaddr addr, unsigned size)
{
    SDMCore *core = opaque;
    uint64_t value;

    if (!access_is_valid(addr, size)) {
        return 0;
    }
    value = read32(core, addr);
    if (size == 8) {
        value |= (uint64_t)read32(core, addr + 4) << 32;
    }
    trace_sdm_register_read(core->id, addr, value, size);
    return value;
}

static void registers_write(void *opaque, hwaddr addr, uint64_t value,
                            unsigned size)
{
    SDMCore *core = opaque;

    if (!access_is_valid(addr, size)) {
        return;
    }
    trace_sdm_register_write(core->id, addr, value, size);
    write32(core, addr, value);
    if (size == 8) {
        write32(core, addr + 4, value >> 32);
    }
}

/*
 * All sizes are accepted here and judged above: a refusal by the memory core
 * would be an abort in the guest.
 */
static const MemoryRegionOps registers_ops = {
    .read = registers_read,
    .write = registers_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

void sdm_core_init_registers(SDMCore *core, Object *owner)
{
    memory_region_init_io(&core->registers, owner, &registers_ops, core,
                          "sdm-registers", SDM_REGS_SIZE);
}
