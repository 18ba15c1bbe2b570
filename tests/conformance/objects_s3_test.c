/* Run by tests/support/rgw.py, which has a gateway ready and says where (FERRY_TEST_S3_...). */
#include "objects_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects/s3.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *told(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        fail_msg("%s is not set: run this by tests/support/rgw.py", name);
    return value;
}

/* Each store has a prefix of its own: the bucket is never empty. */
static void *set_up(void)
{
    static atomic_uint number;
    struct objects_s3_address *address = malloc(sizeof *address);
    char text[1024], problem[OBJECTS_S3_PROBLEM_SIZE];
    (void)snprintf(text, sizeof text, "s3://%s/suite %u/x=1?endpoint=%s&style=path", told("FERRY_TEST_S3_BUCKET"),
                   atomic_fetch_add(&number, 1), told("FERRY_TEST_S3_ENDPOINT"));
    if (objects_s3_address_parse(text, address, problem) != FERRY_OK)
        fail_msg("%s", problem);
    return address;
}

static struct objects *open_store(void *where)
{
    struct objects *o = NULL;
    const struct objects_s3_config cfg = {.address = where,
                                          .access_key = told("FERRY_TEST_S3_ACCESS"),
                                          .secret_key = told("FERRY_TEST_S3_SECRET"),
                                          .public_url = "http://127.0.0.1:1"};
    assert_int_equal(objects_s3_open(&cfg, &o), FERRY_OK);
    return o;
}

static void tear_down(void *where)
{
    free(where);
}

static int make(void **state)
{
    *state = set_up();
    return 0;
}

static int unmake(void **state)
{
    tear_down(*state);
    return 0;
}

/* --- parts --------------------------------------------------------------------------------------- */

static void write_in_blocks(struct objects *o, struct object_writer *writer, const uint8_t *bytes, size_t from, size_t to)
{
    enum { BLOCK = 777777 };
    for (size_t at = from; at < to; at += BLOCK)
        assert_int_equal(o->ops->write(writer, bytes + at, to - at < BLOCK ? to - at : BLOCK), FERRY_OK);
}

enum { LARGE = (21 << 20) + 12345 }; /* two parts, and what makes no third */

static void large_object_is_not_seen_before_it_is_whole(void **state)
{
    struct objects *o = open_store(*state);
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(LARGE, 3);
    struct object_writer *writer = NULL;
    struct object_digests is, have;
    objects_suite_digests(bytes, LARGE, &is);
    assert_int_equal(o->ops->write_begin(o, &key, LARGE, true, &writer), FERRY_OK);
    write_in_blocks(o, writer, bytes, 0, LARGE);
    objects_suite_expect_none(o, &key);
    struct object_expect expect = {.size = LARGE, .md5 = is.md5, .sha256 = is.sha256};
    assert_int_equal(o->ops->write_finish(writer, &expect, &have), FERRY_OK);
    assert_memory_equal(&have, &is, sizeof is);
    objects_suite_expect(o, &key, bytes, LARGE);
    assert_int_equal(o->ops->match(o, &key, &expect), FERRY_OK);
    o->ops->close(o);
    free(bytes);
}

static void large_partial_goes_on_in_another_process(void **state)
{
    static const size_t stops[] = {0, 3 << 20, 9 << 20, 9 << 20, (14 << 20) + 1, LARGE};
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(LARGE, 4);
    struct object_digests is, have;
    uint64_t offset = 0;
    objects_suite_digests(bytes, LARGE, &is);
    struct object_expect expect = {.size = LARGE, .md5 = is.md5};
    for (size_t i = 0; i + 1 < sizeof stops / sizeof stops[0]; i++) {
        struct objects *o = open_store(*state); /* nothing is known but what is with the store */
        struct object_writer *writer = NULL;
        assert_int_equal(o->ops->partial_size(o, &key, &offset), FERRY_OK);
        assert_int_equal(offset, stops[i]);
        assert_int_equal(o->ops->write_resume(o, &key, LARGE, true, &writer, &offset), FERRY_OK);
        assert_int_equal(offset, stops[i]);
        write_in_blocks(o, writer, bytes, stops[i], stops[i + 1]);
        objects_suite_expect_none(o, &key);
        if (stops[i + 1] < LARGE) {
            assert_int_equal(o->ops->write_suspend(writer), FERRY_OK);
        } else {
            assert_int_equal(o->ops->write_finish(writer, &expect, &have), FERRY_OK);
            assert_memory_equal(have.sha256, is.sha256, sizeof is.sha256);
            objects_suite_expect(o, &key, bytes, LARGE);
            assert_int_equal(o->ops->partial_size(o, &key, &offset), FERRY_OK);
            assert_int_equal(offset, 0);
        }
        o->ops->close(o);
    }
    free(bytes);
}

static void sudden_end_keeps_the_parts_that_are_with_the_store(void **state)
{
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(LARGE, 5);
    struct object_writer *dead = NULL, *writer = NULL;
    uint64_t offset = 0;
    struct objects *first = open_store(*state), *second = open_store(*state);
    assert_int_equal(first->ops->write_resume(first, &key, LARGE, false, &dead, &offset), FERRY_OK);
    write_in_blocks(first, dead, bytes, 0, 20 << 20); /* and is not heard of again */
    assert_int_equal(second->ops->write_resume(second, &key, LARGE, false, &writer, &offset), FERRY_OK);
    assert_int_equal(offset, 16 << 20);
    write_in_blocks(second, writer, bytes, (size_t)offset, LARGE);
    struct object_digests is;
    objects_suite_digests(bytes, LARGE, &is);
    struct object_expect expect = {.size = LARGE, .md5 = is.md5};
    assert_int_equal(second->ops->write_finish(writer, &expect, NULL), FERRY_OK);
    objects_suite_expect(second, &key, bytes, LARGE);
    first->ops->write_abort(dead); /* comes too late to do harm */
    objects_suite_expect(second, &key, bytes, LARGE);
    second->ops->close(second);
    first->ops->close(first);
    free(bytes);
}

static bool keep_none(void *arg, const ferry_id *key)
{
    (void)arg, (void)key;
    return false;
}

static void failed_large_objects_leave_no_parts(void **state)
{
    struct objects *o = open_store(*state);
    ferry_id key = objects_suite_key(1);
    uint8_t *bytes = objects_suite_bytes(LARGE, 6);
    struct object_expect wrong = {.size = LARGE - 1};
    struct object_writer *writer = NULL;
    uint64_t removed = 99;
    assert_int_equal(o->ops->write_begin(o, &key, 0, false, &writer), FERRY_OK);
    write_in_blocks(o, writer, bytes, 0, LARGE);
    assert_int_equal(o->ops->write_finish(writer, &wrong, NULL), FERRY_E_SIZE);
    assert_int_equal(o->ops->write_begin(o, &key, 0, false, &writer), FERRY_OK);
    write_in_blocks(o, writer, bytes, 0, LARGE);
    o->ops->write_abort(writer);
    objects_suite_expect_none(o, &key);
    assert_int_equal(o->ops->sweep(o, keep_none, keep_none, NULL, &removed), FERRY_OK);
    assert_int_equal(removed, 0);
    o->ops->close(o);
    free(bytes);
}

/* --- sweeping beside others ----------------------------------------------------------------------- */

static _Atomic uint64_t ahead_ms;

static uint64_t later(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + atomic_load(&ahead_ms);
}

static void young_leftovers_stay_until_they_are_old(void **state)
{
    struct objects *o = NULL;
    const struct objects_s3_config cfg = {.address = *state,
                                          .access_key = told("FERRY_TEST_S3_ACCESS"),
                                          .secret_key = told("FERRY_TEST_S3_SECRET"),
                                          .public_url = "http://127.0.0.1:1",
                                          .sweep_age_s = 600,
                                          .wall_ms = later};
    assert_int_equal(objects_s3_open(&cfg, &o), FERRY_OK);
    ferry_id key = objects_suite_key(1), other = objects_suite_key(2);
    uint8_t *bytes = objects_suite_bytes(LARGE, 7);
    struct object_writer *writer = NULL, *abandoned = NULL;
    uint64_t removed = 99, offset = 0;
    objects_suite_put(o, &key, (const uint8_t *)"hello", 5);
    assert_int_equal(o->ops->write_resume(o, &other, 0, false, &writer, &offset), FERRY_OK);
    write_in_blocks(o, writer, bytes, 0, 10 << 20);
    assert_int_equal(o->ops->write_suspend(writer), FERRY_OK);
    assert_int_equal(o->ops->write_begin(o, &key, 0, false, &abandoned), FERRY_OK);
    write_in_blocks(o, abandoned, bytes, 0, LARGE);
    assert_int_equal(o->ops->sweep(o, keep_none, keep_none, NULL, &removed), FERRY_OK);
    assert_int_equal(removed, 0);
    objects_suite_expect(o, &key, (const uint8_t *)"hello", 5);
    atomic_store(&ahead_ms, 700 * 1000); /* the gateway allows 900 s between the clocks */
    assert_int_equal(o->ops->sweep(o, keep_none, keep_none, NULL, &removed), FERRY_OK);
    assert_int_equal(removed, 3); /* the object, the partial, the upload that was abandoned */
    objects_suite_expect_none(o, &key);
    assert_int_equal(o->ops->sweep(o, keep_none, keep_none, NULL, &removed), FERRY_OK);
    assert_int_equal(removed, 0);
    atomic_store(&ahead_ms, 0);
    o->ops->write_abort(abandoned);
    o->ops->close(o);
    free(bytes);
}

/* --- what came by itself ---------------------------------------------------------------------------- */

static void match_tells_what_is_wrong(void **state)
{
    struct objects *o = open_store(*state);
    ferry_id key = objects_suite_key(1);
    struct object_digests is;
    objects_suite_digests((const uint8_t *)"hello", 5, &is);
    struct object_expect expect = {.size = 5, .md5 = is.md5};
    assert_int_equal(o->ops->match(o, &key, &expect), FERRY_E_NOT_FOUND);
    objects_suite_put(o, &key, (const uint8_t *)"hello", 5);
    assert_int_equal(o->ops->match(o, &key, &expect), FERRY_OK);
    expect.size = 6;
    assert_int_equal(o->ops->match(o, &key, &expect), FERRY_E_SIZE);
    expect.size = 5;
    is.md5[3] ^= 1;
    assert_int_equal(o->ops->match(o, &key, &expect), FERRY_E_DIGEST);
    o->ops->close(o);
}

static void object_that_was_replaced_is_not_mixed_with_the_new_one(void **state)
{
    struct objects *o = open_store(*state);
    ferry_id key = objects_suite_key(1);
    uint8_t *one = objects_suite_bytes(1 << 20, 1), *two = objects_suite_bytes(1 << 20, 2);
    struct object_reader *reader = NULL;
    uint64_t size = 0;
    size_t got = 0;
    uint8_t block[100];
    objects_suite_put(o, &key, one, 1 << 20);
    assert_int_equal(o->ops->read_open(o, &key, &reader, &size), FERRY_OK);
    objects_suite_put(o, &key, two, 1 << 20);
    assert_int_equal(o->ops->read_at(reader, 0, block, sizeof block, &got), FERRY_OK);
    assert_memory_equal(block, one, got);
    assert_int_equal(o->ops->read_at(reader, 900000, block, sizeof block, &got), FERRY_E_IO);
    o->ops->read_close(reader);
    o->ops->close(o);
    free(one);
    free(two);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    static const struct objects_factory factory = {
        "s3", set_up, open_store, tear_down, .durable = true, .may_fail_in_a_race = true};
    const struct CMUnitTest own[] = {
        RULE(large_object_is_not_seen_before_it_is_whole),
        RULE(large_partial_goes_on_in_another_process),
        RULE(sudden_end_keeps_the_parts_that_are_with_the_store),
        RULE(failed_large_objects_leave_no_parts),
        RULE(young_leftovers_stay_until_they_are_old),
        RULE(match_tells_what_is_wrong),
        RULE(object_that_was_replaced_is_not_mixed_with_the_new_one),
    };
    return objects_suite_run(&factory) + cmocka_run_group_tests_name("s3 only", own, NULL, NULL);
}
