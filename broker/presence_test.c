#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "presence.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

static const struct device_key d1 = {"P", "d1"}, d2 = {"P", "d2"};

static int set_up(void **state)
{
    static struct presence table;

    presence_init(&table);
    *state = &table;
    return 0;
}

static int tear_down(void **state)
{
    presence_done(*state);
    return 0;
}

static void enter(struct presence *p, const struct device_key *device, uint64_t now_ms)
{
    assert_int_equal(presence_enter(p, device, now_ms), FERRY_OK);
}

static void expect_changes(struct presence *p, const char *want)
{
    ferry_autobuf out = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);

    assert_int_equal(presence_take_changes(p, &out), FERRY_OK);
    assert_string_equal(out.len > 0 ? out.data : "", want);
}

static void expect_all(struct presence *p, const char *want)
{
    ferry_autobuf out = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);
    struct presence_walk walk = {.part = 0};

    assert_int_equal(presence_write_all(p, &walk, &out), FERRY_OK);
    assert_true(walk.over);
    assert_string_equal(out.data, want);
}

static void coming_and_going_is_told_once(void **state)
{
    expect_changes(*state, "");
    expect_all(*state, "all 0 0 end\n");
    enter(*state, &d1, 10);
    enter(*state, &d2, 11);
    expect_changes(*state, "changes 1\n+10 P/d1\n+11 P/d2\n");
    expect_changes(*state, "");
    presence_leave(*state, &d1, 12);
    expect_changes(*state, "changes 2\n-12 P/d1\n");
    expect_all(*state, "all 2 0 end\n+11 P/d2\n");
}

/* The broker tells of the new connection first, or of the end of the old one: both happen. */
static void a_device_that_takes_its_own_place_stays(void **state)
{
    enter(*state, &d1, 10);
    expect_changes(*state, "changes 1\n+10 P/d1\n");
    enter(*state, &d1, 20);
    presence_leave(*state, &d1, 21);
    expect_changes(*state, "");
    presence_leave(*state, &d1, 30);
    enter(*state, &d1, 31);
    expect_changes(*state, "changes 2\n+31 P/d1\n");
    expect_all(*state, "all 2 0 end\n+31 P/d1\n");
}

static void a_device_is_there_while_one_of_its_clients_is(void **state)
{
    for (uint64_t i = 0; i < 3; i++)
        enter(*state, &d1, 10 + i);
    presence_leave(*state, &d1, 20);
    presence_leave(*state, &d1, 21);
    expect_changes(*state, "changes 1\n+10 P/d1\n");
    presence_leave(*state, &d1, 22);
    expect_changes(*state, "changes 2\n-22 P/d1\n");
    presence_leave(*state, &d1, 23); /* nobody is there: nothing happens */
    expect_changes(*state, "");
    expect_all(*state, "all 2 0 end\n");
}

static void who_came_and_went_between_two_messages_is_told_as_it_is(void **state)
{
    enter(*state, &d1, 10);
    presence_leave(*state, &d1, 11);
    enter(*state, &d2, 12);
    expect_all(*state, "all 0 0 end\n+12 P/d2\n");
    expect_changes(*state, "changes 1\n-11 P/d1\n+12 P/d2\n");
    expect_changes(*state, "");
}

static void name_device(unsigned i, struct device_key *key)
{
    *key = (struct device_key){.product = "a-product-of-some-length"};
    (void)snprintf(key->device, sizeof(key->device), "device-%u", i);
}

/* Counts the lines that tell of a device; marks each in met. */
static void read_message(struct ferry_buf *buf, bool met[], struct presence_head *ret_head)
{
    ferry_text text = {buf->data, buf->len};

    assert_true(buf->len <= PRESENCE_MESSAGE_MAX);
    assert_true(presence_read_head(&text, ret_head));
    while (text.len > 0) {
        struct presence_line line;
        unsigned number = 0;

        assert_true(presence_read_line(&text, &line));
        assert_int_equal(sscanf(line.name, "a-product-of-some-length/device-%u", &number), 1);
        assert_false(met[number]);
        met[number] = true;
    }
}

static void ten_thousand_that_come_together_are_told_in_few_messages(void **state)
{
    enum { MANY = 10000 };
    static bool changed[MANY], there[MANY];
    struct presence_head head = {.seq = 0};
    struct presence_walk walk = {.part = 0};
    unsigned messages = 0;

    for (unsigned i = 0; i < MANY; i++) {
        struct device_key key;

        name_device(i, &key);
        enter(*state, &key, 1700000000000);
    }
    for (;; messages++) {
        ferry_autobuf out = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);

        assert_int_equal(presence_take_changes(*state, &out), FERRY_OK);
        if (out.len == 0)
            break;
        read_message(&out, changed, &head);
        assert_int_equal(head.seq, messages + 1);
    }
    assert_in_range(messages, 2, 25);
    while (!walk.over) {
        ferry_autobuf out = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);
        uint64_t part = walk.part;

        assert_int_equal(presence_write_all(*state, &walk, &out), FERRY_OK);
        read_message(&out, there, &head);
        assert_int_equal(head.seq, messages);
        assert_int_equal(head.part, part);
        assert_int_equal(head.end, walk.over);
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_true(changed[i] && there[i]);
}

static void a_lack_of_memory_changes_nothing(void **state)
{
    for (unsigned nth = 1; nth <= 2; nth++) {
        ferry_alloc_fail_at(nth);
        assert_int_equal(presence_enter(*state, &d1, 10), FERRY_E_NOMEM);
    }
    expect_changes(*state, "");
    enter(*state, &d1, 11);
    expect_changes(*state, "changes 1\n+11 P/d1\n");
}

int main(void)
{
#define UNIT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        UNIT(coming_and_going_is_told_once),
        UNIT(a_device_that_takes_its_own_place_stays),
        UNIT(a_device_is_there_while_one_of_its_clients_is),
        UNIT(who_came_and_went_between_two_messages_is_told_as_it_is),
        UNIT(ten_thousand_that_come_together_are_told_in_few_messages),
        UNIT(a_lack_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
