#include "store/sql/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 5000 }; /* more than there are places */

static struct device device_of(unsigned n)
{
    struct device d = {.key.product = "P", .created_ms = n};

    (void)snprintf(d.key.device, sizeof(d.key.device), "d%u", n);
    return d;
}

static void what_is_known_is_right_and_the_rest_is_not_known(void **state)
{
    struct sql_known *k = sql_known_new();
    struct device found;
    unsigned known = 0;

    (void)state;
    assert_non_null(k);
    for (unsigned n = 0; n < MANY; n++) {
        const struct device d = device_of(n);

        assert_false(sql_known_device(k, &d.key, &found));
        sql_known_note_device(k, &d);
        assert_true(sql_known_device(k, &d.key, &found));
        assert_memory_equal(&found, &d, sizeof(d));
    }
    for (unsigned n = 0; n < MANY; n++) {
        const struct device d = device_of(n);

        if (!sql_known_device(k, &d.key, &found))
            continue;
        assert_memory_equal(&found, &d, sizeof(d));
        known++;
    }
    assert_in_range(known, MANY / 10, MANY - 1);
    sql_known_forget(k);
    for (unsigned n = 0; n < MANY; n++) {
        const struct device d = device_of(n);

        assert_false(sql_known_device(k, &d.key, &found));
    }
    sql_known_free(k);
}

static void product_and_device_are_not_one_word(void **state)
{
    struct sql_known *k = sql_known_new();
    const struct device d = {.key = {"AB", "C"}};
    const struct device_key other = {"A", "BC"};
    struct device found;

    (void)state;
    sql_known_note_device(k, &d);
    assert_false(sql_known_device(k, &other, &found));
    assert_true(sql_known_device(k, &d.key, &found));
    sql_known_free(k);
}

static void that_there_is_no_quota_is_known_too(void **state)
{
    struct sql_known *k = sql_known_new();
    const struct quota none = {.product = "P"}, some = {.product = "Q", .limits.product_files = 3};
    struct quota found;
    ferry_err err = FERRY_OK;

    (void)state;
    assert_false(sql_known_quota(k, "P", &found, &err));
    assert_false(sql_known_quota(k, "", &found, &err));
    sql_known_note_quota(k, &none, FERRY_E_NOT_FOUND);
    sql_known_note_quota(k, &some, FERRY_OK);
    assert_true(sql_known_quota(k, "P", &found, &err));
    assert_int_equal(err, FERRY_E_NOT_FOUND);
    assert_true(sql_known_quota(k, "Q", &found, &err));
    assert_int_equal(err, FERRY_OK);
    assert_int_equal(found.limits.product_files, 3);
    sql_known_forget(k);
    assert_false(sql_known_quota(k, "P", &found, &err));
    sql_known_free(k);
}

static void without_memory_nothing_is_known(void **state)
{
    const struct device d = device_of(1);
    const struct quota q = {.product = "P"};
    struct device device;
    struct quota quota;
    ferry_err err;

    (void)state;
    sql_known_forget(NULL);
    sql_known_note_device(NULL, &d);
    sql_known_note_quota(NULL, &q, FERRY_OK);
    assert_false(sql_known_device(NULL, &d.key, &device));
    assert_false(sql_known_quota(NULL, "P", &quota, &err));
    sql_known_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_right_and_the_rest_is_not_known),
        cmocka_unit_test(product_and_device_are_not_one_word),
        cmocka_unit_test(that_there_is_no_quota_is_known_too),
        cmocka_unit_test(without_memory_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
