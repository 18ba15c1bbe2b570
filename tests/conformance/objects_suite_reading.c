#include "objects_suite_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void reading_past_the_end_gives_nothing(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    struct object_reader *reader = NULL;
    uint64_t size;
    char out[8];
    static const struct {
        uint64_t offset;
        size_t got;
    } cases[] = {{0, 5}, {3, 2}, {4, 1}, {5, 0}, {6, 0}, {UINT64_MAX, 0}};
    objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
    assert_int_equal(w->o->ops->read_open(w->o, &key, &reader, &size), FERRY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t got = 99;
        assert_int_equal(w->o->ops->read_at(reader, cases[i].offset, out, sizeof out, &got), FERRY_OK);
        assert_int_equal(got, cases[i].got);
        assert_memory_equal(out, &"hello"[cases[i].got > 0 ? cases[i].offset : 0], got);
    }
    w->o->ops->read_close(reader);
    w->o->ops->read_close(NULL);
}

static void open_readers_keep_what_they_opened(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    uint8_t *one = objects_suite_bytes(100000, 1), *two = objects_suite_bytes(200000, 2);
    struct object_reader *before = NULL, *between = NULL;
    uint64_t size;
    objects_suite_put(w->o, &key, one, 100000);
    assert_int_equal(w->o->ops->read_open(w->o, &key, &before, &size), FERRY_OK);
    objects_suite_put(w->o, &key, two, 200000);
    assert_int_equal(w->o->ops->read_open(w->o, &key, &between, &size), FERRY_OK);
    assert_int_equal(w->o->ops->remove(w->o, &key), FERRY_OK);
    objects_suite_expect_none(w->o, &key);
    expect_reader(w->o, before, one, 100000);
    expect_reader(w->o, between, two, 200000);
    w->o->ops->read_close(before);
    w->o->ops->read_close(between);
    free(one);
    free(two);
}

static void removing_what_is_not_there_is_no_error(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    assert_int_equal(w->o->ops->remove(w->o, &key), FERRY_OK);
}

static void descriptor_for_sendfile_gives_the_same_bytes(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    struct object_reader *reader = NULL;
    uint64_t size;
    char out[8] = "";
    objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
    assert_int_equal(w->o->ops->read_open(w->o, &key, &reader, &size), FERRY_OK);
    int fd = w->o->ops->read_fd(reader);
    if (fd >= 0) {
        assert_int_equal(pread(fd, out, sizeof out, 0), 5);
        assert_memory_equal(out, "hello", 5);
    }
    w->o->ops->read_close(reader);
}

struct storm {
    struct objects *o;
    ferry_id key;
    uint8_t *content[2];
    size_t len[2];
    atomic_bool over;
    atomic_uint reads, absent, failed, wrong;
};

static bool is_whole(const struct storm *s, const uint8_t *have, uint64_t size, size_t got)
{
    unsigned which = size == s->len[1];
    return got == s->len[which] && memcmp(have, s->content[which], got) == 0;
}

static void *read_in_a_storm(void *arg)
{
    struct storm *s = arg;
    uint8_t *have = malloc(s->len[1] + 1);
    while (!atomic_load(&s->over)) {
        struct object_reader *reader = NULL;
        uint64_t size = 0;
        size_t got = 0;
        ferry_err err = s->o->ops->read_open(s->o, &s->key, &reader, &size);
        if (err == FERRY_E_NOT_FOUND) {
            atomic_fetch_add(&s->absent, 1);
            continue;
        }
        if (err == FERRY_OK)
            err = s->o->ops->read_at(reader, 0, have, s->len[1] + 1, &got);
        if (err != FERRY_OK)
            atomic_fetch_add(err == FERRY_E_IO ? &s->failed : &s->wrong, 1);
        else if (!is_whole(s, have, size, got))
            atomic_fetch_add(&s->wrong, 1);
        if (reader != NULL)
            s->o->ops->read_close(reader);
        atomic_fetch_add(&s->reads, 1);
    }
    free(have);
    return NULL;
}

static void readers_see_whole_objects_while_others_replace_and_remove(void **state)
{
    struct world *w = *state;
    struct storm s = {.o = w->o, .key = objects_suite_key(1), .len = {3000, 9000}};
    pthread_t readers[3];
    for (unsigned i = 0; i < 2; i++)
        s.content[i] = objects_suite_bytes(s.len[i], i + 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_in_a_storm, &s), 0);
    for (unsigned turn = 0; turn < 150 || (atomic_load(&s.reads) < 50 && turn < 5000); turn++) {
        objects_suite_put(w->o, &s.key, s.content[turn % 2], s.len[turn % 2]);
        if (turn % 5 == 4)
            assert_int_equal(w->o->ops->remove(w->o, &s.key), FERRY_OK);
    }
    atomic_store(&s.over, true);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(atomic_load(&s.wrong), 0);
    assert_true(atomic_load(&s.failed) <= (w->factory->may_fail_in_a_race ? atomic_load(&s.reads) / 10 : 0));
    assert_true(atomic_load(&s.reads) > 0);
    free(s.content[0]);
    free(s.content[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(reading_past_the_end_gives_nothing),
    cmocka_unit_test(open_readers_keep_what_they_opened),
    cmocka_unit_test(removing_what_is_not_there_is_no_error),
    cmocka_unit_test(descriptor_for_sendfile_gives_the_same_bytes),
    cmocka_unit_test(readers_see_whole_objects_while_others_replace_and_remove),
};
const struct objects_tests objects_reading_tests = OBJECTS_TESTS(tests);
