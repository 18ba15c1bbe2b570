/* Where the files are: a folder, or a bucket. */
#include "platform.h"

#include "config_check.h"
#include "platform_internal.h"

#include "base/log.h"
#include "objects/local.h"
#include "objects/s3.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static ferry_err open_folder(struct platform *p)
{
    struct objects_local_config cfg = {.dir = p->objects_path, .public_url = p->public_url};
    ferry_err err;

    memcpy(cfg.key, p->url_keys.key, sizeof(cfg.key));
    memcpy(cfg.old_keys, p->url_keys.old, sizeof(cfg.old_keys));
    cfg.old_keys_count = p->url_keys.old_count;
    err = objects_local_open(&cfg, &p->objects);
    explicit_bzero(&cfg, sizeof(cfg));
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "objects", "cannot use the folder %s: %s", p->objects_path, ferry_err_text(err));
    return err;
}

/* --- a bucket --------------------------------------------------------------------------------------------- */

struct credentials {
    char *access_key, *secret_key, *session_token;
};

#define TEXT(name, field) {name, FERRY_SETTING_TEXT, offsetof(struct credentials, field), NULL, 0, 0, ""}
static const struct ferry_setting keys[] = {
    TEXT("aws-access-key-id", access_key),
    TEXT("aws-secret-access-key", secret_key),
    TEXT("aws-session-token", session_token),
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static const char *const variables[KEYS] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

static ferry_err read_file(const char *path, struct credentials *credentials, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    struct stat info;

    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE, "others may read %s: give it mode 0600", path);
        return FERRY_E_DENIED;
    }
    return ferry_settings_from_file(keys, KEYS, credentials, path, message);
}

static ferry_err read_environment(struct credentials *credentials, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < KEYS; i++)
        if (getenv(variables[i]) != NULL)
            err = ferry_settings_set(keys, KEYS, credentials, keys[i].name, getenv(variables[i]), variables[i], message);
    return err;
}

/* The broker, and whoever else we start, need not know them. */
static void forget_environment(void)
{
    for (size_t i = 0; i < KEYS; i++)
        (void)unsetenv(variables[i]);
}

static ferry_err read_credentials(const struct config *config, struct credentials *credentials)
{
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";
    ferry_err err = config->objects_credentials != NULL ? read_file(config->objects_credentials, credentials, message)
                                                        : read_environment(credentials, message);

    if (err == FERRY_OK && (credentials->access_key == NULL || credentials->secret_key == NULL)) {
        (void)snprintf(message, sizeof(message), "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                                                 "write both into the file of --objects-credentials");
        err = FERRY_E_ARG;
    }
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "objects", "%s", message);
    return err;
}

static void wipe(struct credentials *credentials)
{
    char *texts[] = {credentials->access_key, credentials->secret_key, credentials->session_token};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i] != NULL)
            explicit_bzero(texts[i], strlen(texts[i]));
    ferry_settings_done(keys, KEYS, credentials);
}

static ferry_err open_with(struct platform *p, const struct objects_s3_address *address, const struct credentials *credentials,
                           char problem[OBJECTS_S3_PROBLEM_SIZE])
{
    struct objects_s3_config cfg = {.address = address,
                                    .access_key = credentials->access_key,
                                    .secret_key = credentials->secret_key,
                                    .session_token = credentials->session_token,
                                    .public_url = p->public_url,
                                    .sweep_age_s = OBJECTS_S3_SWEEP_AGE_S};
    ferry_err err;

    memcpy(cfg.key, p->url_keys.key, sizeof(cfg.key));
    memcpy(cfg.old_keys, p->url_keys.old, sizeof(cfg.old_keys));
    cfg.old_keys_count = p->url_keys.old_count;
    err = objects_s3_open(&cfg, &p->objects);
    explicit_bzero(&cfg, sizeof(cfg));
    if (err == FERRY_OK)
        return objects_s3_check(p->objects, p->secrets.client_id, problem);
    (void)snprintf(problem, OBJECTS_S3_PROBLEM_SIZE, "%s",
                   err == FERRY_E_ARG ? "the credentials are empty, or too long" : ferry_err_text(err));
    return err;
}

static ferry_err open_bucket(struct platform *p)
{
    char problem[OBJECTS_S3_PROBLEM_SIZE] = "";
    struct credentials credentials = {.access_key = NULL};
    struct objects_s3_address address = {.bucket = ""};
    ferry_err err = objects_s3_address_parse(p->config->objects, &address, problem);

    if (err == FERRY_OK)
        err = read_credentials(p->config, &credentials);
    forget_environment();
    if (err == FERRY_OK)
        err = open_with(p, &address, &credentials, problem);
    wipe(&credentials);
    if (err != FERRY_OK && problem[0] != '\0')
        ferry_log(FERRY_LOG_ERROR, "objects", "cannot use the bucket %s: %s", address.bucket, problem);
    return err;
}

ferry_err platform_open_objects(struct platform *p)
{
    return config_objects_in_bucket(p->config) ? open_bucket(p) : open_folder(p);
}
