/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels, in one place. The feature is tested, not the
 * version: distributions port back.
 */
#ifndef _SDM_COMPAT_H
#define _SDM_COMPAT_H

#include <linux/device.h>
#include <linux/mm.h>
#include <linux/uio.h>

#ifdef SDM_NO_KUNIT_VISIBILITY
#define EXPORT_SYMBOL_IF_KUNIT EXPORT_SYMBOL_GPL
#else
#include <kunit/visibility.h>
#endif

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

#ifdef SDM_NO_VM_FLAGS_MOD
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set,
				vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

/*
 * Pins the pages of the first segment of a user's memory, and advances. Kernels
 * with this flag can do it, older ones can only get references to pages.
 */
#ifdef ITER_ALLOW_P2PDMA
static inline ssize_t sdm_iter_pin_pages(struct iov_iter *iter,
					 struct page **pages, size_t maxsize,
					 unsigned int maxpages, size_t *start)
{
	return iov_iter_extract_pages(iter, &pages, maxsize, maxpages, 0,
				      start);
}

static inline void sdm_unpin_pages(struct page **pages, unsigned int count,
				   bool dirty)
{
	unpin_user_pages_dirty_lock(pages, count, dirty);
}
#else
static inline ssize_t sdm_iter_pin_pages(struct iov_iter *iter,
					 struct page **pages, size_t maxsize,
					 unsigned int maxpages, size_t *start)
{
	return iov_iter_get_pages2(iter, pages, maxsize, maxpages, start);
}

static inline void sdm_unpin_pages(struct page **pages, unsigned int count,
				   bool dirty)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (dirty)
			set_page_dirty_lock(pages[i]);
		put_page(pages[i]);
	}
}
#endif

#endif /* _SDM_COMPAT_H */
