#include "api_exchange.h"

#include "api_auth.h"
#include "api_form.h"
#include "api_readers.h"
#include "api_routes.h"
#include "api_intake.h"
#include "api_once.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/network.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SLOW_MAX = 16 }; /* requests that wait for the thread for passwords: two seconds of its work */
enum { DRAIN_MAX = 8 << 20 }; /* bytes of a refused body that are read so that the client hears the reply */

void api_exchange_pace(struct api_request *r, pace_phase pace)
{
    if (r->pace != pace)
        object_connection_phase(r->watched, pace);
    r->pace = pace;
}

/* --- the way of a request to a worker and back ---------------------------------------------------- */

static void give_back_reader(struct api_request *r)
{
    if (r->conn != NULL)
        api_readers_give_back(r->shared->readers, r->conn, !r->conn_broken);
    r->conn = NULL;
    r->conn_broken = false;
}

static void resume(struct api_request *r)
{
    struct api_gate *gate = &r->shared->gate;

    give_back_reader(r);
    if (api_replied(r))
        api_once_end(r);
    /* From here on the request is the HTTP thread's again, and may be gone. */
    MHD_resume_connection(r->connection);
    api_gate_resumed(gate);
}

static void finish_command(struct api_job *job)
{
    struct api_request *r = (struct api_request *)job;

    if (r->command.result == FERRY_OK) {
        if (!api_replied(r))
            r->finish(r);
    } else {
        struct api_fault fault;
        api_reply_drop(r);
        (void)api_fault_set(&fault, api_problem_of(r->command.result), "", "%s", r->command.detail);
        if (fault.problem == API_INTERNAL)
            ferry_log(FERRY_LOG_ERROR, "api", "%s %s failed: %s", r->route->method, r->route->pattern,
                      ferry_err_text(r->command.result));
        if (r->undo != NULL)
            r->undo(r);
        api_reply_fault(r, &fault);
    }
    resume(r);
}

/* On the engine's thread: only hands the request back. */
static void command_done(struct command *command, void *arg)
{
    struct api_request *r = arg;

    (void)command;
    r->job.run = finish_command;
    api_pool_submit(r->shared->workers, &r->job);
}

static bool submit_command(struct api_request *r)
{
    r->command.done = command_done;
    r->command.arg = r;
    ferry_err err = engine_submit(r->shared->engine, &r->command);
    if (err == FERRY_OK)
        return true;
    if (r->undo != NULL)
        r->undo(r);
    api_reply_err(r, err, NULL);
    return false;
}

static void run_job(struct api_job *job)
{
    struct api_request *r = (struct api_request *)job;

    r->step(r);
    if (r->command_given && !api_replied(r) && submit_command(r))
        return;
    resume(r);
}

/* Gives the request to a worker; its connection sleeps meanwhile. False with a reply when the server ends. */
static bool hand_over(struct api_request *r, struct api_pool *pool, void (*step)(struct api_request *r))
{
    if (!api_gate_suspend(&r->shared->gate)) {
        api_reply_err(r, FERRY_E_CLOSED, NULL);
        return false;
    }
    api_exchange_pace(r, PACE_OURS);
    MHD_suspend_connection(r->connection);
    r->step = step;
    r->job.run = run_job;
    api_pool_submit(pool, &r->job);
    return true;
}

/* --- steps on a worker --------------------------------------------------------------------------- */

static bool parse_body(struct api_request *r)
{
    json_error_t error;

    if (r->form) {
        r->json = api_form_read(r->body.data, r->body.len);
        if (r->json == NULL)
            api_reply_problem(r, API_BAD_REQUEST, "The form has a bad escape, is no UTF-8 or has too many fields.");
        return r->json != NULL;
    }
    if (api_json_values_bound(r->body.data, r->body.len) > r->route->body_values_max) {
        api_reply_problem(r, API_TOO_LARGE, "The body has more values than this route takes.");
        return false;
    }
    r->json = json_loadb(r->body.data, r->body.len, JSON_REJECT_DUPLICATES, &error);
    if (r->json == NULL || !json_is_object(r->json)) {
        struct api_fault fault;
        (void)api_fault_set(&fault, API_INVALID_JSON, "", "The body is not one JSON object: %s.",
                            r->json == NULL ? error.text : "it is an array");
        api_reply_fault(r, &fault);
        return false;
    }
    return true;
}

static void step_answer(struct api_request *r)
{
    if (r->route->body_max > 0 && !parse_body(r))
        return;
    if (r->route->stream == NULL && !api_once_begin(r))
        return;
    r->route->run(r);
    if (!api_replied(r) && !r->command_given)
        api_reply_err(r, FERRY_E_IO, NULL);
}

static void step_write(struct api_request *r)
{
    r->route->stream->write(r);
}

/* --- the HTTP thread -------------------------------------------------------------------------------- */

static bool must_close(const struct api_request *r)
{
    return r->framing != FRAMING_GOOD || object_connection_is_extra(r->watched);
}

static enum MHD_Result send_reply(struct api_request *r)
{
    if (r->response == NULL)
        return MHD_NO;
    if (must_close(r) &&
        MHD_add_response_header(r->response, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES)
        return MHD_NO;
    ferry_log(FERRY_LOG_DEBUG, "api", "%s %s -> %u", r->route != NULL ? r->route->method : "?",
              r->route != NULL ? r->route->pattern : "no route", r->status);
    api_exchange_pace(r, PACE_ANSWER);
    return MHD_queue_response(r->connection, r->status, r->response);
}

static uint64_t announced_bytes(const struct api_request *r)
{
    const char *length = api_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    if (length != NULL)
        return strtoull(length, NULL, 10);
    return api_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL ? UINT64_MAX : 0;
}

/* A reply that is ready before the body was read. Of a body that is not well framed nobody knows the end. A client that waits for "100 Continue" hears it at once;
   others first send a short body, or their connection is cut. */
static enum MHD_Result refuse(struct api_request *r)
{
    uint64_t bytes = announced_bytes(r);

    if (must_close(r) || bytes == 0 || bytes > DRAIN_MAX || api_header(r, MHD_HTTP_HEADER_EXPECT) != NULL)
        return send_reply(r);
    r->phase = API_PHASE_DRAIN;
    api_exchange_pace(r, PACE_BODY);
    return MHD_YES;
}

static bool find_route(struct api_request *r, const char *method)
{
    char allow[API_ALLOW_SIZE];

    if (r->url_err != FERRY_OK) {
        api_reply_problem(r, r->url_err == FERRY_E_LIMIT ? API_URI_TOO_LONG : API_BAD_REQUEST,
                          r->url_err == FERRY_E_LIMIT ? NULL : "The path or query has a bad escape or is no UTF-8.");
        return false;
    }
    switch (api_route_find(api_routes, api_routes_count, method, &r->url, &r->route, &r->params, allow)) {
    case API_ROUTE_FOUND:
        return true;
    case API_ROUTE_NO_PATH:
        api_reply_problem(r, API_NO_ROUTE, NULL);
        return false;
    case API_ROUTE_NO_METHOD:
        api_reply_allow(r, allow);
        return false;
    }
    return false;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";

    return type == NULL ||
           (strncasecmp(type, json, sizeof json - 1) == 0 && strchr("; \t", type[sizeof json - 1]) != NULL);
}

static bool is_form(const char *type)
{
    static const char form[] = "application/x-www-form-urlencoded";

    return type != NULL && strncasecmp(type, form, sizeof form - 1) == 0 && strchr("; \t", type[sizeof form - 1]) != NULL;
}

static bool check_body_head(struct api_request *r)
{
    const char *type = api_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    uint64_t bytes = announced_bytes(r);

    r->form = r->route->form && is_form(type);

    if (r->route->stream != NULL)
        return true;
    if (bytes == UINT64_MAX && r->route->body_max > 0)
        bytes = 0; /* chunked: counted as it comes */
    if (r->route->body_max == 0 && bytes > 0)
        api_reply_problem(r, API_BAD_REQUEST, "This route takes no body.");
    else if (bytes > r->route->body_max)
        api_reply_problem(r, API_TOO_LARGE, NULL);
    else if (r->route->body_max > 0 && !r->form && !is_json(type))
        api_reply_problem(r, API_UNSUPPORTED_MEDIA_TYPE, NULL);
    return !api_replied(r);
}

static bool read_query(struct api_request *r)
{
    struct api_fault fault;

    if (api_query_read(&r->url, r->route->query | r->route->query_required, r->route->query_required, &r->query,
                       &fault))
        return true;
    api_reply_fault(r, &fault);
    return false;
}

static bool well_framed(struct api_request *r)
{
    if (r->framing != FRAMING_GOOD)
        api_reply_problem(r, API_BAD_REQUEST, framing_text(r->framing));
    return r->framing == FRAMING_GOOD;
}

static bool within_limits(struct api_request *r)
{
    struct ferry_network network = http_client_network(&r->client);

    if (r->client.by_proxy)
        object_connection_from(r->shared->watch, r->watched, &network);
    if (object_connection_is_extra(r->watched))
        api_reply_problem(r, API_BUSY, "There are too many connections. Try again when some are closed.");
    else if (!ferry_network_take(r->shared->address_rate, &network, ferry_mono_ms()))
        api_reply_problem(r, API_TOO_MANY, NULL);
    return !api_replied(r);
}

static bool judge_head(struct api_request *r, const char *method)
{
    if (!well_framed(r) || !within_limits(r) || !find_route(r, method) || !api_auth_check(r) || !read_query(r) || !check_body_head(r))
        return false;
    r->body = FERRY_BUF_INIT(r->route->body_max);
    if (r->route->stream != NULL && api_once_begin(r))
        r->route->stream->begin(r);
    return !api_replied(r);
}

static enum MHD_Result on_head(struct api_request *r, struct MHD_Connection *connection, const char *method)
{
    r->connection = connection;
    r->client = http_client_of(&r->shared->proxies, connection);
    http_client_text(&r->client, r->from);
    bool go_on = judge_head(r, method);
    give_back_reader(r);
    if (!go_on)
        return refuse(r);
    r->phase = API_PHASE_BODY;
    api_exchange_pace(r, PACE_BODY);
    return MHD_YES;
}

static void take_stream(struct api_request *r, const char *data, size_t *size)
{
    bool full;
    size_t taken = api_intake_take(r, data, *size, &full);

    *size -= taken;
    if (full && !hand_over(r, r->shared->writers, step_write))
        *size = 0;
}

static void take_json(struct api_request *r, const char *data, size_t *size)
{
    ferry_err err = ferry_buf_append(&r->body, data, *size);

    *size = 0;
    if (err == FERRY_E_LIMIT)
        api_reply_problem(r, API_TOO_LARGE, NULL);
    else if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
}

/* Null with a reply when too many wait for the thread that looks at passwords. */
static struct api_pool *choose_pool(struct api_request *r)
{
    if (r->route->stream != NULL)
        return r->shared->writers;
    if (!r->route->slow)
        return r->shared->workers;
    r->slow = true;
    if (atomic_fetch_add(&r->shared->slow, 1) < SLOW_MAX)
        return r->shared->passwords;
    api_reply_problem(r, API_BUSY, "Too many are logging in at once. Try again in a second.");
    return NULL;
}

static enum MHD_Result on_body(struct api_request *r, const char *data, size_t *size)
{
    api_exchange_pace(r, PACE_BODY);
    if (*size > 0) {
        /* After a failure the rest is read and forgotten: the library sends no reply before the end. */
        if (api_replied(r))
            *size = 0;
        else if (r->route->stream != NULL)
            take_stream(r, data, size);
        else
            take_json(r, data, size);
        return MHD_YES;
    }
    if (api_replied(r))
        return send_reply(r);
    r->phase = API_PHASE_REPLY;
    struct api_pool *pool = choose_pool(r);
    return pool != NULL && hand_over(r, pool, step_answer) ? MHD_YES : send_reply(r);
}

enum MHD_Result api_exchange_turn(struct api_request *r, struct MHD_Connection *connection, const char *method,
                                  const char *data, size_t *size)
{
    switch (r->phase) {
    case API_PHASE_HEAD:
        return on_head(r, connection, method);
    case API_PHASE_BODY:
        return on_body(r, data, size);
    case API_PHASE_DRAIN:
        if (*size == 0)
            return send_reply(r);
        *size = 0;
        return MHD_YES;
    case API_PHASE_REPLY:
        break;
    }
    return send_reply(r);
}
