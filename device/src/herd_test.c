/*
 * A thousand devices whose broker goes away at one moment, stays away, and comes back: how many knock at once?
 * Simulated time; the devices differ by nothing but their seed.
 */
#include "engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    DEVICES = 1000,
    MINUTES = 10,
    OUTAGE_MS = MINUTES * 60000,
    STEP_MS = 5,
    WINDOW_MS = 100,
    WINDOWS = 2 * OUTAGE_MS / WINDOW_MS
};

struct herd {
    ferry_device_config cfg;
    ferry_device device[DEVICES];
    uint8_t mem[DEVICES][FERRY_DEVICE_MEM(8, 64)];
    uint64_t due_ms[DEVICES];
    bool asked[DEVICES];
    unsigned knocks[WINDOWS];    /* connection attempts */
    unsigned questions[WINDOWS]; /* for a file, after the outage */
    unsigned all_knocks;
};

/* As random as what a port takes from its kernel. */
static uint32_t seed_of(uint32_t i)
{
    i = (i ^ 61) ^ (i >> 16);
    i *= 9;
    i ^= i >> 4;
    i *= 0x27d4eb2d;
    return i ^ i >> 15;
}

static void link_event(ferry_device *d, uint64_t now_ms, ferry_event_kind kind)
{
    ferry_event event = {.kind = kind, .fault = FERRY_FAULT_CONNECT};

    assert_int_equal(ferry_device_event(d, now_ms, &event), FERRY_DEVICE_OK);
}

/* Lets one device do what it wants; there: is the broker? */
static void serve(struct herd *h, unsigned i, uint64_t now_ms, bool there)
{
    ferry_device *d = &h->device[i];
    ferry_action act;

    for (;;) {
        ferry_device_next(d, now_ms, &act);
        if (act.kind == FERRY_ACT_CONNECT) {
            h->knocks[now_ms / WINDOW_MS]++;
            h->all_knocks++;
            link_event(d, now_ms, there ? FERRY_EV_LINK_UP : FERRY_EV_LINK_DOWN);
        } else if (act.kind == FERRY_ACT_SUBSCRIBE)
            link_event(d, now_ms, FERRY_EV_SUBSCRIBED);
        else if (act.kind == FERRY_ACT_PUBLISH) {
            h->asked[i] = true;
            h->questions[now_ms / WINDOW_MS]++;
        } else if (act.kind == FERRY_ACT_WAIT)
            break;
    }
    h->due_ms[i] = act.deadline_ms;
}

static void run(struct herd *h, uint64_t from_ms, uint64_t to_ms, bool there)
{
    for (uint64_t now_ms = from_ms; now_ms < to_ms; now_ms += STEP_MS)
        for (unsigned i = 0; i < DEVICES; i++)
            if (h->due_ms[i] <= now_ms && (!there || !h->asked[i]))
                serve(h, i, now_ms, there);
}

/* All connected and listening, and at time 0 all cut off. */
static int cut_off(void **state)
{
    struct herd *h = calloc(1, sizeof *h);

    assert_non_null(h);
    h->cfg = (ferry_device_config){.product = "p", .device = "d", FERRY_DEVICE_DEFAULTS};
    h->cfg.name_max = 8;
    h->cfg.url_max = 64;
    for (unsigned i = 0; i < DEVICES; i++) {
        assert_int_equal(ferry_device_init(&h->device[i], &h->cfg, h->mem[i], sizeof h->mem[i], seed_of(i), NULL),
                         FERRY_DEVICE_OK);
        ferry_device_listen(&h->device[i], 0, true);
        serve(h, i, 0, true);
        link_event(&h->device[i], 0, FERRY_EV_LINK_DOWN);
        serve(h, i, 0, false);
        h->asked[i] = false;
    }
    h->knocks[0] = h->questions[0] = h->all_knocks = 0;
    *state = h;
    return 0;
}

static int done(void **state)
{
    free(*state);
    return 0;
}

static unsigned most(const unsigned *windows, uint64_t from_ms, uint64_t to_ms)
{
    unsigned most = 0;

    for (uint64_t i = from_ms / WINDOW_MS; i < to_ms / WINDOW_MS; i++)
        most = windows[i] > most ? windows[i] : most;
    return most;
}

static void a_herd_that_lost_its_broker_spreads_and_becomes_quiet(void **state)
{
    struct herd *h = *state;

    run(h, 0, OUTAGE_MS, false);
    /* The first try comes after half a second to a second, each later wave is twice as long as the one before. */
    assert_int_equal(most(h->knocks, 0, 500), 0);
    assert_in_range(most(h->knocks, 500, 1100), DEVICES / 5, DEVICES / 5 * 13 / 10);
    assert_in_range(most(h->knocks, 1500, 3000), 1, DEVICES / 6);
    assert_in_range(most(h->knocks, 10000, 60000), 1, DEVICES / 25);
    assert_in_range(most(h->knocks, 120000, OUTAGE_MS), 1, DEVICES / 100); /* 3 in the mean: 45 s between two tries */
    assert_in_range(h->all_knocks, DEVICES * (MINUTES + 4), DEVICES * (2 * MINUTES + 6));
}

static void a_broker_that_comes_back_meets_no_stampede(void **state)
{
    struct herd *h = *state;

    run(h, 0, OUTAGE_MS, false);
    run(h, OUTAGE_MS, OUTAGE_MS + 61000, true);
    for (unsigned i = 0; i < DEVICES; i++)
        assert_true(h->asked[i]); /* within the longest pause all are back, and have asked what they missed */
    assert_in_range(most(h->questions, OUTAGE_MS, OUTAGE_MS + 61000), 1, DEVICES / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_herd_that_lost_its_broker_spreads_and_becomes_quiet, cut_off, done),
        cmocka_unit_test_setup_teardown(a_broker_that_comes_back_meets_no_stampede, cut_off, done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
