/**
 * @file cos_sign.h
 * @brief Tencent COS's own signature (q-sign-algorithm=sha1), in the query of a URL. Pure; any thread.
 */
#ifndef OBJECTS_S3_COS_SIGN_H
#define OBJECTS_S3_COS_SIGN_H

#include "sigv4.h"

/**
 * @brief Appends "path?query" with the signature, which is good for life_s from unix_s on.
 * @param[in] request  payload does not count. path is encoded; what is signed is what it stands for: raw_path
 * @retval FERRY_E_ARG life_s is 0 | FERRY_E_LIMIT too many pairs, or longer than out may be | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err cos_presign(const struct sigv4_signer *signer, const struct sigv4_request *request,
                                       const char *raw_path, uint64_t unix_s, uint64_t life_s, struct ferry_buf *out);

#endif
