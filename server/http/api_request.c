#include "api_request.h"

#include "api_readers.h"
#include "api_handlers.h"
#include "api_intake.h"
#include "api_match.h"
#include "api_once.h"

#include <stdlib.h>
#include <string.h>

ferry_err api_reader_try(struct api_request *r, struct store_conn **ret_conn)
{
    ferry_err err = FERRY_OK;

    if (r->conn == NULL)
        err = api_readers_borrow(r->shared->readers, &r->conn);
    if (err == FERRY_OK)
        *ret_conn = r->conn;
    return err;
}

struct store_conn *api_reader(struct api_request *r)
{
    struct store_conn *conn = NULL;
    ferry_err err = api_reader_try(r, &conn);

    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    return conn;
}

bool api_store_ok(struct api_request *r, ferry_err err, const char *what)
{
    if (err == FERRY_OK)
        return true;
    /* After trouble with the store the next request begins with a fresh connection. */
    r->conn_broken = err != FERRY_E_NOT_FOUND;
    api_reply_err(r, err, what);
    return false;
}

const char *api_param(const struct api_request *r, const char *name)
{
    return api_route_param(&r->params, name);
}

bool api_param_id(struct api_request *r, const char *name, const char *what, ferry_id *ret_id)
{
    const char *text = api_param(r, name);

    if (ferry_id_parse(text, strlen(text), ret_id))
        return true;
    api_reply_err(r, FERRY_E_NOT_FOUND, what);
    return false;
}

bool api_param_device(struct api_request *r, struct device_key *ret_key)
{
    if (device_key_make(api_param(r, "product"), api_param(r, "device"), ret_key))
        return true;
    api_reply_err(r, FERRY_E_NOT_FOUND, "such device");
    return false;
}

bool api_body_read(struct api_request *r, const struct api_field *fields, size_t count, void *target)
{
    struct api_fault fault;

    if (api_fields_read(r->json, fields, count, target, &fault))
        return true;
    api_reply_fault(r, &fault);
    return false;
}

bool api_sees(const struct api_request *r, const char *product)
{
    return scope_has(r->caller.scope, product);
}

bool api_must_see(struct api_request *r, const char *product, const char *what)
{
    if (api_sees(r, product))
        return true;
    api_reply_err(r, FERRY_E_NOT_FOUND, what);
    return false;
}

void api_command(struct api_request *r, command_kind kind, void (*finish)(struct api_request *r))
{
    memcpy(r->command.origin.actor, r->caller.actor, sizeof r->command.origin.actor);
    memcpy(r->command.origin.from, r->from, sizeof r->command.origin.from);
    r->command.kind = kind;
    r->command_given = api_match_command(r);
    r->finish = finish;
    api_once_command(r);
}

const char *api_header(const struct api_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

void api_request_free(struct api_request *r)
{
    if (r == NULL)
        return;
    api_import_free(r);
    api_intake_free(r);
    api_once_end(r);
    if (r->slow)
        atomic_fetch_sub(&r->shared->slow, 1);
    explicit_bzero(r->secret, sizeof r->secret);
    json_decref(r->json);
    if (r->body.data != NULL)
        explicit_bzero(r->body.data, r->body.len); /* it may hold a password */
    ferry_buf_done(&r->body);
    if (r->response != NULL)
        MHD_destroy_response(r->response);
    free(r->devices);
    free(r);
}
