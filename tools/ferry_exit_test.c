/* The table of exit codes: every error of the library has its code. */
#include "ferry_exit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void every_error_has_the_code_of_its_kind(void **state)
{
    static const struct {
        ferry_device_err err;
        int code;
    } cases[] = {
        {FERRY_DEVICE_OK, EXIT_DONE},
        {FERRY_DEVICE_E_ARG, EXIT_USAGE},
        {FERRY_DEVICE_E_MEMORY, EXIT_FAILED},
        {FERRY_DEVICE_E_STATE, EXIT_FAILED},
        {FERRY_DEVICE_E_SNAPSHOT, EXIT_FAILED},
        {FERRY_DEVICE_E_UNWANTED, EXIT_FAILED},
        {FERRY_DEVICE_E_NETWORK, EXIT_NETWORK},
        {FERRY_DEVICE_E_SILENT, EXIT_NETWORK},
        {FERRY_DEVICE_E_REFUSED, EXIT_REFUSED},
        {FERRY_DEVICE_E_CREDENTIAL, EXIT_REFUSED},
        {FERRY_DEVICE_E_TLS, EXIT_NETWORK},
        {FERRY_DEVICE_E_URL, EXIT_REFUSED},
        {FERRY_DEVICE_E_HTTP, EXIT_NETWORK},
        {FERRY_DEVICE_E_DIGEST, EXIT_FAILED},
        {FERRY_DEVICE_E_SOURCE, EXIT_FAILED},
        {FERRY_DEVICE_E_STORE, EXIT_FAILED},
        {FERRY_DEVICE_E_SPACE, EXIT_FAILED},
        {FERRY_DEVICE_E_NAME, EXIT_FAILED},
        {FERRY_DEVICE_E_CANCELLED, EXIT_REFUSED},
        {FERRY_DEVICE_E_STOPPED, EXIT_FAILED},
        {FERRY_DEVICE_E_NO_TASK, EXIT_REFUSED},
        {FERRY_DEVICE_E_UNCONFIRMED, EXIT_NETWORK},
        {FERRY_DEVICE_E_TIMEOUT, EXIT_NETWORK},
        {FERRY_DEVICE_E_SYSTEM, EXIT_FAILED},
        {FERRY_DEVICE_E_BUSY, EXIT_FAILED},
    };
    static const ferry_device_err all[] = {
#define X(name, number, wire, text) name,
        FERRY_DEVICE_ERR_LIST(X)
#undef X
    };

    (void)state;
    assert_int_equal(sizeof cases / sizeof cases[0], sizeof all / sizeof all[0]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cases[i].err, all[i]);
        assert_int_equal(ferry_exit_code(cases[i].err), cases[i].code);
    }
}

static void who_tries_again_by_itself_is_not_told_to_do_so(void **state)
{
    (void)state;
    assert_non_null(strstr(ferry_exit_advice(FERRY_DEVICE_E_NETWORK, false), "same command again"));
    assert_string_equal(ferry_exit_advice(FERRY_DEVICE_E_NETWORK, true), "");
    assert_non_null(strstr(ferry_exit_advice(FERRY_DEVICE_E_NAME, true), "--dir"));
    assert_string_equal(ferry_exit_advice(FERRY_DEVICE_OK, false), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_the_code_of_its_kind),
        cmocka_unit_test(who_tries_again_by_itself_is_not_told_to_do_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
