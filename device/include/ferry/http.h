/**
 * @file http.h
 * @brief HTTP heads for ports: the request that an action asks for, and what the engine wants to know of the answer.
 *
 * Optional: only who calls it links it. Freestanding, pure, any thread.
 */
#ifndef FERRY_HTTP_H
#define FERRY_HTTP_H

#include "ferry/device.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes for an ETag with its quotes; a longer one is as good as none. */
enum { FERRY_HTTP_ETAG_SIZE = 64 };
/** Bytes for a Content-MD5 with its NUL. */
enum { FERRY_HTTP_MD5_SIZE = 25 };

/**
 * @brief Takes one line of an answer's head.
 * @param[in,out] head  all zero before the first line; a status line begins it anew
 * @param[in,out] etag  where head->etag will point to
 * @param[in]     line  with or without CR and LF; names in any case, unknown ones are passed over
 * Call FERRY_EV_HTTP_HEAD at the empty line, unless head->status is below 200: then another head follows.
 */
void ferry_http_head_line(ferry_http_head *head, char etag[FERRY_HTTP_ETAG_SIZE], const char *line, size_t len);

/**
 * @brief Writes the head of the request that an HTTP action asks for, up to and with the empty line.
 * @param[in]  act      of kind FERRY_ACT_HTTP
 * @param[out] ret_len  written on FERRY_DEVICE_OK; out is not terminated
 * @retval FERRY_DEVICE_E_MEMORY cap is too small | FERRY_DEVICE_E_ARG the URL is not http://host…
 * A body of act->size (PUT) or act->size - act->offset bytes (PATCH) follows.
 */
FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_http_request(const ferry_action *act, char *out, size_t cap,
                                                            size_t *ret_len);

/** @brief The value of Content-MD5: base64 of the 16 bytes (RFC 1864), and a NUL. */
void ferry_http_md5(const uint8_t md5[FERRY_MD5_BYTES], char out[FERRY_HTTP_MD5_SIZE]);

/** @brief Host and port of an http:// URL (port 80 when it names none); false when it is no such URL. */
bool ferry_http_host(const char *url, ferry_text *ret_host, uint16_t *ret_port);

#ifdef __cplusplus
}
#endif

#endif
