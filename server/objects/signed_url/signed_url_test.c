#include "objects/signed_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char base[] = "http://127.0.0.1:8080";

/* With a key of which each byte is this; finished with signed_url_done(). */
static struct signed_url_signer signer_of(uint8_t byte)
{
    struct signed_url_signer made;
    uint8_t key[SIGNED_URL_KEY_SIZE];
    memset(key, byte, sizeof key);
    assert_int_equal(signed_url_init(&made, base, key), FERRY_OK);
    return made;
}

static struct signed_url_signer signer(void)
{
    return signer_of(7);
}

static struct object_url example(void)
{
    struct object_url url = {.method = OBJECT_PUT, .expires_s = 1767323045, .size = 23456};
    memcpy(url.task.text, "01kdzhjq3mx5v6r2c8q0t9w4ab", 26);
    memcpy(url.key.text, "01kdzhjq3mx5v6r2c8q0t9w4ab", 26);
    memcpy(url.md5, "7cd96e091705fb4da41b3e11163cf663", 32);
    return url;
}

static void url_has_the_published_form(void **state)
{
    (void)state;
    struct signed_url_signer s = signer();
    struct object_url url = example();
    char text[SIGNED_URL_MAX + 1];
    assert_int_equal(signed_url_make(&s, &url, text, sizeof text), FERRY_OK);
    const char *start = "http://127.0.0.1:8080/o/01kdzhjq3mx5v6r2c8q0t9w4ab?e=1767323045&s=";
    assert_memory_equal(text, start, strlen(start));
    assert_int_equal(strlen(text), strlen(start) + SIGNED_URL_SIGNATURE_LEN);
    /* made by an independent implementation: it must not change between versions */
    assert_string_equal(text + strlen(start), "-x3QUz0zcWneLXwpSTCrJ3CrXCMiaoAJbJAqVgjt9hI");
    signed_url_done(&s);
}

static void signature_is_accepted_as_made_and_in_no_other_spelling(void **state)
{
    (void)state;
    struct signed_url_signer s = signer();
    struct object_url url = example();
    char text[SIGNED_URL_MAX + 1];
    assert_int_equal(signed_url_make(&s, &url, text, sizeof text), FERRY_OK);
    char *signature = strstr(text, "&s=") + 3;
    assert_int_equal(signed_url_check(&s, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_OK);
    for (size_t at = 0; at < SIGNED_URL_SIGNATURE_LEN; at++) {
        char kept = signature[at];
        for (int c = 0; c < 256; c++) {
            signature[at] = (char)c;
            if (signature[at] != kept)
                assert_int_equal(signed_url_check(&s, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_E_DENIED);
        }
        signature[at] = kept;
    }
    assert_int_equal(signed_url_check(&s, &url, signature, SIGNED_URL_SIGNATURE_LEN - 1), FERRY_E_DENIED);
    assert_int_equal(signed_url_check(&s, &url, signature, 0), FERRY_E_DENIED);
    assert_int_equal(signed_url_check(&s, &url, signature, SIGNED_URL_SIGNATURE_LEN + 1), FERRY_E_DENIED);
    signed_url_done(&s);
}

static void signature_covers_method_task_expiry_size_and_md5(void **state)
{
    (void)state;
    struct signed_url_signer s = signer();
    struct object_url url = example();
    char text[SIGNED_URL_MAX + 1];
    assert_int_equal(signed_url_make(&s, &url, text, sizeof text), FERRY_OK);
    const char *signature = strstr(text, "&s=") + 3;
    struct object_url other[5] = {url, url, url, url, url};
    other[0].method = OBJECT_GET;
    other[1].task.text[25] = 'c';
    other[2].expires_s++;
    other[3].size++;
    other[4].md5[31] = '4';
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(signed_url_check(&s, &other[i], signature, SIGNED_URL_SIGNATURE_LEN), FERRY_E_DENIED);
    struct signed_url_signer stranger = signer_of(6);
    assert_int_equal(signed_url_check(&stranger, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_E_DENIED);
    signed_url_done(&stranger);
    signed_url_done(&s);
}

static void key_of_before_vouches_for_nothing_that_outlives_its_time(void **state)
{
    (void)state;
    struct signed_url_signer before = signer(), now = signer_of(8);
    struct object_url url = example();
    char text[SIGNED_URL_MAX + 1];
    struct signed_url_old_key old = {.until_s = url.expires_s};
    memset(old.key, 7, sizeof old.key);
    assert_int_equal(signed_url_make(&before, &url, text, sizeof text), FERRY_OK);
    const char *signature = strstr(text, "&s=") + 3;
    assert_int_equal(signed_url_check(&now, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_E_DENIED);
    assert_int_equal(signed_url_accept(&now, &old), FERRY_OK);
    assert_int_equal(signed_url_check(&now, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_OK);
    url.expires_s++;
    assert_int_equal(signed_url_make(&before, &url, text, sizeof text), FERRY_OK);
    assert_int_equal(signed_url_check(&now, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_E_DENIED);
    assert_int_equal(signed_url_make(&now, &url, text, sizeof text), FERRY_OK);
    assert_int_equal(signed_url_check(&now, &url, signature, SIGNED_URL_SIGNATURE_LEN), FERRY_OK);
    signed_url_done(&before);
    signed_url_done(&now);
}

static void each_of_the_old_keys_vouches_and_there_is_a_limit(void **state)
{
    (void)state;
    struct signed_url_signer now = signer();
    struct object_url url = example();
    char text[SIGNED_URL_MAX + 1];
    for (uint8_t i = 0; i <= SIGNED_URL_OLD_KEYS_MAX; i++) {
        struct signed_url_old_key old = {.until_s = url.expires_s};
        memset(old.key, 20 + i, sizeof old.key);
        assert_int_equal(signed_url_accept(&now, &old), i < SIGNED_URL_OLD_KEYS_MAX ? FERRY_OK : FERRY_E_LIMIT);
    }
    for (uint8_t i = 0; i <= SIGNED_URL_OLD_KEYS_MAX; i++) {
        struct signed_url_signer before = signer_of(20 + i);
        assert_int_equal(signed_url_make(&before, &url, text, sizeof text), FERRY_OK);
        assert_int_equal(signed_url_check(&now, &url, strstr(text, "&s=") + 3, SIGNED_URL_SIGNATURE_LEN),
                         i < SIGNED_URL_OLD_KEYS_MAX ? FERRY_OK : FERRY_E_DENIED);
        signed_url_done(&before);
    }
    signed_url_done(&now);
}

static void longest_url_fits_in_its_limit(void **state)
{
    (void)state;
    struct signed_url_signer s;
    uint8_t key[SIGNED_URL_KEY_SIZE] = {0};
    char longest[SIGNED_URL_BASE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "http://", 7);
    longest[SIGNED_URL_BASE_MAX] = '\0';
    assert_int_equal(signed_url_init(&s, longest, key), FERRY_OK);
    struct object_url url = example();
    url.expires_s = UINT64_MAX;
    url.size = UINT64_MAX;
    char text[SIGNED_URL_MAX + 1];
    assert_int_equal(signed_url_make(&s, &url, text, sizeof text), FERRY_OK);
    assert_true(strlen(text) <= SIGNED_URL_MAX);
    assert_int_equal(signed_url_make(&s, &url, text, strlen(text) + 1), FERRY_OK);
    assert_int_equal(signed_url_make(&s, &url, text, strlen(text)), FERRY_E_LIMIT);
    signed_url_done(&s);
    longest[SIGNED_URL_BASE_MAX] = 'a';
    longest[SIGNED_URL_BASE_MAX + 1] = '\0';
    assert_int_equal(signed_url_init(&s, longest, key), FERRY_E_ARG);
}

static void public_url_must_be_plain_http(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        ferry_err err;
    } cases[] = {
        {"http://h", FERRY_OK},
        {"https://files.example.com", FERRY_OK},
        {"http://[::1]:8080/", FERRY_OK},
        {"http://h/prefix", FERRY_OK},
        {NULL, FERRY_E_ARG},
        {"", FERRY_E_ARG},
        {"/", FERRY_E_ARG},
        {"http://", FERRY_E_ARG},
        {"ftp://h", FERRY_E_ARG},
        {"h:8080", FERRY_E_ARG},
        {"http://h?x", FERRY_E_ARG},
        {"http://h#x", FERRY_E_ARG},
        {"http://h\"", FERRY_E_ARG},
        {"http://h\\", FERRY_E_ARG},
        {"http://h h", FERRY_E_ARG},
        {"http://h\n", FERRY_E_ARG},
        {"http://h\xc3\xa9", FERRY_E_ARG},
    };
    uint8_t key[SIGNED_URL_KEY_SIZE] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct signed_url_signer s;
        assert_int_equal(signed_url_init(&s, cases[i].url, key), cases[i].err);
        if (cases[i].err == FERRY_OK)
            signed_url_done(&s);
    }
}

static void slash_at_the_end_of_the_public_url_is_not_doubled(void **state)
{
    (void)state;
    struct signed_url_signer s;
    uint8_t key[SIGNED_URL_KEY_SIZE] = {0};
    assert_int_equal(signed_url_init(&s, "http://h/", key), FERRY_OK);
    assert_string_equal(s.base, "http://h");
    signed_url_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_has_the_published_form),
        cmocka_unit_test(signature_is_accepted_as_made_and_in_no_other_spelling),
        cmocka_unit_test(signature_covers_method_task_expiry_size_and_md5),
        cmocka_unit_test(key_of_before_vouches_for_nothing_that_outlives_its_time),
        cmocka_unit_test(each_of_the_old_keys_vouches_and_there_is_a_limit),
        cmocka_unit_test(longest_url_fits_in_its_limit),
        cmocka_unit_test(public_url_must_be_plain_http),
        cmocka_unit_test(slash_at_the_end_of_the_public_url_is_not_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
