#define _GNU_SOURCE /* POLLRDHUP */
#include "api_streams.h"

#include "api_auth.h"
#include "api_event_text.h"
#include "api_exchange.h"
#include "api_readers.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"
#include "base/wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    PAGE = 64,       /* events read at once */
    LOOK_MAX = 256,  /* events looked at for one stream before the next has its turn */
    TEXT_FULL = API_STREAM_TEXT_MAX - 4096, /* no event is longer than the rest */
    BLOCK = 2048,    /* bytes that the library holds for each response */
};

struct api_stream {
    struct api_stream *next;
    struct api_stream *next_open; /* of all */
    struct api_streams *streams;
    struct api_request *request; /* lives as long as the response is sent */
    struct api_stream_order order; /* after: moves on */
    struct ferry_buf text;
    size_t taken;        /* of text */
    uint64_t said_ms;    /* monotonic: when it last had text; 0: never */
    uint64_t generation; /* of the operators, when the caller was looked at */
    struct {
        uint64_t generation; /* that was told, and when: monotonic */
        uint64_t told_ms;
    } topics[ENGINE_TOPICS];
    bool over;
};

struct api_streams {
    struct api_context *context;
    pthread_mutex_t lock; /* guards open, fresh, woken, closed */
    struct api_stream *open;
    pthread_cond_t changed;
    struct api_stream *fresh; /* fell asleep since the last round */
    bool woken, closed;
    bool started;
    pthread_t thread;
    /* the thread's own */
    struct api_stream *asleep; /* there was nothing for them */
    struct store_conn *conn;
    struct event_bounds bounds;
    uint64_t page_after;
    size_t page_count;
    struct event page[PAGE];
};

/* --- the thread: what there is for a stream --------------------------------------------------------------- */

static const struct store_ops *ops_of(const struct api_streams *streams)
{
    return streams->context->store->ops;
}

/* The event behind the place. Ids have no gaps and events never change, so a page that was read stays true. */
static ferry_err event_behind(struct api_streams *streams, uint64_t after, const struct event **ret_event)
{
    ferry_err err = FERRY_OK;

    if (after < streams->page_after || after - streams->page_after >= streams->page_count) {
        streams->page_count = 0;
        err = ops_of(streams)->event_list(streams->conn, after, streams->page, PAGE, &streams->page_count);
        streams->page_after = after;
    }
    if (err == FERRY_OK && (streams->page_count == 0 || streams->page[after - streams->page_after].id != after + 1)) {
        streams->page_count = 0; /* retention was here since the bounds were read */
        err = FERRY_E_NOT_FOUND;
    }
    if (err == FERRY_OK)
        *ret_event = &streams->page[after - streams->page_after];
    return err;
}

static bool is_for(const struct api_stream *s, const struct event *e)
{
    const struct api_query *q = &s->request->query;

    return api_sees(s->request, e->product) && (s->order.kinds == 0 || (s->order.kinds & 1u << e->kind) != 0) &&
           (q->product[0] == '\0' || strcmp(q->product, e->product) == 0) &&
           (q->device[0] == '\0' || strcmp(q->device, e->device) == 0);
}

static ferry_err tell_cut(struct api_streams *streams, struct api_stream *s)
{
    const struct event_bounds *b = &streams->bounds;
    bool held = s->order.after <= b->last && s->order.after + 1 >= b->first;

    if (held)
        return FERRY_OK;
    s->order.after = b->first != 0 ? b->first - 1 : 0;
    return api_event_cut_text(&s->text, s->order.after);
}

static ferry_err tell_events(struct api_streams *streams, struct api_stream *s)
{
    ferry_err err = FERRY_OK;

    for (unsigned i = 0; err == FERRY_OK && i < LOOK_MAX && s->order.after < streams->bounds.last && s->text.len < TEXT_FULL;
         i++) {
        const struct event *e = NULL;
        err = event_behind(streams, s->order.after, &e);
        if (err == FERRY_OK && is_for(s, e))
            err = api_event_text(&s->text, e);
        if (err == FERRY_OK)
            s->order.after = e->id;
    }
    return err;
}

/* Who may hear of a topic is who may read what it is about. */
static const struct topic {
    const char *type;
    operator_role role;
    bool of_all; /* not for callers of some products */
} topics[ENGINE_TOPICS] = {
    [ENGINE_TOPIC_PRESENCE] = {"presence.changed", ROLE_VIEWER, false},
    [ENGINE_TOPIC_WEBHOOKS] = {"webhook.changed", ROLE_ADMIN, true},
    [ENGINE_TOPIC_USERS] = {"user.changed", ROLE_ADMIN, false},
    [ENGINE_TOPIC_TOKENS] = {"token.changed", ROLE_ADMIN, false},
    [ENGINE_TOPIC_AUDIT] = {"audit.appended", ROLE_ADMIN, false},
};

unsigned api_stream_topics_of(const struct api_caller *caller)
{
    unsigned mine = 0;

    for (size_t i = 0; i < ENGINE_TOPICS; i++) {
        if (caller->role >= topics[i].role && (!topics[i].of_all || caller->scope[0] == '\0'))
            mine |= 1u << i;
    }
    return mine;
}

static ferry_err tell_topics(struct api_streams *streams, struct api_stream *s, uint64_t now_ms)
{
    struct engine *engine = streams->context->engine;
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < ENGINE_TOPICS; i++) {
        uint64_t generation = engine_topic_generation(engine, (engine_topic)i);
        if ((s->order.topics & 1u << i) == 0 || s->topics[i].generation == generation ||
            now_ms - s->topics[i].told_ms < API_STREAM_TOPIC_MS || s->text.len >= TEXT_FULL)
            continue;
        s->topics[i].generation = generation;
        s->topics[i].told_ms = now_ms;
        err = api_event_told(&s->text, topics[i].type, engine_now_ms(engine));
    }
    return err;
}

/* Has the caller still the right that the stream was opened with? Asked at each sign of life, and after each change of tokens,
 * users and sessions. */
static bool may_go_on(struct api_streams *streams, struct api_stream *s, bool due)
{
    uint64_t generation = engine_operators_generation(streams->context->engine);

    if (!due && s->generation == generation)
        return true;
    s->generation = generation;
    return api_auth_holds(s->request, streams->conn);
}

/* A connection that sleeps is looked at by nobody else: without this a client that left would be noticed at the next sign of
 * life only. */
static bool has_left(const struct api_stream *s)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(s->request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd look = {.fd = info != NULL ? info->connect_fd : -1, .events = POLLRDHUP};

    return poll(&look, 1, 0) == 1;
}

static void serve(struct api_streams *streams, struct api_stream *s, uint64_t now_ms)
{
    bool due = s->said_ms == 0 || now_ms - s->said_ms >= API_STREAM_HEARTBEAT_MS;

    if (has_left(s) || !may_go_on(streams, s, due)) {
        s->over = true;
        return;
    }
    ferry_err err = tell_cut(streams, s);
    if (err == FERRY_OK)
        err = tell_events(streams, s);
    if (err == FERRY_OK && s->said_ms != 0) /* first the client gets a place to come back to */
        err = tell_topics(streams, s, now_ms);
    if (err == FERRY_OK && s->text.len == 0 && due)
        err = api_event_heartbeat(&s->text, s->order.after);
    if (err == FERRY_E_NOT_FOUND)
        err = FERRY_OK; /* the next round tells of the cut */
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, "api", "an event stream ends: %s", ferry_err_text(err));
    s->over = err != FERRY_OK || (!s->order.follow && s->order.after >= streams->bounds.last);
    if (s->text.len > 0)
        s->said_ms = now_ms;
}

/* --- the thread: its rounds --------------------------------------------------------------------------------- */

static void wake(struct api_stream *s)
{
    /* From here on the stream is the HTTP thread's again, and may be gone. */
    MHD_resume_connection(s->request->connection);
}

static ferry_err look_at_store(struct api_streams *streams)
{
    ferry_err err = api_readers_borrow(streams->context->readers, &streams->conn);

    if (err != FERRY_OK)
        streams->conn = NULL;
    return err == FERRY_OK ? ops_of(streams)->event_bounds(streams->conn, &streams->bounds) : err;
}

/* Serves the list and keeps those that sleep on. True: one of them has not seen all. */
static bool serve_list(struct api_streams *streams, struct api_stream *list, uint64_t now_ms)
{
    bool more = false;

    for (struct api_stream *s = list, *next; s != NULL; s = next) {
        next = s->next;
        serve(streams, s, now_ms);
        if (s->text.len > 0 || s->over) {
            wake(s);
            continue;
        }
        more |= s->order.after < streams->bounds.last;
        s->next = streams->asleep;
        streams->asleep = s;
    }
    return more;
}

static struct api_stream *join_lists(struct api_stream *a, struct api_stream *b)
{
    struct api_stream **end = &a;

    while (*end != NULL)
        end = &(*end)->next;
    *end = b;
    return a;
}

static bool do_round(struct api_streams *streams, struct api_stream *fresh, bool all)
{
    struct api_stream *list = fresh;
    bool more = false;

    if (all) {
        list = join_lists(fresh, streams->asleep);
        streams->asleep = NULL;
    }
    if (list == NULL)
        return false;
    ferry_err err = look_at_store(streams);
    if (err == FERRY_OK)
        more = serve_list(streams, list, ferry_mono_ms());
    else /* the next tick tries again */
        streams->asleep = join_lists(list, streams->asleep);
    if (streams->conn != NULL)
        api_readers_give_back(streams->context->readers, streams->conn, err == FERRY_OK);
    streams->conn = NULL;
    return more;
}

static void end_all(struct api_stream *list)
{
    for (struct api_stream *s = list, *next; s != NULL; s = next) {
        next = s->next;
        s->over = true;
        wake(s);
    }
}

static void *run(void *arg)
{
    struct api_streams *streams = arg;

    ferry_thread_name("streams");
    for (bool more = false;;) {
        struct timespec tick = ferry_deadline_in(TICK_MS);
        int status = 0;
        pthread_mutex_lock(&streams->lock);
        while (!more && !streams->woken && !streams->closed && streams->fresh == NULL && status != ETIMEDOUT)
            status = pthread_cond_timedwait(&streams->changed, &streams->lock, &tick);
        bool all = more || streams->woken || status == ETIMEDOUT, closed = streams->closed;
        struct api_stream *fresh = streams->fresh;
        streams->fresh = NULL;
        streams->woken = false;
        pthread_mutex_unlock(&streams->lock);
        if (closed) {
            end_all(join_lists(fresh, streams->asleep));
            return NULL;
        }
        more = do_round(streams, fresh, all);
    }
}

/* On the engine's thread. Who opens a stream after this is told of all that it has not seen when it comes. */
static void on_commit(void *arg)
{
    struct api_streams *streams = arg;

    pthread_mutex_lock(&streams->lock);
    if (streams->open != NULL) {
        streams->woken = true;
        pthread_cond_signal(&streams->changed);
    }
    pthread_mutex_unlock(&streams->lock);
}

/* --- the HTTP thread ------------------------------------------------------------------------------------------ */

static bool sleep_on(struct api_stream *s)
{
    struct api_streams *streams = s->streams;

    pthread_mutex_lock(&streams->lock);
    bool open = !streams->closed;
    if (open) {
        api_exchange_pace(s->request, PACE_OURS);
        MHD_suspend_connection(s->request->connection);
        s->next = streams->fresh;
        streams->fresh = s;
        pthread_cond_signal(&streams->changed);
    }
    pthread_mutex_unlock(&streams->lock);
    return open;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *out, size_t max)
{
    struct api_stream *s = cls;
    size_t left = s->text.len - s->taken, len = left < max ? left : max;

    (void)pos;
    if (len == 0) {
        ferry_buf_done(&s->text);
        s->text = FERRY_BUF_INIT(API_STREAM_TEXT_MAX);
        s->taken = 0;
        return !s->over && sleep_on(s) ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
    }
    api_exchange_pace(s->request, PACE_ANSWER);
    memcpy(out, s->text.data + s->taken, len);
    s->taken += len;
    return (ssize_t)len;
}

/* Counts it in, unless there are too many already. */
static ferry_err enter(struct api_streams *streams, struct api_stream *s)
{
    unsigned all = 0, own = 0, own_max = streams->context->streams_per_caller;

    pthread_mutex_lock(&streams->lock);
    for (const struct api_stream *other = streams->open; other != NULL; other = other->next_open) {
        all++;
        own += strcmp(other->request->caller.actor, s->request->caller.actor) == 0;
    }
    ferry_err err = all >= API_STREAMS_MAX ? FERRY_E_BUSY : own >= own_max ? FERRY_E_LIMIT : FERRY_OK;
    if (err == FERRY_OK) {
        s->next_open = streams->open;
        streams->open = s;
    }
    pthread_mutex_unlock(&streams->lock);
    return err;
}

static void leave(struct api_streams *streams, const struct api_stream *s)
{
    pthread_mutex_lock(&streams->lock);
    for (struct api_stream **at = &streams->open; *at != NULL; at = &(*at)->next_open) {
        if (*at == s) {
            *at = s->next_open;
            break;
        }
    }
    pthread_mutex_unlock(&streams->lock);
}

static void free_stream(void *cls)
{
    struct api_stream *s = cls;

    leave(s->streams, s);
    ferry_buf_done(&s->text);
    free(s);
}

static bool add_headers(struct MHD_Response *response)
{
    return MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream") == MHD_YES &&
           MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
           MHD_add_response_header(response, "X-Accel-Buffering", "no") == MHD_YES &&
           MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;
}

ferry_err api_stream_open(struct api_streams *streams, struct api_request *r, const struct api_stream_order *order,
                          struct MHD_Response **ret_response)
{
    struct api_stream *s = ferry_calloc(1, sizeof *s);
    if (s == NULL)
        return FERRY_E_NOMEM;
    *s = (struct api_stream){.streams = streams, .request = r, .order = *order, .text = FERRY_BUF_INIT(API_STREAM_TEXT_MAX)};
    for (size_t i = 0; i < ENGINE_TOPICS; i++)
        s->topics[i].generation = engine_topic_generation(streams->context->engine, (engine_topic)i);
    ferry_err err = enter(streams, s);
    if (err != FERRY_OK) {
        free(s);
        return err;
    }
    ferry_cleanup(MHD_destroy_response) struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, s, free_stream);
    if (response == NULL)
        free_stream(s);
    if (response == NULL || !add_headers(response))
        return FERRY_E_NOMEM;
    *ret_response = FERRY_TAKE(response);
    return FERRY_OK;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

ferry_err api_streams_new(struct api_context *context, struct api_streams **ret_streams)
{
    struct api_streams *streams = ferry_calloc(1, sizeof *streams);

    if (streams == NULL)
        return FERRY_E_NOMEM;
    streams->context = context;
    pthread_mutex_init(&streams->lock, NULL);
    ferry_cond_init(&streams->changed);
    if (pthread_create(&streams->thread, NULL, run, streams) != 0) {
        api_streams_free(streams);
        return FERRY_E_IO;
    }
    streams->started = true;
    ferry_err err = engine_watch_events(context->engine, on_commit, streams);
    if (err != FERRY_OK) {
        api_streams_free(streams);
        return err;
    }
    *ret_streams = streams;
    return FERRY_OK;
}

void api_streams_close(struct api_streams *streams)
{
    if (streams == NULL || !streams->started)
        return;
    engine_unwatch_events(streams->context->engine, on_commit, streams);
    pthread_mutex_lock(&streams->lock);
    streams->closed = true;
    pthread_cond_signal(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
    (void)pthread_join(streams->thread, NULL);
    streams->started = false;
}

void api_streams_free(struct api_streams *streams)
{
    if (streams == NULL)
        return;
    api_streams_close(streams);
    pthread_cond_destroy(&streams->changed);
    pthread_mutex_destroy(&streams->lock);
    free(streams);
}
