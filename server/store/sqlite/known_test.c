/* What the writer remembers of devices, their open uploads and quotas is what a look-up would give. */
#include "sqlite_fixture.h"

#include "store/sql/known.h"

#include <string.h>

static const struct device_key key = {"P", "d1"};

static int setup(void **state)
{
    const struct product product = {.name = "P"};
    const struct device device = {.key = key, .secret.len = 1, .secret_no = 1};
    struct sqlite_fixture *t;

    assert_int_equal(sqlite_fixture_setup(state), 0);
    t = *state;
    sqlite_fixture_connect(t);
    ok(t->ops->product_add(t->writer, &product));
    ok(t->ops->device_add(t->writer, &device));
    return 0;
}

static bool is_disabled(struct sqlite_fixture *t)
{
    struct device found;

    ok(t->ops->device_get(t->writer, &key, &found));
    return found.disabled;
}

static bool has_quota(struct sqlite_fixture *t)
{
    struct quota found;
    ferry_err err = t->ops->quota_get(t->writer, "P", &found);

    assert_true(err == FERRY_OK || err == FERRY_E_NOT_FOUND);
    return err == FERRY_OK;
}

static bool is_known(struct sqlite_fixture *t)
{
    struct device found;

    return sql_known_device(sql_conn_known(t->writer), &key, &found);
}

static void a_device_is_known_in_the_next_transaction_too(void **state)
{
    struct sqlite_fixture *t = *state;
    const struct upload_task upload = test_upload(1);
    const struct resource resource = {.id = test_id(2), .product = "P", .name = "fw", .size = 5};
    struct download_task download = {.id = test_id(3), .deployment = test_id(4), .resource = test_id(2), .device = key, .state = DOWNLOAD_QUEUED};

    ok(t->ops->resource_add(t->writer, &resource));
    for (unsigned i = 0; i < 3; i++) {
        ok(t->ops->begin(t->writer));
        assert_int_equal(is_known(t), i > 0);
        assert_false(is_disabled(t));
        assert_true(is_known(t));
        ok(t->ops->upload_put(t->writer, &upload));
        ok(t->ops->download_put(t->writer, &download));
        assert_true(is_known(t));
        download.percent = i + 1;
        ok(t->ops->download_put(t->writer, &download));
        assert_true(is_known(t));
        ok(t->ops->commit(t->writer));
        assert_false(is_known(t)); /* outside a transaction others may write */
    }
}

static void what_changes_is_forgotten(void **state)
{
    struct sqlite_fixture *t = *state;
    const struct quota quota = {.product = "P", .limits.product_files = 1};
    struct device found;

    ok(t->ops->begin(t->writer));
    assert_false(is_disabled(t));
    assert_false(has_quota(t));
    ok(t->ops->device_set_disabled(t->writer, &key, true));
    assert_true(is_disabled(t));
    ok(t->ops->quota_put(t->writer, &quota));
    assert_true(has_quota(t));
    ok(t->ops->quota_remove(t->writer, "P"));
    assert_false(has_quota(t));
    ok(t->ops->device_remove(t->writer, &key));
    expect(FERRY_E_NOT_FOUND, t->ops->device_get(t->writer, &key, &found));
    ok(t->ops->commit(t->writer));
}

static void what_is_undone_is_forgotten(void **state)
{
    struct sqlite_fixture *t = *state;

    ok(t->ops->begin(t->writer));
    ok(t->ops->savepoint(t->writer));
    ok(t->ops->device_set_disabled(t->writer, &key, true));
    assert_true(is_disabled(t));
    ok(t->ops->rewind(t->writer));
    assert_false(is_disabled(t));
    ok(t->ops->device_set_disabled(t->writer, &key, true));
    assert_true(is_disabled(t));
    t->ops->rollback(t->writer);
    ok(t->ops->begin(t->writer));
    assert_false(is_disabled(t));
    ok(t->ops->commit(t->writer));
}

/* The bytes of the newest of the device's open uploads; 0: it has none. */
static uint64_t newest_open(struct sqlite_fixture *t)
{
    struct upload_task open[3];
    size_t count = 0;

    ok(t->ops->upload_open(t->writer, &key, open, 3, &count));
    return count > 0 ? open[0].size : 0;
}

static bool uploads_are_known(struct sqlite_fixture *t)
{
    struct upload_task open[3];
    size_t count = 0;

    return sql_known_uploads(sql_conn_known(t->writer), &key, open, 3, &count);
}

static void open_uploads_are_what_was_written(void **state)
{
    struct sqlite_fixture *t = *state;
    struct upload_task upload = test_upload(1);

    upload.device = key;
    ok(t->ops->begin(t->writer));
    assert_int_equal(newest_open(t), 0);
    ok(t->ops->upload_put(t->writer, &upload));
    assert_true(uploads_are_known(t));
    assert_int_equal(newest_open(t), 2);
    ok(t->ops->savepoint(t->writer));
    upload.state = UPLOAD_FAILED;
    upload.ended_ms = upload.updated_ms = 5;
    ok(t->ops->upload_put(t->writer, &upload));
    assert_int_equal(newest_open(t), 0);
    ok(t->ops->rewind(t->writer));
    assert_int_equal(newest_open(t), 2);
    ok(t->ops->commit(t->writer));
    test_raw_sql(t, "DELETE FROM report"); /* another program commits */
    ok(t->ops->begin(t->writer));
    assert_false(uploads_are_known(t));
    assert_int_equal(newest_open(t), 2);
    upload.state = UPLOAD_CREATED;
    upload.ended_ms = 0;
    upload.device = (struct device_key){"P", "d2"}; /* the same task is another device's: all is forgotten */
    ok(t->ops->upload_put(t->writer, &upload));
    assert_false(uploads_are_known(t));
    assert_int_equal(newest_open(t), 0);
    upload.device = key;
    ok(t->ops->upload_put(t->writer, &upload));
    assert_int_equal(newest_open(t), 2);
    ok(t->ops->upload_remove(t->writer, &upload.id));
    assert_int_equal(newest_open(t), 0);
    t->ops->rollback(t->writer);
    ok(t->ops->begin(t->writer));
    assert_int_equal(newest_open(t), 2);
    ok(t->ops->commit(t->writer));
}

static void what_another_program_changes_is_seen(void **state)
{
    struct sqlite_fixture *t = *state;

    for (unsigned i = 0; i < 3; i++) {
        ok(t->ops->begin(t->writer));
        assert_int_equal(is_disabled(t), i % 2 == 1);
        assert_int_equal(has_quota(t), i > 0);
        ok(t->ops->commit(t->writer));
        test_raw_sql(t, i % 2 == 0 ? "UPDATE device SET disabled = 1" : "UPDATE device SET disabled = 0");
        test_raw_sql(t, "INSERT OR IGNORE INTO quota VALUES ('P', 0, 1, 0, 0)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_device_is_known_in_the_next_transaction_too, setup, sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(what_changes_is_forgotten, setup, sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_undone_is_forgotten, setup, sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(open_uploads_are_what_was_written, setup, sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(what_another_program_changes_is_seen, setup, sqlite_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
