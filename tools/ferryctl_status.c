/* ferryctl status */
#include "ferryctl_commands.h"

#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { NEARLY_FULL_PERCENT = 90 };

static void warn_of(const json_t *quota, const char *limit_key, const char *used_key, const char *what)
{
    double limit = json_number_value(json_object_get(json_object_get(quota, "limits"), limit_key));
    double used = json_number_value(json_object_get(json_object_get(quota, "used"), used_key));

    if (limit > 0 && 100 * used >= NEARLY_FULL_PERCENT * limit)
        (void)printf("Quota of %s: %.0f %% of its %s\n", json_string_value(json_object_get(quota, "product")),
                     100 * used / limit, what);
}

static enum ctl_exit warn_of_quota(void *arg, json_t *quota)
{
    (void)arg;
    warn_of(quota, "product_bytes", "bytes", "bytes");
    warn_of(quota, "product_files", "files", "files");
    return CTL_DONE;
}

enum ctl_exit ctl_status(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"Version", "version", CTL_KIND_TEXT},
        {"Running for", "uptime_s", CTL_KIND_SECONDS},
        {"Health", "health", CTL_KIND_TEXT},
        {"Broker connected", "broker_connected", CTL_KIND_YES},
        {"Certificate expires", "certificate_expires", CTL_KIND_TIME},
        {"Products", "totals.products", CTL_KIND_NUMBER},
        {"Devices", "totals.devices", CTL_KIND_NUMBER},
        {"  connected", "devices_connected", CTL_KIND_KNOWN},
        {"Resources", "totals.resources", CTL_KIND_NUMBER},
        {"  size", "totals.resource_bytes", CTL_KIND_SIZE},
        {"Uploads open", "totals.uploads_open", CTL_KIND_NUMBER},
        {"  size of stored ones", "totals.uploads_stored_bytes", CTL_KIND_SIZE},
        {"Deployments", "totals.deployments", CTL_KIND_NUMBER},
        {"  open", "totals.deployments_open", CTL_KIND_NUMBER},
        {"  tasks open", "totals.downloads_open", CTL_KIND_NUMBER},
        {"Webhooks", "totals.webhooks", CTL_KIND_NUMBER},
        {"  parked", "totals.webhooks_parked", CTL_KIND_NUMBER},
        {"Messages in", "engine.messages_total", CTL_KIND_NUMBER},
        {"Messages out", "engine.published_total", CTL_KIND_NUMBER},
        {"Commands waiting", "engine.inbox_depth_now", CTL_KIND_NUMBER},
    };
    ctl_autojson *status = NULL;
    enum ctl_exit result = ctl_api_call(&ctl->api, "GET", "/api/v1/status", NULL, &status);

    if (result != CTL_DONE)
        return result;
    if (!ctl->options->json)
        (void)printf("Platform at %s\n", ctl->api.url);
    ctl_print_object(ctl->options->json, status, fields, COUNT(fields));
    return ctl->options->json ? CTL_DONE : ctl_api_each(&ctl->api, "/api/v1/quota", 0, warn_of_quota, NULL, NULL);
}
