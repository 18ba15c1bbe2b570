/* Resources: the files that the platform holds for a product. */
#include "api_handlers.h"

#include "api_content.h"
#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "api_intake.h"
#include "api_quota.h"
#include "base/encode.h"
#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- adding ------------------------------------------------------------------------------------------- */

/* At least one, when nothing is announced. */
static uint64_t announced_bytes(const struct api_request *r)
{
    const char *length = api_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length != NULL ? strtoull(length, NULL, 10) : 1;
}

static void begin_add(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct resource *resource = &r->command.resource;
    uint8_t random[FERRY_ID_RANDOM_BYTES];
    struct product product;

    if (conn == NULL || !api_must_see(r, r->query.product, "such product") ||
        !api_store_ok(r, r->shared->store->ops->product_get(conn, r->query.product, &product), "such product") ||
        !api_quota_has_room(r, conn, r->query.product, announced_bytes(r)))
        return;
    ferry_random_bytes(random, sizeof random);
    resource->created_ms = engine_now_ms(r->shared->engine);
    resource->id = ferry_id_make(resource->created_ms, random);
    (void)snprintf(resource->product, sizeof resource->product, "%s", r->query.product);
    (void)snprintf(resource->name, sizeof resource->name, "%s", r->query.name);
    (void)snprintf(resource->description, sizeof resource->description, "%s", r->query.description);
    api_intake_begin(r, &resource->id);
}

const struct api_stream_ops api_resource_stream = {.begin = begin_add, .write = api_intake_write};

static void finish_add(struct api_request *r)
{
    const struct resource *resource = &r->command.resource;

    api_reply_created(r, api_json_resource(resource), "/resources/%s", resource->id.text);
}

/* The object is whole, but nothing will refer to it. */
static void undo_add(struct api_request *r)
{
    (void)r->shared->objects->ops->remove(r->shared->objects, &r->command.resource.id);
}

void api_resource_add(struct api_request *r)
{
    struct resource *resource = &r->command.resource;
    struct object_digests digests;

    if (!api_intake_finish(r, &digests))
        return;
    resource->size = digests.size;
    ferry_hex_encode(digests.md5, sizeof digests.md5, resource->md5);
    ferry_hex_encode(digests.sha256, sizeof digests.sha256, resource->sha256);
    r->undo = undo_add;
    api_command(r, CMD_RESOURCE_ADD, finish_add);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    const struct api_query *q = &r->query;
    struct resource_filter filter = {
        .product = api_query_text(q->product),
        .name_prefix = api_query_text(q->name[0] != '\0' ? q->name : q->name_prefix),
        .made = q->made,
    };

    return r->shared->store->ops->resource_list(conn, &filter, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_resource(row);
}

static const char *key(const void *row)
{
    return ((const struct resource *)row)->id.text;
}

static void write_position(const void *row, store_sort sort, char out[API_POSITION_SIZE])
{
    const struct resource *resource = row;

    if (sort == STORE_BY_SIZE)
        store_position_write_number(resource->id.text, resource->size, out);
    else
        store_position_write(resource->id.text, resource->name, out);
}

static const char *product(const void *row)
{
    return ((const struct resource *)row)->product;
}

/* The store filters by prefix; of an exact name that leaves the longer ones to be passed over. */
static bool has_name(struct api_request *r, const void *row)
{
    return r->query.name[0] == '\0' || strcmp(r->query.name, ((const struct resource *)row)->name) == 0;
}

void api_resource_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct resource), .fetch = fetch, .show = show, .key = key,
        .write_position = write_position, .product = product, .keep = has_name};

    if (r->query.name[0] != '\0' && r->query.name_prefix[0] != '\0')
        api_reply_problem(r, API_INVALID_PARAMETER, "Give either \"name\" or \"name_prefix\".");
    else
        api_list_answer(r, &list);
}

static bool find(struct api_request *r, struct resource *ret_resource)
{
    ferry_id id;

    if (!api_param_id(r, "resource", "such resource", &id))
        return false;
    struct store_conn *conn = api_reader(r);
    return conn != NULL &&
           api_store_ok(r, r->shared->store->ops->resource_get(conn, &id, ret_resource), "such resource") &&
           api_must_see(r, ret_resource->product, "such resource");
}

void api_resource_get(struct api_request *r)
{
    struct resource resource;

    if (find(r, &resource))
        api_reply_thing(r, api_json_resource(&resource), NULL);
}

void api_resource_content(struct api_request *r)
{
    struct resource resource;

    if (find(r, &resource))
        api_content_answer(r, &resource.id, resource.name, resource.size, resource.md5);
}

static void finish_change(struct api_request *r)
{
    api_resource_get(r);
}

void api_resource_change(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"description", API_FIELD_DESCRIPTION, offsetof(struct resource, description), true, 0, 0},
    };
    struct resource resource;

    if (!find(r, &resource) || !api_body_read(r, fields, 1, &resource))
        return;
    r->command.id = resource.id;
    r->command.resource = resource;
    api_command(r, CMD_RESOURCE_CHANGE, finish_change);
}

void api_resource_remove(struct api_request *r)
{
    struct resource resource;

    if (!find(r, &resource))
        return;
    r->command.id = resource.id;
    api_command(r, CMD_RESOURCE_REMOVE, api_reply_nothing);
}
