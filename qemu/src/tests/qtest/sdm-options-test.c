/*
 * SDM: command lines that cannot work, and what QEMU says to them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "sdm/common.h"

/* Nothing listens or connects before the error is found. */
#define SOCKET "-object multi-socket-backend,id=sock,host=127.0.0.1,port=1 "
#define LISTEN "-object multi-socket-backend,id=sock,listen=on," \
               "host=127.0.0.1,port=0 "
#define MEMORY "-object memory-backend-network,id=mem,"
#define NUMA " -numa node,memdev=mem -m "
#define COMM "-object sdm-communication-socket,id=link,socket=sock "
#define LOCAL "-object sdm-communication-local,id=link "
#define RAM "-object memory-backend-ram,id=mem,size=64M" NUMA "64M "
#define SIGNALS "-object sdm-signal,id=plain " \
                "-object sdm-signal-nboot,id=boot,nhm=mem " \
                "-object sdm-signal-nboot,id=boot2,nhm=mem " \
                "-object sdm-signal-reset,id=reset " \
                "-object sdm-signal-reset,id=reset2 "
#define DEVICE "-device 'sdm-platform,comm=link,"

typedef struct Case {
    const char *args;
    const char *message; /* pattern of the first line, behind the name */
} Case;

static void check_cases(const char *machine, const Case *cases, size_t n)
{
    Rig *rig = rig_new_unix();
    size_t i;

    for (i = 0; i < n; i++) {
        g_autofree char *args = g_strdup_printf("%s -nodefaults %s", machine,
                                                cases[i].args);
        g_autofree char *pattern = g_strdup_printf("*: %s", cases[i].message);
        g_autofree char *output = NULL;
        g_auto(GStrv) lines = NULL;
        int status = run_qemu(rig, args, &output);

        lines = g_strsplit(output, "\n", -1);
        if (status != 1 || !lines[0] ||
            !g_pattern_match_simple(pattern, lines[0])) {
            g_error("%s\nstatus %d, printed: %s\nexpected: %s", args, status,
                    output, pattern);
        }
    }
    rig_free(rig);
}

static void test_multi_socket(void)
{
    static const Case cases[] = {
        { "-object multi-socket-backend,id=sock",
          "either 'port' or 'path' is needed" },
        { "-object multi-socket-backend,id=sock,host=127.0.0.1",
          "either 'port' or 'path' is needed" },
        { "-object multi-socket-backend,id=sock,path=x,poll-us=10001",
          "'poll-us' must be 0 to 10000" },
        { "-object multi-socket-backend,id=sock,path=x,keep-alive-ms=999",
          "'keep-alive-ms' must be 0, or 1000 to 3600000" },
        { "-object multi-socket-backend,id=sock,path=x,reconnect-ms=3600001",
          "'reconnect-ms' must be 0, or 10 to 3600000" },
        { "-object multi-socket-backend,id=sock,listen=on,path=x,"
          "reconnect-ms=100",
          "'reconnect-ms' is for slaves: a master waits for them" },
        { "-object multi-socket-backend,id=sock,path=x,tls-creds=nothing",
          "*'nothing' not found*" },
        { "-object multi-socket-backend,id=sock,path=x,port=1",
          "'path' excludes 'host' and 'port'" },
        { "-object multi-socket-backend,id=sock,path=x,host=127.0.0.1",
          "'path' excludes 'host' and 'port'" },
        { "-object multi-socket-backend,id=sock,path=",
          "'path' must have 1 to 107 characters" },
        { "-object multi-socket-backend,id=sock,path="
          "0123456789012345678901234567890123456789012345678901234567890123"
          "01234567890123456789012345678901234567890123",
          "'path' must have 1 to 107 characters" },
        { "-object multi-socket-backend,id=sock,path=/nowhere/socket,"
          "listen=on", "*: No such file or directory" },
        { "-object multi-socket-backend,id=sock,port=1,hosts=x",
          "*: Invalid parameter 'hosts'" },
        { SOCKET, "multi-socket-backend 'sock': no master: Failed to connect "
          "to '127.0.0.1:1': Connection refused" },
    };

    check_cases("-M virt", cases, ARRAY_SIZE(cases));
}

/* Two masters of one address. */
static void test_address_in_use(void)
{
    Rig *rig = rig_new_tcp();
    Machine *master = start_master(rig, NULL);
    g_autofree char *args = master_args(rig, NULL);
    g_autofree char *output = NULL;

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    g_assert_nonnull(strstr(output, "Address already in use"));
    quit_machine(master);
    rig_free(rig);
}

static void test_memory(void)
{
    static const Case cases[] = {
        { MEMORY "size=64M", "*Parameter 'socket' is missing" },
        { MEMORY "size=64M,socket=nobody", "Device 'nobody' not found" },
        { LOCAL MEMORY "size=64M,socket=link", "*multi-socket-backend*" },
        { SOCKET MEMORY "socket=sock", "*'size'*" },
        { SOCKET MEMORY "socket=sock,size=64M" NUMA "128M", "*" },
        { SOCKET MEMORY "socket=sock,size=5000", "'size' must be a multiple "
          "of 4096 bytes, not zero" },
        { SOCKET MEMORY "socket=sock,size=64M,master=on,shared-size=32M",
          "'master' needs a multi-socket-backend with 'listen'" },
        { LISTEN MEMORY "socket=sock,size=64M",
          "the multi-socket-backend has 'listen': 'master' must be set here, "
          "too" },
        { SOCKET MEMORY "socket=sock,size=64M,shared-size=32M",
          "'shared-size' is for the master: all RAM of a slave is shared" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on",
          "'shared-size' must be a multiple of 4096 bytes, not zero, and less "
          "than 'size'" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=64M",
          "'shared-size' must be *" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=4095",
          "'shared-size' must be *" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=16E",
          "*shared-size*" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=32M,"
          "timeout-ms=0", "'timeout-ms' must be from 1 to 3600000" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=32M,"
          "on-error=maybe", "*'maybe'*" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=32M",
          "multi-socket-backend 'sock': memory-backend-network 'mem' is not "
          "mapped: the machine does not use it as memory" },
        { SOCKET MEMORY "socket=sock,size=64M -object "
          "memory-backend-network,id=mem2,socket=sock,size=64M",
          "multi-socket-backend 'sock' has a user of this kind already" },
    };

    check_cases("-M virt", cases, ARRAY_SIZE(cases));
}

static void test_platform(void)
{
    static const Case cases[] = {
        { "-object sdm-communication-socket,id=link",
          "*Parameter 'socket' is missing" },
        { "-device sdm-platform", "-device sdm-platform: 'comm' must name a "
          "sdm-communication-socket or sdm-communication-local" },
        { SOCKET "-device sdm-platform,comm=sock", "*: Invalid parameter type "
          "for 'comm', expected: sdm-communication" },
        { LOCAL DEVICE "master=on'", "*: a master needs 'num-slaves' from 1 "
          "to 255" },
        { LOCAL DEVICE "master=on,num-slaves=256'",
          "*: a master needs 'num-slaves' from 1 to 255" },
        { LOCAL DEVICE "num-slaves=1'", "*: 'num-slaves' is for the master" },
        { LOCAL DEVICE "master=on,num-slaves=1,slave-id=1'",
          "*: 'slave-id' is for slaves: the master is 0" },
        { LOCAL DEVICE "slave-id=256'",
          "*: 'slave-id' must be from 1 to 255" },
        { SOCKET COMM DEVICE "master=on,num-slaves=1'",
          "*: 'master' needs a multi-socket-backend with 'listen'" },
        { LISTEN COMM DEVICE "slave-id=1'", "*: the multi-socket-backend has "
          "'listen': 'master' must be set here, too" },
        { LISTEN COMM DEVICE "master=on,num-slaves=1' "
          DEVICE "master=on,num-slaves=1'",
          "*: sdm-communication-socket 'link' has a device already" },
        { LISTEN COMM "-object sdm-communication-socket,id=c2,socket=sock "
          DEVICE "master=on,num-slaves=1' "
          "-device sdm-platform,comm=c2,master=on,num-slaves=1",
          "*: multi-socket-backend 'sock' has a user of this kind already" },
    };

    check_cases("-M virt", cases, ARRAY_SIZE(cases));
}

static void test_signals(void)
{
    static const Case cases[] = {
        { LOCAL RAM SIGNALS DEVICE "len-signals=1'",
          "*: 'signals[0]' is missing: len-signals is 1" },
        { LOCAL RAM SIGNALS DEVICE "len-signals=2,signals[1]=plain'",
          "*: 'signals[0]' is missing: len-signals is 2" },
        { LOCAL RAM SIGNALS DEVICE "signals[0]=plain'",
          "*: 'signals[0]' is set, but len-signals is 0" },
        { LOCAL RAM SIGNALS DEVICE
          "len-signals=1,signals[0]=plain,signals[31]=plain'",
          "*: 'signals[31]' is set, but len-signals is 1" },
        { LOCAL RAM SIGNALS DEVICE "len-signals=33'",
          "*: 'len-signals' must be at most 32" },
        { LOCAL RAM SIGNALS DEVICE "len-signals=1,signals[0]=nobody'",
          "*'nobody' not found" },
        { LOCAL RAM SIGNALS DEVICE "len-signals=1,signals[0]=link'",
          "*sdm-signal*" },
        { LOCAL RAM SIGNALS DEVICE "signals[32]=plain'", "*signals*32*" },
        { LOCAL RAM SIGNALS DEVICE
          "len-signals=2,signals[0]=boot,signals[1]=boot2'",
          "*: 'signals[1]' is a second boot signal" },
        { LOCAL RAM SIGNALS DEVICE
          "len-signals=2,signals[0]=boot,signals[1]=boot'",
          "*: 'signals[1]' is a second boot signal" },
        { LOCAL RAM SIGNALS DEVICE
          "len-signals=2,signals[0]=reset,signals[1]=reset2'",
          "*: 'signals[1]' is a second reset signal" },
        { LOCAL RAM SIGNALS DEVICE
          "master=on,num-slaves=1,len-signals=1,signals[0]=boot'",
          "*: 'signals[0]' boots or resets the machine: that is for "
          "slaves" },
        { LOCAL RAM SIGNALS "-device '{\"driver\":\"sdm-platform\","
          "\"comm\":\"link\",\"signals\":[\"boot\",\"boot2\"]}'",
          "*: 'signals[1]' is a second boot signal" },
        { LOCAL RAM SIGNALS "-device '{\"driver\":\"sdm-platform\","
          "\"comm\":\"link\",\"signals\":[\"boot\"],\"len-signals\":1}'",
          "*: 'signals' excludes 'len-signals'" },
        { LOCAL RAM SIGNALS "-device '{\"driver\":\"sdm-platform\","
          "\"comm\":\"link\",\"signals\":[\"boot\"],"
          "\"signals[0]\":\"boot\"}'",
          "*: 'signals' excludes 'signals[0]'" },
        { LOCAL RAM SIGNALS "-device '{\"driver\":\"sdm-platform\","
          "\"comm\":\"link\",\"signals\":[\"nobody\"]}'",
          "*'nobody' not found" },
    };

    check_cases("-M virt,slave", cases, ARRAY_SIZE(cases));
}

static void test_local(void)
{
    static const Case cases[] = {
        { LOCAL DEVICE "master=on,num-slaves=1' "
          DEVICE "master=on,num-slaves=1'",
          "*: sdm-communication-local 'link' has a master already" },
        { LOCAL DEVICE "slave-id=1'", "sdm-communication-local 'link': "
          "none of its devices is the master" },
        { LOCAL DEVICE "master=on,num-slaves=1' " DEVICE "len-signals=0' "
          DEVICE "len-signals=0'", "sdm-communication-local 'link': there are "
          "more slaves than num-slaves=1" },
        { LOCAL DEVICE "master=on,num-slaves=1' " DEVICE "slave-id=2'",
          "sdm-communication-local 'link': slave ID 2 does not exist: the "
          "master has num-slaves=1" },
        { LOCAL DEVICE "slave-id=2' " DEVICE "slave-id=2'",
          "*: slave ID 2 is in use" },
    };

    check_cases("-M virt", cases, ARRAY_SIZE(cases));
}

static void test_slave(void)
{
    static const Case slave[] = {
        { RAM "-object sdm-signal-nboot,id=boot",
          "sdm-signal-nboot 'boot': no memory backend is named, neither here "
          "nor by '-incoming shared:ID'" },
        { RAM "-object sdm-signal-nboot,id=boot,nhm=nobody",
          "sdm-signal-nboot 'boot': there is no memory backend 'nobody'" },
        { RAM "-object sdm-signal-nboot,id=boot,nhm=boot",
          "sdm-signal-nboot 'boot': there is no memory backend 'boot'" },
        { RAM "-object sdm-signal-nboot,id=boot,nhm=mem2 "
          "-object memory-backend-ram,id=mem2,size=1M",
          "sdm-signal-nboot 'boot': memory backend 'mem2' is not part of the "
          "machine" },
        { LISTEN MEMORY "socket=sock,size=64M,master=on,shared-size=32M"
          NUMA "64M -object sdm-signal-nboot,id=boot,nhm=mem",
          "sdm-signal-nboot 'boot': memory backend 'mem' is a master's, a "
          "slave boots from its own RAM" },
        { RAM "-incoming shared:", "-incoming shared:: there is no memory "
          "backend ''" },
        { RAM "-incoming shared:nobody", "-incoming shared:nobody: there is "
          "no memory backend 'nobody'" },
        { RAM "-incoming shared:mem", "-incoming shared:mem: memory backend "
          "'mem' is not a memory-backend-network" },
        { RAM "-incoming sharing:mem", "*sharing*" },
    };
    static const Case ordinary[] = {
        { RAM "-object sdm-signal-nboot,id=boot,nhm=mem",
          "sdm-signal-nboot 'boot': only a slave can be booted" },
        { RAM "-incoming shared:mem", "-incoming shared:mem: only a slave can "
          "wait for a boot signal" },
    };
    static const Case none[] = {
        { "-object sdm-communication-local,id=link", "Property "
          "'none-machine.slave' not found" },
    };

    check_cases("-M virt,slave", slave, ARRAY_SIZE(slave));
    check_cases("-M slave=on -M virt", slave, 1);
    check_cases("-M virt -M slave=on", slave, 1);
    check_cases("-M virt", ordinary, ARRAY_SIZE(ordinary));
    check_cases("-M virt,slave=off", ordinary, ARRAY_SIZE(ordinary));
    check_cases("-M virt,slave -M slave=off", ordinary, 1);
    check_cases("-M none,slave", none, ARRAY_SIZE(none));
}

/* What is loaded into the RAM of a slave would be in its master's way. */
static void test_slave_with_kernel(void)
{
    static const uint32_t loop = 0xeafffffe;
    Rig *rig = rig_new_unix();
    g_autofree char *kernel = rig_file(rig, "kernel", &loop, sizeof(loop));
    g_autofree char *args = g_strdup_printf("-M virt,slave -nodefaults "
                                            "-kernel %s", kernel);
    g_autofree char *output = NULL;

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    g_assert_nonnull(strstr(output, "a slave is booted by its master: "
                            "-kernel, -initrd and -dtb are not possible"));
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/options/multi-socket", test_multi_socket);
    qtest_add_func("/sdm/options/address-in-use", test_address_in_use);
    qtest_add_func("/sdm/options/memory", test_memory);
    qtest_add_func("/sdm/options/platform", test_platform);
    qtest_add_func("/sdm/options/signals", test_signals);
    qtest_add_func("/sdm/options/local", test_local);
    qtest_add_func("/sdm/options/slave", test_slave);
    qtest_add_func("/sdm/options/slave-with-kernel", test_slave_with_kernel);

    return g_test_run();
}
