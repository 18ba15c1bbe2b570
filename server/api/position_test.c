#include "api/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void what_is_written_is_read(void **state)
{
    static const struct {
        const char *key, *value;
    } rows[] = {{"d-1:a_b", "a name with spaces "}, {"01arz3ndektsv4rrffq69g5fav", " \xc3\xa9/%&"}, {"k", "0"}, {"k", ""}};
    char text[STORE_POSITION_SIZE], key[FERRY_IDENT_MAX + 1], value[FERRY_NAME_MAX + 1];
    struct store_position position;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        store_position_write(rows[i].key, rows[i].value, text);
        assert_true(store_position_read(text, &position));
        assert_string_equal(position.key, rows[i].key);
        assert_string_equal(position.value, rows[i].value);
    }
    memset(key, 'k', sizeof(key) - 1);
    memset(value, 'v', sizeof(value) - 1);
    key[sizeof(key) - 1] = value[sizeof(value) - 1] = '\0';
    store_position_write(key, value, text);
    assert_true(store_position_read(text, &position));
    assert_string_equal(position.key, key);
    assert_string_equal(position.value, value);
}

static void what_is_none_is_refused(void **state)
{
    char text[STORE_POSITION_SIZE + 1];
    struct store_position position;

    (void)state;
    assert_false(store_position_read("", &position));
    assert_false(store_position_read("key", &position));
    assert_false(store_position_read(" value", &position));
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    text[FERRY_IDENT_MAX + 1] = ' ';
    assert_false(store_position_read(text, &position));
    text[FERRY_IDENT_MAX + 1] = 'x';
    text[FERRY_IDENT_MAX] = ' ';
    assert_false(store_position_read(text, &position)); /* the value is a byte too long */
}

static void numbers_are_those_of_the_database(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", "1x", " 1", "9223372036854775808", "09223372036854775807"};
    char text[STORE_POSITION_SIZE];
    struct store_position position;
    uint64_t number;

    (void)state;
    store_position_write_number("k", INT64_MAX, text);
    assert_true(store_position_read(text, &position));
    assert_true(store_position_number(&position, &number));
    assert_int_equal(number, INT64_MAX);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        store_position_write("k", bad[i], text);
        assert_true(store_position_read(text, &position));
        assert_false(store_position_number(&position, &number));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(numbers_are_those_of_the_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
