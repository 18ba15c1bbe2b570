/* The small pure parts: problems, tokens, digests, names in headers, values as JSON. */
#include "api_auth.h"
#include "api_content.h"
#include "api_intake.h"
#include "api_json.h"
#include "api_problem.h"
#include "proto/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void every_problem_has_its_own_code_and_a_status_with_a_phrase(void **state)
{
    (void)state;
    for (size_t i = 0; i < API_PROBLEM_COUNT; i++) {
        const struct api_problem_info *info = api_problem_info((api_problem)i);
        assert_string_not_equal(api_status_phrase(info->status), "Error");
        assert_true(strlen(info->text) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(info->code, api_problem_info((api_problem)j)->code);
    }
}

static void every_error_becomes_a_problem(void **state)
{
    static const struct {
        ferry_err err;
        unsigned status;
    } cases[] = {
        {FERRY_E_ARG, 400},       {FERRY_E_NOT_FOUND, 404}, {FERRY_E_EXISTS, 409}, {FERRY_E_STATE, 409},
        {FERRY_E_BUSY, 503},      {FERRY_E_CLOSED, 503},    {FERRY_E_FULL, 507},   {FERRY_E_DIGEST, 400},
        {FERRY_E_SIZE, 400},      {FERRY_E_IO, 500},        {FERRY_E_CORRUPT, 500}, {FERRY_E_READONLY, 503},
        {FERRY_E_VERSION, 500},  {FERRY_E_STALE, 412},
        {FERRY_E_QUOTA, 507},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(api_problem_info(api_problem_of(cases[i].err))->status, cases[i].status);
}

static void a_long_text_in_a_fault_ends_at_a_character(void **state)
{
    char text[API_DETAIL_SIZE * 2];
    struct api_fault fault;

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x9a\xa2", 5);
        assert_false(api_fault_set(&fault, API_NOT_FOUND, text, "%s", text));
        assert_true(ferry_utf8_valid(ferry_text_of(fault.detail)));
        assert_true(ferry_utf8_valid(ferry_text_of(fault.field)));
        assert_true(strlen(fault.detail) > API_DETAIL_SIZE - 5);
    }
}

static void tokens_are_found_in_bearer_headers_only(void **state)
{
    char longest[7 + API_TOKEN_MAX + 2] = "Bearer ";

    (void)state;
    assert_string_equal(api_auth_token("Bearer abc"), "abc");
    assert_string_equal(api_auth_token("bearer abc"), "abc");
    assert_null(api_auth_token(NULL));
    assert_null(api_auth_token(""));
    assert_null(api_auth_token("Bearer"));
    assert_null(api_auth_token("Bearer "));
    assert_null(api_auth_token("Basic abc"));
    assert_null(api_auth_token("Bearerabc"));
    memset(longest + 7, 'a', API_TOKEN_MAX);
    assert_non_null(api_auth_token(longest));
    longest[7 + API_TOKEN_MAX] = 'a';
    assert_null(api_auth_token(longest));
}

#define SHA_BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void sha256_is_found_in_both_kinds_of_digest_headers(void **state)
{
    static const struct {
        const char *value;
        ferry_err err;
        bool found;
    } cases[] = {
        {"sha-256=" SHA_BASE64, FERRY_OK, true},
        {"SHA-256=:" SHA_BASE64 ":", FERRY_OK, true},
        {"md5=abc, sha-256=" SHA_BASE64 " ", FERRY_OK, true},
        {"sha-512=:abc:,sha-256=:" SHA_BASE64 ":", FERRY_OK, true},
        {"", FERRY_OK, false},
        {"md5=abc", FERRY_OK, false},
        {"sha-256=", FERRY_OK, false},
        {"sha-256=abc", FERRY_E_FORMAT, false},
        {"sha-256=:" SHA_BASE64, FERRY_E_FORMAT, false},
        {"sha-256=" SHA_BASE64 "AAAA", FERRY_E_FORMAT, false},
        {"sha-256=*" , FERRY_E_FORMAT, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t sha[32] = {0};
        bool found = false;
        assert_int_equal(api_digest_parse(cases[i].value, &found, sha), cases[i].err);
        assert_int_equal(found, cases[i].found);
        if (found)
            assert_int_equal(sha[31], 0x1f);
    }
}

static void names_cannot_break_out_of_their_header(void **state)
{
    char longest[FERRY_NAME_MAX + 1];
    char out[API_DISPOSITION_SIZE];

    (void)state;
    api_content_disposition("a b.txt", out);
    assert_string_equal(out, "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
    api_content_disposition("\"x\\\r\n\xc3\xa9;", out);
    assert_string_equal(out, "attachment; filename=\"_x_____;\"; filename*=UTF-8''%22x%5C%0D%0A%C3%A9%3B");
    memset(longest, '%', FERRY_NAME_MAX);
    longest[FERRY_NAME_MAX] = '\0';
    api_content_disposition(longest, out);
    assert_true(strlen(out) < sizeof out);
}

static void times_are_utc_with_milliseconds(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {
        {1, "1970-01-01T00:00:00.001Z"},
        {1767225599999, "2025-12-31T23:59:59.999Z"},
        {4294967296000, "2106-02-07T06:28:16.000Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *time = api_json_time(cases[i].ms);
        assert_string_equal(json_string_value(time), cases[i].text);
        json_decref(time);
    }
    assert_true(json_is_null(api_json_time(0)));
}

static void secrets_are_not_part_of_a_device(void **state)
{
    struct device device = {.key = {.product = "p", .device = "d"}, .secret = {10, "0123456789"}};
    const struct device_tags tags = {.count = 2, .names = {"a", "b.1"}};
    json_t *json = api_json_device(&device, &tags, true);

    (void)state;
    assert_int_equal(json_object_size(json), 9);
    assert_int_equal(json_array_size(json_object_get(json, "tags")), 2);
    assert_null(json_object_get(json, "secret"));
    json_decref(json);
}

static void a_device_is_online_only_while_that_is_known(void **state)
{
    struct device device = {.key = {.product = "p", .device = "d"}, .online_ms = 1000, .seen_ms = 2000};
    const struct device_tags tags = {.count = 0};
    json_t *known = api_json_device(&device, &tags, true), *unknown = api_json_device(&device, &tags, false);

    (void)state;
    device.online_ms = 0;
    json_t *offline = api_json_device(&device, &tags, true);
    assert_true(json_is_true(json_object_get(known, "online")));
    assert_string_equal(json_string_value(json_object_get(known, "connected_since")), "1970-01-01T00:00:01.000Z");
    assert_true(json_is_false(json_object_get(offline, "online")));
    assert_true(json_is_null(json_object_get(offline, "connected_since")));
    assert_true(json_is_null(json_object_get(unknown, "online")));
    assert_true(json_is_null(json_object_get(unknown, "connected_since")));
    assert_string_equal(json_string_value(json_object_get(unknown, "last_seen_at")), "1970-01-01T00:00:02.000Z");
    json_decref(known);
    json_decref(unknown);
    json_decref(offline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_problem_has_its_own_code_and_a_status_with_a_phrase),
        cmocka_unit_test(every_error_becomes_a_problem),
        cmocka_unit_test(a_long_text_in_a_fault_ends_at_a_character),
        cmocka_unit_test(tokens_are_found_in_bearer_headers_only),
        cmocka_unit_test(sha256_is_found_in_both_kinds_of_digest_headers),
        cmocka_unit_test(names_cannot_break_out_of_their_header),
        cmocka_unit_test(times_are_utc_with_milliseconds),
        cmocka_unit_test(secrets_are_not_part_of_a_device),
        cmocka_unit_test(a_device_is_online_only_while_that_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
