/* What is said to the broker about subscriptions, and what libmosquitto tells while it reads. */
#include "mosquitto_internal.h"

#include "base/log.h"
#include "base/system.h"
#include "proto/topic.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <string.h>

enum { PROOF_TIMEOUT_MS = 3000 }; /* from the confirmed subscription to the proof that something comes by it */

#define MQTT5_FILTER "$share/ferry/" FERRY_TOPIC_UP_FILTER

void bus_session_set_up(struct mosquitto_bus *b, bool up)
{
    b->up = up;
    bus_thread_tell_link(&b->base, up);
}

static const char *filter_of(bus_sharing sharing)
{
    static const char *const filters[] = {[BUS_SHARING_NONE] = FERRY_TOPIC_UP_FILTER,
                                          [BUS_SHARING_PLUGIN] = BUS_SHARED_FILTER,
                                          [BUS_SHARING_MQTT5] = MQTT5_FILTER};

    return filters[sharing];
}

static void check_sent(struct mosquitto_bus *b, int rc)
{
    if (rc != MOSQ_ERR_SUCCESS)
        bus_link_lose(b, mosquitto_strerror(rc));
}

static void subscribe(struct mosquitto_bus *b, bus_sharing sharing)
{
    b->sharing = sharing;
    check_sent(b, mosquitto_subscribe(b->client, &b->subscribing, filter_of(sharing), 1));
}

static void on_connect(struct mosquitto *client, void *arg, int code)
{
    struct mosquitto_bus *b = arg;

    (void)client;
    b->answered = true;
    if (code != 0) {
        bus_link_lose(b, mosquitto_connack_string(code));
        return;
    }
    bus_thread_set_connected(&b->base, true); /* what waited for us comes before the SUBACK, and wants its answer */
    subscribe(b, b->wanted);
}

static void on_connect_v5(struct mosquitto *client, void *arg, int code, int flags, const mosquitto_property *properties)
{
    struct mosquitto_bus *b = arg;
    uint8_t shares = 1;

    (void)client;
    (void)flags;
    b->answered = true;
    (void)mosquitto_property_read_byte(properties, MQTT_PROP_SHARED_SUB_AVAILABLE, &shares, false); /* not there: it does */
    if (code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION) {
        bus_link_lose(b, "it does not speak MQTT 5, which shared subscriptions need; RabbitMQ is reached with amqp://");
    } else if (code != 0) {
        bus_link_lose(b, mosquitto_reason_string(code));
    } else if (shares == 0) {
        bus_link_lose(b, "it has no shared subscriptions: switch them on there, or say --broker-sharing none for a single worker");
    } else {
        bus_thread_set_connected(&b->base, true);
        subscribe(b, BUS_SHARING_MQTT5);
    }
}

static void come_up(struct mosquitto_bus *b)
{
    b->proof_ms = 0;
    if (b->up)
        return;
    ferry_log(FERRY_LOG_INFO, "bus", "connected to the broker at %s port %u%s", b->host, b->port,
              b->sharing == BUS_SHARING_NONE ? "" : ", sharing the requests with other workers");
    b->said[0] = '\0';
    bus_session_set_up(b, true);
}

/* A broker may grant a subscription by which nothing ever comes. */
static void want_proof(struct mosquitto_bus *b)
{
    b->proof_ms = ferry_mono_ms() + PROOF_TIMEOUT_MS;
    if (b->sharing == BUS_SHARING_PLUGIN)
        b->word_ms = 1; /* at once */
    else
        check_sent(b, mosquitto_subscribe(b->client, NULL, b->probe_filter, 1));
}

static void refuse_subscription(struct mosquitto_bus *b)
{
    char reason[BUS_REASON_SIZE];

    if (b->wanted == BUS_SHARING_AUTO && b->sharing == BUS_SHARING_MQTT5) {
        subscribe(b, BUS_SHARING_PLUGIN);
        return;
    }
    (void)snprintf(reason, sizeof(reason), "the broker refuses the subscription to %s%s", filter_of(b->sharing),
                   b->sharing == BUS_SHARING_PLUGIN ? ": its plugin needs plugin_opt_share true" : "");
    bus_link_lose(b, reason);
}

static void on_subscribe(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
    struct mosquitto_bus *b = arg;
    bool good = count == 1 && granted[0] >= 0 && granted[0] <= 2;

    if (mid != b->subscribing) {
        if (good) /* the probe's; without a subscription none comes back, which is found then */
            check_sent(b, mosquitto_publish(client, NULL, b->probe_topic, 0, NULL, 1, false));
        return;
    }
    if (!good)
        refuse_subscription(b);
    else if (b->sharing == BUS_SHARING_NONE)
        come_up(b);
    else
        want_proof(b);
}

static void on_disconnect(struct mosquitto *client, void *arg, int code)
{
    struct mosquitto_bus *b = arg;

    (void)client;
    if (!b->answered && bus_link_speaks_v5(b))
        bus_link_lose(b, "it hangs up without an answer; perhaps it does not speak MQTT 5: RabbitMQ is reached with amqp://");
    else
        bus_link_lose(b, code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code));
}

static void hear_plugin(struct mosquitto_bus *b, ferry_text word)
{
    if (ferry_text_equal(word, ferry_text_of(BUS_WORKER_SHARED)))
        come_up(b);
    else
        bus_link_lose(b, "its plugin does not share the requests: it needs plugin_opt_share true");
}

void bus_session_hear(struct mosquitto_bus *b, const char *topic, const void *payload, size_t len)
{
    const size_t prefix = sizeof(BUS_SHARED_UP_PREFIX) - 1;
    char up[FERRY_TOPIC_SIZE];

    if (strcmp(topic, BUS_WORKER_TOPIC) == 0)
        return hear_plugin(b, (ferry_text){payload, len});
    if (strcmp(topic, b->probe_topic) == 0)
        return come_up(b);
    if (strncmp(topic, BUS_SHARED_UP_PREFIX, prefix) == 0) {
        int up_len = snprintf(up, sizeof(up), "%s%s", FERRY_TOPIC_UP_PREFIX, topic + prefix);

        topic = up_len > 0 && (size_t)up_len < sizeof(up) ? up : topic; /* else it is nobody's, and the engine says so */
    }
    b->heard++;
    b->base.listener.message(b->base.listener.arg, topic, payload, len);
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    (void)client;
    bus_session_hear(arg, message->topic, message->payload != NULL ? message->payload : "", (size_t)message->payloadlen);
}

/* --- for the connection ---------------------------------------------------------------------------------- */

void bus_session_begin(struct mosquitto_bus *b)
{
    b->proof_ms = b->word_ms = 0;
    b->subscribing = 0;
    b->sharing = b->wanted == BUS_SHARING_AUTO ? BUS_SHARING_MQTT5 : b->wanted;
    if (bus_link_speaks_v5(b))
        mosquitto_connect_v5_callback_set(b->client, on_connect_v5);
    else
        mosquitto_connect_callback_set(b->client, on_connect);
    mosquitto_subscribe_callback_set(b->client, on_subscribe);
    mosquitto_disconnect_callback_set(b->client, on_disconnect);
    mosquitto_message_callback_set(b->client, on_message);
}

void bus_session_keep(struct mosquitto_bus *b, uint64_t now_ms)
{
    if (b->proof_ms != 0 && now_ms >= b->proof_ms)
        bus_link_lose(b, b->sharing == BUS_SHARING_PLUGIN
                    ? "it has no ferry_auth.so with plugin_opt_share true, so that no requests would come"
                    : "nothing comes by a shared subscription: Mosquitto needs ferry_auth.so with plugin_opt_share true; on "
                      "other brokers the user must be allowed to use " MOSQUITTO_BUS_PROBE_PREFIX "+");
    if (b->lost || b->word_ms == 0 || now_ms < b->word_ms)
        return;
    b->word_ms = now_ms + BUS_WORD_EVERY_MS;
    check_sent(b, mosquitto_publish(b->client, NULL, BUS_CONTROL_TOPIC, sizeof(BUS_WORKER_WORD) - 1, BUS_WORKER_WORD, 0, false));
}

void bus_session_share_no_more(struct mosquitto_bus *b)
{
    if (b->lost || b->sharing == BUS_SHARING_NONE || b->subscribing == 0 || !b->base.stopped)
        return;
    b->subscribing = 0;
    check_sent(b, mosquitto_unsubscribe(b->client, NULL, filter_of(b->sharing)));
}
