/* Resources that come in several requests: made with a JSON body, sent by the core protocol of tus 1.0, or straight to the store. */
#include "api_handlers.h"

#include "api_intake.h"
#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "base/encode.h"
#include "base/system.h"
#include "object_tus.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WHAT "such upload of a resource"

/* --- what an answer says besides ------------------------------------------------------------------------- */

static void add_header(struct api_request *r, const char *name, const char *value)
{
    if (r->response != NULL)
        (void)MHD_add_response_header(r->response, name, value);
}

static void add_number(struct api_request *r, const char *name, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add_header(r, name, text);
}

static void add_expires(struct api_request *r, uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char text[48];

    if (gmtime_r(&seconds, &tm) != NULL && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
        add_header(r, "Upload-Expires", text);
}

static void add_tus(struct api_request *r, const struct resource_upload *u, uint64_t offset)
{
    add_header(r, "Tus-Resumable", TUS_VERSION);
    add_number(r, "Upload-Offset", offset);
    add_number(r, "Upload-Length", u->size);
    add_expires(r, u->expires_ms);
}

/* The address of what it became. */
static void locate_resource(struct api_request *r, const struct resource_upload *u)
{
    (void)snprintf(r->location, sizeof r->location, "/api/v1/resources/%s", u->id.text);
}

static ferry_err find_offset(const struct api_request *r, const struct resource_upload *u, uint64_t *ret_offset)
{
    struct objects *objects = r->shared->objects;

    *ret_offset = u->size;
    return u->stored_ms != 0 ? FERRY_OK : objects->ops->partial_size(objects, &u->id, ret_offset);
}

/* --- adding ------------------------------------------------------------------------------------------- */

static void finish_add(struct api_request *r)
{
    const struct resource_upload *u = &r->command.resource_upload;
    uint64_t offset;
    ferry_err err = find_offset(r, u, &offset);

    if (err != FERRY_OK) {
        api_reply_err(r, err, NULL);
        return;
    }
    if (r->command.count > 0) {
        api_reply_created(r, api_json_resource_upload(u, offset), "/resource-uploads/%s", u->id.text);
    } else {
        (void)snprintf(r->location, sizeof r->location, "/api/v1/resource-uploads/%s", u->id.text);
        api_reply_json(r, MHD_HTTP_OK, api_json_resource_upload(u, offset));
    }
    add_tus(r, u, offset);
}

static bool size_is_good(struct api_request *r, uint64_t size)
{
    struct api_fault fault;

    if (size > r->shared->object_size_max) {
        api_reply_problem(r, API_TOO_LARGE, "The file is larger than the platform accepts.");
        return false;
    }
    if (size > 0)
        return true;
    (void)api_fault_set(&fault, API_INVALID_FIELD, "size", "The file is empty: devices cannot fetch it.");
    api_reply_fault(r, &fault);
    return false;
}

void api_resource_upload_add(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"product", API_FIELD_IDENT, offsetof(struct resource_upload, product), true, 0, 0},
        {"name", API_FIELD_NAME, offsetof(struct resource_upload, name), true, 0, 0},
        {"description", API_FIELD_DESCRIPTION, offsetof(struct resource_upload, description), false, 0, 0},
        {"size", API_FIELD_UINT64, offsetof(struct resource_upload, size), true, 0, 0},
        {"md5", API_FIELD_HEX, offsetof(struct resource_upload, md5), false, 0, FERRY_MD5_HEX},
        {"sha256", API_FIELD_HEX, offsetof(struct resource_upload, sha256), false, 0, FERRY_SHA256_HEX},
    };
    struct resource_upload upload = {.size = 0};
    uint8_t random[FERRY_ID_RANDOM_BYTES];

    if (!api_body_read(r, fields, sizeof fields / sizeof fields[0], &upload) ||
        !api_must_see(r, upload.product, "such product") || !size_is_good(r, upload.size))
        return;
    ferry_random_bytes(random, sizeof random);
    upload.id = ferry_id_make(engine_now_ms(r->shared->engine), random);
    r->command.resource_upload = upload;
    api_command(r, CMD_RESOURCE_UPLOAD_ADD, finish_add);
}

/* --- finding ------------------------------------------------------------------------------------------ */

static bool find(struct api_request *r, struct resource_upload *ret_upload)
{
    ferry_id id;

    if (!api_param_id(r, "upload", WHAT, &id))
        return false;
    struct store_conn *conn = api_reader(r);
    return conn != NULL &&
           api_store_ok(r, r->shared->store->ops->resource_upload_get(conn, &id, ret_upload), WHAT) &&
           api_must_see(r, ret_upload->product, WHAT);
}

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    return r->shared->store->ops->resource_upload_list(conn, api_query_text(r->query.product), page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    const struct resource_upload *u = row;
    uint64_t offset;

    (void)conn;
    return find_offset(r, u, &offset) == FERRY_OK ? api_json_resource_upload(u, offset) : NULL;
}

static const char *key(const void *row)
{
    return ((const struct resource_upload *)row)->id.text;
}

static const char *product(const void *row)
{
    return ((const struct resource_upload *)row)->product;
}

void api_resource_upload_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct resource_upload), .fetch = fetch, .show = show, .key = key, .product = product};

    api_list_answer(r, &list);
}

/* --- straight to the store ------------------------------------------------------------------------------ */

struct digests {
    uint8_t md5[16], sha256[32];
};

/* False: not both were announced. */
static bool read_digests(const struct resource_upload *u, struct digests *ret)
{
    return u->md5[0] != '\0' && u->sha256[0] != '\0' &&
           ferry_hex_decode(u->md5, FERRY_MD5_HEX, ret->md5, sizeof ret->md5) == FERRY_OK &&
           ferry_hex_decode(u->sha256, FERRY_SHA256_HEX, ret->sha256, sizeof ret->sha256) == FERRY_OK;
}

static ferry_err sign_direct(const struct api_request *r, const struct resource_upload *u, uint64_t expires_s,
                             struct object_direct *ret_direct)
{
    struct objects *objects = r->shared->objects;
    struct digests digests;

    if (objects->ops->direct_sign == NULL || u->stored_ms != 0 || !read_digests(u, &digests))
        return FERRY_E_UNSUPPORTED;
    const struct object_expect expect = {.size = u->size, .md5 = digests.md5, .sha256 = digests.sha256};
    return objects->ops->direct_sign(objects, &u->id, &expect, expires_s, ret_direct);
}

static json_t *direct_json(const struct object_direct *direct, uint64_t expires_s)
{
    json_t *headers = json_object();

    for (size_t i = 0; i < direct->headers_count; i++)
        (void)json_object_set_new(headers, direct->headers[i].name, json_string(direct->headers[i].value));
    if (json_object_size(headers) != direct->headers_count) {
        json_decref(headers);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:o}", "url", direct->url, "headers", headers, "expires_at", api_json_time(1000 * expires_s));
}

void api_resource_upload_direct(struct api_request *r)
{
    struct resource_upload u;
    struct object_direct direct;
    uint64_t expires_s = engine_now_ms(r->shared->engine) / 1000 + r->shared->url_life_s;

    if (!find(r, &u))
        return;
    ferry_err err = sign_direct(r, &u, expires_s, &direct);
    if (err == FERRY_OK)
        api_reply_json(r, MHD_HTTP_OK, direct_json(&direct, expires_s));
    else if (err == FERRY_E_UNSUPPORTED || err == FERRY_E_LIMIT)
        api_reply_json(r, MHD_HTTP_OK, json_pack("{s:n, s:{}, s:n}", "url", "headers", "expires_at"));
    else
        api_reply_err(r, err, NULL);
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void answer_stands(struct api_request *r, const struct resource_upload *u, uint64_t offset)
{
    if (u->stored_ms != 0)
        locate_resource(r, u);
    api_reply_nothing(r);
    add_tus(r, u, offset);
}

static void finish_done(struct api_request *r)
{
    const struct resource_upload *u = &r->command.resource_upload;

    if (strcmp(r->route->method, "GET") == 0)
        api_resource_upload_get(r);
    else
        answer_stands(r, u, u->size);
}

/* Nobody could be told of the object: it is a partial one again, unless the upload was given up. */
static void undo_done(struct api_request *r)
{
    struct objects *objects = r->shared->objects;
    const ferry_id *id = &r->command.resource.id;

    if (r->command.result == FERRY_E_NOT_FOUND)
        (void)objects->ops->remove(objects, id);
    else
        (void)objects->ops->reopen(objects, id);
}

/* All bytes are there: verified, made visible, and committed. */
static void complete(struct api_request *r, const struct resource_upload *u)
{
    struct resource *resource = &r->command.resource;
    struct object_digests digests;

    if (!api_intake_finish(r, &digests))
        return;
    *resource = (struct resource){.id = u->id, .size = digests.size};
    memcpy(resource->product, u->product, sizeof resource->product);
    memcpy(resource->name, u->name, sizeof resource->name);
    memcpy(resource->description, u->description, sizeof resource->description);
    ferry_hex_encode(digests.md5, sizeof digests.md5, resource->md5);
    ferry_hex_encode(digests.sha256, sizeof digests.sha256, resource->sha256);
    r->undo = undo_done;
    api_command(r, CMD_RESOURCE_UPLOAD_DONE, finish_done);
}

/* A sudden end may have left all bytes and no resource. Who may send makes up for it by asking. */
static bool is_left_over(const struct api_request *r, const struct resource_upload *u, uint64_t offset)
{
    return u->stored_ms == 0 && offset == u->size && r->caller.role >= ROLE_OPERATOR && !r->command_given;
}

/* Its sender was given a URL of the store, perhaps, and asks whether the file has come there. */
static bool may_have_come(const struct api_request *r, const struct resource_upload *u, struct digests *digests)
{
    return r->shared->objects->ops->match != NULL && u->stored_ms == 0 && r->caller.role >= ROLE_OPERATOR && !r->command_given &&
           read_digests(u, digests);
}

/* True: there is an answer, or will be. */
static bool adopt(struct api_request *r, const struct resource_upload *u)
{
    struct objects *objects = r->shared->objects;
    struct digests digests;

    if (!may_have_come(r, u, &digests))
        return false;
    const struct object_expect expect = {.size = u->size, .md5 = digests.md5, .sha256 = digests.sha256};
    ferry_err err = objects->ops->match(objects, &u->id, &expect);
    if (err == FERRY_E_NOT_FOUND || err == FERRY_E_SIZE || err == FERRY_E_DIGEST)
        return false;
    r->command.id = u->id;
    if (err == FERRY_OK)
        api_command(r, CMD_RESOURCE_UPLOAD_CAME, finish_done);
    else
        api_reply_err(r, err, NULL);
    return true;
}

void api_resource_upload_get(struct api_request *r)
{
    struct resource_upload u;
    uint64_t offset, at;

    if (!find(r, &u) || adopt(r, &u) || !api_store_ok(r, find_offset(r, &u, &offset), NULL))
        return;
    if (is_left_over(r, &u, offset)) {
        if (!api_intake_open(r))
            return;
        if (api_intake_resume(r, &u, &at) == FERRY_OK) {
            complete(r, &u);
            return;
        }
    }
    if (u.stored_ms != 0)
        locate_resource(r, &u);
    api_reply_thing(r, api_json_resource_upload(&u, offset), NULL);
    add_tus(r, &u, offset);
}

/* --- bytes -------------------------------------------------------------------------------------------- */

static bool refuse_header(struct api_request *r, const char *name, const char *detail)
{
    struct api_fault fault;

    (void)api_fault_set(&fault, API_INVALID_HEADER, name, "%s", detail);
    api_reply_fault(r, &fault);
    return false;
}

static bool read_head(struct api_request *r, struct object_tus_patch *ret_patch)
{
    if (!object_tus_version_known(api_header(r, "Tus-Resumable"))) {
        api_reply_problem(r, API_TUS_VERSION, NULL);
        add_header(r, "Tus-Version", TUS_VERSION);
        return false;
    }
    if (api_header(r, MHD_HTTP_HEADER_IF_MATCH) != NULL)
        return refuse_header(r, "If-Match", "Upload-Offset is the condition here.");
    switch (object_tus_patch_parse(api_header(r, MHD_HTTP_HEADER_CONTENT_TYPE), api_header(r, "Upload-Offset"),
                                   api_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH), ret_patch)) {
    case TUS_TYPE:
        api_reply_problem(r, API_UNSUPPORTED_MEDIA_TYPE, "Send the bytes as application/offset+octet-stream.");
        return false;
    case TUS_NO_LENGTH:
        return refuse_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH, "Say how many bytes come: Content-Length.");
    case TUS_MALFORMED:
        return refuse_header(r, "Upload-Offset", "\"Upload-Offset\" must be a number: where the upload stands.");
    case TUS_GOOD:
    case TUS_CONFLICT:
    case TUS_TOO_LONG:
        break;
    }
    return true;
}

static bool fits(struct api_request *r, const struct object_tus_patch *patch, uint64_t at, const struct resource_upload *u)
{
    object_tus_verdict verdict = object_tus_patch_fits(patch, at, u->size);

    if (verdict == TUS_CONFLICT)
        api_reply_problem(r, API_OFFSET, NULL);
    else if (verdict == TUS_TOO_LONG)
        api_reply_problem(r, API_TOO_LARGE, "These bytes pass the end of the file.");
    if (verdict != TUS_GOOD)
        add_tus(r, u, at);
    return verdict == TUS_GOOD;
}

static void begin_bytes(struct api_request *r)
{
    struct resource_upload *u = &r->command.resource_upload;
    struct object_tus_patch patch;
    uint64_t at = 0;

    if (!read_head(r, &patch) || !find(r, u))
        return;
    if (!api_store_ok(r, find_offset(r, u, &at), NULL) || !fits(r, &patch, at, u) || u->stored_ms != 0 ||
        !api_intake_open(r))
        return;
    ferry_err err = api_intake_resume(r, u, &at);
    if (err == FERRY_E_BUSY) {
        object_watch_cut_writer(r->shared->watch, &u->id);
        api_reply_problem(r, API_LOCKED, NULL);
    } else if (err != FERRY_OK) {
        api_reply_err(r, err, NULL);
    } else if (fits(r, &patch, at, u)) {
        object_connection_writes(r->shared->watch, r->watched, &u->id);
    }
}

const struct api_stream_ops api_resource_upload_stream = {.begin = begin_bytes, .write = api_intake_write};

void api_resource_upload_bytes(struct api_request *r)
{
    struct resource_upload u = r->command.resource_upload;

    if (r->intake == NULL) { /* nothing came for one that is a resource already */
        answer_stands(r, &u, u.size);
        return;
    }
    if (r->intake->received + r->intake->block_len == u.size) {
        complete(r, &u);
    } else if (api_intake_suspend(r)) {
        answer_stands(r, &u, r->intake->received);
    }
}

/* --- removing ----------------------------------------------------------------------------------------- */

/* Who still sends to it is cut. */
static void finish_remove(struct api_request *r)
{
    object_watch_cut_writer(r->shared->watch, &r->command.id);
    api_reply_nothing(r);
}

void api_resource_upload_remove(struct api_request *r)
{
    struct resource_upload u;

    if (!find(r, &u))
        return;
    r->command.id = u.id;
    api_command(r, CMD_RESOURCE_UPLOAD_REMOVE, finish_remove);
}
