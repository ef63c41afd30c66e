/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Wire protocol between a slave and its master, version 1.
 *
 * The one definition of what goes over the socket, used by the QEMU half, the
 * tests and the fuzzers. The prose is in Documentation/protocol.rst.
 *
 * One stream connection (TCP, UNIX, TLS over either) joins one slave to the
 * master. It carries frames: a header, then `length` bytes of payload. All
 * numbers are little-endian. The structures are naturally aligned without
 * padding, so they are the layout; they are never cast onto a receive buffer,
 * but decoded field by field.
 */
#ifndef SDM_SDM_PROTO_H
#define SDM_SDM_PROTO_H

#include <stdint.h>

#define SDM_PROTO_MAGIC			0x504d4453	/* "SDMP" */
#define SDM_PROTO_MAJOR			1
#define SDM_PROTO_MINOR			0

/* Header of every frame. */
struct sdm_proto_header {
	uint16_t type;		/* SDM_PROTO_* below */
	uint16_t flags;		/* SDM_PROTO_FLAG_*, others are zero */
	uint32_t length;	/* bytes that follow, limited by type */
	uint32_t tag;		/* chosen by a requester, echoed in the answer */
	uint32_t arg;		/* meaning depends on type; zero if none */
};

/* Of MEM_WRITE and MEM_FILL: answer with MEM_DATA when it is done. */
#define SDM_PROTO_FLAG_ACK		0x0001

/* Frame types: channel in the upper byte. */
#define SDM_PROTO_CHANNEL(type)		((type) >> 8)
#define SDM_PROTO_CHANNEL_LINK		0x00
#define SDM_PROTO_CHANNEL_MEMORY	0x01
#define SDM_PROTO_CHANNEL_SIGNAL	0x02

/* ------------------------------------------------------------------------
 * Link: handshake and departure
 */

/* slave -> master, first frame: struct sdm_proto_hello, then sections. */
#define SDM_PROTO_HELLO			0x0001
/* master -> slave, answer to HELLO: struct sdm_proto_welcome, sections. */
#define SDM_PROTO_WELCOME		0x0002
/* master -> slave, answer to HELLO: arg SDM_REJECT_*, payload a UTF-8 text. */
#define SDM_PROTO_REJECT		0x0003
/* either side leaves in order; arg and payload empty. The sender closes. */
#define SDM_PROTO_BYE			0x0004

/* Longest payload of a HELLO, WELCOME or REJECT, in bytes. */
#define SDM_PROTO_MAX_HANDSHAKE		1024

/* Any ID: the master gives the slave a free one. */
#define SDM_PROTO_ID_ANY		0

struct sdm_proto_hello {
	uint32_t magic;		/* SDM_PROTO_MAGIC */
	uint16_t major;		/* must be the master's */
	uint16_t minor;		/* the lower one of both counts */
	uint32_t features;	/* offered, SDM_PROTO_FEATURE_* */
	uint32_t id;		/* wanted ID, or SDM_PROTO_ID_ANY */
	uint32_t arch;		/* ELF e_machine of the CPUs, 0 unknown */
	uint32_t cpus;		/* number of CPUs, 0 unknown */
};

struct sdm_proto_welcome {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t features;	/* accepted out of those offered */
	uint32_t id;		/* the slave's ID */
	uint32_t num_ids;	/* valid IDs are 0..num_ids-1 */
	uint32_t arch;		/* of the master's CPUs */
};

/* Slaves learn of each other, and send each other signals by their master. */
#define SDM_PROTO_FEATURE_PEERS		0x00000001

/* Reasons of a REJECT. */
#define SDM_REJECT_VERSION		1 /* protocol versions do not fit */
#define SDM_REJECT_FULL			2 /* all IDs are taken */
#define SDM_REJECT_ID			3 /* the wanted ID is taken or invalid */
#define SDM_REJECT_MEMORY		4 /* its RAM does not fit the window */
#define SDM_REJECT_MALFORMED		5 /* HELLO could not be understood */
#define SDM_REJECT_CHANNEL		6 /* a channel refused, see the text */
#define SDM_REJECT_DENIED		7 /* its TLS certificate is not accepted */

/*
 * Sections follow the fixed part of HELLO and WELCOME: each channel in use
 * adds its own. A receiver ignores a kind that it does not know.
 */
struct sdm_proto_section {
	uint16_t kind;		/* SDM_PROTO_CHANNEL_* */
	uint16_t length;	/* bytes that follow, a multiple of 8 */
	uint32_t reserved;	/* zero */
};

/* Memory section of a HELLO: the slave's RAM. */
struct sdm_proto_hello_memory {
	uint64_t size;		/* bytes, a multiple of 4096, not zero */
	uint64_t base;		/* address in the slave's physical map */
	uint32_t flags;		/* SDM_PROTO_MEMORY_* */
	uint32_t coherent;	/* size of the coherent region at the end, or 0 */
};

/* The coherent region: a multiple of 4096 bytes, at most. */
#define SDM_PROTO_MAX_COHERENT		0x100000

/*
 * UNIX sockets: a file descriptor comes with the first byte of the HELLO. The
 * file holds the RAM from its first byte on and is sealed against shrinking.
 */
#define SDM_PROTO_MEMORY_FD		0x00000001

/* Memory section of a WELCOME: where it lies in the master's window. */
struct sdm_proto_welcome_memory {
	uint64_t offset;	/* in the window, bytes */
};

/* Signal section of HELLO and WELCOME: what the sender can receive. */
struct sdm_proto_signals {
	uint32_t num_signals;	/* 1..SDM_PROTO_MAX_SIGNALS */
	uint32_t credits;	/* 0..SDM_PROTO_MAX_CREDITS, to start with */
	uint32_t boot_signal;	/* number with that action, or ~0 */
	uint32_t reset_signal;
	uint32_t state;		/* as in the STATE frame */
	uint32_t reserved;	/* zero */
};

#define SDM_PROTO_MAX_SIGNALS		0x10000
#define SDM_PROTO_MAX_CREDITS		1024
#define SDM_PROTO_NO_SIGNAL		0xffffffffu

/* ------------------------------------------------------------------------
 * Memory: the master reads and writes the slave's RAM
 */

/*
 * master -> slave: arg the number of bytes (1..SDM_PROTO_MAX_DATA), payload
 * struct sdm_proto_mem. Answered by MEM_DATA with the same tag.
 */
#define SDM_PROTO_MEM_READ		0x0100
/*
 * slave -> master: the answer to a read, or to a request with
 * SDM_PROTO_FLAG_ACK: arg SDM_MEM_*, payload the bytes of a read if SDM_MEM_OK.
 */
#define SDM_PROTO_MEM_DATA		0x0101
/*
 * master -> slave: struct sdm_proto_mem, then 1..SDM_PROTO_MAX_DATA bytes.
 * Posted: there is no answer unless it fails, or asks for one. The answer
 * says that all earlier writes have been done, too.
 */
#define SDM_PROTO_MEM_WRITE		0x0102
/* slave -> master: a write failed: arg SDM_MEM_*, struct sdm_proto_mem. */
#define SDM_PROTO_MEM_ERROR		0x0103

/*
 * master -> slave: struct sdm_proto_fill: write a pattern again and again.
 * Answered as MEM_WRITE.
 */
#define SDM_PROTO_MEM_FILL		0x0104

/*
 * either way: what has been written to the coherent region, if there is one and
 * no SDM_PROTO_MEMORY_FD: records of 32-bit offset in the region, 32-bit length
 * (1..), and so many bytes. A release consists of one or several such frames:
 * arg SDM_PROTO_DIFF_LAST in the last one, otherwise zero. It is applied as a
 * whole, before any later signal.
 */
#define SDM_PROTO_MEM_DIFF		0x0105
#define SDM_PROTO_DIFF_LAST		1
/* Most bytes of records in one frame. */
#define SDM_PROTO_MAX_DIFF		0x10000

struct sdm_proto_fill {
	uint64_t offset;	/* in the slave's RAM, bytes */
	uint64_t length;	/* bytes, not zero */
	uint64_t pattern;	/* its lowest byte comes first */
};

struct sdm_proto_mem {
	uint64_t offset;	/* in the slave's RAM, bytes */
};

/*
 * A write of at most so many bytes may hold several stores of a CPU. The slave
 * performs it in pieces of natural size and alignment, 8 bytes at most, from
 * the lowest address up, each at once and none visible before an earlier one.
 * Of longer writes the order inside is not defined.
 */
#define SDM_PROTO_MAX_ORDERED		2048

/* Most bytes of memory in one frame. */
#define SDM_PROTO_MAX_DATA		0x100000

/* Result of a memory access. */
#define SDM_MEM_OK			0
#define SDM_MEM_RANGE			1 /* beyond the end of the RAM */
#define SDM_MEM_FAULT			2 /* the access failed in the slave */

/* ------------------------------------------------------------------------
 * Signals
 */

/* either way: struct sdm_proto_signal; takes one of the receiver's credits. */
#define SDM_PROTO_SIGNAL		0x0200
/*
 * either way: arg credits (1..) that return to the sender of signals; tag zero,
 * or one more than the number of a signal with SDM_PROTO_SIGNAL_REPORT, which has
 * just been taken.
 */
#define SDM_PROTO_CREDIT		0x0201
/* either way: arg the sender's new state, SDM_PROTO_STATE_*. */
#define SDM_PROTO_STATE			0x0202
/* slave -> master: a hardware action ended: arg the result, tag the signal. */
#define SDM_PROTO_ACTION		0x0203
/*
 * With SDM_PROTO_FEATURE_PEERS.
 *
 * master -> slave: struct sdm_proto_peer: another slave has come.
 */
#define SDM_PROTO_PEER			0x0204
/*
 * master -> slave: tag the ID of another slave, arg its state: as in STATE, or
 * SDM_PEER_ABSENT or SDM_PEER_LOST when it has gone.
 */
#define SDM_PROTO_PEER_STATE		0x0205
/*
 * either way: struct sdm_proto_peer_credit: a slave lets another one send it more
 * signals. All credits between slaves come by such frames, the first ones as
 * the answer to PEER.
 */
#define SDM_PROTO_PEER_CREDIT		0x0206

/*
 * The tag of its frame is zero. That of a signal from a slave to another one is
 * the receiver's `epoch`: what was meant for an earlier machine of the same ID is
 * dropped by the master.
 */
struct sdm_proto_signal {
	uint32_t source;	/* ID of the sender */
	uint32_t dest;		/* ID of the receiver */
	uint32_t signal;
	uint32_t flags;		/* SDM_SIGNAL_* */
	uint64_t data[2];	/* payload words */
};

/* Tell at once, by a CREDIT, when it has been taken. */
#define SDM_PROTO_SIGNAL_REPORT		0x00000001

struct sdm_proto_peer {
	uint32_t id;
	uint32_t epoch;		/* of its connection, not zero */
	uint32_t num_signals;	/* as in struct sdm_proto_signals */
	uint32_t boot_signal;	/* not for other slaves to send */
	uint32_t reset_signal;
	uint32_t state;
	uint32_t arch;		/* as in struct sdm_proto_hello */
	uint32_t cpus;
};

struct sdm_proto_peer_credit {
	uint32_t id;		/* whom the sender of the frame lets, or who lets */
	uint32_t epoch;		/* that of this slave's connection */
	uint32_t credits;	/* 1..SDM_PROTO_MAX_CREDITS */
	uint32_t taken;		/* as the tag of CREDIT */
};

/*
 * State word: what a machine says of itself. The numbers are those of
 * SDM_PEER_STATE in sdm-regs.h: SDM_PEER_RESET or SDM_PEER_RUNNING, with or
 * without SDM_PEER_STATE_DRIVER. Action results are SDM_ACTION_*.
 */

#endif /* SDM_SDM_PROTO_H */
