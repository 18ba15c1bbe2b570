#include "objects/digest.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void hash_is_the_same_however_the_bytes_are_cut(void **state)
{
    (void)state;
    const char *text = "The quick brown fox jumps over the lazy dog";
    size_t len = strlen(text);
    for (size_t cut = 0; cut <= len; cut++) {
        struct object_hash *hash = NULL;
        struct object_digests have;
        char md5[33], sha256[65];
        assert_int_equal(object_hash_new(true, &hash), FERRY_OK);
        assert_int_equal(object_hash_update(hash, text, cut), FERRY_OK);
        assert_int_equal(object_hash_update(hash, text + cut, len - cut), FERRY_OK);
        assert_int_equal(object_hash_finish(hash, &have), FERRY_OK);
        object_hash_free(hash);
        ferry_hex_encode(have.md5, 16, md5);
        ferry_hex_encode(have.sha256, 32, sha256);
        assert_int_equal(have.size, len);
        assert_string_equal(md5, "9e107d9d372bb6826bd81d3542a419d6");
        assert_string_equal(sha256, "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592");
    }
}

static void sha256_is_zero_unless_asked_for(void **state)
{
    (void)state;
    struct object_hash *hash = NULL;
    struct object_digests have;
    static const uint8_t zero[32];
    assert_int_equal(object_hash_new(false, &hash), FERRY_OK);
    assert_int_equal(object_hash_finish(hash, &have), FERRY_OK);
    object_hash_free(hash);
    assert_memory_equal(have.sha256, zero, sizeof zero);
}

static void check_names_the_first_difference(void **state)
{
    (void)state;
    struct object_digests have = {.size = 5, .md5 = {1}, .sha256 = {2}};
    uint8_t md5[16] = {1}, other_md5[16] = {9}, sha256[32] = {2}, other_sha256[32] = {9};
    const struct {
        struct object_expect expect;
        ferry_err err;
    } cases[] = {
        {{5, NULL, NULL}, FERRY_OK},
        {{5, md5, sha256}, FERRY_OK},
        {{6, md5, sha256}, FERRY_E_SIZE},
        {{5, other_md5, NULL}, FERRY_E_DIGEST},
        {{5, md5, other_sha256}, FERRY_E_DIGEST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(object_digests_check(&have, &cases[i].expect), cases[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_the_same_however_the_bytes_are_cut),
        cmocka_unit_test(sha256_is_zero_unless_asked_for),
        cmocka_unit_test(check_names_the_first_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
