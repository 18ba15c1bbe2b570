#include "http_handshake.h"

#include "base/alloc.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <string.h>
#include <stdlib.h>

/*
 * Forward secrecy and authenticated encryption, nothing else; of the signatures SHA-1 is out. CCM is for small devices.
 * The server's order counts: AES first, which processors have instructions for.
 */
#define PRIORITIES(versions)                                                                                       \
    "NORMAL:-VERS-ALL:" versions ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM"          \
    ":+CHACHA20-POLY1305:+AES-256-CCM:+AES-128-CCM:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1"                 \
    ":%SERVER_PRECEDENCE"

static const char priorities[] = PRIORITIES("+VERS-TLS1.3:+VERS-TLS1.2");
static const char priorities_1_3[] = PRIORITIES("+VERS-TLS1.3");

struct pair {
    gnutls_x509_crt_t *certs;
    unsigned count;
    gnutls_x509_privkey_t key;
};

struct http_tls {
    bool only_1_3;
    pthread_mutex_t mutex; /* guards pair */
    struct pair pair;
};

static void pair_done(struct pair *pair)
{
    for (unsigned i = 0; i < pair->count; i++)
        gnutls_x509_crt_deinit(pair->certs[i]);
    gnutls_free(pair->certs);
    if (pair->key != NULL)
        gnutls_x509_privkey_deinit(pair->key);
    *pair = (struct pair){.certs = NULL};
}

/* GnuTLS does not change what it reads. */
static gnutls_datum_t datum_of(const char *text)
{
    union {
        const char *constant;
        unsigned char *plain;
    } bytes = {.constant = text};

    return (gnutls_datum_t){.data = bytes.plain, .size = (unsigned)strlen(text)};
}

static ferry_err err_of(int code)
{
    return code >= 0 ? FERRY_OK : code == GNUTLS_E_MEMORY_ERROR ? FERRY_E_NOMEM : FERRY_E_FORMAT;
}

static ferry_err pair_read(const char *cert_pem, const char *key_pem, struct pair *ret_pair)
{
    const gnutls_datum_t cert = datum_of(cert_pem), key = datum_of(key_pem);
    struct pair pair = {.certs = NULL};
    int code = gnutls_x509_crt_list_import2(&pair.certs, &pair.count, &cert, GNUTLS_X509_FMT_PEM, 0);

    if (code >= 0)
        code = gnutls_x509_privkey_init(&pair.key);
    if (code >= 0)
        code = gnutls_x509_privkey_import2(pair.key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) {
        pair_done(&pair);
        return err_of(code);
    }
    *ret_pair = pair;
    return FERRY_OK;
}

ferry_err http_tls_new(const char *cert_pem, const char *key_pem, bool only_1_3, struct http_tls **ret_tls)
{
    struct http_tls *tls = ferry_calloc(1, sizeof *tls);
    ferry_err err = tls != NULL ? pair_read(cert_pem, key_pem, &tls->pair) : FERRY_E_NOMEM;

    if (err != FERRY_OK) {
        free(tls);
        return err;
    }
    tls->only_1_3 = only_1_3;
    (void)pthread_mutex_init(&tls->mutex, NULL); /* cannot fail without attributes */
    *ret_tls = tls;
    return FERRY_OK;
}

ferry_err http_tls_replace(struct http_tls *tls, const char *cert_pem, const char *key_pem)
{
    struct pair fresh, old;
    ferry_err err = pair_read(cert_pem, key_pem, &fresh);

    if (err != FERRY_OK)
        return err;
    pthread_mutex_lock(&tls->mutex);
    old = tls->pair;
    tls->pair = fresh;
    pthread_mutex_unlock(&tls->mutex);
    pair_done(&old);
    return FERRY_OK;
}

uint64_t http_tls_expires_s(struct http_tls *tls)
{
    pthread_mutex_lock(&tls->mutex);
    time_t at = gnutls_x509_crt_get_expiration_time(tls->pair.certs[0]);
    pthread_mutex_unlock(&tls->mutex);
    return at > 0 ? (uint64_t)at : 0;
}

void http_tls_free(struct http_tls *tls)
{
    if (tls == NULL)
        return;
    pair_done(&tls->pair);
    (void)pthread_mutex_destroy(&tls->mutex);
    free(tls);
}

/* --- for the listeners ------------------------------------------------------------------------------------ */

const char *http_handshake_priorities(const struct http_tls *tls)
{
    return tls->only_1_3 ? priorities_1_3 : priorities;
}

static int copy_pair(const struct pair *pair, gnutls_pcert_st *certs, unsigned *made, gnutls_privkey_t key)
{
    int code = gnutls_privkey_import_x509(key, pair->key, GNUTLS_PRIVKEY_IMPORT_COPY);

    for (*made = 0; code >= 0 && *made < pair->count; *made += code >= 0)
        code = gnutls_pcert_import_x509(&certs[*made], pair->certs[*made], 0);
    return code;
}

int http_handshake_answer(struct http_tls *tls, gnutls_pcert_st **ret_certs, unsigned *ret_count,
                          gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
    gnutls_pcert_st *certs = NULL;
    gnutls_privkey_t key = NULL;
    unsigned made = 0;
    int code = tls != NULL ? gnutls_privkey_init(&key) : GNUTLS_E_INTERNAL_ERROR;

    if (code < 0)
        return code;
    pthread_mutex_lock(&tls->mutex);
    certs = gnutls_calloc(tls->pair.count, sizeof *certs);
    code = certs != NULL ? copy_pair(&tls->pair, certs, &made, key) : GNUTLS_E_MEMORY_ERROR;
    pthread_mutex_unlock(&tls->mutex);
    if (code >= 0) {
        *ret_certs = certs;
        *ret_count = made;
        *ret_key = key;
        *ret_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
        return 0;
    }
    while (made > 0)
        gnutls_pcert_deinit(&certs[--made]);
    gnutls_free(certs);
    gnutls_privkey_deinit(key);
    return code;
}
