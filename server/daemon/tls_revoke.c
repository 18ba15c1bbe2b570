#include "tls_revoke.h"

#include "tls_x509.h"

#include "base/cleanup.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(BIGNUM *, BN_free)
FERRY_DEFINE_CLEANUP(ASN1_INTEGER *, ASN1_INTEGER_free)
FERRY_DEFINE_CLEANUP(ASN1_TIME *, ASN1_TIME_free)

ferry_err tls_serial_of(const char *ca_cert_pem, const char *cert_pem, char ret_serial[TLS_SERIAL_HEX_SIZE])
{
    ferry_cleanup(X509_free) X509 *ca = tls_x509_cert(ca_cert_pem);
    ferry_cleanup(X509_free) X509 *cert = tls_x509_cert(cert_pem);
    ferry_cleanup(BN_free) BIGNUM *number =
        cert != NULL ? ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL) : NULL;
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    bool fits = hex != NULL && strlen(hex) < TLS_SERIAL_HEX_SIZE;

    if (fits)
        (void)snprintf(ret_serial, TLS_SERIAL_HEX_SIZE, "%s", hex);
    bool ours = ca != NULL && cert != NULL && X509_verify(cert, X509_get0_pubkey(ca)) == 1;
    OPENSSL_free(hex);
    ERR_clear_error();
    if (!fits || ca == NULL)
        return FERRY_E_FORMAT;
    return ours ? FERRY_OK : FERRY_E_DENIED;
}

static ASN1_INTEGER *serial_from(const char *hex)
{
    BIGNUM *number = NULL;
    bool whole = BN_hex2bn(&number, hex) == (int)strlen(hex);
    ASN1_INTEGER *serial = whole ? BN_to_ASN1_INTEGER(number, NULL) : NULL;

    BN_free(number);
    return serial;
}

/* Once each. */
static bool add_serial(X509_CRL *list, const char *hex, ASN1_TIME *now)
{
    ferry_cleanup(ASN1_INTEGER_free) ASN1_INTEGER *serial = serial_from(hex);
    X509_REVOKED *entry = NULL;

    if (serial == NULL)
        return false;
    if (X509_CRL_get0_by_serial(list, &entry, serial) != 0)
        return true;
    entry = X509_REVOKED_new();
    if (entry != NULL && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
        X509_REVOKED_set_revocationDate(entry, now) == 1 && X509_CRL_add0_revoked(list, entry) == 1)
        return true;
    X509_REVOKED_free(entry);
    return false;
}

static bool add_extension(X509_CRL *list, X509 *ca, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, ca, NULL, NULL, list, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = extension != NULL && X509_CRL_add_ext(list, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* Each list has a higher number than the one before; the time does for it. */
static bool set_head(X509_CRL *list, X509 *ca, ASN1_TIME *now)
{
    ferry_cleanup(ASN1_INTEGER_free) ASN1_INTEGER *number = ASN1_INTEGER_new();

    return number != NULL && ASN1_INTEGER_set_int64(number, (int64_t)time(NULL)) == 1 &&
           X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
           X509_CRL_set_issuer_name(list, X509_get_subject_name(ca)) == 1 && X509_CRL_set1_lastUpdate(list, now) == 1 &&
           X509_CRL_set1_nextUpdate(list, X509_get0_notAfter(ca)) == 1 &&
           add_extension(list, ca, NID_authority_key_identifier, "keyid:always") &&
           X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) == 1;
}

static bool add_old(X509_CRL *list, X509_CRL *old)
{
    STACK_OF(X509_REVOKED) *entries = old != NULL ? X509_CRL_get_REVOKED(old) : NULL;

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        X509_REVOKED *copy = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));

        if (copy == NULL || X509_CRL_add0_revoked(list, copy) != 1) {
            X509_REVOKED_free(copy);
            return false;
        }
    }
    return true;
}

static ferry_err write_list(X509_CRL *list, struct ferry_buf *out)
{
    ferry_cleanup(BIO_free) BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    size_t len;

    if (bio == NULL || PEM_write_bio_X509_CRL(bio, list) != 1)
        return FERRY_E_NOMEM;
    len = (size_t)BIO_get_mem_data(bio, &text);
    return ferry_buf_append(out, text, len);
}

static ferry_err make_list(X509 *ca, EVP_PKEY *key, X509_CRL *old, const char *const *serials, size_t count,
                           struct ferry_buf *out)
{
    ferry_cleanup(X509_CRL_free) X509_CRL *list = X509_CRL_new();
    ferry_cleanup(ASN1_TIME_free) ASN1_TIME *now = X509_gmtime_adj(NULL, 0);

    if (list == NULL || now == NULL || !set_head(list, ca, now) || !add_old(list, old))
        return FERRY_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (!add_serial(list, serials[i], now))
            return FERRY_E_FORMAT;
    if (X509_CRL_sort(list) != 1 || X509_CRL_sign(list, key, EVP_sha256()) <= 0)
        return FERRY_E_NOMEM;
    return write_list(list, out);
}

ferry_err tls_revoke(const char *ca_cert_pem, const char *ca_key_pem, const char *old_list_pem,
                     const char *const *serials, size_t count, struct ferry_buf *ret_list)
{
    ferry_cleanup(X509_free) X509 *ca = tls_x509_cert(ca_cert_pem);
    ferry_cleanup(EVP_PKEY_free) EVP_PKEY *key = tls_x509_key(ca_key_pem, NULL);
    ferry_cleanup(X509_CRL_free) X509_CRL *old = old_list_pem != NULL ? tls_x509_crl(old_list_pem) : NULL;
    bool fit = ca != NULL && key != NULL && X509_check_private_key(ca, key) == 1 &&
               (old_list_pem == NULL ||
                (old != NULL && X509_NAME_cmp(X509_CRL_get_issuer(old), X509_get_subject_name(ca)) == 0));
    ferry_err err = fit ? make_list(ca, key, old, serials, count, ret_list) : FERRY_E_FORMAT;

    ERR_clear_error();
    return err;
}
