/*
 * SDM: which part of the window belongs to which slave
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/window-map.h"

static SDMWindowMap map;

static void start(uint64_t size)
{
    memset(&map, 0, sizeof(map));
    map.size = size;
}

static void take(uint32_t id, uint64_t size, uint64_t expected)
{
    uint64_t offset = ~0ull;

    g_assert_true(sdm_window_map_take(&map, id, size, &offset));
    g_assert_cmpuint(offset, ==, expected);
    g_assert_true(map.slots[id].used);
    g_assert_cmpuint(map.slots[id].offset, ==, expected);
    g_assert_cmpuint(map.slots[id].size, ==, size);
}

/* There is no place, and the attempt changes nothing. */
static void refuse(uint32_t id, uint64_t size)
{
    SDMWindowMap before = map;
    uint64_t offset;

    g_assert_false(sdm_window_map_take(&map, id, size, &offset));
    g_assert_cmpmem(&before, sizeof(before), &map, sizeof(map));
}

static void release(uint32_t id)
{
    sdm_window_map_release(&map, id);
}

static void expect_largest(uint64_t size)
{
    g_assert_cmpuint(sdm_window_map_largest(&map), ==, size);
}

static void test_first_fit(void)
{
    start(100);
    take(1, 10, 0);
    take(2, 20, 10);
    take(3, 30, 30);
    take(255, 40, 60);
    refuse(4, 1);

    /* Gaps of 20 and 40: the first that is large enough. */
    release(2);
    release(255);
    map.slots[2].size = 0;
    map.slots[255].size = 0;
    take(4, 21, 60);
    take(5, 19, 10);
    take(6, 19, 81);
    take(7, 1, 29);
    refuse(8, 1);
}

static void test_limits(void)
{
    start(100);
    refuse(1, 101);
    refuse(1, UINT64_MAX);
    take(1, 100, 0);
    refuse(2, 1);
    release(1);

    take(2, 99, 0);
    refuse(3, 2);
    take(3, 1, 99);

    /* The largest numbers there are. */
    start(UINT64_MAX);
    take(1, UINT64_MAX - 1, 0);
    refuse(2, 2);
    take(2, 1, UINT64_MAX - 1);
    refuse(3, UINT64_MAX);

    start(0);
    refuse(1, 1);
    expect_largest(0);
}

/* Who comes back gets its place again. */
static void test_remembered(void)
{
    start(100);
    take(1, 10, 0);
    take(2, 10, 10);
    take(3, 10, 20);
    release(1);
    release(2);
    release(3);
    take(3, 10, 20);
    take(1, 10, 0);
    take(2, 10, 10);

    /* A newcomer leaves remembered places alone while there is room. */
    release(1);
    release(2);
    take(4, 10, 30);
    take(5, 60, 40);
    take(2, 10, 10);
    take(1, 10, 0);
}

/* Remembered places are given away when there is no other. */
static void test_eviction(void)
{
    start(100);
    take(1, 50, 0);
    take(2, 50, 50);
    release(1);
    release(2);
    take(3, 50, 0);
    /* The other one still has its place, the evicted one has none... */
    take(2, 50, 50);
    refuse(1, 50);
    /* ... until that is free again. */
    release(3);
    take(1, 50, 0);
    release(1);
    release(2);
    take(2, 50, 50);
    take(3, 50, 0);
    release(2);
    take(1, 50, 50);

    /* One newcomer may evict several. */
    start(100);
    take(1, 20, 0);
    take(2, 20, 20);
    take(3, 20, 40);
    release(1);
    release(2);
    release(3);
    take(4, 50, 0);
    take(1, 20, 60);
    take(2, 20, 80);
    refuse(3, 20);
    take(3, 10, 50);
}

/* Who was refused in the end changes nothing. */
static void test_cancel(void)
{
    SDMWindowMap before;

    start(100);
    take(1, 60, 0);
    take(2, 40, 60);
    release(1);
    release(2);
    before = map;
    take(1, 100, 0);
    sdm_window_map_cancel(&map, 1);
    take(3, 100, 0);
    sdm_window_map_cancel(&map, 3);
    for (int i = 0; i < SDM_MAX_IDS; i++) {
        g_assert_cmpuint(map.slots[i].offset, ==, before.slots[i].offset);
        g_assert_cmpuint(map.slots[i].size, ==, before.slots[i].size);
        g_assert_false(map.slots[i].used);
    }
    take(2, 40, 60);
    take(1, 60, 0);
}

/* Another size: another place, as for a newcomer. */
static void test_resized(void)
{
    start(100);
    take(1, 30, 0);
    take(2, 30, 30);
    release(1);
    take(1, 20, 0);
    release(1);
    take(1, 40, 60);
    release(1);
    take(1, 30, 0);

    /* Larger at its own place, which is nobody else's obstacle. */
    start(100);
    take(1, 60, 0);
    release(1);
    take(1, 100, 0);
    release(1);
    take(1, 60, 0);
}

static void test_largest(void)
{
    start(100);
    expect_largest(100);
    take(1, 30, 0);
    expect_largest(70);
    take(2, 40, 30);
    expect_largest(30);
    take(3, 30, 70);
    expect_largest(0);
    release(2);
    expect_largest(40);
    release(1);
    expect_largest(70);
    release(3);
    expect_largest(100);

    /* A gap in the middle, one at the end. */
    start(100);
    take(1, 10, 0);
    take(2, 35, 10);
    take(3, 10, 45);
    release(2);
    expect_largest(45);
    take(4, 44, 55);
    expect_largest(35);
}

/* What is said to fit does fit, and one byte more does not. */
static void test_largest_is_true(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20161);
    unsigned round;

    start(1000);
    for (round = 0; round < 20000; round++) {
        uint32_t id = g_rand_int_range(rand, 1, 10);
        uint64_t largest, offset, size;
        SDMWindowMap saved;
        unsigned i, j;

        if (map.slots[id].used) {
            release(id);
            continue;
        }
        largest = sdm_window_map_largest(&map);
        saved = map;
        refuse(id, largest + 1);
        if (!largest) {
            continue;
        }
        g_assert_true(sdm_window_map_take(&map, id, largest, &offset));
        map = saved;

        size = g_rand_int_range(rand, 1, MIN(largest, 300) + 1);
        g_assert_true(sdm_window_map_take(&map, id, size, &offset));
        for (i = 0; i < SDM_MAX_IDS; i++) {
            if (!map.slots[i].used) {
                continue;
            }
            g_assert_cmpuint(map.slots[i].offset + map.slots[i].size, <=,
                             map.size);
            for (j = 0; j < i; j++) {
                g_assert_true(!map.slots[j].used ||
                              map.slots[j].offset + map.slots[j].size <=
                              map.slots[i].offset ||
                              map.slots[i].offset + map.slots[i].size <=
                              map.slots[j].offset);
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/sdm/window-map/first-fit", test_first_fit);
    g_test_add_func("/sdm/window-map/limits", test_limits);
    g_test_add_func("/sdm/window-map/remembered", test_remembered);
    g_test_add_func("/sdm/window-map/eviction", test_eviction);
    g_test_add_func("/sdm/window-map/cancel", test_cancel);
    g_test_add_func("/sdm/window-map/resized", test_resized);
    g_test_add_func("/sdm/window-map/largest", test_largest);
    g_test_add_func("/sdm/window-map/largest-is-true", test_largest_is_true);

    return g_test_run();
}
