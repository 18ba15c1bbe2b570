/**
 * @file tls.h
 * @brief The certificate and key with which the HTTP listeners speak TLS; they can be replaced while connections are open.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct http_tls;

/**
 * @brief TLS 1.2 and 1.3 with forward secrecy and authenticated ciphers only.
 * @param[in] cert_pem  the server's certificate and those between it and the root, in this order
 * @param[in] key_pem   its key, without a pass phrase; wiped from memory when replaced
 * @param[in] only_1_3  refuse TLS 1.2 as well
 * @retval FERRY_OK | FERRY_E_FORMAT not PEM, or not understood | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err http_tls_new(const char *cert_pem, const char *key_pem, bool only_1_3,
                                        struct http_tls **ret_tls);

/**
 * @brief Connections that begin from now on get these; those that are open go on undisturbed. Any thread.
 * @retval as http_tls_new(); on failure the old ones stay in use
 */
FERRY_MUST_CHECK ferry_err http_tls_replace(struct http_tls *tls, const char *cert_pem, const char *key_pem);

/** @brief Unix seconds after which clients refuse the certificate. Any thread. */
uint64_t http_tls_expires_s(struct http_tls *tls);

/** @brief No listener may use it any more. Accepts null. */
void http_tls_free(struct http_tls *tls);

#endif
