/**
 * @file tls_pem.h
 * @brief Certificates and keys in PEM files: read, and judged before anything uses them.
 *
 * Every problem is one line that says which file is wrong and what to do.
 */
#ifndef DAEMON_TLS_PEM_H
#define DAEMON_TLS_PEM_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TLS_PEM_MAX = 1 << 20, /* bytes of one file; a revocation list may be long */
    TLS_PROBLEM_SIZE = 512,
    TLS_SUBJECT_SIZE = 128,
    TLS_DATE_SIZE = 32,
};

/** @brief A server's certificate, with those between it and the root, and its key. */
struct tls_pair {
    struct ferry_buf cert, key; /**< PEM, with a final NUL that is not counted */
    uint64_t starts_s, expires_s; /**< Unix time */
    char subject[TLS_SUBJECT_SIZE]; /**< printable */
};

/**
 * @brief Reads both files and checks that they belong together.
 * @param[out] ret_pair  only on FERRY_OK; ends with tls_pair_done(), which wipes the key
 * @retval FERRY_OK | FERRY_E_DENIED, also when everybody may read the key | FERRY_E_FORMAT | FERRY_E_NOMEM | from errno
 */
FERRY_MUST_CHECK ferry_err tls_pair_read(const char *cert_path, const char *key_path, struct tls_pair *ret_pair,
                                         char reterr_problem[TLS_PROBLEM_SIZE]);
void tls_pair_done(struct tls_pair *pair);

/** @brief Would a client that dials the host (a name or an address) accept the certificate? */
bool tls_cert_is_for(const char *cert_pem, const char *host);

/** @brief Reads a file of certificates to trust, at least one. @retval as tls_pair_read() */
FERRY_MUST_CHECK ferry_err tls_ca_read(const char *path, struct ferry_buf *out, char reterr_problem[TLS_PROBLEM_SIZE]);

/**
 * @brief Reads a file of revocation lists, at least one.
 * @param[out] ret_next_s  when the first of them is out of date; 0: never
 * @retval as tls_pair_read()
 */
FERRY_MUST_CHECK ferry_err tls_crl_read(const char *path, struct ferry_buf *out, uint64_t *ret_next_s,
                                        char reterr_problem[TLS_PROBLEM_SIZE]);

/** @brief "2027-01-31 12:00 UTC". */
const char *tls_date(uint64_t unix_s, char out[TLS_DATE_SIZE]);

#endif
