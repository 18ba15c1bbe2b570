/**
 * @file steps.h
 * @brief How deployments went over time, as their tasks see it.
 */
#ifndef STORE_MEM_STEPS_H
#define STORE_MEM_STEPS_H

#include "table.h"

/** @brief Counts that the task becomes what it is now. Call it before the task's row is changed. */
FERRY_MUST_CHECK
ferry_err smem_step_count(struct smem_db *db, const struct download_task *now);

/** @brief Removes all steps of the deployment. */
FERRY_MUST_CHECK
ferry_err smem_steps_clear(struct smem_db *db, const ferry_id *deployment);

#endif
