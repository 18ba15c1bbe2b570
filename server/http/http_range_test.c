#include "http_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct range_case {
    const char *header;
    uint64_t size;
    http_range_kind kind;
    uint64_t offset, length;
};

static void check(const struct range_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = 7, length = 7;
        assert_int_equal(http_range_parse(cases[i].header, cases[i].size, &offset, &length), cases[i].kind);
        if (cases[i].kind != HTTP_RANGE_UNSATISFIABLE) {
            assert_int_equal(offset, cases[i].offset);
            assert_int_equal(length, cases[i].length);
        }
    }
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])

static void parts_are_clamped_to_the_content(void **state)
{
    static const struct range_case cases[] = {
        {"bytes=0-0", 10, HTTP_RANGE_PART, 0, 1},
        {"bytes=0-9", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=0-10", 10, HTTP_RANGE_PART, 0, 10}, /* what vendor devices ask for */
        {"bytes=9-", 10, HTTP_RANGE_PART, 9, 1},
        {"bytes=3-5", 10, HTTP_RANGE_PART, 3, 3},
        {"Bytes=3-5 ", 10, HTTP_RANGE_PART, 3, 3},
        {"bytes=-4", 10, HTTP_RANGE_PART, 6, 4},
        {"bytes=-99", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=5000000000-99999999999999999999999", 6000000000, HTTP_RANGE_PART, 5000000000, 1000000000},
        {"bytes=0-18446744073709551615", 10, HTTP_RANGE_PART, 0, 10},
    };

    (void)state;
    CHECK(cases);
}

static void a_beginning_past_the_end_cannot_be_satisfied(void **state)
{
    static const struct range_case cases[] = {
        {"bytes=10-10", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
    };

    (void)state;
    CHECK(cases);
}

static void what_cannot_be_understood_means_the_whole(void **state)
{
    static const struct range_case cases[] = {
        {0, 10, HTTP_RANGE_WHOLE, 0, 10},
        {"", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=-", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=5", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=5-3", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=1-2,4-5", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=1-2x", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"items=0-1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=--1", 10, HTTP_RANGE_WHOLE, 0, 10},
    };

    (void)state;
    CHECK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_clamped_to_the_content),
        cmocka_unit_test(a_beginning_past_the_end_cannot_be_satisfied),
        cmocka_unit_test(what_cannot_be_understood_means_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
