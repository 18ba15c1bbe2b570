#include "api_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool read(const char *target, api_query_set known, api_query_set required, struct api_query *query,
                 struct api_fault *fault)
{
    struct api_url url;

    assert_int_equal(api_url_parse(target, &url), FERRY_OK);
    return api_query_read(&url, known | required, required, query, fault);
}

static void defaults_depend_on_what_the_list_is_ordered_by(void **state)
{
    struct api_query query;
    struct api_fault fault;

    (void)state;
    assert_true(read("/x", API_Q_PAGE_BY_NAME, 0, &query, &fault));
    assert_int_equal(query.limit, FERRY_PAGE_DEFAULT);
    assert_false(query.descending);
    assert_string_equal(query.position, "");
    assert_null(api_query_text(query.product));
    assert_true(read("/x", API_Q_PAGE_BY_ID, 0, &query, &fault));
    assert_true(query.descending);
}

static void every_parameter_is_read(void **state)
{
    struct api_query query;
    struct api_fault fault;

    (void)state;
    assert_true(
        read("/x?limit=250&sort=created_at&product=p&device=d:1&name_prefix=%C3%A9"
             "&state=timed_out&counts=true&tag=a.1&description=a%0Ab",
             API_Q_PAGE_BY_ID | API_Q_SORT_TIME | API_Q_PRODUCT | API_Q_DEVICE | API_Q_NAME_PREFIX | API_Q_DOWNLOAD_STATE | API_Q_COUNTS |
                 API_Q_TAG | API_Q_DESCRIPTION,
             0, &query, &fault));
    assert_int_equal(query.limit, 250);
    assert_false(query.descending);
    assert_string_equal(query.product, "p");
    assert_string_equal(query.device, "d:1");
    assert_string_equal(query.name_prefix, "\xc3\xa9");
    assert_int_equal(query.state, DOWNLOAD_TIMED_OUT);
    assert_true(query.counts);
    assert_string_equal(query.tag, "a.1");
    assert_string_equal(query.description, "a\nb");

    struct store_page page = api_query_page(&query);
    assert_string_equal(page.after, "");
    assert_int_equal(page.limit, 250);
    assert_false(page.descending);
}

static void states_are_those_of_the_kind(void **state)
{
    struct api_query query;
    struct api_fault fault;

    (void)state;
    assert_true(read("/x?state=stored", API_Q_UPLOAD_STATE, 0, &query, &fault));
    assert_int_equal(query.state, UPLOAD_STORED);
    assert_false(read("/x?state=stored", API_Q_DOWNLOAD_STATE, 0, &query, &fault));
    assert_true(read("/x?state=active", API_Q_DEPLOYMENT_STATE, 0, &query, &fault));
    assert_int_equal(query.state, DEPLOYMENT_ACTIVE);
    assert_false(read("/x?state=ACTIVE", API_Q_DEPLOYMENT_STATE, 0, &query, &fault));
}

static void unknown_parameters_are_refused_by_name(void **state)
{
    struct api_query query;
    struct api_fault fault;

    (void)state;
    assert_false(read("/x?limit=1&lmit=2", API_Q_PAGE_BY_ID, 0, &query, &fault));
    assert_int_equal(fault.problem, API_UNKNOWN_PARAMETER);
    assert_string_equal(fault.field, "lmit");
    /* known elsewhere, but not here */
    assert_false(read("/x?device=d", API_Q_PAGE_BY_ID, 0, &query, &fault));
    assert_int_equal(fault.problem, API_UNKNOWN_PARAMETER);
}

static void required_parameters_must_be_there(void **state)
{
    struct api_query query;
    struct api_fault fault;

    (void)state;
    assert_false(read("/x?product=p", 0, API_Q_PRODUCT | API_Q_NAME, &query, &fault));
    assert_int_equal(fault.problem, API_MISSING_PARAMETER);
    assert_string_equal(fault.field, "name");
    assert_true(read("/x?product=p&name=n", 0, API_Q_PRODUCT | API_Q_NAME, &query, &fault));
}

static void values_that_are_not_allowed_are_refused(void **state)
{
    static const struct {
        const char *target;
        api_query_set known;
    } bad[] = {
        {"/x?limit=0", API_Q_LIMIT},
        {"/x?limit=251", API_Q_LIMIT},
        {"/x?limit=-1", API_Q_LIMIT},
        {"/x?limit=+1", API_Q_LIMIT},
        {"/x?limit=%201", API_Q_LIMIT},
        {"/x?limit=1x", API_Q_LIMIT},
        {"/x?limit", API_Q_LIMIT},
        {"/x?limit=99999999999999999999999", API_Q_LIMIT},
        {"/x?limit=1&limit=1", API_Q_LIMIT},
        {"/x?cursor=", API_Q_CURSOR_ID},
        {"/x?cursor=abc", API_Q_CURSOR_ID},
        {"/x?cursor=01arz3ndektsv4rrffq69g5fav", API_Q_CURSOR_ID},
        {"/x?cursor=a/b", API_Q_CURSOR_NAME},
        {"/x?sort=name", API_Q_SORT_TIME},
        {"/x?sort=", API_Q_SORT_TIME},
        {"/x?sort=-", API_Q_SORT_NAME},
        {"/x?sort=--name", API_Q_SORT_NAME},
        {"/x?sort=name,product", API_Q_SORT_NAME},
        {"/x?sort=-number", API_Q_SORT_SEQ},
        {"/x?sort=seq", API_Q_SORT_NUMBER},
        {"/x?sort=name", API_Q_SORT_PRODUCT},
        {"/x?product=", API_Q_PRODUCT},
        {"/x?product=a%20b", API_Q_PRODUCT},
        {"/x?product=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", API_Q_PRODUCT},
        {"/x?device=a/b", API_Q_DEVICE},
        {"/x?name=", API_Q_NAME},
        {"/x?name=a%0Ab", API_Q_NAME},
        {"/x?name_prefix=%C2%80", API_Q_NAME_PREFIX},
        {"/x?name_prefix=%C3%A9", API_Q_DEVICE_PREFIX},
        {"/x?counts=1", API_Q_COUNTS},
    };
    struct api_query query;
    struct api_fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(read(bad[i].target, bad[i].known, 0, &query, &fault));
        assert_int_equal(fault.problem, API_INVALID_PARAMETER);
        assert_true(fault.field[0] != '\0' && fault.detail[0] != '\0');
    }
}

/* Reads target with a cursor for that position in the list that another target asks for. */
static bool read_at(const char *target, const char *of, const char *position, api_query_set known, struct api_query *query,
                    struct api_fault *fault)
{
    char cursor[API_CURSOR_SIZE], whole[1024];
    struct api_query list;

    assert_true(read(of, known, 0, &list, fault));
    api_cursor_write(list.list, position, cursor);
    (void)snprintf(whole, sizeof whole, "%s%scursor=%s", target, strchr(target, '?') != NULL ? "&" : "?", cursor);
    return read(whole, known, 0, query, fault);
}

static void a_cursor_goes_on_in_its_own_list(void **state)
{
    static const struct {
        const char *of, *target;
        bool good;
    } rows[] = {
        {"/x", "/x", true},
        {"/x", "/x?limit=7", true},
        {"/x", "/x?counts=true", true},
        {"/x", "/x?sort=-created_at", true},
        {"/x", "/x?sort=created_at", false},
        {"/x?sort=created_at", "/x?limit=1&sort=created_at", true},
        {"/x?sort=created_at", "/x", false},
        {"/x?product=p", "/x?product=p", true},
        {"/x?product=p", "/x?product=q", false},
        {"/x?product=p", "/x", false},
        {"/x?product=p&state=done", "/x?state=done&product=p", true},
        {"/x?product=p&state=done", "/x?product=p&state=failed", false},
        {"/x?product=p", "/x?device=p", false},
        {"/x?since=2026-01-02", "/x?until=2026-01-02", false},
        {"/x/1/reports", "/x/1/reports", true},
        {"/x/1/reports", "/x/2/reports", false},
    };
    const char *id = "01arz3ndektsv4rrffq69g5fav";
    const api_query_set known =
        API_Q_PAGE_BY_ID | API_Q_SORT_TIME | API_Q_PRODUCT | API_Q_DEVICE | API_Q_UPLOAD_STATE | API_Q_COUNTS;
    struct api_query query;
    struct api_fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_at(rows[i].target, rows[i].of, id, known, &query, &fault), rows[i].good);
        if (rows[i].good) {
            assert_string_equal(api_query_page(&query).after, id);
        } else {
            assert_int_equal(fault.problem, API_INVALID_PARAMETER);
            assert_string_equal(fault.field, "cursor");
            assert_non_null(strstr(fault.detail, "begin without a cursor"));
        }
    }
}

static void a_cursor_has_a_position_of_the_kind_of_its_list(void **state)
{
    static const struct {
        api_query_set known;
        const char *good, *bad;
    } rows[] = {
        {API_Q_CURSOR_ID, "01arz3ndektsv4rrffq69g5fav", "81arz3ndektsv4rrffq69g5fav"},
        {API_Q_CURSOR_NAME, "d:1", "a/b"},
        {API_Q_CURSOR_SEQ, "12", "-1"},
        {API_Q_CURSOR_SEQ, "0", "9999999999999999999"},
    };
    struct api_query query;
    struct api_fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(read_at("/x", "/x", rows[i].good, rows[i].known, &query, &fault));
        assert_string_equal(query.position, rows[i].good);
        assert_false(read_at("/x", "/x", rows[i].bad, rows[i].known, &query, &fault));
        assert_int_equal(fault.problem, API_INVALID_PARAMETER);
    }
}

static void lists_are_sorted_by_the_keys_that_they_know(void **state)
{
    static const struct {
        const char *target;
        api_query_set known;
        bool good, descending;
        store_sort sort;
    } rows[] = {
        {"/x?sort=created_at", API_Q_SORT_RESOURCES, true, false, STORE_BY_KEY},
        {"/x?sort=-name", API_Q_SORT_RESOURCES, true, true, STORE_BY_NAME},
        {"/x?sort=size", API_Q_SORT_RESOURCES, true, false, STORE_BY_SIZE},
        {"/x?sort=ended_at", API_Q_SORT_RESOURCES, false, false, STORE_BY_KEY},
        {"/x?sort=name", API_Q_SORT_DEVICES, true, false, STORE_BY_KEY},
        {"/x?sort=-last_seen_at", API_Q_SORT_DEVICES, true, true, STORE_BY_SEEN},
        {"/x?sort=created_at", API_Q_SORT_DEVICES, false, false, STORE_BY_KEY},
        {"/x?sort=resource", API_Q_SORT_DEPLOYMENTS, true, false, STORE_BY_NAME},
        {"/x?sort=name", API_Q_SORT_DEPLOYMENTS, false, false, STORE_BY_KEY},
        {"/x?sort=-ended_at", API_Q_SORT_TASKS, true, true, STORE_BY_ENDED},
        {"/x?sort=updated_at", API_Q_SORT_TASKS, false, false, STORE_BY_KEY},
    };
    struct api_query query;
    struct api_fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read(rows[i].target, rows[i].known, 0, &query, &fault), rows[i].good);
        if (!rows[i].good)
            continue;
        assert_int_equal(api_query_page(&query).sort, rows[i].sort);
        assert_int_equal(query.descending, rows[i].descending);
    }
}

static void a_cursor_has_a_value_where_the_list_is_sorted_by_one(void **state)
{
#define ID "01arz3ndektsv4rrffq69g5fav"
    static const struct {
        const char *target, *position;
        api_query_set known;
        bool good;
    } rows[] = {
        {"/x?sort=name", ID " a name \xc3\xa9", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, true},
        {"/x?sort=name", ID " a\nb", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, false},
        {"/x?sort=name", ID, API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, false},
        {"/x?sort=-size", ID " 0", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, true},
        {"/x?sort=-size", ID " -1", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, false},
        {"/x?sort=-size", "x 0", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, false},
        {"/x?sort=created_at", ID " 0", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, false},
        {"/x?sort=last_seen_at", "d-1 1700000000000", API_Q_SORT_DEVICES | API_Q_CURSOR_NAME, true},
        {"/x?sort=last_seen_at", "d/1 1700000000000", API_Q_SORT_DEVICES | API_Q_CURSOR_NAME, false},
    };
    struct api_query query;
    struct api_fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_at(rows[i].target, rows[i].target, rows[i].position, rows[i].known, &query, &fault), rows[i].good);
        if (rows[i].good)
            assert_string_equal(query.position, rows[i].position);
        else
            assert_string_equal(fault.field, "cursor");
    }
    assert_true(read_at("/x?sort=name", "/x?sort=name", ID " 0", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, &query, &fault));
    assert_false(read_at("/x?sort=size", "/x?sort=name", ID " 0", API_Q_SORT_RESOURCES | API_Q_CURSOR_ID, &query, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_depend_on_what_the_list_is_ordered_by),
        cmocka_unit_test(every_parameter_is_read),
        cmocka_unit_test(states_are_those_of_the_kind),
        cmocka_unit_test(unknown_parameters_are_refused_by_name),
        cmocka_unit_test(required_parameters_must_be_there),
        cmocka_unit_test(values_that_are_not_allowed_are_refused),
        cmocka_unit_test(a_cursor_goes_on_in_its_own_list),
        cmocka_unit_test(lists_are_sorted_by_the_keys_that_they_know),
        cmocka_unit_test(a_cursor_has_a_value_where_the_list_is_sorted_by_one),
        cmocka_unit_test(a_cursor_has_a_position_of_the_kind_of_its_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
