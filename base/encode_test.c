#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void hex_is_lower_case_and_terminated(void **state)
{
    char out[9] = "xxxxxxxx";

    (void)state;
    ferry_hex_encode("\x00\x1f\xAB\xff", 4, out);
    assert_string_equal(out, "001fabff");
    ferry_hex_encode("", 0, out);
    assert_string_equal(out, "");
}

static void hex_of_either_case_is_decoded(void **state)
{
    uint8_t out[4];

    (void)state;
    assert_int_equal(ferry_hex_decode("001fAbfF", 8, out, 4), FERRY_OK);
    assert_memory_equal(out, "\x00\x1f\xab\xff", 4);
    assert_int_equal(ferry_hex_decode("0a9FAf90", 8, out, 4), FERRY_OK);
    assert_memory_equal(out, "\x0a\x9f\xaf\x90", 4);
    assert_int_equal(ferry_hex_decode("", 0, out, 0), FERRY_OK);
}

static void hex_of_other_length_or_alphabet_is_refused_and_writes_nothing(void **state)
{
    static const char *const bad[] = {"0", "000", "00000", "0g00", "000G", "00 0", "00-0",
                                      "000/", "000:", "000@", "000`"};
    uint8_t out[2] = {7, 8};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ferry_hex_decode(bad[i], strlen(bad[i]), out, 2), FERRY_E_FORMAT);
    assert_int_equal(ferry_hex_decode("0011", 4, out, 1), FERRY_E_FORMAT);
    assert_int_equal(ferry_hex_decode("00", 2, out, 2), FERRY_E_FORMAT);
    assert_int_equal(ferry_hex_decode("00\0 ", 4, out, 2), FERRY_E_FORMAT);
    assert_int_equal(out[0], 7);
    assert_int_equal(out[1], 8);
}

static const struct {
    const char *plain, *encoded;
} rfc4648[] = {
    {"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},
    {"foo", "Zm9v"},    {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void base64_follows_the_examples_of_rfc4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
        char out[FERRY_BASE64_SIZE(6)];
        uint8_t back[6];
        size_t len = 99, plain_len = strlen(rfc4648[i].plain), without = strcspn(rfc4648[i].encoded, "=");

        ferry_base64_encode(rfc4648[i].plain, plain_len, out);
        assert_string_equal(out, rfc4648[i].encoded);
        assert_int_equal(strlen(out) + 1, FERRY_BASE64_SIZE(plain_len));
        assert_int_equal(ferry_base64_decode(out, strlen(out), back, sizeof(back), &len), FERRY_OK);
        assert_int_equal(len, plain_len);
        assert_memory_equal(back, rfc4648[i].plain, len);
        assert_int_equal(ferry_base64_decode(out, without, back, sizeof(back), &len), FERRY_OK);
        assert_int_equal(len, plain_len);
    }
}

static void base64_round_trips_every_byte(void **state)
{
    uint8_t all[256], back[256];
    char text[FERRY_BASE64_SIZE(256)];
    size_t len;

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)(i * 167);
    for (size_t n = 0; n <= sizeof(all); n++) {
        ferry_base64_encode(all, n, text);
        assert_int_equal(ferry_base64_decode(text, strlen(text), back, n, &len), FERRY_OK);
        assert_int_equal(len, n);
        assert_memory_equal(back, all, n);
    }
}

static void base64_that_is_malformed_is_refused(void **state)
{
    static const char *const bad[] = {"Z", "Zg=", "Zm9vY", "Z===", "Zg===", "Zm8==", "Zm9v=", "Zm9v==", "Zm9v====",
                                      "=", "==", "====", "Zg==Zg==", "Zm9 ", "Zm9\n", "Zm-v", "Zm_v", "Z=8="};
    uint8_t out[8] = {7};
    size_t len = 99;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (ferry_base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &len) != FERRY_E_FORMAT)
            fail_msg("accepted %s", bad[i]);
    assert_int_equal(ferry_base64_decode("Zm\0v", 4, out, sizeof(out), &len), FERRY_E_FORMAT);
    assert_int_equal(len, 99);
    assert_int_equal(out[0], 7);
}

static void base64_that_needs_more_room_is_refused(void **state)
{
    uint8_t out[2] = {7, 7};
    size_t len = 99;

    (void)state;
    assert_int_equal(ferry_base64_decode("Zm9v", 4, out, 2, &len), FERRY_E_LIMIT);
    assert_int_equal(len, 99);
    assert_int_equal(out[0], 7);
    assert_int_equal(ferry_base64_decode("Zm8=", 4, out, 2, &len), FERRY_OK);
    assert_int_equal(len, 2);
}

static void comparison_sees_every_byte_and_only_those_asked_for(void **state)
{
    (void)state;
    assert_true(ferry_equal_constant_time("abc", "abc", 3));
    assert_true(ferry_equal_constant_time("abc", "abd", 2));
    assert_false(ferry_equal_constant_time("abc", "abd", 3));
    assert_false(ferry_equal_constant_time("xbc", "abc", 3));
    assert_true(ferry_equal_constant_time("a", "b", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_lower_case_and_terminated),
        cmocka_unit_test(hex_of_either_case_is_decoded),
        cmocka_unit_test(hex_of_other_length_or_alphabet_is_refused_and_writes_nothing),
        cmocka_unit_test(base64_follows_the_examples_of_rfc4648),
        cmocka_unit_test(base64_round_trips_every_byte),
        cmocka_unit_test(base64_that_is_malformed_is_refused),
        cmocka_unit_test(base64_that_needs_more_room_is_refused),
        cmocka_unit_test(comparison_sees_every_byte_and_only_those_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
