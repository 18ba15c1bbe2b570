#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "0123456789abcdef"
#define CONTEXT "device pump/7"

static struct seal_keys one_key(void)
{
    struct seal_keys keys = {.count = 0};

    seal_keys_push(&keys);
    return keys;
}

static struct sealed sealed_secret(const struct seal_keys *keys)
{
    struct sealed sealed;

    assert_int_equal(seal_close(keys, CONTEXT, SECRET, 16, &sealed), FERRY_OK);
    return sealed;
}

static ferry_err open_it(const struct seal_keys *keys, const char *context, const struct sealed *sealed)
{
    uint8_t plain[DEVICE_SECRET_MAX];
    size_t len = 0;
    ferry_err err = seal_open(keys, context, sealed, plain, &len);

    if (err == FERRY_OK) {
        assert_int_equal(len, 16);
        assert_memory_equal(plain, SECRET, 16);
    }
    return err;
}

static void a_sealed_secret_opens_and_shows_nothing(void **state)
{
    struct seal_keys keys = one_key();
    struct sealed first = sealed_secret(&keys), second = sealed_secret(&keys);

    (void)state;
    assert_int_equal(first.len, 16 + SEAL_OVERHEAD);
    assert_int_equal(open_it(&keys, CONTEXT, &first), FERRY_OK);
    for (uint32_t at = 0; at + 4 <= first.len; at++)
        assert_memory_not_equal(first.bytes + at, SECRET, 4);
    assert_memory_not_equal(first.bytes, second.bytes, first.len); /* the same secret twice looks different */
}

static void every_length_up_to_the_longest_secret_can_be_sealed(void **state)
{
    struct seal_keys keys = one_key(), none = {.count = 0};
    uint8_t plain[DEVICE_SECRET_MAX + 1], back[DEVICE_SECRET_MAX];
    struct sealed sealed;

    (void)state;
    memset(plain, 0xa5, sizeof(plain));
    for (size_t len = 0; len <= DEVICE_SECRET_MAX; len++) {
        size_t got = 99;

        assert_int_equal(seal_close(&keys, CONTEXT, plain, len, &sealed), FERRY_OK);
        assert_int_equal(seal_open(&keys, CONTEXT, &sealed, back, &got), FERRY_OK);
        assert_int_equal(got, len);
        assert_memory_equal(back, plain, len);
    }
    assert_int_equal(seal_close(&keys, CONTEXT, plain, sizeof(plain), &sealed), FERRY_E_ARG);
    assert_int_equal(seal_close(&none, CONTEXT, plain, 1, &sealed), FERRY_E_ARG);
}

static void no_changed_bit_and_no_shorter_text_opens(void **state)
{
    struct seal_keys keys = one_key();
    const struct sealed good = sealed_secret(&keys);

    (void)state;
    for (uint32_t bit = 0; bit < good.len * 8; bit++) {
        struct sealed bad = good;

        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(open_it(&keys, CONTEXT, &bad), FERRY_OK);
    }
    for (uint32_t len = 0; len < good.len; len++) {
        struct sealed bad = good;

        bad.len = len;
        assert_int_equal(open_it(&keys, CONTEXT, &bad), FERRY_E_CORRUPT);
    }
    assert_int_equal(open_it(&keys, "device pump/8", &good), FERRY_E_CORRUPT);
    assert_int_equal(open_it(&keys, "", &good), FERRY_E_CORRUPT);
}

static void the_key_before_opens_until_it_is_dropped(void **state)
{
    struct seal_keys keys = one_key();
    const struct sealed old = sealed_secret(&keys);
    struct sealed fresh;

    (void)state;
    assert_true(seal_is_current(&keys, &old));
    seal_keys_push(&keys);
    assert_int_equal(keys.count, 2);
    assert_false(seal_is_current(&keys, &old));
    assert_int_equal(open_it(&keys, CONTEXT, &old), FERRY_OK);
    fresh = sealed_secret(&keys);
    assert_true(seal_is_current(&keys, &fresh));
    keys.count = 1;
    assert_int_equal(open_it(&keys, CONTEXT, &old), FERRY_E_NOT_FOUND);
    assert_int_equal(open_it(&keys, CONTEXT, &fresh), FERRY_OK);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void the_key_file_comes_back_as_it_was_written(void **state)
{
    char folder[] = "/tmp/ferry-seal-XXXXXX", path[64];
    struct seal_keys keys = one_key(), back;
    struct stat info;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/secrets.key", folder);
    assert_int_equal(seal_keys_read(path, &back), FERRY_E_NOT_FOUND);
    for (size_t count = 1; count <= SEAL_KEYS_MAX; count++) {
        assert_int_equal(seal_keys_write(path, &keys), FERRY_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(seal_keys_read(path, &back), FERRY_OK);
        assert_int_equal(back.count, count);
        assert_memory_equal(back.keys, keys.keys, count * sizeof(keys.keys[0]));
        seal_keys_push(&keys);
    }
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(seal_keys_read(path, &back), FERRY_E_DENIED);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void what_is_no_key_file_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "\n", "00", "0123abcd",
        "0123abcd 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", /* no line feed */
        "0123abcd_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
        "0123abcx 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
        "0123abcd 00112233445566778899aabbccddeeff00112233445566778899aabbccddeefg\n",
    };
    char folder[] = "/tmp/ferry-seal-XXXXXX", path[64];
    struct seal_keys keys;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/secrets.key", folder);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("%s\n", texts[i]);
        write_text(path, texts[i], 0600);
        assert_int_equal(seal_keys_read(path, &keys), FERRY_E_FORMAT);
    }
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_secret_opens_and_shows_nothing),
        cmocka_unit_test(every_length_up_to_the_longest_secret_can_be_sealed),
        cmocka_unit_test(no_changed_bit_and_no_shorter_text_opens),
        cmocka_unit_test(the_key_before_opens_until_it_is_dropped),
        cmocka_unit_test(the_key_file_comes_back_as_it_was_written),
        cmocka_unit_test(what_is_no_key_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
