/* Who this device is: a secret file, or the vendor's device_info.json. */
#include "ferry_identity.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { IDENTITY_FILE_MAX = 64 * 1024 };

FERRY_DEFINE_CLEANUP(json_t *, json_decref)

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "ferry: %s: %s\n", path, what);
    return false;
}

static bool read_secret_file(struct ferry_config *config)
{
    ferry_autobuf text = FERRY_BUF_INIT(IDENTITY_FILE_MAX);
    struct stat st;
    ferry_err err = ferry_file_read(config->secret_file, &text);

    if (err != FERRY_OK)
        return complain(config->secret_file, ferry_err_text(err));
    if (stat(config->secret_file, &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
        fprintf(stderr, "ferry: warning: %s can be read by others: chmod 600 it\n", config->secret_file);
    const char *start = text.data == NULL ? "" : text.data;
    start += strspn(start, " \t\r\n");
    config->secret = ferry_strdup(start);
    if (config->secret == NULL)
        return complain(config->secret_file, ferry_err_text(FERRY_E_NOMEM));
    config->secret[strcspn(config->secret, " \t\r\n")] = '\0';
    return config->secret[0] != '\0' || complain(config->secret_file, "is empty: it must hold the device secret");
}

/* Fills *text from a member unless a flag or setting has said it before. */
static bool take_member(const json_t *object, const char *key, char **text)
{
    const char *value = json_string_value(json_object_get(object, key));

    if (*text == NULL && value != NULL)
        *text = ferry_strdup(value);
    return *text != NULL;
}

static bool read_device_info(struct ferry_config *config)
{
    json_error_t at;
    ferry_autobuf text = FERRY_BUF_INIT(IDENTITY_FILE_MAX);
    ferry_err err = ferry_file_read(config->device_info, &text);

    if (err != FERRY_OK)
        return complain(config->device_info, ferry_err_text(err));
    ferry_cleanup(json_decref) json_t *info = json_loadb(text.data, text.len, 0, &at);
    if (info == NULL) {
        fprintf(stderr, "ferry: %s:%d: %s\n", config->device_info, at.line, at.text);
        return false;
    }
    const char *mode = json_string_value(json_object_get(info, "auth_mode"));
    if (mode != NULL && strcmp(mode, "KEY") != 0)
        return complain(config->device_info, "only \"auth_mode\":\"KEY\" is supported: use a device with a secret");
    const json_t *key = json_object_get(info, "key_deviceinfo");
    return (take_member(info, "productId", &config->product) && take_member(info, "deviceName", &config->device) &&
            take_member(key, "deviceSecret", &config->secret)) ||
           complain(config->device_info, "must have productId, deviceName and key_deviceinfo.deviceSecret");
}

bool ferry_identity_read(struct ferry_config *config)
{
    if (config->secret_file != NULL && !read_secret_file(config))
        return false;
    if (config->device_info != NULL && !read_device_info(config))
        return false;
    if (config->product != NULL && config->device != NULL && config->secret != NULL)
        return true;
    fprintf(stderr, "ferry: who am I? Give --product, --device and --secret-file, or --device-info\n");
    return false;
}
