#define _GNU_SOURCE /* memmem */
/* ferry_auth.so: what Mosquitto asks, answered from the platform's own database. */
#include "admission.h"
#include "certificate.h"
#include "clients.h"
#include "presence.h"
#include "requests.h"
#include "revocations.h"
#include "workers.h"

#include "access/acl.h"
#include "access/auth.h"
#include "access/identity.h"
#include "api/bus.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"
#include "proto/topic.h"
#include "store/any.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

enum {
    PLUGIN_API = 5,
    STORE_BUSY_MS = 1000, /* all clients wait while the database is locked: not for long */
    STORE_PATIENCE_MS = 2000, /* the same for one that is on another machine and silent */
    LOG_LINES_MAX = 20,   /* refusals logged in ... */
    LOG_WINDOW_S = 10,    /* ... this time: a device that tries for ever does not fill the disk */
    SERVICES_MAX = WORKERS_MAX, /* clients of the platform that are told */
};

/* A client of the platform. */
struct service {
    const void *client; /* key of clients; null is free */
    bool asks;          /* it wants to know who is connected */
};

/* What all listeners share. Mosquitto is one thread. */
struct plugin {
    unsigned listeners;
    struct auth auth;
    struct clients clients;
    struct presence presence;
    struct service services[SERVICES_MAX];
    const void *teller; /* when workers share: the one that is told who is connected, else all would write it down */
    bool told;          /* changes, and nobody has said yet that they came */
    bool shares;        /* several workers take the requests */
    struct workers workers;
    struct requests requests;
    uint64_t published_ms, aged_ms;
    struct admission_limits limits;
    struct admission *admission;
    struct revocations revoked; /* read again when Mosquitto reloads */
    char *store_path;
    char *service_hash_path;
    char *secrets_key_path;
    char *device_crl_path; /* null: there is no listener for certificates */
    time_t log_window_s;
    unsigned log_lines, log_unsaid;
};

/* With per_listener_settings, Mosquitto makes the plugin once for each listener: that is how it is known whether
 * a client has come over TLS, which Mosquitto does not tell. */
struct listener {
    mosquitto_plugin_id_t *id;
    struct plugin *plugin;
    bool plain_secret_ok;
};

/* Mosquitto gives its calls for several listeners nothing in common, so that the first one leaves it here. */
static struct plugin *shared;

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

/* --- who comes in ----------------------------------------------------------------------------------------- */

/* Null: no certificate. */
static const char *read_certificate(const struct plugin *p, const struct mosquitto *client,
                                    char name[CERTIFICATE_NAME_SIZE], bool *ret_revoked)
{
    X509 *x509 = mosquitto_client_certificate(client);

    if (x509 == NULL)
        return NULL;
    (void)certificate_name(x509, name); /* an empty name is refused */
    *ret_revoked = revocations_have(&p->revoked, x509);
    X509_free(x509);
    return name;
}

static auth_verdict refuse(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return AUTH_REFUSED;
}

static bool is_same(const struct principal *a, const struct principal *b)
{
    return a->service == b->service && (a->service || device_key_equal(&a->key, &b->key));
}

/* Mosquitto asks it of who comes, and when it reloads of everybody. */
static auth_verdict judge(const struct listener *listener, const struct mosquitto_evt_basic_auth *asked,
                          const struct client *known, struct principal *ret_who, const char **reterr_why)
{
    struct plugin *p = listener->plugin;
    char certificate[CERTIFICATE_NAME_SIZE];
    bool revoked = false;
    struct auth_request request = {
        .username = ferry_text_of(asked->username),
        .password = ferry_text_of(asked->password),
        .client_id = ferry_text_of(mosquitto_client_id(asked->client)),
        .certificate = ferry_text_of(read_certificate(p, asked->client, certificate, &revoked)),
        .plain_secret_ok = listener->plain_secret_ok,
        .now_ms = ferry_wall_ms(),
        .known = known != NULL ? &known->who : NULL,
    };

    if (revoked)
        return refuse("the certificate is revoked", reterr_why);
    auth_verdict verdict = auth_judge(&p->auth, &request, ret_who, reterr_why);
    if (verdict == AUTH_ACCEPTED && known != NULL && !is_same(&known->who, ret_who))
        verdict = refuse("it has become somebody else", reterr_why);
    return verdict;
}

/* Too many is no refusal: on that a vendor's device ends its program. It is cut off without a word, and comes again. */
static auth_verdict too_many(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return AUTH_UNAVAILABLE;
}

/* Who is new: first what his address may, then who he is, then what the device may. The platform itself always may. */
static auth_verdict judge_new(const struct listener *listener, const struct mosquitto_evt_basic_auth *asked,
                              struct principal *ret_who, const char **reterr_why)
{
    struct plugin *p = listener->plugin;
    const char *peer = mosquitto_client_address(asked->client);
    uint64_t now_ms = ferry_mono_ms();
    bool ours = asked->username != NULL && strcmp(asked->username, IDENTITY_SERVICE_USER) == 0;
    auth_verdict verdict;

    if (!ours && !admission_address(p->admission, peer, now_ms))
        return too_many("its address connects too often (mqtt-connects-per-minute)", reterr_why);
    verdict = judge(listener, asked, NULL, ret_who, reterr_why);
    if (verdict != AUTH_ACCEPTED || ret_who->service)
        return verdict;
    if (!admission_device(p->admission, &ret_who->key, now_ms))
        return too_many("the device connects too often (device-connects-per-minute)", reterr_why);
    if (!admission_enter(p->admission, peer))
        return too_many("its address has too many connections (mqtt-per-address-max)", reterr_why);
    return verdict;
}

/* --- who is there ----------------------------------------------------------------------------------------- */

/* What gets lost is noticed by its number. The bytes must be of Mosquitto's own counted memory: it counts them when it frees them, and
 * those of mosquitto_broker_publish_copy() were not. After enough of them its count is below zero, and memory_limit ends all. */
static bool publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos)
{
    void *bytes = mosquitto_malloc(len > 0 ? len : 1);

    if (bytes != NULL) {
        memcpy(bytes, payload, len);
        if (mosquitto_broker_publish(client_id, topic, (int)len, bytes, qos, false, NULL) == MOSQ_ERR_SUCCESS)
            return true;
    }
    mosquitto_free(bytes);
    return false;
}

static void send_to(const struct client *service, const struct ferry_buf *message)
{
    if (!publish(service->client_id, BUS_PRESENCE_TOPIC, message->data, message->len, 0))
        mosquitto_log_printf(MOSQ_LOG_WARNING, "ferry: no memory to tell which devices are connected");
}

static bool send_to_all(struct plugin *p, const struct ferry_buf *message)
{
    bool any = false;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        const struct service *at = &p->services[i];
        bool is_told = at->client != NULL && (!p->shares || at->client == p->teller);
        const struct client *service = is_told ? clients_find(&p->clients, at->client) : NULL;

        if (service != NULL)
            send_to(service, message);
        any |= service != NULL;
    }
    return any;
}

/* One message at a time: what changes before the platform has said that it came goes into the next. */
static void tell_changes(struct plugin *p)
{
    while (!p->told && p->presence.first_change != NULL) {
        ferry_autobuf message = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);

        if (presence_take_changes(&p->presence, &message) == FERRY_OK)
            p->told = send_to_all(p, &message);
    }
}

static void tell_all(const struct plugin *p, const struct client *service)
{
    struct presence_walk walk = {.part = 0};

    while (!walk.over) {
        ferry_autobuf message = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);

        if (presence_write_all(&p->presence, &walk, &message) != FERRY_OK)
            return; /* it will ask again */
        send_to(service, &message);
    }
}

/* The worker that was told who is connected has gone: another one that asks is. */
static void tell_another(struct plugin *p)
{
    const struct client *service = NULL;

    p->teller = NULL;
    for (size_t i = 0; i < SERVICES_MAX && service == NULL; i++)
        if (p->services[i].client != NULL && p->services[i].asks)
            service = clients_find(&p->clients, p->services[i].client);
    if (service == NULL)
        return;
    p->teller = service->address;
    tell_all(p, service);
}

/* The platform has just come, has missed something, or has what was told last. */
static void go_on_telling(struct plugin *p, const struct client *service, uint64_t seq)
{
    for (size_t i = 0; i < SERVICES_MAX; i++)
        if (p->services[i].client == service->address)
            p->services[i].asks = true;
    if (p->teller == NULL)
        p->teller = service->address;
    if (p->shares && p->teller != service->address)
        return;
    if (seq != p->presence.seq)
        tell_all(p, service);
    p->told = false;
    tell_changes(p);
}

static void set_service(struct plugin *p, const void *from, const void *to)
{
    for (size_t i = 0; i < SERVICES_MAX; i++)
        if (p->services[i].client == from) {
            p->services[i] = (struct service){.client = to};
            break;
        }
    p->told = false; /* who was to answer may be gone */
    if (from != NULL && from == p->teller)
        tell_another(p);
}

/* --- who works -------------------------------------------------------------------------------------------- */

/* The prefix is ours: a request by the name under which workers share it. */
static const char *asker_of(const char *topic, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(topic, prefix, len) == 0 ? topic + len : NULL;
}

/* Whoever is next takes it, and comes by on_acl_check(). Only with a sign of life: the subscription of a worker that comes
 * stands only after it was asked for, that of one that is gone still stands for a moment. */
static void publish_waiting(struct plugin *p, uint64_t now_ms)
{
    enum { AGAIN_MS = 100 }; /* by then it has been taken, or went to a subscription of nobody */
    char topic[sizeof(BUS_SHARED_UP_PREFIX) + FERRY_TOPIC_SIZE];

    if (p->workers.count == 0 || now_ms < p->published_ms + AGAIN_MS)
        return;
    p->published_ms = now_ms;
    for (const struct request *r = requests_waiting(&p->requests, NULL); r != NULL; r = requests_waiting(&p->requests, r)) {
        (void)snprintf(topic, sizeof(topic), "%s%s", BUS_SHARED_UP_PREFIX, request_name(r));
        if (!publish(NULL, topic, r->payload, r->len, 1))
            mosquitto_log_printf(MOSQ_LOG_WARNING, "ferry: no memory to hand on a request of %s", request_name(r));
    }
}

static void worker_goes(struct plugin *p, const void *client)
{
    if (workers_remove(&p->workers, client))
        requests_take_back(&p->requests, client);
}

/* Which worker is handed which request, and which answers. Null: one that is gone. */
static void follow(struct plugin *p, const struct mosquitto_evt_acl_check *asked, acl_access access, const void *worker)
{
    static const char answers[] = "_rsp\""; /* what the platform pushes answers nothing */
    enum { TYPE_LEN = 64 };
    const char *name = asker_of(asked->topic, access == ACL_RECEIVE ? BUS_SHARED_UP_PREFIX : FERRY_TOPIC_DOWN_PREFIX);
    size_t begins = asked->payloadlen < TYPE_LEN ? asked->payloadlen : TYPE_LEN;

    if (name == NULL)
        return;
    if (access == ACL_RECEIVE)
        requests_note(&p->requests, name, asked->payload, asked->payloadlen, worker, ferry_mono_ms());
    else if (access == ACL_PUBLISH && begins > 0 && memmem(asked->payload, begins, answers, sizeof(answers) - 1) != NULL)
        requests_settle(&p->requests, name, worker);
}

/* The topic gets shorter and stays where it is: so nothing needs to be allocated, or freed as one version of Mosquitto wants it. */
static int on_message(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;
    struct plugin *p = listener->plugin;
    struct mosquitto_evt_message *message = data;
    const char *name = message->topic != NULL ? asker_of(message->topic, FERRY_TOPIC_UP_PREFIX) : NULL;

    (void)event;
    if (!p->shares || name == NULL)
        return MOSQ_ERR_SUCCESS;
    if (p->workers.count == 0)
        requests_note(&p->requests, name, message->payload, message->payloadlen, NULL, ferry_mono_ms());
    memmove(message->topic + sizeof(BUS_SHARED_UP_PREFIX) - 1, name, strlen(name) + 1);
    memcpy(message->topic, BUS_SHARED_UP_PREFIX, sizeof(BUS_SHARED_UP_PREFIX) - 1);
    return MOSQ_ERR_SUCCESS;
}

/* Ends the connection of who stands still: a shared subscription goes on to give it its part. */
static void look_for_silence(struct plugin *p, uint64_t now_ms)
{
    const void *silent = workers_silent(&p->workers, now_ms);
    const struct client *client = silent != NULL ? clients_find(&p->clients, silent) : NULL;
    ferry_autofree char *id = client != NULL ? ferry_strdup(client->client_id) : NULL; /* the entry ends with the connection */

    if (id == NULL)
        return;
    mosquitto_log_printf(MOSQ_LOG_WARNING, "ferry: the worker %s does not answer: ending its connection", id);
    (void)mosquitto_kick_client_by_clientid(id, false);
}

/* Time goes on with the workers' signs of life: with a plugin for each listener, Mosquitto 2.0.11 has no TICK. When all
 * workers stand still there is none to take over either. */
static void hear_worker(struct plugin *p, const struct client *client)
{
    enum { AGE_EVERY_MS = 1000 };
    const char *word = p->shares ? BUS_WORKER_SHARED : BUS_WORKER_ALONE;
    uint64_t now_ms = ferry_mono_ms();

    workers_heard(&p->workers, client->address, now_ms);
    (void)publish(client->client_id, BUS_WORKER_TOPIC, word, strlen(word), 0); /* it asks again */
    publish_waiting(p, now_ms);
    look_for_silence(p, now_ms);
    if (now_ms < p->aged_ms + AGE_EVERY_MS)
        return;
    p->aged_ms = now_ms;
    requests_age(&p->requests, now_ms);
}

static void leave(struct plugin *p, const struct client *client)
{
    if (client->who.service) {
        set_service(p, client->address, NULL);
        worker_goes(p, client->address);
    } else {
        presence_leave(&p->presence, &client->who.key, ferry_wall_ms());
    }
}

static void forget(struct plugin *p, const struct mosquitto *address)
{
    const struct client *client = clients_find(&p->clients, address);

    if (client == NULL)
        return;
    leave(p, client);
    if (!client->who.service)
        admission_leave(p->admission, client->peer);
    clients_remove(&p->clients, address);
    tell_changes(p);
}

/* Who has proved to be somebody, for the first time or again. */
static ferry_err remember(struct plugin *p, const struct mosquitto *client, bool is_new, const struct principal *who)
{
    ferry_err err = clients_put(&p->clients, client, who, mosquitto_client_id(client), mosquitto_client_address(client));

    if (!is_new || err != FERRY_OK)
        return err;
    if (who->service)
        set_service(p, NULL, client);
    else
        err = presence_enter(&p->presence, &who->key, ferry_wall_ms());
    if (err != FERRY_OK)
        clients_remove(&p->clients, client);
    tell_changes(p);
    return err;
}

static int on_basic_auth(int event, void *data, void *user_data)
{
    static const int answers[] = {
        [AUTH_ACCEPTED] = MOSQ_ERR_SUCCESS, [AUTH_REFUSED] = MOSQ_ERR_AUTH, [AUTH_UNAVAILABLE] = MOSQ_ERR_UNKNOWN};
    const struct listener *listener = user_data;
    struct plugin *p = listener->plugin;
    const struct mosquitto_evt_basic_auth *asked = data;
    const struct client *known = clients_find(&p->clients, asked->client);
    const char *why = NULL, *peer = mosquitto_client_address(asked->client);
    struct principal who;
    auth_verdict verdict =
        known != NULL ? judge(listener, asked, known, &who, &why) : judge_new(listener, asked, &who, &why);

    (void)event;
    if (verdict == AUTH_ACCEPTED) {
        if (remember(p, asked->client, known == NULL, &who) == FERRY_OK)
            return MOSQ_ERR_SUCCESS;
        if (known == NULL && !who.service)
            admission_leave(p->admission, peer);
        verdict = AUTH_UNAVAILABLE;
        why = "too many clients, or no memory left";
    }
    forget(p, asked->client);
    log_refused_connect(p, asked->client, asked->username, why);
    return answers[verdict];
}

/* --- who uses which topic --------------------------------------------------------------------------------- */

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

static bool allowed(struct plugin *p, const struct mosquitto_evt_acl_check *asked, acl_access access)
{
    const struct client *client = clients_find(&p->clients, asked->client);

    if (client == NULL) {
        bool may = is_absent_service(asked->client, access) &&
                   acl_service_allows(access, asked->topic, asked->retain, p->shares);

        if (may && p->shares)
            follow(p, asked, access, NULL); /* it waits for another one */
        return may && !p->shares;
    }
    if (client->who.until_ms != 0 && auth_is_over(&client->who, ferry_wall_ms()))
        return false;
    if (!acl_allows(&client->who, access, asked->topic, asked->retain, p->shares))
        return false;
    if (!p->shares || !client->who.service)
        return true;
    follow(p, asked, access, client->address);
    return access != ACL_SUBSCRIBE || workers_add(&p->workers, client->address);
}

static int on_acl_check(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;
    const struct mosquitto_evt_acl_check *asked = data;
    const char *what = "use";
    acl_access access;

    (void)event;
    if (asked->topic != NULL && acl_access_of(asked->access, &access, &what) &&
        allowed(listener->plugin, asked, access))
        return MOSQ_ERR_SUCCESS;
    if (asked->access != MOSQ_ACL_READ)
        log_refused_topic(listener->plugin, asked->client, what, asked->topic);
    return MOSQ_ERR_ACL_DENIED;
}

/* --- who must go ------------------------------------------------------------------------------------------ */

/* Is the client meant by the text "product/device"? An empty one means everybody. */
static bool is_meant(const struct client *client, ferry_text text)
{
    struct user_name name = identity_parse_user(text);

    if (client->who.service)
        return false;
    return text.len == 0 || (name.kind == USER_PLAIN &&
                             ferry_text_equal(name.product, ferry_text_of(client->who.key.product)) &&
                             ferry_text_equal(name.device, ferry_text_of(client->who.key.device)));
}

/* Client ids of those who may not stay. Copies, because ending a connection changes the table. */
static size_t choose(struct plugin *p, ferry_text text, char **ids, size_t cap)
{
    uint64_t now_ms = ferry_wall_ms();
    size_t count = 0;

    for (struct client *c = clients_next(&p->clients, NULL); c != NULL && count < cap; c = clients_next(&p->clients, c)) {
        const char *why;

        if (!is_meant(c, text) || auth_may_stay(&p->auth, &c->who, now_ms, &why))
            continue;
        ids[count] = ferry_strdup(c->client_id);
        if (ids[count] == NULL)
            break;
        if (may_log(p))
            mosquitto_log_printf(MOSQ_LOG_NOTICE, "ferry: ending the connection of %s/%s: %s", c->who.key.product,
                                 c->who.key.device, why);
        count++;
    }
    return count;
}

static int end_unwelcome(struct plugin *p, ferry_text text)
{
    size_t count, cap = p->clients.used;
    char **ids = ferry_calloc(cap + 1, sizeof(*ids));

    if (ids == NULL)
        return MOSQ_ERR_NOMEM;
    count = choose(p, text, ids, cap);
    for (size_t i = 0; i < count; i++) {
        (void)mosquitto_kick_client_by_clientid(ids[i], false); /* gone already: as good */
        free(ids[i]);
    }
    free(ids);
    return MOSQ_ERR_SUCCESS;
}

/* --- what the platform says ------------------------------------------------------------------------------- */

/* It has changed something about a device, or about several; or it wants to know who is there. */
static int on_control(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;
    struct plugin *p = listener->plugin;
    const struct mosquitto_evt_control *told = data;
    const struct client *client = clients_find(&p->clients, told->client);
    ferry_text text = {told->payload, told->payloadlen};
    uint64_t seq;

    (void)event;
    if (client == NULL || !client->who.service || told->payloadlen > IDENTITY_TEXT_MAX)
        return MOSQ_ERR_ACL_DENIED;
    if (ferry_text_equal(text, ferry_text_of(BUS_WORKER_WORD))) {
        hear_worker(p, client);
        return MOSQ_ERR_SUCCESS;
    }
    if (!presence_read_ask(text, &seq))
        return end_unwelcome(p, text);
    go_on_telling(p, client, seq);
    return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event, void *data, void *user_data)
{
    const struct mosquitto_evt_disconnect *gone = data;
    const struct listener *listener = user_data;

    (void)event;
    forget(listener->plugin, gone->client);
    return MOSQ_ERR_SUCCESS;
}

/* A damaged list changes nothing: ferryd, which writes the file, has judged it before. */
static void read_revoked(struct plugin *p)
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
    read_revoked(listener->plugin);
    return MOSQ_ERR_SUCCESS;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
    const char *topic;
} callbacks[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL},
    {MOSQ_EVT_ACL_CHECK, on_acl_check, NULL},
    {MOSQ_EVT_DISCONNECT, on_disconnect, NULL},
    {MOSQ_EVT_RELOAD, on_reload, NULL},
    {MOSQ_EVT_CONTROL, on_control, BUS_CONTROL_TOPIC},
    {MOSQ_EVT_MESSAGE, on_message, NULL},
};

/* --- life ------------------------------------------------------------------------------------------------- */

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

static int take_options(struct listener *listener, const struct mosquitto_opt *options, int count)
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
    read_revoked(p);
    if (p->admission == NULL && admission_new(&p->limits, &p->admission) != FERRY_OK) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "ferry: a limit of connections is too high, or there is no memory");
        return MOSQ_ERR_INVAL;
    }
    return MOSQ_ERR_SUCCESS;
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
        rc = take_options(listener, options, option_count);
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
