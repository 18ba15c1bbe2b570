#include "presence_table.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { MINUTE = PRESENCE_SEEN_EVERY_MS };

static int set_up(void **state)
{
    static struct presence_table table;
    presence_table_init(&table);
    *state = &table;
    return 0;
}

static int tear_down(void **state)
{
    presence_table_done(*state);
    return 0;
}

static void set(struct presence_table *t, const char *name, uint64_t online_ms, uint64_t at_ms)
{
    assert_int_equal(presence_table_set(t, name, online_ms, at_ms), FERRY_OK);
}

static void seen(struct presence_table *t, const char *name, uint64_t now_ms)
{
    assert_int_equal(presence_table_seen(t, name, now_ms), FERRY_OK);
}

/* What is due, as "name online seen" words, a comma behind each; it is then written. */
static void expect_due(struct presence_table *t, uint64_t now_ms, const char *want)
{
    const struct presence_entry *at = NULL;
    char got[512] = "";
    size_t len = 0, count = 0;
    while ((at = presence_table_due(t, at, now_ms)) != NULL) {
        len += (size_t)snprintf(got + len, sizeof got - len, "%s %u %u%s,", at->item.name, (unsigned)at->online_ms,
                                (unsigned)at->seen_ms, at->queue == PRESENCE_QUEUE_SEEN ? "?" : "");
        count++;
    }
    assert_string_equal(got, want);
    presence_table_written(t, count, now_ms);
    assert_null(presence_table_due(t, NULL, now_ms));
}

static void coming_and_going_is_due_at_once_and_once(void **state)
{
    struct presence_table *t = *state;
    assert_int_equal(presence_table_next_ms(t), UINT64_MAX);
    set(t, "P/a", 10, 10);
    set(t, "P/a", 10, 10);
    set(t, "P/b", 11, 11);
    assert_int_equal(t->online, 2);
    assert_int_equal(presence_table_next_ms(t), 0);
    expect_due(t, 0, "P/a 10 10,P/b 11 11,");
    set(t, "P/a", 10, 10);
    assert_int_equal(presence_table_next_ms(t), UINT64_MAX);
    set(t, "P/a", 0, 20);
    set(t, "P/a", 0, 20);
    expect_due(t, 0, "P/a 0 20,");
    assert_int_equal(t->online, 1);
    assert_int_equal(t->entries.used, 1); /* who is gone and written needs no memory */
}

static void what_changes_to_and_fro_is_due_as_it_is_then(void **state)
{
    struct presence_table *t = *state;
    set(t, "P/a", 10, 10);
    set(t, "P/a", 0, 11);
    set(t, "P/b", 0, 12);
    set(t, "P/a", 13, 13);
    set(t, "P/b", 14, 14);
    set(t, "P/b", 0, 15);
    expect_due(t, 0, "P/a 13 13,P/b 0 15,");
    assert_int_equal(t->online, 1);
}

static void messages_are_due_a_minute_after_the_first(void **state)
{
    struct presence_table *t = *state;
    set(t, "P/a", 10, 10);
    expect_due(t, 0, "P/a 10 10,");
    seen(t, "P/a", 100);
    seen(t, "P/b", 150);
    seen(t, "P/a", 200);
    assert_int_equal(presence_table_next_ms(t), 100 + MINUTE);
    expect_due(t, 99 + MINUTE, "");
    expect_due(t, 100 + MINUTE, "P/a 10 200?,");
    assert_int_equal(presence_table_next_ms(t), 150 + MINUTE);
    seen(t, "P/a", 120 + MINUTE);
    expect_due(t, 200 + MINUTE, "P/b 0 150?,");
    assert_int_equal(presence_table_next_ms(t), 120 + 2 * MINUTE);
    set(t, "P/a", 0, 90); /* told late: the message was later */
    expect_due(t, 0, "P/a 0 60120,");
    assert_int_equal(presence_table_next_ms(t), UINT64_MAX);
    assert_int_equal(t->entries.used, 0);
}

static void what_changed_comes_before_what_was_seen(void **state)
{
    struct presence_table *t = *state;
    seen(t, "P/a", 1);
    seen(t, "P/b", 2);
    seen(t, "P/c", 3);
    set(t, "P/b", 4, 4);
    set(t, "P/d", 5, 5);
    expect_due(t, 3 + MINUTE, "P/b 4 4,P/d 5 5,P/a 0 1?,P/c 0 3?,");
}

static void some_of_what_is_due_can_be_written_first(void **state)
{
    struct presence_table *t = *state;
    set(t, "P/a", 1, 1);
    set(t, "P/b", 0, 2);
    set(t, "P/c", 3, 3);
    presence_table_written(t, 2, 0);
    expect_due(t, 0, "P/c 3 3,");
}

static void who_is_not_in_a_list_of_all_is_gone(void **state)
{
    struct presence_table *t = *state;
    assert_int_equal(presence_table_load(t, "P/old", 5, 6), FERRY_OK);
    assert_int_equal(presence_table_load(t, "P/stays", 7, 50), FERRY_OK);
    assert_int_equal(presence_table_load(t, "P/lost", 8, 50), FERRY_OK);
    set(t, "P/new", 20, 20);
    seen(t, "P/heard", 21);
    expect_due(t, 0, "P/new 20 20,");
    assert_int_equal(t->online, 4);
    presence_table_begin_all(t);
    set(t, "P/stays", 7, 7);
    set(t, "P/back", 30, 30);
    set(t, "P/new", 31, 31);
    presence_table_end_all(t, 40);
    assert_int_equal(t->online, 3);
    presence_table_begin_all(t); /* once more: nothing changes */
    set(t, "P/new", 31, 31);
    set(t, "P/back", 30, 30);
    set(t, "P/stays", 7, 7);
    presence_table_end_all(t, 99);
    assert_int_equal(t->online, 3);
    set(t, "P/old", 0, 40);
    const struct presence_entry *at = NULL;
    unsigned gone = 0;
    while ((at = presence_table_due(t, at, 0)) != NULL) {
        gone += at->online_ms == 0;
        if (strcmp(at->item.name, "P/old") == 0)
            assert_int_equal(at->seen_ms, 40);
        if (strcmp(at->item.name, "P/lost") == 0)
            assert_int_equal(at->seen_ms, 50); /* it was seen after the list's time: that is kept */
    }
    assert_int_equal(gone, 2);
}

static void who_is_neither_connected_nor_waits_for_the_store_is_not_there(void **state)
{
    struct presence_table *t = *state;
    assert_false(presence_table_has(t, "P/a"));
    set(t, "P/a", 10, 10);
    assert_true(presence_table_has(t, "P/a"));
    expect_due(t, 0, "P/a 10 10,");
    assert_true(presence_table_has(t, "P/a"));
    set(t, "P/a", 0, 20);
    assert_true(presence_table_has(t, "P/a")); /* not written yet */
    expect_due(t, 0, "P/a 0 20,");
    assert_false(presence_table_has(t, "P/a"));
    seen(t, "P/a", 30);
    assert_true(presence_table_has(t, "P/a"));
}

static void a_lack_of_memory_changes_nothing(void **state)
{
    struct presence_table *t = *state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        ferry_alloc_fail_at(nth);
        assert_int_equal(presence_table_set(t, "P/a", 1, 1), FERRY_E_NOMEM);
    }
    assert_int_equal(t->online, 0);
    assert_int_equal(presence_table_next_ms(t), UINT64_MAX);
}

int main(void)
{
#define UNIT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        UNIT(coming_and_going_is_due_at_once_and_once),
        UNIT(what_changes_to_and_fro_is_due_as_it_is_then),
        UNIT(messages_are_due_a_minute_after_the_first),
        UNIT(what_changed_comes_before_what_was_seen),
        UNIT(some_of_what_is_due_can_be_written_first),
        UNIT(who_is_not_in_a_list_of_all_is_gone),
        UNIT(who_is_neither_connected_nor_waits_for_the_store_is_not_there),
        UNIT(a_lack_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
