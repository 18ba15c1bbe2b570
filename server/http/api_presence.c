/* GET /devices/{product}/{device}/presence: when a device came and went, of the event log. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"

#include <stdio.h>

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    return r->shared->store->ops->event_presence(conn, &r->command.device.key, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_event(row);
}

static void write_key(const void *row, char out[API_POSITION_SIZE])
{
    (void)snprintf(out, API_POSITION_SIZE, "%llu", (unsigned long long)((const struct event *)row)->id);
}

void api_device_presence(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct event), .fetch = fetch, .show = show, .write_key = write_key};
    struct store_conn *conn = api_reader(r);
    struct device device;

    if (conn == NULL || !api_param_device(r, &r->command.device.key) ||
        !api_store_ok(r, r->shared->store->ops->device_get(conn, &r->command.device.key, &device), "such device"))
        return;
    api_list_answer(r, &list);
}
