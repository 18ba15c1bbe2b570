#include "deliveries.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct asker {
    struct ferry_dict_item item;
    struct delivery *first;
};

struct delivery {
    struct delivery *older, *newer; /* of all */
    struct delivery *next;          /* of the same device, the oldest first */
    struct asker *asker;
    uint64_t tag, since_ms;
};

void deliveries_init(struct deliveries *d)
{
    *d = (struct deliveries){.count = 0};
    ferry_dict_init(&d->askers);
}

static void forget(struct deliveries *d, struct delivery *delivery)
{
    struct asker *asker = delivery->asker;
    struct delivery **at = &asker->first;

    while (*at != delivery)
        at = &(*at)->next;
    *at = delivery->next;
    *(delivery->older != NULL ? &delivery->older->newer : &d->oldest) = delivery->newer;
    *(delivery->newer != NULL ? &delivery->newer->older : &d->newest) = delivery->older;
    d->count--;
    free(delivery);
    if (asker->first != NULL)
        return;
    ferry_dict_remove(&d->askers, &asker->item);
    free(asker);
}

void deliveries_done(struct deliveries *d)
{
    while (d->oldest != NULL)
        forget(d, d->oldest);
    ferry_dict_done(&d->askers, NULL);
    deliveries_init(d);
}

ferry_err deliveries_note(struct deliveries *d, const char *name, uint64_t tag, uint64_t now_ms)
{
    struct delivery *delivery = ferry_calloc(1, sizeof(*delivery));
    struct asker *asker = delivery != NULL ? ferry_dict_find_or_add(&d->askers, name, sizeof(*asker)) : NULL;
    struct delivery **at;

    if (asker == NULL) {
        free(delivery);
        return FERRY_E_NOMEM;
    }
    for (at = &asker->first; *at != NULL; at = &(*at)->next)
        continue;
    *at = delivery;
    delivery->asker = asker;
    delivery->tag = tag;
    delivery->since_ms = now_ms;
    delivery->older = d->newest;
    *(d->newest != NULL ? &d->newest->newer : &d->oldest) = delivery;
    d->newest = delivery;
    d->count++;
    return FERRY_OK;
}

static bool take(struct deliveries *d, struct delivery *delivery, uint64_t *ret_tag)
{
    if (delivery == NULL)
        return false;
    *ret_tag = delivery->tag;
    forget(d, delivery);
    return true;
}

bool deliveries_settle(struct deliveries *d, const char *name, uint64_t *ret_tag)
{
    const struct asker *asker = (const struct asker *)ferry_dict_find(&d->askers, name);

    return take(d, asker != NULL ? asker->first : NULL, ret_tag);
}

bool deliveries_take_old(struct deliveries *d, uint64_t before_ms, uint64_t *ret_tag)
{
    return take(d, d->oldest != NULL && d->oldest->since_ms <= before_ms ? d->oldest : NULL, ret_tag);
}
