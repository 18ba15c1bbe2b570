#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

#include <string.h>

static void get_hash(struct query *q, uint8_t hash[FERRY_CHAIN_BYTES])
{
    size_t len = 0;

    sql_query_get_bytes(q, hash, FERRY_CHAIN_BYTES, &len);
    if (len != FERRY_CHAIN_BYTES && q->err == FERRY_OK)
        q->err = FERRY_E_CORRUPT;
}

static void read_head(struct query *q, void *row)
{
    struct audit_head *head = row;

    head->seq = sql_query_get_u64(q);
    get_hash(q, head->hash);
    head->cut = sql_query_get_u64(q);
}

ferry_err sql_audit_head(struct store_conn *c, struct audit_head *ret)
{
    query_auto q = sql_query_begin(c, STMT_AUDIT_HEAD);
    ferry_err err = sql_query_one(&q, read_head, sizeof(*ret), ret);

    return err == FERRY_E_NOT_FOUND ? FERRY_E_CORRUPT : err;
}

static ferry_err set_head(struct store_conn *c, const struct audit_record *last)
{
    query_auto q = sql_query_begin(c, STMT_AUDIT_SET_HEAD);

    sql_query_u64(&q, last->seq);
    sql_query_bytes(&q, last->hash, sizeof(last->hash));
    return sql_query_run_one(&q);
}

static ferry_err append(struct store_conn *c, const struct audit_record *r)
{
    struct audit_head head;
    ferry_err err = sql_audit_head(c, &head);
    query_auto q = sql_query_begin(c, STMT_AUDIT_APPEND);

    if (err == FERRY_OK && (r->seq != head.seq + 1 || memcmp(r->prev, head.hash, sizeof(head.hash)) != 0))
        err = FERRY_E_STATE;
    if (err != FERRY_OK)
        return err;
    sql_query_u64(&q, r->seq);
    sql_query_u64(&q, r->time_ms);
    sql_query_text(&q, r->actor);
    sql_query_text(&q, r->from);
    sql_query_text(&q, r->action);
    sql_query_text(&q, r->object);
    sql_query_text(&q, r->product);
    sql_query_text(&q, r->before);
    sql_query_text(&q, r->after);
    sql_query_bytes(&q, r->prev, sizeof(r->prev));
    sql_query_bytes(&q, r->hash, sizeof(r->hash));
    err = sql_query_run(&q, NULL);
    return err == FERRY_OK ? set_head(c, r) : err;
}

ferry_err sql_audit_append(struct store_conn *c, const struct audit_record *r)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, append(c, r));
}

static void read_record(struct query *q, void *row)
{
    struct audit_record *r = row;

    r->seq = sql_query_get_u64(q);
    r->time_ms = sql_query_get_u64(q);
    sql_query_get_text(q, r->actor, sizeof(r->actor));
    sql_query_get_text(q, r->from, sizeof(r->from));
    sql_query_get_text(q, r->action, sizeof(r->action));
    sql_query_get_text(q, r->object, sizeof(r->object));
    sql_query_get_text(q, r->product, sizeof(r->product));
    sql_query_get_text(q, r->before, sizeof(r->before));
    sql_query_get_text(q, r->after, sizeof(r->after));
    get_hash(q, r->prev);
    get_hash(q, r->hash);
}

ferry_err sql_audit_list(struct store_conn *c, const struct audit_filter *f, const struct store_page *page,
                        struct audit_record *out, size_t *ret_count)
{
    struct page_names names;
    query_auto q = sql_query_begin(c, page->descending ? STMT_AUDIT_LIST_DESC : STMT_AUDIT_LIST);

    sql_page_bind_numbers(&q, page);
    sql_query_text(&q, f->product);
    sql_query_text(&q, f->actor);
    sql_page_bind_prefix(&q, f->action_prefix, &names);
    sql_query_text(&q, f->object);
    sql_query_bound(&q, f->since_ms);
    sql_query_bound(&q, f->until_ms != 0 ? f->until_ms : UINT64_MAX);
    return sql_page_read(&q, read_record, sizeof(*out), page, out, ret_count);
}

static ferry_err cut(struct store_conn *c, uint64_t seq)
{
    query_auto set = sql_query_begin(c, STMT_AUDIT_SET_CUT);
    query_auto cut_off = sql_query_begin(c, STMT_AUDIT_CUT);
    ferry_err err;

    sql_query_u64(&set, seq);
    err = sql_query_run_one(&set);
    if (err != FERRY_OK)
        return err == FERRY_E_NOT_FOUND ? FERRY_E_ARG : err;
    sql_query_u64(&cut_off, seq);
    return sql_query_run(&cut_off, NULL);
}

ferry_err sql_audit_cut(struct store_conn *c, uint64_t seq)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, cut(c, seq));
}
