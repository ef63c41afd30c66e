// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of plan.c.
 */
#include <libfdt.h>
#include <string.h>

#include "craft.h"
#include "dtb.h"
#include "plan.h"
#include "test.h"
#include "types.h"

#define BASE 0x40000000ULL
#define MIB (1ULL << 20)

static struct file kernel, dtb, initrd;
static struct image image;
static struct plan plan;
static u64 coherent;

/* A plan for the crafted files, with or without the optional ones. */
static int make_plan(u64 base, u64 size)
{
	struct plan_input input = {
		.ram_base = base,
		.ram_size = size,
		.coherent = coherent,
		.kernel = &kernel,
		.image = &image,
		.dtb = dtb.data ? &dtb : NULL,
		.initrd = initrd.data ? &initrd : NULL,
	};

	return plan_make(&plan, &input);
}

static void craft_inputs(size_t initrd_size)
{
	craft_zimage(&kernel);
	CHECK(!image_recognise(&kernel, &image));
	craft_dtb(&dtb, 2, 2);
	if (initrd_size)
		craft_file(&initrd, initrd_size);
}

static void free_inputs(void)
{
	file_free(&kernel);
	file_free(&dtb);
	file_free(&initrd);
}

static const struct piece *piece(const char *what)
{
	unsigned int i;

	for (i = 0; i < plan.nr_pieces; i++) {
		if (!strcmp(plan.pieces[i].what, what))
			return &plan.pieces[i];
	}
	return NULL;
}

/* Everything in RAM, nothing on top of something else. */
static bool sound(u64 base, u64 size)
{
	unsigned int i, j;

	for (i = 0; i < plan.nr_pieces; i++) {
		const struct piece *a = &plan.pieces[i];

		if (a->address < base || a->mem_size > size ||
		    a->address - base > size - a->mem_size)
			return false;
		for (j = 0; j < i; j++) {
			const struct piece *b = &plan.pieces[j];

			if (a->address < b->address + b->mem_size &&
			    b->address < a->address + a->mem_size)
				return false;
		}
	}
	return true;
}

static void sizes(void)
{
	u64 mib;

	for (mib = 4; mib <= 4096; mib *= 2) {
		craft_inputs(MIB);
		CHECK(!make_plan(BASE, mib * MIB));
		CHECK(sound(BASE, mib * MIB));
		CHECK(plan.nr_pieces == 3);
		CHECK(plan.entry == BASE + 0x10000);
		/* Out of reach of the kernel that unpacks itself. */
		CHECK(plan.dtb >= BASE + image.run_size);
		CHECK(plan.dtb >= BASE + (mib < 256 ? mib / 2 : 128) * MIB);
		CHECK(plan.dtb % 4096 == 0);
		CHECK(piece("initrd")->address % 4096 == 0);
		CHECK(plan_bytes(&plan) ==
		      kernel.size + dtb.size + initrd.size);
		free_inputs();
	}
}

static void device_tree_tells(void)
{
	const fdt32_t *reg;
	int node;

	craft_inputs(0x1234);
	CHECK(!make_plan(BASE, 64 * MIB));
	node = fdt_path_offset(dtb.data, "/memory@40000000");
	reg = fdt_getprop(dtb.data, node, "reg", NULL);
	CHECK(reg && fdt32_to_cpu(reg[1]) == BASE);
	CHECK(reg && fdt32_to_cpu(reg[3]) == 64 * MIB);
	node = fdt_path_offset(dtb.data, "/chosen");
	reg = fdt_getprop(dtb.data, node, "linux,initrd-end", NULL);
	CHECK(reg && fdt32_to_cpu(reg[1]) == piece("initrd")->address + 0x1234);
	CHECK(piece("device tree")->size == fdt_totalsize(dtb.data));
	free_inputs();
}

/* An initrd of more than half of the RAM goes below that, if it fits. */
static void large_initrd(void)
{
	craft_inputs(40 * MIB);
	CHECK(!make_plan(BASE, 64 * MIB));
	CHECK(sound(BASE, 64 * MIB));
	free_inputs();

	craft_inputs(63 * MIB);
	CHECK_ERROR(make_plan(BASE, 64 * MIB), "no room for the initrd");
	free_inputs();
}

/* In the directly mapped memory of 32-bit kernels, however large the RAM. */
static void low_memory(void)
{
	craft_inputs(511 * MIB);
	CHECK_ERROR(make_plan(BASE, 4096 * MIB), "no room for the initrd");
	free_inputs();
	craft_inputs(300 * MIB);
	CHECK(!make_plan(BASE, 4096 * MIB));
	CHECK(piece("initrd")->address + 300 * MIB <= BASE + 512 * MIB);
	free_inputs();
}

static void too_little_ram(void)
{
	craft_inputs(0);
	CHECK_ERROR(make_plan(BASE, MIB), "needs");
	CHECK_ERROR(make_plan(BASE, image.run_size),
		    "no room for the device tree");
	CHECK(!make_plan(BASE, image.run_size + 16384));
	CHECK_ERROR(make_plan(BASE, 0), "cannot be");
	CHECK_ERROR(make_plan(U64_MAX, 64 * MIB), "cannot be");
	/* The start of RAM is lost to alignment. */
	CHECK_ERROR(make_plan(BASE + 4096, 3 * MIB), "outside");
	free_inputs();
}

static void image64(void)
{
	craft_linux64(&kernel, LINUX64_ARM64, 0x80000, 0x100000, 0x80000);
	CHECK(!image_recognise(&kernel, &image));
	craft_dtb(&dtb, 2, 2);
	CHECK(!make_plan(BASE + 4096, 512 * MIB));
	CHECK(plan.entry == BASE + 2 * MIB + 0x80000);
	CHECK(sound(BASE + 4096, 512 * MIB));
	free_inputs();
}

/* Headers can ask for anything. */
static void hostile_image64(void)
{
	static const u64 offsets[] = {
		1ULL << 63,
		U64_MAX,
		U64_MAX - BASE,
		64 * MIB,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		craft_linux64(&kernel, LINUX64_ARM64, offsets[i], 0x1000,
			      0x1000);
		CHECK(!image_recognise(&kernel, &image));
		CHECK(make_plan(BASE, 64 * MIB));
		free_inputs();
	}
	craft_linux64(&kernel, LINUX64_ARM64, 0, U64_MAX, 0x1000);
	CHECK(!image_recognise(&kernel, &image));
	CHECK_ERROR(make_plan(BASE, 64 * MIB), "needs");
	free_inputs();
}

/* A program of two segments, the second one with a bss. */
static void fixed_segments(void)
{
	const struct segment segments[] = {
		{ BASE, 0, 0x1000, 0x1000 },
		{ BASE + 32 * MIB, 0x1000, 0x1000, 4 * MIB },
	};

	craft_file(&kernel, 0x2000);
	craft_dtb(&dtb, 2, 2);
	image = (struct image){
		.format = "ELF file",
		.entry = BASE + 4,
		.nr_segments = 2,
		.segments = { segments[0], segments[1] },
	};
	CHECK(!make_plan(BASE, 64 * MIB));
	CHECK(sound(BASE, 64 * MIB));
	CHECK(plan.entry == BASE + 4);
	/* The usual place is taken: after it. */
	CHECK(plan.dtb == BASE + 36 * MIB);
	CHECK(plan.pieces[1].data == kernel.data + 0x1000);
	CHECK(plan.pieces[1].size == 0x1000);
	CHECK(plan.pieces[1].mem_size == 4 * MIB);

	/* The one that is given is used, not the one in the file. */
	image.dtb = BASE + 0x800;
	CHECK(!make_plan(BASE, 64 * MIB));
	CHECK(plan.dtb == BASE + 36 * MIB);
	CHECK(plan.nr_pieces == 3);

	image.segments[1].address = BASE + 0xfff;
	CHECK_ERROR(make_plan(BASE, 64 * MIB), "overlaps");
	image.segments[1].address = BASE + 61 * MIB;
	CHECK_ERROR(make_plan(BASE, 64 * MIB), "outside");
	image.segments[1].address = 0xc0000000;
	CHECK_ERROR(make_plan(BASE, 64 * MIB), "outside");
	image.segments[1].address = BASE + 60 * MIB;
	CHECK(!make_plan(BASE, 64 * MIB));
	free_inputs();
}

/* The end of the RAM is for others, unless an image has a segment there. */
static void coherent_region(void)
{
	const fdt32_t *reg;
	u64 more;

	coherent = MIB;
	/* All that is left above half of the RAM; a byte more goes below. */
	for (more = 0; more < 2; more++) {
		craft_inputs(31 * MIB + more);
		CHECK(!make_plan(BASE, 64 * MIB));
		CHECK(sound(BASE, 63 * MIB));
		reg = fdt_getprop(dtb.data,
				  fdt_path_offset(dtb.data, "/memory@40000000"),
				  "reg", NULL);
		CHECK(reg && fdt32_to_cpu(reg[3]) == 63 * MIB);
		free_inputs();
	}

	craft_file(&kernel, 0x1000);
	image = (struct image){
		.format = "ELF file",
		.entry = BASE,
		.nr_segments = 1,
		.segments = { { BASE + 63 * MIB, 0, 0x1000, 0x1000 } },
	};
	CHECK(!make_plan(BASE, 64 * MIB));
	CHECK(plan.pieces[0].address == BASE + 63 * MIB);
	coherent = 65 * MIB;
	CHECK(!make_plan(BASE, 64 * MIB));
	free_inputs();
	coherent = 0;
}

static void without_device_tree(void)
{
	craft_file(&kernel, 0x1000);
	CHECK(!image_raw(&kernel, BASE, BASE, &image));
	CHECK(!make_plan(BASE, 0x1000));
	CHECK(plan.nr_pieces == 1);
	CHECK(plan.dtb == 0);
	CHECK_ERROR(make_plan(BASE, 0xfff), "outside");
	/* It is in the image. */
	image.dtb = BASE + 0x800;
	CHECK(!make_plan(BASE, 0x1000));
	CHECK(plan.nr_pieces == 1);
	CHECK(plan.dtb == BASE + 0x800);
	free_inputs();
}

const struct test plan_tests[] = {
	{ "plan: RAM of 4 MiB to 4 GiB", sizes },
	{ "plan: the device tree tells it", device_tree_tells },
	{ "plan: large initrd", large_initrd },
	{ "plan: limit of 32-bit kernels", low_memory },
	{ "plan: too little RAM", too_little_ram },
	{ "plan: Image of 64 bits", image64 },
	{ "plan: hostile Image of 64 bits", hostile_image64 },
	{ "plan: segments at fixed addresses", fixed_segments },
	{ "plan: coherent region", coherent_region },
	{ "plan: no device tree", without_device_tree },
	{ 0 },
};
