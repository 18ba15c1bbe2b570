#include "shrink.h"

#include "guard.h"

struct shrinking {
    struct sim_plan *best;
    struct sim_result *result;
    unsigned tries;
};

/* Any failure will do: what is found on the way to a small run is as good. */
static bool take_if_it_fails(struct shrinking *k, const struct sim_plan *plan)
{
    struct sim_result result;
    if (k->tries == 0)
        return false;
    k->tries--;
    guard_run(plan, &result);
    if (!result.failed)
        return false;
    *k->best = *plan;
    *k->result = result;
    return true;
}

static bool fewer_faults(struct shrinking *k)
{
    bool smaller = false;
    for (unsigned fault = 0; fault < SIM_FAULTS; fault++) {
        struct sim_plan plan = *k->best;
        plan.faults &= ~(1u << fault);
        smaller |= plan.faults != k->best->faults && take_if_it_fails(k, &plan);
    }
    return smaller;
}

/* To half, then to three quarters and nine tenths. */
static bool less(struct shrinking *k, uint32_t *(*member)(struct sim_plan *plan))
{
    static const uint32_t parts[][2] = {{1, 2}, {3, 4}, {9, 10}};
    bool smaller = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct sim_plan plan = *k->best;
        uint32_t *value = member(&plan), before = *value;
        *value = (uint32_t)((uint64_t)before * parts[i][0] / parts[i][1]);
        bool took = *value != before && *value > 0 && take_if_it_fails(k, &plan);
        smaller |= took;
        if (took)
            i = (size_t)-1;
    }
    return smaller;
}

static uint32_t *devices_of(struct sim_plan *plan)
{
    return &plan->devices;
}

static uint32_t *workers_of(struct sim_plan *plan)
{
    return &plan->workers;
}

static uint32_t *steps_of(struct sim_plan *plan)
{
    return &plan->steps;
}

void shrink(struct sim_plan *inout, struct sim_result *inout_result, unsigned tries)
{
    struct shrinking k = {.best = inout, .result = inout_result, .tries = tries};
    struct sim_plan plan = *inout;
    if (inout_result->figures.steps > 0 && inout_result->figures.steps < plan.steps) {
        plan.steps = (uint32_t)inout_result->figures.steps; /* it failed before its end */
        (void)take_if_it_fails(&k, &plan);
    }
    bool smaller = true;
    while (smaller && k.tries > 0) {
        smaller = less(&k, steps_of);
        smaller |= fewer_faults(&k);
        smaller |= less(&k, workers_of);
        smaller |= less(&k, devices_of);
    }
}
