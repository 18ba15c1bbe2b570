/**
 * @file tls_files.h
 * @brief Certificates and keys as files, for whoever runs ferryd.
 *
 * All give FERRY_OK or an error with one line that says what went wrong.
 */
#ifndef DAEMON_TLS_FILES_H
#define DAEMON_TLS_FILES_H

#include "tls_make.h"
#include "tls_pem.h"

#include "base/buf.h"
#include "base/error.h"

#include <sys/types.h>

enum { TLS_CERT_MODE = 0644 };

/** @brief Writes the problem. @return err */
__attribute__((format(printf, 3, 4))) ferry_err tls_fail(ferry_err err, char reterr_problem[TLS_PROBLEM_SIZE],
                                                         const char *format, ...);

/** @brief Root makes certificates for a ferryd that runs as somebody else, the owner of data, who must be able to read them. */
void tls_give_to_owner(const char *data, const char *path);

/** @param[in] data  a folder: the file will belong to its owner, also when root writes it */
FERRY_MUST_CHECK
ferry_err tls_write_file(const char *data, const char *path, const struct ferry_buf *text, mode_t mode,
                         char reterr_problem[TLS_PROBLEM_SIZE]);

/** @brief The folder tls/ in the data folder, and that folder, when they are missing. */
FERRY_MUST_CHECK
ferry_err tls_make_folder(const char *data, char reterr_problem[TLS_PROBLEM_SIZE]);

/** @brief A root. @param[in] what  what it is called, behind "Ferry" */
FERRY_MUST_CHECK
ferry_err tls_write_ca(const char *data, const char *what, const char *cert_path, const char *key_path,
                       char reterr_problem[TLS_PROBLEM_SIZE]);

/** @brief A certificate and key by the root in two files, into two files: certificate, key. */
FERRY_MUST_CHECK
ferry_err tls_write_signed(const char *data, const char *const ca[2], const char *const out[2],
                           const struct tls_wish *wish, char reterr_problem[TLS_PROBLEM_SIZE]);

#endif
