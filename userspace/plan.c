// SPDX-License-Identifier: GPL-2.0-only
/*
 * Placement of image, device tree and initrd.
 *
 * The image goes where it wants to be. The device tree and the initrd go after
 * half of the RAM or 128 MiB, whichever is lower, where no self-extracting
 * kernel reaches them (the rule of Linux' boot protocols and of QEMU), or, in
 * small memories, to any room that is left.
 */

#include "dtb.h"
#include "plan.h"
#include "report.h"
#include "types.h"

#define HIGH_START (128 << 20)
#define INITRD_ALIGN (4 << 10)
/* The firmware of RISC-V machines adds nodes. */
#define DTB_ROOM_RISCV (64 << 10)

static void add_piece(struct plan *plan, const char *what, const u8 *data,
		      u64 address, u64 size, u64 mem_size)
{
	plan->pieces[plan->nr_pieces++] = (struct piece){
		.what = what,
		.data = data,
		.address = address,
		.size = size,
		.mem_size = mem_size,
	};
}

/* Of a peer's RAM, what is for it alone. */
static u64 own_size(const struct plan_input *input)
{
	return input->coherent < input->ram_size ?
		       input->ram_size - input->coherent :
		       0;
}

/* Move a floating image to the RAM; @base is what its addresses count from. */
static int float_base(const struct plan_input *input, u64 *base)
{
	const struct image *image = input->image;
	u64 furthest = image->run_start + image->run_size;

	*base = 0;
	if (!image->floating)
		return 0;
	if (image->run_size > own_size(input)) {
		error("the %s needs %llu KiB of RAM to start, the peer has %llu; give the peer more",
		      image->format, image->run_size >> 10,
		      own_size(input) >> 10);
		return -1;
	}
	if (furthest < image->run_start ||
	    align_up(input->ram_base, image->align, base) ||
	    furthest > U64_MAX - *base) {
		error("%s is broken: it asks for 0x%llx bytes at 0x%llx",
		      input->kernel->name, image->run_size, image->run_start);
		return -1;
	}
	return 0;
}

static int place_image(struct plan *plan, const struct plan_input *input)
{
	const struct image *image = input->image;
	u64 base;
	unsigned int i;

	if (float_base(input, &base))
		return -1;

	/* The memory of the running image contains its segments. */
	if (image->run_size &&
	    layout_take(&plan->layout, base + image->run_start, image->run_size,
			image->format))
		return -1;

	for (i = 0; i < image->nr_segments; i++) {
		const struct segment *segment = &image->segments[i];

		if (!image->run_size &&
		    layout_take(&plan->layout, segment->address,
				segment->mem_size, image->format))
			return -1;
		add_piece(plan, image->format,
			  input->kernel->data + segment->offset,
			  base + segment->address, segment->file_size,
			  segment->mem_size);
	}
	plan->entry = base + image->entry;
	return 0;
}

static int place_high(struct plan *plan, const struct plan_input *input,
		      const char *what, u64 size, u64 align, u64 *start)
{
	const struct range *ram = &plan->layout.ram;
	u64 half = ram->size / 2;
	u64 from = ram->start + (half < HIGH_START ? half : HIGH_START);
	u64 limit = input->image->high_limit;
	u64 end = ram->start + ram->size;

	if (limit && limit < ram->size)
		end = ram->start + limit;

	if (!layout_place(&plan->layout, size, align, from, end, what, start) ||
	    !layout_place(&plan->layout, size, align, ram->start, end, what,
			  start))
		return 0;
	error("no room for the %s of %llu bytes beside the %s in the peer's RAM of %llu MiB; give the peer more",
	      what, size, input->image->format, ram->size >> 20);
	return -1;
}

static u64 dtb_room(const struct plan_input *input)
{
	return input->image->machine == EM_RISCV ? DTB_ROOM_RISCV : 0;
}

int plan_make(struct plan *plan, const struct plan_input *input)
{
	struct file *dtb = input->dtb;
	u64 initrd = 0;

	*plan = (struct plan){ 0 };
	if (layout_init(&plan->layout, input->ram_base, input->ram_size) ||
	    layout_avoid(&plan->layout, input->ram_base + own_size(input),
			 input->ram_size - own_size(input)) ||
	    place_image(plan, input))
		return -1;

	/* Unless another one is given. */
	plan->dtb = input->image->dtb;
	if (dtb && dtb_avoid_reserved(dtb, &plan->layout))
		return -1;
	/* First what is large. */
	if (input->initrd &&
	    place_high(plan, input, "initrd", input->initrd->size, INITRD_ALIGN,
		       &initrd))
		return -1;
	/* It only becomes smaller from here on. */
	if (dtb &&
	    place_high(plan, input, "device tree", dtb->size + dtb_room(input),
		       DTB_ALIGN, &plan->dtb))
		return -1;

	if (dtb) {
		if (dtb_set_memory(dtb, input->ram_base, own_size(input)) ||
		    dtb_limit_cpus(dtb, input->cpus))
			return -1;
		if (input->bootargs && dtb_set_bootargs(dtb, input->bootargs))
			return -1;
		if (dtb_set_initrd(dtb, initrd,
				   input->initrd ? input->initrd->size : 0) ||
		    dtb_finish(dtb))
			return -1;
		add_piece(plan, "device tree", dtb->data, plan->dtb, dtb->size,
			  dtb->size);
	}
	if (input->initrd)
		add_piece(plan, "initrd", input->initrd->data, initrd,
			  input->initrd->size, input->initrd->size);
	return 0;
}

u64 plan_bytes(const struct plan *plan)
{
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < plan->nr_pieces; i++)
		bytes += plan->pieces[i].mem_size;
	return bytes;
}
