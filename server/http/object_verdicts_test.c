#include "object_verdicts.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct object_address address_of(const char *task, uint64_t expires_s, const char *signature)
{
    struct object_address address = {.expires_s = expires_s};
    (void)snprintf(address.task.text, sizeof address.task.text, "%s", task);
    (void)snprintf(address.signature, sizeof address.signature, "%s", signature);
    return address;
}

static const char task_a[] = "01kdzhjq3mx5v6r2c8q0t9w4ab", task_b[] = "01kdzhjq3mx5v6r2c8q0t9w4ac";

static struct object_verdicts *verdicts_of(uint32_t count)
{
    struct object_verdicts *verdicts = NULL;
    assert_int_equal(object_verdicts_new(count, &verdicts), FERRY_OK);
    return verdicts;
}

static void a_verdict_is_of_one_url_in_every_character(void **state)
{
    (void)state;
    struct object_verdicts *verdicts = verdicts_of(100);
    struct object_target target = {.size = 7}, found = {.size = 0};
    struct object_address good = address_of(task_a, 100, "abc");
    assert_false(object_verdicts_find(verdicts, &good, 1, &found));
    object_verdicts_keep(verdicts, &good, 1, &target);
    struct object_address others[] = {address_of(task_b, 100, "abc"), address_of(task_a, 101, "abc"),
                                      address_of(task_a, 100, "abd"), address_of(task_a, 100, "abcd"),
                                      address_of(task_a, 100, "ab"),  address_of(task_a, 100, "")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(object_verdicts_find(verdicts, &others[i], 1, &found));
    assert_int_equal(found.size, 0);
    assert_true(object_verdicts_find(verdicts, &good, 1, &found));
    assert_int_equal(found.size, 7);
    object_verdicts_free(verdicts);
}

static void a_verdict_holds_in_its_generation_only(void **state)
{
    (void)state;
    struct object_verdicts *verdicts = verdicts_of(100);
    struct object_target target = {.size = 7}, found;
    struct object_address good = address_of(task_a, 100, "abc");
    object_verdicts_keep(verdicts, &good, 5, &target);
    assert_true(object_verdicts_find(verdicts, &good, 5, &found));
    assert_false(object_verdicts_find(verdicts, &good, 4, &found));
    assert_false(object_verdicts_find(verdicts, &good, 6, &found));
    object_verdicts_keep(verdicts, &good, 6, &target);
    assert_true(object_verdicts_find(verdicts, &good, 6, &found));
    object_verdicts_free(verdicts);
}

static void the_table_never_grows(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 64, 100};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct object_verdicts *verdicts = verdicts_of(counts[c]);
        struct object_target target = {.size = 7}, found;
        size_t remembered = 0;
        for (unsigned pass = 0; pass < 2; pass++)
            for (unsigned i = 0; i < 1000; i++) {
                char task[FERRY_ID_LEN + 1];
                (void)snprintf(task, sizeof task, "01kdzhjq3mx5v6r2c8q0t%05u", i);
                struct object_address address = address_of(task, 100, "abc");
                if (pass == 0)
                    object_verdicts_keep(verdicts, &address, 1, &target);
                else
                    remembered += object_verdicts_find(verdicts, &address, 1, &found);
            }
        assert_true(counts[c] == 0 ? remembered == 0 : remembered > 0 && remembered <= counts[c] + 64);
        object_verdicts_free(verdicts);
    }
}

static void without_memory_there_is_no_table(void **state)
{
    (void)state;
    struct object_verdicts *verdicts = NULL;
    ferry_alloc_fail_at(1);
    ferry_err err = object_verdicts_new(100, &verdicts);
    ferry_alloc_fail_at(0);
    assert_int_equal(err, FERRY_E_NOMEM);
    assert_null(verdicts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_is_of_one_url_in_every_character),
        cmocka_unit_test(a_verdict_holds_in_its_generation_only),
        cmocka_unit_test(the_table_never_grows),
        cmocka_unit_test(without_memory_there_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
