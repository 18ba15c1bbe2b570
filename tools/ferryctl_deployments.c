/* ferryctl deploy, ferryctl deployment ... */
#include "ferryctl_commands.h"

#include "ferryctl_devices.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"
#include "ferryctl_tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ctl_field deployment_fields[] = {
    {"Id", "id", CTL_KIND_TEXT},
    {"Product", "product", CTL_KIND_TEXT},
    {"Resource", "resource", CTL_KIND_TEXT},
    {"Resource id", "resource_id", CTL_KIND_TEXT},
    {"State", "state", CTL_KIND_TEXT},
    {"Done", NULL, CTL_KIND_COUNTS},
    {"All devices", "all", CTL_KIND_YES},
    {"Tag", "tag", CTL_KIND_TEXT},
    {"Rate", "rate_per_min", CTL_KIND_RATE},
    {"Time per device", "timeout_s", CTL_KIND_SECONDS},
    {"Retries", "retries", CTL_KIND_NUMBER},
    {"Begins (UTC)", "start_at", CTL_KIND_TIME},
    {"Ends (UTC)", "end_at", CTL_KIND_TIME},
    {"Still being made", "expanding", CTL_KIND_YES},
    {"Created (UTC)", "created_at", CTL_KIND_TIME},
    {"Updated (UTC)", "updated_at", CTL_KIND_TIME},
};

/* --- ordering ----------------------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        (void)ctl_check(NULL);
}

/* 0: not given */
static void set_time(json_t *object, const char *key, uint64_t unix_s)
{
    time_t seconds = (time_t)unix_s;
    struct tm tm;
    char text[32];

    if (unix_s > 0 && gmtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        set(object, key, json_string(text));
}

static enum ctl_exit set_target(struct ctl *ctl, json_t *order)
{
    const struct ctl_options *o = ctl->options;
    unsigned ways = (o->all ? 1u : 0u) + (o->devices_file != NULL ? 1u : 0u) + (o->device_count > 0 ? 1u : 0u) +
                    (o->tag_count > 0 ? 1u : 0u);
    const char *tag;

    if (ways != 1)
        return ctl_fail(CTL_USAGE, "say to which devices: --device D (once or more), --devices-file FILE, --tag TAG, "
                                   "or --all");
    if (!ctl_only_tag(o, &tag))
        return CTL_USAGE;
    if (o->all || tag != NULL) {
        set(order, o->all ? "all" : "tag", o->all ? json_true() : json_string(tag));
        return CTL_DONE;
    }
    json_t *devices = ctl_check(json_array());
    set(order, "devices", devices);
    return o->devices_file != NULL ? ctl_devices_from_file(ctl->words[0], o->devices_file, devices)
                                   : ctl_devices_from_options(ctl->words[0], o, devices);
}

static enum ctl_exit make_order(struct ctl *ctl, json_t *order)
{
    const struct ctl_options *o = ctl->options;
    enum ctl_exit status = set_target(ctl, order);

    if (status != CTL_DONE)
        return status;
    if (o->resource_id != NULL)
        set(order, "resource_id", json_string(o->resource_id));
    if (o->rate_per_min > 0)
        set(order, "rate_per_min", json_integer(o->rate_per_min));
    if (o->timeout_s > 0)
        set(order, "timeout_s", json_integer(o->timeout_s));
    if (o->retries > 0)
        set(order, "retries", json_integer(o->retries));
    set_time(order, "start_at", o->start_s);
    set_time(order, "end_at", o->end_s);
    if (o->force)
        set(order, "force", json_true());
    return CTL_DONE;
}

enum ctl_exit ctl_deploy(struct ctl *ctl)
{
    ctl_autojson *order = ctl_check(json_pack("{s:s, s:s}", "product", ctl->words[0], "resource", ctl->words[1]));
    ctl_autojson *deployment = NULL;
    enum ctl_exit status = make_order(ctl, order);

    if (status == CTL_DONE)
        status = ctl_api_call(&ctl->api, "POST", "/api/v1/deployments", order, &deployment);
    if (status != CTL_DONE)
        return status;
    const char *id = json_string_value(json_object_get(deployment, "id"));
    if (id == NULL)
        return ctl_fail(CTL_NETWORK, "the platform gave the deployment no id");
    if (ctl->options->wait)
        return ctl_follow(ctl, id);
    ctl_print_object(ctl->options->json, deployment, deployment_fields, COUNT(deployment_fields));
    if (!ctl->options->json)
        (void)fprintf(stderr, "See how it goes: ferryctl deployment watch %s\n", id);
    return CTL_DONE;
}

/* --- reading ------------------------------------------------------------------------------------------ */

enum ctl_exit ctl_deployment_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"ID", "id", CTL_KIND_TEXT},
        {"PRODUCT", "product", CTL_KIND_TEXT},
        {"RESOURCE", "resource", CTL_KIND_TEXT},
        {"STATE", "state", CTL_KIND_TEXT},
        {"DONE", NULL, CTL_KIND_COUNTS},
        {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };
    char *path = ctl_path("/api/v1/deployments?counts=true");

    ctl_query(&path, "product", ctl->word_count > 0 ? ctl->words[0] : NULL);
    ctl_query(&path, "state", ctl->options->state);
    ctl_query(&path, "since", ctl->options->since);
    ctl_query(&path, "sort", ctl->options->sort);
    return ctl_print_list(&ctl->api, path, ctl->options, fields, COUNT(fields), "no deployments");
}

/* The tasks of a deployment that --device and --state ask for, as --sort says. */
static char *tasks_path(struct ctl *ctl, const char *device)
{
    char *path = ctl_path("/api/v1/deployments/%s/tasks", ctl->words[0]);

    ctl_query(&path, "device", device);
    ctl_query(&path, "state", ctl->options->state);
    ctl_query(&path, "sort", ctl->options->sort);
    return path;
}

enum ctl_exit ctl_deployment_show(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"DEVICE", "device", CTL_KIND_TEXT},
        {"STATE", "state", CTL_KIND_TEXT},
        {"%", "percent", CTL_KIND_NUMBER},
        {"RESULT", NULL, CTL_KIND_RESULT},
        {"OFFERS", "pushes", CTL_KIND_NUMBER},
        {"UPDATED (UTC)", "updated_at", CTL_KIND_TIME},
        {"TASK", "id", CTL_KIND_TEXT},
    };
    const struct ctl_options *o = ctl->options;
    ferry_autofree char *path = ctl_path("/api/v1/deployments/%s", ctl->words[0]);
    ctl_autojson *deployment = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &deployment);

    if (status != CTL_DONE)
        return status;
    ctl_print_object(o->json, deployment, deployment_fields, COUNT(deployment_fields));
    if (!o->json)
        (void)putchar('\n');
    return ctl_print_list(&ctl->api, tasks_path(ctl, o->device_count > 0 ? o->devices[0] : NULL), o, fields,
                          COUNT(fields), "no tasks");
}

static void print_causes(struct ctl *ctl, const json_t *answer)
{
    static const struct ctl_field fields[] = {
        {"TASKS", "count", CTL_KIND_NUMBER},
        {"STATE", "state", CTL_KIND_TEXT},
        {"CODE", "result_code", CTL_KIND_NUMBER},
        {"TEXT", "result_msg", CTL_KIND_TEXT},
    };
    json_int_t others = json_integer_value(json_object_get(answer, "others"));
    struct ctl_listing list;
    const json_t *cause;
    size_t i;

    ctl_listing_begin(&list, ctl->options, fields, COUNT(fields));
    json_array_foreach(json_object_get(answer, "items"), i, cause)
        ctl_listing_add(&list, cause);
    ctl_table_flush(&list.table, stdout);
    ctl_listing_end(&list, "nothing has failed");
    if (others > 0)
        (void)printf("and %lld for rarer causes\n", (long long)others);
}

enum ctl_exit ctl_deployment_causes(struct ctl *ctl)
{
    ferry_autofree char *path = ctl_path("/api/v1/deployments/%s/causes", ctl->words[0]);
    ctl_autojson *answer = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &answer);

    if (status == CTL_DONE && ctl->options->json)
        ctl_print_json(answer);
    else if (status == CTL_DONE)
        print_causes(ctl, answer);
    return status;
}

/* --- following ---------------------------------------------------------------------------------------- */

enum ctl_exit ctl_deployment_watch(struct ctl *ctl)
{
    return ctl_follow(ctl, ctl->words[0]);
}

/* --- steering ----------------------------------------------------------------------------------------- */

static enum ctl_exit keep_id(void *arg, json_t *row)
{
    char **id = arg;
    const char *text = json_string_value(json_object_get(row, "id"));

    if (*id == NULL && text != NULL)
        *id = ctl_strdup(text);
    return CTL_DONE;
}

/* The device's task in the deployment. */
static enum ctl_exit find_task(struct ctl *ctl, const char *device, char **ret_id)
{
    ferry_autofree char *path = tasks_path(ctl, device);
    char *id = NULL;
    enum ctl_exit status = ctl_api_each(&ctl->api, path, 1, keep_id, NULL, &id);

    if (status == CTL_DONE && id == NULL)
        return ctl_fail(CTL_REFUSED, "the deployment has no task for %s", device);
    *ret_id = id;
    return status;
}

enum ctl_exit ctl_deployment_progress(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"TIME (UTC)", "time", CTL_KIND_TIME},
        {"DONE", "done", CTL_KIND_NUMBER},
        {"FAILED", "failed", CTL_KIND_NUMBER},
        {"OPEN", "open", CTL_KIND_NUMBER},
    };

    return ctl_print_list(&ctl->api, ctl_path("/api/v1/deployments/%s/progress", ctl->words[0]), ctl->options, fields,
                          COUNT(fields), "nothing has ended yet");
}

enum ctl_exit ctl_deployment_reports(struct ctl *ctl)
{
    ferry_autofree char *id = NULL;
    enum ctl_exit status = find_task(ctl, ctl->words[1], &id);

    if (status != CTL_DONE)
        return status;
    return ctl_print_reports(ctl, ctl_path("/api/v1/deployments/%s/tasks/%s/reports", ctl->words[0], id));
}

static enum ctl_exit steer_task(struct ctl *ctl, const char *verb, const char *device, const char *word)
{
    ferry_autofree char *id = NULL;
    ctl_autojson *task = NULL;
    enum ctl_exit status = find_task(ctl, device, &id);

    if (status != CTL_DONE)
        return status;
    ferry_autofree char *path = ctl_path("/api/v1/deployments/%s/tasks/%s/%s", ctl->words[0], id, verb);
    status = ctl_api_call(&ctl->api, "POST", path, NULL, &task);
    if (status == CTL_DONE && ctl->options->json)
        ctl_print_json(task);
    else if (status == CTL_DONE)
        ctl_print_done(false, "", device, word);
    return status;
}

static enum ctl_exit steer_devices(struct ctl *ctl, const char *verb, const char *word)
{
    enum ctl_exit status = CTL_DONE;

    for (size_t i = 0; status == CTL_DONE && i < ctl->options->device_count; i++)
        status = steer_task(ctl, verb, ctl->options->devices[i], word);
    return status;
}

static enum ctl_exit steer_all(struct ctl *ctl, const char *verb)
{
    ferry_autofree char *path = ctl_path("/api/v1/deployments/%s/%s", ctl->words[0], verb);
    ctl_autojson *deployment = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "POST", path, NULL, &deployment);
    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, deployment, deployment_fields, COUNT(deployment_fields));
    return status;
}

enum ctl_exit ctl_deployment_cancel(struct ctl *ctl)
{
    return ctl->options->device_count > 0 ? steer_devices(ctl, "cancel", "cancelled") : steer_all(ctl, "cancel");
}

enum ctl_exit ctl_deployment_pause(struct ctl *ctl)
{
    return steer_all(ctl, "pause");
}

enum ctl_exit ctl_deployment_resume(struct ctl *ctl)
{
    return steer_all(ctl, "resume");
}

enum ctl_exit ctl_deployment_retry(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    ferry_autofree char *path = ctl_path("/api/v1/deployments/%s/retry", ctl->words[0]);
    ctl_autojson *answer = NULL;

    if (options->device_count > 0 && (options->state != NULL || options->result_code != NULL || options->result_msg != NULL))
        return ctl_fail(CTL_USAGE, "say which tasks by --device or by --state, --result-code and --result-msg, not by both");
    ctl_query(&path, "state", options->state);
    ctl_query(&path, "result_code", options->result_code);
    ctl_query(&path, "result_msg", options->result_msg);
    enum ctl_exit status = options->device_count > 0 ? steer_devices(ctl, "retry", "queued again")
                                                     : ctl_api_call(&ctl->api, "POST", path, NULL, &answer);
    if (status == CTL_DONE && answer != NULL && options->json)
        ctl_print_json(answer);
    else if (status == CTL_DONE && answer != NULL)
        (void)printf("%lld queued again\n", (long long)json_integer_value(json_object_get(answer, "retried")));
    return status == CTL_DONE && options->wait ? ctl_follow(ctl, ctl->words[0]) : status;
}
