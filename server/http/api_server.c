#include "http/api_server.h"

#include "api_exchange.h"
#include "api_guard.h"
#include "api_once.h"
#include "api_password.h"
#include "api_readers.h"
#include "api_request.h"
#include "api_status.h"
#include "api_streams.h"
#include "base/alloc.h"
#include "base/rate.h"
#include "base/system.h"
#include "http_listener.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    HTTP_THREADS = 2,
    WORKERS = 4,
    WRITERS = 2,
    PASSWORDS = 1,
    STREAMS = 1,
    CONNECTIONS_MORE = 64, /* over the limit: to be told so */
    CONNECTION_MEMORY = 16384, /* bytes: the longest head that is read */
    STOP_GRACE_S = 2,
};

struct api_server {
    struct api_context context;
    struct http_tls *tls; /* null: plain HTTP */
    struct api_server_limits limits;
    struct http_listener listener;
    struct MHD_Daemon *daemon;
};

void api_server_limits_defaults(struct api_server_limits *limits)
{
#define X(name, value, help) limits->name = (value);
    API_SERVER_LIMITS(X)
#undef X
}

/* --- callbacks of libmicrohttpd ------------------------------------------------------------------------ */

static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct api_server *server = cls;
    struct api_request *r = ferry_calloc(1, sizeof *r);

    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (r == NULL)
        return NULL;
    r->shared = &server->context;
    r->watched = info != NULL ? info->socket_context : NULL;
    r->url_err = api_url_parse(target, &r->url);
    api_gate_request_begun(&server->context.gate);
    return r;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *data, size_t *size, void **req_cls)
{
    struct api_request *r = *req_cls;

    (void)cls;
    (void)url;
    if (r == NULL)
        return MHD_NO;
    if (r->phase == API_PHASE_HEAD)
        r->framing = framing_of(connection, version);
    return api_exchange_turn(r, connection, method, data, size);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct api_server *server = cls;

    (void)connection;
    (void)code;
    if (*req_cls == NULL)
        return;
    struct api_request *r = *req_cls;
    if (r->client.by_proxy)
        object_connection_from(server->context.watch, r->watched, NULL);
    object_connection_phase(r->watched, PACE_HEAD);
    api_request_free(r);
    *req_cls = NULL;
    api_gate_request_ended(&server->context.gate);
}

/* --- life ---------------------------------------------------------------------------------------------- */

static ferry_err start_daemon(struct api_server *server, int listen_fd)
{
    /* The library closes the descriptor that it is given: it gets one of its own. */
    int fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
    struct MHD_OptionItem options[HTTP_LISTENER_OPTIONS];

    if (fd < 0)
        return FERRY_E_IO;
    server->listener = (struct http_listener){
        .subsystem = "api", .proxies = &server->context.proxies, .watch = server->context.watch, .tls = server->tls};
    http_listener_options(&server->listener, options);
    server->daemon = MHD_start_daemon(
        http_listener_flags(&server->listener), 0, NULL, NULL, on_access, server,
        MHD_OPTION_ARRAY, options,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)HTTP_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(server->limits.connections_max + CONNECTIONS_MORE),
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, /* the watch does that: it counts more than the last byte */
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_END);
    if (server->daemon == NULL)
        (void)close(fd);
    return server->daemon != NULL ? FERRY_OK : FERRY_E_IO;
}

static void free_server(struct api_server *server)
{
    api_streams_free(server->context.streams);
    api_pool_free(server->context.workers);
    api_pool_free(server->context.writers);
    api_pool_free(server->context.passwords);
    api_callers_free(server->context.callers);
    api_claims_free(server->context.claims);
    api_guard_free(server->context.guard);
    api_readers_free(server->context.readers);
    api_ready_free(server->context.ready);
    object_watch_free(server->context.watch);
    ferry_rate_free(server->context.address_rate);
    api_gate_done(&server->context.gate);
    free(server);
}

static ferry_err start_limits(struct api_context *context, const struct api_server_limits *limits,
                              struct http_tls *tls)
{
    struct object_watch_config watch = {
        .pace = {limits->head_ms, limits->idle_ms, limits->rate_window_ms, limits->rate_min_bytes},
        .connections_max = limits->connections_max,
        .per_address_max = limits->per_address_max,
        .tls = tls,
    };
    ferry_err err = ferry_rate_new(limits->address_requests_per_min, FERRY_RATE_DEVICES, &context->address_rate);

    return err == FERRY_OK ? object_watch_new(&watch, &context->watch) : err;
}

static ferry_err start_parts(struct api_context *context)
{
    ferry_err err = api_readers_new(context->store, HTTP_THREADS + WORKERS + WRITERS + PASSWORDS + STREAMS, &context->readers);

    if (err == FERRY_OK)
        err = api_ready_new(&context->ready);
    if (err == FERRY_OK)
        err = api_pool_new(WORKERS, &context->workers);
    if (err == FERRY_OK)
        err = api_pool_new(WRITERS, &context->writers);
    if (err == FERRY_OK)
        err = api_pool_new(PASSWORDS, &context->passwords);
    if (err == FERRY_OK)
        err = api_callers_new(&context->callers);
    if (err == FERRY_OK)
        err = api_guard_new(&context->guard);
    if (err == FERRY_OK)
        err = api_claims_new(&context->claims);
    if (err == FERRY_OK)
        err = api_password_init();
    if (err == FERRY_OK)
        err = api_streams_new(context, &context->streams);
    return err;
}

ferry_err api_server_start(const struct api_server_config *config, struct api_server **ret)
{
    if (config->engine == NULL || config->store == NULL || config->objects == NULL || config->seal_keys == NULL ||
        config->version == NULL || (config->speaks_tls && config->certificate == NULL) ||
        config->limits.connections_max == 0 || config->limits.head_ms == 0 || config->limits.idle_ms == 0 ||
        config->limits.rate_window_ms == 0)
        return FERRY_E_ARG;
    struct api_server *server = ferry_calloc(1, sizeof *server);
    if (server == NULL)
        return FERRY_E_NOMEM;
    server->context = (struct api_context){
        .engine = config->engine,
        .store = config->store,
        .objects = config->objects,
        .scrub = config->scrub,
        .seal_keys = config->seal_keys,
        .mqtt_http = config->mqtt_http,
        .allow_plain_secret = config->allow_plain_secret,
        .object_size_max = config->object_size_max != 0 ? config->object_size_max : FERRY_OBJECT_SIZE_MAX,
        .quota = config->quota,
        .version = config->version,
        .settings = config->settings,
        .proxies = config->proxies,
        .traffic = config->traffic,
        .certificate = config->certificate,
        .started_ms = ferry_mono_ms(),
        .streams_per_caller = config->limits.streams_per_caller,
        .answers_kept_ms = 1000ull * (config->answers_kept_s != 0 ? config->answers_kept_s : FERRY_ANSWERS_KEPT_S),
        .url_life_s = config->url_life_s != 0 ? config->url_life_s : FERRY_URL_LIFE_S,
        .session_idle_ms = 1000ull * (config->session_idle_s != 0 ? config->session_idle_s : FERRY_SESSION_IDLE_S),
    };
    server->tls = config->speaks_tls ? config->certificate : NULL;
    server->limits = config->limits;
    api_gate_init(&server->context.gate);
    ferry_err err = start_parts(&server->context);
    if (err == FERRY_OK)
        err = start_limits(&server->context, &server->limits, server->tls);
    if (err == FERRY_OK)
        err = start_daemon(server, config->listen_fd);
    if (err != FERRY_OK) {
        free_server(server);
        return err;
    }
    *ret = server;
    return FERRY_OK;
}

void api_server_stop(struct api_server *server)
{
    if (server == NULL)
        return;
    int fd = MHD_quiesce_daemon(server->daemon);
    api_streams_close(server->context.streams);
    api_gate_close(&server->context.gate, STOP_GRACE_S);
    MHD_stop_daemon(server->daemon);
    if (fd >= 0)
        (void)close(fd);
    free_server(server);
}
