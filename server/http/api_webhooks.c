/* Webhooks: who is told of events by HTTP. */
#include "api_handlers.h"

#include "access/seal.h"
#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "base/encode.h"
#include "base/system.h"

#include <stdio.h>
#include <string.h>

/* Tells everybody who finds one, and every scanner for lost secrets, what it is. */
#define SECRET_PREFIX "ferry_hook_"

enum { SECRET_BYTES = 24, GIVEN_SIZE = DEVICE_SECRET_MAX + 1 };
_Static_assert(sizeof SECRET_PREFIX - 1 + 2 * SECRET_BYTES <= DEVICE_SECRET_MAX, "room for a secret");

/* --- secrets ---------------------------------------------------------------------------------------------------- */

static void make_secret(char secret[GIVEN_SIZE])
{
    uint8_t bytes[SECRET_BYTES];

    ferry_random_bytes(bytes, sizeof bytes);
    memcpy(secret, SECRET_PREFIX, sizeof SECRET_PREFIX);
    ferry_hex_encode(bytes, sizeof bytes, secret + sizeof SECRET_PREFIX - 1);
    explicit_bzero(bytes, sizeof bytes);
}

/* The one that was given, or a new one of chance; r->secret has it until the request is answered. */
static bool seal_secret(struct api_request *r, const char *given)
{
    char context[SEAL_CONTEXT_SIZE];
    struct webhook *w = &r->command.webhook;

    _Static_assert(sizeof r->secret >= GIVEN_SIZE, "room for a secret");
    if (given[0] != '\0')
        memcpy(r->secret, given, strlen(given) + 1);
    else
        make_secret(r->secret);
    ferry_err err = seal_close(r->shared->seal_keys, seal_context_webhook(&w->id, context), r->secret,
                               strlen(r->secret), &w->secret);
    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    return err == FERRY_OK;
}

/* The only time that it is shown. */
static json_t *json_with_secret(struct api_request *r)
{
    json_t *answer = api_json_webhook(&r->command.webhook);

    if (answer != NULL && json_object_set_new(answer, "secret", json_string(r->secret)) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    explicit_bzero(r->secret, sizeof r->secret);
    return answer;
}

/* --- making ----------------------------------------------------------------------------------------------------- */

struct new_webhook {
    struct webhook webhook;
    char secret[GIVEN_SIZE];
    uint32_t overlap_s;
};

static void finish_add(struct api_request *r)
{
    api_reply_created(r, json_with_secret(r), "/webhooks/%s", r->command.webhook.id.text);
}

void api_webhook_add(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"url", API_FIELD_WEBHOOK_URL, offsetof(struct new_webhook, webhook.url), true, 0, 0},
        {"types", API_FIELD_EVENT_TYPES, offsetof(struct new_webhook, webhook.filter.kinds), false, 0, 0},
        {"product", API_FIELD_IDENT_OR_NULL, offsetof(struct new_webhook, webhook.filter.product), false, 0, 0},
        {"device", API_FIELD_IDENT_OR_NULL, offsetof(struct new_webhook, webhook.filter.device), false, 0, 0},
        {"secret", API_FIELD_WEBHOOK_SECRET, offsetof(struct new_webhook, secret), false, 0, 0},
    };
    struct new_webhook given = {.webhook = {.state = WEBHOOK_ACTIVE}};
    uint8_t random[FERRY_ID_RANDOM_BYTES];

    if (!api_body_read(r, fields, sizeof fields / sizeof fields[0], &given))
        return;
    ferry_random_bytes(random, sizeof random);
    given.webhook.id = ferry_id_make(engine_now_ms(r->shared->engine), random);
    r->command.webhook = given.webhook;
    bool sealed = seal_secret(r, given.secret);
    explicit_bzero(&given, sizeof given);
    if (sealed)
        api_command(r, CMD_WEBHOOK_ADD, finish_add);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    return r->shared->store->ops->webhook_list(conn, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_webhook(row);
}

static const char *key(const void *row)
{
    return ((const struct webhook *)row)->id.text;
}

void api_webhook_list(struct api_request *r)
{
    static const struct api_list list = {.row_bytes = sizeof(struct webhook), .fetch = fetch, .show = show, .key = key};

    api_list_answer(r, &list);
}

void api_webhook_get(struct api_request *r)
{
    struct webhook w;
    ferry_id id;
    struct store_conn *conn = api_reader(r);

    if (conn != NULL && api_param_id(r, "webhook", "such webhook", &id) &&
        api_store_ok(r, r->shared->store->ops->webhook_get(conn, &id, &w), "such webhook"))
        api_reply_thing(r, api_json_webhook(&w), &w.secret);
}

/* --- changing --------------------------------------------------------------------------------------------------- */

static void finish_change(struct api_request *r)
{
    api_reply_thing(r, api_json_webhook(&r->command.webhook), &r->command.webhook.secret);
}

/* What the body does not name stays as it is. */
void api_webhook_change(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"url", API_FIELD_WEBHOOK_URL, offsetof(struct command, webhook.url), false, 0, 0},
        {"types", API_FIELD_EVENT_TYPES, offsetof(struct command, webhook.filter.kinds), false, 0, 0},
        {"product", API_FIELD_IDENT_OR_NULL, offsetof(struct command, webhook.filter.product), false, 0, 0},
        {"device", API_FIELD_IDENT_OR_NULL, offsetof(struct command, webhook.filter.device), false, 0, 0},
        {"disabled", API_FIELD_BOOL, offsetof(struct command, disabled_given), false, 0, 0},
    };
    static const unsigned flags[] = {COMMAND_WEBHOOK_URL, COMMAND_WEBHOOK_TYPES, COMMAND_WEBHOOK_PRODUCT,
                                     COMMAND_WEBHOOK_DEVICE, COMMAND_WEBHOOK_DISABLED};
    struct command *command = &r->command;

    if (!api_param_id(r, "webhook", "such webhook", &command->webhook.id) ||
        !api_body_read(r, fields, sizeof fields / sizeof fields[0], command))
        return;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (json_object_get(r->json, fields[i].name) != NULL)
            command->webhook_given |= flags[i];
    }
    if (command->webhook_given == 0) {
        api_reply_problem(r, API_MISSING_FIELD, "Give at least one of \"url\", \"types\", \"product\", \"device\", \"disabled\".");
        return;
    }
    command->webhook.state = command->disabled_given ? WEBHOOK_DISABLED : WEBHOOK_ACTIVE;
    api_command(r, CMD_WEBHOOK_CHANGE, finish_change);
}

static void finish_rotate(struct api_request *r)
{
    api_reply_json(r, MHD_HTTP_OK, json_with_secret(r));
}

void api_webhook_rotate(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"secret", API_FIELD_WEBHOOK_SECRET, offsetof(struct new_webhook, secret), false, 0, 0},
        {"overlap_s", API_FIELD_UINT, offsetof(struct new_webhook, overlap_s), false, 0, FERRY_SECRET_OVERLAP_MAX_S},
    };
    struct new_webhook given = {.secret = ""};

    if (!api_param_id(r, "webhook", "such webhook", &r->command.webhook.id) ||
        !api_body_read(r, fields, sizeof fields / sizeof fields[0], &given))
        return;
    bool sealed = seal_secret(r, given.secret);
    r->command.webhook.old_until_ms = 1000ull * given.overlap_s;
    explicit_bzero(&given, sizeof given);
    if (sealed)
        api_command(r, CMD_WEBHOOK_ROTATE, finish_rotate);
}

void api_webhook_resume(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"skip", API_FIELD_BOOL, offsetof(struct command, webhook_skip), false, 0, 0},
    };

    if (api_param_id(r, "webhook", "such webhook", &r->command.webhook.id) && api_body_read(r, fields, 1, &r->command))
        api_command(r, CMD_WEBHOOK_RESUME, finish_change);
}

void api_webhook_remove(struct api_request *r)
{
    if (api_param_id(r, "webhook", "such webhook", &r->command.webhook.id))
        api_command(r, CMD_WEBHOOK_REMOVE, api_reply_nothing);
}
