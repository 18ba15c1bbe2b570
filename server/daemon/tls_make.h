/**
 * @file tls_make.h
 * @brief Makes certificates: a private root, and what it signs for servers and devices. No files here.
 */
#ifndef DAEMON_TLS_MAKE_H
#define DAEMON_TLS_MAKE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TLS_CA_DAYS = 3653,     /* ten years: it is in every device */
    TLS_SERVER_DAYS = 397,  /* what browsers accept at most, 398, less one */
    TLS_DEVICE_DAYS = 3653, /* a device is out of reach for years */
    TLS_DAYS_MAX = 36500,
    TLS_BACKDATE_S = 86400, /* devices' clocks are wrong */
    TLS_NAMES_MAX = 64,
};

struct tls_wish {
    const char *common_name;  /**< any length; devices are product/device */
    const char *const *names; /**< host names and addresses that a server is reached by, checked with tls_name_ok() */
    size_t name_count;
    bool device; /**< to prove who the client is; else a server's */
    unsigned days;
};

/** @brief A host name ("*." may be its first part) or a numeric address. */
bool tls_name_ok(const char *name);

/** @brief A key (ECDSA, P-256) and a certificate of its own, both in PEM. @retval FERRY_OK | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err tls_make_ca(const char *common_name, unsigned days, struct ferry_buf *ret_cert,
                                       struct ferry_buf *ret_key);

/**
 * @brief A key and a certificate signed by a root.
 * @retval FERRY_OK | FERRY_E_FORMAT the root is not PEM, or its key is another one's | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err tls_make_signed(const char *ca_cert_pem, const char *ca_key_pem, const struct tls_wish *wish,
                                           struct ferry_buf *ret_cert, struct ferry_buf *ret_key);

/**
 * @brief The names in a certificate, for one that is to take its place.
 * @param[out] ret_names  at most TLS_NAMES_MAX, each the caller's to free
 */
FERRY_MUST_CHECK ferry_err tls_names_of(const char *cert_pem, char *ret_names[TLS_NAMES_MAX], size_t *ret_count);

#endif
