/* ferryctl device tag ... */
#include "ferryctl_tags.h"

#include "base/alloc.h"
#include "ferryctl_commands.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <string.h>

static void append(json_t *tags, json_t *tag)
{
    if (json_array_append_new(tags, tag) != 0)
        (void)ctl_check(NULL);
}

static json_t *add_all(json_t *tags, const struct ctl_options *options)
{
    for (size_t i = 0; i < options->tag_count; i++)
        append(tags, json_string(options->tags[i]));
    return tags;
}

json_t *ctl_tags_of(const struct ctl_options *options)
{
    return add_all(ctl_check(json_array()), options);
}

bool ctl_only_tag(const struct ctl_options *options, const char **ret_tag)
{
    if (options->tag_count > 1) {
        (void)ctl_fail(CTL_USAGE, "one --tag, please");
        return false;
    }
    *ret_tag = options->tag_count > 0 ? options->tags[0] : NULL;
    return true;
}

static bool taken_away(const struct ctl_options *options, const char *tag)
{
    for (size_t i = 0; i < options->untag_count; i++) {
        if (strcmp(options->untags[i], tag) == 0)
            return true;
    }
    return false;
}

/* The platform takes a device's tags as a whole: those that it has, without some, with others. */
static json_t *changed_tags(const struct ctl_options *options, const json_t *device)
{
    const json_t *had = json_object_get(device, "tags");
    json_t *tags = ctl_check(json_array());

    for (size_t i = 0; i < json_array_size(had); i++) {
        const char *tag = json_string_value(json_array_get(had, i));
        if (tag != NULL && !taken_away(options, tag))
            append(tags, json_string(tag));
    }
    return add_all(tags, options);
}

enum ctl_exit ctl_device_tag(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"Device", NULL, CTL_KIND_NAME},
        {"Tags", "tags", CTL_KIND_LIST},
    };
    struct ctl_device_name name;
    ctl_autojson *before = NULL;
    ctl_autojson *after = NULL;

    if (ctl->options->tag_count + ctl->options->untag_count == 0)
        return ctl_fail(CTL_USAGE, "say which: --tag TAG, --untag TAG (each once or more)");
    if (!ctl_device_name(ctl->words[0], &name))
        return CTL_USAGE;
    ferry_autofree char *path = ctl_path("/api/v1/devices/%s/%s", name.product, name.device);
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &before);
    if (status != CTL_DONE)
        return status;
    ctl_autojson *body = ctl_check(json_pack("{s:o}", "tags", changed_tags(ctl->options, before)));
    status = ctl_api_call(&ctl->api, "PATCH", path, body, &after);
    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, after, fields, sizeof fields / sizeof fields[0]);
    return status;
}
