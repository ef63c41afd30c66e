// SPDX-License-Identifier: GPL-2.0-only
/*
 * Progress of transfers.
 */
#include <stdio.h>
#include <unistd.h>

#include "device.h"
#include "progress.h"
#include "report.h"

#define REDRAW_NS 100000000
#define BAR_WIDTH 24

void progress_start(struct progress *progress, bool enabled, const char *action,
		    u64 total)
{
	*progress = (struct progress){
		.enabled = enabled,
		.terminal = isatty(STDERR_FILENO),
		.action = action,
		.total = total,
		.started_ns = now_ns(),
	};
}

double progress_seconds(const struct progress *progress)
{
	return (now_ns() - progress->started_ns) / 1e9;
}

const char *rate_text(char text[RATE_TEXT], u64 bytes, double seconds)
{
	double rate = seconds > 0 ? bytes / seconds : 0;

	snprintf(text, RATE_TEXT, "%.2f MiB/s", rate / (1 << 20));
	return text;
}

static void draw(const struct progress *progress)
{
	double share =
		progress->total ? (double)progress->done / progress->total : 1;
	int filled = share * BAR_WIDTH;
	char rate[RATE_TEXT];

	fprintf(stderr, "\r%-6s %-12s [%.*s%*s] %3d%% %s\033[K",
		progress->action, progress->part, filled,
		"########################", BAR_WIDTH - filled, "",
		(int)(share * 100),
		rate_text(rate, progress->done, progress_seconds(progress)));
	stderr_line_open = true;
}

void progress_part(struct progress *progress, const char *part, u64 size,
		   u64 address)
{
	progress->part = part;
	if (!progress->enabled)
		return;
	if (progress->terminal)
		draw(progress);
	else
		fprintf(stderr, "%s %s: %llu bytes at 0x%llx\n",
			progress->action, part, size, address);
}

void progress_add(struct progress *progress, u64 bytes)
{
	u64 now;

	progress->done += bytes;
	if (!progress->enabled || !progress->terminal)
		return;
	now = now_ns();
	if (now - progress->shown_ns < REDRAW_NS &&
	    progress->done < progress->total)
		return;
	progress->shown_ns = now;
	draw(progress);
}

void progress_end(void)
{
	if (stderr_line_open)
		fputc('\n', stderr);
	stderr_line_open = false;
}
