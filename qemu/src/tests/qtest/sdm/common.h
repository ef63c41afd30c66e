/*
 * SDM tests: machines, their registers and what they print
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_SDM_COMMON_H
#define TESTS_QTEST_SDM_COMMON_H

#include "../libqtest.h"
#include "sdm/sdm-regs.h"

#define KiB 1024ull
#define MiB (1024 * KiB)

/* Where the board "virt" puts RAM and the first device of its bus. */
#define RAM_BASE 0x40000000ull
#define REGS_BASE 0x0c000000ull

/* The window of the masters here: RAM of 1 GiB, the upper half shared. */
#define WINDOW_BASE 0x60000000ull
#define WINDOW_SIZE (512 * MiB)

/* RAM of the slaves here, unless a test wants it otherwise. */
#define SLAVE_SIZE (256 * MiB)

/*
 * Signals of one sender that a device stores. Two places in a slave are kept
 * for its boot signal and its reset signal.
 */
#define QUEUE_DEPTH 64
#define SLAVE_CREDITS (QUEUE_DEPTH - 2)

/* After this time a test gives up. */
#define TIME_LIMIT_S 60

/* Repeats @expression until it is true; the test fails if it never is. */
#define WAIT_FOR(expression)                                                 \
    do {                                                                     \
        gint64 end_ = g_get_monotonic_time() +                               \
                      TIME_LIMIT_S * G_TIME_SPAN_SECOND;                     \
                                                                             \
        while (!(expression)) {                                              \
            if (g_get_monotonic_time() > end_) {                             \
                g_error("%s:%d: never happened: %s", __FILE__, __LINE__,     \
                        #expression);                                        \
            }                                                                \
            g_usleep(1000);                                                  \
        }                                                                    \
    } while (0)

/*
 * ------------------------------------------------------------------------
 * Rig: the place where the machines of one test meet
 */

typedef struct Rig {
    char *dir;     /* temporary: logs, UNIX socket */
    char *address; /* of the master, as multi-socket-backend wants it */
    char *path;    /* UNIX socket, or */
    uint16_t port; /* TCP */
    unsigned num_logs;
} Rig;

Rig *rig_new_tcp(void);
Rig *rig_new_unix(void);
void rig_free(Rig *rig);

/* A port that nobody uses at the moment. */
uint16_t free_tcp_port(void);
/* A file of the rig that holds @length bytes of @data. The caller frees. */
char *rig_file(Rig *rig, const char *name, const void *data, size_t length);

/*
 * ------------------------------------------------------------------------
 * Machines
 */

typedef struct Machine {
    QTestState *qts;
    char *log;          /* file with what it printed to stderr */
    unsigned log_seen;  /* lines of it that have been looked at */
    uint64_t regs;      /* address of its device */
    char *irq_device;   /* its ID once irq_level() is used */
} Machine;

typedef struct MasterOptions {
    const char *socket;  /* more properties of the socket, ",name=value" */
    const char *memory;  /* more properties of the memory, ",name=value" */
    const char *device;  /* more properties of the device, ",name=value" */
    const char *machine; /* more arguments */
    unsigned num_slaves; /* 2 unless given */
} MasterOptions;

typedef struct SlaveOptions {
    const char *socket; /* more properties of the socket, ",name=value" */
    const char *size;   /* of the RAM, 256M unless given */
    const char *memory; /* more properties of the memory, ",name=value" */
    const char *device; /* more properties of the device, ",name=value" */
    const char *machine; /* more arguments */
    unsigned id;
    bool no_boot;       /* an ordinary machine that runs from the start */
} SlaveOptions;

/* Arguments of QEMU for a master or a slave; NULL: all by default. */
char *master_args(Rig *rig, const MasterOptions *options);
char *slave_args(Rig *rig, const SlaveOptions *options);

/* Start QEMU; its stderr goes to a log. */
Machine *start_machine(Rig *rig, const char *args);
Machine *start_master(Rig *rig, const MasterOptions *options);
/* Returns when the slave has a master, which is not to say the reverse. */
Machine *start_slave(Rig *rig, const SlaveOptions *options);

/* Ends the machine in order. All that it printed must have been expected. */
void quit_machine(Machine *m);
/* Ends it by SIGKILL. */
void kill_machine(Machine *m);

/* Another device of the machine, 0 is the first; valid as long as @m is. */
Machine second_device(const Machine *m);

/*
 * QEMU as a program that ends by itself, which must happen before long:
 * finish_qemu() returns the exit status, and in @output, which the caller
 * frees, what was printed to stderr.
 */
typedef struct Program Program;

Program *spawn_qemu(Rig *rig, const char *args);
int finish_qemu(Program *program, char **output);
/* Both. */
int run_qemu(Rig *rig, const char *args, char **output);

/* Number of connections of the machine's socket. */
unsigned num_connected(Machine *m);
void wait_connected(Machine *m, unsigned n);
/* The status of query-status is @status. */
bool has_status(Machine *m, const char *status);

/*
 * ------------------------------------------------------------------------
 * What machines print
 */

/* What a file of stderr holds, as far as it comes from QEMU. */
char *read_log(const char *path);
/* Whether a line was printed that matches; all lines count as looked at. */
bool said(Machine *m, const char *pattern);
/* The line that is printed next must match the glob pattern @pattern. */
void expect_line(Machine *m, const char *pattern);
/* Whether all lines have been looked at. */
bool is_silent(Machine *m);

/*
 * ------------------------------------------------------------------------
 * Registers
 */

uint32_t get_reg(Machine *m, unsigned reg);
void set_reg(Machine *m, unsigned reg, uint32_t value);
/* The 64-bit value whose lower half is @reg. */
uint64_t get_reg64(Machine *m, unsigned reg);
/* Wait until the bits @mask of @reg are @value. */
void wait_reg(Machine *m, unsigned reg, uint32_t mask, uint32_t value);

/* Level of the interrupt line; of one device in a machine only. */
bool irq_level(Machine *m, const char *device_id);

uint32_t peer_state(Machine *m, uint32_t id);
void wait_peer_state(Machine *m, uint32_t id, uint32_t state);
uint32_t peer_credits(Machine *m, uint32_t id);

/* Ring the doorbell. Returns SDM_TX_*. */
uint32_t send_signal(Machine *m, uint32_t dest, uint32_t signal,
                     uint64_t data0, uint64_t data1);
/* A signal is there, or arrives before long, and is this one. Pops it. */
void expect_signal(Machine *m, uint32_t source, uint32_t signal,
                   uint64_t data0, uint64_t data1);

#endif
