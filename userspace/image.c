// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which format is it?
 */
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "report.h"
#include "types.h"

static const struct image_type *const types[] = {
	&image_elf,
	&image_zimage,
	&image_arm64,
	&image_riscv,
};

/* What people pass by mistake. */
static const struct stranger {
	u64 offset;
	const char *magic;
	size_t magic_size;
	const char *advice;
} strangers[] = {
	{ 0, "\x1f\x8b", 2, "is compressed by gzip; unpack it (gunzip)" },
	{ 0, "\xfd\x37zXZ", 5, "is compressed by xz; unpack it (unxz)" },
	{ 0, "\x28\xb5\x2f\xfd", 4,
	  "is compressed by zstd; unpack it (unzstd)" },
	{ 0, "\x27\x05\x19\x56", 4,
	  "is a U-Boot uImage; use the zImage or Image it was made of" },
	{ 0, "\xd0\x0d\xfe\xed", 4,
	  "is a device tree; the kernel comes first, then the device tree" },
	{ 4, "zimg", 4,
	  "is an EFI boot image (zboot); use the kernel's plain Image" },
	{ 0, "0707", 4, "is a cpio archive; give it by --initrd" },
};

static const char *stranger_advice(const struct file *file)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(strangers); i++) {
		const struct stranger *s = &strangers[i];

		if (file_has(file, s->offset, s->magic_size) &&
		    !memcmp(file->data + s->offset, s->magic, s->magic_size))
			return s->advice;
	}
	return NULL;
}

int image_recognise(const struct file *file, struct image *image)
{
	const char *advice;
	size_t i;

	memset(image, 0, sizeof(*image));
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i]->matches(file))
			return types[i]->parse(file, image);
	}

	advice = stranger_advice(file);
	if (advice)
		error("%s %s", file->name, advice);
	else
		error("%s is no zImage, arm64 or RISC-V Image, or ELF file; for other images give --raw or --load ADDR",
		      file->name);
	return -1;
}

int image_raw(const struct file *file, u64 load, u64 entry, struct image *image)
{
	memset(image, 0, sizeof(*image));
	image->format = "raw image";
	image->entry = entry;
	image->nr_segments = 1;
	image->segments[0] = (struct segment){
		.address = load,
		.file_size = file->size,
		.mem_size = file->size,
	};
	if (!file->size) {
		error("%s is empty", file->name);
		return -1;
	}
	/* Bit 0 says Thumb. */
	if ((entry & ~1ULL) < load || entry - load >= file->size) {
		error("the entry point 0x%llx is outside of %s; give an --entry in it",
		      (unsigned long long)entry, file->name);
		return -1;
	}
	return 0;
}

const char *machine_name(unsigned int machine, char text[MACHINE_TEXT])
{
	switch (machine) {
	case EM_NONE:
		return "unknown";
	case EM_386:
		return "x86";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "Arm";
	case EM_AARCH64:
		return "AArch64";
	case EM_RISCV:
		return "RISC-V";
	default:
		snprintf(text, MACHINE_TEXT, "machine %u", machine);
		return text;
	}
}
