/* What a page costs, counted: the steps of SQLite's machine, whatever the filter and however many rows there are. */
#include "sqlite_fixture.h"

#include <stdio.h>
#include <string.h>

enum { FEW = 2000, MANY = 20000, LOOKS = 500, STEPS_OF_A_LOOK = 100 };

static uint64_t steps_of(struct store_conn *base)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    uint64_t steps = 0;

    for (int i = 0; i < STMT_COUNT; i++)
        if (c->stmts[i] != NULL)
            steps += (uint64_t)sqlite3_stmt_status(c->stmts[i], SQLITE_STMTSTATUS_VM_STEP, 1);
    return steps;
}

/* Uploads and downloads from first on, all of one device, one in a hundred failed. */
static void add_rows(struct sqlite_fixture *t, unsigned first, unsigned end)
{
    char sql[1024];

    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT %u UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
                   "INSERT INTO upload SELECT cast(printf('%%016d', i) AS BLOB), 'p', 'd', 'n' || i %% 97, 1, '',"
                   " CASE WHEN i %% 100 = 0 THEN 5 ELSE 1 + i %% 4 END, 0, 0, '', i, i, i, i, i FROM n;", first, end - 1);
    test_raw_sql(t, sql);
    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT %u UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
                   "INSERT INTO download SELECT cast(printf('%%016d', i) AS BLOB), x'00', x'00', 'p', 'd', 'n', 4, 0, 0, '', 0,"
                   " i, i, i, i, i, i, NULL, 0 FROM n;", first, end - 1);
    test_raw_sql(t, sql);
}

static const struct upload_filter upload_filters[] = {
    {.name_prefix = "x"},
    {.product = "p", .name_prefix = "x"},
    {.product = "p", .device = "d", .name_prefix = NULL},
    {.product = "p", .device = "d", .state = UPLOAD_EXPIRED},
    {.product = "p", .device = "d", .state = UPLOAD_STORED, .name_prefix = "x"},
    {.state = UPLOAD_CREATED, .name_prefix = "x"},
    {.product = "p", .state = UPLOAD_DONE, .name_prefix = "x"},
    {.state = UPLOAD_FAILED},
    {.product = "p", .state = UPLOAD_CANCELLED},
    {.product = "q"},
};

/* By the time of the end: those that are sorted, and those that an index has so. */
static void check_sorted(struct sqlite_fixture *t, const struct upload_filter *f, bool descending)
{
    static struct upload_task uploads[FERRY_PAGE_MAX];
    static struct download_task downloads[FERRY_PAGE_MAX];
    const ferry_id deployment = {"00000000000000000000000000"};
    const struct download_filter failed = {.deployment = &deployment, .state = DOWNLOAD_FAILED};
    struct store_reach reach = {.looks = LOOKS};
    const struct store_page page = {
        .after = "", .limit = FERRY_PAGE_MAX, .descending = descending, .sort = STORE_BY_ENDED, .reach = &reach};
    size_t count;

    if (f->product == NULL)
        return;
    ok(t->ops->upload_list(t->reader, f, &page, uploads, &count));
    assert_in_range(steps_of(t->reader), 1, LOOKS * STEPS_OF_A_LOOK);
    reach.looks = LOOKS;
    ok(t->ops->download_list(t->reader, &failed, &page, downloads, &count));
    assert_in_range(steps_of(t->reader), 1, LOOKS * STEPS_OF_A_LOOK);
}

static void check_costs(struct sqlite_fixture *t)
{
    static struct upload_task uploads[FERRY_PAGE_MAX];
    static struct download_task downloads[FERRY_PAGE_MAX];
    const struct download_filter of_device = {.product = "p", .device = "d", .state = DOWNLOAD_FAILED};
    size_t count;

    (void)steps_of(t->reader);
    for (size_t i = 0; i < 2 * sizeof(upload_filters) / sizeof(upload_filters[0]); i++) {
        struct store_reach reach = {.looks = LOOKS};
        const struct store_page page = {.after = "", .limit = FERRY_PAGE_MAX, .descending = i % 2 != 0, .reach = &reach};

        ok(t->ops->upload_list(t->reader, &upload_filters[i / 2], &page, uploads, &count));
        assert_in_range(steps_of(t->reader), 1, LOOKS * STEPS_OF_A_LOOK);
        check_sorted(t, &upload_filters[i / 2], i % 2 != 0);
        reach.looks = LOOKS;
        ok(t->ops->download_list(t->reader, &of_device, &page, downloads, &count));
        assert_in_range(steps_of(t->reader), 1, LOOKS * STEPS_OF_A_LOOK);
    }
}

static void a_page_costs_the_same_however_many_rows_there_are(void **state)
{
    struct sqlite_fixture *t = *state;

    sqlite_fixture_connect(t);
    add_rows(t, 1, FEW);
    check_costs(t);
    add_rows(t, FEW, MANY);
    check_costs(t);
}

/* Without a bound it costs what there is: so the test above can fail. */
static void without_a_bound_it_costs_what_there_is(void **state)
{
    struct sqlite_fixture *t = *state;
    const struct store_page page = {.after = "", .limit = 1};
    struct upload_task upload;
    size_t count;

    sqlite_fixture_connect(t);
    add_rows(t, 1, MANY);
    (void)steps_of(t->reader);
    ok(t->ops->upload_list(t->reader, &upload_filters[0], &page, &upload, &count));
    assert_true(steps_of(t->reader) > LOOKS * STEPS_OF_A_LOOK);
}

/* Of 2,000 that have ended and three that have not, which are newer: those stand in front, and no page goes by without them. */
static void the_few_that_have_not_ended_are_found_at_once(void **state)
{
    static const char fill[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2003)"
        "INSERT INTO upload SELECT cast(printf('%016d', i) AS BLOB), 'p', 'd', 'n', 1, '', CASE WHEN i > 2000 THEN 1 ELSE 4 END, 0, 0, '',"
        " i, i, i, CASE WHEN i > 2000 THEN 0 ELSE i END, i FROM n;";
    static const struct upload_filter all = {.product = "p"};
    struct sqlite_fixture *t = *state;
    struct store_reach reach = {.looks = LOOKS};
    const struct store_page page = {.after = "", .limit = 5, .sort = STORE_BY_ENDED, .reach = &reach};
    struct upload_task uploads[5];
    size_t count = 0;

    sqlite_fixture_connect(t);
    test_raw_sql(t, fill);
    ok(t->ops->upload_list(t->reader, &all, &page, uploads, &count));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(uploads[i].state, i < 3 ? UPLOAD_CREATED : UPLOAD_DONE);
    assert_int_equal(reach.looks, LOOKS - 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_costs_the_same_however_many_rows_there_are, sqlite_fixture_setup,
                                        sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(without_a_bound_it_costs_what_there_is, sqlite_fixture_setup, sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(the_few_that_have_not_ended_are_found_at_once, sqlite_fixture_setup, sqlite_fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
