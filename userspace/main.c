// SPDX-License-Identifier: GPL-2.0-only
/*
 * sdm-test: boot, signal and inspect the machines behind an SDM (Signal
 * Distribution Module). This file is the command line.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sdm/sdm-release.h>

#include "command.h"
#include "interrupt.h"
#include "number.h"
#include "report.h"
#include "types.h"

/* Options without a letter of their own. */
enum {
	ARG_WRITE = 256,
	ARG_COMPARE,
	ARG_ANSWER,
	ARG_PING,
	ARG_INITRD,
	ARG_APPEND,
	ARG_RAW,
	ARG_LOAD,
	ARG_ENTRY,
	ARG_VERIFY,
};

static const char short_options[] = "bslwrRn:t:jvqhV";

static const struct option long_options[] = {
	{ "boot", no_argument, NULL, 'b' },
	{ "send", no_argument, NULL, 's' },
	{ "list", no_argument, NULL, 'l' },
	{ "wait", no_argument, NULL, 'w' },
	{ "read", no_argument, NULL, 'r' },
	{ "write", no_argument, NULL, ARG_WRITE },
	{ "compare", no_argument, NULL, ARG_COMPARE },
	{ "reset", no_argument, NULL, 'R' },
	{ "answer", no_argument, NULL, ARG_ANSWER },
	{ "ping", no_argument, NULL, ARG_PING },
	{ "initrd", required_argument, NULL, ARG_INITRD },
	{ "append", required_argument, NULL, ARG_APPEND },
	{ "raw", no_argument, NULL, ARG_RAW },
	{ "load", required_argument, NULL, ARG_LOAD },
	{ "entry", required_argument, NULL, ARG_ENTRY },
	{ "verify", no_argument, NULL, ARG_VERIFY },
	{ "timeout", required_argument, NULL, 't' },
	{ "count", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static const struct command {
	int arg;
	const char *name;
	const char *operands;
	int min_operands;
	int max_operands;
	unsigned int options;
	int (*run)(const struct options *options);
} commands[] = {
	{ 'b', "--boot", "DEV PEER IMAGE [DTB]", 3, 4,
	  OPTION_INITRD | OPTION_APPEND | OPTION_RAW | OPTION_LOAD |
		  OPTION_ENTRY | OPTION_VERIFY | OPTION_TIMEOUT,
	  command_boot },
	{ 's', "--send", "DEV DEST SIGNAL [P0 [P1]]", 3, 5, OPTION_TIMEOUT,
	  command_send },
	{ 'l', "--list", "[DEV]", 0, 1, 0, command_list },
	{ 'w', "--wait", "DEV", 1, 1, OPTION_COUNT | OPTION_TIMEOUT,
	  command_wait },
	{ 'r', "--read", "DEV PEER OFFSET LENGTH [FILE]", 4, 5, 0,
	  command_read },
	{ ARG_WRITE, "--write", "DEV PEER OFFSET FILE", 4, 4, OPTION_VERIFY,
	  command_write },
	{ ARG_COMPARE, "--compare", "DEV PEER OFFSET FILE", 4, 4, 0,
	  command_compare },
	{ 'R', "--reset", "DEV PEER", 2, 2, OPTION_TIMEOUT, command_reset },
	{ ARG_ANSWER, "--answer", "DEV", 1, 1, OPTION_COUNT | OPTION_TIMEOUT,
	  command_answer },
	{ ARG_PING, "--ping", "DEV PEER", 2, 2, OPTION_COUNT | OPTION_TIMEOUT,
	  command_ping },
};

#define NR_COMMANDS ARRAY_SIZE(commands)

static const char help[] =
	"Usage:\n"
	" " PROGRAM " -b DEV PEER IMAGE [DTB] [options]\n"
	" " PROGRAM " -s DEV DEST SIGNAL [P0 [P1]] [options]\n"
	" " PROGRAM " COMMAND OPERANDS [options]\n"
	"\n"
	"Boot, signal and inspect the machines behind /dev/sdmDEV. The master has the\n"
	"ID 0, slaves have 1 and up.\n"
	"\n"
	"Commands:\n"
	" -b, --boot DEV PEER IMAGE [DTB]\n"
	"                         load a kernel and its device tree into the RAM of a\n"
	"                         peer that is held in reset, and start it\n"
	" -s, --send DEV DEST SIGNAL [P0 [P1]]\n"
	"                         send a signal with two payload words\n"
	" -l, --list [DEV]        show devices, and the state and memory of their peers\n"
	" -w, --wait DEV          print the signals and other events that arrive\n"
	" -r, --read DEV PEER OFFSET LENGTH [FILE]\n"
	"                         read a peer's memory into FILE (- is standard\n"
	"                         output); without FILE show it in hexadecimal\n"
	"     --write DEV PEER OFFSET FILE\n"
	"                         write FILE (- is standard input) to it\n"
	"     --compare DEV PEER OFFSET FILE\n"
	"                         compare FILE with it\n"
	" -R, --reset DEV PEER    put a peer in reset\n"
	"     --answer DEV        send each signal back to its sender, with its payload\n"
	"     --ping DEV PEER     time signals to a peer that runs --answer, and back\n"
	"\n"
	"Options of -b:\n"
	"     --initrd FILE       load an initrd, too\n"
	"     --append STRING     command line of the kernel, replaces that of DTB\n"
	"     --raw               load IMAGE as it is, to the start of the RAM\n"
	"     --load ADDR         load IMAGE as it is, to this address\n"
	"     --entry ADDR        start there, not at the first byte (--raw, --load)\n"
	"     --verify            read back what was written, and compare; also for\n"
	"                         --write\n"
	"\n"
	"Other options:\n"
	" -n, --count N           -w, --answer: end after N signals; --ping: time N\n"
	" -t, --timeout SECONDS   longest time to wait: -b, -R, -s: for the start, the\n"
	"                         reset, room at the receiver (10 unless given);\n"
	"                         -w, --answer: for signals (no limit unless given);\n"
	"                         --ping: for each answer (10 unless given)\n"
	" -j, --json              print results as JSON; -w: an object on each line\n"
	" -v, --verbose           tell on standard error what is done\n"
	" -q, --quiet             print no results and no progress\n"
	" -h, --help              print this text\n"
	" -V, --version           print the version\n"
	"\n"
	"IMAGE is a zImage, an arm64 or RISC-V Image or an ELF file; anything else needs\n"
	"--raw or --load. In DTB, the memory node is adjusted to what the peer has. An\n"
	"ELF file may contain a device tree (rproc-pack makes such files), which is used\n"
	"as it is; a DTB is used instead of it.\n"
	"Numbers are decimal or begin with 0x; OFFSET and LENGTH may end in K, M or G.\n"
	"OFFSET counts from the start of the peer's RAM, ADDR is an address as the peer\n"
	"sees it.\n"
	"\n"
	"Exit status: 0 success, 1 failure or a difference found, 2 wrong usage.\n";

static const struct command *find_command(int arg)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++) {
		if (commands[i].arg == arg)
			return &commands[i];
	}
	return NULL;
}

/* Parse one option that is no command. Returns 0 or EXIT_USAGE. */
static int parse_option(struct options *options, int arg)
{
	switch (arg) {
	case ARG_INITRD:
		options->given |= OPTION_INITRD;
		options->initrd = optarg;
		return 0;
	case ARG_APPEND:
		options->given |= OPTION_APPEND;
		options->append = optarg;
		return 0;
	case ARG_RAW:
		options->given |= OPTION_RAW;
		return 0;
	case ARG_LOAD:
		options->given |= OPTION_LOAD;
		if (operand_u64(optarg, "--load", &options->load))
			return EXIT_USAGE;
		return 0;
	case ARG_ENTRY:
		options->given |= OPTION_ENTRY;
		if (operand_u64(optarg, "--entry", &options->entry))
			return EXIT_USAGE;
		return 0;
	case ARG_VERIFY:
		options->given |= OPTION_VERIFY;
		return 0;
	case 't':
		options->given |= OPTION_TIMEOUT;
		if (parse_seconds(optarg, &options->timeout_ms))
			return usage_error(
				"--timeout '%s' is wrong; a number of seconds is needed",
				optarg);
		return 0;
	case 'n':
		options->given |= OPTION_COUNT;
		if (parse_number(optarg, U64_MAX, &options->count) ||
		    !options->count)
			return usage_error(
				"--count '%s' is wrong; a number from 1 is needed",
				optarg);
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		verbose = true;
		return 0;
	case 'q':
		quiet = true;
		return 0;
	}
	/* getopt_long() has told what is wrong. */
	fprintf(stderr, "Try '" PROGRAM " --help'.\n");
	return EXIT_USAGE;
}

static const char *option_name(unsigned int bit)
{
	switch (bit) {
	case OPTION_INITRD:
		return "--initrd";
	case OPTION_APPEND:
		return "--append";
	case OPTION_RAW:
		return "--raw";
	case OPTION_LOAD:
		return "--load";
	case OPTION_ENTRY:
		return "--entry";
	case OPTION_VERIFY:
		return "--verify";
	case OPTION_TIMEOUT:
		return "--timeout";
	default:
		return "--count";
	}
}

static int check_usage(const struct command *command,
		       const struct options *options)
{
	unsigned int wrong = options->given & ~command->options;

	if (wrong)
		return usage_error("%s has no meaning for %s",
				   option_name(wrong & -wrong), command->name);
	if (options->nr_operands < command->min_operands)
		return usage_error("too few operands; %s %s is needed",
				   command->name, command->operands);
	if (options->nr_operands > command->max_operands)
		return usage_error("'%s' is too much; %s takes %s",
				   options->operands[command->max_operands],
				   command->name, command->operands);
	return 0;
}

/*
 * If standard streams are closed, a device would get their numbers, and then
 * what is printed. The wrong direction makes their use fail as it should.
 */
static void occupy_standard_streams(void)
{
	int fd = 0;

	while (fd >= 0 && fd <= STDERR_FILENO) {
		fd = open("/dev/null", O_WRONLY);
		if (fd == STDOUT_FILENO || fd == STDERR_FILENO) {
			close(fd);
			fd = open("/dev/null", O_RDONLY);
		}
	}
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	static char program[] = PROGRAM;
	const struct command *command = NULL;
	struct options options = { 0 };
	int arg, ret;

	occupy_standard_streams();
	check_stdout_at_exit();
	/* Messages begin with the same name wherever the program is. */
	argv[0] = program;

	while ((arg = getopt_long(argc, argv, short_options, long_options,
				  NULL)) != -1) {
		const struct command *found = find_command(arg);

		if (arg == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (arg == 'V') {
			puts(PROGRAM " " SDM_RELEASE);
			return EXIT_OK;
		}
		if (!found) {
			ret = parse_option(&options, arg);
			if (ret)
				return ret;
			continue;
		}
		if (command && command != found)
			return usage_error(
				"%s and %s exclude each other; one command is needed",
				command->name, found->name);
		command = found;
	}

	options.nr_operands = argc - optind;
	options.operands = argv + optind;
	if (!command)
		return usage_error(
			"nothing to do; give a command such as -b, -s or -l");
	ret = check_usage(command, &options);
	if (ret)
		return ret;

	ret = command->run(&options);
	interrupt_finish();
	return ret;
}
