/**
 * @file object_tus.h
 * @brief The headers of resumable uploads: tus 1.0, core protocol. Pure.
 */
#ifndef HTTP_OBJECT_TUS_H
#define HTTP_OBJECT_TUS_H

#include <stdbool.h>
#include <stdint.h>

#define TUS_VERSION "1.0.0"

/** @brief What the head of a PATCH says. */
struct object_tus_patch {
    uint64_t offset; /**< Upload-Offset */
    uint64_t length; /**< Content-Length */
};

typedef enum {
    TUS_GOOD,
    TUS_NO_LENGTH, /**< no Content-Length */
    TUS_MALFORMED, /**< Upload-Offset or Content-Length missing or no number */
    TUS_TYPE,      /**< Content-Type is not application/offset+octet-stream */
    TUS_CONFLICT,  /**< the offset is not where the upload stands */
    TUS_TOO_LONG,  /**< offset and length pass the size of the object */
} object_tus_verdict;

/** @brief True for the one version that we speak. Accepts null. */
bool object_tus_version_known(const char *tus_resumable);

/** @brief Reads the headers of a PATCH; each may be null. Written only with TUS_GOOD. */
object_tus_verdict object_tus_patch_parse(const char *content_type, const char *upload_offset,
                                          const char *content_length, struct object_tus_patch *ret_patch);

/** @brief May this PATCH be applied to an upload of size bytes that stands at offset at? */
object_tus_verdict object_tus_patch_fits(const struct object_tus_patch *patch, uint64_t at, uint64_t size);

#endif
