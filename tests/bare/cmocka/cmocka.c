#include "cmocka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where a test goes when an assertion does not hold. An assertion has no argument for it: the one variable here. */
static jmp_buf failed;

void bare_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    printf("%s:%d: ", file, line);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("\n");
    longjmp(failed, 1);
}

void bare_assert(bool holds, const char *what, const char *file, int line)
{
    if (!holds)
        bare_fail(file, line, "error: not so: %s", what);
}

void bare_numbers(uint64_t a, uint64_t b, bool equal, const char *file, int line)
{
    if ((a == b) != equal)
        bare_fail(file, line, "error: 0x%llx %s 0x%llx", (unsigned long long)a,
                  equal ? "!=" : "==", (unsigned long long)b);
}

void bare_range(uint64_t value, uint64_t least, uint64_t most, const char *file, int line)
{
    if (value < least || value > most)
        bare_fail(file, line, "error: %llu is not within %llu-%llu", (unsigned long long)value,
                  (unsigned long long)least, (unsigned long long)most);
}

void bare_strings(const char *a, const char *b, bool equal, const char *file, int line)
{
    if ((strcmp(a, b) == 0) != equal)
        bare_fail(file, line, "error: \"%s\" %s \"%s\"", a, equal ? "!=" : "==", b);
}

void bare_memory(const void *a, const void *b, size_t len, bool equal, const char *file, int line)
{
    const uint8_t *x = a, *y = b;
    size_t at = 0;

    while (at < len && x[at] == y[at])
        at++;
    if ((at == len) == equal)
        return;
    if (!equal)
        bare_fail(file, line, "error: all %u bytes are equal", (unsigned)len);
    bare_fail(file, line, "error: byte %u is 0x%02x and 0x%02x", (unsigned)at, x[at], y[at]);
}

/* The teardown runs in any case, as in cmocka. */
static bool run_one(const struct CMUnitTest *test, void **state)
{
    volatile bool good = false;

    printf("[ RUN      ] %s\n", test->name);
    if (setjmp(failed) == 0) {
        if (test->setup != NULL && test->setup(state) != 0)
            bare_fail(__FILE__, __LINE__, "error: the setup of %s failed", test->name);
        test->test(state);
        good = true;
    }
    if (setjmp(failed) != 0 || (test->teardown != NULL && test->teardown(state) != 0))
        good = false;
    printf(good ? "[       OK ] %s\n" : "[  FAILED  ] %s\n", test->name);
    return good;
}

int bare_run(const struct CMUnitTest *tests, size_t count, int (*setup)(void **state), int (*teardown)(void **state))
{
    void *group = NULL;
    volatile int bad = 0;

    if (setjmp(failed) != 0 || (setup != NULL && setup(&group) != 0)) {
        printf("[  FAILED  ] the setup of the group\n");
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        void *state = group;
        bad += run_one(&tests[i], &state) ? 0 : 1;
    }
    if (setjmp(failed) != 0 || (teardown != NULL && teardown(&group) != 0))
        bad++;
    printf("[==========] %u tests, %d failed\n", (unsigned)count, bad);
    return bad;
}
