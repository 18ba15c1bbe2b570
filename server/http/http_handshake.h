/**
 * @file http_handshake.h
 * @brief What a handshake needs of struct http_tls.
 */
#ifndef HTTP_HANDSHAKE_H
#define HTTP_HANDSHAKE_H

#include "http/tls.h"

#include <gnutls/abstract.h>

/** @brief What is offered in a handshake, in GnuTLS's words. */
const char *http_handshake_priorities(const struct http_tls *tls);

/**
 * @brief Copies of certificate and key, which GnuTLS frees after the handshake. So nobody
 * waits for handshakes when they are replaced. Negative when there is no memory, or when tls is null.
 */
int http_handshake_answer(struct http_tls *tls, gnutls_pcert_st **ret_certs, unsigned *ret_count,
                          gnutls_privkey_t *ret_key, unsigned *ret_flags);

#endif
