/* The tags of devices. */
#include "conn.h"
#include "tags.h"

#include <string.h>

static struct smem_walk tags_of(const struct row_tag *probe)
{
    return (struct smem_walk){.table = SMEM_TAGS, .index = TAG_BY_DEVICE, .probe = probe, .same_fields = 2};
}

ferry_err smem_tags_clear(struct smem_db *db, const struct device_key *key)
{
    const struct row_tag probe = {.device = *key};
    const struct smem_walk walk = tags_of(&probe);
    const struct row_tag *row;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && (row = smem_first(db, SMEM_WORK, &walk)) != NULL) {
        const struct row_tag found = *row;
        err = smem_remove(db, SMEM_TAGS, &found);
    }
    return err;
}

static ferry_err set_tags(struct smem_db *db, const struct device_key *key, const struct device_tags *tags)
{
    const struct row_device probe = {.device.key = *key};
    ferry_err err = smem_find(db, SMEM_WORK, SMEM_DEVICES, &probe) == NULL ? FERRY_E_NOT_FOUND : FERRY_OK;

    if (err == FERRY_OK)
        err = smem_tags_clear(db, key);
    for (uint32_t i = 0; err == FERRY_OK && i < tags->count; i++) {
        struct row_tag row = {.device = *key};
        memcpy(row.tag, tags->names[i], sizeof(row.tag));
        err = smem_put(db, SMEM_TAGS, &row);
    }
    return err;
}

ferry_err smem_device_tags_set(struct store_conn *c, const struct device_key *key, const struct device_tags *tags)
{
    ferry_err err;

    if (!device_tags_valid(tags))
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, set_tags(&c->store->db, key, tags));
}

ferry_err smem_device_tags_get(struct store_conn *c, const struct device_key *key, struct device_tags *ret)
{
    const struct row_tag probe = {.device = *key};
    const struct smem_walk walk = tags_of(&probe);
    struct row_tag rows[DEVICE_TAGS_MAX];
    smem_auto_reading reading = smem_read_begin(c);

    ret->count = (uint32_t)smem_collect(reading.db, reading.view, &walk, NULL, NULL, rows, sizeof(rows[0]),
                                        DEVICE_TAGS_MAX);
    for (uint32_t i = 0; i < ret->count; i++)
        memcpy(ret->names[i], rows[i].tag, sizeof(rows[i].tag));
    return FERRY_OK;
}

bool smem_has_tag(const struct smem_reading *reading, const struct device_key *key, const char *tag)
{
    struct row_tag probe = {.device = *key};

    return smem_set_text(probe.tag, sizeof(probe.tag), tag) &&
           smem_find(reading->db, reading->view, SMEM_TAGS, &probe) != NULL;
}
