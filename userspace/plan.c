// SPDX-License-Identifier: GPL-2.0-only
/*
 * Placement of image, device tree and initrd.
 *
 * The image goes where it wants to be. The device tree and the initrd go after
 * half of the RAM or 128 MiB, whichever is lower, where no self-extracting
 * kernel reaches them (the rule of Linux' boot protocols and of QEMU), or, in
 * small memories, to any room that is left.
 */
#include <inttypes.h>
#include <stddef.h>

#include "dtb.h"
#include "plan.h"
#include "report.h"

#define HIGH_START (128 << 20)
#define INITRD_ALIGN (4 << 10)

static void add_piece(struct plan *plan, const char *what, const uint8_t *data,
		      uint64_t address, uint64_t size, uint64_t mem_size)
{
	plan->pieces[plan->nr_pieces++] = (struct piece){
		.what = what,
		.data = data,
		.address = address,
		.size = size,
		.mem_size = mem_size,
	};
}

/* Move a floating image to the RAM; @base is what its addresses count from. */
static int float_base(const struct plan_input *input, uint64_t *base)
{
	const struct image *image = input->image;
	uint64_t furthest = image->run_start + image->run_size;

	*base = 0;
	if (!image->floating)
		return 0;
	if (furthest < image->run_start ||
	    align_up(input->ram_base, image->align, base) ||
	    furthest > UINT64_MAX - *base) {
		error("%s is broken: it asks for 0x%" PRIx64 " bytes at 0x%" PRIx64,
		      input->kernel->name, image->run_size, image->run_start);
		return -1;
	}
	return 0;
}

static int place_image(struct plan *plan, const struct plan_input *input)
{
	const struct image *image = input->image;
	uint64_t base;
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
		      const char *what, uint64_t size, uint64_t align,
		      uint64_t *start)
{
	const struct range *ram = &plan->layout.ram;
	uint64_t half = ram->size / 2;
	uint64_t from = ram->start + (half < HIGH_START ? half : HIGH_START);
	uint64_t limit = input->image->high_limit;
	uint64_t end = ram->start + ram->size;

	if (limit && limit < ram->size)
		end = ram->start + limit;

	if (!layout_place(&plan->layout, size, align, from, end, what, start) ||
	    !layout_place(&plan->layout, size, align, ram->start, end, what,
			  start))
		return 0;
	error("no room for the %s of %" PRIu64 " bytes beside the %s in the peer's RAM of %" PRIu64 " MiB; give the peer more",
	      what, size, input->image->format, ram->size >> 20);
	return -1;
}

int plan_make(struct plan *plan, const struct plan_input *input)
{
	struct file *dtb = input->dtb;
	uint64_t initrd = 0;

	*plan = (struct plan){ 0 };
	if (layout_init(&plan->layout, input->ram_base, input->ram_size) ||
	    place_image(plan, input))
		return -1;

	/* It only becomes smaller from here on. */
	if (dtb && place_high(plan, input, "device tree", dtb->size, DTB_ALIGN,
			      &plan->dtb))
		return -1;
	if (input->initrd &&
	    place_high(plan, input, "initrd", input->initrd->size, INITRD_ALIGN,
		       &initrd))
		return -1;

	if (dtb) {
		if (dtb_set_memory(dtb, input->ram_base, input->ram_size))
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

uint64_t plan_bytes(const struct plan *plan)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < plan->nr_pieces; i++)
		bytes += plan->pieces[i].mem_size;
	return bytes;
}
