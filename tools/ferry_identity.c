/* Who this device is: a secret file, or the vendor's device_info.json. */
#include "ferry_identity.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { IDENTITY_FILE_MAX = 64 * 1024 };

FERRY_DEFINE_CLEANUP(json_t *, json_decref)

static bool complain(char *message, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool complain(char *message, const char *path, const char *format, ...)
{
    int n = snprintf(message, FERRY_CONFIG_MESSAGE_SIZE, "%.250s: ", path);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message + n, FERRY_CONFIG_MESSAGE_SIZE - (size_t)n, format, args);
    va_end(args);
    return false;
}

/* Secrets do not stay behind in freed memory. */
static void wipe(struct ferry_buf *text)
{
    if (text->data != NULL)
        explicit_bzero(text->data, text->cap);
}

static bool read_file(const char *path, struct ferry_buf *text, char *message)
{
    ferry_err err = ferry_file_read(path, text);

    return err == FERRY_OK || complain(message, path, "%s", ferry_err_text(err));
}

/* Not an error: on many a device there is one user only. */
static void check_mode(struct ferry_config *config, const char *path)
{
    struct stat st;

    if (config->warning == NULL && stat(path, &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
        config->warning = ferry_asprintf("%s can be read by others: chmod 600 it", path);
}

static bool read_secret_file(struct ferry_config *config, char *message)
{
    ferry_autobuf text = FERRY_BUF_INIT(IDENTITY_FILE_MAX);

    if (!read_file(config->secret_file, &text, message))
        return false;
    check_mode(config, config->secret_file);
    const char *start = text.data + strspn(text.data, " \t\r\n");
    config->secret = ferry_strdup(start);
    wipe(&text);
    if (config->secret == NULL)
        return complain(message, config->secret_file, "%s", ferry_err_text(FERRY_E_NOMEM));
    config->secret[strcspn(config->secret, " \t\r\n")] = '\0';
    return config->secret[0] != '\0' ||
           complain(message, config->secret_file, "is empty: it must hold the device secret");
}

/* Fills *text from a member unless a flag or setting has said it before. */
static bool take_member(const json_t *object, const char *key, char **text)
{
    const char *value = json_string_value(json_object_get(object, key));

    if (*text == NULL && value != NULL)
        *text = ferry_strdup(value);
    return *text != NULL;
}

/* FOLDER/certs/NAME as with the vendor's SDK, FOLDER/NAME, or the path that it is; null without memory. */
static char *certificate_path(const char *info_path, const char *name)
{
    const char *slash = strrchr(info_path, '/');
    int folder = slash == NULL ? 0 : (int)(slash + 1 - info_path);
    struct stat st;

    if (name[0] == '/')
        return ferry_strdup(name);
    ferry_autofree char *path = ferry_asprintf("%.*scerts/%s", folder, info_path, name);
    if (path == NULL || stat(path, &st) == 0)
        return FERRY_TAKE(path);
    return ferry_asprintf("%.*s%s", folder, info_path, name);
}

static bool take_certificate(struct ferry_config *config, const json_t *cert, const char *key, char **path)
{
    const char *name = json_string_value(json_object_get(cert, key));

    if (*path == NULL && name != NULL && name[0] != '\0')
        *path = certificate_path(config->device_info, name);
    return *path != NULL;
}

static bool take_certificates(struct ferry_config *config, const json_t *info, char *message)
{
    const json_t *cert = json_object_get(info, "cert_deviceinfo");

    if (config->secret != NULL)
        return true; /* --secret-file was given: that counts */
    return (take_certificate(config, cert, "devCertFile", &config->cert_file) &&
            take_certificate(config, cert, "devPrivateKeyFile", &config->key_file)) ||
           complain(message, config->device_info,
                    "with \"auth_mode\":\"CERT\" it must have cert_deviceinfo.devCertFile and .devPrivateKeyFile");
}

static bool take_info(struct ferry_config *config, const json_t *info, char *message)
{
    const char *mode = json_string_value(json_object_get(info, "auth_mode"));

    if (!take_member(info, "productId", &config->product) || !take_member(info, "deviceName", &config->device))
        return complain(message, config->device_info, "must have productId and deviceName");
    if (mode != NULL && strcmp(mode, "CERT") == 0)
        return take_certificates(config, info, message);
    if (mode != NULL && strcmp(mode, "KEY") != 0)
        return complain(message, config->device_info, "auth_mode is \"KEY\" or \"CERT\", not \"%.40s\"", mode);
    check_mode(config, config->device_info);
    return take_member(json_object_get(info, "key_deviceinfo"), "deviceSecret", &config->secret) ||
           complain(message, config->device_info, "must have key_deviceinfo.deviceSecret");
}

static bool read_device_info(struct ferry_config *config, char *message)
{
    json_error_t at;
    ferry_autobuf text = FERRY_BUF_INIT(IDENTITY_FILE_MAX);

    if (!read_file(config->device_info, &text, message))
        return false;
    ferry_cleanup(json_decref) json_t *info = json_loadb(text.data, text.len, 0, &at);
    wipe(&text);
    if (info == NULL) /* at.text would quote the file, perhaps its secret */
        return complain(message, config->device_info, "line %d, column %d: this is no JSON", at.line, at.column);
    return take_info(config, info, message);
}

bool ferry_identity_read(struct ferry_config *config, char reterr_message[FERRY_CONFIG_MESSAGE_SIZE])
{
    if (config->secret_file != NULL && !read_secret_file(config, reterr_message))
        return false;
    if (config->device_info != NULL && !read_device_info(config, reterr_message))
        return false;
    if (config->product != NULL && config->device != NULL && (config->secret != NULL || config->cert_file != NULL))
        return true;
    (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE,
                   "who am I? Give --product, --device and --secret-file (or --cert-file), or --device-info");
    return false;
}
