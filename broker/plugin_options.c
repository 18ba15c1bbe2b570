/* plugin_opt_...: what Mosquitto's configuration says. */
#include "plugin_internal.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* A path is the same for all listeners. */
static int take_path(char **path, const struct mosquitto_opt *option)
{
    if (*path != NULL && strcmp(*path, option->value) == 0)
        return MOSQ_ERR_SUCCESS;
    if (*path != NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: plugin_opt_%s must be the same for all listeners", option->key);
        return MOSQ_ERR_INVAL;
    }
    *path = ferry_strdup(option->value);
    return *path != NULL ? MOSQ_ERR_SUCCESS : MOSQ_ERR_NOMEM;
}

/* A number is the same for all listeners, too: the last one counts. */
static bool take_limit(struct plugin *p, const struct mosquitto_opt *option)
{
    const struct {
        const char *key;
        uint32_t *limit;
    } limits[] = {{"device_connects_per_minute", &p->limits.device_connects_per_min},
                  {"address_connects_per_minute", &p->limits.address_connects_per_min},
                  {"address_connections_max", &p->limits.address_connections_max}};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (strcmp(option->key, limits[i].key) == 0) {
            char *end;
            unsigned long value = strtoul(option->value, &end, 10);

            *limits[i].limit = (uint32_t)value;
            return *end == '\0' && value <= UINT32_MAX;
        }
    return false;
}

/* plugin_opt_store, _service_hash, _secrets_key, _device_crl, _allow_plain_secret, _share, and the limits */
static int take_option(struct listener *listener, const struct mosquitto_opt *option)
{
    struct plugin *p = listener->plugin;
    const struct {
        const char *key;
        char **path;
    } paths[] = {{"store", &p->store_path},
                 {"service_hash", &p->service_hash_path},
                 {"secrets_key", &p->secrets_key_path},
                 {"device_crl", &p->device_crl_path}};

    for (size_t i = 0; option->value != NULL && i < sizeof(paths) / sizeof(paths[0]); i++)
        if (strcmp(option->key, paths[i].key) == 0)
            return take_path(paths[i].path, option);
    if (strcmp(option->key, "allow_plain_secret") == 0 && option->value != NULL) {
        listener->plain_secret_ok = strcmp(option->value, "true") == 0;
        return MOSQ_ERR_SUCCESS;
    }
    if (strcmp(option->key, "share") == 0 && option->value != NULL) {
        p->shares |= strcmp(option->value, "true") == 0; /* of all listeners: devices of each ask the same workers */
        return MOSQ_ERR_SUCCESS;
    }
    if (option->value != NULL && take_limit(p, option))
        return MOSQ_ERR_SUCCESS;
    mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: there is no option plugin_opt_%s, or it has no value, or a wrong one",
                         option->key);
    return MOSQ_ERR_INVAL;
}

int plugin_take_options(struct listener *listener, const struct mosquitto_opt *options, int count)
{
    struct plugin *p = listener->plugin;

    for (int i = 0; i < count; i++) {
        int rc = take_option(listener, &options[i]);

        if (rc != MOSQ_ERR_SUCCESS)
            return rc;
    }
    if (p->store_path == NULL || p->secrets_key_path == NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: plugin_opt_store or plugin_opt_secrets_key is missing: the paths of "
                                           "the platform's database and of the key of its secrets");
        return MOSQ_ERR_INVAL;
    }
    p->auth.service_hash_path = p->service_hash_path;
    p->auth.keys_path = p->secrets_key_path;
    plugin_read_revoked(p);
    if (p->admission == NULL && admission_new(&p->limits, &p->admission) != FERRY_OK) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: a limit of connections is too high, or there is no memory");
        return MOSQ_ERR_INVAL;
    }
    return MOSQ_ERR_SUCCESS;
}
