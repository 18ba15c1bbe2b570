#include "api_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

json_t *api_json_time(uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char text[48];

    if (unix_ms == 0 || gmtime_r(&seconds, &tm) == NULL)
        return json_null();
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + len, sizeof text - len, ".%03uZ", (unsigned)(unix_ms % 1000));
    return json_string(text);
}

json_t *api_json_number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *api_json_product(const struct product *p, const struct device_counts *counts, bool presence_known)
{
    json_t *object = json_pack("{s:s, s:o, s:b}", "name", p->name, "created_at", api_json_time(p->created_ms),
                               "registration", (int)(p->secret.len > 0));

    if (object != NULL && counts != NULL)
        (void)json_object_set_new(object, "counts",
                                  json_pack("{s:o, s:o}", "devices", api_json_number(counts->devices), "online",
                                            presence_known ? api_json_number(counts->online) : json_null()));
    return object;
}

static json_t *tags_json(const struct device_tags *tags)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < tags->count; i++)
        (void)json_array_append_new(array, json_string(tags->names[i]));
    return array;
}

json_t *api_json_device(const struct device *d, const struct device_tags *tags, bool presence_known)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "product", d->key.product, "name", d->key.device, "disabled",
                     (int)d->disabled, "tags", tags_json(tags), "created_at", api_json_time(d->created_ms),
                     "old_secret_until", api_json_time(d->old_secret.len > 0 ? d->old_until_ms : 0), "online",
                     presence_known ? json_boolean(d->online_ms > 0) : json_null(), "connected_since",
                     api_json_time(presence_known ? d->online_ms : 0), "last_seen_at", api_json_time(d->seen_ms));
}

json_t *api_json_resource(const struct resource *r)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:s}", "id", r->id.text, "product", r->product, "name", r->name,
                     "size", (json_int_t)r->size, "md5", r->md5, "sha256", r->sha256, "created_at",
                     api_json_time(r->created_ms), "description", r->description);
}

json_t *api_json_resource_upload(const struct resource_upload *u, uint64_t offset)
{
    bool stored = u->stored_ms != 0;

    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "id", u->id.text, "product", u->product,
                     "name", u->name, "description", u->description, "size", (json_int_t)u->size, "offset",
                     (json_int_t)offset, "md5", u->md5[0] != '\0' ? json_string(u->md5) : json_null(), "sha256",
                     u->sha256[0] != '\0' ? json_string(u->sha256) : json_null(), "state", stored ? "done" : "uploading",
                     "resource", stored ? json_string(u->id.text) : json_null(), "created_at",
                     api_json_time(u->created_ms), "expires_at", api_json_time(u->expires_ms));
}

json_t *api_json_upload(const struct upload_task *t)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o}", //
                     "id", t->id.text, "product", t->device.product, "device", t->device.device, "name", t->name,
                     "size", (json_int_t)t->size, "md5", t->md5, "state", upload_state_name(t->state), //
                     "percent", (int)t->percent, "result_code", (int)t->result_code, "result_msg", t->result_msg,
                     "created_at", api_json_time(t->created_ms), "updated_at", api_json_time(t->updated_ms),
                     "stored_at", api_json_time(t->stored_ms), "ended_at", api_json_time(t->ended_ms), //
                     "expires_at", upload_state_open(t->state) ? api_json_time(t->expires_ms) : json_null());
}

static json_t *counts_json(const struct download_counts *counts)
{
    json_t *object = json_object();
    uint64_t total = 0;

#define X(state, number, name)                                                                    \
    if (json_object_set_new(object, name, json_integer((json_int_t)counts->by_state[number])) == 0) \
        total += counts->by_state[number];
    DOWNLOAD_STATE_LIST(X)
#undef X
    (void)json_object_set_new(object, "total", json_integer((json_int_t)total));
    return object;
}

json_t *api_json_deployment(const struct deployment *d, const struct download_counts *counts)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s?, s:i, s:i, s:i, s:o, s:o, s:b, s:o, s:o}", //
                  "id", d->id.text, "product", d->product, "resource", d->resource_name, //
                  "resource_id", d->resource.text, "state", deployment_state_name(d->state), //
                  "all", (int)d->target_all, "tag", d->target_tag[0] != '\0' ? d->target_tag : NULL, //
                  "rate_per_min", (int)d->rate_per_min, "timeout_s", (int)d->timeout_s,
                  "retries", (int)d->retries, "start_at", api_json_time(d->start_ms), "end_at",
                  api_json_time(d->end_ms), //
                  "expanding", (int)!d->expand_done, //
                  "created_at", api_json_time(d->created_ms), "updated_at", api_json_time(d->updated_ms));

    if (object != NULL && counts != NULL)
        (void)json_object_set_new(object, "counts", counts_json(counts));
    return object;
}

json_t *api_json_causes(const struct failure_cause *causes, size_t count, uint64_t all)
{
    json_t *items = json_array();
    uint64_t others = all;

    for (size_t i = 0; i < count; i++) {
        const struct failure_cause *c = &causes[i];

        (void)json_array_append_new(items, json_pack("{s:s, s:i, s:s, s:I}", "state", download_state_name(c->state), //
                                                     "result_code", (int)c->result_code, "result_msg", c->result_msg, //
                                                     "count", (json_int_t)c->count));
        others -= c->count;
    }
    return json_pack("{s:o, s:I}", "items", items, "others", (json_int_t)others);
}

json_t *api_json_download(const struct download_task *t)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:i, s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", //
                     "id", t->id.text, "deployment", t->deployment.text, "product", t->device.product, //
                     "device", t->device.device, "resource_id", t->resource.text, "name", t->name, //
                     "size", (json_int_t)t->size, "state", download_state_name(t->state), //
                     "percent", (int)t->percent, "result_code", (int)t->result_code, "result_msg", t->result_msg,
                     "pushes", (int)t->pushes, "retries", (int)t->retries, "created_at", api_json_time(t->created_ms), //
                     "updated_at", api_json_time(t->updated_ms), "release_at", api_json_time(t->release_ms),
                     "deadline_at", api_json_time(t->deadline_ms), "ended_at", api_json_time(t->ended_ms));
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *api_json_event(const struct event *e)
{
    char id[24];

    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)e->id);
    return json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:s}", "id", id, "type",
                     event_kind_name(e->kind), "time", api_json_time(e->time_ms), "time_ms", (json_int_t)e->time_ms,
                     "product", e->product, "device", text_or_null(e->device), "task", text_or_null(e->task),
                     "deployment", text_or_null(e->deployment), "resource", text_or_null(e->resource), "before",
                     text_or_null(e->before), "state", e->state, "percent", (int)e->percent, "result_code",
                     (int)e->result_code, "result_msg", e->text);
}

json_t *api_json_scope(const char *scope)
{
    json_t *list;

    if (scope[0] == '\0')
        return json_null();
    list = json_array();
    for (const char *p = scope; *p != '\0';) {
        size_t part = strcspn(p, ",");
        if (json_array_append_new(list, json_stringn(p, part)) != 0) {
            json_decref(list);
            return NULL;
        }
        p += part + (p[part] == ',');
    }
    return list;
}

json_t *api_json_token(const struct token *t)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", t->name, "role", t->role, "products",
                     api_json_scope(t->products), "created_at", api_json_time(t->created_ms), "expires_at",
                     api_json_time(t->expires_ms), "used_at", api_json_time(t->used_ms));
}

json_t *api_json_user(const struct user *u)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", u->name, "role", u->role, "products",
                     api_json_scope(u->products), "created_at", api_json_time(u->created_ms), "changed_at",
                     api_json_time(u->changed_ms));
}

static json_t *types_json(uint32_t kinds)
{
    json_t *types = json_array();

    for (event_kind kind = EVENT_KIND_FIRST; kind <= EVENT_KIND_LAST; kind++) {
        if ((kinds & WEBHOOK_KIND(kind)) != 0)
            (void)json_array_append_new(types, json_string(event_kind_name(kind)));
    }
    return types;
}

json_t *api_json_webhook(const struct webhook *w)
{
    const struct webhook_progress *p = &w->progress;
    char last_event[24];

    (void)snprintf(last_event, sizeof last_event, "%llu", (unsigned long long)p->last_event);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:o, s:o}", //
                     "id", w->id.text, "url", w->url, "types", types_json(w->filter.kinds), //
                     "product", text_or_null(w->filter.product), "device", text_or_null(w->filter.device), //
                     "state", webhook_state_name(w->state), "created_at", api_json_time(w->created_ms), //
                     "updated_at", api_json_time(w->updated_ms), //
                     "old_secret_until", api_json_time(w->old_until_ms), "last_event", last_event, //
                     "failures", (int)p->failures, "failing_since", api_json_time(p->failing_ms), //
                     "next_attempt_at", api_json_time(p->next_attempt_ms), //
                     "last_status", p->last_status != 0 ? json_integer(p->last_status) : json_null(), //
                     "last_error", text_or_null(p->last_error), "last_success_at", api_json_time(p->last_success_ms));
}
