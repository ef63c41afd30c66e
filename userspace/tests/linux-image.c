// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the recognition of Linux images, raw images and of strangers.
 */
#include <string.h>

#include "craft.h"
#include "image.h"
#include "test.h"
#include "types.h"

#define MIB (1 << 20)

static struct file file;
static struct image image;

static void sound_zimage(void)
{
	craft_zimage(&file);
	CHECK(!image_recognise(&file, &image));
	CHECK(!strcmp(image.format, "zImage"));
	CHECK(image.machine == EM_ARM);
	CHECK(image.linux_kernel);
	CHECK(image.floating);
	CHECK(image.entry == 0x10000);
	CHECK(image.nr_segments == 1);
	CHECK(image.segments[0].address == image.entry);
	CHECK(image.segments[0].file_size == ZIMAGE_SIZE);
	/* The table counts: the kernel, its bss, itself, and some more. */
	CHECK(image.run_size >= ZIMAGE_UNPACKED + ZIMAGE_BSS + ZIMAGE_SIZE);
	CHECK(image.run_size < ZIMAGE_UNPACKED + 2 * MIB);
	file_free(&file);
}

/* BE8: instructions are little-endian, the header's words are not. */
static void big_endian_zimage(void)
{
	craft_file(&file, 0x1000);
	put_be(&file, 0x24, 4, 0x016f2818);
	put_be(&file, 0x2c, 4, 0x1000);
	CHECK(!image_recognise(&file, &image));
	CHECK(image.machine == EM_ARM);
	file_free(&file);
}

/* Kernels before 4.15: the size is guessed. */
static void zimage_without_table(void)
{
	craft_zimage(&file);
	put_le(&file, 0x34, 4, 0);
	CHECK(!image_recognise(&file, &image));
	CHECK(image.run_size >= 4 * ZIMAGE_SIZE);
	file_free(&file);
}

static void hostile_zimage_table(void)
{
	static const struct {
		size_t offset;
		u32 value;
	} tables[] = {
		{ 0x38, 0xfffffffc }, /* the table is far outside */
		{ 0x38, ZIMAGE_SIZE - 4 }, /* ... or cut */
		{ 0x38, ZIMAGE_SIZE - 8 }, /* ... or empty */
		{ 0x1000, 0 }, /* ... or ends at once */
		{ 0x1000, 1 }, /* an entry shorter than itself */
		{ 0x1000, 0xffffffff }, /* longer than the file */
		{ 0x1000, 0x40000003 }, /* the same after times 4 */
		{ 0x100c, 3 }, /* without its data */
		{ 0x1014, 0xffffffff }, /* the size is outside */
		{ 0x1014, ZIMAGE_SIZE - 3 }, /* ... or cut */
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		craft_zimage(&file);
		put_le(&file, tables[i].offset, 4, tables[i].value);
		CHECK(!image_recognise(&file, &image));
		CHECK(image.run_size >= 4 * ZIMAGE_SIZE);
		file_free(&file);
	}
	/* The largest sizes it can tell do not overflow. */
	craft_zimage(&file);
	put_le(&file, 0x1018, 4, 0xffffffff);
	put_le(&file, ZIMAGE_SIZE - 4, 4, 0xffffffff);
	CHECK(!image_recognise(&file, &image));
	CHECK(image.run_size > 0x1fffffffe);
	file_free(&file);
}

/* The file goes on behind the image, and so does the table's last entry. */
static void zimage_table_ends_outside(void)
{
	u64 guessed;

	craft_zimage(&file);
	put_le(&file, 0x2c, 4, 0x1014);
	put_le(&file, 0x1014, 4, 0x1000);
	put_le(&file, 0x1018, 4, 0x10000000);
	CHECK(!image_recognise(&file, &image));
	guessed = image.run_size;
	put_le(&file, 0x34, 4, 0);
	CHECK(!image_recognise(&file, &image));
	CHECK(image.run_size == guessed);
	file_free(&file);
}

static void broken_zimage(void)
{
	craft_zimage(&file);
	craft_truncate(&file, ZIMAGE_SIZE - 1);
	CHECK_ERROR(image_recognise(&file, &image), "truncated");
	craft_truncate(&file, 0x3b);
	CHECK_ERROR(image_recognise(&file, &image), "truncated");
	craft_truncate(&file, 0x28);
	CHECK_ERROR(image_recognise(&file, &image), "truncated");
	craft_truncate(&file, 0x27);
	CHECK_ERROR(image_recognise(&file, &image), "is no zImage");
	file_free(&file);

	craft_zimage(&file);
	put_le(&file, 0x28, 4, ZIMAGE_SIZE + 1);
	CHECK_ERROR(image_recognise(&file, &image), "broken");
	put_le(&file, 0x28, 4, ZIMAGE_SIZE - 16);
	CHECK_ERROR(image_recognise(&file, &image), "broken");
	file_free(&file);

	craft_linux64(&file, LINUX64_RISCV, U64_MAX - 0x1000, 0x20000, 0x10000);
	CHECK_ERROR(image_recognise(&file, &image), "broken");
	file_free(&file);
}

/* An appended device tree comes along. */
static void zimage_with_appendix(void)
{
	craft_zimage(&file);
	put_le(&file, 0x2c, 4, ZIMAGE_SIZE - 0x100);
	put_le(&file, 0x1014, 4, ZIMAGE_SIZE - 0x104);
	CHECK(!image_recognise(&file, &image));
	CHECK(image.segments[0].file_size == ZIMAGE_SIZE);
	file_free(&file);
}

static void sound_linux64(void)
{
	craft_linux64(&file, LINUX64_ARM64, 0, 0x20000, 0x10000);
	CHECK(!image_recognise(&file, &image));
	CHECK(!strcmp(image.format, "arm64 Image"));
	CHECK(image.machine == EM_AARCH64);
	CHECK(image.linux_kernel && image.floating);
	CHECK(image.align == 2 * MIB);
	CHECK(image.entry == 0 && image.run_start == 0);
	CHECK(image.run_size == 0x20000);
	file_free(&file);

	craft_linux64(&file, LINUX64_RISCV, 2 * MIB, 0x20000, 0x10000);
	CHECK(!image_recognise(&file, &image));
	CHECK(!strcmp(image.format, "RISC-V Image"));
	CHECK(image.machine == EM_RISCV);
	CHECK(image.entry == 2 * MIB);
	/* What is below is the firmware's. */
	CHECK(image.run_start == 0 && image.run_size == 2 * MIB + 0x20000);
	CHECK(image.segments[0].address == 2 * MIB);
	CHECK(image.segments[0].mem_size == 0x10000);
	file_free(&file);
}

static void broken_linux64(void)
{
	craft_linux64(&file, LINUX64_ARM64, 0, 0x20000, 0x10000);
	craft_truncate(&file, 0x3f);
	CHECK_ERROR(image_recognise(&file, &image), "truncated");
	file_free(&file);

	craft_linux64(&file, LINUX64_ARM64, 0, 0, 0x10000);
	CHECK_ERROR(image_recognise(&file, &image), "does not tell its size");
	put_le(&file, 0x10, 8, 0xffff);
	CHECK_ERROR(image_recognise(&file, &image), "broken");
	file_free(&file);

	craft_linux64(&file, LINUX64_RISCV, U64_MAX - 0x1000, 0x20000, 0x10000);
	CHECK_ERROR(image_recognise(&file, &image), "broken");
	file_free(&file);
}

static void strangers(void)
{
	static const struct {
		size_t offset;
		const char *magic;
		const char *advice;
	} files[] = {
		{ 0, "\x1f\x8b", "gunzip" },
		{ 0, "\xfd\x37zXZ", "unxz" },
		{ 0, "\x28\xb5\x2f\xfd", "unzstd" },
		{ 0, "\x27\x05\x19\x56", "uImage" },
		{ 0, "\xd0\x0d\xfe\xed", "the kernel comes first" },
		{ 4, "zimg", "EFI" },
		{ 0, "070701", "--initrd" },
		{ 0, "#!/bin/sh", "--raw" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		craft_file(&file, 4096);
		memcpy(file.data + files[i].offset, files[i].magic,
		       strlen(files[i].magic));
		CHECK_ERROR(image_recognise(&file, &image), files[i].advice);
		file_free(&file);
	}
	for (i = 0; i < 0x40; i++) {
		craft_file(&file, i);
		CHECK_ERROR(image_recognise(&file, &image), "--raw");
		file_free(&file);
	}
}

static void raw(void)
{
	craft_file(&file, 0x1000);
	CHECK(!image_raw(&file, 0x1000, 0x1ffe, &image));
	CHECK(!image.machine && !image.linux_kernel && !image.floating);
	CHECK(image.entry == 0x1ffe);
	CHECK(image.segments[0].address == 0x1000);
	CHECK(!image_raw(&file, 0x1000, 0x1001, &image));
	CHECK_ERROR(image_raw(&file, 0x1000, 0xfff, &image), "--entry");
	CHECK_ERROR(image_raw(&file, 0x1000, 0x2000, &image), "--entry");
	CHECK_ERROR(image_raw(&file, 0x1000, 0, &image), "--entry");
	CHECK(!image_raw(&file, U64_MAX - 0xfff, U64_MAX, &image));
	file_free(&file);

	craft_file(&file, 0);
	CHECK_ERROR(image_raw(&file, 0x1000, 0x1000, &image), "empty");
	file_free(&file);
}

const struct test linux_image_tests[] = {
	{ "zImage", sound_zimage },
	{ "zImage, big-endian", big_endian_zimage },
	{ "zImage without a table of sizes", zimage_without_table },
	{ "zImage with a hostile table of sizes", hostile_zimage_table },
	{ "zImage whose table ends outside", zimage_table_ends_outside },
	{ "zImage, truncated or broken", broken_zimage },
	{ "zImage with something appended", zimage_with_appendix },
	{ "Image of arm64 and RISC-V", sound_linux64 },
	{ "Image, truncated or broken", broken_linux64 },
	{ "files that are no image", strangers },
	{ "raw images", raw },
	{ 0 },
};
