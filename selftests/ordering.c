// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was written to a slave's memory is there when the slave gets a signal
 * that was sent later; what the slave wrote is there when its signal comes.
 */
#include <unistd.h>

#include "../kselftest_harness.h"
#include "common.h"

FIXTURE(ordering) {
	int fd;
	int window;
	uint32_t peer;
	struct test_memory memory;
};

FIXTURE_SETUP(ordering)
{
	int number = find_device();
	int id;

	if (number < 0)
		SKIP(return, NO_DEVICE);
	self->fd = open_asker(number);
	ASSERT_LE(0, self->fd);
	id = find_slave(self->fd);
	if (id < 0)
		SKIP(return, NO_SLAVE);
	self->peer = id;
	if (find_memory(self->fd, id, &self->memory))
		SKIP(return, NO_RESPONDER);
	self->window = open_window(number, id, O_RDWR);
	ASSERT_LE(0, self->window);
	ASSERT_EQ(0, subscribe(self->fd, SIGNAL_BIT(REQUEST_CHECK) |
					 SIGNAL_BIT(REQUEST_FILL)));
	drain(self->fd);
}

FIXTURE_TEARDOWN(ordering)
{
	close(self->window);
	close(self->fd);
}

/* How often; the environment may ask for more or less. */
static unsigned int rounds(unsigned int usual)
{
	const char *percent = getenv("SDM_ROUNDS_PERCENT");

	return percent ? usual * atoi(percent) / 100 : usual;
}

/* The slave looks at the bytes just written as soon as it gets the signal. */
static void check_round(struct __test_metadata *_metadata,
			FIXTURE_DATA(ordering) *self, uint32_t seed,
			uint32_t size)
{
	uint32_t offset = seed * 52 % 4096;
	struct sdm_event event;
	uint8_t data[1024];

	fill_pattern(data, size, seed);
	ASSERT_EQ(size, pwrite(self->window, data, size,
			       self->memory.offset + offset));
	ASSERT_EQ(0, send_signal(self->fd, self->peer, REQUEST_CHECK,
				 RANGE(offset, size), seed, PATIENCE_MS));
	ASSERT_EQ(0, next_from(self->fd, self->peer, &event, PATIENCE_MS));
	ASSERT_EQ(REQUEST_CHECK, event.signal);
	ASSERT_EQ(RANGE(offset, size), event.payload[0]);
	ASSERT_EQ(0, event.payload[1]) {
		TH_LOG("round %u: so many of %u bytes are old", seed, size);
	}
}

TEST_F_TIMEOUT(ordering, write_then_signal, 300)
{
	unsigned int i, count = rounds(10000);

	for (i = 1; i <= count; i++)
		check_round(_metadata, self, i, 24);
}

TEST_F_TIMEOUT(ordering, large_write_then_signal, 120)
{
	unsigned int i, count = rounds(300);

	for (i = 1; i <= count; i++)
		check_round(_metadata, self, i, 1001);
}

TEST_F_TIMEOUT(ordering, slave_writes_then_signals, 300)
{
	unsigned int i, count = rounds(2000);
	uint8_t wanted[64], got[64];
	struct sdm_event event;

	for (i = 1; i <= count; i++) {
		uint64_t range = RANGE(i * 52 % 4096, sizeof(wanted));

		ASSERT_EQ(0, send_signal(self->fd, self->peer, REQUEST_FILL,
					 range, i, PATIENCE_MS));
		ASSERT_EQ(0, next_from(self->fd, self->peer, &event, PATIENCE_MS));
		ASSERT_EQ(REQUEST_FILL, event.signal);
		ASSERT_EQ(sizeof(got),
			  pread(self->window, got, sizeof(got),
				self->memory.offset + RANGE_OFFSET(range)));
		fill_pattern(wanted, sizeof(wanted), i);
		ASSERT_EQ(0, memcmp(wanted, got, sizeof(got))) {
			TH_LOG("round %u", i);
		}
	}
}

TEST_HARNESS_MAIN
