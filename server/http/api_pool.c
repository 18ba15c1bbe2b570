#include "api_pool.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct api_pool {
    pthread_mutex_t lock; /* guards head, tail, closed */
    pthread_cond_t filled;
    struct api_job *head, *tail;
    bool closed;
    size_t thread_count;
    pthread_t threads[];
};

static struct api_job *take(struct api_pool *pool)
{
    struct api_job *job;

    pthread_mutex_lock(&pool->lock);
    while (pool->head == NULL && !pool->closed)
        pthread_cond_wait(&pool->filled, &pool->lock);
    job = pool->head;
    if (job != NULL)
        pool->head = job->next;
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *arg)
{
    struct api_pool *pool = arg;

    for (;;) {
        struct api_job *job = take(pool);
        if (job == NULL)
            return NULL;
        job->run(job);
    }
}

void api_pool_submit(struct api_pool *pool, struct api_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->head == NULL)
        pool->head = job;
    else
        pool->tail->next = job;
    pool->tail = job;
    pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
}

void api_pool_free(struct api_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

ferry_err api_pool_new(size_t threads, struct api_pool **ret_pool)
{
    struct api_pool *pool = ferry_calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);

    if (pool == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    while (pool->thread_count < threads) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0) {
            api_pool_free(pool);
            return FERRY_E_IO;
        }
        pool->thread_count++;
    }
    *ret_pool = pool;
    return FERRY_OK;
}
