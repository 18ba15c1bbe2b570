/* The audit log: a chain of records, and how long they are kept. */
#include "core/audit.h"

#include "audit_json.h"
#include "engine_internal.h"

#include "base/encode.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* --- appending -------------------------------------------------------------------------------------------- */

ferry_err audit_hash(const struct audit_record *r, uint8_t ret_hash[FERRY_CHAIN_BYTES])
{
    char seq[24], time_ms[24];
    const char *const fields[] = {seq,       time_ms,    r->actor,  r->from, r->action,
                                  r->object, r->product, r->before, r->after};

    (void)snprintf(seq, sizeof seq, "%llu", (unsigned long long)r->seq);
    (void)snprintf(time_ms, sizeof time_ms, "%llu", (unsigned long long)r->time_ms);
    return ferry_chain_next(r->prev, fields, sizeof fields / sizeof fields[0], ret_hash);
}

ferry_err audit_append(const struct store_ops *ops, struct store_conn *conn, struct audit_record *r)
{
    struct audit_head head;
    ferry_err err = ops->audit_head(conn, &head);

    if (err != FERRY_OK)
        return err;
    r->seq = head.seq + 1;
    memcpy(r->prev, head.hash, sizeof r->prev);
    err = audit_hash(r, r->hash);
    if (err == FERRY_OK)
        err = ops->audit_append(conn, r);
    if (err != FERRY_E_EXISTS)
        return err;
    ferry_log(FERRY_LOG_ERROR, "audit",
              "the audit log has a record %llu that the platform did not write. Nothing can be changed: a change without "
              "a record is not made. Restore the database from a backup", (unsigned long long)r->seq);
    return FERRY_E_CORRUPT;
}

static ferry_err record_at(const struct store_ops *ops, struct store_conn *conn, uint64_t seq, struct audit_record *ret)
{
    struct audit_filter all = {.product = NULL};
    char after[24];
    struct store_page page = {.after = after, .limit = 1};
    size_t count = 0;

    (void)snprintf(after, sizeof after, "%llu", (unsigned long long)(seq - 1));
    ferry_err err = ops->audit_list(conn, &all, &page, ret, &count);
    return err == FERRY_OK && count == 0 ? FERRY_E_NOT_FOUND : err;
}

bool audit_check_end(const struct store_ops *ops, struct store_conn *conn)
{
    struct audit_head head;
    struct audit_record last;
    ferry_err err = ops->audit_head(conn, &head);

    if (err != FERRY_OK || head.seq == head.cut)
        return true; /* trouble with the store is said elsewhere */
    err = record_at(ops, conn, head.seq, &last);
    if (err == FERRY_OK && last.seq == head.seq && memcmp(last.hash, head.hash, sizeof head.hash) == 0)
        return true;
    ferry_log(FERRY_LOG_ERROR, "audit",
              "the audit log does not end with record %llu as it was written: somebody changed it. See `ferryctl audit "
              "verify`", (unsigned long long)head.seq);
    return false;
}

/* --- retention ------------------------------------------------------------------------------------------------ */

enum {
    CUT_EVERY_MS = 24 * 3600 * 1000,
    CUT_MAX = 10000, /* records removed in one turn */
};

/* The newest record from before the time, by halving: times never go back. 0: there is none. */
static ferry_err newest_before(struct engine *e, const struct audit_head *head, uint64_t before_ms,
                               struct audit_record *ret)
{
    uint64_t low = head->cut, high = head->seq + 1;
    ferry_err err = FERRY_OK;

    ret->seq = 0;
    while (err == FERRY_OK && high - low > 1) {
        struct audit_record r;
        uint64_t middle = low + (high - low) / 2;
        err = record_at(e->store, e->conn, middle, &r);
        if (err == FERRY_OK && r.time_ms < before_ms) {
            low = r.seq;
            *ret = r;
        } else {
            high = middle;
        }
    }
    return err;
}

/* The anchor: it stays in the chain and says which records are gone and where those that are left begin. */
static ferry_err append_anchor(struct engine *e, const struct audit_record *last, uint64_t now_ms)
{
    struct audit_record r = {.time_ms = now_ms, .actor = "system", .action = "audit.cut", .object = "audit"};
    struct audit_json j;
    char hash[2 * FERRY_CHAIN_BYTES + 1];

    ferry_hex_encode(last->hash, sizeof last->hash, hash);
    audit_json_begin(&j, r.after, sizeof r.after);
    audit_json_number(&j, "seq", last->seq);
    audit_json_text(&j, "hash", hash);
    events_topic(e, ENGINE_TOPIC_AUDIT);
    return audit_json_end(&j) ? audit_append(e->store, e->conn, &r) : FERRY_E_LIMIT;
}

ferry_err audit_retain(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    uint64_t keep_ms = e->settings.audit_retention_days * 24ull * 3600 * 1000;
    struct audit_head head;
    struct audit_record last;

    *ret_more = false;
    if (keep_ms == 0 || now_ms < keep_ms || now_ms < e->next.audit_cut_ms)
        return FERRY_OK;
    ferry_err err = e->store->audit_head(e->conn, &head);
    if (err == FERRY_OK)
        err = newest_before(e, &head, now_ms - keep_ms, &last);
    if (err == FERRY_OK && last.seq > head.cut + CUT_MAX) {
        *ret_more = true;
        err = record_at(e->store, e->conn, head.cut + CUT_MAX, &last);
    }
    if (err == FERRY_OK && last.seq != 0)
        err = append_anchor(e, &last, now_ms);
    if (err == FERRY_OK && last.seq != 0)
        err = e->store->audit_cut(e->conn, last.seq);
    if (!*ret_more)
        e->next.audit_cut_ms = now_ms + CUT_EVERY_MS; /* after a failure too: damaged logs are for people */
    return err;
}
