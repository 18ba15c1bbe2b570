#include "page.h"
#include "store/sql/known.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

#include <string.h>

/* --- values ------------------------------------------------------------------------------------ */

struct value {
    size_t len;
    uint8_t bytes[STORE_VALUE_MAX];
};

static void read_value(struct query *q, void *row)
{
    struct value *value = row;

    sql_query_get_bytes(q, value->bytes, sizeof(value->bytes), &value->len);
}

ferry_err sql_value_get(struct store_conn *c, const char *key, void *out, size_t cap, size_t *ret_len)
{
    struct value value;
    query_auto q = sql_query_begin(c, STMT_VALUE_GET);
    ferry_err err;

    sql_query_text(&q, key);
    err = sql_query_one(&q, read_value, sizeof(value), &value);
    if (err != FERRY_OK)
        return err;
    if (value.len > cap)
        return FERRY_E_LIMIT;
    if (value.len > 0)
        memcpy(out, value.bytes, value.len);
    *ret_len = value.len;
    return FERRY_OK;
}

static ferry_err put_value(struct store_conn *c, const char *key, const void *bytes, size_t len)
{
    query_auto q = sql_query_begin(c, STMT_VALUE_PUT);

    sql_query_text(&q, key);
    sql_query_bytes(&q, bytes, len);
    return sql_query_run(&q, NULL);
}

ferry_err sql_value_put(struct store_conn *c, const char *key, const void *bytes, size_t len)
{
    size_t key_len = strnlen(key, FERRY_IDENT_MAX + 1);
    ferry_err err;

    if (key_len < 1 || key_len > FERRY_IDENT_MAX || len > STORE_VALUE_MAX)
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put_value(c, key, bytes, len));
}

/* --- products ---------------------------------------------------------------------------------- */

static void read_sealed(struct query *q, struct sealed *sealed)
{
    size_t len = 0;

    sql_query_get_bytes(q, sealed->bytes, sizeof(sealed->bytes), &len);
    sealed->len = (uint32_t)len;
}

static void bind_sealed(struct query *q, const struct sealed *sealed)
{
    sql_query_bytes(q, sealed->bytes, sealed->len);
}

static bool sealed_fits(const struct sealed *sealed)
{
    return sealed->len <= sizeof(sealed->bytes);
}

static void read_product(struct query *q, void *row)
{
    struct product *p = row;

    sql_query_get_text(q, p->name, sizeof(p->name));
    p->created_ms = sql_query_get_u64(q);
    read_sealed(q, &p->secret);
}

static ferry_err add_product(struct store_conn *c, const struct product *p)
{
    query_auto q = sql_query_begin(c, STMT_PRODUCT_ADD);
    ferry_err err;

    sql_query_text(&q, p->name);
    sql_query_u64(&q, p->created_ms);
    bind_sealed(&q, &p->secret);
    err = sql_query_run_one(&q);
    return err == FERRY_E_NOT_FOUND ? FERRY_E_EXISTS : err;
}

ferry_err sql_product_add(struct store_conn *c, const struct product *p)
{
    ferry_err err;

    if (!sealed_fits(&p->secret))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, add_product(c, p));
}

ferry_err sql_product_get(struct store_conn *c, const char *name, struct product *ret)
{
    query_auto q = sql_query_begin(c, STMT_PRODUCT_GET);

    sql_query_text(&q, name);
    return sql_query_one(&q, read_product, sizeof(*ret), ret);
}

static ferry_err set_product_secret(struct store_conn *c, const char *name, const struct sealed *secret)
{
    query_auto q = sql_query_begin(c, STMT_PRODUCT_SET_SECRET);

    sql_query_text(&q, name);
    bind_sealed(&q, secret);
    return sql_query_run_one(&q);
}

ferry_err sql_product_set_secret(struct store_conn *c, const char *name, const struct sealed *secret)
{
    ferry_err err;

    if (!sealed_fits(secret))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, set_product_secret(c, name, secret));
}

static ferry_err remove_product(struct store_conn *c, const char *name)
{
    struct product found;
    ferry_err err = sql_product_get(c, name, &found);
    query_auto q = sql_query_begin(c, STMT_PRODUCT_REMOVE);

    if (err != FERRY_OK)
        return err;
    sql_query_text(&q, name);
    err = sql_query_run_one(&q);
    return err == FERRY_E_NOT_FOUND ? FERRY_E_STATE : err;
}

ferry_err sql_product_remove(struct store_conn *c, const char *name)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_product(c, name));
}

ferry_err sql_product_list(struct store_conn *c, const struct store_page *page, struct product *out, size_t *ret_count)
{
    struct page_names names;
    query_auto q = sql_query_begin(c, page->descending ? STMT_PRODUCT_LIST_DESC : STMT_PRODUCT_LIST);

    sql_page_bind_names(&q, page, NULL, &names);
    return sql_query_many(&q, read_product, sizeof(*out), out, page->limit, ret_count);
}

/* --- devices ----------------------------------------------------------------------------------- */

static void read_device(struct query *q, void *row)
{
    struct device *d = row;

    sql_query_get_text(q, d->key.product, sizeof(d->key.product));
    sql_query_get_text(q, d->key.device, sizeof(d->key.device));
    read_sealed(q, &d->secret);
    d->disabled = sql_query_get_bool(q);
    d->created_ms = sql_query_get_u64(q);
    read_sealed(q, &d->old_secret);
    d->old_until_ms = sql_query_get_u64(q);
    d->secret_no = sql_query_get_u32(q);
    d->unheard = sql_query_get_bool(q);
    d->online_ms = sql_query_get_u64(q);
    d->seen_ms = sql_query_get_u64(q);
}

static void bind_key(struct query *q, const struct device_key *key)
{
    sql_query_text(q, key->product);
    sql_query_text(q, key->device);
}

static ferry_err insert_device(struct store_conn *c, const struct device *d)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_ADD);

    bind_key(&q, &d->key);
    bind_sealed(&q, &d->secret);
    sql_query_int(&q, d->disabled);
    sql_query_u64(&q, d->created_ms);
    bind_sealed(&q, &d->old_secret);
    sql_query_u64(&q, d->old_until_ms);
    sql_query_int(&q, d->secret_no);
    sql_query_int(&q, d->unheard);
    return sql_query_run_one(&q);
}

/* Nothing is inserted when it is there, nor when there is no such product. */
static ferry_err add_device(struct store_conn *c, const struct device *d)
{
    struct device found;
    ferry_err err = insert_device(c, d);

    return err == FERRY_E_NOT_FOUND && sql_device_get(c, &d->key, &found) == FERRY_OK ? FERRY_E_EXISTS : err;
}

ferry_err sql_device_add(struct store_conn *c, const struct device *d)
{
    ferry_err err;

    if (!sealed_fits(&d->secret) || !sealed_fits(&d->old_secret))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, add_device(c, d));
}

static ferry_err set_device_secrets(struct store_conn *c, const struct device *d)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_SET_SECRETS);

    bind_key(&q, &d->key);
    bind_sealed(&q, &d->secret);
    bind_sealed(&q, &d->old_secret);
    sql_query_u64(&q, d->old_until_ms);
    sql_query_int(&q, d->secret_no);
    sql_query_int(&q, d->unheard);
    return sql_query_run_one(&q);
}

ferry_err sql_device_set_secrets(struct store_conn *c, const struct device *d)
{
    ferry_err err;

    if (!sealed_fits(&d->secret) || !sealed_fits(&d->old_secret))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, set_device_secrets(c, d));
}

ferry_err sql_device_old_secrets(struct store_conn *c, uint64_t now_ms, struct device *out, size_t cap,
                                size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_OLD_SECRETS);

    sql_query_bound(&q, now_ms);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_device, sizeof(*out), out, cap, ret_count);
}

static ferry_err look_device_up(struct store_conn *c, const struct device_key *key, struct device *ret)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_GET);

    bind_key(&q, key);
    return sql_query_one(&q, read_device, sizeof(*ret), ret);
}

ferry_err sql_device_get(struct store_conn *c, const struct device_key *key, struct device *ret)
{
    struct sql_known *known = sql_conn_known(c);
    ferry_err err;

    if (sql_known_device(known, key, ret))
        return FERRY_OK;
    err = look_device_up(c, key, ret);
    if (err == FERRY_OK)
        sql_known_note_device(known, ret);
    return err;
}

ferry_err sql_device_find_joined(struct store_conn *c, const char *text, struct device *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_FIND_JOINED);

    sql_query_text(&q, text);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_device, sizeof(*out), out, cap, ret_count);
}

static ferry_err disable_device(struct store_conn *c, const struct device_key *key, bool disabled)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_SET_DISABLED);

    bind_key(&q, key);
    sql_query_int(&q, disabled);
    return sql_query_run_one(&q);
}

ferry_err sql_device_set_disabled(struct store_conn *c, const struct device_key *key, bool disabled)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, disable_device(c, key, disabled));
}

static ferry_err set_online(struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_SET_ONLINE);

    bind_key(&q, key);
    sql_query_u64(&q, online_ms);
    sql_query_u64(&q, seen_ms);
    return sql_query_run_one(&q);
}

ferry_err sql_device_set_online(struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, set_online(c, key, online_ms, seen_ms));
}

static ferry_err set_seen(struct store_conn *c, const struct device_key *key, uint64_t seen_ms)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_SET_SEEN);

    bind_key(&q, key);
    sql_query_u64(&q, seen_ms);
    return sql_query_run_one(&q);
}

ferry_err sql_device_set_seen(struct store_conn *c, const struct device_key *key, uint64_t seen_ms)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, set_seen(c, key, seen_ms));
}

static ferry_err remove_device(struct store_conn *c, const struct device_key *key)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_REMOVE);

    bind_key(&q, key);
    return sql_query_run_one(&q);
}

ferry_err sql_device_remove(struct store_conn *c, const struct device_key *key)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_device(c, key));
}

static void read_counts(struct query *q, void *row)
{
    struct device_counts *counts = row;

    counts->devices = sql_query_get_u64(q);
    counts->online = sql_query_get_u64(q);
}

ferry_err sql_device_counts(struct store_conn *c, const char *product, struct device_counts *ret)
{
    query_auto q = sql_query_begin(c, STMT_DEVICE_COUNTS);
    ferry_err err;

    sql_query_text(&q, product);
    err = sql_query_one(&q, read_counts, sizeof(*ret), ret);
    if (err != FERRY_E_NOT_FOUND)
        return err;
    *ret = (struct device_counts){.devices = 0};
    return FERRY_OK;
}

static ferry_err devices_by_seen(struct store_conn *c, const struct device_filter *f, const struct store_page *page,
                                 struct device *out, size_t *ret_count)
{
    const struct store_page whole = {.after = "", .limit = page->limit, .reach = page->reach};
    struct page_names names;
    struct page_place place;
    query_auto q = sql_query_begin(c, page->descending ? STMT_DEVICE_BY_SEEN_DESC : STMT_DEVICE_BY_SEEN);

    sql_page_bind_names(&q, &whole, f->name_prefix, &names);
    sql_query_text(&q, f->product);
    sql_query_text(&q, f->tag);
    if (f->which != DEVICES_ALL)
        sql_query_int(&q, f->which == DEVICES_ONLINE);
    sql_page_bind_number_and_name(&q, page, &place);
    return sql_page_read(&q, read_device, sizeof(*out), page, out, ret_count);
}

ferry_err sql_device_list(struct store_conn *c, const struct device_filter *f, const struct store_page *page,
                      struct device *out, size_t *ret_count)
{
    struct page_names names;
    statement which = f->tag != NULL              ? STMT_DEVICE_LIST_TAG
                      : f->which != DEVICES_ALL ? STMT_DEVICE_LIST_ONLINE
                                                : STMT_DEVICE_LIST;
    query_auto q = sql_query_begin(c, page->descending ? which + 1 : which);

    if (f->product == NULL || (page->sort != STORE_BY_KEY && page->sort != STORE_BY_SEEN))
        return FERRY_E_ARG;
    if (page->sort == STORE_BY_SEEN)
        return devices_by_seen(c, f, page, out, ret_count);
    sql_page_bind_names(&q, page, f->name_prefix, &names);
    sql_query_text(&q, f->product);
    if (f->tag != NULL)
        sql_query_text(&q, f->tag);
    if (f->which != DEVICES_ALL)
        sql_query_int(&q, f->which == DEVICES_ONLINE);
    return sql_page_read(&q, read_device, sizeof(*out), page, out, ret_count);
}
