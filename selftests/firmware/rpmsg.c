// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An example of a firmware that talks rpmsg to the master: 32-bit Arm, no
 * operating system. It offers channels for drivers of Linux and sends each
 * message back to where it came from. The rules are in Documentation/rpmsg.rst.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sdm/sdm-regs.h>
#include <sdm/sdm-rproc.h>

#include "../board-arm.h"
#include "commands.h"
#include "console.h"
#include "ring.h"
#include "table.h"

#define NUM_RESOURCES	3
#define NUM_ENTRIES	32

#define VIRTIO_ID_RPMSG		7
#define VIRTIO_DRIVER_OK	4
#define RPMSG_FEATURE_NS	1
#define RPMSG_NS_ADDRESS	53
#define RPMSG_NAME_SIZE		32

struct rpmsg_header {
	uint32_t source;
	uint32_t destination;
	uint32_t reserved;
	uint16_t size;
	uint16_t flags;
};

struct rpmsg_name {
	struct rpmsg_header header;
	char name[RPMSG_NAME_SIZE];
	uint32_t address;
	uint32_t flags;
};

struct table {
	struct rsc_header header;
	uint32_t offset[NUM_RESOURCES];
	struct rsc_carveout buffers;
	struct rsc_vdev vdev;
	struct rsc_trace trace;
};

#define VRING { .da = RSC_ADDR_ANY, .align = 4096, .num = NUM_ENTRIES }

/* It is at the start of the coherent region, for those who attach. */
static volatile struct table table
	__attribute__((section(".resource_table"), used)) = {
	.header = { .ver = 1, .num = NUM_RESOURCES },
	.offset = {
		offsetof(struct table, buffers),
		offsetof(struct table, vdev),
		offsetof(struct table, trace),
	},
	.buffers = {
		.type = RSC_CARVEOUT,
		.da = RSC_ADDR_ANY,
		.pa = RSC_ADDR_ANY,
		.len = 2 * NUM_ENTRIES * SDM_RPROC_BUFFER_SIZE,
		.name = "vdev0buffer",
	},
	.vdev = {
		.type = RSC_VDEV,
		.id = VIRTIO_ID_RPMSG,
		.dfeatures = RPMSG_FEATURE_NS,
		.num_of_vrings = 2,
		.vring = { VRING, VRING },
	},
	.trace = {
		.type = RSC_TRACE,
		.da = (uint32_t)trace,
		.len = sizeof(trace),
		.name = "trace",
	},
};

/* What Linux has drivers for. */
static const struct {
	const char *name;
	uint32_t address;
} services[] = {
	{ "rpmsg-client-sample", 0x400 },
	{ "rpmsg-tty", 0x401 },
	{ "rpmsg-raw", 0x402 },
};

#define NUM_SERVICES (sizeof(services) / sizeof(services[0]))

/* Ring 0 is for messages to the master, ring 1 for those from it. */
static struct ring to_master, from_master;
static bool up;
/* What the rings belong to: a connection, and a start or attach. */
static uint32_t generation, session;
static uint32_t announced; /* so many services */

/* Waits for room at the master; if it is gone this is in vain. */
static void tell(uint32_t what)
{
	do {
		sdm_write(SDM_REG_TX_DATA0_LO, what);
		asm volatile("dsb" : : : "memory");
		sdm_write(SDM_REG_TX_DOORBELL,
			  SDM_TX_DOORBELL(SDM_ID_MASTER, SDM_RPROC_SIGNAL));
	} while (sdm_read(SDM_REG_TX_STATUS) == SDM_TX_BUSY);
}

static void copy(void *to, const void *from, uint32_t size)
{
	const uint8_t *in = from;
	uint8_t *out = to;

	while (size--)
		*out++ = *in++;
}

static void fill(void *to, uint8_t value, uint32_t size)
{
	uint8_t *out = to;

	while (size--)
		*out++ = value;
}

/* Puts one message into the ring. There is a buffer. */
static void send(const void *message, uint32_t size)
{
	struct ring_buffer buffer;

	if (!ring_get(&to_master, &table.buffers, &buffer))
		return;
	if (!buffer.data || buffer.size < size) {
		put_text("rpmsg: bad buffer for a message\r\n");
		size = 0;
	} else {
		copy(buffer.data, message, size);
	}
	ring_put(&to_master, &buffer, size);
}

static void announce(uint32_t service)
{
	struct rpmsg_name message;
	uint32_t i;

	fill(&message, 0, sizeof(message));
	message.header.source = services[service].address;
	message.header.destination = RPMSG_NS_ADDRESS;
	message.header.size = sizeof(message) - sizeof(message.header);
	for (i = 0; services[service].name[i]; i++)
		message.name[i] = services[service].name[i];
	message.address = services[service].address;
	send(&message, sizeof(message));
}

static bool is_service(uint32_t address)
{
	uint32_t i;

	for (i = 0; i < NUM_SERVICES; i++) {
		if (services[i].address == address)
			return true;
	}

	return false;
}

/* Sends a message back, if it is for one of the services. */
static void answer(const struct ring_buffer *request)
{
	/* The master may write to the buffer meanwhile. */
	static uint8_t message[SDM_RPROC_BUFFER_SIZE];
	struct rpmsg_header *header = (void *)message;
	uint32_t source;

	if (!request->data || request->size < sizeof(*header) ||
	    request->size > sizeof(message)) {
		put_text("rpmsg: bad buffer\r\n");
		return;
	}
	copy(message, request->data, request->size);
	if (header->size > request->size - sizeof(*header)) {
		put_value("rpmsg: bad size ", header->size);
		return;
	}
	if (!is_service(header->destination)) {
		put_value("rpmsg: nobody is at ", header->destination);
		return;
	}
	source = header->source;
	header->source = header->destination;
	header->destination = source;
	send(message, sizeof(*header) + header->size);
}

/* Returns true if the master is to be told. */
static bool serve(void)
{
	struct ring_buffer request;
	bool changed = false;

	/* A message that has no room to be answered stays where it is. */
	while (ring_available(&to_master)) {
		if (announced < NUM_SERVICES) {
			announce(announced++);
		} else if (ring_get(&from_master, &table.buffers, &request)) {
			answer(&request);
			ring_put(&from_master, &request, 0);
		} else {
			break;
		}
		changed = true;
	}

	return changed;
}

static void kicked(void)
{
	uint32_t now = sdm_read(SDM_REG_PEER(SDM_ID_MASTER,
					     SDM_PEER_GENERATION));

	if (!(table.vdev.status & VIRTIO_DRIVER_OK)) {
		if (up)
			put_text("rpmsg: down\r\n");
		up = false;
		return;
	}
	if (!up || generation != now || session != table.vdev.notifyid) {
		up = ring_open(&to_master, &table.vdev.vring[0]) &&
		     ring_open(&from_master, &table.vdev.vring[1]);
		put_text(up ? "rpmsg: up\r\n" : "rpmsg: bad rings\r\n");
		generation = now;
		session = table.vdev.notifyid;
		announced = 0;
	}
	if (up && serve())
		tell(SDM_RPROC_KICK);
}

int main(void)
{
	uint32_t head, what;

	enable_interrupt();
	put_text("firmware: ready\r\n");
	tell(SDM_RPROC_HELLO);

	for (;;) {
		head = receive();
		what = sdm_read(SDM_REG_RX_DATA0_LO);
		sdm_write(SDM_REG_RX_POP, 0);

		if (SDM_RX_SIGNAL(head) != SDM_RPROC_SIGNAL)
			obey(SDM_RX_SIGNAL(head));
		else if (what == SDM_RPROC_KICK)
			kicked();
	}
}
