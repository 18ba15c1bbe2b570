/**
 * @file object_watch.h
 * @brief The open connections of the object plane, and the thread that cuts those that are too slow.
 *
 * Why not libmicrohttpd's own time-out: it counts any byte as life, and starts no clock for a head.
 */
#ifndef HTTP_OBJECT_WATCH_H
#define HTTP_OBJECT_WATCH_H

#include "base/error.h"
#include "base/id.h"
#include "base/network.h"
#include "object_pace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WATCH_EVERY_MS = 500 }; /**< how often the thread looks */

struct http_tls;
struct object_watch;
struct object_connection;

struct object_watch_config {
    struct pace_limits pace;
    uint32_t connections_max;
    uint32_t per_address_max; /**< 0: no limit */
    struct http_tls *tls;     /**< of every connection; null: plain HTTP */
    void (*tick)(void *arg, struct object_watch *watch); /**< called each time the thread looks; may be null */
    void *arg;
};

FERRY_MUST_CHECK
ferry_err object_watch_new(const struct object_watch_config *cfg, struct object_watch **ret_watch);
/** @brief Ends the thread and frees. Every connection must be closed. Accepts null. */
void object_watch_free(struct object_watch *watch);

/** @brief A connection was accepted; nobody's network is not counted. Null: no memory, it is not watched. */
struct object_connection *object_watch_opened(struct object_watch *watch, int fd, const struct ferry_network *address);
/** @brief A proxy's connection begins to carry a request for this client, whose it counts as; null: the request is over. */
void object_connection_from(struct object_watch *watch, struct object_connection *connection, const struct ferry_network *client);
/** @brief It is about to be closed; its descriptor is still its own. Accepts null. */
void object_watch_closed(struct object_watch *watch, struct object_connection *connection);

/* Of one connection, by the thread that serves it. */

/** @brief A new phase begins; PACE_HEAD: a request has ended. */
void object_connection_phase(struct object_connection *connection, pace_phase phase);
/** @brief What it is to be given in its handshake; null: nothing. Accepts null. */
struct http_tls *object_connection_tls(const struct object_connection *connection);
/** @brief It, or the request that it carries, came when there were too many already: what it asks is answered 503. */
bool object_connection_is_extra(const struct object_connection *connection);
/** @brief The upload whose partial object it writes; null: none any more. */
void object_connection_writes(struct object_watch *watch, struct object_connection *connection, const ferry_id *key);

/** @brief The download task that its request is about; null: none any more. Said before the right to it is looked up, so that
 *  no loss of the right is missed. */
void object_connection_serves(struct object_watch *watch, struct object_connection *connection, const ferry_id *task);

/** @brief The tasks that are served now, at most cap of them; also the size that they need, for cap 0. */
size_t object_watch_tasks(struct object_watch *watch, ferry_id *out, size_t cap);
/** @brief Cuts the connections that serve the task: it has lost its right. */
void object_watch_cut_task(struct object_watch *watch, const ferry_id *task);

/** @brief Cuts the connection that writes the partial object: its device has come back on another one. */
void object_watch_cut_writer(struct object_watch *watch, const ferry_id *key);
/** @brief Connections with a request under way; with bodies, also those whose body is still coming. */
size_t object_watch_busy(struct object_watch *watch, bool bodies);

#endif
