/**
 * @file tls_revoke.h
 * @brief Makes revocation lists: which certificates of a root are not to be believed any more. No files here.
 */
#ifndef DAEMON_TLS_REVOKE_H
#define DAEMON_TLS_REVOKE_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

enum { TLS_SERIAL_HEX_SIZE = 48 };

/**
 * @brief The serial number of the first certificate of a PEM text, in upper-case hexadecimal.
 * @retval FERRY_OK | FERRY_E_FORMAT not PEM | FERRY_E_DENIED another root has signed it
 */
FERRY_MUST_CHECK ferry_err tls_serial_of(const char *ca_cert_pem, const char *cert_pem, char ret_serial[TLS_SERIAL_HEX_SIZE]);

/**
 * @brief A list with what the old one has (null: there is none) and the given serial numbers, signed by the root.
 *
 * It is good for as long as the root: the file lies beside the platform, and a list that runs out would lock every
 * device out on a day that nobody expects.
 * @param[in] serials  as tls_serial_of() gives them
 * @retval FERRY_OK | FERRY_E_FORMAT root, key or list are not PEM, or the list is another root's | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err tls_revoke(const char *ca_cert_pem, const char *ca_key_pem, const char *old_list_pem,
                                      const char *const *serials, size_t count, struct ferry_buf *ret_list);

#endif
