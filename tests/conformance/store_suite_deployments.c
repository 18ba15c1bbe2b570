#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static void deployment_comes_back_with_its_resources_name(void **state)
{
    struct fixture *f = *state;
    const struct resource fw = resource_of(1, "p", "firm'ware"), other = resource_of(2, "p", "other");
    struct deployment d = deployment_of(5, "p", 1), got = {.expanded = 42};

    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, deployment_put, &d)); /* no such resource */
    expect(FERRY_E_NOT_FOUND, SEE(f, deployment_get, &d.id, &got));
    assert_int_equal(got.expanded, 42);
    ok(DO(f, resource_add, &fw));
    ok(DO(f, resource_add, &other));
    (void)snprintf(d.resource_name, sizeof(d.resource_name), "is ignored");
    ok(DO(f, deployment_put, &d));
    ok(SEE(f, deployment_get, &d.id, &got));
    assert_deployment_equal(&got, &d);
    assert_string_equal(got.resource_name, "firm'ware");

    d = deployment_of(5, "q", 2);
    d.target_all = true;
    d.expand_done = true;
    d.rate_per_min = d.timeout_s = UINT32_MAX;
    d.expanded = d.created_ms = d.updated_ms = d.start_ms = d.end_ms = d.paused_ms = d.shift_ms = INT64_MAX;
    d.sweep = SWEEP_RETRY;
    d.sweep_ms = d.pace_ms = d.paced = INT64_MAX;
    d.retry = (struct retry_cause){.state = DOWNLOAD_REJECTED, .has_code = true, .code = INT32_MIN, .has_msg = true};
    memset(d.retry.msg, 'm', FERRY_RESULT_MSG_MAX);
    memset(d.expand_cursor, 'z', FERRY_IDENT_MAX);
    d.state = DEPLOYMENT_FINISHED;
    ok(DO(f, deployment_put, &d));
    ok(SEE(f, deployment_get, &d.id, &got));
    assert_deployment_equal(&got, &d);
    assert_string_equal(got.resource_name, "other");
    d.state = (deployment_state)5;
    expect(FERRY_E_ARG, DO(f, deployment_put, &d));
    d.state = DEPLOYMENT_ACTIVE;
    d.resource = (ferry_id){""};
    expect(FERRY_E_ARG, DO(f, deployment_put, &d));
}

static void expanding_gives_the_oldest_unfinished_ones(void **state)
{
    struct fixture *f = *state;
    struct deployment out[10];
    size_t count;

    add_deployment(f, 1);
    for (unsigned i = 0; i < 12; i++) {
        struct deployment d = deployment_of(10 + (i * 5) % 12, "p", 1);

        d.state = i == 9 ? DEPLOYMENT_PAUSED : (deployment_state)(1 + i % 3);
        d.expand_done = i % 2 == 0;
        ok(DO(f, deployment_put, &d));
    }
    ok(SEE(f, deployment_expanding, out, 10, &count)); /* i = 3 and 9, and the one of add_deployment() */
    assert_int_equal(count, 3);
    assert_string_equal(out[0].id.text, id_of(1).text);
    assert_string_equal(out[1].id.text, id_of(13).text);
    assert_string_equal(out[2].id.text, id_of(19).text);
    assert_string_equal(out[2].resource_name, "firmware");
    ok(SEE(f, deployment_expanding, out, 2, &count));
    assert_int_equal(count, 2);
    out[0].expand_done = true;
    ok(DO(f, deployment_put, &out[0]));
    ok(SEE(f, deployment_expanding, out, 10, &count));
    assert_int_equal(count, 2);
}

static void swept_deployments_are_found_oldest_first(void **state)
{
    struct fixture *f = *state;
    struct deployment out[10];
    size_t count = 9;

    add_deployment(f, 1);
    ok(SEE(f, deployment_sweeping, out, 10, &count));
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < 12; i++) {
        struct deployment d = deployment_of(10 + (i * 5) % 12, "p", 1);

        d.state = i % 2 == 0 ? DEPLOYMENT_ACTIVE : DEPLOYMENT_PAUSED;
        d.sweep = i % 4 == 1 ? (deployment_sweep)(1 + i / 4) : SWEEP_NONE;
        ok(DO(f, deployment_put, &d));
    }
    ok(SEE(f, deployment_sweeping, out, 10, &count)); /* i = 1, 5, 9 */
    assert_int_equal(count, 3);
    assert_string_equal(out[0].id.text, id_of(11).text);
    assert_string_equal(out[1].id.text, id_of(15).text);
    assert_string_equal(out[2].id.text, id_of(19).text);
    assert_int_equal(out[0].state, DEPLOYMENT_PAUSED);
    assert_int_equal(out[0].sweep, SWEEP_CANCEL);
    assert_int_equal(out[2].sweep, SWEEP_RETRY);
    out[0].sweep = SWEEP_NONE;
    ok(DO(f, deployment_put, &out[0]));
    ok(SEE(f, deployment_sweeping, out, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(out[0].id.text, id_of(15).text);
}

static void deployments_are_listed_by_filter_and_page(void **state)
{
    struct fixture *f = *state;
    const struct resource fw = resource_of(1, "p", "fw");
    struct deployment out[FERRY_PAGE_MAX];
    size_t count;

    add_product(f, "p");
    ok(DO(f, resource_add, &fw));
    for (unsigned i = 0; i < 30; i++) {
        struct deployment d = deployment_of((i * 7) % 30, (i * 7) % 30 % 2 == 0 ? "p" : "q", 1);

        d.state = (deployment_state)(1 + (i * 7) % 30 % 3);
        ok(DO(f, deployment_put, &d));
    }
    ok(SEE(f, deployment_list, &(struct deployment_filter){.product = NULL}, PAGE(FERRY_PAGE_MAX), out, &count));
    assert_int_equal(count, 30);
    for (unsigned i = 0; i < 30; i++)
        assert_string_equal(out[i].id.text, id_of(i).text);
    ok(SEE(f, deployment_list, &(struct deployment_filter){.product = "q"}, PAGE_AT(id_of(4).text, 2, false), out, &count));
    assert_int_equal(count, 2);
    assert_string_equal(out[1].id.text, id_of(7).text);
    ok(SEE(f, deployment_list, &(struct deployment_filter){.product = "q"}, PAGE_AT(id_of(4).text, 9, true), out, &count));
    assert_int_equal(count, 2);
    assert_string_equal(out[0].id.text, id_of(3).text);
    ok(SEE(f, deployment_list, &(struct deployment_filter){.product = "p", .state = DEPLOYMENT_FINISHED},
           PAGE_AT("", 250, true), out, &count));
    assert_int_equal(count, 5);
    assert_string_equal(out[0].id.text, id_of(28).text);
    assert_string_equal(out[0].resource_name, "fw");
    ok(SEE(f, deployment_list, &(struct deployment_filter){.state = DEPLOYMENT_CANCELLED}, PAGE(250), out, &count));
    assert_int_equal(count, 10);
    ok(SEE(f, deployment_list, &(struct deployment_filter){.made = {1700000000005u, 1700000000008u}}, PAGE(250), out, &count));
    assert_int_equal(count, 3);
    assert_string_equal(out[0].id.text, id_of(5).text);
    expect(FERRY_E_ARG, SEE(f, deployment_list, &(struct deployment_filter){.product = "p"}, PAGE(0), out, &count));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(deployment_comes_back_with_its_resources_name),
    cmocka_unit_test(expanding_gives_the_oldest_unfinished_ones),
    cmocka_unit_test(swept_deployments_are_found_oldest_first),
    cmocka_unit_test(deployments_are_listed_by_filter_and_page),
};
const struct store_tests store_deployment_tests = STORE_TESTS(tests);
