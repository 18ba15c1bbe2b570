#include "object_internal.h"

#include "base/log.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { NUMBER_SIZE = 21, HEAD_SIZE = 256 };
static const char retry_after_s[] = "5";

bool object_request_has(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) != NULL;
}

const char *object_request_header(struct MHD_Connection *connection, const char *name, char out[OBJECT_HEADER_SIZE])
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    if (value == NULL)
        return NULL;
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (len >= OBJECT_HEADER_SIZE)
        len = 0;
    memcpy(out, value, len);
    out[len] = '\0';
    return out;
}

bool object_answer_empty(struct object_request *r, unsigned status)
{
    static char nothing[1];
    r->response = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    r->response_is_shared = false;
    r->status = status;
    return r->response != NULL;
}

bool object_answer_header(struct object_request *r, const char *name, const char *value)
{
    return MHD_add_response_header(r->response, name, value) == MHD_YES;
}

bool object_answer_number(struct object_request *r, const char *name, uint64_t value)
{
    char text[NUMBER_SIZE];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return object_answer_header(r, name, text);
}

static bool answer_refusal(struct object_request *r)
{
    const struct object_refusal_text *text = object_refusal_text(r->refusal);
    union {
        const char *constant;
        char *plain;
    } body = {.constant = text->body}; /* libmicrohttpd only reads it */
    r->response = MHD_create_response_from_buffer(text->body_len, body.plain, MHD_RESPMEM_PERSISTENT);
    r->response_is_shared = false;
    r->status = text->status;
    return r->response != NULL && object_answer_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/xml") &&
           (!text->retry_after || object_answer_header(r, MHD_HTTP_HEADER_RETRY_AFTER, retry_after_s));
}

static bool add_tus(struct object_request *r)
{
    if (!r->tus && r->method != METHOD_PATCH && r->method != METHOD_OPTIONS && r->refusal != REFUSED_TUS_VERSION)
        return true;
    return object_answer_header(r, "Tus-Resumable", TUS_VERSION) &&
           (r->refusal != REFUSED_TUS_VERSION || object_answer_header(r, "Tus-Version", TUS_VERSION));
}

static bool finish_answer(struct object_request *r)
{
    if (r->refusal != REFUSED_NOT && r->vendor && (r->method == METHOD_GET || r->method == METHOD_HEAD))
        r->refusal = object_refusal_for_vendor_get(r->refusal);
    if (r->refusal != REFUSED_NOT && !answer_refusal(r))
        return false;
    if (r->response == NULL)
        return false;
    if (r->response_is_shared)
        return true; /* queued before the body could come, which closes the connection for a vendor */
    bool close = r->vendor || !r->well_framed || atomic_load(&r->plane->stopping) || object_connection_is_extra(r->connection);
    return (!close || object_answer_header(r, MHD_HTTP_HEADER_CONNECTION, "close")) && add_tus(r);
}

enum MHD_Result object_answer_queue(struct object_request *r, struct MHD_Connection *connection)
{
    if (!finish_answer(r))
        return MHD_NO;
    object_connection_phase(r->connection, PACE_ANSWER);
    return MHD_queue_response(connection, r->status, r->response);
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static bool send_now(struct MHD_Connection *connection, const void *bytes, size_t len, int more)
{
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (tls != NULL && tls->tls_session != NULL)
        return gnutls_record_send(tls->tls_session, bytes, len) == (ssize_t)len;
    return send(socket_of(connection), bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT | more) == (ssize_t)len;
}

/* Nothing else was sent on the connection for this request, so a short answer fits into the socket's buffer.
 * If it does not, the connection is closed without one. */
void object_answer_at_once(struct object_request *r, struct MHD_Connection *connection)
{
    const struct object_refusal_text *text = object_refusal_text(r->refusal);
    char head[HEAD_SIZE];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: application/xml\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       text->status, MHD_get_reason_phrase_for(text->status), text->body_len);
    if (send_now(connection, head, (size_t)len, MSG_MORE))
        (void)send_now(connection, text->body, text->body_len, 0);
    (void)shutdown(socket_of(connection), SHUT_WR);
}
