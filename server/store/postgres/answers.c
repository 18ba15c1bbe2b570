#include "answers.h"

#include "fnv.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 1024, DEVICES = 1, UPLOADS, DOWNLOADS, DEPLOYMENTS, REPORTS, QUOTAS, NOTHING };

/* What a statement is about: rows of a table, by the parameters that hold an id, or product and device; with neither, all rows. */
struct subject {
    unsigned char table, id, product, device;
};

static const struct subject reads[STMT_COUNT] = {
    [STMT_DEVICE_GET] = {DEVICES, 0, 1, 2},
    [STMT_UPLOAD_GET] = {UPLOADS, 1, 0, 0},
    [STMT_UPLOAD_OPEN] = {UPLOADS, 0, 2, 1},
    [STMT_UPLOAD_NAMED] = {UPLOADS, 0, 2, 1},
    [STMT_USAGE_GET] = {UPLOADS, 0, 0, 0},
    [STMT_QUOTA_GET] = {QUOTAS, 0, 0, 0},
    [STMT_DOWNLOAD_GET] = {DOWNLOADS, 1, 0, 0},
    [STMT_DOWNLOAD_OPEN] = {DOWNLOADS, 0, 2, 1},
    [STMT_DOWNLOAD_RUNNING] = {DOWNLOADS, 0, 2, 1},
    [STMT_DOWNLOAD_NAMED] = {DOWNLOADS, 0, 2, 1},
    [STMT_DOWNLOAD_LIST_DEVICE] = {DOWNLOADS, 0, 4, 5},
    [STMT_DOWNLOAD_LIST_DEVICE_DESC] = {DOWNLOADS, 0, 4, 5},
    [STMT_DEPLOYMENT_GET] = {DEPLOYMENTS, 1, 0, 0},
    [STMT_REPORT_LAST] = {REPORTS, 1, 0, 0},
};

/* A row that is written is known by its id and by its device. */
static const struct subject writes[STMT_COUNT] = {
    [STMT_UPLOAD_REPLACE] = {UPLOADS, 1, 2, 3},
    [STMT_DOWNLOAD_REPLACE] = {DOWNLOADS, 1, 4, 5},
    [STMT_DEPLOYMENT_PUT] = {DEPLOYMENTS, 1, 0, 0},
    [STMT_DEVICE_SET_SECRETS] = {DEVICES, 0, 1, 2},
    [STMT_REPORT_ADD] = {REPORTS, 1, 0, 0},
    [STMT_REPORT_DROP] = {REPORTS, 1, 0, 0},
    [STMT_EVENT_APPEND] = {NOTHING, 0, 0, 0},
    [STMT_LATEST_PUT] = {NOTHING, 0, 0, 0},
    [STMT_VALUE_PUT] = {NOTHING, 0, 0, 0},
};

/* --- numbers for what is compared ------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    return pgs_fnv(pgs_fnv(hash, bytes, len), &len, sizeof(len));
}

static uint64_t mix_value(uint64_t hash, const struct pgs_stmt *stmt, unsigned at)
{
    const struct pgs_value *v = &stmt->values[at - 1];

    return mix(hash, v->bytes != NULL ? v->bytes : "", v->bytes != NULL ? v->len : 0);
}

/* Never 0. Two subjects with one number only make an answer out of date that is not. */
static uint64_t number_of(const struct subject *s, const struct pgs_stmt *stmt, bool by_id)
{
    uint64_t hash = mix(PGS_FNV_NOTHING, &s->table, 1);

    if (by_id && s->id != 0)
        hash = mix_value(mix(hash, "i", 1), stmt, s->id);
    if (!by_id && s->product != 0)
        hash = mix_value(mix_value(mix(hash, "d", 1), stmt, s->product), stmt, s->device);
    return hash | 1;
}

static uint64_t question_number(statement which, const struct pgs_stmt *stmt)
{
    uint64_t hash = mix(PGS_FNV_NOTHING, &which, sizeof(which));

    for (unsigned i = 1; i <= stmt->text.last; i++)
        hash = mix_value(hash, stmt, i);
    return hash;
}

/* --- what was changed ---------------------------------------------------------------------------------- */

static bool is_changed(const struct pgs_answers *a, uint64_t number)
{
    if (a->changed_cap == 0)
        return false;
    for (size_t i = number & (a->changed_cap - 1); a->changed[i] != 0; i = (i + 1) & (a->changed_cap - 1)) {
        if (a->changed[i] == number)
            return true;
    }
    return false;
}

static void put_number(uint64_t *table, size_t cap, uint64_t number)
{
    size_t i = number & (cap - 1);

    while (table[i] != 0 && table[i] != number)
        i = (i + 1) & (cap - 1);
    table[i] = number;
}

static bool grow_changed(struct pgs_answers *a)
{
    size_t cap = a->changed_cap != 0 ? 2 * a->changed_cap : CAP_FIRST;
    uint64_t *table = ferry_calloc(cap, sizeof(*table));

    if (table == NULL)
        return false;
    for (size_t i = 0; i < a->changed_cap; i++) {
        if (a->changed[i] != 0)
            put_number(table, cap, a->changed[i]);
    }
    free(a->changed);
    a->changed = table;
    a->changed_cap = cap;
    return true;
}

static void note(struct pgs_answers *a, uint64_t number)
{
    if (is_changed(a, number))
        return;
    if (2 * (a->changed_count + 1) > a->changed_cap && !grow_changed(a)) {
        a->all_changed = true;
        return;
    }
    put_number(a->changed, a->changed_cap, number);
    a->changed_count++;
}

void pgs_answers_note_change(struct pgs_answers *a, statement which, const struct pgs_stmt *stmt)
{
    struct subject s = writes[which], all = {.table = s.table};

    if (s.table == NOTHING || a->count == 0)
        return;
    if (s.table == 0) {
        a->all_changed = true;
        return;
    }
    note(a, number_of(&all, stmt, true));
    if (s.id != 0)
        note(a, number_of(&s, stmt, true));
    if (s.product != 0)
        note(a, number_of(&s, stmt, false));
}

/* --- answers -------------------------------------------------------------------------------------------- */

bool pgs_answers_may_keep(statement which)
{
    return reads[which].table != 0;
}

static bool is_same(const struct pgs_request *question, const struct pgs_stmt *stmt)
{
    if (question->stmt != stmt)
        return false;
    for (unsigned i = 0; i < stmt->text.last; i++) {
        const struct pgs_value *v = &stmt->values[i];

        if ((v->bytes == NULL) != (question->values[i] == NULL))
            return false;
        if (v->bytes != NULL && (v->len != (size_t)question->lengths[i] || memcmp(v->bytes, question->values[i], v->len) != 0))
            return false;
    }
    return true;
}

/* The place of the question, or the free one where it belongs. */
static size_t place_of(const struct pgs_answers *a, statement which, const struct pgs_stmt *stmt)
{
    size_t i = question_number(which, stmt) & (a->cap - 1);

    while (a->places[i].question != NULL && !(a->places[i].which == which && is_same(a->places[i].question, stmt)))
        i = (i + 1) & (a->cap - 1);
    return i;
}

PGresult *pgs_answers_find(const struct pgs_answers *a, statement which, const struct pgs_stmt *stmt)
{
    const struct subject *s = &reads[which];

    if (a->count == 0 || s->table == 0 || a->all_changed || is_changed(a, number_of(s, stmt, s->id != 0)))
        return NULL;
    return a->places[place_of(a, which, stmt)].result;
}

ferry_err pgs_answers_want(struct pgs_answers *a, statement which, struct pgs_stmt *stmt)
{
    size_t place;

    if (a->cap == 0) {
        a->places = ferry_calloc(PGS_ANSWERS_PLACES, sizeof(*a->places));
        a->wanted = ferry_calloc(PGS_ANSWERS_PLACES, sizeof(*a->wanted));
        if (a->places == NULL || a->wanted == NULL)
            return FERRY_E_NOMEM;
        a->cap = PGS_ANSWERS_PLACES;
    }
    place = place_of(a, which, stmt);
    if (a->places[place].question != NULL || 2 * a->count >= a->cap)
        return FERRY_OK; /* one more than there is room for is asked for when its turn comes */
    a->places[place].question = pgs_request_new(stmt);
    if (a->places[place].question == NULL)
        return FERRY_E_NOMEM;
    a->places[place].which = which;
    a->wanted[a->wanted_count++] = place;
    a->count++;
    return FERRY_OK;
}

void pgs_answers_clear(struct pgs_answers *a)
{
    for (size_t i = 0; a->count > 0 && i < a->cap; i++) {
        pgs_request_free(a->places[i].question);
        PQclear(a->places[i].result);
        a->places[i] = (struct pgs_answer){.question = NULL};
    }
    if (a->changed_count > 0)
        memset(a->changed, 0, a->changed_cap * sizeof(*a->changed));
    a->count = a->wanted_count = a->changed_count = 0;
    a->all_changed = false;
}

void pgs_answers_done(struct pgs_answers *a)
{
    pgs_answers_clear(a);
    free(a->places);
    free(a->wanted);
    free(a->changed);
    *a = (struct pgs_answers){0};
}
