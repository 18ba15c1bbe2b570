/* What is added up is what the rows come to, whatever is done and undone. */
#include "sums.h"
#include "sqlite_fixture.h"

#include "api/statistics.h"
#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

enum { TASKS = 40, TRANSACTIONS = 300, COMMANDS_MAX = 12, CHANGES_MAX = 3 };

/* What of all tasks must stand in the table ended: rows do not say, as it stays when they go. */
struct ended {
    int64_t done, failed, cancelled, bytes;
};

struct mix {
    struct sqlite_fixture *t;
    uint64_t random;
    struct ended ended, at_mark, at_begin;
};

static unsigned chance(struct mix *m, unsigned below)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(m->random >> 33) % below;
}

static struct upload_task any_upload(struct mix *m)
{
    struct upload_task u = test_upload(chance(m, TASKS));

    u.state = (upload_state)(UPLOAD_CREATED + chance(m, UPLOAD_CANCELLED));
    if (chance(m, 4) == 0) { /* another task under the same id */
        u.size = (uint64_t)(1 + chance(m, 1000)) << 24;
        (void)snprintf(u.device.device, sizeof(u.device.device), "other-%u", chance(m, 2));
    }
    if (u.state == UPLOAD_STORED || u.state == UPLOAD_DONE)
        u.stored_ms = chance(m, 3) * STATISTICS_HOUR_MS;
    if (u.state >= UPLOAD_DONE)
        u.ended_ms = 1 + chance(m, 3) * STATISTICS_HOUR_MS;
    return u;
}

static bool same_task(const struct upload_task *a, const struct upload_task *b)
{
    return a->size == b->size && strcmp(a->device.device, b->device.device) == 0;
}

static void note_end(struct mix *m, const struct upload_task *before, const struct upload_task *after)
{
    bool stored = after->state == UPLOAD_STORED || after->state == UPLOAD_DONE;

    if (after->state < UPLOAD_STORED || (before != NULL && same_task(before, after) && before->state >= UPLOAD_STORED))
        return;
    m->ended.done += stored;
    m->ended.bytes += stored ? (int64_t)after->size : 0;
    m->ended.failed += after->state == UPLOAD_FAILED || after->state == UPLOAD_EXPIRED;
    m->ended.cancelled += after->state == UPLOAD_CANCELLED;
}

static void put_any(struct mix *m)
{
    const struct upload_task after = any_upload(m);
    struct upload_task before;
    ferry_err err = m->t->ops->upload_get(m->t->writer, &after.id, &before);

    ok(m->t->ops->upload_put(m->t->writer, &after));
    note_end(m, err == FERRY_OK ? &before : NULL, &after);
}

static void remove_any(struct mix *m)
{
    const ferry_id id = test_id(chance(m, TASKS));
    ferry_err err = m->t->ops->upload_remove(m->t->writer, &id);

    assert_true(err == FERRY_OK || err == FERRY_E_NOT_FOUND);
}

/* Its bytes are counted by triggers, in the same rows. */
static void change_any_resource(struct mix *m)
{
    struct resource r = {.id = test_id(1000 + chance(m, 3)), .product = "p", .name = "fw", .size = 5};
    ferry_err err = m->t->ops->resource_add(m->t->writer, &r);

    if (err == FERRY_E_EXISTS)
        err = m->t->ops->resource_remove(m->t->writer, &r.id);
    ok(err);
}

/* Then what is added up so far is written, and may have to be undone. */
static void read_any(struct mix *m)
{
    struct usage usage;
    struct store_totals totals;

    if (chance(m, 2) == 0)
        ok(m->t->ops->usage_get(m->t->writer, "p", chance(m, 2) == 0 ? "device-3" : NULL, &usage));
    else
        ok(m->t->ops->totals(m->t->writer, &totals));
}

static void change_any(struct mix *m)
{
    static void (*const changes[])(struct mix *m) = {put_any, put_any, put_any, put_any, remove_any, change_any_resource, read_any};

    changes[chance(m, sizeof(changes) / sizeof(changes[0]))](m);
}

static void any_command(struct mix *m)
{
    m->at_mark = m->ended;
    ok(m->t->ops->savepoint(m->t->writer));
    for (unsigned i = chance(m, CHANGES_MAX + 1); i > 0; i--)
        change_any(m);
    if (chance(m, 3) > 0) {
        ok(m->t->ops->release(m->t->writer));
    } else {
        ok(m->t->ops->rewind(m->t->writer));
        m->ended = m->at_mark;
    }
}

static int refuse(void *arg)
{
    (void)arg;
    return 1;
}

static void end_transaction(struct mix *m)
{
    unsigned way = chance(m, 4);

    if (way == 0)
        m->t->ops->rollback(m->t->writer);
    if (way == 1)
        (void)sqlite3_commit_hook(sqlite_fixture_db(m->t->writer), refuse, NULL);
    if (way > 0)
        assert_int_equal(m->t->ops->commit(m->t->writer) != FERRY_OK, way == 1);
    if (way < 2)
        m->ended = m->at_begin;
    (void)sqlite3_commit_hook(sqlite_fixture_db(m->t->writer), NULL, NULL);
}

static void expect_ended(struct mix *m)
{
#define ENDED(what) "SELECT coalesce(sum(" what "), 0) FROM ended WHERE product = "

    assert_int_equal(test_number(m->t, ENDED("done") "''"), m->ended.done);
    assert_int_equal(test_number(m->t, ENDED("failed") "''"), m->ended.failed);
    assert_int_equal(test_number(m->t, ENDED("cancelled") "''"), m->ended.cancelled);
    assert_int_equal(test_number(m->t, ENDED("(high << 32) + low") "'p'"), m->ended.bytes);
}

static void sums_are_those_of_the_rows_after_any_mix_of_commands(void **state)
{
    struct mix m = {.t = *state, .random = 1};

    sqlite_fixture_connect(m.t);
    ok(m.t->ops->product_add(m.t->writer, &(struct product){.name = "p"}));
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        m.at_begin = m.ended;
        ok(m.t->ops->begin(m.t->writer));
        for (unsigned n = chance(&m, COMMANDS_MAX); n > 0; n--)
            any_command(&m);
        end_transaction(&m);
        test_expect_counted(m.t);
        expect_ended(&m);
    }
    assert_true(m.ended.done > TASKS && m.ended.failed > TASKS && m.ended.cancelled > TASKS);
}

/* One that fails in the middle of being counted, among others that are committed; undone with a savepoint, or as a statement alone. */
static ferry_err put_without_memory(struct sqlite_fixture *t, unsigned n, unsigned long nth, bool marked)
{
    struct upload_task before = test_upload(n), failing = test_upload(n + 1), after = test_upload(n + 2);
    ferry_err err;

    failing.state = UPLOAD_DONE;
    ok(t->ops->begin(t->writer));
    ok(t->ops->upload_put(t->writer, &before));
    if (marked)
        ok(t->ops->savepoint(t->writer));
    ferry_alloc_fail_at(nth);
    err = t->ops->upload_put(t->writer, &failing);
    ferry_alloc_fail_at(0);
    if (marked && err != FERRY_OK)
        ok(t->ops->rewind(t->writer));
    ok(t->ops->upload_put(t->writer, &after));
    ok(t->ops->commit(t->writer));
    return err;
}

static void without_memory_nothing_is_counted_that_is_not_there(void **state)
{
    struct sqlite_fixture *t = *state;
    ferry_err err = FERRY_E_NOMEM;
    unsigned long nth;

    sqlite_fixture_connect(t);
    for (nth = 1; err != FERRY_OK; nth++) {
        for (unsigned marked = 0; marked < 2; marked++) {
            err = put_without_memory(t, 10 * (unsigned)nth + 5 * marked, nth, marked);
            assert_true(err == FERRY_OK || err == FERRY_E_NOMEM);
            test_expect_counted(t);
        }
    }
    assert_in_range(nth, 4, 20); /* each row that is counted needs some */
}

/* Of a statement that is not undone alone. */
static void without_memory_a_new_task_takes_its_transaction_along(void **state)
{
    struct sqlite_fixture *t = *state;
    const struct upload_task before = test_upload(0), failing = test_upload(1);
    ferry_err err = FERRY_E_NOMEM;
    unsigned long nth;

    sqlite_fixture_connect(t);
    for (nth = 1; err != FERRY_OK; nth++) {
        ok(t->ops->begin(t->writer));
        ok(t->ops->upload_put(t->writer, &before));
        ok(t->ops->savepoint(t->writer));
        ferry_alloc_fail_at(nth);
        err = t->ops->upload_put(t->writer, &failing);
        ferry_alloc_fail_at(0);
        if (err != FERRY_OK)
            expect(FERRY_E_NOMEM, t->ops->rewind(t->writer));
        expect(err, t->ops->commit(t->writer));
        t->ops->rollback(t->writer);
        test_expect_intact(t, err == FERRY_OK ? 2 : 0);
    }
    assert_in_range(nth, 3, 20);
}

static void commit_that_cannot_write_its_sums_is_undone(void **state)
{
    struct sqlite_fixture *t = *state;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 10));
    test_raw_sql(t, "CREATE TRIGGER refuse BEFORE UPDATE ON total BEGIN SELECT RAISE(ABORT, 'not now'); END");
    assert_int_not_equal(test_put_batch(t, 10, 10), FERRY_OK);
    test_expect_intact(t, 10);
    assert_int_equal(test_number(t, "SELECT count(*) FROM upload"), 10);
    test_raw_sql(t, "DROP TRIGGER refuse");
    ok(test_put_batch(t, 10, 10));
    test_expect_intact(t, 20);
}

static void program_that_cannot_count_cannot_change_what_is_counted(void **state)
{
    static const char *const changes[] = {"DELETE FROM upload", "UPDATE upload SET state = 5", "INSERT OR REPLACE INTO upload SELECT * FROM upload"};
    struct sqlite_fixture *t = *state;
    sqlite3 *db = NULL;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 3));
    assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        assert_int_equal(sqlite3_exec(db, changes[i], NULL, NULL, NULL), SQLITE_ERROR);
        assert_string_equal(sqlite3_errmsg(db), "no such function: " SUMS_FUNCTION);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    test_expect_intact(t, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sqlite_fixture_setup, sqlite_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(sums_are_those_of_the_rows_after_any_mix_of_commands),
        TEST(without_memory_nothing_is_counted_that_is_not_there),
        TEST(without_memory_a_new_task_takes_its_transaction_along),
        TEST(commit_that_cannot_write_its_sums_is_undone),
        TEST(program_that_cannot_count_cannot_change_what_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
