// SPDX-License-Identifier: GPL-2.0-only
/*
 * -l: devices and their peers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sdm/sdm-regs.h>

#include "command.h"
#include "device.h"
#include "image.h"
#include "json.h"
#include "number.h"
#include "report.h"

static const char *role(const struct device *device)
{
	return device->info.flags & SDM_INFO_MASTER ? "master" : "slave";
}

/* The number of a signal, or a dash. */
static const char *signal_text(u32 signal, char text[16])
{
	if (signal == SDM_NO_SIGNAL)
		return "-";
	snprintf(text, 16, "%u", signal);
	return text;
}

/* How many CPUs, or a dash. */
static const char *cpus_text(u32 cpus, char text[16])
{
	if (!cpus)
		return "-";
	snprintf(text, 16, "%u", cpus);
	return text;
}

static void size_text(char *text, size_t length, u64 size)
{
	if (size && !(size & ((1 << 20) - 1)))
		snprintf(text, length, "%llu MiB", size >> 20);
	else
		snprintf(text, length, "%llu KiB", size >> 10);
}

static void print_device(const struct device *device)
{
	const struct sdm_info *info = &device->info;
	char size[32];

	printf("%s: %s, ", device->path, role(device));
	if (info->id == SDM_ID_NONE)
		fputs("no ID yet", stdout);
	else
		printf("ID %u", info->id);
	printf(" of 0..%u, %u signals, version %u.%u", info->num_ids - 1,
	       info->num_signals, info->hw_version >> 16,
	       info->hw_version & 0xffff);
	if (info->flags & SDM_INFO_WINDOW) {
		size_text(size, sizeof(size), info->window_size);
		printf(", window of %s at 0x%llx", size, info->window_base);
	}
	if (info->error_count)
		printf(", %u access errors", info->error_count);
	puts("\n  ID STATE      LINK     DRIVER ARCH       CPUS SIGNALS BOOT RESET MEMORY");
}

static const char *link_text(const struct sdm_peer_info *peer, char text[16])
{
	if (peer->flags & SDM_PEER_FLAG_SELF)
		return "self";
	if (!peer_linked(peer))
		return "down";
	snprintf(text, 16, "up #%u", peer->generation);
	return text;
}

static void print_peer(const struct sdm_peer_info *peer)
{
	char boot[16], reset[16], link[16], size[32], arch[MACHINE_TEXT];
	char coherent[32], cpus[16];

	printf("%4u %-10s %-8s %-6s %-10s %4s %7u %4s %5s ", peer->peer,
	       state_name(peer->state), link_text(peer, link),
	       peer->flags & SDM_PEER_FLAG_DRIVER ? "yes" : "no",
	       machine_name(peer->arch, arch), cpus_text(peer->cpus, cpus),
	       peer->num_signals, signal_text(peer->boot_signal, boot),
	       signal_text(peer->reset_signal, reset));
	if (!peer->mem_size) {
		puts("-");
		return;
	}
	size_text(size, sizeof(size), peer->mem_size);
	printf("%s at 0x%llx%s", size, peer->mem_base,
	       peer->flags & SDM_PEER_FLAG_MAPPED ? ", mapped" : "");
	if (peer->mem_coherent) {
		size_text(coherent, sizeof(coherent), peer->mem_coherent);
		printf(", coherent %s", coherent);
	}
	putchar('\n');
}

static void json_device(const struct device *device)
{
	const struct sdm_info *info = &device->info;
	char version[32];

	snprintf(version, sizeof(version), "%u.%u", info->hw_version >> 16,
		 info->hw_version & 0xffff);
	json_number("device", device->number);
	json_string("path", device->path);
	json_string("role", role(device));
	if (info->id == SDM_ID_NONE)
		json_null("id");
	else
		json_number("id", info->id);
	json_number("ids", info->num_ids);
	json_number("signals", info->num_signals);
	json_string("version", version);
	json_hex("features", info->hw_features);
	json_hex("window_base", info->window_base);
	json_number("window_size", info->window_size);
	json_number("errors", info->error_count);
}

static void json_signal(const char *key, u32 signal)
{
	if (signal == SDM_NO_SIGNAL)
		json_null(key);
	else
		json_number(key, signal);
}

static void json_peer(const struct sdm_peer_info *peer)
{
	char arch[MACHINE_TEXT];

	json_open(NULL, '{');
	json_number("peer", peer->peer);
	json_string("state", state_name(peer->state));
	json_bool("link", peer_linked(peer));
	json_bool("self", peer->flags & SDM_PEER_FLAG_SELF);
	json_bool("driver", peer->flags & SDM_PEER_FLAG_DRIVER);
	json_number("generation", peer->generation);
	json_string("arch", machine_name(peer->arch, arch));
	if (peer->cpus)
		json_number("cpus", peer->cpus);
	else
		json_null("cpus");
	json_number("signals", peer->num_signals);
	json_number("credits", peer->credits);
	json_signal("boot_signal", peer->boot_signal);
	json_signal("reset_signal", peer->reset_signal);
	json_hex("memory_base", peer->mem_base);
	json_number("memory_size", peer->mem_size);
	json_hex("memory_offset", peer->mem_offset);
	json_number("memory_coherent", peer->mem_coherent);
	json_bool("memory_mapped", peer->flags & SDM_PEER_FLAG_MAPPED);
	json_close('}');
}

static int list_peers(const struct device *device, bool json)
{
	struct sdm_peer_info peer;
	u32 id;

	for (id = 0; id < device->info.num_ids; id++) {
		if (device_peer(device, id, &peer))
			return -1;
		if (json)
			json_peer(&peer);
		else if (!quiet)
			print_peer(&peer);
	}
	return 0;
}

static int list_device(u32 number, bool json)
{
	struct device device;
	int ret;

	/* Not open for reading: this descriptor queues no events. */
	if (device_open(&device, number, O_WRONLY))
		return -1;
	if (json) {
		json_open(NULL, '{');
		json_device(&device);
		json_open("peers", '[');
	} else if (!quiet) {
		print_device(&device);
	}
	ret = list_peers(&device, json);
	if (json) {
		json_close(']');
		json_close('}');
	}
	device_close(&device);
	return ret;
}

/* Is this sdmN? Not sdmN-pM, and not a partition of the 13th SCSI disk. */
static int is_device(const struct dirent *entry)
{
	u64 number;

	return (entry->d_type == DT_CHR || entry->d_type == DT_UNKNOWN) &&
	       !strncmp(entry->d_name, "sdm", 3) &&
	       !parse_number(entry->d_name + 3, U32_MAX, &number);
}

static u32 device_number(const struct dirent *entry)
{
	return strtoul(entry->d_name + 3, NULL, 10);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	u32 x = device_number(*a), y = device_number(*b);

	return x < y ? -1 : x > y;
}

static int list_all(bool json)
{
	struct dirent **entries;
	int i, n, ret = 0;

	n = scandir("/dev", &entries, is_device, by_number);
	if (n < 0) {
		error("cannot read /dev: %s", strerror(errno));
		return -1;
	}
	for (i = 0; i < n; i++) {
		if (list_device(device_number(entries[i]), json))
			ret = -1;
		free(entries[i]);
	}
	free(entries);
	if (!n) {
		error("there is no /dev/sdmN; load the drivers sdm-platform and sdm_test_mod");
		ret = -1;
	}
	return ret;
}

int command_list(const struct options *options)
{
	u32 number;
	int ret;

	if (options->nr_operands &&
	    operand_u32(options->operands[0], "DEV", &number))
		return EXIT_USAGE;

	if (options->json) {
		json_open(NULL, '{');
		json_open("devices", '[');
	}
	if (options->nr_operands)
		ret = list_device(number, options->json);
	else
		ret = list_all(options->json);
	if (options->json) {
		json_close(']');
		json_close('}');
	}
	return ret ? EXIT_FAILED : EXIT_OK;
}
