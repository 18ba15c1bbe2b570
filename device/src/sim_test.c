/*
 * A device and a small correct platform on simulated time. A seed draws faults: lost messages and links,
 * broken requests, refusals, damaged bytes, time-outs, power cuts. However they fall, in the end both
 * files are on the other side, whole, the platform knows it, and nothing is left behind.
 */
#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIM_BYTES = 4096, STEPS_MAX = 20000, RESTARTS_DRAWN_MAX = 3, PIECE_MAX = 700 };

struct sim {
    struct machine m;
    uint32_t random;
    unsigned faults, restarts; /* that may still be drawn */
    /* the platform */
    uint8_t stored[SIM_BYTES];
    size_t stored_len;
    bool uploaded, upload_done, delivered, url_valid[FERRY_LANES];
    bool answers_waiting;
    char answers[8][512];
    unsigned answer_count;
    /* the device's flash: what is durable, and what only the running device knows */
    uint8_t part[SIM_BYTES], final_file[SIM_BYTES];
    size_t part_len, durable_len;
    bool has_final;
    /* the request in flight of each lane */
    bool running[FERRY_LANES];
    ferry_action request[FERRY_LANES];
    bool finished[FERRY_LANES];
    bool upload_wanted;
};

static uint32_t draw(struct sim *s, uint32_t below)
{
    s->random = s->random * 1664525 + 1013904223;
    return (s->random >> 8) % below;
}

static bool fault(struct sim *s, uint32_t one_in)
{
    if (s->faults == 0 || draw(s, one_in) != 0)
        return false;
    s->faults--;
    return true;
}

/* A fault that costs a beginning from zero: of these the device bears only restarts_max. */
static bool damage(struct sim *s, uint32_t one_in)
{
    if (s->restarts == 0 || !fault(s, one_in))
        return false;
    s->restarts--;
    return true;
}

static void expect_ok(struct sim *s, const ferry_event *event)
{
    assert_int_equal(ferry_device_event(&s->m.device, s->m.now, event), FERRY_DEVICE_OK);
}

static void tell(struct sim *s, ferry_event_kind kind, ferry_lane lane, ferry_fault why)
{
    ferry_event event = {.kind = kind, .lane = lane, .fault = why};

    expect_ok(s, &event);
}

static const char *sim_md5(void)
{
    static char text[33];
    ferry_md5 md5;
    uint8_t digest[16];

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, file_bytes, SIM_BYTES);
    ferry_md5_final(&md5, digest);
    machine_hex(digest, sizeof digest, text);
    return text;
}

/* ---- the platform ---- */

__attribute__((format(printf, 2, 3))) static void answer(struct sim *s, const char *format, ...)
{
    va_list args;

    if (s->answer_count == 8)
        return;
    va_start(args, format);
    (void)vsnprintf(s->answers[s->answer_count++], sizeof s->answers[0], format, args);
    va_end(args);
}

static void on_publish(struct sim *s)
{
    const char *text = s->m.payload, *id = s->m.id;

    if (fault(s, 10))
        return; /* the message, or its answer, is lost */
    if (strstr(text, "create_upload_task") != NULL) {
        s->url_valid[FERRY_LANE_UP] = true;
        answer(
            s,
            "{\"type\":\"create_upload_task_rsp\",\"size\":%d,\"name\":\"f\",\"md5sum\":\"%s\",\"url\":\"http://h/u\","
            "\"request_id\":\"%s\"}",
            SIM_BYTES, sim_md5(), id);
    } else if (strstr(text, "get_download_task") != NULL && s->delivered) {
        answer(s,
               "{\"type\":\"get_download_task_rsp\",\"size\":1,\"name\":\"\",\"md5sum\":\"\",\"url\":\"\",\"result_"
               "code\":8,"
               "\"request_id\":\"%s\"}",
               id);
    } else if (strstr(text, "get_download_task") != NULL) {
        s->url_valid[FERRY_LANE_DOWN] = true;
        answer(
            s,
            "{\"type\":\"get_download_task_rsp\",\"size\":%d,\"name\":\"g\",\"md5sum\":\"%s\",\"url\":\"http://h/d\","
            "\"request_id\":\"%s\"}",
            SIM_BYTES, sim_md5(), id);
    } else if (strstr(text, "report_upload_progress") != NULL) {
        assert_null(strstr(text, "fail"));
        s->upload_done |= s->uploaded;
        answer(s,
               "{\"type\":\"report_upload_progress_rsp\",\"result_code\":%d,\"result_msg\":\"\",\"request_id\":\"%s\"}",
               s->uploaded ? 0 : FERRY_RESULT_NO_OBJECT, id);
    } else {
        assert_null(strstr(text, "fail"));
        assert_true(s->has_final); /* `done` is never said of a file that is not there */
        s->delivered = true;
        answer(
            s,
            "{\"type\":\"report_download_progress_rsp\",\"result_code\":0,\"result_msg\":\"\",\"request_id\":\"%s\"}",
            id);
    }
}

static void send_answers(struct sim *s)
{
    for (unsigned i = 0; i < s->answer_count; i++) {
        ferry_event event = {.kind = FERRY_EV_MESSAGE, .payload = s->answers[i], .len = strlen(s->answers[i])};
        expect_ok(s, &event);
    }
    s->answer_count = 0;
}

/* ---- the object store, and the port's HTTP ---- */

static void end_request(struct sim *s, ferry_lane lane, ferry_fault why)
{
    if (!s->running[lane])
        return;
    s->running[lane] = false;
    tell(s, FERRY_EV_HTTP_END, lane, why);
}

static bool head(struct sim *s, ferry_lane lane, const ferry_http_head *h)
{
    ferry_event event = {.kind = FERRY_EV_HTTP_HEAD, .lane = lane, .head = h};

    if (ferry_device_event(&s->m.device, s->m.now, &event) == FERRY_DEVICE_OK)
        return true;
    s->running[lane] = false;
    return false;
}

static void status(struct sim *s, ferry_lane lane, uint16_t code)
{
    ferry_http_head h = {.status = code};

    if (head(s, lane, &h))
        end_request(s, lane, FERRY_FAULT_NONE);
}

static void take_upload(struct sim *s, const ferry_action *act)
{
    ferry_http_head h = {.status = 200};
    size_t from = (size_t)act->offset, most = SIM_BYTES - from;

    if (act->http == FERRY_HTTP_PUT)
        s->stored_len = 0;
    else if (from != s->stored_len) {
        status(s, FERRY_LANE_UP, 409);
        return;
    }
    size_t len = fault(s, 4) ? draw(s, (uint32_t)most + 1) : most;
    memcpy(s->stored + from, file_bytes + from, len);
    if (act->http == FERRY_HTTP_PATCH)
        s->stored_len = from + len;
    if (len < most) {
        end_request(s, FERRY_LANE_UP, FERRY_FAULT_LOST);
        return;
    }
    if (damage(s, 8)) {
        s->stored_len = 0;
        status(s, FERRY_LANE_UP, 400);
        return;
    }
    s->uploaded = true;
    h.has_upload_offset = act->http == FERRY_HTTP_PATCH;
    h.upload_offset = SIM_BYTES;
    if (fault(s, 6)) /* it is stored, but the device does not hear it */
        end_request(s, FERRY_LANE_UP, FERRY_FAULT_TIMEOUT);
    else if (head(s, FERRY_LANE_UP, &h))
        end_request(s, FERRY_LANE_UP, FERRY_FAULT_NONE);
}

static void probe(struct sim *s)
{
    ferry_http_head h = {
        .status = 200, .has_upload_offset = true, .upload_offset = s->uploaded ? SIM_BYTES : s->stored_len};

    if (head(s, FERRY_LANE_UP, &h))
        end_request(s, FERRY_LANE_UP, FERRY_FAULT_NONE);
}

/* Writes a piece to flash and tells; false when the request is over. */
static bool give_piece(struct sim *s, size_t at, const uint8_t *bytes, size_t len)
{
    ferry_event event = {.kind = FERRY_EV_BODY, .lane = FERRY_LANE_DOWN, .bytes = bytes, .len = len};

    memcpy(s->part + at, bytes, len);
    if (at + len > s->part_len)
        s->part_len = at + len;
    if (ferry_device_event(&s->m.device, s->m.now, &event) == FERRY_DEVICE_OK)
        return true;
    s->running[FERRY_LANE_DOWN] = false;
    return false;
}

static void give_download(struct sim *s, const ferry_action *act)
{
    ferry_http_head h = {
        .status = 206, .has_range = true, .range_start = act->offset, .range_total = SIM_BYTES, .etag = "\"e\""};
    ferry_lane_status lane;
    uint8_t piece[PIECE_MAX];

    if (act->offset == 0 || fault(s, 10))
        h = (ferry_http_head){.status = 200, .has_length = true, .length = SIM_BYTES, .etag = "\"e\""};
    if (!head(s, FERRY_LANE_DOWN, &h))
        return;
    ferry_device_status(&s->m.device, FERRY_LANE_DOWN, &lane);
    for (size_t at = (size_t)lane.offset; at < SIM_BYTES;) {
        size_t len = 1 + draw(s, PIECE_MAX - 1);
        len = len > SIM_BYTES - at ? SIM_BYTES - at : len;
        memcpy(piece, file_bytes + at, len);
        if (damage(s, 60))
            piece[len / 2] ^= 0x10;
        if (fault(s, 12)) {
            end_request(s, FERRY_LANE_DOWN, FERRY_FAULT_LOST);
            return;
        }
        if (!give_piece(s, at, piece, len))
            return;
        at += len;
        s->m.now += 500;
    }
    end_request(s, FERRY_LANE_DOWN, FERRY_FAULT_NONE);
}

static void serve(struct sim *s, ferry_lane lane)
{
    static const uint16_t refusals[] = {403, 404, 500, 503, 429};
    ferry_action act = s->request[lane];

    if (fault(s, 8)) {
        uint16_t code = refusals[draw(s, 5)];
        s->url_valid[lane] &= code != 403 && code != 404;
        status(s, lane, code);
    } else if (!s->url_valid[lane])
        status(s, lane, 403);
    else if (fault(s, 12))
        end_request(s, lane, FERRY_FAULT_CONNECT);
    else if (act.http == FERRY_HTTP_GET)
        give_download(s, &act);
    else if (act.http == FERRY_HTTP_PROBE)
        probe(s);
    else
        take_upload(s, &act);
}

/* ---- the device ---- */

static void open_part(struct sim *s)
{
    ferry_event event = {.kind = FERRY_EV_OPENED, .lane = FERRY_LANE_DOWN};

    if (s->m.act.offset == 0)
        s->part_len = s->durable_len = 0;
    event.offset = s->part_len < s->m.act.offset ? 0 : s->m.act.offset;
    expect_ok(s, &event);
}

static void commit_part(struct sim *s)
{
    if (s->part_len == SIM_BYTES) {
        memcpy(s->final_file, s->part, SIM_BYTES);
        s->has_final = true;
        s->part_len = s->durable_len = 0;
    }
    assert_true(s->has_final);
    tell(s, FERRY_EV_COMMITTED, FERRY_LANE_DOWN, FERRY_FAULT_NONE);
}

static void want_upload(struct sim *s)
{
    ferry_upload_request request = {.name = "f", .size = SIM_BYTES, .tag = 1};

    if (ferry_device_upload(&s->m.device, s->m.now, &request) == FERRY_DEVICE_OK)
        s->upload_wanted = false;
}

/* The power goes: what was not durable is gone, half of the time; a file without sync may also survive. */
static void power_cut(struct sim *s)
{
    memset(s->running, 0, sizeof s->running);
    s->answer_count = 0;
    if (draw(s, 2) == 0)
        s->part_len = s->durable_len;
    machine_reboot(&s->m);
    s->upload_wanted = !s->finished[FERRY_LANE_UP];
    if (!s->finished[FERRY_LANE_DOWN])
        ferry_device_fetch(&s->m.device, s->m.now);
}

static void on_finished(struct sim *s)
{
    ferry_lane lane = s->m.act.lane;

    s->upload_wanted &= lane != FERRY_LANE_UP; /* also when it was a result from before the power cut */
    if (s->m.act.err == FERRY_DEVICE_OK) {
        s->finished[lane] = true;
        return;
    }
    /* The only other end: the result was confirmed to a device that lost its power before it heard so. */
    assert_true(lane == FERRY_LANE_DOWN && s->m.act.err == FERRY_DEVICE_E_NO_TASK && s->delivered);
    s->finished[lane] = true;
}

static void carry_out(struct sim *s)
{
    const ferry_action *act = &s->m.act;
    ferry_event read = {.kind = FERRY_EV_READ,
                        .bytes = file_bytes + act->offset,
                        .len = act->offset < SIM_BYTES ? (size_t)(SIM_BYTES - act->offset) : 0};

    switch (act->kind) {
    case FERRY_ACT_CONNECT:
        tell(s, fault(s, 6) ? FERRY_EV_LINK_DOWN : FERRY_EV_LINK_UP, act->lane, FERRY_FAULT_CONNECT);
        break;
    case FERRY_ACT_SUBSCRIBE:
        tell(s, FERRY_EV_SUBSCRIBED, act->lane, FERRY_FAULT_NONE);
        break;
    case FERRY_ACT_PUBLISH:
        on_publish(s);
        break;
    case FERRY_ACT_READ:
        read.len = read.len > 1000 ? 1000 : read.len;
        expect_ok(s, &read);
        break;
    case FERRY_ACT_OPEN:
        open_part(s);
        break;
    case FERRY_ACT_COMMIT:
        commit_part(s);
        break;
    case FERRY_ACT_DISCARD:
        s->part_len = s->durable_len = 0;
        break;
    case FERRY_ACT_HTTP:
        s->running[act->lane] = true;
        s->request[act->lane] = *act;
        break;
    case FERRY_ACT_HTTP_ABORT:
        s->running[act->lane] = false;
        break;
    case FERRY_ACT_FINISHED:
        on_finished(s);
        break;
    case FERRY_ACT_DISCONNECT:
    case FERRY_ACT_SAVE: /* machine_next() keeps it */
    case FERRY_ACT_WAIT:
        break;
    }
}

static void wait_or_serve(struct sim *s)
{
    uint64_t deadline = s->m.act.deadline_ms;

    s->m.now += draw(s, 50);
    if (s->answer_count > 0)
        send_answers(s);
    else if (s->running[FERRY_LANE_UP] || s->running[FERRY_LANE_DOWN])
        serve(s, s->running[FERRY_LANE_UP] && (!s->running[FERRY_LANE_DOWN] || draw(s, 2) == 0) ? FERRY_LANE_UP
                                                                                                : FERRY_LANE_DOWN);
    else {
        assert_true(deadline != UINT64_MAX);
        s->m.now = deadline > s->m.now ? deadline : s->m.now;
    }
}

static void run(struct sim *s, uint32_t seed)
{
    unsigned saves = 0;

    memset(s, 0, sizeof *s);
    machine_init(&s->m);
    s->m.cfg.save_bytes = 1;
    s->m.cfg.save_ms = 1000;
    s->m.cfg.resumable_bytes = seed % 3 == 0 ? UINT32_MAX : 1;
    s->m.cfg.tries_max = 60;
    s->m.cfg.asks_max = 60;
    s->random = seed;
    s->faults = draw(s, 40);
    s->restarts = RESTARTS_DRAWN_MAX;
    s->upload_wanted = true;
    ferry_device_fetch(&s->m.device, s->m.now);
    for (unsigned step = 0; !s->finished[FERRY_LANE_UP] || !s->finished[FERRY_LANE_DOWN]; step++) {
        assert_true(step < STEPS_MAX);
        if (s->upload_wanted)
            want_upload(s);
        (void)machine_next(&s->m);
        if (s->m.saves != saves) { /* a port makes the partial file durable before it keeps a snapshot */
            saves = s->m.saves;
            s->durable_len = s->part_len;
        }
        if (fault(s, 60))
            power_cut(s);
        else if (s->m.act.kind == FERRY_ACT_WAIT)
            wait_or_serve(s);
        else
            carry_out(s);
        if (fault(s, 80) && s->m.device.link != FERRY__LINK_DOWN)
            tell(s, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_LOST);
    }
}

static void whatever_fails_both_files_arrive_and_nothing_is_left(void **state)
{
    static struct sim s;

    (void)state;
    for (uint32_t seed = 1; seed <= 3000; seed++) {
        run(&s, seed);
        assert_true(s.uploaded && s.upload_done && s.delivered && s.has_final);
        assert_memory_equal(s.stored, file_bytes, SIM_BYTES);
        assert_memory_equal(s.final_file, file_bytes, SIM_BYTES);
        assert_int_equal(s.part_len, 0);
        assert_int_equal(s.m.saved_len[FERRY_LANE_UP], 0);
        assert_int_equal(s.m.saved_len[FERRY_LANE_DOWN], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_fails_both_files_arrive_and_nothing_is_left)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
