/* What devices reported about their tasks. */
#include "ferryctl_commands.h"

#include "ferryctl_show.h"

enum ctl_exit ctl_print_reports(struct ctl *ctl, char *path)
{
    static const struct ctl_field fields[] = {
        {"NO", "number", CTL_KIND_NUMBER},
        {"TIME (UTC)", "time", CTL_KIND_TIME},
        {"STATE", "state", CTL_KIND_TEXT},
        {"%", "percent", CTL_KIND_NUMBER},
        {"RESULT", NULL, CTL_KIND_RESULT},
    };

    return ctl_print_list(&ctl->api, path, ctl->options, fields, sizeof fields / sizeof fields[0], "no reports");
}

enum ctl_exit ctl_upload_reports(struct ctl *ctl)
{
    return ctl_print_reports(ctl, ctl_path("/api/v1/uploads/%s/reports", ctl->words[0]));
}
