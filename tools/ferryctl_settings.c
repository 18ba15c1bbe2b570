/* ferryctl settings */
#include "ferryctl_commands.h"

#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A value of any type as text: what is a text stands without quotes. */
static void make_text(json_t *row, const char *key)
{
    json_t *value = json_object_get(row, key);

    if (value == NULL || json_is_string(value) || json_is_null(value))
        return;
    char *text = ctl_check(json_dumps(value, JSON_ENCODE_ANY));
    (void)json_object_set_new(row, key, json_string(text));
    free(text);
}

enum ctl_exit ctl_settings(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"SETTING", "name", CTL_KIND_TEXT}, {"VALUE", "value", CTL_KIND_TEXT}, {"DEFAULT", "default", CTL_KIND_TEXT}};
    ctl_autojson *answer = NULL;
    struct ctl_listing list;
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", "/api/v1/settings", NULL, &answer);
    json_t *row;
    size_t i;

    if (status != CTL_DONE)
        return status;
    ctl_listing_begin(&list, ctl->options, fields, COUNT(fields));
    json_array_foreach(json_object_get(answer, "items"), i, row) {
        if (!ctl->options->json) {
            make_text(row, "value");
            make_text(row, "default");
        }
        ctl_listing_add(&list, row);
    }
    ctl_table_flush(&list.table, stdout);
    ctl_listing_end(&list, NULL);
    return CTL_DONE;
}
