/*
 * SDM: signals that do something by themselves
 *
 * An object "sdm-signal" or of a type derived from it is bound to a number
 * of a device, by the device's property signals[N]. When the device receives
 * signal N it triggers the object, then gives the signal to the guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_SIGNAL_H
#define HW_SDM_SIGNAL_H

#include "qom/object.h"

#define TYPE_SDM_SIGNAL "sdm-signal"
#define TYPE_SDM_SIGNAL_RESET "sdm-signal-reset"
OBJECT_DECLARE_TYPE(SDMSignal, SDMSignalClass, SDM_SIGNAL)

typedef enum SDMSignalKind {
    SDM_SIGNAL_PLAIN,
    SDM_SIGNAL_BOOT,
    SDM_SIGNAL_RESET,
} SDMSignalKind;

struct SDMSignal {
    Object parent_obj;
};

/**
 * struct SDMSignalClass - a type of signal
 * @kind: what the senders are told about it
 * @trigger: perform the action, given the payload; returns SDM_ACTION_*.
 *     Runs in the main loop under the BQL. NULL: there is no action.
 */
struct SDMSignalClass {
    ObjectClass parent_class;

    SDMSignalKind kind;
    uint32_t (*trigger)(SDMSignal *signal, const uint64_t data[2]);
};

SDMSignalKind sdm_signal_kind(SDMSignal *signal);

/* Returns SDM_ACTION_NONE if the signal has no action. */
uint32_t sdm_signal_trigger(SDMSignal *signal, const uint64_t data[2]);

#endif
