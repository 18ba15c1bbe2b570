/* What /metrics tells of transfers. */
#include "object_internal.h"

void object_traffic_begin(struct object_request *r)
{
    if (r->plane->cfg.traffic != NULL)
        (void)atomic_fetch_add(&r->plane->cfg.traffic->running_now, 1);
}

void object_traffic_took(struct object_request *r, size_t len)
{
    if (r->plane->cfg.traffic != NULL)
        (void)atomic_fetch_add(&r->plane->cfg.traffic->bytes[TRAFFIC_UP], len);
}

static traffic_result result_of(const struct object_request *r, bool answered)
{
    if (r->refusal != REFUSED_NOT || r->status >= MHD_HTTP_BAD_REQUEST)
        return TRAFFIC_REFUSED;
    return answered ? TRAFFIC_COMPLETE : TRAFFIC_BROKEN;
}

void object_traffic_end(struct object_request *r, bool answered)
{
    struct http_traffic *traffic = r->plane->cfg.traffic;
    bool down = r->method == METHOD_GET, up = r->method == METHOD_PUT || r->method == METHOD_PATCH;
    if (traffic == NULL || !(down || up))
        return;
    traffic_result result = result_of(r, answered);
    (void)atomic_fetch_add(&traffic->transfers[down ? TRAFFIC_DOWN : TRAFFIC_UP][result], 1);
    if (down && result == TRAFFIC_COMPLETE)
        (void)atomic_fetch_add(&traffic->bytes[TRAFFIC_DOWN], r->sends_bytes);
    if (r->admitted)
        (void)atomic_fetch_sub(&traffic->running_now, 1);
}
