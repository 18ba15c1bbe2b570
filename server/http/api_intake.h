/**
 * @file api_intake.h
 * @brief A resource on its way in: from the socket in blocks to the object store, never whole in memory.
 */
#ifndef HTTP_API_INTAKE_H
#define HTTP_API_INTAKE_H

#include "api_request.h"

enum {
    API_BLOCK_BYTES = 65536, /**< the body is written in blocks of this size */
    API_INTAKES_MAX = 64,    /**< bodies at a time: each has a block */
};

struct api_intake {
    struct api_job job; /* first; of what is kept when the connection breaks */
    struct api_context *shared;
    bool resumable; /**< what came stays when it breaks off */
    struct object_writer *writer; /**< null: none open */
    struct object_expect expect;
    uint8_t md5[16];
    uint8_t sha256[32];
    ferry_id key;
    uint64_t received;
    size_t block_len;
    char block[API_BLOCK_BYTES];
};

/** @brief Room for the blocks of a body. False with a reply. */
bool api_intake_open(struct api_request *r);
/**
 * @brief The same for an object: judges length and digests that the head announces (Content-Length, Content-MD5, Digest, Content-Digest)
 * and begins the object. A failure is a reply.
 */
void api_intake_begin(struct api_request *r, const ferry_id *key);
/**
 * @brief Takes what fits into the block; gives how much. When the block is to be written (*ret_full), at least one
 * byte is left: libmicrohttpd would otherwise go on to call with the next chunk though the connection is suspended.
 */
size_t api_intake_take(struct api_request *r, const char *bytes, size_t len, bool *ret_full);
/** @brief Writes the block. A failure is a reply. */
void api_intake_write(struct api_request *r);
/** @brief Writes the rest, verifies and makes the object visible. False with a reply when it is not kept. */
bool api_intake_finish(struct api_request *r, struct object_digests *ret_digests);
/**
 * @brief The same for a part of an object: goes on where its partial one stands.
 * @retval FERRY_E_BUSY another connection does | those of write_resume
 */
FERRY_MUST_CHECK ferry_err api_intake_resume(struct api_request *r, const struct resource_upload *upload, uint64_t *ret_at);
/** @brief Writes the rest of a part and keeps what came. False with a reply. */
bool api_intake_suspend(struct api_request *r);

/** @brief Throws away what is unfinished, or keeps what is resumable. Accepts a request without one. */
void api_intake_free(struct api_request *r);

/**
 * @brief Finds the SHA-256 in a Digest (RFC 3230: "sha-256=BASE64") or Content-Digest (RFC 9530:
 * "sha-256=:BASE64:") value. Other algorithms are passed over. Pure.
 * @retval FERRY_OK *ret_found says whether there is one | FERRY_E_FORMAT there is one and it is malformed
 */
FERRY_MUST_CHECK ferry_err api_digest_parse(const char *value, bool *ret_found, uint8_t ret_sha256[32]);

#endif
