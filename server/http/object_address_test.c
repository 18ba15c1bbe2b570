#include "object_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "01kdzhjq3mx5v6r2c8q0t9w4ab"
#define SIG "-x3QUz0zcWneLXwpSTCrJ3CrXCMiaoAJbJAqVgjt9hI"

static void good_address_is_taken_apart(void **state)
{
    (void)state;
    struct object_address a;
    assert_int_equal(object_address_parse("/o/" ID "?e=1767323045&s=" SIG, &a), OBJECT_ADDRESS_GOOD);
    assert_string_equal(a.task.text, ID);
    assert_int_equal(a.expires_s, 1767323045);
    assert_string_equal(a.signature, SIG);
}

static void any_other_form_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        object_address_verdict verdict;
    } cases[] = {
        {"", OBJECT_ADDRESS_ELSEWHERE},
        {"/", OBJECT_ADDRESS_ELSEWHERE},
        {"*", OBJECT_ADDRESS_ELSEWHERE},
        {"/o", OBJECT_ADDRESS_ELSEWHERE},
        {"/O/" ID "?e=1&s=a", OBJECT_ADDRESS_ELSEWHERE},
        {"//o/" ID "?e=1&s=a", OBJECT_ADDRESS_ELSEWHERE},
        {"/%6f/" ID "?e=1&s=a", OBJECT_ADDRESS_ELSEWHERE},
        {"http://h/o/" ID "?e=1&s=a", OBJECT_ADDRESS_ELSEWHERE},
        {"/o/", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID, OBJECT_ADDRESS_ALTERED},
        {"/o/../../../../etc/passwd", OBJECT_ADDRESS_ALTERED},
        {"/o/01KDZHJQ3MX5V6R2C8Q0T9W4AB?e=1&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/01kdzhjq3mx5v6r2c8q0t9w4a?e=1&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "b?e=1&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "/?e=1&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/%30"
         "1kdzhjq3mx5v6r2c8q0t9w4ab?e=1&s=a",
         OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?s=a&e=1", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=+1&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=-1&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=01&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1x&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=18446744073709551616&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=99999999999999999999999&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a=", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a+", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a/", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=%61", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a&s=a", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a&x=1", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a#f", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=a ", OBJECT_ADDRESS_ALTERED},
        {"/o/" ID "?e=1&s=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", OBJECT_ADDRESS_ALTERED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct object_address a = {.expires_s = 42};
        if (object_address_parse(cases[i].target, &a) != cases[i].verdict)
            fail_msg("%s", cases[i].target);
        assert_int_equal(a.expires_s, 42);
    }
}

static void every_shorter_text_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "/o/" ID "?e=1767323045&s=" SIG;
    char text[sizeof whole];
    for (size_t len = 0; len + 44 < sizeof whole; len++) {
        struct object_address a;
        (void)snprintf(text, sizeof text, "%.*s", (int)len, whole);
        assert_int_not_equal(object_address_parse(text, &a), OBJECT_ADDRESS_GOOD);
    }
}

static void numbers_have_one_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t number;
        const char *rest;
    } cases[] = {
        {"0", true, 0, ""},
        {"0x", true, 0, "x"},
        {"7-9", true, 7, "-9"},
        {"18446744073709551615", true, UINT64_MAX, ""},
        {"18446744073709551616", false, 0, NULL},
        {"00", false, 0, NULL},
        {"", false, 0, NULL},
        {" 1", false, 0, NULL},
        {"-1", false, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t number = 99;
        const char *rest = object_number_parse(cases[i].text, &number);
        assert_int_equal(rest != NULL, cases[i].good);
        assert_int_equal(number, cases[i].good ? cases[i].number : 99);
        if (cases[i].good)
            assert_string_equal(rest, cases[i].rest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_address_is_taken_apart),
        cmocka_unit_test(any_other_form_is_refused),
        cmocka_unit_test(every_shorter_text_is_refused),
        cmocka_unit_test(numbers_have_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
