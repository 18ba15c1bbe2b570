#include "base/chain.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t zeros[FERRY_CHAIN_BYTES];

static void hash_is_that_of_an_independent_encoder(void **state)
{
    /* printf '%064d' 0 | xxd -r -p | cat - <(printf '5:hello,0:,2:\xc3\xa9,') | sha256sum */
    static const char expected[] = "7a208dc3b53a622a12a7eff757811d07594c4486ce7d98639c30218cee8e0866";
    static const char *const fields[] = {"hello", "", "\xc3\xa9"};
    uint8_t hash[FERRY_CHAIN_BYTES];
    char text[2 * FERRY_CHAIN_BYTES + 1];

    (void)state;
    assert_int_equal(ferry_chain_next(zeros, fields, COUNT(fields), hash), FERRY_OK);
    ferry_hex_encode(hash, sizeof hash, text);
    assert_string_equal(text, expected);
}

static void every_border_between_fields_counts(void **state)
{
    static const char *const lists[][3] = {
        {"ab", "c", ""}, {"a", "bc", ""}, {"abc", "", ""}, {"", "abc", ""}, {"a", "b", "c"}, {"2:ab,", "c", ""},
    };
    uint8_t hashes[COUNT(lists)][FERRY_CHAIN_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        assert_int_equal(ferry_chain_next(zeros, lists[i], 3, hashes[i]), FERRY_OK);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(hashes[i], hashes[k], FERRY_CHAIN_BYTES);
    }
}

static void hash_before_counts(void **state)
{
    static const char *const fields[] = {"x"};
    uint8_t first[FERRY_CHAIN_BYTES], second[FERRY_CHAIN_BYTES];

    (void)state;
    assert_int_equal(ferry_chain_next(zeros, fields, 1, first), FERRY_OK);
    assert_int_equal(ferry_chain_next(first, fields, 1, second), FERRY_OK);
    assert_memory_not_equal(first, second, FERRY_CHAIN_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_that_of_an_independent_encoder),
        cmocka_unit_test(every_border_between_fields_counts),
        cmocka_unit_test(hash_before_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
