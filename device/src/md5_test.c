#include "ferry/md5.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* RFC 1321, appendix A.5 */
static const struct {
    const char *text, *digest;
} vectors[] = {
    {"", "d41d8cd98f00b204e9800998ecf8427e"},
    {"a", "0cc175b9c0f1b6a831c399e269772661"},
    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "57edf4a22be3c955ac49da2e2107b67a"},
};

static void digest_text(ferry_md5 *md5, char out[33])
{
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_final(md5, digest);
    for (int i = 0; i < FERRY_MD5_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void md5_gives_the_digests_of_rfc_1321(void **state)
{
    char text[33];

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        ferry_md5 md5;
        ferry_md5_init(&md5);
        ferry_md5_update(&md5, vectors[i].text, strlen(vectors[i].text));
        digest_text(&md5, text);
        assert_string_equal(text, vectors[i].digest);
    }
}

static void whole(const uint8_t *bytes, size_t len, char out[33])
{
    ferry_md5 md5;

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, bytes, len);
    digest_text(&md5, out);
}

static void md5_does_not_depend_on_how_the_bytes_are_cut(void **state)
{
    uint8_t bytes[300];
    char expected[33], text[33];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof bytes; len += 13) {
        whole(bytes, len, expected);
        for (size_t cut = 0; cut <= len; cut++) {
            ferry_md5 md5;
            ferry_md5_init(&md5);
            ferry_md5_update(&md5, bytes, cut);
            ferry_md5_update(&md5, bytes + cut, len - cut);
            digest_text(&md5, text);
            assert_string_equal(text, expected);
        }
    }
}

static void md5_goes_on_from_a_copied_state(void **state)
{
    uint8_t bytes[200];
    char expected[33], text[33];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    whole(bytes, sizeof bytes, expected);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        ferry_md5 first, second;
        ferry_md5_init(&first);
        ferry_md5_update(&first, bytes, cut);
        memcpy(&second, &first, sizeof second);
        memset(&first, 0xee, sizeof first);
        ferry_md5_update(&second, bytes + cut, sizeof bytes - cut);
        digest_text(&second, text);
        assert_string_equal(text, expected);
    }
}

static void md5_counts_bits_beyond_32_bits(void **state)
{
    /* 512 MiB of zeros are 2^32 bits. The state before the last block of them, because small boards take half a
       minute to get there; were it wrong, the digest would be, too. */
    static const uint8_t zeros[FERRY_MD5_BLOCK];
    ferry_md5 md5 = {.state = {0x459d57e0, 0x8ffbe704, 0xeb9e8c71, 0x14838f80},
                     .bytes = (1u << 29) - FERRY_MD5_BLOCK};
    char text[33];

    (void)state;
    ferry_md5_update(&md5, zeros, sizeof zeros);
    digest_text(&md5, text);
    assert_string_equal(text, "aa559b4e3523a6c931f08f4df52d58f2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_gives_the_digests_of_rfc_1321),
        cmocka_unit_test(md5_does_not_depend_on_how_the_bytes_are_cut),
        cmocka_unit_test(md5_goes_on_from_a_copied_state),
        cmocka_unit_test(md5_counts_bits_beyond_32_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
