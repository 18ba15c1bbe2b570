/*
 * The device engine as a machine: bytes become calls, events, messages, lost power and time, in any order.
 * Whatever comes, it never loops without waiting, never asks for anything outside its bounds, and never gives
 * a file its name unless the bytes that were written have the announced MD5.
 */
#include "ferry/device.h"
#include "ferry/status.h"
#include "fuzz.h"
#include "proto/text.h"

#include <string.h>

enum { CONTENT = 512, DRAIN_MAX = 200, PAYLOAD_MAX = 4096, GUARD = 64, NAME_MAX_BYTES = 40, URL_MAX_BYTES = 100 };

struct input {
    const uint8_t *at, *end;
};

struct world {
    ferry_device device;
    ferry_device_config cfg;
    uint32_t mem[(FERRY_DEVICE_MEM(NAME_MAX_BYTES, URL_MAX_BYTES) + GUARD) / 4 + 1];
    uint64_t now;
    ferry_action last; /* not WAIT */
    char id[9];
    uint8_t part[CONTENT + 1], saved[FERRY_LANES][FERRY_SNAPSHOT_MAX(NAME_MAX_BYTES)];
    size_t saved_len[FERRY_LANES];
    bool part_known; /* false after a snapshot that we did not take from the engine */
};

static uint8_t byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

enum { BLOCK = UINT8_MAX };

/* So many as the next byte says; what is behind the end is zero. */
static size_t block(struct input *in, uint8_t out[BLOCK])
{
    size_t len = byte(in), rest = (size_t)(in->end - in->at), there = len < rest ? len : rest;

    memset(out, 0, BLOCK);
    memcpy(out, in->at, there);
    in->at += there;
    return len;
}

static uint8_t content(size_t i)
{
    return (uint8_t)(i * 7 + i / 256);
}

static void content_md5(size_t size, char out[33])
{
    ferry_md5 md5;
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_init(&md5);
    for (size_t i = 0; i < size; i++) {
        uint8_t b = content(i);
        ferry_md5_update(&md5, &b, 1);
    }
    ferry_md5_final(&md5, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void start(struct world *w)
{
    static const ferry_device_config cfg = {.product = "p", .device = "d", FERRY_DEVICE_DEFAULTS};

    w->cfg = cfg;
    w->cfg.name_max = NAME_MAX_BYTES;
    w->cfg.url_max = URL_MAX_BYTES;
    w->cfg.resumable_bytes = 100;
    w->cfg.save_bytes = 1;
    w->cfg.save_ms = 1;
    FUZZ_CHECK(ferry_device_init(&w->device, &w->cfg, w->mem, FERRY_DEVICE_MEM(NAME_MAX_BYTES, URL_MAX_BYTES), 7,
                                 NULL) == FERRY_DEVICE_OK);
    memset((char *)w->mem + FERRY_DEVICE_MEM(NAME_MAX_BYTES, URL_MAX_BYTES), 0xa5, GUARD);
}

/* ---- what must hold ---- */

static void check_state(const struct world *w)
{
    const uint8_t *guard = (const uint8_t *)w->mem + FERRY_DEVICE_MEM(NAME_MAX_BYTES, URL_MAX_BYTES);
    ferry_lane_status status;

    for (size_t i = 0; i < GUARD; i++)
        FUZZ_CHECK(guard[i] == 0xa5);
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++) {
        ferry_device_status(&w->device, lane, &status);
        FUZZ_CHECK(status.phase <= FERRY_PHASE_END);
        FUZZ_CHECK(status.offset <= status.size);
        FUZZ_CHECK(memchr(status.name, '\0', NAME_MAX_BYTES + 1) != NULL);
        FUZZ_CHECK(status.err <= FERRY_DEVICE_E_BUSY);
    }
}

static void check_file_name(const char *name)
{
    FUZZ_CHECK(ferry_name_valid(ferry_text_of(name)));
    FUZZ_CHECK(name[0] != '.' && strchr(name, '/') == NULL && strchr(name, '\\') == NULL);
}

static void check_commit(const struct world *w, const ferry_action *act)
{
    ferry_md5 md5;
    uint8_t digest[FERRY_MD5_BYTES];

    if (!w->part_known)
        return;
    FUZZ_CHECK(act->size <= CONTENT);
    ferry_md5_init(&md5);
    ferry_md5_update(&md5, w->part, (size_t)act->size);
    ferry_md5_final(&md5, digest);
    FUZZ_CHECK(memcmp(digest, w->device.lane[FERRY_LANE_DOWN].kept.md5, sizeof digest) == 0);
}

static void check_http(const ferry_action *act)
{
    FUZZ_CHECK(strncmp(act->url, "http", 4) == 0 && strlen(act->url) <= URL_MAX_BYTES);
    for (const char *p = act->url; *p != '\0'; p++)
        FUZZ_CHECK(*p > ' ' && *p <= '~');
    FUZZ_CHECK(act->offset < act->size || act->http == FERRY_HTTP_PROBE);
    FUZZ_CHECK((act->http == FERRY_HTTP_GET) == (act->lane == FERRY_LANE_DOWN));
    FUZZ_CHECK(act->md5 != NULL);
}

static void check_publish(struct world *w, const ferry_action *act)
{
    static const char key[] = "\"request_id\":\"";
    char text[FERRY_DEVICE_WORK(NAME_MAX_BYTES) + 1];

    FUZZ_CHECK(act->len > 2 && act->len < sizeof text && act->payload[0] == '{' && act->payload[act->len - 1] == '}');
    memcpy(text, act->payload, act->len);
    text[act->len] = '\0';
    const char *id = strstr(text, key);
    FUZZ_CHECK(id != NULL);
    memcpy(w->id, id + sizeof key - 1, 8);
}

static void check_save(struct world *w, const ferry_action *act)
{
    FUZZ_CHECK(act->len <= sizeof w->saved[0]);
    w->saved_len[act->lane] = act->len;
    if (act->len > 0)
        memcpy(w->saved[act->lane], act->bytes, act->len);
}

static void check_action(struct world *w, const ferry_action *act)
{
    switch (act->kind) {
    case FERRY_ACT_PUBLISH:
        check_publish(w, act);
        break;
    case FERRY_ACT_OPEN:
        FUZZ_CHECK(act->offset <= act->size && act->size > 0);
        check_file_name(act->name);
        w->part_known |= act->offset == 0;
        break;
    case FERRY_ACT_COMMIT:
        check_file_name(act->name);
        check_commit(w, act);
        break;
    case FERRY_ACT_READ:
        FUZZ_CHECK(act->offset < act->size);
        break;
    case FERRY_ACT_HTTP:
        check_http(act);
        break;
    case FERRY_ACT_SAVE:
        check_save(w, act);
        break;
    case FERRY_ACT_FINISHED:
        FUZZ_CHECK(!act->kept || w->saved_len[act->lane] > 0);
        FUZZ_CHECK(act->kept || w->saved_len[act->lane] == 0);
        break;
    case FERRY_ACT_WAIT:
        FUZZ_CHECK(act->deadline_ms > w->now);
        break;
    case FERRY_ACT_CONNECT:
    case FERRY_ACT_DISCONNECT:
    case FERRY_ACT_SUBSCRIBE:
    case FERRY_ACT_DISCARD:
    case FERRY_ACT_HTTP_ABORT:
        break;
    }
}

/* ---- what may happen ---- */

/* One action, or all until it waits: without events it must come to rest. */
static void next(struct world *w, bool all)
{
    ferry_action act;

    for (unsigned i = 0; i < DRAIN_MAX; i++) {
        ferry_device_next(&w->device, w->now, &act);
        check_action(w, &act);
        if (act.kind == FERRY_ACT_WAIT)
            return;
        w->last = act;
        if (!all)
            return;
    }
    FUZZ_CHECK(!"it never waits");
}

static void say(struct world *w, char *payload, size_t len)
{
    ferry_event event = {.kind = FERRY_EV_MESSAGE, .payload = payload, .len = len};

    FUZZ_CHECK(ferry_device_event(&w->device, w->now, &event) == FERRY_DEVICE_OK);
}

static void raw_message(struct world *w, struct input *in)
{
    uint8_t payload[BLOCK];
    size_t len = block(in, payload);

    say(w, (char *)payload, len);
}

static void message(struct world *w, struct input *in)
{
    static const char *const types[] = {"create_upload_task_rsp",
                                        "report_upload_progress_rsp",
                                        "get_download_task_rsp",
                                        "download",
                                        "report_download_progress_rsp",
                                        "upload_result",
                                        "get_download_task",
                                        "nonsense"};
    static const char *const names[] = {"f", "g", "../x", ".h", "", "a-name-that-is-much-longer-than-forty-bytes-are"};
    static const char *const urls[] = {"http://h/1", "http://h/2", "", "ftp://h", "https://h/with space"};
    char payload[PAYLOAD_MAX], md5[33];
    uint8_t type = byte(in), what = byte(in), id = byte(in);
    unsigned size = 1 + byte(in) * 2u;
    int code = (int8_t)byte(in);

    content_md5(size, md5);
    if ((what & 0x40) != 0)
        md5[0] ^= 1;
    int len = snprintf(payload, sizeof payload,
                       "{\"type\":\"%s\",\"size\":%u,\"name\":\"%s\",\"md5sum\":\"%s\",\"url\":\"%s\"", types[type % 8],
                       size, names[what % 6], md5, urls[what / 8 % 5]);
    if ((id & 1) != 0)
        len +=
            snprintf(payload + len, sizeof payload - (size_t)len, ",\"request_id\":\"%.7s%c\"", w->id, "3680"[id >> 1 & 3]);
    if ((id & 0x10) != 0)
        len += snprintf(payload + len, sizeof payload - (size_t)len, ",\"result_code\":%d", code);
    if ((id & 0x20) != 0)
        len += snprintf(payload + len, sizeof payload - (size_t)len, ",\"report\":{\"progress\":{\"result_code\":%d}}",
                        code);
    len += snprintf(payload + len, sizeof payload - (size_t)len, "}");
    say(w, payload, (size_t)len);
}

static void body(struct world *w, struct input *in)
{
    uint8_t bytes[256];
    size_t len = byte(in);
    bool wrong = (byte(in) & 0x80) != 0;
    ferry_lane_status status;
    ferry_event event = {.kind = FERRY_EV_BODY, .lane = FERRY_LANE_DOWN, .bytes = bytes, .len = len};

    ferry_device_status(&w->device, FERRY_LANE_DOWN, &status);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(content((size_t)status.offset + i) ^ (wrong ? 1 : 0));
    if (status.offset + len > CONTENT)
        return;
    if (ferry_device_event(&w->device, w->now, &event) == FERRY_DEVICE_OK)
        memcpy(w->part + status.offset, bytes, len); /* a port writes first, but only during a wanted answer */
}

static void http_head(struct world *w, struct input *in)
{
    static const uint16_t statuses[] = {200, 206, 204, 201, 400, 403, 404, 409, 412, 413, 416, 429, 460, 500, 501, 503};
    static const char *const etags[] = {NULL, "\"a\"", "\"b\"", "W/\"a\""};
    uint8_t a = byte(in), b = byte(in), c = byte(in);
    ferry_lane_status status;
    ferry_lane lane = (a & 0x10) != 0 ? FERRY_LANE_DOWN : FERRY_LANE_UP;
    ferry_http_head head = {.status = statuses[a & 15], .etag = etags[b & 3]};
    ferry_event event = {.kind = FERRY_EV_HTTP_HEAD, .lane = lane, .head = &head};

    ferry_device_status(&w->device, lane, &status);
    head.has_range = (b & 4) != 0;
    head.range_start = (b & 8) != 0 ? c : status.offset;
    head.range_total = (b & 16) != 0 ? status.size : 0;
    head.has_upload_offset = (b & 32) != 0;
    head.upload_offset = (b & 64) != 0 ? status.size : c;
    head.has_length = (b & 128) != 0;
    head.length = status.size - (a >> 6);
    head.retry_after_s = (a & 0x20) != 0 ? c : 0u;
    (void)ferry_device_event(&w->device, w->now, &event);
}

static void any_event(struct world *w, struct input *in)
{
    uint8_t bytes[256];
    uint8_t kind = byte(in), lane = byte(in);
    ferry_event event = {.kind = (ferry_event_kind)(kind % (FERRY_EV_HTTP_END + 2)),
                         .lane = (ferry_lane)(lane & 1),
                         .fault = (ferry_fault)(byte(in) % 16),
                         .offset = byte(in),
                         .bytes = bytes,
                         .len = byte(in)};

    if (event.kind == FERRY_EV_MESSAGE || event.kind == FERRY_EV_BODY || event.kind == FERRY_EV_HTTP_HEAD)
        return; /* these have their own */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = content(i);
    (void)ferry_device_event(&w->device, w->now, &event);
}

/* The event that the last action hopes for: with it the fuzzer gets deep. */
static void hoped_for(struct world *w)
{
    uint8_t bytes[CONTENT];
    ferry_event event = {.lane = w->last.lane, .bytes = bytes};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = content(i);
    switch (w->last.kind) {
    case FERRY_ACT_CONNECT:
        event.kind = FERRY_EV_LINK_UP;
        break;
    case FERRY_ACT_SUBSCRIBE:
        event.kind = FERRY_EV_SUBSCRIBED;
        break;
    case FERRY_ACT_READ:
        event.kind = FERRY_EV_READ;
        event.bytes = bytes + w->last.offset % CONTENT;
        event.len = CONTENT - (size_t)(w->last.offset % CONTENT);
        break;
    case FERRY_ACT_OPEN:
        event.kind = FERRY_EV_OPENED;
        event.offset = w->last.offset;
        break;
    case FERRY_ACT_COMMIT:
        event.kind = FERRY_EV_COMMITTED;
        break;
    case FERRY_ACT_HTTP:
        event.kind = FERRY_EV_HTTP_END;
        break;
    case FERRY_ACT_WAIT:
    case FERRY_ACT_DISCONNECT:
    case FERRY_ACT_PUBLISH:
    case FERRY_ACT_DISCARD:
    case FERRY_ACT_HTTP_ABORT:
    case FERRY_ACT_SAVE:
    case FERRY_ACT_FINISHED:
        return;
    }
    (void)ferry_device_event(&w->device, w->now, &event);
}

static void call(struct world *w, struct input *in)
{
    static const char *const names[] = {"f", "", "a\nb", "a name with \"quotes\""};
    uint8_t what = byte(in);
    ferry_upload_request request = {.name = names[what >> 4 & 3], .size = 1 + byte(in) * 2u, .tag = what >> 6};

    switch (what % 8) {
    case 0:
    case 1:
        (void)!ferry_device_upload(&w->device, w->now, &request);
        break;
    case 2:
        ferry_device_fetch(&w->device, w->now);
        break;
    case 3:
        ferry_device_listen(&w->device, w->now, true);
        break;
    case 4:
        ferry_device_listen(&w->device, w->now, false);
        break;
    default:
        (void)ferry_device_stop(&w->device, w->now, (ferry_lane)(what >> 4 & 1),
                                what >> 5 & 1 ? FERRY_STOP_FOR_NOW : FERRY_STOP_FOR_GOOD);
        break;
    }
}

/* Power lost: what was saved comes back, all of it taken. */
static void reboot(struct world *w)
{
    start(w);
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++)
        if (w->saved_len[lane] > 0)
            FUZZ_CHECK(ferry_device_restore(&w->device, w->now, w->saved[lane], w->saved_len[lane]) == FERRY_DEVICE_OK);
}

/* Any bytes instead of a snapshot. */
static void false_memory(struct world *w, struct input *in)
{
    uint8_t bytes[BLOCK];
    size_t len = block(in, bytes);

    start(w);
    if (ferry_device_restore(&w->device, w->now, bytes, len) == FERRY_DEVICE_OK)
        w->part_known = false;
    memset(w->saved_len, 0, sizeof w->saved_len);
}

static void step(struct world *w, struct input *in)
{
    switch (byte(in) % 12) {
    case 0:
        next(w, false);
        break;
    case 1:
        next(w, true);
        break;
    case 2:
        w->now += (uint64_t)1 << (byte(in) % 40);
        break;
    case 3:
        message(w, in);
        break;
    case 4:
        raw_message(w, in);
        break;
    case 5:
        body(w, in);
        break;
    case 6:
        http_head(w, in);
        break;
    case 7:
        any_event(w, in);
        break;
    case 8:
    case 9:
        hoped_for(w);
        break;
    case 10:
        call(w, in);
        break;
    default:
        if ((byte(in) & 1) != 0)
            reboot(w);
        else
            false_memory(w, in);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct input in = {data, data + size};

    memset(&w, 0, sizeof w);
    w.part_known = true;
    memcpy(w.id, "00000000", 9);
    start(&w);
    while (in.at < in.end) {
        step(&w, &in);
        check_state(&w);
    }
    next(&w, true);
    return 0;
}
