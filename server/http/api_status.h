/**
 * @file api_status.h
 * @brief How the platform is: ready or not, counters, totals.
 */
#ifndef HTTP_API_STATUS_H
#define HTTP_API_STATUS_H

#include "base/error.h"

/** @brief What the last look at the disk found, so that a caller without token cannot keep the disk busy. */
struct api_ready;

FERRY_MUST_CHECK ferry_err api_ready_new(struct api_ready **ret_ready);
void api_ready_free(struct api_ready *ready);

#endif
