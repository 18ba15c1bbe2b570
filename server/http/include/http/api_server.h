/**
 * @file api_server.h
 * @brief The operator API: `/api/v1`, `/metrics`, `/healthz` and `/readyz` on one listener.
 *
 * Every route, field and error stands in docs/api/openapi.yaml, which the server also answers with
 * at /api/v1/openapi.yaml. Changes go through the engine; lists are read over connections of its own.
 */
#ifndef HTTP_API_SERVER_H
#define HTTP_API_SERVER_H

#include "access/seal.h"
#include "api/objects.h"
#include "api/store.h"
#include "base/error.h"
#include "base/subnets.h"
#include "core/engine.h"
#include "http/tls.h"
#include "http/traffic.h"
#include "scrub/scrub.h"

#include <stdbool.h>
#include <stdint.h>

struct api_server;

/* name, default, what it bounds */
#define API_SERVER_LIMITS(X)                                                                          \
    X(connections_max, 1200, "open connections: a thousand silent clients leave room for an operator") \
    X(per_address_max, 0, "... of one address, or requests through a trusted proxy; 0: no limit")      \
    X(address_requests_per_min, 0, "requests of one address, evenly or at once; 0: no limit")          \
    X(streams_per_caller, 128, "event streams of one token or user at a time")                         \
    X(head_ms, 10000, "time for the head of a request, from the connection or from its first byte")    \
    X(idle_ms, 30000, "time that a connection may rest between two requests")                          \
    X(rate_window_ms, 20000, "bytes are counted over this time; also the grace at the beginning")      \
    X(rate_min_bytes, 10240, "a body or a reply must move that many bytes in each window")

/** @brief Every limit of the server. */
struct api_server_limits {
#define X(name, value, help) uint32_t name;
    API_SERVER_LIMITS(X)
#undef X
};

/** @brief Fills in the defaults above. */
void api_server_limits_defaults(struct api_server_limits *limits);

/** @brief What the server works with. All must outlive it; it closes none of them. */
struct api_server_config {
    int listen_fd; /**< bound and listening; stays the caller's, who closes it after api_server_stop() */
    struct engine *engine;
    struct store *store;
    struct objects *objects;
    struct scrub *scrub; /**< for /objects/verify; null: it is refused */
    const struct seal_keys *seal_keys; /**< what secrets are sealed with */
    struct http_traffic *traffic; /**< of the object plane, for /metrics; null: not shown */
    bool mqtt_http;           /**< /mqtt/auth and /mqtt/acl answer other brokers */
    bool allow_plain_secret;  /**< they may ask for devices whose password is the secret itself */
    uint64_t object_size_max; /**< bytes of a resource; 0: FERRY_OBJECT_SIZE_MAX */
    uint32_t url_life_s;      /**< as the engine has it; 0: FERRY_URL_LIFE_S */
    uint32_t answers_kept_s;  /**< as the engine has it; 0: FERRY_ANSWERS_KEPT_S */
    uint32_t session_idle_s;  /**< as the engine has it; 0: FERRY_SESSION_IDLE_S */
    struct quota_limits quota; /**< of products that have none of their own; the engine has the same */
    const char *version;      /**< of the program, for /status and /metrics; must outlive the server */
    const char *settings;     /**< what /settings answers, JSON without secrets; must outlive the server; null: nothing */
    bool speaks_tls;              /**< else plain HTTP */
    struct http_tls *certificate; /**< of the platform, for TLS and to tell when it expires; null: it has none */
    struct api_server_limits limits;
    struct ferry_subnets proxies; /**< are believed when they say for whom they ask */
};

/**
 * @brief Starts the server's threads and returns; requests are answered from now on.
 * @param[out] ret  written only on FERRY_OK; ends with api_server_stop()
 * @retval FERRY_E_ARG a part is missing, or a limit cannot work | FERRY_E_NOMEM | FERRY_E_IO no thread, descriptor or epoll to be had
 * Blocking: for the start of the threads.   Threads: any.
 */
FERRY_MUST_CHECK ferry_err api_server_start(const struct api_server_config *config, struct api_server **ret);

/**
 * @brief Takes no new connections, lets the requests that are being answered end (at most two seconds), ends
 * the threads and frees. Accepts null. Call it before engine_free(); a stopped engine is fine.
 */
void api_server_stop(struct api_server *server);

#endif
