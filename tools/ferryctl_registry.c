/* ferryctl product ..., ferryctl device ... */
#include "ferryctl_commands.h"

#include "base/alloc.h"
#include "base/system.h"
#include "ferryctl_memory.h"
#include "ferryctl_secret.h"
#include "ferryctl_show.h"
#include "ferryctl_tags.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- products ----------------------------------------------------------------------------------------- */

enum ctl_exit ctl_product_add(struct ctl *ctl)
{
    ctl_autojson *body = ctl_check(json_pack("{s:s}", "name", ctl->words[0]));
    ctl_autojson *product = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "POST", "/api/v1/products", body, &product);

    if (status == CTL_DONE && ctl->options->json)
        ctl_print_json(product);
    else if (status == CTL_DONE)
        ctl_print_done(false, "added", ctl->words[0], "added");
    return status;
}

enum ctl_exit ctl_product_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"PRODUCT", "name", CTL_KIND_TEXT},
        {"DEVICES", "counts.devices", CTL_KIND_NUMBER},
        {"ONLINE", "counts.online", CTL_KIND_KNOWN},
        {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };

    return ctl_print_list(&ctl->api, ctl_path("/api/v1/products"), ctl->options, fields, COUNT(fields),
                          "no products yet: ferryctl product add NAME");
}

enum ctl_exit ctl_product_show(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"Product", "name", CTL_KIND_TEXT},
        {"Devices", "counts.devices", CTL_KIND_NUMBER},
        {"Online", "counts.online", CTL_KIND_KNOWN},
        {"Registration", "registration", CTL_KIND_YES},
        {"Created (UTC)", "created_at", CTL_KIND_TIME},
    };
    ferry_autofree char *path = ctl_path("/api/v1/products/%s", ctl->words[0]);
    ctl_autojson *product = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &product);

    if (status == CTL_DONE)
        ctl_print_object(ctl->options->json, product, fields, COUNT(fields));
    return status;
}

/* DELETE and one word about it. */
static enum ctl_exit remove_at(struct ctl *ctl, char *path)
{
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    free(path);
    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "removed", ctl->words[0], "removed");
    return status;
}

enum ctl_exit ctl_product_rm(struct ctl *ctl)
{
    return remove_at(ctl, ctl_path("/api/v1/products/%s", ctl->words[0]));
}

/* Shows what comes with a secret. */
static enum ctl_exit show_secret(struct ctl *ctl, const json_t *object, const struct ctl_field *fields, size_t count)
{
    if (json_string_value(json_object_get(object, "secret")) == NULL)
        return ctl_fail(CTL_NETWORK, "the platform gave no secret");
    ctl_print_object(ctl->options->json, object, fields, count);
    if (!ctl->options->json)
        (void)fputs("Keep the secret: it is not shown again.\n", stderr);
    return CTL_DONE;
}

enum ctl_exit ctl_product_open(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"Product", "name", CTL_KIND_TEXT},
        {"Secret", "secret", CTL_KIND_TEXT},
    };
    ferry_autofree char *path = ctl_path("/api/v1/products/%s/secret", ctl->words[0]);
    ctl_autojson *product = NULL;
    enum ctl_exit status = ctl_api_call(&ctl->api, "POST", path, NULL, &product);

    return status == CTL_DONE ? show_secret(ctl, product, fields, COUNT(fields)) : status;
}

enum ctl_exit ctl_product_close(struct ctl *ctl)
{
    ferry_autofree char *path = ctl_path("/api/v1/products/%s/secret", ctl->words[0]);
    enum ctl_exit status = ctl_api_call(&ctl->api, "DELETE", path, NULL, NULL);

    if (status == CTL_DONE)
        ctl_print_done(ctl->options->json, "closed", ctl->words[0], "closed: its devices cannot register themselves");
    return status;
}

/* --- devices ------------------------------------------------------------------------------------------ */

bool ctl_device_name(const char *text, struct ctl_device_name *ret_name)
{
    const char *slash = strchr(text, '/');
    ferry_text product = {.ptr = text, .len = slash != NULL ? (size_t)(slash - text) : 0};
    ferry_text device = ferry_text_of(slash != NULL ? slash + 1 : NULL);

    if (ferry_ident_valid(product) && ferry_ident_valid(device) &&
        ferry_text_copy(product, ret_name->product, sizeof ret_name->product) &&
        ferry_text_copy(device, ret_name->device, sizeof ret_name->device))
        return true;
    (void)ctl_fail(CTL_USAGE, "\"%s\" is no device: write PRODUCT/DEVICE, each 1 to 64 of A-Z a-z 0-9 _ : -", text);
    return false;
}

/* The path of the device that the first word names; null with a message. */
static char *device_path(struct ctl *ctl)
{
    struct ctl_device_name name;

    if (!ctl_device_name(ctl->words[0], &name))
        return NULL;
    return ctl_path("/api/v1/devices/%s/%s", name.product, name.device);
}

/* The form that the vendor's SDK reads; what a device with a secret does not need keeps the SDK's placeholders. */
static enum ctl_exit write_device_info(const char *path, const struct ctl_device_name *name, const char *secret)
{
    ctl_autojson *info = ctl_check(json_pack("{s:s, s:s, s:s, s:s, s:{s:s}, s:{s:s, s:s}}", "auth_mode", "KEY",
                                             "productId", name->product, "productSecret", "YOUR_PRODUCT_SECRET",
                                             "deviceName", name->device, "key_deviceinfo", "deviceSecret", secret,
                                             "cert_deviceinfo", "devCertFile", "YOUR_DEVICE_CERT_FILE_NAME",
                                             "devPrivateKeyFile", "YOUR_DEVICE_PRIVATE_KEY_FILE_NAME"));
    ferry_autofree char *bare = ctl_check(json_dumps(info, JSON_INDENT(4)));
    ferry_autofree char *text = ctl_check(ferry_asprintf("%s\n", bare));
    ferry_err err = ferry_file_replace(path, text, strlen(text), 0600);

    if (err == FERRY_OK)
        return CTL_DONE;
    return ctl_fail(CTL_FAILED, "cannot write %s: %s. The device has its secret, which is shown above", path,
                    ferry_err_text(err));
}

/* Sends the order, shows the secret of the answer, and writes the device's file when it is wanted. */
static enum ctl_exit order_secret(struct ctl *ctl, const char *path, json_t *body, const struct ctl_device_name *name)
{
    static const struct ctl_field fields[] = {
        {"Device", NULL, CTL_KIND_NAME},
        {"Secret", "secret", CTL_KIND_TEXT},
        {"Old secret until (UTC)", "old_secret_until", CTL_KIND_TIME},
    };
    ctl_autojson *device = NULL;
    enum ctl_exit status = CTL_DONE;

    if (ctl->options->secret_file != NULL)
        status = ctl_add_secret(ctl->options->secret_file, body);
    if (status == CTL_DONE)
        status = ctl_api_call(&ctl->api, "POST", path, body, &device);
    if (status != CTL_DONE)
        return status;
    bool overlaps = json_is_string(json_object_get(device, "old_secret_until"));
    status = show_secret(ctl, device, fields, COUNT(fields) - !overlaps);
    if (status == CTL_DONE && ctl->options->device_info != NULL)
        status = write_device_info(ctl->options->device_info, name,
                                   json_string_value(json_object_get(device, "secret")));
    return status;
}

enum ctl_exit ctl_device_add(struct ctl *ctl)
{
    struct ctl_device_name name;

    if (!ctl_device_name(ctl->words[0], &name))
        return CTL_USAGE;
    ctl_autojson *body = ctl_check(json_pack("{s:s, s:s}", "product", name.product, "name", name.device));
    if (ctl->options->tag_count > 0 && json_object_set_new(body, "tags", ctl_tags_of(ctl->options)) != 0)
        (void)ctl_check(NULL);
    return order_secret(ctl, "/api/v1/devices", body, &name);
}

enum ctl_exit ctl_device_rotate(struct ctl *ctl)
{
    struct ctl_device_name name;

    if (!ctl_device_name(ctl->words[0], &name))
        return CTL_USAGE;
    ferry_autofree char *path = ctl_path("/api/v1/devices/%s/%s/secret", name.product, name.device);
    ctl_autojson *body = ctl_check(json_pack("{s:I}", "overlap_s", (json_int_t)ctl->options->overlap_s));
    return order_secret(ctl, path, body, &name);
}

struct product_names {
    struct ctl *ctl;
    const char *tag, *online;
    struct ctl_listing *list;
};

static enum ctl_exit list_product(const struct product_names *names, const char *product)
{
    char *path = ctl_path("/api/v1/devices?product=%s", product);

    ctl_query(&path, "name_prefix", names->ctl->options->prefix);
    ctl_query(&path, "sort", names->ctl->options->sort);
    ctl_query(&path, "tag", names->tag);
    ctl_query(&path, "online", names->online);
    enum ctl_exit status = ctl_listing_run(names->list, &names->ctl->api, path);
    free(path);
    return status;
}

static enum ctl_exit on_product(void *arg, json_t *row)
{
    const struct product_names *names = arg;
    const char *name = json_string_value(json_object_get(row, "name"));

    if (name == NULL)
        return ctl_fail(CTL_NETWORK, "the platform listed a product without a name");
    return list_product(names, name);
}

enum ctl_exit ctl_device_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"DEVICE", NULL, CTL_KIND_NAME},
        {"DISABLED", "disabled", CTL_KIND_YES},
        {"ONLINE", "online", CTL_KIND_KNOWN},
        {"LAST SEEN (UTC)", "last_seen_at", CTL_KIND_TIME},
        {"TAGS", "tags", CTL_KIND_LIST},
        {"CREATED (UTC)", "created_at", CTL_KIND_TIME},
    };
    struct ctl_listing list;
    struct product_names names = {.ctl = ctl, .list = &list};
    enum ctl_exit status;

    if (!ctl_only_tag(ctl->options, &names.tag))
        return CTL_USAGE;
    if (ctl->options->online && ctl->options->offline)
        return ctl_fail(CTL_USAGE, "--online or --offline, please: without either, both are listed");
    names.online = ctl->options->online ? "true" : ctl->options->offline ? "false" : NULL;
    ctl_listing_begin(&list, ctl->options, fields, COUNT(fields));
    if (ctl->word_count > 0)
        status = list_product(&names, ctl->words[0]);
    else
        status = ctl_api_each(&ctl->api, "/api/v1/products", 0, on_product, NULL, &names);
    ctl_listing_end(&list, status == CTL_DONE ? "no devices: ferryctl device add PRODUCT/DEVICE" : NULL);
    return status;
}

static enum ctl_exit show_device(struct ctl *ctl, const json_t *device)
{
    static const struct ctl_field fields[] = {
        {"Device", NULL, CTL_KIND_NAME},
        {"Disabled", "disabled", CTL_KIND_YES},
        {"Online", "online", CTL_KIND_KNOWN},
        {"  since (UTC)", "connected_since", CTL_KIND_TIME},
        {"Last seen (UTC)", "last_seen_at", CTL_KIND_TIME},
        {"Tags", "tags", CTL_KIND_LIST},
        {"Created (UTC)", "created_at", CTL_KIND_TIME},
    };

    ctl_print_object(ctl->options->json, device, fields, COUNT(fields));
    return CTL_DONE;
}

enum ctl_exit ctl_device_show(struct ctl *ctl)
{
    ferry_autofree char *path = device_path(ctl);
    ctl_autojson *device = NULL;

    if (path == NULL)
        return CTL_USAGE;
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &device);
    return status == CTL_DONE ? show_device(ctl, device) : status;
}

enum ctl_exit ctl_device_presence(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"TIME (UTC)", "time", CTL_KIND_TIME},
        {"BEFORE", "before", CTL_KIND_TEXT},
        {"STATE", "state", CTL_KIND_TEXT},
        {"REASON", "result_msg", CTL_KIND_TEXT},
    };
    struct ctl_device_name name;

    if (!ctl_device_name(ctl->words[0], &name))
        return CTL_USAGE;
    return ctl_print_list(&ctl->api, ctl_path("/api/v1/devices/%s/%s/presence", name.product, name.device),
                          ctl->options, fields, COUNT(fields), "the log of events does not say that it came or went");
}

enum ctl_exit ctl_device_rm(struct ctl *ctl)
{
    char *path = device_path(ctl);

    return path != NULL ? remove_at(ctl, path) : CTL_USAGE;
}

static enum ctl_exit set_disabled(struct ctl *ctl, bool disabled)
{
    ferry_autofree char *path = device_path(ctl);
    ctl_autojson *body = ctl_check(json_pack("{s:b}", "disabled", (int)disabled));
    ctl_autojson *device = NULL;

    if (path == NULL)
        return CTL_USAGE;
    enum ctl_exit status = ctl_api_call(&ctl->api, "PATCH", path, body, &device);
    if (status == CTL_DONE && ctl->options->json)
        ctl_print_json(device);
    else if (status == CTL_DONE)
        ctl_print_done(false, "", ctl->words[0], disabled ? "disabled" : "enabled");
    return status;
}

enum ctl_exit ctl_device_disable(struct ctl *ctl)
{
    return set_disabled(ctl, true);
}

enum ctl_exit ctl_device_enable(struct ctl *ctl)
{
    return set_disabled(ctl, false);
}
