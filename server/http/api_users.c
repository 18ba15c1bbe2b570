/* Users: who comes in to the console with a password. Making and changing them runs on the thread for passwords. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "api_password.h"

#include <string.h>

struct user_body {
    char name[FERRY_IDENT_MAX + 1];
    char role[ROLE_NAME_SIZE];
    json_t *products;
    char password[API_PASSWORD_MAX + 1];
    bool all_products;
};

#define NAME_FIELD {"name", API_FIELD_IDENT, offsetof(struct user_body, name), true, 0, 0}
#define ROLE_FIELD(required) {"role", API_FIELD_ROLE, offsetof(struct user_body, role), required, 0, 0}
#define PRODUCTS_FIELD                                                                            \
    {"products", API_FIELD_IDENT_LIST, offsetof(struct user_body, products), false, 0, API_SCOPE_PRODUCTS_MAX}
#define PASSWORD_FIELD(required)                                                                  \
    {"password", API_FIELD_PASSWORD, offsetof(struct user_body, password), required, API_PASSWORD_MIN, API_PASSWORD_MAX}

static bool hash_password(struct api_request *r, const struct user_body *body)
{
    if (body->password[0] == '\0')
        return true;
    ferry_err err = api_password_hash(body->password, r->command.user.password);
    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    return err == FERRY_OK;
}

/* --- adding -------------------------------------------------------------------------------------------------- */

static void finish_add(struct api_request *r)
{
    api_reply_created(r, api_json_user(&r->command.user), "/users/%s", r->command.user.name);
}

void api_user_add(struct api_request *r)
{
    static const struct api_field fields[] = {NAME_FIELD, ROLE_FIELD(true), PRODUCTS_FIELD, PASSWORD_FIELD(true)};
    struct user_body body = {.products = NULL};
    struct user *user = &r->command.user;

    if (api_body_read(r, fields, sizeof fields / sizeof fields[0], &body) &&
        api_take_scope(r, body.products, user->products) && hash_password(r, &body)) {
        memcpy(user->name, body.name, sizeof user->name);
        memcpy(user->role, body.role, sizeof user->role);
        api_command(r, CMD_USER_ADD, finish_add);
    }
    explicit_bzero(&body, sizeof body);
}

/* --- reading --------------------------------------------------------------------------------------------------- */

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    return r->shared->store->ops->user_list(conn, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_user(row);
}

static const char *key(const void *row)
{
    return ((const struct user *)row)->name;
}

static bool is_mine(struct api_request *r, const void *row)
{
    return scope_within(((const struct user *)row)->products, r->caller.scope);
}

void api_user_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct user), .fetch = fetch, .show = show, .key = key, .keep = is_mine};

    api_list_answer(r, &list);
}

static bool find(struct api_request *r, struct user *ret_user)
{
    struct store_conn *conn = api_reader(r);

    if (conn == NULL ||
        !api_store_ok(r, r->shared->store->ops->user_get(conn, api_param(r, "user"), ret_user), "such user"))
        return false;
    if (!is_mine(r, ret_user))
        api_reply_err(r, FERRY_E_NOT_FOUND, "such user");
    return !api_replied(r);
}

void api_user_get(struct api_request *r)
{
    struct user user;

    if (find(r, &user))
        api_reply_thing(r, api_json_user(&user), NULL);
}

/* --- changing and removing ---------------------------------------------------------------------------------------- */

static void finish_change(struct api_request *r)
{
    api_reply_thing(r, api_json_user(&r->command.user), NULL);
}

static bool take_change(struct api_request *r, const struct user_body *body)
{
    struct user *user = &r->command.user;

    if (body->products != NULL && body->all_products) {
        api_reply_problem(r, API_INVALID_FIELD, "Give either \"products\" or \"all_products\": true.");
        return false;
    }
    r->command.user_scope_given = body->products != NULL || body->all_products;
    memcpy(user->role, body->role, sizeof user->role);
    return (!r->command.user_scope_given || api_take_scope(r, body->products, user->products)) &&
           hash_password(r, body);
}

void api_user_change(struct api_request *r)
{
    static const struct api_field fields[] = {
        ROLE_FIELD(false), PRODUCTS_FIELD, PASSWORD_FIELD(false),
        {"all_products", API_FIELD_BOOL, offsetof(struct user_body, all_products), false, 0, 0},
    };
    struct user_body body = {.products = NULL};
    struct user now;

    if (api_body_read(r, fields, sizeof fields / sizeof fields[0], &body) && find(r, &now) && take_change(r, &body)) {
        memcpy(r->command.user.name, now.name, sizeof now.name);
        api_command(r, CMD_USER_CHANGE, finish_change);
    }
    explicit_bzero(&body, sizeof body);
}

void api_user_remove(struct api_request *r)
{
    if (find(r, &r->command.user))
        api_command(r, CMD_USER_REMOVE, api_reply_nothing);
}
