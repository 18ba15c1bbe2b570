/*
 * How many instructions each call of the engine takes, in an upload and two downloads of 16 KiB, with
 * messages as our platform writes them. Prints a line for each kind: what, how often, how many.
 *
 * Runs on an MPS2 board under qemu-system-arm -icount shift=10: there an instruction takes 1024 ns of
 * the board's time, 25.6 ticks of its timer, whatever it does.
 */
#include "ferry/device.h"
#include "ferry/http.h"

#include "proto/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 16384, PIECE = 1024, STEP_MS = 300, WORK_BYTES = 2048, METERS = 48, LABEL = 48 };

static const char url[] = "http://files.example.com:8080/o/01kdzhjq3mx5v6r2c8q0t9w4ab?e=1767323045&"
                          "s=4f9a1c0f5be1d7a3c2e88b6d90475fa1";
static const char sha256[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/* ---- counting ---- */

static volatile uint32_t *const timer_control = (volatile uint32_t *)0x40000000;
static volatile uint32_t *const timer_value = (volatile uint32_t *)0x40000004;
static volatile uint32_t *const timer_reload = (volatile uint32_t *)0x40000008;

static struct meter {
    char what[LABEL];
    uint32_t calls, instructions;
} meters[METERS];
static uint32_t empty_ticks; /* to read the timer twice */
static uint32_t total;       /* instructions, of whatever was counted */

__attribute__((format(printf, 1, 2))) static _Noreturn void stop(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    exit(1);
}

static inline uint32_t ticks(void)
{
    return ~*timer_value; /* it counts down */
}

static uint32_t instructions_of(uint32_t elapsed)
{
    return (uint32_t)(((uint64_t)(elapsed - empty_ticks) * 10 + 128) / 256);
}

/* How many of what: `kind name`. */
static void count(const char *kind, const char *name, uint32_t elapsed)
{
    char what[LABEL];
    struct meter *m = meters;

    (void)snprintf(what, sizeof what, "%s %s", kind, name);
    while (m < meters + METERS && m->calls > 0 && strcmp(m->what, what) != 0)
        m++;
    if (m == meters + METERS)
        stop("too many kinds\n");
    memcpy(m->what, what, sizeof what);
    m->calls++;
    m->instructions += instructions_of(elapsed);
    total += instructions_of(elapsed);
}

static void start_timer(void)
{
    uint32_t start, end, turns = 1000;

    *timer_reload = *timer_value = UINT32_MAX;
    *timer_control = 1;
    start = ticks();
    empty_ticks = ticks() - start;
    start = ticks();
    __asm__ volatile(".syntax unified\n1: subs %0, #1\n   bne 1b" : "+l"(turns) : : "cc");
    end = ticks();
    if (instructions_of(end - start) / 10 != 200)
        stop("a loop of 2000 instructions took %u: this needs -icount shift=10\n",
             (unsigned)instructions_of(end - start));
}

/* ---- a platform and a port that always answer ---- */

struct session {
    ferry_device device;
    ferry_device_config config;
    uint32_t memory[FERRY_DEVICE_MEM(FERRY_NAME_VENDOR_MAX, FERRY_URL_MAX) / 4 + 1];
    uint64_t now;
    bool running; /* a request, and what it is */
    ferry_action request;
    uint64_t at;
    uint8_t bytes[PIECE];
    uint8_t saved[FERRY_SNAPSHOT_MAX(FERRY_NAME_VENDOR_MAX)];
    size_t saved_len;
    bool pushed;
};

static void tell(struct session *s, const char *what, const ferry_event *event)
{
    uint32_t start = ticks();
    ferry_device_err err = ferry_device_event(&s->device, s->now, event);
    uint32_t end = ticks();

    count(event->kind == FERRY_EV_MESSAGE ? "message in:" : "event:", what, end - start);
    if (err != FERRY_DEVICE_OK)
        stop("%s: %s\n", what, ferry_device_err_text(err));
}

static void happen(struct session *s, const char *what, ferry_event_kind kind)
{
    tell(s, what, &(ferry_event){.kind = kind, .lane = s->request.lane, .offset = s->at});
}

static void say(struct session *s, const ferry_msg *msg)
{
    char payload[WORK_BYTES];
    ferry_event event = {.kind = FERRY_EV_MESSAGE, .payload = payload};

    if (ferry_msg_write(msg, payload, sizeof payload, &event.len) != FERRY_PROTO_OK)
        stop("the platform's message does not fit\n");
    tell(s, ferry_msg_type_name(msg->type), &event);
}

/* The MD5 of the file: the same piece again and again. */
static void file_md5(const struct session *s, char out[33])
{
    ferry_md5 md5;
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_init(&md5);
    for (int i = 0; i < FILE_BYTES / PIECE; i++)
        ferry_md5_update(&md5, s->bytes, PIECE);
    ferry_md5_final(&md5, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The platform's part of a task, and of the answer to anything. */
static void offer(struct session *s, ferry_msg_type type, ferry_text request_id)
{
    char md5[33];

    file_md5(s, md5);
    say(s, &(ferry_msg){.type = type,
                        .has = FERRY_HAS_SIZE | FERRY_HAS_EXPIRES,
                        .size = FILE_BYTES,
                        .name = ferry_text_of("thermostat-1.4.2.bin"),
                        .md5sum = ferry_text_of(md5),
                        .url = ferry_text_of(url),
                        .result_msg = ferry_text_of("ok"),
                        .request_id = request_id,
                        .sha256 = type == FERRY_MSG_CREATE_UPLOAD_TASK_RSP ? (ferry_text){0} : ferry_text_of(sha256),
                        .expires = 1767323045});
}

static void answer(struct session *s, char *payload, size_t len, uint32_t elapsed)
{
    static const ferry_msg_type answers[] = {
        [FERRY_MSG_CREATE_UPLOAD_TASK] = FERRY_MSG_CREATE_UPLOAD_TASK_RSP,
        [FERRY_MSG_REPORT_UPLOAD_PROGRESS] = FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP,
        [FERRY_MSG_GET_DOWNLOAD_TASK] = FERRY_MSG_GET_DOWNLOAD_TASK_RSP,
        [FERRY_MSG_REPORT_DOWNLOAD_PROGRESS] = FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP,
    };
    ferry_json_token tokens[FERRY_JSON_TOKENS_DEVICE];
    ferry_msg msg;

    if (ferry_msg_parse(payload, len, tokens, FERRY_JSON_TOKENS_DEVICE, &msg) != FERRY_PROTO_OK ||
        msg.type >= sizeof answers / sizeof answers[0] || answers[msg.type] == FERRY_MSG_NONE)
        stop("the device said something else\n");
    count("message out:", ferry_msg_type_name(msg.type), elapsed);
    offer(s, answers[msg.type], msg.request_id);
}

/* One more event of the request that is running. */
static void request_step(struct session *s)
{
    bool get = s->request.http == FERRY_HTTP_GET, probe = s->request.http == FERRY_HTTP_PROBE;
    ferry_http_head head = {.status = get ? 200 : 204,
                            .has_length = get,
                            .length = FILE_BYTES,
                            .has_upload_offset = !get,
                            .upload_offset = probe ? 0 : FILE_BYTES,
                            .etag = "\"098f6bcd4621d373cade4e832627b4f6\""};
    ferry_event event = {.lane = s->request.lane, .kind = FERRY_EV_HTTP_HEAD, .head = &head};

    if (get && s->at == 0)
        tell(s, "head of an answer", &event);
    if (!probe && s->at < FILE_BYTES) {
        s->at += PIECE;
        event = (ferry_event){.lane = s->request.lane, .kind = FERRY_EV_BODY, .bytes = s->bytes, .len = PIECE};
        if (get)
            tell(s, "body, 1 KiB", &event);
        else
            happen(s, "sent", FERRY_EV_SENT);
        return;
    }
    if (!get)
        tell(s, "head of an answer", &event);
    s->running = false;
    happen(s, "end of an answer", FERRY_EV_HTTP_END);
}

static void read_file(struct session *s)
{
    tell(s, "source, 1 KiB", &(ferry_event){.kind = FERRY_EV_READ, .bytes = s->bytes, .len = PIECE});
}

static const char *const action_names[] = {
    [FERRY_ACT_WAIT] = "wait",           [FERRY_ACT_CONNECT] = "connect", [FERRY_ACT_DISCONNECT] = "disconnect",
    [FERRY_ACT_SUBSCRIBE] = "subscribe", [FERRY_ACT_PUBLISH] = "publish", [FERRY_ACT_READ] = "read",
    [FERRY_ACT_OPEN] = "open",           [FERRY_ACT_COMMIT] = "commit",   [FERRY_ACT_DISCARD] = "discard",
    [FERRY_ACT_HTTP] = "request",        [FERRY_ACT_HTTP_ABORT] = "end",  [FERRY_ACT_SAVE] = "save",
    [FERRY_ACT_FINISHED] = "finished",
};

static void carry_out(struct session *s, const ferry_action *act, uint32_t elapsed)
{
    char payload[WORK_BYTES];

    if (act->kind == FERRY_ACT_PUBLISH) {
        memcpy(payload, act->payload, act->len); /* the engine's memory is its own again with the next call */
        answer(s, payload, act->len, elapsed);
        return;
    }
    count("next:", action_names[act->kind], elapsed);
    if (act->kind == FERRY_ACT_CONNECT)
        happen(s, "connected", FERRY_EV_LINK_UP);
    else if (act->kind == FERRY_ACT_SUBSCRIBE)
        happen(s, "subscribed", FERRY_EV_SUBSCRIBED);
    else if (act->kind == FERRY_ACT_READ)
        read_file(s);
    else if (act->kind == FERRY_ACT_OPEN || act->kind == FERRY_ACT_COMMIT) {
        s->request.lane = act->lane;
        s->at = 0;
        happen(s, act->kind == FERRY_ACT_OPEN ? "opened" : "committed",
               act->kind == FERRY_ACT_OPEN ? FERRY_EV_OPENED : FERRY_EV_COMMITTED);
    } else if (act->kind == FERRY_ACT_HTTP) {
        s->running = true;
        s->request = *act;
        s->at = act->offset;
    } else if (act->kind == FERRY_ACT_SAVE && act->len > 0) {
        memcpy(s->saved, act->bytes, act->len);
        s->saved_len = act->len;
    } else if (act->kind == FERRY_ACT_WAIT && s->running) {
        s->now += STEP_MS;
        request_step(s);
    } else if (act->kind == FERRY_ACT_WAIT)
        stop("nothing happens any more\n");
}

/* Runs until a transfer has ended. */
static void run(struct session *s, const char *what)
{
    ferry_action act = {0};
    uint32_t before = total;

    while (act.kind != FERRY_ACT_FINISHED) {
        uint32_t start = ticks();
        ferry_device_next(&s->device, s->now, &act);
        uint32_t end = ticks();
        carry_out(s, &act, end - start);
        if (s->running && !s->pushed && s->request.http == FERRY_HTTP_PATCH && s->at > 0) {
            s->pushed = true; /* says only that all is well */
            say(s, &(ferry_msg){.type = FERRY_MSG_UPLOAD_RESULT, .has = FERRY_HAS_RESULT_CODE});
        }
    }
    if (act.err != FERRY_DEVICE_OK)
        stop("%s: %s\n", what, ferry_device_err_text(act.err));
    printf("all calls of %s\t1\t%u\n", what, (unsigned)(total - before));
}

/* ---- what is measured ---- */

static void init(struct session *s)
{
    memset(s, 0, sizeof *s);
    s->now = 1000;
    s->config = (ferry_device_config){.product = "thermostat", .device = "ab12cd34ef56", FERRY_DEVICE_DEFAULTS};
    s->config.name_max = FERRY_NAME_VENDOR_MAX;
    s->config.resumable_bytes = 1;
    s->config.save_bytes = 4096;
    s->config.save_ms = 1000;
    for (size_t i = 0; i < PIECE; i++)
        s->bytes[i] = (uint8_t)(i * i / 7);
    uint32_t start = ticks();
    ferry_device_err err = ferry_device_init(&s->device, &s->config, s->memory, sizeof s->memory, 12345, NULL);
    uint32_t end = ticks();
    count("call:", "init", end - start);
    if (err != FERRY_DEVICE_OK)
        stop("init: %s\n", ferry_device_err_text(err));
}

static void measure_transfers(struct session *s)
{
    ferry_upload_request upload = {.name = "thermostat-2026-01-02.log", .size = FILE_BYTES, .tag = 1};

    uint32_t start = ticks();
    ferry_device_err err = ferry_device_upload(&s->device, s->now, &upload);
    uint32_t end = ticks();
    count("call:", "upload", end - start);
    if (err != FERRY_DEVICE_OK)
        stop("upload: %s\n", ferry_device_err_text(err));
    run(s, "an upload of 16 KiB");
    ferry_device_fetch(&s->device, s->now);
    run(s, "a download of 16 KiB");
    ferry_device_listen(&s->device, s->now, true);
    offer(s, FERRY_MSG_DOWNLOAD, (ferry_text){0});
    run(s, "a pushed download of 16 KiB");
}

static void measure_restore(struct session *s)
{
    uint8_t saved[sizeof s->saved];
    size_t len = s->saved_len;

    memcpy(saved, s->saved, len);
    init(s);
    uint32_t start = ticks();
    ferry_device_err err = ferry_device_restore(&s->device, s->now, saved, len);
    uint32_t end = ticks();
    count("call:", "restore", end - start);
    if (err != FERRY_DEVICE_OK)
        stop("restore: %s\n", ferry_device_err_text(err));
}

static void measure_helpers(struct session *s)
{
    static const char *const lines[] = {
        "HTTP/1.1 206 Partial Content", "Date: Fri, 02 Jan 2026 03:04:05 GMT",
        "Content-Length: 12288",        "Content-Range: bytes 4096-16383/16384",
        "Accept-Ranges: bytes",         "ETag: \"098f6bcd4621d373cade4e832627b4f6\"",
    };
    ferry_action act = {
        .kind = FERRY_ACT_HTTP, .http = FERRY_HTTP_GET, .url = url, .offset = 4096, .if_range = "\"098f6bcd4621d373\""};
    char head[512], etag[FERRY_HTTP_ETAG_SIZE];
    ferry_http_head answer_head = {0};
    ferry_md5 md5;
    size_t len;

    ferry_md5_init(&md5);
    uint32_t start = ticks();
    ferry_md5_update(&md5, s->bytes, PIECE);
    count("call:", "MD5, 1 KiB", ticks() - start);
    start = ticks();
    ferry_device_err err = ferry_http_request(&act, head, sizeof head, &len);
    uint32_t end = ticks();
    count("call:", "http request", end - start);
    start = ticks();
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ferry_http_head_line(&answer_head, etag, lines[i], strlen(lines[i]));
    count("call:", "http answer of 6 lines", ticks() - start);
    if (err != FERRY_DEVICE_OK || answer_head.range_total != FILE_BYTES)
        stop("http.h: wrong\n");
}

int main(void)
{
    static struct session s;

    start_timer();
    init(&s);
    measure_transfers(&s);
    measure_restore(&s);
    measure_helpers(&s);
    for (const struct meter *m = meters; m < meters + METERS && m->calls > 0; m++)
        printf("%s\t%u\t%u\n", m->what, (unsigned)m->calls, (unsigned)(m->instructions / m->calls));
    return 0;
}
