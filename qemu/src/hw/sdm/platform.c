/*
 * sdm-platform: the SDM as a memory-mapped device on a platform bus
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "hw/sysbus.h"
#include "hw/sdm/core.h"
#include "hw/sdm/machine.h"
#include "migration/blocker.h"
#include "dma.h"

OBJECT_DECLARE_SIMPLE_TYPE(SDMPlatform, SDM_PLATFORM)

struct SDMPlatform {
    SysBusDevice parent_obj;

    SDMCore core;
    /* The modern form of signals[N]: a list of IDs, from JSON. */
    uint32_t num_signal_ids;
    char **signal_ids;
    bool dma;
    Error *migration_blocker;
};

/* Turn the list into signals[N]. */
static bool resolve_signal_ids(SDMPlatform *s, Error **errp)
{
    SDMConfig *config = &s->core.config;
    uint32_t i;

    if (!s->num_signal_ids) {
        return true;
    }
    if (config->len_signals) {
        error_setg(errp, "'signals' excludes 'len-signals'");
        return false;
    }
    if (s->num_signal_ids > SDM_MAX_BOUND_SIGNALS) {
        error_setg(errp, "'signals' has more than %d elements",
                   SDM_MAX_BOUND_SIGNALS);
        return false;
    }
    for (i = 0; i < s->num_signal_ids; i++) {
        g_autofree char *name = g_strdup_printf("signals[%u]", i);

        if (config->signals[i]) {
            error_setg(errp, "'signals' excludes '%s'", name);
            return false;
        }
        if (!object_property_set_str(OBJECT(s), name, s->signal_ids[i],
                                     errp)) {
            return false;
        }
    }
    config->len_signals = s->num_signal_ids;
    return true;
}

/* One state in two machines: what one of them saves alone would be a lie. */
static bool block_migration(SDMPlatform *s, Error **errp)
{
    const char *id = DEVICE(s)->id;

    error_setg(&s->migration_blocker, TYPE_SDM_PLATFORM " '%s' cannot be "
               "saved or migrated: its links and the signals under way are "
               "those of other devices, too",
               id ? id : object_get_canonical_path_component(OBJECT(s)));
    return migrate_add_blocker(&s->migration_blocker, errp) == 0;
}

static void sdm_platform_unrealize(DeviceState *dev)
{
    SDMPlatform *s = SDM_PLATFORM(dev);

    sdm_core_unrealize(&s->core);
    migrate_del_blocker(&s->migration_blocker);
}

static void sdm_platform_realize(DeviceState *dev, Error **errp)
{
    SDMPlatform *s = SDM_PLATFORM(dev);
    SysBusDevice *sbd = SYS_BUS_DEVICE(dev);

    if (!resolve_signal_ids(s, errp) || !block_migration(s, errp)) {
        return;
    }
    if (!sdm_core_realize(&s->core, OBJECT(dev), errp)) {
        migrate_del_blocker(&s->migration_blocker);
        return;
    }
    if (!s->dma) {
        sdm_dma_free(s->core.dma);
        s->core.dma = NULL;
    }
    sysbus_init_mmio(sbd, &s->core.registers);
    sysbus_init_irq(sbd, &s->core.irq);
}

static void sdm_platform_reset_hold(Object *obj, ResetType type)
{
    sdm_core_reset(&SDM_PLATFORM(obj)->core);
}

static const Property sdm_platform_properties[] = {
    DEFINE_PROP_LINK("comm", SDMPlatform, core.config.comm,
                     TYPE_SDM_COMMUNICATION, SDMCommunication *),
    DEFINE_PROP_BOOL("master", SDMPlatform, core.config.master, false),
    DEFINE_PROP_UINT32("num-slaves", SDMPlatform, core.config.num_slaves, 0),
    DEFINE_PROP_UINT32("slave-id", SDMPlatform, core.config.slave_id, 0),
    DEFINE_PROP_UINT32("len-signals", SDMPlatform, core.config.len_signals, 0),
    DEFINE_PROP_ARRAY("signals", SDMPlatform, num_signal_ids, signal_ids,
                      qdev_prop_string, char *),
    DEFINE_PROP_BOOL("dma", SDMPlatform, dma, true),
};

static void sdm_platform_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    dc->realize = sdm_platform_realize;
    dc->unrealize = sdm_platform_unrealize;
    dc->desc = "Signal Distribution Module";
    rc->phases.hold = sdm_platform_reset_hold;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, sdm_platform_properties);
    sdm_core_class_properties(oc, offsetof(SDMPlatform, core));
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
