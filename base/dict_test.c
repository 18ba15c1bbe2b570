#include "base/dict.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 3000 };

struct thing {
    struct ferry_dict_item item;
    char name[16];
    unsigned met;
    bool there;
};

static struct thing things[MANY];

static void name_all(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        things[i] = (struct thing){.met = 0};
        (void)snprintf(things[i].name, sizeof things[i].name, "P/d%u", i);
        things[i].item.name = things[i].name;
    }
}

static void things_are_found_until_they_are_removed(void **state)
{
    struct ferry_dict dict;
    uint32_t seed = 1;

    (void)state;
    name_all();
    ferry_dict_init(&dict);
    assert_null(ferry_dict_find(&dict, "P/d0"));
    for (unsigned step = 0; step < 30000; step++) {
        seed = seed * 1664525 + 1013904223;
        struct thing *one = &things[(seed >> 8) % MANY];
        if (one->there)
            ferry_dict_remove(&dict, &one->item);
        else
            assert_int_equal(ferry_dict_add(&dict, &one->item), FERRY_OK);
        one->there = !one->there;
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(ferry_dict_find(&dict, things[i].name), things[i].there ? &things[i].item : NULL);
    ferry_dict_done(&dict, NULL);
}

static void a_walk_meets_all_once(void **state)
{
    struct ferry_dict dict;

    (void)state;
    name_all();
    ferry_dict_init(&dict);
    assert_null(ferry_dict_next(&dict, NULL));
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(ferry_dict_add(&dict, &things[i].item), FERRY_OK);
    for (struct ferry_dict_item *at = ferry_dict_next(&dict, NULL); at != NULL; at = ferry_dict_next(&dict, at))
        ((struct thing *)at)->met++;
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(things[i].met, 1);
    assert_int_equal(dict.used, MANY);
    ferry_dict_done(&dict, NULL);
}

static void the_end_frees_everything(void **state)
{
    struct ferry_dict dict;

    (void)state;
    name_all();
    ferry_dict_init(&dict);
    for (unsigned i = 0; i < MANY; i++) {
        struct thing *copy = ferry_malloc(sizeof *copy);
        assert_non_null(copy);
        *copy = things[i];
        copy->item.name = copy->name;
        assert_int_equal(ferry_dict_add(&dict, &copy->item), FERRY_OK);
    }
    ferry_dict_done(&dict, free);
    assert_int_equal(dict.used, 0);
}

static void a_lack_of_memory_changes_nothing(void **state)
{
    struct ferry_dict dict;

    (void)state;
    name_all();
    ferry_dict_init(&dict);
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_dict_add(&dict, &things[0].item), FERRY_E_NOMEM);
    assert_null(ferry_dict_find(&dict, things[0].name));
    assert_int_equal(ferry_dict_add(&dict, &things[0].item), FERRY_OK);
    assert_ptr_equal(ferry_dict_find(&dict, things[0].name), &things[0].item);
    ferry_dict_done(&dict, NULL);
}

static void a_thing_is_made_when_it_is_not_there(void **state)
{
    struct ferry_dict dict;
    char name[] = "P/d1";

    (void)state;
    ferry_dict_init(&dict);
    struct thing *made = ferry_dict_find_or_add(&dict, name, sizeof *made);
    assert_non_null(made);
    assert_int_equal(made->met, 0);
    name[3] = '2'; /* it has a copy */
    assert_string_equal(made->item.name, "P/d1");
    assert_ptr_equal(ferry_dict_find_or_add(&dict, "P/d1", sizeof *made), made);
    assert_ptr_not_equal(ferry_dict_find_or_add(&dict, name, sizeof *made), made);
    assert_int_equal(dict.used, 2);
    for (int at = 1; at <= 2; at++) { /* of the thing, of the table */
        struct ferry_dict empty;
        ferry_dict_init(&empty);
        ferry_alloc_fail_at(at);
        assert_null(ferry_dict_find_or_add(&empty, name, sizeof *made));
        assert_null(ferry_dict_find(&empty, name));
        ferry_dict_done(&empty, free);
    }
    ferry_dict_done(&dict, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_found_until_they_are_removed),
        cmocka_unit_test(a_walk_meets_all_once),
        cmocka_unit_test(the_end_frees_everything),
        cmocka_unit_test(a_lack_of_memory_changes_nothing),
        cmocka_unit_test(a_thing_is_made_when_it_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
