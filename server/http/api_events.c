/* GET /events: what changes, as it changes. */
#include "api_handlers.h"

#include "api_streams.h"

#include <stdlib.h>
#include <string.h>

/* The id of the last event that the client has seen; a browser that comes back sends it as a header. */
static bool read_place(struct api_request *r, const char **ret_text)
{
    const char *header = api_header(r, "Last-Event-ID");

    *ret_text = header != NULL ? header : r->query.position;
    if (header == NULL || api_query_seq(header))
        return true;
    api_reply_problem(r, API_INVALID_HEADER, "Last-Event-ID must be the id of an event.");
    return false;
}

void api_events(struct api_request *r)
{
    const char *place;
    struct event_bounds bounds;
    struct MHD_Response *response = NULL;

    if (!read_place(r, &place))
        return;
    struct store_conn *conn = api_reader(r);
    if (conn == NULL || !api_store_ok(r, r->shared->store->ops->event_bounds(conn, &bounds), NULL))
        return;
    bool unfiltered = r->query.event_kinds == 0 && r->query.product[0] == '\0' && r->query.device[0] == '\0';
    struct api_stream_order order = {
        .after = place[0] != '\0' ? strtoull(place, NULL, 10) : bounds.last,
        .kinds = r->query.event_kinds,
        .follow = !r->query.ends,
        .topics = !r->query.ends && unfiltered ? api_stream_topics_of(&r->caller) : 0,
    };
    ferry_err err = api_stream_open(r->shared->streams, r, &order, &response);
    if (err == FERRY_E_LIMIT)
        api_reply_problem(r, API_TOO_MANY, "This caller has as many event streams open as one may: close some.");
    else if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    else
        api_reply_response(r, MHD_HTTP_OK, response);
}
