// SPDX-License-Identifier: GPL-2.0-only
/*
 * -r, --write and --compare: a peer's memory and files.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "device.h"
#include "file.h"
#include "interrupt.h"
#include "json.h"
#include "load.h"
#include "progress.h"
#include "report.h"

#define CHUNK (64 << 10)
#define HEX_WIDTH 16

/* A range of a peer's memory, as the operands have it. */
struct target {
	u32 number;
	u32 id;
	u64 offset;
	struct device device;
	struct sdm_peer_info peer;
	struct memory memory;
};

static int target_operands(struct target *target, const struct options *options)
{
	char *const *operands = options->operands;

	if (operand_u32(operands[0], "DEV", &target->number) ||
	    operand_u32(operands[1], "PEER", &target->id) ||
	    operand_size(operands[2], "OFFSET", &target->offset))
		return -1;
	return 0;
}

static int target_open(struct target *target, int flags)
{
	if (device_open(&target->device, target->number, O_WRONLY))
		return -1;
	if (!device_peer(&target->device, target->id, &target->peer) &&
	    !peer_range(&target->peer, target->offset, 0) &&
	    !memory_open(&target->memory, &target->device, &target->peer,
			 flags))
		return 0;
	device_close(&target->device);
	return -1;
}

static void target_close(struct target *target)
{
	memory_close(&target->memory);
	device_close(&target->device);
}

/* As "hexdump -C" and "xxd" have it, without leaving out repetitions. */
static void print_hex(u64 offset, const u8 *data, size_t size)
{
	size_t i;

	for (; size; offset += HEX_WIDTH, data += HEX_WIDTH) {
		size_t n = size < HEX_WIDTH ? size : HEX_WIDTH;

		printf("%08llx ", offset);
		for (i = 0; i < HEX_WIDTH; i++) {
			if (i < n)
				printf(" %02x", data[i]);
			else
				fputs("   ", stdout);
		}
		fputs("  |", stdout);
		for (i = 0; i < n; i++)
			putchar(isprint(data[i]) ? data[i] : '.');
		puts("|");
		size -= n;
	}
}

static int read_to(const struct target *target, u64 size, FILE *output,
		   const char *name)
{
	static u8 buffer[CHUNK];
	u64 offset = target->offset;

	while (size) {
		size_t n = size < CHUNK ? size : CHUNK;

		if (interrupted()) {
			error("interrupted");
			return -1;
		}
		if (memory_read(&target->memory, offset, buffer, n))
			return -1;
		if (!output) {
			print_hex(offset, buffer, n);
		} else if (fwrite(buffer, 1, n, output) != n) {
			error("cannot write to %s: %s", name, strerror(errno));
			return -1;
		}
		offset += n;
		size -= n;
	}
	return 0;
}

/* FILE as the operand has it: none, "-" or a name. */
static int read_to_file(const struct target *target, u64 size, const char *name)
{
	FILE *file;
	int ret;

	if (!name)
		return read_to(target, size, NULL, NULL);
	if (!strcmp(name, "-"))
		return read_to(target, size, stdout, "standard output");

	file = fopen(name, "we");
	if (!file) {
		error("cannot open %s: %s", name, strerror(errno));
		return -1;
	}
	ret = read_to(target, size, file, name);
	if (fclose(file) && !ret) {
		error("cannot write to %s: %s", name, strerror(errno));
		ret = -1;
	}
	return ret;
}

int command_read(const struct options *options)
{
	const char *name = NULL;
	struct target target;
	u64 size;
	int ret;

	if (target_operands(&target, options) ||
	    operand_size(options->operands[3], "LENGTH", &size))
		return EXIT_USAGE;
	if (options->json)
		return usage_error("--json has no meaning for --read");
	if (options->nr_operands > 4)
		name = options->operands[4];

	interrupt_catch();
	if (target_open(&target, O_RDONLY))
		return EXIT_FAILED;
	/* Before the file is touched. */
	ret = peer_range(&target.peer, target.offset, size);
	if (!ret)
		ret = read_to_file(&target, size, name);
	target_close(&target);
	return ret ? EXIT_FAILED : EXIT_OK;
}

static void print_written(const struct options *options,
			  const struct target *target, u64 size, double seconds)
{
	char rate[RATE_TEXT];

	if (options->json) {
		json_open(NULL, '{');
		json_number("device", target->number);
		json_number("peer", target->id);
		json_hex("offset", target->offset);
		json_number("bytes", size);
		json_seconds("seconds", seconds);
		json_bool("verified", options->given & OPTION_VERIFY);
		json_close('}');
	} else if (!quiet) {
		printf("wrote %llu bytes in %.3f s, %s\n", size, seconds,
		       rate_text(rate, size, seconds));
	}
}

/* The file as a plan of one piece: what is done for -b serves here, too. */
static void plan_file(struct plan *plan, const struct file *file, u64 offset)
{
	*plan = (struct plan){
		.nr_pieces = 1,
		.pieces[0] = {
			.what = "file",
			.data = file->data,
			.address = offset,
			.size = file->size,
			.mem_size = file->size,
		},
	};
}

static int write_file(const struct options *options,
		      const struct target *target, const struct file *file)
{
	bool show = !quiet && !options->json;
	struct progress progress;
	struct plan plan;
	double seconds;
	int ret;

	plan_file(&plan, file, target->offset);
	progress_start(&progress, show, "write", file->size);
	ret = load_write(&target->memory, &plan, &progress);
	progress_end();
	if (ret)
		return -1;
	seconds = progress_seconds(&progress);
	if (options->given & OPTION_VERIFY) {
		progress_start(&progress, show, "verify", file->size);
		ret = load_verify(&target->memory, &plan, &progress);
		progress_end();
		if (ret)
			return -1;
	}
	print_written(options, target, file->size, seconds);
	return 0;
}

int command_write(const struct options *options)
{
	struct target target;
	struct file file;
	int ret;

	if (target_operands(&target, options))
		return EXIT_USAGE;

	interrupt_catch();
	if (target_open(&target, O_RDWR))
		return EXIT_FAILED;
	ret = file_read(&file, options->operands[3],
			target.peer.mem_size - target.offset);
	if (!ret) {
		ret = write_file(options, &target, &file);
		file_free(&file);
	}
	target_close(&target);
	return ret ? EXIT_FAILED : EXIT_OK;
}

static int compare_file(const struct options *options,
			const struct target *target, const struct file *file)
{
	u64 offset = target->offset;
	struct progress progress;
	u8 found = 0;
	int ret;

	progress_start(&progress, !quiet && !options->json, "compare",
		       file->size);
	progress_part(&progress, "file", file->size, offset);
	ret = memory_compare(&target->memory, &offset, file->data, file->size,
			     &found, &progress);
	progress_end();
	if (ret < 0)
		return -1;

	if (options->json) {
		json_open(NULL, '{');
		json_number("device", target->number);
		json_number("peer", target->id);
		json_number("bytes", file->size);
		json_bool("same", !ret);
		if (ret)
			json_hex("difference", offset);
		json_close('}');
	} else if (ret) {
		error("%s differs at offset 0x%llx of the memory: 0x%02x there, 0x%02x in the file",
		      file->name, offset, found,
		      file->data[offset - target->offset]);
	} else if (!quiet) {
		printf("%zu bytes are the same\n", file->size);
	}
	return ret;
}

int command_compare(const struct options *options)
{
	struct target target;
	struct file file;
	int ret;

	if (target_operands(&target, options))
		return EXIT_USAGE;

	interrupt_catch();
	if (target_open(&target, O_RDONLY))
		return EXIT_FAILED;
	ret = file_read(&file, options->operands[3],
			target.peer.mem_size - target.offset);
	if (!ret) {
		ret = compare_file(options, &target, &file);
		file_free(&file);
	}
	target_close(&target);
	return ret ? EXIT_FAILED : EXIT_OK;
}
