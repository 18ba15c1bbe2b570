/**
 * @file api_content.h
 * @brief The bytes of an object as an answer: GET and HEAD with Range.
 */
#ifndef HTTP_API_CONTENT_H
#define HTTP_API_CONTENT_H

#include "api_request.h"

/**
 * @brief Answers with the object under the key: whole, a part (206), not at all (304, 404, 416).
 * @param[in] name  the file's name, for who saves it
 * @param[in] md5   its hexadecimal MD5, which is its ETag
 */
void api_content_answer(struct api_request *r, const ferry_id *key, const char *name, uint64_t size, const char *md5);

enum { API_DISPOSITION_SIZE = 4 * FERRY_NAME_MAX + 64 };
/** @brief "attachment" with the name in both forms of RFC 6266. Pure. name: at most FERRY_NAME_MAX bytes. */
void api_content_disposition(const char *name, char out[API_DISPOSITION_SIZE]);

#endif
