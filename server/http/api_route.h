/**
 * @file api_route.h
 * @brief What a route is, and how a request finds its own. The table itself stands in api_routes.c. Pure.
 */
#ifndef HTTP_API_ROUTE_H
#define HTTP_API_ROUTE_H

#include "api/operators.h"
#include "api_query.h"
#include "api_url.h"

#include <stdbool.h>
#include <stddef.h>

struct api_request;

/** @brief The least role that may use a route. A route that was forgotten lets nobody in. */
typedef enum {
    API_ROLE_UNSET,
    API_ROLE_VIEWER = ROLE_VIEWER,
    API_ROLE_OPERATOR = ROLE_OPERATOR,
    API_ROLE_ADMIN = ROLE_ADMIN,
    API_ROLE_OPEN, /**< no token is asked for */
} api_role;

/** @brief What a caller who has only some products meets. docs/api/openapi.yaml says the same as x-ferry-scope. */
typedef enum {
    API_SCOPE_UNSET,
    API_SCOPE_NONE,     /**< nothing of any product */
    API_SCOPE_PRODUCT,  /**< one thing of one product: another product's is not found */
    API_SCOPE_LIST,     /**< a list: what is another product's is left out */
    API_SCOPE_GRANT,    /**< names products itself: another one is forbidden */
    API_SCOPE_PLATFORM, /**< about all products: forbidden */
} api_scope;

/** @brief A body that is taken as it comes, in blocks. Each call fills in a reply when it fails. */
struct api_stream_ops {
    /** Judges headers and query and begins. On the HTTP thread: only short work. */
    void (*begin)(struct api_request *r);
    /** Takes the block that has gathered in r->block. On a worker. */
    void (*write)(struct api_request *r);
};

/**
 * @brief One method of one path. A part in braces stands for any text but an empty one.
 */
struct api_route {
    const char *method;
    const char *pattern; /**< "/api/v1/devices/{product}/{device}" */
    api_role role;       /**< the least one that may do this */
    api_scope scope;
    api_query_set query; /**< the parameters it takes */
    api_query_set query_required;
    size_t body_max;        /**< bytes of its JSON body; 0: it takes none */
    size_t body_values_max; /**< values in it */
    const struct api_stream_ops *stream; /**< for a body that is no JSON; else null */
    bool slow; /**< looks at passwords: on the thread for that, with a bounded queue */
    /** Does the work and fills in a reply, or gives a command to the engine. On a worker; may wait for the disk. */
    void (*run)(struct api_request *r);
    bool once; /**< makes something: with an Idempotency-Key only the first of the same requests does */
    bool form; /**< its body may also be a form: application/x-www-form-urlencoded. Each value is a text */
};

enum { API_ROUTE_PARAMS_MAX = 2 };

/** @brief What the parts in braces stood for; the texts are those of the url. */
struct api_route_params {
    size_t count;
    struct api_url_param items[API_ROUTE_PARAMS_MAX]; /**< names without braces, of length name_len */
    size_t name_len[API_ROUTE_PARAMS_MAX];
};

typedef enum { API_ROUTE_FOUND, API_ROUTE_NO_PATH, API_ROUTE_NO_METHOD } api_route_result;

enum { API_ALLOW_SIZE = 64 }; /**< of a list of methods */

/**
 * @brief Finds the route of a request. HEAD is answered by the route for GET.
 * @param[out] ret_route, ret_params  on API_ROUTE_FOUND
 * @param[out] reterr_allow           on API_ROUTE_NO_METHOD: the methods that the path knows
 */
api_route_result api_route_find(const struct api_route *routes, size_t count, const char *method,
                                const struct api_url *url, const struct api_route **ret_route,
                                struct api_route_params *ret_params, char reterr_allow[API_ALLOW_SIZE]);

/** @brief The text for a part in braces; null when the pattern has no such part. */
const char *api_route_param(const struct api_route_params *params, const char *name);

#endif
