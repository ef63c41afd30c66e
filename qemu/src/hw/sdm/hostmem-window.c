/*
 * memory-backend-network: the window of a master
 *
 * Where it is, what an access finds where no slave is, and what is known of
 * accesses that have failed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "hw/sdm/address.h"
#include "hostmem-network-internal.h"
#include "trace.h"

static void window_error_bh(void *opaque)
{
    MemoryBackendNetwork *nm = opaque;

    WITH_QEMU_LOCK_GUARD(&nm->error_lock) {
        nm->error_bh_pending = false;
    }
    notifier_list_notify(&nm->error_notifiers, nm);
    object_unref(OBJECT(nm));
}

MemTxResult memory_backend_network_window_error(void *opaque, uint32_t id,
                                                uint64_t offset, bool is_write,
                                                uint32_t cause)
{
    MemoryBackendNetwork *nm = opaque;

    trace_sdm_window_error(id, offset, is_write, cause);

    qemu_mutex_lock(&nm->error_lock);
    nm->errors.count++;
    if (id < SDM_MAX_IDS) {
        nm->slave_errors[id]++;
    }
    if (!nm->errors.status) {
        nm->errors.status = SDM_ERR_VALID | (is_write ? SDM_ERR_WRITE : 0) |
                            (id << 16) | cause;
        nm->errors.offset = offset;
    }
    if (!nm->error_bh_pending) {
        nm->error_bh_pending = true;
        object_ref(OBJECT(nm));
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), window_error_bh,
                                nm);
    }
    qemu_mutex_unlock(&nm->error_lock);

    return nm->on_error == SDM_ON_ERROR_ABORT ? MEMTX_DECODE_ERROR : MEMTX_OK;
}

SDMWindowErrors memory_backend_network_errors(MemoryBackendNetwork *nm)
{
    QEMU_LOCK_GUARD(&nm->error_lock);

    return nm->errors;
}

uint32_t memory_backend_network_slave_errors(MemoryBackendNetwork *nm,
                                             uint32_t id)
{
    QEMU_LOCK_GUARD(&nm->error_lock);

    return nm->slave_errors[id];
}

void memory_backend_network_clear_errors(MemoryBackendNetwork *nm, bool count)
{
    QEMU_LOCK_GUARD(&nm->error_lock);

    nm->errors.status = 0;
    nm->errors.offset = 0;
    if (count) {
        nm->errors.count = 0;
        memset(nm->slave_errors, 0, sizeof(nm->slave_errors));
    }
}

void memory_backend_network_add_error_notifier(MemoryBackendNetwork *nm,
                                               Notifier *notifier)
{
    notifier_list_add(&nm->error_notifiers, notifier);
}

/* Where no slave is: all ones, and writes go nowhere. */
static MemTxResult background_read(void *opaque, hwaddr addr, uint64_t *value,
                                   unsigned size, MemTxAttrs attrs)
{
    *value = ~0ull;
    return memory_backend_network_window_error(opaque, SDM_ERR_PEER_NONE, addr,
                                               false, SDM_ERR_ABSENT);
}

static MemTxResult background_write(void *opaque, hwaddr addr, uint64_t value,
                                    unsigned size, MemTxAttrs attrs)
{
    return memory_backend_network_window_error(opaque, SDM_ERR_PEER_NONE, addr,
                                               true, SDM_ERR_ABSENT);
}

static const MemoryRegionOps background_ops = {
    .read_with_attrs = background_read,
    .write_with_attrs = background_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    /* Aligned pieces do not reach over the end of the region. */
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

void memory_backend_network_init_window(MemoryBackendNetwork *nm)
{
    memory_region_init(&nm->window, OBJECT(nm), "sdm-window",
                       nm->shared_size);
    memory_region_init_io(&nm->background, OBJECT(nm), &background_ops, nm,
                          "sdm-window-background", nm->shared_size);
    memory_region_add_subregion_overlap(&nm->window, 0, &nm->background, -1);
}

bool memory_backend_network_window(MemoryBackendNetwork *nm, uint64_t *base,
                                   uint64_t *size)
{
    hwaddr ram;

    if (!nm->master) {
        return false;
    }
    *size = nm->shared_size;
    if (nm->where == SDM_WINDOW_PCI) {
        *base = sdm_container_address(&nm->window, base) ? *base : 0;
        return true;
    }
    if (!sdm_ram_address(hostmem(nm), &ram)) {
        return false;
    }
    *base = ram + memory_region_size(&hostmem(nm)->mr);
    return true;
}

bool memory_backend_network_window_in_ram(const MemoryBackendNetwork *nm)
{
    return nm->master && nm->where == SDM_WINDOW_RAM;
}

bool memory_backend_network_take_window(MemoryBackendNetwork *nm,
                                        MemoryRegion **window, Error **errp)
{
    *window = NULL;
    if (!nm->master || nm->where == SDM_WINDOW_RAM) {
        return true;
    }
    if (nm->window_taken) {
        error_setg(errp, "another device has the window of '%s'",
                   hostmem_name(nm));
        return false;
    }
    nm->window_taken = true;
    *window = &nm->window;
    return true;
}
