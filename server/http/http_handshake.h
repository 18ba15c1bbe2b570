/**
 * @file http_handshake.h
 * @brief What the listeners need of struct http_tls: the options of libmicrohttpd, and the certificate for one handshake.
 */
#ifndef HTTP_HANDSHAKE_H
#define HTTP_HANDSHAKE_H

#include "http/tls.h"
#include "http_mhd.h"

#include <gnutls/abstract.h>

/** @brief Which certificate a connection is given; each listener has one of its own, see http_handshake_answer(). */
typedef gnutls_certificate_retrieve_function3 http_handshake_callback;

enum { HTTP_HANDSHAKE_OPTIONS = 3 };

/** @brief MHD_USE_TLS, or nothing when tls is null. */
unsigned http_handshake_flags(const struct http_tls *tls);

/** @brief For MHD_OPTION_ARRAY; empty when tls is null. */
void http_handshake_options(const struct http_tls *tls, http_handshake_callback *callback,
                            struct MHD_OptionItem out[HTTP_HANDSHAKE_OPTIONS]);

/** @brief The context that the listener has given to the connection of a session; null when it has none. */
void *http_handshake_context(gnutls_session_t session);

/**
 * @brief The body of a callback: copies of certificate and key, which GnuTLS frees after the handshake. So nobody
 * waits for handshakes when they are replaced. Negative when there is no memory, or when tls is null.
 */
int http_handshake_answer(struct http_tls *tls, gnutls_pcert_st **ret_certs, unsigned *ret_count,
                          gnutls_privkey_t *ret_key, unsigned *ret_flags);

#endif
