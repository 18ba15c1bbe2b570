/**
 * @file statistics.h
 * @brief Counting what ends, as the triggers of the store in a file do.
 */
#ifndef STORE_MEM_STATISTICS_H
#define STORE_MEM_STATISTICS_H

#include "table.h"

/** @brief Before a task is put: counts it when it ends with that. before: the row in its place, or null. */
FERRY_MUST_CHECK ferry_err smem_statistics_upload(struct smem_db *db, const struct upload_task *before,
                                                  const struct upload_task *t);
FERRY_MUST_CHECK ferry_err smem_statistics_download(struct smem_db *db, const struct download_task *before,
                                                    const struct download_task *t);

#endif
