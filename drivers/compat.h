/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels, in one place. The feature is tested, not the
 * version: distributions port back.
 */
#ifndef _SDM_COMPAT_H
#define _SDM_COMPAT_H

#include <linux/device.h>

/* class_create() was a macro as long as it took the owner. */
#ifdef class_create
static inline struct class *sdm_class_create(const char *name)
{
	return class_create(THIS_MODULE, name);
}
#else
#define sdm_class_create(name) class_create(name)
#endif

/* A bus is constant if bus_register() takes a constant one. */
#define sdm_bus_type							\
	typeof(*__builtin_choose_expr(					\
		__builtin_types_compatible_p(				\
			typeof(bus_register), int (const struct bus_type *)), \
		(const struct bus_type *)NULL,				\
		((struct device_driver *)NULL)->bus))

#endif /* _SDM_COMPAT_H */
