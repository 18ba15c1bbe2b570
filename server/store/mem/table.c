#include "table.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const void *data_of(const struct smem_table *table, const void *row)
{
    return (const char *)row + table->data_at;
}

ferry_err smem_db_init(struct smem_db *db, const struct smem_table_def *defs)
{
    memset(db, 0, sizeof(*db));
    if (pthread_mutex_init(&db->lock, NULL) != 0)
        return FERRY_E_NOMEM;
    for (int t = 0; t < SMEM_TABLES; t++) {
        struct smem_table *table = &db->tables[t];

        table->def = &defs[t];
        table->data_at = SMEM_VIEWS * table->def->index_count * sizeof(struct smem_link);
        for (unsigned i = 0; i < SMEM_VIEWS * table->def->index_count; i++)
            table->trees[i / table->def->index_count][i % table->def->index_count] =
                (struct smem_tree){.index = &table->def->indexes[i % table->def->index_count],
                                   .link_at = i * sizeof(struct smem_link),
                                   .data_at = table->data_at};
    }
    return FERRY_OK;
}

static void link_row(struct smem_table *table, smem_view view, void *row)
{
    if (row == NULL)
        return;
    for (unsigned i = 0; i < table->def->index_count; i++)
        smem_tree_insert(&table->trees[view][i], row);
    table->count[view]++;
}

static void unlink_row(struct smem_table *table, smem_view view, void *row)
{
    if (row == NULL)
        return;
    for (unsigned i = 0; i < table->def->index_count; i++)
        smem_tree_remove(&table->trees[view][i], row);
    table->count[view]--;
}

void smem_db_done(struct smem_db *db)
{
    if (db->tables[0].def == NULL)
        return;
    smem_undo(db, 0); /* both views hold the same rows now */
    for (int t = 0; t < SMEM_TABLES; t++) {
        struct smem_tree *primary = &db->tables[t].trees[SMEM_WORK][0];

        while (primary->root != NULL) {
            void *row = (char *)primary->root - primary->link_at;

            smem_tree_remove(primary, row);
            free(row);
        }
    }
    free(db->journal);
    (void)pthread_mutex_destroy(&db->lock);
}

/* Makes room for one more change, so that what follows cannot fail. */
static ferry_err reserve_change(struct smem_db *db)
{
    size_t cap = db->journal_cap == 0 ? 64 : db->journal_cap * 2;
    struct smem_change *journal;

    if (db->journal_count < db->journal_cap)
        return FERRY_OK;
    if (cap > SMEM_JOURNAL_MAX)
        return FERRY_E_LIMIT;
    journal = ferry_realloc(db->journal, cap * sizeof(*journal));
    if (journal == NULL)
        return FERRY_E_NOMEM;
    db->journal = journal;
    db->journal_cap = cap;
    return FERRY_OK;
}

static void apply(struct smem_db *db, struct smem_table *table, void *old_row, void *new_row)
{
    unlink_row(table, SMEM_WORK, old_row);
    link_row(table, SMEM_WORK, new_row);
    db->journal[db->journal_count++] = (struct smem_change){table, old_row, new_row};
}

/* The row whose primary key is the probe's. */
static void *find_row(const struct smem_table *table, smem_view view, const void *probe)
{
    const struct smem_tree *primary = &table->trees[view][0];
    void *row = smem_tree_seek(primary, probe, false);

    if (row == NULL || smem_compare(primary->index, data_of(table, row), probe, primary->index->field_count) != 0)
        return NULL;
    return row;
}

const void *smem_find(const struct smem_db *db, smem_view view, smem_table_id table, const void *probe)
{
    const void *row = find_row(&db->tables[table], view, probe);

    return row == NULL ? NULL : data_of(&db->tables[table], row);
}

/* Only what every store can keep: identifiers, and numbers of 63 bits. */
static bool acceptable(const struct smem_table_def *def, const char *data)
{
    for (int i = 0; i < SMEM_CHECKS_MAX && def->ids[i] != 0; i++) {
        const char *text = data + def->ids[i] - 1;
        ferry_id id;

        if (!ferry_id_parse(text, strnlen(text, sizeof(id.text)), &id))
            return false;
    }
    for (int i = 0; i < SMEM_CHECKS_MAX && def->numbers[i] != 0; i++) {
        uint64_t number;

        memcpy(&number, data + def->numbers[i] - 1, sizeof(number));
        if (number > INT64_MAX)
            return false;
    }
    return true;
}

ferry_err smem_put(struct smem_db *db, smem_table_id id, const void *data)
{
    struct smem_table *table = &db->tables[id];
    ferry_err err = reserve_change(db);
    char *row;

    if (err != FERRY_OK)
        return err;
    if (!acceptable(table->def, data))
        return FERRY_E_ARG;
    row = ferry_malloc(table->data_at + table->def->data_bytes);
    if (row == NULL)
        return FERRY_E_NOMEM;
    memcpy(row + table->data_at, data, table->def->data_bytes);
    apply(db, table, find_row(table, SMEM_WORK, data), row);
    return FERRY_OK;
}

ferry_err smem_remove(struct smem_db *db, smem_table_id id, const void *probe)
{
    struct smem_table *table = &db->tables[id];
    void *row = find_row(table, SMEM_WORK, probe);
    ferry_err err;

    if (row == NULL)
        return FERRY_E_NOT_FOUND;
    err = reserve_change(db);
    if (err == FERRY_OK)
        apply(db, table, row, NULL);
    return err;
}

/* The first row of a walk, whether or not its fields are the same as probe's. */
static void *walk_begin(const struct smem_tree *tree, const struct smem_walk *walk, size_t data_at)
{
    void *row = smem_tree_seek(tree, walk->probe, walk->descending);

    if (walk->after && !walk->descending && row != NULL &&
        smem_compare(tree->index, (char *)row + data_at, walk->probe, tree->index->field_count) == 0)
        row = smem_tree_next(tree, row, false);
    return row;
}

static void write_field(const struct smem_field *field, const char *data, char *out, size_t size)
{
    uint64_t number;

    if (field->kind == SMEM_TEXT) {
        (void)snprintf(out, size, "%s", data + field->offset);
        return;
    }
    memcpy(&number, data + field->offset, sizeof(number));
    (void)snprintf(out, size, "%llu", (unsigned long long)number);
}

/* Counts a row that was looked at; the last one that may be is where the next page begins. */
static void look(const struct smem_index *index, const struct smem_walk *walk, const char *data, bool full,
                 struct store_reach *reach)
{
    const struct smem_field *key = &index->fields[index->field_count - 1];
    struct store_position at;

    reach->looks--;
    reach->stopped = reach->looks == 0 && !full;
    if (!reach->stopped)
        return;
    write_field(key, data, at.key, sizeof(at.key));
    if (walk->by_value) {
        write_field(key - 1, data, at.value, sizeof(at.value));
        store_position_write(at.key, at.value, reach->after);
    } else {
        (void)snprintf(reach->after, sizeof(reach->after), "%s", at.key);
    }
}

size_t smem_collect(const struct smem_db *db, smem_view view, const struct smem_walk *walk, smem_filter *filter,
                    const void *arg, void *out, size_t out_bytes, size_t cap)
{
    const struct smem_table *table = &db->tables[walk->table];
    const struct smem_tree *tree = &table->trees[view][walk->index];
    struct store_reach endless = {.looks = UINT32_MAX}, *reach = walk->reach != NULL ? walk->reach : &endless;
    size_t count = 0;

    reach->stopped = false;
    for (void *row = walk_begin(tree, walk, table->data_at); row != NULL && count < cap && !reach->stopped;
         row = smem_tree_next(tree, row, walk->descending)) {
        const void *data = data_of(table, row);
        smem_verdict verdict = SMEM_TAKE;

        if (smem_compare(tree->index, data, walk->probe, walk->same_fields) != 0)
            break;
        if (filter != NULL)
            verdict = filter(data, arg);
        if (verdict == SMEM_STOP)
            break;
        if (verdict == SMEM_TAKE)
            memcpy((char *)out + count++ * out_bytes, data, out_bytes);
        if (walk->reach != NULL)
            look(tree->index, walk, data, count == cap, reach);
    }
    return count;
}

const void *smem_first(const struct smem_db *db, smem_view view, const struct smem_walk *walk)
{
    const struct smem_table *table = &db->tables[walk->table];
    const struct smem_tree *tree = &table->trees[view][walk->index];
    void *row = walk_begin(tree, walk, table->data_at);

    if (row == NULL || smem_compare(tree->index, data_of(table, row), walk->probe, walk->same_fields) != 0)
        return NULL;
    return data_of(table, row);
}

/* The first row of a tree in its order. */
static void *leftmost(const struct smem_tree *tree)
{
    struct smem_link *link = tree->root;

    while (link != NULL && link->left != NULL)
        link = link->left;
    return link == NULL ? NULL : (char *)link - tree->link_at;
}

void smem_each(const struct smem_db *db, smem_view view, smem_table_id id, void (*each)(const void *data, void *arg),
               void *arg)
{
    const struct smem_table *table = &db->tables[id];
    const struct smem_tree *tree = &table->trees[view][0];

    for (void *row = leftmost(tree); row != NULL; row = smem_tree_next(tree, row, false))
        each(data_of(table, row), arg);
}

void smem_commit(struct smem_db *db)
{
    (void)pthread_mutex_lock(&db->lock);
    for (size_t i = 0; i < db->journal_count; i++) {
        struct smem_change *change = &db->journal[i];

        unlink_row(change->table, SMEM_SEEN, change->old_row);
        link_row(change->table, SMEM_SEEN, change->new_row);
        free(change->old_row);
    }
    db->latest_ms[SMEM_SEEN] = db->latest_ms[SMEM_WORK];
    (void)pthread_mutex_unlock(&db->lock);
    db->journal_count = 0;
}

void smem_undo(struct smem_db *db, size_t journal_count)
{
    while (db->journal_count > journal_count) {
        struct smem_change *change = &db->journal[--db->journal_count];

        unlink_row(change->table, SMEM_WORK, change->new_row);
        link_row(change->table, SMEM_WORK, change->old_row);
        free(change->new_row);
    }
}
