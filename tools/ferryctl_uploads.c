/* ferryctl upload ... */
#include "ferryctl_commands.h"

#include "ferryctl_file.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum ctl_exit ctl_upload_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"ID", "id", CTL_KIND_TEXT},         {"DEVICE", NULL, CTL_KIND_DEVICE},
        {"NAME", "name", CTL_KIND_TEXT},     {"SIZE", "size", CTL_KIND_SIZE},
        {"STATE", "state", CTL_KIND_TEXT},   {"%", "percent", CTL_KIND_NUMBER},
        {"RESULT", NULL, CTL_KIND_RESULT},   {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };
    const char *word = ctl->word_count > 0 ? ctl->words[0] : NULL;
    char *path = ctl_path("/api/v1/uploads");
    struct ctl_device_name name;

    if (word != NULL && strchr(word, '/') != NULL) {
        if (!ctl_device_name(word, &name)) {
            free(path);
            return CTL_USAGE;
        }
        ctl_query(&path, "product", name.product);
        ctl_query(&path, "device", name.device);
    } else {
        ctl_query(&path, "product", word);
    }
    ctl_query(&path, "state", ctl->options->state);
    ctl_query(&path, "name_prefix", ctl->options->prefix);
    ctl_query(&path, "since", ctl->options->since);
    ctl_query(&path, "sort", ctl->options->sort);
    return ctl_print_list(&ctl->api, path, ctl->options, fields, COUNT(fields), "no uploads");
}

static enum ctl_exit find(struct ctl *ctl, json_t **ret_upload)
{
    ferry_autofree char *path = ctl_path("/api/v1/uploads/%s", ctl->words[0]);

    return ctl_api_call(&ctl->api, "GET", path, NULL, ret_upload);
}

enum ctl_exit ctl_upload_show(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"Id", "id", CTL_KIND_TEXT},
        {"Device", NULL, CTL_KIND_DEVICE},
        {"Name", "name", CTL_KIND_TEXT},
        {"Size", "size", CTL_KIND_SIZE},
        {"Bytes", "size", CTL_KIND_NUMBER},
        {"MD5", "md5", CTL_KIND_TEXT},
        {"State", "state", CTL_KIND_TEXT},
        {"Percent", "percent", CTL_KIND_PERCENT},
        {"Result", NULL, CTL_KIND_RESULT},
        {"Created (UTC)", "created_at", CTL_KIND_TIME},
        {"Updated (UTC)", "updated_at", CTL_KIND_TIME},
        {"Stored (UTC)", "stored_at", CTL_KIND_TIME},
        {"Ended (UTC)", "ended_at", CTL_KIND_TIME},
        {"Expires (UTC)", "expires_at", CTL_KIND_TIME},
    };
    ctl_autojson *upload = NULL;
    enum ctl_exit status = find(ctl, &upload);

    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, upload, fields, COUNT(fields));
    return status;
}

enum ctl_exit ctl_get_content(struct ctl *ctl, const char *kind, const json_t *object)
{
    const char *file = ctl->options->output;
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *md5 = json_string_value(json_object_get(object, "md5"));
    json_int_t size = json_integer_value(json_object_get(object, "size"));

    if (id == NULL || md5 == NULL)
        return ctl_fail(CTL_NETWORK, "the platform did not say what the file is");
    ferry_autofree char *path = ctl_path("/api/v1/%s/%s/content", kind, id);
    enum ctl_exit status = ctl_file_receive(&ctl->api, path, file, (uint64_t)size, md5, ctl->options->json);
    if (status == CTL_DONE && strcmp(file, "-") != 0)
        ctl_print_done(ctl->options->json, "file", file, "written, MD5 verified");
    return status;
}

enum ctl_exit ctl_upload_get(struct ctl *ctl)
{
    ctl_autojson *upload = NULL;

    if (ctl->options->output == NULL)
        return ctl_fail(CTL_USAGE, "say where the file goes: -o FILE");
    enum ctl_exit status = find(ctl, &upload);
    return status == CTL_DONE ? ctl_get_content(ctl, "uploads", upload) : status;
}

enum ctl_exit ctl_upload_rm(struct ctl *ctl)
{
    ferry_autofree char *path = ctl_path("/api/v1/uploads/%s", ctl->words[0]);
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "removed", ctl->words[0], "removed");
    return status;
}
