/**
 * @file api_request.h
 * @brief One request on its way: what it asks for, what answers it, and the way from one to the other.
 *
 * The HTTP thread reads the head and the body, suspends the connection and hands the request to a
 * worker; when the reply is ready the connection is resumed. Only one thread has the request at a
 * time, so it needs no lock.
 */
#ifndef HTTP_API_REQUEST_H
#define HTTP_API_REQUEST_H

#include "api/objects.h"
#include "api/store.h"
#include "api_caller.h"
#include "api_fields.h"
#include "api_gate.h"
#include "api_pool.h"
#include "api_problem.h"
#include "api_query.h"
#include "api_route.h"
#include "api_url.h"
#include "base/buf.h"
#include "core/engine.h"
#include "http/tls.h"
#include "http_client.h"
#include "http_framing.h"
#include "http_mhd.h"
#include "object_watch.h"
#include "scrub/scrub.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

struct api_readers;
struct api_ready;
struct api_streams;
struct api_intake;
struct api_guard;
struct api_import;
struct api_claims;
struct api_once;

enum { API_LOCATION_MAX = 192 };

/** @brief What all requests share; what changes while the server runs guards itself. */
struct api_context {
    struct engine *engine;
    struct store *store;
    struct objects *objects;
    struct scrub *scrub; /**< null: nobody can look */
    const struct seal_keys *seal_keys;
    bool mqtt_http;          /**< other brokers may ask */
    bool allow_plain_secret; /**< of their clients, a device may send its secret */
    uint64_t object_size_max;
    uint32_t url_life_s;
    struct quota_limits quota;
    const char *version;
    const char *settings; /**< null: nobody gave them */
    struct http_traffic *traffic; /**< null: nobody counts */
    struct http_tls *certificate; /**< null: the platform has none */
    uint64_t started_ms; /**< ferry_mono_ms() */
    struct api_readers *readers;
    struct api_pool *workers; /**< answers */
    struct api_pool *writers; /**< raw bodies: a long write must not keep others waiting */
    struct api_pool *passwords; /**< one thread: each look at a password takes 64 MiB and a tenth of a second */
    atomic_uint slow;         /**< requests that wait for it */
    struct api_callers *callers;
    struct api_guard *guard;
    uint64_t session_idle_ms;
    uint64_t answers_kept_ms;
    struct api_claims *claims; /**< of keys that are being used */
    atomic_uint intakes;      /**< raw bodies being taken */
    struct api_gate gate;
    struct object_watch *watch;
    struct ferry_subnets proxies;
    struct ferry_rate *address_rate;
    struct api_ready *ready;
    struct api_streams *streams;
    uint32_t streams_per_caller;
};

typedef enum {
    API_PHASE_HEAD,  /**< nothing was judged yet */
    API_PHASE_BODY,  /**< the body is gathered */
    API_PHASE_DRAIN, /**< refused; the body is read and forgotten so that the client hears the reply */
    API_PHASE_REPLY, /**< with a worker or the engine; when the HTTP thread sees it again the reply is ready */
} api_phase;

struct api_request {
    struct api_job job; /* first: a job is its request */
    struct api_context *shared;
    struct MHD_Connection *connection;
    api_phase phase;
    framing_verdict framing;
    struct object_connection *watched; /**< null: no memory for it */
    pace_phase pace;
    ferry_err url_err;
    struct api_url url;
    const struct api_route *route;
    struct api_route_params params;
    struct api_caller caller; /**< who asks; zeros on an open route */
    struct http_client client; /**< whose limits count */
    char from[ADDRESS_TEXT_SIZE]; /**< the same in words */
    bool slow; /**< counted in shared->slow */
    struct api_query query;
    struct ferry_buf body;
    json_t *json;              /**< of the body; null for a route without */
    bool form;                 /**< the body was a form */
    struct api_import *import; /**< of a list of devices */
    struct api_intake *intake; /**< of a route with a stream */
    struct store_conn *conn;   /**< borrowed while a worker has the request */
    bool conn_broken;
    void (*step)(struct api_request *r); /**< what the worker does next */
    struct command command;
    bool command_given;        /**< the engine has it, or will */
    void (*finish)(struct api_request *r);
    void (*undo)(struct api_request *r); /**< when the command failed; may be null */
    struct api_once *once; /**< of a request with a key; null: none */
    const char **devices; /**< of a deployment */
    char secret[80]; /**< of a new token, until it is answered */
    /* the reply */
    unsigned status; /**< 0: none yet */
    struct MHD_Response *response;
    char location[API_LOCATION_MAX];
};

/** @brief The request has a reply already. */
static inline bool api_replied(const struct api_request *r)
{
    return r->status != 0;
}

/* --- replies: the first one counts; each may be called once per request ---------------------------- */

/** @brief Steals the value. A null value (no memory, text that is no UTF-8) becomes "internal". */
void api_reply_json(struct api_request *r, unsigned status, json_t *value);
/** @brief 201 with the address of what was made; format makes the path after /api/v1. */
void api_reply_created(struct api_request *r, json_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void api_reply_nothing(struct api_request *r);
/** @brief bytes are copied. */
void api_reply_bytes(struct api_request *r, unsigned status, const char *type, const void *bytes, size_t len);
/** @brief Steals the response. */
void api_reply_response(struct api_request *r, unsigned status, struct MHD_Response *response);
/** @brief Takes back a reply that was made and has not been sent: what it says did not happen. */
void api_reply_drop(struct api_request *r);
void api_reply_fault(struct api_request *r, const struct api_fault *fault);
/** @brief detail may be null: the sentence of the list. */
void api_reply_problem(struct api_request *r, api_problem problem, const char *detail);
/** @brief The problem that an error becomes; what was not found, in words ("this product"), or null. */
void api_reply_err(struct api_request *r, ferry_err err, const char *what);
/** @brief 405 with the methods that the path knows. */
void api_reply_allow(struct api_request *r, const char *allow);

/* --- for handlers ---------------------------------------------------------------------------------- */

/** @brief A connection for reading, until the worker is done with the request. Null: the reply says why. */
struct store_conn *api_reader(struct api_request *r);
/** @brief The same without a reply. */
FERRY_MUST_CHECK ferry_err api_reader_try(struct api_request *r, struct store_conn **ret_conn);
/** @brief Looks at a result of the store: true for FERRY_OK; else the reply says why. */
bool api_store_ok(struct api_request *r, ferry_err err, const char *what);
/** @brief The text for "{name}" of the route's pattern; never null for a name that is in it. */
const char *api_param(const struct api_request *r, const char *name);
/** @brief The id for "{name}"; false with a 404 when it is none. */
bool api_param_id(struct api_request *r, const char *name, const char *what, ferry_id *ret_id);
/** @brief The device for "{product}" and "{device}"; false with a 404. */
bool api_param_device(struct api_request *r, struct device_key *ret_key);
/** @brief Reads the JSON body; false with a 400. */
bool api_body_read(struct api_request *r, const struct api_field *fields, size_t count, void *target);
/**
 * @brief Gives r->command (filled in but for kind) to the engine when the handler returns. finish is called on a
 * worker when it is committed; a failure is answered without it.
 */
void api_command(struct api_request *r, command_kind kind, void (*finish)(struct api_request *r));
/** @brief May the caller know of this product? */
bool api_sees(const struct api_request *r, const char *product);
/** @brief The same; false with a 404 that says "There is no " and what, as for one that does not exist. */
bool api_must_see(struct api_request *r, const char *product, const char *what);
/** @brief A request header, or null. */
const char *api_header(const struct api_request *r, const char *name);

/** @brief Frees the request and all that it holds. Accepts null. */
void api_request_free(struct api_request *r);

#endif
