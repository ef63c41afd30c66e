/*
 * SDM: frames of the signal channel that wait for the device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/inbox.h"

static SDMInbox inbox;

static bool try_add(uint16_t type, uint32_t tag, uint32_t arg)
{
    SDMInboxFrame *frame = g_new0(SDMInboxFrame, 1);

    frame->header = (struct sdm_proto_header) {
        .type = type, .tag = tag, .arg = arg,
    };
    if (sdm_inbox_add(&inbox, frame)) {
        return true;
    }
    g_free(frame);
    return false;
}

static void add(uint16_t type, uint32_t tag, uint32_t arg)
{
    g_assert_true(try_add(type, tag, arg));
}

static bool yes(void *opaque, const SDMInboxFrame *frame)
{
    return true;
}

static bool no(void *opaque, const SDMInboxFrame *frame)
{
    g_assert_nonnull(frame);
    (*(unsigned *)opaque)++;
    return false;
}

static void expect(uint16_t type, uint32_t tag, uint32_t arg)
{
    g_autofree SDMInboxFrame *frame = sdm_inbox_take(&inbox, yes, NULL);

    g_assert_nonnull(frame);
    g_assert_cmpuint(frame->header.type, ==, type);
    g_assert_cmpuint(frame->header.tag, ==, tag);
    g_assert_cmpuint(frame->header.arg, ==, arg);
}

static void expect_nothing(void)
{
    g_assert_null(sdm_inbox_take(&inbox, yes, NULL));
    g_assert_cmpuint(sdm_inbox_count(&inbox), ==, 0);
}

static void test_order(void)
{
    unsigned asked = 0;

    sdm_inbox_init(&inbox);
    expect_nothing();
    add(SDM_PROTO_CREDIT, 0, 1);
    add(SDM_PROTO_SIGNAL, 2, 0);
    add(SDM_PROTO_CREDIT, 0, 3);
    g_assert_cmpuint(sdm_inbox_count(&inbox), ==, 3);
    g_assert_null(sdm_inbox_take(&inbox, no, &asked));
    g_assert_cmpuint(asked, ==, 1);
    expect(SDM_PROTO_CREDIT, 0, 1);
    expect(SDM_PROTO_SIGNAL, 2, 0);
    expect(SDM_PROTO_CREDIT, 0, 3);
    expect_nothing();
    sdm_inbox_destroy(&inbox);
}

/* What a signal, and more so the end of an action, tells about stays. */
static void test_own_state(void)
{
    sdm_inbox_init(&inbox);
    add(SDM_PROTO_STATE, 0, SDM_PEER_RESET);
    add(SDM_PROTO_STATE, 0, SDM_PEER_RUNNING);
    add(SDM_PROTO_ACTION, 0, 0);
    add(SDM_PROTO_STATE, 0, SDM_PEER_RESET);
    expect(SDM_PROTO_STATE, 0, SDM_PEER_RUNNING);
    expect(SDM_PROTO_ACTION, 0, 0);
    add(SDM_PROTO_STATE, 0, SDM_PEER_RUNNING);
    expect(SDM_PROTO_STATE, 0, SDM_PEER_RUNNING);
    expect_nothing();
    sdm_inbox_destroy(&inbox);
}

/* Of each slave the latest, in its place. */
static void test_slaves_states(void)
{
    unsigned i, id;

    sdm_inbox_init(&inbox);
    for (i = 0; i < 2 * SDM_INBOX_MAX; i++) {
        add(SDM_PROTO_PEER_STATE, 1 + i % 3, 100 + i);
    }
    add(SDM_PROTO_SIGNAL, 0, 0);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RUNNING);
    g_assert_cmpuint(sdm_inbox_count(&inbox), ==, 4);
    for (id = 1, i -= 3; id <= 3; id++, i++) {
        if (1 + i % 3 != 2) {
            expect(SDM_PROTO_PEER_STATE, 1 + i % 3, 100 + i);
        }
    }
    expect(SDM_PROTO_SIGNAL, 0, 0);
    expect(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RUNNING);
    expect_nothing();
    /* One that has been taken is not there to be replaced. */
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RESET);
    expect(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RESET);
    sdm_inbox_destroy(&inbox);
}

/* No end of a machine is lost, nor does its state become the next one's. */
static void test_slaves_ends(void)
{
    sdm_inbox_init(&inbox);
    add(SDM_PROTO_PEER, 2, 0);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RUNNING);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_LOST);
    add(SDM_PROTO_PEER, 2, 1);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_ABSENT);
    add(SDM_PROTO_PEER, 2, 2);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RESET);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RUNNING);
    expect(SDM_PROTO_PEER, 2, 0);
    expect(SDM_PROTO_PEER_STATE, 2, SDM_PEER_LOST);
    expect(SDM_PROTO_PEER, 2, 1);
    expect(SDM_PROTO_PEER_STATE, 2, SDM_PEER_ABSENT);
    expect(SDM_PROTO_PEER, 2, 2);
    expect(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RUNNING);
    expect_nothing();
    sdm_inbox_destroy(&inbox);
}

/* A frame about a machine that there cannot be is somebody else's to judge. */
static void test_impossible(void)
{
    sdm_inbox_init(&inbox);
    add(SDM_PROTO_PEER_STATE, SDM_MAX_IDS, SDM_PEER_RUNNING);
    add(SDM_PROTO_PEER_STATE, UINT32_MAX, SDM_PEER_RUNNING);
    expect(SDM_PROTO_PEER_STATE, SDM_MAX_IDS, SDM_PEER_RUNNING);
    expect(SDM_PROTO_PEER_STATE, UINT32_MAX, SDM_PEER_RUNNING);
    expect_nothing();
    sdm_inbox_destroy(&inbox);
}

static void test_full(void)
{
    unsigned i;

    sdm_inbox_init(&inbox);
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RESET);
    for (i = 1; i < SDM_INBOX_MAX; i++) {
        add(SDM_PROTO_CREDIT, 0, i);
    }
    g_assert_false(try_add(SDM_PROTO_CREDIT, 0, 0));
    g_assert_cmpuint(sdm_inbox_count(&inbox), ==, SDM_INBOX_MAX);
    /* This one takes the place of another. */
    add(SDM_PROTO_PEER_STATE, 2, SDM_PEER_RUNNING);
    g_assert_cmpuint(sdm_inbox_count(&inbox), ==, SDM_INBOX_MAX);
    expect(SDM_PROTO_CREDIT, 0, 1);
    add(SDM_PROTO_CREDIT, 0, 0);
    g_assert_false(try_add(SDM_PROTO_STATE, 0, SDM_PEER_RESET));
    /* With all that is in it. */
    sdm_inbox_destroy(&inbox);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/sdm/inbox/order", test_order);
    g_test_add_func("/sdm/inbox/own-state", test_own_state);
    g_test_add_func("/sdm/inbox/slaves-states", test_slaves_states);
    g_test_add_func("/sdm/inbox/slaves-ends", test_slaves_ends);
    g_test_add_func("/sdm/inbox/impossible", test_impossible);
    g_test_add_func("/sdm/inbox/full", test_full);

    return g_test_run();
}
