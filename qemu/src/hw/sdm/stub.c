/*
 * SDM: builds without it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-sdm-query.h"
#include "hw/sdm/machine.h"

char *sdm_machine_expand_options(const char *options)
{
    return g_strdup(options);
}

void sdm_machine_class_add_slave(ObjectClass *oc)
{
}

bool sdm_machine_is_slave(const MachineState *machine)
{
    return false;
}

uint64_t sdm_machine_usable_ram(const MachineState *machine)
{
    return machine->ram_size;
}

bool sdm_boot_parse_incoming(const char *uri)
{
    return false;
}

void sdm_boot_riscv_init(MachineState *machine, const char *default_firmware,
                         hwaddr rom)
{
    g_assert_not_reached();
}

void sdm_fdt_add_device(void *fdt, const char *parent, PlatformBusDevice *pbus,
                        SysBusDevice *sbdev, int irq_start)
{
    g_assert_not_reached();
}

void sdm_fdt_reserve_windows(void *fdt)
{
}

SdmInfo *qmp_query_sdm(Error **errp)
{
    error_setg(errp, "this QEMU has no SDM");
    return NULL;
}
