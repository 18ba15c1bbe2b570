/* From the bus into the inbox: parsing happens here, on the bus's thread, not on the engine's. */
#include "engine_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void count_now(struct engine *e, size_t stat)
{
    atomic_fetch_add_explicit(&e->counters[stat], 1, memory_order_relaxed);
}

static void ignore(struct engine *e, const char *topic, const void *payload, size_t len, const char *why)
{
    char quoted_topic[FERRY_LOG_QUOTE_SIZE], quoted[FERRY_LOG_QUOTE_SIZE];
    count_now(e, ENGINE_STAT(messages_ignored_total));
    ferry_log(FERRY_LOG_DEBUG, "link", "ignored a message on %s: %s: %s",
              ferry_log_quote(topic, strlen(topic), quoted_topic), why, ferry_log_quote(payload, len, quoted));
}

static bool is_request(ferry_msg_type type)
{
    return type == FERRY_MSG_CREATE_UPLOAD_TASK || type == FERRY_MSG_REPORT_UPLOAD_PROGRESS ||
           type == FERRY_MSG_GET_DOWNLOAD_TASK || type == FERRY_MSG_REPORT_DOWNLOAD_PROGRESS;
}

void link_answer_busy(struct engine *e, const struct device_message *m, size_t stat)
{
    char topic[FERRY_TOPIC_SIZE];
    char payload[FERRY_DOWN_PACKET_MAX + 1];
    size_t len = 0;
    struct bus *bus = e->parts.bus;
    ferry_msg refusal = answers_refusal(&m->msg, FERRY_RESULT_BUSY);
    count_now(e, stat);
    if (refusal.type == FERRY_MSG_NONE)
        return; /* a question that has no refusal on the wire */
    if (answers_encode(&m->device, &refusal, topic, payload, sizeof payload, &len) != FERRY_OK)
        return;
    bool sent = bus->ops->publish(bus, topic, payload, len) == FERRY_OK;
    count_now(e, sent ? measures_answer(&refusal) : ENGINE_STAT(publish_failed_total));
}

static bool parse_device(const char *topic, struct device_key *ret_device)
{
    ferry_topic_direction direction;
    ferry_text product, device;
    if (!ferry_topic_parse(ferry_text_of(topic), &direction, &product, &device) || direction != FERRY_TOPIC_UP)
        return false;
    return ferry_text_copy(product, ret_device->product, sizeof ret_device->product) &&
           ferry_text_copy(device, ret_device->device, sizeof ret_device->device);
}

/* The broker vouches for the device, so nobody can use up another's share. */
static bool may_ask(struct engine *e, const struct device_key *device)
{
    char text[FERRY_IDENT_MAX + 1 + FERRY_IDENT_MAX + 1];
    struct clock *clock = e->parts.clock;
    int len = snprintf(text, sizeof text, "%s/%s", device->product, device->device);
    return ferry_rate_take(e->device_rate, text, (size_t)len, clock->ops->mono_ms(clock));
}

static void on_message(void *arg, const char *topic, const void *payload, size_t len)
{
    struct engine *e = arg;
    if (strcmp(topic, BUS_PRESENCE_TOPIC) == 0)
        return presence_on_message(e, payload, len);
    count_now(e, ENGINE_STAT(messages_total));
    struct device_key device;
    if (!parse_device(topic, &device))
        return ignore(e, topic, payload, len, "no up topic of a device");
    if (len > FERRY_PAYLOAD_MAX)
        return ignore(e, topic, payload, len, "payload over the limit");
    struct device_message *m = ferry_malloc(sizeof *m + len + 1);
    if (m == NULL)
        return ignore(e, topic, payload, len, "out of memory");
    m->device = device;
    m->looked = LOOKED_NOT;
    m->arrived_us = ferry_mono_us();
    memcpy(m->payload, payload, len);
    m->payload[len] = '\0';

    ferry_json_token tokens[FERRY_JSON_TOKENS_MAX];
    ferry_proto_err proto_err = ferry_msg_parse(m->payload, len, tokens, FERRY_JSON_TOKENS_MAX, &m->msg);
    if (proto_err != FERRY_PROTO_OK || !is_request(m->msg.type)) {
        ignore(e, topic, payload, len, proto_err != FERRY_PROTO_OK ? ferry_proto_err_text(proto_err) : "no request");
        free(m);
        return;
    }
    if (!may_ask(e, &device)) {
        link_answer_busy(e, m, ENGINE_STAT(messages_limited_total));
        free(m);
    } else if (inbox_put_quietly(&e->inbox, (struct inbox_item){.message = m}) != FERRY_OK) {
        link_answer_busy(e, m, ENGINE_STAT(messages_busy_total));
        free(m);
    }
}

static void on_passed(void *arg)
{
    struct engine *e = arg;
    inbox_ring(&e->inbox);
}

static void on_link(void *arg, bool up)
{
    struct engine *e = arg;
    struct bus *bus = e->parts.bus;
    atomic_store(&e->counters[ENGINE_STAT(link_up_now)], up);
    /* what the broker was to be told while it was away is lost: it looks at everybody */
    if (up && e->settings.broker_is_ours)
        (void)bus->ops->publish(bus, BUS_CONTROL_TOPIC, "", 0);
    presence_on_link(e, up);
}

struct bus_listener engine_bus_listener(struct engine *engine)
{
    return (struct bus_listener){.message = on_message, .passed = on_passed, .link = on_link, .arg = engine};
}
