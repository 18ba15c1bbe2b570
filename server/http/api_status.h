/**
 * @file api_status.h
 * @brief How the platform is: ready or not, counters, totals.
 */
#ifndef HTTP_API_STATUS_H
#define HTTP_API_STATUS_H

#include "base/error.h"

/** name, help: the totals of the store that are shown */
#define API_TOTALS_LIST(X)                                                                        \
    X(products, "products")                                                                       \
    X(devices, "devices")                                                                         \
    X(resources, "versions of resources")                                                         \
    X(resource_bytes, "bytes of all resources")                                                   \
    X(deployments, "deployments")                                                                 \
    X(deployments_open, "deployments that are active or paused")                                  \
    X(uploads_open, "upload tasks that wait for the device")                                      \
    X(uploads_stored_bytes, "bytes of all stored uploads")                                        \
    X(downloads_open, "download tasks that have not ended")                                       \
    X(webhooks, "webhooks")                                                                       \
    X(webhooks_parked, "webhooks that were given up until somebody resumes them")

/** @brief What the last look at the disk found, so that a caller without token cannot keep the disk busy. */
struct api_ready;

FERRY_MUST_CHECK ferry_err api_ready_new(struct api_ready **ret_ready);
void api_ready_free(struct api_ready *ready);

#endif
