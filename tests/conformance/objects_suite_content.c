#include "objects_suite_internal.h"

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

struct object_writer *begin(struct objects *o, const ferry_id *key, uint64_t size)
{
    struct object_writer *writer = NULL;
    assert_int_equal(o->ops->write_begin(o, key, size, false, &writer), FERRY_OK);
    assert_non_null(writer);
    return writer;
}

struct object_writer *resume(struct objects *o, const ferry_id *key, uint64_t offset)
{
    struct object_writer *writer = NULL;
    uint64_t at = 999;
    assert_int_equal(o->ops->write_resume(o, key, 0, false, &writer, &at), FERRY_OK);
    assert_int_equal(at, offset);
    return writer;
}

ferry_err finish(struct objects *o, struct object_writer *writer, const uint8_t *bytes, size_t len)
{
    struct object_digests want;
    objects_suite_digests(bytes, len, &want);
    struct object_expect expect = {.size = len, .md5 = want.md5};
    return o->ops->write_finish(writer, &expect, NULL);
}

void objects_suite_put(struct objects *o, const ferry_id *key, const uint8_t *bytes, size_t len)
{
    struct object_writer *writer = begin(o, key, len);
    assert_int_equal(o->ops->write(writer, bytes, len), FERRY_OK);
    assert_int_equal(finish(o, writer, bytes, len), FERRY_OK);
}

void expect_reader(struct objects *o, struct object_reader *reader, const uint8_t *bytes, size_t len)
{
    uint8_t *have = malloc(len + 1);
    size_t at = 0;
    for (;;) {
        size_t got = 0;
        assert_int_equal(o->ops->read_at(reader, at, have + at, len + 1 - at, &got), FERRY_OK);
        if (got == 0)
            break;
        at += got;
    }
    assert_int_equal(at, len);
    assert_memory_equal(have, bytes, len);
    free(have);
}

void objects_suite_expect(struct objects *o, const ferry_id *key, const uint8_t *bytes, size_t len)
{
    uint64_t size = 0;
    struct object_reader *reader = NULL;
    assert_int_equal(o->ops->stat(o, key, &size), FERRY_OK);
    assert_int_equal(size, len);
    size = 0;
    assert_int_equal(o->ops->read_open(o, key, &reader, &size), FERRY_OK);
    assert_int_equal(size, len);
    expect_reader(o, reader, bytes, len);
    o->ops->read_close(reader);
}

void objects_suite_expect_none(struct objects *o, const ferry_id *key)
{
    uint64_t size = 77;
    struct object_reader *reader = NULL;
    assert_int_equal(o->ops->stat(o, key, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(o->ops->read_open(o, key, &reader, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(size, 77);
    assert_null(reader);
}

void expect_partial(struct objects *o, const ferry_id *key, uint64_t size)
{
    uint64_t have = 999;
    assert_int_equal(o->ops->partial_size(o, key, &have), FERRY_OK);
    assert_int_equal(have, size);
}

ferry_err finish_wrong(struct objects *o, struct object_writer *writer, const struct object_digests *have,
                       const struct wrong *wrong)
{
    struct object_digests want = *have;
    want.size = (uint64_t)((int64_t)want.size + wrong->size_off);
    want.md5[15] ^= wrong->md5;
    want.sha256[0] ^= wrong->sha256;
    struct object_expect expect = {.size = want.size, .md5 = want.md5, .sha256 = want.sha256};
    struct object_digests untouched;
    memset(&untouched, 0xee, sizeof untouched);
    struct object_digests out = untouched;
    ferry_err err = o->ops->write_finish(writer, &expect, &out);
    assert_memory_equal(&out, &untouched, sizeof out);
    return err;
}

const struct wrong wrongs[WRONG_COUNT] = {
    {-1, false, false, FERRY_E_SIZE}, {1, false, false, FERRY_E_SIZE}, {0, true, false, FERRY_E_DIGEST},
    {0, false, true, FERRY_E_DIGEST}, {1, true, true, FERRY_E_SIZE},
};
