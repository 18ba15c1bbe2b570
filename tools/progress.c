#include "progress.h"

#include "columns.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    DRAW_EVERY_MS = 100,
    RATE_OVER_MS = 3000, /* a rate of the last seconds, not of all time */
    RATE_FROM_MS = 500,  /* ... once there is enough to tell */
    WIDTH_DEFAULT = 80,
    WIDTH_MAX = 120,
    LABEL_MIN = 8,
    LABEL_MAX = 30,
    BAR_MIN = 9, /* so that all of it fits on 80 columns */
    GAP = 2,     /* between two parts */
};

/* --- texts -------------------------------------------------------------------------------------------- */

/* The unit in which bytes has at most four digits before the point. */
static const char *unit_of(uint64_t bytes, double *ret_value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;

    while (value >= 1023.95 && unit < sizeof units / sizeof units[0] - 1) {
        value /= 1024;
        unit++;
    }
    *ret_value = value;
    return units[unit];
}

const char *progress_size_text(uint64_t bytes, char out[PROGRESS_TEXT_SIZE])
{
    double value;
    const char *unit = unit_of(bytes, &value);

    (void)snprintf(out, PROGRESS_TEXT_SIZE, unit[1] == '\0' ? "%.0f %s" : "%.1f %s", value, unit);
    return out;
}

const char *progress_duration_text(uint64_t seconds, char out[PROGRESS_TEXT_SIZE])
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
            (void)snprintf(out, PROGRESS_TEXT_SIZE, "%llu %s %llu %s", whole, units[i].unit, part, units[i].part_unit);
        else if (whole > 0)
            (void)snprintf(out, PROGRESS_TEXT_SIZE, "%llu %s", whole, units[i].unit);
        if (whole > 0)
            return out;
    }
    (void)snprintf(out, PROGRESS_TEXT_SIZE, "%llu s", (unsigned long long)seconds);
    return out;
}

/* "3.0 of 40.0 MiB": both in the unit of the whole, which is short and comparable. */
static void bytes_text(uint64_t done, uint64_t total, char out[PROGRESS_TEXT_SIZE])
{
    double whole;
    const char *unit = unit_of(total, &whole);

    (void)snprintf(out, PROGRESS_TEXT_SIZE, unit[1] == '\0' ? "%.0f of %.0f %s" : "%.1f of %.1f %s",
                   whole * ((double)done / (double)total), whole, unit);
}

/* "0:07 left", "12:34 left", "3:20:00 left", "4 d 2 h left" */
static void left_text(uint64_t bytes, uint64_t rate, char out[PROGRESS_TEXT_SIZE])
{
    char duration[PROGRESS_TEXT_SIZE];
    unsigned long long s = rate == 0 ? 0 : bytes / rate + (bytes % rate != 0);

    if (rate == 0 && bytes > 0)
        (void)snprintf(out, PROGRESS_TEXT_SIZE, "? left");
    else if (s < 3600)
        (void)snprintf(out, PROGRESS_TEXT_SIZE, "%llu:%02llu left", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(out, PROGRESS_TEXT_SIZE, "%llu:%02llu:%02llu left", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(out, PROGRESS_TEXT_SIZE, "%s left", progress_duration_text(s, duration));
}

/* --- the line ----------------------------------------------------------------------------------------- */

/* In the order of the line. */
enum part { PART_LABEL, PART_BAR, PART_PERCENT, PART_BYTES, PART_RATE, PART_LEFT, PARTS };

struct line {
    char texts[PARTS][WIDTH_MAX + PROGRESS_TEXT_SIZE];
    size_t columns[PARTS]; /* kept free for the part, at its widest: so that nothing jumps; 0: left out */
};

/* Takes the parts that fit, the most important ones first; returns the columns that stay free. */
static size_t choose_parts(struct line *line, size_t width, const size_t wanted[PARTS])
{
    static const enum part order[PARTS] = {PART_PERCENT, PART_LEFT, PART_RATE, PART_BAR, PART_LABEL, PART_BYTES};
    size_t used = 0;

    for (size_t i = 0; i < PARTS; i++) {
        size_t more = wanted[order[i]] + (used > 0 ? GAP : 0);
        bool fits = wanted[order[i]] > 0 && used + more <= width;
        line->columns[order[i]] = fits ? wanted[order[i]] : 0;
        used += fits ? more : 0;
    }
    return width - used;
}

static size_t more_of(size_t text, size_t least)
{
    return text > least ? text : least;
}

static size_t less_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

void progress_bar(char *out, size_t width, uint64_t done, uint64_t total)
{
    size_t inner = width - 2;
    size_t full = total == 0 ? 0 : done >= total ? inner : (size_t)((double)done / (double)total * (double)inner);

    out[0] = '[';
    memset(out + 1, '#', full);
    memset(out + 1 + full, '.', inner - full);
    out[width - 1] = ']';
    out[width] = '\0';
}

static void put_numbers(const struct progress *p, uint64_t done, struct line *line)
{
    char size[PROGRESS_TEXT_SIZE];

    (void)snprintf(line->texts[PART_RATE], sizeof line->texts[0], "%s/s", progress_size_text(p->rate, size));
    if (p->total == 0) {
        (void)progress_size_text(done, line->texts[PART_BYTES]);
        return;
    }
    (void)snprintf(line->texts[PART_PERCENT], PROGRESS_TEXT_SIZE, "%3u %%",
                   done >= p->total ? 100 : (unsigned)((double)done / (double)p->total * 100));
    bytes_text(done, p->total, line->texts[PART_BYTES]);
    left_text(done < p->total ? p->total - done : 0, p->rate, line->texts[PART_LEFT]);
}

/* What each part takes at its widest, or takes now when that is more. */
static void measure_parts(const struct progress *p, const struct line *line, size_t wanted[PARTS])
{
    size_t label = p->label == NULL ? 0 : columns_of(p->label);
    bool known = p->total > 0;

    wanted[PART_LABEL] = less_of(label, LABEL_MIN);
    wanted[PART_BAR] = known ? BAR_MIN + 2 : 0;
    wanted[PART_PERCENT] = known ? sizeof "100 %" - 1 : 0;
    wanted[PART_BYTES] = more_of(strlen(line->texts[PART_BYTES]), known ? sizeof "1023.9 of 1023.9 MiB" - 1 : 0);
    wanted[PART_RATE] = more_of(strlen(line->texts[PART_RATE]), sizeof "1023.9 MiB/s" - 1);
    wanted[PART_LEFT] = known ? more_of(strlen(line->texts[PART_LEFT]), sizeof "23:59:59 left" - 1) : 0;
}

/* What is free goes to the label, as far as it needs it, and then to the bar. */
static void put_flexible(const struct progress *p, uint64_t done, size_t free_columns, struct line *line)
{
    size_t *label = &line->columns[PART_LABEL], *bar = &line->columns[PART_BAR];

    if (*label > 0) {
        size_t more = less_of(less_of(columns_of(p->label), LABEL_MAX) - *label, free_columns);
        *label += more;
        free_columns -= more;
        ferry_text text = {p->label, columns_cut(p->label, *label)}; /* many marks without width are many bytes */
        text = ferry_utf8_cut(text, sizeof line->texts[0] - 1);
        (void)snprintf(line->texts[PART_LABEL], sizeof line->texts[0], "%.*s", (int)text.len, text.ptr);
    }
    if (*bar > 0) {
        *bar += free_columns;
        progress_bar(line->texts[PART_BAR], *bar, done, p->total);
    }
}

void progress_line(const struct progress *p, uint64_t done, size_t width, char out[PROGRESS_LINE_SIZE])
{
    struct line line = {0};
    size_t wanted[PARTS], len = 0;

    if (width > WIDTH_MAX)
        width = WIDTH_MAX;
    put_numbers(p, done, &line);
    measure_parts(p, &line, wanted);
    put_flexible(p, done, choose_parts(&line, width, wanted), &line);
    out[0] = '\0';
    for (size_t i = 0; i < PARTS; i++) {
        if (line.columns[i] > 0)
            len += (size_t)snprintf(out + len, PROGRESS_LINE_SIZE - len, "%s%s", len > 0 ? "  " : "", line.texts[i]);
    }
}

/* --- on the terminal ---------------------------------------------------------------------------------- */

size_t progress_terminal_width(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_DEFAULT;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

static bool can_draw(FILE *out)
{
    const char *term = getenv("TERM");

    return isatty(fileno(out)) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

void progress_init(struct progress *p, FILE *out, bool quiet)
{
    *p = (struct progress){.out = !quiet && can_draw(out) ? out : NULL};
}

void progress_begin(struct progress *p, const char *label, uint64_t total, uint64_t done, uint64_t now_ms)
{
    p->label = label;
    p->total = total;
    p->rate = 0;
    p->rate_at = done;
    p->rate_ms = now_ms;
}

/* The rate of the present stretch; a new stretch begins every few seconds, so that a stall shows. */
static void measure(struct progress *p, uint64_t done, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - p->rate_ms;

    if (passed_ms > 0 && done >= p->rate_at && (p->rate == 0 || passed_ms >= RATE_FROM_MS))
        p->rate = (uint64_t)((double)(done - p->rate_at) * 1000 / (double)passed_ms);
    if (passed_ms >= RATE_OVER_MS || done < p->rate_at) {
        p->rate_ms = now_ms;
        p->rate_at = done;
    }
}

void progress_update(struct progress *p, uint64_t done, uint64_t now_ms)
{
    char line[PROGRESS_LINE_SIZE];

    if (now_ms - p->shown_ms < DRAW_EVERY_MS)
        return;
    p->shown_ms = now_ms;
    measure(p, done, now_ms);
    if (p->out == NULL)
        return;
    progress_line(p, done, progress_terminal_width(p->out) - 1, line);
    (void)fprintf(p->out, "\r\033[K%s", line);
    (void)fflush(p->out);
    p->visible = true;
}

void progress_end(struct progress *p)
{
    if (p->visible)
        (void)fprintf(p->out, "\r\033[K");
    p->visible = false;
    if (p->out != NULL)
        (void)fflush(p->out);
}
