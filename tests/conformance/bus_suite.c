#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_suite.h"

#include "base/cleanup.h"
#include "base/system.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UP "$resource/up/service/p1/d1"
#define DOWN "$resource/down/service/p1/d1"

enum {
    PATIENCE_MS = 20000, /* what is expected to happen, happens within this even on a slow machine */
    SILENCE_MS = 200,    /* what must not happen is waited for this long */
    INBOX_MAX = 1024,
};

static const struct bus_factory *factory; /* cmocka passes no argument of ours to a test */

/* A listener that remembers. */
struct recorder {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool up;
    unsigned ups, downs;
    size_t count, passed;
    struct {
        char *topic;
        uint8_t *payload;
        size_t len;
    } got[INBOX_MAX];
};

struct world {
    void *peer;
    struct bus *bus;
    struct recorder recorder;
};

static void record_message(void *arg, const char *topic, const void *payload, size_t len)
{
    struct recorder *r = arg;

    (void)pthread_mutex_lock(&r->lock);
    if (r->count < INBOX_MAX) {
        r->got[r->count].topic = strdup(topic);
        r->got[r->count].payload = malloc(len + 1);
        memcpy(r->got[r->count].payload, payload, len);
        r->got[r->count].payload[len] = '\0';
        r->got[r->count].len = len;
        r->count++;
    }
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void record_passed(void *arg)
{
    struct recorder *r = arg;

    (void)pthread_mutex_lock(&r->lock);
    r->passed = r->count;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void record_link(void *arg, bool up)
{
    struct recorder *r = arg;

    (void)pthread_mutex_lock(&r->lock);
    r->up = up;
    *(up ? &r->ups : &r->downs) += 1;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static struct timespec in_ms(unsigned ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* True when count messages are there in time. */
static bool wait_messages(struct recorder *r, size_t count, unsigned timeout_ms)
{
    struct timespec deadline = in_ms(timeout_ms);
    bool reached;

    (void)pthread_mutex_lock(&r->lock);
    while (r->count < count && pthread_cond_timedwait(&r->changed, &r->lock, &deadline) == 0)
        continue;
    reached = r->count >= count;
    (void)pthread_mutex_unlock(&r->lock);
    return reached;
}

/* True when so many were there before the bus said in time that they have been passed on. */
static bool wait_passed(struct recorder *r, size_t count)
{
    struct timespec deadline = in_ms(PATIENCE_MS);
    bool reached;

    (void)pthread_mutex_lock(&r->lock);
    while (r->passed < count && pthread_cond_timedwait(&r->changed, &r->lock, &deadline) == 0)
        continue;
    reached = r->passed >= count;
    (void)pthread_mutex_unlock(&r->lock);
    return reached;
}

static bool wait_link(struct recorder *r, bool up)
{
    struct timespec deadline = in_ms(PATIENCE_MS);
    bool reached;

    (void)pthread_mutex_lock(&r->lock);
    while (r->up != up && pthread_cond_timedwait(&r->changed, &r->lock, &deadline) == 0)
        continue;
    reached = r->up == up;
    (void)pthread_mutex_unlock(&r->lock);
    return reached;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    (void)pthread_mutex_init(&w->recorder.lock, NULL);
    (void)pthread_cond_init(&w->recorder.changed, NULL);
    w->peer = factory->set_up();
    w->bus = factory->open(w->peer);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    if (w->bus != NULL)
        w->bus->ops->close(w->bus);
    factory->tear_down(w->peer);
    for (size_t i = 0; i < w->recorder.count; i++) {
        free(w->recorder.got[i].topic);
        free(w->recorder.got[i].payload);
    }
    (void)pthread_cond_destroy(&w->recorder.changed);
    (void)pthread_mutex_destroy(&w->recorder.lock);
    free(w);
    return 0;
}

static void start(struct world *w)
{
    struct bus_listener listener = {
        .message = record_message, .passed = record_passed, .link = record_link, .arg = &w->recorder};

    assert_int_equal(w->bus->ops->start(w->bus, &listener), FERRY_OK);
    assert_true(wait_link(&w->recorder, true));
}

static ferry_err publish(struct world *w, const char *topic, const char *text)
{
    return w->bus->ops->publish(w->bus, topic, text, strlen(text));
}

static void expect_received(struct world *w, const char *topic, const void *payload, size_t len)
{
    struct peer_message message;

    assert_true(factory->receive(w->peer, PATIENCE_MS, &message));
    assert_string_equal(message.topic, topic);
    assert_int_equal(message.len, len);
    assert_memory_equal(message.payload, payload, len);
    assert_int_equal(message.qos, 0);
    free(message.payload);
}

/* --- the rules ------------------------------------------------------------------------------------------ */

static void what_devices_send_arrives_whole(void **state)
{
    struct world *w = *state;
    static uint8_t large[65536];
    static const struct {
        const void *payload;
        size_t len;
    } cases[] = {{"{}", 2}, {"", 0}, {"a\0b\xff\n", 5}, {large, sizeof(large)}};

    ferry_random_bytes(large, sizeof(large));
    start(w);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        factory->send(w->peer, UP, cases[i].payload, cases[i].len);
    assert_true(wait_messages(&w->recorder, 4, PATIENCE_MS));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(w->recorder.got[i].topic, UP);
        assert_int_equal(w->recorder.got[i].len, cases[i].len);
        assert_memory_equal(w->recorder.got[i].payload, cases[i].payload, cases[i].len);
    }
}

static void messages_of_one_device_keep_their_order(void **state)
{
    struct world *w = *state;
    enum { COUNT = 200 };

    start(w);
    for (int i = 0; i < COUNT; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", i);
        factory->send(w->peer, UP, text, strlen(text));
    }
    assert_true(wait_messages(&w->recorder, COUNT, PATIENCE_MS));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(strtol((char *)w->recorder.got[i].payload, NULL, 10), i);
}

static void what_has_arrived_is_passed_on_to_the_last(void **state)
{
    struct world *w = *state;
    enum { ROUNDS = 20, EACH_ROUND = 10 };

    start(w);
    for (size_t round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < EACH_ROUND; i++)
            factory->send(w->peer, UP, "{}", 2);
        assert_true(wait_passed(&w->recorder, round * EACH_ROUND));
    }
}

static void what_is_held_leaves_in_its_order_when_it_is_let_go(void **state)
{
    struct world *w = *state;
    const struct bus_ops *ops = w->bus->ops;
    static const int counts[] = {0, 1, 5, 200}; /* a few go another way than many */
    int sent = 0, received = 0;

    start(w);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        ops->hold(w->bus);
        for (int n = 0; n < counts[i]; n++) {
            char text[16];

            (void)snprintf(text, sizeof(text), "%d", sent++);
            assert_int_equal(publish(w, DOWN, text), FERRY_OK);
        }
        ops->let_go(w->bus);
        while (received < sent) {
            char text[16];
            int len = snprintf(text, sizeof(text), "%d", received++);

            expect_received(w, DOWN, text, (size_t)len);
        }
    }
}

static void what_is_published_reaches_the_device_at_qos_0(void **state)
{
    struct world *w = *state;
    static const uint8_t bytes[] = {'{', 0, 0xff, '}'};

    start(w);
    assert_int_equal(w->bus->ops->publish(w->bus, DOWN, bytes, sizeof(bytes)), FERRY_OK);
    assert_int_equal(publish(w, DOWN, "second"), FERRY_OK);
    expect_received(w, DOWN, bytes, sizeof(bytes));
    expect_received(w, DOWN, "second", 6);
}

struct publisher {
    struct world *w;
    pthread_t thread;
    int number;
    ferry_err err;
};

enum { PUBLISHERS = 4, EACH = 200 };

static void *publish_many(void *arg)
{
    struct publisher *p = arg;

    for (int i = 0; i < EACH && p->err == FERRY_OK; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%d", p->number * EACH + i);
        p->err = publish(p->w, DOWN, text);
    }
    return NULL;
}

static void any_thread_may_publish(void **state)
{
    struct world *w = *state;
    struct publisher publishers[PUBLISHERS];
    bool seen[PUBLISHERS * EACH] = {false};

    start(w);
    for (int i = 0; i < PUBLISHERS; i++) {
        publishers[i] = (struct publisher){.w = w, .number = i, .err = FERRY_OK};
        assert_int_equal(pthread_create(&publishers[i].thread, NULL, publish_many, &publishers[i]), 0);
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        (void)pthread_join(publishers[i].thread, NULL);
        assert_int_equal(publishers[i].err, FERRY_OK);
    }
    for (int i = 0; i < PUBLISHERS * EACH; i++) {
        struct peer_message message;
        long number;

        assert_true(factory->receive(w->peer, PATIENCE_MS, &message));
        message.payload = realloc(message.payload, message.len + 1);
        message.payload[message.len] = '\0';
        number = strtol((char *)message.payload, NULL, 10);
        free(message.payload);
        assert_in_range(number, 0, PUBLISHERS * EACH - 1);
        assert_false(seen[number]);
        seen[number] = true;
    }
}

static void a_bus_is_started_once(void **state)
{
    struct world *w = *state;
    struct bus_listener listener = {.message = record_message, .arg = &w->recorder};

    start(w);
    assert_int_equal(w->bus->ops->start(w->bus, &listener), FERRY_E_STATE);
}

static void what_is_published_without_a_link_waits(void **state)
{
    struct world *w = *state;

    assert_int_equal(publish(w, DOWN, "early"), FERRY_E_NETWORK);
    start(w);
    factory->cut(w->peer);
    assert_true(wait_link(&w->recorder, false));
    assert_int_equal(publish(w, DOWN, "waits"), FERRY_OK);
}

static void a_broken_link_comes_back_with_its_subscription(void **state)
{
    struct world *w = *state;

    start(w);
    for (unsigned round = 1; round <= 2; round++) {
        factory->cut(w->peer);
        assert_true(wait_link(&w->recorder, false));
        factory->restore(w->peer);
        assert_true(wait_link(&w->recorder, true));
        assert_int_equal(w->recorder.downs, round);
        assert_int_equal(w->recorder.ups, round + 1);
        factory->send(w->peer, UP, "again", 5);
        assert_true(wait_messages(&w->recorder, round, PATIENCE_MS));
        assert_int_equal(publish(w, DOWN, "answer"), FERRY_OK);
        expect_received(w, DOWN, "answer", 6);
    }
}

static void what_waits_to_be_sent_is_bounded(void **state)
{
    struct world *w = *state;
    enum { LEN = 256 * 1024, TOO_MANY = 100000 };
    char *payload = calloc(1, LEN);
    struct peer_message message;
    ferry_err err = FERRY_OK;
    unsigned sent = 0;

    start(w);
    factory->stall(w->peer);
    while (err == FERRY_OK && sent < TOO_MANY) {
        err = w->bus->ops->publish(w->bus, DOWN, payload, LEN);
        sent += err == FERRY_OK;
    }
    assert_int_equal(err, FERRY_E_BUSY);
    factory->unstall(w->peer);
    for (unsigned i = 0; i < sent; i++) {
        assert_true(factory->receive(w->peer, PATIENCE_MS, &message));
        assert_int_equal(message.len, LEN);
        free(message.payload);
    }
    assert_int_equal(publish(w, DOWN, "room again"), FERRY_OK);
    expect_received(w, DOWN, "room again", 10);
    free(payload);
}

static void after_stop_nothing_is_delivered_but_answers_still_go_out(void **state)
{
    struct world *w = *state;

    start(w);
    factory->send(w->peer, UP, "heard", 5);
    assert_true(wait_messages(&w->recorder, 1, PATIENCE_MS));
    w->bus->ops->stop(w->bus);
    w->bus->ops->stop(w->bus);
    assert_int_equal(publish(w, DOWN, "last answer"), FERRY_OK);
    expect_received(w, DOWN, "last answer", 11);
    factory->send(w->peer, UP, "not heard", 9);
    assert_false(wait_messages(&w->recorder, 2, SILENCE_MS));
}

static void a_bus_that_was_never_started_can_be_closed(void **state)
{
    struct world *w = *state;
    const struct bus_ops *ops = w->bus->ops;

    ops->stop(w->bus);
    ops->close(w->bus);
    w->bus = NULL;
    ops->close(NULL);
}

static void a_bus_without_a_link_can_be_closed(void **state)
{
    struct world *w = *state;

    start(w);
    factory->cut(w->peer);
    assert_true(wait_link(&w->recorder, false));
    w->bus->ops->close(w->bus);
    w->bus = NULL;
    assert_int_equal(w->recorder.ups, 1);
}

int bus_suite_run(const struct bus_factory *of)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(what_devices_send_arrives_whole),
        RULE(messages_of_one_device_keep_their_order),
        RULE(what_has_arrived_is_passed_on_to_the_last),
        RULE(what_is_published_reaches_the_device_at_qos_0),
        RULE(what_is_held_leaves_in_its_order_when_it_is_let_go),
        RULE(any_thread_may_publish),
        RULE(a_bus_is_started_once),
        RULE(what_is_published_without_a_link_waits),
        RULE(a_broken_link_comes_back_with_its_subscription),
        RULE(what_waits_to_be_sent_is_bounded),
        RULE(after_stop_nothing_is_delivered_but_answers_still_go_out),
        RULE(a_bus_that_was_never_started_can_be_closed),
        RULE(a_bus_without_a_link_can_be_closed),
    };
#undef RULE

    factory = of;
    print_message("bus: %s\n", of->name);
    return cmocka_run_group_tests_name(of->name, rules, NULL, NULL);
}
