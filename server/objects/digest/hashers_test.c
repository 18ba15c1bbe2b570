#include "objects/hashers.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { BLOCK = 4096, BLOCKS = 5, TAIL = 77, STREAMS = OBJECT_HASH_TOGETHER, BYTES = BLOCK * BLOCKS + TAIL };

static uint8_t streams[STREAMS][BYTES];

static int fill_streams(void **state)
{
    uint32_t x = 1;
    (void)state;
    for (size_t i = 0; i < STREAMS; i++)
        for (size_t at = 0; at < BYTES; at++) {
            x = x * 1664525u + 1013904223u;
            streams[i][at] = (uint8_t)(x >> 24);
        }
    return 0;
}

static struct object_hash *new_hash(bool with_sha256)
{
    struct object_hash *hash = NULL;
    assert_int_equal(object_hash_new(with_sha256, &hash), FERRY_OK);
    return hash;
}

static void expect_digests(struct object_hash *hash, const uint8_t *bytes, size_t len, bool with_sha256)
{
    struct object_digests have, alone;
    struct object_hash *plain = new_hash(with_sha256);
    assert_int_equal(object_hash_update(plain, bytes, len), FERRY_OK);
    assert_int_equal(object_hash_finish(plain, &alone), FERRY_OK);
    assert_int_equal(object_hash_finish(hash, &have), FERRY_OK);
    object_hash_free(plain);
    object_hash_free(hash);
    assert_int_equal(have.size, len);
    assert_memory_equal(&have, &alone, sizeof have);
}

/* first: so many bytes before, which leave the hashes between two blocks of theirs, or not. */
static void hash_together(size_t count, size_t first, unsigned with_sha256)
{
    struct object_hash *hashes[STREAMS];
    const void *bytes[STREAMS];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = new_hash(with_sha256 >> i & 1);
        assert_int_equal(object_hash_update(hashes[i], streams[i], first), FERRY_OK);
    }
    for (size_t block = 0; block < BLOCKS; block++) {
        for (size_t i = 0; i < count; i++)
            bytes[i] = streams[i] + first + block * BLOCK;
        assert_int_equal(object_hash_update_together(hashes, bytes, count, BLOCK), FERRY_OK);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(object_hash_update(hashes[i], streams[i] + first + BLOCKS * BLOCK, TAIL - first), FERRY_OK);
        expect_digests(hashes[i], streams[i], BYTES, with_sha256 >> i & 1);
    }
}

static void hashes_that_go_together_are_those_of_each_alone(void **state)
{
    (void)state;
    for (size_t count = 1; count <= STREAMS; count++) {
        hash_together(count, 0, 0);
        hash_together(count, 64, 0);
        hash_together(count, 1, 0);
        hash_together(count, 0, 1);
    }
}

static void blocks_of_many_are_hashed_beside_each_other(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++) {
        struct object_hashers *hashers = NULL;
        struct object_hash_job jobs[STREAMS];
        assert_int_equal(object_hashers_new(threads, &hashers), FERRY_OK);
        for (size_t i = 0; i < STREAMS; i++)
            jobs[i] = (struct object_hash_job){.hash = new_hash(false)};
        for (size_t block = 0; block < BLOCKS; block++) {
            for (size_t i = 0; i < STREAMS; i++) {
                jobs[i].bytes = streams[i] + block * BLOCK;
                jobs[i].len = BLOCK;
                object_hashers_start(hashers, &jobs[i], 1);
            }
            for (size_t i = 0; i < STREAMS; i++)
                assert_int_equal(object_hashers_wait(hashers, &jobs[i]), FERRY_OK);
        }
        for (size_t i = 0; i < STREAMS; i++) { /* ends of different lengths */
            jobs[i].bytes = streams[i] + (size_t)BLOCKS * BLOCK;
            jobs[i].len = i % 3 == 0 ? TAIL : i;
            object_hashers_start(hashers, &jobs[i], 1);
        }
        for (size_t i = 0; i < STREAMS; i++) {
            assert_int_equal(object_hashers_wait(hashers, &jobs[i]), FERRY_OK);
            expect_digests(jobs[i].hash, streams[i], (size_t)BLOCKS * BLOCK + jobs[i].len, false);
        }
        object_hashers_free(hashers);
    }
}

/* Nobody is called for the first two; whoever waits for one of them calls. */
static void a_block_waits_for_others_until_somebody_waits_for_it(void **state)
{
    (void)state;
    struct object_hashers *hashers = NULL;
    struct object_hash_job jobs[3];
    struct timespec moment = {.tv_nsec = 20000000};
    assert_int_equal(object_hashers_new(2, &hashers), FERRY_OK);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 2; i++) {
            jobs[i] = (struct object_hash_job){.hash = new_hash(false), .bytes = streams[i], .len = BLOCK};
            object_hashers_start(hashers, &jobs[i], 3);
        }
        (void)nanosleep(&moment, NULL);
        assert_true(jobs[0].company == 0 && jobs[1].company == 0); /* a hasher that was called would have begun by now */
        jobs[2] = (struct object_hash_job){.hash = new_hash(false), .bytes = streams[2], .len = BLOCK};
        if (round == 0)
            object_hashers_start(hashers, &jobs[2], 3);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(object_hashers_wait(hashers, &jobs[1 - i]), FERRY_OK);
        if (round == 0)
            assert_int_equal(object_hashers_wait(hashers, &jobs[2]), FERRY_OK);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(jobs[i].company, round == 0 ? 3 : 2);
            expect_digests(jobs[i].hash, streams[i], BLOCK, false);
        }
        expect_digests(jobs[2].hash, streams[2], round == 0 ? BLOCK : 0, false);
    }
    object_hashers_free(hashers);
}

static void without_memory_there_are_no_hashers(void **state)
{
    (void)state;
    struct object_hashers *hashers = NULL;
    ferry_alloc_fail_at(1);
    ferry_err err = object_hashers_new(2, &hashers);
    ferry_alloc_fail_at(0);
    assert_int_equal(err, FERRY_E_NOMEM);
    assert_null(hashers);
    object_hashers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_that_go_together_are_those_of_each_alone),
        cmocka_unit_test(blocks_of_many_are_hashed_beside_each_other),
        cmocka_unit_test(a_block_waits_for_others_until_somebody_waits_for_it),
        cmocka_unit_test(without_memory_there_are_no_hashers),
    };
    return cmocka_run_group_tests(tests, fill_streams, NULL);
}
