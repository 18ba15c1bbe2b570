#include "objects_suite_internal.h"

#include <stdlib.h>
#include <string.h>

static void partial_goes_on_where_it_stopped(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(300000, 9);
    expect_partial(w->o, &key, 0);
    for (size_t at = 0; at < 300000; at += 100000) {
        struct object_writer *writer = resume(w->o, &key, at);
        assert_int_equal(w->o->ops->write(writer, bytes + at, 60000), FERRY_OK);
        expect_partial(w->o, &key, at + 60000);
        assert_int_equal(w->o->ops->write(writer, bytes + at + 60000, 40000), FERRY_OK);
        assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
        expect_partial(w->o, &key, at + 100000);
        objects_suite_expect_none(w->o, &key);
        if (w->factory->durable)
            reopen(w);
    }
    struct object_writer *writer = resume(w->o, &key, 300000);
    assert_int_equal(finish(w->o, writer, bytes, 300000), FERRY_OK);
    objects_suite_expect(w->o, &key, bytes, 300000);
    expect_partial(w->o, &key, 0);
    free(bytes);
}

static void partial_can_be_finished_by_the_writer_that_began_it(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(1000, 9);
    struct object_writer *writer = resume(w->o, &key, 0);
    assert_int_equal(w->o->ops->write(writer, bytes, 1000), FERRY_OK);
    assert_int_equal(finish(w->o, writer, bytes, 1000), FERRY_OK);
    objects_suite_expect(w->o, &key, bytes, 1000);
    expect_partial(w->o, &key, 0);
    free(bytes);
}

/* The store may hold back some of what comes, to hash it beside the writing: not when it has to be kept. */
static void large_partial_keeps_all_that_came(void **state)
{
    enum { SIZE = 5 << 20, PIECE = 100001, FIRST = 30 * PIECE };
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(SIZE, 9);
    struct object_writer *writer = resume(w->o, &key, 0);
    for (size_t at = 0; at < FIRST; at += PIECE)
        assert_int_equal(w->o->ops->write(writer, bytes + at, PIECE), FERRY_OK);
    assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    expect_partial(w->o, &key, FIRST);
    if (w->factory->durable)
        reopen(w);
    assert_int_equal(finish(w->o, resume(w->o, &key, FIRST), bytes, FIRST), FERRY_OK);
    objects_suite_expect(w->o, &key, bytes, FIRST);

    key = objects_suite_key(2);
    writer = resume(w->o, &key, 0);
    for (size_t at = 0; at < SIZE; at += PIECE)
        assert_int_equal(w->o->ops->write(writer, bytes + at, at + PIECE < SIZE ? PIECE : SIZE - at), FERRY_OK);
    assert_int_equal(finish(w->o, writer, bytes, SIZE), FERRY_OK);
    objects_suite_expect(w->o, &key, bytes, SIZE);
    free(bytes);
}

static void only_one_writer_may_have_a_partial(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1), other = objects_suite_key(2);
    struct object_writer *writer = resume(w->o, &key, 0), *second = NULL;
    uint64_t at = 55;
    assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
    assert_int_equal(w->o->ops->write_resume(w->o, &key, 0, false, &second, &at), FERRY_E_BUSY);
    assert_null(second);
    assert_int_equal(at, 55);
    assert_int_equal(w->o->ops->partial_remove(w->o, &key), FERRY_E_BUSY);
    expect_partial(w->o, &key, 3);
    w->o->ops->write_abort(resume(w->o, &other, 0));
    assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    writer = resume(w->o, &key, 3);
    w->o->ops->write_abort(writer);
    expect_partial(w->o, &key, 0);
}

static void an_object_becomes_partial_again_and_is_finished_again(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(1000, 9);
    uint64_t size = 0;
    assert_int_equal(w->o->ops->reopen(w->o, &key), FERRY_E_NOT_FOUND);
    objects_suite_put(w->o, &key, bytes, 1000);
    assert_int_equal(w->o->ops->reopen(w->o, &key), FERRY_OK);
    assert_int_equal(w->o->ops->stat(w->o, &key, &size), FERRY_E_NOT_FOUND);
    expect_partial(w->o, &key, 1000);
    assert_int_equal(finish(w->o, resume(w->o, &key, 1000), bytes, 1000), FERRY_OK);
    objects_suite_expect(w->o, &key, bytes, 1000);
    expect_partial(w->o, &key, 0);
    free(bytes);
}

static void both_digests_of_a_partial_are_found(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(1000, 9);
    struct object_digests want, have;
    struct object_expect expect = {.size = 1000};
    objects_suite_digests(bytes, 1000, &want);
    for (size_t at = 0; at <= 500; at += 500) { /* in one writer, and in two */
        struct object_writer *writer = NULL;
        uint64_t offset = 0;
        if (at > 0) {
            writer = resume(w->o, &key, 0);
            assert_int_equal(w->o->ops->write(writer, bytes, at), FERRY_OK);
            assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
        }
        assert_int_equal(w->o->ops->write_resume(w->o, &key, 1000, true, &writer, &offset), FERRY_OK);
        assert_int_equal(offset, at);
        assert_int_equal(w->o->ops->write(writer, bytes + at, 1000 - at), FERRY_OK);
        assert_int_equal(w->o->ops->write_finish(writer, &expect, &have), FERRY_OK);
        assert_memory_equal(have.md5, want.md5, sizeof want.md5);
        assert_memory_equal(have.sha256, want.sha256, sizeof want.sha256);
    }
    free(bytes);
}

static void what_will_not_fit_is_said_before_a_byte(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    struct object_writer *writer = resume(w->o, &key, 0), *second = NULL;
    uint64_t at = 55;
    assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
    assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    assert_int_equal(w->o->ops->write_resume(w->o, &key, UINT64_MAX, false, &second, &at), FERRY_E_FULL);
    assert_null(second);
    expect_partial(w->o, &key, 3);
    w->o->ops->write_abort(resume(w->o, &key, 3));
}

static void partial_can_be_removed_when_nobody_writes_it(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    assert_int_equal(w->o->ops->partial_remove(w->o, &key), FERRY_OK);
    struct object_writer *writer = resume(w->o, &key, 0);
    assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
    assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    assert_int_equal(w->o->ops->partial_remove(w->o, &key), FERRY_OK);
    expect_partial(w->o, &key, 0);
    w->o->ops->write_abort(resume(w->o, &key, 0));
}

static void wrong_partial_leaves_nothing_and_keeps_the_older_object(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(2000, 1);
    struct object_digests is;
    objects_suite_put(w->o, &key, bytes, 500);
    objects_suite_digests(bytes, 2000, &is);
    for (size_t i = 0; i < WRONG_COUNT; i++) {
        struct object_writer *writer = resume(w->o, &key, 0);
        assert_int_equal(w->o->ops->write(writer, bytes, 1000), FERRY_OK);
        assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
        writer = resume(w->o, &key, 1000);
        assert_int_equal(w->o->ops->write(writer, bytes + 1000, 1000), FERRY_OK);
        assert_int_equal(finish_wrong(w->o, writer, &is, &wrongs[i]), wrongs[i].err);
        expect_partial(w->o, &key, 0);
        objects_suite_expect(w->o, &key, bytes, 500);
    }
    free(bytes);
}

static void whole_object_and_partial_of_a_key_do_not_disturb_each_other(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(100, 1);
    struct object_writer *writer = resume(w->o, &key, 0);
    assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
    objects_suite_put(w->o, &key, bytes, 100);
    expect_partial(w->o, &key, 3);
    assert_int_equal(w->o->ops->remove(w->o, &key), FERRY_OK);
    expect_partial(w->o, &key, 3);
    assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    expect_partial(w->o, &key, 3);
    free(bytes);
}

static void only_a_resumed_object_can_be_suspended(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    assert_int_equal(w->o->ops->write_suspend(begin(w->o, &key, 0)), FERRY_E_STATE);
    expect_partial(w->o, &key, 0);
    objects_suite_expect_none(w->o, &key);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(partial_goes_on_where_it_stopped),
    cmocka_unit_test(partial_can_be_finished_by_the_writer_that_began_it),
    cmocka_unit_test(large_partial_keeps_all_that_came),
    cmocka_unit_test(only_one_writer_may_have_a_partial),
    cmocka_unit_test(an_object_becomes_partial_again_and_is_finished_again),
    cmocka_unit_test(both_digests_of_a_partial_are_found),
    cmocka_unit_test(what_will_not_fit_is_said_before_a_byte),
    cmocka_unit_test(partial_can_be_removed_when_nobody_writes_it),
    cmocka_unit_test(wrong_partial_leaves_nothing_and_keeps_the_older_object),
    cmocka_unit_test(whole_object_and_partial_of_a_key_do_not_disturb_each_other),
    cmocka_unit_test(only_a_resumed_object_can_be_suspended),
};
const struct objects_tests objects_partial_tests = OBJECTS_TESTS(tests);
