#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const ferry_err all[] = {
#define X(name, number, text) name,
    FERRY_ERR_LIST(X)
#undef X
};

enum { COUNT = sizeof(all) / sizeof(all[0]) };

static void success_is_zero_and_every_error_is_distinct(void **state)
{
    (void)state;
    assert_int_equal(FERRY_OK, 0);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(all[i], all[k]);
            assert_string_not_equal(ferry_err_name(all[i]), ferry_err_name(all[k]));
            assert_string_not_equal(ferry_err_text(all[i]), ferry_err_text(all[k]));
        }
}

static void names_and_texts_come_from_the_list(void **state)
{
    (void)state;
    assert_string_equal(ferry_err_name(FERRY_E_IO), "FERRY_E_IO");
    assert_string_equal(ferry_err_text(FERRY_E_READONLY), "the medium is read-only");
    assert_string_equal(ferry_err_name((ferry_err)9999), "FERRY_E_UNKNOWN");
    assert_string_equal(ferry_err_text((ferry_err)9999), "unknown error");
}

static void errno_is_mapped_as_the_header_says(void **state)
{
    static const struct {
        int errnum;
        ferry_err err;
    } table[] = {
        {ENOSPC, FERRY_E_FULL},   {EDQUOT, FERRY_E_FULL},      {EACCES, FERRY_E_DENIED},     {EPERM, FERRY_E_DENIED},
        {ENOENT, FERRY_E_NOT_FOUND}, {EROFS, FERRY_E_READONLY}, {ENOMEM, FERRY_E_NOMEM},      {EEXIST, FERRY_E_EXISTS},
        {ETIMEDOUT, FERRY_E_TIMEOUT}, {EIO, FERRY_E_IO},        {EBADF, FERRY_E_IO},          {0, FERRY_E_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_int_equal(ferry_err_from_errno(table[i].errnum), table[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_zero_and_every_error_is_distinct),
        cmocka_unit_test(names_and_texts_come_from_the_list),
        cmocka_unit_test(errno_is_mapped_as_the_header_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
