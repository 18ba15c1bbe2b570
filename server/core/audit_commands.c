/* Who did what: which commands leave a record, and what it says. */
#include "core/audit.h"

#include "audit_json.h"
#include "engine_internal.h"

#include <stdio.h>
#include <string.h>

/* --- what a record says about a thing ----------------------------------------------------------------------- */

/* object and product are set also for a thing that is not there; json is "" then. */
struct view {
    char object[AUDIT_OBJECT_SIZE];
    char product[FERRY_IDENT_MAX + 1];
    char json[AUDIT_STATE_SIZE];
};

typedef ferry_err show(struct engine *e, const struct command *cmd, struct view *v);

static void name_view(struct view *v, const char *kind, const char *name, const char *product)
{
    (void)snprintf(v->object, sizeof v->object, "%s/%s", kind, name);
    (void)snprintf(v->product, sizeof v->product, "%.*s", FERRY_IDENT_MAX, product);
}

static struct audit_json begin(struct view *v)
{
    struct audit_json j;

    audit_json_begin(&j, v->json, sizeof v->json);
    return j;
}

static ferry_err end(struct audit_json *j)
{
    return audit_json_end(j) ? FERRY_OK : FERRY_E_LIMIT;
}

static ferry_err show_product(struct engine *e, const struct command *cmd, struct view *v)
{
    struct product p;
    ferry_err err = e->store->product_get(e->conn, cmd->product.name, &p);

    name_view(v, "product", cmd->product.name, cmd->product.name);
    if (err != FERRY_OK)
        return err;
    struct audit_json j = begin(v);
    audit_json_text(&j, "name", p.name);
    audit_json_bool(&j, "registration", p.secret.len > 0);
    return end(&j);
}

/* None: the product has the limits of the settings. */
static ferry_err show_quota(struct engine *e, const struct command *cmd, struct view *v)
{
    struct quota q;
    ferry_err err = e->store->quota_get(e->conn, cmd->quota.product, &q);

    name_view(v, "quota", cmd->quota.product, cmd->quota.product);
    if (err != FERRY_OK)
        return err;
    struct audit_json j = begin(v);
    audit_json_number(&j, "product_bytes", q.limits.product_bytes);
    audit_json_number(&j, "product_files", q.limits.product_files);
    audit_json_number(&j, "device_bytes", q.limits.device_bytes);
    audit_json_number(&j, "device_files", q.limits.device_files);
    return end(&j);
}

/* The record has the first of many long ones, and their number. */
static void show_tags(struct audit_json *j, const struct device_tags *tags)
{
    const char *names[DEVICE_TAGS_MAX];

    for (uint32_t i = 0; i < tags->count; i++)
        names[i] = tags->names[i];
    audit_json_list(j, "tags", names, tags->count);
    audit_json_number(j, "tag_count", tags->count);
}

static ferry_err show_device(struct engine *e, const struct command *cmd, struct view *v)
{
    const struct device_key *key = &cmd->device.key;
    char name[2 * FERRY_IDENT_MAX + 2];
    struct device d;
    struct device_tags tags;
    ferry_err err = e->store->device_get(e->conn, key, &d);

    (void)snprintf(name, sizeof name, "%s/%s", key->product, key->device);
    name_view(v, "device", name, key->product);
    if (err == FERRY_OK)
        err = e->store->device_tags_get(e->conn, key, &tags);
    if (err != FERRY_OK)
        return err;
    struct audit_json j = begin(v);
    audit_json_text(&j, "product", d.key.product);
    audit_json_text(&j, "name", d.key.device);
    audit_json_bool(&j, "disabled", d.disabled);
    audit_json_number(&j, "secret_no", d.secret_no);
    if (d.old_secret.len > 0)
        audit_json_number(&j, "old_secret_until_ms", d.old_until_ms);
    if (tags.count > 0 || cmd->tags_given)
        show_tags(&j, &tags);
    return end(&j);
}

enum { DESCRIPTION_SHOWN_MAX = 500, URL_SHOWN_MAX = 500 }; /* bytes: with every one escaped there is room for the rest */

/* The record has the beginning of a long one, and its length. */
static void show_description(struct audit_json *j, const char *description)
{
    char shown[DESCRIPTION_SHOWN_MAX + 1];
    ferry_text cut = ferry_utf8_cut(ferry_text_of(description), DESCRIPTION_SHOWN_MAX);

    (void)ferry_text_copy(cut, shown, sizeof shown);
    audit_json_text(j, "description", shown);
    audit_json_number(j, "description_bytes", strlen(description));
}

static ferry_err show_resource(struct engine *e, const struct command *cmd, struct view *v)
{
    bool is_new = cmd->kind == CMD_RESOURCE_ADD || cmd->kind == CMD_RESOURCE_UPLOAD_DONE;
    const ferry_id *id = is_new ? &cmd->resource.id : &cmd->id;
    struct resource r;
    ferry_err err = e->store->resource_get(e->conn, id, &r);

    if (err != FERRY_OK)
        return err;
    name_view(v, "resource", r.id.text, r.product);
    struct audit_json j = begin(v);
    audit_json_text(&j, "product", r.product);
    audit_json_text(&j, "name", r.name);
    audit_json_number(&j, "size", r.size);
    audit_json_text(&j, "sha256", r.sha256);
    if (r.description[0] != '\0' || cmd->kind == CMD_RESOURCE_CHANGE)
        show_description(&j, r.description);
    return end(&j);
}

static ferry_err show_resource_upload(struct engine *e, const struct command *cmd, struct view *v)
{
    const ferry_id *id = cmd->kind == CMD_RESOURCE_UPLOAD_ADD ? &cmd->resource_upload.id : &cmd->id;
    struct resource_upload u;
    ferry_err err = e->store->resource_upload_get(e->conn, id, &u);

    if (err != FERRY_OK)
        return err;
    name_view(v, "resource_upload", u.id.text, u.product);
    struct audit_json j = begin(v);
    audit_json_text(&j, "product", u.product);
    audit_json_text(&j, "name", u.name);
    audit_json_number(&j, "size", u.size);
    audit_json_text(&j, "sha256", u.sha256);
    return end(&j);
}

/* Of an order for many devices the record has the first names and their number. */
static void show_order(struct audit_json *j, const struct deploy_order *order)
{
    if (order->all || order->tag[0] != '\0')
        return;
    audit_json_list(j, "devices", order->devices, order->device_count);
    audit_json_number(j, "device_count", order->device_count);
}

static ferry_err show_deployment(struct engine *e, const struct command *cmd, struct view *v)
{
    const ferry_id *id = cmd->kind == CMD_DEPLOY ? &cmd->deployment.id : &cmd->id;
    struct deployment d;
    ferry_err err = id->text[0] != '\0' ? e->store->deployment_get(e->conn, id, &d) : FERRY_E_NOT_FOUND;

    if (err != FERRY_OK)
        return err;
    name_view(v, "deployment", d.id.text, d.product);
    struct audit_json j = begin(v);
    audit_json_text(&j, "product", d.product);
    audit_json_text(&j, "resource", d.resource_name);
    audit_json_text(&j, "resource_id", d.resource.text);
    audit_json_text(&j, "state", deployment_state_name(d.state));
    audit_json_bool(&j, "all", d.target_all);
    if (d.target_tag[0] != '\0')
        audit_json_text(&j, "tag", d.target_tag);
    audit_json_number(&j, "rate_per_min", d.rate_per_min);
    audit_json_number(&j, "timeout_s", d.timeout_s);
    if (cmd->kind == CMD_DEPLOY)
        show_order(&j, &cmd->deploy);
    return end(&j);
}

static ferry_err show_download(struct engine *e, const struct command *cmd, struct view *v)
{
    struct download_task t;
    ferry_err err = e->store->download_get(e->conn, &cmd->id, &t);

    if (err != FERRY_OK)
        return err;
    name_view(v, "task", t.id.text, t.device.product);
    struct audit_json j = begin(v);
    audit_json_text(&j, "deployment", t.deployment.text);
    audit_json_text(&j, "device", t.device.device);
    audit_json_text(&j, "state", download_state_name(t.state));
    return end(&j);
}

static ferry_err show_upload(struct engine *e, const struct command *cmd, struct view *v)
{
    struct upload_task t;
    ferry_err err = e->store->upload_get(e->conn, &cmd->id, &t);

    if (err != FERRY_OK)
        return err;
    name_view(v, "upload", t.id.text, t.device.product);
    struct audit_json j = begin(v);
    audit_json_text(&j, "device", t.device.device);
    audit_json_text(&j, "name", t.name);
    audit_json_number(&j, "size", t.size);
    audit_json_text(&j, "md5", t.md5);
    audit_json_text(&j, "state", upload_state_name(t.state));
    return end(&j);
}

static ferry_err show_objects(struct engine *e, const struct command *cmd, struct view *v)
{
    (void)e;
    name_view(v, "objects", cmd->product.name[0] != '\0' ? cmd->product.name : "all", cmd->product.name);
    return FERRY_OK;
}

/* The change is in the object store: the record says what is said of it here. */
static ferry_err show_damaged(struct engine *e, const struct command *cmd, struct view *v)
{
    ferry_err err = show_upload(e, cmd, v);
    return err == FERRY_E_NOT_FOUND ? show_resource(e, cmd, v) : err;
}

/* A scope of one product makes what is done to it that product's business. */
static const char *only_product(const char *scope)
{
    return strchr(scope, ',') == NULL ? scope : "";
}

static ferry_err show_token(struct engine *e, const struct command *cmd, struct view *v)
{
    struct token t;
    ferry_err err = e->store->token_get(e->conn, cmd->token.name, &t);

    if (err != FERRY_OK)
        return err;
    name_view(v, "token", t.name, only_product(t.products));
    struct audit_json j = begin(v);
    audit_json_text(&j, "role", t.role);
    audit_json_scope(&j, "products", t.products);
    audit_json_number(&j, "expires_ms", t.expires_ms);
    return end(&j);
}

static ferry_err show_user(struct engine *e, const struct command *cmd, struct view *v)
{
    struct user u;
    ferry_err err = e->store->user_get(e->conn, cmd->user.name, &u);

    if (err != FERRY_OK)
        return err;
    name_view(v, "user", u.name, only_product(u.products));
    struct audit_json j = begin(v);
    audit_json_text(&j, "role", u.role);
    audit_json_scope(&j, "products", u.products);
    audit_json_number(&j, "changed_ms", u.changed_ms);
    return end(&j);
}

/* There is nothing before; afterwards the command knows. */
static ferry_err show_login(struct engine *e, const struct command *cmd, struct view *v)
{
    (void)e;
    name_view(v, "user", cmd->user.name, "");
    if (!cmd->login.decided)
        return FERRY_E_NOT_FOUND;
    struct audit_json j = begin(v);
    audit_json_bool(&j, "accepted", cmd->login.accepted);
    if (!cmd->login.accepted)
        audit_json_number(&j, "failures", cmd->login.failures);
    return end(&j);
}

static ferry_err show_logout(struct engine *e, const struct command *cmd, struct view *v)
{
    (void)e;
    name_view(v, "user", cmd->session.user, "");
    return FERRY_E_NOT_FOUND;
}

/* Of the URL what stands before its query: there may be a key in it. */
static void show_url(struct audit_json *j, const char *url)
{
    char shown[URL_SHOWN_MAX + 1];

    (void)snprintf(shown, sizeof shown, "%.*s", (int)strcspn(url, "?"), url);
    audit_json_text(j, "url", shown);
}

static void show_types(struct audit_json *j, uint32_t kinds)
{
    const char *names[EVENT_KIND_LAST];
    size_t count = 0;

    for (event_kind kind = EVENT_KIND_FIRST; kind <= EVENT_KIND_LAST; kind++) {
        if ((kinds & WEBHOOK_KIND(kind)) != 0)
            names[count++] = event_kind_name(kind);
    }
    audit_json_list(j, "types", names, count);
}

static ferry_err show_webhook(struct engine *e, const struct command *cmd, struct view *v)
{
    struct webhook w;
    ferry_err err = e->store->webhook_get(e->conn, &cmd->webhook.id, &w);

    name_view(v, "webhook", cmd->webhook.id.text, "");
    if (err != FERRY_OK)
        return err;
    struct audit_json j = begin(v);
    show_url(&j, w.url);
    show_types(&j, w.filter.kinds);
    audit_json_text(&j, "product", w.filter.product);
    audit_json_text(&j, "device", w.filter.device);
    audit_json_text(&j, "state", webhook_state_name(w.state));
    audit_json_number(&j, "revision", w.revision);
    audit_json_number(&j, "last_event", w.progress.last_event);
    if (w.old_secret.len > 0)
        audit_json_number(&j, "old_secret_until_ms", w.old_until_ms);
    return end(&j);
}

/* --- which commands leave a record --------------------------------------------------------------------------- */

struct rule {
    const char *action; /* null: no record */
    show *show;
    bool silent; /* on purpose without a record: work of devices, or no change that means anything */
};

static const struct rule rules[CMD_COUNT] = {
    [CMD_PRODUCT_ADD] = {"product.add", show_product, false},
    [CMD_PRODUCT_REMOVE] = {"product.remove", show_product, false},
    [CMD_DEVICE_ADD] = {"device.add", show_device, false},
    [CMD_DEVICE_IMPORT] = {NULL, NULL, true}, /* each of its devices leaves one */
    [CMD_DEVICE_REMOVE] = {"device.remove", show_device, false},
    [CMD_DEVICE_CHANGE] = {"device.change", show_device, false},
    [CMD_DEVICE_ROTATE] = {"device.rotate", show_device, false},
    [CMD_DEVICE_REGISTER] = {"device.register", show_device, false},
    [CMD_PRODUCT_SECRET] = {"product.secret", show_product, false},
    [CMD_RESOURCE_ADD] = {"resource.add", show_resource, false},
    [CMD_RESOURCE_CHANGE] = {"resource.change", show_resource, false},
    [CMD_RESOURCE_REMOVE] = {"resource.remove", show_resource, false},
    [CMD_RESOURCE_UPLOAD_ADD] = {"resource_upload.add", show_resource_upload, false},
    [CMD_RESOURCE_UPLOAD_DONE] = {"resource.add", show_resource, false},
    [CMD_RESOURCE_UPLOAD_CAME] = {"resource.add", show_resource, false}, /* the resource has the upload's id */
    [CMD_RESOURCE_UPLOAD_REMOVE] = {"resource_upload.remove", show_resource_upload, false},
    [CMD_DEPLOY] = {"deployment.add", show_deployment, false},
    [CMD_DEPLOYMENT_CANCEL] = {"deployment.cancel", show_deployment, false},
    [CMD_DEPLOYMENT_PAUSE] = {"deployment.pause", show_deployment, false},
    [CMD_DEPLOYMENT_RESUME] = {"deployment.resume", show_deployment, false},
    [CMD_DEPLOYMENT_RETRY] = {"deployment.retry", show_deployment, false},
    [CMD_DOWNLOAD_CANCEL] = {"task.cancel", show_download, false},
    [CMD_DOWNLOAD_RETRY] = {"task.retry", show_download, false},
    [CMD_UPLOAD_ACTIVE] = {NULL, NULL, true},
    [CMD_UPLOAD_STORED] = {NULL, NULL, true},
    [CMD_UPLOAD_UNWANTED] = {NULL, NULL, true},
    [CMD_UPLOAD_EXPIRE] = {NULL, NULL, true},
    [CMD_RESOURCE_UPLOAD_SEEN] = {NULL, NULL, true},
    [CMD_UPLOAD_REMOVE] = {"upload.remove", show_upload, false},
    [CMD_QUOTA_SET] = {"quota.set", show_quota, false},
    [CMD_QUOTA_RESET] = {"quota.reset", show_quota, false},
    [CMD_OBJECTS_VERIFY] = {"objects.verify", show_objects, false},
    [CMD_OBJECTS_VERIFY_END] = {"objects.verify_end", show_objects, false},
    [CMD_OBJECT_DAMAGED] = {"object.damaged", show_damaged, false},
    [CMD_TOKEN_ADD] = {"token.add", show_token, false},
    [CMD_TOKEN_REMOVE] = {"token.remove", show_token, false},
    [CMD_USER_ADD] = {"user.add", show_user, false},
    [CMD_USER_CHANGE] = {"user.change", show_user, false},
    [CMD_USER_REMOVE] = {"user.remove", show_user, false},
    [CMD_LOGIN] = {"login", show_login, false},
    [CMD_LOGOUT] = {"logout", show_logout, false},
    [CMD_TOUCH] = {NULL, NULL, true},
    [CMD_WEBHOOK_ADD] = {"webhook.add", show_webhook, false},
    [CMD_WEBHOOK_CHANGE] = {"webhook.change", show_webhook, false},
    [CMD_WEBHOOK_ROTATE] = {"webhook.rotate", show_webhook, false},
    [CMD_WEBHOOK_RESUME] = {"webhook.resume", show_webhook, false},
    [CMD_WEBHOOK_REMOVE] = {"webhook.remove", show_webhook, false},
    [CMD_WEBHOOK_NOTE] = {NULL, NULL, true},
};

bool audit_has_rule(command_kind kind)
{
    return (size_t)kind < CMD_COUNT && (rules[kind].silent || rules[kind].action != NULL);
}

static ferry_err look(struct engine *e, const struct rule *rule, const struct command *cmd, struct view *v)
{
    *v = (struct view){.json = ""};
    ferry_err err = rule->show(e, cmd, v);
    return err == FERRY_E_NOT_FOUND || err == FERRY_E_ARG ? FERRY_OK : err;
}

static ferry_err record(struct engine *e, const struct command *cmd, const char *action, const struct view *before,
                        const struct view *after, uint64_t now_ms)
{
    const struct view *known = after->object[0] != '\0' ? after : before;
    const char *actor = cmd->origin.actor[0] != '\0' ? cmd->origin.actor : "system";
    struct audit_record r = {.time_ms = now_ms};

    if (cmd->kind == CMD_LOGIN && !cmd->login.accepted)
        action = "login.failed";
    (void)snprintf(r.actor, sizeof r.actor, "%s", actor);
    (void)snprintf(r.from, sizeof r.from, "%s", cmd->origin.from);
    (void)snprintf(r.action, sizeof r.action, "%s", action);
    memcpy(r.object, known->object, sizeof r.object);
    memcpy(r.product, known->product, sizeof r.product);
    memcpy(r.before, before->json, sizeof r.before);
    memcpy(r.after, after->json, sizeof r.after);
    events_topic(e, ENGINE_TOPIC_AUDIT);
    return audit_append(e->store, e->conn, &r);
}

/* An upload becomes a resource once, whoever finds first that it is whole. */
static bool was_done_before(const struct command *cmd)
{
    return (cmd->kind == CMD_RESOURCE_UPLOAD_DONE || cmd->kind == CMD_RESOURCE_UPLOAD_CAME) && cmd->count == 0;
}

ferry_err audit_command(struct engine *e, struct command *cmd, uint64_t now_ms, audit_work *work)
{
    const struct rule *rule = (size_t)cmd->kind < CMD_COUNT ? &rules[cmd->kind] : NULL;
    struct view before, after;

    if (rule == NULL || rule->action == NULL)
        return work(e, cmd, now_ms);
    ferry_err err = look(e, rule, cmd, &before);
    if (err == FERRY_OK)
        err = work(e, cmd, now_ms);
    if (err == FERRY_OK && was_done_before(cmd))
        return FERRY_OK;
    if (err == FERRY_OK)
        err = look(e, rule, cmd, &after);
    return err == FERRY_OK ? record(e, cmd, rule->action, &before, &after, now_ms) : err;
}
