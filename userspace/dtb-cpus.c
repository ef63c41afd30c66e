// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device tree for several CPUs on a machine that has fewer: those that are
 * not there go, and what refers to them. Kernels wait for seconds for a CPU
 * that does not come, and firmware may not start at all.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "dtb.h"
#include "report.h"

/* Nodes that went, a CPU and its interrupt controller of each. */
#define MAX_GONE 1024

struct gone {
	u32 phandles[MAX_GONE];
	unsigned int nr;
};

static bool is_gone(const struct gone *gone, u32 phandle)
{
	unsigned int i;

	for (i = 0; i < gone->nr; i++) {
		if (gone->phandles[i] == phandle)
			return true;
	}
	return false;
}

static bool is_cpu(const void *fdt, int node)
{
	const char *type = fdt_getprop(fdt, node, "device_type", NULL);

	return type && !strcmp(type, "cpu");
}

/* Its number in the hardware: the lower cell of several has the CPU. */
static u32 cpu_reg(const void *fdt, int node)
{
	const fdt32_t *reg;
	int length;

	reg = fdt_getprop(fdt, node, "reg", &length);
	if (!reg || length < (int)sizeof(*reg))
		return 0;
	return fdt32_to_cpu(reg[length / sizeof(*reg) - 1]);
}

/* How many CPUs come before this one. */
static u32 cpu_rank(const void *fdt, int cpus, int cpu)
{
	u32 own = cpu_reg(fdt, cpu), other, rank = 0;
	int node;

	fdt_for_each_subnode(node, fdt, cpus)
	{
		if (!is_cpu(fdt, node))
			continue;
		other = cpu_reg(fdt, node);
		rank += other < own || (other == own && node < cpu);
	}
	return rank;
}

/* A CPU that a machine with that many does not have. */
static int absent_cpu(const void *fdt, int cpus, u32 number)
{
	int node;

	fdt_for_each_subnode(node, fdt, cpus)
	{
		if (is_cpu(fdt, node) && cpu_rank(fdt, cpus, node) >= number)
			break;
	}
	return node;
}

/* This node and all below it. */
static int note_gone(const void *fdt, int node, struct gone *gone)
{
	int depth = 0;
	u32 phandle;

	do {
		phandle = fdt_get_phandle(fdt, node);
		if (phandle && gone->nr == MAX_GONE)
			return -FDT_ERR_NOSPACE;
		if (phandle)
			gone->phandles[gone->nr++] = phandle;
		node = fdt_next_node(fdt, node, &depth);
	} while (node >= 0 && depth > 0);
	return 0;
}

/* In a topology: the place of a CPU that went, or a group with nothing in it. */
static bool is_vacant(const void *fdt, int node, const struct gone *gone)
{
	const fdt32_t *cpu;
	int length;

	cpu = fdt_getprop(fdt, node, "cpu", &length);
	if (cpu && length == sizeof(*cpu))
		return is_gone(gone, fdt32_to_cpu(*cpu));
	return fdt_first_subnode(fdt, node) < 0;
}

static int vacant_place(const void *fdt, const struct gone *gone)
{
	int node = fdt_path_offset(fdt, "/cpus/cpu-map");
	int depth = 0;

	while (node >= 0) {
		node = fdt_next_node(fdt, node, &depth);
		if (node < 0 || depth <= 0)
			break;
		if (is_vacant(fdt, node, gone))
			return node;
	}
	return -FDT_ERR_NOTFOUND;
}

/* Number of cells of an entry of "interrupts-extended", 0 if it is broken. */
static int entry_cells(const void *fdt, const fdt32_t *entry, int left)
{
	int parent = fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*entry));
	const fdt32_t *cells;
	int length, all;

	/* A place without an interrupt. */
	if (fdt32_to_cpu(*entry) == U32_MAX)
		return 1;
	if (parent < 0)
		return 0;
	cells = fdt_getprop(fdt, parent, "#interrupt-cells", &length);
	if (!cells || length != sizeof(*cells) || fdt32_to_cpu(*cells) > 16)
		return 0;
	all = 1 + fdt32_to_cpu(*cells);
	return all <= left ? all : 0;
}

/* Take out interrupts of CPUs that go; the CPUs must still be there. */
static int drop_interrupts(void *fdt, int node, const struct gone *gone)
{
	static const char name[] = "interrupts-extended";
	int length, left, cells, kept = 0, ret;
	const fdt32_t *entry;
	fdt32_t *rest;

	entry = fdt_getprop(fdt, node, name, &length);
	if (!entry || !length)
		return 0;
	rest = malloc(length);
	if (!rest)
		return -FDT_ERR_NOSPACE;
	for (left = length / sizeof(*entry); left; left -= cells) {
		cells = entry_cells(fdt, entry, left);
		if (!cells)
			cells = left;
		if (!is_gone(gone, fdt32_to_cpu(*entry))) {
			memcpy(rest + kept, entry, cells * sizeof(*entry));
			kept += cells;
		}
		entry += cells;
	}
	if (kept)
		ret = fdt_setprop(fdt, node, name, rest, kept * sizeof(*rest));
	else
		ret = fdt_delprop(fdt, node, name);
	free(rest);
	return ret;
}

static int drop_cpus(void *fdt, int cpus, u32 number)
{
	struct gone gone = { .nr = 0 };
	int node, ret = 0;

	fdt_for_each_subnode(node, fdt, cpus)
	{
		if (!ret && is_cpu(fdt, node) &&
		    cpu_rank(fdt, cpus, node) >= number)
			ret = note_gone(fdt, node, &gone);
	}
	for (node = fdt_next_node(fdt, -1, NULL); node >= 0 && !ret;
	     node = fdt_next_node(fdt, node, NULL))
		ret = drop_interrupts(fdt, node, &gone);
	while (!ret && (node = vacant_place(fdt, &gone)) >= 0)
		ret = fdt_del_node(fdt, node);
	while (!ret) {
		cpus = fdt_path_offset(fdt, "/cpus");
		node = absent_cpu(fdt, cpus, number);
		if (node < 0)
			break;
		ret = fdt_del_node(fdt, node);
	}
	return ret;
}

int dtb_limit_cpus(struct file *file, u32 number)
{
	int cpus = fdt_path_offset(file->data, "/cpus");
	int ret;

	if (!number || cpus < 0 || absent_cpu(file->data, cpus, number) < 0)
		return 0;
	ret = drop_cpus(file->data, cpus, number);
	if (ret) {
		error("%s: cannot remove CPUs: %s", file->name,
		      fdt_strerror(ret));
		return -1;
	}
	return 0;
}
