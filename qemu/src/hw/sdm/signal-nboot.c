/*
 * SDM: signal that boots a slave
 *
 * The payload says where: the entry point and the address of the device tree,
 * which lie in the memory backend that the property "nhm" (network host
 * memory) names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/machine.h"
#include "hw/sdm/signal.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qom/object_interfaces.h"
#include "sdm/sdm-regs.h"
#include "system/system.h"

#define TYPE_SDM_SIGNAL_NBOOT "sdm-signal-nboot"
OBJECT_DECLARE_SIMPLE_TYPE(SDMSignalNboot, SDM_SIGNAL_NBOOT)

struct SDMSignalNboot {
    SDMSignal parent_obj;

    Notifier machine_done;
    /*
     * Not a link: the memory backends are created after all signals,
     * whatever their order on the command line.
     */
    char *nhm;
};

static uint32_t sdm_signal_nboot_trigger(SDMSignal *signal,
                                         const uint64_t data[2])
{
    SDMSignalNboot *nboot = SDM_SIGNAL_NBOOT(signal);
    HostMemoryBackend *ram = sdm_boot_find_ram(nboot->nhm, NULL);

    return ram ? sdm_boot_start(ram, data[0], data[1]) : SDM_ACTION_FAILED;
}

static bool sdm_signal_nboot_check(SDMSignalNboot *nboot, Error **errp)
{
    ERRP_GUARD();

    if (!sdm_machine_is_slave(current_machine)) {
        error_setg(errp, "only a slave can be booted");
        error_append_hint(errp, "Use '-machine ...,slave' with a machine that "
                          "has this option.\n");
        return false;
    }
    return sdm_boot_find_ram(nboot->nhm, errp);
}

static void sdm_signal_nboot_machine_done(Notifier *notifier, void *data)
{
    SDMSignalNboot *nboot = container_of(notifier, SDMSignalNboot,
                                         machine_done);
    Error *err = NULL;

    if (!sdm_signal_nboot_check(nboot, &err)) {
        error_reportf_err(err, TYPE_SDM_SIGNAL_NBOOT " '%s': ",
                          object_get_canonical_path_component(OBJECT(nboot)));
        exit(EXIT_FAILURE);
    }
}

static void sdm_signal_nboot_complete(UserCreatable *uc, Error **errp)
{
    SDMSignalNboot *nboot = SDM_SIGNAL_NBOOT(uc);

    if (phase_check(PHASE_MACHINE_READY)) {
        sdm_signal_nboot_check(nboot, errp);
    } else {
        nboot->machine_done.notify = sdm_signal_nboot_machine_done;
        qemu_add_machine_init_done_notifier(&nboot->machine_done);
    }
}

static char *sdm_signal_nboot_get_nhm(Object *obj, Error **errp)
{
    return g_strdup(SDM_SIGNAL_NBOOT(obj)->nhm);
}

static void sdm_signal_nboot_set_nhm(Object *obj, const char *value,
                                     Error **errp)
{
    SDMSignalNboot *nboot = SDM_SIGNAL_NBOOT(obj);

    g_free(nboot->nhm);
    nboot->nhm = g_strdup(value);
}

static void sdm_signal_nboot_finalize(Object *obj)
{
    SDMSignalNboot *nboot = SDM_SIGNAL_NBOOT(obj);

    if (nboot->machine_done.notify) {
        qemu_remove_machine_init_done_notifier(&nboot->machine_done);
    }
    g_free(nboot->nhm);
}

static void sdm_signal_nboot_class_init(ObjectClass *oc, void *data)
{
    SDMSignalClass *sc = SDM_SIGNAL_CLASS(oc);
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    sc->kind = SDM_SIGNAL_BOOT;
    sc->trigger = sdm_signal_nboot_trigger;
    ucc->complete = sdm_signal_nboot_complete;

    object_class_property_add_str(oc, "nhm", sdm_signal_nboot_get_nhm,
                                  sdm_signal_nboot_set_nhm);
    object_class_property_set_description(oc, "nhm",
        "ID of the memory backend to boot from");
}

static const TypeInfo sdm_signal_nboot_types[] = {
    {
        .name = TYPE_SDM_SIGNAL_NBOOT,
        .parent = TYPE_SDM_SIGNAL,
        .instance_size = sizeof(SDMSignalNboot),
        .instance_finalize = sdm_signal_nboot_finalize,
        .class_init = sdm_signal_nboot_class_init,
    },
};

DEFINE_TYPES(sdm_signal_nboot_types)
