/**
 * @file objects.h
 * @brief Interface table "objects": the bytes. An object is never seen before it is whole and verified.
 *
 * An object is found by its key: the id of the upload task or resource that it belongs to. A key
 * never becomes anything but 26 characters of [0-9a-z].
 * Implementations: objects/local.h (files), objects/mem.h (tests, simulation), objects/s3.h (a bucket).
 * One conformance suite runs against each (tests/conformance/objects_suite).
 *
 * Threads: an objects instance may be used by any thread at any time; a writer or reader by one
 * thread at a time. Every call may wait for the disk, except where it says otherwise. A store across a network may
 * answer any of them with FERRY_E_NETWORK, FERRY_E_TIMEOUT, FERRY_E_BUSY or FERRY_E_DENIED too.
 */
#ifndef API_OBJECTS_H
#define API_OBJECTS_H

#include "base/error.h"
#include "base/id.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct objects;
struct object_writer; /* opaque, of the implementation */
struct object_reader; /* opaque, of the implementation */

/** @brief What the finished bytes must be. */
struct object_expect {
    uint64_t size;
    const uint8_t *md5;    /**< 16 bytes, or null: not checked */
    const uint8_t *sha256; /**< 32 bytes, or null: not checked */
};

/** @brief What the finished bytes are. */
struct object_digests {
    uint64_t size;
    uint8_t md5[16];
    uint8_t sha256[32]; /**< all zero unless the writer was begun with sha256 */
};

typedef enum { OBJECT_PUT = 1, OBJECT_GET = 2 } object_method; /**< HEAD counts as the class of its URL */

/** @brief What an object URL says. */
struct object_url {
    object_method method;
    ferry_id task;       /**< upload task (PUT) or download task (GET): the address */
    ferry_id key;        /**< the object behind it */
    uint64_t expires_s;  /**< Unix seconds */
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];
};

enum { OBJECT_DIRECT_URL_SIZE = 8192, OBJECT_DIRECT_HEADERS = 2 };

/** @brief One PUT to the store itself: the URL, and the headers that must be sent with it, besides Content-Length. */
struct object_direct {
    char url[OBJECT_DIRECT_URL_SIZE];
    struct {
        const char *name; /**< static storage */
        char value[48];
    } headers[OBJECT_DIRECT_HEADERS];
    size_t headers_count;
};

struct objects_ops {
    const char *name;

    /* --- writing ----------------------------------------------------------------------------- */

    /**
     * Begins a new object; nothing of it can be seen. An older object under the key stays until finish.
     * size is the number of bytes to come when it is known, else 0: room is reserved where that is possible.
     * @retval FERRY_E_FULL | FERRY_E_READONLY | FERRY_E_DENIED | FERRY_E_IO | FERRY_E_NOMEM
     */
    ferry_err (*write_begin)(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                             struct object_writer **ret_writer);

    /**
     * Goes on with the partial object that write_suspend left under the key, or begins one at offset 0.
     * Only one writer at a time may have a key's partial. size: as with write_begin.
     * @retval FERRY_E_BUSY another writer has it | as write_begin, and what was there stays
     */
    ferry_err (*write_resume)(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                              struct object_writer **ret_writer, uint64_t *ret_offset);

    /** Appends. After an error only write_abort or write_suspend are allowed. What it took may wait in memory until write_suspend
     *  or write_finish has returned FERRY_OK: only then may somebody be told that it is there.
     *  @retval FERRY_E_FULL | FERRY_E_IO */
    ferry_err (*write)(struct object_writer *writer, const void *bytes, size_t len);

    /**
     * Verifies, makes durable (file and folder synced) and visible at once, replacing an older object.
     * Consumes the writer in every case; on failure an older object is untouched, and nothing is left behind but, where
     * that can be, a partial object whose bytes may be right: not one with another size or digest.
     * ret_digests may be null.
     * @retval FERRY_E_SIZE | FERRY_E_DIGEST not as expected | FERRY_E_FULL | FERRY_E_IO
     */
    ferry_err (*write_finish)(struct object_writer *writer, const struct object_expect *expect,
                              struct object_digests *ret_digests);

    /** Keeps what was written as a partial object, durable. Consumes the writer in every case. Only after write_resume. */
    ferry_err (*write_suspend)(struct object_writer *writer);

    /** Throws away what was written (a partial too). Consumes the writer. Accepts null. */
    void (*write_abort)(struct object_writer *writer);

    /** Bytes of the partial object; 0 when there is none. A partial that a writer holds counts what was written.
     *  @retval FERRY_E_IO */
    ferry_err (*partial_size)(struct objects *o, const ferry_id *key, uint64_t *ret_size);

    /**
     * Makes a finished object a partial one again: nobody could be told of it. Durable. A partial under the key is replaced.
     * @retval FERRY_E_NOT_FOUND there is no such object | FERRY_E_IO
     */
    ferry_err (*reopen)(struct objects *o, const ferry_id *key);

    /** Removes the partial object; FERRY_OK when there is none. @retval FERRY_E_BUSY a writer has it | FERRY_E_IO */
    ferry_err (*partial_remove)(struct objects *o, const ferry_id *key);

    /* --- reading ----------------------------------------------------------------------------- */

    /** Size of the object. @retval FERRY_E_NOT_FOUND | FERRY_E_IO */
    ferry_err (*stat)(struct objects *o, const ferry_id *key, uint64_t *ret_size);

    /**
     * Is the object under the key exactly this? Null slot: nothing comes under a key but through a writer of this table, which
     * has verified it, so stat tells enough, and no call waits for anything but a disk. With this slot URLs may lead to the store
     * itself, what is under a key must be asked for, and the engine's thread waits for none of these calls.
     * @retval FERRY_E_NOT_FOUND | FERRY_E_SIZE | FERRY_E_DIGEST | FERRY_E_NETWORK | FERRY_E_TIMEOUT | FERRY_E_BUSY | FERRY_E_DENIED |
     *         FERRY_E_IO
     */
    ferry_err (*match)(struct objects *o, const ferry_id *key, const struct object_expect *expect);

    /** Opens for reading; the content stays readable until read_close even if the object is removed or replaced. A store that
     *  cannot keep it says FERRY_E_IO for what it has no more, and never gives bytes of another.
     *  @retval FERRY_E_NOT_FOUND | FERRY_E_CORRUPT it was set aside | FERRY_E_LIMIT no descriptors left | FERRY_E_NOMEM | FERRY_E_IO */
    ferry_err (*read_open)(struct objects *o, const ferry_id *key, struct object_reader **ret_reader,
                           uint64_t *ret_size);

    /** Reads up to len bytes at an offset; *ret_len is 0 only at or past the end. @retval FERRY_E_IO */
    ferry_err (*read_at)(struct object_reader *reader, uint64_t offset, void *out, size_t len, size_t *ret_len);

    /** A descriptor for sendfile, owned by the reader; -1 when there is none. Never blocks. */
    int (*read_fd)(struct object_reader *reader);

    void (*read_close)(struct object_reader *reader); /**< accepts null */

    /* --- house-keeping ----------------------------------------------------------------------- */

    /** Removes the object, and what was set aside of it; FERRY_OK when there is none. Open readers go on.
     *  @retval FERRY_E_IO | FERRY_E_READONLY */
    ferry_err (*remove)(struct objects *o, const ferry_id *key);

    /**
     * After a start, before any writer: removes what unfinished writers left, every partial for which
     * keep_partial(arg, key) is false, and every object for which keep_object(arg, key) is false. A store that others write
     * to meanwhile leaves what is young.
     * Counts what was removed. @retval FERRY_E_IO
     */
    ferry_err (*sweep)(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                       bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed);

    /**
     * The object's bytes are not what they were: it is an object no more (stat, reopen: FERRY_E_NOT_FOUND; read_open:
     * FERRY_E_CORRUPT), but what is left of it stays for people to look at, until it is removed or written anew. Durable.
     * A store that others write to past this table may move what came in this moment.
     * @retval FERRY_E_NOT_FOUND there is no such object, or by now another one | FERRY_E_LIMIT the store cannot move this one: it
     *         stays what it is | FERRY_E_IO | with match: as match
     */
    ferry_err (*set_aside)(struct objects *o, const ferry_id *key);

    /**
     * Names every object, in no order; visit may remove it, and ends the list with false. changed_s: Unix seconds of the last change,
     * 0 when that is not known. What comes and goes meanwhile may be among them or not. Null slot: a store that is not listed.
     * @retval FERRY_E_IO
     */
    ferry_err (*list)(struct objects *o, bool (*visit)(void *arg, const ferry_id *key, uint64_t changed_s), void *arg);

    /** Is there room and right to write? Used by the readiness check. @retval FERRY_E_FULL | FERRY_E_READONLY | FERRY_E_IO */
    ferry_err (*probe)(struct objects *o);

    /** Only with match. From now on no call goes to the store any more: each ends with FERRY_E_CLOSED. Never blocks. */
    void (*interrupt)(struct objects *o);

    /* --- addresses --------------------------------------------------------------------------- */

    /** Writes the object URL (at most FERRY_URL_MAX characters, no character that JSON escapes) with its NUL.
     *  Never blocks. @retval FERRY_E_LIMIT it does not fit in cap */
    ferry_err (*url_sign)(struct objects *o, const struct object_url *url, char *out, size_t cap);

    /** Judges the signature part of a URL of ours in constant time; null slot: URLs of this store never reach us.
     *  url->expires_s is the one given in the URL. Expiry itself is judged by the caller. Never blocks.
     *  @retval FERRY_E_DENIED */
    ferry_err (*url_check)(struct objects *o, const struct object_url *url, const char *signature, size_t len);

    /**
     * How a client that holds long URLs sends the whole object to the store itself. The store takes nothing but these bytes
     * (size, MD5; the SHA-256 where the store looks at it), again and again until expires_s (Unix seconds). Null slot, or
     * FERRY_E_UNSUPPORTED: everything comes through us. Only with match. Never blocks.
     * @param[in] expect  with both digests
     * @retval FERRY_E_UNSUPPORTED | FERRY_E_LIMIT more than one PUT takes | FERRY_E_NOMEM
     */
    ferry_err (*direct_sign)(struct objects *o, const ferry_id *key, const struct object_expect *expect, uint64_t expires_s,
                             struct object_direct *ret_direct);

    void (*close)(struct objects *o); /**< accepts null; no writer or reader may be open */
};

struct objects {
    const struct objects_ops *ops;
};

#endif
