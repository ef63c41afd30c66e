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
#include "system/hostmem.h"
#include "exec/address-spaces.h"
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
            judge_finding("%s", what);
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

static bool broken_have_ended(void)
{
    unsigned i;

    for (i = 0; i < FAKE_PEERS; i++) {
        FakePeer *peer = &fake_peers[i];

        if (fake_judgement(peer) == JUDGE_BROKEN && fake_is_open(peer)) {
            return false;
        }
    }
    return true;
}

static bool all_are_answered(void)
{
    unsigned i;

    for (i = 0; i < FAKE_PEERS; i++) {
        if (!fake_is_answered(&fake_peers[i])) {
            return false;
        }
    }
    return true;
}

/* What was asked of a slave before was done when this has an answer. */
static void ask(FakePeer *peer)
{
    struct sdm_proto_header header = {
        .type = SDM_PROTO_MEM_READ,
        .length = sizeof(struct sdm_proto_mem),
        .tag = 0x5344,
        .arg = 8,
    };
    uint8_t offset[sizeof(struct sdm_proto_mem)] = { 0 };

    fake_whole(peer, &header, offset);
    fake_send_frame(peer, &header, offset, sizeof(offset));
}

static FakePeer *loaded_from;

static bool loaded_has_ended(void)
{
    return !fake_is_open(loaded_from);
}

/* The guest of a master sees what it has stored in the RAM of a slave. */
static void try_window(FakePeer *peer)
{
    static uint32_t value = 0x12345678;
    hwaddr addr = RUN_WINDOW_BASE + peer->judge.offset +
                  value % (FAKE_RAM_SIZE / 4) * 4;
    uint32_t again;

    value = value * 1664525 + 1013904223;
    address_space_stl_le(&address_space_memory, addr, value,
                         (MemTxAttrs) { }, NULL);
    again = address_space_ldl_le(&address_space_memory, addr,
                                 (MemTxAttrs) { }, NULL);
    /*
     * A busy host may have kept the slave from answering in time. Then the
     * machine has ended the connection, which the slave is as late to see.
     */
    if (again != value) {
        loaded_from = peer;
        wait_or_hang(loaded_has_ended,
                     "a load does not see the store before it");
    }
}

/* All proper connections still work, and those that are not have ended. */
static void judge_connections(void)
{
    unsigned i;

    for (i = 0; i < FAKE_PEERS; i++) {
        FakePeer *peer = &fake_peers[i];

        if (fake_judgement(peer) != JUDGE_ON || peer->num_plans) {
            continue;
        }
        if (sock->listen) {
            try_window(peer);
        } else {
            ask(peer);
        }
    }
    wait_or_hang(broken_have_ended, "a violation does not end its connection");
    wait_or_hang(all_are_answered, "a question has no answer");
    for (i = 0; i < FAKE_PEERS; i++) {
        if (fake_judgement(&fake_peers[i]) == JUDGE_ON &&
            fake_is_open(&fake_peers[i])) {
            judge_ram(&fake_peers[i].judge);
        }
    }
}

/* No connection is left: proper ones have not been called anything else. */
static void judge_ends(const uint32_t *proper)
{
    unsigned i;

    for (i = 0; i < FAKE_PEERS && !judge_had_strangers(); i++) {
        const char *end = proper[i] == SDM_ID_NONE ? NULL :
                          sock->latest_end[proper[i]];

        if (end && g_str_has_prefix(end, "protocol violation")) {
            judge_finding("a proper connection was ended: %s", end);
        }
    }
    judge_end();
}

static void disconnect(void)
{
    uint32_t proper[FAKE_PEERS];
    unsigned i;

    for (i = 0; i < FAKE_PEERS; i++) {
        bool is_proper = fake_judgement(&fake_peers[i]) == JUDGE_ON;

        proper[i] = !is_proper ? SDM_ID_NONE :
                    sock->listen ? fake_peers[i].judge.id : SDM_ID_MASTER;
    }
    for (i = 0; i < FAKE_PEERS; i++) {
        fake_close(&fake_peers[i]);
    }
    /* What has connected is accepted by that. */
    fake_pump();
    wait_or_hang(no_connections, "a connection did not end");
    judge_ends(proper);
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
    if (sock->listen) {
        /* A transfer may be under way, and write where the judge looks. */
        reset_device();
    }
    judge_connections();
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
    if (sock->listen) {
        judge_init(FAKE_RAM_SIZE, NULL);
    } else {
        obj = object_resolve_path_component(object_get_objects_root(), "mem");
        judge_init(RUN_SLAVE_RAM_SIZE, memory_region_get_ram_ptr(
            host_memory_backend_get_memory(MEMORY_BACKEND(obj))));
    }
}

static void master_init(void)
{
    fake_init(true);
}

static void master_join(FakePeer *peer, bool with_file, bool with_region)
{
    fake_connect(peer);
    wire_proper_hello(peer, with_file, with_region);
    run_wait_decided(peer);
    run_settle();
}

static void master_joined(Input *in, FakePeer *peer)
{
    unsigned how = input_u8(in) % 4;

    master_join(peer, how == 1, how == 2);
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

/* After so many inputs it is tried whether a proper slave can join. */
#define INPUTS_PER_PROBE 16

static bool probe_is_over(void)
{
    return fake_is_decided(&fake_peers[0]);
}

static void probe(void)
{
    FakePeer *peer = &fake_peers[0];

    fake_connect(peer);
    wire_proper_hello(peer, false, false);
    wait_or_hang(probe_is_over, "a proper slave gets no answer");
    if (peer->handshake != SDM_PROTO_WELCOME) {
        judge_finding("a proper slave is refused");
    }
    run_settle();
    judge_connections();
    disconnect();
}

static void fuzz_master(QTestState *s, const unsigned char *data, size_t size)
{
    Input in = { .data = data, .left = size };

    static unsigned inputs;

    run(&in, master_actions, ARRAY_SIZE(master_actions), false);
    disconnect();
    if (inputs++ % INPUTS_PER_PROBE == 0) {
        probe();
    }
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
        master_join(&fake_peers[i], i == 1, false);
        fake_give_back(&fake_peers[i]);
    }
}

static void fuzz_registers(QTestState *s, const unsigned char *data,
                           size_t size)
{
    Input in = { .data = data, .left = size };

    join_both();
    run(&in, register_actions, ARRAY_SIZE(register_actions), false);
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
