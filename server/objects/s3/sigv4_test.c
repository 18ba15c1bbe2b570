#include "sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The examples that AWS publishes with its description of the signature ("Authenticating Requests", Amazon S3 API). */
static const struct sigv4_signer amazon = {
    .access_key = "AKIAIOSFODNN7EXAMPLE",
    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
};
enum { MAY_24_2013 = 1369353600 };

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define WELCOME_HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
#define EXAMPLE_HOST "examplebucket.s3.amazonaws.com"
#define EXAMPLE_DATE {"x-amz-date", "20130524T000000Z"}

static void published_headers_are_signed_so(void **state)
{
    (void)state;
    static const struct sigv4_pair get[] = {{"range", "bytes=0-9"}, {"x-amz-content-sha256", EMPTY_HASH}, EXAMPLE_DATE};
    static const struct sigv4_pair put[] = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                            {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                            EXAMPLE_DATE,
                                            {"x-amz-content-sha256", WELCOME_HASH}};
    static const struct sigv4_pair plain[] = {EXAMPLE_DATE, {"x-amz-content-sha256", EMPTY_HASH}};
    static const struct sigv4_pair lifecycle[] = {{"lifecycle", ""}}, list[] = {{"prefix", "J"}, {"max-keys", "2"}};
    static const struct {
        struct sigv4_request request;
        const char *names, *signature;
    } cases[] = {
        {{"GET", "/test.txt", EXAMPLE_HOST, NULL, 0, get, 3, EMPTY_HASH},
         "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {{"PUT", "/test%24file.text", EXAMPLE_HOST, NULL, 0, put, 4, WELCOME_HASH},
         "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {{"GET", "/", EXAMPLE_HOST, lifecycle, 1, plain, 2, EMPTY_HASH},
         "host;x-amz-content-sha256;x-amz-date",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {{"GET", "/", EXAMPLE_HOST, list, 2, plain, 2, EMPTY_HASH},
         "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ferry_autobuf out = FERRY_BUF_INIT(1024), want = FERRY_BUF_INIT(1024);
        assert_int_equal(ferry_buf_printf(&want, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                                                 "aws4_request,SignedHeaders=%s,Signature=%s",
                                          cases[i].names, cases[i].signature),
                         FERRY_OK);
        assert_int_equal(sigv4_authorize(&amazon, &cases[i].request, MAY_24_2013, &out), FERRY_OK);
        assert_string_equal(out.data, want.data);
    }
}

static const struct sigv4_request example_get = {
    .method = "GET", .path = "/test.txt", .host = EXAMPLE_HOST, .payload = SIGV4_UNSIGNED_PAYLOAD};

static void published_url_is_signed_so(void **state)
{
    (void)state;
    ferry_autobuf out = FERRY_BUF_INIT(1024);
    assert_int_equal(sigv4_presign(&amazon, &example_get, MAY_24_2013, 86400, &out), FERRY_OK);
    assert_string_equal(out.data, "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
                                  "20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
                                  "86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                                  "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void url_is_refused_that_s3_would_refuse(void **state)
{
    (void)state;
    ferry_autobuf out = FERRY_BUF_INIT(1024);
    assert_int_equal(sigv4_presign(&amazon, &example_get, MAY_24_2013, 0, &out), FERRY_E_ARG);
    assert_int_equal(sigv4_presign(&amazon, &example_get, MAY_24_2013, SIGV4_LIFE_MAX_S + 1, &out), FERRY_E_ARG);
    assert_int_equal(sigv4_presign(&amazon, &example_get, 253402300800, 60, &out), FERRY_E_ARG); /* the year 10000 */
    assert_int_equal(sigv4_presign(&amazon, &example_get, MAY_24_2013, SIGV4_LIFE_MAX_S, &out), FERRY_OK);
}

static void too_long_is_told_and_too_many(void **state)
{
    (void)state;
    ferry_autobuf small = FERRY_BUF_INIT(200), out = FERRY_BUF_INIT(4096);
    struct sigv4_pair many[SIGV4_PAIRS_MAX + 1];
    for (size_t i = 0; i < SIGV4_PAIRS_MAX + 1; i++)
        many[i] = (struct sigv4_pair){"a", "b"};
    struct sigv4_request request = example_get;
    assert_int_equal(sigv4_presign(&amazon, &request, MAY_24_2013, 60, &small), FERRY_E_LIMIT);
    request.query = many;
    request.query_count = SIGV4_PAIRS_MAX + 1;
    assert_int_equal(sigv4_presign(&amazon, &request, MAY_24_2013, 60, &out), FERRY_E_LIMIT);
    request.query_count = 0;
    request.headers = many;
    request.headers_count = SIGV4_PAIRS_MAX;
    assert_int_equal(sigv4_presign(&amazon, &request, MAY_24_2013, 60, &out), FERRY_E_LIMIT);
    assert_int_equal(sigv4_authorize(&amazon, &request, MAY_24_2013, &out), FERRY_E_LIMIT);
}

static void everything_but_the_unreserved_is_encoded(void **state)
{
    (void)state;
    ferry_autobuf out = FERRY_BUF_INIT(1024);
    assert_int_equal(sigv4_encode(&out, "aZ09-._~ /+=&%\xc3\xa9", false), FERRY_OK);
    assert_string_equal(out.data, "aZ09-._~%20%2F%2B%3D%26%25%C3%A9");
    ferry_buf_reset(&out);
    assert_int_equal(sigv4_encode(&out, "a b/c", true), FERRY_OK);
    assert_string_equal(out.data, "a%20b/c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_headers_are_signed_so),     cmocka_unit_test(published_url_is_signed_so),
        cmocka_unit_test(url_is_refused_that_s3_would_refuse), cmocka_unit_test(too_long_is_told_and_too_many),
        cmocka_unit_test(everything_but_the_unreserved_is_encoded),
    };
    return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
