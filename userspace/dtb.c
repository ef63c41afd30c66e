// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checking and adjusting of device trees.
 */
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dtb.h"
#include "report.h"

/* For the nodes and properties that are added or become longer. */
#define ROOM 1024

static int failed(const struct file *file, const char *what, int err)
{
	error("%s: cannot %s: %s", file->name, what, fdt_strerror(err));
	return -1;
}

int dtb_check(struct file *file)
{
	uint32_t size;
	int ret;

	if (!file_has(file, 0, FDT_V1_SIZE) ||
	    fdt_magic(file->data) != FDT_MAGIC) {
		error("%s is no device tree blob; compile device tree sources by dtc",
		      file->name);
		return -1;
	}
	size = fdt_totalsize(file->data);
	if (size > file->size) {
		error("%s is truncated: the device tree has %" PRIu32 " bytes, the file %zu",
		      file->name, size, file->size);
		return -1;
	}
	ret = fdt_check_full(file->data, size);
	if (ret) {
		error("%s is a broken device tree: %s", file->name,
		      fdt_strerror(ret));
		return -1;
	}
	file->size = size;
	return 0;
}

int dtb_grow(struct file *file, const char *bootargs)
{
	size_t size = file->size + ROOM;
	uint8_t *data;
	int ret;

	if (bootargs)
		size += strlen(bootargs) + 1;
	if (size > DTB_MAX_SIZE) {
		error("%s is too large; a device tree may have %d bytes",
		      file->name, DTB_MAX_SIZE);
		return -1;
	}
	data = malloc(size);
	if (!data) {
		error("%s: no memory for %zu bytes", file->name, size);
		return -1;
	}
	ret = fdt_open_into(file->data, data, size);
	if (ret) {
		free(data);
		return failed(file, "unpack it", ret);
	}
	free(file->data);
	file->data = data;
	file->size = size;
	return 0;
}

/* The node /NAME, which is made if there is none. */
static int top_node(struct file *file, const char *name)
{
	int node = fdt_subnode_offset(file->data, 0, name);

	if (node == -FDT_ERR_NOTFOUND)
		node = fdt_add_subnode(file->data, 0, name);
	return node;
}

/* Append the big-endian number of @cells cells to @property. */
static int put_cells(struct file *file, int node, const char *property,
		     int cells, uint64_t value)
{
	for (; cells > 2; cells--) {
		int ret = fdt_appendprop_u32(file->data, node, property, 0);

		if (ret)
			return ret;
	}
	if (cells == 2)
		return fdt_appendprop_u64(file->data, node, property, value);
	if (value > UINT32_MAX)
		return -FDT_ERR_BADVALUE;
	return fdt_appendprop_u32(file->data, node, property, value);
}

static bool is_memory(const struct file *file, int node)
{
	const char *status;
	int length;

	status = fdt_getprop(file->data, node, "status", &length);
	/* Memory of the secure world, say: not ours. */
	if (status && strcmp(status, "okay") && strcmp(status, "ok"))
		return false;
	return true;
}

static int next_memory(const struct file *file, int node)
{
	static const char type[] = "memory";

	do {
		node = fdt_node_offset_by_prop_value(
			file->data, node, "device_type", type, sizeof(type));
	} while (node >= 0 && !is_memory(file, node));
	return node;
}

/* The first memory node stays, the others would tell of absent memory. */
static int single_memory(struct file *file)
{
	int node, ret;

	node = next_memory(file, -1);
	if (node == -FDT_ERR_NOTFOUND) {
		/* In old trees it has no device_type. */
		node = top_node(file, "memory");
		if (node < 0)
			return node;
		ret = fdt_setprop_string(file->data, node, "device_type",
					 "memory");
		if (ret)
			return ret;
		return next_memory(file, -1);
	}
	while (node >= 0) {
		int other = next_memory(file, node);

		if (other < 0)
			break;
		ret = fdt_del_node(file->data, other);
		if (ret)
			return ret;
	}
	return node;
}

int dtb_set_memory(struct file *file, uint64_t base, uint64_t size)
{
	int address_cells = fdt_address_cells(file->data, 0);
	int size_cells = fdt_size_cells(file->data, 0);
	char name[32];
	int node, ret;

	if (address_cells < 1 || size_cells < 1) {
		error("%s: the root's #address-cells and #size-cells must not be 0",
		      file->name);
		return -1;
	}
	if ((address_cells == 1 && base + size - 1 > UINT32_MAX) ||
	    (size_cells == 1 && size > UINT32_MAX)) {
		error("%s: memory of 0x%" PRIx64 " bytes at 0x%" PRIx64 " needs #address-cells and #size-cells of 2 in the root node",
		      file->name, size, base);
		return -1;
	}

	node = single_memory(file);
	if (node < 0)
		return failed(file, "find the memory node", node);

	snprintf(name, sizeof(name), "memory@%" PRIx64, base);
	ret = fdt_set_name(file->data, node, name);
	if (!ret)
		ret = fdt_setprop(file->data, node, "reg", NULL, 0);
	if (!ret)
		ret = put_cells(file, node, "reg", address_cells, base);
	if (!ret)
		ret = put_cells(file, node, "reg", size_cells, size);
	return ret ? failed(file, "set the memory", ret) : 0;
}

int dtb_set_bootargs(struct file *file, const char *bootargs)
{
	int node = top_node(file, "chosen");
	int ret = node;

	if (node >= 0)
		ret = fdt_setprop_string(file->data, node, "bootargs",
					 bootargs);
	return ret < 0 ? failed(file, "set bootargs", ret) : 0;
}

static int set_address(struct file *file, int node, const char *property,
		       uint64_t address)
{
	int cells = fdt_address_cells(file->data, 0) == 1 ? 1 : 2;
	int ret;

	ret = fdt_setprop(file->data, node, property, NULL, 0);
	return ret ? ret : put_cells(file, node, property, cells, address);
}

int dtb_set_initrd(struct file *file, uint64_t start, uint64_t size)
{
	static const char first[] = "linux,initrd-start";
	static const char end[] = "linux,initrd-end";
	int node = top_node(file, "chosen");
	int ret;

	if (node < 0)
		return failed(file, "find /chosen", node);

	if (size) {
		ret = set_address(file, node, first, start);
		if (!ret)
			ret = set_address(file, node, end, start + size);
		return ret ? failed(file, "tell the initrd", ret) : 0;
	}

	/* Whatever the file says, it is not there. */
	ret = fdt_delprop(file->data, node, first);
	if (!ret || ret == -FDT_ERR_NOTFOUND)
		ret = fdt_delprop(file->data, node, end);
	if (ret && ret != -FDT_ERR_NOTFOUND)
		return failed(file, "remove the initrd", ret);
	return 0;
}

int dtb_finish(struct file *file)
{
	int ret = fdt_pack(file->data);

	if (ret)
		return failed(file, "pack it", ret);
	file->size = fdt_totalsize(file->data);
	return 0;
}
