#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t file_bytes[FILE_SIZE];

static void file_make(void)
{
    uint32_t x = 1;

    for (size_t i = 0; i < FILE_SIZE; i++) {
        x = x * 1664525 + 1013904223;
        file_bytes[i] = (uint8_t)(x >> 24);
    }
}

void machine_hex(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

const char *file_md5(void)
{
    static char text[33];
    ferry_md5 md5;
    uint8_t digest[16];

    file_make();
    ferry_md5_init(&md5);
    ferry_md5_update(&md5, file_bytes, FILE_SIZE);
    ferry_md5_final(&md5, digest);
    machine_hex(digest, sizeof digest, text);
    return text;
}

static void device_init(struct machine *m)
{
    assert_int_equal(ferry_device_init(&m->device, &m->cfg, m->mem, sizeof m->mem, 42, NULL), FERRY_DEVICE_OK);
}

void machine_init(struct machine *m)
{
    memset(m, 0, sizeof *m);
    m->cfg = (ferry_device_config){.product = "p", .device = "d", FERRY_DEVICE_DEFAULTS};
    m->now = 1000;
    file_make();
    device_init(m);
}

void machine_reboot(struct machine *m)
{
    m->now = 5;
    device_init(m);
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++)
        if (m->saved_len[lane] > 0)
            assert_int_equal(ferry_device_restore(&m->device, m->now, m->saved[lane], m->saved_len[lane]),
                             FERRY_DEVICE_OK);
}

static void note_publish(struct machine *m)
{
    static const char key[] = "\"request_id\":\"";

    assert_true(m->act.len < sizeof m->payload);
    memcpy(m->payload, m->act.payload, m->act.len);
    m->payload[m->act.len] = '\0';
    assert_string_equal(m->act.topic, "$resource/up/service/p/d");
    const char *id = strstr(m->payload, key);
    assert_non_null(id);
    memcpy(m->id, id + sizeof key - 1, 8);
}

ferry_action_kind machine_next(struct machine *m)
{
    for (int i = 0; i < 100; i++) {
        ferry_device_next(&m->device, m->now, &m->act);
        if (m->act.kind == FERRY_ACT_SAVE) {
            m->saves++;
            m->saved_len[m->act.lane] = m->act.len;
            if (m->act.len > 0)
                memcpy(m->saved[m->act.lane], m->act.bytes, m->act.len);
            continue;
        }
        if (m->act.kind == FERRY_ACT_PUBLISH)
            note_publish(m);
        if (m->act.kind == FERRY_ACT_PUBLISH && strstr(m->payload, "loading\"") != NULL) {
            m->progress_reports++;
            continue;
        }
        return m->act.kind;
    }
    fail_msg("the engine never waits");
    return m->act.kind;
}

const ferry_action *machine_expect(struct machine *m, ferry_action_kind kind)
{
    assert_int_equal(machine_next(m), kind);
    return &m->act;
}

void machine_sleep(struct machine *m)
{
    machine_expect(m, FERRY_ACT_WAIT);
    assert_true(m->act.deadline_ms > m->now);
    assert_true(m->act.deadline_ms < UINT64_MAX);
    m->now = m->act.deadline_ms;
}

ferry_device_err machine_event(struct machine *m, ferry_event_kind kind, ferry_lane lane)
{
    return machine_fault(m, kind, lane, FERRY_FAULT_NONE);
}

ferry_device_err machine_fault(struct machine *m, ferry_event_kind kind, ferry_lane lane, ferry_fault fault)
{
    ferry_event event = {.kind = kind, .lane = lane, .fault = fault};

    return ferry_device_event(&m->device, m->now, &event);
}

void machine_link(struct machine *m)
{
    machine_expect(m, FERRY_ACT_CONNECT);
    assert_int_equal(machine_event(m, FERRY_EV_LINK_UP, FERRY_LANE_UP), FERRY_DEVICE_OK);
    machine_expect(m, FERRY_ACT_SUBSCRIBE);
    assert_string_equal(m->act.topic, "$resource/down/service/p/d");
    assert_int_equal(machine_event(m, FERRY_EV_SUBSCRIBED, FERRY_LANE_UP), FERRY_DEVICE_OK);
}

void machine_say(struct machine *m, const char *text)
{
    char payload[2048];
    size_t len = 0;
    ferry_event event = {.kind = FERRY_EV_MESSAGE, .payload = payload};

    for (; *text != '\0'; text++) {
        if (strncmp(text, "$ID", 3) == 0) {
            memcpy(payload + len, m->id, 8);
            len += 8;
            text += 2;
        } else
            payload[len++] = *text == '\'' ? '"' : *text;
        assert_true(len < sizeof payload - 8);
    }
    event.len = len;
    assert_int_equal(ferry_device_event(&m->device, m->now, &event), FERRY_DEVICE_OK);
}

ferry_device_err machine_head(struct machine *m, ferry_lane lane, const ferry_http_head *head)
{
    ferry_event event = {.kind = FERRY_EV_HTTP_HEAD, .lane = lane, .head = head};

    return ferry_device_event(&m->device, m->now, &event);
}

ferry_device_err machine_status(struct machine *m, ferry_lane lane, unsigned status)
{
    ferry_http_head head = {.status = (uint16_t)status};

    return machine_head(m, lane, &head);
}

ferry_device_err machine_body(struct machine *m, uint64_t first, size_t len)
{
    ferry_event event = {.kind = FERRY_EV_BODY, .lane = FERRY_LANE_DOWN, .bytes = file_bytes + first, .len = len};

    return ferry_device_event(&m->device, m->now, &event);
}

void machine_finish(struct machine *m, ferry_lane lane, ferry_device_err err, bool kept)
{
    const ferry_action *act = machine_expect(m, FERRY_ACT_FINISHED);

    assert_int_equal(act->lane, lane);
    assert_int_equal(act->err, err);
    assert_int_equal(act->kept, kept);
    assert_int_equal(m->saved_len[lane] > 0, kept);
}

void machine_answer(struct machine *m, ferry_lane lane, unsigned status)
{
    if (machine_status(m, lane, status) == FERRY_DEVICE_OK)
        assert_int_equal(machine_event(m, FERRY_EV_HTTP_END, lane), FERRY_DEVICE_OK);
}

void machine_confirm(struct machine *m, ferry_lane lane, const char *state, int code)
{
    char text[128];

    machine_expect(m, FERRY_ACT_PUBLISH);
    (void)snprintf(text, sizeof text, "\"state\":\"%s\"", state);
    assert_non_null(strstr(m->payload, text));
    (void)snprintf(text, sizeof text,
                   "{'type':'report_%s_progress_rsp','result_code':%d,'result_msg':'','request_id':'$ID'}",
                   lane == FERRY_LANE_UP ? "upload" : "download", code);
    machine_say(m, text);
}

ferry_phase machine_phase(const struct machine *m, ferry_lane lane)
{
    ferry_lane_status status;

    ferry_device_status(&m->device, lane, &status);
    return status.phase;
}

void machine_upload_asked(struct machine *m)
{
    ferry_upload_request request = {.name = "f", .size = FILE_SIZE, .tag = 7};
    ferry_event read = {.kind = FERRY_EV_READ, .bytes = file_bytes, .len = FILE_SIZE};
    char answer[256];

    assert_int_equal(ferry_device_upload(&m->device, m->now, &request), FERRY_DEVICE_OK);
    machine_link(m);
    machine_expect(m, FERRY_ACT_READ);
    assert_int_equal(ferry_device_event(&m->device, m->now, &read), FERRY_DEVICE_OK);
    machine_expect(m, FERRY_ACT_PUBLISH);
    (void)snprintf(answer, sizeof answer,
                   "{'type':'create_upload_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'http://h/u1',"
                   "'request_id':'$ID'}",
                   FILE_SIZE, file_md5());
    machine_say(m, answer);
}

void machine_fetch_opened(struct machine *m, uint64_t usable)
{
    ferry_event opened = {.kind = FERRY_EV_OPENED, .lane = FERRY_LANE_DOWN, .offset = usable};
    char answer[256];

    ferry_device_fetch(&m->device, m->now);
    machine_link(m);
    machine_expect(m, FERRY_ACT_PUBLISH);
    (void)snprintf(answer, sizeof answer,
                   "{'type':'get_download_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'http://h/d1',"
                   "'request_id':'$ID'}",
                   FILE_SIZE, file_md5());
    machine_say(m, answer);
    machine_expect(m, FERRY_ACT_OPEN);
    assert_int_equal(ferry_device_event(&m->device, m->now, &opened), FERRY_DEVICE_OK);
}
