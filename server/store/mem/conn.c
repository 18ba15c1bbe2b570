#include "conn.h"

#include <stdlib.h>
#include <string.h>

struct smem_reading smem_read_begin(struct store_conn *c)
{
    struct smem_reading reading = {.db = &c->store->db, .view = c->mode == STORE_WRITER ? SMEM_WORK : SMEM_SEEN};

    if (reading.view == SMEM_SEEN)
        (void)pthread_mutex_lock(&reading.db->lock);
    return reading;
}

void smem_read_end(struct smem_reading *reading)
{
    if (reading->view == SMEM_SEEN)
        (void)pthread_mutex_unlock(&reading->db->lock);
}

ferry_err smem_change_begin(struct store_conn *c)
{
    if (c->mode != STORE_WRITER)
        return FERRY_E_READONLY;
    c->own_tx = !c->in_tx;
    return FERRY_OK;
}

ferry_err smem_change_end(struct store_conn *c, ferry_err err)
{
    struct smem_db *db = &c->store->db;

    if (!c->own_tx)
        return err;
    c->own_tx = false;
    if (err == FERRY_OK) {
        smem_commit(db);
        return FERRY_OK;
    }
    smem_undo(db, 0);
    db->latest_ms[SMEM_WORK] = db->latest_ms[SMEM_SEEN];
    return err;
}

ferry_err smem_change_put(struct store_conn *c, smem_table_id table, const void *data)
{
    ferry_err err = smem_change_begin(c);

    return err != FERRY_OK ? err : smem_change_end(c, smem_put(&c->store->db, table, data));
}

ferry_err smem_change_remove(struct store_conn *c, smem_table_id table, const void *probe)
{
    ferry_err err = smem_change_begin(c);

    return err != FERRY_OK ? err : smem_change_end(c, smem_remove(&c->store->db, table, probe));
}

ferry_err smem_get(struct store_conn *c, smem_table_id table, const void *probe, void *ret, size_t out_bytes)
{
    smem_auto_reading reading = smem_read_begin(c);
    const void *found = smem_find(reading.db, reading.view, table, probe);

    if (found == NULL)
        return FERRY_E_NOT_FOUND;
    memcpy(ret, found, out_bytes);
    return FERRY_OK;
}

ferry_err smem_get_first(struct store_conn *c, const struct smem_walk *walk, void *ret, size_t out_bytes)
{
    smem_auto_reading reading = smem_read_begin(c);
    const void *found = smem_first(reading.db, reading.view, walk);

    if (found == NULL)
        return FERRY_E_NOT_FOUND;
    memcpy(ret, found, out_bytes);
    return FERRY_OK;
}

bool smem_set_text(char *field, size_t size, const char *text)
{
    size_t len = strnlen(text, size);

    if (len >= size)
        return false;
    memcpy(field, text, len + 1);
    return true;
}

ferry_err smem_set_id(ferry_id *field, const ferry_id *id)
{
    return ferry_id_parse(id->text, strnlen(id->text, sizeof(id->text)), field) ? FERRY_OK : FERRY_E_ARG;
}

static bool limit_valid(const struct store_page *page)
{
    return page->limit >= 1 && page->limit <= FERRY_PAGE_MAX && (page->reach == NULL || page->reach->looks >= 1);
}

ferry_err smem_page_id(const struct store_page *page, ferry_id *field, struct smem_walk *walk)
{
    bool first = page->after[0] == '\0';

    if (!limit_valid(page) || (!first && !ferry_id_parse(page->after, strlen(page->after), field)))
        return FERRY_E_ARG;
    if (first && page->descending)
        *field = (ferry_id){SMEM_LAST};
    walk->descending = page->descending;
    walk->after = !first;
    return FERRY_OK;
}

ferry_err smem_page_name(const struct store_page *page, const char *prefix, char *field, size_t size,
                         struct smem_walk *walk)
{
    if (!limit_valid(page) || strnlen(page->after, size) >= size ||
        (prefix != NULL && strnlen(prefix, size) >= size))
        return FERRY_E_ARG;
    walk->descending = page->descending;
    walk->after = page->after[0] != '\0';
    (void)smem_set_text(field, size, page->after);
    if (page->after[0] == '\0')
        (void)smem_set_text(field, size, page->descending ? SMEM_LAST : "");
    return FERRY_OK;
}

bool smem_is_of(const struct store_times *made, const ferry_id *id)
{
    uint64_t ms = ferry_id_ms(id);

    return ms >= made->since_ms && (made->until_ms == 0 || ms < made->until_ms);
}

ferry_err smem_page_number(const struct store_page *page, uint64_t *field, struct smem_walk *walk)
{
    char *end = NULL;
    bool first = page->after[0] == '\0';

    *field = strtoull(page->after, &end, 10);
    if (*end != '\0' || page->after[0] == '-' || *field > INT64_MAX || !limit_valid(page))
        return FERRY_E_ARG;
    if (first && page->descending)
        *field = UINT64_MAX;
    walk->descending = page->descending;
    walk->after = !first;
    return FERRY_OK;
}

/* Greater than every value, and than every key. */
static void begin_at_the_end(const struct smem_place *place)
{
    if (place->id != NULL)
        *place->id = (ferry_id){SMEM_LAST};
    else
        (void)smem_set_text(place->device, FERRY_IDENT_MAX + 1, SMEM_LAST);
    if (place->number != NULL)
        *place->number = UINT64_MAX;
    else
        (void)smem_set_text(place->name, FERRY_NAME_MAX + 1, "\xff");
}

ferry_err smem_page_value(const struct store_page *page, const struct smem_place *place, struct smem_walk *walk)
{
    struct store_position at;

    walk->descending = page->descending;
    walk->after = page->after[0] != '\0';
    walk->by_value = true;
    if (!limit_valid(page))
        return FERRY_E_ARG;
    if (!walk->after && page->descending)
        begin_at_the_end(place);
    if (!walk->after)
        return FERRY_OK;
    bool read = store_position_read(page->after, &at);
    if (read && place->id != NULL)
        read = ferry_id_parse(at.key, strlen(at.key), place->id);
    else if (read)
        read = smem_set_text(place->device, FERRY_IDENT_MAX + 1, at.key);
    if (read && place->number != NULL)
        read = store_position_number(&at, place->number);
    else if (read)
        read = smem_set_text(place->name, FERRY_NAME_MAX + 1, at.value);
    return read ? FERRY_OK : FERRY_E_ARG;
}

bool smem_has_prefix(const char *text, const char *prefix)
{
    return prefix == NULL || strncmp(text, prefix, strlen(prefix)) == 0;
}

bool smem_prefix_valid(const char *prefix)
{
    return prefix == NULL || strnlen(prefix, FERRY_NAME_MAX + 1) <= FERRY_NAME_MAX;
}

bool smem_matches(const char *text, const char *want)
{
    return want == NULL || strcmp(text, want) == 0;
}
