/* The plugin's parts, one for each thing that Mosquitto asks; it is one thread. */
#ifndef BROKER_PLUGIN_INTERNAL_H
#define BROKER_PLUGIN_INTERNAL_H

#include "admission.h"
#include "clients.h"
#include "presence.h"
#include "requests.h"
#include "revocations.h"
#include "workers.h"

#include "access/acl.h"
#include "access/auth.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <time.h>

enum { SERVICES_MAX = WORKERS_MAX }; /* clients of the platform that are told */

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

/* plugin_options.c */
int plugin_take_options(struct listener *listener, const struct mosquitto_opt *options, int count);

/* plugin.c: reads the revocation list again. */
void plugin_read_revoked(struct plugin *p);

/* plugin_say.c */
bool plugin_may_log(struct plugin *p);
void plugin_log_refused_connect(struct plugin *p, const struct mosquitto *client, const char *username, const char *why);
void plugin_log_refused_topic(struct plugin *p, const struct mosquitto *client, const char *what, const char *topic);
bool plugin_publish(const char *client_id, const char *topic, const void *payload, size_t len, int qos);

/* plugin_presence.c */
void plugin_tell_changes(struct plugin *p);
/* The platform has just come, has missed something, or has what was told last. */
void plugin_go_on_telling(struct plugin *p, const struct client *service, uint64_t seq);
/* A client of the platform comes (from null) or goes (to null). */
void plugin_set_service(struct plugin *p, const void *from, const void *to);

/* plugin_workers.c */
void plugin_worker_goes(struct plugin *p, const void *client);
/* Which worker is handed which request, and which answers. */
void plugin_follow(struct plugin *p, const struct mosquitto_evt_acl_check *asked, acl_access access, const void *worker);
void plugin_hear_worker(struct plugin *p, const struct client *client);

/* What Mosquitto calls; user_data is the listener. */
int plugin_on_basic_auth(int event, void *data, void *user_data);
int plugin_on_disconnect(int event, void *data, void *user_data);
int plugin_on_acl_check(int event, void *data, void *user_data);
int plugin_on_control(int event, void *data, void *user_data);
int plugin_on_message(int event, void *data, void *user_data);

#endif
