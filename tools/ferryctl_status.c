/* ferryctl status */
#include "ferryctl_commands.h"

#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum ctl_exit ctl_status(struct ctl *ctl)
{
    static const struct ctl_field platform[] = {
        {"Version", "version", CTL_KIND_TEXT},
        {"Running for", "uptime_s", CTL_KIND_SECONDS},
        {"Health", "health", CTL_KIND_TEXT},
        {"Broker connected", "broker_connected", CTL_KIND_YES},
    };
    static const struct ctl_field totals[] = {
        {"Products", "products", CTL_KIND_NUMBER},
        {"Devices", "devices", CTL_KIND_NUMBER},
        {"Resources", "resources", CTL_KIND_NUMBER},
        {"  bytes", "resource_bytes", CTL_KIND_SIZE},
        {"Uploads stored", "uploads_stored_bytes", CTL_KIND_SIZE},
        {"  open", "uploads_open", CTL_KIND_NUMBER},
        {"Deployments", "deployments", CTL_KIND_NUMBER},
        {"  open tasks", "downloads_open", CTL_KIND_NUMBER},
    };
    static const struct ctl_field engine[] = {
        {"Messages in", "messages_total", CTL_KIND_NUMBER},
        {"Messages out", "published_total", CTL_KIND_NUMBER},
        {"Commands waiting", "inbox_depth_now", CTL_KIND_NUMBER},
    };
    ctl_autojson *status = NULL;
    enum ctl_exit result = ctl_api_call(&ctl->api, "GET", "/api/v1/status", NULL, &status);

    if (result != CTL_DONE)
        return result;
    if (ctl->options->json) {
        ctl_print_json(status);
        return CTL_DONE;
    }
    (void)printf("Platform at %s\n", ctl->api.url);
    ctl_print_object(false, status, platform, COUNT(platform));
    ctl_print_object(false, json_object_get(status, "totals"), totals, COUNT(totals));
    ctl_print_object(false, json_object_get(status, "engine"), engine, COUNT(engine));
    return CTL_DONE;
}
