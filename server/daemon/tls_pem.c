#include "tls_pem.h"

#include "tls_x509.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

__attribute__((format(printf, 3, 4))) static ferry_err fail(ferry_err err, char problem[TLS_PROBLEM_SIZE],
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(problem, TLS_PROBLEM_SIZE, format, args);
    va_end(args);
    ERR_clear_error(); /* what OpenSSL noted on the way is said */
    return err;
}

static ferry_err read_file(const char *what, const char *path, struct ferry_buf *out, char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = ferry_file_read(path, out);

    if (err == FERRY_OK && (out->len == 0 || memchr(out->data, '\0', out->len) != NULL))
        return fail(FERRY_E_FORMAT, problem, "%s %s is no PEM file", what, path);
    return err == FERRY_OK ? err : fail(err, problem, "cannot read %s %s: %s", what, path, ferry_err_text(err));
}

static BIO *bio_of(const char *pem)
{
    return BIO_new_mem_buf(pem, -1);
}

/* True when what ended the reading of one PEM block after the other was the end of the file. */
static bool at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    return end;
}

/* Number of certificates; 0 also when one of them is damaged. */
static size_t count_certs(const char *pem)
{
    ferry_cleanup(BIO_free) BIO *bio = bio_of(pem);
    size_t count = 0;

    for (X509 *cert; bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; count++)
        X509_free(cert);
    return at_end() ? count : 0;
}

static uint64_t unix_of(const ASN1_TIME *time)
{
    struct tm tm;
    time_t at = time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;

    return at > 0 ? (uint64_t)at : 0;
}

/* --- a pair ----------------------------------------------------------------------------------------------- */

static ferry_err check_key(const struct tls_pair *pair, const X509 *cert, const char *cert_path, const char *key_path,
                           char problem[TLS_PROBLEM_SIZE])
{
    bool locked = false;
    ferry_cleanup(EVP_PKEY_free) EVP_PKEY *key = tls_x509_key(pair->key.data, &locked);

    if (locked)
        return fail(FERRY_E_FORMAT, problem,
                    "the key %s has a pass phrase, which nobody could type at a start: openssl pkey -in %s -out FILE "
                    "writes it without",
                    key_path, key_path);
    if (key == NULL)
        return fail(FERRY_E_FORMAT, problem, "the file %s holds no private key in PEM form", key_path);
    if (X509_check_private_key(cert, key) != 1)
        return fail(FERRY_E_FORMAT, problem, "the key %s does not belong to the (first) certificate in %s", key_path,
                    cert_path);
    return FERRY_OK;
}

static ferry_err check_key_mode(const char *path, char problem[TLS_PROBLEM_SIZE])
{
    struct stat found;

    if (stat(path, &found) != 0 || (found.st_mode & 007) == 0)
        return FERRY_OK;
    return fail(FERRY_E_DENIED, problem, "everybody on this machine may read the key %s: chmod 600 %s (and make a new "
                "one if somebody could have read it)", path, path);
}

static void describe(X509 *cert, struct tls_pair *pair)
{
    char text[TLS_SUBJECT_SIZE] = "";
    ferry_cleanup(BIO_free) BIO *bio = BIO_new(BIO_s_mem());
    int len = 0;

    /* RFC 2253 escapes whatever is not printable */
    if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_read(bio, text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    (void)snprintf(pair->subject, sizeof(pair->subject), "%s", text);
    pair->starts_s = unix_of(X509_get0_notBefore(cert));
    pair->expires_s = unix_of(X509_get0_notAfter(cert));
}

static ferry_err judge(struct tls_pair *pair, const char *cert_path, const char *key_path,
                       char problem[TLS_PROBLEM_SIZE])
{
    ferry_cleanup(X509_free) X509 *cert = tls_x509_cert(pair->cert.data);

    if (cert == NULL || count_certs(pair->cert.data) == 0)
        return fail(FERRY_E_FORMAT, problem, "the file %s holds no certificate in PEM form, or a damaged one", cert_path);
    describe(cert, pair);
    return check_key(pair, cert, cert_path, key_path, problem);
}

ferry_err tls_pair_read(const char *cert_path, const char *key_path, struct tls_pair *ret_pair,
                        char reterr_problem[TLS_PROBLEM_SIZE])
{
    struct tls_pair pair = {.cert = FERRY_BUF_INIT(TLS_PEM_MAX), .key = FERRY_BUF_INIT(TLS_PEM_MAX)};
    ferry_err err = read_file("the certificate", cert_path, &pair.cert, reterr_problem);

    if (err == FERRY_OK)
        err = read_file("the key", key_path, &pair.key, reterr_problem);
    if (err == FERRY_OK)
        err = check_key_mode(key_path, reterr_problem);
    if (err == FERRY_OK)
        err = judge(&pair, cert_path, key_path, reterr_problem);
    if (err != FERRY_OK) {
        tls_pair_done(&pair);
        return err;
    }
    *ret_pair = pair;
    return FERRY_OK;
}

void tls_pair_done(struct tls_pair *pair)
{
    if (pair->key.data != NULL)
        explicit_bzero(pair->key.data, pair->key.len);
    ferry_buf_done(&pair->cert);
    ferry_buf_done(&pair->key);
}

bool tls_cert_is_for(const char *cert_pem, const char *host)
{
    ferry_cleanup(X509_free) X509 *cert = tls_x509_cert(cert_pem);

    return cert != NULL && (X509_check_host(cert, host, 0, 0, NULL) == 1 || X509_check_ip_asc(cert, host, 0) == 1);
}

/* --- what clients are judged by --------------------------------------------------------------------------- */

ferry_err tls_ca_read(const char *path, struct ferry_buf *out, char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = read_file("the certificates to trust", path, out, reterr_problem);

    if (err == FERRY_OK && count_certs(out->data) == 0)
        return fail(FERRY_E_FORMAT, reterr_problem, "the file %s holds no certificate in PEM form, or a damaged one",
                    path);
    return err;
}

ferry_err tls_crl_read(const char *path, struct ferry_buf *out, uint64_t *ret_next_s,
                       char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = read_file("the revocation list", path, out, reterr_problem);
    ferry_cleanup(BIO_free) BIO *bio = err == FERRY_OK ? bio_of(out->data) : NULL;
    uint64_t next_s = 0;
    size_t count = 0;

    if (err != FERRY_OK)
        return err;
    for (X509_CRL *crl; bio != NULL && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL; count++) {
        uint64_t at = unix_of(X509_CRL_get0_nextUpdate(crl));

        next_s = at != 0 && (next_s == 0 || at < next_s) ? at : next_s;
        X509_CRL_free(crl);
    }
    if (!at_end() || count == 0)
        return fail(FERRY_E_FORMAT, reterr_problem, "the file %s holds no revocation list in PEM form, or a damaged one",
                    path);
    *ret_next_s = next_s;
    return FERRY_OK;
}

const char *tls_date(uint64_t unix_s, char out[TLS_DATE_SIZE])
{
    time_t at = (time_t)unix_s;
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL || strftime(out, TLS_DATE_SIZE, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        (void)snprintf(out, TLS_DATE_SIZE, "an unknown time");
    return out;
}
