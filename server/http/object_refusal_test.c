#include "object_refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_refusal_has_the_s3_form(void **state)
{
    (void)state;
    for (int i = REFUSED_NOT + 1; i < OBJECT_REFUSAL_COUNT; i++) {
        const struct object_refusal_text *text = object_refusal_text((object_refusal)i);
        assert_true(text->status >= 400 && text->status < 600);
        assert_int_equal(text->body_len, strlen(text->body));
        assert_non_null(strstr(text->body, "<Error><Code>"));
        assert_non_null(strstr(text->body, "</Code><Message>"));
        assert_non_null(strstr(text->body, ".</Message></Error>"));
    }
}

static void what_passes_by_itself_says_when_to_come_again(void **state)
{
    (void)state;
    assert_true(object_refusal_text(REFUSED_BUSY)->retry_after);
    assert_true(object_refusal_text(REFUSED_UNAVAILABLE)->retry_after);
    assert_true(object_refusal_text(REFUSED_FULL)->retry_after);
    assert_false(object_refusal_text(REFUSED_EXPIRED)->retry_after);
    assert_false(object_refusal_text(REFUSED_MD5)->retry_after);
}

static void vendor_device_gets_403_or_404_for_what_it_must_not_have(void **state)
{
    (void)state;
    assert_int_equal(object_refusal_for_vendor_get(REFUSED_NOT), REFUSED_NOT);
    for (int i = REFUSED_NOT + 1; i < OBJECT_REFUSAL_COUNT; i++) {
        object_refusal given = object_refusal_for_vendor_get((object_refusal)i);
        unsigned status = object_refusal_text(given)->status;
        assert_true(status == 403 || status == 404);
        if (object_refusal_text((object_refusal)i)->status == 403)
            assert_int_equal(given, i);
    }
}

static void each_error_has_its_answer(void **state)
{
    (void)state;
    static const struct {
        ferry_err err;
        unsigned upload, download;
    } cases[] = {
        {FERRY_E_DIGEST, 400, 503},   {FERRY_E_SIZE, 400, 503},  {FERRY_E_NOT_FOUND, 404, 404},
        {FERRY_E_STATE, 404, 503},    {FERRY_E_FULL, 507, 503},  {FERRY_E_BUSY, 503, 503},
        {FERRY_E_READONLY, 503, 503}, {FERRY_E_IO, 503, 503},    {FERRY_E_NOMEM, 503, 503},
        {FERRY_E_CLOSED, 503, 503},   {FERRY_E_LIMIT, 503, 503}, {FERRY_E_DENIED, 503, 503},
        {FERRY_E_QUOTA, 507, 503},
    };
    assert_int_equal(object_refusal_of_upload(FERRY_OK), REFUSED_NOT);
    assert_int_equal(object_refusal_of_download(FERRY_OK), REFUSED_NOT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(object_refusal_text(object_refusal_of_upload(cases[i].err))->status, cases[i].upload);
        assert_int_equal(object_refusal_text(object_refusal_of_download(cases[i].err))->status, cases[i].download);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_has_the_s3_form),
        cmocka_unit_test(what_passes_by_itself_says_when_to_come_again),
        cmocka_unit_test(vendor_device_gets_403_or_404_for_what_it_must_not_have),
        cmocka_unit_test(each_error_has_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
