#define _GNU_SOURCE /* memmem */
/* Who works: requests of devices to one of several workers, and again to another one. */
#include "plugin_internal.h"

#include "api/bus.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"
#include "proto/topic.h"

#include <stdio.h>
#include <string.h>

/* The prefix is ours: a request by the name under which workers share it. */
static const char *asker_of(const char *topic, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(topic, prefix, len) == 0 ? topic + len : NULL;
}

/* Whoever is next takes it, and comes by plugin_on_acl_check(). Only with a sign of life: the subscription of a worker that comes
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
        if (!plugin_publish(NULL, topic, r->payload, r->len, 1))
            mosquitto_log_printf(MOSQ_LOG_WARNING, "ferry: no memory to hand on a request of %s", request_name(r));
    }
}

void plugin_worker_goes(struct plugin *p, const void *client)
{
    if (workers_remove(&p->workers, client))
        requests_take_back(&p->requests, client);
}

/* Which worker is handed which request, and which answers. */
void plugin_follow(struct plugin *p, const struct mosquitto_evt_acl_check *asked, acl_access access, const void *worker)
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
int plugin_on_message(int event, void *data, void *user_data)
{
    const struct listener *listener = user_data;
    struct plugin *p = listener->plugin;
    struct mosquitto_evt_message *message = data;
    const char *name = message->topic != NULL ? asker_of(message->topic, FERRY_TOPIC_UP_PREFIX) : NULL;

    (void)event;
    if (!p->shares || name == NULL)
        return MOSQ_ERR_SUCCESS;
    /* until a worker is handed it, which may be never: one that has just gone has its turn once more, and is not asked about */
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
void plugin_hear_worker(struct plugin *p, const struct client *client)
{
    enum { AGE_EVERY_MS = 1000 };
    const char *word = p->shares ? BUS_WORKER_SHARED : BUS_WORKER_ALONE;
    uint64_t now_ms = ferry_mono_ms();

    workers_heard(&p->workers, client->address, now_ms);
    (void)plugin_publish(client->client_id, BUS_WORKER_TOPIC, word, strlen(word), 0); /* it asks again */
    publish_waiting(p, now_ms);
    look_for_silence(p, now_ms);
    if (now_ms < p->aged_ms + AGE_EVERY_MS)
        return;
    p->aged_ms = now_ms;
    requests_age(&p->requests, now_ms);
}
