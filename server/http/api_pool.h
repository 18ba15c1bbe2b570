/**
 * @file api_pool.h
 * @brief A few threads that do jobs in the order in which they came.
 *
 * A job lies in its owner, one place per request, so the queue is bounded by the number of requests.
 * Everything may be called by any thread.
 */
#ifndef HTTP_API_POOL_H
#define HTTP_API_POOL_H

#include "base/error.h"

#include <stddef.h>

struct api_pool;

/** @brief One thing to do; its memory is the owner's and must stay until run is called. */
struct api_job {
    struct api_job *next; /* of the pool */
    void (*run)(struct api_job *job);
};

/** @retval FERRY_E_NOMEM | FERRY_E_IO no thread to be had */
FERRY_MUST_CHECK ferry_err api_pool_new(size_t threads, struct api_pool **ret_pool);
/** @brief Never waits. run is called once; the job may be gone when it returns. */
void api_pool_submit(struct api_pool *pool, struct api_job *job);
/** @brief Does what is queued, ends the threads, frees. Accepts null. */
void api_pool_free(struct api_pool *pool);

#endif
