/*
 * SDM: several CPUs of a master that use the window at the same time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "sdm/raw.h"

#define NUM_CPUS 4

/* Where the programs below leave their results. */
#define RESULT (RAM_BASE + 0x20000)

/* Shorter than a stop; long enough for a host that is busy. */
#define WITH_TIMEOUT ",timeout-ms=1000"
#define STOP_US (1500 * 1000)

static Rig *rig;
static Machine *master;
static int raw_fd;

/* All programs begin so: the first CPU starts the others. */
static const uint32_t all_cpus[] = {
    0xe3a09001, /*         mov   r9, #1                     */
    0xe3590004, /* next:   cmp   r9, #NUM_CPUS              */
    0x0a000006, /*         beq   first                      */
    0xe3a003e1, /*         mov   r0, #0x84000003 (CPU_ON)   */
    0xe1a01009, /*         mov   r1, r9                     */
    0xe28f2010, /*         adr   r2, program                */
    0xe1a03009, /*         mov   r3, r9                     */
    0xe1400070, /*         hvc   #0                         */
    0xe2899001, /*         add   r9, r9, #1                 */
    0xeafffff6, /*         b     next                       */
    0xe3a00000, /* first:  mov   r0, #0                     */
    /* program: its number is in r0 */
};

static void start_program(Rig *where, const uint32_t *code, size_t size,
                          const char *memory)
{
    uint32_t image[128];
    g_autofree char *path = NULL;
    g_autofree char *machine = NULL;
    size_t i, n = 0;

    g_assert_cmpint(sizeof(all_cpus) + size, <=, sizeof(image));
    for (i = 0; i < ARRAY_SIZE(all_cpus); i++) {
        image[n++] = cpu_to_le32(all_cpus[i]);
    }
    for (i = 0; i < size / sizeof(*code); i++) {
        image[n++] = cpu_to_le32(code[i]);
    }
    rig = where;
    path = rig_file(rig, "program", image, n * sizeof(*image));
    machine = g_strdup_printf("-accel tcg,thread=multi -smp %u -kernel %s -S",
                              NUM_CPUS, path);
    master = start_master(rig, &(MasterOptions) {
        .memory = memory, .machine = machine,
    });
}

static void run(void)
{
    qtest_qmp_assert_success(master->qts, "{ 'execute': 'cont' }");
}

static void end(void)
{
    quit_machine(master);
    rig_free(rig);
}

/* A host on which the master does not run for longer than its timeout. */
static void stop_process(void)
{
    kill(qtest_pid(master->qts), SIGSTOP);
    g_usleep(STOP_US);
    kill(qtest_pid(master->qts), SIGCONT);
}

/*
 * ------------------------------------------------------------------------
 * Stores to a slave that is slower than they are
 */

#define AREA (256 * KiB) /* of a CPU */
#define AREA_WORDS (AREA / 4)

static const uint32_t store_program[] = {
    0xe3a04206, /*         mov   r4, #WINDOW_BASE           */
    0xe0844900, /*         add   r4, r4, r0, lsl #18        */
    0xe3006000, /*         movw  r6, #AREA_WORDS & 0xffff   */
    0xe3406001, /*         movt  r6, #AREA_WORDS >> 16      */
    0xe1a05c00, /*         lsl   r5, r0, #24                */
    0xe4845004, /* loop:   str   r5, [r4], #4               */
    0xe2855001, /*         add   r5, r5, #1                 */
    0xe2566001, /*         subs  r6, r6, #1                 */
    0x1afffffb, /*         bne   loop                       */
    0xe3001000, /*         movw  r1, #RESULT & 0xffff       */
    0xe3441002, /*         movt  r1, #RESULT >> 16          */
    0xe3a02001, /*         mov   r2, #1                     */
    0xe7812100, /*         str   r2, [r1, r0, lsl #2]       */
    0xeafffffe, /*         b     .                          */
};

/* Take stores, slowly, until a signal comes behind them. Returns the RAM. */
static gpointer slow_slave(gpointer opaque)
{
    g_autofree uint8_t *payload = g_malloc(SDM_PROTO_MAX_FRAME);
    uint8_t *ram = g_malloc0(NUM_CPUS * AREA);
    struct sdm_proto_header header;
    unsigned frames = 0;

    while (raw_receive(raw_fd, &header, payload),
           header.type != SDM_PROTO_SIGNAL) {
        struct sdm_proto_mem mem;
        uint32_t length = header.length - sizeof(mem);

        if (header.type != SDM_PROTO_MEM_WRITE) {
            continue;
        }
        sdm_proto_parse_mem(payload, &mem);
        g_assert_cmpint(mem.offset + length, <=, NUM_CPUS * AREA);
        memcpy(ram + mem.offset, payload + sizeof(mem), length);
        if (++frames % 1024 == 0) {
            g_usleep(2000);
        }
    }
    return ram;
}

static bool have_stored(void)
{
    unsigned cpu;

    for (cpu = 0; cpu < NUM_CPUS; cpu++) {
        if (!qtest_readl(master->qts, RESULT + 4 * cpu)) {
            return false;
        }
    }
    return true;
}

static void check_stores(Rig *where, const char *memory, unsigned num_stops)
{
    g_autofree uint8_t *ram = NULL;
    GThread *slave;
    unsigned i;

    start_program(where, store_program, sizeof(store_program), memory);
    raw_fd = raw_join(rig);
    slave = g_thread_new("slave", slow_slave, NULL);
    run();
    for (i = 0; i < num_stops; i++) {
        g_usleep(50 * 1000);
        stop_process();
    }
    WAIT_FOR(have_stored());
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    g_assert_cmpint(send_signal(master, 1, 1, 0, 0), ==, SDM_TX_OK);
    ram = g_thread_join(slave);
    for (i = 0; i < NUM_CPUS * AREA_WORDS; i++) {
        g_assert_cmphex(ldl_le_p(ram + 4 * i), ==,
                        i / AREA_WORDS << 24 | i % AREA_WORDS);
    }
    raw_leave(raw_fd);
    end();
}

/* Not one is lost where many wait for room. */
static void test_stores(void)
{
    check_stores(rig_new_unix(), "", 0);
    check_stores(rig_new_tcp(), "", 0);
}

/*
 * ------------------------------------------------------------------------
 * Loads
 */

static const uint32_t load_program[] = {
    0xe3a04206, /*         mov   r4, #WINDOW_BASE           */
    0xe7943100, /*         ldr   r3, [r4, r0, lsl #2]       */
    0xe3005000, /*         movw  r5, #RESULT & 0xffff       */
    0xe3445002, /*         movt  r5, #RESULT >> 16          */
    0xe7853100, /*         str   r3, [r5, r0, lsl #2]       */
    0xeafffffe, /*         b     .                          */
};

static void answer(const struct sdm_proto_header *request)
{
    const uint8_t bytes[4] = { 1 };

    raw_send_frame(raw_fd, SDM_PROTO_MEM_DATA, request->tag, SDM_MEM_OK,
                   bytes, sizeof(bytes));
}

/*
 * All CPUs wait. Each answer is the end of one wait, whoever receives it, and
 * in whatever order they come.
 */
static void check_answers(bool backwards)
{
    struct sdm_proto_header requests[NUM_CPUS];
    uint8_t payload[SDM_PROTO_MAX_FRAME];
    uint32_t cpus[NUM_CPUS];
    unsigned i;

    start_program(rig_new_tcp(), load_program, sizeof(load_program),
                  ",timeout-ms=3600000");
    raw_fd = raw_join(rig);
    run();
    for (i = 0; i < NUM_CPUS; i++) {
        struct sdm_proto_mem mem;

        raw_expect(raw_fd, SDM_PROTO_MEM_READ, &requests[i], payload);
        sdm_proto_parse_mem(payload, &mem);
        cpus[i] = mem.offset / 4;
        g_assert_cmpint(cpus[i], <, NUM_CPUS);
    }
    for (i = 0; i < NUM_CPUS; i++) {
        unsigned which = backwards ? NUM_CPUS - 1 - i : i;

        /* Let those who wait fall asleep. */
        g_usleep(50 * 1000);
        g_assert_cmpint(qtest_readl(master->qts, RESULT + 4 * cpus[which]),
                        ==, 0);
        answer(&requests[which]);
        WAIT_FOR(qtest_readl(master->qts, RESULT + 4 * cpus[which]) == 1);
    }
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    raw_leave(raw_fd);
    end();
}

static void test_answers(void)
{
    check_answers(false);
    check_answers(true);
}

/*
 * ------------------------------------------------------------------------
 * A process that is stopped
 */

/* Per CPU: loops done, number of wrong values. */
#define LOOPS(cpu) (RESULT + 0x10 * (cpu))
#define WRONG(cpu) (LOOPS(cpu) + 4)

static const uint32_t loop_program[] = {
    0xe3a04206, /*         mov   r4, #WINDOW_BASE           */
    0xe0844600, /*         add   r4, r4, r0, lsl #12        */
    0xe3005000, /*         movw  r5, #RESULT & 0xffff       */
    0xe3445002, /*         movt  r5, #RESULT >> 16          */
    0xe0855200, /*         add   r5, r5, r0, lsl #4         */
    0xe3a06000, /*         mov   r6, #0                     */
    0xe3a07000, /*         mov   r7, #0                     */
    0xe5846000, /* loop:   str   r6, [r4]                   */
    0xe5943000, /*         ldr   r3, [r4]                   */
    0xe1530006, /*         cmp   r3, r6                     */
    0x12877001, /*         addne r7, r7, #1                 */
    0xe2866001, /*         add   r6, r6, #1                 */
    0xe5857004, /*         str   r7, [r5, #4]               */
    0xe5856000, /*         str   r6, [r5]                   */
    0xeafffff7, /*         b     loop                       */
};

/* All CPUs go on from where they are. */
static void wait_loops(void)
{
    unsigned cpu;

    for (cpu = 0; cpu < NUM_CPUS; cpu++) {
        uint32_t begun = qtest_readl(master->qts, LOOPS(cpu));

        WAIT_FOR(qtest_readl(master->qts, LOOPS(cpu)) - begun > 10);
    }
}

static void test_stop_loads(void)
{
    Machine *slave;
    unsigned i;

    start_program(rig_new_tcp(), loop_program, sizeof(loop_program),
                  WITH_TIMEOUT);
    slave = start_slave(rig, NULL);
    wait_connected(master, 1);
    run();
    wait_loops();
    for (i = 0; i < 4; i++) {
        stop_process();
        wait_loops();
    }
    for (i = 0; i < NUM_CPUS; i++) {
        g_assert_cmpint(qtest_readl(master->qts, WRONG(i)), ==, 0);
    }
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    g_assert_cmpint(num_connected(master), ==, 1);
    quit_machine(slave);
    end();
}

static void test_stop_stores(void)
{
    check_stores(rig_new_unix(), WITH_TIMEOUT, 3);
}

/*
 * ------------------------------------------------------------------------
 * A bulk transfer beside stores without an end
 */

#define RING (RAM_BASE + 0x100000)
#define DATA (RAM_BASE + 0x200000)
#define LENGTH (64 * KiB)

/* More than queue and socket hold, so much that it is no chance. */
#define MAX_BYTES (48 * MiB)

static const uint32_t endless_program[] = {
    0xe3a04206, /*         mov   r4, #WINDOW_BASE           */
    0xe0844600, /*         add   r4, r4, r0, lsl #12        */
    0xe5845000, /* loop:   str   r5, [r4]                   */
    0xe2855001, /*         add   r5, r5, #1                 */
    0xeafffffc, /*         b     loop                       */
};

static void put_transfer(void)
{
    uint8_t d[SDM_DMA_DESC_SIZE] = { 0 };

    stq_le_p(d + SDM_DMA_DESC_ADDR, DATA);
    stl_le_p(d + SDM_DMA_DESC_LENGTH, LENGTH);
    stw_le_p(d + SDM_DMA_DESC_PEER, 1);
    stw_le_p(d + SDM_DMA_DESC_FLAGS, SDM_DMA_WRITE);
    qtest_memwrite(master->qts, RING, d, sizeof(d));
    set_reg(master, SDM_REG_DMA_RING_LO, RING);
    set_reg(master, SDM_REG_DMA_RING_HI, 0);
    set_reg(master, SDM_REG_DMA_RING_SIZE, 8);
    set_reg(master, SDM_REG_DMA_CONTROL, SDM_DMA_CTRL_ENABLE);
    set_reg(master, SDM_REG_DMA_HEAD, 1);
}

static uint64_t bytes_seen(struct sdm_proto_header *header)
{
    raw_receive(raw_fd, header, NULL);
    return SDM_PROTO_HEADER_SIZE + header->length;
}

static void test_bulk_beside_stores(void)
{
    struct sdm_proto_header header;
    uint64_t bytes = 0, stores = 0;
    unsigned frames = 0;

    start_program(rig_new_unix(), endless_program, sizeof(endless_program),
                  ",timeout-ms=50000");
    raw_fd = raw_join(rig);
    run();
    /* The queue is full: nothing comes in time, not even a monitor command. */
    g_usleep(300 * 1000);
    put_transfer();
    do {
        bytes += bytes_seen(&header);
        g_assert_cmpint(bytes, <, MAX_BYTES);
        if (++frames % 1024 == 0) {
            g_usleep(2000);
        }
    } while (header.type != SDM_PROTO_MEM_WRITE ||
             !(header.flags & SDM_PROTO_FLAG_ACK));
    g_assert_cmpint(header.length, ==, sizeof(struct sdm_proto_mem) + LENGTH);
    raw_send_header(raw_fd, SDM_PROTO_MEM_DATA, 0, 0, header.tag, SDM_MEM_OK);

    /* And the stores go on afterwards. */
    while (stores < MiB / 2) {
        stores += bytes_seen(&header);
    }
    g_assert_cmpint(get_reg(master, SDM_REG_DMA_TAIL), ==, 1);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    close(raw_fd);
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*link to slave * lost: *");
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (g_str_equal(qtest_get_arch(), "arm") && qtest_has_accel("tcg")) {
        qtest_add_func("/sdm/smp/stores", test_stores);
        qtest_add_func("/sdm/smp/answers", test_answers);
        qtest_add_func("/sdm/smp/stop/loads", test_stop_loads);
        qtest_add_func("/sdm/smp/stop/stores", test_stop_stores);
        qtest_add_func("/sdm/smp/bulk-beside-stores", test_bulk_beside_stores);
    }

    return g_test_run();
}
