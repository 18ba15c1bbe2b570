#include "api_cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct api_list_mark mark_of(const char *target)
{
    struct api_url url;

    assert_int_equal(api_url_parse(target, &url), FERRY_OK);
    struct api_list_mark mark = api_list_mark(&url);
    for (size_t i = 0; i < url.param_count; i++)
        api_list_mark_add(&mark, url.params[i].name, url.params[i].value);
    return mark;
}

static void a_position_survives_in_a_url(void **state)
{
    static const char *const positions[] = {"1", "d-1:a_b", "01arz3ndektsv4rrffq69g5fav", "a b/+?&=%\x01", "\xc3\xa9\xff\xbf"};
    const struct api_list_mark list = {.sum = UINT64_C(0xfffefdfcfbfaf9f8)};
    char cursor[API_CURSOR_SIZE], position[API_POSITION_SIZE], longest[API_POSITION_SIZE];
    struct api_list_mark got;

    (void)state;
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++) {
        api_cursor_write(list, positions[i], cursor);
        assert_int_equal(strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), strlen(cursor));
        assert_true(api_cursor_read(cursor, &got, position));
        assert_string_equal(position, positions[i]);
        assert_int_equal(got.sum, list.sum);
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    api_cursor_write(list, longest, cursor);
    assert_true(api_cursor_read(cursor, &got, position));
    assert_string_equal(position, longest);
}

static void lists_are_told_apart(void **state)
{
    static const char *const targets[] = {"/a/b", "/a/b/c", "/ab", "/a/c", "/a/b?x=1", "/a/b?x=2", "/a/b?y=1", "/a/b?x=1&y=1",
                                          "/a/b?x=1&y=2", "/a/b?x=2&y=1", "/a/b?x1=", "/a/b?x=1&x=1"};

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(mark_of(targets[i]).sum, mark_of(targets[k]).sum);
    }
    assert_int_equal(mark_of("/a/b?x=1&y=2").sum, mark_of("/a/b?y=2&x=1").sum);
}

static void what_is_no_cursor_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "x", "AAAA", "AAAAAAAAAAA", "d-04", "01arz3ndektsv4rrffq69g5fav!", "AAAAAAAAAAAA+AAA", "AAAAAAAAAAAA/AAA",
        "AAAAAAAAAAAxMQ==", "AAAAAAAAAAAxAA", "AAAA AAAAAAAxMQ"};
    char long_text[API_CURSOR_SIZE + 1], position[API_POSITION_SIZE];
    struct api_list_mark list;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(api_cursor_read(texts[i], &list, position));
    assert_true(api_cursor_read("AAAAAAAAAAAxMQ", &list, position));
    memset(long_text, 'B', sizeof long_text - 1);
    for (size_t len = API_CURSOR_SIZE - 2; len < sizeof long_text; len++) {
        long_text[len] = '\0';
        assert_false(api_cursor_read(long_text, &list, position));
        long_text[len] = 'B';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_survives_in_a_url),
        cmocka_unit_test(lists_are_told_apart),
        cmocka_unit_test(what_is_no_cursor_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
