/*
 * SDM: what its devices have in common, whatever bus they are on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "hw/sdm/device.h"
#include "migration/blocker.h"

/* Turn the list into signals[N]. */
static bool resolve_signal_ids(DeviceState *dev, SDMConfig *config,
                               Error **errp)
{
    uint32_t i;

    if (!config->num_signal_ids) {
        return true;
    }
    if (config->len_signals) {
        error_setg(errp, "'signals' excludes 'len-signals'");
        return false;
    }
    if (config->num_signal_ids > SDM_MAX_BOUND_SIGNALS) {
        error_setg(errp, "'signals' has more than %d elements",
                   SDM_MAX_BOUND_SIGNALS);
        return false;
    }
    for (i = 0; i < config->num_signal_ids; i++) {
        g_autofree char *name = g_strdup_printf("signals[%u]", i);

        if (config->signals[i]) {
            error_setg(errp, "'signals' excludes '%s'", name);
            return false;
        }
        if (!object_property_set_str(OBJECT(dev), name, config->signal_ids[i],
                                     errp)) {
            return false;
        }
    }
    config->len_signals = config->num_signal_ids;
    return true;
}

/* One state in two machines: what one of them saves alone would be a lie. */
static bool block_migration(DeviceState *dev, SDMCore *core, Error **errp)
{
    error_setg(&core->migration_blocker, "%s '%s' cannot be saved or "
               "migrated: its links and the signals under way are those of "
               "other devices, too", object_get_typename(OBJECT(dev)),
               dev->id ? dev->id :
                         object_get_canonical_path_component(OBJECT(dev)));
    return migrate_add_blocker(&core->migration_blocker, errp) == 0;
}

bool sdm_device_realize(DeviceState *dev, SDMCore *core, AddressSpace *as,
                        Error **errp)
{
    core->config.dma_as = as;
    if (!resolve_signal_ids(dev, &core->config, errp) ||
        !block_migration(dev, core, errp)) {
        return false;
    }
    if (!sdm_core_realize(core, OBJECT(dev), errp)) {
        migrate_del_blocker(&core->migration_blocker);
        return false;
    }
    return true;
}

void sdm_device_unrealize(SDMCore *core)
{
    sdm_core_unrealize(core);
    migrate_del_blocker(&core->migration_blocker);
}

void sdm_device_class_init(ObjectClass *oc, ptrdiff_t core_offset)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    int i;

    dc->desc = "Signal Distribution Module";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    /*
     * Plain class properties with literal names: properties arrive in no
     * particular order, so setting len-signals cannot create them.
     */
    for (i = 0; i < SDM_MAX_BOUND_SIGNALS; i++) {
        g_autofree char *name = g_strdup_printf("signals[%d]", i);

        object_class_property_add_link(oc, name, TYPE_SDM_SIGNAL,
                                       core_offset +
                                       offsetof(SDMCore, config.signals) +
                                       i * sizeof(SDMSignal *),
                                       qdev_prop_allow_set_link_before_realize,
                                       OBJ_PROP_LINK_STRONG);
        object_class_property_set_description(oc, name,
            "object for the signal of this number");
    }
}
