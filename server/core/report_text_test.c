#include "report_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void what_a_device_writes_becomes_text(void **state)
{
    (void)state;
    static const struct {
        const char *said, *kept;
    } rows[] = {
        {"", ""},
        {"no space left", "no space left"},
        {"caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x9a\xa2", "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x9a\xa2"},
        {"caf\xe9", "caf?"},
        {"\xe4\xb8", "??"},
        {"a\x01\tb\x7f", "a??b?"},
        {"\xed\xa0\x80", "???"}, /* a surrogate */
        {"\xc0\x80", "??"},      /* an overlong NUL */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[FERRY_RESULT_MSG_MAX + 1];
        report_text_copy(ferry_text_of(rows[i].said), out);
        assert_string_equal(out, rows[i].kept);
    }
}

static void nothing_gives_nothing_and_a_nul_ends_nothing(void **state)
{
    (void)state;
    char out[FERRY_RESULT_MSG_MAX + 1];
    report_text_copy((ferry_text){0}, out);
    assert_string_equal(out, "");
    report_text_copy((ferry_text){.ptr = "a\0b", .len = 3}, out);
    assert_string_equal(out, "a?b");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    char said[400], out[FERRY_RESULT_MSG_MAX + 1];
    for (size_t i = 0; i < 100; i++)
        memcpy(said + 3 * i, "\xe4\xb8\xad", 3);
    report_text_copy((ferry_text){.ptr = said, .len = 300}, out);
    assert_int_equal(strlen(out), FERRY_RESULT_MSG_MAX / 3 * 3);
    assert_true(ferry_utf8_valid(ferry_text_of(out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_device_writes_becomes_text),
        cmocka_unit_test(nothing_gives_nothing_and_a_nul_ends_nothing),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
