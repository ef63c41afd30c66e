// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checking and adjusting of device trees.
 */
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
	u32 size;
	int ret;

	if (!file_has(file, 0, FDT_V1_SIZE) ||
	    fdt_magic(file->data) != FDT_MAGIC) {
		error("%s is no device tree blob; compile device tree sources by dtc",
		      file->name);
		return -1;
	}
	size = fdt_totalsize(file->data);
	if (size > file->size) {
		error("%s is truncated: the device tree has %u bytes, the file %zu",
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

static int avoid_memreserve(const struct file *file, struct layout *layout)
{
	int i, nr = fdt_num_mem_rsv(file->data);
	uint64_t start, size;

	for (i = 0; i < nr; i++) {
		if (!fdt_get_mem_rsv(file->data, i, &start, &size) &&
		    layout_avoid(layout, start, size))
			return -1;
	}
	return 0;
}

/* The number of @cells cells: only the lower 64 bits matter. */
static u64 get_cells(const fdt32_t *p, int cells)
{
	u64 value = 0;

	while (cells--)
		value = value << 32 | fdt32_to_cpu(*p++);
	return value;
}

static int avoid_node(const struct file *file, int parent, int node,
		      struct layout *layout)
{
	int address_cells = fdt_address_cells(file->data, parent);
	int size_cells = fdt_size_cells(file->data, parent);
	int length, entry;
	const fdt32_t *reg;

	reg = fdt_getprop(file->data, node, "reg", &length);
	/* Without reg the kernel finds a place by itself. */
	if (!reg || address_cells < 1 || size_cells < 1)
		return 0;

	entry = address_cells + size_cells;
	for (length /= sizeof(*reg); length >= entry; length -= entry) {
		if (layout_avoid(layout, get_cells(reg, address_cells),
				 get_cells(reg + address_cells, size_cells)))
			return -1;
		reg += entry;
	}
	return 0;
}

int dtb_avoid_reserved(const struct file *file, struct layout *layout)
{
	int parent, node;

	if (avoid_memreserve(file, layout))
		return -1;

	parent = fdt_path_offset(file->data, "/reserved-memory");
	if (parent < 0)
		return 0;
	for (node = fdt_first_subnode(file->data, parent); node >= 0;
	     node = fdt_next_subnode(file->data, node)) {
		if (avoid_node(file, parent, node, layout))
			return -1;
	}
	return 0;
}

/* Bring the tree to its smallest size, then to @room bytes more. */
static int resize(u8 *data, size_t capacity, size_t room, size_t *size)
{
	int ret;

	ret = fdt_open_into(data, data, capacity);
	if (!ret)
		ret = fdt_pack(data);
	if (ret)
		return ret;
	*size = fdt_totalsize(data) + room;
	return fdt_open_into(data, data, *size);
}

int dtb_grow(struct file *file, const char *bootargs)
{
	size_t room = ROOM + (bootargs ? strlen(bootargs) + 1 : 0);
	size_t capacity = file->size + room;
	u8 *data;
	int ret;

	data = realloc(file->data, capacity);
	if (!data) {
		error("%s: no memory for %zu bytes", file->name, capacity);
		return -1;
	}
	file->data = data;
	ret = resize(data, capacity, room, &file->size);
	if (ret)
		return failed(file, "unpack it", ret);
	if (file->size > DTB_MAX_SIZE) {
		error("%s is too large; a device tree may have %d bytes",
		      file->name, DTB_MAX_SIZE);
		return -1;
	}
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
		     int cells, u64 value)
{
	for (; cells > 2; cells--) {
		int ret = fdt_appendprop_u32(file->data, node, property, 0);

		if (ret)
			return ret;
	}
	if (cells == 2)
		return fdt_appendprop_u64(file->data, node, property, value);
	if (value > U32_MAX)
		return -FDT_ERR_BADVALUE;
	return fdt_appendprop_u32(file->data, node, property, value);
}

/* Disabled memory (that of the secure world, say) is not the peer's. */
static bool is_enabled(const struct file *file, int node)
{
	const char *status;

	status = fdt_getprop(file->data, node, "status", NULL);
	return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

static int next_memory(const struct file *file, int node)
{
	static const char type[] = "memory";

	do {
		node = fdt_node_offset_by_prop_value(
			file->data, node, "device_type", type, sizeof(type));
	} while (node >= 0 && !is_enabled(file, node));
	return node;
}

/* In old trees the node has no device_type, in some there is no node. */
static int untyped_memory(struct file *file, const char *name)
{
	int node, ret;

	node = fdt_subnode_offset(file->data, 0, "memory");
	if (node < 0 || !is_enabled(file, node))
		node = fdt_add_subnode(file->data, 0, name);
	if (node < 0)
		return node;
	ret = fdt_setprop_string(file->data, node, "device_type", "memory");
	return ret ? ret : node;
}

/* The first memory node stays, the others would tell of absent memory. */
static int single_memory(struct file *file, const char *name)
{
	int node, other, ret;

	node = next_memory(file, -1);
	if (node == -FDT_ERR_NOTFOUND)
		return untyped_memory(file, name);

	while (node >= 0) {
		other = next_memory(file, node);
		if (other < 0)
			break;
		ret = fdt_del_node(file->data, other);
		if (ret)
			return ret;
	}
	return node;
}

int dtb_set_memory(struct file *file, u64 base, u64 size)
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
	if ((address_cells == 1 && base + size - 1 > U32_MAX) ||
	    (size_cells == 1 && size > U32_MAX)) {
		error("%s: memory of 0x%llx bytes at 0x%llx needs #address-cells and #size-cells of 2 in the root node",
		      file->name, size, base);
		return -1;
	}

	snprintf(name, sizeof(name), "memory@%llx", base);
	node = single_memory(file, name);
	if (node < 0)
		return failed(file, "find the memory node", node);

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
		       u64 address)
{
	int cells = fdt_address_cells(file->data, 0) == 1 ? 1 : 2;
	int ret;

	ret = fdt_setprop(file->data, node, property, NULL, 0);
	return ret ? ret : put_cells(file, node, property, cells, address);
}

int dtb_set_initrd(struct file *file, u64 start, u64 size)
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
