/*
 * SDM fuzzing: is what the machine does right?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "sdm/sdm-regs.h"
#include "judge.h"

/* What is between writes must stay as it is: so much of it is looked at. */
#define MARGIN 64

/* For so many signals of each sender a device has room. */
#define ROOM 64

/* An input has no more writes than actions. */
#define MAX_TOUCHED 64

/* The copy of the RAM is brought up to date in such pieces. */
#define PIECE (64 * KiB)

typedef struct JudgeAnswer {
    uint16_t type;
    uint32_t tag;
    uint32_t arg;
    uint32_t length;
    uint8_t *data;
} JudgeAnswer;

static uint64_t ram_size;

/*
 * A slave's RAM, and a copy in which the same is written. Pieces of the copy
 * are stale when somebody may have written who was not judged.
 */
static uint8_t *ram, *copy;
static unsigned long *stale;
static struct {
    uint64_t start;
    uint64_t end;
} touched[MAX_TOUCHED];
static unsigned num_touched;
static unsigned strangers;

static FILE *findings;

void judge_open_log(void)
{
    findings = fdopen(dup(STDERR_FILENO), "w");
    g_assert(findings);
}

void judge_finding(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("SDM: ", findings);
    vfprintf(findings, format, args);
    fputs("\n", findings);
    fflush(findings);
    abort();
}

void judge_init(uint64_t size, uint8_t *machine_ram)
{
    ram_size = size;
    ram = machine_ram;
    if (ram) {
        copy = g_malloc(size);
        stale = bitmap_new(size / PIECE);
        bitmap_set(stale, 0, size / PIECE);
    }
}

/*
 * ------------------------------------------------------------------------
 * The RAM of a slave
 */

static void all_is_stale(void)
{
    if (ram) {
        bitmap_set(stale, 0, ram_size / PIECE);
    }
}

/* Nobody knows how much was written of what was judged so far. */
static void forget_writes(void)
{
    if (num_touched) {
        all_is_stale();
        num_touched = 0;
    }
}

/* Somebody is about to use this range of the copy. */
static void freshen(uint64_t start, uint64_t end)
{
    uint64_t i;

    for (i = start / PIECE; i * PIECE < end; i++) {
        if (test_and_clear_bit(i, stale)) {
            memcpy(copy + i * PIECE, ram + i * PIECE, PIECE);
        }
    }
}

static void touch(uint64_t offset, uint64_t length)
{
    uint64_t start, end;

    offset = MIN(offset, ram_size);
    length = MIN(length, ram_size - offset);
    start = offset - MIN(offset, MARGIN);
    end = offset + length + MIN(ram_size - offset - length, MARGIN);
    freshen(start, end);
    if (num_touched < MAX_TOUCHED) {
        touched[num_touched].start = start;
        touched[num_touched].end = end;
        num_touched++;
    }
}

void judge_ram(Judge *judge)
{
    unsigned i;

    if (!ram || judge->state != JUDGE_ON) {
        return;
    }
    for (i = 0; i < num_touched; i++) {
        uint64_t start = touched[i].start;

        if (memcmp(copy + start, ram + start, touched[i].end - start)) {
            judge_finding("the RAM does not hold what was written");
        }
    }
    num_touched = 0;
}

void judge_end(void)
{
    forget_writes();
    strangers = 0;
}

bool judge_had_strangers(void)
{
    return strangers;
}

/*
 * ------------------------------------------------------------------------
 * Life
 */

static void free_answer(void *opaque)
{
    JudgeAnswer *a = opaque;

    g_free(a->data);
    g_free(a);
}

void judge_begin(Judge *judge)
{
    g_queue_clear_full(&judge->answers, free_answer);
    *judge = (Judge) { .state = JUDGE_OFF };
    g_queue_init(&judge->answers);
    forget_writes();
    strangers++;
}

static void proper_credits(Judge *judge)
{
    /* Those of proper_signals (wire.c). */
    judge->can_send = judge->given = 8;
}

void judge_proper(Judge *judge, bool hello, uint32_t region)
{
    if (judge->state != JUDGE_OFF) {
        judge_unsure(judge);
        return;
    }
    proper_credits(judge);
    judge->region = region;
    judge->state = hello ? JUDGE_ASKED : JUDGE_ON;
    if (!hello) {
        judge->id = 1;
        strangers--;
    }
}

void judge_unsure(Judge *judge)
{
    if (judge->state == JUDGE_ON) {
        strangers++;
    }
    judge->state = JUDGE_OFF;
    num_touched = 0;
    all_is_stale();
}

void judge_closed(Judge *judge)
{
    judge->state = JUDGE_OFF;
    forget_writes();
}

void judge_broken(Judge *judge, const char *crime)
{
    if (judge->state == JUDGE_ON) {
        judge->state = JUDGE_BROKEN;
        judge->crime = crime;
    }
}

/*
 * ------------------------------------------------------------------------
 * What the peer sends
 */

static void expect(Judge *judge, uint16_t type, uint32_t tag, uint32_t arg,
                   const uint8_t *data, uint32_t length)
{
    JudgeAnswer *a = g_new(JudgeAnswer, 1);

    *a = (JudgeAnswer) {
        .type = type,
        .tag = tag,
        .arg = arg,
        .length = length,
        .data = g_memdup2(data, length),
    };
    g_queue_push_tail(&judge->answers, a);
}

static bool is_inside(uint64_t offset, uint64_t length)
{
    return length && offset < ram_size && length <= ram_size - offset;
}

static const char *read_sent(Judge *judge,
                             const struct sdm_proto_header *header,
                             uint64_t offset)
{
    uint32_t length = header->arg;

    if (!length || length > SDM_PROTO_MAX_DATA) {
        return "a read of an impossible length";
    }
    if (is_inside(offset, length)) {
        freshen(offset, offset + length);
        expect(judge, SDM_PROTO_MEM_DATA, header->tag, SDM_MEM_OK,
               copy + offset, length);
    } else {
        expect(judge, SDM_PROTO_MEM_DATA, header->tag, SDM_MEM_RANGE, NULL, 0);
    }
    return NULL;
}

/* A write or a fill; @data is repeated every @period bytes. */
static void write_sent(Judge *judge, const struct sdm_proto_header *header,
                       uint64_t offset, uint64_t length, const uint8_t *data,
                       uint64_t period)
{
    bool inside = is_inside(offset, length);
    uint64_t i;

    touch(offset, length);
    for (i = 0; inside && i < length; i += period) {
        memcpy(copy + offset + i, data, MIN(period, length - i));
    }
    if (header->flags & SDM_PROTO_FLAG_ACK) {
        expect(judge, SDM_PROTO_MEM_DATA, header->tag,
               inside ? SDM_MEM_OK : SDM_MEM_RANGE, NULL, 0);
    } else if (!inside) {
        uint8_t where[8];

        stq_le_p(where, offset);
        expect(judge, SDM_PROTO_MEM_ERROR, 0, SDM_MEM_RANGE, where,
               sizeof(where));
    }
}

/* A frame of the memory channel to a slave. */
static const char *memory_sent(Judge *judge,
                               const struct sdm_proto_header *header,
                               const uint8_t *payload)
{
    const size_t fixed = sizeof(struct sdm_proto_mem);

    switch (header->type) {
    case SDM_PROTO_MEM_READ:
        return read_sent(judge, header, ldq_le_p(payload));
    case SDM_PROTO_MEM_WRITE:
        write_sent(judge, header, ldq_le_p(payload), header->length - fixed,
                   payload + fixed, header->length - fixed);
        return NULL;
    case SDM_PROTO_MEM_FILL:
        write_sent(judge, header, ldq_le_p(payload), ldq_le_p(payload + 8),
                   payload + 16, 8);
        return NULL;
    default:
        return "a memory frame to a slave that only a slave may send";
    }
}

/* A frame of the memory channel to a master. */
static const char *answer_sent(Judge *judge,
                               const struct sdm_proto_header *header,
                               const uint8_t *payload)
{
    switch (header->type) {
    case SDM_PROTO_MEM_DATA:
        /* Somebody may have asked for it. */
        judge_unsure(judge);
        return NULL;
    case SDM_PROTO_MEM_ERROR:
        return ldq_le_p(payload) < ram_size ? NULL :
               "an error outside of the RAM";
    default:
        return "a memory frame to a master that only a master may send";
    }
}

static const char *signal_sent(Judge *judge, const uint8_t *payload)
{
    uint32_t source = ram ? SDM_ID_MASTER : judge->id;
    uint32_t dest = ram ? judge->id : SDM_ID_MASTER;

    judge->room--;
    if (ldl_le_p(payload) != source) {
        return "a signal in the name of another machine";
    }
    return ldl_le_p(payload + 4) != dest ? "a signal for another machine" :
           ldl_le_p(payload + 8) >= SDM_NUM_SIGNALS ? "no such signal" :
           ldl_le_p(payload + 12) & ~SDM_PROTO_SIGNAL_REPORT ?
           "an unknown flag" : NULL;
}

void judge_give_back(Judge *judge)
{
    judge->can_send++;
}

static const char *credit_sent(Judge *judge, uint32_t n, uint32_t tag)
{
    /* There are 4 in proper_signals (wire.c). */
    if (tag > 4) {
        return "a report of no signal";
    }
    if (!n || n > SDM_PROTO_MAX_CREDITS) {
        return "an impossible number of credits";
    }
    judge->can_send += n;
    judge->given += n;
    if (judge->given > SDM_PROTO_MAX_CREDITS) {
        /* Too many, unless it has sent some. */
        judge_unsure(judge);
    }
    return NULL;
}

static const char *action_sent(const struct sdm_proto_header *header)
{
    if (header->arg == SDM_ACTION_NONE || header->arg > SDM_ACTION_FAILED) {
        return "no such result";
    }
    /* Those of proper_signals (wire.c). */
    return header->tag > 1 ? "a signal without an action" : NULL;
}

/* NULL, or what is wrong with records of changes. */
static const char *judge_changes(Judge *judge, const uint8_t *payload,
                                 uint32_t length)
{
    uint64_t at = 0;

    while (at < length) {
        uint64_t offset, n;

        if (length - at < 8) {
            return "half a record of changes";
        }
        offset = ldl_le_p(payload + at);
        n = ldl_le_p(payload + at + 4);
        at += 8 + n;
        if (!n || at > length) {
            return "a record of changes with an impossible length";
        }
        if (offset + n > judge->region) {
            return "changes outside of the region";
        }
    }
    return NULL;
}

static const char *changes_sent(Judge *judge,
                                const struct sdm_proto_header *header,
                                const uint8_t *payload)
{
    if (!judge->region) {
        return "changes of a region that there is not";
    }
    if (header->arg > SDM_PROTO_DIFF_LAST) {
        return "changes of an unknown kind";
    }
    return judge_changes(judge, payload, header->length);
}

void judge_sent(Judge *judge, const struct sdm_proto_header *header,
                const uint8_t *payload)
{
    struct sdm_proto_header parsed;
    uint8_t buf[SDM_PROTO_HEADER_SIZE];
    const char *crime;

    /* Not every crime is noticed before what comes next. */
    if (judge->state != JUDGE_ON && judge->state != JUDGE_BROKEN) {
        judge_unsure(judge);
        return;
    }
    sdm_proto_put_header(buf, header);
    crime = sdm_proto_parse_header(buf, &parsed);
    if (!crime) {
        switch (header->type) {
        case SDM_PROTO_SIGNAL:
            crime = signal_sent(judge, payload);
            break;
        case SDM_PROTO_CREDIT:
            crime = credit_sent(judge, header->arg, header->tag);
            break;
        case SDM_PROTO_STATE:
            crime = sdm_proto_parse_state(header->arg);
            break;
        case SDM_PROTO_ACTION:
            crime = action_sent(header);
            break;
        case SDM_PROTO_BYE:
            break;
        case SDM_PROTO_MEM_DIFF:
            crime = changes_sent(judge, header, payload);
            break;
        case SDM_PROTO_HELLO:
        case SDM_PROTO_WELCOME:
        case SDM_PROTO_REJECT:
            crime = "a second handshake";
            break;
        default:
            crime = ram ? memory_sent(judge, header, payload) :
                          answer_sent(judge, header, payload);
            break;
        }
    }
    if (crime) {
        judge_broken(judge, crime);
    }
}

/*
 * ------------------------------------------------------------------------
 * What the machine sends
 */

static void signals_arrived(Judge *judge, const SDMProtoSections *sections)
{
    const uint8_t *body = sections->body[SDM_PROTO_CHANNEL_SIGNAL];
    struct sdm_proto_signals signals;

    if (!body || sdm_proto_parse_signals(
            body, sections->length[SDM_PROTO_CHANNEL_SIGNAL], &signals)) {
        judge_finding("a handshake without its signal section");
    }
    /* On a busy host some may have been used before this is looked at. */
    judge->room += signals.credits;
}

static void handshake_arrived(Judge *judge,
                              const struct sdm_proto_header *header,
                              const uint8_t *payload)
{
    SDMProtoSections sections;
    struct sdm_proto_hello hello;
    struct sdm_proto_welcome welcome;
    struct sdm_proto_welcome_memory memory;
    const uint8_t *body;

    if (header->type == SDM_PROTO_HELLO) {
        if (sdm_proto_parse_hello(payload, header->length, &hello,
                                  &sections)) {
            judge_finding("the machine sends a wrong HELLO");
        }
        signals_arrived(judge, &sections);
    } else if (header->type == SDM_PROTO_WELCOME) {
        if (sdm_proto_parse_welcome(payload, header->length, &welcome,
                                    &sections)) {
            judge_finding("the machine sends a wrong WELCOME");
        }
        signals_arrived(judge, &sections);
        if (judge->state != JUDGE_ASKED) {
            return;
        }
        body = sections.body[SDM_PROTO_CHANNEL_MEMORY];
        if (!body || sdm_proto_parse_welcome_memory(
                body, sections.length[SDM_PROTO_CHANNEL_MEMORY], &memory)) {
            judge_finding("WELCOME does not say where the RAM is");
        }
        judge->id = welcome.id;
        judge->offset = memory.offset;
        judge->state = JUDGE_ON;
        strangers--;
    }
}

static void answer_arrived(Judge *judge,
                           const struct sdm_proto_header *header,
                           const uint8_t *payload, size_t have)
{
    JudgeAnswer *a = g_queue_pop_head(&judge->answers);

    if (!a) {
        judge_finding("an answer without a question");
    }
    if (header->type != a->type || header->tag != a->tag ||
        header->arg != a->arg || header->length != a->length) {
        judge_finding("answer: type %x, tag %u, result %u, length %u instead "
                      "of type %x, tag %u, result %u, length %u",
                      header->type, header->tag, header->arg, header->length,
                      a->type, a->tag, a->arg, a->length);
    }
    if (a->data && memcmp(payload, a->data, MIN(have, a->length))) {
        judge_finding("an answer with wrong data");
    }
    free_answer(a);
}

/* Long ones are not kept as a whole. */
static void changes_arrived(Judge *judge,
                            const struct sdm_proto_header *header,
                            const uint8_t *payload, size_t have)
{
    const char *wrong = have < header->length ? NULL :
                        judge_changes(judge, payload, header->length);

    if (!judge->region || header->arg > SDM_PROTO_DIFF_LAST || wrong) {
        judge_finding("changes: %s", wrong ?: "nobody has to get them");
    }
}

static void question_arrived(const struct sdm_proto_header *header,
                             const uint8_t *payload)
{
    uint64_t length =
        header->type == SDM_PROTO_MEM_READ ? header->arg :
        header->type == SDM_PROTO_MEM_FILL ? ldq_le_p(payload + 8) :
        header->length - sizeof(struct sdm_proto_mem);

    if (!is_inside(ldq_le_p(payload), length)) {
        judge_finding("an access outside of the slave's RAM");
    }
}

void judge_arrived(Judge *judge, const struct sdm_proto_header *header,
                   const uint8_t *payload, size_t have)
{
    if (SDM_PROTO_CHANNEL(header->type) == SDM_PROTO_CHANNEL_LINK) {
        handshake_arrived(judge, header, payload);
        return;
    }
    if (judge->state != JUDGE_ON && judge->state != JUDGE_BROKEN) {
        return;
    }
    switch (header->type) {
    case SDM_PROTO_SIGNAL:
        if (ldl_le_p(payload) != (ram ? judge->id : SDM_ID_MASTER) ||
            ldl_le_p(payload + 4) != (ram ? SDM_ID_MASTER : judge->id)) {
            judge_finding("a signal between other machines");
        }
        if (!judge->can_send) {
            judge_finding("a signal without a credit");
        }
        judge->can_send--;
        break;
    case SDM_PROTO_CREDIT:
        judge->room += header->arg;
        if (!header->arg || judge->room > ROOM) {
            judge_finding("room for %d signals", judge->room);
        }
        break;
    case SDM_PROTO_STATE:
        if (sdm_proto_parse_state(header->arg)) {
            judge_finding("a state that does not exist");
        }
        break;
    case SDM_PROTO_ACTION:
        break;
    case SDM_PROTO_MEM_DATA:
    case SDM_PROTO_MEM_ERROR:
        answer_arrived(judge, header, payload, have);
        break;
    case SDM_PROTO_MEM_DIFF:
        changes_arrived(judge, header, payload, have);
        break;
    default:
        question_arrived(header, payload);
        break;
    }
}
