// SPDX-License-Identifier: GPL-2.0-only
/*
 * -b: load and start a peer.
 *
 * Everything that can be checked is checked before the first byte is written,
 * and the boot signal is sent only after the last one has arrived: whatever
 * goes wrong before leaves the peer in reset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "command.h"
#include "device.h"
#include "dtb.h"
#include "image.h"
#include "interrupt.h"
#include "json.h"
#include "load.h"
#include "plan.h"
#include "progress.h"
#include "report.h"

struct boot {
	const struct options *options;
	u32 timeout_ms;
	const char *image_name;
	const char *dtb_name;
	struct device device;
	struct sdm_peer_info peer;
	struct file kernel;
	struct file dtb;
	struct file initrd;
	struct image image;
	struct plan plan;
	bool verified;
	double seconds;
};

static bool given(const struct boot *boot, unsigned int option)
{
	return boot->options->given & option;
}

static bool is_raw(const struct boot *boot)
{
	return given(boot, OPTION_RAW | OPTION_LOAD);
}

static int parse_operands(struct boot *boot, u32 *number, u32 *id)
{
	const struct options *options = boot->options;

	if (operand_u32(options->operands[0], "DEV", number) ||
	    operand_u32(options->operands[1], "PEER", id) ||
	    action_timeout(options, &boot->timeout_ms))
		return EXIT_USAGE;
	boot->image_name = options->operands[2];
	if (options->nr_operands > 3)
		boot->dtb_name = options->operands[3];

	if (given(boot, OPTION_ENTRY) && !is_raw(boot))
		return usage_error(
			"--entry is for raw images; add --raw or --load ADDR");
	if (!boot->dtb_name && given(boot, OPTION_INITRD | OPTION_APPEND))
		return usage_error(
			"--initrd and --append go into the device tree; give a DTB");
	return 0;
}

static void running(const struct boot *boot)
{
	const struct sdm_peer_info *peer = &boot->peer;

	if (peer->reset_signal == SDM_NO_SIGNAL)
		error("%s is running and offers no reset signal; restart its machine",
		      peer_name(peer->peer));
	else
		error("%s is running; reset it first: sdm-test -R %u %u",
		      peer_name(peer->peer), boot->device.number, peer->peer);
}

static int check_peer(const struct boot *boot)
{
	const struct sdm_peer_info *peer = &boot->peer;
	const char *name = peer_name(peer->peer);

	switch (peer->state) {
	case SDM_STATE_RESET:
		break;
	case SDM_STATE_RUNNING:
		if (peer->flags & SDM_PEER_FLAG_SELF)
			error("ID %u is this machine itself; give the ID of a slave",
			      peer->peer);
		else
			running(boot);
		return -1;
	case SDM_STATE_CONNECTING:
		error("%s is connecting still; try again", name);
		return -1;
	case SDM_STATE_LOST:
		error("the link to %s is lost; restart its machine", name);
		return -1;
	default:
		error("%s is not connected; start its machine", name);
		return -1;
	}

	if (peer->boot_signal == SDM_NO_SIGNAL) {
		error("%s offers no boot signal; its machine needs one (QEMU: an sdm-signal-nboot object)",
		      name);
		return -1;
	}
	return peer_range(peer, 0, 1);
}

static int check_arch(const struct boot *boot)
{
	unsigned int machine = boot->image.machine;
	unsigned int arch = boot->peer.arch;
	char is[MACHINE_TEXT], wanted[MACHINE_TEXT];

	if (!machine || !arch || machine == arch)
		return 0;
	error("%s (%s) is for %s, %s is %s; give an image for that",
	      boot->kernel.name, boot->image.format, machine_name(machine, is),
	      peer_name(boot->peer.peer), machine_name(arch, wanted));
	return -1;
}

static int read_kernel(struct boot *boot)
{
	const struct options *options = boot->options;
	u64 load = boot->peer.mem_base, entry;

	if (file_read(&boot->kernel, boot->image_name, boot->peer.mem_size))
		return -1;
	if (!is_raw(boot)) {
		if (image_recognise(&boot->kernel, &boot->image))
			return -1;
		return check_arch(boot);
	}

	if (given(boot, OPTION_LOAD))
		load = options->load;
	entry = given(boot, OPTION_ENTRY) ? options->entry : load;
	return image_raw(&boot->kernel, load, entry, &boot->image);
}

static int read_files(struct boot *boot)
{
	const struct options *options = boot->options;

	if (read_kernel(boot))
		return -1;
	if (!boot->dtb_name && boot->image.linux_kernel) {
		error("a %s needs a device tree; give a DTB after it",
		      boot->image.format);
		return -1;
	}
	if (boot->dtb_name &&
	    (file_read(&boot->dtb, boot->dtb_name, boot->peer.mem_size) ||
	     dtb_check(&boot->dtb) || dtb_grow(&boot->dtb, options->append)))
		return -1;
	if (!options->initrd)
		return 0;
	if (file_read(&boot->initrd, options->initrd, boot->peer.mem_size))
		return -1;
	if (boot->initrd.size)
		return 0;
	error("%s is empty", options->initrd);
	return -1;
}

static int make_plan(struct boot *boot)
{
	struct plan_input input = {
		.ram_base = boot->peer.mem_base,
		.ram_size = boot->peer.mem_size,
		.coherent = boot->peer.mem_coherent,
		.cpus = boot->peer.cpus,
		.kernel = &boot->kernel,
		.image = &boot->image,
		.dtb = boot->dtb_name ? &boot->dtb : NULL,
		.initrd = boot->options->initrd ? &boot->initrd : NULL,
		.bootargs = boot->options->append,
	};

	if (plan_make(&boot->plan, &input))
		return -1;
	explain("%s, entry 0x%llx, device tree 0x%llx", boot->image.format,
		boot->plan.entry, boot->plan.dtb);
	return 0;
}

/*
 * The peer must be the one that was looked at in the beginning: if it has
 * connected anew, its memory is another one.
 */
static int check_same_peer(const struct boot *boot)
{
	struct sdm_peer_info peer;

	if (device_peer(&boot->device, boot->peer.peer, &peer))
		return -1;
	if (peer.state == SDM_STATE_RESET &&
	    peer.generation == boot->peer.generation)
		return 0;
	if (peer.generation != boot->peer.generation)
		error("%s has connected anew during the load; try again",
		      peer_name(peer.peer));
	else
		error("%s became %s during the load", peer_name(peer.peer),
		      state_name(peer.state));
	return -1;
}

static u32 error_count(const struct boot *boot)
{
	struct device now = boot->device;

	/* A failure here shows up in the next call that matters. */
	if (device_refresh(&now))
		return 0;
	return now.info.error_count;
}

static int verify(struct boot *boot, const struct memory *memory, bool show)
{
	struct progress progress;
	int ret;

	progress_start(&progress, show, "verify", plan_bytes(&boot->plan));
	ret = load_verify(memory, &boot->plan, &progress);
	progress_end();
	boot->verified = !ret;
	return ret;
}

static int transfer(struct boot *boot, const struct memory *memory)
{
	bool show = !quiet && !boot->options->json;
	u32 errors = error_count(boot);
	struct progress progress;
	int ret;

	progress_start(&progress, show, "load", plan_bytes(&boot->plan));
	ret = load_write(memory, &boot->plan, &progress);
	progress_end();
	if (ret)
		return -1;
	boot->seconds = progress_seconds(&progress);

	/*
	 * Writes do not wait for an answer, so one may have failed unseen, on
	 * this or on another peer's memory.
	 */
	if (error_count(boot) != errors)
		explain("there were access errors: verifying");
	else if (!given(boot, OPTION_VERIFY))
		return 0;
	return verify(boot, memory, show);
}

static int load_and_start(struct boot *boot, const struct memory *memory)
{
	int ret;

	ret = check_same_peer(boot);
	if (!ret)
		ret = transfer(boot, memory);
	if (!ret)
		ret = check_same_peer(boot);
	if (!ret && interrupted()) {
		error("interrupted");
		ret = -1;
	}
	if (!ret)
		return device_boot(&boot->device, &boot->peer, boot->plan.entry,
				   boot->plan.dtb, boot->timeout_ms);
	error("%s was not started", peer_name(boot->peer.peer));
	return -1;
}

static int load(struct boot *boot)
{
	struct memory memory;
	int ret;

	if (memory_open(&memory, &boot->device, &boot->peer, O_RDWR))
		return -1;
	/* Two loads at once would boot a mixture. */
	if (flock(memory.fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		error("another sdm-test is loading %s",
		      peer_name(boot->peer.peer));
		ret = -1;
	} else {
		ret = load_and_start(boot, &memory);
	}
	memory_close(&memory);
	return ret;
}

static void print_json(const struct boot *boot)
{
	const struct plan *plan = &boot->plan;
	unsigned int i;

	json_open(NULL, '{');
	json_number("device", boot->device.number);
	json_number("peer", boot->peer.peer);
	json_string("state", state_name(SDM_STATE_RUNNING));
	json_string("image", boot->image.format);
	json_hex("entry", plan->entry);
	json_hex("dtb", plan->dtb);
	json_open("pieces", '[');
	for (i = 0; i < plan->nr_pieces; i++) {
		json_open(NULL, '{');
		json_string("name", plan->pieces[i].what);
		json_hex("address", plan->pieces[i].address);
		json_number("bytes", plan->pieces[i].mem_size);
		json_close('}');
	}
	json_close(']');
	json_number("bytes", plan_bytes(plan));
	json_seconds("seconds", boot->seconds);
	json_number("bytes_per_second",
		    boot->seconds > 0 ? plan_bytes(plan) / boot->seconds : 0);
	json_bool("verified", boot->verified);
	json_close('}');
}

static void print_started(const struct boot *boot)
{
	u64 bytes = plan_bytes(&boot->plan);
	char rate[RATE_TEXT];

	if (boot->options->json) {
		print_json(boot);
	} else if (!quiet) {
		printf("%s started\n", peer_name(boot->peer.peer));
		printf("loaded %llu bytes in %.3f s, %s%s\n", bytes,
		       boot->seconds, rate_text(rate, bytes, boot->seconds),
		       boot->verified ? ", verified" : "");
	}
}

int command_boot(const struct options *options)
{
	static struct boot boot;
	u32 number, id;
	int ret;

	boot.options = options;
	ret = parse_operands(&boot, &number, &id);
	if (ret)
		return ret;

	interrupt_catch();
	if (device_open(&boot.device, number, O_WRONLY))
		return EXIT_FAILED;
	ret = device_peer(&boot.device, id, &boot.peer);
	if (!ret)
		ret = check_peer(&boot);
	if (!ret)
		ret = read_files(&boot);
	if (!ret)
		ret = make_plan(&boot);
	if (!ret)
		ret = load(&boot);
	if (!ret)
		print_started(&boot);

	file_free(&boot.kernel);
	file_free(&boot.dtb);
	file_free(&boot.initrd);
	device_close(&boot.device);
	return ret ? EXIT_FAILED : EXIT_OK;
}
