#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>

static bool before(const struct planned *a, const struct planned *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void grow(struct schedule *q)
{
    q->cap = q->cap == 0 ? 1024 : 2 * q->cap;
    q->heap = realloc(q->heap, q->cap * sizeof *q->heap);
    if (q->heap == NULL)
        abort();
}

void schedule_add(struct schedule *q, uint64_t at_ms, sim_action *run, void *subject, uint64_t arg, void *owned)
{
    if (q->count == q->cap)
        grow(q);
    struct planned new = {
        .at_ms = at_ms, .order = q->orders++, .run = run, .subject = subject, .arg = arg, .owned = owned};
    size_t at = q->count++;
    for (; at > 0 && before(&new, &q->heap[(at - 1) / 2]); at = (at - 1) / 2)
        q->heap[at] = q->heap[(at - 1) / 2];
    q->heap[at] = new;
}

bool schedule_take(struct schedule *q, struct planned *ret)
{
    if (q->count == 0)
        return false;
    *ret = q->heap[0];
    struct planned last = q->heap[--q->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!before(&q->heap[child], &last))
            break;
        q->heap[at] = q->heap[child];
        at = child;
    }
    q->heap[at] = last;
    return true;
}

void schedule_done(struct schedule *q)
{
    for (size_t i = 0; i < q->count; i++)
        free(q->heap[i].owned);
    free(q->heap);
    *q = (struct schedule){.heap = NULL};
}
