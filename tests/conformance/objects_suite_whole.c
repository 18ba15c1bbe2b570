#include "objects_suite_internal.h"

#include <stdlib.h>
#include <string.h>

static void objects_of_every_size_come_back_as_they_went_in(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {0, 1, 2, 4095, 4096, 4097, 65537, (3u << 20) + 5};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ferry_id key = objects_suite_key(i);
        uint8_t *bytes = objects_suite_bytes(sizes[i], i);
        struct object_writer *writer = begin(w->o, &key, sizes[i]);
        for (size_t at = 0; at < sizes[i];) {
            size_t part = sizes[i] - at < 70001 ? sizes[i] - at : 70001;
            assert_int_equal(w->o->ops->write(writer, bytes + at, part), FERRY_OK);
            at += part;
        }
        objects_suite_expect_none(w->o, &key);
        assert_int_equal(finish(w->o, writer, bytes, sizes[i]), FERRY_OK);
        objects_suite_expect(w->o, &key, bytes, sizes[i]);
        free(bytes);
    }
}

static void finish_tells_the_digests(void **state)
{
    struct world *w = *state;
    uint8_t *bytes = objects_suite_bytes(10000, 3);
    struct object_digests want, have;
    objects_suite_digests(bytes, 10000, &want);
    for (unsigned with_sha256 = 0; with_sha256 < 2; with_sha256++) {
        ferry_id key = objects_suite_key(with_sha256);
        struct object_writer *writer = NULL;
        assert_int_equal(w->o->ops->write_begin(w->o, &key, 0, with_sha256, &writer), FERRY_OK);
        assert_int_equal(w->o->ops->write(writer, bytes, 10000), FERRY_OK);
        struct object_expect expect = {.size = 10000};
        memset(&have, 0xff, sizeof have);
        assert_int_equal(w->o->ops->write_finish(writer, &expect, &have), FERRY_OK);
        if (!with_sha256) {
            static const uint8_t zero[32];
            assert_memory_equal(have.sha256, zero, 32);
        } else {
            assert_memory_equal(have.sha256, want.sha256, 32);
        }
        assert_int_equal(have.size, 10000);
        assert_memory_equal(have.md5, want.md5, 16);
    }
    free(bytes);
}

static void wrong_bytes_leave_nothing_and_keep_the_older_object(void **state)
{
    struct world *w = *state;
    uint8_t *older = objects_suite_bytes(500, 1), *newer = objects_suite_bytes(700, 2);
    struct object_digests newer_is;
    objects_suite_digests(newer, 700, &newer_is);
    ferry_id with_older = objects_suite_key(1), without = objects_suite_key(2);
    objects_suite_put(w->o, &with_older, older, 500);
    for (size_t i = 0; i < WRONG_COUNT; i++) {
        struct object_writer *a = begin(w->o, &with_older, 700), *b = begin(w->o, &without, 0);
        assert_int_equal(w->o->ops->write(a, newer, 700), FERRY_OK);
        assert_int_equal(w->o->ops->write(b, newer, 700), FERRY_OK);
        assert_int_equal(finish_wrong(w->o, a, &newer_is, &wrongs[i]), wrongs[i].err);
        assert_int_equal(finish_wrong(w->o, b, &newer_is, &wrongs[i]), wrongs[i].err);
        objects_suite_expect(w->o, &with_older, older, 500);
        objects_suite_expect_none(w->o, &without);
    }
    free(older);
    free(newer);
}

static void sha256_can_be_demanded_of_a_writer_that_was_begun_without(void **state)
{
    struct world *w = *state;
    uint8_t *bytes = objects_suite_bytes(999, 1);
    struct object_digests is;
    objects_suite_digests(bytes, 999, &is);
    ferry_id key = objects_suite_key(1);
    struct object_writer *writer = begin(w->o, &key, 999);
    assert_int_equal(w->o->ops->write(writer, bytes, 999), FERRY_OK);
    struct object_expect expect = {.size = 999, .md5 = is.md5, .sha256 = is.sha256};
    assert_int_equal(w->o->ops->write_finish(writer, &expect, NULL), FERRY_OK);
    objects_suite_expect(w->o, &key, bytes, 999);
    free(bytes);
}

static void aborted_object_was_never_there(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    struct object_writer *writer = begin(w->o, &key, 0);
    assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
    w->o->ops->write_abort(writer);
    objects_suite_expect_none(w->o, &key);
    w->o->ops->write_abort(NULL);
}

static void last_of_two_writers_of_one_key_wins_whole(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *one = objects_suite_bytes(5000, 1), *two = objects_suite_bytes(6000, 2);
    struct object_writer *a = begin(w->o, &key, 5000), *b = begin(w->o, &key, 6000);
    assert_int_equal(w->o->ops->write(a, one, 2500), FERRY_OK);
    assert_int_equal(w->o->ops->write(b, two, 6000), FERRY_OK);
    assert_int_equal(finish(w->o, b, two, 6000), FERRY_OK);
    objects_suite_expect(w->o, &key, two, 6000);
    assert_int_equal(w->o->ops->write(a, one + 2500, 2500), FERRY_OK);
    assert_int_equal(finish(w->o, a, one, 5000), FERRY_OK);
    objects_suite_expect(w->o, &key, one, 5000);
    free(one);
    free(two);
}

static void more_than_there_is_room_for_is_refused_as_full(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    struct object_writer *writer = NULL;
    assert_int_equal(w->o->ops->write_begin(w->o, &key, UINT64_MAX / 2, false, &writer), FERRY_E_FULL);
    assert_null(writer);
    objects_suite_expect_none(w->o, &key);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(objects_of_every_size_come_back_as_they_went_in),
    cmocka_unit_test(finish_tells_the_digests),
    cmocka_unit_test(wrong_bytes_leave_nothing_and_keep_the_older_object),
    cmocka_unit_test(sha256_can_be_demanded_of_a_writer_that_was_begun_without),
    cmocka_unit_test(aborted_object_was_never_there),
    cmocka_unit_test(last_of_two_writers_of_one_key_wins_whole),
    cmocka_unit_test(more_than_there_is_room_for_is_refused_as_full),
};
const struct objects_tests objects_whole_tests = OBJECTS_TESTS(tests);
