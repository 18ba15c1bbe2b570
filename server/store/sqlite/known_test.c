/* What the writer remembers of devices and quotas is what a look-up would give. */
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

    for (unsigned i = 0; i < 3; i++) {
        ok(t->ops->begin(t->writer));
        assert_int_equal(is_known(t), i > 0);
        assert_false(is_disabled(t));
        assert_true(is_known(t));
        ok(t->ops->upload_put(t->writer, &upload));
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
        cmocka_unit_test_setup_teardown(what_another_program_changes_is_seen, setup, sqlite_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
