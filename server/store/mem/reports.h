/**
 * @file reports.h
 * @brief The reports of a task, as the tasks see them.
 */
#ifndef STORE_MEM_REPORTS_H
#define STORE_MEM_REPORTS_H

#include "conn.h"
#include "ops.h"

/** @brief Removes every report of the task. */
FERRY_MUST_CHECK ferry_err smem_reports_clear(struct smem_db *db, const ferry_id *task);

#endif
