/*
 * SDM: device-tree nodes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include <libfdt.h>
#include "hw/sdm/hostmem-network.h"
#include "hw/sdm/machine.h"
#include "qom/object_interfaces.h"
#include "sdm/sdm-regs.h"
#include "system/device_tree.h"

/* Interrupt specifiers as Arm's GIC and RISC-V's APLIC use them. */
#define SDM_FDT_IRQ_SPI         0
#define SDM_FDT_IRQ_LEVEL_HIGH  4

typedef struct SDMDeviceCount {
    PlatformBusDevice *pbus;
    hwaddr below;
    unsigned count;
} SDMDeviceCount;

static void sdm_fdt_count_device(SysBusDevice *sbdev, void *opaque)
{
    SDMDeviceCount *count = opaque;

    if (object_dynamic_cast(OBJECT(sbdev), TYPE_SDM_PLATFORM) &&
        platform_bus_get_mmio_addr(count->pbus, sbdev, 0) < count->below) {
        count->count++;
    }
}

static void sdm_fdt_add_interrupt(void *fdt, const char *parent,
                                  const char *node, int irq)
{
    uint32_t phandle = qemu_fdt_getprop_cell(fdt, parent, "interrupt-parent",
                                             NULL, &error_fatal);
    int controller = fdt_node_offset_by_phandle(fdt, phandle);
    const fdt32_t *cells = fdt_getprop(fdt, controller, "#interrupt-cells",
                                       NULL);

    switch (cells ? fdt32_to_cpu(*cells) : 0) {
    case 1: /* RISC-V PLIC */
        qemu_fdt_setprop_cells(fdt, node, "interrupts", irq);
        break;
    case 2: /* RISC-V APLIC */
        qemu_fdt_setprop_cells(fdt, node, "interrupts", irq,
                               SDM_FDT_IRQ_LEVEL_HIGH);
        break;
    case 3: /* Arm GIC */
        qemu_fdt_setprop_cells(fdt, node, "interrupts", SDM_FDT_IRQ_SPI, irq,
                               SDM_FDT_IRQ_LEVEL_HIGH);
        break;
    default: /* unknown: the guest's driver will miss it */
        break;
    }
}

void sdm_fdt_add_device(void *fdt, const char *parent, PlatformBusDevice *pbus,
                        SysBusDevice *sbdev, int irq_start)
{
    hwaddr addr = platform_bus_get_mmio_addr(pbus, sbdev, 0);
    int irq = irq_start + platform_bus_get_irqn(pbus, sbdev, 0);
    g_autofree char *node = g_strdup_printf("%s/sdm@%" HWADDR_PRIx, parent,
                                            addr);
    g_autofree char *alias = NULL;
    /*
     * The bus places devices in the order of the command line, one above the
     * other as all are of one size, while the order of calls is that of a hash.
     */
    SDMDeviceCount before = { .pbus = pbus, .below = addr };

    qemu_fdt_add_subnode(fdt, node);
    qemu_fdt_setprop_string(fdt, node, "compatible", SDM_DT_COMPATIBLE);
    qemu_fdt_setprop_cells(fdt, node, "reg", addr, SDM_REGS_SIZE);
    /* Each signal of each peer can be a mailbox: ID, number of the signal. */
    qemu_fdt_setprop_cell(fdt, node, "#mbox-cells", 2);
    sdm_fdt_add_interrupt(fdt, parent, node, irq);

    foreach_dynamic_sysbus_device(sdm_fdt_count_device, &before);
    alias = g_strdup_printf("sdm%u", before.count);
    if (fdt_path_offset(fdt, "/aliases") < 0) {
        qemu_fdt_add_subnode(fdt, "/aliases");
    }
    qemu_fdt_setprop_string(fdt, "/aliases", alias, node);
}

static int sdm_fdt_reserve_window(Object *obj, void *fdt)
{
    g_autofree char *node = NULL;
    uint64_t base, size;
    uint32_t acells, scells;

    if (!object_dynamic_cast(obj, TYPE_MEMORY_BACKEND_NETWORK) ||
        !memory_backend_network_window_in_ram(MEMORY_BACKEND_NETWORK(obj)) ||
        !memory_backend_network_window(MEMORY_BACKEND_NETWORK(obj), &base,
                                       &size)) {
        return 0;
    }

    acells = qemu_fdt_getprop_cell(fdt, "/", "#address-cells", NULL,
                                   &error_fatal);
    scells = qemu_fdt_getprop_cell(fdt, "/", "#size-cells", NULL,
                                   &error_fatal);
    if (fdt_path_offset(fdt, "/reserved-memory") < 0) {
        qemu_fdt_add_subnode(fdt, "/reserved-memory");
        qemu_fdt_setprop_cell(fdt, "/reserved-memory", "#address-cells",
                              acells);
        qemu_fdt_setprop_cell(fdt, "/reserved-memory", "#size-cells", scells);
        qemu_fdt_setprop(fdt, "/reserved-memory", "ranges", NULL, 0);
    }
    node = g_strdup_printf("/reserved-memory/sdm-window@%" PRIx64, base);
    qemu_fdt_add_subnode(fdt, node);
    qemu_fdt_setprop_sized_cells(fdt, node, "reg", acells, base, scells, size);
    qemu_fdt_setprop(fdt, node, "no-map", NULL, 0);
    return 0;
}

void sdm_fdt_reserve_windows(void *fdt)
{
    object_child_foreach(object_get_objects_root(), sdm_fdt_reserve_window,
                         fdt);
}
