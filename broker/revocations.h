/**
 * @file revocations.h
 * @brief The certificates that are revoked, from a file of revocation lists in PEM form. Not thread-safe.
 *
 * TLS looks at them when a connection begins. Here they are looked at again when they change: for who is connected.
 */
#ifndef BROKER_REVOCATIONS_H
#define BROKER_REVOCATIONS_H

#include "base/error.h"

#include <stdbool.h>

struct revocations {
    void *lists; /* STACK_OF(X509_CRL) */
};

/**
 * @brief Reads the file in place of what was read before. Ends with revocations_done(), also after an error.
 * @retval FERRY_OK | FERRY_E_NOT_FOUND no such file: nothing is revoked
 * @retval FERRY_E_FORMAT | FERRY_E_NOMEM | from errno: what was read before stays
 */
FERRY_MUST_CHECK ferry_err revocations_read(struct revocations *r, const char *path);
/** @brief Is an OpenSSL X509 on a list of its issuer? */
bool revocations_have(const struct revocations *r, void *x509);
void revocations_done(struct revocations *r);

#endif
