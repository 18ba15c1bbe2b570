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

static struct upload_task upload_of(const struct device_key *key, unsigned n, upload_state state)
{
    struct upload_task t = {.device = *key, .state = state, .size = n};

    (void)snprintf(t.id.text, sizeof(t.id.text), "0000000000000000000000000%u", n);
    return t;
}

/* newest: the numbers of those that must be known, -1 at the end. */
static void check_uploads(struct sql_known *k, const struct device_key *key, const int *newest)
{
    struct upload_task out[4];
    size_t count = 0;

    assert_true(sql_known_uploads(k, key, out, 4, &count));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(out[i].size, newest[i]);
    assert_int_equal(newest[count], -1);
}

static void open_uploads_are_all_that_a_device_has(void **state)
{
    struct sql_known *k = sql_known_new();
    const struct device_key key = {"P", "d"}, other = {"P", "e"};
    struct upload_task t = upload_of(&key, 2, UPLOAD_CREATED), out[4];
    size_t count = 0;

    (void)state;
    sql_known_note_upload(k, &t); /* whether there are others is not known */
    assert_false(sql_known_uploads(k, &key, out, 4, &count));
    sql_known_note_uploads(k, &key, out, 0);
    check_uploads(k, &key, (int[]){-1});
    sql_known_note_upload(k, &t);
    t = upload_of(&key, 1, UPLOAD_STORED);
    sql_known_note_upload(k, &t);
    check_uploads(k, &key, (int[]){2, 1, -1});
    assert_true(sql_known_uploads(k, &key, out, 1, &count));
    assert_int_equal(count, 1);
    t = upload_of(&key, 2, UPLOAD_UPLOADING);
    sql_known_note_upload(k, &t);
    check_uploads(k, &key, (int[]){2, 1, -1});
    t = upload_of(&key, 2, UPLOAD_CANCELLED);
    sql_known_note_upload(k, &t);
    check_uploads(k, &key, (int[]){1, -1});
    t = upload_of(&other, 3, UPLOAD_CREATED);
    sql_known_note_upload(k, &t);
    check_uploads(k, &key, (int[]){1, -1});
    for (unsigned n = 2; n < 4; n++) {
        t = upload_of(&key, n, UPLOAD_CREATED);
        sql_known_note_upload(k, &t);
    }
    assert_false(sql_known_uploads(k, &key, out, 4, &count)); /* too many */
    sql_known_note_uploads(k, &key, out, 1);
    sql_known_forget(k);
    assert_false(sql_known_uploads(k, &key, out, 4, &count));
    sql_known_free(k);
}

static void without_memory_nothing_is_known(void **state)
{
    const struct device d = device_of(1);
    const struct quota q = {.product = "P"};
    struct device device;
    struct upload_task upload = upload_of(&d.key, 1, UPLOAD_CREATED);
    struct quota quota;
    size_t count;
    ferry_err err;

    (void)state;
    sql_known_forget(NULL);
    sql_known_note_uploads(NULL, &d.key, &upload, 1);
    sql_known_note_upload(NULL, &upload);
    assert_false(sql_known_uploads(NULL, &d.key, &upload, 1, &count));
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
        cmocka_unit_test(open_uploads_are_all_that_a_device_has),
        cmocka_unit_test(without_memory_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
