/* The HTTP server of the object plane: its life, and the steps of one request. */
#include "http_framing.h"
#include "object_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>

enum {
    STOP_POLL_MS = 10,
    DESCRIPTORS_ASIDE = 256, /* of the process, not for connections and their files */
};

void object_plane_limits_defaults(struct object_plane_limits *limits)
{
#define X(name, value, help) limits->name = (value);
    OBJECT_PLANE_LIMITS(X)
#undef X
}

/* --- suspended connections ------------------------------------------------------------------------ */

bool object_plane_suspend(struct object_plane *plane, struct MHD_Connection *connection)
{
    pthread_mutex_lock(&plane->mutex);
    bool may = !plane->closed;
    plane->suspended += may;
    pthread_mutex_unlock(&plane->mutex);
    if (may)
        MHD_suspend_connection(connection);
    return may;
}

void object_plane_resume(struct object_plane *plane, struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
    pthread_mutex_lock(&plane->mutex);
    plane->suspended--;
    pthread_cond_signal(&plane->resumed);
    pthread_mutex_unlock(&plane->mutex);
}

/* --- one request ---------------------------------------------------------------------------------- */

static object_request_method method_of(const char *name)
{
    static const struct {
        const char *name;
        object_request_method method;
    } table[] = {
        {MHD_HTTP_METHOD_GET, METHOD_GET},         {MHD_HTTP_METHOD_HEAD, METHOD_HEAD},
        {MHD_HTTP_METHOD_PUT, METHOD_PUT},         {MHD_HTTP_METHOD_PATCH, METHOD_PATCH},
        {MHD_HTTP_METHOD_OPTIONS, METHOD_OPTIONS},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].method;
    return METHOD_OTHER;
}

static void read_head(struct object_request *r, struct MHD_Connection *connection, const char *method,
                      const char *version)
{
    char texts[3][OBJECT_HEADER_SIZE];
    const char *override = object_request_header(connection, "X-HTTP-Method-Override", texts[0]);
    const char *length = object_request_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH, texts[1]);
    const char *expect = object_request_header(connection, MHD_HTTP_HEADER_EXPECT, texts[2]);
    r->tus = object_request_has(connection, "Tus-Resumable");
    r->post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (r->tus && override != NULL && strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        method = override;
    r->method = method_of(method);
    r->well_framed = framing_of(connection, version) == FRAMING_GOOD;
    r->vendor = !object_request_has(connection, MHD_HTTP_HEADER_USER_AGENT);
    r->has_body = object_request_has(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
                  (length != NULL && length[strspn(length, "0")] != '\0');
    r->expects_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
}

static size_t head_bytes(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

/* After the gate: nobody but who has a good URL can use up a device's share. */
static object_refusal admit(struct object_request *r)
{
    const struct object_target *target = &r->target;
    if (!object_admission_device(r->plane->admission, &target->device, ferry_mono_ms()))
        return REFUSED_RATE;
    if (r->method != METHOD_PUT && r->method != METHOD_PATCH && r->method != METHOD_GET)
        return REFUSED_NOT;
    r->admitted = object_admission_begin(r->plane->admission, &target->device, &r->client, target->size);
    if (!r->admitted)
        return REFUSED_SHARE;
    object_traffic_begin(r);
    return REFUSED_NOT;
}

static object_refusal judge(struct object_request *r, struct MHD_Connection *connection)
{
    if (object_connection_is_extra(r->connection))
        return REFUSED_BUSY;
    if (atomic_load(&r->plane->stopping))
        return REFUSED_UNAVAILABLE;
    if (head_bytes(connection) > r->plane->cfg.limits.head_bytes_max)
        return REFUSED_HEAD_SIZE;
    if (!r->well_framed)
        return REFUSED_FRAMING;
    if (!object_admission_address(r->plane->admission, &r->client, ferry_mono_ms()))
        return REFUSED_RATE;
    if (r->registers)
        return r->post && r->plane->cfg.seal_keys != NULL ? REFUSED_NOT : REFUSED_PATH;
    object_refusal refusal = object_gate(r);
    return refusal == REFUSED_NOT ? admit(r) : refusal;
}

static void start_discarding(struct object_request *r)
{
    r->discarded_bytes = 0;
    r->discard_until_ms = ferry_mono_ms() + r->plane->cfg.limits.refused_ms;
}

static void note_client(struct object_request *r, struct MHD_Connection *connection)
{
    struct http_client client = http_client_of(&r->plane->cfg.proxies, connection);
    r->client = http_client_network(&client);
    r->by_proxy = client.by_proxy;
    if (client.by_proxy)
        object_connection_from(r->plane->watch, r->connection, &r->client);
}

/* The head is known: what follows? */
static enum MHD_Result serve_head(struct object_request *r, struct MHD_Connection *connection)
{
    note_client(r, connection);
    r->revocations = object_gate_revocations(r->plane);
    if (r->address_verdict == OBJECT_ADDRESS_GOOD && r->method == METHOD_GET)
        object_connection_serves(r->plane->watch, r->connection, &r->address.task);
    r->refusal = judge(r, connection);
    r->step = STEP_ANSWER;
    if (r->refusal == REFUSED_NOT && r->registers)
        object_register_begin(r, connection);
    else if (r->refusal == REFUSED_NOT && r->target.upload)
        object_intake(r, connection);
    else if (r->refusal == REFUSED_NOT)
        object_download(r, connection);
    if (r->step == STEP_WAIT)
        return MHD_YES;
    /* where a body ends that is not well framed, nobody knows */
    if (r->step == STEP_ANSWER && (!r->has_body || r->expects_continue || !r->well_framed))
        return object_answer_queue(r, connection);
    if (r->step == STEP_ANSWER)
        r->step = STEP_DISCARD;
    start_discarding(r);
    object_connection_phase(r->connection, PACE_BODY);
    return MHD_YES;
}

/* libmicrohttpd closes the connection after an answer that is given before it asked for the body. That is right
 * for a vendor device, and for others it is a waste when there is no body. */
static enum MHD_Result on_head(struct object_request *r, struct MHD_Connection *connection, const char *method,
                               const char *version)
{
    read_head(r, connection, method, version);
    if (r->vendor || r->has_body || !r->well_framed)
        return serve_head(r, connection);
    r->step = STEP_BODILESS;
    return MHD_YES;
}

static enum MHD_Result discard(struct object_request *r, struct MHD_Connection *connection, size_t len)
{
    const struct object_plane_limits *limits = &r->plane->cfg.limits;
    r->discarded_bytes += len;
    if (r->discarded_bytes <= limits->refused_bytes_max && ferry_mono_ms() < r->discard_until_ms)
        return MHD_YES;
    if (r->step == STEP_LINGER || r->refusal == REFUSED_NOT)
        return MHD_NO;
    object_answer_at_once(r, connection);
    r->step = STEP_LINGER;
    start_discarding(r);
    return MHD_YES;
}

static enum MHD_Result on_bytes(struct object_request *r, struct MHD_Connection *connection, const char *bytes,
                                size_t len)
{
    if (r->step != STEP_TAKE)
        return discard(r, connection, len);
    if (r->registration != NULL)
        object_register_bytes(r, bytes, len);
    else
        object_upload_bytes(r, bytes, len);
    if (r->step == STEP_DISCARD)
        start_discarding(r);
    return MHD_YES;
}

static enum MHD_Result take_end(struct object_request *r, struct MHD_Connection *connection)
{
    bool alive = r->registration != NULL ? object_register_end(r, connection) : object_upload_end(r, connection);
    if (!alive)
        return MHD_NO;
    return r->step == STEP_ANSWER ? object_answer_queue(r, connection) : MHD_YES;
}

static enum MHD_Result on_call(struct object_request *r, struct MHD_Connection *connection, const char *method,
                               const char *version)
{
    switch (r->step) {
    case STEP_NEW:
        return on_head(r, connection, method, version);
    case STEP_BODILESS:
        return serve_head(r, connection);
    case STEP_TAKE:
        return take_end(r, connection);
    case STEP_WAIT:
        if (r->registration != NULL)
            object_register_decide(r);
        else
            object_intake_decide(r);
        return object_answer_queue(r, connection);
    case STEP_DISCARD:
    case STEP_ANSWER:
        return object_answer_queue(r, connection);
    case STEP_LINGER:
        return MHD_NO;
    }
    return MHD_NO;
}

/* --- what libmicrohttpd calls --------------------------------------------------------------------- */

static enum MHD_Result mhd_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *bytes, size_t *len, void **request)
{
    struct object_request *r = *request;
    (void)cls;
    (void)url;
    if (r == NULL)
        return MHD_NO;
    if (*len == 0)
        return on_call(r, connection, method, version);
    size_t taken = *len;
    *len = 0;
    return on_bytes(r, connection, bytes, taken);
}

/* The target as it came; later libmicrohttpd takes it to pieces. */
static void *mhd_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct object_plane *plane = cls;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct object_request *r = ferry_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->plane = plane;
    r->connection = info != NULL ? info->socket_context : NULL;
    r->address_verdict = object_address_parse(target, &r->address);
    r->registers = strcmp(target, OBJECT_REGISTER_PATH) == 0;
    return r;
}

static void mhd_completed(void *cls, struct MHD_Connection *connection, void **request,
                          enum MHD_RequestTerminationCode why)
{
    struct object_request *r = *request;
    (void)cls;
    (void)connection;
    if (r == NULL)
        return;
    *request = NULL;
    object_traffic_end(r, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    object_upload_drop(r);
    if (r->admitted)
        object_admission_end(r->plane->admission, &r->target.device, &r->client, r->target.size);
    object_register_drop(r);
    if (r->response != NULL && !r->response_is_shared)
        MHD_destroy_response(r->response);
    object_entry_release(r->entry);
    object_connection_serves(r->plane->watch, r->connection, NULL);
    if (r->by_proxy)
        object_connection_from(r->plane->watch, r->connection, NULL);
    object_connection_phase(r->connection, PACE_HEAD);
    free(r);
}

/* --- life ----------------------------------------------------------------------------------------- */

/* The engine has taken rights away: who is sent an object without one is cut. Who sends one hears a refusal
 * (object_upload.c): no answer at all is a success for a vendor device. */
static void cut_revoked(struct object_plane *plane, struct object_watch *watch)
{
    size_t cap = object_watch_tasks(watch, NULL, 0);
    ferry_id *tasks = ferry_calloc(cap + 1, sizeof *tasks);
    if (tasks == NULL)
        return;
    size_t count = cap > 0 ? object_watch_tasks(watch, tasks, cap) : 0;
    for (size_t i = 0; i < count; i++)
        if (!object_gate_may_go_on(plane, &tasks[i]))
            object_watch_cut_task(watch, &tasks[i]);
    free(tasks);
}

/* plane->watch may not be set yet: the thread runs before object_watch_new() has returned. */
static void on_tick(void *arg, struct object_watch *watch)
{
    struct object_plane *plane = arg;
    uint64_t revocations = object_gate_revocations(plane);
    if (revocations != plane->revocations)
        cut_revoked(plane, watch);
    plane->revocations = revocations;
    object_cache_tick(plane->cache);
}

static unsigned threads_of(const struct object_plane_limits *limits)
{
    long processors = limits->threads != 0 ? (long)limits->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 2 ? 2 : (unsigned)processors;
}

static ferry_err check_limits(const struct object_plane_limits *limits)
{
    bool sound = limits->finishers > 0 && limits->connections_max > 0 && limits->uploads_max > 0 &&
                 limits->head_bytes_max >= 1024 && limits->connection_memory_bytes >= 2 * limits->head_bytes_max &&
                 limits->head_ms > 0 && limits->idle_ms > 0 && limits->rate_window_ms > 0 &&
                 limits->cache_objects_max > 0;
    return sound ? FERRY_OK : FERRY_E_ARG;
}

/* A connection needs a descriptor, and its upload one more. Better a clear limit than accept(2) failing. */
static void fit_to_descriptors(struct object_plane_limits *limits)
{
    struct rlimit rlimit;
    if (getrlimit(RLIMIT_NOFILE, &rlimit) != 0 || rlimit.rlim_cur == RLIM_INFINITY)
        return;
    uint64_t aside = DESCRIPTORS_ASIDE + 3ull * limits->cache_objects_max;
    uint64_t fit = rlimit.rlim_cur > aside + 32 ? (rlimit.rlim_cur - aside) / 2 : 16;
    if (limits->connections_max <= fit)
        return;
    ferry_log(FERRY_LOG_WARN, OBJECT_LOG,
              "only %llu descriptors: at most %llu connections instead of %u (raise the limit of open files)",
              (unsigned long long)rlimit.rlim_cur, (unsigned long long)fit, limits->connections_max);
    limits->connections_max = (uint32_t)fit;
}

static ferry_err parts_new(struct object_plane *plane)
{
    const struct object_plane_limits *limits = &plane->cfg.limits;
    struct object_cache_config cache = {plane->cfg.objects, limits->cache_objects_max, limits->cache_small_bytes,
                                        limits->cache_idle_ms, plane->cfg.tls == NULL};
    struct object_watch_config watch = {
        .pace = {limits->head_ms, limits->idle_ms, limits->rate_window_ms, limits->rate_min_bytes},
        .connections_max = limits->connections_max,
        .per_address_max = limits->per_address_max,
        .tls = plane->cfg.tls,
        .tick = on_tick,
        .arg = plane,
    };
    struct object_admission_limits admission = {limits->address_requests_per_min, limits->device_requests_per_min,
                                                limits->device_transfers_max, plane->cfg.device_bytes_max,
                                                plane->cfg.address_bytes_max};
    ferry_err err = api_readers_new(plane->cfg.store, threads_of(limits), &plane->readers);
    if (err == FERRY_OK)
        err = object_admission_new(&admission, &plane->admission);
    if (err == FERRY_OK)
        err = object_cache_new(&cache, &plane->cache);
    if (err == FERRY_OK)
        err = object_verdicts_new(limits->verdicts_max, &plane->verdicts);
    if (err == FERRY_OK)
        err = api_pool_new(limits->finishers, &plane->finishers);
    if (err == FERRY_OK)
        err = object_watch_new(&watch, &plane->watch);
    return err;
}

/* After the last connection is gone. */
static void plane_free(struct object_plane *plane)
{
    object_watch_free(plane->watch);
    api_pool_free(plane->finishers);
    object_admission_free(plane->admission);
    object_verdicts_free(plane->verdicts);
    object_cache_free(plane->cache);
    api_readers_free(plane->readers);
    (void)pthread_cond_destroy(&plane->resumed);
    (void)pthread_mutex_destroy(&plane->mutex);
    free(plane);
}

/* libmicrohttpd's own limit is higher than ours: some must be let in to be told that there are too many. */
static struct MHD_Daemon *daemon_start(struct object_plane *plane, int listen_fd)
{
    const struct object_plane_limits *limits = &plane->cfg.limits;
    unsigned threads = threads_of(limits);
    unsigned accepted = limits->connections_max + limits->connections_max / 16 + 16 * threads;
    struct MHD_OptionItem options[HTTP_LISTENER_OPTIONS];
    plane->listener = (struct http_listener){
        .subsystem = OBJECT_LOG, .proxies = &plane->cfg.proxies, .watch = plane->watch, .tls = plane->cfg.tls};
    http_listener_options(&plane->listener, options);
    return MHD_start_daemon(http_listener_flags(&plane->listener), 0, NULL, NULL, mhd_request, plane,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_LISTEN_SOCKET,
                            (MHD_socket)listen_fd, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
                            accepted, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)limits->connection_memory_bytes,
                            MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)limits->connection_memory_bytes / 4,
                            MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_URI_LOG_CALLBACK, mhd_target, plane,
                            MHD_OPTION_NOTIFY_COMPLETED, mhd_completed, plane, MHD_OPTION_END);
}

/* libmicrohttpd gets a descriptor of its own: when it cannot start it closes the one it has, and the caller's must
 * stay open. */
static ferry_err listen_on(struct object_plane *plane)
{
    int fd = fcntl(plane->cfg.listen_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return FERRY_E_IO;
    plane->daemon = daemon_start(plane, fd);
    if (plane->daemon == NULL)
        return FERRY_E_IO;
    (void)close(plane->cfg.listen_fd);
    return FERRY_OK;
}

ferry_err object_plane_start(const struct object_plane_config *cfg, struct object_plane **ret_plane)
{
    ferry_err err = cfg->objects->ops->url_check != NULL ? check_limits(&cfg->limits) : FERRY_E_ARG;
    if (err != FERRY_OK)
        return err;
    struct object_plane *plane = ferry_calloc(1, sizeof *plane);
    if (plane == NULL)
        return FERRY_E_NOMEM;
    plane->cfg = *cfg;
    fit_to_descriptors(&plane->cfg.limits);
    (void)pthread_mutex_init(&plane->mutex, NULL);
    (void)pthread_cond_init(&plane->resumed, NULL);
    err = parts_new(plane);
    if (err == FERRY_OK)
        err = listen_on(plane);
    if (err != FERRY_OK) {
        plane_free(plane);
        return err;
    }
    *ret_plane = plane;
    return FERRY_OK;
}

void object_plane_forget(struct object_plane *plane, const ferry_id *key)
{
    object_cache_forget(plane->cache, key);
}

static void wait_for_transfers(struct object_plane *plane, bool bodies)
{
    const struct timespec pause = {.tv_nsec = STOP_POLL_MS * 1000000L};
    uint64_t until_ms = ferry_mono_ms() + plane->cfg.limits.stop_grace_ms;
    while (object_watch_busy(plane->watch, bodies) > 0 && ferry_mono_ms() < until_ms)
        (void)nanosleep(&pause, NULL);
}

/* libmicrohttpd must not be stopped while a connection is suspended. */
static void wait_for_suspended(struct object_plane *plane)
{
    pthread_mutex_lock(&plane->mutex);
    plane->closed = true;
    while (plane->suspended > 0)
        pthread_cond_wait(&plane->resumed, &plane->mutex);
    pthread_mutex_unlock(&plane->mutex);
}

void object_plane_stop(struct object_plane *plane)
{
    if (plane == NULL)
        return;
    atomic_store(&plane->stopping, true);
    wait_for_transfers(plane, true);
    wait_for_suspended(plane);
    wait_for_transfers(plane, false); /* what is done has its answer sent */
    MHD_stop_daemon(plane->daemon);
    plane_free(plane);
}
