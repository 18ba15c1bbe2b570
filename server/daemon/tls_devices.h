/**
 * @file tls_devices.h
 * @brief Certificates of devices: made by a CA of our own, remembered, and revoked.
 */
#ifndef DAEMON_TLS_DEVICES_H
#define DAEMON_TLS_DEVICES_H

#include "tls_make.h"
#include "tls_pem.h"

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * @brief A certificate and key for a device, as {out}/{base}.pem and .key. The root for devices is made when missing.
 * @retval FERRY_OK | FERRY_E_EXISTS one of the files is there | from errno
 */
FERRY_MUST_CHECK
ferry_err tls_devices_make(const char *data, const char *out, const char *base, const struct tls_wish *device,
                           bool *ret_made_ca, char reterr_problem[TLS_PROBLEM_SIZE]);

/**
 * @brief Puts certificates of devices on a revocation list, which is made when missing.
 * @param[in] list  path
 * @param[in] what  a certificate's file, or product/device: all that were made for it
 * @param[out] ret_count  how many certificates that are
 * @retval FERRY_OK | FERRY_E_NOT_FOUND none is known | FERRY_E_DENIED it is not of the CA for devices | from errno
 */
FERRY_MUST_CHECK
ferry_err tls_devices_revoke(const char *data, const char *list, const char *what, size_t *ret_count,
                             char reterr_problem[TLS_PROBLEM_SIZE]);

#endif
