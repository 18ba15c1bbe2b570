#include "api/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void tag_has_1_to_64_of_its_alphabet(void **state)
{
    char longest[DEVICE_TAG_MAX + 2];

    (void)state;
    assert_true(device_tag_valid("a"));
    assert_true(device_tag_valid("Fw-1.2:eu_north"));
    assert_false(device_tag_valid(""));
    assert_false(device_tag_valid("a b"));
    assert_false(device_tag_valid("a,b"));
    assert_false(device_tag_valid("\xc3\xa9"));
    memset(longest, 'x', sizeof longest);
    longest[DEVICE_TAG_MAX] = '\0';
    assert_true(device_tag_valid(longest));
    longest[DEVICE_TAG_MAX] = 'x';
    longest[DEVICE_TAG_MAX + 1] = '\0';
    assert_false(device_tag_valid(longest));
}

static void tags_are_a_set_in_order_until_it_is_full(void **state)
{
    struct device_tags tags = {.count = 0};
    char tag[16];

    (void)state;
    assert_true(device_tags_add(&tags, "b"));
    assert_true(device_tags_add(&tags, "a"));
    assert_true(device_tags_add(&tags, "B"));
    assert_true(device_tags_add(&tags, "a"));
    assert_false(device_tags_add(&tags, "no tag"));
    assert_int_equal(tags.count, 3);
    assert_string_equal(tags.names[0], "B");
    assert_string_equal(tags.names[1], "a");
    assert_string_equal(tags.names[2], "b");
    for (unsigned i = tags.count; i < DEVICE_TAGS_MAX; i++) {
        (void)snprintf(tag, sizeof tag, "c%02u", i);
        assert_true(device_tags_add(&tags, tag));
    }
    assert_true(device_tags_add(&tags, "a"));
    assert_false(device_tags_add(&tags, "one-more"));
    assert_int_equal(tags.count, DEVICE_TAGS_MAX);
    assert_true(device_tags_valid(&tags));
    tags.names[5][0] = '\0';
    assert_false(device_tags_valid(&tags));
}

static void description_is_utf8_without_controls_but_the_newline(void **state)
{
    char longest[RESOURCE_DESCRIPTION_MAX + 2];

    (void)state;
    assert_true(resource_description_valid(""));
    assert_true(resource_description_valid("one\ntwo \xc3\xa9 \xc2\xa0 \"{}"));
    assert_false(resource_description_valid("a\tb"));
    assert_false(resource_description_valid("a\r\nb"));
    assert_false(resource_description_valid("\x7f"));
    assert_false(resource_description_valid("\xc2\x85"));
    assert_false(resource_description_valid("\xc3"));
    memset(longest, 'x', sizeof longest);
    longest[RESOURCE_DESCRIPTION_MAX] = '\0';
    assert_true(resource_description_valid(longest));
    longest[RESOURCE_DESCRIPTION_MAX] = 'x';
    longest[RESOURCE_DESCRIPTION_MAX + 1] = '\0';
    assert_false(resource_description_valid(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_has_1_to_64_of_its_alphabet),
        cmocka_unit_test(tags_are_a_set_in_order_until_it_is_full),
        cmocka_unit_test(description_is_utf8_without_controls_but_the_newline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
