/**
 * @file tags.h
 * @brief The tags of devices, as the devices see them.
 */
#ifndef STORE_MEM_TAGS_H
#define STORE_MEM_TAGS_H

#include "conn.h"
#include "ops.h"

/** @brief Removes every tag of the device. */
FERRY_MUST_CHECK ferry_err smem_tags_clear(struct smem_db *db, const struct device_key *key);
bool smem_has_tag(const struct smem_reading *reading, const struct device_key *key, const char *tag);

#endif
