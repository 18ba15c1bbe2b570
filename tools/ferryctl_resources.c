/* ferryctl resource ... */
#include "ferryctl_commands.h"

#include "ferryctl_file.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"
#include "proto/limits.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ctl_field resource_fields[] = {
    {"Id", "id", CTL_KIND_TEXT},         {"Product", "product", CTL_KIND_TEXT},
    {"Name", "name", CTL_KIND_TEXT},     {"Size", "size", CTL_KIND_SIZE},
    {"Bytes", "size", CTL_KIND_NUMBER},  {"MD5", "md5", CTL_KIND_TEXT},
    {"SHA-256", "sha256", CTL_KIND_TEXT}, {"Created (UTC)", "created_at", CTL_KIND_TIME},
    {"Description", "description", CTL_KIND_PROSE},
};

/* --- adding ------------------------------------------------------------------------------------------- */

static const char *name_of(struct ctl *ctl)
{
    const char *slash = strrchr(ctl->words[1], '/');

    if (ctl->options->name != NULL)
        return ctl->options->name;
    return slash != NULL ? slash + 1 : ctl->words[1];
}

static void note_vendor_limits(const char *name, json_int_t size)
{
    if (!ferry_name_portable(ferry_text_of(name)) || size > (json_int_t)FERRY_SIZE_VENDOR_MAX)
        (void)fputs("Note: devices with the vendor's SDK cannot fetch this file (its name is over 63 bytes or has one "
                    "of \" \\ { } [ ], or it has 2 GiB or more). deploy wants --force for it.\n", stderr);
}

static enum ctl_exit send_whole(struct ctl *ctl, const char *name, json_t **ret_resource)
{
    char *path = ctl_path("/api/v1/resources?product=%s&name=%s", ctl->words[0], name);

    ctl_query(&path, "description", ctl->options->description);
    enum ctl_exit status = ctl_file_send(&ctl->api, path, ctl->words[1], ctl->options->json, ret_resource);
    free(path);
    return status;
}

static enum ctl_exit send_parts(struct ctl *ctl, const char *name, json_t **ret_resource)
{
    ctl_autojson *order = json_pack("{s:s, s:s, s:s*}", "product", ctl->words[0], "name", name, "description",
                                    ctl->options->description);

    if (order == NULL)
        return ctl_fail(CTL_USAGE, "a description is UTF-8");
    return ctl_file_send_parts(&ctl->api, order, ctl->words[1], ctl->options->json, ret_resource);
}

enum ctl_exit ctl_resource_add(struct ctl *ctl)
{
    const char *name = name_of(ctl);
    ctl_autojson *resource = NULL;

    if (strcmp(ctl->words[1], "-") == 0 && ctl->options->name == NULL)
        return ctl_fail(CTL_USAGE, "standard input has no name: give --name");
    if (!ferry_name_valid(ferry_text_of(name)))
        return ctl_fail(CTL_USAGE, "a name is 1 to 255 bytes of UTF-8 without control characters: give another with "
                                   "--name");
    enum ctl_exit status = ctl_file_is_large(ctl->words[1]) ? send_parts(ctl, name, &resource) : send_whole(ctl, name, &resource);
    if (status != CTL_DONE)
        return status;
    ctl_print_object(ctl->options->json, resource, resource_fields, COUNT(resource_fields));
    if (!ctl->options->json)
        note_vendor_limits(name, json_integer_value(json_object_get(resource, "size")));
    return CTL_DONE;
}

enum ctl_exit ctl_resource_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"ID", "id", CTL_KIND_TEXT},
        {"PRODUCT", "product", CTL_KIND_TEXT},
        {"NAME", "name", CTL_KIND_TEXT},
        {"SIZE", "size", CTL_KIND_SIZE},
        {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
        {"DESCRIPTION", "description", CTL_KIND_LINE},
    };
    char *path = ctl_path("/api/v1/resources");

    ctl_query(&path, "product", ctl->word_count > 0 ? ctl->words[0] : NULL);
    ctl_query(&path, "name_prefix", ctl->options->prefix);
    ctl_query(&path, "since", ctl->options->since);
    ctl_query(&path, "sort", ctl->options->sort);
    return ctl_print_list(&ctl->api, path, ctl->options, fields, COUNT(fields),
                          "no resources: ferryctl resource add PRODUCT FILE");
}

/* --- on their way ------------------------------------------------------------------------------------- */

enum ctl_exit ctl_resource_uploads(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"ID", "id", CTL_KIND_TEXT},       {"PRODUCT", "product", CTL_KIND_TEXT},
        {"NAME", "name", CTL_KIND_TEXT},   {"SIZE", "size", CTL_KIND_SIZE},
        {"THERE", "offset", CTL_KIND_SIZE}, {"STATE", "state", CTL_KIND_TEXT},
        {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };
    char *path = ctl_path("/api/v1/resource-uploads");

    ctl_query(&path, "product", ctl->word_count > 0 ? ctl->words[0] : NULL);
    return ctl_print_list(&ctl->api, path, ctl->options, fields, COUNT(fields), "no uploads of resources");
}

enum ctl_exit ctl_resource_abandon(struct ctl *ctl)
{
    ferry_autofree char *path = ctl_path("/api/v1/resource-uploads/%s", ctl->words[0]);
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "abandoned", ctl->words[0], "given up");
    return status;
}

/* --- finding ------------------------------------------------------------------------------------------ */

/* The versions of a name, the newest first. */
struct versions {
    json_t *rows;
};

static enum ctl_exit keep_version(void *arg, json_t *row)
{
    struct versions *versions = arg;

    if (json_array_append(versions->rows, row) != 0)
        (void)ctl_check(NULL);
    return CTL_DONE;
}

static enum ctl_exit find_versions(struct ctl *ctl, json_t **ret_rows)
{
    ferry_autofree char *path = ctl_path("/api/v1/resources?product=%s&name=%s", ctl->words[0], ctl->words[1]);
    struct versions versions = {.rows = ctl_check(json_array())};
    enum ctl_exit status = ctl_api_each(&ctl->api, path, 0, keep_version, NULL, &versions);

    if (status == CTL_DONE && json_array_size(versions.rows) == 0)
        status = ctl_fail(CTL_REFUSED, "%s has no resource \"%s\"", ctl->words[0], ctl->words[1]);
    if (status == CTL_DONE)
        *ret_rows = versions.rows;
    else
        json_decref(versions.rows);
    return status;
}

/* The resource of one word (its id) or two (product and name: the newest version). */
static enum ctl_exit find(struct ctl *ctl, json_t **ret_resource)
{
    if (ctl->word_count == 1) {
        ferry_autofree char *path = ctl_path("/api/v1/resources/%s", ctl->words[0]);
        return ctl_api_call(&ctl->api, "GET", path, NULL, ret_resource);
    }
    ctl_autojson *rows = NULL;
    enum ctl_exit status = find_versions(ctl, &rows);
    if (status == CTL_DONE)
        *ret_resource = json_incref(json_array_get(rows, 0));
    return status;
}

enum ctl_exit ctl_resource_show(struct ctl *ctl)
{
    ctl_autojson *resource = NULL;
    enum ctl_exit status = find(ctl, &resource);

    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, resource, resource_fields, COUNT(resource_fields));
    return status;
}

enum ctl_exit ctl_resource_describe(struct ctl *ctl)
{
    ctl_autojson *resource = NULL;
    ctl_autojson *after = NULL;

    if (ctl->options->description == NULL)
        return ctl_fail(CTL_USAGE, "say what it is: --description TEXT (\"\" for nothing)");
    enum ctl_exit status = find(ctl, &resource);
    const char *id = json_string_value(json_object_get(resource, "id"));
    if (status != CTL_DONE)
        return status;
    if (id == NULL)
        return ctl_fail(CTL_NETWORK, "the platform showed a resource without an id");
    ferry_autofree char *path = ctl_path("/api/v1/resources/%s", id);
    ctl_autojson *body = json_pack("{s:s}", "description", ctl->options->description);
    if (body == NULL)
        return ctl_fail(CTL_USAGE, "a description is UTF-8");
    status = ctl_api_call(&ctl->api, "PATCH", path, body, &after);
    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, after, resource_fields, COUNT(resource_fields));
    return status;
}

enum ctl_exit ctl_resource_get(struct ctl *ctl)
{
    ctl_autojson *resource = NULL;

    if (ctl->options->output == NULL)
        return ctl_fail(CTL_USAGE, "say where the file goes: -o FILE");
    enum ctl_exit status = find(ctl, &resource);
    return status == CTL_DONE ? ctl_get_content(ctl, "resources", resource) : status;
}

/* --- removing ----------------------------------------------------------------------------------------- */

static enum ctl_exit remove_one(struct ctl *ctl, const char *id)
{
    ferry_autofree char *path = ctl_path("/api/v1/resources/%s", id);
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "removed", id, "removed");
    return status;
}

enum ctl_exit ctl_resource_rm(struct ctl *ctl)
{
    ctl_autojson *rows = NULL;

    if (ctl->word_count == 1)
        return remove_one(ctl, ctl->words[0]);
    enum ctl_exit status = find_versions(ctl, &rows);
    if (status != CTL_DONE)
        return status;
    if (json_array_size(rows) > 1 && !ctl->options->all_versions)
        return ctl_fail(CTL_USAGE, "\"%s\" has %zu versions: name one by its id (ferryctl resource list %s), or add "
                                   "--all-versions", ctl->words[1], json_array_size(rows), ctl->words[0]);
    for (size_t i = 0; status == CTL_DONE && i < json_array_size(rows); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(rows, i), "id"));
        status = id != NULL ? remove_one(ctl, id) : ctl_fail(CTL_NETWORK, "the platform listed a resource without an id");
    }
    return status;
}
