#include "api_readers.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

struct api_readers {
    struct store *store;
    pthread_mutex_t lock; /* guards all below; not held while the store works */
    pthread_cond_t returned;
    size_t lent, idle_count, count;
    struct store_conn *idle[];
};

ferry_err api_readers_new(struct store *store, size_t count, struct api_readers **ret_readers)
{
    struct api_readers *readers = ferry_calloc(1, sizeof *readers + count * sizeof readers->idle[0]);

    if (readers == NULL)
        return FERRY_E_NOMEM;
    readers->store = store;
    readers->count = count;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->returned, NULL);
    *ret_readers = readers;
    return FERRY_OK;
}

static void count_returned(struct api_readers *readers, struct store_conn *idle)
{
    pthread_mutex_lock(&readers->lock);
    readers->lent--;
    if (idle != NULL)
        readers->idle[readers->idle_count++] = idle;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}

ferry_err api_readers_borrow(struct api_readers *readers, struct store_conn **ret_conn)
{
    struct store_conn *conn = NULL;

    pthread_mutex_lock(&readers->lock);
    while (readers->lent == readers->count)
        pthread_cond_wait(&readers->returned, &readers->lock);
    readers->lent++;
    if (readers->idle_count > 0)
        conn = readers->idle[--readers->idle_count];
    pthread_mutex_unlock(&readers->lock);
    if (conn == NULL) {
        ferry_err err = readers->store->ops->connect(readers->store, STORE_READER, &conn);
        if (err != FERRY_OK) {
            count_returned(readers, NULL);
            return err;
        }
    }
    *ret_conn = conn;
    return FERRY_OK;
}

void api_readers_give_back(struct api_readers *readers, struct store_conn *conn, bool sound)
{
    if (!sound)
        readers->store->ops->disconnect(conn);
    count_returned(readers, sound ? conn : NULL);
}

void api_readers_free(struct api_readers *readers)
{
    if (readers == NULL)
        return;
    for (size_t i = 0; i < readers->idle_count; i++)
        readers->store->ops->disconnect(readers->idle[i]);
    pthread_cond_destroy(&readers->returned);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}
