#include "api_caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void caller_is_known_for_one_generation(void **state)
{
    struct api_callers *callers;
    struct api_caller caller = {.hash = {1, 2, 3}, .name = "ci", .role = ROLE_VIEWER}, got;
    uint8_t other[32] = {1, 2, 4};

    (void)state;
    assert_int_equal(api_callers_new(&callers), FERRY_OK);
    assert_false(api_callers_get(callers, caller.hash, 7, &got));
    api_callers_put(callers, 7, &caller);
    assert_true(api_callers_get(callers, caller.hash, 7, &got));
    assert_string_equal(got.name, "ci");
    assert_false(api_callers_get(callers, caller.hash, 8, &got));
    assert_false(api_callers_get(callers, other, 7, &got));
    api_callers_free(callers);
    api_callers_free(NULL);
}

static void nobody_is_found_in_an_empty_entry(void **state)
{
    struct api_callers *callers;
    struct api_caller got;
    const uint8_t zeros[32] = {0};

    (void)state;
    assert_int_equal(api_callers_new(&callers), FERRY_OK);
    assert_false(api_callers_get(callers, zeros, 0, &got));
    api_callers_free(callers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caller_is_known_for_one_generation),
        cmocka_unit_test(nobody_is_found_in_an_empty_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
