/* Entity tags: what they tell apart, and how lists of them are read. */
#include "api_etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void make(const char *text, const char *hidden, char etag[API_ETAG_SIZE])
{
    json_t *value = json_loads(text, 0, NULL);

    assert_non_null(value);
    assert_int_equal(api_etag_make(value, hidden, strlen(hidden), etag), FERRY_OK);
    json_decref(value);
}

static void a_tag_is_that_of_what_is_shown_and_hidden(void **state)
{
    char one[API_ETAG_SIZE], again[API_ETAG_SIZE], other[API_ETAG_SIZE];

    (void)state;
    make("{\"name\":\"a\"}", "", one);
    make("{\"name\":\"a\"}", "", again);
    assert_string_equal(one, again);
    assert_int_equal(strlen(one), 34);
    make("{\"name\":\"b\"}", "", other);
    assert_string_not_equal(one, other);
    make("{\"name\":\"a\"}", "secret", other);
    assert_string_not_equal(one, other);
}

static void what_moves_on_its_own_has_a_part_of_its_own(void **state)
{
    char queued[API_ETAG_SIZE], moved[API_ETAG_SIZE], ended[API_ETAG_SIZE], shorter[API_ETAG_SIZE];

    (void)state;
    make("{\"state\":\"active\",\"counts\":{\"done\":0}}", "", queued);
    make("{\"state\":\"active\",\"counts\":{\"done\":1}}", "", moved);
    make("{\"state\":\"finished\",\"counts\":{\"done\":1}}", "", ended);
    make("{\"state\":\"active\"}", "", shorter); /* as a change sees it */
    assert_false(api_etag_listed(queued, moved, API_ETAG_STRONG));
    assert_false(api_etag_listed(queued, moved, API_ETAG_WEAK));
    assert_true(api_etag_listed(queued, moved, API_ETAG_OWN));
    assert_true(api_etag_listed(queued, shorter, API_ETAG_OWN));
    assert_false(api_etag_listed(queued, ended, API_ETAG_OWN));
}

static void lists_are_read(void **state)
{
    static const struct {
        const char *list;
        bool valid, strong, weak;
    } cases[] = {
        {"*", true, true, true},
        {" * ", true, true, true},
        {"\"a\"", true, true, true},
        {" \"x\" , \"a\"", true, true, true},
        {"\"x\",\"y\"", true, false, false},
        {"W/\"a\"", true, false, true},
        {"\"a\",", true, true, true},
        {"\"b,\\\"", true, false, false},
        {"\"\"", true, false, false},
        {"\"aa\"", true, false, false},
        {"", false, false, false},
        {"a", false, false, false},
        {"\"a", false, false, false},
        {"\"a\" \"b\"", false, false, false},
        {"**", false, false, false},
        {"w/\"a\"", false, false, false},
        {",\"a\"", false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(api_etag_list_valid(cases[i].list), cases[i].valid);
        assert_int_equal(api_etag_listed(cases[i].list, "\"a\"", API_ETAG_STRONG), cases[i].strong);
        assert_int_equal(api_etag_listed(cases[i].list, "\"a\"", API_ETAG_WEAK), cases[i].weak);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_is_that_of_what_is_shown_and_hidden),
        cmocka_unit_test(what_moves_on_its_own_has_a_part_of_its_own),
        cmocka_unit_test(lists_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
