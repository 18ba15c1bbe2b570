/* The tags of devices. */
#include "store/sql/ops.h"
#include "store/sql/query.h"

static void bind_key(struct query *q, const struct device_key *key)
{
    sql_query_text(q, key->product);
    sql_query_text(q, key->device);
}

static ferry_err clear(struct store_conn *c, const struct device_key *key)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_TAGS_CLEAR);

    bind_key(&q, key);
    return sql_query_run(&q, NULL);
}

static ferry_err add(struct store_conn *c, const struct device_key *key, const char *tag)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_TAG_ADD);

    bind_key(&q, key);
    sql_query_text(&q, tag);
    return sql_query_run(&q, NULL);
}

static ferry_err set_tags(struct store_conn *c, const struct device_key *key, const struct device_tags *tags)
{
    struct device device;
    ferry_err err = sql_device_get(c, key, &device);

    if (err == FERRY_OK)
        err = clear(c, key);
    for (uint32_t i = 0; err == FERRY_OK && i < tags->count; i++)
        err = add(c, key, tags->names[i]);
    return err;
}

ferry_err sql_device_tags_set(struct store_conn *c, const struct device_key *key, const struct device_tags *tags)
{
    ferry_err err;

    if (!device_tags_valid(tags))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, set_tags(c, key, tags));
}

static void read_tag(struct query *q, void *row)
{
    sql_query_get_text(q, row, DEVICE_TAG_MAX + 1);
}

ferry_err sql_device_tags_get(struct store_conn *c, const struct device_key *key, struct device_tags *ret)
{
    size_t count = 0;
    query_auto q = sql_query_begin(c, STMT_DEVICE_TAGS_GET);
    ferry_err err;

    bind_key(&q, key);
    sql_query_bound(&q, DEVICE_TAGS_MAX);
    err = sql_query_many(&q, read_tag, sizeof(ret->names[0]), ret->names, DEVICE_TAGS_MAX, &count);
    if (err == FERRY_OK)
        ret->count = (uint32_t)count;
    return err;
}
