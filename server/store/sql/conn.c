#include "store/sql/conn.h"

#include "store/sql/query.h"

ferry_err sql_conns_enter(struct sql_conns *n, store_mode mode, unsigned readers_max)
{
    atomic_uint *count = mode == STORE_WRITER ? &n->writers : &n->readers;
    unsigned max = mode == STORE_WRITER ? 1 : readers_max, now = atomic_load(count);

    do {
        if (now >= max)
            return FERRY_E_LIMIT;
    } while (!atomic_compare_exchange_weak(count, &now, now + 1));
    return FERRY_OK;
}

void sql_conns_leave(struct sql_conns *n, store_mode mode)
{
    (void)atomic_fetch_sub(mode == STORE_WRITER ? &n->writers : &n->readers, 1);
}

static ferry_err read_latest(struct store_conn *c, uint64_t *ret_ms)
{
    query_auto q = sql_query_begin(c, STMT_LATEST_GET);

    return sql_query_number(&q, ret_ms);
}

ferry_err sql_conn_set_up(struct store_conn *c)
{
    return read_latest(c, &c->latest_disk);
}

ferry_err sql_conn_begin(struct store_conn *c)
{
    ferry_err err;

    if (c->mode != STORE_WRITER)
        return FERRY_E_READONLY;
    if (c->in_tx)
        return FERRY_E_STATE;
    err = c->driver->tx(c, SQL_TX_BEGIN);
    if (err != FERRY_OK)
        return err;
    c->in_tx = true;
    c->marked = false;
    c->latest_ms = c->latest_disk;
    return FERRY_OK;
}

struct sql_known *sql_conn_known(const struct store_conn *c)
{
    return c->in_tx ? c->known : NULL;
}

static ferry_err write_latest(struct store_conn *c)
{
    query_auto q = sql_query_begin(c, STMT_LATEST_PUT);

    sql_query_u64(&q, c->latest_ms);
    return sql_query_run(&q, NULL);
}

ferry_err sql_conn_commit(struct store_conn *c)
{
    ferry_err err = FERRY_OK;

    if (!c->in_tx)
        return FERRY_E_STATE;
    c->marked = false;
    if (c->latest_ms > c->latest_disk)
        err = write_latest(c);
    if (err == FERRY_OK)
        err = c->driver->tx(c, SQL_TX_COMMIT);
    if (err != FERRY_OK) {
        sql_conn_rollback(c);
        return err;
    }
    c->latest_disk = c->latest_ms;
    c->in_tx = false;
    return FERRY_OK;
}

void sql_conn_rollback(struct store_conn *c)
{
    c->driver->rollback(c);
    c->in_tx = false;
    c->latest_ms = c->latest_disk;
}

ferry_err sql_conn_savepoint(struct store_conn *c)
{
    ferry_err err;

    if (!c->in_tx || c->marked)
        return FERRY_E_STATE;
    err = c->driver->tx(c, SQL_MARK_SET);
    if (err != FERRY_OK)
        return err;
    c->marked = true;
    c->latest_mark = c->latest_ms;
    return FERRY_OK;
}

ferry_err sql_conn_release(struct store_conn *c)
{
    ferry_err err;

    if (!c->in_tx || !c->marked)
        return FERRY_E_STATE;
    err = c->driver->tx(c, SQL_MARK_RELEASE);
    if (err == FERRY_OK)
        c->marked = false;
    return err;
}

ferry_err sql_conn_rewind(struct store_conn *c)
{
    ferry_err err;

    if (!c->in_tx || !c->marked)
        return FERRY_E_STATE;
    err = c->driver->tx(c, SQL_MARK_REWIND);
    if (err == FERRY_OK)
        c->latest_ms = c->latest_mark;
    return err == FERRY_OK ? sql_conn_release(c) : err;
}

ferry_err sql_conn_change_begin(struct store_conn *c)
{
    ferry_err err;

    if (c->in_tx)
        return FERRY_OK;
    err = sql_conn_begin(c);
    c->own_tx = err == FERRY_OK;
    return err;
}

ferry_err sql_conn_change_end(struct store_conn *c, ferry_err err)
{
    if (!c->own_tx)
        return err;
    c->own_tx = false;
    if (err == FERRY_OK)
        return sql_conn_commit(c);
    sql_conn_rollback(c);
    return err;
}

void sql_conn_note_time(struct store_conn *c, uint64_t updated_ms)
{
    if (updated_ms > c->latest_ms)
        c->latest_ms = updated_ms;
}

ferry_err sql_conn_latest_ms(struct store_conn *c, uint64_t *ret_ms)
{
    if (c->in_tx) {
        *ret_ms = c->latest_ms;
        return FERRY_OK;
    }
    return read_latest(c, ret_ms);
}
