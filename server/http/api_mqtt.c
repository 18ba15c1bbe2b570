/* What other brokers ask: who may connect, and who may use which topic. Two forms of one question:
 *
 * EMQX sends JSON and hears {"result": "allow" | "deny" | "ignore"}; "ignore" leaves the question to its next source.
 * RabbitMQ sends forms and hears "allow" or "deny". It asks besides for the virtual host, the exchange, and the queue in which
 * a client's messages wait; and its topics have dots for slashes. */
#include "api_handlers.h"

#include "access/acl.h"
#include "access/auth.h"
#include "api_auth.h"
#include "api_readers.h"
#include "base/log.h"
#include "proto/topic.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define RABBIT_QUEUE "mqtt-subscription-"

/* --- who asks --------------------------------------------------------------------------------------------- */

static bool is_loopback(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

/* A broker on this machine needs no token: RabbitMQ cannot send one. */
static bool may_ask(struct api_request *r)
{
    if (!r->shared->mqtt_http) {
        api_reply_problem(r, API_NO_ROUTE, "Other brokers are not answered: the setting mqtt-http is off.");
        return false;
    }
    if (is_loopback(&r->client.peer) && api_header(r, HTTP_FORWARDED_FOR) == NULL)
        return true;
    return api_auth_check_role(r, API_ROLE_OPERATOR);
}

/* --- the question ----------------------------------------------------------------------------------------- */

static ferry_text field(const struct api_request *r, const char *name)
{
    return ferry_text_of(json_string_value(json_object_get(r->json, name)));
}

/* An empty text is as good as none: brokers fill in a template. */
static ferry_text filled(const struct api_request *r, const char *name)
{
    ferry_text text = field(r, name);

    return text.len > 0 ? text : (ferry_text){NULL, 0};
}

static bool is_true(const struct api_request *r, const char *name)
{
    const json_t *value = json_object_get(r->json, name);

    return json_is_true(value) || (json_is_string(value) && strcmp(json_string_value(value), "true") == 0);
}

static struct auth_request question(const struct api_request *r)
{
    struct auth_request request = {
        .username = filled(r, "username"),
        .password = field(r, "password"),
        .client_id = filled(r, r->form ? "client_id" : "clientid"),
        .certificate = filled(r, "cert_common_name"),
        .plain_secret_ok = r->shared->allow_plain_secret || is_true(r, "tls"),
        .now_ms = engine_now_ms(r->shared->engine),
    };

    if (request.client_id.ptr == NULL && r->form)
        request.client_id = filled(r, "variable_map.client_id");
    return request;
}

/* --- the answer ------------------------------------------------------------------------------------------- */

typedef auth_verdict judge_func(struct auth *auth, const struct auth_request *request, struct principal *ret_who,
                                const char **reterr_why);

/* The platform's own account and what cannot be judged now are another source's business, or nobody's. */
static void answer(struct api_request *r, auth_verdict verdict)
{
    static const char *const words[] = {
        [AUTH_ACCEPTED] = "allow", [AUTH_REFUSED] = "deny", [AUTH_UNAVAILABLE] = "ignore"};

    if (!r->form)
        api_reply_json(r, MHD_HTTP_OK, json_pack("{s:s}", "result", words[verdict]));
    else if (verdict == AUTH_ACCEPTED)
        api_reply_bytes(r, MHD_HTTP_OK, "text/plain", "allow", 5);
    else
        api_reply_bytes(r, MHD_HTTP_OK, "text/plain", "deny", 4);
}

static void log_refusal(const struct auth_request *request, const char *what, const char *why)
{
    char user[FERRY_LOG_QUOTE_SIZE];

    ferry_log(FERRY_LOG_DEBUG, "mqtt", "refused %s to %s: %s", what,
              request->username.ptr == NULL ? "(none)"
                                            : ferry_log_quote(request->username.ptr, request->username.len, user),
              why);
}

static auth_verdict ask(struct api_request *r, judge_func *judge, const char *what, struct principal *who)
{
    struct auth_request request = question(r);
    struct store_conn *conn = api_reader(r);
    struct auth auth = {.directory = {.store = r->shared->store, .conn = conn}, .keys = *r->shared->seal_keys};
    const char *why = NULL;
    auth_verdict verdict = conn != NULL ? judge(&auth, &request, who, &why) : AUTH_UNAVAILABLE;

    seal_keys_done(&auth.keys);
    if (why != NULL)
        log_refusal(&request, what, why);
    return verdict;
}

void api_mqtt_auth(struct api_request *r)
{
    struct principal who;

    if (may_ask(r))
        answer(r, ask(r, auth_judge, "the connection", &who));
}

/* --- topics ----------------------------------------------------------------------------------------------- */

/* RabbitMQ's routing key as the topic that it was. False: too long for any of ours. */
static bool topic_of_key(ferry_text key, char *out, size_t size)
{
    if (!ferry_text_copy(key, out, size))
        return false;
    for (char *c = out; *c != '\0'; c++)
        *c = *c == '.' ? '/' : *c == '*' ? '+' : *c;
    return true;
}

static bool emqx_allows(const struct api_request *r, const struct principal *who)
{
    ferry_text action = field(r, "action"), topic = field(r, "topic");
    bool publish = ferry_text_equal(action, ferry_text_of("publish"));

    if (topic.ptr == NULL || (!publish && !ferry_text_equal(action, ferry_text_of("subscribe"))))
        return false;
    return acl_allows(who, publish ? ACL_PUBLISH : ACL_SUBSCRIBE, topic.ptr, is_true(r, "retain"), false);
}

static bool rabbit_allows_topic(const struct api_request *r, const struct principal *who)
{
    bool publish = ferry_text_equal(field(r, "permission"), ferry_text_of("write"));
    char topic[FERRY_TOPIC_SIZE];

    return topic_of_key(field(r, "routing_key"), topic, sizeof topic) &&
           acl_allows(who, publish ? ACL_PUBLISH : ACL_SUBSCRIBE, topic, false, false);
}

/* The queue of a client is named after its client id, which is the device's own (auth_name has seen to that). */
static bool rabbit_allows_queue(const struct api_request *r)
{
    struct auth_request request = question(r);
    ferry_text name = field(r, "name");
    size_t prefix = sizeof RABBIT_QUEUE - 1;

    return name.len == prefix + request.client_id.len + 4 && memcmp(name.ptr, RABBIT_QUEUE, prefix) == 0 &&
           memcmp(name.ptr + prefix, request.client_id.ptr, request.client_id.len) == 0 &&
           memcmp(name.ptr + name.len - 4, "qos", 3) == 0;
}

static bool rabbit_allows(const struct api_request *r, const struct principal *who)
{
    ferry_text resource = field(r, "resource"), permission = field(r, "permission");

    if (resource.ptr == NULL) /* the virtual host: topics are judged later */
        return true;
    if (ferry_text_equal(resource, ferry_text_of("topic")))
        return rabbit_allows_topic(r, who);
    if (ferry_text_equal(resource, ferry_text_of("queue")))
        return rabbit_allows_queue(r);
    return ferry_text_equal(resource, ferry_text_of("exchange")) &&
           ferry_text_equal(field(r, "name"), ferry_text_of("amq.topic")) &&
           !ferry_text_equal(permission, ferry_text_of("configure"));
}

void api_mqtt_acl(struct api_request *r)
{
    struct principal who;
    auth_verdict verdict;

    if (!may_ask(r))
        return;
    verdict = ask(r, auth_name, "a topic", &who);
    if (verdict == AUTH_ACCEPTED && !(r->form ? rabbit_allows(r, &who) : emqx_allows(r, &who)))
        verdict = AUTH_REFUSED;
    answer(r, verdict);
}
