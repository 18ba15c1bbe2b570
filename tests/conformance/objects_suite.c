#include "objects_suite_internal.h"

#include <assert.h>
#include <stdlib.h>

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->factory = *state;
    w->where = w->factory->set_up();
    w->o = w->factory->open(w->where);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    w->o->ops->close(w->o);
    w->factory->tear_down(w->where);
    free(w);
    return 0;
}

void reopen(struct world *w)
{
    w->o->ops->close(w->o);
    w->o = w->factory->open(w->where);
}

enum { TESTS_MAX = 64 };

int objects_suite_run(const struct objects_factory *factory)
{
    const struct objects_tests *const parts[] = {&objects_whole_tests, &objects_partial_tests, &objects_reading_tests,
                                                 &objects_house_tests};
    struct CMUnitTest all[TESTS_MAX];
    size_t count = 0;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        for (size_t i = 0; i < parts[p]->count; i++) {
            assert(count < TESTS_MAX);
            all[count] = parts[p]->tests[i];
            all[count].setup_func = set_up;
            all[count].teardown_func = tear_down;
            all[count++].initial_state = (void *)(uintptr_t)factory;
        }
    }
    print_message("objects: %s\n", factory->name);
    return _cmocka_run_group_tests(factory->name, all, count, NULL, NULL);
}
