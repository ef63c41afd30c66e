/*
 * SDM: what needs a guest that runs
 *
 * The guests are a few instructions. They are entered where "-kernel" loads
 * raw binaries, or where their master has put and booted them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "sdm/raw.h"

/* Where the programs below leave their results. */
#define RESULT (RAM_BASE + 0x20000)

static Rig *rig;
static Machine *master;

static void start_program(Rig *where, const uint32_t *code, size_t size,
                          const char *memory, const char *machine)
{
    g_autofree uint32_t *image = g_malloc(size);
    g_autofree char *path = NULL;
    g_autofree char *more = NULL;
    size_t i;

    rig = where;
    for (i = 0; i < size / sizeof(*code); i++) {
        image[i] = cpu_to_le32(code[i]);
    }
    path = rig_file(rig, "program", image, size);
    more = g_strdup_printf("-accel tcg -kernel %s -S %s", path, machine);
    master = start_master(rig, &(MasterOptions) {
        .memory = memory, .machine = more,
    });
}

static void run(Machine *m)
{
    qtest_qmp_assert_success(m->qts, "{ 'execute': 'cont' }");
}

static void end(void)
{
    quit_machine(master);
    rig_free(rig);
}

/*
 * ------------------------------------------------------------------------
 * One access to the window
 */

/* 1: done, 2: data abort; then the value that was read, or the cause. */
#define DONE 1
#define ABORTED 2
#define ACCESS 5 /* the instruction that may be exchanged */
#define STORE 0xe5812000 /* str r2, [r1] */

static const uint32_t access_program[] = {
    0xe59f405c, /*         ldr   r4, =RESULT                */
    0xe28f0034, /*         adr   r0, vectors                */
    0xee0c0f10, /*         mcr   p15, 0, r0, c12, c0, 0     */
    0xf57ff06f, /*         isb                              */
    0xe3a01206, /*         mov   r1, #WINDOW_BASE           */
    0xe5912000, /*         ldr   r2, [r1]                   */
    0xe5842004, /*         str   r2, [r4, #4]               */
    0xe3a03001, /*         mov   r3, #DONE                  */
    0xe5843000, /*         str   r3, [r4]                   */
    0xeafffffe, /*         b     .                          */
    0xe320f000, 0xe320f000, 0xe320f000,
    0xe320f000, 0xe320f000, 0xe320f000,
    0xeafffffe, /* vectors: b    .                          */
    0xeafffffe, /*         b     .                          */
    0xeafffffe, /*         b     .                          */
    0xeafffffe, /*         b     .                          */
    0xee153f10, /*         mrc   p15, 0, r3, c5, c0, 0      */
    0xe5843004, /*         str   r3, [r4, #4]               */
    0xe3a03002, /*         mov   r3, #ABORTED               */
    0xe5843000, /*         str   r3, [r4]                   */
    0xeafffffe, /*         b     .                          */
    0x40020000, /*         RESULT                           */
};

static void check_access(const char *memory, uint32_t instruction,
                         uint32_t outcome)
{
    g_autofree uint32_t *code = g_memdup2(access_program,
                                          sizeof(access_program));

    code[ACCESS] = instruction;
    start_program(rig_new_tcp(), code, sizeof(access_program), memory, "");
    run(master);
    WAIT_FOR(qtest_readl(master->qts, RESULT));
    g_assert_cmpint(qtest_readl(master->qts, RESULT), ==, outcome);
    if (outcome == ABORTED) {
        /* Synchronous external abort. */
        g_assert_cmphex(qtest_readl(master->qts, RESULT + 4) & 0x40f, ==, 8);
    } else if (instruction != STORE) {
        g_assert_cmphex(qtest_readl(master->qts, RESULT + 4), ==, 0xffffffff);
    }
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 1);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | SDM_ERR_PEER_NONE << 16 | SDM_ERR_ABSENT |
                    (instruction == STORE ? SDM_ERR_WRITE : 0));
    end();
}

static void test_on_error(void)
{
    const uint32_t load = access_program[ACCESS];

    check_access("", load, DONE);
    check_access("", STORE, DONE);
    check_access(",on-error=ones", load, DONE);
    check_access(",on-error=abort", load, ABORTED);
    check_access(",on-error=abort", STORE, ABORTED);
}

/* A CPU that waits for a slave keeps nobody else from working. */
static void test_hung_slave(void)
{
    struct sdm_proto_header header;
    unsigned i;
    int fd;

    start_program(rig_new_tcp(), access_program, sizeof(access_program),
                  ",timeout-ms=3000", "");
    fd = raw_join(rig);
    run(master);
    raw_expect(fd, SDM_PROTO_MEM_READ, &header, NULL);

    /* Now it waits. Monitor, registers, signals and other slaves do not. */
    for (i = 0; i < 20; i++) {
        g_assert_true(has_status(master, "running"));
        qtest_qmp_assert_success(master->qts, "{ 'execute': 'query-sdm' }");
        g_assert_cmphex(get_reg(master, SDM_REG_MAGIC), ==, SDM_MAGIC);
    }
    g_assert_cmpint(send_signal(master, 1, 1, 2, 3), ==, SDM_TX_OK);
    raw_expect(fd, SDM_PROTO_SIGNAL, NULL, NULL);
    raw_leave(raw_join(rig));
    g_assert_cmpint(qtest_readl(master->qts, RESULT), ==, 0);

    /* Stopping the machine takes no longer than the access. */
    qtest_qmp_assert_success(master->qts, "{ 'execute': 'stop' }");
    wait_peer_state(master, 1, SDM_PEER_LOST);
    expect_line(master, "*lost: no answer for 3000 ms");
    run(master);
    WAIT_FOR(qtest_readl(master->qts, RESULT));
    g_assert_cmpint(qtest_readl(master->qts, RESULT), ==, DONE);
    g_assert_cmphex(qtest_readl(master->qts, RESULT + 4), ==, 0xffffffff);
    g_assert_cmphex(get_reg(master, SDM_REG_ERR_STATUS), ==,
                    SDM_ERR_VALID | 1 << 16 | SDM_ERR_TIMEOUT);
    raw_expect_end(fd);
    end();
}

/* One that waits, for an hour if it has to, ends with its machine. */
static void test_terminate(void)
{
    int fd;

    start_program(rig_new_tcp(), access_program, sizeof(access_program),
                  ",timeout-ms=3600000", "");
    fd = raw_join(rig);
    run(master);
    raw_expect(fd, SDM_PROTO_MEM_READ, NULL, NULL);
    qtest_qmp_assert_success(master->qts, "{ 'execute': 'query-sdm' }");

    /* This is a SIGTERM; to obey it late is an error. */
    quit_machine(master);
    raw_expect(fd, SDM_PROTO_BYE, NULL, NULL);
    raw_expect_end(fd);
    rig_free(rig);
}

/*
 * ------------------------------------------------------------------------
 * Two CPUs that use the window without a pause
 */

#define NUM_LOOPS 26 /* word with their number */

/* Per CPU: loops done, number of wrong values. */
#define LOOPS(cpu) (RESULT + 0x10 * (cpu))
#define WRONG(cpu) (LOOPS(cpu) + 4)

static const uint32_t smp_program[] = {
    0xe3a003e1, /*         mov   r0, #0x84000003 (CPU_ON)   */
    0xe3a01001, /*         mov   r1, #1                     */
    0xe28f2008, /*         adr   r2, second                 */
    0xe1400070, /*         hvc   #0                         */
    0xe3a08000, /*         mov   r8, #0                     */
    0xea000000, /*         b     work                       */
    0xe3a08001, /* second: mov   r8, #1                     */
    0xe59f403c, /* work:   ldr   r4, =WINDOW_BASE + 0x1000  */
    0xe0844608, /*         add   r4, r4, r8, lsl #12        */
    0xe59f5038, /*         ldr   r5, =RESULT                */
    0xe0855208, /*         add   r5, r5, r8, lsl #4         */
    0xe3a06000, /*         mov   r6, #0                     */
    0xe3a07000, /*         mov   r7, #0                     */
    0xe59f902c, /*         ldr   r9, NUM_LOOPS              */
    0xe5846000, /* loop:   str   r6, [r4]                   */
    0xe5943000, /*         ldr   r3, [r4]                   */
    0xe1530006, /*         cmp   r3, r6                     */
    0x12877001, /*         addne r7, r7, #1                 */
    0xe2866001, /*         add   r6, r6, #1                 */
    0xe5857004, /*         str   r7, [r5, #4]               */
    0xe5856000, /*         str   r6, [r5]                   */
    0xe1560009, /*         cmp   r6, r9                     */
    0x1afffff6, /*         bne   loop                       */
    0xeafffffe, /*         b     .                          */
    0x60001000, /*         WINDOW_BASE + 0x1000             */
    0x40020000, /*         RESULT                           */
    0x00000000, /*         NUM_LOOPS                        */
};

static void start_smp(uint32_t num_loops)
{
    g_autofree uint32_t *code = g_memdup2(smp_program, sizeof(smp_program));

    code[NUM_LOOPS] = num_loops;
    start_program(rig_new_tcp(), code, sizeof(smp_program), "", "-smp 2");
}

static uint32_t loops(unsigned cpu)
{
    return qtest_readl(master->qts, LOOPS(cpu));
}

static uint32_t wrong(unsigned cpu)
{
    return qtest_readl(master->qts, WRONG(cpu));
}

static void test_two_cpus(void)
{
    const uint32_t num_loops = 1500;
    Machine *slave;

    start_smp(num_loops);
    slave = start_slave(rig, NULL);
    wait_connected(master, 1);
    run(master);
    WAIT_FOR(loops(0) == num_loops && loops(1) == num_loops);
    g_assert_cmpint(wrong(0), ==, 0);
    g_assert_cmpint(wrong(1), ==, 0);
    g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), ==, 0);
    g_assert_cmpint(qtest_readl(slave->qts, RAM_BASE + 0x1000), ==,
                    num_loops - 1);
    g_assert_cmpint(qtest_readl(slave->qts, RAM_BASE + 0x2000), ==,
                    num_loops - 1);
    quit_machine(slave);
    end();
}

/* Slaves go and come in the middle of it, this way and that. */
static void test_slave_changes(void)
{
    unsigned i;

    start_smp(0);
    for (i = 0; i < 6; i++) {
        Machine *slave = start_slave(rig, NULL);
        uint32_t begun;

        wait_connected(master, 1);
        if (i == 0) {
            run(master);
            WAIT_FOR(loops(0) > 100 && loops(1) > 100);
            g_assert_cmpint(wrong(0), ==, 0);
            g_assert_cmpint(wrong(1), ==, 0);
        }
        begun = loops(1);
        WAIT_FOR(loops(1) - begun > 50);
        if (i % 2) {
            quit_machine(slave);
            wait_peer_state(master, 1, SDM_PEER_ABSENT);
        } else {
            kill_machine(slave);
            wait_peer_state(master, 1, SDM_PEER_LOST);
            expect_line(master, "*link to slave *lost*");
        }
        /* Without a slave they go on, and see all ones. */
        begun = loops(0);
        WAIT_FOR(loops(0) - begun > 50);
        g_assert_cmpint(wrong(0), >, 0);
        g_assert_cmpint(get_reg(master, SDM_REG_ERR_COUNT), >, 0);
    }
    end();
}

/*
 * ------------------------------------------------------------------------
 * A slave that really runs
 */

#define ENTRY (RAM_BASE + 0x8000)
#define COUNTER 0x100000 /* offset in the RAM */
#define STEP 3           /* the instruction that may be exchanged */

static const uint32_t slave_program[] = {
    0xe59f4010, /*         ldr   r4, =COUNTER               */
    0xe5842004, /*         str   r2, [r4, #4]               */
    0xe3a03000, /*         mov   r3, #0                     */
    0xe2833001, /* loop:   add   r3, r3, #1                 */
    0xe5843000, /*         str   r3, [r4]                   */
    0xeafffffc, /*         b     loop                       */
    0x40100000, /*         COUNTER                          */
};

static uint32_t counter(unsigned word)
{
    return qtest_readl(master->qts, WINDOW_BASE + COUNTER + 4 * word);
}

static void load_and_boot(uint32_t step, uint64_t dtb)
{
    uint32_t code[ARRAY_SIZE(slave_program)];
    unsigned i;

    memcpy(code, slave_program, sizeof(code));
    code[STEP] = step;
    for (i = 0; i < ARRAY_SIZE(code); i++) {
        qtest_writel(master->qts, WINDOW_BASE + ENTRY - RAM_BASE + 4 * i,
                     code[i]);
    }
    qtest_writeq(master->qts, WINDOW_BASE + COUNTER, 0);
    g_assert_cmpint(send_signal(master, 1, 0, ENTRY, dtb), ==, SDM_TX_OK);
    wait_peer_state(master, 1, SDM_PEER_RUNNING);
    WAIT_FOR(counter(0));
    g_assert_cmphex(counter(1), ==, dtb);
}

static void check_slave(Rig *where)
{
    uint32_t before;
    Machine *slave;

    rig = where;
    master = start_master(rig, NULL);
    slave = start_slave(rig, &(SlaveOptions) { .machine = "-accel tcg" });
    wait_connected(master, 1);

    load_and_boot(0xe2833001, RAM_BASE + 0x200000); /* add r3, r3, #1 */
    before = counter(0);
    WAIT_FOR(counter(0) != before);

    /* In reset it does nothing. */
    g_assert_cmpint(send_signal(master, 1, 1, 0, 0), ==, SDM_TX_OK);
    wait_peer_state(master, 1, SDM_PEER_RESET);
    before = counter(0);
    g_usleep(20000);
    g_assert_cmpint(counter(0), ==, before);

    /* Other code at the same address is what runs next. */
    load_and_boot(0xe3a03a05, RAM_BASE + 0x300000); /* mov r3, #0x5000 */
    WAIT_FOR(counter(0) == 0x5000);

    /* ... and so is code that changes while it runs. */
    qtest_writel(master->qts, WINDOW_BASE + 0x8000 + 4 * STEP,
                 0xe3a03a06); /* mov r3, #0x6000 */
    WAIT_FOR(counter(0) == 0x6000);

    quit_machine(slave);
    end();
}

static void test_slave_tcp(void)
{
    check_slave(rig_new_tcp());
}

static void test_slave_unix(void)
{
    check_slave(rig_new_unix());
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (g_str_equal(qtest_get_arch(), "arm") && qtest_has_accel("tcg")) {
        qtest_add_func("/sdm/guest/on-error", test_on_error);
        qtest_add_func("/sdm/guest/hung-slave", test_hung_slave);
        qtest_add_func("/sdm/guest/terminate", test_terminate);
        qtest_add_func("/sdm/guest/two-cpus", test_two_cpus);
        qtest_add_func("/sdm/guest/slave-changes", test_slave_changes);
        qtest_add_func("/sdm/guest/slave/tcp", test_slave_tcp);
        qtest_add_func("/sdm/guest/slave/unix", test_slave_unix);
    }

    return g_test_run();
}
