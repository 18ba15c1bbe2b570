#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects_suite.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

ferry_id objects_suite_key(unsigned number)
{
    uint8_t random[FERRY_ID_RANDOM_BYTES] = {0};
    random[9] = (uint8_t)number;
    random[8] = (uint8_t)(number >> 8);
    random[0] = 0x5a;
    return ferry_id_make(1700000000000u + number, random);
}

uint8_t *objects_suite_bytes(size_t len, unsigned seed)
{
    uint8_t *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16) * 3 + seed);
    return bytes;
}

void objects_suite_digests(const uint8_t *bytes, size_t len, struct object_digests *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->size = len;
    assert_int_equal(EVP_Digest(bytes, len, ret->md5, NULL, EVP_md5(), NULL), 1);
    assert_int_equal(EVP_Digest(bytes, len, ret->sha256, NULL, EVP_sha256(), NULL), 1);
}
