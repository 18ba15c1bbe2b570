/* The objects as a worker's engine sees them: the same for all, but a dead worker changes nothing. */
#include "sim.h"

#include <stdlib.h>

struct side {
    struct objects base; /* first: the handle is this address */
    struct objects_ops ops;
    struct worker *worker;
};

static struct side *side_of(struct objects *o)
{
    return (struct side *)(void *)o;
}

static struct objects *real_of(struct objects *o)
{
    return side_of(o)->worker->sim->objects;
}

static ferry_err side_stat(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    if (side_of(o)->worker->dead)
        return FERRY_E_IO;
    return real_of(o)->ops->stat(real_of(o), key, ret_size);
}

static ferry_err side_remove(struct objects *o, const ferry_id *key)
{
    return worker_step(side_of(o)->worker) ? real_of(o)->ops->remove(real_of(o), key) : FERRY_E_IO;
}

static ferry_err side_partial_remove(struct objects *o, const ferry_id *key)
{
    return worker_step(side_of(o)->worker) ? real_of(o)->ops->partial_remove(real_of(o), key) : FERRY_E_IO;
}

static ferry_err side_reopen(struct objects *o, const ferry_id *key)
{
    return worker_step(side_of(o)->worker) ? real_of(o)->ops->reopen(real_of(o), key) : FERRY_E_IO;
}

static ferry_err side_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                            bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed)
{
    if (!worker_step(side_of(o)->worker))
        return FERRY_E_IO;
    return real_of(o)->ops->sweep(real_of(o), keep_object, keep_partial, arg, ret_removed);
}

static ferry_err side_url_sign(struct objects *o, const struct object_url *url, char *out, size_t cap)
{
    return real_of(o)->ops->url_sign(real_of(o), url, out, cap);
}

void side_objects_open(struct worker *w)
{
    struct side *side = sim_alloc(sizeof *side);
    side->ops = (struct objects_ops){
        .name = "side",
        .stat = side_stat,
        .remove = side_remove,
        .partial_remove = side_partial_remove,
        .reopen = side_reopen,
        .sweep = side_sweep,
        .url_sign = side_url_sign,
    };
    side->base.ops = &side->ops;
    side->worker = w;
    w->objects = &side->base;
}

void side_objects_close(struct worker *w)
{
    free(side_of(w->objects));
}
