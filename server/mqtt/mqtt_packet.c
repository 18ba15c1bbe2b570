#include "mqtt/mqtt_packet.h"

#include <string.h>

enum {
    LENGTH_BYTES_MAX = 4,
    LENGTH_MAX = (1 << (7 * LENGTH_BYTES_MAX)) - 1,
    HEAD_MAX = 1 + LENGTH_BYTES_MAX + 2,
    TOPIC_MAX = UINT16_MAX,
};

/* --- reading ---------------------------------------------------------------------------------------------- */

/* ret_head: bytes of the fixed header. */
static mqtt_bytes read_length(const uint8_t *bytes, size_t len, size_t *ret_head, size_t *ret_length)
{
    size_t length = 0;

    for (size_t i = 0; i < LENGTH_BYTES_MAX; i++) {
        size_t at = 1 + i;

        if (at >= len)
            return MQTT_PART;
        length |= (size_t)(bytes[at] & 0x7f) << (7 * i);
        if ((bytes[at] & 0x80) == 0) {
            *ret_head = at + 1;
            *ret_length = length;
            return MQTT_WHOLE;
        }
    }
    return MQTT_BROKEN;
}

static uint16_t number(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The topic moves over a byte of its length, which makes room for its NUL. */
static bool read_publish(uint8_t *body, size_t len, unsigned qos, struct mqtt_packet *packet)
{
    size_t topic_len = len >= 2 ? number(body) : 0, id_len = qos > 0 ? 2 : 0;
    uint8_t *topic = body + 2, *end = topic + topic_len;

    if (topic_len == 0 || qos > 1 || 2 + topic_len + id_len > len || memchr(topic, '\0', topic_len) != NULL)
        return false;
    packet->id = qos > 0 ? number(end) : 0;
    if (qos > 0 && packet->id == 0)
        return false;
    packet->payload = end + id_len;
    packet->len = len - 2 - topic_len - id_len;
    memmove(topic - 1, topic, topic_len);
    end[-1] = '\0';
    packet->topic = (const char *)topic - 1;
    return true;
}

mqtt_bytes mqtt_packet_read(uint8_t *bytes, size_t len, struct mqtt_packet *ret_packet)
{
    struct mqtt_packet packet = {.type = len > 0 ? bytes[0] >> 4 : 0};
    size_t head = 0, length = 0;
    mqtt_bytes got = read_length(bytes, len, &head, &length);

    if (got == MQTT_BROKEN)
        return MQTT_BROKEN;
    packet.size = head + length;
    if (got == MQTT_PART || packet.size > len) {
        ret_packet->size = packet.size;
        return MQTT_PART;
    }
    if (packet.type == MQTT_PUBLISH && !read_publish(bytes + head, length, bytes[0] >> 1 & 3, &packet))
        return MQTT_BROKEN;
    *ret_packet = packet;
    return MQTT_WHOLE;
}

/* --- writing ---------------------------------------------------------------------------------------------- */

static size_t write_head(uint8_t head[HEAD_MAX], size_t topic_len, size_t length)
{
    size_t used = 0;

    head[used++] = MQTT_PUBLISH << 4;
    do {
        head[used++] = (uint8_t)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
        length >>= 7;
    } while (length > 0);
    head[used++] = (uint8_t)(topic_len >> 8);
    head[used++] = (uint8_t)topic_len;
    return used;
}

ferry_err mqtt_packet_write_publish(struct ferry_buf *out, const char *topic, const void *payload, size_t len)
{
    size_t topic_len = strlen(topic), before = out->len;
    uint8_t head[HEAD_MAX];
    ferry_err err;

    if (topic_len > TOPIC_MAX || len > LENGTH_MAX - 2 - topic_len)
        return FERRY_E_LIMIT;
    err = ferry_buf_append(out, head, write_head(head, topic_len, 2 + topic_len + len));
    if (err == FERRY_OK)
        err = ferry_buf_append(out, topic, topic_len);
    if (err == FERRY_OK && len > 0)
        err = ferry_buf_append(out, payload, len);
    if (err != FERRY_OK)
        out->len = before;
    return err;
}

ferry_err mqtt_packet_write_ack(struct ferry_buf *out, uint16_t id)
{
    const uint8_t packet[] = {MQTT_PUBACK << 4, 2, (uint8_t)(id >> 8), (uint8_t)id};

    return ferry_buf_append(out, packet, sizeof(packet));
}

ferry_err mqtt_packet_write_ping(struct ferry_buf *out)
{
    const uint8_t packet[] = {MQTT_PINGREQ << 4, 0};

    return ferry_buf_append(out, packet, sizeof(packet));
}
