/*
 * SDM: signal that resets the machine
 *
 * A slave waits for its next boot after that, any other machine starts anew.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/signal.h"
#include "sdm/sdm-regs.h"

static uint32_t sdm_signal_reset_trigger(SDMSignal *signal,
                                         const uint64_t data[2])
{
    sdm_boot_reset();
    return SDM_ACTION_OK;
}

static void sdm_signal_reset_class_init(ObjectClass *oc, void *data)
{
    SDMSignalClass *sc = SDM_SIGNAL_CLASS(oc);

    sc->kind = SDM_SIGNAL_RESET;
    sc->trigger = sdm_signal_reset_trigger;
}

static const TypeInfo sdm_signal_reset_types[] = {
    {
        .name = TYPE_SDM_SIGNAL_RESET,
        .parent = TYPE_SDM_SIGNAL,
        .class_init = sdm_signal_reset_class_init,
    },
};

DEFINE_TYPES(sdm_signal_reset_types)
