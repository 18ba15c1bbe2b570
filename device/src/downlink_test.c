#include "engine.h"

#include "proto/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MD5 "000102030405060708090a0b0c0d0eff"

/* Reads a copy that ends where the memory ends, ' standing for ", so that a byte read too far is noticed. */
static bool read_message(const char *text, size_t len, ferry__downlink *msg, char **ret_copy)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    for (size_t i = 0; i < len; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    *ret_copy = copy;
    return ferry__downlink_read(copy, len, msg);
}

static bool is_read(const char *text)
{
    ferry__downlink msg;
    char *copy;
    bool read = read_message(text, strlen(text), &msg, &copy);

    free(copy);
    return read;
}

static void every_type_for_devices_is_known_and_no_other(void **state)
{
    static const struct {
        const char *type;
        int says; /* -1: not for devices */
    } types[] = {
        {"create_upload_task_rsp", FERRY__SAYS_UPLOAD_TASK},
        {"report_upload_progress_rsp", FERRY__SAYS_UPLOAD_RESULT},
        {"upload_result", FERRY__SAYS_UPLOAD_RESULT},
        {"get_download_task_rsp", FERRY__SAYS_DOWNLOAD_TASK},
        {"download", FERRY__SAYS_DOWNLOAD_TASK},
        {"report_download_progress_rsp", FERRY__SAYS_DOWNLOAD_RESULT},
        {"create_upload_task", -1},
        {"report_upload_progress", -1},
        {"get_download_task", -1},
        {"report_download_progress", -1},
        {"download_rsp", -1},
        {"upload_result_rsp", -1},
        {"", -1},
        {"downloa", -1},
        {"Download", -1},
        {"something_new", -1},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        ferry__downlink msg;
        char *copy;
        (void)snprintf(text, sizeof text, "{'type':'%s'}", types[i].type);
        assert_int_equal(read_message(text, strlen(text), &msg, &copy), types[i].says >= 0);
        if (types[i].says >= 0)
            assert_int_equal(msg.says, types[i].says);
        free(copy);
    }
    assert_false(is_read("{'name':'f'}"));
    assert_false(is_read("{'type':7}"));
    assert_false(is_read("{'type':download}"));
    assert_false(is_read("{'type':{'type':'download'}}"));
    assert_false(is_read("{'x':{'type':'download'}}"));
}

static void all_fields_are_read_in_any_order_and_form(void **state)
{
    static const char *const texts[] = {
        "{'type':'download','size':12345678901,'name':'n','md5sum':'" MD5 "','url':'http://h/o','request_id':'id'}",
        "{'request_id':'id','url':'http://h/o','md5sum':'" MD5 "','name':'n','size':12345678901,'type':'download'}",
        " \t\r\n{ 'type' : 'download' , 'size' : '12345678901' ,\n'name':'n','md5sum':'000102030405060708090A0B0C0D0EFF',"
        "'url':'http:\\/\\/h\\/o','request_id':'\\u0069d','extra':[1,{'name':'x'},[]],'more':{'url':'y','a':null},} \n",
        "{'type':'download','type':'upload_result','size':12345678901,'size':1,'name':'n','name':'m','md5sum':'" MD5
        "','url':'http://h/o','url':'u','request_id':'id'}", /* the first of each counts */
    };
    static const uint8_t md5[FERRY_MD5_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ferry__downlink msg;
        char *copy;
        assert_true(read_message(texts[i], strlen(texts[i]), &msg, &copy));
        assert_int_equal(msg.says, FERRY__SAYS_DOWNLOAD_TASK);
        assert_int_equal(msg.size, 12345678901);
        assert_string_equal(msg.text[FERRY__NAME], "n");
        assert_string_equal(msg.text[FERRY__URL], "http://h/o");
        assert_string_equal(msg.text[FERRY__REQUEST_ID], "id");
        assert_true(msg.has_md5);
        assert_memory_equal(msg.md5, md5, sizeof md5);
        assert_false(msg.has_result);
        assert_int_equal(msg.result_code, 0);
        free(copy);
    }
}

/* The writer of the platform and the reader of the device are two pieces of code: they must agree. */
static void what_the_platform_writes_is_read_as_it_was_meant(void **state)
{
    static const struct {
        ferry_msg_type type;
        int says;
    } types[] = {
        {FERRY_MSG_CREATE_UPLOAD_TASK_RSP, FERRY__SAYS_UPLOAD_TASK},
        {FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP, FERRY__SAYS_UPLOAD_RESULT},
        {FERRY_MSG_GET_DOWNLOAD_TASK_RSP, FERRY__SAYS_DOWNLOAD_TASK},
        {FERRY_MSG_DOWNLOAD, FERRY__SAYS_DOWNLOAD_TASK},
        {FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, FERRY__SAYS_DOWNLOAD_RESULT},
        {FERRY_MSG_UPLOAD_RESULT, FERRY__SAYS_UPLOAD_RESULT},
    };
    const char *name = "a \"b\" \\ \xc3\xa9", *url = "http://h:8080/o/x?e=1&s=2";

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[1024];
        size_t len = 0;
        ferry__downlink got;
        ferry_msg msg = {.type = types[i].type,
                         .has = FERRY_HAS_SIZE | FERRY_HAS_RESULT_CODE,
                         .size = UINT64_C(1) << 40,
                         .name = ferry_text_of(name),
                         .md5sum = ferry_text_of(MD5),
                         .url = ferry_text_of(url),
                         .result_code = 12,
                         .result_msg = ferry_text_of("words, with {braces} and \"quotes\""),
                         .request_id = ferry_text_of("abcdefg3")};
        bool task = types[i].says == FERRY__SAYS_UPLOAD_TASK || types[i].says == FERRY__SAYS_DOWNLOAD_TASK;
        assert_int_equal(ferry_msg_write(&msg, text, sizeof text, &len), FERRY_PROTO_OK);
        assert_true(ferry__downlink_read(text, len, &got));
        assert_int_equal(got.says, types[i].says);
        assert_string_equal(got.text[FERRY__REQUEST_ID], "abcdefg3");
        assert_int_equal(got.result_code, types[i].type == FERRY_MSG_DOWNLOAD ? 0 : 12);
        assert_int_equal(got.size, task ? msg.size : 0);
        assert_int_equal(got.has_md5, task);
        assert_string_equal(got.text[FERRY__NAME], task ? name : "");
        assert_string_equal(got.text[FERRY__URL], task ? url : "");
    }
}

static void escapes_become_utf8(void **state)
{
    static const struct {
        const char *json, *text;
    } names[] = {
        {"a\\\"b\\\\c\\/d", "a\"b\\c/d"},
        {"\\u00e9\\u4e2d\\ud83d\\ude00", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"},
        {"\xc3\xa9\xe4\xb8\xad", "\xc3\xa9\xe4\xb8\xad"},
        {"\\u0041\\u007e", "A~"},
        {"\\b\\f\\n\\r\\t", "\x7f\x7f\x7f\x7f\x7f"}, /* each as good as another: none may be part of a name */
        {"a\\u0000b", "a\x7f" "b"},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ferry__downlink msg;
        char *copy;
        size_t len = (size_t)snprintf(text, sizeof text, "{\"type\":\"download\",\"name\":\"%s\"}", names[i].json);
        assert_true(read_message(text, len, &msg, &copy));
        assert_string_equal(msg.text[FERRY__NAME], names[i].text);
        free(copy);
    }
}

static void a_result_code_is_taken_from_where_its_type_has_it(void **state)
{
    static const struct {
        const char *json;
        bool has;
        int32_t code;
    } results[] = {
        {"'type':'report_upload_progress_rsp','result_code':0", true, 0},
        {"'type':'report_upload_progress_rsp','result_code':10", true, 10},
        {"'type':'report_upload_progress_rsp','result_code':'10'", true, 10},
        {"'type':'report_upload_progress_rsp','result_code':-4", true, -4},
        {"'type':'report_upload_progress_rsp','result_code':4294967296", true, INT32_MAX},
        {"'type':'report_upload_progress_rsp','result_code':-9999999999", true, -INT32_MAX},
        {"'type':'report_upload_progress_rsp'", false, 0},
        {"'type':'report_upload_progress_rsp','result_code':null", false, 0},
        {"'type':'report_upload_progress_rsp','result_code':1.5", false, 0},
        {"'type':'report_upload_progress_rsp','result_code':1e3", false, 0},
        {"'type':'report_upload_progress_rsp','result_code':'x'", false, 0},
        {"'type':'report_upload_progress_rsp','result_code':-", false, 0},
        {"'type':'report_upload_progress_rsp','result_code':99999999999999999999", false, 0},
        {"'type':'report_upload_progress_rsp','report':{'progress':{'result_code':3}}", false, 0},
        {"'type':'upload_result','report':{'progress':{'result_code':3}}", true, 3},
        {"'type':'upload_result','report':{'x':1,'progress':{'y':'7','result_code':3}},'result_code':5", true, 3},
        {"'type':'upload_result','result_code':5", false, 0},
        {"'type':'upload_result','report':{'result_code':5}", false, 0},
        {"'type':'upload_result','note':'5'", false, 0},
    };
    char text[160];

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        ferry__downlink msg;
        char *copy;
        size_t len = (size_t)snprintf(text, sizeof text, "{%s}", results[i].json);
        assert_true(read_message(text, len, &msg, &copy));
        assert_int_equal(msg.has_result, results[i].has);
        assert_int_equal(msg.result_code, results[i].code);
        free(copy);
    }
}

static void a_size_or_md5_that_is_none_is_left_out(void **state)
{
    static const char *const sizes[] = {"0", "-1", "1.0", "1e9", "''", "' 1'", "null", "true", "[1]", "{'a':1}", "99999999999999999999"};
    static const char *const md5s[] = {"", "0", MD5 "0", "g00102030405060708090a0b0c0d0eff", "000102030405060708090a0b0c0d0ef"};
    char text[160];
    ferry__downlink msg;
    char *copy;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t len = (size_t)snprintf(text, sizeof text, "{'type':'download','size':%s}", sizes[i]);
        assert_true(read_message(text, len, &msg, &copy));
        assert_int_equal(msg.size, 0);
        free(copy);
    }
    for (size_t i = 0; i < sizeof md5s / sizeof md5s[0]; i++) {
        size_t len = (size_t)snprintf(text, sizeof text, "{'type':'download','md5sum':'%s'}", md5s[i]);
        assert_true(read_message(text, len, &msg, &copy));
        assert_false(msg.has_md5);
        free(copy);
    }
}

static void what_is_no_whole_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "}",
        "{",
        "[]",
        "7",
        "'type'",
        "['type','download']",
        "{'type':'download'",
        "{'type':'download'}}",
        "{'type':'download'}{}",
        "{'type':'download'} x",
        "x{'type':'download'}",
        "{'type':'download','x':[}",
        "{'type':'download','x':[1}]}",
        "{'type':'download','x':{]}",
        "{'type':'download','x':{}",
        "{'type':'download','x':'",
        "{'type':'download','x':'}",
        "{'type':'download','x':'\\",
        "{'type':'download','x':'\\}",
        "{'type':'download','x':'\\u12'}",
        "{'type':'download','x':'\\u12g4'}",
        "{'type':'download','x':'a\nb'}",
        "{'type':'download','x':'a\\\nb'}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (is_read(texts[i]))
            fail_msg("read: %s", texts[i]);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    static const char text[] = "{'type':'download','size':5,'name':'n\\u00e9','md5sum':'" MD5 "','x':{'y':[1,2]},'url':'http://h/o'}";
    ferry__downlink msg;
    char *copy;

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        assert_false(read_message(text, len, &msg, &copy));
        free(copy);
    }
    assert_true(read_message(text, sizeof text - 1, &msg, &copy));
    free(copy);
    assert_true(read_message(text, sizeof text, &msg, &copy)); /* some send the NUL of their C string */
    free(copy);
}

static void a_nul_or_endless_nesting_inside_is_refused(void **state)
{
    static const char nul[] = "{'type':'download',\0'name':'n'}";
    char deep[200], *copy;
    ferry__downlink msg;

    (void)state;
    assert_false(read_message(nul, sizeof nul - 1, &msg, &copy));
    free(copy);
    for (int depth = 20; depth <= 60; depth += 20) {
        int len = snprintf(deep, sizeof deep, "{'type':'download','x':");
        for (int i = 0; i < depth; i++)
            deep[len++] = '[';
        for (int i = 0; i < depth; i++)
            deep[len++] = ']';
        deep[len++] = '}';
        assert_int_equal(read_message(deep, (size_t)len, &msg, &copy), depth == 20);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_for_devices_is_known_and_no_other),
        cmocka_unit_test(all_fields_are_read_in_any_order_and_form),
        cmocka_unit_test(what_the_platform_writes_is_read_as_it_was_meant),
        cmocka_unit_test(escapes_become_utf8),
        cmocka_unit_test(a_result_code_is_taken_from_where_its_type_has_it),
        cmocka_unit_test(a_size_or_md5_that_is_none_is_left_out),
        cmocka_unit_test(what_is_no_whole_object_is_refused),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(a_nul_or_endless_nesting_inside_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
