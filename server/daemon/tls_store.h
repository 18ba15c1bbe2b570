/**
 * @file tls_store.h
 * @brief The folder tls/ in the data folder: what `ferryd tls` makes and ferryd takes when nobody names other files.
 */
#ifndef DAEMON_TLS_STORE_H
#define DAEMON_TLS_STORE_H

#include "tls_make.h"
#include "tls_pem.h"

#include "base/error.h"

#include <stdbool.h>

/* names in the data folder */
#define TLS_FOLDER "tls"
#define TLS_CA_CERT "tls/ca.pem"
#define TLS_CA_KEY "tls/ca.key"
#define TLS_SERVER_CERT "tls/server.pem"
#define TLS_SERVER_KEY "tls/server.key"
#define TLS_DEVICE_CA_CERT "tls/device-ca.pem"
#define TLS_DEVICE_CA_KEY "tls/device-ca.key"
#define TLS_DEVICE_CRL "tls/device-crl.pem"
#define TLS_DEVICE_LIST "tls/devices.txt" /* what was issued: a line "SERIAL product/device" for each */

/**
 * @brief Makes the root and the server's certificate.
 * @param[in] data  the data folder; made when missing. Files belong to its owner, also when root makes them
 * @retval FERRY_OK | FERRY_E_EXISTS some of it is there: nothing was changed | from errno
 */
FERRY_MUST_CHECK ferry_err tls_store_init(const char *data, const struct tls_wish *server,
                                          char reterr_problem[TLS_PROBLEM_SIZE]);

/** @brief A new certificate and key of the server, by the root that is there. The names of the old one, if it is there, are kept. */
FERRY_MUST_CHECK ferry_err tls_store_renew(const char *data, const struct tls_wish *server,
                                           char reterr_problem[TLS_PROBLEM_SIZE]);

#endif
