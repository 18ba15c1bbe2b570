#include "tls_make.h"

#include "tls_x509.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(BIGNUM *, BN_free)
FERRY_DEFINE_CLEANUP(X509_EXTENSION *, X509_EXTENSION_free)
FERRY_DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

enum {
    SERIAL_BITS = 159, /* RFC 5280 allows 20 bytes of a positive number */
    LABEL_MAX = 63,
    NAME_MAX_LEN = 253,
    NAMES_TEXT_MAX = TLS_NAMES_MAX * (NAME_MAX_LEN + 8),
};

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

bool tls_name_ok(const char *name)
{
    size_t label = 0;
    const char *at = strncmp(name, "*.", 2) == 0 ? name + 2 : name;

    if (is_address(name))
        return true;
    if (strlen(name) > NAME_MAX_LEN || *at == '\0')
        return false;
    for (; *at != '\0'; at++) {
        bool dot = *at == '.';

        if ((dot && (label == 0 || at[1] == '\0')) || (!dot && !isalnum((unsigned char)*at) && *at != '-') ||
            ++label > LABEL_MAX + (dot ? 1 : 0))
            return false;
        label = dot ? 0 : label;
    }
    return true;
}

/* --- one certificate -------------------------------------------------------------------------------------- */

/* A type of its own, not MBSTRING: that would hold the name to 64 characters, and product/device may have 129. */
static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING, (const unsigned char *)common_name, -1,
                                      -1, 0) == 1;
}

static bool set_serial(X509 *cert)
{
    ferry_cleanup(BN_free) BIGNUM *serial = BN_new();

    return serial != NULL && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL;
}

static X509 *new_cert(EVP_PKEY *key, const char *common_name, unsigned days)
{
    ferry_cleanup(X509_free) X509 *cert = X509_new();

    if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -(long)TLS_BACKDATE_S) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, NULL) == NULL || X509_set_pubkey(cert, key) != 1 ||
        !set_name(X509_get_subject_name(cert), common_name))
        return NULL;
    return FERRY_TAKE(cert);
}

static bool add_extension(X509 *cert, X509V3_CTX *context, int nid, const char *value)
{
    ferry_cleanup(X509_EXTENSION_free) X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);

    return extension != NULL && X509_add_ext(cert, extension, -1) == 1;
}

struct extension {
    int nid;
    const char *value;
};

static bool add_extensions(X509 *cert, X509 *issuer, const struct extension *list, size_t count)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++)
        if (!add_extension(cert, &context, list[i].nid, list[i].value))
            return false;
    return true;
}

/* Both as PEM. */
static ferry_err write_pem(X509 *cert, EVP_PKEY *key, struct ferry_buf *ret_cert, struct ferry_buf *ret_key)
{
    ferry_cleanup(BIO_free) BIO *cert_bio = BIO_new(BIO_s_mem());
    ferry_cleanup(BIO_free) BIO *key_bio = BIO_new(BIO_s_secmem());
    char *cert_text, *key_text;
    size_t cert_len, key_len;
    ferry_err err = FERRY_E_NOMEM;

    if (cert_bio == NULL || key_bio == NULL || PEM_write_bio_X509(cert_bio, cert) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return err;
    cert_len = (size_t)BIO_get_mem_data(cert_bio, &cert_text);
    key_len = (size_t)BIO_get_mem_data(key_bio, &key_text);
    err = ferry_buf_append(ret_cert, cert_text, cert_len);
    if (err == FERRY_OK)
        err = ferry_buf_append(ret_key, key_text, key_len);
    return err;
}

ferry_err tls_make_ca(const char *common_name, unsigned days, struct ferry_buf *ret_cert, struct ferry_buf *ret_key)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
    };
    ferry_cleanup(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    ferry_cleanup(X509_free) X509 *cert = key != NULL ? new_cert(key, common_name, days) : NULL;

    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
        !add_extensions(cert, cert, extensions, sizeof(extensions) / sizeof(extensions[0])) ||
        X509_sign(cert, key, EVP_sha256()) == 0) {
        ERR_clear_error();
        return FERRY_E_NOMEM;
    }
    return write_pem(cert, key, ret_cert, ret_key);
}

/* "DNS:name,IP:address"; the names were checked: none has a comma. */
static ferry_err write_names(const struct tls_wish *wish, struct ferry_buf *out)
{
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < wish->name_count; i++)
        err = ferry_buf_printf(out, "%s%s:%s", i > 0 ? "," : "", is_address(wish->names[i]) ? "IP" : "DNS",
                               wish->names[i]);
    return err;
}

static ferry_err sign(X509 *ca, EVP_PKEY *ca_key, const struct tls_wish *wish, struct ferry_buf *ret_cert,
                      struct ferry_buf *ret_key)
{
    ferry_autobuf names = FERRY_BUF_INIT(NAMES_TEXT_MAX);
    ferry_err err = write_names(wish, &names);
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, wish->device ? "clientAuth" : "serverAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_subject_alt_name, names.data},
    };
    size_t count = sizeof(extensions) / sizeof(extensions[0]) - (wish->name_count == 0);
    ferry_cleanup(EVP_PKEY_free) EVP_PKEY *key = err == FERRY_OK ? EVP_EC_gen("P-256") : NULL;
    ferry_cleanup(X509_free) X509 *cert = key != NULL ? new_cert(key, wish->common_name, wish->days) : NULL;

    if (err != FERRY_OK)
        return err;
    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(ca)) != 1 ||
        !add_extensions(cert, ca, extensions, count) || X509_sign(cert, ca_key, EVP_sha256()) == 0) {
        ERR_clear_error();
        return FERRY_E_NOMEM;
    }
    return write_pem(cert, key, ret_cert, ret_key);
}

ferry_err tls_make_signed(const char *ca_cert_pem, const char *ca_key_pem, const struct tls_wish *wish,
                          struct ferry_buf *ret_cert, struct ferry_buf *ret_key)
{
    ferry_cleanup(X509_free) X509 *ca = tls_x509_cert(ca_cert_pem);
    ferry_cleanup(EVP_PKEY_free) EVP_PKEY *ca_key = tls_x509_key(ca_key_pem, NULL);

    if (ca == NULL || ca_key == NULL || X509_check_private_key(ca, ca_key) != 1) {
        ERR_clear_error();
        return FERRY_E_FORMAT;
    }
    return sign(ca, ca_key, wish, ret_cert, ret_key);
}

/* --- the names of one that is there ----------------------------------------------------------------------- */

static char *text_of(const GENERAL_NAME *name)
{
    char text[INET6_ADDRSTRLEN] = "";
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *bytes = type == GEN_DNS || type == GEN_IPADD ? ASN1_STRING_get0_data(value) : NULL;
    int len = bytes != NULL ? ASN1_STRING_length(value) : 0;

    if (type == GEN_DNS && bytes != NULL && memchr(bytes, '\0', (size_t)len) == NULL)
        return ferry_asprintf("%.*s", len, (const char *)bytes);
    if (type == GEN_IPADD && (len == 4 || len == 16))
        (void)inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
    return ferry_strdup(text);
}

ferry_err tls_names_of(const char *cert_pem, char *ret_names[TLS_NAMES_MAX], size_t *ret_count)
{
    ferry_cleanup(X509_free) X509 *cert = tls_x509_cert(cert_pem);
    ferry_cleanup(GENERAL_NAMES_free) GENERAL_NAMES *names =
        cert != NULL ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;

    *ret_count = 0;
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names) && *ret_count < TLS_NAMES_MAX; i++) {
        char *text = text_of(sk_GENERAL_NAME_value(names, i));

        if (text == NULL)
            return FERRY_E_NOMEM;
        if (tls_name_ok(text))
            ret_names[(*ret_count)++] = text;
        else
            free(text);
    }
    ERR_clear_error();
    return cert != NULL ? FERRY_OK : FERRY_E_FORMAT;
}
