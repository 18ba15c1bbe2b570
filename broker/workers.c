#include "workers.h"

static size_t index_of(const struct workers *w, const void *client)
{
    size_t i = 0;

    while (i < w->count && w->list[i].client != client)
        i++;
    return i;
}

bool workers_have(const struct workers *w, const void *client)
{
    return index_of(w, client) < w->count;
}

bool workers_add(struct workers *w, const void *client)
{
    if (workers_have(w, client))
        return true;
    if (w->count == WORKERS_MAX)
        return false;
    w->list[w->count].client = client;
    w->list[w->count++].heard_ms = 0;
    return true;
}

bool workers_remove(struct workers *w, const void *client)
{
    size_t i = index_of(w, client);

    if (i == w->count)
        return false;
    w->list[i] = w->list[--w->count];
    return true;
}

void workers_heard(struct workers *w, const void *client, uint64_t now_ms)
{
    size_t i = index_of(w, client);

    if (i < w->count)
        w->list[i].heard_ms = now_ms;
}

const void *workers_silent(struct workers *w, uint64_t now_ms)
{
    bool stood_still = now_ms - w->looked_ms > WORKERS_PAUSE_MS;

    w->looked_ms = now_ms;
    for (size_t i = 0; i < w->count; i++) {
        if (w->list[i].heard_ms == 0)
            continue;
        if (stood_still)
            w->list[i].heard_ms = now_ms;
        else if (now_ms >= w->list[i].heard_ms + WORKERS_SILENT_MS)
            return w->list[i].client;
    }
    return NULL;
}
