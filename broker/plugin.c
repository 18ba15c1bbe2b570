/* ferry_auth.so: what Mosquitto asks, answered from the platform's own database. */
#include "acl.h"
#include "auth.h"
#include "clients.h"
#include "identity.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/sqlite.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

enum {
    PLUGIN_API = 5,
    STORE_BUSY_MS = 1000, /* all clients wait while the database is locked: not for long */
    LOG_LINES_MAX = 20,   /* refusals logged in ... */
    LOG_WINDOW_S = 10,    /* ... this time: a device that tries for ever does not fill the disk */
};

struct plugin {
    mosquitto_plugin_id_t *id;
    struct auth auth;
    struct clients clients;
    char *store_path;
    char *service_hash_path;
    time_t log_window_s;
    unsigned log_lines, log_unsaid;
};

/* --- the log ---------------------------------------------------------------------------------------------- */

static bool may_log(struct plugin *p)
{
    time_t now_s = time(NULL);

    if (now_s < p->log_window_s || now_s >= p->log_window_s + LOG_WINDOW_S) {
        if (p->log_unsaid > 0)
            mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: %u more refusals", p->log_unsaid);
        p->log_window_s = now_s;
        p->log_lines = p->log_unsaid = 0;
    }
    if (p->log_lines < LOG_LINES_MAX) {
        p->log_lines++;
        return true;
    }
    p->log_unsaid++;
    return false;
}

static const char *quote(const char *text, char out[FERRY_LOG_QUOTE_SIZE])
{
    return text == NULL ? "(none)" : ferry_log_quote(text, strlen(text), out);
}

static void log_refused_connect(struct plugin *p, const struct mosquitto *client, const char *username, const char *why)
{
    char user[FERRY_LOG_QUOTE_SIZE], id[FERRY_LOG_QUOTE_SIZE];
    const char *address = mosquitto_client_address(client);

    if (may_log(p))
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: refused %s, client id %s, from %s: %s", quote(username, user),
                             quote(mosquitto_client_id(client), id), address != NULL ? address : "nowhere", why);
}

static void log_refused_topic(struct plugin *p, const struct mosquitto *client, const char *what, const char *topic)
{
    char id[FERRY_LOG_QUOTE_SIZE], quoted[FERRY_LOG_QUOTE_SIZE];

    if (may_log(p))
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: client id %s may not %s %s",
                             quote(mosquitto_client_id(client), id), what, quote(topic, quoted));
}

/* --- events ----------------------------------------------------------------------------------------------- */

static int on_basic_auth(int event, void *data, void *user_data)
{
    static const int answers[] = {
        [AUTH_ACCEPTED] = MOSQ_ERR_SUCCESS, [AUTH_REFUSED] = MOSQ_ERR_AUTH, [AUTH_UNAVAILABLE] = MOSQ_ERR_UNKNOWN};
    struct plugin *p = user_data;
    const struct mosquitto_evt_basic_auth *asked = data;
    struct auth_request request = {
        .username = ferry_text_of(asked->username),
        .password = ferry_text_of(asked->password),
        .client_id = ferry_text_of(mosquitto_client_id(asked->client)),
        .now_s = (uint64_t)time(NULL),
        .known = clients_find(&p->clients, asked->client),
    };
    struct client client;
    const char *why = NULL;
    auth_verdict verdict = auth_judge(&p->auth, &request, &client, &why);

    (void)event;
    if (verdict == AUTH_ACCEPTED) {
        client.address = asked->client;
        if (clients_put(&p->clients, &client) == FERRY_OK)
            return MOSQ_ERR_SUCCESS;
        verdict = AUTH_UNAVAILABLE;
        why = "too many clients, or no memory left";
    }
    clients_remove(&p->clients, asked->client);
    log_refused_connect(p, asked->client, asked->username, why);
    return answers[verdict];
}

static bool acl_access_of(int mosquitto_access, acl_access *ret_access, const char **ret_what)
{
    static const struct {
        int theirs;
        acl_access ours;
        const char *what;
    } table[] = {
        {MOSQ_ACL_READ, ACL_RECEIVE, "receive"},
        {MOSQ_ACL_WRITE, ACL_PUBLISH, "publish to"},
        {MOSQ_ACL_SUBSCRIBE, ACL_SUBSCRIBE, "subscribe to"},
        {MOSQ_ACL_UNSUBSCRIBE, ACL_UNSUBSCRIBE, "unsubscribe from"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].theirs == mosquitto_access) {
            *ret_access = table[i].ours;
            *ret_what = table[i].what;
            return true;
        }
    return false;
}

/* While the platform is away its session takes messages in, though its connection, and with it our entry, is
 * gone. Its user name proves enough: nobody has a session under it without the password. */
static bool is_absent_service(const struct mosquitto *client, acl_access access)
{
    const char *username = mosquitto_client_username(client);

    return access == ACL_RECEIVE && username != NULL && strcmp(username, IDENTITY_SERVICE_USER) == 0;
}

static int on_acl_check(int event, void *data, void *user_data)
{
    struct plugin *p = user_data;
    const struct mosquitto_evt_acl_check *asked = data;
    const struct client *client = clients_find(&p->clients, asked->client);
    const char *what = "use";
    acl_access access;
    bool allowed = false;

    (void)event;
    if (asked->topic != NULL && acl_access_of(asked->access, &access, &what)) {
        if (client != NULL ? client->service : is_absent_service(asked->client, access))
            allowed = acl_service_allows(access, asked->topic, asked->retain);
        else if (client != NULL)
            allowed = acl_device_allows(&client->key, access, asked->topic, asked->retain);
    }
    if (allowed)
        return MOSQ_ERR_SUCCESS;
    if (asked->access != MOSQ_ACL_READ)
        log_refused_topic(p, asked->client, what, asked->topic);
    return MOSQ_ERR_ACL_DENIED;
}

static int on_disconnect(int event, void *data, void *user_data)
{
    const struct mosquitto_evt_disconnect *gone = data;
    struct plugin *p = user_data;

    (void)event;
    clients_remove(&p->clients, gone->client);
    return MOSQ_ERR_SUCCESS;
}

static int on_reload(int event, void *data, void *user_data)
{
    struct plugin *p = user_data;

    (void)event;
    (void)data;
    directory_close(&p->auth.directory);
    return MOSQ_ERR_SUCCESS;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
} callbacks[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth},
    {MOSQ_EVT_ACL_CHECK, on_acl_check},
    {MOSQ_EVT_DISCONNECT, on_disconnect},
    {MOSQ_EVT_RELOAD, on_reload},
};

/* --- life ------------------------------------------------------------------------------------------------- */

static ferry_err open_store(void *arg, struct store **ret_store)
{
    const struct plugin *p = arg;
    struct store_sqlite_config cfg = {.path = p->store_path, .busy_ms = STORE_BUSY_MS};

    return store_sqlite_open(&cfg, ret_store);
}

static void plugin_free(struct plugin *p)
{
    directory_close(&p->auth.directory);
    clients_done(&p->clients);
    free(p->store_path);
    free(p->service_hash_path);
    free(p);
}

/* plugin_opt_store, plugin_opt_service_hash, plugin_opt_allow_plain_secret */
static int take_option(struct plugin *p, const struct mosquitto_opt *option)
{
    char **text = strcmp(option->key, "store") == 0          ? &p->store_path
                  : strcmp(option->key, "service_hash") == 0 ? &p->service_hash_path
                                                             : NULL;

    if (text != NULL && option->value != NULL) {
        free(*text);
        *text = ferry_strdup(option->value);
        return *text != NULL ? MOSQ_ERR_SUCCESS : MOSQ_ERR_NOMEM;
    }
    if (strcmp(option->key, "allow_plain_secret") == 0 && option->value != NULL) {
        p->auth.allow_plain_secret = strcmp(option->value, "true") == 0;
        return MOSQ_ERR_SUCCESS;
    }
    mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: there is no option plugin_opt_%s, or it has no value", option->key);
    return MOSQ_ERR_INVAL;
}

static int take_options(struct plugin *p, const struct mosquitto_opt *options, int count)
{
    for (int i = 0; i < count; i++) {
        int rc = take_option(p, &options[i]);

        if (rc != MOSQ_ERR_SUCCESS)
            return rc;
    }
    if (p->store_path == NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: plugin_opt_store is missing: the path of the platform's database");
        return MOSQ_ERR_INVAL;
    }
    p->auth.service_hash_path = p->service_hash_path;
    return MOSQ_ERR_SUCCESS;
}

static void unregister(const struct plugin *p)
{
    for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
        (void)mosquitto_callback_unregister(p->id, callbacks[i].event, callbacks[i].callback, NULL);
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
    struct plugin *p = ferry_calloc(1, sizeof(*p));
    int rc;

    if (p == NULL)
        return MOSQ_ERR_NOMEM;
    p->id = identifier;
    p->auth.directory.open = open_store;
    p->auth.directory.arg = p;
    clients_init(&p->clients);
    rc = take_options(p, options, option_count);
    for (size_t i = 0; rc == MOSQ_ERR_SUCCESS && i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
        rc = mosquitto_callback_register(identifier, callbacks[i].event, callbacks[i].callback, NULL, p);
    if (rc != MOSQ_ERR_SUCCESS) {
        unregister(p);
        plugin_free(p);
        return rc;
    }
    *userdata = p;
    return MOSQ_ERR_SUCCESS;
}

EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
    struct plugin *p = userdata;

    (void)options;
    (void)option_count;
    if (p != NULL) {
        unregister(p);
        plugin_free(p);
    }
    return MOSQ_ERR_SUCCESS;
}
