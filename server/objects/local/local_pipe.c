/* Big objects: a block is hashed by a thread of its own while it is written and the next one arrives. */
#include "local_internal.h"

#include "base/alloc.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 256 * 1024,
    HASHERS_MAX = 8,
    ALONE_BLOCKS = 3, /* after one that waited for others in vain */
};

struct local_pipe {
    struct objects_local *store;
    struct object_hash_job job;
    bool hashing; /* the job is under way: of the block that is not filled now */
    unsigned alone; /* so many blocks wait for no others */
    unsigned filling;
    size_t filled;
    uint8_t blocks[2][BLOCK_BYTES];
};

/* The threads are started for the first big object: who only looks into the store needs none. */
static struct object_hashers *hashers_of(struct objects_local *store)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_mutex_lock(&store->pipes_mutex);
    if (store->hashers == NULL &&
        object_hashers_new(processors < 1 ? 1 : processors > HASHERS_MAX ? HASHERS_MAX : (size_t)processors, &store->hashers) != FERRY_OK)
        store->hashers = NULL;
    bool room = store->hashers != NULL && store->pipes < LOCAL_PIPES_MAX;
    store->pipes += room;
    pthread_mutex_unlock(&store->pipes_mutex);
    return room ? store->hashers : NULL;
}

static void give_back(struct objects_local *store)
{
    pthread_mutex_lock(&store->pipes_mutex);
    store->pipes--;
    pthread_mutex_unlock(&store->pipes_mutex);
}

struct local_pipe *local_pipe_new(struct objects_local *store, struct object_hash *hash)
{
    if (hashers_of(store) == NULL)
        return NULL;
    struct local_pipe *pipe = ferry_malloc(sizeof *pipe);
    if (pipe == NULL) {
        give_back(store);
        return NULL;
    }
    pipe->store = store;
    pipe->job = (struct object_hash_job){.hash = hash};
    pipe->hashing = false;
    pipe->alone = 0;
    pipe->filling = 0;
    pipe->filled = 0;
    return pipe;
}

/* Blocks that are worth waiting for: half of what is under way comes soon, the other half is for the next hasher. Where it does not
 * come, as the others are slow, a block is hashed beside the next one's arrival as if it were the only one. */
static size_t worth_waiting_for(struct local_pipe *pipe)
{
    struct objects_local *store = pipe->store;
    if (pipe->alone > 0) {
        pipe->alone--;
        return 1;
    }
    pthread_mutex_lock(&store->pipes_mutex);
    size_t half = store->pipes / 2;
    pthread_mutex_unlock(&store->pipes_mutex);
    return half < OBJECT_HASH_TOGETHER ? half : OBJECT_HASH_TOGETHER;
}

static ferry_err wait_for_hash(struct local_pipe *pipe)
{
    if (!pipe->hashing)
        return FERRY_OK;
    ferry_err err = object_hashers_wait(pipe->store->hashers, &pipe->job);
    pipe->hashing = false;
    if (pipe->job.company > 1)
        pipe->alone = 0;
    else if (pipe->alone == 0)
        pipe->alone = ALONE_BLOCKS;
    return err;
}

void local_pipe_free(struct local_pipe *pipe)
{
    if (pipe == NULL)
        return;
    ferry_drop(wait_for_hash(pipe)); /* the object is thrown away, or has its hash */
    give_back(pipe->store);
    free(pipe);
}

static ferry_err flush(struct object_writer *writer)
{
    struct local_pipe *pipe = writer->pipe;
    ferry_err err = wait_for_hash(pipe);
    if (err != FERRY_OK || pipe->filled == 0)
        return err;
    pipe->job.bytes = pipe->blocks[pipe->filling];
    pipe->job.len = pipe->filled;
    object_hashers_start(pipe->store->hashers, &pipe->job, worth_waiting_for(pipe));
    pipe->hashing = true;
    err = local_append(writer, pipe->blocks[pipe->filling], pipe->filled);
    pipe->filling = 1 - pipe->filling;
    pipe->filled = 0;
    return err;
}

ferry_err local_pipe_add(struct object_writer *writer, const char *bytes, size_t len)
{
    struct local_pipe *pipe = writer->pipe;
    ferry_err err = FERRY_OK;
    while (len > 0 && err == FERRY_OK) {
        size_t room = BLOCK_BYTES - pipe->filled, part = len < room ? len : room;
        memcpy(pipe->blocks[pipe->filling] + pipe->filled, bytes, part);
        pipe->filled += part;
        bytes += part;
        len -= part;
        if (pipe->filled == BLOCK_BYTES)
            err = flush(writer);
    }
    return err;
}

ferry_err local_pipe_end(struct object_writer *writer)
{
    ferry_err err = flush(writer);
    return err == FERRY_OK ? wait_for_hash(writer->pipe) : err;
}
