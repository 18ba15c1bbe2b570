/* Who comes in, and who goes. */
#include "plugin_internal.h"

#include "access/identity.h"
#include "base/system.h"
#include "certificate.h"

#include <openssl/x509.h>
#include <string.h>

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

static void leave(struct plugin *p, const struct client *client)
{
    if (client->who.service) {
        plugin_set_service(p, client->address, NULL);
        plugin_worker_goes(p, client->address);
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
    plugin_tell_changes(p);
}

/* Who has proved to be somebody, for the first time or again. */
static ferry_err remember(struct plugin *p, const struct mosquitto *client, bool is_new, const struct principal *who)
{
    ferry_err err = clients_put(&p->clients, client, who, mosquitto_client_id(client), mosquitto_client_address(client));

    if (!is_new || err != FERRY_OK)
        return err;
    if (who->service)
        plugin_set_service(p, NULL, client);
    else
        err = presence_enter(&p->presence, &who->key, ferry_wall_ms());
    if (err != FERRY_OK)
        clients_remove(&p->clients, client);
    plugin_tell_changes(p);
    return err;
}

/* At a reload Mosquitto asks also about kept sessions whose client is away: that one is judged when it comes back. Before it is let in a
 * client has no subscription. To refuse who is away makes 2.0.11 put the session down for its expiry a second time, and look at it there
 * after it was freed. */
static bool is_away(const struct client *known, const struct mosquitto *client)
{
    return known == NULL && mosquitto_client_sub_count(client) > 0;
}

int plugin_on_basic_auth(int event, void *data, void *user_data)
{
    static const int answers[] = {
        [AUTH_ACCEPTED] = MOSQ_ERR_SUCCESS, [AUTH_REFUSED] = MOSQ_ERR_AUTH, [AUTH_UNAVAILABLE] = MOSQ_ERR_UNKNOWN};
    const struct listener *listener = user_data;
    struct plugin *p = listener->plugin;
    const struct mosquitto_evt_basic_auth *asked = data;
    const struct client *known = clients_find(&p->clients, asked->client);
    const char *why = NULL, *peer = mosquitto_client_address(asked->client);
    struct principal who;
    auth_verdict verdict;

    (void)event;
    if (is_away(known, asked->client))
        return MOSQ_ERR_SUCCESS;
    verdict = known != NULL ? judge(listener, asked, known, &who, &why) : judge_new(listener, asked, &who, &why);
    if (verdict == AUTH_ACCEPTED) {
        if (remember(p, asked->client, known == NULL, &who) == FERRY_OK)
            return MOSQ_ERR_SUCCESS;
        if (known == NULL && !who.service)
            admission_leave(p->admission, peer);
        verdict = AUTH_UNAVAILABLE;
        why = "too many clients, or no memory left";
    }
    forget(p, asked->client);
    plugin_log_refused_connect(p, asked->client, asked->username, why);
    return answers[verdict];
}

int plugin_on_disconnect(int event, void *data, void *user_data)
{
    const struct mosquitto_evt_disconnect *gone = data;
    const struct listener *listener = user_data;

    (void)event;
    forget(listener->plugin, gone->client);
    return MOSQ_ERR_SUCCESS;
}
