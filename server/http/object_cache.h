/**
 * @file object_cache.h
 * @brief Objects that are being fetched, kept open with the answer ready: many devices fetch the same resource.
 *
 * An object is identified by its key; what is behind a key never changes while a task points to it.
 * Small objects are held in memory, others by a descriptor (or a reader, in stores without one).
 */
#ifndef HTTP_OBJECT_CACHE_H
#define HTTP_OBJECT_CACHE_H

#include "api/objects.h"
#include "http_mhd.h"

#include <stdbool.h>
#include <stdint.h>

struct object_cache;
struct object_entry;

struct object_cache_config {
    struct objects *objects;
    uint32_t objects_max;
    uint32_t small_bytes;
    uint32_t idle_ms;
    bool sendfile; /**< of large objects: what TLS cannot */
};

FERRY_MUST_CHECK
ferry_err object_cache_new(const struct object_cache_config *cfg, struct object_cache **ret_cache);
/** @brief Every entry must have been given back. Accepts null. */
void object_cache_free(struct object_cache *cache);
/** @brief Lets go of what nobody asked for lately. Any thread. */
void object_cache_tick(struct object_cache *cache);

/** @brief The next one who asks for the object opens it anew. Any thread. */
void object_cache_forget(struct object_cache *cache, const ferry_id *key);

/**
 * @brief The open object, opened if needed. Any thread; may wait for the disk.
 * @retval FERRY_OK give it back with object_entry_release
 * @retval FERRY_E_NOT_FOUND no such object | FERRY_E_CORRUPT it is not of that size, or was set aside | FERRY_E_LIMIT no descriptor left | FERRY_E_NOMEM | FERRY_E_IO
 */
FERRY_MUST_CHECK
ferry_err object_cache_get(struct object_cache *cache, const ferry_id *key, uint64_t size, const char *md5,
                           struct object_entry **ret_entry);
void object_entry_release(struct object_entry *entry); /**< accepts null */

/**
 * @brief The answer with the whole object (200). Shared by all and valid as long as the entry is held; or, without
 * sendfile and not from memory, of the caller alone: libmicrohttpd serves a stream to one connection at a time.
 */
struct MHD_Response *object_entry_whole(struct object_entry *entry, bool *ret_shared);
/** @brief The same as an answer to a range that covers the whole object (206). */
struct MHD_Response *object_entry_whole_range(struct object_entry *entry, bool *ret_shared);
/** @brief An answer with a part (206), of the caller alone. Null, as above: no memory or no descriptor. */
struct MHD_Response *object_entry_part(struct object_entry *entry, uint64_t offset, uint64_t length);

#endif
