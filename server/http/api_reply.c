#include "api_request.h"

#include "api_once.h"
#include "base/alloc.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_SOON_S = 1 };

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static struct MHD_Response *make_response(const char *type, const void *bytes, size_t len)
{
    /* The library wants a pointer that it could free, but only copies. */
    union {
        const void *in;
        void *out;
    } data = {.in = bytes};
    ferry_cleanup(MHD_destroy_response) struct MHD_Response *response =
        MHD_create_response_from_buffer(len, data.out, MHD_RESPMEM_MUST_COPY);

    if (response == NULL || (type != NULL && !add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type)) ||
        !add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") ||
        !add_header(response, "X-Content-Type-Options", "nosniff"))
        return NULL;
    return FERRY_TAKE(response);
}

void api_reply_response(struct api_request *r, unsigned status, struct MHD_Response *response)
{
    if (r->response != NULL || r->status != 0) {
        MHD_destroy_response(response);
        return;
    }
    r->status = status;
    r->response = response;
}

void api_reply_drop(struct api_request *r)
{
    if (r->response != NULL)
        MHD_destroy_response(r->response);
    r->response = NULL;
    r->status = 0;
    r->location[0] = '\0';
}

void api_reply_bytes(struct api_request *r, unsigned status, const char *type, const void *bytes, size_t len)
{
    struct MHD_Response *response = make_response(type, bytes, len);

    if (response != NULL && r->location[0] != '\0' &&
        !add_header(response, MHD_HTTP_HEADER_LOCATION, r->location)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    /* Without memory for a reply there is none: the connection is closed when it is resumed. */
    if (response == NULL)
        r->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    else
        api_reply_response(r, status, response);
}

static void send_json(struct api_request *r, unsigned status, const char *type, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;

    json_decref(value);
    if (text != NULL)
        api_reply_bytes(r, status, type, text, strlen(text));
    free(text);
    if (text == NULL && status < 500)
        api_reply_problem(r, API_INTERNAL, NULL);
    else if (text == NULL)
        r->status = status;
}

void api_reply_json(struct api_request *r, unsigned status, json_t *value)
{
    api_once_answered(r, value);
    send_json(r, status, "application/json", value);
}

void api_reply_created(struct api_request *r, json_t *value, const char *format, ...)
{
    char path[API_LOCATION_MAX];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    /* The address is a convenience: the longest names do without. */
    if (len < 0 || (size_t)snprintf(r->location, sizeof r->location, "/api/v1%s", path) >= sizeof r->location ||
        (size_t)len >= sizeof path)
        r->location[0] = '\0';
    api_reply_json(r, MHD_HTTP_CREATED, value);
}

void api_reply_nothing(struct api_request *r)
{
    api_reply_bytes(r, MHD_HTTP_NO_CONTENT, NULL, "", 0);
}

static void add_retry_after(struct MHD_Response *response, uint64_t seconds)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)(seconds != 0 ? seconds : RETRY_SOON_S));
    (void)add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

void api_reply_fault(struct api_request *r, const struct api_fault *fault)
{
    const struct api_problem_info *info = api_problem_info(fault->problem);
    json_t *body = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title",
                             api_status_phrase(info->status), "status", (int)info->status, "code", info->code,
                             "detail", fault->detail[0] != '\0' ? fault->detail : info->text);

    if (body != NULL && fault->field[0] != '\0')
        (void)json_object_set_new(body, "field", json_string(fault->field));
    send_json(r, info->status, "application/problem+json", body);
    if (r->response != NULL && (info->status == MHD_HTTP_SERVICE_UNAVAILABLE ||
                                info->status == MHD_HTTP_TOO_MANY_REQUESTS || fault->problem == API_KEY_BUSY ||
                                fault->problem == API_LOCKED))
        add_retry_after(r->response, fault->retry_after_s);
    if (r->response != NULL && info->status == MHD_HTTP_UNAUTHORIZED)
        (void)add_header(r->response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"ferry\"");
}

void api_reply_problem(struct api_request *r, api_problem problem, const char *detail)
{
    struct api_fault fault;

    (void)api_fault_set(&fault, problem, "", "%s", detail != NULL ? detail : "");
    api_reply_fault(r, &fault);
}

void api_reply_err(struct api_request *r, ferry_err err, const char *what)
{
    struct api_fault fault;
    api_problem problem = api_problem_of(err);

    if (problem == API_INTERNAL)
        ferry_log(FERRY_LOG_ERROR, "api", "%s %s failed: %s", r->route != NULL ? r->route->method : "?",
                  r->route != NULL ? r->route->pattern : "?", ferry_err_text(err));
    if (problem == API_NOT_FOUND && what != NULL)
        (void)api_fault_set(&fault, problem, "", "There is no %s.", what);
    else
        (void)api_fault_set(&fault, problem, "", "%s", "");
    api_reply_fault(r, &fault);
}

void api_reply_allow(struct api_request *r, const char *allow)
{
    struct api_fault fault;

    (void)api_fault_set(&fault, API_METHOD_NOT_ALLOWED, "", "This path knows %s.", allow);
    api_reply_fault(r, &fault);
    if (r->response != NULL)
        (void)add_header(r->response, MHD_HTTP_HEADER_ALLOW, allow);
}
