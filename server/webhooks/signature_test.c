#include "signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* By Python's hmac. */
static void signature_is_that_of_time_and_body(void **state)
{
    ferry_autobuf body = FERRY_BUF_INIT(100);
    char text[SIGNATURE_SIZE];

    (void)state;
    assert_int_equal(ferry_buf_append_str(&body, "{\"id\":\"7\"}"), FERRY_OK);
    assert_int_equal(signature_make("correct horse battery", 21, 1767322800, &body, text), FERRY_OK);
    assert_string_equal(text, "v1=653897bbe5ccb505509bae2fa22c775ae66ff2ab4aea7759cfd3fcfce2eb5dd5");
    assert_int_equal(signature_make("correct horse battery", 21, 1767322801, &body, text), FERRY_OK);
    assert_string_not_equal(text, "v1=653897bbe5ccb505509bae2fa22c775ae66ff2ab4aea7759cfd3fcfce2eb5dd5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_is_that_of_time_and_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
