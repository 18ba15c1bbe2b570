#include "bulk.h"

#include "dialect.h"
#include "fnv.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAY_HEAD = 20, NUMBER_BYTES = 8, NO_GROUP = -1 };

static const struct pgs_bulk kinds[] = {
    {STMT_UPLOAD_REPLACE,
     "INSERT INTO upload (" UPLOAD_COLUMNS ") SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" PUT_OVER("id", UPLOAD_ALL),
     "btttntnnntnnnnn", true, false},
    {STMT_DOWNLOAD_REPLACE,
     "INSERT INTO download (" DOWNLOAD_OWN ", name) SELECT t.*, (SELECT name FROM resource AS r WHERE r.id = t.resource)"
     " FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS t (" DOWNLOAD_OWN ")" PUT_OVER("id", DOWNLOAD_ALL),
     "bbbttnnntnnnnnnnnn", true, false},
    {STMT_REPORT_ADD, "INSERT INTO report (" REPORT_COLUMNS ") SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?)", "bnnnnnt", true, true},
    /* one look into the index for each row, whatever the planner believes of the table */
    {STMT_REPORT_DROP,
     "DELETE FROM report WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM unnest(?, ?) AS t (task, number) CROSS JOIN LATERAL"
     " (SELECT ctid FROM report WHERE task = t.task AND number = t.number LIMIT 1) AS r))",
     "bn", true, true},
    /* takes the lock of the numbers once, and not each row */
    {STMT_EVENT_APPEND,
     "INSERT INTO event (id, " EVENT_COLUMNS ") SELECT (SELECT ferry_event_last()) + place, " EVENT_COLUMNS
     " FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY AS e (" EVENT_COLUMNS ", place)",
     "nntttttttnnt", false, true},
};

const struct pgs_bulk *pgs_bulk_of(statement which)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].which == which)
            return &kinds[i];
    return NULL;
}

unsigned pgs_bulk_type(char letter)
{
    return letter == 'b' ? BYTEA_ARRAY_OID : letter == 't' ? TEXT_ARRAY_OID : INT8_ARRAY_OID;
}

/* --- one statement of many ------------------------------------------------------------------------ */

static ferry_err make_many(struct pgs_stmt *one)
{
    struct pgs_stmt *stmt;

    if (one->many != NULL)
        return FERRY_OK;
    stmt = ferry_calloc(1, sizeof(*stmt));
    if (stmt == NULL || pgs_rewrite(one->bulk->sql, &stmt->text) != FERRY_OK) {
        free(stmt);
        return FERRY_E_NOMEM;
    }
    (void)snprintf(stmt->name, sizeof(stmt->name), "ferry_all_%d", (int)one->bulk->which);
    one->many = stmt;
    return FERRY_OK;
}

static char *put_u32(char *at, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (char)(number >> shift & 0xff);
    return at;
}

/* The number comes as text (driver.c). */
static char *put_number(char *at, const char *digits)
{
    uint64_t number = (uint64_t)strtoll(digits, NULL, 10);

    at = put_u32(at, (uint32_t)(number >> 32));
    return put_u32(at, (uint32_t)number);
}

static size_t array_bytes(struct pgs_request *const *rows, size_t count, int column, bool of_numbers)
{
    size_t bytes = ARRAY_HEAD;

    for (size_t i = 0; i < count; i++) {
        bytes += sizeof(uint32_t);
        if (rows[i]->values[column] != NULL)
            bytes += of_numbers ? NUMBER_BYTES : (size_t)rows[i]->lengths[column];
    }
    return bytes;
}

/* An array of one dimension as the server sends and takes it (array_recv). */
static char *put_array(char *at, struct pgs_request *const *rows, size_t count, int column, char letter)
{
    at = put_u32(at, 1); /* dimensions */
    at = put_u32(at, 1); /* there may be nulls */
    at = put_u32(at, letter == 'b' ? BYTEAOID : letter == 't' ? TEXTOID : INT8OID);
    at = put_u32(at, (uint32_t)count);
    at = put_u32(at, 1); /* the first one's number */
    for (size_t i = 0; i < count; i++) {
        const char *value = rows[i]->values[column];
        size_t len = (size_t)rows[i]->lengths[column];

        if (value == NULL) {
            at = put_u32(at, UINT32_MAX);
        } else if (letter == 'n') {
            at = put_number(put_u32(at, NUMBER_BYTES), value);
        } else {
            at = put_u32(at, (uint32_t)len);
            memcpy(at, value, len);
            at += len;
        }
    }
    return at;
}

/* Requests of one statement, as one. */
static struct pgs_request *join(struct pgs_request *const *rows, size_t count)
{
    struct pgs_stmt *one = rows[0]->stmt;
    const char *columns = one->bulk->columns;
    size_t bytes = 0;
    struct pgs_request *r;
    char *at;

    if (make_many(one) != FERRY_OK)
        return NULL;
    for (int i = 0; columns[i] != '\0'; i++)
        bytes += array_bytes(rows, count, i, columns[i] == 'n');
    r = pgs_request_blank(one->many, bytes);
    if (r == NULL)
        return NULL;
    r->rows = count;
    at = r->bytes;
    for (int i = 0; columns[i] != '\0'; i++) {
        r->values[i] = at;
        at = put_array(at, rows, count, i, columns[i]);
        r->lengths[i] = (int)(at - r->values[i]);
        r->formats[i] = 1;
        r->types[i] = pgs_bulk_type(columns[i]);
    }
    return r;
}

/* --- which belong together --------------------------------------------------------------------------- */

/* Statements that will be, in their order, and where each request goes. A task is known by a number; two with one number only
 * make more statements than are needed. */
struct sorting {
    const struct pgs_bulk **groups; /* their kinds */
    size_t group_count;
    size_t *group_of;               /* of each request */
    size_t *ends;                   /* of each statement among the requests, when they are sorted */
    uint64_t *tasks;                /* a table, a power of two of places; 0: free */
    int64_t *last;                  /* the last statement that is about the task */
    size_t cap;
};

static ferry_err sorting_init(struct sorting *s, size_t count)
{
    *s = (struct sorting){.cap = 16};
    while (s->cap < 2 * count)
        s->cap *= 2;
    s->groups = ferry_calloc(count, sizeof(const struct pgs_bulk *)); /* NOLINT: of pointers */
    s->group_of = ferry_calloc(count, sizeof(*s->group_of));
    s->tasks = ferry_calloc(s->cap, sizeof(*s->tasks));
    s->last = ferry_calloc(s->cap, sizeof(*s->last));
    return s->groups != NULL && s->group_of != NULL && s->tasks != NULL && s->last != NULL ? FERRY_OK : FERRY_E_NOMEM;
}

static void sorting_done(struct sorting *s)
{
    free(s->groups);
    free(s->group_of);
    free(s->ends);
    free(s->tasks);
    free(s->last);
}

/* Where the last statement about the task is noted. */
static int64_t *last_of(struct sorting *s, const struct pgs_request *r)
{
    uint64_t task = pgs_fnv(PGS_FNV_NOTHING, r->values[0], (size_t)r->lengths[0]) | 1;
    size_t i = task & (s->cap - 1);

    while (s->tasks[i] != 0 && s->tasks[i] != task)
        i = (i + 1) & (s->cap - 1);
    if (s->tasks[i] == 0) {
        s->tasks[i] = task;
        s->last[i] = NO_GROUP;
    }
    return &s->last[i];
}

/* The first statement of the kind behind those that must come before it. */
static size_t group_for(struct sorting *s, const struct pgs_request *r)
{
    const struct pgs_bulk *kind = r->stmt->bulk;
    int64_t none = NO_GROUP, *last = kind->is_about ? last_of(s, r) : &none;
    size_t group = 0;

    if (*last >= 0)
        group = (size_t)*last + (kind->takes_more && s->groups[*last] == kind ? 0 : 1);
    while (group < s->group_count && s->groups[group] != kind)
        group++;
    if (group == s->group_count)
        s->groups[s->group_count++] = kind;
    *last = (int64_t)group;
    return group;
}

/* Sorts the requests by their statements; those of one stay in their order. */
static ferry_err sort_rows(struct sorting *s, struct pgs_request **rows, size_t count)
{
    ferry_autofree struct pgs_request **sorted = ferry_calloc(count, sizeof(struct pgs_request *)); /* NOLINT: of pointers */

    s->ends = ferry_calloc(s->group_count + 1, sizeof(*s->ends));
    if (sorted == NULL || s->ends == NULL)
        return FERRY_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        s->ends[s->group_of[i] + 1]++;
    for (size_t g = 1; g <= s->group_count; g++)
        s->ends[g] += s->ends[g - 1];
    for (size_t i = 0; i < count; i++) /* begins of groups become their ends */
        sorted[s->ends[s->group_of[i]]++] = rows[i];
    memcpy(rows, sorted, count * sizeof(struct pgs_request *)); /* NOLINT: of pointers */
    return FERRY_OK;
}

/* --- the queue ------------------------------------------------------------------------------------------ */

/* What was read of the queue, and what of it was written again. */
struct pass {
    struct pgs_queue *q;
    size_t read, written;
};

static void keep_one(struct pass *p)
{
    p->q->items[p->written++] = p->q->items[p->read++];
}

/* Requests of one statement, up to end. */
static ferry_err join_group(struct pass *p, size_t end)
{
    while (p->read < end) {
        struct pgs_request **rows = p->q->items + p->read, *joined;
        size_t count = end - p->read < PGS_BULK_ROWS_MAX ? end - p->read : PGS_BULK_ROWS_MAX;

        if (count == 1) {
            keep_one(p);
            continue;
        }
        joined = join(rows, count);
        if (joined == NULL)
            return FERRY_E_NOMEM;
        for (size_t i = 0; i < count; i++)
            pgs_request_free(rows[i]);
        p->read += count;
        p->q->items[p->written++] = joined;
    }
    return FERRY_OK;
}

/* Requests between which nothing else stands. */
static ferry_err join_run(struct pass *p, size_t count)
{
    struct pgs_request **rows = p->q->items + p->read;
    size_t begin = p->read;
    struct sorting s;
    ferry_err err = sorting_init(&s, count);

    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        s.group_of[i] = group_for(&s, rows[i]);
    if (err == FERRY_OK)
        err = sort_rows(&s, rows, count);
    for (size_t g = 0; err == FERRY_OK && g < s.group_count; g++)
        err = join_group(p, begin + s.ends[g]);
    sorting_done(&s);
    return err;
}

static bool can_join(const struct pgs_request *r)
{
    return r->stmt != NULL && r->stmt->bulk != NULL;
}

ferry_err pgs_bulk_join(struct pgs_queue *q, size_t keep, size_t keep_count)
{
    struct pass p = {.q = q};
    size_t count = q->count;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && p.read < count) {
        size_t run = 0;

        while (p.read + run < count && can_join(q->items[p.read + run]) && (p.read + run < keep || p.read + run - keep >= keep_count))
            run++;
        if (run > 1)
            err = join_run(&p, run);
        else
            keep_one(&p);
    }
    while (p.read < count)
        keep_one(&p);
    q->count = p.written;
    return err;
}
