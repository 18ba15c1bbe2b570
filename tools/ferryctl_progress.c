#include "ferryctl_progress.h"

#include "proto/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    DRAW_EVERY_MS = 100,
    RATE_OVER_MS = 3000, /* a rate of the last seconds, not of all time */
    WIDTH_DEFAULT = 80,
    WIDTH_MAX = 120,
    BAR_MIN = 10,
    NUMBERS_WIDTH = 61, /* columns of everything but label and bar, at their widest */
    LABEL_MIN = 8,
    LABEL_MAX = 30,
};

const char *ctl_size_text(uint64_t bytes, char out[CTL_TEXT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;

    while (value >= 1023.95 && unit < sizeof units / sizeof units[0] - 1) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, CTL_TEXT_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *ctl_duration_text(uint64_t seconds, char out[CTL_TEXT_SIZE])
{
    static const struct {
        uint64_t seconds;
        const char *unit, *part_unit;
        uint64_t part_seconds;
    } units[] = {{86400, "d", "h", 3600}, {3600, "h", "min", 60}, {60, "min", "s", 1}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        unsigned long long whole = seconds / units[i].seconds;
        unsigned long long part = seconds % units[i].seconds / units[i].part_seconds;
        if (whole > 0 && part > 0)
            (void)snprintf(out, CTL_TEXT_SIZE, "%llu %s %llu %s", whole, units[i].unit, part, units[i].part_unit);
        else if (whole > 0)
            (void)snprintf(out, CTL_TEXT_SIZE, "%llu %s", whole, units[i].unit);
        if (whole > 0)
            return out;
    }
    (void)snprintf(out, CTL_TEXT_SIZE, "%llu s", (unsigned long long)seconds);
    return out;
}

static void put_bar(char *out, size_t width, uint64_t done, uint64_t total)
{
    size_t full = done >= total ? width : (size_t)((double)done / (double)total * (double)width);

    memset(out, '#', full);
    memset(out + full, '.', width - full);
    out[width] = '\0';
}

void ctl_progress_line(const struct ctl_progress *p, uint64_t done, size_t width, char *out, size_t cap)
{
    char bar[WIDTH_MAX + 1], at[CTL_TEXT_SIZE], of[CTL_TEXT_SIZE], rate[CTL_TEXT_SIZE];
    char left[CTL_TEXT_SIZE] = "?";
    size_t bar_width = width > NUMBERS_WIDTH + BAR_MIN ? width - NUMBERS_WIDTH : BAR_MIN;

    ctl_size_text(done, at);
    ctl_size_text(p->rate, rate);
    if (p->total == 0) {
        (void)snprintf(out, cap, "%s  %s/s", at, rate);
        return;
    }
    if (p->rate > 0)
        ctl_duration_text(done < p->total ? (p->total - done + p->rate - 1) / p->rate : 0, left);
    put_bar(bar, bar_width > WIDTH_MAX ? WIDTH_MAX : bar_width, done, p->total);
    unsigned percent = done >= p->total ? 100 : (unsigned)((double)done / (double)p->total * 100);
    (void)snprintf(out, cap, "[%s] %3u %%  %s of %s  %s/s  %s left", bar, percent, at, ctl_size_text(p->total, of),
                   rate, left);
}

static size_t terminal_width(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_DEFAULT;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

void ctl_progress_init(struct ctl_progress *p, FILE *out, bool quiet, const char *label, uint64_t total,
                       uint64_t now_ms)
{
    *p = (struct ctl_progress){
        .out = !quiet && isatty(fileno(out)) ? out : NULL,
        .label = label,
        .total = total,
        .rate_ms = now_ms,
    };
}

/* The rate of the present stretch; a new stretch begins every few seconds, so that a stall shows. */
static void measure(struct ctl_progress *p, uint64_t done, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - p->rate_ms;

    if (passed_ms > 0 && done >= p->rate_at)
        p->rate = (uint64_t)((double)(done - p->rate_at) * 1000 / (double)passed_ms);
    if (passed_ms >= RATE_OVER_MS) {
        p->rate_ms = now_ms;
        p->rate_at = done;
    }
}

/* The bar and the numbers come first: a long label is cut. */
static size_t label_bytes(const char *label, size_t width)
{
    size_t room = width > NUMBERS_WIDTH + BAR_MIN + LABEL_MIN + 3 ? width - NUMBERS_WIDTH - BAR_MIN - 3 : LABEL_MIN;

    return ferry_utf8_cut(ferry_text_of(label), room < LABEL_MAX ? room : LABEL_MAX).len;
}

void ctl_progress_update(struct ctl_progress *p, uint64_t done, uint64_t now_ms)
{
    char line[512];

    if (p->out == NULL || now_ms - p->shown_ms < DRAW_EVERY_MS)
        return;
    p->shown_ms = now_ms;
    measure(p, done, now_ms);
    size_t width = terminal_width(p->out) - 1;
    size_t label = label_bytes(p->label, width);
    size_t rest = width > label + 1 ? width - label - 1 : 0;
    ctl_progress_line(p, done, rest, line, sizeof line);
    (void)fprintf(p->out, "\r\033[K%.*s %.*s", (int)label, p->label, (int)rest, line);
    (void)fflush(p->out);
    p->visible = true;
}

void ctl_progress_end(struct ctl_progress *p)
{
    if (p->visible)
        (void)fprintf(p->out, "\r\033[K");
    p->visible = false;
    if (p->out != NULL)
        (void)fflush(p->out);
}
