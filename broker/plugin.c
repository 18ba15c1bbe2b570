/* ferry_auth.so: what Mosquitto asks, answered from the platform's own database. Life; what it asks is in plugin_*.c. */
#include "plugin_internal.h"

#include "api/bus.h"
#include "base/alloc.h"
#include "store/any.h"

#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

enum {
    PLUGIN_API = 5,
    STORE_BUSY_MS = 1000, /* all clients wait while the database is locked: not for long */
    STORE_PATIENCE_MS = 2000, /* the same for one that is on another machine and silent */
};

/* Mosquitto gives its calls for several listeners nothing in common, so that the first one leaves it here. */
static struct plugin *shared;

/* A damaged list changes nothing: ferryd, which writes the file, has judged it before. */
void plugin_read_revoked(struct plugin *p)
{
    ferry_err err = p->device_crl_path != NULL ? revocations_read(&p->revoked, p->device_crl_path) : FERRY_OK;

    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: the revocation list %s cannot be read, the one before stays in use: %s",
                             p->device_crl_path, ferry_err_text(err));
}

static int on_reload(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;

    (void)event;
    (void)data;
    auth_done(&listener->plugin->auth); /* both are read again when they are needed */
    plugin_read_revoked(listener->plugin);
    return MOSQ_ERR_SUCCESS;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
    const char *topic;
} callbacks[] = {
    {MOSQ_EVT_BASIC_AUTH, plugin_on_basic_auth, NULL},
    {MOSQ_EVT_ACL_CHECK, plugin_on_acl_check, NULL},
    {MOSQ_EVT_DISCONNECT, plugin_on_disconnect, NULL},
    {MOSQ_EVT_RELOAD, on_reload, NULL},
    {MOSQ_EVT_CONTROL, plugin_on_control, BUS_CONTROL_TOPIC},
    {MOSQ_EVT_MESSAGE, plugin_on_message, NULL},
};

static ferry_err open_store(void *arg, struct store **ret_store)
{
    const struct plugin *p = arg;
    const struct store_any_config cfg = {.address = p->store_path, .name = "ferry-broker", .busy_ms = STORE_BUSY_MS,
                                         .patience_ms = STORE_PATIENCE_MS};

    return store_any_open(&cfg, ret_store);
}

static void plugin_unref(struct plugin *p)
{
    if (p == NULL || --p->listeners > 0)
        return;
    auth_done(&p->auth);
    clients_done(&p->clients);
    presence_done(&p->presence);
    requests_done(&p->requests);
    revocations_done(&p->revoked);
    admission_free(p->admission);
    free(p->device_crl_path);
    free(p->store_path);
    free(p->service_hash_path);
    free(p->secrets_key_path);
    free(p);
    shared = NULL;
}

static struct plugin *plugin_ref(void)
{
    if (shared == NULL) {
        shared = ferry_calloc(1, sizeof(*shared));
        if (shared == NULL)
            return NULL;
        shared->auth.directory.open = open_store;
        shared->auth.directory.arg = shared;
        clients_init(&shared->clients);
        presence_init(&shared->presence);
        requests_init(&shared->requests, REQUESTS_BYTES_MAX);
    }
    shared->listeners++;
    return shared;
}

static void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
        (void)mosquitto_callback_unregister(listener->id, callbacks[i].event, callbacks[i].callback,
                                            callbacks[i].topic);
    plugin_unref(listener->plugin);
    free(listener);
}

EXPORT int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
    for (int i = 0; i < supported_version_count; i++)
        if (supported_versions[i] == PLUGIN_API)
            return PLUGIN_API;
    return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options,
                                 int option_count)
{
    struct listener *listener = ferry_calloc(1, sizeof(*listener));
    int rc = MOSQ_ERR_NOMEM;

    if (listener == NULL)
        return rc;
    listener->id = identifier;
    listener->plugin = plugin_ref();
    if (listener->plugin != NULL)
        rc = plugin_take_options(listener, options, option_count);
    for (size_t i = 0; rc == MOSQ_ERR_SUCCESS && i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
        rc = mosquitto_callback_register(identifier, callbacks[i].event, callbacks[i].callback, callbacks[i].topic,
                                         listener);
    if (rc != MOSQ_ERR_SUCCESS) {
        listener_free(listener);
        return rc;
    }
    *userdata = listener;
    return MOSQ_ERR_SUCCESS;
}

EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
    (void)options;
    (void)option_count;
    listener_free(userdata);
    return MOSQ_ERR_SUCCESS;
}
