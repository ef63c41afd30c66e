/*
 * SDM: what the monitor says, and that it refuses to save the machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "sdm/raw.h"

static Rig *rig;

/*
 * ------------------------------------------------------------------------
 * query-sdm
 */

static QDict *query(Machine *m)
{
    return qtest_qmp_assert_success_ref(m->qts, "{ 'execute': 'query-sdm' }");
}

static QDict *element(const QDict *dict, const char *list, unsigned index)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(dict, list), entry) {
        if (!index--) {
            return qobject_to(QDict, qlist_entry_obj(entry));
        }
    }
    g_error("too few elements in '%s'", list);
}

static size_t length(const QDict *dict, const char *list)
{
    return qlist_size(qdict_get_qlist(dict, list));
}

/* The element of a list whose "id" is @id, or NULL. */
static QDict *with_id(const QDict *dict, const char *list, uint32_t id)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(dict, list), entry) {
        QDict *found = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(found, "id") == id) {
            return found;
        }
    }
    return NULL;
}

static void check_str(const QDict *dict, const char *name, const char *value)
{
    g_assert_cmpstr(qdict_get_str(dict, name), ==, value);
}

static void check_int(const QDict *dict, const char *name, uint64_t value)
{
    g_assert_cmpuint(qdict_get_int(dict, name), ==, value);
}

static void check_peer(const QDict *device, uint32_t id, const char *state,
                       uint32_t generation, uint32_t credits)
{
    const QDict *peer = with_id(device, "peers", id);

    g_assert_nonnull(peer);
    check_str(peer, "state", state);
    check_int(peer, "generation", generation);
    check_int(peer, "credits", credits);
    check_int(peer, "arch", generation ? EM_ARM : 0);
    /* By a socket, a slave does not learn how many its master has. */
    check_int(peer, "cpus", generation &&
              (id != SDM_ID_MASTER || qdict_get_bool(peer, "self") ||
               g_str_equal(qdict_get_str(device, "communication"), "local")));
    g_assert_cmpint(qdict_get_bool(peer, "self"), ==,
                    qdict_haskey(device, "own-id") &&
                    qdict_get_int(device, "own-id") == id);
}

static void check_signals(Machine *m, uint32_t id, uint64_t sent,
                          uint64_t received, uint32_t queued)
{
    QDict *info = query(m);
    const QDict *peer = with_id(element(info, "devices", 0), "peers", id);

    check_int(peer, "sent", sent);
    check_int(peer, "received", received);
    check_int(peer, "queued", queued);
    qobject_unref(info);
}

static void check_driver(Machine *m, uint32_t id, bool driver)
{
    bool is;

    do {
        QDict *info = query(m);

        is = qdict_get_bool(with_id(element(info, "devices", 0), "peers", id),
                            "driver");
        qobject_unref(info);
    } while (is != driver);
}

static void test_none(void)
{
    Machine *m;
    QDict *info;

    rig = rig_new_unix();
    m = start_machine(rig, "-M virt -nodefaults");
    info = query(m);
    g_assert_cmpint(length(info, "devices"), ==, 0);
    g_assert_cmpint(length(info, "sockets"), ==, 0);
    qobject_unref(info);
    quit_machine(m);
    rig_free(rig);
}

static void test_local(void)
{
    Machine *m;
    QDict *info, *device;

    rig = rig_new_unix();
    m = start_machine(rig, "-M virt -nodefaults "
                      "-object sdm-communication-local,id=local "
                      "-device sdm-platform,id=sdm,comm=local,master=on,"
                      "num-slaves=2 -device sdm-platform,comm=local");
    g_assert_cmpint(send_signal(m, 1, 3, 0, 0), ==, SDM_TX_OK);
    g_assert_cmpint(send_signal(m, 0, 3, 0, 0), ==, SDM_TX_OK);

    info = query(m);
    g_assert_cmpint(length(info, "devices"), ==, 2);
    g_assert_cmpint(length(info, "sockets"), ==, 0);
    device = element(info, "devices", 0);
    check_str(device, "path", "/machine/peripheral/sdm");
    check_str(device, "communication", "local");
    check_str(device, "role", "master");
    check_int(device, "own-id", 0);
    check_int(device, "num-ids", 3);
    g_assert_cmpint(length(device, "peers"), ==, 3);
    check_peer(device, 0, "running", 1, QUEUE_DEPTH - 1);
    check_peer(device, 1, "running", 1, QUEUE_DEPTH - 1);
    check_peer(device, 2, "absent", 0, 0);
    device = element(info, "devices", 1);
    check_str(device, "role", "slave");
    check_int(device, "own-id", 1);
    check_peer(device, 0, "running", 1, QUEUE_DEPTH);
    qobject_unref(info);

    check_signals(m, 0, 1, 1, 1);
    check_signals(m, 1, 1, 0, 0);
    quit_machine(m);
    rig_free(rig);
}

static void check_window(Machine *master, uint32_t errors, const char *cause,
                         bool write, int id, uint64_t offset)
{
    QDict *info = query(master);
    const QDict *window = qdict_get_qdict(element(info, "sockets", 0),
                                          "window");
    const QDict *first;

    check_str(window, "memory", "mem");
    check_int(window, "base", WINDOW_BASE);
    check_int(window, "size", WINDOW_SIZE);
    check_int(window, "errors", errors);
    g_assert_cmpint(qdict_haskey(window, "first-error"), ==, !!cause);
    if (cause) {
        first = qdict_get_qdict(window, "first-error");
        check_str(first, "cause", cause);
        g_assert_cmpint(qdict_get_bool(first, "write"), ==, write);
        check_int(first, "offset", offset);
        g_assert_cmpint(qdict_haskey(first, "id"), ==, id >= 0);
        if (id >= 0) {
            check_int(first, "id", id);
        }
    }
    qobject_unref(info);
}

static void check_link(const QDict *socket, uint32_t id, const char *address,
                       uint64_t offset, bool mapped)
{
    const QDict *link = with_id(socket, "links", id);
    const QDict *memory = qdict_get_qdict(link, "memory");

    g_assert_true(g_pattern_match_simple(address,
                                         qdict_get_str(link, "address")));
    check_int(link, "arch", EM_ARM);
    g_assert_false(qdict_haskey(link, "latest-end"));
    check_int(memory, "offset", offset);
    check_int(memory, "size", SLAVE_SIZE);
    check_int(memory, "base", RAM_BASE);
    g_assert_cmpint(qdict_get_bool(memory, "mapped"), ==, mapped);
}

static void check_end(Machine *m, uint32_t id, const char *reason)
{
    QDict *info = query(m);
    const QDict *link = with_id(element(info, "sockets", 0), "links", id);

    g_assert_false(qdict_haskey(link, "address"));
    g_assert_false(qdict_haskey(link, "memory"));
    if (!g_pattern_match_simple(reason, qdict_get_str(link, "latest-end"))) {
        g_error("ended: %s\nexpected: %s", qdict_get_str(link, "latest-end"),
                reason);
    }
    qobject_unref(info);
}

static void test_links(void)
{
    Machine *master, *slave1, *slave2;
    QDict *info, *device, *socket;
    int fd;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    info = query(master);
    socket = element(info, "sockets", 0);
    check_str(socket, "id", "sock");
    check_str(socket, "role", "master");
    check_int(socket, "own-id", 0);
    check_int(socket, "handshakes", 0);
    g_assert_cmpint(length(socket, "links"), ==, 0);
    qobject_unref(info);
    check_window(master, 0, NULL, false, 0, 0);

    slave1 = start_slave(rig, NULL);
    slave2 = start_slave(rig, NULL);
    wait_connected(master, 2);
    WAIT_FOR(peer_credits(slave2, 1) == 16);
    info = query(master);
    socket = element(info, "sockets", 0);
    device = element(info, "devices", 0);
    check_str(device, "communication", "scomm");
    check_peer(device, 0, "running", 1, QUEUE_DEPTH);
    check_peer(device, 1, "reset", 1, SLAVE_CREDITS);
    check_peer(device, 2, "reset", 1, SLAVE_CREDITS);
    g_assert_cmpint(length(socket, "links"), ==, 2);
    check_link(socket, 1, "tcp:127.0.0.1:*", 0, false);
    check_link(socket, 2, "tcp:127.0.0.1:*", SLAVE_SIZE, false);
    qobject_unref(info);

    info = query(slave2);
    socket = element(info, "sockets", 0);
    device = element(info, "devices", 0);
    check_str(socket, "role", "slave");
    check_int(socket, "own-id", 2);
    g_assert_false(qdict_haskey(socket, "window"));
    g_assert_false(qdict_haskey(with_id(socket, "links", 0), "memory"));
    check_int(device, "own-id", 2);
    check_peer(device, 0, "running", 1, QUEUE_DEPTH);
    /* The other slave, by way of the master. */
    check_peer(device, 1, "reset", 1, 16);
    qobject_unref(info);

    /* Signals are counted where they are. */
    send_signal(master, 1, 5, 0, 0);
    send_signal(master, 1, 6, 0, 0);
    send_signal(master, 1, SDM_NUM_SIGNALS, 0, 0);
    expect_signal(slave1, 0, 5, 0, 0);
    wait_reg(slave1, SDM_REG_RX_HEAD, SDM_RX_VALID, SDM_RX_VALID);
    check_signals(master, 1, 2, 0, 0);
    check_signals(slave1, 0, 0, 2, 1);

    /* Drivers, and the errors of the window. */
    check_driver(slave1, 0, false);
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    check_driver(slave1, 0, true);
    qtest_writel(master->qts, WINDOW_BASE + WINDOW_SIZE - 8, 0);
    check_window(master, 0, NULL, false, 0, 0);

    /* Ends of links, in order, by force, and by their own fault. */
    quit_machine(slave2);
    wait_connected(master, 1);
    check_end(master, 2, "left in order");
    qtest_writel(master->qts, WINDOW_BASE + WINDOW_SIZE - 8, 0);
    check_window(master, 1, "absent", true, -1, WINDOW_SIZE - 8);
    set_reg(master, SDM_REG_ERR_STATUS, 0);
    check_window(master, 1, NULL, false, 0, 0);

    kill_machine(slave1);
    expect_line(master, "*link to slave*lost*");
    wait_connected(master, 0);
    check_end(master, 1, "*closed*");
    info = query(master);
    check_peer(element(info, "devices", 0), 1, "lost", 1, 0);
    check_peer(element(info, "devices", 0), 2, "absent", 1, 0);
    qobject_unref(info);

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_MEM_READ, 0, 8, 0, 4);
    raw_send(fd, "12345678", 8);
    raw_expect_end(fd);
    expect_line(master, "*link to slave*lost*");
    wait_connected(master, 0);
    check_end(master, 1, "protocol violation: *");
    quit_machine(master);
    rig_free(rig);
}

/* A slave whose RAM the master maps. */
static void test_mapped(void)
{
    Machine *master, *slave;
    QDict *info;

    rig = rig_new_unix();
    master = start_master(rig, NULL);
    slave = start_slave(rig, &(SlaveOptions) { .memory = ",share=on" });
    wait_connected(master, 1);
    info = query(master);
    check_link(element(info, "sockets", 0), 1, "*", 0, true);
    qobject_unref(info);
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* A slave that nobody has welcomed so far. */
static void test_handshake(void)
{
    g_autofree char *args = NULL;
    struct sdm_proto_header header;
    Machine *slave;
    QDict *info, *device, *socket;
    int listener, fd;

    rig = rig_new_tcp();
    listener = raw_listen(rig);
    args = slave_args(rig, NULL);
    slave = start_machine(rig, args);
    fd = raw_accept(listener);
    raw_expect(fd, SDM_PROTO_HELLO, &header, NULL);

    info = query(slave);
    device = element(info, "devices", 0);
    socket = element(info, "sockets", 0);
    g_assert_false(qdict_haskey(device, "own-id"));
    check_int(device, "num-ids", 1);
    check_peer(device, 0, "absent", 0, 0);
    g_assert_false(qdict_haskey(socket, "own-id"));
    check_int(socket, "handshakes", 1);
    g_assert_cmpint(length(socket, "links"), ==, 0);
    qobject_unref(info);

    raw_send_welcome(fd, &raw_welcome, &raw_signals);
    wait_connected(slave, 1);
    info = query(slave);
    check_int(element(info, "sockets", 0), "handshakes", 0);
    qobject_unref(info);
    quit_machine(slave);
    close(fd);
    close(listener);
    rig_free(rig);
}

/* A slave that looks for its master, at first and again. */
static void test_connecting(void)
{
    g_autofree char *args = NULL;
    Machine *master, *slave;
    QDict *info;

    rig = rig_new_tcp();
    args = slave_args(rig, &(SlaveOptions) { .socket = ",reconnect-ms=50" });
    slave = start_machine(rig, args);
    expect_line(slave, "*: no master so far: *");
    info = query(slave);
    check_peer(element(info, "devices", 0), 0, "connecting", 0, 0);
    g_assert_cmpint(length(element(info, "sockets", 0), "links"), ==, 0);
    qobject_unref(info);

    master = start_master(rig, NULL);
    wait_connected(slave, 1);
    kill_machine(master);
    expect_line(slave, "*link to master*lost*");
    expect_line(slave, "*: no master so far: *");
    info = query(slave);
    check_peer(element(info, "devices", 0), 0, "connecting", 1, 0);
    qobject_unref(info);
    check_end(slave, 0, "?*");
    quit_machine(slave);
    rig_free(rig);
}

static void check_text(Machine *m, const char *pattern)
{
    g_autofree char *text = qtest_hmp(m->qts, "info sdm");

    if (!g_pattern_match_simple(pattern, text)) {
        g_error("info sdm: %s\nexpected: %s", text, pattern);
    }
}

static void test_hmp(void)
{
    Machine *master, *slave;

    rig = rig_new_tcp();
    master = start_master(rig, NULL);
    slave = start_slave(rig, NULL);
    wait_connected(master, 1);
    check_text(master, "device /machine/peripheral/sdm: master, ID 0 of 3, "
               "joined by scomm\r\n*\r\n*0 running *\r\n"
               "    1 reset      no              1      62          0 "
               "         0      0\r\n    2 absent *\r\n"
               "socket sock: master, ID 0, 0 handshakes under way\r\n"
               "  window of mem: 0x20000000 bytes at 0x60000000, "
               "0 failed accesses\r\n"
               "     1 tcp:127.0.0.1:*, 0x10000000 bytes of its 0x40000000 "
               "at offset 0x0 of the window, forwarded\r\n");
    check_text(slave, "device /machine/peripheral/sdm: slave, ID 1 of 3, *"
               "socket sock: slave, ID 1, *\r\n     0 tcp:127.0.0.1:*\r\n");
    quit_machine(slave);
    wait_connected(master, 0);
    qtest_readl(master->qts, WINDOW_BASE + 4);
    check_text(master, "*, 1 failed accesses\r\n"
               "  first of them: load at offset 0x4: absent\r\n"
               "     1 not connected: left in order\r\n");
    slave = start_slave(rig, NULL);
    wait_connected(master, 1);
    check_text(master, "*     1 tcp:*, forwarded; before: left in order\r\n");
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/*
 * ------------------------------------------------------------------------
 * Migration and snapshots
 */

static void check_error(QDict *response, const char *reason)
{
    const QDict *error = qdict_get_qdict(response, "error");

    g_assert_nonnull(error);
    check_str(error, "desc", reason);
    qobject_unref(response);
}

/* A job that fails; its error is @reason. */
static void check_job(Machine *m, const char *reason)
{
    const QDict *job;
    QDict *jobs;

    qtest_qmp_assert_success(m->qts, "{ 'execute': 'snapshot-save', "
                             "'arguments': { 'job-id': 'job', 'tag': 'x', "
                             "'vmstate': 'none', 'devices': [] } }");
    while (true) {
        jobs = qtest_qmp(m->qts, "{ 'execute': 'query-jobs' }");
        job = element(jobs, "return", 0);
        if (g_str_equal(qdict_get_str(job, "status"), "concluded")) {
            break;
        }
        qobject_unref(jobs);
        g_usleep(1000);
    }
    check_str(job, "error", reason);
    qobject_unref(jobs);
    qtest_qmp_assert_success(m->qts, "{ 'execute': 'job-dismiss', "
                             "'arguments': { 'id': 'job' } }");
}

static void check_blocked(Machine *m, const char *reason)
{
    g_autofree char *text = qtest_hmp(m->qts, "savevm x");
    g_autofree char *expected = g_strdup_printf("Error: %s\r\n", reason);

    g_assert_cmpstr(text, ==, expected);
    check_job(m, reason);
    check_error(qtest_qmp(m->qts, "{ 'execute': 'migrate', 'arguments': "
                          "{ 'uri': 'exec:cat >/dev/null' } }"), reason);
}

#define DEVICE_REASON                                                       \
    "sdm-platform 'sdm' cannot be saved or migrated: its links and the "    \
    "signals under way are those of other devices, too"

static void check_only_migratable(const char *args, const char *reason)
{
    g_autofree char *all = g_strdup_printf("-only-migratable %s", args);
    g_autofree char *output = NULL;

    g_assert_cmpint(run_qemu(rig, all, &output), ==, 1);
    if (!strstr(output, reason)) {
        g_error("printed: %s\nexpected: %s", output, reason);
    }
}

static void test_blocked(void)
{
    static const char local[] = "-M virt -nodefaults "
        "-object sdm-communication-local,id=local "
        "-device sdm-platform,id=sdm,comm=local,master=on,num-slaves=1";
    g_autofree char *args = NULL;
    Machine *master, *slave, *m;

    rig = rig_new_tcp();
    args = g_strdup_printf("-M virt -m 16M -nodefaults "
                           "-object multi-socket-backend,id=sock,%s "
                           "-object memory-backend-network,id=mem,size=16M,"
                           "socket=sock -numa node,memdev=mem", rig->address);
    master = start_master(rig, NULL);
    slave = start_machine(rig, args);
    wait_connected(slave, 1);
    check_blocked(master, DEVICE_REASON);
    check_blocked(slave, "memory-backend-network 'mem' cannot be saved or "
                  "migrated: its master may write to it at any time");
    quit_machine(slave);

    /* One that waits for its boot, too. */
    slave = start_slave(rig, NULL);
    wait_connected(master, 1);
    check_job(slave, DEVICE_REASON);
    quit_machine(slave);
    quit_machine(master);

    m = start_machine(rig, local);
    check_blocked(m, DEVICE_REASON);
    quit_machine(m);

    check_only_migratable(local, DEVICE_REASON);
    check_only_migratable(args, "memory-backend-network 'mem' cannot be ");
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/monitor/none", test_none);
    qtest_add_func("/sdm/monitor/local", test_local);
    qtest_add_func("/sdm/monitor/links", test_links);
    qtest_add_func("/sdm/monitor/mapped", test_mapped);
    qtest_add_func("/sdm/monitor/handshake", test_handshake);
    qtest_add_func("/sdm/monitor/connecting", test_connecting);
    qtest_add_func("/sdm/monitor/hmp", test_hmp);
    qtest_add_func("/sdm/monitor/blocked", test_blocked);

    return g_test_run();
}
