#include "store/sqlite.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "conn.h"
#include "store/sql/ops.h"

#include <sqlite3.h>
#include <stdlib.h>

enum {
    READERS_MAX = 256, /* each holds READER_CACHE_KIB at most and two file descriptors */
    /* What a savepoint keeps to undo changes is one piece of memory of this size, of which only what is used is touched; what is more is in
     * a temporary file. With temp_store = MEMORY it would be pieces of 1 KiB without end: an eighth of what a create costs. SQLite's own
     * writing knows no piece of 128 KiB: it cuts the length to its last 17 bits, and then says that the disk is full. */
    UNDO_BYTES = 124 * 1024,
};

struct sqlite_store {
    struct store base; /* first: a struct store * is one of these */
    char *path;
    uint32_t busy_ms;
    struct sql_conns conns;
};

static ferry_err sqlite_connect(struct store *base, store_mode mode, struct store_conn **ret_conn)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    struct sqlite_conn *c = NULL;
    ferry_err err = sql_conns_enter(&s->conns, mode, READERS_MAX);

    if (err != FERRY_OK)
        return err;
    err = sq_conn_new(s, s->path, s->busy_ms, mode, &c);
    if (err != FERRY_OK)
        sql_conns_leave(&s->conns, mode);
    else
        *ret_conn = &c->base;
    return err;
}

static void sqlite_disconnect(struct store_conn *base)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;

    if (c == NULL)
        return;
    struct sqlite_store *s = c->store;
    store_mode mode = base->mode;

    sq_conn_free(c);
    sql_conns_leave(&s->conns, mode); /* after the file is closed: the next writer may come at once */
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *s = (struct sqlite_store *)base;

    if (s == NULL)
        return;
    free(s->path);
    free(s);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .close = sqlite_close,
    SQL_STORE_OPS,
};

/* For the whole process. Later than the first use of SQLite in it, it is refused, and the only loss is time. */
static void set_up_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody asks how much memory it has, and to count it is a lock for each piece */
    (void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, UNDO_BYTES);
}

ferry_err store_sqlite_open(const struct store_sqlite_config *cfg, struct store **ret_store)
{
    struct sqlite_store *s;

    if (cfg->path == NULL || cfg->path[0] == '\0')
        return FERRY_E_ARG;
    set_up_library();
    s = ferry_calloc(1, sizeof(*s));
    if (s == NULL)
        return FERRY_E_NOMEM;
    s->base.ops = &sqlite_ops;
    s->busy_ms = cfg->busy_ms;
    s->path = ferry_strdup(cfg->path);
    if (s->path == NULL) {
        free(s);
        return FERRY_E_NOMEM;
    }
    *ret_store = &s->base;
    return FERRY_OK;
}
