#include "answers.h"

static struct answer *at(struct answers *a, size_t i)
{
    return &a->ring[(a->first + i) % AMQP_BUS_PREFETCH];
}

static void drop_confirmed(struct answers *a)
{
    while (a->count > 0 && at(a, 0)->tag == 0) {
        a->first = (a->first + 1) % AMQP_BUS_PREFETCH;
        a->count--;
    }
}

static bool take(struct answers *a, struct answer *answer, uint64_t *ret_tag)
{
    *ret_tag = answer->tag;
    answer->tag = 0;
    drop_confirmed(a);
    return *ret_tag != 0;
}

void answers_init(struct answers *a)
{
    a->first = a->count = 0;
}

bool answers_note(struct answers *a, uint64_t number, uint64_t tag)
{
    if (a->count == AMQP_BUS_PREFETCH)
        return false;
    a->count++;
    *at(a, a->count - 1) = (struct answer){.number = number, .tag = tag};
    return true;
}

bool answers_take(struct answers *a, uint64_t number, uint64_t *ret_tag)
{
    size_t low = 0, high = a->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (at(a, middle)->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->count && at(a, low)->number == number && take(a, at(a, low), ret_tag);
}

bool answers_take_up_to(struct answers *a, uint64_t number, uint64_t *ret_tag)
{
    return a->count > 0 && at(a, 0)->number <= number && take(a, at(a, 0), ret_tag);
}
