/**
 * @file certificate.h
 * @brief Whose client certificate is it? TLS has verified it before. Pure; any thread.
 */
#ifndef BROKER_CERTIFICATE_H
#define BROKER_CERTIFICATE_H

#include <stdbool.h>

enum { CERTIFICATE_NAME_SIZE = 136 };

/**
 * @brief The common name of the subject of an OpenSSL X509.
 * False, with an empty name, when it has none or more than one, or one that is too long or contains a NUL.
 */
bool certificate_name(const void *x509, char ret_name[CERTIFICATE_NAME_SIZE]);

#endif
