/* ferryctl statistics */
#include "ferryctl_commands.h"

#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdlib.h>

static char *path_of(const struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    char *path = ctl_path("/api/v1/statistics");

    ctl_query(&path, "product", ctl->word_count > 0 ? ctl->words[0] : NULL);
    ctl_query(&path, "since", options->since);
    ctl_query(&path, "until", options->until);
    ctl_query(&path, "step", options->step);
    return path;
}

enum ctl_exit ctl_statistics(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"FROM (UTC)", "since", CTL_KIND_TIME},
        {"DOWNLOADS", "downloads.done", CTL_KIND_NUMBER},
        {"FAILED", "downloads.failed", CTL_KIND_NUMBER},
        {"CANCELLED", "downloads.cancelled", CTL_KIND_NUMBER},
        {"BYTES", "downloads.bytes", CTL_KIND_SIZE},
        {"UPLOADS", "uploads.done", CTL_KIND_NUMBER},
        {"FAILED", "uploads.failed", CTL_KIND_NUMBER},
        {"CANCELLED", "uploads.cancelled", CTL_KIND_NUMBER},
        {"BYTES", "uploads.bytes", CTL_KIND_SIZE},
    };
    ferry_autofree char *path = path_of(ctl);
    ctl_autojson *answer = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &answer);
    const json_t *item;
    struct ctl_listing list;
    size_t i;

    if (status != CTL_DONE)
        return status;
    ctl_listing_begin(&list, ctl->options, fields, sizeof fields / sizeof fields[0]);
    json_array_foreach(json_object_get(answer, "items"), i, item)
        ctl_listing_add(&list, item);
    ctl_listing_end(&list, "nothing");
    return CTL_DONE;
}
