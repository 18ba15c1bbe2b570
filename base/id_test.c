#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const uint8_t zeros[FERRY_ID_RANDOM_BYTES];
static const uint8_t ones[FERRY_ID_RANDOM_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

static void id_is_48_bits_of_time_and_80_random_bits_in_crockfords_base32(void **state)
{
    /* the time is the example of the ULID description */
    static const uint8_t mixed[FERRY_ID_RANDOM_BYTES] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23};
    ferry_id id = ferry_id_make(1469918176385u, mixed);

    (void)state;
    assert_string_equal(id.text, "01aryz6s4104hmasw9nf6yy093");
    assert_string_equal(ferry_id_make(0, zeros).text, "00000000000000000000000000");
    assert_string_equal(ferry_id_make((1ull << 48) - 1, ones).text, "7zzzzzzzzzzzzzzzzzzzzzzzzz");
    assert_string_equal(ferry_id_make(1ull << 48, zeros).text, "00000000000000000000000000");
}

static void text_order_is_time_order(void **state)
{
    ferry_id before = ferry_id_make(0, ones);

    (void)state;
    for (uint64_t ms = 1; ms < 1ull << 48; ms = ms * 3 / 2 + 1) {
        ferry_id after = ferry_id_make(ms, zeros);

        assert_true(strcmp(before.text, after.text) < 0);
        before = ferry_id_make(ms, ones);
        assert_true(strcmp(after.text, before.text) < 0);
    }
}

static void parse_takes_what_make_made(void **state)
{
    ferry_id made = ferry_id_make(1767323045123u, ones), parsed;

    (void)state;
    assert_true(ferry_id_parse(made.text, FERRY_ID_LEN, &parsed));
    assert_true(ferry_id_equal(&made, &parsed));
    assert_int_equal(strlen(parsed.text), FERRY_ID_LEN);
    made = ferry_id_make((1ull << 48) - 1, ones);
    assert_true(ferry_id_parse(made.text, FERRY_ID_LEN, &parsed));
}

static void parse_refuses_everything_else(void **state)
{
    static const char *const bad[] = {
        "", "0", "0000000000000000000000000", "000000000000000000000000000", "80000000000000000000000000",
        "a0000000000000000000000000", "0000000000000000000000000i", "0000000000000000000000000l",
        "0000000000000000000000000o", "0000000000000000000000000u", "0000000000000000000000000A",
        "000000000000-0000000000000", "0000000000000000000000000/", "../../../../../../etc/passw",
    };
    ferry_id id = {"untouched"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(ferry_id_parse(bad[i], strlen(bad[i]), &id));
    assert_false(ferry_id_parse("000000000000\0000000000000000", FERRY_ID_LEN, &id));
    assert_string_equal(id.text, "untouched");
}

static void the_time_comes_back(void **state)
{
    static const uint64_t times[] = {0, 1, 1023, 1024, 1700000000000, (1ull << 48) - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        ferry_id id = ferry_id_make(times[i], (const uint8_t[FERRY_ID_RANDOM_BYTES]){255, 255});

        assert_int_equal(ferry_id_ms(&id), times[i]);
    }
    assert_int_equal(ferry_id_ms(&(ferry_id){{0}}), 0);
}

static void none_is_all_zero_and_equal_to_itself_only(void **state)
{
    ferry_id none, some = ferry_id_make(0, zeros), other = ferry_id_make(1, zeros);

    (void)state;
    memset(&none, 0, sizeof(none));
    assert_true(ferry_id_equal(&none, &none));
    assert_false(ferry_id_equal(&none, &some));
    assert_false(ferry_id_equal(&some, &other));
    assert_true(ferry_id_equal(&some, &some));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_is_48_bits_of_time_and_80_random_bits_in_crockfords_base32),
        cmocka_unit_test(text_order_is_time_order),
        cmocka_unit_test(parse_takes_what_make_made),
        cmocka_unit_test(parse_refuses_everything_else),
        cmocka_unit_test(the_time_comes_back),
        cmocka_unit_test(none_is_all_zero_and_equal_to_itself_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
