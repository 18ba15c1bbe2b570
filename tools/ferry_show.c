#include "ferry_show.h"

#include "base/log.h"
#include "base/system.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { JSON_EVERY_MS = 1000, BAR_WIDTH_MAX = 40, COLUMNS_DEFAULT = 80, AMOUNT_SIZE = 24 };

static const char *const directions[] = {[FERRY_LANE_UP] = "upload", [FERRY_LANE_DOWN] = "download"};

static const char *err_name(ferry_device_err err)
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

/* 1.5 MiB */
static const char *amount(uint64_t bytes, char out[AMOUNT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, AMOUNT_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

static uint64_t rate_of(uint64_t bytes, uint64_t ms)
{
    return (uint64_t)((double)bytes * 1000 / (double)(ms == 0 ? 1 : ms));
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

/* A name from outside, fit for a terminal: nothing in it may move the cursor. */
static const char *quoted(const char *name, char out[FERRY_LOG_QUOTE_SIZE])
{
    return ferry_log_quote(name, strlen(name), out);
}

static void end_bar(struct ferry_show *show)
{
    if (show->drawn)
        fputs("\r\033[K", stderr);
    show->drawn = false;
}

void ferry_show_init(struct ferry_show *show, bool json, bool patient, const char *broker)
{
    *show =
        (struct ferry_show){.json = json, .patient = patient, .terminal = isatty(STDERR_FILENO) == 1, .broker = broker};
    show->started_ms = ferry_mono_ms();
}

static int columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

/* hashing  42% [#########            ]  12.0 MiB  100.0 MiB/s  0:03 left */
static void draw_bar(struct ferry_show *show, const ferry_lane_status *status, uint64_t rate)
{
    char done[AMOUNT_SIZE], speed[AMOUNT_SIZE], bar[BAR_WIDTH_MAX + 1], left[32] = "";
    int width = columns() - 58, percent = (int)((double)status->offset * 100 / (double)status->size);

    width = width > BAR_WIDTH_MAX ? BAR_WIDTH_MAX : width < 0 ? 0 : width;
    for (int i = 0; i < width; i++)
        bar[i] = i * 100 < percent * width ? '#' : ' ';
    bar[width] = '\0';
    if (rate > 0) {
        uint64_t seconds = (status->size - status->offset) / rate;
        (void)snprintf(left, sizeof left, "%" PRIu64 ":%02" PRIu64 " left", seconds / 60, seconds % 60);
    }
    fprintf(stderr, "\r%-9s %3d%% [%s] %10s %10s/s  %s\033[K",
            status->phase == FERRY_PHASE_HASH ? "checking" : "moving", percent, bar, amount(status->offset, done),
            amount(rate, speed), left);
    show->drawn = true;
}

static void json_progress(const ferry_lane_status *status, ferry_lane lane, uint64_t rate)
{
    print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "event",
                         status->phase == FERRY_PHASE_HASH ? "hashing" : "progress", "direction", directions[lane],
                         "name", status->name, "size", (json_int_t)status->size, "bytes", (json_int_t)status->offset,
                         "bytes_per_s", (json_int_t)rate));
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

/* The connection to the broker came or went: people want to know why nothing happens. */
static void show_link(struct ferry_show *show, const ferry_lane_status *status)
{
    if (status->phase <= FERRY_PHASE_KEPT && !show->patient)
        return; /* nobody waits for it, or all is over and said elsewhere */
    bool came = status->linked && !show->linked && show->link_tries > 0;
    bool failed = !status->linked && status->link_tries > show->link_tries;

    show->linked = status->linked;
    show->link_tries = status->link_tries;
    if (show->json || (!came && !failed))
        return;
    end_bar(show);
    if (came)
        fprintf(stderr, "ferry: connected to %s\n", show->broker);
    else
        fprintf(stderr, "ferry: no connection to %s (%s): trying again\n", show->broker,
                fault_text(status->link_fault));
}

static void show_trouble(struct ferry_show *show, const ferry_lane_status *status)
{
    bool fresh = status->phase == FERRY_PHASE_PAUSE && status->tries > show->tries;

    show->tries = status->tries;
    if (!fresh || show->json)
        return;
    end_bar(show);
    fprintf(stderr, "ferry: %s", ferry_device_err_text(status->err));
    if (status->why == FERRY_WHY_HTTP)
        fprintf(stderr, " (HTTP status %d)", status->detail);
    else if (status->why == FERRY_WHY_FAULT)
        fprintf(stderr, " (%s)", fault_text((ferry_fault)status->detail));
    else if (status->why == FERRY_WHY_RESULT)
        fprintf(stderr, " (%s)", ferry_result_text(status->detail));
    fputs(": trying again\n", stderr);
}

void ferry_show_progress(void *user, ferry_lane lane, const ferry_lane_status *status)
{
    struct ferry_show *show = user;
    uint64_t now = ferry_mono_ms();
    bool moving = status->phase == FERRY_PHASE_HASH || status->phase == FERRY_PHASE_MOVE;

    show_link(show, status);
    if (status->phase == FERRY_PHASE_IDLE)
        return;
    show_trouble(show, status);
    if (status->phase != show->phase || status->offset < show->began_at) {
        show->phase = status->phase;
        show->began_ms = now;
        show->began_at = status->offset;
    }
    if (status->phase == FERRY_PHASE_OPEN || status->phase == FERRY_PHASE_HASH) /* a new transfer begins */
        show->started_ms = show->name[0] == '\0' || strcmp(show->name, status->name) != 0 ? now : show->started_ms;
    if (status->phase != FERRY_PHASE_ASK)
        (void)snprintf(show->name, sizeof show->name, "%s", status->name);
    if (!moving || status->size == 0)
        return;
    uint64_t rate = rate_of(status->offset - show->began_at, now - show->began_ms);
    if (show->json && now - show->told_ms >= JSON_EVERY_MS) {
        json_progress(status, lane, rate);
        show->told_ms = now;
    } else if (!show->json && show->terminal)
        draw_bar(show, status, rate);
}

void ferry_show_done(struct ferry_show *show, ferry_lane lane, const char *name, uint64_t size, const char *path)
{
    char text[FERRY_LOG_QUOTE_SIZE], total[AMOUNT_SIZE], speed[AMOUNT_SIZE];
    uint64_t ms = ferry_mono_ms() - show->started_ms, rate = rate_of(size, ms);

    end_bar(show);
    if (show->json)
        print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s*}", "event", "done", "direction", directions[lane],
                             "name", name, "size", (json_int_t)size, "ms", (json_int_t)ms, "bytes_per_s",
                             (json_int_t)rate, "path", path));
    else
        printf("%sed %s: %s in %.2f s (%s/s), verified\n", directions[lane], quoted(name, text), amount(size, total),
               (double)ms / 1000, amount(rate, speed));
    (void)fflush(stdout);
    show->name[0] = '\0';
    show->started_ms = ferry_mono_ms();
}

void ferry_show_nothing(struct ferry_show *show)
{
    end_bar(show);
    if (show->json)
        print_json(json_pack("{s:s, s:s}", "event", "nothing", "direction", directions[FERRY_LANE_DOWN]));
    else
        puts("nothing to fetch");
    (void)fflush(stdout);
}

void ferry_show_failed(struct ferry_show *show, ferry_lane lane, ferry_device_err err, const char *message, int code)
{
    char text[FERRY_LOG_QUOTE_SIZE];

    end_bar(show);
    if (show->json)
        print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "event", "failed", "direction", directions[lane], "name",
                             show->name, "error", err_name(err), "message", message, "exit", code));
    else if (show->name[0] != '\0')
        fprintf(stderr, "ferry: %s: %s\n", quoted(show->name, text), message);
    else
        fprintf(stderr, "ferry: %s\n", message);
    show->name[0] = '\0';
}
