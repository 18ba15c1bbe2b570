#include "proto/limits.h"
#include "proto/result.h"
#include "proto/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) ((ferry_text){literal, sizeof(literal) - 1})

static const ferry_text absent = {NULL, 0};

static ferry_text repeated(char c, size_t len)
{
    static char memory[70000];

    assert_true(len <= sizeof(memory));
    memset(memory, c, len);
    return (ferry_text){memory, len};
}

static void text_of_null_is_absent_and_of_empty_is_not(void **state)
{
    (void)state;
    assert_null(ferry_text_of(NULL).ptr);
    assert_non_null(ferry_text_of("").ptr);
    assert_int_equal(ferry_text_of("abc").len, 3);
}

static void texts_are_equal_by_bytes_and_absent_equals_only_absent(void **state)
{
    (void)state;
    assert_true(ferry_text_equal(TEXT("ab\0c"), TEXT("ab\0c")));
    assert_false(ferry_text_equal(TEXT("ab\0c"), TEXT("ab\0d")));
    assert_false(ferry_text_equal(TEXT("ab"), TEXT("abc")));
    assert_true(ferry_text_equal(absent, absent));
    assert_false(ferry_text_equal(absent, TEXT("")));
    assert_false(ferry_text_equal(TEXT(""), absent));
}

static void copy_takes_what_fits_and_leaves_an_empty_string_otherwise(void **state)
{
    char out[4] = "xyz";

    (void)state;
    assert_true(ferry_text_copy(TEXT("abc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(ferry_text_copy(TEXT("abcd"), out, sizeof(out)));
    assert_string_equal(out, "");
    memcpy(out, "xyz", 4);
    assert_false(ferry_text_copy(TEXT("a\0b"), out, sizeof(out)));
    assert_string_equal(out, "");
    memcpy(out, "xyz", 4);
    assert_false(ferry_text_copy(absent, out, sizeof(out)));
    assert_string_equal(out, "");
    assert_true(ferry_text_copy(TEXT(""), out, 1));
    memcpy(out, "xyz", 4);
    assert_false(ferry_text_copy(TEXT(""), out, 0));
    assert_string_equal(out, "xyz");
}

static void ident_has_1_to_64_characters_of_its_alphabet(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char one = (char)c;
        bool wanted = c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-", c) != NULL;

        assert_int_equal(ferry_ident_valid((ferry_text){&one, 1}), wanted);
    }
    assert_true(ferry_ident_valid(TEXT("007")));
    assert_true(ferry_ident_valid(TEXT("NULL")));
    assert_true(ferry_ident_valid(repeated('a', 64)));
    assert_false(ferry_ident_valid(repeated('a', 65)));
    assert_false(ferry_ident_valid(repeated('a', 65536 + 1)));
    assert_false(ferry_ident_valid(TEXT("")));
    assert_false(ferry_ident_valid(absent));
    assert_false(ferry_ident_valid(TEXT("a\0b")));
    assert_false(ferry_ident_valid(TEXT("a\n")));
}

static void name_has_1_to_255_bytes_of_utf8_without_controls(void **state)
{
    (void)state;
    assert_true(ferry_name_valid(TEXT("a")));
    assert_true(ferry_name_valid(TEXT("../../etc/passwd \"\\{}"))); /* a name, never a path */
    assert_true(ferry_name_valid(TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_true(ferry_name_valid(TEXT("\xc2\xa0")));
    assert_true(ferry_name_valid(repeated('a', 255)));
    assert_false(ferry_name_valid(repeated('a', 256)));
    assert_false(ferry_name_valid(repeated('a', 65537)));
    assert_false(ferry_name_valid(TEXT("")));
    assert_false(ferry_name_valid(absent));
    for (int c = 0; c < 0x20; c++) {
        char with[] = {'a', (char)c, 'b'};

        assert_false(ferry_name_valid((ferry_text){with, sizeof(with)}));
    }
    assert_false(ferry_name_valid(TEXT("\x7f")));
    assert_false(ferry_name_valid(TEXT("\xc2\x80")));
    assert_false(ferry_name_valid(TEXT("\xc2\x9f")));
    assert_false(ferry_name_valid(TEXT("a\xff")));
    assert_false(ferry_name_valid(TEXT("a\xc3")));
}

static void portable_name_fits_the_vendors_buffer_and_parser(void **state)
{
    (void)state;
    assert_true(ferry_name_portable(TEXT("firmware-1.2 (\xc3\xa9).bin")));
    assert_true(ferry_name_portable(repeated('a', 63)));
    assert_false(ferry_name_portable(repeated('a', 64)));
    for (const char *bad = "\"\\{}[]"; *bad != '\0'; bad++) {
        char with[] = {'a', *bad};

        assert_false(ferry_name_portable((ferry_text){with, sizeof(with)}));
    }
    assert_false(ferry_name_portable(TEXT("")));
    assert_false(ferry_name_portable(absent));
    assert_false(ferry_name_portable(TEXT("a\n")));
}

static void digests_have_their_exact_length_of_hex_digits(void **state)
{
    (void)state;
    assert_true(ferry_md5_valid(TEXT("0123456789abcdefABCDEF0123456789")));
    assert_false(ferry_md5_valid(TEXT("0123456789abcdefABCDEF012345678")));
    assert_false(ferry_md5_valid(TEXT("0123456789abcdefABCDEF01234567890")));
    assert_false(ferry_md5_valid(TEXT("0123456789abcdefABCDEF012345678g")));
    assert_false(ferry_md5_valid(TEXT("********************************")));
    assert_false(ferry_md5_valid(TEXT("0123456789abcdefABCDEF012345678\0")));
    assert_false(ferry_md5_valid(absent));
    assert_false(ferry_md5_valid((ferry_text){NULL, FERRY_MD5_HEX}));
}

/* The reference: RFC 3629 by numbers. */
static bool is_scalar(uint32_t c)
{
    return c < 0xd800 || (c > 0xdfff && c < 0x110000);
}

static size_t encode(uint32_t c, size_t bytes, char *out)
{
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = bytes; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(marks[bytes] | c);
    return bytes;
}

static size_t shortest(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void utf8_is_valid_in_its_shortest_form_and_without_surrogates_only(void **state)
{
    static const uint32_t room[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    char out[4];

    (void)state;
    for (uint32_t c = 0; c < 0x200000; c++)
        for (size_t bytes = shortest(c); bytes <= 4; bytes++) {
            bool wanted = is_scalar(c) && bytes == shortest(c);
            ferry_text text = {out, encode(c, bytes, out)};

            assert_true(c < room[bytes]);
            if (ferry_utf8_valid(text) != wanted)
                fail_msg("U+%04X in %zu bytes", (unsigned)c, bytes);
        }
}

static void utf8_cut_short_or_with_a_stray_byte_is_invalid(void **state)
{
    static const ferry_text whole = TEXT("\xf0\x9f\x98\x80");

    (void)state;
    for (size_t len = 1; len < whole.len; len++)
        assert_false(ferry_utf8_valid((ferry_text){whole.ptr, len}));
    assert_false(ferry_utf8_valid(TEXT("\x80")));
    assert_false(ferry_utf8_valid(TEXT("\xf0\x9f\x98x")));
    assert_false(ferry_utf8_valid(TEXT("\xf0\x9fx\x80")));
    assert_false(ferry_utf8_valid(TEXT("\xf8\x88\x80\x80\x80")));
    assert_false(ferry_utf8_valid(TEXT("\xff")));
    assert_true(ferry_utf8_valid(TEXT("a\0b")));
    assert_true(ferry_utf8_valid(TEXT("")));
    assert_false(ferry_utf8_valid(absent));
    assert_false(ferry_utf8_valid((ferry_text){NULL, 1}));
}

static void cut_never_splits_a_character(void **state)
{
    static const ferry_text text = TEXT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"); /* 1 2 3 4 1 bytes */
    static const size_t wanted[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

    (void)state;
    for (size_t max = 0; max < sizeof(wanted) / sizeof(wanted[0]); max++) {
        ferry_text cut = ferry_utf8_cut(text, max);

        assert_ptr_equal(cut.ptr, text.ptr);
        assert_int_equal(cut.len, wanted[max]);
    }
    assert_int_equal(ferry_utf8_cut(TEXT("\xff\xff\xff"), 2).len, 2);
    assert_null(ferry_utf8_cut(absent, 5).ptr);
}

static void result_texts_are_short_and_safe_for_the_vendors_parser(void **state)
{
    static const int codes[] = {
#define X(name, number, text) number,
        FERRY_RESULT_LIST(X)
#undef X
    };

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        const char *text = ferry_result_text(codes[i]);

        assert_in_range(strlen(text), 1, FERRY_RESULT_MSG_MAX);
        assert_null(strpbrk(text, "\"\\{}[]"));
        assert_string_not_equal(text, "unknown result");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(text, ferry_result_text(codes[k]));
    }
    assert_string_equal(ferry_result_text(0), "ok");
    assert_string_equal(ferry_result_text(-3), "the object URL was refused");
    assert_string_equal(ferry_result_text(9999), "unknown result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_null_is_absent_and_of_empty_is_not),
        cmocka_unit_test(texts_are_equal_by_bytes_and_absent_equals_only_absent),
        cmocka_unit_test(copy_takes_what_fits_and_leaves_an_empty_string_otherwise),
        cmocka_unit_test(ident_has_1_to_64_characters_of_its_alphabet),
        cmocka_unit_test(name_has_1_to_255_bytes_of_utf8_without_controls),
        cmocka_unit_test(portable_name_fits_the_vendors_buffer_and_parser),
        cmocka_unit_test(digests_have_their_exact_length_of_hex_digits),
        cmocka_unit_test(utf8_is_valid_in_its_shortest_form_and_without_surrogates_only),
        cmocka_unit_test(utf8_cut_short_or_with_a_stray_byte_is_invalid),
        cmocka_unit_test(cut_never_splits_a_character),
        cmocka_unit_test(result_texts_are_short_and_safe_for_the_vendors_parser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
