/* ferryctl quota ... */
#include "ferryctl_commands.h"

#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum ctl_exit ctl_quota_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"PRODUCT", "product", CTL_KIND_TEXT},
        {"SIZE", "used.bytes", CTL_KIND_SIZE},
        {"OF", "limits.product_bytes", CTL_KIND_SIZE},
        {"FILES", "used.files", CTL_KIND_NUMBER},
        {"OF", "limits.product_files", CTL_KIND_NUMBER},
        {"EACH DEVICE", "limits.device_bytes", CTL_KIND_SIZE},
        {"FILES", "limits.device_files", CTL_KIND_NUMBER},
        {"OWN", "own", CTL_KIND_YES},
    };

    return ctl_print_list(&ctl->api, ctl_path("/api/v1/quota"), ctl->options, fields, COUNT(fields),
                          "no products yet: ferryctl product add NAME");
}

/* The answer of one request about quotas. Frees path. */
static enum ctl_exit call_and_print(struct ctl *ctl, const char *method, char *path, const json_t *body)
{
    static const struct ctl_field fields[] = {
        {"Product", "product", CTL_KIND_TEXT},
        {"Device", "device", CTL_KIND_TEXT},
        {"Size", "used.bytes", CTL_KIND_SIZE},
        {"Files", "used.files", CTL_KIND_NUMBER},
        {"Limit of the product", "limits.product_bytes", CTL_KIND_SIZE},
        {"  files", "limits.product_files", CTL_KIND_NUMBER},
        {"Limit of each device", "limits.device_bytes", CTL_KIND_SIZE},
        {"  files", "limits.device_files", CTL_KIND_NUMBER},
        {"Limits of its own", "own", CTL_KIND_YES},
    };
    ctl_autojson *quota = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, method, path, body, &quota);

    free(path);
    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, quota, fields, COUNT(fields));
    return status;
}

enum ctl_exit ctl_quota_show(struct ctl *ctl)
{
    struct ctl_device_name name;

    if (strchr(ctl->words[0], '/') == NULL)
        return call_and_print(ctl, "GET", ctl_path("/api/v1/quota/%s", ctl->words[0]), NULL);
    if (!ctl_device_name(ctl->words[0], &name))
        return CTL_USAGE;
    return call_and_print(ctl, "GET", ctl_path("/api/v1/quota/%s/%s", name.product, name.device), NULL);
}

enum ctl_exit ctl_quota_set(struct ctl *ctl)
{
    uint64_t numbers[4];

    for (size_t i = 0; i < COUNT(numbers); i++)
        if (!ctl_parse_amount(ctl->words[i + 1], &numbers[i]))
            return ctl_fail(CTL_USAGE, "\"%s\" is no amount: write digits, and k, M, G or T after them",
                            ctl->words[i + 1]);
    ctl_autojson *body = ctl_check(json_pack("{s:I, s:I, s:I, s:I}", "product_bytes", (json_int_t)numbers[0],
                                             "product_files", (json_int_t)numbers[1], "device_bytes",
                                             (json_int_t)numbers[2], "device_files", (json_int_t)numbers[3]));
    return call_and_print(ctl, "PUT", ctl_path("/api/v1/quota/%s", ctl->words[0]), body);
}

enum ctl_exit ctl_quota_reset(struct ctl *ctl)
{
    return call_and_print(ctl, "DELETE", ctl_path("/api/v1/quota/%s", ctl->words[0]), NULL);
}
