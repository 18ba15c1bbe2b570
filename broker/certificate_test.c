#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certificate.h"

#include <openssl/x509.h>
#include <string.h>

static void name_is(const char *const *names, const int *lens, size_t count, const char *expected)
{
    X509 *x509 = X509_new();
    char name[CERTIFICATE_NAME_SIZE];

    for (size_t i = 0; i < count; i++)
        assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(x509), NID_commonName, MBSTRING_UTF8,
                                                    (const unsigned char *)names[i], lens[i], -1, 0), 1);
    assert_int_equal(certificate_name(x509, name), expected != NULL);
    assert_string_equal(name, expected != NULL ? expected : "");
    X509_free(x509);
}

static void the_one_common_name_is_found(void **state)
{
    static const char *const names[] = {"pump/7", "pump/8"};
    static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890/ab";
    const char *one = longest;

    (void)state;
    name_is(names, (const int[]){6}, 1, "pump/7");
    name_is(&one, (const int[]){64}, 1, longest);
}

static void a_name_that_can_be_read_in_two_ways_is_none(void **state)
{
    static const char *const names[] = {"pump/7", "pump/8"};
    static const char with_nul[] = "pump/7\0/8";
    const char *one = with_nul;

    (void)state;
    name_is(names, (const int[]){6, 6}, 0, NULL);
    name_is(names, (const int[]){6, 6}, 2, NULL);
    name_is(&one, (const int[]){9}, 1, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_common_name_is_found),
        cmocka_unit_test(a_name_that_can_be_read_in_two_ways_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
