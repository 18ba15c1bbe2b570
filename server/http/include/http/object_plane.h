/**
 * @file object_plane.h
 * @brief The object plane: what a device's HTTP request to an object URL meets (docs/object-plane.md).
 *
 * Routes nothing but /o/{task}. Bodies go from the socket to the object store in blocks, whole objects
 * go out by sendfile or from memory, with TLS in blocks. Whatever waits for the disk or the engine at the end of an upload
 * does so on threads of its own, so that one slow disk operation never stops the other connections.
 */
#ifndef HTTP_OBJECT_PLANE_H
#define HTTP_OBJECT_PLANE_H

#include "access/seal.h"
#include "api/objects.h"
#include "api/store.h"
#include "base/error.h"
#include "base/subnets.h"
#include "core/engine.h"
#include "http/tls.h"
#include "http/traffic.h"

#include <stdint.h>

struct object_plane;

/* name, default, what it bounds (0 only where it says so) */
#define OBJECT_PLANE_LIMITS(X)                                                                                     \
    X(threads, 0, "threads that serve connections; 0: one for each processor, at least 2")                         \
    X(finishers, 16, "threads that make uploads durable; many of them share one write of the disk's journal")      \
    X(connections_max, 2048, "open connections; more are answered 503 or wait to be accepted")                     \
    X(per_address_max, 0, "open connections of one address, or requests through a trusted proxy; 0: no limit")      \
    X(address_requests_per_min, 0, "requests of one address, evenly or at once; 0: no limit")                         \
    X(device_requests_per_min, FERRY_DEVICE_TRANSFERS_PER_MIN, "requests with URLs of one device; 0: no limit")        \
    X(device_transfers_max, FERRY_DEVICE_TRANSFERS_MAX, "transfers of one device at a time; 0: no limit")              \
    X(uploads_max, 1024, "uploads whose bytes are arriving")                                                       \
    X(head_bytes_max, 8192, "bytes of a request's head")                                                           \
    X(connection_memory_bytes, 32768, "buffer of one connection")                                                  \
    X(head_ms, 10000, "time for the head of a request, from the connection or from its first byte")                \
    X(idle_ms, 30000, "time that a connection may rest between two requests")                                      \
    X(rate_window_ms, 20000, "bytes are counted over this time; also the grace at the beginning")                  \
    X(rate_min_bytes, 10240, "a body must move that many bytes in each window: 512 a second; vendors send 50,000") \
    X(refused_bytes_max, 16777216, "bytes of a refused body that are read before the answer, and again after it")  \
    X(refused_ms, 120000, "the same as time: a device that sends slowly must live to see the answer")              \
    X(stop_grace_ms, 1000, "time for transfers to end when the plane is stopped")                                  \
    X(cache_objects_max, 128, "objects kept open for the next download")                                           \
    X(cache_small_bytes, 65536, "objects up to this size are sent from memory")                                    \
    X(cache_idle_ms, 60000, "an open object is let go when nobody asked for it that long")                         \
    X(verdicts_max, 4096, "URLs of downloads that are not looked up again while nobody's rights change; 0: none")

/** @brief Every limit of the plane. */
struct object_plane_limits {
#define X(name, value, help) uint32_t name;
    OBJECT_PLANE_LIMITS(X)
#undef X
};

/** @brief Fills in the defaults above. */
void object_plane_limits_defaults(struct object_plane_limits *limits);

struct object_plane_config {
    int listen_fd; /**< bound and listening */
    struct engine *engine;
    struct store *store;
    struct objects *objects; /**< its url_check must not be null */
    struct http_tls *tls; /**< null: plain HTTP; must outlive the plane */
    struct object_plane_limits limits;
    struct ferry_subnets proxies; /**< are believed when they say for whom they ask */
    uint64_t device_bytes_max; /**< of the files that one device transfers at a time; one may always; 0: no limit */
    uint64_t address_bytes_max; /**< ... that one address transfers, likewise */
    struct http_traffic *traffic; /**< what is moved is counted there; null: nowhere */
    const struct seal_keys *seal_keys; /**< what secrets are sealed with; null: no device registers itself */
};

/**
 * @brief Starts serving.
 * @retval FERRY_OK | FERRY_E_ARG a limit that cannot work | FERRY_E_NOMEM | FERRY_E_IO no thread or descriptor to be had |
 *         errors of the store
 * Ownership: the configuration is copied; engine, store and objects must outlive the plane. From FERRY_OK on
 * listen_fd is the plane's, which closes it; else it stays the caller's.
 */
FERRY_MUST_CHECK
ferry_err object_plane_start(const struct object_plane_config *cfg, struct object_plane **ret_plane);

/** @brief The object was found to be damaged: who asks for it now is not answered from what is kept open. Any thread. */
void object_plane_forget(struct object_plane *plane, const ferry_id *key);

/**
 * @brief Stops: takes no new requests, gives transfers stop_grace_ms, lets finished uploads have their answer,
 * cuts the rest (partial objects of resumable uploads are kept), frees. Accepts null.
 * Blocking: until the disk and the engine have done what was begun. The engine must still be running.
 */
void object_plane_stop(struct object_plane *plane);

#endif
