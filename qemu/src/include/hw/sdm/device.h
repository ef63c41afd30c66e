/*
 * SDM: what its devices have in common, whatever bus they are on
 *
 * A front end embeds a SDMCore, puts its registers where the guest finds them
 * and connects its interrupt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_DEVICE_H
#define HW_SDM_DEVICE_H

#include "hw/qdev-core.h"
#include "hw/sdm/core.h"

/* @oc's objects have their core at @core_offset. */
void sdm_device_class_init(ObjectClass *oc, ptrdiff_t core_offset);

/* @as is what the device sees of memory. Then core->registers is valid. */
bool sdm_device_realize(DeviceState *dev, SDMCore *core, AddressSpace *as,
                        Error **errp);
void sdm_device_unrealize(SDMCore *core);

#endif
