/*
 * SDM: the command lines that users have always known
 *
 * They go through a shell exactly as they are written: short-form booleans,
 * quotes, array syntax, options that occur twice. The guests are dummies, but
 * they run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/prctl.h>
#include <sys/wait.h>
#include "sdm/common.h"

#define PORT 1234

static const char master_line[] =
    "qemu-system-arm -nographic -kernel zImage -M virt -m 1G "
    "-initrd busybox.cpio \\\n"
    "  -object multi-socket-backend,id=sock,listen,host=\"127.0.0.1\","
    "port=\"1234\" \\\n"
    "  -object memory-backend-network,id=mem,size=1G,shared-size=512M,"
    "socket=sock,master \\\n"
    "  -object sdm-communication-socket,id=scomm,socket=sock \\\n"
    "  -device sdm-platform,comm=scomm,master,num-slaves=2 \\\n"
    "  -append \"mem=512M memmap=512M$0x60000000\" \\\n"
    "  -numa node,memdev=mem -m 1G";

static const char slave_line[] =
    "qemu-system-arm -nographic -M virt,slave \\\n"
    "  -object multi-socket-backend,id=sock,host=\"127.0.0.1\","
    "port=\"1234\" \\\n"
    "  -object memory-backend-network,id=mem,size=512M,socket=sock \\\n"
    "  -object sdm-signal-nboot,id=boot,nhm=mem \\\n"
    "  -object sdm-communication-socket,id=scomm,socket=sock \\\n"
    "  -device sdm-platform,comm=scomm,len-signals=1,signals[0]=\"boot\" \\\n"
    "  -incoming \"shared:mem\" -numa node,memdev=mem -m 512M";

static const char local_line[] =
    "qemu-system-arm -nographic -kernel zImage -M virt -m 512M "
    "-initrd busybox.cpio \\\n"
    "  -object sdm-communication-local,id=localcomm "
    "-object sdm-signal,id=interrupt \\\n"
    "  -device sdm-platform,comm=localcomm,master,num-slaves=1,"
    "len-signals=1,signals[0]=\"interrupt\" \\\n"
    "  -device sdm-platform,comm=localcomm,len-signals=1,"
    "signals[0]=\"interrupt\"";

/* A QEMU whose console, and so its monitor, is a pipe. */
typedef struct Console {
    GPid pid;
    int in;
    int out;
    char *errors; /* file with its stderr */
} Console;

static Rig *rig;

/* The directory to start in, and the commands found there. */
static void set_up(void)
{
    static const uint32_t endless_loop = 0xeafffffe;
    g_autofree char *binary =
        g_canonicalize_filename(g_getenv("QTEST_QEMU_BINARY"), NULL);
    g_autofree char *command = NULL;
    g_autofree char *path = NULL;

    rig = rig_new_unix();
    g_free(rig_file(rig, "zImage", &endless_loop, sizeof(endless_loop)));
    g_free(rig_file(rig, "busybox.cpio", "nothing", 7));
    command = g_strdup_printf("%s/qemu-system-arm", rig->dir);
    g_assert_cmpint(symlink(binary, command), ==, 0);
    path = g_strdup_printf("%s:%s", rig->dir, g_getenv("PATH"));
    g_setenv("PATH", path, true);
}

static void redirect_errors(void *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    dup2(fd, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* The answer to a command, or to what has been typed before. */
static char *console_ask(Console *console, const char *command)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    const char *newline;

    g_assert_cmpint(write(console->in, command, strlen(command)), ==,
                    strlen(command));
    while (!g_str_has_suffix(answer->str, "\n(qemu) ")) {
        GPollFD pollfd = { .fd = console->out, .events = G_IO_IN };
        char buf[256];
        ssize_t n;

        g_assert_cmpint(g_poll(&pollfd, 1, TIME_LIMIT_S * 1000), ==, 1);
        n = read(console->out, buf, sizeof(buf));
        if (n <= 0) {
            g_autofree char *text = NULL;

            g_file_get_contents(console->errors, &text, NULL, NULL);
            g_error("QEMU ended: %s", text);
        }
        g_string_append_len(answer, buf, n);
    }
    /* Without the echo, and without the prompt. */
    newline = strchr(answer->str, '\n');
    return g_strndup(newline + 1, answer->len - strlen("(qemu) ") -
                     (newline + 1 - answer->str));
}

static void console_expect(Console *console, const char *command,
                           const char *pattern)
{
    g_autofree char *answer = console_ask(console, command);

    if (!g_pattern_match_simple(pattern, answer)) {
        g_error("%s: %s\nexpected: %s", command, answer, pattern);
    }
}

static Console *console_start(const char *line, const char *name)
{
    Console *console = g_new0(Console, 1);
    /* No shell stays behind that would outlive the test. */
    g_autofree char *command = g_strdup_printf("exec %s", line);
    const char *argv[] = { "/bin/sh", "-c", command, NULL };

    console->errors = g_strdup_printf("%s/%s", rig->dir, name);
    g_assert_true(g_spawn_async_with_pipes(rig->dir, (char **)argv, NULL,
                                           G_SPAWN_DO_NOT_REAP_CHILD,
                                           redirect_errors, console->errors,
                                           &console->pid, &console->in,
                                           &console->out, NULL, NULL));
    /* From the UART to the monitor. */
    console_expect(console, "\001c", "*");
    return console;
}

/* It ends well, and has had nothing but advice for its user. */
static void console_quit(Console *console)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    int status, i;

    g_assert_cmpint(write(console->in, "quit\n", 5), ==, 5);
    WAIT_FOR(waitpid(console->pid, &status, WNOHANG) == console->pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);

    text = read_log(console->errors);
    lines = g_strsplit(text, "\n", -1);
    for (i = 0; lines[i]; i++) {
        if (*lines[i] &&
            !g_pattern_match_simple("*: warning: short-form boolean option *",
                                    lines[i]) &&
            !g_pattern_match_simple("*: warning: Default NIC * is not "
                                    "available in this binary", lines[i]) &&
            !g_str_has_prefix(lines[i], "Please use ")) {
            g_error("printed: %s", lines[i]);
        }
    }
    close(console->in);
    close(console->out);
    g_free(console->errors);
    g_free(console);
}

static bool is_connected(Console *console)
{
    g_autofree char *answer =
        console_ask(console, "qom-get /objects/sock connected\n");

    return g_str_equal(answer, "1\r\n");
}

static bool port_is_free(void)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(PORT),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    bool is_free;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    is_free = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return is_free;
}

static void test_master_and_slave(void)
{
    Console *master, *slave;

    if (!port_is_free()) {
        g_test_skip("port 1234 is in use");
        return;
    }
    set_up();
    master = console_start(master_line, "master");
    console_expect(master, "info status\n", "VM status: running*");
    console_expect(master, "xp /1wx 0x60000000\n", "*: 0xffffffff*");

    slave = console_start(slave_line, "slave");
    WAIT_FOR(is_connected(slave));
    WAIT_FOR(is_connected(master));
    console_expect(slave, "info status\n", "VM status: paused (inmigrate)*");
    /* The slave's RAM, and what no slave has. */
    console_expect(master, "xp /1wx 0x60000000\n", "*: 0x00000000*");
    console_expect(master, "xp /1wx 0x7ffffffc\n", "*: 0x00000000*");
    console_expect(master, "xp /2wx 0x0c001080\n", "*: 0x00000002 "
                   "0x00000040*");
    console_expect(slave, "xp /1wx 0x0c000010\n", "*: 0x00000001*");

    console_quit(slave);
    WAIT_FOR(!is_connected(master));
    console_quit(master);
    rig_free(rig);
}

static void test_local(void)
{
    Console *console;

    set_up();
    console = console_start(local_line, "local");
    console_expect(console, "info status\n", "VM status: running*");
    console_expect(console, "xp /1wx 0x0c000000\n", "*: 0x314d4453*");
    console_expect(console, "xp /1wx 0x0c000010\n", "*: 0x00000000*");
    console_expect(console, "xp /1wx 0x0c010000\n", "*: 0x314d4453*");
    console_expect(console, "xp /1wx 0x0c010010\n", "*: 0x00000001*");
    console_expect(console, "xp /2wx 0x0c001080\n", "*: 0x00000003 "
                   "0x00000040*");
    console_quit(console);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (g_str_equal(qtest_get_arch(), "arm") && qtest_has_accel("tcg")) {
        qtest_add_func("/sdm/cmdline/master-and-slave",
                       test_master_and_slave);
        qtest_add_func("/sdm/cmdline/local", test_local);
    }

    return g_test_run();
}
