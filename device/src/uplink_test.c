#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct machine m;

static int fresh(void **state)
{
    (void)state;
    machine_init(&m);
    memcpy(m.device.lane[FERRY_LANE_UP].nonce, "abcdefg", 7);
    memcpy(m.device.lane[FERRY_LANE_DOWN].nonce, "hijklmn", 7);
    return 0;
}

static void name_it(lane_state *l, const char *name)
{
    memcpy(l->name, name, strlen(name) + 1);
}

static const char *published(lane_state *l, ferry_phase phase)
{
    static char payload[1024];
    ferry_action act;

    memset(&act, 0, sizeof act);
    l->phase = (uint8_t)phase;
    ferry__lane_publish(l, &act);
    assert_string_equal(act.topic, "$resource/up/service/p/d");
    assert_int_equal(act.qos, phase == FERRY_PHASE_MOVE ? 0 : 1);
    assert_true(act.len < sizeof payload);
    memcpy(payload, act.payload, act.len);
    payload[act.len] = '\0';
    return payload;
}

static void the_messages_are_those_of_the_wire(void **state)
{
    lane_state *up = &m.device.lane[FERRY_LANE_UP], *down = &m.device.lane[FERRY_LANE_DOWN];

    (void)state;
    name_it(up, "a \"b\" \\ \xc3\xa9");
    name_it(down, "res1");
    up->kept.size = UINT64_MAX;
    for (unsigned i = 0; i < FERRY_MD5_BYTES; i++)
        up->kept.md5[i] = (uint8_t)(17 * i);
    assert_string_equal(published(up, FERRY_PHASE_ASK),
                        "{\"type\":\"create_upload_task\",\"size\":18446744073709551615,\"name\":\"a \\\"b\\\" \\\\ \xc3\xa9\","
                        "\"md5sum\":\"00112233445566778899aabbccddeeff\",\"request_id\":\"abcdefg3\"}");
    assert_string_equal(published(down, FERRY_PHASE_ASK), "{\"type\":\"get_download_task\",\"request_id\":\"hijklmn3\"}");
    down->kept.md5[0] = 11;
    down->kept.size = 3;
    down->kept.offset = 2;
    assert_string_equal(published(down, FERRY_PHASE_MOVE),
                        "{\"type\":\"report_download_progress\",\"name\":\"res1\",\"progress\":{\"state\":\"downloading\","
                        "\"percent\":66,\"result_code\":0,\"result_msg\":\"\"},\"md5sum\":\"0b000000000000000000000000000000\",\"request_id\":\"hijklmn6\"}");
    assert_string_equal(published(down, FERRY_PHASE_REPORT),
                        "{\"type\":\"report_download_progress\",\"name\":\"res1\",\"progress\":{\"state\":\"done\","
                        "\"result_code\":0,\"result_msg\":\"\"},\"md5sum\":\"0b000000000000000000000000000000\",\"request_id\":\"hijklmn8\"}");
    name_it(up, "u");
    up->result = FERRY_DEVICE_E_SOURCE;
    assert_string_equal(published(up, FERRY_PHASE_REPORT),
                        "{\"type\":\"report_upload_progress\",\"name\":\"u\",\"progress\":{\"state\":\"fail\","
                        "\"result_code\":-2,\"result_msg\":\"file_not_exist\"},"
                        "\"md5sum\":\"00112233445566778899aabbccddeeff\",\"request_id\":\"abcdefg8\"}");
}

static void a_failure_has_the_code_and_the_words_of_the_vendor(void **state)
{
    static const struct {
        ferry_device_err err;
        const char *text;
    } results[] = {
        {FERRY_DEVICE_OK, "\"done\",\"result_code\":0,\"result_msg\":\"\""},
        {FERRY_DEVICE_E_SOURCE, "\"fail\",\"result_code\":-2,\"result_msg\":\"file_not_exist\""},
        {FERRY_DEVICE_E_URL, "\"fail\",\"result_code\":-3,\"result_msg\":\"sign invalid\""},
        {FERRY_DEVICE_E_DIGEST, "\"fail\",\"result_code\":-4,\"result_msg\":\"md5sum not matched\""},
        {FERRY_DEVICE_E_SPACE, "\"fail\",\"result_code\":-1,\"result_msg\":\"no space\""},
        {FERRY_DEVICE_E_STOPPED, "\"fail\",\"result_code\":-1,\"result_msg\":\"stopped\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        m.device.lane[FERRY_LANE_UP].result = (uint8_t)results[i].err;
        assert_non_null(strstr(published(&m.device.lane[FERRY_LANE_UP], FERRY_PHASE_REPORT), results[i].text));
    }
    /* Every error of the list gives a whole message: none runs out of words. */
#define X(name, number, wire, text)                                                                                \
    m.device.lane[FERRY_LANE_UP].result = (number);                                                           \
    assert_non_null(strstr(published(&m.device.lane[FERRY_LANE_UP], FERRY_PHASE_REPORT), "\"request_id\":\"abcdefg8\"}"));
    FERRY_DEVICE_ERR_LIST(X)
#undef X
}

static void percent_is_right_for_any_size(void **state)
{
    static const struct {
        uint64_t offset, size;
        unsigned percent;
    } parts[] = {{0, 1, 0},          {1, 1, 100},           {1, 3, 33},
                 {99, 100, 99},      {999, 1000, 99},       {42949673, 42949673, 100},
                 {5ull << 30, 10ull << 30, 50}, {(1ull << 50) - 1, 1ull << 50, 99}, {1ull << 57, 1ull << 57, 100}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        m.device.lane[FERRY_LANE_DOWN].kept.offset = parts[i].offset;
        m.device.lane[FERRY_LANE_DOWN].kept.size = parts[i].size;
        (void)snprintf(text, sizeof text, "\"percent\":%u,", parts[i].percent);
        assert_non_null(strstr(published(&m.device.lane[FERRY_LANE_DOWN], FERRY_PHASE_MOVE), text));
    }
}

static void the_longest_message_fits_the_work_space_to_the_byte(void **state)
{
    static char ident[FERRY_IDENT_MAX + 1], name[FERRY_NAME_MAX + 1];
    lane_state *up = &m.device.lane[FERRY_LANE_UP];
    ferry_action act = {.kind = FERRY_ACT_PUBLISH};

    (void)state;
    memset(ident, 'i', FERRY_IDENT_MAX);
    memset(name, '"', FERRY_NAME_MAX);
    m.cfg.product = m.cfg.device = ident;
    memset(m.mem, 0xa5, sizeof m.mem);
    assert_int_equal(ferry_device_init(&m.device, &m.cfg, m.mem, sizeof m.mem, 1, NULL), FERRY_DEVICE_OK);
    memcpy(up->name, name, sizeof name);
    up->kept.size = UINT64_MAX;
    up->kept.offset = UINT64_MAX / 100;
    for (ferry_phase phase = FERRY_PHASE_ASK; phase <= FERRY_PHASE_REPORT; phase++)
        for (unsigned result = 0; result <= FERRY_DEVICE_E_BUSY; result++) {
            up->phase = (uint8_t)phase;
            up->result = (uint8_t)result;
            ferry__lane_publish(up, &act);
            assert_true(act.payload + act.len < (char *)m.mem + FERRY_DEVICE_WORK(FERRY_NAME_MAX));
            assert_memory_equal(up->name, name, sizeof name); /* it lies just behind */
        }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(the_messages_are_those_of_the_wire),
        T(a_failure_has_the_code_and_the_words_of_the_vendor),
        T(percent_is_right_for_any_size),
        T(the_longest_message_fits_the_work_space_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
