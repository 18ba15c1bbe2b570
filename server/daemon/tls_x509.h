/**
 * @file tls_x509.h
 * @brief What is written in PEM, as OpenSSL's objects. Whoever gets one frees it; null: the text holds none.
 *
 * OpenSSL keeps a list of what went wrong: the caller clears it (ERR_clear_error()).
 */
#ifndef DAEMON_TLS_X509_H
#define DAEMON_TLS_X509_H

#include "base/cleanup.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

FERRY_DEFINE_CLEANUP(BIO *, BIO_free)
FERRY_DEFINE_CLEANUP(X509 *, X509_free)
FERRY_DEFINE_CLEANUP(X509_CRL *, X509_CRL_free)
FERRY_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

/** @brief The first certificate. */
X509 *tls_x509_cert(const char *pem);
X509_CRL *tls_x509_crl(const char *pem);
/** @param[out] ret_locked  it has a pass phrase, for which nobody is asked; may be null */
EVP_PKEY *tls_x509_key(const char *pem, bool *ret_locked);

#endif
