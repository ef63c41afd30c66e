// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of removing CPUs from device trees.
 */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "craft.h"
#include "dtb.h"
#include "test.h"

static struct file file;

static void set_u32(int node, const char *property, u32 value)
{
	if (fdt_setprop_u32(file.data, node, property, value))
		abort();
}

static void append_u32(const char *path, const char *property, u32 value)
{
	int node = fdt_path_offset(file.data, path);

	if (node < 0 || fdt_appendprop_u32(file.data, node, property, value))
		abort();
}

static bool has(const char *path)
{
	return fdt_path_offset(file.data, path) >= 0;
}

/* CPU @number has phandle 16 + number, its interrupt controller 32 + number. */
static void add_cpu(int cpus, u32 number)
{
	char name[16];
	int cpu, intc;

	snprintf(name, sizeof(name), "cpu@%x", number);
	cpu = craft_dtb_node(&file, cpus, name);
	if (fdt_setprop_string(file.data, cpu, "device_type", "cpu"))
		abort();
	set_u32(cpu, "reg", number);
	set_u32(cpu, "phandle", 16 + number);
	intc = craft_dtb_node(&file, cpu, "interrupt-controller");
	set_u32(intc, "#interrupt-cells", 1);
	set_u32(intc, "phandle", 32 + number);
}

/* Four CPUs, not in their order: nodes are put in front of others. */
static void craft(void)
{
	static const u32 order[] = { 3, 0, 2, 1 };
	unsigned int i;
	int cpus;

	craft_dtb(&file, 1, 1);
	craft_dtb_node(&file, 0, "plic");
	cpus = craft_dtb_node(&file, 0, "cpus");
	set_u32(cpus, "#address-cells", 1);
	set_u32(cpus, "#size-cells", 0);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		add_cpu(cpus, order[i]);
}

static void drop(u32 number)
{
	CHECK(!dtb_limit_cpus(&file, number));
	CHECK(!dtb_check(&file));
}

static void nodes(void)
{
	craft();
	drop(0);
	CHECK(has("/cpus/cpu@3"));
	drop(4);
	CHECK(has("/cpus/cpu@3"));
	drop(100);
	CHECK(has("/cpus/cpu@3"));
	drop(3);
	CHECK(has("/cpus/cpu@0") && has("/cpus/cpu@1") && has("/cpus/cpu@2"));
	CHECK(!has("/cpus/cpu@3"));
	drop(1);
	CHECK(has("/cpus/cpu@0"));
	CHECK(!has("/cpus/cpu@1") && !has("/cpus/cpu@2"));
	file_free(&file);

	craft_dtb(&file, 1, 1);
	drop(1);
	file_free(&file);
}

/* A controller for all of them, with a place that nothing is connected to. */
static void interrupts(void)
{
	static const char name[] = "interrupts-extended";
	u32 i;

	craft();
	for (i = 0; i < 4; i++) {
		append_u32("/plic", name, 32 + i);
		append_u32("/plic", name, 11);
		append_u32("/plic", name, U32_MAX);
	}
	drop(2);
	CHECK(DTB_CELLS_ARE(&file, "/plic", name,
			    { 32, 11, U32_MAX, 33, 11, U32_MAX, U32_MAX,
			      U32_MAX }));
	file_free(&file);

	/* What is broken stays, as far as it is. */
	craft();
	append_u32("/plic", name, 35);
	append_u32("/plic", name, 9);
	append_u32("/plic", name, 77);
	append_u32("/plic", name, 35);
	drop(3);
	CHECK(DTB_CELLS_ARE(&file, "/plic", name, { 77, 35 }));
	file_free(&file);

	/* Nothing is left. */
	craft();
	append_u32("/plic", name, 35);
	append_u32("/plic", name, 9);
	drop(3);
	CHECK(!fdt_getprop(file.data, fdt_path_offset(file.data, "/plic"), name,
			   NULL));
	file_free(&file);
}

/* Two clusters with two cores each. */
static void topology(void)
{
	int map, cluster = 0, core;
	u32 cpu = 4;
	char name[16];

	craft();
	map = craft_dtb_node(&file, fdt_path_offset(file.data, "/cpus"),
			     "cpu-map");
	while (cpu) {
		if (cpu == 4 || cpu == 2) {
			snprintf(name, sizeof(name), "cluster%u", cpu / 2 - 1);
			map = fdt_path_offset(file.data, "/cpus/cpu-map");
			cluster = craft_dtb_node(&file, map, name);
		}
		cpu--;
		snprintf(name, sizeof(name), "core%u", cpu % 2);
		core = craft_dtb_node(&file, cluster, name);
		set_u32(core, "cpu", 16 + cpu);
	}
	CHECK(has("/cpus/cpu-map/cluster1/core1"));
	drop(3);
	CHECK(has("/cpus/cpu-map/cluster0/core1"));
	CHECK(has("/cpus/cpu-map/cluster1/core0"));
	CHECK(!has("/cpus/cpu-map/cluster1/core1"));
	drop(2);
	CHECK(has("/cpus/cpu-map/cluster0/core1"));
	CHECK(!has("/cpus/cpu-map/cluster1"));
	file_free(&file);
}

const struct test dtb_cpus_tests[] = {
	{ "device tree: absent CPUs go", nodes },
	{ "device tree: interrupts of absent CPUs go", interrupts },
	{ "device tree: absent CPUs in a topology go", topology },
	{ 0 },
};
