#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api_form.h"

#include <stdio.h>
#include <string.h>

static void field_is(const char *form, const char *name, const char *value)
{
    json_t *object = api_form_read(form, strlen(form));

    print_message("%s\n", form);
    assert_non_null(object);
    if (value != NULL)
        assert_string_equal(json_string_value(json_object_get(object, name)), value);
    else
        assert_null(json_object_get(object, name));
    json_decref(object);
}

static void fields_are_decoded(void **state)
{
    (void)state;
    field_is("a=b", "a", "b");
    field_is("x=1&a=b&y=2", "a", "b");
    field_is("a=", "a", "");
    field_is("a", "a", "");
    field_is("a=b=c", "a", "b=c");
    field_is("a=%2F+%2b%c3%A9", "a", "/ +\xc3\xa9");
    field_is("%61=b", "a", "b");
    field_is("a=1&a=2", "a", "1");
    field_is("&&a=b&", "a", "b");
    field_is("b=c", "a", NULL);
}

static void what_is_no_form_is_refused(void **state)
{
    static const char *const wrong[] = {"", "a=%", "a=%2", "a=%zz", "a=%00", "%00=a", "a=%ff", "a=%ed%a0%80", "%ff=a"};
    char many[40 * 4 + 1] = "", longest[API_FORM_TEXT_MAX + 8] = "a=";

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(api_form_read(wrong[i], strlen(wrong[i])));
    for (size_t i = 0; i <= API_FORM_FIELDS_MAX; i++)
        (void)snprintf(many + 4 * i, 5, "a%02u&", (unsigned)i);
    assert_null(api_form_read(many, strlen(many)));
    memset(longest + 2, 'x', API_FORM_TEXT_MAX + 1);
    assert_null(api_form_read(longest, API_FORM_TEXT_MAX + 3));
    longest[API_FORM_TEXT_MAX + 2] = '\0';
    field_is(longest, "a", longest + 2);
    assert_null(api_form_read("a=b\0c", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_decoded),
        cmocka_unit_test(what_is_no_form_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
