#include "objects/hashers.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

struct object_hashers {
    pthread_mutex_t mutex; /* guards all below; not held while a block is hashed */
    pthread_cond_t filled, finished;
    struct object_hash_job *first, **last;
    size_t waiting;
    bool due; /* what waits need not wait for others any more */
    bool closed;
    size_t thread_count;
    pthread_t threads[];
};

/* The first job, and those behind it that can be hashed beside it. With the mutex held. */
static size_t take(struct object_hashers *hashers, struct object_hash_job *jobs[OBJECT_HASH_TOGETHER])
{
    size_t count = 0;
    struct object_hash_job **at = &hashers->first;
    while (*at != NULL && count < OBJECT_HASH_TOGETHER) {
        struct object_hash_job *job = *at;
        if (count > 0 && job->len != jobs[0]->len) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        jobs[count++] = job;
    }
    for (size_t i = 0; i < count; i++)
        jobs[i]->company = count;
    if (*at == NULL)
        hashers->last = at;
    hashers->waiting -= count;
    hashers->due = hashers->due && hashers->waiting > 0;
    return count;
}

static void hash(struct object_hash_job *const jobs[], size_t count)
{
    struct object_hash *hashes[OBJECT_HASH_TOGETHER];
    const void *bytes[OBJECT_HASH_TOGETHER];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = jobs[i]->hash;
        bytes[i] = jobs[i]->bytes;
    }
    ferry_err err = object_hash_update_together(hashes, bytes, count, jobs[0]->len);
    for (size_t i = 0; i < count; i++)
        jobs[i]->result = err;
}

static void *hasher_main(void *arg)
{
    struct object_hashers *hashers = arg;
    struct object_hash_job *jobs[OBJECT_HASH_TOGETHER];
    pthread_mutex_lock(&hashers->mutex);
    for (;;) {
        while (!hashers->due && !hashers->closed)
            pthread_cond_wait(&hashers->filled, &hashers->mutex);
        size_t count = take(hashers, jobs);
        if (count == 0)
            break;
        pthread_mutex_unlock(&hashers->mutex);
        hash(jobs, count);
        pthread_mutex_lock(&hashers->mutex);
        for (size_t i = 0; i < count; i++)
            jobs[i]->done = true;
        pthread_cond_broadcast(&hashers->finished);
    }
    pthread_mutex_unlock(&hashers->mutex);
    return NULL;
}

/* With the mutex held. */
static void call_hasher(struct object_hashers *hashers)
{
    hashers->due = true;
    pthread_cond_signal(&hashers->filled);
}

void object_hashers_start(struct object_hashers *hashers, struct object_hash_job *job, size_t together)
{
    job->company = 0;
    job->done = false;
    job->next = NULL;
    pthread_mutex_lock(&hashers->mutex);
    *hashers->last = job;
    hashers->last = &job->next;
    hashers->waiting++;
    if (hashers->due || hashers->waiting >= together)
        call_hasher(hashers);
    pthread_mutex_unlock(&hashers->mutex);
}

ferry_err object_hashers_wait(struct object_hashers *hashers, struct object_hash_job *job)
{
    pthread_mutex_lock(&hashers->mutex);
    if (job->company == 0)
        call_hasher(hashers);
    while (!job->done)
        pthread_cond_wait(&hashers->finished, &hashers->mutex);
    pthread_mutex_unlock(&hashers->mutex);
    return job->result;
}

void object_hashers_free(struct object_hashers *hashers)
{
    if (hashers == NULL)
        return;
    pthread_mutex_lock(&hashers->mutex);
    hashers->closed = true;
    pthread_cond_broadcast(&hashers->filled);
    pthread_mutex_unlock(&hashers->mutex);
    for (size_t i = 0; i < hashers->thread_count; i++)
        (void)pthread_join(hashers->threads[i], NULL);
    (void)pthread_cond_destroy(&hashers->filled);
    (void)pthread_cond_destroy(&hashers->finished);
    (void)pthread_mutex_destroy(&hashers->mutex);
    free(hashers);
}

ferry_err object_hashers_new(size_t threads, struct object_hashers **ret_hashers)
{
    struct object_hashers *hashers = ferry_calloc(1, sizeof *hashers + threads * sizeof hashers->threads[0]);
    if (hashers == NULL)
        return FERRY_E_NOMEM;
    (void)pthread_mutex_init(&hashers->mutex, NULL);
    (void)pthread_cond_init(&hashers->filled, NULL);
    (void)pthread_cond_init(&hashers->finished, NULL);
    hashers->last = &hashers->first;
    for (; hashers->thread_count < threads; hashers->thread_count++)
        if (pthread_create(&hashers->threads[hashers->thread_count], NULL, hasher_main, hashers) != 0) {
            object_hashers_free(hashers);
            return FERRY_E_IO;
        }
    *ret_hashers = hashers;
    return FERRY_OK;
}
