#include "config_check.h"

#include "address.h"

#include "base/log.h"
#include "base/subnets.h"
#include "mqtt/broker_url.h"
#include "objects/s3.h"
#include "proto/limits.h"
#include "store/any.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static ferry_err refuse(char message[FERRY_SETTING_MESSAGE_SIZE],
                                                              const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, FERRY_SETTING_MESSAGE_SIZE, format, args);
    va_end(args);
    return FERRY_E_FORMAT;
}

static ferry_err check_address(const char *setting, const char *ip, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char quoted[FERRY_LOG_QUOTE_SIZE];
    struct address address;

    if (address_parse(ip, 0, &address) == FERRY_OK)
        return FERRY_OK;
    return refuse(message, "--%s: write an IP address such as 127.0.0.1, 0.0.0.0 or ::1, not %s", setting,
                  ferry_log_quote(ip, strlen(ip), quoted));
}

/* Paths go into the broker's configuration, line by line. */
static ferry_err check_path(const char *setting, const char *path, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    if (path == NULL)
        return FERRY_OK;
    if (path[0] == '\0')
        return refuse(message, "--%s: the path is empty", setting);
    for (; *path != '\0'; path++)
        if ((unsigned char)*path < ' ')
            return refuse(message, "--%s: the path has a control character", setting);
    return FERRY_OK;
}

/* http[s]://host[:port]: vendor devices hold 63 characters of the host. */
static ferry_err check_public_url(const char *url, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    const char *host, *end;

    if (url == NULL)
        return FERRY_OK;
    host = strncmp(url, "http://", 7) == 0 ? url + 7 : strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
    if (host == NULL || host[0] == '\0' || strpbrk(host, "/?#@ \"\\{}%") != NULL)
        return refuse(message, "--public-url: write http://host or http://host:port, without a path");
    end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    if (host[0] == '[' && end == NULL)
        return refuse(message, "--public-url: the closing bracket of the address is missing");
    if ((end != NULL ? (size_t)(end - host) : strlen(host)) > FERRY_URL_HOST_VENDOR_MAX)
        return refuse(message, "--public-url: devices can hold a host of at most %d characters",
                      FERRY_URL_HOST_VENDOR_MAX);
    return FERRY_OK;
}

static ferry_err check_proxies(const char *text, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    struct ferry_subnets proxies;
    ferry_err err = ferry_subnets_parse(text, &proxies);

    if (err == FERRY_E_FULL)
        return refuse(message, "--trusted-proxies: at most %d addresses and networks", FERRY_SUBNETS_MAX);
    return err == FERRY_OK ? err : refuse(message, "--trusted-proxies: write addresses and networks joined by commas, such as "
                                                   "10.0.0.5,10.1.0.0/16,fd00::/8");
}

static ferry_err check_scheme(const char *setting, const char *url, const char *scheme,
                              char message[FERRY_SETTING_MESSAGE_SIZE])
{
    size_t len = strlen(scheme);

    if (strncmp(url, scheme, len) == 0 && (url[len] == '\0' || (url[len] == ':' && url[len + 1] != '\0')))
        return check_path(setting, url, message);
    return refuse(message, "--%s: this version knows only %s and %s:PATH", setting, scheme, scheme);
}

/* Only a store that several may write to has several workers. */
static bool store_is_shared(const struct config *config)
{
    return store_any_is_server(config->store);
}

/* Its queue is shared as it is. */
static bool speaks_amqp(const struct config *config)
{
    return strncmp(config->broker, "amqp", 4) == 0;
}

bool config_sharing(const struct config *config, bus_sharing *ret_sharing)
{
    static const struct {
        const char *name;
        bus_sharing sharing;
    } names[] = {{"none", BUS_SHARING_NONE}, {"plugin", BUS_SHARING_PLUGIN}, {"mqtt5", BUS_SHARING_MQTT5}};

    if (strcmp(config->broker_sharing, "auto") == 0) {
        bool alone = config_broker_is_managed(config) || speaks_amqp(config) || !store_is_shared(config);

        *ret_sharing = alone ? BUS_SHARING_NONE : BUS_SHARING_AUTO;
        return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(config->broker_sharing, names[i].name) == 0) {
            *ret_sharing = names[i].sharing;
            return true;
        }
    return false;
}

static ferry_err check_objects(const struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char problem[OBJECTS_S3_PROBLEM_SIZE];
    struct objects_s3_address address;

    if (config_objects_in_bucket(config) && config->object_size_max > OBJECTS_S3_SIZE_MAX)
        return refuse(message, "--object-size-max: an object in a bucket has at most 5120G");
    if (config_objects_in_bucket(config))
        return objects_s3_address_parse(config->objects, &address, problem) == FERRY_OK
                   ? check_path("objects-credentials", config->objects_credentials, message)
                   : refuse(message, "--objects: %s", problem);
    if (config->objects_credentials != NULL)
        return refuse(message, "--objects-credentials belongs to --objects s3://BUCKET");
    if (strcmp(config->objects, "file") != 0 && strncmp(config->objects, "file:", 5) != 0)
        return refuse(message, "--objects: write file, file:PATH or s3://BUCKET[/PREFIX]");
    return check_scheme("objects", config->objects, "file", message);
}

static ferry_err check_store(const char *store, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char problem[STORE_ANY_TEXT_SIZE];

    if (!store_any_is_server(store) && strncmp(store, "postgres", 8) == 0)
        return refuse(message, "--store: write postgresql://user:password@host:port/database");
    if (!store_any_is_server(store))
        return check_scheme("store", store, "sqlite", message);
    if (store_any_check_server(store, problem) != FERRY_OK)
        return refuse(message, "--store: %s", problem);
    return check_path("store", store, message);
}

static ferry_err check_broker(const struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char problem[BROKER_URL_MESSAGE_SIZE];
    struct broker_url url;
    bus_sharing sharing;

    if (!config_sharing(config, &sharing))
        return refuse(message, "--broker-sharing: write auto, none, plugin or mqtt5");
    if (config_broker_is_managed(config) && sharing != BUS_SHARING_NONE)
        return refuse(message, "--broker-sharing: the managed broker has one worker; name another broker with --broker");
    if (speaks_amqp(config) && sharing != BUS_SHARING_NONE)
        return refuse(message, "--broker-sharing: over AMQP all workers share one queue; leave it at auto");
    if (config_broker_is_managed(config))
        return FERRY_OK;
    if (broker_url_parse(config->broker, &url, problem) != FERRY_OK)
        return refuse(message, "--broker: write managed or an address; %s", problem);
    explicit_bzero(&url, sizeof(url));
    return FERRY_OK;
}

bool config_listeners(const char *text, unsigned *ret_listeners)
{
    static const struct {
        const char *name;
        unsigned listeners;
    } names[] = {{"mqtt", CONFIG_MQTT}, {"objects", CONFIG_OBJECTS}, {"api", CONFIG_API}};
    unsigned listeners = 0;

    if (strcmp(text, "none") == 0 || strcmp(text, "all") == 0) {
        *ret_listeners = text[0] == 'a' ? CONFIG_ALL_LISTENERS : 0;
        return true;
    }
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ","), i = 0;

        while (i < sizeof(names) / sizeof(names[0]) &&
               (strlen(names[i].name) != len || strncmp(names[i].name, at, len) != 0))
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return false;
        listeners |= names[i].listeners;
        at += len;
        if (*at == '\0')
            break;
    }
    *ret_listeners = listeners;
    return true;
}

static ferry_err check_tls_paths(const struct config *c, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    const struct {
        const char *setting, *path;
    } paths[] = {{"tls-cert", c->tls_cert},   {"tls-key", c->tls_key},       {"tls-ca", c->tls_ca},
                 {"device-ca", c->device_ca}, {"device-crl", c->device_crl}};
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < sizeof(paths) / sizeof(paths[0]); i++)
        err = check_path(paths[i].setting, paths[i].path, message);
    return err;
}

static ferry_err check_tls(const struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    unsigned listeners;

    if (strcmp(config->tls, "auto") != 0 && !config_listeners(config->tls, &listeners))
        return refuse(message, "--tls: write auto, all, none, or one or more of mqtt,objects,api");
    if (!config_listeners(config->allow_plain, &listeners))
        return refuse(message, "--allow-plain: write none, all, or one or more of mqtt,objects,api");
    if (strcmp(config->tls_min, "1.2") != 0 && strcmp(config->tls_min, "1.3") != 0)
        return refuse(message, "--tls-min: write 1.2 or 1.3; older versions are broken");
    if ((config->tls_cert == NULL) != (config->tls_key == NULL))
        return refuse(message, "--tls-cert and --tls-key belong together: give both or neither");
    return check_tls_paths(config, message);
}

ferry_err config_check(const struct config *config, char reterr_message[FERRY_SETTING_MESSAGE_SIZE])
{
    ferry_log_level level;
    ferry_err err = check_path("data", config->data, reterr_message);

    if (err == FERRY_OK)
        err = check_address("listen", config->listen, reterr_message);
    if (err == FERRY_OK)
        err = check_address("api-listen", config->api_listen, reterr_message);
    if (err == FERRY_OK)
        err = check_public_url(config->public_url, reterr_message);
    if (err == FERRY_OK)
        err = check_proxies(config->trusted_proxies, reterr_message);
    if (err == FERRY_OK)
        err = check_store(config->store, reterr_message);
    if (err == FERRY_OK)
        err = check_objects(config, reterr_message);
    if (err == FERRY_OK)
        err = check_broker(config, reterr_message);
    if (err == FERRY_OK)
        err = check_tls(config, reterr_message);
    if (err == FERRY_OK)
        err = check_path("broker-plugin", config->broker_plugin, reterr_message);
    if (err == FERRY_OK && !ferry_log_level_parse(config->log_level, &level))
        err = refuse(reterr_message, "--log-level: write error, warn, info or debug");
    if (err == FERRY_OK && strcmp(config->log_format, "text") != 0 && strcmp(config->log_format, "json") != 0)
        err = refuse(reterr_message, "--log-format: write text or json");
    if (err == FERRY_OK && config->push_retry_max_s < config->push_retry_first_s)
        err = refuse(reterr_message, "--push-retry-max must not be less than --push-retry-first");
    if (err == FERRY_OK && config->deploy_retry_max_s < config->deploy_retry_first_s)
        err = refuse(reterr_message, "--deploy-retry-max must not be less than --deploy-retry-first");
    if (err == FERRY_OK && config->webhook_retry_max_s < config->webhook_retry_first_s)
        err = refuse(reterr_message, "--webhook-retry-max must not be less than --webhook-retry-first");
    if (err == FERRY_OK)
        err = check_path("webhook-ca", config->webhook_ca, reterr_message);
    return err;
}

bool config_broker_is_managed(const struct config *config)
{
    return strcmp(config->broker, "managed") == 0;
}

bool config_objects_in_bucket(const struct config *config)
{
    return strncmp(config->objects, "s3://", 5) == 0;
}

const char *config_url_path(const char *url)
{
    const char *colon = strchr(url, ':');

    return colon != NULL ? colon + 1 : NULL;
}
