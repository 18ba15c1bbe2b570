#include "mqtt/outbox.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *box, uint64_t bytes_max)
{
    *box = (struct outbox){.bytes_max = bytes_max};
}

/* The memory one message takes. */
static size_t cost(size_t topic_len, size_t len)
{
    return sizeof(struct bus_message) + topic_len + 1 + len;
}

ferry_err outbox_put(struct outbox *box, const char *topic, const void *payload, size_t len)
{
    size_t topic_len = strlen(topic);
    struct bus_message *message;

    if (len > box->bytes_max || cost(topic_len, len) > box->bytes_max - box->bytes)
        return FERRY_E_BUSY;
    message = ferry_malloc(cost(topic_len, len));
    if (message == NULL)
        return FERRY_E_NOMEM;
    message->next = NULL;
    message->topic = (char *)(message + 1);
    memcpy(message->topic, topic, topic_len + 1);
    message->payload = (uint8_t *)message->topic + topic_len + 1;
    message->len = len;
    if (len > 0)
        memcpy(message->payload, payload, len);

    if (box->first == NULL)
        box->first = message;
    else
        box->last->next = message;
    box->last = message;
    box->count++;
    box->bytes += cost(topic_len, len);
    return FERRY_OK;
}

struct bus_message *outbox_take(struct outbox *box)
{
    struct bus_message *message = box->first;

    if (message == NULL)
        return NULL;
    box->first = message->next;
    message->next = NULL;
    box->count--;
    box->bytes -= cost(strlen(message->topic), message->len);
    return message;
}

void outbox_clear(struct outbox *box)
{
    struct bus_message *message;

    while ((message = outbox_take(box)) != NULL)
        free(message);
}
