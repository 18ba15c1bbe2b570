#include "sums.h"

#include "api/model.h"
#include "api/statistics.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/dict.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 5, CHANGES_FIRST = 64 };

/* The tables, and their numbers: files, high, low; uploads_open, stored_high, stored_low; done, failed, cancelled, high, low. */
enum sum_kind { SUM_USAGE, SUM_TOTAL, SUM_ENDED, SUM_KINDS };

enum { USAGE_GOES = SUM_KINDS, TEXTS };

#define MORE(column) column " = " column " + excluded." column

static const char *const texts[TEXTS] = {
    [SUM_USAGE] = "INSERT INTO usage (product, device, files, high, low) VALUES (?1, ?2, ?3, ?4, ?5)"
                  " ON CONFLICT (product, device) DO UPDATE SET " MORE("files") ", " MORE("high") ", " MORE("low"),
    [SUM_TOTAL] = "UPDATE total SET uploads_open = uploads_open + ?3, stored_high = stored_high + ?4, stored_low = stored_low + ?5"
                  " WHERE one = 1",
    [SUM_ENDED] = "INSERT INTO ended (product, hour, way, done, failed, cancelled, high, low) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)"
                  " ON CONFLICT (product, hour, way) DO UPDATE SET " MORE("done") ", " MORE("failed") ", " MORE("cancelled") ", "
                  MORE("high") ", " MORE("low"),
    [USAGE_GOES] = "DELETE FROM usage WHERE product = ?1 AND device = ?2 AND files = 0",
};
static const int number_counts[SUM_KINDS] = {[SUM_USAGE] = 3, [SUM_TOTAL] = 3, [SUM_ENDED] = 5};

/* A row of one of the tables. */
struct sum {
    struct ferry_dict_item item; /* the kind, "product/device" (device "": of the product), and behind that the hour */
    enum sum_kind kind;
    size_t product_len, device_len;
    int64_t hour;
    int64_t added[NUMBERS];   /* in this transaction */
    int64_t written[NUMBERS]; /* of that, what is in the database */
    bool waits;
    struct sum *next; /* of those that wait */
};

/* A step that can be undone. */
struct change {
    struct sum *row;
    bool written;
    int64_t by[NUMBERS];
};

struct sums {
    sqlite3 *db;
    sqlite3_stmt *stmts[TEXTS]; /* each prepared at its first use */
    struct ferry_dict rows;
    struct sum *waiting;
    struct change *changes; /* since the mark */
    size_t change_count, change_cap;
};

FERRY_DEFINE_CLEANUP(struct sums *, sums_free)

/* --- adding up ---------------------------------------------------------------------------------- */

enum { NAME_SIZE = 1 + FERRY_IDENT_MAX + 1 + FERRY_IDENT_MAX + (int)sizeof(int64_t) * 2 + 1 };

static void name_of(const struct sum *key, const char *product, const char *device, char name[NAME_SIZE])
{
    char *end = name;

    *end++ = (char)('a' + key->kind);
    memcpy(end, product, key->product_len);
    end += key->product_len;
    *end++ = '/';
    memcpy(end, device, key->device_len);
    end += key->device_len;
    for (uint64_t left = (uint64_t)key->hour; left > 0; left >>= 4)
        *end++ = (char)('a' + (left & 15));
    *end = '\0';
}

/* The row of that key, which is new when there is none. Null: no memory, or no name of ours. */
static struct sum *find_row(struct sums *s, enum sum_kind kind, const char *product, const char *device, int64_t hour)
{
    struct sum key = {.kind = kind, .product_len = strlen(product), .device_len = strlen(device), .hour = hour}, *row;
    char name[NAME_SIZE];

    if (key.product_len > FERRY_IDENT_MAX || key.device_len > FERRY_IDENT_MAX)
        return NULL;
    name_of(&key, product, device, name);
    row = ferry_dict_find_or_add(&s->rows, name, sizeof(*row));
    if (row != NULL) {
        row->kind = kind;
        row->product_len = key.product_len;
        row->device_len = key.device_len;
        row->hour = hour;
    }
    return row;
}

static bool reserve_change(struct sums *s)
{
    size_t cap = s->change_cap > 0 ? 2 * s->change_cap : CHANGES_FIRST;
    struct change *changes;

    if (s->change_count < s->change_cap)
        return true;
    changes = ferry_realloc(s->changes, cap * sizeof(*changes));
    if (changes == NULL)
        return false;
    s->changes = changes;
    s->change_cap = cap;
    return true;
}

static void move_numbers(struct sums *s, const struct change *change, int64_t sign)
{
    int64_t *numbers = change->written ? change->row->written : change->row->added;

    for (size_t i = 0; i < NUMBERS; i++)
        numbers[i] += sign * change->by[i];
    if (change->row->waits)
        return;
    change->row->waits = true;
    change->row->next = s->waiting;
    s->waiting = change->row;
}

/* There is room for it. */
static void make_change(struct sums *s, const struct change *change)
{
    move_numbers(s, change, 1);
    s->changes[s->change_count++] = *change;
}

static bool add(struct sums *s, struct sum *row, const int64_t by[NUMBERS])
{
    struct change change = {.row = row};

    if (row == NULL || !reserve_change(s))
        return false;
    memcpy(change.by, by, sizeof(change.by));
    make_change(s, &change);
    return true;
}

/* --- the rules ---------------------------------------------------------------------------------- */

/* What the function is told. */
struct move {
    const char *product, *device;
    int64_t size, before, after, stored_ms, ended_ms;
};

static bool counts(int64_t state)
{
    return state >= UPLOAD_CREATED && state <= UPLOAD_DONE;
}

static bool is_open(int64_t state)
{
    return state == UPLOAD_CREATED || state == UPLOAD_UPLOADING;
}

static bool has_object(int64_t state)
{
    return state == UPLOAD_STORED || state == UPLOAD_DONE;
}

static int64_t high(int64_t size)
{
    return size >> 32;
}

static int64_t low(int64_t size)
{
    return size & UINT32_MAX;
}

/* Of the device, and (device "") of its product. */
static bool add_usage(struct sums *s, const struct move *m)
{
    int64_t sign = counts(m->after) - counts(m->before);
    const int64_t by[NUMBERS] = {sign, sign * high(m->size), sign * low(m->size)};

    return sign == 0 || (add(s, find_row(s, SUM_USAGE, m->product, m->device, 0), by) &&
                         add(s, find_row(s, SUM_USAGE, m->product, "", 0), by));
}

static bool add_total(struct sums *s, const struct move *m)
{
    int64_t opened = is_open(m->after) - is_open(m->before), stored = has_object(m->after) - has_object(m->before);
    const int64_t by[NUMBERS] = {opened, stored * high(m->size), stored * low(m->size)};

    return (opened == 0 && stored == 0) || add(s, find_row(s, SUM_TOTAL, "", "", 0), by);
}

/* Into the numbers of its hour, of its product and (product "") of all. */
static bool add_ended(struct sums *s, const struct move *m)
{
    bool stored = has_object(m->after);
    int64_t hour = (stored ? m->stored_ms : m->ended_ms) / (int64_t)STATISTICS_HOUR_MS;
    const int64_t by[NUMBERS] = {stored, m->after == UPLOAD_FAILED || m->after == UPLOAD_EXPIRED, m->after == UPLOAD_CANCELLED,
                                 stored * high(m->size), stored * low(m->size)};

    if (m->after < UPLOAD_STORED || m->before >= UPLOAD_STORED)
        return true;
    return add(s, find_row(s, SUM_ENDED, m->product, "", hour), by) && add(s, find_row(s, SUM_ENDED, "", "", hour), by);
}

/* What it has added when it fails is undone with the transaction. */
static void upload_moved(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct sums *s = sqlite3_user_data(context);
    const struct move m = {
        .product = (const char *)sqlite3_value_text(values[0]),
        .device = (const char *)sqlite3_value_text(values[1]),
        .size = sqlite3_value_int64(values[2]),
        .before = sqlite3_value_int64(values[3]),
        .after = sqlite3_value_int64(values[4]),
        .stored_ms = sqlite3_value_int64(values[5]),
        .ended_ms = sqlite3_value_int64(values[6]),
    };

    (void)count; /* SQLite calls it with as many as it was registered for */
    if (m.product == NULL || m.device == NULL || !add_usage(s, &m) || !add_total(s, &m) || !add_ended(s, &m))
        sqlite3_result_error_nomem(context);
}

/* What a statement adds is all there is to it: there is no result. */
static void upload_has_moved(sqlite3_context *context)
{
    (void)context;
}

/* --- writing ------------------------------------------------------------------------------------ */

static int prepare(struct sums *s, int which)
{
    if (s->stmts[which] != NULL)
        return SQLITE_OK;
    return sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[which], NULL);
}

static int bind_key(sqlite3_stmt *stmt, const struct sum *row)
{
    const char *product = row->item.name + 1;
    int code = sqlite3_bind_text(stmt, 1, product, (int)row->product_len, SQLITE_STATIC);

    if (code != SQLITE_OK)
        return code;
    if (row->kind == SUM_ENDED)
        return sqlite3_bind_int64(stmt, 2, row->hour);
    return sqlite3_bind_text(stmt, 2, product + row->product_len + 1, (int)row->device_len, SQLITE_STATIC);
}

static int run(struct sums *s, int which, const struct sum *row, const int64_t *numbers, int count)
{
    int code = prepare(s, which);
    sqlite3_stmt *stmt = s->stmts[which];

    if (code == SQLITE_OK)
        code = bind_key(stmt, row);
    for (int i = 0; code == SQLITE_OK && i < count; i++)
        code = sqlite3_bind_int64(stmt, 3 + i, numbers[i]);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);          /* repeats the error of step, which we have */
    (void)sqlite3_clear_bindings(stmt); /* cannot fail */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int write_row(struct sums *s, struct sum *row)
{
    static const int64_t zeros[NUMBERS];
    struct change change = {.row = row, .written = true};
    int code;

    for (size_t i = 0; i < NUMBERS; i++)
        change.by[i] = row->added[i] - row->written[i];
    if (memcmp(change.by, zeros, sizeof(zeros)) == 0)
        return SQLITE_OK;
    if (!reserve_change(s))
        return SQLITE_NOMEM;
    code = run(s, (int)row->kind, row, change.by, number_counts[row->kind]);
    if (code == SQLITE_OK && row->kind == SUM_USAGE && change.by[0] < 0)
        code = run(s, USAGE_GOES, row, NULL, 0);
    if (code == SQLITE_OK)
        make_change(s, &change);
    return code;
}

int sums_write(struct sums *s)
{
    int code = SQLITE_OK;

    while (code == SQLITE_OK && s->waiting != NULL) {
        struct sum *row = s->waiting;

        code = write_row(s, row);
        if (code != SQLITE_OK)
            break;
        s->waiting = row->next;
        row->waits = false;
    }
    return code;
}

/* --- transactions ------------------------------------------------------------------------------- */

void sums_mark(struct sums *s)
{
    s->change_count = 0;
}

size_t sums_place(const struct sums *s)
{
    return s != NULL ? s->change_count : 0;
}

void sums_undo(struct sums *s, size_t place)
{
    while (s != NULL && s->change_count > place)
        move_numbers(s, &s->changes[--s->change_count], -1);
}

void sums_clear(struct sums *s)
{
    s->waiting = NULL;
    s->change_count = 0;
    if (s->rows.used == 0)
        return;
    ferry_dict_done(&s->rows, free);
    ferry_dict_init(&s->rows);
}

ferry_err sums_new(sqlite3 *db, struct sums **ret_sums)
{
    ferry_cleanup(sums_free) struct sums *s = ferry_calloc(1, sizeof(*s));
    /* Innocuous: a trigger may call it, also where SQLite was built not to trust a schema. An aggregate of the one row that it is told of:
     * for a trigger with a plain function SQLite copies each page that the statement changes, to undo it when the function fails. */
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;

    if (s == NULL)
        return FERRY_E_NOMEM;
    s->db = db;
    ferry_dict_init(&s->rows);
    if (sqlite3_create_function_v2(db, SUMS_FUNCTION, 7, flags, s, NULL, upload_moved, upload_has_moved, NULL) != SQLITE_OK)
        return FERRY_E_NOMEM; /* its only other error would be that statements run */
    *ret_sums = FERRY_TAKE(s);
    return FERRY_OK;
}

void sums_free(struct sums *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < TEXTS; i++)
        (void)sqlite3_finalize(s->stmts[i]);
    ferry_dict_done(&s->rows, free);
    free(s->changes);
    free(s);
}
