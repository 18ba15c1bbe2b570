/* The simulation as a program: one run, many seeds, kept cases. */
#include "guard.h"
#include "shrink.h"
#include "sim.h"

#include "base/log.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHRINK_TRIES = 200, PROGRESS_EVERY_S = 60, CASE_PLANS_MAX = 32 };

struct options {
    const char *plan, *cases;
    uint64_t first, count, transfers;
    unsigned new_seeds;
    bool trace, twice, no_shrink;
};

struct sums {
    uint64_t runs, failed;
    struct figures figures;
    double began_s;
};

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(struct sums *sums, const struct figures *f)
{
    struct figures *to = &sums->figures;
    sums->runs++;
    to->steps += f->steps;
    to->uploads += f->uploads;
    to->downloads += f->downloads;
    to->faults += f->faults;
    to->crashes += f->crashes;
    to->messages += f->messages;
    to->requests += f->requests;
    to->fetched_again += f->fetched_again;
    to->acknowledged += f->acknowledged;
    to->moved_ms = f->moved_ms > to->moved_ms ? f->moved_ms : to->moved_ms;
    to->settle_ms = f->settle_ms > to->settle_ms ? f->settle_ms : to->settle_ms;
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        to->by_fault[i] += f->by_fault[i];
}

static void print_sums(const struct sums *sums)
{
    const struct figures *f = &sums->figures;
    double took_s = now_s() - sums->began_s;
    uint64_t transfers = f->uploads + f->downloads;
    printf("sim: %" PRIu64 " runs, %" PRIu64 " transfers (%" PRIu64 " up, %" PRIu64 " down), %" PRIu64
           " steps, %" PRIu64 " messages, %" PRIu64 " HTTP requests, %" PRIu64 " faults, %" PRIu64
           " kills of workers, %" PRIu64 " acknowledgements looked up, %" PRIu64
           " fetched again, longest until all was moved %" PRIu64 " s, until all had ended %" PRIu64
           " s; %.1f s, %.0f transfers a minute\n",
           sums->runs, transfers, f->uploads, f->downloads, f->steps, f->messages, f->requests, f->faults, f->crashes,
           f->acknowledged, f->fetched_again, f->moved_ms / 1000, f->settle_ms / 1000, took_s,
           took_s > 0 ? (double)transfers * 60 / took_s : 0);
}

static void print_faults(const struct sums *sums)
{
    static const char *const words[] = {
#define X(name, word, text) word,
        SIM_FAULT_LIST(X)
#undef X
    };
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        printf("%s%s %" PRIu64, i == 0 ? "sim: faults: " : ", ", words[i], sums->figures.by_fault[i]);
    printf("\n");
}

static void tell_failure(const struct options *o, struct sim_plan plan, struct sim_result result)
{
    char text[PLAN_TEXT];
    plan_write(&plan, text);
    printf("sim: FAILED: %s\n  %s\n  again: make sim PLAN='%s'\n", result.failure, text, text);
    (void)fflush(stdout);
    if (o->no_shrink)
        return;
    shrink(&plan, &result, SHRINK_TRIES);
    plan_write(&plan, text);
    printf("sim: smaller: %s\n  %s\n  again: make sim PLAN='%s'\n  keep it: echo '%s' >tests/sim/cases/NAME\n",
           result.failure, text, text, text);
}

static bool run(const struct options *o, const struct sim_plan *plan, struct sums *sums)
{
    struct sim_result result, second;
    guard_run(plan, &result);
    if (o->twice && !result.failed) {
        guard_run(plan, &second);
        if (second.digest != result.digest) {
            result.failed = true;
            (void)snprintf(result.failure, sizeof result.failure,
                           "two runs of one plan differ: %016" PRIx64 ", %016" PRIx64, result.digest, second.digest);
        }
    }
    add(sums, &result.figures);
    if (!result.failed)
        return true;
    sums->failed++;
    tell_failure(o, *plan, result);
    return false;
}

/* --- kinds of work -------------------------------------------------------------------------------------- */

/* The plans of a file. It is closed before one of them runs: a child that ends would move the place in it. */
static size_t read_case(const char *path, struct sim_plan plans[CASE_PLANS_MAX], struct sums *sums)
{
    char line[PLAN_TEXT];
    size_t count = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        printf("sim: FAILED: %s: %s\n", path, strerror(errno));
        sums->failed++;
        return 0;
    }
    while (count < CASE_PLANS_MAX && fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (plan_of_text(line, &plans[count])) {
            count++;
        } else {
            printf("sim: FAILED: %s: no plan: %s", path, line);
            sums->failed++;
        }
    }
    (void)fclose(file);
    return count;
}

static void run_case(const struct options *o, const char *name, struct sums *sums)
{
    char path[4096];
    struct sim_plan plans[CASE_PLANS_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", o->cases, name);
    size_t count = read_case(path, plans, sums);
    for (size_t i = 0; i < count; i++)
        (void)run(o, &plans[i], sums);
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_cases(const struct options *o, struct sums *sums)
{
    struct dirent **list = NULL;
    int count = scandir(o->cases, &list, is_case, alphasort);
    if (count < 0) {
        printf("sim: FAILED: %s: %s\n", o->cases, strerror(errno));
        sums->failed++;
    }
    for (int i = 0; i < count; i++) {
        run_case(o, list[i]->d_name, sums);
        free(list[i]);
    }
    free(list);
}

static void run_new(const struct options *o, struct sums *sums)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    struct chance c = chance_stream((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec, 0);
    for (unsigned i = 0; i < o->new_seeds; i++) {
        struct sim_plan plan = plan_of_seed(chance_draw(&c) >> 32);
        printf("sim: a new seed: %" PRIu64 "\n", plan.seed);
        (void)run(o, &plan, sums);
    }
}

static void run_seeds(const struct options *o, struct sums *sums)
{
    double told_s = now_s();
    for (uint64_t seed = o->first; seed - o->first < o->count && sums->failed == 0; seed++) {
        struct sim_plan plan = plan_of_seed(seed);
        (void)run(o, &plan, sums);
        if (o->transfers != 0 && sums->figures.uploads + sums->figures.downloads >= o->transfers)
            break;
        if (now_s() - told_s < PROGRESS_EVERY_S)
            continue;
        told_s = now_s();
        printf("sim: seed %" PRIu64 "\n", seed);
        print_sums(sums);
        (void)fflush(stdout);
    }
}

/* In this process, so that a debugger and a profiler see it. */
static int run_one(const struct options *o)
{
    struct sim_plan plan;
    struct sim_result result;
    char text[PLAN_TEXT];
    if (!plan_of_text(o->plan, &plan)) {
        (void)fprintf(stderr, "sim: no plan: %s\n", o->plan);
        return 2;
    }
    plan_write(&plan, text);
    printf("sim: %s\n", text);
    struct sums sums = {.began_s = now_s()};
    sim_run(&plan, o->trace ? stdout : NULL, &result);
    add(&sums, &result.figures);
    print_sums(&sums);
    print_faults(&sums);
    printf("sim: digest %016" PRIx64 "%s%s\n", result.digest, result.failed ? ", FAILED: " : "", result.failure);
    return result.failed ? 1 : 0;
}

/* --- the command line ----------------------------------------------------------------------------------- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'p':
        o->plan = arg;
        return 0;
    case 't':
        o->trace = true;
        return 0;
    case 'c':
        o->cases = arg;
        return 0;
    case 's':
        o->first = strtoull(arg, NULL, 10);
        return 0;
    case 'n':
        o->count = strtoull(arg, NULL, 10);
        return 0;
    case 'T':
        o->transfers = strtoull(arg, NULL, 10);
        o->count = UINT64_MAX;
        return 0;
    case 'N':
        o->new_seeds = (unsigned)strtoul(arg, NULL, 10);
        return 0;
    case '2':
        o->twice = true;
        return 0;
    case 'S':
        o->no_shrink = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option list[] = {
        {"plan", 'p', "PLAN", 0,
         "one run, as \"seed=7 devices=3 faults=loss,cut\"; what it does not say follows from the seed", 0},
        {"trace", 't', NULL, 0, "with --plan: print everything that happens", 0},
        {"cases", 'c', "DIR", 0, "run the plans of the files in DIR", 0},
        {"first", 's', "SEED", 0, "the first seed of --count (default: 1)", 0},
        {"count", 'n', "N", 0, "run so many seeds, one after the other, to the first that fails", 0},
        {"transfers", 'T', "N", 0, "the same, until there were so many transfers", 0},
        {"new", 'N', "N", 0, "run so many seeds that nobody has seen, and print them", 0},
        {"twice", '2', NULL, 0, "run everything twice, and compare", 0},
        {"no-shrink", 'S', NULL, 0, "do not look for a smaller run that fails", 0},
        {0}};
    static const struct argp argp = {list, parse, NULL, "Simulates the whole system (docs/simulation.md).",
                                     NULL, NULL,  NULL};
    struct options o = {.first = 1};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return 2;
    ferry_log_set_level(o.trace ? FERRY_LOG_WARN : FERRY_LOG_ERROR);
    if (o.plan != NULL)
        return run_one(&o);
    struct sums sums = {.began_s = now_s()};
    if (o.cases != NULL)
        run_cases(&o, &sums);
    run_new(&o, &sums);
    run_seeds(&o, &sums);
    print_sums(&sums);
    print_faults(&sums);
    return sums.failed == 0 ? 0 : 1;
}
