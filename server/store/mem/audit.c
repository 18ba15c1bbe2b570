#include "conn.h"
#include "ops.h"

#include <string.h>

/* The one row of SMEM_AUDIT_HEAD, as its view shows it; zeros before the first record. */
static struct row_audit_head head_in(const struct smem_db *db, smem_view view)
{
    const struct row_audit_head probe = {.one = 1}, *found = smem_find(db, view, SMEM_AUDIT_HEAD, &probe);

    return found != NULL ? *found : probe;
}

ferry_err smem_audit_head(struct store_conn *c, struct audit_head *ret)
{
    smem_auto_reading reading = smem_read_begin(c);

    *ret = head_in(reading.db, reading.view).head;
    return FERRY_OK;
}

static ferry_err append(struct smem_db *db, const struct audit_record *r)
{
    struct row_audit_head row = head_in(db, SMEM_WORK);
    ferry_err err;

    if (r->seq != row.head.seq + 1 || memcmp(r->prev, row.head.hash, sizeof(r->prev)) != 0)
        return FERRY_E_STATE;
    err = smem_put(db, SMEM_AUDIT, r);
    if (err != FERRY_OK)
        return err;
    row.head.seq = r->seq;
    memcpy(row.head.hash, r->hash, sizeof(row.head.hash));
    return smem_put(db, SMEM_AUDIT_HEAD, &row);
}

ferry_err smem_audit_append(struct store_conn *c, const struct audit_record *r)
{
    ferry_err err = smem_change_begin(c);

    return err != FERRY_OK ? err : smem_change_end(c, append(&c->store->db, r));
}

static smem_verdict list_filter(const void *data, const void *arg)
{
    const struct audit_record *r = data;
    const struct audit_filter *f = arg;

    return smem_matches(r->product, f->product) && smem_matches(r->actor, f->actor) &&
                   smem_matches(r->object, f->object) && smem_has_prefix(r->action, f->action_prefix) &&
                   r->time_ms >= f->since_ms && (f->until_ms == 0 || r->time_ms < f->until_ms)
               ? SMEM_TAKE
               : SMEM_SKIP;
}

ferry_err smem_audit_list(struct store_conn *c, const struct audit_filter *f, const struct store_page *page,
                          struct audit_record *out, size_t *ret_count)
{
    struct audit_record probe = {.seq = 0};
    struct smem_walk walk = {.table = SMEM_AUDIT, .index = AUDIT_BY_SEQ, .probe = &probe, .reach = page->reach};
    ferry_err err = smem_page_number(page, &probe.seq, &walk);

    if (err != FERRY_OK)
        return err;
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, list_filter, f, out, sizeof(*out), page->limit);
    return FERRY_OK;
}

static ferry_err cut(struct smem_db *db, uint64_t seq)
{
    struct row_audit_head row = head_in(db, SMEM_WORK);
    const struct audit_record probe = {.seq = 0}, *oldest;
    const struct smem_walk walk = {.table = SMEM_AUDIT, .index = AUDIT_BY_SEQ, .probe = &probe};
    ferry_err err = FERRY_OK;

    if (seq > row.head.seq)
        return FERRY_E_ARG;
    while (err == FERRY_OK && (oldest = smem_first(db, SMEM_WORK, &walk)) != NULL && oldest->seq <= seq)
        err = smem_remove(db, SMEM_AUDIT, oldest);
    row.head.cut = seq;
    return err == FERRY_OK ? smem_put(db, SMEM_AUDIT_HEAD, &row) : err;
}

ferry_err smem_audit_cut(struct store_conn *c, uint64_t seq)
{
    ferry_err err = smem_change_begin(c);

    return err != FERRY_OK ? err : smem_change_end(c, cut(&c->store->db, seq));
}
