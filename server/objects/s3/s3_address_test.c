#include "objects/s3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void everything_that_is_said_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bucket, *prefix, *region, *endpoint, *public_endpoint;
        bool path_style, cos;
    } cases[] = {
        {"s3://b", "b", "", "us-east-1", "https://s3.us-east-1.amazonaws.com", "https://s3.us-east-1.amazonaws.com", false, false},
        {"s3://b/?region=eu-central-1", "b", "", "eu-central-1", "https://s3.eu-central-1.amazonaws.com",
         "https://s3.eu-central-1.amazonaws.com", false, false},
        {"s3://my.bucket-1/a/b?endpoint=http://10.0.0.1:7480", "my.bucket-1", "a/b/", "us-east-1", "http://10.0.0.1:7480",
         "http://10.0.0.1:7480", true, false},
        {"s3://b/a/?endpoint=https://store:443&style=host&public-endpoint=http://files:80", "b", "a/", "us-east-1", "https://store",
         "http://files", false, false},
        {"s3://logs-1250000000?signature=cos&region=ap-guangzhou", "logs-1250000000", "", "ap-guangzhou",
         "https://cos.ap-guangzhou.myqcloud.com", "https://cos.ap-guangzhou.myqcloud.com", false, true},
        {"s3://b?endpoint=http://[::1]:9000&ca=/etc/ca.pem", "b", "", "us-east-1", "http://[::1]:9000", "http://[::1]:9000", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct objects_s3_address a;
        char problem[OBJECTS_S3_PROBLEM_SIZE] = "";
        assert_int_equal(objects_s3_address_parse(cases[i].text, &a, problem), FERRY_OK);
        assert_string_equal(a.bucket, cases[i].bucket);
        assert_string_equal(a.prefix, cases[i].prefix);
        assert_string_equal(a.region, cases[i].region);
        assert_string_equal(a.endpoint, cases[i].endpoint);
        assert_string_equal(a.public_endpoint, cases[i].public_endpoint);
        assert_int_equal(a.path_style, cases[i].path_style);
        assert_int_equal(a.cos, cases[i].cos);
    }
}

static void urls_are_the_stores_unless_it_is_said(void **state)
{
    (void)state;
    struct objects_s3_address a;
    char problem[OBJECTS_S3_PROBLEM_SIZE];
    assert_int_equal(objects_s3_address_parse("s3://b?urls=presigned", &a, problem), FERRY_OK);
    assert_false(a.own_urls);
    assert_int_equal(objects_s3_address_parse("s3://b?urls=own", &a, problem), FERRY_OK);
    assert_true(a.own_urls);
}

static void what_cannot_be_is_refused_with_a_word_about_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"s4://b", "s3://BUCKET"},
        {"s3://", "s3://BUCKET"},
        {"s3:///prefix", "s3://BUCKET"},
        {"s3://b?", NULL},
        {"s3://bucket with spaces", "s3://BUCKET"},
        {"s3://b1234567890123456789012345678901234567890123456789012345678901234", "63"},
        {"s3://key:secret@b", "AWS_ACCESS_KEY_ID"},
        {"s3://b//x", "prefix"},
        {"s3://b/a\"b", "prefix"},
        {"s3://b?endpoint=10.0.0.1", "endpoint"},
        {"s3://b?endpoint=http://h/path", "endpoint"},
        {"s3://b?endpoint=http://h:", "endpoint"},
        {"s3://b?endpoint=http://h:p", "endpoint"},
        {"s3://b?endpoint=http://:80", "endpoint"},
        {"s3://b?endpoint=http://u:p@h", "endpoint"},
        {"s3://b?region=", "region"},
        {"s3://b?region=a b", "region"},
        {"s3://b?region", "region"},
        {"s3://b?style=virtual", "style"},
        {"s3://b?signature=v2", "signature"},
        {"s3://b?ca=", "ca"},
        {"s3://b?urls=mine", "urls"},
        {"s3://b?secret=very", "no such parameter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct objects_s3_address a;
        char problem[OBJECTS_S3_PROBLEM_SIZE] = "";
        ferry_err err = objects_s3_address_parse(cases[i].text, &a, problem);
        if (cases[i].wanted == NULL) {
            assert_int_equal(err, FERRY_OK);
            continue;
        }
        assert_int_equal(err, FERRY_E_ARG);
        assert_non_null(strstr(problem, cases[i].wanted));
        assert_null(strstr(problem, "very")); /* what may be a secret is not said again */
        assert_null(strstr(problem, "key:secret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_is_said_is_taken),
        cmocka_unit_test(urls_are_the_stores_unless_it_is_said),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_word_about_it),
    };
    return cmocka_run_group_tests_name("s3_address", tests, NULL, NULL);
}
