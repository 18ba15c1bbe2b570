#include "plan.h"

#include "chance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fault_words[] = {
#define X(name, word, text) word,
    SIM_FAULT_LIST(X)
#undef X
};

enum { ALL_FAULTS = (1 << SIM_FAULTS) - 1, DRAW_PLAN = 1 };

struct sim_plan plan_of_seed(uint64_t seed)
{
    static const uint32_t rarities[] = {20, 60, 200, 600};
    struct chance c = chance_stream(seed, DRAW_PLAN);
    struct sim_plan plan = {.seed = seed, .steps = 6000};
    plan.devices = chance_once_in(&c, 8) ? 1 : 2 + chance_below(&c, 30);
    plan.workers = chance_once_in(&c, 2) ? 1 : 2 + chance_below(&c, PLAN_WORKERS_MAX - 1);
    plan.one_in = rarities[chance_below(&c, sizeof rarities / sizeof *rarities)];
    for (unsigned fault = 0; fault < SIM_FAULTS; fault++)
        plan.faults |= (uint32_t)chance_once_in(&c, 2) << fault;
    if (chance_once_in(&c, 10))
        plan.faults = 0;
    return plan;
}

static bool read_number(const char *text, uint64_t most, uint64_t *ret)
{
    char *end = NULL;
    *ret = strtoull(text, &end, 10);
    return end != text && *end == '\0' && text[0] != '-' && *ret <= most;
}

static bool read_faults(char *text, uint32_t *ret)
{
    uint32_t faults = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        unsigned i = 0;
        while (i < SIM_FAULTS && strcmp(word, fault_words[i]) != 0)
            i++;
        if (i < SIM_FAULTS)
            faults |= 1u << i;
        else if (strcmp(word, "all") == 0)
            faults = ALL_FAULTS;
        else if (strcmp(word, "none") != 0)
            return false;
    }
    *ret = faults;
    return true;
}

static bool set_word(char *word, struct sim_plan *plan)
{
    char *value = strchr(word, '=');
    uint64_t number;
    if (value == NULL)
        return false;
    *value++ = '\0';
    if (strcmp(word, "faults") == 0)
        return read_faults(value, &plan->faults);
    if (strcmp(word, "seed") == 0)
        return read_number(value, UINT64_MAX, &plan->seed);
    struct {
        const char *name;
        uint32_t *to, most;
    } numbers[] = {{"devices", &plan->devices, PLAN_DEVICES_MAX},
                   {"workers", &plan->workers, PLAN_WORKERS_MAX},
                   {"steps", &plan->steps, 1000000000},
                   {"one-in", &plan->one_in, 1000000000}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(word, numbers[i].name) != 0)
            continue;
        if (!read_number(value, numbers[i].most, &number) || number == 0)
            return false;
        *numbers[i].to = (uint32_t)number;
        return true;
    }
    return false;
}

static bool read_words(const char *text, struct sim_plan *inout)
{
    char copy[PLAN_TEXT];
    char *rest = NULL;
    if (strlen(text) >= sizeof copy)
        return false;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " \t\n", &rest); word != NULL; word = strtok_r(NULL, " \t\n", &rest)) {
        if (!set_word(word, inout))
            return false;
    }
    return true;
}

/* Read twice: the seed may stand anywhere. */
bool plan_of_text(const char *text, struct sim_plan *ret_plan)
{
    struct sim_plan plan = {.seed = 1};
    if (!read_words(text, &plan))
        return false;
    *ret_plan = plan_of_seed(plan.seed);
    return read_words(text, ret_plan);
}

void plan_write(const struct sim_plan *plan, char out[PLAN_TEXT])
{
    int len = snprintf(out, PLAN_TEXT, "seed=%" PRIu64 " devices=%u workers=%u steps=%u one-in=%u faults=%s",
                       plan->seed, plan->devices, plan->workers, plan->steps, plan->one_in,
                       plan->faults == 0            ? "none"
                       : plan->faults == ALL_FAULTS ? "all"
                                                    : "");
    const char *comma = "";
    for (unsigned i = 0; plan->faults != ALL_FAULTS && i < SIM_FAULTS; i++) {
        if ((plan->faults & 1u << i) == 0)
            continue;
        len += snprintf(out + len, PLAN_TEXT - (size_t)len, "%s%s", comma, fault_words[i]);
        comma = ",";
    }
}
