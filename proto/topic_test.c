#include "proto/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define LONGEST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:" /* 64 characters */

static void topic_of_a_device_is_split_into_its_parts(void **state)
{
    ferry_topic_direction direction = FERRY_TOPIC_DOWN;
    ferry_text product, device;

    (void)state;
    assert_true(ferry_topic_parse(ferry_text_of("$resource/up/service/P1/d-1"), &direction, &product, &device));
    assert_int_equal(direction, FERRY_TOPIC_UP);
    assert_true(ferry_text_equal(product, ferry_text_of("P1")));
    assert_true(ferry_text_equal(device, ferry_text_of("d-1")));
    assert_true(ferry_topic_parse(ferry_text_of("$resource/down/service/007/1e3"), &direction, &product, &device));
    assert_int_equal(direction, FERRY_TOPIC_DOWN);
    assert_true(ferry_text_equal(product, ferry_text_of("007")));
    assert_true(ferry_text_equal(device, ferry_text_of("1e3")));
}

static void topic_of_any_other_form_is_refused_and_writes_nothing(void **state)
{
    static const char *const others[] = {
        "", "$", "$resource/up/service/", "$resource/up/service/p", "$resource/up/service/p/",
        "$resource/up/service//d", "$resource/up/service/p/d/", "$resource/up/service/p/d/x",
        "$resource/up/service/+/d", "$resource/up/service/p/#", "$resource/up/service/+/+",
        "$resource/up/servicE/p/d", "$resource/up/service/p d/d", "resource/up/service/p/d",
        "/$resource/up/service/p/d", "$resource/left/service/p/d", "$resource/up/service/p/" LONGEST "x",
        "$resource/up/service/" LONGEST "x/d", "$resource/up/service/p\xc3\xa9/d",
    };
    ferry_topic_direction direction = FERRY_TOPIC_DOWN;
    ferry_text product = {NULL, 77}, device = {NULL, 78};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (ferry_topic_parse(ferry_text_of(others[i]), &direction, &product, &device))
            fail_msg("accepted %s", others[i]);
    assert_false(ferry_topic_parse((ferry_text){NULL, 0}, &direction, &product, &device));
    assert_false(ferry_topic_parse((ferry_text){"$resource/up/service/p/d\0x", 26}, &direction, &product, &device));
    assert_int_equal(direction, FERRY_TOPIC_DOWN);
    assert_int_equal(product.len, 77);
    assert_int_equal(device.len, 78);
}

static void topic_that_is_written_is_parsed_back_at_full_length(void **state)
{
    char topic[FERRY_TOPIC_SIZE];
    ferry_topic_direction direction = FERRY_TOPIC_UP;
    ferry_text product, device;

    (void)state;
    assert_true(ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of("p"), ferry_text_of("d"), topic));
    assert_string_equal(topic, "$resource/up/service/p/d");
    assert_true(ferry_topic_write(FERRY_TOPIC_DOWN, ferry_text_of(LONGEST), ferry_text_of(LONGEST), topic));
    assert_true(ferry_topic_parse(ferry_text_of(topic), &direction, &product, &device));
    assert_int_equal(direction, FERRY_TOPIC_DOWN);
    assert_true(ferry_text_equal(product, ferry_text_of(LONGEST)));
    assert_true(ferry_text_equal(device, ferry_text_of(LONGEST)));
}

static void topic_with_an_invalid_part_is_not_written(void **state)
{
    char topic[FERRY_TOPIC_SIZE];
    const ferry_text good = ferry_text_of("p");
    const ferry_text bad[] = {{NULL, 0}, {"", 0}, {"a/b", 3}, {"+", 1}, {"#", 1}, {"a\0b", 3}, {LONGEST "x", 65}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(topic, 'x', sizeof(topic));
        assert_false(ferry_topic_write(FERRY_TOPIC_UP, bad[i], good, topic));
        assert_string_equal(topic, "");
        memset(topic, 'x', sizeof(topic));
        assert_false(ferry_topic_write(FERRY_TOPIC_UP, good, bad[i], topic));
        assert_string_equal(topic, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topic_of_a_device_is_split_into_its_parts),
        cmocka_unit_test(topic_of_any_other_form_is_refused_and_writes_nothing),
        cmocka_unit_test(topic_that_is_written_is_parsed_back_at_full_length),
        cmocka_unit_test(topic_with_an_invalid_part_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
