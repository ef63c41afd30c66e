/*
 * SDM: slaves that violate the protocol, and what their master does
 *
 * After each of them the master lives, has said once what was wrong, and
 * takes a proper slave.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "sdm/raw.h"

/* Peers whose handshake a master awaits at the same time. */
#define MAX_PENDING 32

/* Messages about peers without handshake, in ten seconds. */
#define MAX_REPORTS 20

static Rig *rig;
static Machine *master;

static void start(void)
{
    rig = rig_new_tcp();
    master = start_master(rig, NULL);
}

static void end(void)
{
    Machine *slave = start_slave(rig, NULL);
    uint64_t offset;

    wait_connected(master, 1);
    offset = get_reg64(master, SDM_REG_PEER(1, SDM_PEER_MEM_OFFSET_LO));
    qtest_writel(slave->qts, RAM_BASE, 0x1234);
    g_assert_cmphex(qtest_readl(master->qts, WINDOW_BASE + offset), ==,
                    0x1234);
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* A proper slave can come and go. */
static void check_alive(void)
{
    raw_leave(raw_join(rig));
    wait_connected(master, 0);
}

/*
 * ------------------------------------------------------------------------
 * Before the handshake
 */

/* The master gave up the connection, without an answer. */
static void expect_dropped(int fd, const char *reason)
{
    g_autofree char *line =
        g_strdup_printf("*: no connection with tcp:127.0.0.1:*: %s", reason);
    char byte;

    g_assert_cmpint(recv(fd, &byte, 1, 0), <=, 0);
    close(fd);
    expect_line(master, line);
    check_alive();
}

/* The master answered that it does not want this slave, and why. */
static void expect_reject(int fd, uint32_t code, const char *reason)
{
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    g_autofree char *line =
        g_strdup_printf("*: refused a slave from tcp:127.0.0.1:*: %s", reason);
    struct sdm_proto_header header;

    raw_expect(fd, SDM_PROTO_REJECT, &header, payload);
    g_assert_cmpint(header.arg, ==, code);
    g_assert_cmpint(header.length, <=, SDM_PROTO_MAX_HANDSHAKE);
    g_assert_true(g_utf8_validate((char *)payload, header.length, NULL));
    g_assert_true(g_pattern_match_simple(reason, (char *)payload));
    raw_expect_end(fd);
    expect_line(master, line);
    check_alive();
}

static void test_not_a_hello(void)
{
    static const struct {
        uint16_t type;
        size_t length;
    } frames[] = {
        { SDM_PROTO_WELCOME, 24 },
        { SDM_PROTO_BYE, 0 },
        { SDM_PROTO_MEM_READ, 8 },
        { SDM_PROTO_MEM_DATA, 8 },
        { SDM_PROTO_SIGNAL, 32 },
        { SDM_PROTO_STATE, 0 },
    };
    uint8_t payload[32] = { 0 };
    unsigned i;
    int fd;

    start();
    for (i = 0; i < ARRAY_SIZE(frames); i++) {
        g_autofree char *reason =
            g_strdup_printf("protocol violation: frame 0x%04x before the "
                            "handshake", frames[i].type);

        fd = raw_connect(rig);
        raw_send_frame(fd, frames[i].type, 0, 0, payload, frames[i].length);
        expect_dropped(fd, reason);
    }
    fd = raw_connect(rig);
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, 1, payload, 0);
    expect_reject(fd, SDM_REJECT_MALFORMED,
                  "protocol violation: REJECT from a slave");
    end();
}

/* Strangers do not fill the log, and nothing is kept of them. */
static void test_many_strangers(void)
{
    unsigned i;

    start();
    for (i = 0; i < 3 * MAX_PENDING; i++) {
        int fd = raw_connect(rig);
        char byte;

        raw_send_header(fd, i % 2 ? SDM_PROTO_STATE : 0x7777, 0, 0, 0, 0);
        g_assert_cmpint(recv(fd, &byte, 1, 0), <=, 0);
        close(fd);
        if (i < MAX_REPORTS) {
            expect_line(master, "*: no connection with *: protocol violation: "
                        "*");
        }
    }
    end();
}

static void test_bad_header(void)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fd;

    start();
    fd = raw_connect(rig);
    raw_send_header(fd, SDM_PROTO_HELLO, 0, SDM_PROTO_MAX_HANDSHAKE + 1, 0, 0);
    expect_dropped(fd, "protocol violation: frame length out of range");

    fd = raw_connect(rig);
    raw_send_header(fd, SDM_PROTO_HELLO, 0, 0xffffffff, 0, 0);
    expect_dropped(fd, "protocol violation: frame length out of range");

    fd = raw_connect(rig);
    raw_send_header(fd, SDM_PROTO_HELLO, 0, 23, 0, 0);
    expect_dropped(fd, "protocol violation: frame length out of range");

    fd = raw_connect(rig);
    raw_send_header(fd, 0x7777, 0, 0, 0, 0);
    expect_dropped(fd, "protocol violation: unknown frame type");

    fd = raw_connect(rig);
    raw_send_header(fd, SDM_PROTO_HELLO, 1, 24, 0, 0);
    expect_dropped(fd, "protocol violation: unknown flags in a frame header");

    fd = raw_connect(rig);
    raw_send(fd, http, strlen(http));
    expect_dropped(fd, "protocol violation: unknown *");
    end();
}

static void test_truncated(void)
{
    static const uint8_t bytes[64] = { SDM_PROTO_HELLO, 0, 0, 0, 48 };
    unsigned i;

    start();
    /* Closed after so many bytes of a HELLO of 64. */
    for (i = 0; i < sizeof(bytes); i += 7) {
        int fd = raw_connect(rig);

        raw_send(fd, bytes, i);
        shutdown(fd, SHUT_WR);
        expect_dropped(fd, "the peer closed the connection");
    }
    end();
}

/* A HELLO in single bytes is as good as any. */
static void test_slow(void)
{
    int fd, real, i;
    uint8_t bytes[SDM_PROTO_HEADER_SIZE + 88];
    ssize_t n;
    int pair[2];
    const RawHello hello = {
        .hello = raw_hello, .memory = &raw_memory, .signals = &raw_signals,
    };

    start();
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    raw_send_hello(pair[0], &hello);
    close(pair[0]);
    n = recv(pair[1], bytes, sizeof(bytes), MSG_WAITALL);
    close(pair[1]);
    g_assert_cmpint(n, ==, sizeof(bytes));

    fd = raw_connect(rig);
    for (i = 0; i < n; i++) {
        raw_send(fd, bytes + i, 1);
        g_usleep(500);
        if (i == n / 2) {
            /* Nobody waits for it. */
            real = raw_join(rig);
            raw_leave(real);
            wait_connected(master, 0);
        }
    }
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 1);
    raw_leave(fd);
    wait_connected(master, 0);
    end();
}

static void test_bad_hello(void)
{
    RawHello hello = {
        .hello = raw_hello, .memory = &raw_memory, .signals = &raw_signals,
    };
    struct sdm_proto_hello_memory memory;
    int fd;

    start();
    hello.hello.magic = 0x12345678;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_MALFORMED, "protocol violation: "
                  "not an SDM peer (bad magic number)");
    hello.hello = raw_hello;

    hello.hello.major = 2;
    hello.hello.minor = 3;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_VERSION, "the slave speaks protocol version "
                  "2.3, the master 1.0");
    hello.hello = raw_hello;

    hello.hello.id = 3;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_ID, "slave ID 3 does not exist: the master "
                  "has IDs 1 to 2 (num-slaves=2)");
    hello.hello.id = 0xffffffff;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_ID, "slave ID 4294967295 does not exist: *");
    hello.hello = raw_hello;

    memory = raw_memory;
    memory.size = 1ull << 63;
    hello.memory = &memory;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_MEMORY, "its RAM of 8 EiB does not fit: "
                  "512 MiB are free in one piece in the window of 512 MiB "
                  "(shared-size)");
    memory.size = 0;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_MALFORMED, "protocol violation: impossible "
                  "size or base of the slave's RAM");
    memory.size = 1ull << 63;
    memory.base = (1ull << 63) + 4096;
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    expect_reject(fd, SDM_REJECT_MALFORMED, "protocol violation: impossible "
                  "size or base of the slave's RAM");
    end();
}

static void test_bad_sections(void)
{
    static const uint8_t twice[] = { 1, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t overlong[] = { 9, 0, 16, 0, 0, 0, 0, 0,
                                        0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t misaligned[] = { 9, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t truncated[] = { 9, 0, 0, 0 };
    static const struct {
        const uint8_t *bytes;
        size_t length;
        const char *reason;
    } cases[] = {
        { twice, sizeof(twice), "section occurs twice" },
        { overlong, sizeof(overlong), "bad section length" },
        { misaligned, sizeof(misaligned), "bad section length" },
        { truncated, sizeof(truncated), "truncated section" },
    };
    unsigned i;

    start();
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *reason = g_strdup_printf("protocol violation: %s",
                                                  cases[i].reason);
        const RawHello hello = {
            .hello = raw_hello,
            .memory = &raw_memory,
            .rest = cases[i].bytes,
            .rest_length = cases[i].length,
        };
        int fd = raw_connect(rig);

        raw_send_hello(fd, &hello);
        expect_reject(fd, SDM_REJECT_MALFORMED, reason);
    }
    end();
}

/* A slave that is refused takes nobody's place away. */
static void test_refused_keeps_places(void)
{
    struct sdm_proto_hello_memory all = raw_memory;
    struct sdm_proto_signals bad = raw_signals;
    RawHello hello = { .hello = raw_hello, .memory = &raw_memory,
                       .signals = &raw_signals };
    uint64_t offset;
    int fd[2];

    start();
    fd[0] = raw_join(rig);
    hello.hello.id = 2;
    fd[1] = raw_connect(rig);
    raw_send_hello(fd[1], &hello);
    raw_expect(fd[1], SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 2);
    offset = get_reg64(master, SDM_REG_PEER(2, SDM_PEER_MEM_OFFSET_LO));
    g_assert_cmphex(offset, >, 0);
    raw_leave(fd[0]);
    raw_leave(fd[1]);
    wait_connected(master, 0);

    all.size = WINDOW_SIZE;
    bad.num_signals = 0;
    hello.hello.id = 1;
    hello.memory = &all;
    hello.signals = &bad;
    fd[0] = raw_connect(rig);
    raw_send_hello(fd[0], &hello);
    raw_expect(fd[0], SDM_PROTO_REJECT, NULL, NULL);
    raw_expect_end(fd[0]);
    expect_line(master, "*: refused a slave from tcp:127.0.0.1:*: *");

    hello.hello.id = 2;
    hello.memory = &raw_memory;
    hello.signals = &raw_signals;
    fd[1] = raw_connect(rig);
    raw_send_hello(fd[1], &hello);
    raw_expect(fd[1], SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 1);
    g_assert_cmphex(get_reg64(master, SDM_REG_PEER(2, SDM_PEER_MEM_OFFSET_LO)),
                    ==, offset);
    raw_leave(fd[1]);
    wait_connected(master, 0);
    end();
}

static void test_bad_signals(void)
{
    struct sdm_proto_signals signals[] = {
        raw_signals, raw_signals, raw_signals, raw_signals, raw_signals,
        raw_signals, raw_signals,
    };
    static const char *reasons[] = {
        "impossible number of signals",
        "impossible number of signals",
        "impossible number of credits",
        "boot or reset signal out of range",
        "boot or reset signal out of range",
        "impossible machine state",
        "unknown bits in the machine state",
    };
    unsigned i;

    signals[0].num_signals = 0;
    signals[1].num_signals = 0x10001;
    signals[2].credits = 1025;
    signals[3].boot_signal = 4;
    signals[4].reset_signal = 0xfffffffe;
    signals[5].state = SDM_PEER_LOST;
    signals[6].state |= SDM_PEER_STATE_SELF;

    start();
    /* The memory section is good: its place must be free again. */
    for (i = 0; i < ARRAY_SIZE(signals); i++) {
        const struct sdm_proto_hello_memory memory = {
            .size = 512 * MiB, .base = 0,
        };
        const RawHello hello = {
            .hello = raw_hello, .memory = &memory, .signals = &signals[i],
        };
        g_autofree char *reason = g_strdup_printf("protocol violation: %s",
                                                  reasons[i]);
        int fd = raw_connect(rig);

        raw_send_hello(fd, &hello);
        expect_reject(fd, SDM_REJECT_MALFORMED, reason);
        g_assert_cmphex(get_reg64(master, SDM_REG_PEER(1,
                        SDM_PEER_MEM_SIZE_LO)), ==, 0);
    }
    end();
}

/* A newer slave: what this master does not know does no harm. */
static void test_newer_slave(void)
{
    static const uint8_t rest[] = { 9, 0, 8, 0, 0, 0, 0, 0,
                                    1, 2, 3, 4, 5, 6, 7, 8 };
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_welcome welcome;
    struct sdm_proto_header header;
    struct sdm_proto_welcome_memory memory;
    SDMProtoSections sections;
    RawHello hello = {
        .hello = raw_hello, .memory = &raw_memory, .signals = &raw_signals,
        .rest = rest, .rest_length = sizeof(rest),
    };
    int fd;

    hello.hello.minor = 77;
    hello.hello.features = 0xffffffff;
    hello.hello.id = 2;
    start();
    fd = raw_connect(rig);
    raw_send_hello(fd, &hello);
    raw_expect(fd, SDM_PROTO_WELCOME, &header, payload);
    g_assert_null(sdm_proto_parse_welcome(payload, header.length, &welcome,
                                          &sections));
    g_assert_cmpint(welcome.minor, ==, SDM_PROTO_MINOR);
    g_assert_cmphex(welcome.features, ==, SDM_PROTO_FEATURE_PEERS);
    g_assert_cmpint(welcome.id, ==, 2);
    g_assert_cmpint(welcome.num_ids, ==, 3);
    g_assert_nonnull(sections.body[SDM_PROTO_CHANNEL_SIGNAL]);
    g_assert_null(sdm_proto_parse_welcome_memory(
                  sections.body[SDM_PROTO_CHANNEL_MEMORY],
                  sections.length[SDM_PROTO_CHANNEL_MEMORY], &memory));
    g_assert_cmphex(memory.offset, ==, 0);
    wait_connected(master, 1);
    raw_leave(fd);
    wait_connected(master, 0);
    end();
}

/* A file for the RAM that could be cut off later, or is none. */
static int bad_file(unsigned number)
{
    static const struct {
        off_t size;
        int seals;
    } cases[] = {
        { 1 * MiB - 1, F_SEAL_SHRINK },
        { 0, F_SEAL_SHRINK },
        { 1 * MiB, F_SEAL_GROW },
    };
    int file;

    if (number >= ARRAY_SIZE(cases)) {
        return open("/dev/zero", O_RDWR | O_CLOEXEC);
    }
    file = memfd_create("sdm-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    g_assert_cmpint(file, >=, 0);
    g_assert_cmpint(ftruncate(file, cases[number].size), ==, 0);
    g_assert_cmpint(fcntl(file, F_ADD_SEALS, cases[number].seals), ==, 0);
    return file;
}

static void test_bad_files(void)
{
    g_autofree uint8_t *payload = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_hello_memory memory = raw_memory;
    const RawHello hello = {
        .hello = raw_hello, .memory = &memory, .signals = &raw_signals,
    };
    struct sdm_proto_header header;
    unsigned i;

    rig = rig_new_unix();
    master = start_master(rig, NULL);
    memory.flags = SDM_PROTO_MEMORY_FD;
    for (i = 0; i < 5; i++) {
        int fd = raw_connect(rig);

        if (i < 4) {
            int file = bad_file(i);

            raw_send_hello_file(fd, &hello, file);
            close(file);
        } else {
            raw_send_hello(fd, &hello);
        }
        raw_expect(fd, SDM_PROTO_REJECT, &header, payload);
        g_assert_cmpint(header.arg, ==, SDM_REJECT_MEMORY);
        raw_expect_end(fd);
        expect_line(master, i < 4 ? "*: refused a slave from *: the file that "
                    "it passes as its RAM is too small or not sealed against "
                    "shrinking" : "*: refused a slave from *: protocol "
                    "violation: the file descriptor of the RAM is missing");
        check_alive();
    }
    end();
}

/* Connections that say nothing make way for others. */
static void test_crowd(void)
{
    int fds[MAX_PENDING + 4];
    unsigned i;
    char byte;

    start();
    for (i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = raw_connect(rig);
    }
    /* The oldest ones go, and one for the slave that comes then. */
    check_alive();
    check_alive();
    for (i = 0; i < ARRAY_SIZE(fds) - MAX_PENDING + 1; i++) {
        g_assert_cmpint(recv(fds[i], &byte, 1, 0), <=, 0);
        expect_line(master, "*: no connection with tcp:127.0.0.1:*: too many "
                    "connections without handshake");
    }
    g_assert_cmpint(recv(fds[i], &byte, 1, MSG_DONTWAIT), ==, -1);
    quit_machine(master);
    rig_free(rig);
    for (i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
}

/*
 * ------------------------------------------------------------------------
 * After the handshake
 */

/* The master ended an established connection for this reason. */
static void expect_lost(int fd, const char *reason)
{
    g_autofree char *line =
        g_strdup_printf("*: warning: link to slave tcp:127.0.0.1:* lost: %s",
                        reason);

    raw_expect_end(fd);
    wait_connected(master, 0);
    expect_line(master, line);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_LOST);
    check_alive();
}

static void expect_violation(int fd, const char *what)
{
    g_autofree char *reason = g_strdup_printf("protocol violation: %s", what);

    expect_lost(fd, reason);
}

static void test_link_frames(void)
{
    const RawHello hello = { .hello = raw_hello };
    uint8_t payload[64] = { 0 };
    int fd;

    start();
    fd = raw_join(rig);
    raw_send_hello(fd, &hello);
    expect_violation(fd, "handshake frame after the handshake");

    fd = raw_join(rig);
    raw_send_frame(fd, SDM_PROTO_WELCOME, 0, 0, payload, 24);
    expect_violation(fd, "handshake frame after the handshake");

    fd = raw_join(rig);
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, 0, payload, 0);
    expect_violation(fd, "handshake frame after the handshake");

    fd = raw_join(rig);
    raw_send_header(fd, 0x0106, 0, 0, 0, 0);
    expect_violation(fd, "unknown frame type");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_STATE, 0x8000, 0, 0, SDM_PEER_RUNNING);
    expect_violation(fd, "unknown flags in a frame header");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_MEM_DATA, 0, SDM_PROTO_MAX_DATA + 1, 0, 0);
    expect_violation(fd, "frame length out of range");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_SIGNAL, 0, 31, 0, 0);
    expect_violation(fd, "frame length out of range");

    /* In the middle of a frame; of a header; between frames. */
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_SIGNAL, 0, 32, 0, 0);
    raw_send(fd, payload, 31);
    shutdown(fd, SHUT_WR);
    expect_lost(fd, "the peer closed the connection");

    fd = raw_join(rig);
    raw_send(fd, payload, 3);
    shutdown(fd, SHUT_WR);
    expect_lost(fd, "the peer closed the connection");

    fd = raw_join(rig);
    shutdown(fd, SHUT_WR);
    expect_lost(fd, "the peer closed the connection");
    end();
}

static void test_reset_by_peer(void)
{
    const struct linger hard = { .l_onoff = 1 };
    int fd;

    start();
    fd = raw_join(rig);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*lost: *Connection reset by peer*");
    check_alive();
    end();
}

static void test_memory_frames(void)
{
    uint8_t payload[8] = { 0 };
    int fd, other;

    start();
    fd = raw_join(rig);
    raw_send_frame(fd, SDM_PROTO_MEM_DATA, 0, SDM_MEM_OK, payload, 4);
    expect_violation(fd, "answer that fits no request");

    fd = raw_join(rig);
    raw_send_mem(fd, SDM_PROTO_MEM_READ, 0, 4, 0, NULL, 0);
    expect_violation(fd, "memory frame that only a master may send");

    fd = raw_join(rig);
    raw_send_mem(fd, SDM_PROTO_MEM_WRITE, 0, 0, 0, payload, 4);
    expect_violation(fd, "memory frame that only a master may send");

    fd = raw_join(rig);
    raw_send_mem(fd, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, raw_memory.size,
                 NULL, 0);
    expect_violation(fd, "error report for an address outside the RAM");

    /* A good one: the first error is kept, those of each slave are counted. */
    fd = raw_join(rig);
    other = raw_connect(rig);
    raw_send_hello(other, &(RawHello){ .hello = raw_hello,
                                       .memory = &raw_memory,
                                       .signals = &raw_signals });
    raw_expect(other, SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 2);
    raw_send_mem(fd, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, 4, NULL, 0);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_ERRORS), ~0, 1);
    raw_send_mem(other, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, 8, NULL, 0);
    raw_send_mem(other, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, 8, NULL, 0);
    wait_reg(master, SDM_REG_PEER(2, SDM_PEER_ERRORS), ~0, 2);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(1, SDM_PEER_ERRORS)), ==, 1);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | SDM_ERR_WRITE | 1 << 16 |
                    SDM_ERR_REFUSED);
    set_reg(master, SDM_REG_CONTROL, SDM_CTRL_RESET);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_ERRORS)), ==, 2);
    qtest_system_reset(master->qts);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(1, SDM_PEER_ERRORS)), ==, 0);
    g_assert_cmpint(get_reg(master, SDM_REG_PEER(2, SDM_PEER_ERRORS)), ==, 0);
    raw_leave(fd);
    raw_leave(other);
    wait_connected(master, 0);
    end();
}

static void test_signal_frames(void)
{
    const struct sdm_proto_signal good = {
        .source = 1, .dest = 0, .signal = 5,
    };
    struct sdm_proto_signal signal;
    unsigned i;
    int fd;

    start();
    fd = raw_join(rig);
    signal = good;
    signal.source = 2;
    raw_send_signal(fd, &signal);
    expect_violation(fd, "signal in the name of somebody else");

    fd = raw_join(rig);
    signal = good;
    signal.source = 0x10001;
    raw_send_signal(fd, &signal);
    expect_violation(fd, "signal in the name of somebody else");

    fd = raw_join(rig);
    signal = good;
    signal.dest = 2;
    raw_send_signal(fd, &signal);
    expect_violation(fd, "signal for somebody else");

    fd = raw_join(rig);
    signal = good;
    signal.signal = SDM_NUM_SIGNALS;
    raw_send_signal(fd, &signal);
    expect_violation(fd, "signal number out of range");

    fd = raw_join(rig);
    signal = good;
    signal.flags = 2;
    raw_send_signal(fd, &signal);
    expect_violation(fd, "unknown flags of a signal");

    /* One more than there are credits for. */
    fd = raw_join(rig);
    for (i = 0; i <= QUEUE_DEPTH; i++) {
        signal = good;
        signal.data[0] = i;
        raw_send_signal(fd, &signal);
    }
    expect_violation(fd, "more signals than credits");

    /* The others were accepted. */
    for (i = 0; i < QUEUE_DEPTH; i++) {
        expect_signal(master, 1, 5, i, 0);
    }
    g_assert_cmphex(get_reg(master, SDM_REG_RX_HEAD), ==, 0);
    end();
}

static void test_credit_frames(void)
{
    static const uint32_t bad[] = { 0, 1017, 1025, 0xffffffff };
    unsigned i;
    int fd;

    start();
    /* The slave gave 8 to start with; the sum must not exceed 1024. */
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        fd = raw_join(rig);
        raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 0, bad[i]);
        expect_violation(fd, "impossible number of credits");
    }
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 0, 1016);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_CREDITS), ~0, 1024);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 0, 1);
    expect_violation(fd, "impossible number of credits");

    /* Reports of signals that the slave does not have; it has 4. */
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 5, 1);
    expect_violation(fd, "report of a signal that there is not");
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, UINT32_MAX, 1);
    expect_violation(fd, "report of a signal that there is not");

    /* One that nobody asked for is of no interest, one asked for is kept. */
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 4, 1);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_CREDITS), ~0, 9);
    g_assert_cmphex(get_reg64(master, SDM_REG_PEER(1, SDM_PEER_TAKEN_LO)), ==,
                    0);
    set_reg(master, SDM_REG_PEER(1, SDM_PEER_REPORT_LO), 1 << 3);
    raw_send_header(fd, SDM_PROTO_CREDIT, 0, 0, 4, 1);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_TAKEN_LO), ~0, 1 << 3);
    raw_leave(fd);
    wait_connected(master, 0);
    end();
}

static void test_state_frames(void)
{
    static const uint32_t bad[] = {
        SDM_PEER_ABSENT, SDM_PEER_CONNECTING, SDM_PEER_LOST, 5, 0xff,
    };
    unsigned i;
    int fd;

    start();
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        fd = raw_join(rig);
        raw_send_header(fd, SDM_PROTO_STATE, 0, 0, 0, bad[i]);
        expect_violation(fd, "impossible machine state");
    }
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_STATE, 0, 0, 0,
                    SDM_PEER_RESET | SDM_PEER_STATE_SELF);
    expect_violation(fd, "unknown bits in the machine state");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_ACTION, 0, 0, 0, SDM_ACTION_FAILED + 1);
    expect_violation(fd, "unknown result of an action");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_ACTION, 0, 0, 0, SDM_ACTION_NONE);
    expect_violation(fd, "unknown result of an action");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_ACTION, 0, 0, 1, SDM_ACTION_OK);
    expect_violation(fd, "result of a signal without an action");

    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_ACTION, 0, 0, SDM_SIGNAL_NONE,
                    SDM_ACTION_OK);
    expect_violation(fd, "result of a signal without an action");

    /* Good ones, to see the difference. */
    fd = raw_join(rig);
    raw_send_header(fd, SDM_PROTO_STATE, 0, 0, 0, SDM_PEER_RUNNING |
                    SDM_PEER_STATE_DRIVER);
    raw_send_header(fd, SDM_PROTO_ACTION, 0, 0, 0, SDM_ACTION_FAILED);
    wait_reg(master, SDM_REG_PEER(1, SDM_PEER_ACTION), ~0,
             SDM_ACTION(1, 0, SDM_ACTION_FAILED));
    g_assert_cmphex(get_reg(master, SDM_REG_PEER(1, SDM_PEER_STATE)), ==,
                    SDM_PEER_RUNNING | SDM_PEER_STATE_DRIVER);
    raw_leave(fd);
    wait_connected(master, 0);
    end();
}

/* Frames of channels that the slave has no part in. */
static void test_unused_channels(void)
{
    const RawHello no_signals = { .hello = raw_hello, .memory = &raw_memory };
    const RawHello no_memory = { .hello = raw_hello, .signals = &raw_signals };
    const struct sdm_proto_signal signal = { .source = 1, .signal = 5 };
    int fd;

    start();
    fd = raw_connect(rig);
    raw_send_hello(fd, &no_signals);
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 1);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);
    raw_send_signal(fd, &signal);
    raw_expect_end(fd);
    wait_connected(master, 0);
    expect_line(master, "*lost: protocol violation: signal frame from a "
                "machine without signals");

    fd = raw_connect(rig);
    raw_send_hello(fd, &no_memory);
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    wait_connected(master, 1);
    raw_send_mem(fd, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, 0, NULL, 0);
    expect_violation(fd, "memory frame from a slave without RAM");
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/master-protocol/not-a-hello", test_not_a_hello);
    qtest_add_func("/sdm/master-protocol/many-strangers",
                   test_many_strangers);
    qtest_add_func("/sdm/master-protocol/bad-header", test_bad_header);
    qtest_add_func("/sdm/master-protocol/truncated", test_truncated);
    qtest_add_func("/sdm/master-protocol/slow", test_slow);
    qtest_add_func("/sdm/master-protocol/bad-hello", test_bad_hello);
    qtest_add_func("/sdm/master-protocol/bad-sections", test_bad_sections);
    qtest_add_func("/sdm/master-protocol/bad-signals", test_bad_signals);
    qtest_add_func("/sdm/master-protocol/refused-keeps-places",
                   test_refused_keeps_places);
    qtest_add_func("/sdm/master-protocol/newer-slave", test_newer_slave);
    qtest_add_func("/sdm/master-protocol/crowd", test_crowd);
    qtest_add_func("/sdm/master-protocol/bad-files", test_bad_files);
    qtest_add_func("/sdm/master-protocol/link-frames", test_link_frames);
    qtest_add_func("/sdm/master-protocol/reset-by-peer", test_reset_by_peer);
    qtest_add_func("/sdm/master-protocol/memory-frames", test_memory_frames);
    qtest_add_func("/sdm/master-protocol/signal-frames", test_signal_frames);
    qtest_add_func("/sdm/master-protocol/credit-frames", test_credit_frames);
    qtest_add_func("/sdm/master-protocol/state-frames", test_state_frames);
    qtest_add_func("/sdm/master-protocol/unused-channels",
                   test_unused_channels);

    return g_test_run();
}
