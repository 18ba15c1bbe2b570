/* Tokens: what programs come in with. */
#include "api_handlers.h"

#include "api_auth.h"
#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "base/encode.h"
#include "base/system.h"
#include "proto/text.h"

#include <stdio.h>
#include <string.h>

/* Tells everybody who finds one, and every scanner for lost secrets, what it is. */
#define TOKEN_PREFIX "ferry_"

enum { SECRET_BYTES = 32, SECRET_SIZE = sizeof TOKEN_PREFIX + 2 * SECRET_BYTES };

/* --- making -------------------------------------------------------------------------------------------------- */

struct new_token {
    char name[FERRY_IDENT_MAX + 1];
    char role[ROLE_NAME_SIZE];
    json_t *products;
    uint32_t expires_in_s;
};

bool api_take_scope(struct api_request *r, json_t *products, char scope[SCOPE_SIZE])
{
    scope[0] = '\0';
    for (size_t i = 0; i < json_array_size(products); i++) {
        if (!scope_add(scope, json_string_value(json_array_get(products, i)))) {
            api_reply_problem(r, API_INVALID_FIELD, "The names of the products are too long together: at most 1024 characters.");
            return false;
        }
    }
    if (scope_within(scope, r->caller.scope))
        return true;
    api_reply_problem(r, API_FORBIDDEN, "Nobody can give away more than they have: name only your own products.");
    return false;
}

/* The only time that the secret is shown; only the request has it, and only until it is answered. */
static void finish_add(struct api_request *r)
{
    json_t *answer = api_json_token(&r->command.token);

    if (answer != NULL && json_object_set_new(answer, "token", json_string(r->secret)) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    api_reply_created(r, answer, "/tokens/%s", r->command.token.name);
    explicit_bzero(r->secret, sizeof r->secret);
}

static ferry_err make_secret(struct api_request *r)
{
    uint8_t bytes[SECRET_BYTES];

    _Static_assert(sizeof r->secret >= SECRET_SIZE, "room for a token");
    ferry_random_bytes(bytes, sizeof bytes);
    memcpy(r->secret, TOKEN_PREFIX, sizeof TOKEN_PREFIX);
    ferry_hex_encode(bytes, sizeof bytes, r->secret + sizeof TOKEN_PREFIX - 1);
    explicit_bzero(bytes, sizeof bytes);
    return api_auth_hash(r->secret, r->command.token.hash);
}

void api_token_add(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"name", API_FIELD_IDENT, offsetof(struct new_token, name), true, 0, 0},
        {"role", API_FIELD_ROLE, offsetof(struct new_token, role), true, 0, 0},
        {"products", API_FIELD_IDENT_LIST, offsetof(struct new_token, products), false, 0, API_SCOPE_PRODUCTS_MAX},
        {"expires_in_s", API_FIELD_UINT, offsetof(struct new_token, expires_in_s), false, 60, API_TOKEN_LIFE_MAX_S},
    };
    struct new_token given = {.products = NULL};
    struct token *token = &r->command.token;

    if (!api_body_read(r, fields, sizeof fields / sizeof fields[0], &given) ||
        !api_take_scope(r, given.products, token->products))
        return;
    memcpy(token->name, given.name, sizeof token->name);
    memcpy(token->role, given.role, sizeof token->role);
    if (given.expires_in_s != 0)
        token->expires_ms = engine_now_ms(r->shared->engine) + 1000ull * given.expires_in_s;
    ferry_err err = make_secret(r);
    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    else
        api_command(r, CMD_TOKEN_ADD, finish_add);
}

/* --- reading and revoking --------------------------------------------------------------------------------------- */

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    return r->shared->store->ops->token_list(conn, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_token(row);
}

static const char *key(const void *row)
{
    return ((const struct token *)row)->name;
}

static bool is_mine(struct api_request *r, const void *row)
{
    return scope_within(((const struct token *)row)->products, r->caller.scope);
}

void api_token_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct token), .fetch = fetch, .show = show, .key = key, .keep = is_mine};

    api_list_answer(r, &list);
}

static bool find(struct api_request *r, struct token *ret_token)
{
    struct store_conn *conn = api_reader(r);

    if (conn == NULL ||
        !api_store_ok(r, r->shared->store->ops->token_get(conn, api_param(r, "token"), ret_token), "such token"))
        return false;
    if (!is_mine(r, ret_token))
        api_reply_err(r, FERRY_E_NOT_FOUND, "such token");
    return !api_replied(r);
}

void api_token_get(struct api_request *r)
{
    struct token token;

    if (find(r, &token))
        api_reply_thing(r, api_json_token(&token), NULL);
}

void api_token_remove(struct api_request *r)
{
    if (find(r, &r->command.token))
        api_command(r, CMD_TOKEN_REMOVE, api_reply_nothing);
}
