#include "signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY(secret) (&(struct signature_key){.text = (secret), .len = sizeof(secret) - 1})
#define NO_KEY (&(struct signature_key){.len = 0})

/* By Python's hmac. */
static void signature_is_that_of_time_and_body(void **state)
{
    ferry_autobuf body = FERRY_BUF_INIT(100);
    char text[SIGNATURES_SIZE];

    (void)state;
    assert_int_equal(ferry_buf_append_str(&body, "{\"id\":\"7\"}"), FERRY_OK);
    assert_int_equal(signatures_make(KEY("correct horse battery"), NO_KEY, 1767322800, &body, text), FERRY_OK);
    assert_string_equal(text, "v1=653897bbe5ccb505509bae2fa22c775ae66ff2ab4aea7759cfd3fcfce2eb5dd5");
    assert_int_equal(signatures_make(KEY("correct horse battery"), NO_KEY, 1767322801, &body, text), FERRY_OK);
    assert_string_not_equal(text, "v1=653897bbe5ccb505509bae2fa22c775ae66ff2ab4aea7759cfd3fcfce2eb5dd5");
}

static void signature_by_the_old_secret_stands_behind(void **state)
{
    ferry_autobuf body = FERRY_BUF_INIT(100);
    char both[SIGNATURES_SIZE], one[SIGNATURES_SIZE];

    (void)state;
    assert_int_equal(ferry_buf_append_str(&body, "{\"id\":\"7\"}"), FERRY_OK);
    assert_int_equal(signatures_make(KEY("a new secret of ours"), KEY("correct horse battery"), 1767322800, &body, both),
                     FERRY_OK);
    assert_int_equal(strlen(both), 2 * 67 + 1);
    assert_string_equal(both + 67, ",v1=653897bbe5ccb505509bae2fa22c775ae66ff2ab4aea7759cfd3fcfce2eb5dd5");
    assert_int_equal(signatures_make(KEY("a new secret of ours"), NO_KEY, 1767322800, &body, one), FERRY_OK);
    assert_memory_equal(both, one, 67);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_is_that_of_time_and_body),
        cmocka_unit_test(signature_by_the_old_secret_stands_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
