/* The lines of the event stream, to the byte: clients parse them. */
#include "api_event_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(struct ferry_buf *buf, const char *want)
{
    assert_int_equal(ferry_buf_append(buf, "", 1), FERRY_OK);
    assert_string_equal(buf->data, want);
}

static void event_is_three_lines_and_an_empty_one(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(4096);
    struct event e = {.id = 12, .time_ms = 1700000000123, .kind = EVENT_DOWNLOAD, .product = "p", .device = "d",
                      .task = "T", .deployment = "D", .resource = "R", .before = "downloading", .state = "failed",
                      .percent = 55, .result_code = -3, .text = "no \"room\"\nleft"};

    (void)state;
    assert_int_equal(api_event_text(&buf, &e), FERRY_OK);
    expect_text(&buf,
                "id: 12\nevent: download.changed\ndata: {\"id\":\"12\",\"type\":\"download.changed\","
                "\"time\":\"2023-11-14T22:13:20.123Z\",\"time_ms\":1700000000123,\"product\":\"p\",\"device\":\"d\","
                "\"task\":\"T\",\"deployment\":\"D\",\"resource\":\"R\",\"before\":\"downloading\",\"state\":\"failed\","
                "\"percent\":55,\"result_code\":-3,\"result_msg\":\"no \\\"room\\\"\\nleft\"}\n\n");
}

static void what_the_log_does_not_have_has_no_id(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(4096);

    (void)state;
    assert_int_equal(api_event_told(&buf, "presence.changed", 1700000000123), FERRY_OK);
    expect_text(&buf, "event: presence.changed\ndata: {\"type\":\"presence.changed\","
                      "\"time\":\"2023-11-14T22:13:20.123Z\",\"time_ms\":1700000000123}\n\n");
}

static void what_does_not_apply_is_null(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(4096);
    struct event e = {.id = 1, .time_ms = 1700000000000, .kind = EVENT_RESOURCE, .product = "p", .resource = "R",
                      .state = "available"};

    (void)state;
    assert_int_equal(api_event_text(&buf, &e), FERRY_OK);
    expect_text(&buf,
                "id: 1\nevent: resource.changed\ndata: {\"id\":\"1\",\"type\":\"resource.changed\","
                "\"time\":\"2023-11-14T22:13:20.000Z\",\"time_ms\":1700000000000,\"product\":\"p\",\"device\":null,"
                "\"task\":null,\"deployment\":null,\"resource\":\"R\",\"before\":null,\"state\":\"available\","
                "\"percent\":0,\"result_code\":0,\"result_msg\":\"\"}\n\n");
}

static void cut_and_sign_of_life_move_the_place(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(4096);

    (void)state;
    assert_int_equal(api_event_cut_text(&buf, 41), FERRY_OK);
    assert_int_equal(api_event_heartbeat(&buf, 42), FERRY_OK);
    expect_text(&buf, "id: 41\nevent: log.cut\ndata: {\"id\":\"41\",\"type\":\"log.cut\"}\n\n:\nid: 42\n\n");
}

/* The stream leaves that much room before it takes another event. */
static void longest_event_fits_into_four_kibibytes(void **state)
{
    ferry_autobuf buf = FERRY_BUF_INIT(4096);
    struct event e = {.id = UINT64_MAX, .time_ms = INT64_MAX / 2000, .kind = EVENT_DEPLOYMENT, .percent = INT32_MIN,
                      .result_code = INT32_MIN};

    (void)state;
    memset(e.product, 'p', sizeof e.product - 1);
    memset(e.device, 'd', sizeof e.device - 1);
    memset(e.task, 't', sizeof e.task - 1);
    memset(e.deployment, 't', sizeof e.deployment - 1);
    memset(e.resource, 't', sizeof e.resource - 1);
    memset(e.before, 's', sizeof e.before - 1);
    memset(e.state, 's', sizeof e.state - 1);
    memset(e.text, 1, sizeof e.text - 1); /* six bytes each */
    assert_int_equal(api_event_text(&buf, &e), FERRY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_is_three_lines_and_an_empty_one),
        cmocka_unit_test(what_the_log_does_not_have_has_no_id),
        cmocka_unit_test(what_does_not_apply_is_null),
        cmocka_unit_test(cut_and_sign_of_life_move_the_place),
        cmocka_unit_test(longest_event_fits_into_four_kibibytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
