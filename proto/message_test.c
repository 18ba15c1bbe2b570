/* What the vectors cannot say: work space, buffers of every size, outputs on failure. */
#include "proto/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define TASK "{\"type\":\"create_upload_task\",\"size\":7,\"name\":\"n\\u00e9\",\"md5sum\":\"x\",\"request_id\":\"r\"}"

static ferry_proto_err parse(const char *json, size_t len, size_t token_cap, ferry_msg *ret_msg)
{
    static char payload[FERRY_PAYLOAD_MAX];
    static ferry_json_token tokens[FERRY_JSON_TOKENS_MAX];

    assert_true(len <= sizeof(payload));
    memcpy(payload, json, len);
    return ferry_msg_parse(payload, len, tokens, token_cap, ret_msg);
}

static void message_that_breaks_off_anywhere_is_damaged_or_refused(void **state)
{
    static const char json[] = TASK;

    (void)state;
    for (size_t len = 0; len < sizeof(json) - 1; len++) {
        ferry_msg msg = {.type = FERRY_MSG_NONE};
        ferry_proto_err err = parse(json, len, FERRY_JSON_TOKENS_MAX, &msg);

        if (len < strlen("{\"type\":\"create_upload_task\"")) {
            assert_int_equal(err, FERRY_PROTO_E_JSON);
            continue;
        }
        assert_int_equal(err, FERRY_PROTO_OK);
        assert_int_equal(msg.type, FERRY_MSG_CREATE_UPLOAD_TASK);
        assert_true(msg.damaged);
    }
}

static void message_with_more_values_than_tokens_is_damaged(void **state)
{
    static const char json[] = TASK;

    (void)state;
    for (size_t cap = 0; cap <= 12; cap++) {
        ferry_msg msg = {.type = FERRY_MSG_NONE};
        ferry_proto_err err = parse(json, sizeof(json) - 1, cap, &msg);

        assert_int_equal(err, cap < 3 ? FERRY_PROTO_E_JSON : FERRY_PROTO_OK);
        assert_int_equal(msg.damaged, cap >= 3 && cap < 11); /* 1 object, 5 keys, 5 values */
        assert_int_equal((msg.has & FERRY_HAS_SIZE) != 0, cap >= 5);
        assert_int_equal(msg.request_id.ptr != NULL, cap >= 11);
    }
}

static void longest_downlink_fits_a_devices_tokens(void **state)
{
    ferry_msg msg = {
        .type = FERRY_MSG_CREATE_UPLOAD_TASK_RSP,
        .has = FERRY_HAS_SIZE | FERRY_HAS_RESULT_CODE | FERRY_HAS_EXPIRES,
        .name = ferry_text_of("n"),
        .md5sum = ferry_text_of("m"),
        .url = ferry_text_of("u"),
        .result_msg = ferry_text_of("r"),
        .request_id = ferry_text_of("i"),
        .sha256 = ferry_text_of("s"),
    };
    char json[FERRY_DOWN_PACKET_MAX];
    size_t len;

    (void)state;
    assert_int_equal(ferry_msg_write(&msg, json, sizeof(json), &len), FERRY_PROTO_OK);
    assert_int_equal(parse(json, len, FERRY_JSON_TOKENS_DEVICE, &msg), FERRY_PROTO_OK);
    assert_false(msg.damaged);
    assert_true(ferry_text_equal(msg.request_id, ferry_text_of("i")));
}

static void parser_writes_its_output_on_success_only(void **state)
{
    static const char *const refused[] = {"", "[]", "{}", "{\"type\":\"x\"}", "{\"type\":\"download", "{\"size\":1"};
    ferry_msg before, after;

    (void)state;
    memset(&before, 0x5a, sizeof(before));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        memcpy(&after, &before, sizeof(after));
        assert_int_not_equal(parse(refused[i], strlen(refused[i]), FERRY_JSON_TOKENS_MAX, &after), FERRY_PROTO_OK);
        assert_memory_equal(&after, &before, sizeof(after));
    }
}

static void payload_without_work_space_or_too_long_to_count_is_refused(void **state)
{
    char payload[] = "{";
    ferry_json_token token;
    ferry_msg msg;

    (void)state;
    assert_int_equal(ferry_msg_parse(payload, (size_t)INT32_MAX + 1, &token, 1, &msg), FERRY_PROTO_E_JSON);
    assert_int_equal(ferry_msg_parse(payload, 1, NULL, 0, &msg), FERRY_PROTO_E_JSON);
}

static void texts_of_a_message_lie_in_the_payload(void **state)
{
    char payload[] = TASK;
    ferry_json_token tokens[FERRY_JSON_TOKENS_DEVICE];
    ferry_msg msg;

    (void)state;
    assert_int_equal(ferry_msg_parse(payload, strlen(payload), tokens, FERRY_JSON_TOKENS_DEVICE, &msg), FERRY_PROTO_OK);
    assert_true(msg.name.ptr > payload && msg.name.ptr + msg.name.len < payload + sizeof(payload));
    assert_true(ferry_text_equal(msg.name, ferry_text_of("n\xc3\xa9")));
}

static ferry_msg full_message(ferry_msg_type type)
{
    return (ferry_msg){
        .type = type,
        .has = FERRY_HAS_SIZE | FERRY_HAS_RESULT_CODE | FERRY_HAS_EXPIRES | FERRY_HAS_PERCENT,
        .size = UINT64_MAX,
        .expires = 1767323045,
        .percent = -5,
        .result_code = -1,
        .state = FERRY_PROGRESS_RUNNING,
        .name = ferry_text_of("\xf0\x9f\x98\x80 \" \\ \x01"),
        .md5sum = ferry_text_of("ABCDEF"),
        .url = ferry_text_of("http://h/o/1?e=2&s=3"),
        .result_msg = ferry_text_of("m"),
        .request_id = ferry_text_of("r"),
        .sha256 = ferry_text_of("s"),
    };
}

static void writer_needs_exactly_the_length_and_one_byte(void **state)
{
    (void)state;
    for (int type = FERRY_MSG_CREATE_UPLOAD_TASK; type <= FERRY_MSG_UPLOAD_RESULT; type++) {
        ferry_msg msg = full_message((ferry_msg_type)type);
        char whole[1024], part[1024];
        size_t whole_len, part_len = 77;

        assert_int_equal(ferry_msg_write(&msg, whole, sizeof(whole), &whole_len), FERRY_PROTO_OK);
        assert_int_equal(whole_len, strlen(whole));
        for (size_t cap = 0; cap <= whole_len; cap++) {
            memset(part, 'x', sizeof(part));
            assert_int_equal(ferry_msg_write(&msg, part, cap, &part_len), FERRY_PROTO_E_SPACE);
            assert_int_equal(part_len, 77);
            for (size_t i = cap; i < sizeof(part); i++)
                assert_int_equal(part[i], 'x');
        }
        assert_int_equal(ferry_msg_write(&msg, part, whole_len + 1, &part_len), FERRY_PROTO_OK);
        assert_string_equal(part, whole);
        assert_int_equal(part_len, whole_len);
    }
}

static void writer_refuses_a_message_without_type_or_a_report_without_state(void **state)
{
    ferry_msg msg = full_message(FERRY_MSG_NONE);
    char out[1024];
    size_t len = 77;

    (void)state;
    assert_int_equal(ferry_msg_write(&msg, out, sizeof(out), &len), FERRY_PROTO_E_FIELD);
    msg.type = (ferry_msg_type)(FERRY_MSG_UPLOAD_RESULT + 1);
    assert_int_equal(ferry_msg_write(&msg, out, sizeof(out), &len), FERRY_PROTO_E_FIELD);
    msg = full_message(FERRY_MSG_REPORT_UPLOAD_PROGRESS);
    msg.state = FERRY_PROGRESS_NONE;
    assert_int_equal(ferry_msg_write(&msg, out, sizeof(out), &len), FERRY_PROTO_E_FIELD);
    assert_int_equal(len, 77);
}

static void every_type_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_null(ferry_msg_type_name(FERRY_MSG_NONE));
    assert_null(ferry_msg_type_name((ferry_msg_type)(FERRY_MSG_UPLOAD_RESULT + 1)));
    assert_null(ferry_msg_type_name((ferry_msg_type)-1));
    for (int i = FERRY_MSG_CREATE_UPLOAD_TASK; i <= FERRY_MSG_UPLOAD_RESULT; i++) {
        char json[64];
        ferry_msg msg;
        int len = snprintf(json, sizeof(json), "{\"type\":\"%s\"}", ferry_msg_type_name((ferry_msg_type)i));

        assert_int_equal(parse(json, (size_t)len, FERRY_JSON_TOKENS_DEVICE, &msg), FERRY_PROTO_OK);
        assert_int_equal(msg.type, i);
    }
}

static void every_error_has_its_text(void **state)
{
    static const struct {
        ferry_proto_err err;
        const char *text;
    } errors[] = {
#define X(name, number, text) {name, text},
        FERRY_PROTO_ERR_LIST(X)
#undef X
    };

    (void)state;
    assert_int_equal(FERRY_PROTO_OK, 0);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        assert_string_equal(ferry_proto_err_text(errors[i].err), errors[i].text);
    assert_string_equal(ferry_proto_err_text((ferry_proto_err)99), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_that_breaks_off_anywhere_is_damaged_or_refused),
        cmocka_unit_test(message_with_more_values_than_tokens_is_damaged),
        cmocka_unit_test(longest_downlink_fits_a_devices_tokens),
        cmocka_unit_test(parser_writes_its_output_on_success_only),
        cmocka_unit_test(payload_without_work_space_or_too_long_to_count_is_refused),
        cmocka_unit_test(texts_of_a_message_lie_in_the_payload),
        cmocka_unit_test(writer_needs_exactly_the_length_and_one_byte),
        cmocka_unit_test(writer_refuses_a_message_without_type_or_a_report_without_state),
        cmocka_unit_test(every_type_has_a_name_of_its_own),
        cmocka_unit_test(every_error_has_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
