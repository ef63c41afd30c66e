/*
 * sdm-communication: abstract base
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/comm.h"

static const TypeInfo comm_types[] = {
    {
        .name = TYPE_SDM_COMMUNICATION,
        .parent = TYPE_OBJECT,
        .abstract = true,
        .instance_size = sizeof(SDMCommunication),
        .class_size = sizeof(SDMCommunicationClass),
    },
};

DEFINE_TYPES(comm_types)
