#include "ferry_show.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"
#include "columns.h"
#include "ferry_exit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JSON_EVERY_MS = 1000, SAID_SIZE = 1024, REASON_SIZE = 256 };

static const char *const directions[] = {[FERRY_LANE_UP] = "upload", [FERRY_LANE_DOWN] = "download"};

const char *ferry_show_err_name(ferry_device_err err)
{
    switch (err) {
#define X(name, number, wire, text) \
    case name:                      \
        return #name;
        FERRY_DEVICE_ERR_LIST(X)
#undef X
    }
    return "";
}

static const char *fault_text(ferry_fault fault)
{
    switch (fault) {
#define X(name, number, text) \
    case name:                \
        return text;
        FERRY_FAULT_LIST(X)
#undef X
    }
    return "";
}

static void print_json(json_t *object)
{
    char *line = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

    if (line != NULL)
        puts(line);
    (void)fflush(stdout);
    free(line);
    json_decref(object);
}

json_t *ferry_show_text(const char *text)
{
    ferry_autofree char *clean = text == NULL ? NULL : ferry_malloc(strlen(text) + 1);

    if (clean == NULL)
        return NULL;
    columns_clean(text, clean);
    return json_string(clean);
}

/* A name from outside, fit for a terminal: nothing in it may move the cursor. */
static const char *quoted(const char *name, char out[FERRY_LOG_QUOTE_SIZE])
{
    return ferry_log_quote(name, strlen(name), out);
}

void ferry_show_init(struct ferry_show *show, bool json, bool patient, const char *broker)
{
    *show = (struct ferry_show){.json = json, .patient = patient, .broker = broker};
    progress_init(&show->progress, stderr, json);
    show->started_ms = ferry_mono_ms();
}

void ferry_show_event(struct ferry_show *show, json_t *object, ferry_say_level level, const char *format, ...)
{
    char text[SAID_SIZE];
    va_list args;

    progress_end(&show->progress);
    if (show->json) {
        print_json(object);
        return;
    }
    json_decref(object);
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ferry_say(level, "%s", text);
}

/* --- while it runs ------------------------------------------------------------------------------------ */

static void json_progress(struct ferry_show *show, ferry_lane lane, const ferry_lane_status *status)
{
    print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "event",
                         status->phase == FERRY_PHASE_HASH ? "hashing" : "progress", "direction", directions[lane],
                         "name", status->name, "size", (json_int_t)status->size, "bytes", (json_int_t)status->offset,
                         "bytes_per_s", (json_int_t)show->progress.rate));
}

static void link_text(const struct ferry_show *show, const ferry_lane_status *status, char out[REASON_SIZE])
{
    const char *reason = show->ferry != NULL ? ferry_link_reason(show->ferry) : "";

    (void)snprintf(out, REASON_SIZE, "%s%s%s", fault_text(status->link_fault), reason[0] != '\0' ? ": " : "", reason);
}

/* The connection to the broker came or went: people want to know why nothing happens. */
static void show_link(struct ferry_show *show, const ferry_lane_status *status)
{
    if (status->phase <= FERRY_PHASE_KEPT && !show->patient)
        return; /* nobody waits for it, or all is over and said elsewhere */
    bool came = status->linked && !show->linked && (show->link_tries > 0 || show->patient);
    bool failed = !status->linked && status->link_tries > show->link_tries;
    char why[REASON_SIZE];

    link_text(show, status, why);
    show->linked = status->linked;
    show->link_tries = status->link_tries;
    if (came)
        ferry_show_event(show, json_pack("{s:s, s:s}", "event", "connected", "broker", show->broker), SAY_INFO,
                         "connected to %s", show->broker);
    else if (failed)
        ferry_show_event(show,
                         json_pack("{s:s, s:s, s:s}", "event", "disconnected", "broker", show->broker, "message", why),
                         SAY_WARNING, "no connection to %s (%s): trying again", show->broker, why);
}

/* " (HTTP status 503)" */
static void detail_text(const ferry_lane_status *status, char *out, size_t size)
{
    out[0] = '\0';
    if (status->why == FERRY_WHY_HTTP)
        (void)snprintf(out, size, " (HTTP status %d)", status->detail);
    else if (status->why == FERRY_WHY_FAULT)
        (void)snprintf(out, size, " (%s)", fault_text((ferry_fault)status->detail));
    else if (status->why == FERRY_WHY_RESULT)
        (void)snprintf(out, size, " (%s)", ferry_result_text(status->detail));
}

static void show_trouble(struct ferry_show *show, ferry_lane lane, const ferry_lane_status *status)
{
    bool fresh = status->phase == FERRY_PHASE_PAUSE && status->tries > show->tries;
    char detail[128], message[256];

    show->tries = status->tries;
    if (!fresh)
        return;
    detail_text(status, detail, sizeof detail);
    (void)snprintf(message, sizeof message, "%s%s", ferry_device_err_text(status->err), detail);
    ferry_show_event(show,
                     json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "retrying", "direction", directions[lane], "name",
                               show->name, "error", ferry_show_err_name(status->err), "message", message),
                     SAY_WARNING, "%s: trying again", message);
}

/* While it asks, or waits to ask again, the lane may still have the name of the last file. */
static bool is_named(const ferry_lane_status *status)
{
    return status->phase != FERRY_PHASE_ASK && status->phase != FERRY_PHASE_PAUSE;
}

/* A new phase, or a new beginning of the same, is measured on its own. */
static void follow(struct ferry_show *show, const ferry_lane_status *status, uint64_t now)
{
    char label[FERRY_NAME_MAX + 1];
    bool same_name = strcmp(show->name, status->name) == 0;

    if (is_named(status) && !same_name) {
        (void)snprintf(show->name, sizeof show->name, "%s", status->name);
        show->started_ms = now;
    }
    if (status->phase == show->phase && status->offset >= show->began_at && same_name)
        return;
    show->phase = status->phase;
    show->began_at = status->offset;
    columns_clean(status->name, label);
    (void)snprintf(show->label, sizeof show->label, "%s%s", status->phase == FERRY_PHASE_HASH ? "checking " : "",
                   label);
    progress_begin(&show->progress, show->label, status->size, status->offset, now);
}

void ferry_show_progress(void *user, ferry_lane lane, const ferry_lane_status *status)
{
    struct ferry_show *show = user;
    uint64_t now = ferry_mono_ms();
    bool moving = status->phase == FERRY_PHASE_HASH || status->phase == FERRY_PHASE_MOVE;

    show_link(show, status);
    if (status->phase == FERRY_PHASE_IDLE)
        return;
    show_trouble(show, lane, status);
    follow(show, status, now);
    if (!moving || status->size == 0)
        return;
    progress_update(&show->progress, status->offset, now);
    if (show->json && now - show->told_ms >= JSON_EVERY_MS) {
        json_progress(show, lane, status);
        show->told_ms = now;
    }
}

/* --- how it ended ------------------------------------------------------------------------------------- */

static void show_done(struct ferry_show *show, ferry_lane lane, const char *name, uint64_t size, const char *path,
                      const char *md5)
{
    char text[FERRY_LOG_QUOTE_SIZE], total[PROGRESS_TEXT_SIZE], speed[PROGRESS_TEXT_SIZE];
    uint64_t ms = ferry_mono_ms() - show->started_ms;
    uint64_t rate = (uint64_t)((double)size * 1000 / (double)(ms == 0 ? 1 : ms));

    progress_end(&show->progress);
    if (show->json)
        print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o*, s:s*}", "event", "done", "direction",
                             directions[lane], "name", name, "size", (json_int_t)size, "ms", (json_int_t)ms,
                             "bytes_per_s", (json_int_t)rate, "path", ferry_show_text(path), "md5", md5));
    else
        printf("%sed %s: %s in %.2f s (%s/s), verified\n", directions[lane], quoted(name, text),
               progress_size_text(size, total), (double)ms / 1000, progress_size_text(rate, speed));
    (void)fflush(stdout);
    show->name[0] = '\0';
    show->started_ms = ferry_mono_ms();
}

void ferry_show_sent(struct ferry_show *show, const char *name, uint64_t size)
{
    show_done(show, FERRY_LANE_UP, name, size, NULL, NULL);
}

void ferry_show_received(struct ferry_show *show, const char *name, uint64_t size, const char *path,
                         const uint8_t md5[FERRY_MD5_BYTES])
{
    char hex[2 * FERRY_MD5_BYTES + 1];

    ferry_hex_encode(md5, FERRY_MD5_BYTES, hex);
    show_done(show, FERRY_LANE_DOWN, name, size, path, hex);
}

void ferry_show_nothing(struct ferry_show *show)
{
    progress_end(&show->progress);
    if (show->json)
        print_json(json_pack("{s:s, s:s}", "event", "nothing", "direction", directions[FERRY_LANE_DOWN]));
    else
        puts("nothing to fetch");
    (void)fflush(stdout);
}

void ferry_show_failed(struct ferry_show *show, ferry_lane lane, ferry_device_err err, const char *message)
{
    char text[FERRY_LOG_QUOTE_SIZE];
    bool named = show->name[0] != '\0';

    ferry_show_event(show,
                     json_pack("{s:s, s:s, s:s, s:s, s:o*, s:i}", "event", "failed", "direction", directions[lane],
                               "name", show->name, "error", ferry_show_err_name(err), "message",
                               ferry_show_text(message), "exit", ferry_exit_code(err)),
                     SAY_ERROR, "%s%s%s", named ? quoted(show->name, text) : "", named ? ": " : "", message);
    show->name[0] = '\0';
}
