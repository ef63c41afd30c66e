// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM core: copying between kernel memory and a window.
 *
 * Behind the window may be a peer's real RAM, or nothing but traps that forward
 * each access to another machine. Only plain single loads and stores of the
 * natural size work for both, on all architectures and hypervisors: no multiple
 * (LDM/STM, LDP/STP), vector or unaligned accesses, which memcpy_toio() uses.
 *
 * The raw accessors keep the order of bytes in memory, on either endianness.
 * The caller orders the accesses with others.
 */

#include <linux/align.h>
#include <linux/export.h>
#include <linux/io.h>

#include "compat.h"
#include "iocopy.h"

#ifdef CONFIG_64BIT
#define sdm_read_word __raw_readq
#define sdm_write_word __raw_writeq
#else
#define sdm_read_word __raw_readl
#define sdm_write_word __raw_writel
#endif

static bool sdm_io_aligned(const void __iomem *io)
{
	return IS_ALIGNED((uintptr_t)io, SDM_IOCOPY_ALIGN);
}

/**
 * sdm_copy_fromio() - copy from a window
 * @buf: destination, aligned modulo %SDM_IOCOPY_ALIGN as @io is
 * @io: source
 * @len: number of bytes
 */
void sdm_copy_fromio(void *buf, const void __iomem *io, size_t len)
{
	unsigned long *words;
	u8 *bytes = buf;

	for (; len && !sdm_io_aligned(io); io++, len--)
		*bytes++ = __raw_readb(io);

	words = (unsigned long *)bytes;
	for (; len >= sizeof(*words);
	     io += sizeof(*words), len -= sizeof(*words))
		*words++ = sdm_read_word(io);

	bytes = (u8 *)words;
	for (; len; io++, len--)
		*bytes++ = __raw_readb(io);
}
EXPORT_SYMBOL_IF_KUNIT(sdm_copy_fromio);

/**
 * sdm_copy_toio() - copy to a window
 * @io: destination
 * @buf: source, aligned modulo %SDM_IOCOPY_ALIGN as @io is
 * @len: number of bytes
 */
void sdm_copy_toio(void __iomem *io, const void *buf, size_t len)
{
	const unsigned long *words;
	const u8 *bytes = buf;

	for (; len && !sdm_io_aligned(io); io++, len--)
		__raw_writeb(*bytes++, io);

	words = (const unsigned long *)bytes;
	for (; len >= sizeof(*words);
	     io += sizeof(*words), len -= sizeof(*words))
		sdm_write_word(*words++, io);

	bytes = (const u8 *)words;
	for (; len; io++, len--)
		__raw_writeb(*bytes++, io);
}
EXPORT_SYMBOL_IF_KUNIT(sdm_copy_toio);
