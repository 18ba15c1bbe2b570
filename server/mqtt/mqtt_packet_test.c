#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mqtt/mqtt_packet.h"

#include <stdlib.h>
#include <string.h>

/* A copy that ends where its memory does. */
static uint8_t *copy_of(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return copy;
}

static mqtt_bytes read_copy(const void *bytes, size_t len, struct mqtt_packet *ret_packet)
{
    uint8_t *copy = copy_of(bytes, len);
    mqtt_bytes got = mqtt_packet_read(copy, len, ret_packet);

    free(copy);
    return got;
}

static void a_publish_at_qos_1_is_taken_apart(void **state)
{
    static const char bytes[] = "\x32\x0b\x00\x03"
                                "a/b"
                                "\x12\x34"
                                "{\0}}"
                                "\xd0\x00";
    uint8_t *copy = copy_of(bytes, sizeof(bytes) - 1);
    struct mqtt_packet packet;

    (void)state;
    assert_int_equal(mqtt_packet_read(copy, sizeof(bytes) - 1, &packet), MQTT_WHOLE);
    assert_int_equal(packet.type, MQTT_PUBLISH);
    assert_int_equal(packet.size, 13);
    assert_string_equal(packet.topic, "a/b");
    assert_int_equal(packet.id, 0x1234);
    assert_int_equal(packet.len, 4);
    assert_memory_equal(packet.payload, "{\0}}", 4);
    assert_int_equal(mqtt_packet_read(copy + 13, 2, &packet), MQTT_WHOLE);
    assert_int_equal(packet.type, MQTT_PINGRESP);
    assert_int_equal(packet.size, 2);
    free(copy);
}

static void a_publish_at_qos_0_has_no_id_and_its_payload_stays_whole(void **state)
{
    static const char bytes[] = "\x30\x05\x00\x01"
                                "t"
                                "xy";
    uint8_t *copy = copy_of(bytes, sizeof(bytes) - 1);
    struct mqtt_packet packet;

    (void)state;
    assert_int_equal(mqtt_packet_read(copy, sizeof(bytes) - 1, &packet), MQTT_WHOLE);
    assert_string_equal(packet.topic, "t");
    assert_int_equal(packet.id, 0);
    assert_int_equal(packet.len, 2);
    assert_memory_equal(packet.payload, "xy", 2);
    free(copy);
}

static void of_a_part_only_the_size_is_told_once_it_is_known(void **state)
{
    static const uint8_t bytes[] = {0x32, 0x85, 0x01, 0x00, 0x01, 't'};

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct mqtt_packet packet = {.size = 99, .len = 77};

        assert_int_equal(read_copy(bytes, len, &packet), MQTT_PART);
        assert_int_equal(packet.size, len < 3 ? 0 : 3 + 133);
        assert_int_equal(packet.len, 77);
    }
}

static void what_is_no_packet_is_broken(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x30\x80\x80\x80\x80", 5},     /* a length of five bytes */
        {"\x30\x00", 2},                 /* no topic */
        {"\x30\x01\x00", 3},             /* half a length of one */
        {"\x30\x02\x00\x00", 4},         /* an empty one */
        {"\x30\x03\x00\x02t", 5},        /* one that is longer than the packet */
        {"\x30\x04\x00\x02t\0", 6},      /* one with a NUL */
        {"\x32\x03\x00\x01t", 5},        /* no id */
        {"\x32\x04\x00\x01t\x01", 6},    /* half of one */
        {"\x32\x05\x00\x01t\0\0", 7},    /* that of nobody */
        {"\x34\x05\x00\x01t\0\x01", 7},  /* QoS 2, for which nobody has asked */
        {"\x36\x05\x00\x01t\0\x01", 7},  /* QoS 3 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mqtt_packet packet = {.size = 99};

        assert_int_equal(read_copy(cases[i].bytes, cases[i].len, &packet), MQTT_BROKEN);
        assert_int_equal(packet.size, 99);
    }
}

static void what_is_written_is_read_again_at_each_length_of_the_length(void **state)
{
    static const size_t lengths[] = {0, 1, 122, 123, 124, 16378, 16379, 16380, 2097146, 2097147};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        ferry_autobuf out = FERRY_BUF_INIT(4u << 20);
        uint8_t *payload = malloc(lengths[i] + 1);
        struct mqtt_packet packet;

        assert_non_null(payload);
        memset(payload, 'p', lengths[i] + 1);
        assert_int_equal(mqtt_packet_write_publish(&out, "a/b", payload, lengths[i]), FERRY_OK);
        assert_int_equal(mqtt_packet_read((uint8_t *)out.data, out.len, &packet), MQTT_WHOLE);
        assert_int_equal(packet.size, out.len);
        assert_string_equal(packet.topic, "a/b");
        assert_int_equal(packet.id, 0);
        assert_int_equal(packet.len, lengths[i]);
        assert_memory_equal(packet.payload, payload, lengths[i]);
        free(payload);
    }
}

static void the_other_packets_have_the_published_form(void **state)
{
    ferry_autobuf out = FERRY_BUF_INIT(64);

    (void)state;
    assert_int_equal(mqtt_packet_write_ack(&out, 0x1234), FERRY_OK);
    assert_int_equal(mqtt_packet_write_ping(&out), FERRY_OK);
    assert_int_equal(mqtt_packet_write_publish(&out, "t", "p", 1), FERRY_OK);
    assert_int_equal(out.len, 4 + 2 + 6);
    assert_memory_equal(out.data, "\x40\x02\x12\x34\xc0\x00\x30\x04\x00\x01tp", 12);
}

static void what_has_no_room_leaves_nothing_behind(void **state)
{
    char topic[UINT16_MAX + 2];

    (void)state;
    for (size_t room = 0; room < 12; room++) {
        ferry_autobuf out = FERRY_BUF_INIT(2 + room);

        assert_int_equal(mqtt_packet_write_ping(&out), FERRY_OK);
        assert_int_equal(mqtt_packet_write_publish(&out, "topic", "abc", 3), FERRY_E_LIMIT);
        assert_int_equal(out.len, 2);
    }
    ferry_autobuf out = FERRY_BUF_INIT(1u << 20);
    memset(topic, 't', sizeof(topic) - 1);
    topic[sizeof(topic) - 1] = '\0';
    assert_int_equal(mqtt_packet_write_publish(&out, topic, "", 0), FERRY_E_LIMIT);
    assert_int_equal(mqtt_packet_write_publish(&out, topic + 1, "", 0), FERRY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_at_qos_1_is_taken_apart),
        cmocka_unit_test(a_publish_at_qos_0_has_no_id_and_its_payload_stays_whole),
        cmocka_unit_test(of_a_part_only_the_size_is_told_once_it_is_known),
        cmocka_unit_test(what_is_no_packet_is_broken),
        cmocka_unit_test(what_is_written_is_read_again_at_each_length_of_the_length),
        cmocka_unit_test(the_other_packets_have_the_published_form),
        cmocka_unit_test(what_has_no_room_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
