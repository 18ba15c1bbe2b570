#include "object_tus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char type[] = "application/offset+octet-stream";

static void only_one_version_is_known(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "1.0", "1.0.0 ", "0.2.2", "1.0.0, 0.2.2", "2.0.0"};
    assert_true(object_tus_version_known("1.0.0"));
    assert_false(object_tus_version_known(NULL));
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_false(object_tus_version_known(unknown[i]));
}

static void head_of_a_patch_is_judged(void **state)
{
    (void)state;
    static const struct {
        const char *type, *offset, *length;
        object_tus_verdict verdict;
    } cases[] = {
        {type, "0", "0", TUS_GOOD},
        {type, "5368709120", "18446744073709551615", TUS_GOOD},
        {"Application/Offset+Octet-Stream", "0", "1", TUS_GOOD},
        {"application/offset+octet-stream; charset=x", "0", "1", TUS_GOOD},
        {"application/offset+octet-streams", "0", "1", TUS_TYPE},
        {"application/octet-stream", "0", "1", TUS_TYPE},
        {"", "0", "1", TUS_TYPE},
        {NULL, "0", "1", TUS_TYPE},
        {type, "0", NULL, TUS_NO_LENGTH},
        {type, NULL, "1", TUS_MALFORMED},
        {type, "", "1", TUS_MALFORMED},
        {type, "-1", "1", TUS_MALFORMED},
        {type, "+1", "1", TUS_MALFORMED},
        {type, "1.0", "1", TUS_MALFORMED},
        {type, "1 ", "1", TUS_MALFORMED},
        {type, "0x1", "1", TUS_MALFORMED},
        {type, "01", "1", TUS_MALFORMED},
        {type, "18446744073709551616", "1", TUS_MALFORMED},
        {type, "1", "1,1", TUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct object_tus_patch patch = {77, 77};
        object_tus_verdict verdict = object_tus_patch_parse(cases[i].type, cases[i].offset, cases[i].length, &patch);
        assert_int_equal(verdict, cases[i].verdict);
        if (verdict != TUS_GOOD)
            assert_int_equal(patch.offset, 77);
    }
}

static void patch_must_continue_exactly_and_not_pass_the_end(void **state)
{
    (void)state;
    static const struct {
        struct object_tus_patch patch;
        uint64_t at, size;
        object_tus_verdict verdict;
    } cases[] = {
        {{0, 10}, 0, 10, TUS_GOOD},      {{0, 0}, 0, 10, TUS_GOOD},       {{4, 6}, 4, 10, TUS_GOOD},
        {{10, 0}, 10, 10, TUS_GOOD},     {{3, 1}, 4, 10, TUS_CONFLICT},   {{5, 1}, 4, 10, TUS_CONFLICT},
        {{4, 7}, 4, 10, TUS_TOO_LONG},   {{10, 1}, 10, 10, TUS_TOO_LONG}, {{4, UINT64_MAX}, 4, 10, TUS_TOO_LONG},
        {{11, 0}, 11, 10, TUS_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(object_tus_patch_fits(&cases[i].patch, cases[i].at, cases[i].size), cases[i].verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_version_is_known),
        cmocka_unit_test(head_of_a_patch_is_judged),
        cmocka_unit_test(patch_must_continue_exactly_and_not_pass_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
