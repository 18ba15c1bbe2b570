#include "conn.h"
#include "ops.h"

static struct event_bounds bounds_in(const struct smem_db *db, smem_view view)
{
    const struct event lowest = {.id = 0}, greatest = {.id = UINT64_MAX};
    const struct smem_walk up = {.table = SMEM_EVENTS, .index = EVENT_BY_ID, .probe = &lowest};
    const struct smem_walk down = {.table = SMEM_EVENTS, .index = EVENT_BY_ID, .probe = &greatest, .descending = true};
    const struct event *first = smem_first(db, view, &up), *last = smem_first(db, view, &down);

    return (struct event_bounds){.first = first != NULL ? first->id : 0, .last = last != NULL ? last->id : 0};
}

ferry_err smem_event_append(struct store_conn *c, const struct event *e)
{
    struct event row = *e;
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    row.id = bounds_in(&c->store->db, SMEM_WORK).last + 1;
    return smem_change_end(c, smem_put(&c->store->db, SMEM_EVENTS, &row));
}

ferry_err smem_event_bounds(struct store_conn *c, struct event_bounds *ret)
{
    smem_auto_reading reading = smem_read_begin(c);

    *ret = bounds_in(reading.db, reading.view);
    return FERRY_OK;
}

static smem_verdict take_all(const void *data, const void *arg)
{
    (void)data;
    (void)arg;
    return SMEM_TAKE;
}

ferry_err smem_event_list(struct store_conn *c, uint64_t after, struct event *out, size_t cap, size_t *ret_count)
{
    const struct event probe = {.id = after};
    const struct smem_walk walk = {.table = SMEM_EVENTS, .index = EVENT_BY_ID, .probe = &probe, .after = true};

    if (cap < 1 || cap > FERRY_PAGE_MAX)
        return FERRY_E_ARG;
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, take_all, NULL, out, sizeof(*out), cap);
    return FERRY_OK;
}

ferry_err smem_event_presence(struct store_conn *c, const struct device_key *key, const struct store_page *page,
                              struct event *out, size_t *ret_count)
{
    struct event probe = {.id = 0};
    struct smem_walk walk = {.table = SMEM_EVENTS, .index = EVENT_PRESENCE, .probe = &probe, .same_fields = 2};
    ferry_err err = smem_page_number(page, &probe.id, &walk);

    if (err != FERRY_OK)
        return err;
    (void)smem_set_text(probe.product, sizeof(probe.product), key->product);
    (void)smem_set_text(probe.device, sizeof(probe.device), key->device);
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return FERRY_OK;
}

static ferry_err cut(struct smem_db *db, uint64_t id)
{
    const struct event probe = {.id = 0}, *oldest;
    const struct smem_walk walk = {.table = SMEM_EVENTS, .index = EVENT_BY_ID, .probe = &probe};
    ferry_err err = FERRY_OK;

    if (id >= bounds_in(db, SMEM_WORK).last)
        return FERRY_E_ARG;
    while (err == FERRY_OK && (oldest = smem_first(db, SMEM_WORK, &walk)) != NULL && oldest->id <= id)
        err = smem_remove(db, SMEM_EVENTS, oldest);
    return err;
}

ferry_err smem_event_cut(struct store_conn *c, uint64_t id)
{
    ferry_err err = smem_change_begin(c);

    return err != FERRY_OK ? err : smem_change_end(c, cut(&c->store->db, id));
}
