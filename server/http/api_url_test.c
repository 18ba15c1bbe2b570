#include "api_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void path_is_split_and_decoded_once(void **state)
{
    struct api_url url;

    (void)state;
    assert_int_equal(api_url_parse("/api/v1/a%2Fb/%2541", &url), FERRY_OK);
    assert_int_equal(url.part_count, 4);
    assert_string_equal(url.parts[0], "api");
    assert_string_equal(url.parts[1], "v1");
    assert_string_equal(url.parts[2], "a/b");
    assert_string_equal(url.parts[3], "%41");
    assert_int_equal(url.param_count, 0);
}

static void plus_is_a_space_in_parameters_only(void **state)
{
    struct api_url url;

    (void)state;
    assert_int_equal(api_url_parse("/a+b?c+d=e+f", &url), FERRY_OK);
    assert_string_equal(url.parts[0], "a+b");
    assert_string_equal(url.params[0].name, "c d");
    assert_string_equal(url.params[0].value, "e f");
}

static void parameters_keep_their_order_and_further_equal_signs(void **state)
{
    struct api_url url;

    (void)state;
    assert_int_equal(api_url_parse("/x?a=1&b=2=3&c&&a=4", &url), FERRY_OK);
    assert_int_equal(url.param_count, 4);
    assert_string_equal(url.params[0].value, "1");
    assert_string_equal(url.params[1].value, "2=3");
    assert_string_equal(url.params[2].name, "c");
    assert_string_equal(url.params[2].value, "");
    assert_string_equal(url.params[3].name, "a");
    assert_string_equal(url.params[3].value, "4");
}

static void trailing_slash_is_an_empty_part(void **state)
{
    struct api_url url;

    (void)state;
    assert_int_equal(api_url_parse("/a/", &url), FERRY_OK);
    assert_int_equal(url.part_count, 2);
    assert_string_equal(url.parts[1], "");
    assert_int_equal(api_url_parse("/", &url), FERRY_OK);
    assert_int_equal(url.part_count, 1);
}

static void malformed_targets_are_refused(void **state)
{
    static const char *const bad[] = {"",     "a",      "*",        "/%",     "/%4",  "/%zz",
                                      "/%00", "/x?a=%", "/x?%00=1", "/%c3%28", "/%ff", "/%ed%a0%80"};
    struct api_url url;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(api_url_parse(bad[i], &url), FERRY_E_FORMAT);
}

static void limits_are_exact(void **state)
{
    char target[API_TARGET_MAX + 2];
    struct api_url url;

    (void)state;
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[API_TARGET_MAX] = '\0';
    assert_int_equal(api_url_parse(target, &url), FERRY_OK);
    assert_int_equal(strlen(url.parts[0]), API_TARGET_MAX - 1);
    target[API_TARGET_MAX] = 'a';
    target[API_TARGET_MAX + 1] = '\0';
    assert_int_equal(api_url_parse(target, &url), FERRY_E_LIMIT);

    assert_int_equal(api_url_parse("/1/2/3/4/5/6/7/8/9/10", &url), FERRY_OK);
    assert_int_equal(api_url_parse("/1/2/3/4/5/6/7/8/9/10/11", &url), FERRY_E_LIMIT);
    assert_int_equal(api_url_parse("/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16", &url), FERRY_OK);
    assert_int_equal(url.param_count, API_URL_PARAMS_MAX);
    assert_int_equal(api_url_parse("/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", &url), FERRY_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_split_and_decoded_once),
        cmocka_unit_test(plus_is_a_space_in_parameters_only),
        cmocka_unit_test(parameters_keep_their_order_and_further_equal_signs),
        cmocka_unit_test(trailing_slash_is_an_empty_part),
        cmocka_unit_test(malformed_targets_are_refused),
        cmocka_unit_test(limits_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
