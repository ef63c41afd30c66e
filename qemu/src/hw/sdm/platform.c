/*
 * sdm-platform: the SDM as a memory-mapped device on a platform bus
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "hw/sysbus.h"
#include "hw/sdm/device.h"
#include "hw/sdm/machine.h"

OBJECT_DECLARE_SIMPLE_TYPE(SDMPlatform, SDM_PLATFORM)

struct SDMPlatform {
    SysBusDevice parent_obj;

    SDMCore core;
};

static void sdm_platform_unrealize(DeviceState *dev)
{
    sdm_device_unrealize(&SDM_PLATFORM(dev)->core);
}

static void sdm_platform_realize(DeviceState *dev, Error **errp)
{
    SDMPlatform *s = SDM_PLATFORM(dev);
    SysBusDevice *sbd = SYS_BUS_DEVICE(dev);

    if (!sdm_device_realize(dev, &s->core, &address_space_memory, errp)) {
        return;
    }
    sysbus_init_mmio(sbd, &s->core.registers);
    sysbus_init_irq(sbd, &s->core.irq);
}

static void sdm_platform_reset_hold(Object *obj, ResetType type)
{
    sdm_core_reset(&SDM_PLATFORM(obj)->core);
}

static const Property sdm_platform_properties[] = {
#define SDM_DEVICE SDMPlatform
#include "properties.h.inc"
};

static void sdm_platform_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    dc->realize = sdm_platform_realize;
    dc->unrealize = sdm_platform_unrealize;
    rc->phases.hold = sdm_platform_reset_hold;
    device_class_set_props(dc, sdm_platform_properties);
    sdm_device_class_init(oc, offsetof(SDMPlatform, core));
}

static const TypeInfo sdm_platform_types[] = {
    {
        .name = TYPE_SDM_PLATFORM,
        .parent = TYPE_DYNAMIC_SYS_BUS_DEVICE,
        .instance_size = sizeof(SDMPlatform),
        .class_init = sdm_platform_class_init,
    },
};

DEFINE_TYPES(sdm_platform_types)
