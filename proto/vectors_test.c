/* Holds parser and writer to tests/vectors (see the README there). */
#include "proto/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 100000 };

/* --- reading a vector ----------------------------------------------------------------------- */

static size_t unhex(const char *digits, char *out)
{
    size_t len = strlen(digits) / 2;

    for (size_t i = 0; i < len; i++) {
        unsigned byte;

        assert_int_equal(sscanf(digits + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return len;
}

/* A string, {"hex": ...} or a list of [string, times]; returns its length. */
static size_t bytes_of(const json_t *value, char *out)
{
    size_t len = 0;

    if (json_is_string(value)) {
        len = json_string_length(value);
        memcpy(out, json_string_value(value), len);
    } else if (json_is_object(value)) {
        len = unhex(json_string_value(json_object_get(value, "hex")), out);
    }
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
        const json_t *part = json_array_get(value, i);
        json_int_t times = json_integer_value(json_array_get(part, 1));

        while (times-- > 0)
            len += bytes_of(json_array_get(part, 0), out + len);
    }
    assert_true(len < BIG);
    return len;
}

static ferry_text text_of(const json_t *fields, const char *key, char *memory)
{
    const json_t *value = json_object_get(fields, key);
    ferry_text text = {NULL, 0};

    if (value != NULL) {
        text.len = bytes_of(value, memory);
        text.ptr = memory;
    }
    return text;
}

static ferry_msg_type type_of(const json_t *fields)
{
    const char *name = json_string_value(json_object_get(fields, "type"));

    for (int type = FERRY_MSG_CREATE_UPLOAD_TASK; type <= FERRY_MSG_UPLOAD_RESULT; type++)
        if (strcmp(ferry_msg_type_name((ferry_msg_type)type), name) == 0)
            return (ferry_msg_type)type;
    fail_msg("unknown type %s", name);
    return FERRY_MSG_NONE;
}

static ferry_progress_state state_of(const json_t *fields)
{
    static const char *const names[] = {"", "running", "done", "fail"};
    const char *name = json_string_value(json_object_get(fields, "state"));

    for (int i = FERRY_PROGRESS_RUNNING; name != NULL && i <= FERRY_PROGRESS_FAIL; i++)
        if (strcmp(names[i], name) == 0)
            return (ferry_progress_state)i;
    return FERRY_PROGRESS_NONE;
}

/* Numbers over 2^63 are strings: jansson has none of that size. */
static uint64_t number_of(const json_t *fields, const char *key, uint32_t bit, uint32_t *has)
{
    const json_t *value = json_object_get(fields, key);

    if (value == NULL)
        return 0;
    *has |= bit;
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : strtoull(json_string_value(value), NULL, 10);
}

static ferry_msg message_of(const json_t *fields)
{
    static char memory[6][BIG];
    ferry_msg msg = {
        .type = type_of(fields),
        .damaged = json_is_true(json_object_get(fields, "damaged")),
        .state = state_of(fields),
        .name = text_of(fields, "name", memory[0]),
        .md5sum = text_of(fields, "md5sum", memory[1]),
        .url = text_of(fields, "url", memory[2]),
        .result_msg = text_of(fields, "result_msg", memory[3]),
        .request_id = text_of(fields, "request_id", memory[4]),
        .sha256 = text_of(fields, "sha256", memory[5]),
    };

    msg.size = number_of(fields, "size", FERRY_HAS_SIZE, &msg.has);
    msg.expires = number_of(fields, "expires", FERRY_HAS_EXPIRES, &msg.has);
    msg.percent = (int32_t)number_of(fields, "percent", FERRY_HAS_PERCENT, &msg.has);
    msg.result_code = (int32_t)number_of(fields, "result_code", FERRY_HAS_RESULT_CODE, &msg.has);
    return msg;
}

static void assert_same_text(const char *key, ferry_text got, ferry_text expected)
{
    if (!ferry_text_equal(got, expected))
        fail_msg("%s is '%.*s', expected '%.*s'", key, (int)got.len, got.ptr != NULL ? got.ptr : "(absent)",
                 (int)expected.len, expected.ptr != NULL ? expected.ptr : "(absent)");
}

static void assert_same_message(const ferry_msg *got, const ferry_msg *expected)
{
    assert_int_equal(got->type, expected->type);
    assert_int_equal(got->damaged, expected->damaged);
    assert_int_equal(got->has, expected->has);
    assert_int_equal(got->size, expected->size);
    assert_int_equal(got->expires, expected->expires);
    assert_int_equal(got->percent, expected->percent);
    assert_int_equal(got->result_code, expected->result_code);
    assert_int_equal(got->state, expected->state);
    assert_same_text("name", got->name, expected->name);
    assert_same_text("md5sum", got->md5sum, expected->md5sum);
    assert_same_text("url", got->url, expected->url);
    assert_same_text("result_msg", got->result_msg, expected->result_msg);
    assert_same_text("request_id", got->request_id, expected->request_id);
    assert_same_text("sha256", got->sha256, expected->sha256);
}

/* Calls check on each line; returns how many there were. */
static size_t for_each_line(const char *name, void (*check)(const json_t *vector))
{
    FILE *file = fopen(name, "r");
    size_t cap = 0, count = 0;
    char *line = NULL;

    assert_non_null(file);
    while (getline(&line, &cap, file) > 0) {
        json_error_t error;
        json_t *vector = json_loads(line, JSON_ALLOW_NUL, &error);

        if (vector == NULL)
            fail_msg("%s: %s", name, error.text);
        print_message("%s\n", json_string_value(json_object_get(vector, "case")));
        check(vector);
        json_decref(vector);
        count++;
    }
    free(line);
    (void)fclose(file);
    return count;
}

/* --- the tests ------------------------------------------------------------------------------ */

static void check_parse(const json_t *vector)
{
    static char payload[BIG];
    ferry_json_token tokens[FERRY_JSON_TOKENS_MAX];
    const char *error = json_string_value(json_object_get(vector, "error"));
    size_t len = bytes_of(json_object_get(vector, "payload"), payload);
    char *exact = malloc(len + 1); /* so that a sanitizer sees a read past the end */
    ferry_proto_err expected = FERRY_PROTO_OK;
    ferry_msg got, wanted;

    assert_non_null(exact);
    exact = realloc(exact, len > 0 ? len : 1);
    memcpy(exact, payload, len);
    if (error != NULL)
        expected = strcmp(error, "JSON") == 0 ? FERRY_PROTO_E_JSON : FERRY_PROTO_E_TYPE;
    assert_int_equal(ferry_msg_parse(exact, len, tokens, FERRY_JSON_TOKENS_MAX, &got), expected);
    if (error == NULL) {
        wanted = message_of(json_object_get(vector, "expect"));
        assert_same_message(&got, &wanted);
    }
    free(exact);
}

static void parser_reads_every_vector(void **state)
{
    (void)state;
    assert_true(for_each_line(FERRY_VECTORS "/parse.jsonl", check_parse) > 400);
}

static void check_write(const json_t *vector)
{
    static char out[BIG];
    const char *json = json_string_value(json_object_get(vector, "json"));
    ferry_msg msg = message_of(json_object_get(vector, "message"));
    size_t len = 0;

    assert_int_equal(ferry_msg_write(&msg, out, sizeof(out), &len), FERRY_PROTO_OK);
    assert_string_equal(out, json);
    assert_int_equal(len, strlen(json));
}

static void writer_writes_every_vector_to_the_byte(void **state)
{
    (void)state;
    assert_true(for_each_line(FERRY_VECTORS "/write.jsonl", check_write) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parser_reads_every_vector),
        cmocka_unit_test(writer_writes_every_vector_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
