/*
 * SDM: what a slave tells its master, and masters that violate the protocol
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "sdm/raw.h"

static Rig *rig;
static Machine *slave;
static int listener = -1;
static int raw_fd;

static void start_rig(void)
{
    rig = rig_new_tcp();
    listener = raw_listen(rig);
}

static void end_rig(void)
{
    close(listener);
    rig_free(rig);
}

/*
 * ------------------------------------------------------------------------
 * Before the handshake: the slave ends, and says why
 */

/* What the master does after it got the HELLO. */
typedef void Answer(int fd);

static void check_refused(Answer *answer, const char *message)
{
    g_autofree char *output = NULL;
    g_autofree char *pattern = g_strdup_printf("*: %s\n", message);
    g_autofree char *args = slave_args(rig, NULL);
    Program *program = spawn_qemu(rig, args);
    int fd = raw_accept(listener);

    raw_expect(fd, SDM_PROTO_HELLO, NULL, NULL);
    answer(fd);
    g_assert_cmpint(finish_qemu(program, &output), ==, 1);
    close(fd);
    if (!g_pattern_match_simple(pattern, output)) {
        g_error("printed: %s\nexpected: %s", output, pattern);
    }
    /* One line. */
    g_assert_true(strchr(output, '\n') == output + strlen(output) - 1);
}

static void answer_close(int fd)
{
    shutdown(fd, SHUT_WR);
}

static void answer_half(int fd)
{
    static const uint8_t bytes[] = { SDM_PROTO_WELCOME, 0, 0, 0, 24 };

    raw_send(fd, bytes, sizeof(bytes));
    shutdown(fd, SHUT_WR);
}

static void answer_reject(int fd)
{
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, 99, "not today", 9);
}

static void answer_reject_noise(int fd)
{
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, 1, "bad \xff\033 text\0end", 16);
}

static void answer_reject_empty(int fd)
{
    raw_send_frame(fd, SDM_PROTO_REJECT, 0, SDM_REJECT_FULL, NULL, 0);
}

static void answer_signal(int fd)
{
    const struct sdm_proto_signal signal = { .dest = 1 };

    raw_send_signal(fd, &signal);
}

static void answer_hello(int fd)
{
    const RawHello hello = { .hello = raw_hello };

    raw_send_hello(fd, &hello);
}

static void answer_unknown(int fd)
{
    raw_send_header(fd, 0x4321, 0, 0, 0, 0);
}

static void answer_oversized(int fd)
{
    raw_send_header(fd, SDM_PROTO_WELCOME, 0, 1025, 0, 0);
}

static void answer_magic(int fd)
{
    struct sdm_proto_welcome welcome = raw_welcome;

    welcome.magic++;
    raw_send_welcome(fd, &welcome, NULL);
}

static void answer_major(int fd)
{
    struct sdm_proto_welcome welcome = raw_welcome;

    welcome.major++;
    raw_send_welcome(fd, &welcome, NULL);
}

static void answer_id_0(int fd)
{
    struct sdm_proto_welcome welcome = raw_welcome;

    welcome.id = 0;
    raw_send_welcome(fd, &welcome, NULL);
}

static void answer_id_3(int fd)
{
    struct sdm_proto_welcome welcome = raw_welcome;

    welcome.id = welcome.num_ids;
    raw_send_welcome(fd, &welcome, NULL);
}

static void answer_num_ids(int fd)
{
    struct sdm_proto_welcome welcome = raw_welcome;

    welcome.num_ids = 257;
    raw_send_welcome(fd, &welcome, NULL);
}

static void answer_bad_signals(int fd)
{
    struct sdm_proto_signals signals = raw_signals;

    signals.num_signals = 0;
    raw_send_welcome(fd, &raw_welcome, &signals);
}

static void test_refused(void)
{
    start_rig();
    check_refused(answer_close, "no connection with tcp:127.0.0.1:*: the peer "
                  "closed the connection");
    check_refused(answer_half, "no connection with tcp:127.0.0.1:*: the peer "
                  "closed the connection");
    check_refused(answer_reject, "the master at tcp:127.0.0.1:* refused this "
                  "slave: not today");
    check_refused(answer_reject_noise, "the master at tcp:127.0.0.1:* refused "
                  "this slave: bad ?? text");
    check_refused(answer_reject_empty, "the master at tcp:127.0.0.1:* refused "
                  "this slave: ");
    end_rig();
}

static void test_bad_welcome(void)
{
    start_rig();
    check_refused(answer_signal, "no connection with *: protocol violation: "
                  "frame 0x0200 before the handshake");
    check_refused(answer_hello, "no connection with *: protocol violation: "
                  "frame 0x0001 before the handshake");
    check_refused(answer_unknown, "no connection with *: protocol violation: "
                  "unknown frame type");
    check_refused(answer_oversized, "no connection with *: protocol "
                  "violation: frame length out of range");
    check_refused(answer_magic, "protocol violation by the master at *: not "
                  "an SDM master (bad magic number)");
    check_refused(answer_major, "protocol violation by the master at *: the "
                  "master speaks another version of the protocol");
    check_refused(answer_id_0, "protocol violation by the master at *: "
                  "impossible ID in WELCOME");
    check_refused(answer_id_3, "protocol violation by the master at *: "
                  "impossible ID in WELCOME");
    check_refused(answer_num_ids, "protocol violation by the master at *: "
                  "impossible ID in WELCOME");
    check_refused(answer_bad_signals, "protocol violation: impossible number "
                  "of signals");
    end_rig();
}

/*
 * ------------------------------------------------------------------------
 * After the handshake: the slave is alone, and lives
 */

static void start(void)
{
    g_autofree char *args = slave_args(rig, NULL);

    slave = start_machine(rig, args);
    raw_fd = raw_accept(listener);
    raw_expect(raw_fd, SDM_PROTO_HELLO, NULL, NULL);
    raw_send_welcome(raw_fd, &raw_welcome, &raw_signals);
    raw_expect(raw_fd, SDM_PROTO_STATE, NULL, NULL);
}

static void end(const char *reason)
{
    if (reason) {
        g_autofree char *line =
            g_strdup_printf("*: warning: link to master tcp:127.0.0.1:* "
                            "lost: protocol violation: %s", reason);

        raw_expect_end(raw_fd);
        expect_line(slave, line);
        wait_connected(slave, 0);
        g_assert_cmphex(peer_state(slave, 0), ==, SDM_PEER_LOST);
        g_assert_cmpint(send_signal(slave, 0, 0, 0, 0), ==, SDM_TX_NO_LINK);
        g_assert_cmphex(get_reg(slave, SDM_REG_ID), ==, 1);
    } else {
        g_assert_cmpint(num_connected(slave), ==, 1);
        raw_leave(raw_fd);
        wait_peer_state(slave, 0, SDM_PEER_ABSENT);
    }
    quit_machine(slave);
}

static void test_hello(void)
{
    g_autofree uint8_t *payload = g_malloc(SDM_PROTO_MAX_FRAME);
    g_autofree char *args = NULL;
    struct sdm_proto_hello_memory memory;
    struct sdm_proto_signals signals;
    struct sdm_proto_header header;
    struct sdm_proto_hello hello;
    SDMProtoSections sections;

    start_rig();
    args = slave_args(rig, &(SlaveOptions) { .id = 2, .size = "48M" });
    slave = start_machine(rig, args);
    raw_fd = raw_accept(listener);
    raw_receive(raw_fd, &header, payload);
    g_assert_cmphex(header.type, ==, SDM_PROTO_HELLO);
    g_assert_cmphex(header.tag, ==, 0);
    g_assert_cmphex(header.arg, ==, 0);
    g_assert_null(sdm_proto_parse_hello(payload, header.length, &hello,
                                        &sections));
    g_assert_cmphex(hello.magic, ==, SDM_PROTO_MAGIC);
    g_assert_cmpint(hello.major, ==, 1);
    g_assert_cmpint(hello.minor, ==, 0);
    g_assert_cmphex(hello.features, ==, SDM_PROTO_FEATURE_PEERS);
    g_assert_cmpint(hello.id, ==, 2);
    g_assert_cmpint(hello.arch, ==, EM_ARM);
    g_assert_cmpint(hello.cpus, ==, 1);
    g_assert_null(sdm_proto_parse_hello_memory(sections.body[1],
                                               sections.length[1], &memory));
    g_assert_cmphex(memory.size, ==, 48 * MiB);
    g_assert_cmphex(memory.base, ==, RAM_BASE);
    g_assert_null(sdm_proto_parse_signals(sections.body[2],
                                          sections.length[2], &signals));
    g_assert_cmpint(signals.num_signals, ==, SDM_NUM_SIGNALS);
    g_assert_cmpint(signals.credits, ==, QUEUE_DEPTH);
    g_assert_cmpint(signals.boot_signal, ==, 0);
    g_assert_cmpint(signals.reset_signal, ==, 1);
    g_assert_cmphex(signals.state, ==, SDM_PEER_RESET);

    /* Until it is welcome it has no ID and no peer. */
    g_assert_cmphex(get_reg(slave, SDM_REG_ID), ==, SDM_ID_NONE);
    g_assert_cmphex(get_reg(slave, SDM_REG_NUM_IDS), ==, 1);
    g_assert_cmpint(num_connected(slave), ==, 0);
    set_reg(slave, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
    g_assert_cmpint(send_signal(slave, 0, 0, 0, 0), ==, SDM_TX_NO_LINK);
    g_assert_cmpint(send_signal(slave, 2, 0, 0, 0), ==, SDM_TX_NO_PEER);

    /* The master may give it another one. */
    raw_send_welcome(raw_fd, &raw_welcome, &raw_signals);
    raw_expect(raw_fd, SDM_PROTO_STATE, &header, NULL);
    g_assert_cmphex(header.arg, ==, SDM_PEER_RESET | SDM_PEER_STATE_DRIVER);
    wait_connected(slave, 1);
    g_assert_cmphex(get_reg(slave, SDM_REG_ID), ==, 1);
    g_assert_cmphex(get_reg(slave, SDM_REG_NUM_IDS), ==, 3);
    g_assert_cmpint(peer_credits(slave, 0), ==, raw_signals.credits);
    raw_leave(raw_fd);
    wait_peer_state(slave, 0, SDM_PEER_ABSENT);
    quit_machine(slave);
    end_rig();
}

static void test_frames(void)
{
    struct sdm_proto_signal signal = { .source = 0, .dest = 1, .signal = 5 };
    uint8_t payload[24] = { 0 };
    unsigned i;

    start_rig();
    start();
    raw_send_welcome(raw_fd, &raw_welcome, NULL);
    end("handshake frame after the handshake");

    start();
    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, 0, SDM_MEM_OK, payload, 8);
    end("memory frame that only a slave may send");

    start();
    raw_send_mem(raw_fd, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, 0, NULL, 0);
    end("memory frame that only a slave may send");

    start();
    raw_send_mem(raw_fd, SDM_PROTO_MEM_READ, 0, 0, 0, NULL, 0);
    end("length of a read out of range");

    start();
    raw_send_mem(raw_fd, SDM_PROTO_MEM_READ, 0, SDM_PROTO_MAX_DATA + 1, 0,
                 NULL, 0);
    end("length of a read out of range");

    start();
    raw_send_mem(raw_fd, SDM_PROTO_MEM_WRITE, 0, 0, 0, NULL, 0);
    end("frame length out of range");

    start();
    signal.source = 2;
    raw_send_signal(raw_fd, &signal);
    end("signal in the name of somebody else");

    start();
    signal.source = 0;
    for (i = 0; i <= QUEUE_DEPTH; i++) {
        raw_send_signal(raw_fd, &signal);
    }
    end("more signals than credits");

    start();
    raw_send_header(raw_fd, SDM_PROTO_CREDIT, 0, 0, 0, 1025);
    end("impossible number of credits");
    end_rig();
}

/*
 * ------------------------------------------------------------------------
 * The memory server
 */

static void read_memory(uint64_t offset, uint32_t length, uint32_t result,
                        uint8_t *data)
{
    static uint32_t tag = 0xfffffff0;
    struct sdm_proto_header header;

    raw_send_mem(raw_fd, SDM_PROTO_MEM_READ, ++tag, length, offset, NULL, 0);
    raw_expect(raw_fd, SDM_PROTO_MEM_DATA, &header, data);
    g_assert_cmphex(header.tag, ==, tag);
    g_assert_cmpint(header.arg, ==, result);
    g_assert_cmpint(header.length, ==, result == SDM_MEM_OK ? length : 0);
}

static void test_memory(void)
{
    g_autofree uint8_t *data = g_malloc(SDM_PROTO_MAX_FRAME);
    g_autofree uint8_t *seen = g_malloc(SDM_PROTO_MAX_FRAME);
    unsigned i;

    start_rig();
    start();

    /* The largest ones, at odd places and at the end. */
    for (i = 0; i < SDM_PROTO_MAX_DATA; i++) {
        data[i] = i * 11 + (i >> 8);
    }
    raw_send_mem(raw_fd, SDM_PROTO_MEM_WRITE, 0, 0, 0x10003, data,
                 SDM_PROTO_MAX_DATA);
    read_memory(0x10003, SDM_PROTO_MAX_DATA, SDM_MEM_OK, seen);
    g_assert_cmpmem(data, SDM_PROTO_MAX_DATA, seen, SDM_PROTO_MAX_DATA);
    qtest_bufread(slave->qts, RAM_BASE + 0x10003, seen, SDM_PROTO_MAX_DATA);
    g_assert_cmpmem(data, SDM_PROTO_MAX_DATA, seen, SDM_PROTO_MAX_DATA);
    raw_send_mem(raw_fd, SDM_PROTO_MEM_WRITE, 0, 0,
                 SLAVE_SIZE - SDM_PROTO_MAX_DATA, data, SDM_PROTO_MAX_DATA);
    read_memory(SLAVE_SIZE - SDM_PROTO_MAX_DATA, SDM_PROTO_MAX_DATA,
                SDM_MEM_OK, seen);
    g_assert_cmpmem(data, SDM_PROTO_MAX_DATA, seen, SDM_PROTO_MAX_DATA);

    /* All lengths up to some words. */
    for (i = 1; i <= 70; i++) {
        uint64_t offset = 0x5000 + 100 * i + i % 9;

        raw_send_mem(raw_fd, SDM_PROTO_MEM_WRITE, 0, 0, offset, data + i, i);
        read_memory(offset, i, SDM_MEM_OK, seen);
        g_assert_cmpmem(data + i, i, seen, i);
    }
    end(NULL);
    end_rig();
}

static void test_range(void)
{
    static const struct {
        uint64_t offset;
        uint32_t length;
        bool good;
    } accesses[] = {
        { SLAVE_SIZE - 1, 1, true },
        { SLAVE_SIZE - 8, 8, true },
        { SLAVE_SIZE - 100, 100, true },
        { SLAVE_SIZE - 1, 2, false },
        { SLAVE_SIZE - 7, 8, false },
        { SLAVE_SIZE - 99, 100, false },
        { SLAVE_SIZE, 1, false },
        { SLAVE_SIZE + 1, 1, false },
        { 1ull << 32, 4, false },
        { -1ull, 1, false },
        { -1ull, 2, false },
        { -4ull, 8, false },
        { -0x10000ull, 0x10000, false },
        { -0xffffull, 0x10000, false },
        { 1ull << 63, 1, false },
    };
    g_autofree uint8_t *data = g_malloc0(SDM_PROTO_MAX_FRAME);
    struct sdm_proto_header header;
    struct sdm_proto_mem mem;
    unsigned i;

    start_rig();
    start();
    for (i = 0; i < ARRAY_SIZE(accesses); i++) {
        uint32_t result = accesses[i].good ? SDM_MEM_OK : SDM_MEM_RANGE;

        read_memory(accesses[i].offset, accesses[i].length, result, data);
        raw_send_mem(raw_fd, SDM_PROTO_MEM_WRITE, 0, 0, accesses[i].offset,
                     data, accesses[i].length);
        if (!accesses[i].good) {
            raw_expect(raw_fd, SDM_PROTO_MEM_ERROR, &header, data);
            g_assert_cmpint(header.arg, ==, SDM_MEM_RANGE);
            sdm_proto_parse_mem(data, &mem);
            g_assert_cmphex(mem.offset, ==, accesses[i].offset);
        }
    }
    /* No link was broken by that, and no frame lost. */
    read_memory(0, 4, SDM_MEM_OK, data);
    end(NULL);
    end_rig();
}

/* Does the socket take more of this? */
static bool takes(int fd, const uint8_t *data, size_t *done, size_t length)
{
    gint64 end = g_get_monotonic_time() + 2 * G_TIME_SPAN_SECOND;

    while (*done < length && g_get_monotonic_time() < end) {
        ssize_t n = send(fd, data + *done, length - *done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            *done += n;
            end = g_get_monotonic_time() + G_TIME_SPAN_SECOND / 2;
        } else {
            g_assert_cmpint(errno, ==, EAGAIN);
            g_usleep(1000);
        }
    }
    return *done == length;
}

/*
 * Questions without end, whose answers nobody takes: the slave stops to
 * listen instead of storing answers. It goes on when they are taken.
 */
static void test_greedy_master(void)
{
    const struct sdm_proto_header question = {
        .type = SDM_PROTO_MEM_READ, .length = 8, .arg = SDM_PROTO_MAX_DATA,
    };
    const size_t frame = SDM_PROTO_HEADER_SIZE + 8;
    const size_t length = 1000000 * frame;
    g_autofree uint8_t *questions = g_malloc0(length);
    struct sdm_proto_header header;
    size_t done = 0, answered;
    unsigned i;

    for (i = 0; i < length / frame; i++) {
        sdm_proto_put_header(questions + i * frame, &question);
    }

    start_rig();
    start();
    g_assert_false(takes(raw_fd, questions, &done, length));
    g_test_message("%zu questions were taken", done / frame);

    /* Its main loop has nothing to do with it. */
    g_assert_true(has_status(slave, "inmigrate"));
    g_assert_cmphex(get_reg(slave, SDM_REG_MAGIC), ==, SDM_MAGIC);

    for (answered = 0; answered < 100; answered++) {
        raw_expect(raw_fd, SDM_PROTO_MEM_DATA, &header, NULL);
        g_assert_cmpint(header.length, ==, SDM_PROTO_MAX_DATA);
    }
    shutdown(raw_fd, SHUT_RDWR);
    close(raw_fd);
    expect_line(slave, "*link to master * lost: *");
    quit_machine(slave);
    end_rig();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/sdm/slave-protocol/hello", test_hello);
    qtest_add_func("/sdm/slave-protocol/refused", test_refused);
    qtest_add_func("/sdm/slave-protocol/bad-welcome", test_bad_welcome);
    qtest_add_func("/sdm/slave-protocol/frames", test_frames);
    qtest_add_func("/sdm/slave-protocol/memory", test_memory);
    qtest_add_func("/sdm/slave-protocol/range", test_range);
    qtest_add_func("/sdm/slave-protocol/greedy-master", test_greedy_master);

    return g_test_run();
}
