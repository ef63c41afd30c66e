/*
 * SDM tests: machines, their registers and what they print
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/prctl.h>
#include <sys/wait.h>
#include <glib/gstdio.h>
#include "qobject/qnum.h"
#include "common.h"

/*
 * ------------------------------------------------------------------------
 * Rig
 */

static Rig *rig_new(void)
{
    Rig *rig = g_new0(Rig, 1);

    rig->dir = g_dir_make_tmp("sdm-XXXXXX", NULL);
    g_assert_nonnull(rig->dir);
    return rig;
}

uint16_t free_tcp_port(void)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, length), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&addr, &length), ==, 0);
    close(fd);
    return ntohs(addr.sin_port);
}

Rig *rig_new_tcp(void)
{
    Rig *rig = rig_new();

    rig->port = free_tcp_port();
    rig->address = g_strdup_printf("host=127.0.0.1,port=%u", rig->port);
    return rig;
}

Rig *rig_new_unix(void)
{
    Rig *rig = rig_new();

    rig->path = g_strdup_printf("%s/socket", rig->dir);
    rig->address = g_strdup_printf("path=%s", rig->path);
    return rig;
}

void rig_free(Rig *rig)
{
    GDir *dir = g_dir_open(rig->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("%s/%s", rig->dir, name);

        g_remove(path);
    }
    g_dir_close(dir);
    g_rmdir(rig->dir);
    g_free(rig->dir);
    g_free(rig->address);
    g_free(rig->path);
    g_free(rig);
}

char *rig_file(Rig *rig, const char *name, const void *data, size_t length)
{
    char *path = g_strdup_printf("%s/%s", rig->dir, name);

    g_assert_true(g_file_set_contents(path, data, length, NULL));
    return path;
}

/*
 * ------------------------------------------------------------------------
 * Machines
 */

char *master_args(Rig *rig, const MasterOptions *options)
{
    static const MasterOptions defaults;

    options = options ? options : &defaults;
    return g_strdup_printf(
        "-M virt -m 1G -nodefaults "
        "-object multi-socket-backend,id=sock,listen=on,%s%s "
        "-object memory-backend-network,id=mem,size=1G,shared-size=512M,"
        "socket=sock,master=on%s "
        "-object sdm-communication-socket,id=scomm,socket=sock "
        "-device sdm-platform,id=sdm,comm=scomm,master=on,num-slaves=%u%s "
        "-numa node,memdev=mem %s",
        rig->address, options->socket ? options->socket : "",
        options->memory ? options->memory : "",
        options->num_slaves ? options->num_slaves : 2,
        options->device ? options->device : "",
        options->machine ? options->machine : "");
}

char *slave_args(Rig *rig, const SlaveOptions *options)
{
    static const SlaveOptions defaults;
    const char *size;

    options = options ? options : &defaults;
    size = options->size ? options->size : "256M";
    return g_strdup_printf(
        "-M virt%s -m %s -nodefaults "
        "-object multi-socket-backend,id=sock,%s%s "
        "-object memory-backend-network,id=mem,size=%s,socket=sock%s "
        "-object sdm-communication-socket,id=scomm,socket=sock "
        "-device 'sdm-platform,id=sdm,comm=scomm,slave-id=%u%s%s' "
        "-numa node,memdev=mem %s %s",
        options->no_boot ? "" : ",slave", size, rig->address,
        options->socket ? options->socket : "", size,
        options->memory ? options->memory : "", options->id,
        options->no_boot ? "" : ",len-signals=1,signals[0]=boot",
        options->device ? options->device : "", options->no_boot ? "" :
        "-object sdm-signal-nboot,id=boot,nhm=mem -incoming shared:mem",
        options->machine ? options->machine : "");
}

Machine *start_machine(Rig *rig, const char *args)
{
    Machine *m = g_new0(Machine, 1);

    m->log = g_strdup_printf("%s/log-%u", rig->dir, rig->num_logs++);
    m->regs = REGS_BASE;
    m->qts = qtest_initf("%s 2>%s", args, m->log);
    return m;
}

Machine *start_master(Rig *rig, const MasterOptions *options)
{
    g_autofree char *args = master_args(rig, options);

    return start_machine(rig, args);
}

Machine *start_slave(Rig *rig, const SlaveOptions *options)
{
    g_autofree char *args = slave_args(rig, options);
    Machine *m = start_machine(rig, args);

    wait_connected(m, 1);
    return m;
}

char *read_log(const char *path)
{
    g_autofree char *text = NULL;
    char *end;

    /* A machine that has just been started has said nothing so far. */
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return g_strdup("");
    }
    /* A line that is not complete does not count. */
    end = strrchr(text, '\n');
    (end ? end + 1 : text)[0] = 0;
    /* The address sanitizer has something to say about each start. */
    if (g_pattern_match_simple("==*==WARNING: ASan doesn't fully support*",
                               text)) {
        return g_strdup(strchr(text, '\n') + 1);
    }
    return g_steal_pointer(&text);
}

static char **log_lines(Machine *m)
{
    g_autofree char *text = read_log(m->log);
    size_t length = strlen(text);

    if (length) {
        text[length - 1] = 0;
    }
    return g_strsplit(text, "\n", -1);
}

static void machine_free(Machine *m)
{
    g_auto(GStrv) lines = log_lines(m);

    if (g_strv_length(lines) > m->log_seen) {
        g_error("not expected on stderr: %s", lines[m->log_seen]);
    }
    g_free(m->log);
    g_free(m->irq_device);
    g_free(m);
}

void quit_machine(Machine *m)
{
    qtest_quit(m->qts);
    machine_free(m);
}

void kill_machine(Machine *m)
{
    /* qtest_quit() would not accept this end: the rest of it stays here. */
    static GPtrArray *killed;

    if (!killed) {
        killed = g_ptr_array_new();
    }
    g_ptr_array_add(killed, m->qts);
    kill(qtest_pid(m->qts), SIGKILL);
    WAIT_FOR(!qtest_probe_child(m->qts));
    machine_free(m);
}

Machine second_device(const Machine *m)
{
    Machine second = *m;

    second.regs += SDM_REGS_SIZE;
    return second;
}

static void redirect_stderr(void *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    dup2(fd, STDERR_FILENO);
    /* Nothing that is started here outlives the test. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

struct Program {
    GPid pid;
    char *log;
};

Program *spawn_qemu(Rig *rig, const char *args)
{
    Program *program = g_new0(Program, 1);
    g_autofree char *command =
        g_strdup_printf("exec %s -display none -accel qtest %s",
                        g_getenv("QTEST_QEMU_BINARY"), args);
    const char *argv[] = { "/bin/sh", "-c", command, NULL };

    program->log = g_strdup_printf("%s/log-%u", rig->dir, rig->num_logs++);
    g_assert_true(g_spawn_async(NULL, (char **)argv, NULL,
                                G_SPAWN_DO_NOT_REAP_CHILD |
                                G_SPAWN_STDOUT_TO_DEV_NULL,
                                redirect_stderr, program->log, &program->pid,
                                NULL));
    return program;
}

int finish_qemu(Program *program, char **output)
{
    int status;

    WAIT_FOR(waitpid(program->pid, &status, WNOHANG) == program->pid);
    *output = read_log(program->log);
    if (!WIFEXITED(status)) {
        g_error("QEMU ended by signal %d: %s", WTERMSIG(status), *output);
    }
    g_free(program->log);
    g_free(program);
    return WEXITSTATUS(status);
}

int run_qemu(Rig *rig, const char *args, char **output)
{
    return finish_qemu(spawn_qemu(rig, args), output);
}

unsigned num_connected(Machine *m)
{
    QDict *response = qtest_qmp(m->qts, "{ 'execute': 'qom-get', 'arguments': "
                                "{ 'path': '/objects/sock', "
                                "'property': 'connected' } }");
    unsigned n;

    g_assert_true(qdict_haskey(response, "return"));
    n = qdict_get_int(response, "return");
    qobject_unref(response);
    return n;
}

void wait_connected(Machine *m, unsigned n)
{
    WAIT_FOR(num_connected(m) == n);
}

bool has_status(Machine *m, const char *status)
{
    QDict *response = qtest_qmp(m->qts, "{ 'execute': 'query-status' }");
    QDict *result = qdict_get_qdict(response, "return");
    bool equal = g_str_equal(qdict_get_str(result, "status"), status);

    qobject_unref(response);
    return equal;
}

/*
 * ------------------------------------------------------------------------
 * What machines print
 */

bool is_silent(Machine *m)
{
    g_auto(GStrv) lines = log_lines(m);

    return g_strv_length(lines) == m->log_seen;
}

bool said(Machine *m, const char *pattern)
{
    g_auto(GStrv) lines = log_lines(m);
    bool found = false;

    for (; lines[m->log_seen]; m->log_seen++) {
        found |= g_pattern_match_simple(pattern, lines[m->log_seen]);
    }
    return found;
}

void expect_line(Machine *m, const char *pattern)
{
    g_auto(GStrv) lines = NULL;

    WAIT_FOR(!is_silent(m));
    lines = log_lines(m);
    if (!g_pattern_match_simple(pattern, lines[m->log_seen])) {
        g_error("printed: %s\nexpected: %s", lines[m->log_seen], pattern);
    }
    m->log_seen++;
}

/*
 * ------------------------------------------------------------------------
 * Registers
 */

uint32_t get_reg(Machine *m, unsigned reg)
{
    return qtest_readl(m->qts, m->regs + reg);
}

void set_reg(Machine *m, unsigned reg, uint32_t value)
{
    qtest_writel(m->qts, m->regs + reg, value);
}

uint64_t get_reg64(Machine *m, unsigned reg)
{
    return get_reg(m, reg) | (uint64_t)get_reg(m, reg + 4) << 32;
}

void wait_reg(Machine *m, unsigned reg, uint32_t mask, uint32_t value)
{
    WAIT_FOR((get_reg(m, reg) & mask) == value);
}

bool irq_level(Machine *m, const char *device_id)
{
    if (!m->irq_device) {
        g_autofree char *path = g_strdup_printf("/machine/peripheral/%s",
                                                device_id);

        qtest_irq_intercept_out_named(m->qts, path, "sysbus-irq");
        m->irq_device = g_strdup(device_id);
    }
    g_assert_cmpstr(m->irq_device, ==, device_id);
    return qtest_get_irq(m->qts, 0);
}

uint32_t peer_state(Machine *m, uint32_t id)
{
    return get_reg(m, SDM_REG_PEER(id, SDM_PEER_STATE)) & SDM_PEER_STATE_MASK;
}

void wait_peer_state(Machine *m, uint32_t id, uint32_t state)
{
    WAIT_FOR(peer_state(m, id) == state);
}

uint32_t peer_credits(Machine *m, uint32_t id)
{
    return get_reg(m, SDM_REG_PEER(id, SDM_PEER_CREDITS));
}

uint32_t send_signal(Machine *m, uint32_t dest, uint32_t signal,
                     uint64_t data0, uint64_t data1)
{
    qtest_writeq(m->qts, m->regs + SDM_REG_TX_DATA0_LO, data0);
    qtest_writeq(m->qts, m->regs + SDM_REG_TX_DATA1_LO, data1);
    set_reg(m, SDM_REG_TX_DOORBELL, SDM_TX_DOORBELL(dest, signal));
    return get_reg(m, SDM_REG_TX_STATUS);
}

void expect_signal(Machine *m, uint32_t source, uint32_t signal,
                   uint64_t data0, uint64_t data1)
{
    uint32_t head = SDM_RX_HEAD(source, signal);

    if (data0 || data1) {
        head |= SDM_RX_HAS_DATA;
    }
    wait_reg(m, SDM_REG_RX_HEAD, SDM_RX_VALID, SDM_RX_VALID);
    g_assert_cmphex(get_reg(m, SDM_REG_RX_HEAD), ==, head);
    g_assert_cmphex(get_reg64(m, SDM_REG_RX_DATA0_LO), ==, data0);
    g_assert_cmphex(get_reg64(m, SDM_REG_RX_DATA1_LO), ==, data1);
    set_reg(m, SDM_REG_RX_POP, 1);
}
