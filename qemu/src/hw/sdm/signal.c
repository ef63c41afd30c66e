/*
 * SDM: signal without an action, base of those with one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/signal.h"
#include "qom/object_interfaces.h"
#include "sdm/sdm-regs.h"
#include "trace.h"

SDMSignalKind sdm_signal_kind(SDMSignal *signal)
{
    return SDM_SIGNAL_GET_CLASS(signal)->kind;
}

uint32_t sdm_signal_trigger(SDMSignal *signal, const uint64_t data[2])
{
    SDMSignalClass *sc = SDM_SIGNAL_GET_CLASS(signal);
    uint32_t result = SDM_ACTION_NONE;

    if (sc->trigger) {
        result = sc->trigger(signal, data);
    }
    trace_sdm_signal_trigger(object_get_typename(OBJECT(signal)),
                             data[0], data[1], result);
    return result;
}

static const TypeInfo sdm_signal_types[] = {
    {
        .name = TYPE_SDM_SIGNAL,
        .parent = TYPE_OBJECT,
        .instance_size = sizeof(SDMSignal),
        .class_size = sizeof(SDMSignalClass),
        .interfaces = (InterfaceInfo[]) {
            { TYPE_USER_CREATABLE },
            { }
        },
    },
};

DEFINE_TYPES(sdm_signal_types)
