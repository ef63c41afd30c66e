// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of dtb.c.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "craft.h"
#include "dtb.h"
#include "test.h"

#define BASE 0x40000000
#define SIZE 0x20000000

static struct file file;

static void set(int node, const char *property, const void *value, int size)
{
	void *data;

	if (fdt_setprop_placeholder(file.data, node, property, size, &data))
		abort();
	if (value)
		memcpy(data, value, size);
}

static void set_string(int node, const char *property, const char *value)
{
	set(node, property, value, strlen(value) + 1);
}

static void add_memory(const char *name, const char *status)
{
	int node = craft_dtb_node(&file, 0, name);

	if (status)
		set_string(node, "status", status);
	set_string(node, "device_type", "memory");
}

static int find(const char *path)
{
	return fdt_path_offset(file.data, path);
}

static void memory_cells(void)
{
	craft_dtb(&file, 2, 2);
	CHECK(!dtb_set_memory(&file, BASE, SIZE));
	CHECK(DTB_CELLS_ARE(&file, "/memory@40000000", "reg",
			    { 0, BASE, 0, SIZE }));
	CHECK(!dtb_set_memory(&file, 0x840000000, 0x1c0000000));
	CHECK(DTB_CELLS_ARE(&file, "/memory@840000000", "reg",
			    { 8, 0x40000000, 1, 0xc0000000 }));
	file_free(&file);

	craft_dtb(&file, 1, 1);
	CHECK(!dtb_set_memory(&file, BASE, SIZE));
	CHECK(DTB_CELLS_ARE(&file, "/memory@40000000", "reg", { BASE, SIZE }));
	/* Up to the last address of 32 bits, and no further. */
	CHECK(!dtb_set_memory(&file, 0x80000000, 0x80000000));
	CHECK_ERROR(dtb_set_memory(&file, 0x80000000, 0x80000001), "cells");
	CHECK_ERROR(dtb_set_memory(&file, 0x100000000, 0x1000), "cells");
	CHECK_ERROR(dtb_set_memory(&file, 0, 0x100000000), "cells");
	file_free(&file);

	craft_dtb(&file, 3, 1);
	CHECK(!dtb_set_memory(&file, BASE, SIZE));
	CHECK(DTB_CELLS_ARE(&file, "/memory@40000000", "reg",
			    { 0, 0, BASE, SIZE }));
	file_free(&file);

	craft_dtb(&file, 0, 1);
	CHECK_ERROR(dtb_set_memory(&file, BASE, SIZE), "must not be 0");
	file_free(&file);
}

/* The peer has one piece of memory, whatever the tree says. */
static void memory_nodes(void)
{
	craft_dtb(&file, 1, 1);
	add_memory("memory", "okay");
	add_memory("memory@c0000000", NULL);
	add_memory("memory@80000000", NULL);
	add_memory("memory@40000000", "disabled");
	CHECK(!dtb_set_memory(&file, 0x10000000, SIZE));
	CHECK(DTB_CELLS_ARE(&file, "/memory@10000000", "reg",
			    { 0x10000000, SIZE }));
	CHECK(find("/memory@80000000") == -FDT_ERR_NOTFOUND);
	CHECK(find("/memory@c0000000") == -FDT_ERR_NOTFOUND);
	/* Somebody else's. */
	CHECK(find("/memory@40000000") >= 0);
	file_free(&file);

	/* No other one than that. */
	craft_dtb(&file, 1, 1);
	add_memory("memory@80000000", "disabled");
	CHECK(!dtb_set_memory(&file, BASE, SIZE));
	CHECK(DTB_CELLS_ARE(&file, "/memory@40000000", "reg", { BASE, SIZE }));
	CHECK(!DTB_CELLS_ARE(&file, "/memory@80000000", "reg", { BASE, SIZE }));
	file_free(&file);

	/* As in old trees: no device_type. */
	craft_dtb(&file, 1, 1);
	craft_dtb_node(&file, 0, "memory");
	CHECK(!dtb_set_memory(&file, BASE, SIZE));
	CHECK(DTB_CELLS_ARE(&file, "/memory@40000000", "reg", { BASE, SIZE }));
	file_free(&file);
}

static void bootargs(void)
{
	const char *value;
	int node;

	craft_dtb(&file, 1, 1);
	CHECK(!dtb_set_bootargs(&file, "one"));
	CHECK(!dtb_set_bootargs(&file, "another one"));
	value = fdt_getprop(file.data, find("/chosen"), "bootargs", NULL);
	CHECK(value && !strcmp(value, "another one"));
	file_free(&file);

	/* What else is there stays. */
	craft_dtb(&file, 1, 1);
	node = craft_dtb_node(&file, 0, "chosen");
	set_string(node, "stdout-path", "serial0");
	CHECK(!dtb_set_bootargs(&file, "x"));
	value = fdt_getprop(file.data, find("/chosen"), "stdout-path", NULL);
	CHECK(value && !strcmp(value, "serial0"));
	file_free(&file);
}

static void initrd(void)
{
	static const char first[] = "linux,initrd-start";
	static const char end[] = "linux,initrd-end";

	craft_dtb(&file, 2, 2);
	CHECK(!dtb_set_initrd(&file, 0x140000000, 0x1234));
	CHECK(DTB_CELLS_ARE(&file, "/chosen", first, { 1, 0x40000000 }));
	CHECK(DTB_CELLS_ARE(&file, "/chosen", end, { 1, 0x40001234 }));
	/* Without one, nothing of the old one stays. */
	CHECK(!dtb_set_initrd(&file, 0, 0));
	CHECK(!fdt_getprop(file.data, find("/chosen"), first, NULL));
	CHECK(!fdt_getprop(file.data, find("/chosen"), end, NULL));
	CHECK(!dtb_set_initrd(&file, 0, 0));
	file_free(&file);

	craft_dtb(&file, 1, 1);
	CHECK(!dtb_set_initrd(&file, BASE, 1));
	CHECK(DTB_CELLS_ARE(&file, "/chosen", end, { BASE + 1 }));
	file_free(&file);
}

static void craft_large_dtb(void)
{
	craft_file(&file, DTB_MAX_SIZE);
	CHECK(!fdt_create_empty_tree(file.data, file.size));
}

/* All changes of a small tree fit into what dtb_grow() adds. */
static void growing(void)
{
	static char arguments[4000];
	const char *value;
	size_t size;

	craft_dtb(&file, 2, 2);
	CHECK(!fdt_pack(file.data));
	size = fdt_totalsize(file.data);
	craft_truncate(&file, size);
	memset(arguments, 'x', sizeof(arguments) - 1);
	CHECK(!dtb_check(&file));
	CHECK(!dtb_grow(&file, arguments));
	CHECK(!dtb_set_memory(&file, 0x840000000, 0x1c0000000));
	CHECK(!dtb_set_bootargs(&file, arguments));
	CHECK(!dtb_set_initrd(&file, 0x140000000, 0x1234));
	CHECK(!dtb_finish(&file));
	CHECK(file.size < size + sizeof(arguments) + 512);
	CHECK(!dtb_check(&file));
	value = fdt_getprop(file.data, find("/chosen"), "bootargs", NULL);
	CHECK(value && !strcmp(value, arguments));
	file_free(&file);

	/* What counts is not the padding, of which QEMU's trees have much. */
	craft_large_dtb();
	CHECK(!dtb_check(&file));
	CHECK(file.size == DTB_MAX_SIZE);
	CHECK(!dtb_grow(&file, arguments));
	CHECK(file.size < sizeof(arguments) + 4096);
	CHECK(!dtb_set_bootargs(&file, arguments));
	CHECK(!dtb_finish(&file));
	file_free(&file);

	craft_large_dtb();
	set(0, "x", NULL, DTB_MAX_SIZE - 1024);
	CHECK(!dtb_check(&file));
	CHECK_ERROR(dtb_grow(&file, NULL), "too large");
	file_free(&file);
}

static void damaged(void)
{
	size_t size, cut;

	craft_dtb(&file, 2, 2);
	add_memory("memory@0", NULL);
	CHECK(!fdt_pack(file.data));
	size = fdt_totalsize(file.data);
	craft_truncate(&file, size);
	CHECK(!dtb_check(&file));

	/* Cut short by anything from one byte to all. */
	for (cut = size - 1; cut; cut--) {
		craft_truncate(&file, cut);
		CHECK_ERROR(dtb_check(&file),
			    cut < FDT_V1_SIZE ? "no device tree" : "truncated");
	}
	file_free(&file);

	/* With a header that fits, but without the rest. */
	craft_dtb(&file, 2, 2);
	CHECK(!fdt_pack(file.data));
	fdt_set_totalsize(file.data, 64);
	CHECK_ERROR(dtb_check(&file), "broken device tree");
	file_free(&file);

	craft_dtb(&file, 2, 2);
	fdt_set_off_dt_struct(file.data, 0xfffffff0);
	CHECK_ERROR(dtb_check(&file), "broken device tree");
	file_free(&file);

	craft_file(&file, 4096);
	CHECK_ERROR(dtb_check(&file), "no device tree");
	file_free(&file);
}

/* As some boot loaders leave it: the file is longer than the tree. */
static void padded(void)
{
	size_t size;

	craft_dtb(&file, 2, 2);
	CHECK(!fdt_pack(file.data));
	size = fdt_totalsize(file.data);
	CHECK(size < file.size);
	CHECK(!dtb_check(&file));
	CHECK(file.size == size);
	file_free(&file);
}

static void reserved(void)
{
	static const fdt32_t region[] = {
		0, 0x10004000, /* address 0x40001000 in bytes, below */
	};
	const fdt32_t reg[] = {
		cpu_to_fdt32(0), cpu_to_fdt32(BASE + 0x1000),
		cpu_to_fdt32(0), cpu_to_fdt32(0x1000),
		cpu_to_fdt32(0), cpu_to_fdt32(BASE + 0x3000),
		cpu_to_fdt32(0), cpu_to_fdt32(0x1000),
	};
	struct layout layout;
	int parent, node;
	u64 at;

	craft_dtb(&file, 2, 2);
	CHECK(!fdt_add_mem_rsv(file.data, BASE, 0x1000));
	parent = craft_dtb_node(&file, 0, "reserved-memory");
	set(parent, "#address-cells", (fdt32_t[]){ cpu_to_fdt32(2) }, 4);
	set(parent, "#size-cells", (fdt32_t[]){ cpu_to_fdt32(2) }, 4);
	node = craft_dtb_node(&file, parent, "pool");
	set(node, "reg", reg, sizeof(reg));
	/* A size alone, and a reg that is too short: nothing to avoid. */
	node = craft_dtb_node(&file, parent, "dynamic");
	set(node, "size", reg, 8);
	node = craft_dtb_node(&file, parent, "short");
	set(node, "reg", region, sizeof(region));

	CHECK(!layout_init(&layout, BASE, SIZE));
	CHECK(!dtb_avoid_reserved(&file, &layout));
	CHECK(layout.nr_avoided == 3);
	CHECK(!layout_place(&layout, 0x1000, 1, BASE, BASE + SIZE, "a", &at));
	CHECK(at == BASE + 0x2000);
	CHECK(!layout_place(&layout, 0x1000, 1, BASE, BASE + SIZE, "b", &at));
	CHECK(at == BASE + 0x4000);
	file_free(&file);
}

const struct test dtb_tests[] = {
	{ "device tree: cells of the memory node", memory_cells },
	{ "device tree: several memory nodes", memory_nodes },
	{ "device tree: command line", bootargs },
	{ "device tree: initrd", initrd },
	{ "device tree: room for changes", growing },
	{ "device tree, truncated or broken", damaged },
	{ "device tree with padding", padded },
	{ "device tree: reserved memory", reserved },
	{ 0 },
};
