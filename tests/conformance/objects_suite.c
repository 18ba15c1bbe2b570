#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects_suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct objects_factory *factory;

struct world {
    void *where;
    struct objects *o;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->where = factory->set_up();
    w->o = factory->open(w->where);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    w->o->ops->close(w->o);
    factory->tear_down(w->where);
    free(w);
    return 0;
}

static void reopen(struct world *w)
{
    w->o->ops->close(w->o);
    w->o = factory->open(w->where);
}

/* --- helpers ------------------------------------------------------------------------------------ */

static struct object_writer *begin(struct objects *o, const ferry_id *key, uint64_t size)
{
    struct object_writer *writer = NULL;
    assert_int_equal(o->ops->write_begin(o, key, size, false, &writer), FERRY_OK);
    assert_non_null(writer);
    return writer;
}

static struct object_writer *resume(struct objects *o, const ferry_id *key, uint64_t offset)
{
    struct object_writer *writer = NULL;
    uint64_t at = 999;
    assert_int_equal(o->ops->write_resume(o, key, 0, false, &writer, &at), FERRY_OK);
    assert_int_equal(at, offset);
    return writer;
}

static ferry_err finish(struct objects *o, struct object_writer *writer, const uint8_t *bytes, size_t len)
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

static void expect_reader(struct objects *o, struct object_reader *reader, const uint8_t *bytes, size_t len)
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

static void expect_partial(struct objects *o, const ferry_id *key, uint64_t size)
{
    uint64_t have = 999;
    assert_int_equal(o->ops->partial_size(o, key, &have), FERRY_OK);
    assert_int_equal(have, size);
}

/* --- writing whole objects ---------------------------------------------------------------------- */

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

struct wrong {
    int64_t size_off;
    bool md5, sha256;
    ferry_err err;
};

static ferry_err finish_wrong(struct objects *o, struct object_writer *writer, const struct object_digests *have,
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

static const struct wrong wrongs[] = {
    {-1, false, false, FERRY_E_SIZE}, {1, false, false, FERRY_E_SIZE}, {0, true, false, FERRY_E_DIGEST},
    {0, false, true, FERRY_E_DIGEST}, {1, true, true, FERRY_E_SIZE},
};

static void wrong_bytes_leave_nothing_and_keep_the_older_object(void **state)
{
    struct world *w = *state;
    uint8_t *older = objects_suite_bytes(500, 1), *newer = objects_suite_bytes(700, 2);
    struct object_digests newer_is;
    objects_suite_digests(newer, 700, &newer_is);
    ferry_id with_older = objects_suite_key(1), without = objects_suite_key(2);
    objects_suite_put(w->o, &with_older, older, 500);
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
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

/* --- partial objects ---------------------------------------------------------------------------- */

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
        if (factory->durable)
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
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
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

/* --- reading and removing ----------------------------------------------------------------------- */

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
    atomic_uint reads, absent, wrong;
};

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
        unsigned which = size == s->len[1];
        if (err != FERRY_OK || got != s->len[which] || memcmp(have, s->content[which], got) != 0)
            atomic_fetch_add(&s->wrong, 1);
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
    assert_true(atomic_load(&s.reads) > 0);
    free(s.content[0]);
    free(s.content[1]);
}

/* --- house-keeping ------------------------------------------------------------------------------ */

static bool keep_odd_object(void *arg, const ferry_id *key)
{
    for (unsigned i = 1; i < 20; i += 2) {
        ferry_id odd = objects_suite_key(i);
        if (ferry_id_equal(&odd, key))
            return true;
    }
    ++*(unsigned *)arg;
    return false;
}

static bool keep_partial_2(void *arg, const ferry_id *key)
{
    ferry_id two = objects_suite_key(2);
    (void)arg;
    return ferry_id_equal(&two, key);
}

static void sweep_removes_what_is_not_kept(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 6; i++) {
        ferry_id key = objects_suite_key(i);
        objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
        struct object_writer *writer = resume(w->o, &key, 0);
        assert_int_equal(w->o->ops->write(writer, "abc", 3), FERRY_OK);
        assert_int_equal(w->o->ops->write_suspend(writer), FERRY_OK);
    }
    uint64_t removed = 0;
    unsigned asked = 0;
    assert_int_equal(w->o->ops->sweep(w->o, keep_odd_object, keep_partial_2, &asked, &removed), FERRY_OK);
    assert_int_equal(removed, 3 + 5);
    assert_int_equal(asked, 3);
    for (unsigned i = 0; i < 6; i++) {
        ferry_id key = objects_suite_key(i);
        if (i % 2 == 1)
            objects_suite_expect(w->o, &key, (const uint8_t *)"hello", 5);
        else
            objects_suite_expect_none(w->o, &key);
        expect_partial(w->o, &key, i == 2 ? 3 : 0);
    }
}

static void finished_objects_are_there_after_a_restart(void **state)
{
    struct world *w = *state;
    ferry_id key = objects_suite_key(1);
    if (!factory->durable)
        skip();
    objects_suite_put(w->o, &key, (const uint8_t *)"hello", 5);
    reopen(w);
    objects_suite_expect(w->o, &key, (const uint8_t *)"hello", 5);
}

static void probe_finds_a_healthy_store_writable(void **state)
{
    struct world *w = *state;
    assert_int_equal(w->o->ops->probe(w->o), FERRY_OK);
}

static void close_accepts_null(void **state)
{
    struct world *w = *state;
    w->o->ops->close(NULL);
}

/* --- addresses ---------------------------------------------------------------------------------- */

static void signed_url_is_accepted_until_anything_of_it_changes(void **state)
{
    struct world *w = *state;
    struct object_url url = {.method = OBJECT_GET,
                             .task = objects_suite_key(1),
                             .key = objects_suite_key(2),
                             .expires_s = 1800000000,
                             .size = 12};
    char text[FERRY_URL_MAX + 1];
    memcpy(url.md5, "7cd96e091705fb4da41b3e11163cf663", 33);
    assert_int_equal(w->o->ops->url_sign(w->o, &url, text, sizeof text), FERRY_OK);
    assert_true(strlen(text) <= FERRY_URL_MAX);
    assert_null(strpbrk(text, "\"\\{}<> "));
    assert_int_equal(w->o->ops->url_sign(w->o, &url, text, 10), FERRY_E_LIMIT);
    assert_int_equal(w->o->ops->url_sign(w->o, &url, text, sizeof text), FERRY_OK);
    if (w->o->ops->url_check == NULL)
        return;
    const char *signature = strstr(text, "&s=") + 3;
    size_t len = strlen(signature);
    assert_int_equal(w->o->ops->url_check(w->o, &url, signature, len), FERRY_OK);
    assert_int_equal(w->o->ops->url_check(w->o, &url, signature, len - 1), FERRY_E_DENIED);
    url.expires_s++;
    assert_int_equal(w->o->ops->url_check(w->o, &url, signature, len), FERRY_E_DENIED);
}

int objects_suite_run(const struct objects_factory *of)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(objects_of_every_size_come_back_as_they_went_in),
        RULE(finish_tells_the_digests),
        RULE(wrong_bytes_leave_nothing_and_keep_the_older_object),
        RULE(sha256_can_be_demanded_of_a_writer_that_was_begun_without),
        RULE(aborted_object_was_never_there),
        RULE(last_of_two_writers_of_one_key_wins_whole),
        RULE(more_than_there_is_room_for_is_refused_as_full),
        RULE(partial_goes_on_where_it_stopped),
        RULE(partial_can_be_finished_by_the_writer_that_began_it),
        RULE(only_one_writer_may_have_a_partial),
        RULE(an_object_becomes_partial_again_and_is_finished_again),
        RULE(both_digests_of_a_partial_are_found),
        RULE(what_will_not_fit_is_said_before_a_byte),
        RULE(partial_can_be_removed_when_nobody_writes_it),
        RULE(wrong_partial_leaves_nothing_and_keeps_the_older_object),
        RULE(whole_object_and_partial_of_a_key_do_not_disturb_each_other),
        RULE(only_a_resumed_object_can_be_suspended),
        RULE(reading_past_the_end_gives_nothing),
        RULE(open_readers_keep_what_they_opened),
        RULE(removing_what_is_not_there_is_no_error),
        RULE(descriptor_for_sendfile_gives_the_same_bytes),
        RULE(readers_see_whole_objects_while_others_replace_and_remove),
        RULE(sweep_removes_what_is_not_kept),
        RULE(finished_objects_are_there_after_a_restart),
        RULE(probe_finds_a_healthy_store_writable),
        RULE(close_accepts_null),
        RULE(signed_url_is_accepted_until_anything_of_it_changes),
    };
#undef RULE

    factory = of;
    print_message("objects: %s\n", of->name);
    return cmocka_run_group_tests_name(of->name, rules, NULL, NULL);
}
