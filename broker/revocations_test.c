/* Which certificates a file of revocation lists names: those of its issuer and number, and no others. */
#include "revocations.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static X509_NAME *name_of(const char *text)
{
    X509_NAME *name = X509_NAME_new();
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0), 1);
    return name;
}

/* Only issuer and number count here. */
static X509 *certificate(const char *issuer, long serial)
{
    X509 *x509 = X509_new();
    X509_NAME *name = name_of(issuer);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial), 1);
    assert_int_equal(X509_set_issuer_name(x509, name), 1);
    X509_NAME_free(name);
    return x509;
}

static void append_list(const char *path, const char *issuer, const long *serials, size_t count)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_CRL *list = X509_CRL_new();
    X509_NAME *name = name_of(issuer);
    ASN1_TIME *now = ASN1_TIME_set(NULL, 1700000000);
    assert_int_equal(X509_CRL_set_version(list, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(list, name), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(list, now), 1);
    for (size_t i = 0; i < count; i++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        assert_int_equal(ASN1_INTEGER_set(serial, serials[i]), 1);
        assert_int_equal(X509_REVOKED_set_serialNumber(entry, serial), 1);
        assert_int_equal(X509_REVOKED_set_revocationDate(entry, now), 1);
        assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
        ASN1_INTEGER_free(serial);
    }
    assert_true(X509_CRL_sign(list, key, EVP_sha256()) > 0);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509_CRL(file, list), 1);
    assert_int_equal(fclose(file), 0);
    ASN1_TIME_free(now);
    X509_NAME_free(name);
    X509_CRL_free(list);
    EVP_PKEY_free(key);
}

static bool have(const struct revocations *r, const char *issuer, long serial)
{
    X509 *x509 = certificate(issuer, serial);
    bool found = revocations_have(r, x509);
    X509_free(x509);
    return found;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_list_names_by_issuer_and_number(void **state)
{
    static const long of_one[] = {5, 7}, of_two[] = {6};
    char path[] = "/tmp/ferry-crl-XXXXXX";
    struct revocations r = {NULL};
    (void)state;
    assert_int_equal(close(mkstemp(path)), 0);
    assert_false(have(&r, "one", 5));
    append_list(path, "one", of_one, 2);
    append_list(path, "two", of_two, 1);
    assert_int_equal(revocations_read(&r, path), FERRY_OK);
    assert_true(have(&r, "one", 5) && have(&r, "one", 7) && have(&r, "two", 6));
    assert_false(have(&r, "one", 6) || have(&r, "two", 5) || have(&r, "three", 5));

    static const char *const damaged[] = {"", "garbage", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        write_text(path, damaged[i]);
        assert_int_equal(revocations_read(&r, path), FERRY_E_FORMAT);
        assert_true(have(&r, "one", 5)); /* what was read before stays */
    }
    write_text(path, "");
    append_list(path, "one", NULL, 0);
    assert_int_equal(revocations_read(&r, path), FERRY_OK);
    assert_false(have(&r, "one", 5));
    append_list(path, "one", of_one, 1);
    assert_int_equal(revocations_read(&r, path), FERRY_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(revocations_read(&r, path), FERRY_E_NOT_FOUND);
    assert_false(have(&r, "one", 5));
    revocations_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_list_names_by_issuer_and_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
