/* ferryctl object verify: has the platform compare its files with what it knows of them, and waits for the result. */
#include "ferryctl_commands.h"

#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH "/api/v1/objects/verify"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FIRST_MS = 50, STEP_MS = 50, LAST_MS = 1000 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void show_progress(const struct ctl_options *o, const json_t *run)
{
    if (!o->json && isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%lld files, %lld bytes ", number_of(run, "objects"), number_of(run, "bytes"));
}

/* Somebody else may have begun another run meanwhile, or ferryd begun anew. */
static enum ctl_exit wait_for_end(struct ctl *ctl, json_t **run)
{
    ctl_autojson *first = json_incref(*run);
    enum ctl_exit status = CTL_DONE;

    for (unsigned ms = FIRST_MS; status == CTL_DONE && strcmp(text_of(*run, "state"), "running") == 0;
         ms += ms < LAST_MS ? STEP_MS : 0) {
        ctl_pause_ms(ms);
        json_decref(*run);
        *run = NULL;
        status = ctl_api_call(&ctl->api, "GET", PATH, NULL, run);
        if (status == CTL_DONE && strcmp(text_of(*run, "started_at"), text_of(first, "started_at")) != 0)
            return ctl_fail(CTL_FAILED, "the platform was restarted, and did not finish: verify again");
        if (status == CTL_DONE)
            show_progress(ctl->options, *run);
    }
    if (!ctl->options->json && isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    return status;
}

static long long faults_of(const json_t *run)
{
    const json_t *value;
    const char *key;
    long long sum = 0;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(run, "faults"), key, value)
        sum += json_integer_value(value);
    return sum;
}

static size_t staying(const json_t *findings)
{
    const json_t *row;
    size_t i, count = 0;

    json_array_foreach(findings, i, row)
        count += json_is_true(json_object_get(row, "stays")) ? 1 : 0;
    return count;
}

static void show_people(const struct ctl_options *options, const json_t *run)
{
    static const struct ctl_field fields[] = {
        {"FAULT", "fault", CTL_KIND_TEXT},  {"KIND", "kind", CTL_KIND_TEXT}, {"ID", "id", CTL_KIND_TEXT},
        {"PRODUCT", "product", CTL_KIND_TEXT}, {"DEVICE", "device", CTL_KIND_TEXT}, {"NAME", "name", CTL_KIND_TEXT},
    };
    const json_t *findings = json_object_get(run, "findings"), *row;
    struct ctl_listing list;
    size_t i;

    if (json_array_size(findings) > 0) {
        ctl_listing_begin(&list, options, fields, COUNT(fields));
        json_array_foreach(findings, i, row)
            ctl_listing_add(&list, row);
        ctl_listing_end(&list, NULL);
    }
    (void)printf("%lld files and %lld bytes verified: %lld wrong\n", number_of(run, "objects"), number_of(run, "bytes"),
                 faults_of(run));
    if (staying(findings) > 0)
        (void)printf("%zu of them are still given out: replace or remove them in the bucket\n", staying(findings));
}

static enum ctl_exit judge(const json_t *run)
{
    const char *state = text_of(run, "state");

    if (strcmp(state, "failed") == 0)
        return ctl_fail(CTL_FAILED, "not all files could be verified: %s", text_of(run, "error"));
    if (strcmp(state, "stopped") == 0)
        return ctl_fail(CTL_FAILED, "not all files were verified: somebody ended it, or the platform was restarted");
    return faults_of(run) > 0 ? CTL_FAILED : CTL_DONE;
}

enum ctl_exit ctl_object_verify(struct ctl *ctl)
{
    const struct ctl_options *o = ctl->options;
    ctl_autojson *body = NULL, *run = NULL;

    if (o->product_count > 1)
        return ctl_fail(CTL_USAGE, "give one --product, or none for all");
    body = ctl_check(json_pack("{s:I}", "rate_bytes", (json_int_t)o->rate_bytes));
    if (o->product_count == 1)
        (void)json_object_set_new(body, "product", ctl_check(json_string(o->products[0])));
    enum ctl_exit status = ctl_api_call(&ctl->api, "POST", PATH, body, &run);
    if (status == CTL_DONE)
        status = wait_for_end(ctl, &run);
    if (status != CTL_DONE)
        return status;
    if (o->json)
        ctl_print_json(run);
    else
        show_people(o, run);
    return judge(run);
}
