#include "base/encode.h"
#include "conn.h"
#include "ops.h"

static uint64_t last_number(const struct smem_db *db)
{
    const struct row_kept probe = {.number = UINT64_MAX};
    const struct smem_walk walk = {.table = SMEM_KEPT, .index = KEPT_BY_NUMBER, .probe = &probe, .descending = true};
    const struct row_kept *row = smem_first(db, SMEM_WORK, &walk);

    return row != NULL ? row->number : 0;
}

static ferry_err put(struct smem_db *db, const struct kept_answer *a)
{
    struct row_kept row = {.answer = *a, .number = last_number(db) + 1};

    ferry_hex_encode(a->key, sizeof(a->key), row.key);
    return smem_put(db, SMEM_KEPT, &row);
}

ferry_err smem_kept_answer_put(struct store_conn *c, const struct kept_answer *a)
{
    ferry_err err;

    for (size_t i = 0; i < KEPT_SECRET_PARTS; i++) {
        if (a->secret[i].len > SEALED_MAX)
            return FERRY_E_ARG;
    }
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, put(&c->store->db, a));
}

ferry_err smem_kept_answer_get(struct store_conn *c, const uint8_t key[KEPT_DIGEST_BYTES], struct kept_answer *ret)
{
    struct row_kept probe = {.number = 0};
    const struct row_kept *row;

    ferry_hex_encode(key, KEPT_DIGEST_BYTES, probe.key);
    smem_auto_reading reading = smem_read_begin(c);
    row = smem_find(reading.db, reading.view, SMEM_KEPT, &probe);
    if (row == NULL)
        return FERRY_E_NOT_FOUND;
    *ret = row->answer;
    return FERRY_OK;
}

static ferry_err prune(struct smem_db *db, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed)
{
    const struct row_kept probe = {.number = 0}, *oldest;
    const struct smem_walk walk = {.table = SMEM_KEPT, .index = KEPT_BY_NUMBER, .probe = &probe};
    uint64_t last = last_number(db);
    size_t removed = 0;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && removed < cap && (oldest = smem_first(db, SMEM_WORK, &walk)) != NULL &&
           (oldest->answer.made_ms < before_ms || last - oldest->number >= keep)) {
        err = smem_remove(db, SMEM_KEPT, oldest);
        removed++;
    }
    if (err == FERRY_OK)
        *ret_removed = removed;
    return err;
}

ferry_err smem_kept_answer_prune(struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed)
{
    ferry_err err;

    if (cap < 1 || cap > FERRY_PAGE_MAX)
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, prune(&c->store->db, before_ms, keep, cap, ret_removed));
}
