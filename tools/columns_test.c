/* Names and other texts on a terminal. */
#include "columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void widths_are_those_of_a_terminal(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {
        {"", 0},     {"abc", 3}, {"\xc3\xa9", 1}, {"e\xcc\x81", 1}, {"\xe4\xb8\xad", 2}, {"\xf0\x9f\x9a\xa2", 2},
        {"\xff", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(columns_of(cases[i].text), cases[i].width);
}

static void a_text_from_outside_cannot_steer_the_terminal(void **state)
{
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"a b", "a b"},
        {"\x1b[2J", "?[2J"},
        {"a\nb\tc\x7f", "a?b?c?"},
        {"\xc2\x9b"
         "31m",
         "?31m"}, /* CSI as one character */
        {"\xe2\x80\xae"
         "exe",
         "?exe"}, /* right-to-left override */
        {"\xff\xc3", "??"},
        {"\xc0\xaf\xed\xa0\x80", "?????"}, /* overlong, surrogate */
        {"\xe4\xb8\xad\xf0\x9f\x9a\xa2", "\xe4\xb8\xad\xf0\x9f\x9a\xa2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char clean[64];
        columns_clean(cases[i].text, clean);
        assert_string_equal(clean, cases[i].clean);
    }
}

static void a_text_is_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t columns, bytes;
    } cases[] = {
        {"", 5, 0},
        {"abc", 0, 0},
        {"abc", 2, 2},
        {"abc", 9, 3},
        {"\xe8\xbd\xae\xe6\xb8\xa1", 1, 0}, /* the first takes two */
        {"\xe8\xbd\xae\xe6\xb8\xa1", 3, 3},
        {"\xe8\xbd\xae\xe6\xb8\xa1", 4, 6},
        {"e\xcc\x81x", 1, 3}, /* the mark stays with its letter */
        {"\xff\xfe", 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(columns_cut(cases[i].text, cases[i].columns), cases[i].bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_those_of_a_terminal),
        cmocka_unit_test(a_text_from_outside_cannot_steer_the_terminal),
        cmocka_unit_test(a_text_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
