/* ferryctl webhook ... */
#include "ferryctl_commands.h"

#include "base/alloc.h"
#include "ferryctl_memory.h"
#include "ferryctl_secret.h"
#include "ferryctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void set_new(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, ctl_check(value)) != 0)
        (void)ctl_check(NULL);
}

/* --- as it is shown ------------------------------------------------------------------------------------- */

enum ctl_exit ctl_webhook_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"ID", "id", CTL_KIND_TEXT},
        {"URL", "url", CTL_KIND_TEXT},
        {"STATE", "state", CTL_KIND_TEXT},
        {"EVENT", "last_event", CTL_KIND_TEXT},
        {"FAILURES", "failures", CTL_KIND_NUMBER},
        {"LAST SUCCESS (UTC)", "last_success_at", CTL_KIND_TIME},
        {"WHY", "last_error", CTL_KIND_TEXT},
    };

    return ctl_print_list(&ctl->api, ctl_path("/api/v1/webhooks"), ctl->options, fields, COUNT(fields),
                          "no webhooks yet: ferryctl webhook add URL");
}

static enum ctl_exit print(struct ctl *ctl, const json_t *webhook)
{
    static const struct ctl_field fields[] = {
        {"Id", "id", CTL_KIND_TEXT},
        {"Url", "url", CTL_KIND_TEXT},
        {"Types", "types", CTL_KIND_LIST},
        {"Product", "product", CTL_KIND_TEXT},
        {"Device", "device", CTL_KIND_TEXT},
        {"State", "state", CTL_KIND_TEXT},
        {"Delivered up to event", "last_event", CTL_KIND_TEXT},
        {"Last success (UTC)", "last_success_at", CTL_KIND_TIME},
        {"Failures", "failures", CTL_KIND_NUMBER},
        {"  since (UTC)", "failing_since", CTL_KIND_TIME},
        {"  why", "last_error", CTL_KIND_TEXT},
        {"Next attempt (UTC)", "next_attempt_at", CTL_KIND_TIME},
        {"Created (UTC)", "created_at", CTL_KIND_TIME},
        {"Old secret until (UTC)", "old_secret_until", CTL_KIND_TIME},
        {"Secret", "secret", CTL_KIND_TEXT},
    };

    ctl_print_object(ctl->options->json, webhook, fields, COUNT(fields));
    if (!ctl->options->json && json_object_get(webhook, "secret") != NULL)
        (void)fputs("Keep the secret: it is not shown again.\n", stderr);
    return CTL_DONE;
}

/* One request about one webhook, whose answer is shown. */
static enum ctl_exit call_and_print(struct ctl *ctl, const char *method, const char *under, const json_t *body)
{
    ferry_autofree char *path = ctl_path("/api/v1/webhooks/%s", ctl->words[0]);
    ferry_autofree char *whole = ctl_check(ferry_asprintf("%s%s", path, under));
    ctl_autojson *webhook = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, method, whole, body, &webhook);

    return status == CTL_DONE ? print(ctl, webhook) : status;
}

enum ctl_exit ctl_webhook_show(struct ctl *ctl)
{
    return call_and_print(ctl, "GET", "", NULL);
}

/* --- what the options say ------------------------------------------------------------------------------- */

static enum ctl_exit add_filter(const struct ctl_options *options, json_t *body)
{
    if (options->product_count > 1 || options->device_count > 1)
        return ctl_fail(CTL_USAGE, "a webhook is for one product and one device, or for all: make one more");
    if (options->everything) {
        set_new(body, "types", json_array());
        set_new(body, "product", json_null());
        set_new(body, "device", json_null());
    }
    if (options->product_count == 1)
        set_new(body, "product", json_string(options->products[0]));
    if (options->device_count == 1)
        set_new(body, "device", json_string(options->devices[0]));
    if (options->type_count == 0)
        return CTL_DONE;
    json_t *types = ctl_check(json_array());
    for (size_t i = 0; i < options->type_count; i++) {
        if (json_array_append_new(types, json_string(options->types[i])) != 0)
            (void)ctl_check(NULL);
    }
    set_new(body, "types", types);
    return CTL_DONE;
}

/* --- making and changing -------------------------------------------------------------------------------- */

enum ctl_exit ctl_webhook_add(struct ctl *ctl)
{
    ctl_autojson *body = ctl_check(json_pack("{s:s}", "url", ctl->words[0]));
    ctl_autojson *webhook = NULL;
    enum ctl_exit status = add_filter(ctl->options, body);

    if (status == CTL_DONE && ctl->options->secret_file != NULL)
        status = ctl_add_secret(ctl->options->secret_file, body);
    if (status == CTL_DONE)
        status = ctl_api_call(&ctl->api, "POST", "/api/v1/webhooks", body, &webhook);
    return status == CTL_DONE ? print(ctl, webhook) : status;
}

/* A new secret has a request of its own, whose answer shows all of the webhook. */
static enum ctl_exit change_secret(struct ctl *ctl)
{
    ctl_autojson *body = ctl_check(json_pack("{s:I}", "overlap_s", (json_int_t)ctl->options->overlap_s));
    enum ctl_exit status = CTL_DONE;

    if (ctl->options->secret_file != NULL)
        status = ctl_add_secret(ctl->options->secret_file, body);
    return status == CTL_DONE ? call_and_print(ctl, "POST", "/secret", body) : status;
}

enum ctl_exit ctl_webhook_change(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    bool new_secret = options->new_secret || options->secret_file != NULL;
    ferry_autofree char *path = ctl_path("/api/v1/webhooks/%s", ctl->words[0]);
    ctl_autojson *body = ctl_check(json_object());
    ctl_autojson *webhook = NULL;
    enum ctl_exit status = add_filter(options, body);

    if (status == CTL_DONE && options->enable && options->disable)
        return ctl_fail(CTL_USAGE, "--enable and --disable: give one of them");
    if (options->url != NULL)
        set_new(body, "url", json_string(options->url));
    if (options->enable || options->disable)
        set_new(body, "disabled", json_boolean(options->disable));
    if (status == CTL_DONE && json_object_size(body) == 0 && !new_secret)
        return ctl_fail(CTL_USAGE, "say what to change: ferryctl webhook change --help");
    if (options->overlap_s > 0 && !new_secret)
        return ctl_fail(CTL_USAGE, "--overlap goes with --new-secret or --secret-file");
    if (status == CTL_DONE && json_object_size(body) > 0)
        status = ctl_api_call(&ctl->api, "PATCH", path, body, &webhook);
    if (status != CTL_DONE)
        return status;
    return new_secret ? change_secret(ctl) : print(ctl, webhook);
}

enum ctl_exit ctl_webhook_resume(struct ctl *ctl)
{
    ctl_autojson *body = ctl_check(json_pack("{s:b}", "skip", (int)ctl->options->skip));

    return call_and_print(ctl, "POST", "/resume", body);
}

enum ctl_exit ctl_webhook_rm(struct ctl *ctl)
{
    ferry_autofree char *path = ctl_path("/api/v1/webhooks/%s", ctl->words[0]);
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "removed", ctl->words[0], "removed");
    return status;
}
