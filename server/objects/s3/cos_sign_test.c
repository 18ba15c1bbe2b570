#include "cos_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct sigv4_signer tencent = {.access_key = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q",
                                            .secret_key = "BQYIM75p8x0iWVFSIgqEKwFVprpRSVHlz",
                                            .region = "ap-beijing"};
#define EXAMPLE_HOST "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"

/* As cos-nodejs-sdk-v5 signs it; tests/integration/test_s3_urls.py asks it for many more. */
static void request_is_signed_as_the_vendor_signs_it(void **state)
{
    (void)state;
    static const struct sigv4_signer signer = {.access_key = "a", .secret_key = "b", .region = "r"};
    static const struct sigv4_pair headers[] = {{"content-length", "13"}, {"content-md5", "mQ/fVh815F3k6TAUm8m0eg=="}};
    static const struct sigv4_pair query[] = {{"uploadId", "a/b="}, {"partNumber", "1"}};
    struct sigv4_request request = {"PUT", "/x", "h", query, 2, headers, 2, NULL};
    ferry_autobuf out = FERRY_BUF_INIT(2048);
    assert_int_equal(cos_presign(&signer, &request, "/x", 1557989151, 7200, &out), FERRY_OK);
    assert_string_equal(out.data, "/x?uploadId=a%2Fb%3D&partNumber=1&q-sign-algorithm=sha1&q-ak=a&q-sign-time=1557989151%3B"
                                  "1557996351&q-key-time=1557989151%3B1557996351&q-header-list=content-length%3Bcontent-md5"
                                  "%3Bhost&q-url-param-list=partnumber%3Buploadid&q-signature="
                                  "593ee6fe9a96773a757d5d8e98e59ef47912b195");
}

static void url_has_the_form_that_cos_reads(void **state)
{
    (void)state;
    static const struct sigv4_pair headers[] = {{"content-md5", "mQ/fVh815F3k6TAUm8m0eg=="}, {"content-length", "13"}};
    struct sigv4_signer signer = tencent;
    signer.session_token = "a/b";
    struct sigv4_request request = {.method = "PUT", .path = "/x", .host = EXAMPLE_HOST, .headers = headers, .headers_count = 2};
    ferry_autobuf out = FERRY_BUF_INIT(2048);
    assert_int_equal(cos_presign(&signer, &request, "/x", 1557989151, 7200, &out), FERRY_OK);
    static const char start[] =
        "/x?q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989151%3B1557996351&q-key-time="
        "1557989151%3B1557996351&q-header-list=content-length%3Bcontent-md5%3Bhost&q-url-param-list=&q-signature=";
    assert_memory_equal(out.data, start, sizeof start - 1);
    assert_string_equal(out.data + sizeof start - 1 + 40, "&x-cos-security-token=a%2Fb");
}

static void limits_are_told(void **state)
{
    (void)state;
    struct sigv4_request request = {.method = "GET", .path = "/x", .host = EXAMPLE_HOST};
    ferry_autobuf small = FERRY_BUF_INIT(60), out = FERRY_BUF_INIT(2048);
    assert_int_equal(cos_presign(&tencent, &request, "/x", 1557989151, 0, &out), FERRY_E_ARG);
    assert_int_equal(cos_presign(&tencent, &request, "/x", 1557989151, 60, &small), FERRY_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_is_signed_as_the_vendor_signs_it),
        cmocka_unit_test(url_has_the_form_that_cos_reads),
        cmocka_unit_test(limits_are_told),
    };
    return cmocka_run_group_tests_name("cos_sign", tests, NULL, NULL);
}
