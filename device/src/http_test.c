#include "ferry/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ferry_http_head head;
static char etag[FERRY_HTTP_ETAG_SIZE];

/* Lines separated by |. */
static void take(const char *lines)
{
    memset(&head, 0, sizeof head);
    while (*lines != '\0') {
        size_t len = strcspn(lines, "|");
        ferry_http_head_line(&head, etag, lines, len);
        lines += len + (lines[len] == '|');
    }
}

static void a_head_is_taken_field_by_field(void **state)
{
    (void)state;
    take(
        "HTTP/1.1 206 Partial Content\r\n|Content-Length: 30\r\n|content-range:  bytes 70-99/100\r\n|ETAG: \"a b\"\r\n|"
        "Upload-Offset:5|Retry-After: 120|X: y|garbage");
    assert_int_equal(head.status, 206);
    assert_true(head.has_length && head.has_range && head.has_upload_offset);
    assert_int_equal(head.length, 30);
    assert_int_equal(head.range_start, 70);
    assert_int_equal(head.range_total, 100);
    assert_int_equal(head.upload_offset, 5);
    assert_int_equal(head.retry_after_s, 120);
    assert_string_equal(head.etag, "\"a b\"");
}

static void a_new_status_line_begins_a_new_head(void **state)
{
    (void)state;
    take("HTTP/1.1 100 Continue|Content-Length: 7|HTTP/1.1 200 OK");
    assert_int_equal(head.status, 200);
    assert_false(head.has_length);
}

static void what_is_malformed_is_not_there(void **state)
{
    static const char *const lines[] = {
        "Content-Length: -1",
        "Content-Length: 1x",
        "Content-Length:",
        "Content-Length: 99999999999999999999",
        "Content-Range: bytes */100",
        "Content-Range: lines 1-2/3",
        "Content-Range: bytes 5/9-10",
        "Upload-Offset: ",
        "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT",
        "Content-Lengthy: 5",
        ":",
        "",
    };
    static const ferry_http_head none;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        take(lines[i]);
        assert_false(head.has_length || head.has_range || head.has_upload_offset);
        assert_int_equal(head.retry_after_s, none.retry_after_s);
    }
    take("HTTP/1.1");
    assert_int_equal(head.status, 0);
    take("HTTP/1.1 20");
    assert_int_equal(head.status, 0);
}

static void an_etag_that_is_too_long_is_left_out(void **state)
{
    char line[100] = "ETag: ";

    (void)state;
    memset(line + 6, 'e', FERRY_HTTP_ETAG_SIZE);
    ferry_http_head_line(&head, etag, line, 6 + FERRY_HTTP_ETAG_SIZE - 1);
    assert_int_equal(strlen(head.etag), FERRY_HTTP_ETAG_SIZE - 1);
    take("HTTP/1.1 200 OK");
    ferry_http_head_line(&head, etag, line, 6 + FERRY_HTTP_ETAG_SIZE);
    assert_null(head.etag);
}

/* of no bytes at all; its base64 is the example of RFC 1864 in every library */
static const uint8_t empty_md5[16] = {0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04,
                                      0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e};

static const struct {
    ferry_action act;
    const char *text;
} requests[] = {
    {{.http = FERRY_HTTP_PUT, .url = "http://h/o/1?e=2", .size = 10, .md5 = empty_md5},
     "PUT /o/1?e=2 HTTP/1.1\r\nHost: h\r\nUser-Agent: ferry\r\nContent-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\nContent-Length: 10\r\n\r\n"},
    {{.http = FERRY_HTTP_PROBE, .url = "http://h:8080/o"},
     "HEAD /o HTTP/1.1\r\nHost: h:8080\r\nUser-Agent: ferry\r\nTus-Resumable: 1.0.0\r\n\r\n"},
    {{.http = FERRY_HTTP_PATCH, .url = "http://h/o", .size = UINT64_MAX, .offset = 1},
     "PATCH /o HTTP/1.1\r\nHost: h\r\nUser-Agent: ferry\r\nContent-Length: 18446744073709551614\r\nUpload-Offset: 1\r\nTus-Resumable: "
     "1.0.0\r\n"
     "Content-Type: application/offset+octet-stream\r\n\r\n"},
    {{.http = FERRY_HTTP_GET, .url = "http://h"}, "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: ferry\r\n\r\n"},
    {{.http = FERRY_HTTP_GET, .url = "http://h:80/o", .offset = 1234567890123, .if_range = "\"x\""},
     "GET /o HTTP/1.1\r\nHost: h\r\nUser-Agent: ferry\r\nRange: bytes=1234567890123-\r\nIf-Range: \"x\"\r\n\r\n"},
};

static void a_request_fits_to_the_byte_and_says_what_the_action_wants(void **state)
{
    char out[400];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        size_t need = strlen(requests[i].text);
        assert_int_equal(ferry_http_request(&requests[i].act, out, need, &len), FERRY_DEVICE_OK);
        assert_int_equal(len, need);
        assert_memory_equal(out, requests[i].text, need);
        for (size_t cap = 0; cap < need; cap++)
            assert_int_equal(ferry_http_request(&requests[i].act, out, cap, &len), FERRY_DEVICE_E_MEMORY);
    }
}

static void a_url_that_is_not_http_is_refused(void **state)
{
    static const char *const urls[] = {
        "https://h/x", "http://",     "http:///x",       "ftp://h",          "http://u@h/",
        "http://h:/x", "http://h:0/", "http://h:65536/", "http://h:999999/", ""};
    ferry_text host;
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_false(ferry_http_host(urls[i], &host, &port));
    assert_true(ferry_http_host("http://h:65535/x", &host, &port));
    assert_int_equal(port, 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_taken_field_by_field),
        cmocka_unit_test(a_new_status_line_begins_a_new_head),
        cmocka_unit_test(what_is_malformed_is_not_there),
        cmocka_unit_test(an_etag_that_is_too_long_is_left_out),
        cmocka_unit_test(a_request_fits_to_the_byte_and_says_what_the_action_wants),
        cmocka_unit_test(a_url_that_is_not_http_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
