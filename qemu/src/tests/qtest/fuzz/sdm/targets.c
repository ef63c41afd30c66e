/*
 * SDM fuzzing: the targets that have a machine
 *
 * Each input begins with a machine whose device is reset and has no
 * connections (or, for sdm-registers, two proper ones), and leaves one: it is a
 * failure if a connection does not come to its end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "system/runstate.h"
#include "hw/qdev-core.h"
#include "hw/sdm/multi-socket-internal.h"
#include "tests/qtest/fuzz/fuzz.h"
#include "run.h"

/* An input has no more actions than this. */
#define MAX_ACTIONS 48

/* What takes longer than this hangs. */
#define HANG_NS (20 * (int64_t)NANOSECONDS_PER_SECOND)

/* What has arrived and is no complete handshake is not waited for longer. */
#define DECIDED_NS (2 * (int64_t)SCALE_MS)
/* Nor is what has not arrived. */
#define ARRIVED_NS (50 * (int64_t)SCALE_MS)

/* So often there has to be nothing to do. */
#define SETTLE_ROUNDS 4
#define SETTLE_MAX 200

typedef void Action(Input *in, FakePeer *peer);

static MultiSocketBackend *sock;

/*
 * ------------------------------------------------------------------------
 * Time
 */

void run_settle(void)
{
    unsigned i, j, quiet = 0;

    for (i = 0; quiet < SETTLE_ROUNDS && i < SETTLE_MAX; i++) {
        fake_wait();
        quiet++;
        for (j = 0; j < FAKE_PEERS; j++) {
            if (!fake_is_drained(&fake_peers[j])) {
                quiet = 0;
            }
        }
    }
}

void run_wait_decided(FakePeer *peer)
{
    int64_t now = get_clock(), end = now + DECIDED_NS, limit = now + ARRIVED_NS;

    while (!fake_is_decided(peer) && now < end) {
        fake_wait();
        now = get_clock();
        if (!fake_is_drained(peer)) {
            end = MIN(now + DECIDED_NS, limit);
        }
    }
}

static void wait_or_hang(bool (*over)(void), const char *what)
{
    int64_t end = get_clock() + HANG_NS;

    while (!over()) {
        fake_wait();
        if (get_clock() > end) {
            fprintf(stderr, "%s\n", what);
            abort();
        }
    }
}

static bool no_connections(void)
{
    /* A slave may have connected meanwhile. */
    if (!sock->listen && fake_accept(&fake_peers[0])) {
        fake_close(&fake_peers[0]);
    }
    return QTAILQ_EMPTY(&sock->peers);
}

static bool slave_connects(void)
{
    /* It is not to wait for as long as it would. */
    if (timer_pending(sock->reconnect)) {
        timer_mod(sock->reconnect, 0);
    }
    return fake_accept(&fake_peers[0]);
}

void run_join(FakePeer *peer)
{
    if (sock->listen) {
        fake_connect(peer);
    } else if (!fake_is_open(peer)) {
        fake_close(peer);
        wait_or_hang(no_connections, "a connection did not end");
        wait_or_hang(slave_connects, "the slave does not connect");
    }
}

/*
 * ------------------------------------------------------------------------
 * One input
 */

/* A reset of the whole machine takes as long as an input. */
static void reset_device(void)
{
    DeviceState *dev = DEVICE(object_resolve_path_component(
        machine_get_container("peripheral"), "sdm"));

    if (sock->listen) {
        device_cold_reset(dev);
    } else {
        /* The CPUs, too: the input may have booted them. */
        qemu_system_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
    fake_pump();
}

static void disconnect(void)
{
    unsigned i;

    for (i = 0; i < FAKE_PEERS; i++) {
        fake_close(&fake_peers[i]);
    }
    /* What has connected is accepted by that. */
    fake_pump();
    wait_or_hang(no_connections, "a connection did not end");
}

static void run(Input *in, Action *const *actions, size_t num_actions,
                bool alone)
{
    unsigned i;

    for (i = 0; in->left && i < MAX_ACTIONS; i++) {
        uint8_t what = input_u8(in);

        /* The slave has one master. */
        actions[(what & 0x7f) % num_actions](in, &fake_peers[alone ? 0 :
                                                             what >> 7]);
    }
    run_settle();
    if (runstate_check(RUN_STATE_PAUSED)) {
        vm_start();
        fake_pump();
    }
}

/*
 * ------------------------------------------------------------------------
 * A master
 */

static GString *master_command(FuzzTarget *t)
{
    GString *s = g_string_new(NULL);

    g_string_printf(s,
        "%s -machine virt,accel=qtest -m 64M -nodefaults -display none "
        "-object multi-socket-backend,id=sock,listen=on,path=%s "
        "-object memory-backend-network,id=mem,size=64M,shared-size=32M,"
        "socket=sock,master=on,timeout-ms=20 "
        "-object sdm-communication-socket,id=scomm,socket=sock "
        "-device sdm-platform,id=sdm,comm=scomm,master=on,num-slaves=2 "
        "-numa node,memdev=mem", TARGET_NAME, fake_path());
    return s;
}

static void find_socket(QTestState *s)
{
    Object *obj = object_resolve_path_component(object_get_objects_root(),
                                                "sock");

    sock = MULTI_SOCKET_BACKEND(obj);
}

static void master_init(void)
{
    fake_init(true);
}

static void master_join(FakePeer *peer, bool with_file)
{
    fake_connect(peer);
    wire_proper_hello(peer, with_file);
    run_wait_decided(peer);
    run_settle();
}

static void master_joined(Input *in, FakePeer *peer)
{
    master_join(peer, input_u8(in) & 1);
}

static Action *const master_actions[] = {
    /* Known to the seeds: new ones come last. */
    wire_join,
    wire_hello,
    master_joined,
    wire_frame,
    wire_raw,
    wire_chunk,
    wire_file,
    wire_end,
    wire_plan,
    wire_settle,
    guest_read_window,
    guest_write_window,
    guest_read_register,
    guest_write_register,
    guest_send_signal,
    guest_ring,
    guest_descriptor,
    guest_reset,
};

static void fuzz_master(QTestState *s, const unsigned char *data, size_t size)
{
    Input in = { .data = data, .left = size };

    run(&in, master_actions, ARRAY_SIZE(master_actions), false);
    disconnect();
    reset_device();
}

static Action *const register_actions[] = {
    guest_read_register,
    guest_write_register,
    guest_read_window,
    guest_write_window,
    guest_send_signal,
    guest_ring,
    guest_descriptor,
    guest_stop,
    guest_reset,
    wire_settle,
};

/* Connections last for so many inputs: to make them takes longer than one. */
#define INPUTS_PER_LINK 32

/* Proper slaves, one that is asked for its RAM and one that passes it. */
static void join_both(void)
{
    static unsigned inputs;
    unsigned i;

    if (inputs++ % INPUTS_PER_LINK && fake_is_open(&fake_peers[0]) &&
        fake_is_open(&fake_peers[1])) {
        return;
    }
    disconnect();
    for (i = 0; i < FAKE_PEERS; i++) {
        master_join(&fake_peers[i], i == 1);
        fake_give_back(&fake_peers[i]);
    }
}

static void fuzz_registers(QTestState *s, const unsigned char *data,
                           size_t size)
{
    Input in = { .data = data, .left = size };

    join_both();
    run(&in, register_actions, ARRAY_SIZE(register_actions), false);
    reset_device();
}

/*
 * ------------------------------------------------------------------------
 * A slave
 */

static GString *slave_command(FuzzTarget *t)
{
    GString *s = g_string_new(NULL);

    g_string_printf(s,
        "%s -machine virt,slave=on,accel=qtest -m 16M -nodefaults "
        "-display none "
        "-object multi-socket-backend,id=sock,path=%s,reconnect-ms=3600000 "
        "-object memory-backend-network,id=mem,size=16M,socket=sock "
        "-object sdm-signal-nboot,id=boot,nhm=mem "
        "-object sdm-communication-socket,id=scomm,socket=sock "
        "-device sdm-platform,id=sdm,comm=scomm,len-signals=1,"
        "signals[0]=boot "
        "-incoming shared:mem -numa node,memdev=mem",
        TARGET_NAME, fake_path());
    return s;
}

static void slave_init(void)
{
    fake_init(false);
}

static void slave_joined(Input *in, FakePeer *peer)
{
    run_join(peer);
    wire_proper_welcome(peer);
    run_settle();
}

static Action *const slave_actions[] = {
    wire_join,
    wire_welcome,
    slave_joined,
    wire_frame,
    wire_raw,
    wire_chunk,
    wire_file,
    wire_end,
    wire_settle,
    guest_read_register,
    guest_write_register,
    guest_send_signal,
    guest_reset,
};

static void fuzz_slave(QTestState *s, const unsigned char *data, size_t size)
{
    Input in = { .data = data, .left = size };

    run(&in, slave_actions, ARRAY_SIZE(slave_actions), true);
    disconnect();
    reset_device();
}

static void register_targets(void)
{
    fuzz_add_target(&(FuzzTarget) {
        .name = "sdm-wire-master",
        .description = "frames that slaves send to a master",
        .get_init_cmdline = master_command,
        .pre_vm_init = master_init,
        .pre_fuzz = find_socket,
        .fuzz = fuzz_master,
    });
    fuzz_add_target(&(FuzzTarget) {
        .name = "sdm-wire-slave",
        .description = "frames that a master sends to a slave",
        .get_init_cmdline = slave_command,
        .pre_vm_init = slave_init,
        .pre_fuzz = find_socket,
        .fuzz = fuzz_slave,
    });
    fuzz_add_target(&(FuzzTarget) {
        .name = "sdm-registers",
        .description = "registers, window and descriptors of a master",
        .get_init_cmdline = master_command,
        .pre_vm_init = master_init,
        .pre_fuzz = find_socket,
        .fuzz = fuzz_registers,
    });
}

fuzz_target_init(register_targets);
