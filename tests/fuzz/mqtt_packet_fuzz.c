/* What a broker sends: packets, taken apart one after the other; and the same bytes as they come in two pieces. */
#include "fuzz.h"

#include "mqtt/mqtt_packet.h"

#include <string.h>

static size_t take_all(uint8_t *bytes, size_t size)
{
    struct mqtt_packet packet = {.size = 0};
    size_t at = 0, count = 0;

    while (mqtt_packet_read(bytes + at, size - at, &packet) == MQTT_WHOLE) {
        FUZZ_CHECK(packet.size >= 2 && packet.size <= size - at);
        if (packet.type == MQTT_PUBLISH) {
            const uint8_t *end = bytes + at + packet.size;

            FUZZ_CHECK(packet.topic[0] != '\0' && (const uint8_t *)packet.topic + strlen(packet.topic) < packet.payload);
            FUZZ_CHECK(packet.payload + packet.len == end);
        }
        at += packet.size;
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mqtt_packet packet = {.size = 0};
    uint8_t *bytes = malloc(size + 1), *half = malloc(size / 2 + 1);

    if (bytes != NULL && half != NULL) {
        memcpy(bytes, data, size);
        memcpy(half, data, size / 2);
        size_t count = take_all(bytes, size);

        if (mqtt_packet_read(half, size / 2, &packet) == MQTT_WHOLE)
            FUZZ_CHECK(count > 0);
    }
    free(bytes);
    free(half);
    return 0;
}
