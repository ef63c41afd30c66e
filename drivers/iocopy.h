/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SDM_IOCOPY_H
#define _SDM_IOCOPY_H

#include <linux/types.h>

/* The largest single access. */
#define SDM_IOCOPY_ALIGN sizeof(unsigned long)

void sdm_copy_fromio(void *buf, const void __iomem *io, size_t len);
void sdm_copy_toio(void __iomem *io, const void *buf, size_t len);

#endif /* _SDM_IOCOPY_H */
